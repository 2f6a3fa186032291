//! The contract of `Sockets`, executable: named cases, an acceptor of traces, random sequences.

pub mod cases;
