//! What other threads may ask, and what they are shown.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::addr_relay::AddrCounts;
use super::addrman::{AddrRecord, NetAddr, Share};
use super::bans::{BanTime, Banned, Subnet, is_kept_out};
use super::host::Host;
use super::life::conn_of;
use super::message::Bandwidth;
use super::opener::Dial;
use super::peer::{Origin, Peer, Stage};
use super::permissions::Permissions;
use super::reasons::{DialFailure, DisconnectReason};
use super::stats::Traffic;
use super::{ConnMan, ConnType, Notice, PeerId, Services};
use crate::rng::Draws;
use crate::sockets::{ConnId, Endpoint};
use crate::sockman::{Action, Conns};
use crate::time::{Now, UnixTime};
use crate::transport::v2::Detected;

/// What other threads may ask. None of it blocks, and only [`Inspect`](Self::Inspect) answers;
/// what came of the others is told by [`Notice`]s.
#[derive(Clone, Debug)]
pub enum Command {
    /// Try once to connect. Core: `addnode ... onetry`.
    Connect {
        /// Where to.
        endpoint: Endpoint,
    },
    /// Connect to a node again and again, beside all others. Core: `addnode ... add`.
    AddNode {
        /// Where it is.
        endpoint: Endpoint,
    },
    /// Do so no more; a connection stays. Core: `addnode ... remove`.
    RemoveNode {
        /// Where it is.
        endpoint: Endpoint,
    },
    /// Take in addresses: whoever looks up the names of seeds hands over what was found.
    AddAddresses {
        /// Addresses, with what is offered there and when they were seen.
        addresses: Vec<AddrRecord>,
        /// Who told of them; for names an address of the kind that is internal.
        source: NetAddr,
    },
    /// End a connection. A peer that is gone is no error.
    Disconnect {
        /// Whose.
        peer: PeerId,
    },
    /// Ping every peer whose handshake is complete with the next turn. Core: `ping`.
    Ping,
    /// Ban a subnet, and end the connections with its hosts, unless there is no room for the ban.
    /// Core: `setban ... add`.
    Ban {
        /// Which.
        subnet: Subnet,
        /// How long.
        time: BanTime,
    },
    /// Lift the ban of exactly this subnet. Core: `setban ... remove`.
    Unban {
        /// Which.
        subnet: Subnet,
    },
    /// Lift every ban. Core: `clearbanned`.
    ClearBans,
    /// Switch the network on or off. Off: every connection ends, nobody is let in, nothing is
    /// dialled; listeners stay. Core: `setnetworkactive`.
    SetNetworkActive(NetworkState),
    /// End every connection, stop listening, and do nothing any more.
    Shutdown,
    /// Send a picture of everything.
    Inspect {
        /// Where to. A full or abandoned channel gets none: whoever asks makes room for one.
        reply: SyncSender<Inspection>,
    },
}

/// Whether there is a network, as far as we are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkState {
    /// Connections come and go.
    Active,
    /// There are none.
    Inactive,
}

/// A picture of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Every peer that has been told of and not yet told to be gone, by number.
    pub peers: Vec<PeerSnapshot>,
    /// Whether the network is on.
    pub network: NetworkState,
    /// Traffic of all peers there ever were.
    pub totals: Traffic,
}

/// How many entries the tables hold that grow with what peers do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Deadlines of all peers.
    pub deadlines: usize,
    /// Peers with work for the message handler.
    pub turns: usize,
    /// Nonces by which we would know ourselves.
    pub own_nonces: usize,
    /// Endpoints to connect to.
    pub listed: usize,
    /// Nodes that were added.
    pub added: usize,
    /// Endpoints to connect to once more, with v1.
    pub fallbacks: usize,
    /// Known addresses.
    pub addresses: usize,
    /// Answers to `getaddr` that are kept.
    pub answers: usize,
    /// Subnets that are banned, also those whose time is over and that were not swept yet.
    pub bans: usize,
    /// Headers of the chain.
    pub headers: usize,
    /// Blocks that peers were asked for.
    pub blocks_asked: usize,
    /// Blocks that one peer owes, the most of all.
    pub blocks_owed: usize,
    /// Notices that nobody has taken.
    pub notices: usize,
}

/// One peer as a person may see it: everything that decides what happens to it next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSnapshot {
    /// Its number.
    pub peer: PeerId,
    /// The connection below it.
    pub conn: ConnId,
    /// The other end.
    pub endpoint: Endpoint,
    /// What the connection is for.
    pub conn_type: ConnType,
    /// How far the connection has got.
    pub stage: Stage,
    /// What transport it speaks, as far as is known; of v2 with what both ends can compare.
    pub transport: Detected,
    /// When it became open.
    pub connected_at: UnixTime,
    /// When bytes last came; `None`: never.
    pub received_at: Option<UnixTime>,
    /// When bytes of ours were last taken; `None`: never.
    pub sent_at: Option<UnixTime>,
    /// Whether the handshake is complete.
    pub is_ready: bool,
    /// What its `version` said; `None` before.
    pub version: Option<VersionSnapshot>,
    /// Whether it wants transactions announced by wtxid.
    pub wtxid_relay: bool,
    /// Whether it takes `addrv2`.
    pub wants_addrv2: bool,
    /// Whether it wants blocks announced by header.
    pub prefers_headers: bool,
    /// How it wants compact blocks; `None`: not at all.
    pub compact_blocks: Option<Bandwidth>,
    /// What became of the addresses that it has told; `None`: none are exchanged with it.
    pub addresses: Option<AddrCounts>,
    /// The height that a chain has got to which it tells twice, because it has shown too little
    /// work so far; `None`: it tells none such.
    pub presynced_headers: Option<u64>,
    /// What it may do that others may not.
    pub permissions: Permissions,
    /// The last round trip of a ping.
    pub ping_last: Option<Duration>,
    /// The least.
    pub ping_least: Option<Duration>,
    /// When the ping was sent that was not answered yet; `None`: there is none.
    pub ping_sent_at: Option<UnixTime>,
    /// Messages that wait to be handled.
    pub inbox_messages: usize,
    /// Memory that they count for, in bytes.
    pub inbox_bytes: usize,
    /// Whether it is not read from, because of that.
    pub receive_paused: bool,
    /// Bytes that wait for the kernel.
    pub outbox_bytes: usize,
    /// Messages that are not fully sent; in v2 those that are not encrypted yet.
    pub outbox_messages: usize,
    /// Whether its messages are not handled, because of the memory that these count for.
    pub send_paused: bool,
    /// When each timer falls due, in the order of [`Timer::ALL`](super::Timer::ALL); `None`: not
    /// as things stand.
    pub deadlines: [Option<UnixTime>; super::Timer::ALL.len()],
    /// What went over the wire.
    pub traffic: Traffic,
    /// Why it is over, if it is, and only its closing is still to come.
    pub ended: Option<DisconnectReason>,
    /// Its part in the chain; `None`: there is none, or it was not looked at.
    pub chain: Option<ChainSnapshot>,
}

/// What a peer's `version` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSnapshot {
    /// The version that it speaks.
    pub version: i32,
    /// The lower of that and ours.
    pub common_version: i32,
    /// What it offers.
    pub services: Services,
    /// Its software, sanitised.
    pub user_agent: String,
    /// The height that it claims.
    pub start_height: i32,
    /// Its clock less ours, in seconds.
    pub time_offset_secs: i64,
}

/// What is exchanged of a chain with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSnapshot {
    /// The height of the best header that it is known to have. Core: `nSyncHeight`.
    pub best_known_height: Option<u32>,
    /// The height of the last block that both are known to have. Core: `nCommonHeight`.
    pub common_height: Option<u32>,
    /// Heights of the blocks that it was asked for and has not given, in that order.
    pub in_flight: Vec<u32>,
    /// When it last gave a block that nobody else had given.
    pub block_at: Option<UnixTime>,
}

impl PeerSnapshot {
    /// A peer as it stands.
    #[must_use]
    pub fn new(conn: ConnId, peer: &Peer) -> Self {
        let handshake = &peer.handshake;
        Self {
            peer: peer.id,
            conn,
            endpoint: peer.endpoint.clone(),
            conn_type: peer.conn_type,
            stage: peer.stage,
            transport: peer.transport.detected(),
            connected_at: peer.connected_at,
            received_at: peer.received_at,
            sent_at: peer.sent_at,
            is_ready: peer.is_ready(),
            version: VersionSnapshot::new(peer),
            wtxid_relay: handshake.wtxid_relay,
            wants_addrv2: handshake.wants_addrv2,
            prefers_headers: handshake.prefers_headers,
            compact_blocks: handshake.compact_blocks,
            addresses: peer.addr_counts(),
            presynced_headers: peer.chain.as_ref().and_then(|chain| chain.presynced()),
            permissions: peer.permissions,
            ping_last: peer.ping.last,
            ping_least: peer.ping.least,
            ping_sent_at: peer.ping.outstanding_since(),
            inbox_messages: peer.inbox.count(),
            inbox_bytes: peer.inbox.memory_usage(),
            receive_paused: peer.inbox.paused,
            outbox_bytes: peer.transport.ready_bytes(),
            outbox_messages: peer.transport.unsent_count(),
            send_paused: peer.send_paused,
            deadlines: peer.armed,
            traffic: (*peer.traffic).clone(),
            ended: peer.ended,
            chain: None,
        }
    }
}

impl VersionSnapshot {
    fn new(peer: &Peer) -> Option<Self> {
        let theirs = peer.handshake.theirs()?;
        Some(Self {
            version: theirs.head.version,
            common_version: theirs.common_version,
            services: theirs.head.services,
            user_agent: theirs.tail.user_agent.clone(),
            start_height: theirs.tail.start_height,
            time_offset_secs: theirs.time_offset_secs,
        })
    }
}

impl ConnMan {
    /// How much its tables hold, without copying anything.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables {
            deadlines: self.timers.count(),
            turns: self.messages.turn_count(),
            own_nonces: self.own_nonces.count(),
            listed: self.opener.list_count(),
            added: self.opener.added_count(),
            fallbacks: self.opener.fallback_count(),
            addresses: self.addrman.size(None, None),
            answers: self.addr_relay.answer_count(),
            bans: self.bans.count(),
            headers: self.chain().map_or(0, |chain| chain.tree().len()),
            blocks_asked: self.chain.as_ref().map_or(0, |sync| sync.blocks_asked()),
            blocks_owed: self.chain.as_ref().map_or(0, |sync| sync.blocks_owed()),
            notices: self.notices.len(),
        }
    }

    /// Whether the network is on.
    #[must_use]
    pub const fn network_state(&self) -> NetworkState {
        self.network
    }

    /// Addresses at random, with who is there; not of who is kept out. Core: `CConnman`,
    /// `GetAddressesUnsafe`.
    pub fn pick_addresses(
        &mut self,
        now: UnixTime,
        share: Share,
        draws: &mut Draws,
    ) -> Vec<(Host, AddrRecord)> {
        let picked = self.addrman.get_addr(share, now, draws).into_iter();
        let picked =
            picked.filter_map(|record| Some((Host::of_addr(&record.service.addr)?, record)));
        let (bans, discouraged) = (&self.bans, &self.discouraged);
        picked.filter(|(host, _)| !is_kept_out(bans, discouraged, now, host)).collect()
    }

    /// A picture of everything.
    #[must_use]
    pub fn inspect(&self, conns: &Conns<Peer>) -> Inspection {
        let open = conns.iter().filter(|(_, peer)| peer.stage == Stage::Open);
        let snapshot = |(conn, peer)| {
            let chain = self.chain.as_ref().map(|sync| sync.snapshot(conn, peer));
            PeerSnapshot { chain, ..PeerSnapshot::new(conn, peer) }
        };
        let mut peers: Vec<_> = open.map(snapshot).collect();
        peers.sort_by_key(|peer| peer.peer);
        Inspection { peers, network: self.network, totals: self.totals.clone() }
    }

    pub(super) fn execute(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match command {
            Command::Connect { endpoint } => {
                self.connect(endpoint, conns, actions);
            }
            Command::AddNode { endpoint } => self.add_node(endpoint, conns),
            Command::RemoveNode { endpoint } => self.remove_node(endpoint),
            Command::AddAddresses { addresses, source } => {
                self.add_addresses(now, &addresses, &source);
            }
            Command::Disconnect { peer } => {
                if let Some(conn) = conn_of(conns, peer) {
                    self.end(conn, DisconnectReason::Requested, conns, actions);
                }
            }
            Command::Ping => self.queue_pings(conns),
            Command::Ban { subnet, time } => self.ban(now, subnet, time, conns, actions),
            Command::Unban { subnet } => {
                let was_banned = self.bans.unban(&subnet);
                if was_banned {
                    self.bans.sweep(now.wall);
                    self.bans_changed(now);
                }
                self.notices.push(Notice::UnbanAsked { subnet, was_banned });
            }
            Command::ClearBans => {
                if self.bans.count() > 0 {
                    self.bans.clear();
                    self.bans_changed(now);
                }
            }
            Command::SetNetworkActive(_) if self.stopped => {}
            Command::SetNetworkActive(state) => {
                self.network = state;
                if state == NetworkState::Inactive {
                    self.drop_fallbacks();
                    self.end_all(DisconnectReason::NetworkInactive, conns, actions);
                }
            }
            Command::Shutdown => self.stop(conns, actions),
            // Whoever asked and left, or has an answer unread, needs none.
            Command::Inspect { reply } => drop(reply.try_send(self.inspect(conns))),
        }
    }

    /// Core: `setban`, `BanMan::Ban`, which sweeps as it writes what has changed,
    /// `CConnman::DisconnectNode`.
    fn ban(
        &mut self,
        now: Now,
        subnet: Subnet,
        time: BanTime,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let banned = self.bans.ban(now.wall, subnet, time);
        if banned == Banned::Stands {
            self.bans.sweep(now.wall);
            self.bans_changed(now);
        }
        self.notices.push(Notice::BanAsked { subnet, banned });
        if banned == Banned::Full {
            return;
        }
        let is_in = |peer: &Peer| {
            let host = Host::of(&peer.endpoint);
            peer.stage == Stage::Open && host.is_some_and(|host| subnet.contains(&host))
        };
        self.end_those(is_in, DisconnectReason::Requested, conns, actions);
    }

    /// Begins an attempt, or tells why not. Core: `OpenNetworkConnection`.
    fn connect(
        &mut self,
        endpoint: Endpoint,
        conns: &Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let failure = if self.stopped {
            DialFailure::Shutdown
        } else if self.network == NetworkState::Inactive {
            DialFailure::NetworkInactive
        } else if conns.iter().any(|(_, peer)| peer.endpoint == endpoint) {
            DialFailure::AlreadyConnected
        } else {
            return self.push_dial(Dial::manual(endpoint, Origin::Command), actions);
        };
        let conn_type = ConnType::Manual;
        self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
    }

    fn queue_pings(&mut self, conns: &mut Conns<Peer>) {
        let live: Vec<_> =
            conns.iter().filter(|(_, peer)| peer.is_live()).map(|(c, _)| c).collect();
        for conn in live {
            if let Some(peer) = conns.get_mut(conn).filter(|peer| peer.is_ready()) {
                peer.ping.queue();
                self.settle(conn, conns);
            }
        }
    }

    fn stop(&mut self, conns: &mut Conns<Peer>, actions: &mut Vec<Action<Peer>>) {
        self.stopped = true;
        self.network = NetworkState::Inactive;
        self.opener.stop();
        self.drop_fallbacks();
        self.end_all(DisconnectReason::Shutdown, conns, actions);
        actions.extend(self.listeners.drain(..).map(Action::StopListening));
    }

    fn end_all(
        &mut self,
        reason: DisconnectReason,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.end_those(|_| true, reason, conns, actions);
    }

    pub(super) fn end_those(
        &mut self,
        is_one: impl Fn(&Peer) -> bool,
        reason: DisconnectReason,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let those = conns.iter().filter(|(_, peer)| is_one(peer));
        let those: Vec<_> = those.map(|(conn, _)| conn).collect();
        for conn in those {
            self.end(conn, reason, conns, actions);
        }
    }
}
