//! Who answers: at once, after a time that the target names, or by workers behind a queue.
//!
//! ```text
//! GET /now/7/300          letters, 300 of them, beginning with the 7th
//! GET /late/7/300/50      the same, 50 ms later
//! GET /work/7/300/50      the same, 50 ms after a worker has taken it
//! POST /echo              its content
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sockman::http::{
    Application, Connection, Method, Pooled, Replies, Request, RequestId, Response, Status,
};
use sockman::sockets::Endpoint;
use sockman::sockman::{Conns, Deadlines};
use sockman::time::{Instant, Now};

use super::line::Line;

/// Longest content of an answer but an echo's, in bytes.
pub(super) const LENGTH_MAX: u32 = 200_000;

/// Longest time to an answer, in milliseconds.
pub(super) const LATER_MS_MAX: u32 = 20_000;

/// The letters of a content: `length` of them, from the `number`-th on.
pub(super) fn letters(number: u64, length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().skip(usize::try_from(number % 26).expect("few")).take(length).collect()
}

/// A number in a path, by its place there; 0 if there is none.
fn number_in(path: &str, place: usize, most: u32) -> u64 {
    let number: Option<u64> = path.split('/').nth(place + 1).and_then(|text| text.parse().ok());
    number.unwrap_or(0).min(u64::from(most))
}

/// The answer that a path names by its number and length.
pub(super) fn content_of(path: &str) -> Response {
    let length = usize::try_from(number_in(path, 2, LENGTH_MAX)).expect("it is bounded");
    Response::new(Status::OK).with_body(letters(number_in(path, 1, u32::MAX), length))
}

/// How long a path has somebody wait.
pub(super) fn delay_in(path: &str) -> Duration {
    Duration::from_millis(number_in(path, 3, LATER_MS_MAX))
}

/// The application. See the head of the file.
#[derive(Clone, Debug)]
pub struct Desk {
    late: BTreeMap<RequestId, Response>,
    deadlines: Deadlines<RequestId>,
    pooled: Pooled<Line>,
    /// What workers have or will have, and somebody waits for.
    in_line: BTreeSet<RequestId>,
}

impl Desk {
    /// One with nothing to answer, and these workers behind it.
    pub(super) fn new(line: Line) -> Self {
        Self {
            late: BTreeMap::new(),
            deadlines: Deadlines::new(),
            pooled: Pooled::new(line),
            in_line: BTreeSet::new(),
        }
    }

    /// The workers.
    pub(super) const fn line(&self) -> &Line {
        self.pooled.workers()
    }

    /// A worker makes its next step; the answer, if it is done, whether or not somebody waits for
    /// it.
    pub(super) fn work(&mut self, worker: usize, now: Instant) -> Option<(RequestId, Response)> {
        let (id, response) = self.pooled.workers_mut().step(worker, now)?;
        self.in_line.remove(&id);
        Some((id, response))
    }

    /// What is to be answered now.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<RequestId> {
        self.deadlines.due(now)
    }

    /// What is to be answered now, with its answer.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(RequestId, Response)> {
        let id = self.deadlines.due(now)?;
        self.deadlines.clear(id);
        Some((id, self.late.remove(&id).expect("each has a deadline")))
    }

    /// When something is to be answered.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// How many answers are to come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.late.len()
    }

    /// Whether it has this request.
    #[must_use]
    pub fn has(&self, id: RequestId) -> bool {
        self.late.contains_key(&id) || self.in_line.contains(&id)
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Connection>) {
        assert_eq!(self.late.len(), self.deadlines.count(), "each has a deadline");
        let open: usize = conns.iter().map(|(_, of)| of.load().requests_open).sum();
        let count = self.late.len() + self.in_line.len();
        assert_eq!(count, open, "the desk has what the server believes it has");
        let ids: BTreeSet<_> = self.line().ids().collect();
        assert_eq!(ids.len(), self.line().ids().count(), "each job is in the line once");
        assert!(self.in_line.is_subset(&ids), "what was taken is not lost");
    }
}

impl Application for Desk {
    fn handle_request(
        &mut self,
        now: Now,
        id: RequestId,
        client: &Endpoint,
        request: Request,
        replies: &mut Replies,
    ) {
        let content = || content_of(request.path());
        let reads = matches!(request.method(), Method::Get | Method::Head);
        match request.path().split('/').nth(1) {
            Some("now") if reads => replies.respond(id, content()),
            Some("late") if reads => {
                let after = delay_in(request.path());
                self.late.insert(id, content());
                self.deadlines.set(id, now.steady + after);
            }
            Some("work") if reads => {
                self.pooled.handle_request(now, id, client, request, replies);
                // One that was refused is answered, and not in the line.
                if self.line().ids().any(|taken| taken == id) {
                    self.in_line.insert(id);
                }
            }
            Some("echo") if request.method() == Method::Post => {
                let response = Response::new(Status::OK);
                replies.respond(id, response.with_body(request.into_body()));
            }
            _ => replies.respond(id, Response::new(Status::NOT_FOUND)),
        }
    }

    fn handle_dropped(&mut self, _: Now, id: RequestId) {
        // A worker goes on with what it has; the answer is nobody's then.
        let was_in_line = self.in_line.remove(&id);
        let was_late = self.late.remove(&id).is_some();
        assert!(was_in_line != was_late, "it has what it has not answered");
        self.deadlines.clear(id);
    }
}
