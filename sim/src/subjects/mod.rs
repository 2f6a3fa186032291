//! What the simulator knows how to simulate.

pub mod echo;
