//! What somebody who runs a server may choose.

use std::time::Duration;

use super::parse::MessageLimits;

/// The choices. Fixed for the life of a [`Server`](super::Server).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many connections there may be, at least 1; whoever comes beyond is closed without a
    /// byte. Ours: the reference has no bound but descriptors.
    pub connections_max: u32,
    /// Requests of one connection that are not fully answered, at least 1: the next one is not
    /// looked at before. With more than 1 the application may have several at once, and answer in
    /// any order. The reference has 1.
    pub requests_max: usize,
    /// How much a request may be.
    pub request: MessageLimits,
    /// Bytes of memory for the requests of all connections that the application does not have yet,
    /// those that are not whole among them, at least 1. Whoever sends more of one while there is
    /// more is refused; so each connection may hold what one read brings beyond. Ours: the
    /// reference has no bound.
    pub held_bytes_max: usize,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// Four of the largest requests, each in a buffer that has doubled.
const HELD_BYTES_MAX: usize = 4 * 2 * MessageLimits::DEFAULT.body_bytes_max;

impl Config {
    /// Those of the reference, where it has them.
    pub const DEFAULT: Self = Self {
        connections_max: 256,
        requests_max: 1,
        request: MessageLimits::DEFAULT,
        held_bytes_max: HELD_BYTES_MAX,
        timeouts: Timeouts::DEFAULT,
    };

    pub(super) fn check_invariants(&self) {
        assert!(self.connections_max > 0, "somebody must be served");
        assert!(self.requests_max > 0, "a request must be taken");
        assert!(self.held_bytes_max > 0, "a request is held until it is whole");
        let Timeouts { body_bytes_per_sec_min, answer_bytes_per_sec_min, .. } = self.timeouts;
        assert!(body_bytes_per_sec_min > 0, "a rate is divided by");
        assert!(answer_bytes_per_sec_min > 0, "a rate is divided by");
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How long things may take, each on the steady clock. While the application has a request and
/// nothing is to be sent, nothing is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the accept, or the end of an answer, to the first byte of a request.
    pub idle: Duration,
    /// From that byte to the end of the head, however many bytes come meanwhile.
    pub head: Duration,
    /// From the end of the head, and from each byte of the body, to the next one. All together it
    /// may take as long as `body_bytes_per_sec_min` allows beyond this.
    pub body: Duration,
    /// From when an answer begins to be sent until the kernel has taken it, beyond what
    /// `answer_bytes_per_sec_min` allows for the bytes that it has taken. There is no time from one
    /// byte to the next: the kernel takes many at once, and then none until a third of what it has
    /// is with the client.
    pub write: Duration,
    /// From our FIN to the client's, before the connection is closed without.
    pub linger: Duration,
    /// Bytes that earn a second for a body, at least 1. Ours: so that trickling does not keep a
    /// place.
    pub body_bytes_per_sec_min: u32,
    /// Bytes taken by the kernel that earn a second for an answer, at least 1. Whoever takes as
    /// many in each second is never late; whoever takes none is, once what the kernel holds for it
    /// would have been taken at this rate. Ours.
    pub answer_bytes_per_sec_min: u32,
}

impl Timeouts {
    /// Core: `-rpcservertimeout`, `DEFAULT_HTTP_SERVER_TIMEOUT`, 30 s for each of the first four.
    /// Ours: the linger, which outlasts a lost segment or two; the rate of bodies, with which the
    /// largest has nine hours; and that of answers, with which the 2.5 MB that Linux holds for a
    /// client at most (TCP 9) keep the place of one that has stopped reading for five minutes.
    pub const DEFAULT: Self = Self {
        idle: Duration::from_secs(30),
        head: Duration::from_secs(30),
        body: Duration::from_secs(30),
        write: Duration::from_secs(30),
        linger: Duration::from_secs(5),
        body_bytes_per_sec_min: 1024,
        answer_bytes_per_sec_min: 8192,
    };
}
