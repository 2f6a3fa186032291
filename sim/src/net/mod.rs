//! The virtual network: hosts whose kernels implement `Sockets`, and the links between them.
//!
//! A [`Kernel`] is one host's TCP and knows no other. Something carries its [`Segment`]s: a
//! [`Loopback`] at once and back to itself, a [`Network`] along links with a latency, a bandwidth
//! and faults. Everything here is `Clone`, owns what it holds, and is told the time.

mod addresses;
mod calls;
mod kernel;
mod listener;
mod loopback;
mod network;
mod ready;
mod segment;
mod socket;

pub use kernel::{ByteCounts, Kernel, KernelConfig, Totals};
pub use loopback::{Loopback, LoopbackWaker};
pub use network::{HostId, LinkConfig, LinkState, Network, NoSuchHost};
pub use segment::{SEGMENT_BYTES_MAX, Segment, SegmentKind};
