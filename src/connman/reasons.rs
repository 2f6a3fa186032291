//! Why things end: connections, attempts, and messages that are not taken.

use std::fmt;
use std::time::Duration;

use super::Services;
use super::message::DecodeError;
use super::misbehaviour::Misbehaviour;
use crate::chain::BlockError;
use crate::chain::download::Timeout;
use crate::sockets::{ConnectError, Failure};
use crate::sockman::ConnFailure;
use crate::transport::v2::V2Error;
use crate::transport::{FrameError, MessageType};

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndedBy {
    /// The peer, in order.
    Peer,
    /// We, because of what the peer did or did not do.
    Us,
    /// We, because somebody on our side said so.
    Command,
    /// Neither: the network.
    Network,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisconnectReason {
    /// The peer sent FIN between two messages. What it sent before and was not handled is lost.
    PeerClosed,
    /// The peer sent FIN within a message.
    PeerClosedMidMessage {
        /// Bytes of that message that had come, header included; at least 1.
        bytes: usize,
    },
    /// The connection failed.
    Lost(Failure),
    /// It never came about.
    NotConnected(ConnFailure),
    /// What the peer sent is no stream of messages.
    FrameInvalid(FrameError),
    /// What the peer sent is no v2 stream, or was tampered with.
    V2Invalid(V2Error),
    /// The peer speaks a version that nobody speaks any more. Core: `MIN_PEER_PROTO_VERSION`.
    VersionTooOld {
        /// Its version.
        version: i32,
    },
    /// The peer offers less than what we connected for. Core: `GetDesirableServiceFlags`.
    ServicesMissing {
        /// What it offers.
        services: Services,
    },
    /// The peer is we ourselves. Core: `CheckIncomingNonce`.
    SelfConnection,
    /// `wtxidrelay` came after `verack`. BIP 339.
    WtxidRelayAfterVerack,
    /// `sendaddrv2` came after `verack`. BIP 155.
    SendAddrV2AfterVerack,
    /// The peer did what nobody does who follows the protocol. Core: `Misbehaving`.
    Misbehaved(Misbehaviour),
    /// Somebody else at the peer's address did. Core: `MaybeDiscourageAndDisconnect`.
    Discouraged,
    /// It was told that we want no transactions, and announced or sent one. Core:
    /// `RejectIncomingTxs`.
    TransactionUnwanted,
    /// It asked for what we do not offer. BIP 35, 37, 157.
    NotOffered {
        /// By which message.
        message_type: MessageType,
    },
    /// Its locator has more hashes than [`LOCATOR_MAX`](super::screen::LOCATOR_MAX).
    LocatorTooLong {
        /// How many it has.
        count: usize,
    },
    /// No byte went one way, or none either way, in the time for a handshake.
    HandshakeNoTraffic {
        /// Whether the peer ever sent one.
        received: bool,
        /// Whether we ever did.
        sent: bool,
    },
    /// There was no `verack` in the time for a handshake.
    HandshakeTimeout,
    /// No byte of ours was taken for 20 minutes.
    SendTimeout {
        /// For how long none was, in whole seconds of the wall clock.
        seconds: u64,
    },
    /// No byte of the peer's came for 20 minutes.
    ReceiveTimeout {
        /// For how long none did, in whole seconds of the wall clock.
        seconds: u64,
    },
    /// A ping was not answered for 20 minutes.
    PingTimeout {
        /// For how long it was not, by the wall clock.
        waited: Duration,
    },
    /// A feeler has seen what it came for.
    FeelerDone,
    /// There was one more of its kind than there are places for. Core: `EvictExtraOutboundPeers`.
    Surplus,
    /// Whom we dialled to hear addresses has told some.
    AddrFetchDone,
    /// It did not give what it was asked for of the chain in time, or its chain lags.
    Download(Timeout),
    /// All its headers have less work than is worth asking for. Core:
    /// `UpdatePeerStateForReceivedHeaders`.
    ChainTooShort,
    /// Its place was given to a newcomer. Core: `AttemptToEvictConnection`.
    Evicted,
    /// Somebody asked for it.
    Requested,
    /// The network was switched off.
    NetworkInactive,
    /// The node stops.
    Shutdown,
}

impl DisconnectReason {
    /// Who ended it.
    #[must_use]
    pub const fn ended_by(self) -> EndedBy {
        match self {
            Self::PeerClosed | Self::PeerClosedMidMessage { .. } => EndedBy::Peer,
            Self::Lost(_) | Self::NotConnected(_) => EndedBy::Network,
            Self::FrameInvalid(_)
            | Self::V2Invalid(_)
            | Self::VersionTooOld { .. }
            | Self::ServicesMissing { .. }
            | Self::SelfConnection
            | Self::WtxidRelayAfterVerack
            | Self::SendAddrV2AfterVerack
            | Self::Misbehaved(_)
            | Self::Discouraged
            | Self::TransactionUnwanted
            | Self::NotOffered { .. }
            | Self::LocatorTooLong { .. }
            | Self::HandshakeNoTraffic { .. }
            | Self::HandshakeTimeout
            | Self::SendTimeout { .. }
            | Self::ReceiveTimeout { .. }
            | Self::PingTimeout { .. }
            | Self::FeelerDone
            | Self::Surplus
            | Self::AddrFetchDone
            | Self::Download(_)
            | Self::ChainTooShort
            | Self::Evicted => EndedBy::Us,
            Self::Requested | Self::NetworkInactive | Self::Shutdown => EndedBy::Command,
        }
    }
}

impl DisconnectReason {
    /// Its name where a program reads it: in schedules, in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer-closed",
            Self::PeerClosedMidMessage { .. } => "peer-closed-mid-message",
            Self::Lost(_) => "lost",
            Self::NotConnected(_) => "not-connected",
            Self::FrameInvalid(_) => "frame-invalid",
            Self::V2Invalid(_) => "v2-invalid",
            Self::VersionTooOld { .. } => "version-too-old",
            Self::ServicesMissing { .. } => "services-missing",
            Self::SelfConnection => "self-connection",
            Self::WtxidRelayAfterVerack => "wtxidrelay-after-verack",
            Self::SendAddrV2AfterVerack => "sendaddrv2-after-verack",
            Self::Misbehaved(_) => "misbehaved",
            Self::Discouraged => "discouraged",
            Self::TransactionUnwanted => "transaction-unwanted",
            Self::NotOffered { .. } => "not-offered",
            Self::LocatorTooLong { .. } => "locator-too-long",
            Self::HandshakeNoTraffic { .. } => "handshake-no-traffic",
            Self::HandshakeTimeout => "handshake-timeout",
            Self::SendTimeout { .. } => "send-timeout",
            Self::ReceiveTimeout { .. } => "receive-timeout",
            Self::PingTimeout { .. } => "ping-timeout",
            Self::FeelerDone => "feeler-done",
            Self::Surplus => "surplus",
            Self::AddrFetchDone => "addr-fetch-done",
            Self::Download(Timeout::Stalling { .. }) => "block-stalling",
            Self::Download(Timeout::Block { .. }) => "block-timeout",
            Self::Download(Timeout::Headers { .. }) => "headers-timeout",
            Self::Download(Timeout::Lagging { .. }) => "chain-lags",
            Self::ChainTooShort => "chain-too-short",
            Self::Evicted => "evicted",
            Self::Requested => "requested",
            Self::NetworkInactive => "network-inactive",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("peer closed"),
            Self::PeerClosedMidMessage { bytes } => {
                write!(f, "peer closed after {bytes} bytes of a message")
            }
            Self::Lost(failure) => failure.fmt(f),
            Self::NotConnected(failure) => failure.fmt(f),
            Self::FrameInvalid(error) => error.fmt(f),
            Self::V2Invalid(error) => error.fmt(f),
            Self::VersionTooOld { version } => write!(f, "obsolete version {version}"),
            Self::ServicesMissing { services } => {
                write!(f, "does not offer the expected services ({services} offered)")
            }
            Self::SelfConnection => f.write_str("connected to self"),
            Self::WtxidRelayAfterVerack => f.write_str("wtxidrelay after verack"),
            Self::SendAddrV2AfterVerack => f.write_str("sendaddrv2 after verack"),
            Self::Misbehaved(what) => write!(f, "misbehaviour: {what}"),
            Self::Discouraged => f.write_str("its address is discouraged"),
            Self::TransactionUnwanted => f.write_str("transaction where none is wanted"),
            Self::NotOffered { message_type } => {
                write!(f, "{message_type} asks for what is not offered")
            }
            Self::LocatorTooLong { count } => write!(f, "locator of {count} hashes"),
            Self::HandshakeNoTraffic { received: false, sent: false } => {
                f.write_str("no byte in either direction in time")
            }
            Self::HandshakeNoTraffic { received: false, .. } => {
                f.write_str("never received from peer in time")
            }
            Self::HandshakeNoTraffic { .. } => f.write_str("never sent to peer in time"),
            Self::HandshakeTimeout => f.write_str("no verack in time"),
            Self::SendTimeout { seconds } => write!(f, "nothing was sent for {seconds} s"),
            Self::ReceiveTimeout { seconds } => write!(f, "nothing was received for {seconds} s"),
            Self::PingTimeout { waited } => write!(f, "no pong for {waited:?}"),
            Self::FeelerDone => f.write_str("feeler done"),
            Self::Surplus => f.write_str("one more than there are places for"),
            Self::AddrFetchDone => f.write_str("addresses were fetched"),
            Self::Download(why) => why.fmt(f),
            Self::ChainTooShort => f.write_str("headers chain has insufficient work"),
            Self::Evicted => f.write_str("evicted for a newcomer"),
            Self::Requested => f.write_str("disconnect requested"),
            Self::NetworkInactive => f.write_str("network inactive"),
            Self::Shutdown => f.write_str("shutting down"),
        }
    }
}

/// Why an attempt to connect came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DialFailure {
    /// We are connected there already, or about to be.
    AlreadyConnected,
    /// The network is switched off.
    NetworkInactive,
    /// The node stops.
    Shutdown,
    /// It could not be begun.
    NotBegun(ConnectError),
    /// It was begun, and ended so.
    Failed(ConnFailure),
}

impl From<DisconnectReason> for DialFailure {
    /// What a reason means for an attempt, which ends by its outcome or by a command.
    fn from(reason: DisconnectReason) -> Self {
        if let DisconnectReason::NotConnected(failure) = reason {
            return Self::Failed(failure);
        }
        if reason == DisconnectReason::NetworkInactive {
            return Self::NetworkInactive;
        }
        assert_eq!(reason, DisconnectReason::Shutdown, "only a connection ends for it");
        Self::Shutdown
    }
}

impl fmt::Display for DialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyConnected => f.write_str("already connected"),
            Self::NetworkInactive => f.write_str("network inactive"),
            Self::Shutdown => f.write_str("shutting down"),
            Self::NotBegun(error) => error.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// Why somebody who connected was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The host is banned. Core: `BanMan::IsBanned`.
    Banned,
    /// The host is discouraged, and this is the last inbound slot. Core: `BanMan::IsDiscouraged`.
    Discouraged,
    /// Every inbound slot is taken.
    InboundFull,
    /// The network is switched off, or the node stops.
    NetworkInactive,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Banned => "banned",
            Self::Discouraged => "discouraged",
            Self::InboundFull => "inbound slots are full",
            Self::NetworkInactive => "network inactive",
        })
    }
}

/// What became of a message that was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It had its effect.
    Taken,
    /// It had none; the peer stays.
    Ignored(Ignored),
    /// It is misbehaviour, and the peer stays because somebody on our side has vouched for it: it
    /// has noban, or was dialled by hand.
    Pardoned(Misbehaviour),
}

/// Why a message had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// It is not `version`, which comes first.
    BeforeVersion,
    /// It is none of those that may come between `version` and `verack`.
    BeforeVerack,
    /// It has come before, and counts once.
    Redundant,
    /// The two do not speak a version that has it.
    VersionTooLow,
    /// It answers nothing that was asked, or not as it was asked.
    Unsolicited,
    /// It speaks of a variant that nobody speaks.
    Unsupported,
    /// Its payload cannot be read. No penalty: Core, `ProcessMessages`, catches what parsing
    /// throws.
    Malformed(DecodeError),
    /// It is a block that cannot be read. No penalty, as above.
    BlockMalformed(BlockError),
    /// It is of a chain that is not worth its memory, or that nobody asked for.
    Unwanted,
    /// Its type is known; what it does has not arrived in this crate.
    NotImplemented,
    /// Its type is not known.
    Unknown,
}
