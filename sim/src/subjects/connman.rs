//! The P2P connection manager, and peers that speak Bitcoin's v1 protocol to it.
//!
//! The peers' side is written apart from the library's codec, so that a mistake in one does not
//! hide behind the same mistake in the other.

use std::net::SocketAddr;
use std::time::Duration;

use sockman::chain::{Params, U256};
use sockman::connman::addr_relay::{ADDR_TO_SEND_MAX, KNOWN_MIN};
use sockman::connman::addrman::{AddrRecord, ENTRIES_MAX, NetAddr, NetService};
use sockman::connman::bans::{BANS_MAX, BanTime, Subnet};
use sockman::connman::blocks::Chain;
use sockman::connman::host::Cjdns;
use sockman::connman::permissions::Whitelist;
use sockman::connman::{
    ADDED_MAX, CONNECT_MAX, Command, Config, ConnMan, EXTERNAL_MAX, FixedSeeds, Limits,
    NetworkState, Notice, Outbound, Peer, Services, Tables, Timer,
};
use sockman::sockets::{ConnId, Endpoint};
use sockman::sockman::{Conns, RECEIVE_BYTES_MAX};
use sockman::time::{Instant, Now};
use sockman::transport::Network;

use crate::files::VirtualFiles;
use crate::guided::{Told, Transition};
use crate::lexicon::{self, Known, Setting, Takes};
use crate::schedule::{ACTORS_MAX, Word};
use crate::subject::{
    ByteTotals, Dialect as _, DiskConfig, Fact, Resource, SettingError, Setup, Subject, UnknownWord,
};
use crate::world::{NODE_DESCRIPTORS_MAX, WALL_START};
use mined::{Era, HEIGHT_MAX, Mined};

mod added;
mod banned;
mod downloads;
mod drawn;
mod evicted;
mod expected;
mod fairness;
mod handshake;
mod kept;
mod listed;
mod lists;
mod mined;
mod model;
mod opening;
mod policy;
mod rights;
mod rumours;
mod side;
mod sights;
mod speaker;
mod tap;
mod timers;
mod watch;

pub use handshake::HandshakeWatch;
pub use speaker::Speaker;
pub(crate) use speaker::{Frame, HEADER_BYTES, Unframed, split};
pub(crate) use speaker::{Named, Opening, frame_of, named, opening};
pub use watch::{Configured, ConnmanWatch};

/// The connection manager as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connman;

/// What a connection manager and its peers know: what a handshake is made of comes first.
pub(crate) const KNOWN: Known = Known {
    said: &[
        "version",
        "verack",
        "ping",
        "pong",
        "wtxidrelay",
        "sendaddrv2",
        "sendheaders",
        "sendcmpct",
        "feefilter",
        "getaddr",
        "addr",
        "addrv2",
        "inv",
        "getdata",
        "notfound",
        "getheaders",
        "headers",
        "getblocks",
        "block",
        "tx",
        "mempool",
        "cmpctblock",
        "getblocktxn",
        "blocktxn",
        "filterload",
        "filteradd",
        "filterclear",
        "merkleblock",
        "getcfilters",
        "cfilter",
        "getcfheaders",
        "cfheaders",
        "getcfcheckpt",
        "cfcheckpt",
        "sendtxrcncl",
        "reject",
        "version",
        "verack",
        "ping",
        "pong",
    ],
    said_with: speaker::said_with,
    heard: speaker::NAMES,
    heard_with: speaker::heard_with,
    commands: &[
        ("ping", None),
        ("network", Some(("active", "off"))),
        ("network", Some(("active", "on"))),
        ("network", Some(("active", "on"))),
        ("ping", None),
        ("ban", Some(("subnet", "203.0.113.1"))),
        ("unban", Some(("subnet", "203.0.113.1"))),
        ("ban", Some(("subnet", "203.0.113.0/24"))),
        ("unban", Some(("subnet", "203.0.113.0/24"))),
        ("clear-bans", None),
        ("add-node", Some(("at", "203.0.113.1:8333"))),
        ("remove-node", Some(("at", "203.0.113.1:8333"))),
        ("shutdown", None),
    ],
    node: &[
        Setting::up_to("max-inbound", u32::MAX as u64),
        lexicon::HOST[0],
        lexicon::HOST[1],
        lexicon::HOST[2],
        lexicon::HOST[3],
        lexicon::HOST[4],
        Setting::up_to("peer-timeout", u32::MAX as u64),
        Setting::up_to("max-receive-buffer", u32::MAX as u64),
        Setting::up_to("max-send-buffer", u32::MAX as u64),
        Setting::up_to("disk-latency", u32::MAX as u64),
        Setting::up_to("blocks", HEIGHT_MAX as u64),
        Setting { key: "blocks", takes: Takes::Word("5 old") },
        Setting::up_to("minimum-work", HEIGHT_MAX as u64),
        Setting { key: "holders", takes: Takes::Word("p1/40 p2/40") },
        Setting { key: "holders", takes: Takes::Word("p1/300 p2/3 p3/300") },
    ],
};

/// Who writes the list of bans.
const PROGRAM: &str = "sockmand";

/// What a setting `directory` has.
const KEPT: &str = "kept";

/// The largest payload of a message, in bytes. Core: `MAX_PROTOCOL_MESSAGE_LENGTH`.
const PAYLOAD_BYTES_MAX: u64 = 4_000_000;

/// How far the memory of a payload may be ahead of what has come (docs/behaviour.md, transport 2).
const GROW_AHEAD_BYTES: u64 = 256 * 1024;

/// Connections that may end before the node comes to dial anew whom it had them with: as many as
/// there may be at once.
const FALLBACKS_MAX: usize = NODE_DESCRIPTORS_MAX;

/// Answers that are kept at most: the node listens at two addresses, and there are five networks.
const ANSWERS_MAX: usize = 2 * 5;

/// The longest message with addresses: 1000 of 49 bytes and their count, in memory.
const ADDRESSES_BYTES_MAX: u64 = 49_003 + MESSAGE_OVERHEAD_BYTES;

/// Memory that a message counts for beside its payload, generously.
const MESSAGE_OVERHEAD_BYTES: u64 = 256;

/// Blocks that a peer owes at most (docs/behaviour.md, chain 5); that it may ask for, in one
/// `getdata` (handshake 7); that it is told of: those that may be announced by their headers, and
/// one more (chain 11).
const BLOCKS_OWED_MAX: usize = 16;
const BLOCKS_WANTED_MAX: u64 = 50_000;
const BLOCKS_ANNOUNCED_MAX: u64 = 8 + 1;

/// Headers that a node keeps: more than there are.
const HEADERS_MAX: usize = 4 * HEIGHT_MAX as usize;

/// What a node with a chain adds beyond: a `headers`, and a block.
const CHAIN_REPLIES_BYTES_MAX: u64 = 2_000 * 81 + PAYLOAD_BYTES_MAX;

/// Messages that one read can bring: of 20 bytes, the least in v2.
const MESSAGES_A_READ: u64 = RECEIVE_BYTES_MAX as u64 / 20 + 1;

/// The most that the handling of one message, and what is due with it, adds to a send queue: the
/// handshake's five messages and a ping, in memory.
const REPLIES_BYTES_MAX: u64 = 4096;

impl Subject for Connman {
    const NAME: &'static str = "connman";

    type Tenant = ConnMan;
    type Dialect = Speaker;
    type Watch = ConnmanWatch;

    fn tenant(setup: &Setup<'_>) -> Result<ConnMan, SettingError> {
        let mut config = Config::new(Network::Regtest);
        config.services = config.services.without(Services::P2P_V2);
        let (mut automatic, mut known_addresses, mut seed_nodes) = (false, Vec::new(), Vec::new());
        let mut chain = mined::Setup::default();
        for (key, value) in setup.settings {
            let refused =
                |expected| SettingError { key: key.clone(), value: value.clone(), expected };
            let number =
                || value.parse::<u32>().map_err(|_| refused("a number from 0 to 4294967295"));
            match key.as_str() {
                "max-inbound" => config.limits.inbound_max = number()?,
                "peer-timeout" => {
                    config.peer_timeout = Duration::from_secs(u64::from(number()?.max(1)));
                }
                "connect" => config.outbound = Outbound::List(endpoints(key, value)?),
                "automatic" if value == "on" => automatic = true,
                "automatic" => return Err(refused("on")),
                "max-full-relay" => config.limits.outbound_full_relay_max = number()?.min(8),
                "max-block-relay" => config.limits.block_relay_max = number()?.min(2),
                "knows" => {
                    let known = value.split_whitespace().map(known).collect();
                    known_addresses = Option::<Vec<_>>::ok_or_else(known, || refused(KNOWS))?;
                }
                "seed-nodes" => seed_nodes = endpoints(key, value)?,
                "added" => config.added = endpoints(key, value)?,
                "v2" if value == "on" => config.services = config.services | Services::P2P_V2,
                "v2" if value == "off" => {}
                "v2" => return Err(refused("on or off")),
                "external" => config.external = external(key, value)?,
                "max-receive-buffer" => config.receive_buffer_bytes_max = number()? as usize,
                "max-send-buffer" => config.send_buffer_bytes_max = number()? as usize,
                "whitelist" => {
                    let entries = value.split_whitespace().map(whitelist);
                    let entries: Option<Vec<_>> = entries.collect();
                    let entries = entries.filter(|entries| !entries.is_empty());
                    config.whitelist = entries.ok_or_else(|| refused(WHITELIST))?;
                }
                "directory" if value == KEPT => {}
                "directory" => return Err(refused(KEPT)),
                "disk-latency" => _ = number()?,
                "blocks" | "minimum-work" | "holders" => chain.set(key, value).map_err(refused)?,
                "v2-peers" if are_peers(value) => {}
                "v2-peers" => return Err(refused("peers, as in p1 p3")),
                _ => {
                    return Err(refused(
                        "one of connect, automatic, knows, seed-nodes, added, external, \
                         max-inbound, max-full-relay, max-block-relay, peer-timeout, \
                         max-receive-buffer, max-send-buffer, v2, v2-peers, whitelist, directory, \
                         disk-latency, blocks, minimum-work, holders, and of the host's: seed, \
                         send-buffer, receive-buffer, descriptors, backlog",
                    ));
                }
            }
        }
        check_directory(setup.settings)?;
        let Limits { outbound_full_relay_max, block_relay_max, feeler_max, .. } = config.limits;
        config.limits.automatic_max = outbound_full_relay_max + block_relay_max + feeler_max;
        if automatic {
            // On this network there are none, and nobody else is to be dialled.
            let fixed_seeds = FixedSeeds::Used;
            config.outbound = Outbound::Automatic { seed_nodes, fixed_seeds };
        }
        let mut connman = ConnMan::new(config, setup.seed.clone());
        let now = Now { steady: Instant::START, wall: WALL_START };
        for (source, record) in &known_addresses {
            connman.add_addresses(now, &[*record], source);
        }
        Ok(with_chain(connman, chain))
    }

    fn disk(settings: &[(String, String)]) -> Option<DiskConfig> {
        let value = |wanted: &str| settings.iter().find(|(key, _)| key == wanted);
        value("directory")?;
        let millis = value("disk-latency").and_then(|(_, value)| value.parse().ok());
        Some(DiskConfig { latency: Duration::from_millis(millis.unwrap_or(0)) })
    }

    fn load(tenant: ConnMan, files: &mut VirtualFiles, now: Now) -> Result<ConnMan, String> {
        let loaded = tenant.loading(PROGRAM).complete(files, now);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        loaded.stores.take_notices(&mut Vec::new());
        Ok(tenant.with_loaded(loaded))
    }

    fn peer(settings: &[(String, String)], number: u16) -> Speaker {
        let mut peers = settings.iter().filter(|(key, _)| key == "v2-peers");
        let name = format!("p{number}");
        let speaks_v2 = peers.any(|(_, names)| names.split_whitespace().any(|one| one == name));
        let speaker = if speaks_v2 { Speaker::over_v2(number) } else { Speaker::new(number) };
        let value = |wanted: &str| settings.iter().find(|(key, _)| key == wanted);
        let era = value("blocks").and_then(|(_, value)| mined::chain(value));
        let holders = value("holders").and_then(|(_, value)| mined::holders(value));
        let own = |(peer, height): &(u16, u32)| (*peer == number).then_some(*height);
        let height = holders.and_then(|holders| holders.iter().find_map(own));
        speaker.holding(era.map_or_else(Era::default, |(_, era)| era), height.unwrap_or(0))
    }

    fn draw_speech(peers: &[u16], below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let names: Vec<_> =
            peers.iter().filter(|_| below(4) > 0).map(|number| format!("p{number}")).collect();
        let mut settings = vec![("v2".to_owned(), "on".to_owned())];
        if !names.is_empty() {
            settings.push(("v2-peers".to_owned(), names.join(" ")));
        }
        settings
    }

    fn draw_files(below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let mut settings = vec![("directory".to_owned(), KEPT.to_owned())];
        let millis = [0, 10, 300, 3000][below(4) as usize];
        if millis > 0 {
            settings.push(("disk-latency".to_owned(), millis.to_string()));
        }
        settings
    }

    fn draw_chain(peers: &[u16], below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        drawn::draw_chain(peers, below)
    }

    fn draw_chain_word(
        settings: &[(String, String)],
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Option<Word> {
        drawn::draw_word(settings, below)
    }

    const CONNECTS_BY_ITSELF: bool = true;
    const SHAKES_HANDS: bool = true;

    fn draw_chosen(
        addresses: &[String],
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Vec<(String, String)> {
        let (mut knows, mut added, mut seed_nodes) = (Vec::new(), Vec::new(), Vec::new());
        for address in addresses {
            match below(16) {
                0..2 => added.push(address.clone()),
                2 => seed_nodes.push(address.clone()),
                3 => knows.push(format!("{address}/limited")),
                4..8 => knows.push(format!("{address}/v2")),
                _ => knows.push(address.clone()),
            }
        }
        let full_relay = [1, 2, 8][below(3) as usize];
        let block_relay = below(3);
        let mut settings = vec![
            ("automatic".to_owned(), "on".to_owned()),
            ("max-full-relay".to_owned(), full_relay.to_string()),
            ("max-block-relay".to_owned(), block_relay.to_string()),
        ];
        for (key, values) in [("knows", knows), ("added", added), ("seed-nodes", seed_nodes)] {
            if !values.is_empty() {
                settings.push((key.to_owned(), values.join(" ")));
            }
        }
        settings
    }

    fn draw_settings(in_256: u8, below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let table: [(&str, &[u32]); 3] = [
            // With more than 20 some can be evicted.
            ("max-inbound", &[3, 7, 24, 28]),
            ("max-receive-buffer", &[200, 1000, 20_000]),
            ("max-send-buffer", &[100, 1000, 20_000]),
        ];
        let mut settings = lexicon::draw_numbers(&table, in_256, below);
        if below(512) < u32::from(in_256) {
            let entries = WHITELISTS_DRAWN[below(4) as usize];
            settings.push(("whitelist".to_owned(), entries.to_owned()));
        }
        if below(512) < u32::from(in_256) {
            settings.push(("external".to_owned(), EXTERNAL_DRAWN.to_owned()));
        }
        settings
    }

    fn dial_command(to: Endpoint) -> Option<Command> {
        Some(Command::Connect { endpoint: to })
    }

    fn command(word: &Word) -> Result<Command, UnknownWord> {
        match (word.name.as_str(), word.settings.as_slice()) {
            ("ping", []) => Ok(Command::Ping),
            ("shutdown", []) => Ok(Command::Shutdown),
            ("network", [(key, value)]) if key == "active" => match value.as_str() {
                "on" => Ok(Command::SetNetworkActive(NetworkState::Active)),
                "off" => Ok(Command::SetNetworkActive(NetworkState::Inactive)),
                _ => Err(UnknownWord::new(word, Some(0), "on or off")),
            },
            ("clear-bans", []) => Ok(Command::ClearBans),
            ("ban", [subnet]) => {
                Ok(Command::Ban { subnet: self::subnet(word, subnet)?, time: BanTime::Default })
            }
            ("ban", [subnet, (key, value)]) if key == "seconds" => {
                let expected = "a number of seconds from 1 to 4294967295";
                let seconds = value.parse().ok().filter(|seconds: &u32| *seconds > 0);
                let seconds = seconds.ok_or_else(|| UnknownWord::new(word, Some(1), expected))?;
                let time = BanTime::For(Duration::from_secs(u64::from(seconds)));
                Ok(Command::Ban { subnet: self::subnet(word, subnet)?, time })
            }
            ("unban", [subnet]) => Ok(Command::Unban { subnet: self::subnet(word, subnet)? }),
            ("add-node", [at]) => Ok(Command::AddNode { endpoint: endpoint(word, at)? }),
            ("remove-node", [at]) => Ok(Command::RemoveNode { endpoint: endpoint(word, at)? }),
            ("know", [(key, value)]) if key == "at" => {
                let known = known(value).ok_or_else(|| UnknownWord::new(word, Some(0), KNOWS))?;
                let (source, record) = known;
                Ok(Command::AddAddresses { addresses: vec![record], source })
            }
            _ => {
                let expected = "ping, shutdown, network active=on, network active=off, \
                                ban subnet=S, ban subnet=S seconds=N, unban subnet=S, clear-bans, \
                                add-node at=A, remove-node at=A or know at=A";
                Err(UnknownWord::new(word, None, expected))
            }
        }
    }

    fn commands() -> Vec<Word> {
        let network = |state: &str| {
            let settings = vec![("active".to_owned(), state.to_owned())];
            Word { name: "network".to_owned(), settings }
        };
        let likely = [Word::plain("ping"), network("off"), network("on"), network("on")];
        let bans = BANS_DRAWN.iter().map(|(name, settings)| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            Word { name: (*name).to_owned(), settings: settings.iter().map(owned).collect() }
        });
        let rare = [Word::plain("shutdown")].into_iter().chain(bans);
        likely.iter().chain(&likely).chain(&likely).cloned().chain(rare).collect()
    }

    fn drop_command(_: &ConnMan, conns: &Conns<Peer>, conn: ConnId) -> Option<Command> {
        Some(Command::Disconnect { peer: conns.get(conn)?.id() })
    }

    fn is_message(notice: &Notice) -> bool {
        matches!(notice, Notice::MessageHandled { .. })
    }

    fn fact(notice: &Notice) -> Option<Fact> {
        match notice {
            Notice::PeerConnected { conn, .. } => Some(Fact::Up(*conn)),
            Notice::PeerReady { conn, .. } => Some(Fact::Ready(*conn)),
            Notice::PeerDisconnected { conn, reason, .. } => Some(Fact::Down(*conn, reason.name())),
            Notice::MessageHandled { .. }
            | Notice::MessageQueued { .. }
            | Notice::MessageRejected { .. }
            | Notice::PongReceived { .. }
            | Notice::FallsBackToV1 { .. }
            | Notice::InboundEvicted { .. }
            | Notice::HostDiscouraged { .. }
            | Notice::InboundRefused { .. }
            | Notice::BanAsked { .. }
            | Notice::UnbanAsked { .. }
            | Notice::AddNodeAsked { .. }
            | Notice::RemoveNodeAsked { .. }
            | Notice::AcceptFailed { .. }
            | Notice::DialBegun { .. }
            | Notice::DialFailed { .. }
            | Notice::Store(_) => None,
        }
    }

    fn told(notice: &Notice) -> Option<Told> {
        Some(sights::told(notice))
    }

    fn condition(peer: &Peer) -> &'static str {
        sights::condition(peer)
    }

    fn object(name: &str) -> &'static str {
        sights::object(name)
    }

    fn command_name(command: &Command) -> &'static str {
        sights::command_name(command)
    }

    fn expected() -> Vec<Transition> {
        expected::expected()
    }

    fn totals(connman: &ConnMan, _: &Conns<Peer>) -> Option<ByteTotals> {
        let totals = connman.totals();
        Some(ByteTotals { received: totals.received.bytes(), sent: totals.sent.bytes() })
    }

    fn resources(
        connman: &ConnMan,
        conns: &Conns<Peer>,
        conn: Option<ConnId>,
        mut check: impl FnMut(Resource),
    ) {
        let config = connman.config();
        let Some(conn) = conn else {
            check(Resource {
                name: "inbound peers",
                used: inbound_count(conns) as u64,
                limit: u64::from(config.limits.inbound_max),
                derivation: "max-inbound",
            });
            check_tables(connman, conns, check);
            return;
        };
        let Some(peer) = conns.get(conn) else { return };
        let load = peer.load();
        check(Resource {
            name: "memory of received messages",
            used: load.inbox_memory_bytes as u64,
            limit: config.receive_buffer_bytes_max as u64
                + PAYLOAD_BYTES_MAX
                + MESSAGES_A_READ * MESSAGE_OVERHEAD_BYTES
                + RECEIVE_BYTES_MAX as u64,
            derivation: "the limit, one message and one read",
        });
        check(Resource {
            name: "bytes of a message that is not whole",
            used: load.partial_bytes as u64,
            limit: PAYLOAD_BYTES_MAX + 33,
            derivation: "one message, and what wraps it in v2",
        });
        check(Resource {
            name: "memory set aside for a message that is not whole",
            used: load.partial_reserve_bytes as u64,
            limit: GROW_AHEAD_BYTES,
            derivation: "256 KiB ahead of what has come",
        });
        check(Resource {
            name: "memory of unsent messages",
            used: load.outbox_memory_bytes as u64,
            limit: config.send_buffer_bytes_max as u64
                + REPLIES_BYTES_MAX
                + ADDRESSES_BYTES_MAX
                + connman.chain().map_or(0, |_| CHAIN_REPLIES_BYTES_MAX),
            derivation: "the limit, what one message is answered with, and addresses",
        });
        check(Resource {
            name: "addresses to be told",
            used: load.addresses_pending as u64,
            limit: ADDR_TO_SEND_MAX as u64,
            derivation: "one message",
        });
        check(Resource {
            name: "addresses that are known to a peer",
            used: load.addresses_known as u64,
            limit: KNOWN_MIN as u64 / 2 * 3,
            derivation: "three generations, two of which are 5000",
        });
        check(Resource {
            name: "blocks that it asked for",
            used: load.blocks_wanted as u64,
            limit: BLOCKS_WANTED_MAX,
            derivation: "one message",
        });
        check(Resource {
            name: "blocks that it is to be told of",
            used: load.blocks_announced as u64,
            limit: BLOCKS_ANNOUNCED_MAX,
            derivation: "those that are announced by headers, and one",
        });
    }

    fn has_unsent(peer: &Peer) -> bool {
        peer.has_unsent()
    }

    fn stuck(peer: &Peer, receive_paused: bool) -> Option<&'static str> {
        let load = peer.load();
        if load.is_over {
            return Some("it is over, and nobody closes it");
        }
        if load.inbox_messages > 0 && !load.send_paused {
            return Some("messages wait to be handled, and nothing keeps them");
        }
        if load.receive_paused != receive_paused {
            return Some("connman and the socket manager disagree on whether reading is paused");
        }
        if load.receive_paused && load.inbox_messages == 0 {
            return Some("reading is paused without a reason");
        }
        None
    }
}

/// Who has a directory knows what lies there.
fn check_directory(settings: &[(String, String)]) -> Result<(), SettingError> {
    let setting = |wanted: &str| settings.iter().find(|(key, _)| key == wanted);
    match (setting("directory"), setting("knows")) {
        (Some(_), Some((key, value))) => {
            let expected = "no directory beside it: who has one knows what lies there";
            Err(SettingError { key: key.clone(), value: value.clone(), expected })
        }
        _ => Ok(()),
    }
}

fn with_chain(connman: ConnMan, setup: mined::Setup) -> ConnMan {
    match setup.chain {
        Some((height, era)) => {
            let least = U256::from_u64(setup.least_work);
            let chain = chain_of(height, era).with_minimum_work(least);
            connman.with_chain(chain)
        }
        None => connman,
    }
}

/// The chain of a node: the first blocks of the one that schedules speak of.
fn chain_of(height: u32, era: Era) -> Chain {
    let mut chain = Chain::new(Params::of(Network::Regtest), HEADERS_MAX);
    let mined = Mined::new(era);
    for height in 1..=height {
        chain.take(mined.block(height), WALL_START).expect("it follows the one before");
    }
    chain
}

/// Inbound peers that are not over: who was evicted is closed next.
fn inbound_count(conns: &Conns<Peer>) -> usize {
    let is_there = |peer: &Peer| peer.conn_type().is_inbound() && !peer.is_over();
    conns.iter().filter(|(_, peer)| is_there(peer)).count()
}

/// The tables of the whole node.
fn check_tables(connman: &ConnMan, conns: &Conns<Peer>, mut check: impl FnMut(Resource)) {
    let Tables {
        deadlines,
        turns,
        own_nonces,
        listed,
        added,
        fallbacks,
        addresses,
        answers,
        bans,
        headers,
        blocks_asked,
        blocks_owed,
        notices,
    } = connman.tables();
    let peers = conns.iter().count();
    let outbound = conns.iter().filter(|(_, peer)| !peer.conn_type().is_inbound()).count();
    let table = [
        ("deadlines", deadlines, Timer::ALL.len() * peers, "each timer of each peer"),
        ("turns", turns, peers, "one a peer"),
        ("own nonces", own_nonces, outbound, "one for each that was dialled"),
        ("endpoints to connect to", listed, CONNECT_MAX, "the bound of the list"),
        ("nodes that were added", added, ADDED_MAX, "the bound of the list"),
        ("endpoints to connect to with v1", fallbacks, FALLBACKS_MAX, "connections there may be"),
        ("known addresses", addresses, ENTRIES_MAX, "the places of both tables"),
        ("answers to getaddr", answers, ANSWERS_MAX, "one a listener and network"),
        ("subnets that are banned", bans, BANS_MAX, "the bound of the list"),
        ("headers", headers, HEADERS_MAX, "the bound of the chain"),
        ("blocks that were asked for", blocks_asked, BLOCKS_OWED_MAX * peers, "16 a peer"),
        ("blocks that a peer owes", blocks_owed, BLOCKS_OWED_MAX, "16"),
        ("notices that nobody has taken", notices, 0, "they are taken after each step"),
    ];
    for (name, used, limit, derivation) in table {
        check(Resource { name, used: used as u64, limit: limit as u64, derivation });
    }
}

/// What a setting `knows` has.
const KNOWS: &str = "addresses with ports that the public can route to, perhaps with what is \
     offered there, a space between two: 8.1.0.1:8333 8.2.0.1:8333/v2 8.3.0.1:8333/limited";

/// An address that somebody told of, and who: each one is its own source, so that a source cannot
/// fill the places of others. What it offers, as far as known: every block with witnesses, over v2
/// too, or only the last blocks.
fn known(word: &str) -> Option<(NetAddr, AddrRecord)> {
    let (at, offers) = word.split_once('/').unwrap_or((word, ""));
    let at: SocketAddr = at.parse().ok()?;
    let services = match offers {
        "" => Services::DESIRABLE,
        "v2" => Services::DESIRABLE | Services::P2P_V2,
        "limited" => Services::NETWORK_LIMITED | Services::WITNESS,
        _ => return None,
    };
    let service = NetService::from(at);
    let addr = service.addr;
    addr.is_routable().then_some((addr, AddrRecord { service, services, time: WALL_START }))
}

/// The address that a command is about.
fn endpoint(word: &Word, (key, value): &(String, String)) -> Result<Endpoint, UnknownWord> {
    let expected = "at=A with an address and a port, as in 203.0.113.9:8333";
    let found = (key == "at").then(|| value.parse().ok()).flatten();
    found.map(Endpoint::Ip).ok_or_else(|| UnknownWord::new(word, Some(0), expected))
}

/// What generated schedules say of bans: of a host, of some, of none; short and long.
const BANS_DRAWN: &[(&str, &[(&str, &str)])] = &[
    ("ban", &[("subnet", "203.0.113.1"), ("seconds", "60")]),
    ("ban", &[("subnet", "203.0.113.0/30"), ("seconds", "20")]),
    ("ban", &[("subnet", "203.0.113.4/30")]),
    ("ban", &[("subnet", "203.0.113.0/28"), ("seconds", "5")]),
    ("ban", &[("subnet", "100::/64"), ("seconds", "20")]),
    ("ban", &[("subnet", "100::2")]),
    ("unban", &[("subnet", "203.0.113.1")]),
    ("unban", &[("subnet", "100::2")]),
    ("unban", &[("subnet", "203.0.113.0/30")]),
    ("clear-bans", &[]),
];

/// What generated schedules have in the whitelist: two ways to never be banned, and none; whose
/// addresses are all looked at.
const WHITELISTS_DRAWN: [&str; 4] = [
    "noban@203.0.113.0/30",
    "203.0.113.4/30 in,noban@100::/64",
    "out,noban@203.0.113.0/24",
    "in,out,addr@203.0.113.0/29",
];

/// What generated schedules have for the node's own address.
const EXTERNAL_DRAWN: &str = "20.0.0.1:8333";

/// The subnet that a command is about.
fn subnet(word: &Word, (key, value): &(String, String)) -> Result<Subnet, UnknownWord> {
    let found = (key == "subnet").then(|| Subnet::parse(value, Cjdns::Unreachable).ok());
    let expected = "subnet=S with an address, or one with a prefix as in 203.0.113.0/24";
    found.flatten().ok_or_else(|| UnknownWord::new(word, Some(0), expected))
}

/// What a setting `whitelist` has.
const WHITELIST: &str =
    "entries as in noban@203.0.113.0/24, permissions before a subnet, a space between two";

/// An entry of the whitelist.
fn whitelist(entry: &str) -> Option<Whitelist> {
    Whitelist::parse(entry, Cjdns::Unreachable).ok()
}

/// Whether these are names of peers, a space between two.
fn are_peers(value: &str) -> bool {
    let actors = 1..=ACTORS_MAX;
    let is_actor = |number: &str| number.parse().is_ok_and(|number| actors.contains(&number));
    let is_peer = |name: &str| name.strip_prefix('p').is_some_and(is_actor);
    !value.is_empty() && value.split_whitespace().all(is_peer)
}

/// The node's own addresses, by which others may reach it.
fn external(key: &str, value: &str) -> Result<Vec<NetService>, SettingError> {
    let own = endpoints(key, value)?;
    Ok(own.iter().filter_map(NetService::of).collect())
}

/// Where to connect to, again and again: addresses with ports, a space between them.
fn endpoints(key: &str, value: &str) -> Result<Vec<Endpoint>, SettingError> {
    let expected = "addresses with ports (as in 203.0.113.9:18444), a space between two";
    let error = || SettingError { key: key.to_owned(), value: value.to_owned(), expected };
    let parse = |word: &str| word.parse().map(Endpoint::Ip).map_err(|_| error());
    let endpoints: Vec<_> = value.split_whitespace().map(parse).collect::<Result<_, _>>()?;
    let most = if key == "external" { EXTERNAL_MAX } else { CONNECT_MAX };
    if endpoints.len() > most { Err(error()) } else { Ok(endpoints) }
}
