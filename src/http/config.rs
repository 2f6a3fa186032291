//! What somebody who runs a server may choose.

use std::time::Duration;

use super::parse::RequestLimits;

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
    pub request: RequestLimits,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Config {
    /// Those of the reference, where it has them.
    pub const DEFAULT: Self = Self {
        connections_max: 256,
        requests_max: 1,
        request: RequestLimits::DEFAULT,
        timeouts: Timeouts::DEFAULT,
    };

    pub(super) fn check_invariants(&self) {
        assert!(self.connections_max > 0, "somebody must be served");
        assert!(self.requests_max > 0, "a request must be taken");
        assert!(self.timeouts.bytes_per_sec_min > 0, "a rate is divided by");
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
    /// may take as long as `bytes_per_sec_min` allows beyond this.
    pub body: Duration,
    /// From when an answer begins to be sent, and from each byte that the kernel took, to the next
    /// one. All together it may take as long as `bytes_per_sec_min` allows beyond this.
    pub write: Duration,
    /// From our FIN to the client's, before the connection is closed without.
    pub linger: Duration,
    /// Bytes that earn a second for a body or an answer, at least 1. Ours: so that trickling does
    /// not keep a place.
    pub bytes_per_sec_min: u32,
}

impl Timeouts {
    /// Core: `-rpcservertimeout`, `DEFAULT_HTTP_SERVER_TIMEOUT`, 30 s for each of the first four.
    /// Ours: the linger, which outlasts a lost segment or two; and the rate, with which the largest
    /// body has nine hours.
    pub const DEFAULT: Self = Self {
        idle: Duration::from_secs(30),
        head: Duration::from_secs(30),
        body: Duration::from_secs(30),
        write: Duration::from_secs(30),
        linger: Duration::from_secs(5),
        bytes_per_sec_min: 1024,
    };
}
