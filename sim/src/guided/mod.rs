//! Guided search: what a run reached is the guide, and nothing is instrumented for it.
//!
//! ```text
//!  seeds --> run --> transitions --> anything new? --> keep --> mutate --> run ...
//!                    connection's state x event x outcome, seen from outside
//! ```
//!
//! A run is seen as transitions ([`transition`]): in which state a connection was, what happened
//! on it, and what came of that, told from the calls, the steps and the tenant's notices
//! ([`observer`]). A schedule that reaches a new one is kept and mutated ([`mutate`],
//! [`search`]). What the rules allow is listed beforehand ([`expected`]), so that a search ends
//! with the list of what it never reached.
//!
//! Here is no thread, no clock and no shared state: a search hands out rounds of runs and takes
//! their outcomes in order, so that it goes the same way however many are run at once.

pub mod expected;
pub mod language;
pub mod mutate;
pub(crate) mod names;
pub mod observer;
pub mod search;
pub mod transition;

pub use language::Language;
pub use observer::Seen;
pub use search::{Budget, Search};
pub use transition::{Kind, Label, Reading, State, Told, Transition};
