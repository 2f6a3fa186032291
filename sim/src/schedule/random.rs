//! Random values and texts for the tests: valid schedules of all shapes, the extremes among them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::limits::{is_node_key, is_word_name};
use super::*;

/// A stream of choices.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.0.next_u64() % bound).unwrap()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(super) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    fn list<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    /// From 1 to `most`, often one of the two.
    fn number(&mut self, most: u32) -> u32 {
        let any = u32::try_from(self.0.next_u64() % u64::from(most)).unwrap() + 1;
        let small = any % most.min(300) + 1;
        self.pick(&[1, 2, 3, small, any, most])
    }

    fn time(&mut self) -> Duration {
        let unit = self.pick(&[1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000]);
        let count = u64::from(self.number(100_000));
        let any = Duration::from_nanos(unit * count).min(TIME_MAX);
        self.pick(&[any, any, any, Duration::ZERO, TIME_MAX])
    }

    fn name(&mut self) -> String {
        let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain(['-']).collect();
        let most = self.pick(&[3, 12, NAME_BYTES_MAX]);
        let mut name = String::from(letters[self.below(26)]);
        while name.len() < most && self.below(8) > 0 {
            name.push(self.pick(&letters));
        }
        name
    }

    fn text(&mut self, fits: impl Fn(char) -> bool) -> String {
        let all = "ab -=:;,#\"\\.x7p1\té\u{a0}中\u{7}\u{2028}🦀".chars().collect::<Vec<_>>();
        self.list(12, |random| random.pick(&all)).into_iter().filter(|c| fits(*c)).collect()
    }

    fn comment(&mut self) -> Vec<String> {
        let most = self.pick(&[0, 0, 3]);
        self.list(most, |random| random.text(limits::is_comment_char).trim_end().to_owned())
    }

    fn actor(&mut self) -> ActorId {
        let actor = self.pick(&[1, 2, 3, 4, 5, 48, 49, 63, 64]);
        ActorId(actor)
    }

    fn address(&mut self) -> SocketAddr {
        let port = u16::from_le_bytes(self.bytes(2).try_into().unwrap());
        let bytes: [u8; 16] = self.bytes(16).try_into().unwrap();
        let v4 = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
        let v6 = self.pick(&[Ipv6Addr::from(bytes), Ipv6Addr::LOCALHOST, v4.to_ipv6_mapped()]);
        if self.coin() { (v4, port).into() } else { (v6, port).into() }
    }

    fn word(&mut self) -> Word {
        let known = ["version", "verack", "ping", "cfcheckpt", "x200", "of", "node"];
        let name = if self.coin() { self.pick(&known).to_owned() } else { self.name() };
        let name = if is_word_name(&name) { name } else { "ping".to_owned() };
        let most = self.pick(&[0, 0, 2, SETTINGS_MAX]);
        let settings =
            self.list(most, |random| (random.name(), random.text(limits::is_value_char)));
        Word { name, settings }
    }

    fn item(&mut self) -> Item {
        match self.below(8) {
            0 => Item::Part { bytes: self.number(LITERAL_BYTES_MAX), word: self.word() },
            1 => Item::Rest,
            2 => {
                let count = self.below(40) + 1;
                Item::Bytes(self.bytes(count))
            }
            3 => Item::Junk(self.number(LITERAL_BYTES_MAX)),
            _ => Item::Word { word: self.word(), times: self.number(REPEAT_MAX) },
        }
    }

    fn effect(&mut self, call: Call) -> Effect {
        let all = [
            Effect::Bytes(self.number(LITERAL_BYTES_MAX)),
            Effect::WouldBlock,
            Effect::Reset,
            Effect::TimedOut,
            Effect::OutOfDescriptors,
            Effect::OutOfMemory,
            Effect::Unreachable,
            Effect::Aborted,
            Effect::NoSpace,
            Effect::Io,
        ];
        let fitting: Vec<_> = all.into_iter().filter(|effect| effect.fits(call)).collect();
        self.pick(&fitting)
    }

    fn call(&mut self) -> Call {
        self.pick(&Call::ALL)
    }

    fn fault(&mut self) -> Fault {
        let call = self.call();
        Fault {
            call,
            nth: self.number(REPEAT_MAX),
            times: self.number(REPEAT_MAX),
            actor: self.option(Self::actor).filter(|_| !call.is_on_files()),
            effect: self.effect(call),
        }
    }

    fn expect(&mut self) -> Expect {
        let actor = self.actor();
        let within = self.time();
        match self.below(5) {
            0 => Expect::Receives {
                actor,
                words: (0..=self.below(3))
                    .map(|_| (self.word(), self.number(REPEAT_MAX)))
                    .collect(),
                order: self.pick(&[Ordering::InOrder, Ordering::AnyOrder]),
                within,
            },
            1 => Expect::NeverReceives { actor, word: self.word() },
            2 => Expect::Keeps { actor },
            3 => Expect::Drops { actor, within, because: self.option(Self::name) },
            _ => Expect::Connects { actor, within },
        }
    }

    fn link(&mut self) -> LinkChange {
        let all = [
            LinkChange::Latency(self.time()),
            LinkChange::Bandwidth(self.0.next_u64().max(1)),
            LinkChange::Bandwidth(u64::MAX),
            LinkChange::Chunks(self.number(LITERAL_BYTES_MAX)),
            LinkChange::SwallowAll,
            LinkChange::SwallowToNode,
            LinkChange::SwallowFromNode,
            LinkChange::Heal,
        ];
        self.pick(&all)
    }

    fn op(&mut self) -> Op {
        let actor = self.actor();
        match self.below(26) {
            0 => Op::Dial { actor, from: self.option(Self::address) },
            1 => Op::Listen { actor, at: self.option(Self::address) },
            2 => Op::NodeDials { actor },
            3 => Op::NodeDrops { actor },
            4 => {
                let manners = [
                    Manner::Scripted,
                    Manner::Honest,
                    Manner::Silent,
                    Manner::Slow,
                    Manner::Chatty,
                    Manner::Deaf,
                    Manner::Trickling,
                ];
                Op::Behave { actor, manner: self.pick(&manners) }
            }
            5 => Op::StopReading { actor },
            6 => Op::ReadAgain { actor },
            7 => Op::HalfClose { actor },
            8 => Op::Close { actor },
            9 => Op::Reset { actor },
            10 | 11 => Op::Link { actor, change: self.link() },
            12 => {
                let direction = self.pick(&[Jump::Forward, Jump::Back]);
                Op::WallJump { direction, by: self.time() }
            }
            20 => Op::NodeDialsItself,
            21 => Op::NodeTold { word: self.word() },
            22 => Op::NodeRestarts,
            23 => Op::Vanish { actor },
            24 => Op::NodeStalls { by: self.time() },
            25 => Op::NodeCrashes,
            13 | 14 => Op::Fault(self.fault()),
            15 | 16 => Op::Expect(self.expect()),
            _ => Op::Send { actor, items: (0..=self.below(4)).map(|_| self.item()).collect() },
        }
    }

    fn line(&mut self) -> Line {
        let time = self.time();
        Line {
            at: self.pick(&[When::Same, When::After(time), When::At(time)]),
            op: self.op(),
            comment: self.comment(),
        }
    }

    fn deviation(&mut self) -> Deviation {
        let nth = self.number(u32::MAX);
        let actor = self.option(Self::actor);
        if self.coin() {
            let call = self.call();
            let actor = actor.filter(|_| !call.is_on_files());
            return Deviation::At { call, actor, nth, effect: self.effect(call) };
        }
        let verbs = ["handles", "delivers", "send", "dial", "commanded", "serves", "node", "for"];
        let verb = if self.coin() { self.pick(&verbs).to_owned() } else { self.name() };
        let verb = if verb == limits::RESERVED_VERB { "fires".to_owned() } else { verb };
        let objects = ["", "verack", "p1", "p99", "for", "to", "the", "2nd", "run", "a:", "A_b"];
        let object = if self.coin() { self.pick(&objects).to_owned() } else { self.text(|_| true) };
        let anchor = Anchor { verb: verb.into(), object, actor, nth };
        Deviation::Before { anchor, run: self.name().into() }
    }

    fn node_setting(&mut self) -> (String, String) {
        let key = self.name();
        let key = if is_node_key(&key) { key } else { "seed".to_owned() };
        (key, self.text(limits::is_comment_char).trim().to_owned())
    }

    /// A valid schedule.
    pub(super) fn schedule(&mut self) -> Schedule {
        let subject = if self.coin() { "connman".to_owned() } else { self.name() };
        let schedule = Schedule {
            title: self.comment(),
            subject,
            node: self.list(3, Self::node_setting),
            script: self.list(12, Self::line),
            order: self.list(4, Self::deviation),
        };
        schedule.check().unwrap();
        schedule
    }

    /// A text with one to three letters, words or lines taken out, put in or exchanged.
    pub(super) fn mutated(&mut self, text: &str) -> String {
        const SCRAPS: [&str; 24] = [
            " ",
            "\n",
            ",",
            ":",
            "\"",
            "\\u{",
            "\\",
            "#",
            "=",
            "+",
            "-",
            "x",
            "p",
            "0",
            "65",
            "the",
            "hex",
            "node's",
            "99999999999999999999999999999",
            "é",
            "\u{7}",
            "\t",
            "1st",
            "to",
        ];
        let mut text: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(text.len() + 1);
            let end = (at + self.pick(&[0, 0, 1, 2, 12])).min(text.len());
            let scrap = if self.coin() { self.pick(&SCRAPS) } else { "" };
            let other = self.below(text.len() + 1);
            let copied: Vec<char> = text[other..(other + 6).min(text.len())].to_vec();
            let new = if self.coin() { scrap.chars().collect() } else { copied };
            text.splice(at..end, new);
        }
        text.into_iter().collect()
    }
}
