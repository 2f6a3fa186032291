//! A schedule as text: one sentence a line, for people.
//!
//! Printing and parsing are exact: a valid schedule is printed in one canonical way, and parsing
//! that gives it back. Parsing takes more than the canonical layout (any spacing, `1000ms` for
//! `1s`), so that a person need not count columns.
//!
//! ```text
//! text --lexer--> tokens --cursor--> words, numbers, names --sentence, order--> Op, Deviation
//! ```
//!
//! What an actor, a message or a setting means is not known here; nor is the node. Who knows says
//! what is wrong with one by its place in the [`Source`], which is read beside the value.

mod cursor;
mod error;
mod items;
mod lexer;
mod migrate;
mod order;
mod parse;
mod print;
mod sentence;
mod source;
#[cfg(test)]
mod tests;

pub use error::{Expected, Found, Mistake, ParseError};
pub use source::Source;
