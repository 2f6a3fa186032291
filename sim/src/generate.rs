//! Schedules from seeds: what a campaign runs.
//!
//! A seed chooses a world ([`crate::worlds`]), and draws in it a script and the chances of
//! one run. What is possible at all in a run is itself drawn (swarm testing, Groce et al., ISSTA
//! 2012): some runs have no faults, some have one kind of them and a lot of it, for all faults a
//! little at a time hide each other. At the end faults stop, or freeze as they stand, and the
//! oracles ask whether everything goes on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::faulty::Weights;
use crate::run::{ACTOR_PORT, Chance, usual_address};
use crate::schedule::{ActorId, Item, Line, LinkChange, Manner, Op, Schedule, When, Word};
use crate::schedulers::{Draws, Strategy};
use crate::subject::{Dialect as _, Subject};
use crate::worlds::{self, Span, Table, Turn, World};

mod node_turns;
pub(crate) mod parts;
mod weight;

/// In what time the actors arrive, at most.
const ARRIVALS: Duration = Duration::from_secs(2);

/// The port from which the first actor that names its port dials.
const FROM_PORT: u16 = 40_000;

/// In so many netgroups live those who dial from an IPv6 address.
const V6_NETGROUPS: u16 = 4;

/// Everything that a seed decides.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The world that it chose.
    pub world: &'static str,
    /// The script, without an order.
    pub schedule: Schedule,
    /// What chance does to its run.
    pub chance: Chance,
}

/// What a campaign leaves to its seeds, and what not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// The world of every run; `None`: drawn by weight.
    pub world: Option<&'static World>,
    /// The strategy of every run; `None`: drawn.
    pub strategy: Option<Strategy>,
}

/// What the default campaign runs for a seed.
#[must_use]
pub fn generate<X: Subject>(seed: u64) -> Generated {
    generate_by::<X>(&Plan::default(), seed)
}

/// What a campaign runs for a seed.
#[must_use]
pub fn generate_by<X: Subject>(plan: &Plan, seed: u64) -> Generated {
    let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
    let drawn = draw_world(&mut draws);
    let world = plan.world.unwrap_or(drawn);
    let mut author = Author::<X>::new(&world.table, draws);
    author.write();
    let Author { mut draws, mut schedule, mut lines, .. } = author;
    lines.sort_by_key(|(at, _)| *at);
    let line = |(at, op)| Line { at: When::At(at), op, comment: Vec::new() };
    schedule.script = lines.into_iter().map(line).collect();
    let chance = chance(&mut draws, &world.table, plan.strategy);
    Generated { world: world.name, schedule, chance }
}

fn draw_world(draws: &mut Draws) -> &'static World {
    draws.pick_weighted(worlds::all().iter().map(|world| (world, world.table.weight)))
}

fn chance(draws: &mut Draws, table: &Table, strategy: Option<Strategy>) -> Chance {
    let weights = if draws.in_256(table.calls.in_256) {
        Weights {
            short_send: weight(draws),
            send_would_block: weight(draws),
            short_recv: weight(draws),
            recv_would_block: weight(draws),
            reset: u8::from(draws.in_256(table.calls.resets_in_256)),
            accept_fails: weight(draws),
            connect_fails: weight(draws),
        }
    } else {
        Weights::default()
    };
    let drawn = draw_strategy(draws);
    Chance { seed: draws.seed(), strategy: strategy.unwrap_or(drawn), weights }
}

/// A chance in 256: mostly none, sometimes a little, rarely a lot.
pub(crate) fn weight(draws: &mut Draws) -> u8 {
    let bound = *draws.pick(&[0, 0, 0, 4, 16, 64]);
    u8::try_from(draws.below(bound)).expect("below 64")
}

/// A strategy as seeds draw it.
pub(crate) fn draw_strategy(draws: &mut Draws) -> Strategy {
    let depth = u8::try_from(draws.within(1, 4)).expect("a small number");
    let often = *draws.pick(&[2, 8, 32, 128]);
    *draws.pick(&[
        Strategy::Default,
        Strategy::Default,
        Strategy::NowAndThen(often),
        Strategy::NowAndThen(often),
        Strategy::NowAndThen(often),
        Strategy::Walk,
        Strategy::Pct(depth),
        Strategy::RoundRobin,
    ])
}

/// An actor, as far as its author has to remember it.
#[derive(Clone, Copy, Debug)]
struct Cast {
    id: ActorId,
    manner: Manner,
    has_v6: bool,
}

/// Writes one script.
struct Author<'a, X> {
    table: &'a Table,
    draws: Draws,
    schedule: Schedule,
    lines: Vec<(Duration, Op)>,
    cast: Vec<Cast>,
    /// Whether the node chooses whom it connects to.
    chooses: bool,
    /// Dials that named their port so far.
    dials_from: u16,
    /// How far the instants lie apart at which everything happens, if it happens at few; in ms.
    instants: Option<u64>,
    subject: std::marker::PhantomData<X>,
}

impl<'a, X: Subject> Author<'a, X> {
    fn new(table: &'a Table, draws: Draws) -> Self {
        let schedule = Schedule::new(X::NAME);
        let (lines, cast, subject) = (Vec::new(), Vec::new(), std::marker::PhantomData);
        let (chooses, dials_from, instants) = (false, 0, None);
        Self { table, draws, schedule, lines, cast, chooses, dials_from, instants, subject }
    }

    fn write(&mut self) {
        self.set_up_node();
        let script = Duration::from_secs(u64::from(self.span(self.table.seconds)));
        let chatty = self.span(self.table.actors.chatty);
        let others = self.span(self.table.actors.others);
        let mut listed = Vec::new();
        // Drawn where it can be, so that all else of other worlds is as it would be without.
        let chosen_in_256 = self.table.actors.chosen_in_256;
        self.chooses = chosen_in_256 > 0 && self.draws.in_256(chosen_in_256);
        for number in 1..=(chatty + others).max(1) {
            let id = ActorId(u16::try_from(number).expect("a table has few actors"));
            let is_chatty = number <= chatty || self.table.actors.manners.is_empty();
            let manner = match is_chatty {
                true => Manner::Chatty,
                false => self.draws.pick(&self.table.actors.manners).0,
            };
            let has_v6 = self.draws.in_256(self.table.actors.v6_in_256);
            let actor = Cast { id, manner, has_v6 };
            self.cast.push(actor);
            listed.extend(self.introduce(actor, script));
            let turns = &self.table.turns;
            let turns = self.span(if is_chatty { turns.chatty } else { turns.others });
            for _ in 0..turns {
                let at = self.time_below(script);
                self.take_turn(actor, at);
            }
        }
        if !listed.is_empty() && X::CONNECTS_BY_ITSELF && self.chooses {
            let draws = &mut self.draws;
            let chosen = X::draw_chosen(&listed, &mut |bound| draws.below(bound));
            self.schedule.node.extend(chosen);
        } else if !listed.is_empty() && X::CONNECTS_BY_ITSELF {
            self.set("connect", &listed.join(" "));
        }
        for _ in 0..self.span(self.table.turns.node) {
            let at = self.time_below(script);
            self.take_node_turn(at, script);
        }
        self.crowd();
        let end = self.go_on(script);
        self.end(end);
        // Last, so that all else of a schedule is as it would be without.
        self.draw_speech();
        self.draw_files();
        self.draw_chain(end);
        weight::widen(&mut self.lines);
    }

    /// The node has a chain, its peers have some of it, and tell of it.
    fn draw_chain(&mut self, end: Duration) {
        let chance = self.table.node.chain_in_256;
        if chance == 0 || !self.draws.in_256(chance) {
            return;
        }
        let peers: Vec<_> = self.cast.iter().map(|actor| actor.id.0).collect();
        let draws = &mut self.draws;
        let settings = X::draw_chain(&peers, &mut |bound| draws.below(bound));
        for actor in self.cast.clone() {
            for _ in 0..self.span(self.table.turns.chain) {
                let at = self.time_below(end);
                let at = at_instant(at, self.instants);
                let items = parts::chain_items::<X>(&mut self.draws, &settings);
                if !items.is_empty() {
                    self.add(at, Op::Send { actor: actor.id, items });
                }
            }
        }
        self.schedule.node.extend(settings);
    }

    fn draw_files(&mut self) {
        let chance = self.table.node.files_in_256;
        // Who chooses knows somebody at the start, and that is not what lies on a disk.
        if chance > 0 && self.draws.in_256(chance) && !self.chooses {
            let draws = &mut self.draws;
            self.schedule.node.extend(X::draw_files(&mut |bound| draws.below(bound)));
        }
    }

    fn draw_speech(&mut self) {
        if self.draws.in_256(self.table.node.speech_in_256) {
            let peers: Vec<_> = self.cast.iter().map(|actor| actor.id.0).collect();
            let draws = &mut self.draws;
            self.schedule.node.extend(X::draw_speech(&peers, &mut |bound| draws.below(bound)));
        }
    }

    fn set_up_node(&mut self) {
        let seed = u32::try_from(self.draws.seed() >> 32).expect("the high half").max(1);
        self.set("seed", &seed.to_string());
        let node = &self.table.node;
        for key in ["send-buffer", "receive-buffer"] {
            if self.draws.in_256(node.small_buffers_in_256) {
                let bytes = *self.draws.pick(&[600_u32, 4096, 16_384]);
                self.set(key, &bytes.to_string());
            }
        }
        if node.descriptors.most > 0 {
            let descriptors = self.span(node.descriptors);
            self.set("descriptors", &descriptors.to_string());
        }
        let draws = &mut self.draws;
        let small = node.small_limits_in_256;
        self.schedule.node.extend(X::draw_settings(small, &mut |bound| draws.below(bound)));
    }

    fn set(&mut self, key: &str, value: &str) {
        self.schedule.node.push((key.to_owned(), value.to_owned()));
    }

    /// An actor arrives, over a link of its own. If the node connects to it by itself: where.
    fn introduce(&mut self, actor: Cast, script: Duration) -> Option<String> {
        let Cast { id, manner, .. } = actor;
        let at = self.time_below(ARRIVALS);
        let links = &self.table.links;
        if self.draws.in_256(links.slow_in_256) {
            let millis = u64::from(1 + self.draws.below(links.latency_ms_max));
            let change = LinkChange::Latency(Duration::from_millis(millis));
            self.add(at, Op::Link { actor: id, change });
        }
        if self.draws.in_256(links.chunks_in_256) {
            let most = *self.draws.pick(&[1, 30, 30, 200, 1500, 1500, 1500, 1500]);
            let change = LinkChange::Chunks(1 + self.draws.below(most));
            self.add(at, Op::Link { actor: id, change });
        }
        if self.draws.in_256(links.narrow_in_256) {
            let change = LinkChange::Bandwidth(u64::from(2_000 + self.draws.below(50_000)));
            self.add(at, Op::Link { actor: id, change });
        }
        self.add(at, Op::Behave { actor: id, manner });
        let who = &self.table.actors;
        let is_listed = X::CONNECTS_BY_ITSELF && self.draws.in_256(who.listed_in_256);
        let is_dialled = self.draws.in_256(who.dialled_in_256);
        if !is_listed && !is_dialled {
            self.dial(actor, at);
            if manner == Manner::Scripted && self.draws.once_in(2) {
                self.shake_hands(actor.id, at);
            }
            return None;
        }
        let is_late = self.draws.in_256(who.late_in_256);
        let listens_at = if is_late { self.time_below(script) } else { at };
        if is_listed && self.chooses {
            let at = SocketAddr::new(self.public_address(id), ACTOR_PORT);
            self.add(listens_at, Op::Listen { actor: id, at: Some(at) });
            return Some(at.to_string());
        }
        self.add(listens_at, Op::Listen { actor: id, at: None });
        if is_listed {
            return Some(SocketAddr::new(usual_address(id), ACTOR_PORT).to_string());
        }
        self.add(at, Op::NodeDials { actor: id });
        None
    }

    /// An address that the public can reach; some share a netgroup.
    fn public_address(&mut self, actor: ActorId) -> IpAddr {
        let (group, host) =
            (u8::try_from(actor.0 % 200).expect("below 200"), actor.0.to_be_bytes());
        let group = if self.draws.once_in(4) { 1 } else { group + 1 };
        IpAddr::V4(Ipv4Addr::new(8, group, host[0], host[1]))
    }

    /// Does by hand what honest actors do by themselves, or nearly so.
    fn shake_hands(&mut self, actor: ActorId, at: Duration) {
        let draws = &mut self.draws;
        let words = match draws.once_in(2) {
            true => X::Dialect::draw_handshake(&mut |bound| draws.below(bound)),
            false => Word::all_plain(X::Dialect::handshake()),
        };
        let items: Vec<_> = words.into_iter().map(|word| Item::Word { word, times: 1 }).collect();
        if !items.is_empty() {
            self.add(at, Op::Send { actor, items });
        }
    }

    fn dial(&mut self, actor: Cast, at: Duration) {
        let from = actor.has_v6.then(|| {
            // Nobody's (RFC 4291 reserves them), and yet addresses that a ban covers, as
            // 2001:db8:: is not.
            let group = actor.id.0 % V6_NETGROUPS;
            let address = Ipv6Addr::new(0x100, group, 0, 0, 0, 0, 0, actor.id.0);
            let port = FROM_PORT + self.dials_from;
            self.dials_from += 1;
            SocketAddr::new(IpAddr::V6(address), port)
        });
        self.add(at, Op::Dial { actor: actor.id, from });
    }

    fn take_turn(&mut self, cast: Cast, at: Duration) {
        let actor = cast.id;
        let op = match self.draws.pick_weighted(weights(&self.table.turns.sorts)) {
            Turn::Sends => Op::Send { actor, items: self.items() },
            Turn::Dials => return self.dial(cast, at),
            Turn::Closes => Op::Close { actor },
            Turn::Resets => Op::Reset { actor },
            Turn::HalfCloses => Op::HalfClose { actor },
            Turn::Vanishes => Op::Vanish { actor },
            Turn::StopsReading => Op::StopReading { actor },
            Turn::AsksInVain => return self.ask_in_vain(actor, at),
            Turn::ReadsAgain => Op::ReadAgain { actor },
            Turn::Reforms => Op::Behave { actor, manner: Manner::Honest },
            Turn::Dialled => Op::NodeDials { actor },
            Turn::Dropped => Op::NodeDrops { actor },
            Turn::LinkChanges => Op::Link { actor, change: parts::link_change(&mut self.draws) },
            Turn::LinkHeals => Op::Link { actor, change: LinkChange::Heal },
            Turn::Fault => Op::Fault(parts::fault(&mut self.draws, Some(actor))),
        };
        self.add(at, op);
    }

    /// Somebody asks for much and does not read the answers; some say that this was all.
    fn ask_in_vain(&mut self, actor: ActorId, at: Duration) {
        let draws = &mut self.draws;
        let (word, times) = X::Dialect::ask_much(&mut |bound| draws.below(bound));
        self.add(at, Op::StopReading { actor });
        self.add(at, Op::Send { actor, items: vec![Item::Word { word, times }] });
        if self.draws.once_in(4) {
            self.add(at, Op::HalfClose { actor });
        }
    }

    fn items(&mut self) -> Vec<Item> {
        let count = 1 + self.draws.below(4);
        (0..count).map(|_| parts::item::<X>(&mut self.draws)).collect()
    }

    /// In some scripts many things happen at the same instants, so that the order decides.
    fn crowd(&mut self) {
        if !self.draws.in_256(self.table.turns.crowded_in_256) {
            return;
        }
        self.instants = Some(*self.draws.pick(&[200, 1000, 2000]));
        for (at, _) in &mut self.lines {
            *at = at_instant(*at, self.instants);
        }
    }

    /// Perhaps the world goes on for long, more quietly. When it ends.
    fn go_on(&mut self, script: Duration) -> Duration {
        let last = self.lines.iter().map(|(at, _)| *at).max().unwrap_or_default();
        let start = script.max(last);
        let after = &self.table.after;
        if !self.draws.in_256(after.long_in_256) {
            return start;
        }
        // Rarely as long as it may be, because long is dear.
        let most = self.span(after.minutes);
        let minutes = self.draws.within(after.minutes.least, most);
        let length = Duration::from_secs(60 * u64::from(minutes));
        for actor in self.cast.clone() {
            let is_cheap = match actor.manner {
                Manner::Scripted
                | Manner::Honest
                | Manner::Silent
                | Manner::Deaf
                | Manner::Trickling => true,
                Manner::Slow | Manner::Chatty | Manner::Flooding | Manner::Hostile => false,
            };
            // Some go on as they are: who reads nothing reads nothing for an hour.
            if is_cheap && self.draws.once_in(3) {
                continue;
            }
            let manner = self.draws.pick(&after.manners).0;
            self.add(start, Op::Behave { actor: actor.id, manner });
        }
        for actor in self.cast.clone() {
            for _ in 0..self.span(after.turns) {
                let at = start + self.time_below(length);
                self.take_turn(actor, at);
            }
        }
        for _ in 0..self.span(after.node) {
            let at = start + self.time_below(length);
            self.take_node_turn(at, length);
        }
        start + length
    }

    /// Faults stop, or stay as they are; perhaps somebody new comes.
    fn end(&mut self, end: Duration) {
        let after = &self.table.after;
        if self.draws.in_256(after.heals_in_256) {
            for actor in self.cast.clone() {
                self.add(end, Op::Link { actor: actor.id, change: LinkChange::Heal });
                self.add(end, Op::ReadAgain { actor: actor.id });
            }
        }
        if self.draws.in_256(after.newcomer_in_256) {
            let number = u16::try_from(self.cast.len() + 1).expect("a table has few actors");
            let actor = ActorId(number);
            self.add(end, Op::Behave { actor, manner: Manner::Honest });
            self.add(end, Op::Dial { actor, from: None });
        }
        // The last line says how long the world goes on.
        self.add(end, Op::ReadAgain { actor: ActorId(1) });
    }

    fn add(&mut self, at: Duration, op: Op) {
        self.lines.push((at, op));
    }

    fn span(&mut self, span: Span) -> u32 {
        self.draws.within(span.least, span.most)
    }

    /// A time below a bound, in whole milliseconds so that lines read well.
    fn time_below(&mut self, bound: Duration) -> Duration {
        let millis = u32::try_from(bound.as_millis()).unwrap_or(u32::MAX);
        Duration::from_millis(u64::from(self.draws.below(millis)))
    }
}

/// A time, or the instant before it, if those lie so far apart, in ms.
fn at_instant(at: Duration, apart: Option<u64>) -> Duration {
    let millis = u64::try_from(at.as_millis()).expect("a script goes on for hours");
    apart.map_or(at, |apart| Duration::from_millis(millis - millis % apart))
}

/// The rows of a table of weights.
fn weights<K: Copy>(table: &BTreeMap<K, u32>) -> impl Iterator<Item = (K, u32)> + Clone {
    table.iter().map(|(key, weight)| (*key, *weight))
}
