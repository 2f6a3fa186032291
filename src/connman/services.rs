//! Service bits: what a node offers, as its `version` says.

use std::fmt;
use std::ops::BitOr;

/// A set of service bits. Unknown bits are kept. Core: protocol.h, `ServiceFlags`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Services(pub u64);

impl Services {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every block since the first.
    pub const NETWORK: Self = Self(1 << 0);
    /// Bloom filters (BIP 111).
    pub const BLOOM: Self = Self(1 << 2);
    /// Witnesses (BIP 144).
    pub const WITNESS: Self = Self(1 << 3);
    /// Compact block filters (BIP 157).
    pub const COMPACT_FILTERS: Self = Self(1 << 6);
    /// The last 288 blocks at least (BIP 159).
    pub const NETWORK_LIMITED: Self = Self(1 << 10);
    /// What a peer has to offer that we choose to connect to: every block, with witnesses. Core:
    /// net_processing.cpp, `GetDesirableServiceFlags`, as long as our chain is not near its end.
    pub const DESIRABLE: Self = Self(Self::NETWORK.0 | Self::WITNESS.0);
    /// The encrypted transport (BIP 324).
    pub const P2P_V2: Self = Self(1 << 11);

    /// These bits but those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Services {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Services({:#x})", self.0)
    }
}

impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
