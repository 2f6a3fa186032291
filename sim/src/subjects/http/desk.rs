//! Who answers: at once, or after a time that the target names.
//!
//! ```text
//! GET /now/7/300          letters, 300 of them, beginning with the 7th
//! GET /late/7/300/50      the same, 50 ms later
//! POST /echo              its content
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use sockman::http::{
    Application, Connection, Method, Replies, Request, RequestId, Response, Status,
};
use sockman::sockets::Endpoint;
use sockman::sockman::{Conns, Deadlines};
use sockman::time::{Instant, Now};

/// Longest content of an answer but an echo's, in bytes.
pub(super) const LENGTH_MAX: u32 = 200_000;

/// Longest time to an answer, in milliseconds.
pub(super) const LATER_MS_MAX: u32 = 20_000;

/// The letters of a content: `length` of them, from the `number`-th on.
pub(super) fn letters(number: u64, length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().skip(usize::try_from(number % 26).expect("few")).take(length).collect()
}

/// The application. See the head of the file.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    late: BTreeMap<RequestId, Response>,
    deadlines: Deadlines<RequestId>,
}

impl Desk {
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
        self.late.contains_key(&id)
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Connection>) {
        assert_eq!(self.late.len(), self.deadlines.count(), "each has a deadline");
        let open: usize = conns.iter().map(|(_, of)| of.load().requests_open).sum();
        assert_eq!(self.late.len(), open, "the desk has what the server believes it has");
    }
}

impl Application for Desk {
    fn handle_request(
        &mut self,
        now: Now,
        id: RequestId,
        _: &Endpoint,
        request: Request,
        replies: &mut Replies,
    ) {
        let parts: Vec<_> = request.path().split('/').skip(1).collect();
        let number = |place: usize, most: u32| {
            let number: Option<u64> = parts.get(place).and_then(|text| text.parse().ok());
            number.unwrap_or(0).min(u64::from(most))
        };
        let content = || {
            let length = usize::try_from(number(2, LENGTH_MAX)).expect("it is bounded");
            Response::new(Status::OK).with_body(letters(number(1, u32::MAX), length))
        };
        let reads = matches!(request.method(), Method::Get | Method::Head);
        match parts.first() {
            Some(&"now") if reads => replies.respond(id, content()),
            Some(&"late") if reads => {
                let after = Duration::from_millis(number(3, LATER_MS_MAX));
                self.late.insert(id, content());
                self.deadlines.set(id, now.steady + after);
            }
            Some(&"echo") if request.method() == Method::Post => {
                let response = Response::new(Status::OK);
                replies.respond(id, response.with_body(request.into_body()));
            }
            _ => replies.respond(id, Response::new(Status::NOT_FOUND)),
        }
    }

    fn handle_dropped(&mut self, _: Now, id: RequestId) {
        self.late.remove(&id).expect("it has what it has not answered");
        self.deadlines.clear(id);
    }
}
