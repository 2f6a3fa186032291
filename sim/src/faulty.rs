//! Scheduled results at the socket calls, over any backend.
//!
//! A call that the plan names answers what the plan says; all others go through. Each call is
//! recorded, with the bytes that moved, for the trace and the oracles. What the plan does is what a
//! kernel may do: short counts, "would block" though it need not, and failures. A connection that
//! the plan has made fail is over: it answers as docs/behaviour.md, TCP 5.2 has it of one that was
//! reset and has told so, whatever the backend below thinks, until it is closed. Its peer hears of
//! it then.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use sockman::slab::Key as _;
use sockman::sockets::{ConnId, Endpoint, Event, Failure, More, Readiness, Sockets, Source};

use crate::host::Host;
use crate::schedule::{ActorId, Call, Deviation};

mod calls;
mod draws;
mod plan;
mod records;

pub use draws::Weights;
pub use plan::Reach;
pub use records::{CallRecord, CallResult};

use plan::{PlanName, Planned};

/// A backend with a plan. See the head of the module.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    inner: S,
    /// What the schedule says: by call, peer and its number among such calls.
    planned: BTreeMap<PlanName, Planned>,
    /// How many such calls there have been: by call, then by the number of the peer; those with
    /// nobody at 0.
    counts: [Vec<u32>; Call::ALL.len()],
    /// Draws for the calls that the plan does not name, if this run is a random one.
    random: Option<(ChaCha8Rng, Weights)>,
    /// What was drawn, as lines that would do the same.
    drawn: Vec<Deviation>,
    /// Who is at the other end, by index of the id.
    actors: Vec<Option<(ConnId, ActorId)>>,
    /// Which actor has an address.
    addresses: BTreeMap<IpAddr, ActorId>,
    /// Connections that the plan has made fail, and that are not closed yet.
    ended: Vec<ConnId>,
    calls: Vec<CallRecord>,
    bytes: Vec<u8>,
}

impl<S: Sockets> Faulty<S> {
    /// Without a plan.
    pub const fn new(inner: S, addresses: BTreeMap<IpAddr, ActorId>) -> Self {
        Self {
            inner,
            planned: BTreeMap::new(),
            counts: [const { Vec::new() }; Call::ALL.len()],
            random: None,
            drawn: Vec::new(),
            actors: Vec::new(),
            addresses,
            ended: Vec::new(),
            calls: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The calls since the last [`forget`](Self::forget).
    #[must_use]
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// The bytes that those calls moved.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the recorded calls.
    pub fn forget(&mut self) {
        self.calls.clear();
        self.bytes.clear();
    }

    /// The backend.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The backend, to deliver to.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Who is at the other end.
    #[must_use]
    pub fn actor(&self, conn: ConnId) -> Option<ActorId> {
        let entry = self.actors.get(conn.index() as usize).copied().flatten();
        entry.filter(|(id, _)| *id == conn).map(|(_, actor)| actor)
    }

    fn remember(&mut self, conn: ConnId, peer: &Endpoint) {
        let actor = peer.ip().and_then(|address| self.addresses.get(&address.ip()));
        let Some(actor) = actor else { return };
        let index = conn.index() as usize;
        if index >= self.actors.len() {
            self.actors.resize(index + 1, None);
        }
        self.actors[index] = Some((conn, *actor));
    }

    fn record(&mut self, what: CallResult, conn: Option<ConnId>, planned: bool) {
        let end = self.bytes.len();
        self.calls.push(CallRecord { what, conn, planned, more: More::No, bytes: end..end });
    }

    fn is_ended(&self, conn: ConnId) -> bool {
        self.ended.contains(&conn)
    }

    /// The failure that every other call but send, recv and close has on such a connection.
    fn check_not_ended(&self, conn: ConnId) -> Result<(), Failure> {
        if self.is_ended(conn) { Err(Failure::NotConnected) } else { Ok(()) }
    }
}

impl<S: Host> Faulty<S> {
    /// Closes every socket, as the kernel does when the process that held them ends.
    pub fn end_process(&mut self) {
        self.inner.end_process();
        self.actors.clear();
        self.ended.clear();
        self.forget();
    }
}

impl<S> Faulty<S> {
    /// Adds to what a wait reports that some connections are over in both directions, which nobody
    /// can mask.
    pub fn report_ended(&self, events: &mut Vec<Event>) {
        for &conn in &self.ended {
            let source = Source::Conn(conn);
            let over = Readiness { error: true, ..Readiness::NONE };
            match events.iter_mut().find(|event| event.source == source) {
                Some(event) => event.readiness = event.readiness.or(over),
                None => events.push(Event { source, readiness: over }),
            }
        }
    }
}
