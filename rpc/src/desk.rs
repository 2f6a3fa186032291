//! The desk: an HTTP application that takes calls in, carries out its own, and asks the node for
//! the others.
//!
//! ```text
//!   request --> from where? --> what for? --> who? --> what may they? --> call after call
//!                  403        405, 404        401          403          the desk | the node
//! ```
//!
//! The calls of one request are carried out in order, the next one once the last is answered. Of
//! several requests each goes on by itself. Sources: docs/behaviour.md, rpc 1 and 2; Core:
//! httprpc.cpp, `HTTPReq_JSONRPC`; httpserver.cpp, `http_request_cb`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sockman::http::{Application, Method, Replies, Request as Http, RequestId, Response, Status};
use sockman::sockets::Endpoint;
use sockman::sockman::Deadlines;
use sockman::time::{Instant, Now, UnixTime};

use crate::auth::{Access, Methods};
use crate::methods::{Call, Desktop};
use crate::node::Ticket;
use crate::protocol::{self, Asked, Content, Outcome, Request};

/// How long whoever shows a wrong password waits for the answer. Core: `HTTPReq_JSONRPC`, 250 ms,
/// in which it serves nobody else with that thread; here others are not held up.
pub const REFUSAL_DELAY: Duration = Duration::from_millis(250);

/// Most requests that may be under way with the node: less than half of what a mailbox takes, so
/// that neither mailbox is ever full of them.
pub const WORK_QUEUE_MAX: usize = 256;

const _: () = assert!(WORK_QUEUE_MAX < sockman::driver::COMMANDS_MAX / 2);

/// What the desk says of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub client_name: String,
    /// Where its log is; empty if it is in no file.
    pub log_path: String,
    /// When it began.
    pub started: UnixTime,
}

/// What the desk tells, of which a log line is one rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskNotice {
    /// Somebody was not let in, because of where they came from.
    NotAdmitted {
        /// From where.
        client: Endpoint,
    },
    /// Somebody has shown no password, or a wrong one.
    WrongPassword {
        /// From where.
        client: Endpoint,
    },
    /// Somebody has called what they may not.
    NotAllowed {
        /// Who.
        user: String,
        /// From where.
        client: Endpoint,
    },
    /// The program is to end.
    StopAsked,
}

/// A request under way.
#[derive(Clone, Debug)]
struct Pending {
    /// What is still to be called.
    left: VecDeque<Request>,
    is_batch: bool,
    /// How many were asked for.
    count: usize,
    /// Answers of a batch so far, with commas between.
    answers: String,
    /// The answer, of a request that came alone.
    alone: Option<(Asked, Outcome)>,
    /// The call that the node has, and since when.
    asked: Option<(Asked, &'static str, Instant)>,
}

/// The application. See the head of the module.
#[derive(Clone, Debug)]
pub struct Desk {
    access: Access,
    about: About,
    work_queue: usize,
    pending: BTreeMap<RequestId, Pending>,
    tickets: BTreeMap<Ticket, RequestId>,
    tickets_made: u64,
    /// Who is told no, and when.
    refusals: Deadlines<RequestId>,
    asks: Vec<(Ticket, Call)>,
    notices: Vec<DeskNotice>,
}

impl Desk {
    /// A desk with nobody before it. `work_queue` requests may be under way with the node, 1 to
    /// [`WORK_QUEUE_MAX`].
    #[must_use]
    pub fn new(access: Access, about: About, work_queue: usize) -> Self {
        assert!((1..=WORK_QUEUE_MAX).contains(&work_queue), "somebody must be served");
        Self {
            access,
            about,
            work_queue,
            pending: BTreeMap::new(),
            tickets: BTreeMap::new(),
            tickets_made: 0,
            refusals: Deadlines::new(),
            asks: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Takes in what the node has answered; what is to be told to whom, if that was the last call.
    pub(crate) fn handle_answer(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
    ) -> Option<(RequestId, Response)> {
        // A request that nobody waits for any more has no ticket.
        let id = self.tickets.remove(&ticket)?;
        let mut pending = self.pending.remove(&id).expect("who has a ticket is under way");
        let (asked, ..) = pending.asked.take().expect("the node was asked");
        pending.note(asked, outcome);
        self.go_on(now, id, pending).map(|response| (id, response))
    }

    /// What the node is to be asked, each once.
    pub(crate) fn take_asks(&mut self) -> impl Iterator<Item = (Ticket, Call)> {
        self.asks.drain(..)
    }

    pub(crate) fn take_notices(&mut self) -> impl Iterator<Item = DeskNotice> {
        self.notices.drain(..)
    }

    /// Requests under way with the node.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn check_invariants(&self) {
        assert!(self.pending.len() <= self.work_queue, "what is under way is limited");
        assert_eq!(self.tickets.len(), self.pending.len(), "each waits for one answer");
        for id in self.tickets.values() {
            assert!(self.pending[id].asked.is_some(), "{id}: the node has a call of it");
        }
    }

    /// What becomes of a request: an answer, or calls.
    fn judge(&mut self, client: &Endpoint, request: &Http) -> Result<Content, Refusal> {
        let told = |status| Refusal::Now(Response::new(status));
        if !self.access.admits(client) {
            self.notices.push(DeskNotice::NotAdmitted { client: client.clone() });
            return Err(told(Status::FORBIDDEN));
        }
        if !matches!(request.method(), Method::Get | Method::Post | Method::Head | Method::Put) {
            return Err(told(Status::METHOD_NOT_ALLOWED));
        }
        if request.path() != "/" {
            return Err(told(Status::NOT_FOUND));
        }
        if self.pending.len() >= self.work_queue {
            let text = "Work queue depth exceeded";
            return Err(Refusal::Now(Response::text(Status::SERVICE_UNAVAILABLE, text)));
        }
        if request.method() != Method::Post {
            let text = "JSONRPC server handles only POST requests";
            let response = Response::text(Status::METHOD_NOT_ALLOWED, text);
            return Err(Refusal::Now(with_field(response, "Allow", "POST")));
        }
        let Some(authorization) = request.field("Authorization") else {
            return Err(Refusal::Now(unauthorized()));
        };
        let Some(user) = self.access.user(authorization) else {
            self.notices.push(DeskNotice::WrongPassword { client: client.clone() });
            return Err(Refusal::Later);
        };
        let content = match self.access.methods(user) {
            Methods::None => None,
            Methods::All => Some(Content::parse(request.body())),
            Methods::These(methods) => {
                let content = Content::parse(request.body());
                let may = |one: &Request| {
                    one.call.as_ref().map_or(true, |call| methods.contains(&call.method))
                };
                content.requests().iter().all(may).then_some(content)
            }
        };
        content.ok_or_else(|| {
            let user = user.to_owned();
            self.notices.push(DeskNotice::NotAllowed { user, client: client.clone() });
            told(Status::FORBIDDEN)
        })
    }

    /// Makes calls until one is the node's, or none is left: the answer then.
    fn go_on(&mut self, now: Now, id: RequestId, mut pending: Pending) -> Option<Response> {
        while let Some(Request { asked, call }) = pending.left.pop_front() {
            let outcome = match call.and_then(Call::prepare) {
                Err(error) => Err(error),
                Ok(call) => match self.run(now, &call) {
                    Some(outcome) => outcome,
                    None => {
                        let ticket = Ticket(self.tickets_made);
                        self.tickets_made += 1;
                        pending.asked = Some((asked, call.method().name, now.steady));
                        self.asks.push((ticket, call));
                        self.tickets.insert(ticket, id);
                        self.pending.insert(id, pending);
                        return None;
                    }
                },
            };
            pending.note(asked, outcome);
        }
        Some(pending.finish())
    }

    /// Carries out a call of the desk's own; `None`: it is the node's.
    fn run(&mut self, now: Now, call: &Call) -> Option<Outcome> {
        let others = || {
            let under_way = self.pending.values().filter_map(|pending| pending.asked.as_ref());
            let others = under_way.map(|(_, method, since)| (*method, *since));
            others.chain([(call.method().name, now.steady)]).collect()
        };
        let mut desktop = Desktop { now, about: &self.about, active: &others, stops: false };
        let outcome = call.run_at_desk(&mut desktop);
        if desktop.stops {
            self.notices.push(DeskNotice::StopAsked);
        }
        outcome
    }
}

/// An answer in place of a call.
enum Refusal {
    Now(Response),
    /// Nobody is let in, and told so not before some time has passed.
    Later,
}

impl Application for Desk {
    fn handle_request(
        &mut self,
        now: Now,
        id: RequestId,
        client: &Endpoint,
        request: Http,
        replies: &mut Replies,
    ) {
        let content = match self.judge(client, &request) {
            Ok(content) => content,
            Err(Refusal::Now(response)) => return replies.respond(id, response),
            Err(Refusal::Later) => {
                return self.refusals.set(id, now.steady + REFUSAL_DELAY);
            }
        };
        // The content may be large, and is not needed any more.
        drop(request);
        if let Some(response) = self.go_on(now, id, Pending::new(content)) {
            replies.respond(id, response);
        }
    }

    fn handle_dropped(&mut self, _: Now, id: RequestId) {
        self.refusals.clear(id);
        if self.pending.remove(&id).is_some() {
            // The call is carried out all the same; its answer is nobody's.
            self.tickets.retain(|_, of| *of != id);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.refusals.next()
    }

    fn handle_wakeup(&mut self, now: Now, replies: &mut Replies) {
        while let Some(id) = self.refusals.due(now.steady) {
            self.refusals.clear(id);
            replies.respond(id, unauthorized());
        }
    }
}

impl Pending {
    fn new(content: Content) -> Self {
        let (left, is_batch) = match content {
            Content::Single(request) => (VecDeque::from([request]), false),
            Content::Batch(requests) => (VecDeque::from(requests), true),
        };
        let count = left.len();
        Self { left, is_batch, count, answers: String::new(), alone: None, asked: None }
    }

    /// Notes what came of a call.
    fn note(&mut self, asked: Asked, outcome: Outcome) {
        if !self.is_batch {
            self.alone = Some((asked, outcome));
        } else if !asked.is_notification() {
            let comma = if self.answers.is_empty() { "" } else { "," };
            self.answers.push_str(comma);
            self.answers.push_str(&protocol::reply(&asked, outcome).to_string());
        }
    }

    /// The answer, once nothing is left to be called.
    fn finish(self) -> Response {
        if let Some((asked, outcome)) = self.alone {
            let status = protocol::status(&asked, &outcome);
            return match status {
                Status::NO_CONTENT => Response::new(status),
                _ => json(status, protocol::reply(&asked, outcome).to_string()),
            };
        }
        // A batch of nothing is answered with nothing in it, which clients of 1.0 expect.
        if self.answers.is_empty() && self.count > 0 {
            return Response::new(Status::NO_CONTENT);
        }
        json(Status::OK, format!("[{}]", self.answers))
    }
}

/// JSON, and the line's end that the reference puts behind it.
fn json(status: Status, mut text: String) -> Response {
    text.push('\n');
    with_field(Response::new(status), "Content-Type", "application/json").with_body(text)
}

/// RFC 7617 section 2; Core: `WWW_AUTH_HEADER_DATA`.
fn unauthorized() -> Response {
    let response = Response::new(Status::UNAUTHORIZED);
    with_field(response, "WWW-Authenticate", "Basic realm=\"jsonrpc\"")
}

fn with_field(response: Response, name: &str, value: &str) -> Response {
    response.with_field(name, value).expect("a field of ours is one")
}
