//! New pieces of a schedule, as values of `arbitrary`: drawn by what campaigns draw from, or out of
//! the dense form in which any bytes are lines.

use std::marker::PhantomData;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::draw::{below, pick};
use crate::generate::parts;
use crate::schedule::{ActorId, Deviation, Item, Line, Manner, Op, Schedule, When, Word};
use crate::schedulers::Draws;
use crate::subject::{Dialect as _, Subject};

/// Actors of new lines: few, so that lines are about the same ones.
const ACTORS: u32 = 4;

/// Bytes that are read as lines or as deviations: enough for a few.
const DENSE_BYTES: usize = 64;

/// Draws with a seed out of the bytes, for who has them drawn.
impl<'a> Arbitrary<'a> for Draws {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::new(ChaCha8Rng::seed_from_u64(bytes.arbitrary()?)))
    }
}

/// Lines of a script that belong together, in the words of a subject.
pub(super) struct Lines<X> {
    pub(super) lines: Vec<Line>,
    subject: PhantomData<X>,
}

/// A deviation from the default order.
pub(super) struct Deviations(pub(super) Vec<Deviation>);

/// Somebody who comes and says what an honest speaker says first: the one in eight with something
/// unusual about it.
pub(super) struct Newcomer<X> {
    pub(super) ops: Vec<Op>,
    subject: PhantomData<X>,
}

impl<'a, X: Subject> Arbitrary<'a> for Lines<X> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let number = u16::try_from(1 + below(bytes, ACTORS)).unwrap_or(1);
        let actor = ActorId(number);
        let subject = PhantomData;
        let op = match below(bytes, 16) {
            0 => {
                let mut lines = dense(bytes)?.script;
                lines.truncate(1 + below(bytes, 4) as usize);
                return Ok(Self { lines, subject });
            }
            1 => Op::Dial { actor, from: None },
            2 => Op::Listen { actor, at: None },
            3 => Op::NodeDials { actor },
            4 => Op::Behave { actor, manner: pick(bytes, &Manner::ALL) },
            5 => Op::Link { actor, change: parts::link_change(&mut bytes.arbitrary()?) },
            6 | 7 => {
                let whose = (below(bytes, 4) > 0).then_some(actor);
                Op::Fault(parts::fault(&mut bytes.arbitrary()?, whose))
            }
            8 => pick_end(bytes, actor),
            9 => Op::StopReading { actor },
            _ => Op::Send { actor, items: items::<X>(&mut bytes.arbitrary()?) },
        };
        let line = Line { at: when(bytes), op, comment: Vec::new() };
        Ok(Self { lines: vec![line], subject })
    }
}

impl<'a> Arbitrary<'a> for Deviations {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(dense(bytes)?.order))
    }
}

impl<'a, X: Subject> Arbitrary<'a> for Newcomer<X> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        // The caller gives it a number that nobody has.
        let actor = ActorId(1);
        let words = match below(bytes, 8) {
            0 => {
                let draws: &mut Draws = &mut bytes.arbitrary()?;
                X::Dialect::draw_handshake(&mut |bound| draws.below(bound))
            }
            _ => Word::all_plain(X::Dialect::handshake()),
        };
        let mut ops = vec![Op::Dial { actor, from: None }];
        let items: Vec<_> = words.into_iter().map(|word| Item::Word { word, times: 1 }).collect();
        if !items.is_empty() {
            ops.push(Op::Send { actor, items });
        }
        ops.push(Op::Send { actor, items: items_of::<X>(bytes)? });
        Ok(Self { ops, subject: PhantomData })
    }
}

/// What the dense form makes of some bytes.
fn dense(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Schedule> {
    Ok(Schedule::from_bytes(bytes.bytes(DENSE_BYTES.min(bytes.len()))?))
}

fn items_of<X: Subject>(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Item>> {
    Ok(items::<X>(&mut bytes.arbitrary()?))
}

fn items<X: Subject>(draws: &mut Draws) -> Vec<Item> {
    (0..=draws.below(3)).map(|_| parts::item::<X>(draws)).collect()
}

/// How it ends between the node and somebody.
fn pick_end(bytes: &mut Unstructured<'_>, actor: ActorId) -> Op {
    match below(bytes, 5) {
        0 => Op::HalfClose { actor },
        1 => Op::Close { actor },
        2 => Op::Reset { actor },
        3 => Op::Vanish { actor },
        _ => Op::NodeDrops { actor },
    }
}

/// Mostly at once or soon.
fn when(bytes: &mut Unstructured<'_>) -> When {
    match below(bytes, 4) {
        0 => When::After(Duration::from_millis(below(bytes, 100).into())),
        1 => When::After(pick(bytes, &super::boundary::TIMES)),
        _ => When::Same,
    }
}
