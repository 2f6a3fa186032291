//! Behaviour of the public library on this machine's kernel, in one binary.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod http;
