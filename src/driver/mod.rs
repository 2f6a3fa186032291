//! The loop that joins a backend, the clock, the mailbox and a tenant.
//!
//! This room alone calls [`Wait`](crate::sockets::Wait), reads the clock and touches files. It
//! takes no decision about the network.

mod clock;
mod door;
mod files;
mod machine;
mod mailbox;
mod pool;
mod run;
mod seed;
mod turns;

pub use clock::{Clock, SystemClock};
pub use door::{Door, PushError, Then};
pub use files::OsFiles;
pub use machine::{COMMANDS_MAX, Choice, Did, Machine, Outcome, STEPS_PER_POLL_MAX, Task};
pub use mailbox::Mailbox;
pub use pool::{Answers, Handlers, Pool};
pub use run::{Driver, Observer};
pub use seed::system_seed;
pub use turns::{Turn, Turns};
