//! Mutations of schedules, for the targets that run them: of operations, never of bytes in the
//! middle of one.
//!
//! An input is decoded and made tame, so that what is changed is what runs; then lines are put in,
//! taken out, repeated, moved and given to others, numbers go to their bounds, faults get stronger,
//! somebody comes and shakes hands. Checksums, lengths and handshakes are right by construction,
//! because a schedule says messages, not bytes. One call in four gives the payload of a message to
//! a tool from outside, libFuzzer's own mutations: only these know what the program under test has
//! compared with what. The same seed and the same tool give the same mutation.
//!
//! What a guided search does to schedules ([`guided::mutate`]) is one of the mutations; new pieces
//! are values of `arbitrary` (`piece.rs`).

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use self::piece::{Deviations, Lines, Newcomer};
use super::tame::tame;
use crate::faulty::Weights;
use crate::generate::{Generated, Plan};
use crate::guided::{self, Language};
use crate::run::Chance;
use crate::schedule::{ActorId, Line, Op, Schedule, When};
use crate::schedulers::{Draws, Strategy};
use crate::subject::Subject;
use crate::subjects::connman::Connman;
use crate::subjects::echo::Echo;
use crate::subjects::http::Http;

mod boundary;
mod payload;
mod piece;

/// Most mutations of one call.
const MUTATIONS_MAX: u32 = 4;

/// Most lines that are taken out, repeated or moved together.
const SPAN_MAX: u32 = 4;

/// Bytes from which new pieces of one call are made.
const PIECE_BYTES: usize = 256;

/// One way to change a schedule.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    Insert,
    Greet,
    Drop,
    Duplicate,
    Move,
    Give,
    Bound,
    Strengthen,
    Reorder,
    AsGuided,
}

/// Every way, with how often it is taken. What makes a script longer and what makes it shorter are
/// about even; the last is dear.
const MUTATIONS: [(Mutation, u32); 10] = [
    (Mutation::Insert, 12),
    (Mutation::Greet, 3),
    (Mutation::Drop, 10),
    (Mutation::Duplicate, 4),
    (Mutation::Move, 6),
    (Mutation::Give, 3),
    (Mutation::Bound, 12),
    (Mutation::Strengthen, 4),
    (Mutation::Reorder, 6),
    (Mutation::AsGuided, 1),
];

/// What a guided search knows of the subjects; made once, because it never changes.
static CONNMAN: LazyLock<Language> = LazyLock::new(Language::of::<Connman>);
static ECHO: LazyLock<Language> = LazyLock::new(Language::of::<Echo>);
static HTTP: LazyLock<Language> = LazyLock::new(Language::of::<Http>);

/// Makes other bytes of these: a schedule of `target`, a name of `schedules.rs`, of at most `most`
/// bytes. `tool` changes bytes as it likes; one that does nothing will do.
pub fn mutate(
    target: &str,
    bytes: &[u8],
    most: usize,
    seed: u64,
    tool: &mut dyn FnMut(&mut Vec<u8>),
) -> Vec<u8> {
    let mut schedule = Schedule::from_bytes(bytes);
    schedule.subject = subject_of(target).to_owned();
    let schedule = match target {
        "sockman" => mutated::<Echo>(schedule, &ECHO, seed, tool),
        "http_server" => mutated::<Http>(schedule, &HTTP, seed, tool),
        _ => mutated::<Connman>(schedule, &CONNMAN, seed, tool),
    };
    fitted(schedule, most)
}

/// Puts two schedules of `target` together: lines of the one before lines of the other, or an actor
/// of the other among those of the one.
#[must_use]
pub fn crossover(target: &str, one: &[u8], other: &[u8], most: usize, seed: u64) -> Vec<u8> {
    let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
    let decoded = |bytes| {
        let mut schedule = Schedule::from_bytes(bytes);
        schedule.subject = subject_of(target).to_owned();
        tame(schedule)
    };
    let (mut one, other) = (decoded(one), decoded(other));
    if draws.once_in(2) {
        one.script.truncate(place(&mut draws, one.script.len()));
        one.script.extend_from_slice(&other.script[place(&mut draws, other.script.len())..]);
    } else if let Some(free) = free_actor(&one)
        && let Some(them) = pick_actor(&mut draws, &other)
    {
        let theirs = other.script.iter().filter(|line| line.op.actor() == Some(them)).cloned();
        let mut at = place(&mut draws, one.script.len());
        for mut line in theirs {
            give(&mut line.op, free);
            one.script.insert(at, line);
            at = (at + 1 + draws.below(2) as usize).min(one.script.len());
        }
    }
    one.order.truncate(place(&mut draws, one.order.len()));
    one.order.extend_from_slice(&other.order[place(&mut draws, other.order.len())..]);
    fitted(one, most)
}

fn subject_of(target: &str) -> &'static str {
    match target {
        "sockman" => Echo::NAME,
        "http_server" => Http::NAME,
        _ => Connman::NAME,
    }
}

/// A tame schedule as bytes, without as many of its last lines as it takes to fit.
fn fitted(schedule: Schedule, most: usize) -> Vec<u8> {
    let mut schedule = tame(schedule);
    let mut lines = schedule.script.len();
    loop {
        let bytes = schedule.to_bytes();
        if bytes.len() <= most {
            return bytes;
        }
        // A quarter at a time, of the order first: it is about what the script does.
        if schedule.order.is_empty() && lines > 0 {
            lines = lines * 3 / 4;
            schedule.script.truncate(lines);
            // What the end of a script has to be for a target may have been cut off.
            schedule = tame(schedule);
        } else if schedule.order.pop().is_none() && schedule.node.pop().is_none() {
            // Only a head is left that does not fit.
            return Vec::new();
        }
    }
}

fn mutated<X: Subject>(
    schedule: Schedule,
    language: &Language,
    seed: u64,
    tool: &mut dyn FnMut(&mut Vec<u8>),
) -> Schedule {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pieces = [0; PIECE_BYTES];
    rng.fill_bytes(&mut pieces);
    let mut mutator = Mutator::<X> {
        draws: Draws::new(rng),
        pieces: Unstructured::new(&pieces),
        language,
        schedule: tame(schedule),
        subject: std::marker::PhantomData,
    };
    if mutator.draws.once_in(4) && mutator.change_payload(tool) {
        return mutator.schedule;
    }
    if !mutator.somebody_connects() {
        mutator.greet();
    }
    for _ in 0..=mutator.draws.below(MUTATIONS_MAX) {
        let mutation = mutator.draws.pick_weighted(MUTATIONS);
        mutator.change(mutation);
    }
    if !mutator.somebody_connects() {
        mutator.greet();
    }
    mutator.schedule
}

/// A schedule under change.
struct Mutator<'a, X> {
    draws: Draws,
    pieces: Unstructured<'a>,
    language: &'a Language,
    schedule: Schedule,
    subject: std::marker::PhantomData<X>,
}

impl<X: Subject> Mutator<'_, X> {
    fn change(&mut self, mutation: Mutation) {
        match mutation {
            Mutation::Insert => self.insert(),
            Mutation::Greet => self.greet(),
            Mutation::Drop => self.drop_lines(),
            Mutation::Duplicate => self.duplicate(),
            Mutation::Move => self.shift(),
            Mutation::Give => self.give(),
            Mutation::Bound => self.bound(),
            Mutation::Strengthen => self.strengthen(),
            Mutation::Reorder => self.reorder(),
            Mutation::AsGuided => self.change_as_guided(),
        }
    }

    /// A new value; one of nothing once there are no more bytes for it.
    fn piece<T: for<'b> Arbitrary<'b>>(&mut self) -> Option<T> {
        self.pieces.arbitrary().ok()
    }

    fn somebody_connects(&self) -> bool {
        let mut ops = self.schedule.script.iter().map(|line| &line.op);
        ops.any(|op| matches!(op, Op::Dial { .. } | Op::NodeDials { .. }))
    }

    fn insert(&mut self) {
        let Some(Lines::<X> { lines, .. }) = self.piece() else { return };
        let at = place(&mut self.draws, self.schedule.script.len());
        self.schedule.script.splice(at..at, lines);
    }

    /// Somebody new comes, so that there is somebody who has shaken hands.
    fn greet(&mut self) {
        let Some(Newcomer::<X> { ops, .. }) = self.piece() else { return };
        let Some(actor) = free_actor(&self.schedule) else { return };
        let mut at = place(&mut self.draws, self.schedule.script.len());
        for mut op in ops {
            give(&mut op, actor);
            let line = Line { at: When::Same, op, comment: Vec::new() };
            self.schedule.script.insert(at, line);
            at = (at + 1 + self.draws.below(2) as usize).min(self.schedule.script.len());
        }
    }

    /// A few lines that follow each other; none if there are none.
    fn span(&mut self) -> std::ops::Range<usize> {
        let count = self.schedule.script.len();
        let start = place(&mut self.draws, count.saturating_sub(1));
        let length = 1 + self.draws.below(SPAN_MAX) as usize;
        start..count.min(start + length)
    }

    fn drop_lines(&mut self) {
        let span = self.span();
        self.schedule.script.drain(span);
    }

    fn duplicate(&mut self) {
        let span = self.span();
        let copied = self.schedule.script[span.clone()].to_vec();
        self.schedule.script.splice(span.end..span.end, copied);
    }

    fn shift(&mut self) {
        let span = self.span();
        let moved: Vec<_> = self.schedule.script.drain(span).collect();
        let at = place(&mut self.draws, self.schedule.script.len());
        self.schedule.script.splice(at..at, moved);
    }

    /// A few lines happen to somebody else who is there.
    fn give(&mut self) {
        let Some(to) = pick_actor(&mut self.draws, &self.schedule) else { return };
        let span = self.span();
        for line in &mut self.schedule.script[span] {
            give(&mut line.op, to);
        }
    }

    /// Changes a line, unless nobody could write down what comes out.
    fn change_line(&mut self, change: impl Fn(&mut Draws, &mut Line)) {
        let span = self.span();
        let Some(line) = self.schedule.script.get_mut(span.start) else { return };
        let before = line.clone();
        change(&mut self.draws, line);
        if self.schedule.check().is_err() {
            self.schedule.script[span.start] = before;
        }
    }

    fn bound(&mut self) {
        self.change_line(|draws, line| boundary::set(draws, &mut line.at, &mut line.op));
    }

    /// The first line from a place on that can be stronger is.
    fn strengthen(&mut self) {
        let start = self.span().start;
        let before = self.schedule.script.clone();
        let draws = &mut self.draws;
        let lines = &mut self.schedule.script[start..];
        let changed = lines.iter_mut().any(|line| boundary::strengthen(draws, &mut line.op));
        if changed && self.schedule.check().is_err() {
            self.schedule.script = before;
        }
    }

    /// The order has a line more or less.
    fn reorder(&mut self) {
        let count = self.schedule.order.len();
        if count > 0 && self.draws.once_in(2) {
            let at = place(&mut self.draws, count - 1);
            self.schedule.order.remove(at);
        } else if let Some(Deviations(new)) = self.piece() {
            self.schedule.order.extend(new);
        }
    }

    fn change_as_guided(&mut self) {
        let chance = Chance { seed: 0, strategy: Strategy::Default, weights: Weights::default() };
        let schedule = std::mem::replace(&mut self.schedule, Schedule::new(X::NAME));
        let parent = Generated { world: "", schedule, chance };
        let seed = self.draws.seed();
        let plan = Plan::default();
        self.schedule = guided::mutate::mutate(self.language, &plan, &parent, seed).schedule;
    }

    /// Has the bytes of one thing that is said changed; whether there is one.
    fn change_payload(&mut self, tool: &mut dyn FnMut(&mut Vec<u8>)) -> bool {
        let script = self.schedule.script.iter_mut();
        let mut said: Vec<_> = script
            .filter_map(|line| {
                let Op::Send { items, .. } = &mut line.op else { return None };
                Some(items)
            })
            .flatten()
            .collect();
        let Some(last) = said.len().checked_sub(1) else { return false };
        let item = &mut said[place(&mut self.draws, last)];
        let Some(changed) = payload::change::<X>(item, tool) else { return false };
        **item = changed;
        true
    }
}

/// A place from 0 to `last`.
fn place(draws: &mut Draws, last: usize) -> usize {
    draws.below(u32::try_from(last + 1).unwrap_or(u32::MAX)) as usize
}

/// The first number that no actor has.
fn free_actor(schedule: &Schedule) -> Option<ActorId> {
    let taken = schedule.actors();
    (1..=ActorId::MAX.0).map(ActorId).find(|id| !taken.contains(id))
}

fn pick_actor(draws: &mut Draws, schedule: &Schedule) -> Option<ActorId> {
    let actors = schedule.actors();
    (!actors.is_empty()).then(|| *draws.pick(&actors))
}

/// Has it done by another actor, if it is an actor's.
fn give(op: &mut Op, to: ActorId) {
    if let Some(actor) = op.actor_mut() {
        *actor = to;
    }
}

#[cfg(test)]
mod tests;
