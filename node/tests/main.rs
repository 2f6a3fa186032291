//! The binary from outside: processes on loopback that are driven by arguments and signals, and
//! observed by their log, their stderr and their exit status.
//!
//! Nothing here sleeps: a test waits for an event, until a deadline that only a failure reaches.

mod called;
mod chain;
mod connections;
mod directory;
mod keeping;
mod logging;
mod process;
mod rpc;
mod starting;
mod stopping;
