//! Fewer actors, with the first names and the usual addresses.

use std::collections::BTreeMap;

use crate::schedule::{ActorId, Deviation, Op};

use super::ddmin::ddmin;
use super::draft::{Draft, actor_of};
use super::order::reanchored;
use super::search::Search;

/// Takes out actors with all that they do, and all that is about them.
pub(super) fn remove(search: &mut Search<'_>) {
    let actors = search.best().actors();
    let is_free = |actor: &ActorId| search.is_free(&Op::Close { actor: *actor });
    let free: Vec<_> = actors.into_iter().filter(is_free).collect();
    ddmin(free.len(), |kept| {
        let goes = |actor: Option<ActorId>| {
            let place = free.iter().position(|free| Some(*free) == actor);
            place.is_some_and(|place| !kept.contains(&place))
        };
        let draft = without(search.best(), goes);
        let others = reanchored(&draft);
        search.attempt(draft) || others.into_iter().any(|draft| search.attempt(draft))
    });
}

fn without(draft: &Draft, goes: impl Fn(Option<ActorId>) -> bool) -> Draft {
    let mut draft = draft.clone();
    draft.lines.retain(|line| !goes(line.op.actor()));
    draft.order.retain(|deviation: &Deviation| !goes(actor_of(deviation)));
    draft
}

/// With more actors than this, no two are made one: it would cost a run for each pair.
const UNITED_MAX: usize = 5;

/// Lets one actor do what two did.
pub(super) fn unite(search: &mut Search<'_>) {
    let actors = search.best().actors();
    if !search.is_all_free() || actors.len() > UNITED_MAX {
        return;
    }
    for goes in actors.iter().rev() {
        for stays in &actors {
            let rename = |actor| if actor == *goes { *stays } else { actor };
            if search.attempt(search.best().renamed(rename)) {
                break;
            }
        }
    }
}

/// Numbers the actors in the order in which they appear, and lets them live where they usually do.
pub(super) fn rename(search: &mut Search<'_>) {
    for line in 0..search.best().lines.len() {
        let mut plain = search.best().lines[line].op.clone();
        if let Op::Dial { from: address, .. } | Op::Listen { at: address, .. } = &mut plain {
            *address = None;
        }
        if search.is_free(&plain) {
            search.attempt(search.best().with_op(line, plain));
        }
    }
    let actors = search.best().actors();
    let numbers = (1..).map(ActorId);
    let names: BTreeMap<_, _> = actors.iter().copied().zip(numbers).collect();
    // An order line may name an actor of whom no other line is left.
    let renamed = |actor| names.get(&actor).copied().unwrap_or(actor);
    if search.attempt(search.best().renamed(renamed)) {
        return;
    }
    // One by one, where the numbers of some matter.
    for actor in actors {
        let taken = search.best().actors();
        let free = (1..actor.0).map(ActorId).find(|name| !taken.contains(name));
        if let Some(name) = free {
            let one = |other| if other == actor { name } else { other };
            search.attempt(search.best().renamed(one));
        }
    }
}
