//! Model: a small node run in step with the real one.
//!
//! It hears what passes the socket calls, the commands, and the order of the node's own steps; it
//! knows each connection as a [`Side`]. What the node tells and sends is compared with what follows
//! from that: each whole message is handled once and in order, each answer is queued in the step
//! that handled the question, what leaves is what was queued, and who has to go is gone for a
//! reason that is true. At rest nothing is left to do.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sockman::connman::{
    Command, Config, ConnType, DialFailure, NetworkState, Notice, Peer, PeerId,
};
use sockman::driver::{Did, Outcome};
use sockman::rng::Seed;
use sockman::sockets::{Accepted, ConnId, Endpoint, Received, Sent, Source};
use sockman::sockman::{ConnFailure, Event, Tenant};
use sockman::time::UnixTime;

use super::banned::is_in;
use super::downloads::Downloads;
use super::fairness::Fairness;
use super::opening::{P2P_V2, known_services};
use super::rights::{Rights, is_local};
use super::rumours::{Rumours, has_own_place, own_places};
use super::side::{ADDR_FETCH_DONE, Effect, FEELER_DONE, Side};
use super::tap::Tap;
use super::timers::{self, Clock, Times};
use super::watch::Configured;
use crate::faulty::{CallRecord, CallResult};
use crate::subject::{Objection, Sight, Subject};
use crate::world::Step;
use chain::{GIVEN_UP_FOR, TOO_SHORT};

mod chain;

const NAME: &str = "model";
const RULE: &str = "docs/behaviour.md, handshake 4 to 6 and connman 7, 8 and 10";
const RULE_LIFE: &str = "docs/behaviour.md, connman 6: nothing comes after the end";
const RULE_DISCOURAGED: &str = "docs/behaviour.md, handshake 12: misbehaviour";
const RULE_ADDRESSES: &str = "docs/behaviour.md, addresses 1 to 3: what is told of them";
const RULE_CHAIN: &str = "docs/behaviour.md, chain 5, 6 and 9: what is asked for";
const RULE_FALLBACK: &str = "docs/behaviour.md, transport 3.6: back to v1";
const RULE_TIMERS: &str = "docs/behaviour.md, connman 9 and handshake 6: timers";

/// The node as far as it can be known. See the head of the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    sides: BTreeMap<ConnId, Side>,
    /// Who has been told to be there.
    peers: BTreeMap<PeerId, ConnId>,
    /// Nonces of versions that were sent to those that were dialled: all, and those by which the
    /// node knows itself, because no answer has come.
    nonces: BTreeSet<u64>,
    nonces_unanswered: BTreeSet<u64>,
    /// What was read and not delivered.
    held: Vec<u8>,
    /// Connections on which something has happened since the node was at rest.
    touched: Vec<ConnId>,
    clock: Clock,
    fairness: Fairness,
    rumours: Rumours,
    /// Whether it has files, in which addresses outlive it.
    has_files: bool,
    /// Whether this process was looked at before.
    has_begun: bool,
    /// On whose connection this step has changed something.
    changed: Vec<ConnId>,
    /// Before these moments nothing falls due where nothing has happened.
    next_due: Option<sockman::time::Now>,
    pub(super) is_off: bool,
    pub(super) is_stopped: bool,
    /// Who is to be dialled once more, with v1; and of whom that was decided, until it is.
    fallbacks: VecDeque<Endpoint>,
    falling: Option<Endpoint>,
    /// Whether that was decided in this step, or declined.
    pub(super) has_fallen_back: bool,
    /// What it downloads, if it has a chain.
    downloads: Option<Box<Downloads>>,
}

/// A subject whose tenant is a connection manager, or wears one.
pub trait Wears: Subject<Tenant: Tenant<Conn = Peer, Command = Command, Notice = Notice>> {}
impl<X: Subject<Tenant: Tenant<Conn = Peer, Command = Command, Notice = Notice>>> Wears for X {}

impl Model {
    /// What is left for the next process: what the node was told, if it has files to keep it in.
    pub(super) fn ended(self) -> Self {
        if !self.has_files {
            return Self::default();
        }
        Self { rumours: self.rumours.ended(), has_files: true, ..Self::default() }
    }

    /// Whether there is a connection or an attempt with an endpoint.
    pub(super) fn is_connected(&self, endpoint: &Endpoint) -> bool {
        let there = |side: &Side| (side.by_node || side.is_up) && side.endpoint == *endpoint;
        self.sides.values().any(there)
    }

    pub(super) fn look<X: Wears<Tenant: Configured>>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        seed: &Seed,
    ) -> Result<(), Objection> {
        self.clock.set(sight.now);
        self.has_files |= sight.asked_of_files.is_some();
        let is_told = matches!(sight.command, Some(Command::AddAddresses { .. }));
        if is_told || !std::mem::replace(&mut self.has_begun, true) {
            self.rumours.know(sight.tenant.addrman());
        }
        if let Some(chain) = sight.tenant.chain().filter(|_| self.downloads.is_none()) {
            let tip = chain.tree().hash(chain.tree().active_tip());
            let minimum = chain.minimum_work().low_u64();
            self.downloads = Some(Box::new(Downloads::new(chain.height(), &tip.0, minimum)));
        }
        self.hear_news(sight);
        self.fall_back(sight)?;
        self.hear_calls(sight, config)?;
        match sight.step {
            Step::Node(_, Did::Delivered(event)) => {
                self.hear_event(event, sight.notices, config)?
            }
            Step::Node(_, Did::Executed { action: "send", conn, outcome: Outcome::Failed(_) }) => {
                conn.iter().for_each(|conn| self.end(*conn, "lost"));
            }
            _ => {}
        }
        if let Some(command) = sight.command {
            self.hear_command(command);
        }
        self.hear_notices(sight, config, seed)?;
        self.hear_of_chain(sight)?;
        self.note_waiting(config);
        match sight.step {
            Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) => {
                conn.map_or(Ok(()), |conn| self.close(conn, sight.notices))
            }
            Step::Idle(_) => self.check_rest(sight, config),
            _ => Ok(()),
        }
    }

    /// Whether the next message may be held against who said it, because of what it says of the
    /// chain.
    fn may_blame(&mut self, conn: ConnId) -> bool {
        let Self { sides, downloads, .. } = self;
        let said = sides.get(&conn).and_then(Side::next_of_chain);
        match (downloads, said) {
            (Some(downloads), Some((name, payload))) => downloads.may_blame(name, payload),
            _ => false,
        }
    }

    fn note_waiting(&mut self, config: &Config) {
        for conn in self.changed.drain(..) {
            let waits = self.sides.get(&conn).is_some_and(|side| side.may_handle(config));
            self.fairness.note(conn, waits);
        }
    }

    fn touch(&mut self, conn: ConnId) -> Option<&mut Side> {
        let side = self.sides.get_mut(&conn)?;
        if !self.changed.contains(&conn) {
            self.changed.push(conn);
        }
        if !self.touched.contains(&conn) {
            self.touched.push(conn);
        }
        Some(side)
    }

    fn end(&mut self, conn: ConnId, reason: &'static str) {
        if let Some(side) = self.touch(conn) {
            side.end(reason);
        }
    }

    fn end_all(&mut self, reason: &'static str) {
        self.touched = self.sides.keys().copied().collect();
        self.changed.clone_from(&self.touched);
        // Who was not adopted is refused instead.
        let all = self.sides.values_mut().filter(|side| side.by_node || side.is_up);
        all.for_each(|side| side.end(reason));
    }

    // What passes the seam.

    /// Of whom something is known to have come that is still to be looked at.
    fn hear_news<X: Wears>(&mut self, sight: &Sight<'_, X>) {
        for event in sight.reported {
            let Source::Conn(conn) = event.source else { continue };
            if let Some(side) = self.sides.get_mut(&conn) {
                side.has_news = true;
            }
        }
        let looked_at = match sight.step {
            Step::Node(_, Did::Called { source: Source::Conn(conn), event: None }) => Some(*conn),
            Step::Node(_, Did::Called { source: Source::Conn(conn), event: Some(_) }) => {
                // Without a look its time was up; otherwise the result is news until delivered.
                let looks = |call: &CallRecord| !matches!(call.what, CallResult::Close(_));
                let has_looked = sight.calls.iter().any(looks);
                if let Some(side) = self.sides.get_mut(conn) {
                    side.is_judged_unheard |= side.has_news && !has_looked;
                }
                None
            }
            Step::Node(_, Did::Delivered(event)) => event.conn(),
            Step::Node(_, Did::Executed { action: "send", conn, .. }) => *conn,
            Step::Node(..) if sight.task() == Some("timers") => {
                let unheard = self.sides.iter_mut().filter(|(_, side)| side.has_news);
                for (conn, side) in unheard.filter(|(_, side)| side.over.is_none()) {
                    let is_over = sight.conns.get(*conn).is_some_and(|peer| peer.is_over());
                    side.is_judged_unheard |= is_over;
                }
                None
            }
            _ => None,
        };
        if let Some(side) = looked_at.and_then(|conn| self.sides.get_mut(&conn)) {
            side.has_news = false;
        }
    }

    fn hear_calls<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
    ) -> Result<(), Objection> {
        for call in sight.calls {
            let bytes = &sight.bytes[call.bytes.clone()];
            match (&call.what, call.conn) {
                (CallResult::Accept(Ok(Accepted::Conn { conn, peer })), _) => {
                    self.begin(*conn, peer.clone(), false);
                }
                (CallResult::Connect(to, result), _) => {
                    // Others may dial between the opener's decision and its dial.
                    let is_openers = sight.task() == Some("opener");
                    let is_fallback = is_openers && self.falling.take().is_some();
                    if let Ok(conn) = result {
                        self.begin(*conn, to.clone(), true);
                        self.sides.get_mut(conn).expect("it has begun").is_fallback = is_fallback;
                    }
                }
                (CallResult::Recv(Ok(Received::Bytes(_))), _) => {
                    self.held.clear();
                    self.held.extend_from_slice(bytes);
                }
                (CallResult::Send(Ok(Sent::Bytes(count @ 1..))), Some(conn)) => {
                    self.hear_sent(conn, &bytes[..*count], config)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self, conn: ConnId, endpoint: Endpoint, by_node: bool) {
        let side = Side::new(endpoint, by_node, Times::new(self.clock.now.steady));
        self.sides.insert(conn, side);
        self.touched.push(conn);
    }

    fn hear_sent(&mut self, conn: ConnId, bytes: &[u8], config: &Config) -> Result<(), Objection> {
        let now = self.clock.now;
        if self.touch(conn).is_none() {
            return Ok(());
        }
        let Self { sides, rumours, .. } = self;
        let Some(side) = sides.get_mut(&conn) else { return Ok(()) };
        let had_nonce = side.own_nonce.is_some();
        side.send(bytes).map_err(|what| objection(side, what))?;
        side.times.sent.note(now);
        for left in side.addresses.take_left() {
            let (is_ipv4, has_addr) = (is_ipv4(&side.endpoint), side.rights.has_addr);
            let own = own_places(config);
            let checked = rumours.check(&mut side.addresses, left, &own, is_ipv4, has_addr);
            checked.map_err(|what| addresses(side, what))?;
        }
        if let Some(nonce) = side.own_nonce.filter(|_| !had_nonce) {
            let is_answered = side.is_ready();
            self.nonces.insert(nonce);
            if !is_answered {
                self.nonces_unanswered.insert(nonce);
            }
        }
        Ok(())
    }

    fn hear_event(
        &mut self,
        event: &Event,
        notices: &[Notice],
        config: &Config,
    ) -> Result<(), Objection> {
        let now = self.clock.now;
        let held = std::mem::take(&mut self.held);
        let Some(side) = event.conn().and_then(|conn| self.touch(conn)) else { return Ok(()) };
        match event {
            Event::Received { .. } if side.over.is_none() => {
                side.times.received.note(now);
                let is_drop = |notice: &Notice| matches!(notice, Notice::MessageRejected { .. });
                side.read(&held, notices.iter().any(is_drop));
            }
            Event::Eof { .. } if side.partial_bytes() == 0 => side.end("peer-closed"),
            Event::Eof { .. } => side.end("peer-closed-mid-message"),
            Event::Failed { error: ConnFailure::Lost(_), .. } => side.end("lost"),
            Event::Failed { error, .. } => {
                side.end("not-connected");
                if *error == ConnFailure::DialTimeout {
                    timers::check_given_up(side, now.steady, config)
                        .map_err(|what| timer(side, what))?;
                }
            }
            _ => {}
        }
        self.held = held;
        Ok(())
    }

    fn hear_command(&mut self, command: &Command) {
        match command {
            Command::Disconnect { peer } => {
                if let Some(conn) = self.peers.get(peer) {
                    self.end(*conn, "requested");
                }
            }
            Command::Ban { subnet, .. } => {
                let subnet = subnet.to_string();
                let is_hit = |side: &Side| side.is_up && is_in(&subnet, &side.endpoint);
                let hit = self.sides.iter().filter(|(_, side)| is_hit(side));
                let hit: Vec<_> = hit.map(|(conn, _)| *conn).collect();
                hit.into_iter().for_each(|conn| self.end(conn, "requested"));
            }
            Command::SetNetworkActive(_) if self.is_stopped => {}
            Command::SetNetworkActive(NetworkState::Active) => self.is_off = false,
            Command::SetNetworkActive(NetworkState::Inactive) => {
                self.is_off = true;
                self.fallbacks.clear();
                self.end_all("network-inactive");
            }
            Command::Shutdown => {
                (self.is_off, self.is_stopped) = (true, true);
                self.fallbacks.clear();
                self.end_all("shutdown");
            }
            Command::Ping => {
                self.touched = self.sides.keys().copied().collect();
                let ready = self.sides.values_mut().filter(|s| s.is_ready() && s.over.is_none());
                ready.for_each(|side| side.times.ping.ask());
            }
            Command::Unban { .. } | Command::ClearBans => {}
            Command::Connect { .. } | Command::Inspect { .. } => {}
            Command::AddNode { .. } | Command::RemoveNode { .. } => {}
            Command::AddAddresses { .. } => {}
        }
    }

    // What the node tells.

    fn hear_notices<X: Wears<Tenant: Configured>>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        seed: &Seed,
    ) -> Result<(), Objection> {
        let mut handled = None;
        for notice in sight.notices {
            let conn = notice.peer().and_then(|peer| self.peers.get(&peer)).copied();
            match notice {
                Notice::PeerConnected { peer, conn, .. } => {
                    let speaks_v2 = config.speaks_v2();
                    self.come_up(*peer, *conn, config, |by_node| {
                        speaks_v2.then(|| Tap::new(seed, *peer, by_node))
                    })?;
                }
                // Whether it had to be is looked at by the policy.
                Notice::InboundEvicted { .. } => {
                    let conn = conn.ok_or_else(|| after_the_end(notice))?;
                    self.end(conn, "evicted");
                }
                Notice::HostDiscouraged { .. } => {
                    self.discourage(conn.ok_or_else(|| after_the_end(notice))?)?;
                }
                Notice::InboundRefused { conn, .. } => self.end(*conn, "refused"),
                Notice::DialBegun { conn, conn_type, .. } => {
                    self.note_kind(*conn, *conn_type, sight.tenant);
                }
                // A feeler that has what it came for says what there is to say, and goes.
                Notice::MessageQueued { .. } if conn.is_some_and(|conn| self.is_done(conn)) => {
                    self.queue(sight.now.wall, conn.expect("just looked at"), notice)?;
                }
                Notice::MessageHandled { .. } | Notice::MessageQueued { .. } => {
                    let conn = conn.ok_or_else(|| after_the_end(notice))?;
                    let is_over = |conn| sight.conns.get(conn).is_some_and(|peer| peer.is_over());
                    if is_over(conn) {
                        self.note_told_last(conn, sight.task(), notice)?;
                    }
                    self.hear_message(conn, notice, config, is_over)?;
                    handled = Some(conn);
                }
                Notice::MessageRejected { .. } => {
                    let conn = conn.ok_or_else(|| after_the_end(notice))?;
                    let Some(side) = self.touch(conn) else { continue };
                    side.reject().map_err(|what| objection(side, what))?;
                }
                Notice::PeerReady { .. } => {
                    let side = conn.and_then(|conn| self.sides.get(&conn));
                    let side = side.ok_or_else(|| after_the_end(notice))?;
                    if !side.is_ready() {
                        return Err(objection(side, "it was told to be ready".to_owned()));
                    }
                    side.own_nonce.map(|nonce| self.nonces_unanswered.remove(&nonce));
                }
                Notice::PongReceived { .. } => {
                    conn.ok_or_else(|| after_the_end(notice))?;
                }
                Notice::PeerDisconnected { peer, conn, reason } => {
                    self.peers.remove(peer).ok_or_else(|| after_the_end(notice))?;
                    self.hear_end(*conn, reason, config)?;
                }
                Notice::FallsBackToV1 { endpoint, .. } => {
                    self.fallbacks.push_back(endpoint.clone());
                }
                Notice::DialFailed { .. }
                | Notice::AddNodeAsked { .. }
                | Notice::RemoveNodeAsked { .. }
                | Notice::BanAsked { .. }
                | Notice::UnbanAsked { .. }
                | Notice::AcceptFailed { .. }
                | Notice::Store(_)
                | Notice::Blocks(_) => {}
            }
        }
        handled.map_or(Ok(()), |conn| self.check_turn(conn, sight, config))
    }

    /// A peer's turn is over: what it was due to hear is queued.
    fn check_turn<X: Wears>(
        &mut self,
        conn: ConnId,
        sight: &Sight<'_, X>,
        config: &Config,
    ) -> Result<(), Objection> {
        let Self { sides, rumours, .. } = self;
        let Some(side) = sides.get_mut(&conn) else { return Ok(()) };
        let counts = sight.conns.get(conn).and_then(Peer::addr_counts);
        if counts.is_some() != side.addresses.has_begun {
            let what = format!("addresses are exchanged: {}", counts.is_some());
            return Err(addresses(side, what));
        }
        if let Some(counts) = counts {
            side.addresses
                .check_counts(counts.processed, counts.rate_limited)
                .map_err(|what| addresses(side, what))?;
        }
        // Who has much to read is not answered yet.
        let waits = side.unsent_memory > config.send_buffer_bytes_max;
        let owes_own = side.is_ready() && counts.is_some() && !side.addresses.is_told_own;
        if owes_own && has_own_place(config) && !waits {
            return Err(addresses(side, "it was not told the node's own address".to_owned()));
        }
        if side.addresses.is_over() && !side.rights.has_addr && !waits {
            let answered = rumours.answer(is_ipv4(&side.endpoint), false);
            answered.map_err(|what| addresses(side, what))?;
        }
        side.unqueued().map_or(Ok(()), |name| {
            Err(objection(side, format!("{name} is due, and was not queued with its cause")))
        })
    }

    /// What an attempt is for, and by which transport it has to be made.
    fn note_kind(&mut self, conn: ConnId, conn_type: ConnType, tenant: &impl Configured) {
        let Some(side) = self.sides.get_mut(&conn) else { return };
        side.conn_type = conn_type;
        let is_chosen = !matches!(conn_type, ConnType::Manual | ConnType::AddrFetch);
        let known = known_services(tenant, &side.endpoint);
        let speaks_v2 = known.is_none_or(|services| services & P2P_V2 != 0);
        side.is_v1 |= is_chosen && !speaks_v2;
    }

    /// What a feeler is told, which are no addresses.
    fn queue(&mut self, now: UnixTime, conn: ConnId, notice: &Notice) -> Result<(), Objection> {
        let Notice::MessageQueued { message_type, payload_bytes, .. } = notice else {
            return Ok(());
        };
        let Some(side) = self.touch(conn) else { return Ok(()) };
        let queued = side.queue(message_type.as_str(), *payload_bytes, now, false);
        queued.map_err(|what| objection(side, what))
    }

    /// Whether a connection is one that was made to see whether somebody is there, and it has seen;
    /// what is then to be said is due.
    fn is_done(&mut self, conn: ConnId) -> bool {
        let Self { sides, nonces, .. } = self;
        let Some(side) = sides.get_mut(&conn) else { return false };
        side.finish_feeler(|nonce| nonces.contains(&nonce));
        side.over == Some(FEELER_DONE)
    }

    /// Somebody's host is discouraged: that one has misbehaved, and all who come from there go.
    fn discourage(&mut self, conn: ConnId) -> Result<(), Objection> {
        let may_blame = self.may_blame(conn);
        let side = self.sides.get_mut(&conn).expect("a peer is told of");
        let ip = side.endpoint.ip().map(|at| at.ip());
        let has_cause = may_blame || side.fatal(|n| self.nonces.contains(&n)) == Some("misbehaved");
        let Some(ip) = ip.filter(|ip| has_cause && !is_local(*ip)) else {
            let what = "its host is discouraged, and it did nothing, or is at home".to_owned();
            return Err(Objection { rule: RULE_DISCOURAGED, ..objection(side, what) });
        };
        side.is_discouraged = true;
        self.end(conn, "misbehaved");
        let is_there =
            |side: &Side| side.is_up && side.endpoint.ip().is_some_and(|at| at.ip() == ip);
        let there = self.sides.iter().filter(|(_, side)| is_there(side));
        let there: Vec<_> = there.map(|(conn, _)| *conn).collect();
        there.into_iter().for_each(|conn| self.end(conn, "discouraged"));
        Ok(())
    }

    fn come_up(
        &mut self,
        peer: PeerId,
        conn: ConnId,
        config: &Config,
        tap: impl FnOnce(bool) -> Option<Tap>,
    ) -> Result<(), Objection> {
        let (wall, is_off, is_stopped) = (self.clock.now.wall, self.is_off, self.is_stopped);
        let has_chain = self.downloads.is_some();
        let Some(side) = self.touch(conn) else { return Ok(()) };
        side.times.opened = wall;
        side.rights = Rights::of(config, &side.endpoint, side.conn_type);
        let tap = if side.is_fallback || side.is_v1 { None } else { tap(side.by_node) };
        side.come_up(tap);
        side.chain = has_chain.then(Box::default);
        if is_off {
            // The attempt was begun before.
            side.end(if is_stopped { "shutdown" } else { "network-inactive" });
        }
        self.peers.insert(peer, conn);
        Ok(())
    }

    fn hear_message(
        &mut self,
        conn: ConnId,
        notice: &Notice,
        config: &Config,
        is_over: impl Fn(ConnId) -> bool,
    ) -> Result<(), Objection> {
        let Self { sides, nonces_unanswered, clock, fairness, rumours, .. } = self;
        let Some(side) = sides.get_mut(&conn) else { return Ok(()) };
        if side.over.is_some() {
            return Err(after_the_end(notice));
        }
        match notice {
            Notice::MessageHandled { message_type, payload_bytes, verdict, .. } => {
                if side.unsent_memory > config.send_buffer_bytes_max {
                    let what = format!("{message_type} was handled, and much waits to be sent");
                    return Err(objection(side, what));
                }
                let (name, told) = (message_type.as_str(), Effect::of(*verdict));
                side.handle(name, *payload_bytes, told, |n| nonces_unanswered.contains(&n))
                    .map_err(|what| objection(side, what))?;
                fairness.handled(conn, is_over)?;
                let (now, has_addr) = (clock.now.wall, side.rights.has_addr);
                if told == Effect::Taken && matches!(name, "addr" | "addrv2") {
                    rumours.hear(&mut side.addresses, side.times.opened, now, has_addr);
                } else if told == Effect::Taken && name == "getaddr" && !has_addr {
                    rumours.ask(is_ipv4(&side.endpoint), now);
                }
            }
            Notice::MessageQueued { message_type, payload_bytes, .. } => {
                let name = message_type.as_str();
                let is_list = matches!(name, "addr" | "addrv2");
                if is_list && side.unsent_memory > config.send_buffer_bytes_max {
                    let what = "it was told addresses, and much waits to be sent".to_owned();
                    return Err(addresses(side, what));
                }
                let has_own = has_own_place(config);
                let is_answer = is_list && side.addresses.is_answered_next(has_own);
                let answers = is_answer && !side.rights.has_addr;
                let now = clock.now.wall;
                side.queue(name, *payload_bytes, now, has_own)
                    .map_err(|what| objection(side, what))?;
                if answers {
                    let answered = rumours.answer(is_ipv4(&side.endpoint), true);
                    answered.map_err(|what| addresses(side, what))?;
                }
                if name == "ping" {
                    let has_nonce = !side.is_old();
                    side.times.ping.start(clock, has_nonce).map_err(|what| timer(side, what))?;
                }
            }
            _ => {}
        }
        self.touch(conn);
        Ok(())
    }

    /// A reason that was told has to be true.
    fn check_reason(
        &self,
        side: &Side,
        reason: &sockman::connman::DisconnectReason,
        may_blame: bool,
        config: &Config,
    ) -> Result<(), Objection> {
        let name = reason.name();
        let is_home = side.endpoint.ip().is_none_or(|at| is_local(at.ip()));
        if name == "misbehaved" && !side.is_discouraged && !is_home {
            let what = "it misbehaved, and its host is not discouraged".to_owned();
            return Err(Objection { rule: RULE_DISCOURAGED, ..objection(side, what) });
        }
        if side.over == Some(name) || side.fatal(|n| self.nonces.contains(&n)) == Some(name) {
            return Ok(());
        }
        if name == "misbehaved" && may_blame {
            return Ok(());
        }
        if GIVEN_UP_FOR.contains(&name) {
            let may = side.given_up.as_ref().is_some_and(|may| may.contains(&name));
            let what = || format!("it was given up for {name}, and that is not so");
            return if may { Ok(()) } else { Err(chains(side, what())) };
        }
        if side.is_told_last {
            return Err(objection(side, format!("it was visited, and ended for {name}")));
        }
        if name == "surplus" && self.is_surplus(side, config) {
            return Ok(());
        }
        if let Some(told) = timers::check_told(side, reason, &self.clock, config) {
            return told.map_err(|what| timer(side, what));
        }
        let expected = side.over.unwrap_or("nothing");
        Err(objection(side, format!("it was ended for {name}; what passed says {expected}")))
    }

    /// A connection is over, and that is told.
    fn hear_end(
        &mut self,
        conn: ConnId,
        reason: &sockman::connman::DisconnectReason,
        config: &Config,
    ) -> Result<(), Objection> {
        let may_blame = self.may_blame(conn);
        let is_short = reason.name() == TOO_SHORT && self.is_too_short(conn);
        let Some(side) = self.sides.get(&conn) else { return Ok(()) };
        if !is_short {
            self.check_reason(side, reason, may_blame, config)?;
        }
        if let Some(downloads) = &mut self.downloads {
            downloads.give_up(reason.name());
        }
        self.hear_last(conn, reason);
        Ok(())
    }

    /// What ended a connection may have been addresses, which were heard.
    fn hear_last(&mut self, conn: ConnId, reason: &sockman::connman::DisconnectReason) {
        let Self { sides, rumours, clock, .. } = self;
        let Some(side) = sides.get_mut(&conn) else { return };
        if reason.name() == ADDR_FETCH_DONE && side.over.is_none() {
            let has_addr = side.rights.has_addr;
            rumours.hear(&mut side.addresses, side.times.opened, clock.now.wall, has_addr);
        }
    }

    /// Whether somebody of a kind has to go of which there are more than there are places for, and
    /// it may be this one (eviction 2).
    fn is_surplus(&self, side: &Side, config: &Config) -> bool {
        let limits = &config.limits;
        let most = match side.conn_type {
            ConnType::OutboundFullRelay => limits.outbound_full_relay_max,
            ConnType::BlockRelay => limits.block_relay_max,
            _ => return false,
        };
        let is_one = |other: &&Side| other.conn_type == side.conn_type && other.is_ready();
        let ready = self.sides.values().filter(is_one).count();
        let opened = side.times.opened.as_secs();
        ready > most as usize && self.clock.now.wall.as_secs() >= opened + 30
    }

    /// Whether a connection was begun because another with v2 was answered with nothing.
    pub(super) fn is_fallback(&self, conn: ConnId) -> bool {
        self.sides.get(&conn).is_some_and(|side| side.is_fallback)
    }

    /// Addresses with which there is a connection or an attempt, and what each is for.
    pub(super) fn there(&self) -> impl Iterator<Item = (&Endpoint, ConnType)> {
        let there = self.sides.values().filter(|side| side.by_node || side.is_up);
        there.map(|side| (&side.endpoint, side.conn_type))
    }

    fn close(&mut self, conn: ConnId, notices: &[Notice]) -> Result<(), Objection> {
        let Some(side) = self.sides.remove(&conn) else { return Ok(()) };
        self.fairness.forget(conn);
        if let Some(downloads) = &mut self.downloads {
            downloads.forget(conn);
        }
        let falls_back = |notice: &Notice| matches!(notice, Notice::FallsBackToV1 { .. });
        let [does, has_to] =
            [notices.iter().any(falls_back), side.asks_for_v1() && side.is_up && !self.is_off];
        if does != has_to {
            let what = format!("it falls back to v1: {does}; it has to: {has_to}");
            return Err(Objection { rule: RULE_FALLBACK, ..objection(&side, what) });
        }
        side.own_nonce.map(|nonce| self.nonces_unanswered.remove(&nonce));
        let told = notices.iter().find_map(|notice| match notice {
            Notice::PeerDisconnected { conn: told, .. } if side.is_up => (*told == conn).then_some(
                // It was compared as it was told.
                None,
            ),
            Notice::DialFailed { failure, .. } if side.by_node && !side.is_up => {
                Some(Some(match failure {
                    DialFailure::Failed(_) => "not-connected",
                    DialFailure::NetworkInactive => "network-inactive",
                    DialFailure::Shutdown => "shutdown",
                    DialFailure::AlreadyConnected | DialFailure::NotBegun(_) => "nothing",
                }))
            }
            _ => None,
        });
        match told {
            Some(None) => Ok(()),
            Some(reason) if reason == side.over => Ok(()),
            None if !side.by_node && !side.is_up && side.over == Some("refused") => Ok(()),
            Some(_) | None => {
                let what = format!("it was closed, and told was {told:?}, not {:?}", side.over);
                Err(Objection { oracle: "lifecycle", rule: RULE_LIFE, ..objection(&side, what) })
            }
        }
    }

    /// The opener's step, when somebody is to be dialled once more: that one comes first.
    fn fall_back<X: Wears>(&mut self, sight: &Sight<'_, X>) -> Result<(), Objection> {
        self.has_fallen_back = false;
        let is_openers = sight.task() == Some("opener");
        if !is_openers || !matches!(sight.step, Step::Node(_, Did::Stepped(_))) {
            return Ok(());
        }
        let Some(endpoint) = self.fallbacks.pop_front() else { return Ok(()) };
        self.has_fallen_back = true;
        let declined = sight.notices.iter().any(|notice| {
            let failure = DialFailure::AlreadyConnected;
            matches!(notice, Notice::DialFailed { failure: told, .. } if *told == failure)
        });
        let is_connected = self.is_connected(&endpoint);
        if declined != is_connected {
            let what =
                format!("to {endpoint} with v1 is declined: {declined}; connected: {is_connected}");
            return Err(Objection { oracle: NAME, since: None, what, rule: RULE_FALLBACK });
        }
        self.falling = Some(endpoint).filter(|_| !declined);
        Ok(())
    }

    /// Whether the opener is about to dial with v1.
    pub(super) const fn is_falling_back(&self) -> bool {
        self.falling.is_some()
    }

    // At rest.

    fn check_rest<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
    ) -> Result<(), Objection> {
        if let Some(endpoint) = self.fallbacks.front().filter(|_| !self.is_off) {
            let what = format!("{endpoint} is to be dialled with v1, and is not");
            return Err(Objection { oracle: NAME, since: None, what, rule: RULE_FALLBACK });
        }
        let mut touched = std::mem::take(&mut self.touched);
        for conn in touched.drain(..) {
            let Some(side) = self.sides.get(&conn) else { continue };
            let load = sight.conns.get(conn).map(Peer::load);
            let is_paused = load.is_some_and(|load| load.receive_paused);
            check_side(side, is_paused, config).map_err(|what| objection(side, what))?;
            let (wall, steady) = timers::next_due(side, config);
            let due = self.next_due.get_or_insert(sockman::time::Now { steady, wall });
            (due.wall, due.steady) = (due.wall.min(wall), due.steady.min(steady));
        }
        self.touched = touched;
        let now = sight.now;
        self.check_downloads(sight)?;
        if self.next_due.is_some_and(|due| due.wall <= now.wall || due.steady <= now.steady) {
            self.next_due = None;
            for side in self.sides.values() {
                timers::check_rest(side, now, config).map_err(|what| timer(side, what))?;
                let (wall, steady) = timers::next_due(side, config);
                let due = self.next_due.get_or_insert(sockman::time::Now { steady, wall });
                (due.wall, due.steady) = (due.wall.min(wall), due.steady.min(steady));
            }
        }
        Ok(())
    }
}

/// One connection at rest: nothing is left to do.
fn check_side(side: &Side, is_paused: bool, config: &Config) -> Result<(), String> {
    if let Some(reason) = side.over {
        return Err(format!("it is over for {reason}, and was not closed"));
    }
    if !side.by_node && !side.is_up {
        return Err("it was accepted, and neither let in nor refused".to_owned());
    }
    if let Some(name) = side.unqueued() {
        return Err(format!("{name} is due, and was not queued"));
    }
    if side.may_handle(config) {
        return Err(format!("{} messages were read and not handled", side.unhandled_count()));
    }
    let has_room = side.unsent_memory <= config.send_buffer_bytes_max;
    if side.is_served() == Some(true) && has_room {
        return Err("it has asked for blocks, and they are not queued".to_owned());
    }
    if side.unrejected() > 0 {
        return Err(format!("{} messages are invalid, and nobody said so", side.unrejected()));
    }
    let is_full = side.unhandled_memory > config.receive_buffer_bytes_max;
    if side.is_up && is_paused != is_full {
        let memory = side.unhandled_memory;
        return Err(format!("{memory} bytes wait to be handled; reading pauses: {is_paused}"));
    }
    Ok(())
}

fn objection(side: &Side, what: String) -> Objection {
    let what = format!("{}: {what}", side.endpoint);
    Objection { oracle: NAME, since: None, what, rule: RULE }
}

fn chains(side: &Side, what: String) -> Objection {
    Objection { rule: RULE_CHAIN, ..objection(side, what) }
}

fn addresses(side: &Side, what: String) -> Objection {
    Objection { rule: RULE_ADDRESSES, ..objection(side, what) }
}

/// Whether somebody comes over IPv4, and so to the listener for it.
fn is_ipv4(endpoint: &Endpoint) -> bool {
    endpoint.ip().is_some_and(|at| at.ip().is_ipv4())
}

fn timer(side: &Side, what: String) -> Objection {
    Objection { oracle: "protocol", rule: RULE_TIMERS, ..objection(side, what) }
}

fn after_the_end(notice: &Notice) -> Objection {
    let what = format!("{notice:?} is told, and the peer is over or unknown");
    Objection { oracle: "lifecycle", since: None, what, rule: RULE_LIFE }
}
