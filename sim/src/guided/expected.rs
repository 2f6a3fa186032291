//! What can be listed beforehand: the transitions that the rules allow, whatever is simulated.
//!
//! The list is of [coarse](Transition::coarse) transitions, and it is made by rules alone: which
//! calls there are in which phases, and what the environment can make of them (docs/behaviour.md,
//! TCP; the table of faults in corpus/README.md). What a subject allows beyond that is its own
//! ([`Subject::expected`]). It need not be complete: what is reached and not listed counts as well.
//!
//! Left out because no schedule can bring it about: `calls status -> in progress`, which takes a
//! spurious report of a socket; errors of the machine (out of ports, no permission, a family that
//! is not there); timeouts of the kernel in an attempt, which are longer than a node waits.

use std::collections::BTreeSet;

use sockman::sockets::Endpoint;
use sockman::sockman::{Initiator, Phase};

use super::transition::{Kind, Label, State, Transition};
use crate::subject::Subject;
use crate::world::NODE_ADDRESS;

/// What can end an established connection in a send, beside the peer's orderly end.
pub const SEND_FAILURES: [&str; 4] = ["reset", "timed out", "out of memory", "broken pipe"];

/// What can end one in a recv.
pub const RECV_FAILURES: [&str; 2] = ["reset", "timed out"];

/// Everything that is expected of a subject.
#[must_use]
pub fn expected<X: Subject>() -> BTreeSet<Transition> {
    let mut list = Vec::new();
    calls(dials::<X>(), &mut list);
    list.extend(X::expected());
    list.into_iter().collect()
}

/// Whether the subject has connections of its own making.
#[must_use]
pub fn dials<X: Subject>() -> bool {
    X::CONNECTS_BY_ITSELF || X::dial_command(Endpoint::Ip(NODE_ADDRESS)).is_some()
}

fn calls(dials: bool, list: &mut Vec<Transition>) {
    let mut add = |state, call, outcome| {
        list.push(Transition { kind: Kind::Call, state, event: Label::plain(call), outcome });
    };
    for outcome in ["connection", "would block"] {
        add(State::NODE, "accept", Label::plain(outcome));
    }
    for error in ["out of descriptors", "aborted"] {
        add(State::NODE, "accept", Label::new("fails", error));
    }
    if dials {
        add(State::NODE, "connect", Label::plain("begins"));
        for error in ["out of descriptors", "reset", "timed out", "host unreachable"] {
            add(State::NODE, "connect", Label::new("fails", error));
        }
        let dialling = State::of(Initiator::Us, Phase::Dialing, "");
        add(dialling, "status", Label::plain("established"));
        add(dialling, "status", Label::new("fails", "refused"));
        add(dialling, "close", Label::plain("done"));
    }
    let sides: &[_] = if dials { &[Initiator::Peer, Initiator::Us] } else { &[Initiator::Peer] };
    for side in sides {
        for phase in [Phase::Open, Phase::PeerFinished] {
            let state = State::of(*side, phase, "");
            for outcome in ["all", "a part", "would block"] {
                add(state, "send", Label::plain(outcome));
            }
            for failure in SEND_FAILURES {
                add(state, "send", Label::new("fails", failure));
            }
            add(state, "close", Label::plain("done"));
        }
        let open = State::of(*side, Phase::Open, "");
        for outcome in ["bytes", "would block", "end of stream"] {
            add(open, "recv", Label::plain(outcome));
        }
        for failure in RECV_FAILURES {
            add(open, "recv", Label::new("fails", failure));
        }
    }
}
