//! Mutations of what a seed has made: of the value, so that each is again something that can
//! happen.
//!
//! Somebody is not there, or somebody of another seed comes as well; lines are brought together;
//! more is said, and more goes wrong; settings, strategy and chances change. There are no more
//! ways, because no search reached more with those that were tried: lines moved, repeated,
//! stretched in time, given to others or said otherwise, parts of two schedules put together,
//! lines of the order changed. What comes out can be said and run, and is bounded by the number of
//! its lines and actors. The same seed gives the same mutation.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::language::Language;
use crate::faulty::Weights;
use crate::generate::{Generated, Plan, draw_strategy, parts};
use crate::run::Chance;
use crate::schedule::{ActorId, Item, Line, Op, When, Word};
use crate::schedulers::Draws;

/// Most lines of a mutated script; a generated one has half as many.
const LINES_MAX: usize = 300;

/// Most actors of one.
const ACTORS_MAX: usize = 20;

/// Most mutations at once. One rarely changes what a run of hundreds of lines reaches.
const MUTATIONS_MAX: u32 = 24;

/// Most lines that are brought together.
const MEET_MAX: u32 = 4;

/// Most things that somebody says more, and most lines that come from another seed.
const WORDS_MAX: u32 = 5;
const STRANGE_LINES_MAX: u32 = 5;

/// Of what is said more, one in so many is any word of the language.
const PLAIN_WORDS_ONCE_IN: u32 = 4;

/// Of the settings, so many in 256 are drawn small.
const SMALL_SETTINGS_IN_256: u8 = 128;

/// Makes something else of what a seed has made.
#[must_use]
pub fn mutate(language: &Language, plan: &Plan, parent: &Generated, seed: u64) -> Generated {
    let mut mutator = Mutator::new(language, plan, parent, seed);
    let mutations = 1 + mutator.draws.below(MUTATIONS_MAX);
    for _ in 0..mutations {
        let mutation = mutator.draws.pick_weighted(MUTATIONS);
        mutator.change(mutation);
    }
    mutator.finish()
}

/// One way to change what is under way.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    DropActor,
    DropEnd,
    Meet,
    SayMore,
    GoWrong,
    Command,
    TakeIn,
    ChangeSettings,
    ChangeChance,
    ChangeStrategy,
}

/// Every way, with how often it is taken.
const MUTATIONS: [(Mutation, u32); 10] = [
    (Mutation::DropActor, 3),
    (Mutation::DropEnd, 2),
    (Mutation::Meet, 4),
    (Mutation::SayMore, 16),
    (Mutation::GoWrong, 6),
    (Mutation::Command, 2),
    (Mutation::TakeIn, 8),
    (Mutation::ChangeSettings, 3),
    (Mutation::ChangeChance, 3),
    (Mutation::ChangeStrategy, 3),
];

/// A schedule under change. Times count from the start.
struct Mutator<'a> {
    language: &'a Language,
    plan: &'a Plan,
    parent: &'a Generated,
    draws: Draws,
    node: Vec<(String, String)>,
    lines: Vec<(Duration, Op)>,
    chance: Chance,
}

impl<'a> Mutator<'a> {
    fn new(language: &'a Language, plan: &'a Plan, parent: &'a Generated, seed: u64) -> Self {
        let draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
        let (node, chance) = (parent.schedule.node.clone(), parent.chance.clone());
        Self { language, plan, parent, draws, node, lines: timed(parent), chance }
    }

    fn change(&mut self, mutation: Mutation) {
        match mutation {
            Mutation::DropActor => self.drop_actor(),
            Mutation::DropEnd => self.drop_end(),
            Mutation::Meet => self.meet(),
            Mutation::SayMore => self.say_more(),
            Mutation::GoWrong => self.go_wrong(),
            Mutation::Command => self.command(),
            Mutation::TakeIn => self.take_in(),
            Mutation::ChangeSettings => self.change_settings(),
            Mutation::ChangeChance => self.change_chance(),
            Mutation::ChangeStrategy => self.change_strategy(),
        }
    }

    fn finish(mut self) -> Generated {
        self.lines.sort_by_key(|(at, _)| *at);
        self.lines.truncate(LINES_MAX);
        let mut made = self.parent.clone();
        let line = |(at, op)| Line { at: When::At(at), op, comment: Vec::new() };
        made.schedule.node = self.node;
        made.schedule.script = self.lines.into_iter().map(line).collect();
        made.chance = self.chance;
        assert_eq!(made.schedule.check(), Ok(()), "mutations make what can be said");
        made
    }

    // Draws.

    fn any_line(&mut self) -> Option<usize> {
        let count = u32::try_from(self.lines.len()).expect("there are hundreds of lines at most");
        (count > 0).then(|| self.draws.below(count) as usize)
    }

    /// A time within the script: often one at which something happens.
    fn any_time(&mut self) -> Duration {
        match self.any_line() {
            Some(line) if self.draws.once_in(2) => self.lines[line].0,
            _ => {
                let end = self.lines.iter().map(|(at, _)| *at).max().unwrap_or_default();
                let millis = u32::try_from(end.as_millis()).unwrap_or(u32::MAX);
                Duration::from_millis(u64::from(self.draws.below(millis.saturating_add(1))))
            }
        }
    }

    /// Everybody who is there, by number.
    fn actors(&self) -> Vec<ActorId> {
        let mut actors: Vec<_> = self.lines.iter().filter_map(|(_, op)| op.actor()).collect();
        actors.sort_unstable();
        actors.dedup();
        actors
    }

    fn any_actor(&mut self) -> ActorId {
        let actors = self.actors();
        if actors.is_empty() { ActorId(1) } else { *self.draws.pick(&actors) }
    }

    /// Mostly as generated schedules have it.
    fn any_item(&mut self) -> Item {
        if self.draws.once_in(PLAIN_WORDS_ONCE_IN) {
            return Item::Word { word: self.draws.pick(&self.language.words).clone(), times: 1 };
        }
        (self.language.item)(&mut self.draws)
    }

    fn add(&mut self, at: Duration, op: Op) {
        if self.lines.len() < LINES_MAX {
            self.lines.push((at, op));
        }
    }

    // Less.

    /// Somebody is not there: what is left costs less.
    fn drop_actor(&mut self) {
        let actor = self.any_actor();
        if self.actors().len() > 1 {
            self.lines.retain(|(_, op)| op.actor() != Some(actor));
        }
    }

    /// It ends sooner.
    fn drop_end(&mut self) {
        let from = self.any_time();
        self.lines.retain(|(at, _)| *at <= from);
    }

    // At another time, and more.

    /// A few lines happen at one instant, so that the order decides.
    fn meet(&mut self) {
        let at = self.any_time();
        for _ in 0..=self.draws.below(MEET_MAX) {
            if let Some(line) = self.any_line() {
                self.lines[line].0 = at;
            }
        }
    }

    /// Somebody says something more.
    fn say_more(&mut self) {
        let (actor, at) = (self.any_actor(), self.any_time());
        let mut items = Vec::new();
        // A handshake first, perhaps, so that what follows is heard behind it.
        for name in self.language.handshake {
            if self.draws.once_in(3) {
                items.push(Item::Word { word: Word::plain(name), times: 1 });
            }
        }
        for _ in 0..=self.draws.below(WORDS_MAX) {
            items.push(self.any_item());
        }
        items.extend((self.language.chain_items)(&mut self.draws, &self.node));
        self.add(at, Op::Send { actor, items });
    }

    /// A call goes otherwise than the network would have it.
    fn go_wrong(&mut self) {
        let actor = if self.draws.once_in(4) { None } else { Some(self.any_actor()) };
        let at = self.any_time();
        let fault = parts::fault(&mut self.draws, actor);
        self.add(at, Op::Fault(fault));
    }

    /// An operator says something.
    fn command(&mut self) {
        if !self.language.commands.is_empty() {
            let word = self.draws.pick(&self.language.commands).clone();
            let at = self.any_time();
            self.add(at, Op::NodeTold { word });
        }
    }

    /// Somebody of another seed's comes as well, with all that they do; or a few of its lines
    /// happen to somebody who is there.
    fn take_in(&mut self) {
        let theirs = timed(&(self.language.generate)(self.plan, self.draws.seed()));
        let Some(them) = self.draws.pick(&theirs).1.actor() else { return };
        let here = self.actors();
        let free = (1..=ActorId::MAX.0).map(ActorId).find(|id| !here.contains(id));
        match free.filter(|_| here.len() < ACTORS_MAX) {
            Some(us) if self.draws.once_in(2) => {
                for (at, op) in theirs.into_iter().filter(|(_, op)| op.actor() == Some(them)) {
                    self.add(at, given(op, us));
                }
            }
            _ => {
                for _ in 0..=self.draws.below(STRANGE_LINES_MAX) {
                    let (_, op) = self.draws.pick(&theirs).clone();
                    let (actor, at) = (self.any_actor(), self.any_time());
                    self.add(at, given(op, actor));
                }
            }
        }
    }

    // The node, and what decides where the script does not.

    fn change_settings(&mut self) {
        let draws = &mut self.draws;
        let mut set = match draws.below(3) {
            0 => {
                let key = *draws.pick(&["send-buffer", "receive-buffer"]);
                let bytes = *draws.pick(&[600, 4096, 16_384, 65_536]);
                vec![(key.to_owned(), bytes.to_string())]
            }
            1 => {
                let (key, least) = *draws.pick(&[("descriptors", 4), ("backlog", 1)]);
                vec![(key.to_owned(), (least + draws.below(10)).to_string())]
            }
            _ => (self.language.settings)(SMALL_SETTINGS_IN_256, &mut |bound| draws.below(bound)),
        };
        self.node.retain(|(key, _)| set.iter().all(|(other, _)| other != key));
        self.node.append(&mut set);
    }

    fn change_chance(&mut self) {
        let draws = &mut self.draws;
        let weights = &mut self.chance.weights;
        let value = *draws.pick(&[0, 4, 16, 64]);
        match draws.below(9) {
            0 => self.chance.seed = draws.seed(),
            1 => *weights = Weights::default(),
            2 => weights.short_send = value,
            3 => weights.send_would_block = value,
            4 => weights.short_recv = value,
            5 => weights.recv_would_block = value,
            6 => weights.reset = value.min(4),
            7 => weights.accept_fails = value,
            _ => weights.connect_fails = value,
        }
    }

    fn change_strategy(&mut self) {
        let drawn = draw_strategy(&mut self.draws);
        self.chance.strategy = self.plan.strategy.unwrap_or(drawn);
    }
}

/// The lines of a script with the times at which they happen.
fn timed(generated: &Generated) -> Vec<(Duration, Op)> {
    let ops = generated.schedule.script.iter().map(|line| line.op.clone());
    generated.schedule.times().into_iter().zip(ops).collect()
}

/// The same done by another actor, if it is an actor's; from its usual address, because a given one
/// is one actor's alone.
fn given(mut op: Op, to: ActorId) -> Op {
    if let Op::Dial { from: address, .. } | Op::Listen { at: address, .. } = &mut op {
        *address = None;
    }
    if let Some(actor) = op.actor_mut() {
        *actor = to;
    }
    op
}
