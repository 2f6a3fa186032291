//! The desk and the node over loopback, in one thread: two machines, and whoever carries what one
//! wants of the other. Time is what a test says it is.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod calls;
mod pair;
