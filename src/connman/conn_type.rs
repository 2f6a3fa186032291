//! What a connection is for.

use std::fmt;

#[cfg(doc)]
use super::Services;

/// The type of a connection. Core: `src/node/connection_types.h`, which defines each;
/// docs/behaviour.md, connman 2.1, has the table of what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnType {
    /// The peer dialled us.
    Inbound,
    /// We dialled because somebody said so: `-connect`, `addnode`.
    Manual,
    /// We dialled for blocks, transactions and addresses.
    OutboundFullRelay,
    /// We dialled for blocks alone.
    BlockRelay,
    /// We dialled to hear addresses, once.
    AddrFetch,
    /// We dialled to see whether somebody is there.
    Feeler,
}

impl ConnType {
    /// Whether the peer began.
    #[must_use]
    pub const fn is_inbound(self) -> bool {
        match self {
            Self::Inbound => true,
            Self::Manual
            | Self::OutboundFullRelay
            | Self::BlockRelay
            | Self::AddrFetch
            | Self::Feeler => false,
        }
    }

    /// Whether our `version` asks for transactions. Core: `RejectIncomingTxs`, without -blocksonly.
    #[must_use]
    pub const fn wants_transactions(self) -> bool {
        match self {
            Self::Inbound | Self::Manual | Self::OutboundFullRelay | Self::AddrFetch => true,
            Self::BlockRelay | Self::Feeler => false,
        }
    }

    /// Whether a peer that offers less than [`Services::DESIRABLE`] is of no use. Core:
    /// `ExpectServicesFromConn`.
    #[must_use]
    pub const fn needs_services(self) -> bool {
        match self {
            Self::OutboundFullRelay | Self::BlockRelay | Self::AddrFetch => true,
            Self::Inbound | Self::Manual | Self::Feeler => false,
        }
    }

    /// Whether we ask for addresses with `getaddr`. A feeler is asked although it is dropped at
    /// once. Core: `SetupAddressRelay` in the handling of `version`.
    #[must_use]
    pub const fn asks_for_addresses(self) -> bool {
        match self {
            Self::Manual | Self::OutboundFullRelay | Self::AddrFetch | Self::Feeler => true,
            Self::Inbound | Self::BlockRelay => false,
        }
    }

    /// Its name. Core: `ConnectionTypeAsString`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Manual => "manual",
            Self::OutboundFullRelay => "outbound-full-relay",
            Self::BlockRelay => "block-relay-only",
            Self::AddrFetch => "addr-fetch",
            Self::Feeler => "feeler",
        }
    }
}

impl fmt::Display for ConnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
