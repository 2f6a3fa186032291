//! The networks, and what tells their messages apart.

use std::fmt;

/// The four bytes that open each message of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Magic(pub [u8; 4]);

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A Bitcoin network. Numbers: Core, `src/kernel/chainparams.cpp`, `pchMessageStart` and
/// `nDefaultPort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// The network with the money.
    Main,
    /// The third public test network.
    Testnet3,
    /// The fourth (BIP 94).
    Testnet4,
    /// The default signet (BIP 325). Its magic is the start of the hash of its challenge.
    Signet,
    /// A network of one's own.
    Regtest,
}

impl Network {
    /// Every network.
    pub const ALL: [Self; 5] =
        [Self::Main, Self::Testnet3, Self::Testnet4, Self::Signet, Self::Regtest];

    /// What opens each of its messages.
    #[must_use]
    pub const fn magic(self) -> Magic {
        Magic(match self {
            Self::Main => [0xf9, 0xbe, 0xb4, 0xd9],
            Self::Testnet3 => [0x0b, 0x11, 0x09, 0x07],
            Self::Testnet4 => [0x1c, 0x16, 0x3f, 0x28],
            Self::Signet => [0x0a, 0x03, 0xcf, 0x40],
            Self::Regtest => [0xfa, 0xbf, 0xb5, 0xda],
        })
    }

    /// The port on which its nodes listen unless told otherwise.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Main => 8333,
            Self::Testnet3 => 18333,
            Self::Testnet4 => 48333,
            Self::Signet => 38333,
            Self::Regtest => 18444,
        }
    }

    /// Its name, as Bitcoin Core's `-chain` option takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Testnet3 => "test",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_told_apart_by_magic_and_port() {
        for (n, one) in Network::ALL.into_iter().enumerate() {
            for other in &Network::ALL[n + 1..] {
                assert_ne!(one.magic(), other.magic());
                assert_ne!(one.default_port(), other.default_port());
                assert_ne!(one.name(), other.name());
            }
        }
    }

    #[test]
    fn magic_reads_as_on_the_wire() {
        assert_eq!(Network::Main.magic().to_string(), "f9beb4d9");
    }
}
