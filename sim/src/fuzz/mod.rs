//! What fuzz targets do with their bytes, a file a target.
//!
//! ```text
//! connman, sockman, http_server
//!                      bytes -> schedule -> a whole run under all oracles    schedules.rs
//! sockets_contract     bytes -> calls -> simulated kernel -> acceptor
//! transport_v1         bytes -> two transports and what is on its way between them
//! transport_v2         the same, encrypted, perhaps with a byte changed
//! transport_detect     bytes -> a responder, which may be dialled by v1
//! http_request         bytes -> requests, in pieces and in one
//! http_response        bytes -> an answer, in pieces and in one
//! rpc_json             bytes -> a call's content, the whole way to a node and back
//! message              bytes -> messages, against somebody else's codec
//! headers_presync      bytes -> chains that are told twice, and a model that remembers them
//! schedule_text        bytes -> text -> value -> text, and through bytes
//! parsers              bytes -> everything that parses
//! ```
//!
//! The bodies are here, where stable Rust compiles and tests them. A body panics if something is
//! wrong, with what its artifact does not say; what it returns says how far an input came. The
//! targets of whole schedules have mutations of their own (`mutate.rs`), and run what they decode
//! made tame (`tame.rs`).

mod draw;
mod headers_presync;
mod http_request;
mod http_response;
#[cfg(any(test, fuzzing))]
mod message;
mod mutate;
mod parsers;
mod rpc_json;
mod schedule_text;
mod schedules;
mod sockets_contract;
mod tame;
mod transport_v1;
mod transport_v2;

pub use headers_presync::headers_presync;
pub use http_request::http_request;
pub use http_response::http_response;
#[cfg(any(test, fuzzing))]
pub use message::message;
pub use mutate::{crossover, mutate};
pub use parsers::parsers;
pub use rpc_json::rpc_json;
pub use schedule_text::schedule_text;
pub use schedules::{connman, http_server, schedule_of, sockman};
pub use sockets_contract::sockets_contract;
pub use tame::{steps_allowed, tame};
pub use transport_v1::transport_v1;
pub use transport_v2::{transport_detect, transport_v2};

/// How far an input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is more than trivial, and all is well.
    Passed,
    /// It is hardly anything: nobody connects, nothing parses.
    Trivial,
    /// All is well, and it takes long.
    Long,
    /// It makes no sense, or would take too long: nothing was learnt.
    Abandoned,
}
