//! Messages that are lists: so many entries, each of them plausible and none of them true.

/// How many there may be, over what every node takes, in a payload that one takes.
pub(super) const COUNT_MAX: u64 = 60_000;

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
pub(super) fn payload(name: &str, count: u64) -> Vec<u8> {
    let mut payload = Vec::new();
    let is_locator = matches!(name, "getblocks" | "getheaders");
    if is_locator {
        payload.extend_from_slice(&70_016_u32.to_le_bytes());
    }
    push_count(&mut payload, count);
    for n in 0..count {
        push_entry(&mut payload, name, n);
    }
    if is_locator {
        payload.extend_from_slice(&[0; 32]);
    }
    payload
}

fn push_count(payload: &mut Vec<u8>, count: u64) {
    let count = u16::try_from(count).expect("what is said was checked: it is at most COUNT_MAX");
    if count >= 253 {
        payload.push(253);
        payload.extend_from_slice(&count.to_le_bytes());
    } else {
        payload.push(count.to_le_bytes()[0]);
    }
}

fn push_entry(payload: &mut Vec<u8>, name: &str, n: u64) {
    let [low, high, ..] = n.to_le_bytes();
    match name {
        // Time, services, an address of 32.0.0.0/8 and a port.
        "addr" => {
            payload.extend_from_slice(&[0; 12]);
            payload.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
            payload.extend_from_slice(&[32, high, low, 1, 0x20, 0x8d]);
        }
        "addrv2" => {
            payload.extend_from_slice(&[0, 0, 0, 0, 0, 1, 4, 32, high, low, 1, 0x20, 0x8d]);
        }
        // A block.
        "inv" | "getdata" | "notfound" => {
            payload.extend_from_slice(&2_u32.to_le_bytes());
            push_hash(payload, n);
        }
        "headers" => payload.extend_from_slice(&[0; 81]),
        _ => push_hash(payload, n),
    }
}

fn push_hash(payload: &mut Vec<u8>, n: u64) {
    payload.extend_from_slice(&n.to_le_bytes());
    payload.extend_from_slice(&[0; 24]);
}
