//! What travels between kernels, and the outbox it leaves a kernel through.
//!
//! A segment is one event of TCP as the far end sees it, not a packet: there are no checksums, no
//! options and no retransmission of data, because the network below neither corrupts nor loses what
//! a connection depends on (it may hold it back for as long as it likes).

use sockman::sockets::{Endpoint, Failure};

/// Most bytes in one [`SegmentKind::Data`]; what one send took beyond it follows in another.
/// 64 KiB, the MTU of Linux' loopback, so that a megabyte is sixteen segments.
pub const SEGMENT_BYTES_MAX: usize = 65_536;

/// Most spent buffers that are kept for the next data. Enough for what is under way on a loopback
/// at once; beyond it allocation is the lesser cost.
const POOL_BUFFERS_MAX: usize = 64;

/// One event on its way from one end of a connection to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The end that sent it.
    pub from: Endpoint,
    /// The end that it is for.
    pub to: Endpoint,
    /// The connecting kernel's number of the attempt, from 1. It stands for the sequence numbers
    /// of TCP: a segment of an earlier connection between the same two ends is told apart by it.
    pub connection: u64,
    /// What it says.
    pub kind: SegmentKind,
}

/// What a segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// Let us connect.
    Syn {
        /// The sender of this segment will take the stream up to this offset, in bytes.
        window_end: u64,
    },
    /// Connected.
    SynAck {
        /// As in [`SegmentKind::Syn`].
        window_end: u64,
    },
    /// There is no such connection, or no longer.
    Reset,
    /// The next bytes of the stream, at least one and at most [`SEGMENT_BYTES_MAX`].
    Data(Vec<u8>),
    /// The stream ends here.
    Fin,
    /// What has arrived, and how much more may be sent.
    Ack {
        /// Bytes that have arrived since the beginning; the FIN counts as one more.
        received: u64,
        /// As in [`SegmentKind::Syn`]. Never less than it was before.
        window_end: u64,
    },
    /// A router's or the own host's answer to a segment that cannot be delivered (ICMP).
    Unreachable(Failure),
}

impl Segment {
    /// What the receiver says in reply, without having a socket for it.
    #[must_use]
    pub fn reply(self, kind: SegmentKind) -> Self {
        Self { from: self.to, to: self.from, connection: self.connection, kind }
    }

    /// Payload in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        match &self.kind {
            SegmentKind::Data(bytes) => bytes.len(),
            SegmentKind::Syn { .. }
            | SegmentKind::SynAck { .. }
            | SegmentKind::Reset
            | SegmentKind::Fin
            | SegmentKind::Ack { .. }
            | SegmentKind::Unreachable(_) => 0,
        }
    }
}

/// By what a kernel finds the socket that a segment is for. What differs between most connections
/// comes first, because it decides most comparisons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) connection: u64,
    pub(super) remote: Endpoint,
    pub(super) local: Endpoint,
}

/// Segments that wait to be taken, and spent buffers for the next ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    outbox: Vec<Segment>,
    pool: Vec<Vec<u8>>,
}

impl Wire {
    /// Sends to the far end of `flow`.
    pub(super) fn push(&mut self, flow: &Flow, kind: SegmentKind) {
        self.push_segment(Segment {
            from: flow.local.clone(),
            to: flow.remote.clone(),
            connection: flow.connection,
            kind,
        });
    }

    /// Sends a segment that knows where it goes.
    pub(super) fn push_segment(&mut self, segment: Segment) {
        self.outbox.push(segment);
    }

    /// Moves everything that waits to the end of `segments`, in order.
    pub(super) fn take(&mut self, segments: &mut Vec<Segment>) {
        segments.append(&mut self.outbox);
    }

    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_default()
    }

    /// Takes a spent buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.pool.len() < POOL_BUFFERS_MAX && buffer.capacity() > 0 {
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}
