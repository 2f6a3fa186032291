//! An application that has others answer: a pool of workers, with a bounded queue before them.
//!
//! It knows no thread. Who takes jobs is a [`Workers`]; what they answer comes back as
//! [`Command::Respond`](super::Command::Respond), in whatever order it is done. Sources:
//! docs/behaviour.md, http 5; Core: httpserver.cpp, `http_request_cb`.

use std::fmt;

use super::application::{Application, Replies, RequestId};
use super::request::Request;
use super::response::Response;
use super::status::Status;
use crate::sockets::Endpoint;
use crate::time::Now;

/// A request that somebody else answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub id: RequestId,
    /// The other end.
    pub client: Endpoint,
    /// What is asked.
    pub request: Request,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubmitError {
    /// As many wait as may.
    Full,
    /// The workers stop, and take nothing more.
    Stopping,
}

impl SubmitError {
    /// What the client is told. Core: `http_request_cb`, both with these words.
    #[must_use]
    pub fn response(self) -> Response {
        let text = match self {
            Self::Full => "Work queue depth exceeded",
            Self::Stopping => "Request rejected during server shutdown",
        };
        Response::text(Status::SERVICE_UNAVAILABLE, text)
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "as many jobs wait as may",
            Self::Stopping => "the workers stop",
        })
    }
}

impl std::error::Error for SubmitError {}

/// Who works. Each job that is taken is answered once, also if the workers are told to stop
/// meanwhile; its client may be gone by then, for which no job is called back.
pub trait Workers {
    /// Takes a job. Never waits.
    ///
    /// # Errors
    ///
    /// It was not taken, and is gone.
    fn submit(&mut self, job: Job) -> Result<(), SubmitError>;
}

/// The application. See the head of the module.
#[derive(Clone, Debug, Default)]
pub struct Pooled<W> {
    workers: W,
}

impl<W: Workers> Pooled<W> {
    /// One that has these answer.
    pub const fn new(workers: W) -> Self {
        Self { workers }
    }

    /// Who answers.
    pub const fn workers(&self) -> &W {
        &self.workers
    }

    /// Who answers, to change.
    pub const fn workers_mut(&mut self) -> &mut W {
        &mut self.workers
    }
}

impl<W: Workers> Application for Pooled<W> {
    fn handle_request(
        &mut self,
        _: Now,
        id: RequestId,
        client: &Endpoint,
        request: Request,
        replies: &mut Replies,
    ) {
        let job = Job { id, client: client.clone(), request };
        if let Err(error) = self.workers.submit(job) {
            replies.respond(id, error.response());
        }
    }
}
