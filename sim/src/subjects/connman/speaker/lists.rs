//! Messages that are lists: so many entries, each of them plausible and none of them true.

use sockman::time::Now;

use super::frame::{SERVICES, number, to_usize};
use crate::schedule::Word;

/// How many there may be, over what every node takes, in a payload that one takes.
pub(super) const COUNT_MAX: u64 = 60_000;

/// The last address that a list may begin with.
pub(super) const FROM_MAX: u64 = 5_535;
const _: () = assert!(COUNT_MAX + FROM_MAX <= u16::MAX as u64, "each address has a number");

/// The last number of a network. BIP 155.
pub(super) const NETWORK_MAX: u64 = 255;

/// Messages that have a list.
pub(super) const LISTS: [&str; 8] =
    ["addr", "addrv2", "inv", "getdata", "notfound", "headers", "getblocks", "getheaders"];

/// Most entries that a node bears with, for each of these, if it counts them (handshake 7).
pub(super) fn borne(name: &str) -> Option<u64> {
    match name {
        "addr" | "addrv2" => Some(1_000),
        "inv" | "getdata" => Some(50_000),
        "headers" => Some(2_000),
        "getblocks" | "getheaders" => Some(101),
        _ => None,
    }
}

/// The payload of such a message.
pub(super) fn payload(now: Now, word: &Word) -> Vec<u8> {
    let (name, count) = (word.name.as_str(), number(word, "count").unwrap_or(0));
    let mut payload = Vec::new();
    let is_locator = matches!(name, "getblocks" | "getheaders");
    if is_locator {
        payload.extend_from_slice(&70_016_u32.to_le_bytes());
    }
    push_count(&mut payload, count);
    for n in 0..count {
        match name {
            "addr" | "addrv2" => push_address(&mut payload, now, word, n),
            _ => push_entry(&mut payload, name, n),
        }
    }
    if is_locator {
        payload.extend_from_slice(&[0; 32]);
    }
    payload
}

pub(super) fn push_count(payload: &mut Vec<u8>, count: u64) {
    let count = u16::try_from(count).expect("what is said was checked: it is at most COUNT_MAX");
    if count >= 253 {
        payload.push(253);
        payload.extend_from_slice(&count.to_le_bytes());
    } else {
        payload.push(count.to_le_bytes()[0]);
    }
}

fn push_entry(payload: &mut Vec<u8>, name: &str, n: u64) {
    match name {
        // A block.
        "inv" | "getdata" | "notfound" => {
            payload.extend_from_slice(&2_u32.to_le_bytes());
            push_hash(payload, n);
        }
        "headers" => payload.extend_from_slice(&[0; 81]),
        _ => push_hash(payload, n),
    }
}

/// An address of 32.0.0.0/8, or of the network that is asked for: neighbours are of different
/// netgroups. It was seen just now, or so long ago.
fn push_address(payload: &mut Vec<u8>, now: Now, word: &Word, n: u64) {
    let [low, high, ..] = (number(word, "from").unwrap_or(0) + n).to_le_bytes();
    let seen = now.wall.as_secs().saturating_sub(number(word, "age").unwrap_or(0));
    payload.extend_from_slice(&u32::try_from(seen).unwrap_or(u32::MAX).to_le_bytes());
    let services = number(word, "services").unwrap_or(SERVICES);
    let ip = [32, low, high, 1];
    if word.name == "addr" {
        payload.extend_from_slice(&services.to_le_bytes());
        payload.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        payload.extend_from_slice(&ip);
    } else {
        push_number(payload, services);
        let network = number(word, "network").unwrap_or(1);
        let bytes = match network {
            1 => 4,
            2 | 6 => 16,
            _ => 32,
        };
        let mut address = if network == 6 { vec![0xfc] } else { Vec::new() };
        address.extend_from_slice(&ip);
        address.resize(bytes, 0);
        payload.push(network.to_le_bytes()[0]);
        payload.push(u8::try_from(bytes).expect("at most 32"));
        payload.extend_from_slice(&address);
    }
    payload.extend_from_slice(&[0x20, 0x8d]);
}

/// A number in its shortest form.
fn push_number(payload: &mut Vec<u8>, number: u64) {
    let (mark, bytes) = match number {
        0..253 => (None, 1),
        253..0x1_0000 => (Some(253), 2),
        0x1_0000..0x1_0000_0000 => (Some(254), 4),
        _ => (Some(255), 8),
    };
    payload.extend(mark);
    payload.extend_from_slice(&number.to_le_bytes()[..to_usize(bytes)]);
}

fn push_hash(payload: &mut Vec<u8>, n: u64) {
    payload.extend_from_slice(&n.to_le_bytes());
    payload.extend_from_slice(&[0; 24]);
}
