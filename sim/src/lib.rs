//! A virtual network behind the socket traits, and what it takes to search it.

pub mod contract;
pub mod net;
pub mod schedule;
