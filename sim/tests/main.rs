//! Behaviour that needs a backend: one binary, a module for each subject.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod contract;
mod differential;
mod net;
mod network;
