//! The P2P connection manager: who is connected, what is said to whom, and when it is over.
//!
//! ```text
//!   accepted, connected, bytes, FIN, failures --> ConnMan --> dial, send, pause, resume, close
//!                      commands, the two clocks --^    \--> notices
//! ```
//!
//! [`ConnMan`] is a [`Tenant`]: events in, actions out. It knows the transport, connection ids,
//! time and randomness as arguments. It makes no system call and knows no socket or descriptor.
//!
//! Its tasks are those threads of the reference that interpret and decide:
//!
//! | task       | reference                                | a step                               |
//! |------------|------------------------------------------|--------------------------------------|
//! | `messages` | `ThreadMessageHandler`                   | one message of one peer, and what is due to it |
//! | `timers`   | `InactivityCheck`, parts of `SendMessages` | one timer                          |
//! | `opener`   | `ThreadOpenConnections`                  | one attempt, or a look for somebody  |
//! | `added`    | `ThreadOpenAddedConnections`             | one attempt                          |
//! | `stores`   | the scheduler's `DumpBanlist`, `DumpAddresses` | a copy of each file that is due |
//!
//! A peer is *over* from the moment at which its [`Action::Close`] is pushed: nothing is handled or
//! queued for it any more, and its slot is free once it is closed.

use crate::files::{FileCompletion, FileRequest};
use crate::rng::{OrderKey, Purpose, Seed};
use crate::sockets::{ConnId, ConnectError, ListenerId, More};
use crate::sockman::{Action, ConnFailure, Conns, Event, Slices, StepName, TaskId, Tenant};
use crate::time::{Instant, Now};

pub mod addr_relay;
mod address;
pub mod addrman;
pub mod bans;
pub mod blocks;
mod config;
mod conn_type;
pub mod eviction;
mod handshake;
pub mod host;
mod inspect;
mod kept;
mod life;
pub mod message;
mod messages;
mod misbehaviour;
mod notice;
mod opener;
mod peer;
pub mod permissions;
mod ping;
mod queues;
mod reasons;
pub mod screen;
mod services;
mod stats;
pub mod stores;
mod timers;

pub use addr_relay::AddrCounts;
pub use address::{REACHABLE, is_routable};
pub use config::{
    Behaviour, CONNECT_MAX, CONNECTIONS_MAX_DEFAULT, Config, DIAL_TIMEOUT_DEFAULT, Discover,
    EXTERNAL_MAX, FixedSeeds, Limits, Outbound, WHITELIST_MAX,
};
pub use conn_type::ConnType;
pub use handshake::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN};
pub use inspect::{
    ChainSnapshot, Command, Inspection, NetworkState, PeerSnapshot, Tables, VersionSnapshot,
};
pub use misbehaviour::Misbehaviour;
pub use notice::Notice;
pub use opener::{ADDED_MAX, AddNode};
pub use peer::{Load, Peer, PeerId, Stage};
pub use ping::{PING_INTERVAL, TIMEOUT_INTERVAL};
pub use reasons::{DialFailure, DisconnectReason, EndedBy, Ignored, Refusal, Verdict};
pub use services::Services;
pub use stats::{Count, Flow, Traffic};
pub use timers::Timer;

use addr_relay::AddrRelay;
use addrman::{AddrMan, Key, NetGroups};
use bans::{BanList, Discouraged};
use blocks::BlockSync;
use handshake::OwnNonces;
use kept::Kept;
use messages::Messages;
use opener::Opener;
use timers::Timers;

/// The task that handles messages.
const MESSAGES: TaskId = TaskId(0);
/// The task that fires timers.
const TIMERS: TaskId = TaskId(1);
/// The task that opens connections.
const OPENER: TaskId = TaskId(2);
/// The task that writes what is kept.
const STORES: TaskId = TaskId(3);
/// The task that connects to nodes that were added.
const ADDED: TaskId = TaskId(4);

/// The P2P connection manager. See the head of the module.
#[derive(Clone, Debug)]
pub struct ConnMan {
    config: Config,
    seed: Seed,
    network: NetworkState,
    /// Whether it was told to stop.
    stopped: bool,
    /// Peers there ever were; the number of the next one.
    peers_made: u64,
    /// Inbound peers, also those that are over and not closed yet.
    inbound_count: usize,
    /// Under which netgroups are compared.
    netgroup_key: OrderKey,
    listeners: Vec<ListenerId>,
    bans: BanList,
    discouraged: Discouraged,
    /// The addresses that it knows.
    addrman: AddrMan,
    /// How often it was told of some at our own side; what the next time draws by.
    addresses_added: u64,
    /// What it exchanges of them with peers.
    addr_relay: AddrRelay,
    messages: Messages,
    own_nonces: OwnNonces,
    timers: Timers,
    opener: Opener,
    /// What it serves and downloads; `None`: it says nothing of chains.
    chain: Option<Box<BlockSync>>,
    /// What outlives the run; `None`: nothing does.
    kept: Option<Kept>,
    /// What the chain asks of files and was not taken yet, at most one operation.
    block_requests: Vec<FileRequest>,
    /// Traffic of all peers, and of those that are closed.
    totals: Traffic,
    closed: Traffic,
    notices: Vec<Notice>,
}

impl ConnMan {
    /// A manager without connections, with the network on, that keeps nothing for another run.
    #[must_use]
    pub fn new(config: Config, seed: Seed) -> Self {
        config.check_invariants();
        let mut addrman_key = [0; 32];
        seed.fill(Purpose::AddrManKey, 0, &mut addrman_key);
        Self {
            opener: Opener::new(&config, &seed),
            messages: Messages::new(&seed),
            bans: BanList::new(config.ban_time),
            discouraged: Discouraged::new(&seed),
            addrman: AddrMan::new(Key::new(addrman_key), NetGroups),
            addresses_added: 0,
            addr_relay: AddrRelay::new(&config, &seed),
            netgroup_key: OrderKey::new(&seed, Purpose::NetGroups),
            config,
            seed,
            network: NetworkState::Active,
            stopped: false,
            peers_made: 0,
            inbound_count: 0,
            listeners: Vec::new(),
            own_nonces: OwnNonces::default(),
            timers: Timers::new(),
            chain: None,
            kept: None,
            block_requests: Vec::new(),
            totals: Traffic::NONE,
            closed: Traffic::NONE,
            notices: Vec::new(),
        }
    }

    // Getters.

    /// What its randomness follows from.
    #[must_use]
    pub const fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The choices it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Traffic of all peers there ever were.
    #[must_use]
    pub const fn totals(&self) -> &Traffic {
        &self.totals
    }

    /// Inbound connections, also those that are over and not closed yet.
    #[must_use]
    pub const fn inbound_count(&self) -> usize {
        self.inbound_count
    }

    /// The addresses that it knows.
    #[must_use]
    pub const fn addrman(&self) -> &AddrMan {
        &self.addrman
    }

    /// Who is kept out.
    #[must_use]
    pub const fn bans(&self) -> &BanList {
        &self.bans
    }

    const fn is_network_active(&self) -> bool {
        matches!(self.network, NetworkState::Active)
    }
}

impl Tenant for ConnMan {
    type Conn = Peer;
    type Command = Command;
    type Notice = Notice;

    const TASKS: &'static [&'static str] = &["messages", "timers", "opener", "stores", "added"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match event {
            Event::Accepted { conn, listener, peer } => {
                self.accept(now, (*conn, *listener), peer.clone(), conns, actions);
            }
            Event::AcceptFailed { error, .. } => {
                self.notices.push(Notice::AcceptFailed { error: *error });
            }
            Event::Connected { conn } => self.open(now, *conn, conns, actions),
            Event::Eof { conn } => {
                let Some(peer) = conns.get(*conn) else { return };
                let reason = match peer.transport.partial_bytes() {
                    0 => DisconnectReason::PeerClosed,
                    bytes => DisconnectReason::PeerClosedMidMessage { bytes },
                };
                self.end(*conn, reason, conns, actions);
            }
            Event::Failed { conn, error } => {
                let reason = match error {
                    ConnFailure::Lost(failure) => DisconnectReason::Lost(*failure),
                    ConnFailure::Dial(_) | ConnFailure::DialTimeout => {
                        DisconnectReason::NotConnected(*error)
                    }
                };
                self.end(*conn, reason, conns, actions);
            }
            Event::Received { .. } | Event::Writable { .. } | Event::Finished { .. } => {
                unreachable!("bytes and room come by another way, and connman ends nothing so")
            }
        }
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.totals.add_received_bytes(bytes.len());
        let Some(peer) = conns.get_mut(conn) else {
            // They were read, and then it was closed.
            self.closed.add_received_bytes(bytes.len());
            return;
        };
        peer.traffic.add_received_bytes(bytes.len());
        if !peer.is_live() {
            return;
        }
        peer.received_at = Some(now.wall);
        let was_sending = peer.has_unsent();
        match self.receive(now, peer, bytes) {
            Ok(()) => {
                // The peer's key lets ours, or what waited for it, go.
                peer.transport.prepare();
                if !was_sending && peer.has_unsent() {
                    actions.push(Action::Send(conn));
                }
                self.set_receive_pause(conn, conns, actions);
                self.settle(conn, conns);
            }
            Err(reason) => self.end(conn, reason, conns, actions),
        }
    }

    fn reads(peer: &Peer) -> bool {
        !peer.inbox.paused
    }

    fn gather<'a>(peer: &'a Peer, slices: &mut Slices<'a>) -> More {
        for run in peer.transport.runs() {
            if slices.push(run).is_err() {
                // For a peer that is over, nothing more is asked for.
                return if peer.is_live() { More::Yes } else { More::No };
            }
        }
        if peer.is_live() && peer.transport.more_follows() { More::Yes } else { More::No }
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        _actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        if count == 0 {
            return;
        }
        peer.sent_at = Some(now.wall);
        let (traffic, totals) = (&mut peer.traffic, &mut self.totals);
        peer.transport.advance(count, |message_type, bytes, whole| {
            traffic.add_sent(message_type, bytes, whole);
            totals.add_sent(message_type, bytes, whole);
        });
        peer.transport.prepare();
        peer.send_paused = peer.transport.memory_usage() > self.config.send_buffer_bytes_max;
        self.settle(conn, conns);
    }

    fn handle_dialing(&mut self, now: Now, conn: ConnId, conns: &mut Conns<Peer>) {
        let peer = conns.get(conn).expect("the attempt has just begun");
        self.opener.note_connection(now, peer);
        let (endpoint, conn_type) = (peer.endpoint.clone(), peer.conn_type);
        let transport = peer.transport.kind();
        self.notices.push(Notice::DialBegun { conn, endpoint, conn_type, transport });
    }

    fn handle_dial_failed(
        &mut self,
        now: Now,
        state: Peer,
        error: ConnectError,
        _actions: &mut Vec<Action<Peer>>,
    ) {
        self.opener.note_dialed(now, state.origin);
        self.note_attempt(now, &state);
        self.give_slot_back(&state);
        let Peer { endpoint, conn_type, .. } = state;
        let failure = DialFailure::NotBegun(error);
        self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Peer>,
        _actions: &mut Vec<Action<Peer>>,
    ) {
        // One that was not let in.
        let Some(peer) = state else { return };
        for timer in Timer::ALL {
            self.timers.clear((conn, timer));
        }
        self.messages.forget(conn, &peer);
        if let Some(sync) = &mut self.chain {
            sync.forget(conn);
        }
        self.own_nonces.remove(&peer);
        self.opener.note_closed(&peer);
        self.note_anchor(&peer);
        self.closed.add(&peer.traffic);
        if peer.conn_type.is_inbound() {
            self.inbound_count -= 1;
        }
        let reason = peer.ended.unwrap_or(DisconnectReason::Shutdown);
        if peer.stage == Stage::Open {
            self.note_connected(now, &peer);
            self.note_fallback(&peer);
            self.notices.push(Notice::PeerDisconnected { peer: peer.id, conn, reason });
            return;
        }
        self.opener.note_dialed(now, peer.origin);
        self.note_attempt(now, &peer);
        self.give_slot_back(&peer);
        let Peer { endpoint, conn_type, .. } = peer;
        let failure = DialFailure::from(reason);
        self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
    }

    fn handle_listening(&mut self, _now: Now, listener: ListenerId) {
        self.listeners.push(listener);
        self.addr_relay.note_listening();
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.execute(now, command, conns, actions);
    }

    fn handle_shutdown(&mut self, now: Now) {
        self.stop_stores(now);
    }

    fn handle_file_completed(&mut self, now: Now, completion: FileCompletion) {
        self.file_completed(now, completion);
    }

    fn take_file_requests(&mut self, requests: &mut Vec<FileRequest>) {
        self.take_requests(requests);
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Peer>,
    ) -> Option<StepName<'a>> {
        match task {
            MESSAGES => self.next_message_step(now, conns),
            TIMERS => self.next_timer_step(now, conns),
            OPENER => self.next_opener_step(now),
            STORES => self.next_stores_step(now),
            ADDED => self.next_added_step(now),
            TaskId(n) => unreachable!("there is no task {n}"),
        }
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match task {
            MESSAGES => self.step_messages(now, conns, actions),
            TIMERS => self.step_timers(now, conns, actions),
            OPENER => self.step_opener(now, conns, actions),
            STORES => self.step_stores(now),
            ADDED => self.step_added(actions),
            TaskId(n) => unreachable!("there is no task {n}"),
        }
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let messages = self.next_messages_wakeup(now);
        let timers = self.timers.next().map(|at| now.steady_at(at));
        let (opener, added) = (self.next_opener_wakeup(now), self.next_added_wakeup());
        let stores = self.next_stores_wakeup();
        [messages, timers, opener, added, stores].into_iter().flatten().min()
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        notices.append(&mut self.notices);
    }

    fn check_invariants(&self, conns: &Conns<Peer>) {
        let mut totals = self.closed.clone();
        let (mut inbound_count, mut live_count) = (0, 0);
        for (_, peer) in conns.iter() {
            peer.check_invariants();
            totals.add(&peer.traffic);
            let is_inbound = peer.conn_type.is_inbound();
            inbound_count += usize::from(is_inbound);
            live_count += usize::from(is_inbound && peer.is_live());
        }
        assert_eq!(self.totals, totals, "totals are the sum over live and closed peers");
        assert_eq!(self.inbound_count, inbound_count, "slots are counted");
        assert!(live_count <= self.config.limits.inbound_max as usize, "slots are limited");
        self.messages.check_invariants(conns);
        self.check_chain(conns);
        self.own_nonces.check_invariants(conns);
        self.addr_relay.check_invariants();
        self.addrman.check_sizes().expect("the address manager keeps its tables in order");
        self.opener.check_invariants(conns, &self.config.limits);
        timers::check_invariants(&self.timers, conns, &self.config);
        if let Some(kept) = &self.kept {
            kept.check_invariants();
        }
        assert!(self.block_requests.len() <= 1, "one operation at a time");
    }
}
