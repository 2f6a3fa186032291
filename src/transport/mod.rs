//! Bytes to messages and back, as the wire has them.
//!
//! ```text
//!   bytes read --> V1Receiver --> Incoming: a message, or one that was rejected, or a FrameError
//!   a payload  --> Frame --> SendQueue --> runs of bytes, in order, with offsets
//! ```
//!
//! This room knows the byte layout and nothing else: no socket, no peer, no clock. What a payload
//! means is connman's affair. Facts: docs/behaviour.md, transport 1 to 3; Bitcoin Core,
//! `V1Transport` in `src/net.cpp`. The v2 transport has its own page, `v2/mod.rs`; [`Transport`] is
//! whichever of the two a connection has.

mod any;
mod command;
mod network;
mod send_queue;
mod v1;
pub mod v2;

pub(crate) use any::COUNTED_MESSAGES_MAX;
pub use any::{Dropped, Received, Transport, TransportError, TransportKind, Unsent};
pub use command::{ClaimedType, MESSAGE_TYPE_BYTES, MessageType, MessageTypeError};
pub use network::{Magic, Network};
pub use send_queue::{Frame, SendQueue};
pub use v1::{
    FrameError, HEADER_BYTES, Incoming, Message, PAYLOAD_BYTES_MAX, Rejected, RejectedWhy,
    V1Receiver,
};

/// What the reference counts for a queued message beside its payload: a vector and a string.
/// Core: net.h, `sizeof(CSerializedNetMsg)` with libstdc++ on 64-bit systems.
const FRAME_OVERHEAD_BYTES: usize = 56;

/// Memory that the reference counts for an allocation of `bytes`, so that queues pause where its
/// queues do. Core: memusage.h, `MallocUsage` on 64-bit systems: nothing for nothing, otherwise
/// the allocator's own word and the rounding to 16 bytes.
const fn malloc_usage(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 31) >> 4 << 4 }
}
