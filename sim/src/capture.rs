//! What passed the network card of the node's host, as other tools read it.
//!
//! A [`Segment`] is an event of TCP. `tcp` gives it what it lacks of a packet (sequence numbers,
//! windows, checksums, headers), and [`pcapng`](pcapng()) makes a file of all of them:
//!
//! ```text
//! Segment --> Packet (with its time) --> frames: Ethernet, IP, TCP --> pcapng
//! ```
//!
//! What is invented is consistent: each end numbers its bytes without a gap and acknowledges
//! what it has received and nothing else, so that streams can be put together again. What an
//! ICMP message would say is left out, and so is what goes over a Unix socket.

use sockman::time::Instant;

use crate::net::Segment;

mod pcapng;
mod tcp;

pub use pcapng::pcapng;
pub use tcp::PAYLOAD_BYTES_MAX;

/// A segment at the moment at which the node's host sent it, or at which it arrived there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// On the node's steady clock.
    pub at: Instant,
    /// What passed.
    pub segment: Segment,
}

/// Whether to keep the packets of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packets {
    /// Throw them away.
    #[default]
    Drop,
    /// Keep each, with its payload.
    Keep,
}

/// The packets so far, if they are kept.
#[derive(Clone, Debug)]
pub(crate) struct Capture(Option<Vec<Packet>>);

impl Capture {
    pub(crate) fn new(packets: Packets) -> Self {
        Self(match packets {
            Packets::Drop => None,
            Packets::Keep => Some(Vec::new()),
        })
    }

    /// A segment passes.
    pub(crate) fn add(&mut self, at: Instant, segment: &Segment) {
        if let Some(packets) = &mut self.0 {
            packets.push(Packet { at, segment: segment.clone() });
        }
    }

    /// Whether packets are kept.
    pub(crate) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn packets(&self) -> &[Packet] {
        self.0.as_deref().unwrap_or_default()
    }
}
