//! The contract of `Sockets`, executable: named cases, an acceptor of traces, random sequences.

pub mod acceptor;
pub mod broken;
pub mod cases;
pub mod differential;
pub mod full;
mod model;
pub mod sequences;
pub mod trace;
mod transition;
