//! Loopback TCP: the same world on this machine's kernel.
//!
//! ```text
//!  node:  machine over Faulty<TcpHost>      actor: the same code over TcpHost
//!                          \                  /
//!                           one Machine: real sockets in 127/8, and the Wire, which counts
//!                           what was sent and has not been told
//! ```
//!
//! The clock is the schedule's. It moves when everything that was sent has been told, and nobody
//! has anything to do: the same settle points as on the virtual network, where a link without
//! latency delivers at once. So both runs have the same times.
//!
//! Lines of a script at one instant are carried out together, and nothing arrives in between. So an
//! attempt that is given up in the same breath ends in a reset, though the kernel had it connected.
//!
//! What is not real: the buffers of a schedule, which are kept at the calls (`stream.rs`);
//! `MSG_MORE`, by which a kernel would hold bytes back for some time; an actor that vanishes, whose
//! socket is kept until something comes for it, and is then reset; the address and port to connect
//! from, which are names. Nothing is ever sent to an address other than loopback:
//! `Machine::connect` and `Machine::listen` see to it.

mod host;
mod machine;
mod stream;
mod wire;

pub use host::TcpHost;
