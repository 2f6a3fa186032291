//! The tasks `opener` and `added`: they open connections.
//!
//! ```text
//!   commands, Config::added ----> Added ------.
//!   Outbound::List -------------> List -------+--> Dial --> dialing --> open, or failed
//!   Outbound::Automatic,                      |                           |
//!     the address manager, ---> Automatic ----+        v2 was answered    |
//!     the clocks                              |        with nothing       |
//!                      fallbacks to v1 -------' <-------------------------'
//! ```
//!
//! Each of the two makes one attempt at a time. An attempt that needs a slot takes it when it is
//! decided on, and gives it back when the connection is closed; a fallback goes on with the slot of
//! the connection that was. Whom a connection with v2 was begun with, and who has answered nothing,
//! is dialled once more with v1, at once and before anybody else.
//!
//! Sources: docs/behaviour.md, connman 5 and transport 3.6; Core: net.cpp,
//! `ThreadOpenConnections`, `ThreadOpenAddedConnections` and `PerformReconnections`.

use std::collections::VecDeque;
use std::time::Duration;

use super::addrman::{AddrRecord, Counting};
use super::host::Host;
use super::peer::{Origin, Peer};
use super::permissions::of_manual;
use super::{Config, ConnMan, ConnType, DialFailure, Limits, Notice, Outbound, Services};
use crate::rng::Seed;
use crate::sockets::Endpoint;
use crate::sockman::{Action, Conns, StepName};
use crate::time::{Instant, Now};
use crate::transport::Transport;
use crate::transport::v2::AfterClose;

mod added;
mod automatic;
mod list;
mod pick;
mod ports;
mod roll;
mod rounds;
mod seeds;
mod slots;
mod surplus;
mod told;
mod wish;

pub use added::AddNode;
pub(super) use slots::Slot;

use added::Added;
use automatic::Automatic;
use list::List;
use slots::Slots;

/// The unit of all pauses. Core: a literal in `ThreadOpenConnections`.
const PAUSE: Duration = Duration::from_millis(500);

/// Most nodes that were added: ours; the reference has no bound.
pub const ADDED_MAX: usize = 1024;

/// Whom nobody had to ask for.
#[derive(Clone, Debug)]
enum Way {
    /// Nobody.
    Nobody,
    /// Those of a list.
    List(List),
    /// Those whom the address manager knows.
    Automatic(Box<Automatic>),
}

/// An attempt that is decided on.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) endpoint: Endpoint,
    pub(super) conn_type: ConnType,
    pub(super) origin: Origin,
    pub(super) slot: Slot,
    /// What the address manager knows of the address, if it was chosen there.
    pub(super) known: Option<AddrRecord>,
    /// Whether a failure counts against it.
    pub(super) counting: Counting,
}

impl Dial {
    /// By hand.
    pub(super) const fn manual(endpoint: Endpoint, origin: Origin) -> Self {
        Self {
            endpoint,
            conn_type: ConnType::Manual,
            origin,
            slot: Slot::None,
            known: None,
            counting: Counting::Uncounted,
        }
    }
}

/// The state of both tasks between two steps.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    way: Way,
    added: Added,
    slots: Slots,
    /// Whom to dial once more with v1. Each is due at once, and there is one at most for each
    /// connection that was.
    fallbacks: VecDeque<Dial>,
    /// With whom we were connected for blocks until the end.
    anchors_left: Vec<(super::PeerId, AddrRecord)>,
    stopped: bool,
}

impl Opener {
    pub(super) fn new(config: &Config, seed: &Seed) -> Self {
        let way = match &config.outbound {
            Outbound::None => Way::Nobody,
            Outbound::List(endpoints) => Way::List(List::new(endpoints)),
            Outbound::Automatic { seed_nodes, fixed_seeds } => {
                Way::Automatic(Box::new(Automatic::new(seed_nodes, *fixed_seeds, seed)))
            }
        };
        Self {
            way,
            added: Added::new(&config.added),
            slots: Slots::new(&config.limits),
            fallbacks: VecDeque::new(),
            anchors_left: Vec::new(),
            stopped: false,
        }
    }

    /// There is a connection, or an attempt, with this peer.
    pub(super) fn note_connection(&mut self, now: Now, peer: &Peer) {
        self.added.roll.note_connection(&peer.endpoint);
        self.slots.note_connection(peer.conn_type);
        match &mut self.way {
            Way::Nobody => {}
            Way::List(list) => list.roll.note_connection(&peer.endpoint),
            Way::Automatic(automatic) => automatic.plan_check(now.steady),
        }
    }

    /// There is one less.
    pub(super) fn note_closed(&mut self, peer: &Peer) {
        self.added.roll.note_closed(&peer.endpoint);
        self.slots.note_closed(peer.conn_type);
        match &mut self.way {
            Way::Nobody => {}
            Way::List(list) => list.roll.note_closed(&peer.endpoint),
            Way::Automatic(automatic) => automatic.wake(),
        }
    }

    /// An attempt has come to something or nothing.
    pub(super) fn note_dialed(&mut self, now: Now, origin: Origin) {
        match (origin, &mut self.way) {
            (Origin::List, Way::List(list)) => list.note_dialed(now),
            (Origin::Automatic, Way::Automatic(automatic)) => automatic.note_dialed(now),
            (Origin::Added, _) => self.added.note_dialed(now),
            (Origin::List | Origin::Automatic, _) => unreachable!("nobody else has begun it"),
            (Origin::Peer | Origin::Command | Origin::Fallback, _) => {}
        }
    }

    /// Endpoints of the list.
    pub(super) fn list_count(&self) -> usize {
        match &self.way {
            Way::List(list) => list.roll.count(),
            Way::Nobody | Way::Automatic(_) => 0,
        }
    }

    /// Nodes that were added.
    pub(super) fn added_count(&self) -> usize {
        self.added.roll.count()
    }

    /// Connections to be begun once more.
    pub(super) fn fallback_count(&self) -> usize {
        self.fallbacks.len()
    }

    /// Makes no attempt any more.
    pub(super) const fn stop(&mut self) {
        self.stopped = true;
    }

    /// When the next attempt of the task `opener` is due, or a look at who has to go.
    fn next_wakeup(&self, now: Now, limits: &Limits, addresses: u64) -> Option<Instant> {
        if !self.fallbacks.is_empty() {
            return Some(Instant::START);
        }
        if self.stopped {
            return None;
        }
        match &self.way {
            Way::Nobody => None,
            Way::List(list) => list.next_wakeup(),
            Way::Automatic(automatic) => {
                let round = automatic.next_wakeup(now, addresses);
                let round = round.filter(|_| self.slots.has_room(Slot::Automatic));
                let has_surplus = self.slots.has_surplus(limits);
                let check = has_surplus.then_some(automatic.next_check);
                round.into_iter().chain(check).min()
            }
        }
    }

    /// When the next attempt of the task `added` is due.
    fn next_added_wakeup(&self) -> Option<Instant> {
        let may = !self.stopped && self.slots.has_room(Slot::Added);
        self.added.next_wakeup().filter(|_| may)
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Peer>, limits: &Limits) {
        self.added.roll.check_invariants(conns);
        if let Way::List(list) = &self.way {
            list.roll.check_invariants(conns);
        }
        self.slots.check_invariants(conns, &self.fallbacks, limits);
    }
}

impl ConnMan {
    /// Whether an attempt is due, or somebody may have to go.
    pub(super) fn next_opener_step(&self, now: Now) -> Option<StepName<'static>> {
        let due = self.next_opener_wakeup(now)? <= now.steady;
        due.then_some(StepName { verb: "dials", object: "", conn: None })
    }

    pub(super) fn next_opener_wakeup(&self, now: Now) -> Option<Instant> {
        let addresses = self.addrman.entries_made();
        let next = self.opener.next_wakeup(now, &self.config.limits, addresses);
        next.filter(|_| self.is_network_active())
    }

    /// Whether one of those that were added is due.
    pub(super) fn next_added_step(&self, now: Now) -> Option<StepName<'static>> {
        let due = self.next_added_wakeup()? <= now.steady;
        due.then_some(StepName { verb: "dials", object: "", conn: None })
    }

    pub(super) fn next_added_wakeup(&self) -> Option<Instant> {
        self.opener.next_added_wakeup().filter(|_| self.is_network_active())
    }

    /// Begins one attempt, or finds that there is none to make.
    pub(super) fn step_opener(
        &mut self,
        now: Now,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if let Some(dial) = self.opener.fallbacks.pop_front() {
            self.dial_again(dial, conns, actions);
            return;
        }
        match &mut self.opener.way {
            Way::Nobody => unreachable!("the task is runnable"),
            Way::List(list) => {
                let dial = Dial::manual(list.begin(), Origin::List);
                self.push_dial(dial, actions);
            }
            Way::Automatic(_) => self.step_automatic(now, conns, actions),
        }
    }

    /// Begins one attempt with a node that was added.
    pub(super) fn step_added(&mut self, actions: &mut Vec<Action<Peer>>) {
        let endpoint = self.opener.added.begin();
        self.opener.slots.take(Slot::Added);
        let dial = Dial { slot: Slot::Added, ..Dial::manual(endpoint, Origin::Added) };
        self.push_dial(dial, actions);
    }

    /// Adds a node. Core: `addnode ... add`.
    pub(super) fn add_node(&mut self, endpoint: Endpoint, conns: &Conns<Peer>) {
        let there = conns.iter().filter(|(_, peer)| peer.endpoint == endpoint).count();
        let outcome = self.opener.added.add(endpoint.clone(), there);
        self.notices.push(Notice::AddNodeAsked { endpoint, outcome });
    }

    /// Takes a node from those that were added; its connection stays. Core: `addnode ... remove`.
    pub(super) fn remove_node(&mut self, endpoint: Endpoint) {
        let was_there = self.opener.added.roll.remove(&endpoint);
        self.notices.push(Notice::RemoveNodeAsked { endpoint, was_there });
    }

    /// Dials with v1 whoever answered to v2 with nothing, unless there is a connection by now.
    fn dial_again(&mut self, dial: Dial, conns: &Conns<Peer>, actions: &mut Vec<Action<Peer>>) {
        if conns.iter().any(|(_, peer)| peer.endpoint == dial.endpoint) {
            self.opener.slots.give_back(dial.slot);
            let failure = DialFailure::AlreadyConnected;
            let Dial { endpoint, conn_type, .. } = dial;
            self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
            return;
        }
        self.push_dial(dial, actions);
    }

    /// A connection is closed, or an attempt has come to nothing: its slot is free, unless it is
    /// needed to dial once more, which is what its transport asks for. Core: `DisconnectNodes`.
    pub(super) fn note_fallback(&mut self, peer: &Peer) {
        let asks = peer.transport.after_close() == AfterClose::ReconnectV1;
        if !asks || !self.is_network_active() {
            self.opener.slots.give_back(peer.slot);
            return;
        }
        let endpoint = peer.endpoint.clone();
        self.notices.push(Notice::FallsBackToV1 { peer: peer.id, endpoint: endpoint.clone() });
        self.opener.fallbacks.push_back(Dial {
            endpoint,
            conn_type: peer.conn_type,
            origin: Origin::Fallback,
            slot: peer.slot,
            known: peer.known.as_deref().copied(),
            // It was there a moment ago. Core: `PerformReconnections`.
            counting: Counting::Uncounted,
        });
    }

    /// An attempt has come to nothing.
    pub(super) fn give_slot_back(&mut self, peer: &Peer) {
        self.opener.slots.give_back(peer.slot);
        if let Way::Automatic(automatic) = &mut self.opener.way {
            automatic.wake();
        }
    }

    /// Forgets whom to dial once more: there is no network.
    pub(super) fn drop_fallbacks(&mut self) {
        let failure =
            if self.stopped { DialFailure::Shutdown } else { DialFailure::NetworkInactive };
        for Dial { endpoint, conn_type, slot, .. } in self.opener.fallbacks.drain(..) {
            self.opener.slots.give_back(slot);
            self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
        }
    }

    /// Begins an attempt whose slot, if it needs one, is taken.
    pub(super) fn push_dial(&mut self, dial: Dial, actions: &mut Vec<Action<Peer>>) {
        let Dial { endpoint, conn_type, origin, slot, known, counting } = dial;
        let id = self.next_peer_id();
        let to = endpoint.clone();
        let mut state = Peer::new(id, conn_type, endpoint, origin, &self.config, &self.seed);
        if conn_type == ConnType::Manual {
            let Config { whitelist, implicit, .. } = &self.config;
            state.permissions = of_manual(Host::of(&to).as_ref(), whitelist, *implicit);
        }
        if known.is_some_and(|known| !known.services.contains(Services::P2P_V2)) {
            state.transport = Transport::v1(self.config.network.magic());
        }
        (state.slot, state.counting) = (slot, counting);
        state.known = known.map(Box::new);
        let timeout = self.config.dial_timeout;
        actions.push(Action::dial(to, timeout, state));
    }
}
