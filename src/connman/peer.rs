//! One peer: everything that connman keeps beside a connection.

use std::fmt;
use std::sync::Arc;

use super::addr_relay::{AddrCounts, AddrPeer};
use super::addrman::{AddrRecord, Counting, NetAddr};
use super::blocks::ChainPeer;
use super::eviction::Candidate;
use super::handshake::{Handshake, OwnNonces};
use super::host::{Host, HostNetwork};
use super::message::Relay;
use super::messages::Visits;
use super::opener::Slot;
use super::permissions::Permissions;
use super::ping::Ping;
use super::queues::Inbox;
use super::reasons::DisconnectReason;
use super::stats::Traffic;
use super::timers::Armed;
use super::{Config, ConnType, Services};
use crate::rng::Seed;
use crate::sockets::{Endpoint, ListenerId};
use crate::time::{Now, UnixTime};
use crate::transport::v2::{Role, Secrets};
use crate::transport::{MessageType, Transport};

/// A peer's number, counted up from 0 with each connection that is begun or let in; never given
/// out again. An attempt that fails leaves a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// How far a connection has got, as connman sees it. Nothing goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// We dialled, and nobody has answered yet. No number was told to anybody.
    Dialing,
    /// There is a connection.
    Open,
}

/// Who wanted a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Origin {
    /// The peer.
    Peer,
    /// The list of endpoints to connect to.
    List,
    /// The list of nodes that were added.
    Added,
    /// We ourselves.
    Automatic,
    /// A command.
    Command,
    /// We, since an attempt with v2 was answered with nothing: this one is with v1.
    Fallback,
}

/// The state of one connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) id: PeerId,
    pub(super) conn_type: ConnType,
    pub(super) endpoint: Endpoint,
    pub(super) origin: Origin,
    /// What it takes a place of.
    pub(super) slot: Slot,
    /// What the address manager knew, if it was chosen there; boxed, because actions carry peers
    /// about.
    pub(super) known: Option<Box<AddrRecord>>,
    /// Whether it counts against its address if nobody is there.
    pub(super) counting: Counting,
    pub(super) stage: Stage,
    /// Where it came in; `None` for whom we dialled.
    pub(super) listener: Option<ListenerId>,
    /// Its netgroup under a secret key; 0 for whom we dialled, who is never evicted.
    pub(super) keyed_netgroup: u64,
    /// What it may do that others may not.
    pub(super) permissions: Permissions,
    /// Whether its address was discouraged when it came. Core: `m_prefer_evict`.
    pub(super) is_discouraged: bool,
    /// When it became open.
    pub(super) connected_at: UnixTime,
    /// When bytes last came, and when bytes of ours were last taken.
    pub(super) received_at: Option<UnixTime>,
    pub(super) sent_at: Option<UnixTime>,
    pub(super) transport: Transport,
    pub(super) inbox: Inbox,
    /// Whether its messages are not handled, because of what waits to be sent. Nothing is refused
    /// or dropped because there is much; the pause stops what would cause more. Core:
    /// `fPauseSend`.
    pub(super) send_paused: bool,
    pub(super) handshake: Handshake,
    pub(super) ping: Ping,
    /// The exchange of addresses, once it has begun.
    pub(super) addresses: Option<Box<AddrPeer>>,
    /// The exchange of blocks; `None` where the manager has no chain.
    pub(super) chain: Option<Box<ChainPeer>>,
    pub(super) visits: Visits,
    pub(super) armed: Armed,
    /// Boxed, because actions carry peers about.
    pub(super) traffic: Box<Traffic>,
    /// Why it is over, once it is: nothing is handled or queued for it from then on.
    pub(super) ended: Option<DisconnectReason>,
}

/// What the queues of a peer hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Whole messages that wait to be handled.
    pub inbox_messages: usize,
    /// Memory that they count for, in bytes.
    pub inbox_memory_bytes: usize,
    /// Bytes of a message that is not whole yet.
    pub partial_bytes: usize,
    /// Bytes of memory that are set aside for its payload, beyond those that have come.
    pub partial_reserve_bytes: usize,
    /// Whether it is not read from, because of the memory.
    pub receive_paused: bool,
    /// Bytes that wait for the kernel.
    pub outbox_bytes: usize,
    /// Messages that are not fully sent; in v2 those that are not encrypted yet.
    pub outbox_messages: usize,
    /// Memory that messages count for which are not fully sent, in bytes.
    pub outbox_memory_bytes: usize,
    /// Whether its messages are not handled, because of that memory.
    pub send_paused: bool,
    /// Addresses that it is to be told.
    pub addresses_pending: usize,
    /// Addresses of which it is remembered that it knows them.
    pub addresses_known: usize,
    /// Blocks that it has asked for and was not sent.
    pub blocks_wanted: usize,
    /// New blocks that it is to be told of.
    pub blocks_announced: usize,
    /// Whether only its closing is still to come.
    pub is_over: bool,
}

/// What a peer's messages are handled with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) seed: &'a Seed,
    pub(super) now: Now,
    pub(super) own_nonces: &'a OwnNonces,
    /// The height that our `version` says.
    pub(super) start_height: i32,
}

impl Peer {
    /// What we offer it. Core: `Peer::m_our_services`, of which connections that are let in have
    /// Bloom filters by permission.
    pub(super) fn offered(&self, config: &Config) -> Services {
        let is_granted = self.conn_type.is_inbound();
        if is_granted && self.permissions.has(Permissions::BLOOM_FILTER) {
            return config.services | Services::BLOOM;
        }
        config.services
    }

    pub(super) fn new(
        id: PeerId,
        conn_type: ConnType,
        endpoint: Endpoint,
        origin: Origin,
        config: &Config,
        seed: &Seed,
    ) -> Self {
        let transport = transport(id, conn_type, origin, config, seed);
        Self {
            id,
            conn_type,
            endpoint,
            origin,
            slot: Slot::None,
            known: None,
            counting: Counting::Uncounted,
            stage: Stage::Dialing,
            listener: None,
            keyed_netgroup: 0,
            permissions: Permissions::NONE,
            is_discouraged: false,
            connected_at: UnixTime::EPOCH,
            received_at: None,
            sent_at: None,
            transport,
            inbox: Inbox::default(),
            send_paused: false,
            handshake: Handshake::new(id, seed),
            ping: Ping::default(),
            addresses: None,
            chain: None,
            visits: Visits::default(),
            armed: Armed::default(),
            traffic: Box::new(Traffic::NONE),
            ended: None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// What the connection is for.
    #[must_use]
    pub const fn conn_type(&self) -> ConnType {
        self.conn_type
    }

    /// The other end.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether the handshake is complete.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.handshake.is_ready()
    }

    /// What its queues hold, without copying anything.
    #[must_use]
    pub fn load(&self) -> Load {
        let partial_bytes = self.transport.partial_bytes();
        let (addresses_pending, addresses_known) =
            self.addresses.as_ref().map_or((0, 0), |begun| begun.load());
        Load {
            inbox_messages: self.inbox.count(),
            inbox_memory_bytes: self.inbox.memory_usage(),
            partial_bytes,
            partial_reserve_bytes: self.transport.reserved_bytes().saturating_sub(partial_bytes),
            receive_paused: self.inbox.paused,
            outbox_bytes: self.transport.ready_bytes(),
            outbox_messages: self.transport.unsent_count(),
            outbox_memory_bytes: self.transport.memory_usage(),
            send_paused: self.send_paused,
            addresses_pending,
            addresses_known,
            blocks_wanted: self.chain.as_ref().map_or(0, |chain| chain.wanted_count()),
            blocks_announced: self.chain.as_ref().map_or(0, |chain| chain.announced_count()),
            is_over: self.is_over(),
        }
    }

    /// What eviction knows of it. Transactions and filters are not there yet.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        let theirs = self.handshake.theirs();
        let wanted = Services::NETWORK | Services::WITNESS;
        let ip = self.endpoint.ip().map(|at| at.ip());
        let host = Host::of(&self.endpoint);
        Candidate {
            peer: self.id,
            conn_type: self.conn_type,
            connected_at: self.connected_at.second(),
            ping_least: self.ping.least,
            block_at: self.chain.as_ref().and_then(|chain| chain.block_at),
            tx_at: None,
            has_wanted_services: theirs.is_some_and(|theirs| theirs.head.services.contains(wanted)),
            relays_txs: theirs.is_some_and(|theirs| theirs.tail.relay == Relay::Wanted),
            has_bloom_filter: false,
            keyed_netgroup: self.keyed_netgroup,
            prefer_evict: self.is_discouraged,
            is_local: ip.is_some_and(|ip| NetAddr::from_ip(ip).is_local()),
            // A Unix socket has none, and is at no disadvantage.
            network: host.map_or(HostNetwork::Ipv4, |host| host.network()),
            noban: self.permissions.has(Permissions::NOBAN),
        }
    }

    /// Whether bytes are ready for the kernel that it has not taken.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.transport.ready_bytes() > 0
    }

    /// What became of the addresses that it has told; `None`: none are exchanged with it.
    #[must_use]
    pub fn addr_counts(&self) -> Option<AddrCounts> {
        self.addresses.as_ref().map(|begun| begun.counts)
    }

    /// What it may do that others may not.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Whether only its closing is still to come.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether it is connected and not over.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Open) && self.ended.is_none()
    }

    /// Whether our `version` is the next thing to happen: an outbound peer's messages are not
    /// looked at before it has gone out. Core: `ProcessMessages`,
    /// `m_outbound_version_message_sent`.
    pub(super) const fn owes_version(&self) -> bool {
        !self.conn_type.is_inbound() && !self.handshake.version_sent()
    }

    /// Whether its next message may be handled.
    pub(super) fn may_handle(&self) -> bool {
        self.is_live()
            && !self.owes_version()
            && !self.send_paused
            && !self.inbox.is_empty()
            && !self.wants_blocks()
    }

    /// Whether a block may be sent that it asked for.
    pub(super) fn may_serve(&self) -> bool {
        let may_serve = self.chain.as_ref().is_some_and(|chain| chain.may_serve());
        self.is_live() && !self.send_paused && may_serve
    }

    fn wants_blocks(&self) -> bool {
        self.chain.as_ref().is_some_and(|chain| chain.wants_blocks())
    }

    /// Whether something may be due to it because of the chain.
    pub(super) fn has_chain_turn(&self) -> bool {
        self.is_ready() && self.chain.as_ref().is_some_and(|chain| chain.is_due())
    }

    /// Whether a visit of the message handler would do something.
    pub(super) fn has_work(&self) -> bool {
        let is_due = || self.ping.is_queued() || self.owes_addresses() || self.has_chain_turn();
        self.may_handle()
            || self.may_serve()
            || self.is_live() && (self.owes_version() || self.is_ready() && is_due())
    }

    /// Puts a message behind those that wait to be sent.
    pub(super) fn queue(
        &mut self,
        cx: &Context<'_>,
        message_type: MessageType,
        payload: impl Into<Arc<[u8]>>,
    ) {
        assert!(self.is_live(), "nothing is queued for a connection that is over");
        self.transport.push(cx.config.network.magic(), message_type, payload.into());
        if self.transport.memory_usage() > cx.config.send_buffer_bytes_max {
            self.send_paused = true;
        }
    }

    pub(super) fn check_invariants(&self) {
        self.inbox.check_invariants();
        self.transport.check_invariants();
        self.traffic.check_invariants();
        if let Some(begun) = &self.addresses {
            begun.check_invariants();
        }
        if self.stage == Stage::Dialing {
            assert!(self.inbox.is_empty(), "nothing comes before there is a connection");
            assert_eq!(self.transport.unsent_count(), 0, "nothing is queued before there is one");
        }
        if self.ended.is_some() {
            assert!(self.inbox.is_empty(), "nothing more is handled");
        }
        if self.is_ready() {
            assert!(self.handshake.version_sent(), "a handshake is complete with both versions");
        }
    }
}

/// What a peer is spoken to with. An inbound one chooses; one that we dial is spoken to in v2,
/// unless it has just answered to that with nothing. Core: `CConnman::ConnectNode` and
/// `CreateNodeFromAcceptedSocket`, `use_v2transport`.
fn transport(
    id: PeerId,
    conn_type: ConnType,
    origin: Origin,
    config: &Config,
    seed: &Seed,
) -> Transport {
    let magic = config.network.magic();
    if !config.speaks_v2() || origin == Origin::Fallback {
        return Transport::v1(magic);
    }
    let role = if conn_type.is_inbound() { Role::Responder } else { Role::Initiator };
    Transport::v2(magic, role, Secrets::draw(seed, id.0))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::connman::addr_relay::{AddrBook, AddrRelay};
    use crate::connman::addrman::{AddrMan, Key, NetGroups};
    use crate::connman::bans::{BAN_TIME_DEFAULT as DAY, BanList, Discouraged};
    use crate::connman::handshake::handle_version;
    use crate::connman::message::{Version, VersionHead, VersionTail};
    use crate::transport::Network;

    fn candidate(ip: &str, services: Services, relay: Relay) -> Candidate {
        let (config, seed) = (Config::new(Network::Regtest), Seed::from_number(7));
        let endpoint = Endpoint::Ip(SocketAddr::new(ip.parse().unwrap(), 40_000));
        let (id, inbound, origin) = (PeerId(3), ConnType::Inbound, Origin::Peer);
        let mut peer = Peer::new(id, inbound, endpoint, origin, &config, &seed);
        peer.stage = Stage::Open;
        peer.connected_at = UnixTime::from_secs(90) + std::time::Duration::from_millis(999);
        peer.ping.least = Some(std::time::Duration::from_millis(5));
        (peer.keyed_netgroup, peer.permissions) = (17, Permissions::NOBAN);
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let head = VersionHead {
            version: crate::connman::PROTOCOL_VERSION,
            services,
            time: 0,
            receiver_services: Services::NONE,
            receiver: nobody,
        };
        let tail = VersionTail { nonce: 1, user_agent: String::new(), start_height: 0, relay };
        let own_nonces = OwnNonces::default();
        let now = Now::default();
        let (config, seed, own_nonces) = (&config, &seed, &own_nonces);
        let cx = Context { config, seed, now, own_nonces, start_height: 0 };
        let (mut addrman, bans) = (AddrMan::new(Key::new([7; 32]), NetGroups), BanList::new(DAY));
        let (mut relay, discouraged) = (AddrRelay::new(config, seed), Discouraged::new(seed));
        let book = &mut AddrBook {
            addrman: &mut addrman,
            relay: &mut relay,
            bans: &bans,
            discouraged: &discouraged,
        };
        handle_version(&mut peer, &cx, book, &Version { head, tail }.encode()).unwrap();
        peer.candidate()
    }

    #[test]
    fn eviction_knows_what_is_true_of_a_peer() {
        let wanted = Services::NETWORK | Services::WITNESS;
        let one = candidate("203.0.113.7", wanted, Relay::Unwanted);
        assert_eq!((one.peer, one.conn_type), (PeerId(3), ConnType::Inbound));
        assert_eq!(one.connected_at, UnixTime::from_secs(90), "to the second");
        assert_eq!(one.ping_least, Some(std::time::Duration::from_millis(5)));
        assert_eq!((one.keyed_netgroup, one.noban), (17, true));
        assert_eq!((one.has_wanted_services, one.relays_txs), (true, false));
        assert_eq!((one.is_local, one.network), (false, HostNetwork::Ipv4));

        let other = candidate("127.0.0.1", Services::WITNESS, Relay::Wanted);
        assert_eq!((other.has_wanted_services, other.relays_txs), (false, true));
        assert_eq!((other.is_local, other.network), (true, HostNetwork::Ipv4));
        let last = candidate("2a00::1", Services::NONE, Relay::Wanted);
        assert_eq!((last.is_local, last.network), (false, HostNetwork::Ipv6));
    }
}
