//! What is behind the server: who answers.

use std::fmt;

use super::request::Request;
use super::response::Response;
use crate::sockets::{ConnId, Endpoint};
use crate::time::{Instant, Now};

/// A request, by its connection and its place there. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// Where it came in, and where the answer goes.
    pub conn: ConnId,
    /// Which request of the connection, from 0. One that was refused is none.
    pub number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {} of {}", self.number, self.conn)
    }
}

/// Who answers. Called on the server's loop, so that nothing of it may block; what takes long is
/// answered later, from wherever it was worked on.
pub trait Application {
    /// Takes a request in: answers it, or keeps its id and answers later by
    /// [`Server::respond`](super::Server::respond) or
    /// [`Command::Respond`](super::Command::Respond). Answers leave in the order of the requests,
    /// in whatever order they are given; the first one for a request stands.
    ///
    /// `client` is the other end.
    fn handle_request(
        &mut self,
        now: Now,
        id: RequestId,
        client: &Endpoint,
        request: Request,
        replies: &mut Replies,
    );

    /// Hears that a request which it has not answered needs no answer any more: its connection is
    /// over.
    fn handle_dropped(&mut self, now: Now, id: RequestId) {
        let _ = (now, id);
    }

    /// When it will have an answer by itself, if nothing happens before.
    fn next_wakeup(&self) -> Option<Instant> {
        None
    }

    /// Hears that this time has come, and is not named again.
    fn handle_wakeup(&mut self, now: Now, replies: &mut Replies) {
        let _ = (now, replies);
    }
}

/// Where an application leaves what it can answer at once, to this request or to earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    pub(super) given: Vec<(RequestId, Response)>,
}

impl Replies {
    /// Answers a request.
    pub fn respond(&mut self, id: RequestId, response: Response) {
        self.given.push((id, response));
    }
}
