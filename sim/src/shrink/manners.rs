//! Actors that do less by themselves: nothing, or only the words that they needed to say.

use std::time::Duration;

use crate::schedule::{ActorId, Item, Manner, Op, Word};

use super::draft::{Draft, Timed};
use super::operations::HANDSHAKE;
use super::search::Search;
use super::size::manner_rank;

/// In the order of their ranks.
const MANNERS: [Manner; 5] =
    [Manner::Silent, Manner::Honest, Manner::Slow, Manner::Chatty, Manner::Flooding];

/// What somebody hostile may have been needed for: more than a header of the protocol.
const JUNK_BYTES: u32 = 100;

/// What somebody flooding may have been needed for: two seconds of it.
const FLOOD_WORDS: u32 = 1000;

/// How long after its own connect the node is spoken to: it has to come about first.
const ANSWERED_AFTER: Duration = Duration::from_millis(10);

/// A tamer manner, or none; a connection that the actor opens in place of the node.
pub(super) fn simplify(search: &mut Search<'_>) {
    for line in (0..search.best().lines.len()).rev() {
        // Others may have gone in the meantime.
        let Some(op) = search.best().lines.get(line).map(|line| line.op.clone()) else { continue };
        if !search.is_free(&op) {
            continue;
        }
        if let Op::Behave { actor, manner } = op {
            let _ = say_it(search, line, actor, manner) || tame(search, line, actor, manner);
        } else if let Op::NodeDials { actor } = op {
            dial(search, line, actor);
        }
    }
}

fn tame(search: &mut Search<'_>, line: usize, actor: ActorId, manner: Manner) -> bool {
    let tamer = MANNERS.into_iter().filter(|other| manner_rank(*other) < manner_rank(manner));
    tamer
        .into_iter()
        .any(|manner| search.attempt(search.best().with_op(line, Op::Behave { actor, manner })))
}

/// The words of a handshake, perhaps with one more or with bytes that mean nothing, in place of the
/// manner.
fn say_it(search: &mut Search<'_>, line: usize, actor: ActorId, manner: Manner) -> bool {
    let vocabulary = search.vocabulary();
    let (greeting, others): (Vec<_>, Vec<_>) =
        vocabulary.into_iter().partition(|word| HANDSHAKE.contains(word));
    let greeting: Vec<_> = HANDSHAKE.into_iter().filter(|word| greeting.contains(word)).collect();
    let greeting: Vec<_> = greeting.into_iter().map(|word| say(word, 1)).collect();
    let mut more: Vec<_> = others.iter().map(|word| say(word, 1)).collect();
    more.push(Item::Junk(JUNK_BYTES));
    if manner == Manner::Flooding {
        more.extend(others.iter().map(|word| say(word, FLOOD_WORDS)));
    }
    let mut said = vec![greeting.clone()];
    said.extend(more.into_iter().map(|item| [greeting.clone(), vec![item]].concat()));
    said.retain(|items| !items.is_empty());
    said.into_iter().any(|items| {
        let candidate = saying(search.best(), line, actor, items);
        candidate.is_some_and(|candidate| search.attempt(candidate))
    })
}

fn say(word: &str, times: u32) -> Item {
    Item::Word { word: Word::plain(word), times }
}

/// The same with words after the connection to or from an actor in place of its manner.
fn saying(draft: &Draft, line: usize, actor: ActorId, items: Vec<Item>) -> Option<Draft> {
    let mut lines = draft.lines.clone();
    lines.remove(line);
    let connects = |line: &Timed| {
        let connect = matches!(line.op, Op::Dial { .. } | Op::NodeDials { .. });
        connect && line.op.actor() == Some(actor)
    };
    let below = lines.iter().skip(line).position(connects).map(|at| at + line);
    let connected = below.or_else(|| lines.iter().rposition(connects))?;
    let by_node = matches!(lines[connected].op, Op::NodeDials { .. });
    let wait = if by_node { ANSWERED_AFTER } else { Duration::ZERO };
    let at = lines[connected].at + wait;
    let place = lines.iter().rposition(|line| line.at < at).map_or(0, |above| above + 1);
    let place = place.max(connected + 1);
    lines.insert(place, Timed::new(at, Op::Send { actor, items }));
    Some(draft.with_lines(&lines))
}

/// `p1 dials` in place of `p1 listens` and `node dials p1`.
fn dial(search: &mut Search<'_>, line: usize, actor: ActorId) {
    let mut draft = search.best().with_op(line, Op::Dial { actor, from: None });
    draft.lines.retain(|line| !matches!(line.op, Op::Listen { actor: who, .. } if who == actor));
    search.attempt(draft);
}
