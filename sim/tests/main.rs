//! Behaviour on the virtual network and on this machine's kernel, in one binary.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod bip324;
mod bugs;
mod canaries;
mod capture;
mod chain;
mod cli;
mod connman;
mod contract;
mod corpus;
mod differential;
mod drivers;
mod explore;
mod faulty;
mod files;
mod front_page;
mod full;
mod functional;
mod guided;
mod http;
mod ibd;
mod live;
mod manager;
mod net;
mod network;
mod nodes;
mod places;
mod renamed;
mod shrink;
mod why;
mod wire;
mod worlds;
