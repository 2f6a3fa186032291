//! An HTTP/1.1 server: a second tenant of the socket manager, beside P2P and without its shape.

pub mod parse;
mod request;
mod status;

pub use request::{Method, Persistence, Request, Version};
pub use status::Status;
