//! What somebody who runs a node may choose.

use std::time::Duration;

use super::Services;
use super::addrman::NetService;
use super::bans::BAN_TIME_DEFAULT;
use super::message::USER_AGENT_BYTES_MAX;
use super::opener::ADDED_MAX;
use super::permissions::{Implicit, Whitelist};
use crate::sockets::Endpoint;
use crate::transport::Network;

/// The choices. Fixed for the life of a [`ConnMan`](super::ConnMan).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whose messages we speak.
    pub network: Network,
    /// What we offer to every peer. With [`Services::P2P_V2`] we speak v2, whoever begins.
    pub services: Services,
    /// Our name in `version`, at most [`USER_AGENT_BYTES_MAX`] bytes. BIP 14 has its form.
    pub user_agent: String,
    /// The height of our best block, as `version` says it; 0 is the genesis block.
    pub start_height: i32,
    /// How many connections of each kind.
    pub limits: Limits,
    /// The time in which a handshake is completed, and how old a connection is before its silence
    /// is judged, on the wall clock. Core: `-peertimeout`, `DEFAULT_PEER_CONNECT_TIMEOUT`.
    pub peer_timeout: Duration,
    /// How long an attempt to connect may take, on the steady clock. Core: `-timeout`,
    /// `DEFAULT_CONNECT_TIMEOUT`.
    pub dial_timeout: Duration,
    /// Memory of one peer's received messages, in bytes, over which it is not read from. One
    /// message and one read more may arrive. Core: `-maxreceivebuffer`,
    /// `DEFAULT_MAXRECEIVEBUFFER`.
    pub receive_buffer_bytes_max: usize,
    /// Memory of one peer's unsent messages, in bytes, over which its messages are not handled.
    /// Core: `-maxsendbuffer`, `DEFAULT_MAXSENDBUFFER`.
    pub send_buffer_bytes_max: usize,
    /// How long a ban lasts unless it says so itself. Core: `-bantime`,
    /// `DEFAULT_MISBEHAVING_BANTIME`, a day.
    pub ban_time: Duration,
    /// Whom to connect to though nobody asks for it.
    pub outbound: Outbound,
    /// Nodes to connect to beside those, again and again; at most [`ADDED_MAX`]. Core: `-addnode`.
    pub added: Vec<Endpoint>,
    /// Our own addresses, as somebody names them; at most [`EXTERNAL_MAX`]. Such as nobody can
    /// reach count for nothing. Peers are told of one, once we listen. Core: `-externalip`.
    pub external: Vec<NetService>,
    /// Whether what peers say of our address counts. Core: `-discover`.
    pub discover: Discover,
    /// The port that goes with an address which a peer says is ours, if we dialled it and know of
    /// no address. Core: `GetListenPort`.
    pub listen_port: u16,
    /// Who may do what others may not; at most [`WHITELIST_MAX`]. Core: `-whitelist`.
    pub whitelist: Vec<Whitelist>,
    /// What an entry grants that names no permissions. Core: `-whitelistrelay`,
    /// `-whitelistforcerelay`.
    pub implicit: Implicit,
    /// Whether the deliberate deviations from the reference are on.
    pub behaviour: Behaviour,
}

/// Whom to connect to though nobody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outbound {
    /// Nobody. Core: `-connect=0`.
    None,
    /// Those of a list, again and again; at most [`CONNECT_MAX`]. Core: `-connect`.
    List(Vec<Endpoint>),
    /// Whom the address manager knows, as many as [`Limits`] say.
    Automatic {
        /// Nodes to be asked for addresses while few are connected, each once; at most
        /// [`CONNECT_MAX`]. Core: `-seednode`.
        seed_nodes: Vec<Endpoint>,
        /// Whether built-in addresses are used by who knows nobody. Core: `-fixedseeds`.
        fixed_seeds: FixedSeeds,
    },
}

/// Whether built-in addresses are used, as a last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FixedSeeds {
    /// They are.
    Used,
    /// They are not.
    Unused,
}

/// How long an attempt to connect may take, unless told otherwise. Core:
/// `DEFAULT_CONNECT_TIMEOUT`, 5000 ms.
pub const DIAL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Most endpoints in a list of [`Outbound`]: ours; the reference has no bound.
pub const CONNECT_MAX: usize = 1024;

/// Most addresses in [`Config::external`]: ours; the reference has no bound.
pub const EXTERNAL_MAX: usize = 64;

/// Most entries of [`Config::whitelist`]: ours; the reference has no bound.
pub const WHITELIST_MAX: usize = 1024;

impl Config {
    /// The defaults of the reference, for a node that has no blocks to serve yet: so it connects to
    /// nobody unless it is told to, and nobody is asked who it is, to be told to others.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            services: Services::NETWORK_LIMITED | Services::WITNESS | Services::P2P_V2,
            user_agent: concat!("/sockman:", env!("CARGO_PKG_VERSION"), "/").to_owned(),
            start_height: 0,
            limits: Limits::for_connections(CONNECTIONS_MAX_DEFAULT),
            peer_timeout: Duration::from_secs(60),
            dial_timeout: DIAL_TIMEOUT_DEFAULT,
            receive_buffer_bytes_max: 5_000_000,
            send_buffer_bytes_max: 1_000_000,
            ban_time: BAN_TIME_DEFAULT,
            outbound: Outbound::None,
            added: Vec::new(),
            external: Vec::new(),
            discover: Discover::Off,
            listen_port: network.default_port(),
            whitelist: Vec::new(),
            implicit: Implicit::DEFAULT,
            behaviour: Behaviour::Ours,
        }
    }

    /// Whether we speak v2 with those who do, as our services say. Core: `-v2transport`.
    #[must_use]
    pub const fn speaks_v2(&self) -> bool {
        self.services.contains(Services::P2P_V2)
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.user_agent.len() <= USER_AGENT_BYTES_MAX, "nobody takes a longer user agent");
        let listed = match &self.outbound {
            Outbound::None => 0,
            Outbound::List(endpoints) => endpoints.len(),
            Outbound::Automatic { seed_nodes, .. } => seed_nodes.len(),
        };
        assert!(listed <= CONNECT_MAX, "the list to connect to is bounded");
        assert!(self.added.len() <= ADDED_MAX, "the list of added nodes is bounded");
        assert!(self.external.len() <= EXTERNAL_MAX, "own addresses are bounded");
        assert!(self.whitelist.len() <= WHITELIST_MAX, "the whitelist is bounded");
        assert!(self.start_height >= 0, "the genesis block has height 0");
    }
}

/// Whether what peers say of our address counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Discover {
    /// It does, as far as it may be true.
    On,
    /// It does not.
    Off,
}

/// Whose behaviour: where we deviate on purpose, ARCHITECTURE.md lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// With our deviations.
    Ours,
    /// As Bitcoin Core at 75baff98fc, for comparisons.
    Reference,
}

/// Connections in all, unless told otherwise. Core: `DEFAULT_MAX_PEER_CONNECTIONS`.
pub const CONNECTIONS_MAX_DEFAULT: u32 = 125;

/// Outbound connections for everything. Core: `MAX_OUTBOUND_FULL_RELAY_CONNECTIONS`.
pub(super) const OUTBOUND_FULL_RELAY_MAX: u32 = 8;

/// Outbound connections for blocks alone. Core: `MAX_BLOCK_RELAY_ONLY_CONNECTIONS`.
const BLOCK_RELAY_MAX: u32 = 2;

/// Feelers. Core: `MAX_FEELER_CONNECTIONS`.
const FEELER_MAX: u32 = 1;

const _: () = assert!(
    OUTBOUND_FULL_RELAY_MAX + BLOCK_RELAY_MAX + FEELER_MAX < CONNECTIONS_MAX_DEFAULT,
    "some connections are left for others to begin"
);

/// How many connections of each kind; manual ones are not limited. docs/behaviour.md, connman 2.
///
/// The outbound ones are counted so that the rest is left for inbound ones, also where nobody opens
/// any by himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Inbound ones. At zero nobody is let in.
    pub inbound_max: u32,
    /// Outbound ones for everything.
    pub outbound_full_relay_max: u32,
    /// Outbound ones for blocks alone.
    pub block_relay_max: u32,
    /// Feelers.
    pub feeler_max: u32,
    /// Slots for all that we open by ourselves, also for those that are there for a while: one that
    /// there is no place for is one of these.
    pub automatic_max: u32,
}

impl Limits {
    /// The limits that follow from a number of connections in all. Core: `CConnman::Init`.
    #[must_use]
    pub const fn for_connections(connections_max: u32) -> Self {
        let outbound_full_relay_max = least(OUTBOUND_FULL_RELAY_MAX, connections_max);
        let block_relay_max = least(BLOCK_RELAY_MAX, connections_max - outbound_full_relay_max);
        let outbound_max = outbound_full_relay_max + block_relay_max + FEELER_MAX;
        Self {
            inbound_max: connections_max.saturating_sub(outbound_max),
            outbound_full_relay_max,
            block_relay_max,
            feeler_max: FEELER_MAX,
            automatic_max: least(outbound_max, connections_max),
        }
    }
}

const fn least(one: u32, other: u32) -> u32 {
    if one < other { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_from_the_number_of_connections() {
        for (connections_max, full, block, automatic, inbound) in [
            (125, 8, 2, 11, 114),
            (12, 8, 2, 11, 1),
            (11, 8, 2, 11, 0),
            (10, 8, 2, 10, 0),
            (9, 8, 1, 9, 0),
            (8, 8, 0, 8, 0),
            (3, 3, 0, 3, 0),
            (0, 0, 0, 0, 0),
        ] {
            let limits = Limits::for_connections(connections_max);
            assert_eq!(limits.outbound_full_relay_max, full, "{connections_max}");
            assert_eq!(limits.block_relay_max, block, "{connections_max}");
            assert_eq!(limits.automatic_max, automatic, "{connections_max}");
            assert_eq!(limits.inbound_max, inbound, "{connections_max}");
        }
    }
}
