//! The address manager against a naive one, and against what Core's tests say of it.

use std::time::Duration;

use super::net_addr::tests::ip;
use super::*;
use crate::connman::Services;
use crate::rng::{Draws, Purpose, Seed};
use crate::time::UnixTime;

mod core;
mod model;
mod steps;

/// When the tests begin.
pub(super) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The key of Core's deterministic address manager: one.
pub(super) fn key() -> Key {
    let mut key = [0; 32];
    key[0] = 1;
    Key::new(key)
}

pub(super) fn service(addr: &str, port: u16) -> NetService {
    NetService { addr: ip(addr), port }
}

pub(super) fn record(addr: &str, port: u16) -> AddrRecord {
    AddrRecord { service: service(addr, port), services: Services::NETWORK, time: NOW }
}

pub(super) fn draws(subject: u64) -> Draws {
    Seed::from_number(11).draws(Purpose::AddrMan, subject)
}

/// One address is told by a source, without a penalty.
pub(super) fn tell(addrman: &mut AddrMan, addr: &AddrRecord, source: &str) -> bool {
    addrman.add(&[*addr], &ip(source), Duration::ZERO, NOW, &mut draws(0)) == 1
}
