//! Makes any schedule one that a target runs: without what costs much and finds nothing, and what
//! no peer can say; and says how many steps its run may take.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sockman::rng::Seed;

use crate::run::{SETTLE, can_be_a_hosts, usual_address};
use crate::schedule::{ActorId, Item, Line, LinkChange, Manner, Op, Schedule, When, Word};
use crate::subject::{Dialect as _, Setup, Subject, Usage};
use crate::subjects::connman::Connman;
use crate::subjects::echo::{CANARY, Echo};
use crate::subjects::http::Http;
use crate::subjects::http_client::HttpClient;
use crate::world::{Letter, NODE_ADDRESS, NODE_ADDRESS_V6};

/// Most repeats of one word or fault in one input: more of the same is slow, and no more telling.
const REPEAT_MAX: u32 = 300;

/// Most words of a script, repeats counted; beyond it each is said once.
const WORDS_MAX: u32 = 400;

/// Most bytes of junk in one item.
const JUNK_BYTES_MAX: u32 = 30_000;

/// Most lines of a script and of an order: a fuzzer that makes longer ones makes slow ones.
const LINES_MAX: usize = 200;

/// The longest that a script goes on: three times the 20 minutes after which a silent peer is gone
/// (docs/behaviour.md, connman 9).
const TIME_MAX: Duration = Duration::from_secs(3_600);

/// Most bytes that a script says: some buffers full of them. They are hashed and compared at both
/// ends.
const BYTES_MAX: u64 = 400_000;

/// Most messages that manners say in one script, each some steps: who asks 400 times a second has
/// one, who pings has the hour.
const MANNERS_MAX: u64 = 400;

/// The most that an actor may say by itself in a minute once the script is over: the ten seconds
/// until the end of a run are not for more of the same.
const RESTLESS_PER_MINUTE: u64 = 60;

/// How long an actor that is restless at the end of a script is so after its last line.
const RESTLESS_FOR: Duration = Duration::from_millis(300);

/// Most of anything that a setting gives the node's host.
const HOST_MAX: u32 = 1 << 20;

/// The same schedule as targets run it: of a subject that there is, with settings that it takes and
/// words that its peers can say; without expectations, because bytes that nobody wrote expect
/// nothing that would be true. What is tame stays as it is.
#[must_use]
pub fn tame(schedule: Schedule) -> Schedule {
    match schedule.subject.as_str() {
        Echo::NAME => tame_for::<Echo>(schedule),
        Http::NAME => tame_for::<Http>(schedule),
        HttpClient::NAME => tame_for::<HttpClient>(schedule),
        _ => tame_for::<Connman>(schedule),
    }
}

fn tame_for<X: Subject>(mut schedule: Schedule) -> Schedule {
    X::NAME.clone_into(&mut schedule.subject);
    tame_settings::<X>(&mut schedule.node);
    schedule.script.retain(|line| !matches!(line.op, Op::Expect(_)));
    schedule.script.truncate(LINES_MAX);
    schedule.order.truncate(LINES_MAX);
    schedule.script.retain_mut(|line| tame_op::<X>(&mut line.op));
    tame_amount(&mut schedule.script);
    tame_addresses(&mut schedule.script);
    calm_restless(&mut schedule.script);
    tame_times(&mut schedule);
    schedule
}

/// Leaves the settings that are taken, each once.
fn tame_settings<X: Subject>(settings: &mut Vec<(String, String)>) {
    let mut kept: Vec<(String, String)> = Vec::new();
    for setting in settings.drain(..) {
        let is_taken = match setting.0.as_str() {
            "seed" => setting.1.parse::<u32>().is_ok_and(|number| number > 0),
            // The node listens at two addresses if somebody has one of IPv6.
            "descriptors" => setting.1.parse().is_ok_and(|number| (2..=HOST_MAX).contains(&number)),
            "send-buffer" | "receive-buffer" | "backlog" => {
                setting.1.parse().is_ok_and(|number| (1..=HOST_MAX).contains(&number))
            }
            // Whose bugs are known.
            key if key == CANARY.0 => false,
            _ => {
                let setup =
                    Setup { settings: std::slice::from_ref(&setting), seed: Seed::from_number(0) };
                X::tenant(&setup).is_ok()
            }
        };
        if is_taken && kept.iter().all(|(key, _)| *key != setting.0) {
            kept.push(setting);
        }
    }
    *settings = kept;
}

/// Makes a line sayable and short; whether something is left of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other lines are tame")]
fn tame_op<X: Subject>(op: &mut Op) -> bool {
    match op {
        Op::Send { items, .. } => {
            for item in items.iter_mut() {
                tame_item::<X>(item);
            }
            true
        }
        Op::NodeTold { word } => {
            if Letter::of(word, X::command).is_err() {
                let Some(known) = pick(&X::commands(), &word.name).cloned() else { return false };
                *word = known;
            }
            true
        }
        Op::Fault(fault) => {
            fault.times = fault.times.min(REPEAT_MAX);
            true
        }
        _ => true,
    }
}

fn tame_item<X: Subject>(item: &mut Item) {
    match item {
        Item::Word { word, times } => {
            make_sayable::<X>(word);
            *times = (*times).min(REPEAT_MAX);
        }
        Item::Part { word, .. } => make_sayable::<X>(word),
        Item::Junk(count) => *count = (*count).min(JUNK_BYTES_MAX),
        Item::Bytes(bytes) => bytes.truncate(JUNK_BYTES_MAX as usize),
        Item::Rest => {}
    }
}

/// Takes settings off a word until a peer can say it; a word that the language does not have
/// becomes one that it has.
fn make_sayable<X: Subject>(word: &mut Word) {
    while let Err(problem) = X::Dialect::check(word, Usage::Said) {
        match problem.setting {
            Some(setting) => drop(word.settings.remove(setting)),
            None => match pick(X::Dialect::vocabulary(), &word.name) {
                Some(known) => *word = Word::plain(known),
                None => unreachable!("a language has words"),
            },
        }
    }
}

/// One of these, the same for each name.
fn pick<'a, T>(known: &'a [T], name: &str) -> Option<&'a T> {
    let sum: usize = name.bytes().map(usize::from).sum();
    known.get(sum.checked_rem(known.len())?)
}

/// Leaves so many words and bytes of a script.
fn tame_amount(script: &mut [Line]) {
    let (mut words, mut bytes) = (WORDS_MAX, BYTES_MAX);
    for line in script {
        let Op::Send { items, .. } = &mut line.op else { continue };
        for item in items {
            if let Item::Word { word, .. } | Item::Part { word, .. } = item {
                shorten(word, bytes);
            }
            let Item::Word { word, times } = item else { continue };
            let each = bytes_of(word);
            let fit = u32::try_from(bytes / each).unwrap_or(u32::MAX);
            *times = (*times).min(words.min(fit).max(1));
            words = words.saturating_sub(*times);
            bytes = bytes.saturating_sub(each * u64::from(*times));
        }
    }
}

/// Makes a payload of a chosen length so long at most.
fn shorten(word: &mut Word, most: u64) {
    for (key, value) in &mut word.settings {
        if key == "length" && value.parse().is_ok_and(|length: u64| length > most) {
            *value = most.to_string();
        }
    }
}

/// Has whoever would go on to say much by itself become honest soon after the last line.
fn calm_restless(script: &mut Vec<Line>) {
    let mut restless = restless(script);
    while script.len() + restless.len() > LINES_MAX {
        script.pop();
        restless = self::restless(script);
    }
    let mut at = When::After(RESTLESS_FOR);
    for actor in restless {
        let op = Op::Behave { actor, manner: Manner::Honest };
        script.push(Line { at, op, comment: Vec::new() });
        at = When::Same;
    }
}

/// Who says much by itself at the end of a script.
fn restless(script: &[Line]) -> BTreeSet<ActorId> {
    let mut restless = BTreeSet::new();
    for line in script {
        let Op::Behave { actor, manner } = line.op else { continue };
        match manner_per_minute(manner) > RESTLESS_PER_MINUTE {
            true => restless.insert(actor),
            false => restless.remove(&actor),
        };
    }
    restless
}

/// Takes off addresses that somebody else has.
fn tame_addresses(script: &mut [Line]) {
    let mut owners: BTreeMap<IpAddr, ActorId> = BTreeMap::new();
    for line in script {
        let (Op::Dial { actor, from: address } | Op::Listen { actor, at: address }) = &mut line.op
        else {
            continue;
        };
        let Some(ip) = address.map(|address| address.ip()) else { continue };
        let is_nodes = ip == NODE_ADDRESS.ip() || ip == NODE_ADDRESS_V6.ip();
        let is_usual = is_usual(ip) && ip != usual_address(*actor);
        let is_odd = !can_be_a_hosts(ip);
        let owner = *owners.entry(ip).or_insert(*actor);
        if is_nodes || is_usual || is_odd || owner != *actor {
            *address = None;
        }
    }
}

/// Whether some actor has it unless its script says otherwise.
fn is_usual(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    ip.octets()[..3] == Ipv4Addr::new(203, 0, 113, 0).octets()[..3]
}

/// Ends a script in time.
fn tame_times(schedule: &mut Schedule) {
    let most = longest(schedule);
    let mut now = Duration::ZERO;
    for line in &mut schedule.script {
        line.at = match line.at {
            When::Same => When::Same,
            When::After(wait) => When::After(wait.min(most - now)),
            When::At(at) => When::At(at.min(most)),
        };
        now = match line.at {
            When::Same => now,
            When::After(wait) => now + wait,
            When::At(at) => now.max(at),
        };
        if let Op::NodeStalls { by } = &mut line.op {
            *by = (*by).min(most - now);
        }
    }
}

/// How long a script with such manners may go on.
fn longest(schedule: &Schedule) -> Duration {
    // OK because the rate is at least the minute's of one actor.
    let millis = MANNERS_MAX * 60_000 / rate_per_minute(schedule).max(1);
    Duration::from_millis(millis).min(TIME_MAX)
}

/// What all actors do by themselves in a minute, at most.
fn rate_per_minute(schedule: &Schedule) -> u64 {
    let mut rates: BTreeMap<ActorId, u64> = BTreeMap::new();
    for line in &schedule.script {
        let Some(actor) = line.op.actor() else { continue };
        let rate = rates.entry(actor).or_insert(1);
        if let Op::Behave { manner, .. } = line.op {
            *rate = (*rate).max(manner_per_minute(manner));
        }
    }
    rates.values().sum()
}

/// What an actor says by itself in a minute, in messages: corpus/README.md has how often it moves.
const fn manner_per_minute(manner: Manner) -> u64 {
    match manner {
        Manner::Scripted | Manner::Silent => 1,
        // Pings, and what follows from them.
        Manner::Honest | Manner::Deaf => 4,
        // It moves fifty times a second, mostly in vain.
        Manner::Slow => 400,
        // A byte a second, of which nothing comes.
        Manner::Trickling => 20,
        Manner::Chatty => 300,
        Manner::Hostile => 600,
        Manner::Flooding => 24_000,
    }
}

/// Steps of a run for nothing in particular: a world that begins and comes to rest.
const BASE: u64 = 2_000;

/// Steps for a line of the script or the order: a connection that begins or ends is some dozens.
const PER_LINE: u64 = 300;

/// Steps for a message or a piece that arrives: it is sent, arrives, is read, delivered and
/// handled, and so is the answer; each of these may be put off.
const PER_ARRIVAL: u64 = 30;

/// Bytes that arrive together unless a link is in the way. A segment has more.
const TOGETHER: u64 = 1_000;

/// Steps for a second of a script: a listener without descriptors tries again once in a second, and
/// a refused entry of `connect` after its back-off.
const PER_SECOND: u64 = 40;

/// Steps for a piece of a v2 handshake that arrives: nothing is handled or answered yet.
const PER_PIECE: u64 = 10;

/// Bytes of an entry of a list, at most: a header, with its count of transactions.
const ENTRY_BYTES: u64 = 80 + 1;

/// Bytes of a v2 handshake, one way and at most: the key, the longest garbage, its terminator, the
/// version packet. Source: BIP 324.
const HANDSHAKE_BYTES: u64 = 64 + 4095 + 16 + 20;

/// Bytes of a block of the chain, generously; and its height at most.
const BLOCK_BYTES: u64 = 300;
const CHAIN_MAX: u64 = 2_500;

/// Attempts at a `connect` list in a second, with those that follow with v1.
const ATTEMPTS_PER_SECOND: u64 = 2;

/// How many steps the run of a tame schedule may take: its work is bounded by what its script does.
/// One that takes more has found somebody who works for nothing.
#[must_use]
pub fn steps_allowed(schedule: &Schedule) -> u64 {
    let lines = (schedule.script.len() + schedule.order.len()) as u64;
    let time = ends_at(schedule) + SETTLE;
    let by_themselves = rate_per_minute(schedule) * (time.as_secs() + 1) / 60 + 1;
    let faults: u64 = schedule.script.iter().map(|line| fault_times(&line.op)).sum();
    let grain = grain(schedule);
    let said: u64 = schedule.script.iter().map(|line| arrivals(&line.op, grain)).sum();
    let moved = by_themselves + faults + said;
    let shaken = PER_PIECE * handshakes(schedule, time, grain);
    let moved = moved + of_chain(schedule, time, grain);
    BASE + PER_SECOND * time.as_secs() + PER_LINE * lines + PER_ARRIVAL * moved + shaken
}

/// When the script is over: its last line carried out, and a node that stands still goes on. What
/// its peers do meanwhile is work for it.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other lines are over at once")]
fn ends_at(schedule: &Schedule) -> Duration {
    let ends = schedule.times().into_iter().zip(&schedule.script).map(|(at, line)| match line.op {
        Op::NodeStalls { by } => at + by,
        _ => at,
    });
    ends.max().unwrap_or_default()
}

/// Pieces in which the handshakes of v2 arrive, both ways, if the node speaks it.
fn handshakes(schedule: &Schedule, time: Duration, grain: u64) -> u64 {
    let has = |key: &str| schedule.node.iter().find(|(other, _)| other == key);
    if has("v2").is_none_or(|(_, value)| value != "on") {
        return 0;
    }
    let asked = schedule.script.iter().filter(|line| line.op.is_attempt()).count() as u64;
    let listed = has("connect").map_or(0, |_| ATTEMPTS_PER_SECOND * (time.as_secs() + 1));
    (asked + listed) * 2 * (1 + HANDSHAKE_BYTES / grain)
}

/// Pieces in which headers and blocks arrive that nobody says in a script, if the node has a chain:
/// each block comes to it once, but that a connection may be over with sixteen under way; headers
/// are told whenever it asks, which it does for each connection, each word of them and every two
/// minutes; it tells everybody of each new block; and it answers.
fn of_chain(schedule: &Schedule, time: Duration, grain: u64) -> u64 {
    let value = |wanted: &str| schedule.node.iter().find(|(key, _)| key == wanted);
    if value("blocks").is_none() {
        return 0;
    }
    let heights = |text: &str| {
        let words = text.split_whitespace().flat_map(|word| word.split('/'));
        words.filter_map(|word| word.parse::<u64>().ok()).max().unwrap_or(0)
    };
    let of = |key| value(key).map_or(0, |(_, value)| heights(value));
    let said = schedule.script.iter().filter_map(|line| {
        let Op::Send { items, .. } = &line.op else { return None };
        Some(items)
    });
    let words: Vec<_> = said.flatten().filter_map(word_of).collect();
    let number = |word: &Word, key| word.setting(key).and_then(|value| value.parse::<u64>().ok());
    let last = |word: &Word| {
        let first = ["from", "block", "height"].into_iter().find_map(|key| number(word, key));
        first.map_or(0, |first| first + number(word, "count").unwrap_or(1))
    };
    let said = words.iter().map(|(word, _)| last(word)).max().unwrap_or(0);
    let top = of("blocks").max(of("holders")).max(said).min(CHAIN_MAX);
    let attempts = schedule.script.iter().filter(|line| line.op.is_attempt()).count() as u64;
    let listed = value("connect").map_or(0, |_| ATTEMPTS_PER_SECOND * (time.as_secs() + 1));
    let connections = attempts + listed;
    let is_about_it = |name: &str| matches!(name, "headers" | "inv" | "getdata" | "getheaders");
    let asked: u64 = words
        .iter()
        .filter(|(word, _)| is_about_it(&word.name))
        .map(|(word, times)| u64::from(*times) * number(word, "count").unwrap_or(1).min(top + 1))
        .sum();
    let lists = 1 + top * ENTRY_BYTES / grain;
    let questions = connections * (1 + time.as_secs() / 120) + words.len() as u64;
    let blocks = (1 + BLOCK_BYTES / grain) * (top + 16 * connections + asked);
    blocks + lists * questions + top * connections
}

/// A word, and how often it is said.
fn word_of(item: &Item) -> Option<(&Word, u32)> {
    match item {
        Item::Word { word, times } => Some((word, *times)),
        Item::Part { word, .. } => Some((word, 1)),
        Item::Rest | Item::Bytes(_) | Item::Junk(_) => None,
    }
}

fn fault_times(op: &Op) -> u64 {
    let Op::Fault(fault) = op else { return 0 };
    fault.times.into()
}

/// The fewest bytes that move together on any link, and through any buffer of the node's.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other lines leave them together")]
fn grain(schedule: &Schedule) -> u64 {
    let links = schedule.script.iter().filter_map(|line| match line.op {
        Op::Link { change: LinkChange::Chunks(bytes), .. } => Some(u64::from(bytes)),
        Op::Behave { manner: Manner::Slow | Manner::Trickling, .. } => Some(1),
        _ => None,
    });
    let buffers = schedule.node.iter().filter_map(|(key, value)| {
        let value = value.parse().ok()?;
        matches!(key.as_str(), "send-buffer" | "receive-buffer").then_some(value)
    });
    links.chain(buffers).min().unwrap_or(TOGETHER).clamp(1, TOGETHER)
}

/// Pieces in which what a line says arrives, and messages in it.
fn arrivals(op: &Op, grain: u64) -> u64 {
    let Op::Send { items, .. } = op else { return 0 };
    let pieces = |item: &Item| match item {
        Item::Word { word, times } => u64::from(*times) * (1 + bytes_of(word) / grain),
        Item::Part { bytes, word } => 1 + u64::from(*bytes).min(bytes_of(word)) / grain,
        Item::Rest => 1 + bytes_of(&Word::plain("version")) / grain,
        Item::Bytes(bytes) => 1 + bytes.len() as u64 / grain,
        Item::Junk(bytes) => 1 + u64::from(*bytes) / grain,
    };
    items.iter().map(pieces).sum()
}

/// Bytes of a message on the wire, at most: header, the longest payload that needs no setting, and
/// what settings fill it up to.
fn bytes_of(word: &Word) -> u64 {
    let length = |key| word.setting(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let entries = length("count").saturating_mul(ENTRY_BYTES);
    200 + length("length") + length("agent-bytes") + length("garbage") + entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::draw::random_bytes;
    use crate::run::{Options, Run};

    #[test]
    fn what_is_tame_stays_as_it_is_and_can_be_run() {
        for (seed, subject) in (0..3_000).zip(["connman", "echo", "http"].into_iter().cycle()) {
            let mut schedule = Schedule::from_bytes(&random_bytes(seed, 300));
            schedule.subject = subject.into();
            let tamed = tame(schedule);
            assert_eq!(tamed.check(), Ok(()), "seed {seed}");
            assert_eq!(tame(tamed.clone()), tamed, "seed {seed}");
            let set_up = match subject {
                "connman" => Run::<Connman>::new(&tamed, &Options::default()).err(),
                "echo" => Run::<Echo>::new(&tamed, &Options::default()).err(),
                _ => Run::<Http>::new(&tamed, &Options::default()).err(),
            };
            assert_eq!(set_up, None, "seed {seed}\n{tamed}");
        }
    }

    /// A list is told by its count, and arrives in as many pieces as its bytes.
    #[test]
    fn long_list_in_small_pieces_is_no_work_for_nothing() {
        let text = "format 1\nnode receive-buffer 600\n\n0ms p1 dials\n\
                    p1 sends version, verack, inv count=50001\n";
        let schedule = Schedule::parse("long", text).unwrap();
        let steps_max = steps_allowed(&schedule);
        let options = Options { steps_max, ..Options::default() };
        let report = Run::<Connman>::new(&schedule, &options).unwrap().finish();
        assert!(report.verdict.is_passed(), "{}", report.told(None));
        let few = Options { steps_max: 10_000, ..Options::default() };
        let report = Run::<Connman>::new(&schedule, &few).unwrap().finish();
        assert!(!report.verdict.is_passed(), "it takes many");
    }

    #[test]
    fn who_asks_often_is_quiet_after_the_script() {
        let text =
            "format 1\n\n0ms p1 is flooding\n p2 is trickling\n p3 is slow\n+10ms p3 is silent\n";
        let tamed = tame(Schedule::parse("restless", text).unwrap());
        let said: Vec<_> = tamed.script[4..].iter().map(|line| line.op.to_string()).collect();
        assert_eq!(said, ["p1 is honest"], "{tamed}");
        assert_eq!(tamed.times()[4], Duration::from_millis(310));
    }

    #[test]
    fn a_node_has_descriptors_to_listen_with() {
        let text = "format 1\nnode descriptors 1\n\n0ms p1 dials from [2001:db8::1]:5\n";
        let schedule = Schedule::parse("few", text).unwrap();
        let refused = Run::<Connman>::new(&schedule, &Options::default()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "node descriptors 1: expected one for each address that the node listens at"
        );
        assert!(Run::<Connman>::new(&tame(schedule), &Options::default()).is_ok());
    }

    #[test]
    fn words_are_counted_over_the_whole_script() {
        let text = "format 1\n\n0ms p1 sends ping x290, pong x290\n p2 sends ping x7, verack\n";
        let tamed = tame(Schedule::parse("many", text).unwrap());
        let said: Vec<_> = tamed.script.iter().map(|line| line.op.to_string()).collect();
        assert_eq!(said, ["p1 sends ping x290, pong x110", "p2 sends ping, verack"]);
    }

    #[test]
    fn bytes_are_counted_over_the_whole_script() {
        let text = "format 1\n\n0ms p1 sends tx length=4000000\n p2 sends ping length=99800 x9\n";
        let tamed = tame(Schedule::parse("long", text).unwrap());
        let said: Vec<_> = tamed.script.iter().map(|line| line.op.to_string()).collect();
        assert_eq!(said, ["p1 sends tx length=400000", "p2 sends ping length=0"]);
        assert_eq!(tame(tamed.clone()), tamed);
    }

    /// Found by the target sockman.
    #[test]
    fn node_that_stands_still_has_the_work_of_that_time_as_well() {
        let text = "format 1\nsubject echo\n\n0ms p1 is honest\n p1 dials\n p1 is slow\n\
                    +1s node stalls 21min\n";
        let tamed = tame(Schedule::parse("stalls", text).unwrap());
        let options = Options { steps_max: steps_allowed(&tamed), ..Options::default() };
        let report = Run::<Echo>::new(&tamed, &options).unwrap().finish();
        assert!(report.verdict.is_passed(), "{}", report.verdict);
    }

    /// Found by the target connman.
    #[test]
    fn handshake_over_v2_may_come_in_single_bytes() {
        let text = "format 1\nnode v2 on\nnode v2-peers p1\n\n0ms link p1 chunks 1\n p1 is honest\n\
                    \x20p1 listens\n node dials p1\n+0ms link p2 chunks 1\n p2 is honest\n\
                    \x20p2 listens\n node dials p2\n";
        for seed in 1..20 {
            let text = text.replacen("node v2 on", &format!("node seed {seed}\nnode v2 on"), 1);
            let tamed = tame(Schedule::parse("bytes", &text).unwrap());
            let options = Options { steps_max: steps_allowed(&tamed), ..Options::default() };
            let report = Run::<Connman>::new(&tamed, &options).unwrap().finish();
            assert!(report.verdict.is_passed(), "{seed}: {}", report.verdict);
        }
    }

    #[test]
    fn who_asks_often_has_less_time() {
        let hours = |manner: &str| {
            let text = format!("format 1\n\n0ms p1 dials\n p1 is {manner}\n+9h p1 closes\n");
            let tamed = tame(Schedule::parse("hours", &text).unwrap());
            *tamed.times().last().unwrap()
        };
        assert_eq!(hours("honest"), TIME_MAX);
        assert_eq!(hours("trickling"), Duration::from_secs(1_200));
        assert_eq!(hours("chatty"), Duration::from_secs(80));
        assert_eq!(hours("flooding"), Duration::from_secs(1));
    }
}
