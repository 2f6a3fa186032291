//! JSON-RPC as clients of Bitcoin Core know it, on an HTTP server of its own.
//!
//! ```text
//!        HTTP's loop                                     the node's loop
//!   Server: http::Server                            Node: connman::ConnMan
//!     '-- Desk: who may call, requests, answers       '-- methods of the node
//!            |                                                ^    |
//!            '-- notice Ask --> its mailbox: Command::Call ---'    |
//!            .-- command Answered <-- the desk's mailbox <-- notice Answered
//! ```
//!
//! Each server owns its loop. What one wants of the other is a notice, which whoever watches the
//! driver leaves in the other's mailbox, and so is the answer: no call blocks, nothing is shared,
//! and nothing here knows of threads. Both ends are tenants, as a simulator runs them. [`protocol`]
//! and [`auth`] are pure, and know of neither end.
//!
//! There is no socket, no clock, no file and no random number here: they are arguments. Sources are
//! named in each file; docs/behaviour.md, rpc 1 to 4, has the rules.

pub mod auth;
mod desk;
mod error;
mod json;
mod methods;
mod node;
pub mod protocol;
mod script;
mod server;

pub use desk::{About, Desk, DeskNotice, REFUSAL_DELAY, WORK_QUEUE_MAX};
pub use error::{Code, RpcError};
pub use json::{Json, Kind, NotJson};
pub use methods::{ALL, Call, Category, Method};
pub use node::{Command, Node, Notice, Ticket};
pub use server::{Server, ServerCommand, ServerNotice};
