//! Parts of lines: what is sent, what becomes of a link, how a call goes wrong.

use std::time::Duration;

use crate::schedule::{ActorId, Call, Effect, Fault, Item, LinkChange};
use crate::schedulers::Draws;
use crate::subject::{Dialect as _, Subject};

/// One thing that an actor sends.
pub(crate) fn item<X: Subject>(draws: &mut Draws) -> Item {
    let word = X::Dialect::draw_word(&mut |bound| draws.below(bound));
    match draws.below(12) {
        0 => Item::Part { bytes: 1 + draws.below(40), word },
        1 => Item::Rest,
        2 => {
            // Rarely so much that it fills buffers.
            let bound = *draws.pick(&[100, 100, 100_000]);
            Item::Junk(1 + draws.below(bound))
        }
        // Long ones are said once: many would be slow, and no more telling.
        3 if word.settings.is_empty() => Item::Word { word, times: 1 + draws.below(500) },
        _ => Item::Word { word, times: 1 },
    }
}

/// A few things that an actor says of the chain that settings are about; none, if they are about
/// none.
pub(crate) fn chain_items<X: Subject>(
    draws: &mut Draws,
    settings: &[(String, String)],
) -> Vec<Item> {
    // Where there is no chain nothing is drawn, so that all else is as it would be without.
    if X::draw_chain_word(settings, &mut |_| 0).is_none() {
        return Vec::new();
    }
    let count = 1 + draws.below(3);
    let words = (0..count).map(|_| X::draw_chain_word(settings, &mut |bound| draws.below(bound)));
    words.flatten().map(|word| Item::Word { word, times: 1 }).collect()
}

/// What becomes of a link.
pub(crate) fn link_change(draws: &mut Draws) -> LinkChange {
    let changes = [
        LinkChange::SwallowAll,
        LinkChange::SwallowToNode,
        LinkChange::SwallowFromNode,
        LinkChange::Heal,
        LinkChange::Chunks(1 + draws.below(100)),
        LinkChange::Bandwidth(u64::from(1_000 + draws.below(100_000))),
        LinkChange::Latency(Duration::from_millis(u64::from(draws.below(1_000)))),
    ];
    *draws.pick(&changes)
}

/// A call goes otherwise than the network would have it: one for an actor, but that nobody is known
/// yet to whom an accept belongs.
pub(crate) fn fault(draws: &mut Draws, actor: Option<ActorId>) -> Fault {
    let call = *draws.pick(&[Call::Send, Call::Recv, Call::Accept, Call::Connect]);
    let actor = actor.filter(|_| call != Call::Accept);
    let effect = effect(draws, call);
    let nth = *draws.pick(&[1, 1, 1, 2, 5]);
    let times = *draws.pick(&[1, 1, 2, 10, 100]);
    Fault { call, nth, times, actor, effect }
}

/// An operation on the node's files goes wrong.
pub(crate) fn file_fault(draws: &mut Draws) -> Fault {
    let call = *draws.pick(&[Call::Append, Call::Sync]);
    let effect = effect(draws, call);
    let nth = *draws.pick(&[1, 1, 1, 2, 5]);
    let times = *draws.pick(&[1, 1, 2, 10]);
    Fault { call, nth, times, actor: None, effect }
}

/// Something that can happen to such a call.
pub(crate) fn effect(draws: &mut Draws, call: Call) -> Effect {
    let bytes = 1 + draws.below(200);
    let effects = [
        Effect::Bytes(bytes),
        Effect::WouldBlock,
        Effect::WouldBlock,
        Effect::Reset,
        Effect::TimedOut,
        Effect::OutOfDescriptors,
        Effect::OutOfDescriptors,
        Effect::OutOfMemory,
        Effect::Unreachable,
        Effect::Aborted,
        Effect::NoSpace,
        Effect::Io,
    ];
    let fitting: Vec<_> = effects.into_iter().filter(|effect| effect.fits(call)).collect();
    *draws.pick(&fitting)
}
