//! What can be said and heard: names, and the settings of each.

use super::lists::{COUNT_MAX, FROM_MAX, LISTS, NETWORK_MAX};
use crate::bip324::GARBAGE_BYTES_MAX;
use crate::lexicon::{Setting, Settings, Takes};
use crate::subjects::connman::mined::HEIGHT_MAX;

/// Longest payload that a word may be given by `length=`, in bytes: more than any node takes.
const LENGTH_MAX: u64 = 4_100_000;

/// What can be said of any message: how long its payload is, and what is wrong with its header.
pub(super) const ANY: [Setting; 5] = [
    Setting::up_to("length", LENGTH_MAX),
    Setting::up_to("claims", u32::MAX as u64),
    Setting { key: "magic", takes: Takes::Word("bad") },
    Setting { key: "type", takes: Takes::Word("bad") },
    Setting { key: "checksum", takes: Takes::Word("bad") },
];

/// What can be said of any message in v2 alone: its tag is wrong, the node is to ignore it, its
/// type goes out as this short id.
pub(super) const ANY_V2: [Setting; 3] = [
    Setting { key: "tag", takes: Takes::Word("bad") },
    Setting { key: "decoy", takes: Takes::Word("yes") },
    Setting::up_to("id", u8::MAX as u64),
];

/// What can be said of the word with which a peer begins v2.
const KEY: [Setting; 2] = [
    Setting::up_to("garbage", 2 * GARBAGE_BYTES_MAX as u64),
    Setting { key: "terminator", takes: Takes::Word("bad") },
];

/// What can be said of single ones.
const VERSION: [Setting; 6] = [
    Setting {
        key: "protocol",
        takes: Takes::Number { least: i32::MIN as i64, most: i32::MAX as u64 },
    },
    Setting::up_to("services", u64::MAX),
    Setting::up_to("nonce", u64::MAX),
    Setting::up_to("relay", 1),
    Setting::up_to("agent-bytes", u16::MAX as u64),
    Setting::up_to("cut", LENGTH_MAX),
];

const NONCE: [Setting; 1] = [Setting::up_to("nonce", u64::MAX)];

const PONG: [Setting; 2] = [Setting::up_to("nonce", u64::MAX), Setting::up_to("xor", u64::MAX)];

const SENDCMPCT: [Setting; 2] =
    [Setting::up_to("announce", 1), Setting::up_to("version", u64::MAX)];

const FEEFILTER: [Setting; 1] = [Setting::up_to("rate", u64::MAX)];

const LIST: [Setting; 1] = [Setting::up_to("count", COUNT_MAX)];

/// Of the one chain that schedules speak of.
const HEADERS: [Setting; 4] = [
    Setting::up_to("count", COUNT_MAX),
    Setting::up_to("from", HEIGHT_MAX as u64),
    Setting { key: "work", takes: Takes::Word("bad") },
    Setting { key: "invalid", takes: Takes::Word("yes") },
];

const BLOCKS: [Setting; 2] =
    [Setting::up_to("count", COUNT_MAX), Setting::up_to("block", HEIGHT_MAX as u64)];

const BLOCK: [Setting; 3] = [
    Setting::up_to("height", HEIGHT_MAX as u64),
    Setting { key: "mutated", takes: Takes::Word("yes") },
    Setting { key: "invalid", takes: Takes::Word("yes") },
];

const ADDRESSES: [Setting; 5] = [
    Setting::up_to("count", COUNT_MAX),
    Setting::up_to("from", FROM_MAX),
    Setting::up_to("age", u32::MAX as u64),
    Setting::up_to("services", u64::MAX),
    Setting::up_to("network", NETWORK_MAX),
];

/// By what a message that is heard can be told from others of its name.
const LENGTH: [Setting; 1] = [Setting::up_to("length", LENGTH_MAX)];

/// Words that a node says, so that what is heard need not be allocated.
pub(in crate::subjects::connman) const NAMES: &[&str] = &[
    "version",
    "verack",
    "wtxidrelay",
    "sendaddrv2",
    "sendheaders",
    "sendcmpct",
    "feefilter",
    "ping",
    "pong",
    "getaddr",
    "addr",
    "addrv2",
    "inv",
    "getdata",
    "getheaders",
    "headers",
    "block",
    "tx",
    "notfound",
    "alert",
    "sendtxrcncl",
    "cmpctblock",
    "mempool",
];

/// What is heard of a node's v2 handshake: its key; the end of its garbage, with how much there
/// was; its version packet, with how much is in it.
pub(super) const V2_NAMES: [&str; 3] = ["key", "terminator", "version-packet"];

/// What all other words are heard as.
pub(super) const OTHER: &str = "other";

/// The settings that a message of this name can be said with.
pub(in crate::subjects::connman) fn said_with(name: &str) -> Settings {
    let own: &[_] = match name {
        "version" => &VERSION,
        "ping" => &NONCE,
        "pong" => &PONG,
        "sendcmpct" => &SENDCMPCT,
        "feefilter" => &FEEFILTER,
        "key" => &KEY,
        "addr" => &ADDRESSES[..4],
        "addrv2" => &ADDRESSES,
        "headers" => &HEADERS,
        "inv" | "getdata" | "getheaders" => &BLOCKS,
        "block" => &BLOCK,
        name if LISTS.contains(&name) => &LIST,
        _ => &[],
    };
    [own, &ANY, &ANY_V2]
}

/// The settings by which a message of this name can be told from others.
pub(in crate::subjects::connman) fn heard_with(name: &str) -> Settings {
    match name {
        "ping" | "pong" => [&NONCE, &LENGTH, &[]],
        _ => [&[], &LENGTH, &[]],
    }
}

/// Whether there is a word for it.
pub(super) fn can_be_heard(name: &str) -> bool {
    NAMES.contains(&name) || V2_NAMES.contains(&name) || name == OTHER
}
