//! A virtual network behind the socket traits, and what it takes to search it.
//!
//! ```text
//!  schedule --> run --> world { node: machine over Faulty<Kernel>, actors, network, clock }
//!     ^          |        one step at a time; every order that it takes is open to production
//!     |          '--> oracles look after each step; a violation ends the run
//!  text, bytes, or a seed
//! ```

pub mod actor;
pub mod bip324;
pub mod bugs;
pub mod capture;
pub mod chart;
pub mod chooser;
pub mod contract;
pub mod done;
pub mod drivers;
pub mod estimate;
pub mod expect;
pub mod explore;
pub mod faulty;
pub mod fifo;
pub mod files;
pub mod functional;
pub mod fuzz;
pub mod generate;
pub mod guided;
pub mod host;
pub mod lexicon;
pub mod net;
pub mod nodes;
pub mod oracles;
pub mod page;
pub mod panics;
pub mod places;
pub mod record;
pub mod renamed;
pub mod rerecord;
pub mod run;
pub mod schedule;
pub mod schedulers;
pub mod shrink;
pub mod subject;
pub mod subjects;
pub mod timeline;
pub mod trace;
pub mod turns;
pub mod why;
pub mod world;
pub mod worlds;
