//! A schedule as a test for Bitcoin Core's functional test framework: one file of Python for
//! reviewers who install nothing else.
//!
//! What peers say is written out as bytes, so that the file needs no dialect; what it has of the
//! protocol is a frame, an answer to a ping, and a handshake. Not every schedule can be written so:
//! what stands in the way is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use sockman::sockman::Initiator;
use sockman::time::{Instant, Now};

use crate::expect::window;
use crate::places::live::{Abilities, options, skipped};
use crate::schedule::{ActorId, Expect, Item, Manner, Op, Ordering, Schedule, Word};
use crate::subject::Dialect as _;
use crate::subjects::connman::Speaker;
use crate::world::WALL_START;

/// What plays the steps.
const TEMPLATE: &str = include_str!("functional/template.py");

/// Most bytes that one line may say: beyond, the file is no longer one for people.
const LINE_BYTES_MAX: usize = 100_000;

/// What the framework's node can do: it has no proxy.
const ABILITIES: Abilities = Abilities { starts: true, rpc: true, proxy: false };

/// Why a schedule is no functional test: what it has that cannot be written.
pub type Unwritable = BTreeSet<&'static str>;

/// A peer while the script is read.
struct Peer {
    speaker: Speaker,
    /// What is left of the last part, as bytes.
    rest: Vec<u8>,
}

/// The text of the test.
///
/// # Errors
///
/// The schedule has something that cannot be written.
pub fn export(schedule: &Schedule) -> Result<String, Unwritable> {
    let mut missing = skipped(schedule, ABILITIES, Duration::MAX);
    let mut peers: BTreeMap<ActorId, Peer> = BTreeMap::new();
    let mut steps = String::new();
    for (at, line) in schedule.times().into_iter().zip(&schedule.script) {
        let peer = line.op.actor().map(|id| {
            let new = || Peer { speaker: Speaker::new(id.0), rest: Vec::new() };
            peers.entry(id).or_insert_with(new)
        });
        let Some((peer, id)) = peer.zip(line.op.actor()) else { continue };
        match step(&line.op, peer, at) {
            Ok(what) => {
                // The framework's clocks are of floating point; ours is not.
                let (seconds, millis) = (at.as_secs(), at.subsec_millis());
                let _ = writeln!(steps, "    ({seconds}.{millis:03}, \"{id}\", {what}),");
            }
            Err(name) => drop(missing.insert(name)),
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut text = String::from("#!/usr/bin/env python3\n");
    for line in &schedule.title {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("#\n# Written by `sim export --functional-test` from this schedule:\n#\n");
    let plain = Schedule { title: Vec::new(), ..schedule.clone() };
    for line in plain.to_string().lines() {
        let _ = writeln!(text, "{}", format!("#     {line}").trim_end());
    }
    text.push_str("import hashlib\nimport socket\nimport struct\nimport time\n\n");
    text.push_str("from test_framework.test_framework import BitcoinTestFramework\n");
    text.push_str("from test_framework.util import assert_equal, p2p_port\n\n");
    let options: Vec<_> =
        options(schedule, ABILITIES).iter().map(|option| format!("\"{option}\"")).collect();
    let _ = writeln!(text, "START = {}", WALL_START.as_secs());
    let _ = writeln!(text, "OPTIONS = [{}]", options.join(", "));
    text.push_str("# What a peer says that follows the protocol.\nHANDSHAKES = {\n");
    for id in peers.keys() {
        let mut speaker = Speaker::new(id.0);
        let mut said = |name| hex(&encoded(&mut speaker, &Word::plain(name), Duration::ZERO));
        let (version, verack) = (said("version"), said("verack"));
        let _ = writeln!(
            text,
            "    \"{id}\": {{\"version\": \"{version}\", \"verack\": \"{verack}\"}},"
        );
    }
    let _ = write!(text, "}}\n# When, who, what.\nSTEPS = [\n{steps}]\n\n{TEMPLATE}");
    Ok(text)
}

/// A line as the template has it, without its time and its actor.
fn step(op: &Op, peer: &mut Peer, at: Duration) -> Result<String, &'static str> {
    Ok(match op {
        Op::Dial { .. } => {
            peer.speaker.begin(Initiator::Us);
            "\"dials\"".to_owned()
        }
        Op::Send { items, .. } => format!("\"sends\", {}", said(items, peer, at)?.join(", ")),
        Op::Behave { manner: Manner::Honest, .. } => "\"is\", \"honest\"".to_owned(),
        Op::Behave { manner: Manner::Scripted | Manner::Silent, .. } => {
            "\"is\", \"silent\"".to_owned()
        }
        Op::Behave { .. } => return Err("is chatty, flooding, hostile, deaf, trickling"),
        Op::StopReading { .. } => "\"reads\", False".to_owned(),
        Op::ReadAgain { .. } => "\"reads\", True".to_owned(),
        Op::HalfClose { .. } => "\"half-closes\"".to_owned(),
        Op::Close { .. } => "\"closes\"".to_owned(),
        Op::Reset { .. } => "\"resets\"".to_owned(),
        Op::Expect(expect) => expectation(expect)?,
        Op::Listen { .. } | Op::Vanish { .. } => return Err("listens, vanishes"),
        Op::NodeDials { .. }
        | Op::NodeDrops { .. }
        | Op::NodeDialsItself
        | Op::NodeTold { .. }
        | Op::NodeRestarts
        | Op::NodeCrashes
        | Op::NodeStalls { .. }
        | Op::Link { .. }
        | Op::WallJump { .. }
        | Op::Fault(_) => return Err("what the node is asked to do"),
    })
}

fn expectation(expect: &Expect) -> Result<String, &'static str> {
    let seconds = |within: Duration| format!("{}.{:03}", within.as_secs(), within.subsec_millis());
    Ok(match expect {
        Expect::Receives { words, order, within, .. } => {
            let mut list = String::new();
            for (word, times) in words {
                let _ = write!(list, "({}, {times}), ", heard(word));
            }
            let order = if *order == Ordering::InOrder { "True" } else { "False" };
            format!(
                "\"receives\", {}, [{}], {order}",
                seconds(*within),
                list.trim_end_matches(", ")
            )
        }
        Expect::NeverReceives { word, .. } => format!("\"never receives\", {}, 1", heard(word)),
        Expect::Keeps { .. } => "\"keeps\"".to_owned(),
        Expect::Drops { .. } => format!("\"drops\", {}", seconds(window(expect))),
        Expect::Connects { .. } => format!("\"connects\", {}", seconds(window(expect))),
    })
}

/// A word that is heard: its name, and the number that is to be its nonce or length.
fn heard(word: &Word) -> String {
    let detail = word.setting("nonce").or_else(|| word.setting("length"));
    format!("\"{}\", {}", word.name, detail.unwrap_or("None"))
}

/// What is said, as texts of hexadecimal digits; a number is a pong for the last ping.
fn said(items: &[Item], peer: &mut Peer, at: Duration) -> Result<Vec<String>, &'static str> {
    let mut parts = Vec::new();
    let mut bytes = Vec::new();
    for item in items {
        match item {
            Item::Word { word, times } => match word.setting("xor") {
                Some(flipped) => {
                    parts.push(format!("\"{}\"", hex(&std::mem::take(&mut bytes))));
                    parts.push(flipped.to_owned());
                }
                None => {
                    for _ in 0..*times {
                        bytes.extend(encoded(&mut peer.speaker, word, at));
                        if bytes.len() > LINE_BYTES_MAX {
                            return Err("more than 100 kB in one line");
                        }
                    }
                }
            },
            Item::Part { bytes: count, word } => {
                let mut whole = encoded(&mut peer.speaker, word, at);
                peer.rest = whole.split_off((*count as usize).min(whole.len()));
                bytes.append(&mut whole);
            }
            Item::Rest => bytes.append(&mut peer.rest),
            Item::Bytes(own) => bytes.extend_from_slice(own),
            Item::Junk(_) => return Err("junk"),
        }
    }
    parts.push(format!("\"{}\"", hex(&bytes)));
    Ok(parts)
}

/// A word's bytes. The words of a schedule were checked.
fn encoded(speaker: &mut Speaker, word: &Word, at: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    let now = Now { steady: Instant::START + at, wall: WALL_START + at };
    // OK to ignore: an unknown word says nothing, and `sim replay` tells of it.
    let _ = speaker.encode(now, word, &mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
