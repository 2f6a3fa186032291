//! What connman tells: data, of which a log line is one rendering.

use super::bans::{Banned, Subnet};
use super::blocks::BlockNotice;
use super::host::Host;
use super::message::Relay;
use super::reasons::{DialFailure, DisconnectReason, Refusal, Verdict};
use super::stores::StoreNotice;
use super::{AddNode, ConnType, PeerId, Services};
use crate::sockets::{AcceptError, ConnId, Endpoint};
use crate::transport::{Dropped, MessageType, TransportKind};

/// One thing that happened. For each peer they come in this order:
///
/// ```text
/// PeerConnected (MessageHandled | MessageRejected)* PeerReady? (Message..)* PeerDisconnected
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There is a connection, with a number of its own from now on.
    PeerConnected {
        /// The peer.
        peer: PeerId,
        /// The connection below it.
        conn: ConnId,
        /// The other end.
        endpoint: Endpoint,
        /// What it is for.
        conn_type: ConnType,
    },
    /// The handshake is complete.
    PeerReady {
        /// The peer.
        peer: PeerId,
        /// The connection below it.
        conn: ConnId,
        /// The version that it speaks.
        version: i32,
        /// What it offers.
        services: Services,
        /// Its software, sanitised.
        user_agent: String,
        /// The height that it claims.
        start_height: i32,
        /// Whether it wants transactions.
        relay: Relay,
        /// What transport it speaks.
        transport: TransportKind,
    },
    /// A message was handled.
    MessageHandled {
        /// Whose.
        peer: PeerId,
        /// Which.
        message_type: MessageType,
        /// How long its payload was, in bytes.
        payload_bytes: usize,
        /// What became of it.
        verdict: Verdict,
    },
    /// A message of ours waits to be sent, behind those before it.
    MessageQueued {
        /// To whom.
        peer: PeerId,
        /// Which.
        message_type: MessageType,
        /// How long its payload is, in bytes.
        payload_bytes: usize,
    },
    /// A message was dropped by the transport.
    MessageRejected {
        /// Whose.
        peer: PeerId,
        /// Why.
        dropped: Dropped,
    },
    /// A ping was answered.
    PongReceived {
        /// By whom.
        peer: PeerId,
        /// The time from ping to pong, on the wall clock.
        round_trip: std::time::Duration,
    },
    /// A connection is over and closed.
    PeerDisconnected {
        /// The peer.
        peer: PeerId,
        /// The connection that was.
        conn: ConnId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A connection that was begun with v2 is over, and no byte of the peer's has come: another
    /// attempt follows, with v1. Comes before its [`PeerDisconnected`](Self::PeerDisconnected).
    FallsBackToV1 {
        /// The peer that was.
        peer: PeerId,
        /// Where to.
        endpoint: Endpoint,
    },
    /// The house was full, and somebody has to go for a newcomer who is let in. Its
    /// [`PeerDisconnected`](Self::PeerDisconnected) follows.
    InboundEvicted {
        /// Who has to go.
        peer: PeerId,
        /// The newcomer's connection.
        newcomer: ConnId,
    },
    /// A peer has misbehaved, and its host is discouraged for it: every connection with that host
    /// is over.
    HostDiscouraged {
        /// Who it was.
        peer: PeerId,
        /// The host.
        host: Host,
    },
    /// Somebody connected and was not let in.
    InboundRefused {
        /// The connection that was.
        conn: ConnId,
        /// Who.
        endpoint: Endpoint,
        /// Why.
        refusal: Refusal,
    },
    /// A subnet was to be banned.
    BanAsked {
        /// Which.
        subnet: Subnet,
        /// What came of it.
        banned: Banned,
    },
    /// A ban was to be lifted.
    UnbanAsked {
        /// Of which subnet.
        subnet: Subnet,
        /// Whether there was one.
        was_banned: bool,
    },
    /// A node was to be added to those that are connected to again and again.
    AddNodeAsked {
        /// Where it is.
        endpoint: Endpoint,
        /// What came of it.
        outcome: AddNode,
    },
    /// A node was to be taken from those that were added. Its connection stays.
    RemoveNodeAsked {
        /// Where it is.
        endpoint: Endpoint,
        /// Whether it was there.
        was_there: bool,
    },
    /// Nobody could be accepted.
    AcceptFailed {
        /// Why.
        error: AcceptError,
    },
    /// An attempt to connect has begun. [`PeerConnected`](Self::PeerConnected) or
    /// [`DialFailed`](Self::DialFailed) follows.
    DialBegun {
        /// The connection to be.
        conn: ConnId,
        /// Where to.
        endpoint: Endpoint,
        /// What it is for.
        conn_type: ConnType,
        /// What transport is tried.
        transport: TransportKind,
    },
    /// An attempt to connect came to nothing, perhaps before it began.
    DialFailed {
        /// Where to.
        endpoint: Endpoint,
        /// What it was for.
        conn_type: ConnType,
        /// Why.
        failure: DialFailure,
    },
    /// Something happened to a file that is kept.
    Store(StoreNotice),
    /// Something happened to the files of blocks.
    Blocks(BlockNotice),
}

impl Notice {
    /// The peer that it is about, if it is about one.
    #[must_use]
    pub const fn peer(&self) -> Option<PeerId> {
        match self {
            Self::PeerConnected { peer, .. }
            | Self::PeerReady { peer, .. }
            | Self::MessageHandled { peer, .. }
            | Self::MessageQueued { peer, .. }
            | Self::MessageRejected { peer, .. }
            | Self::PongReceived { peer, .. }
            | Self::FallsBackToV1 { peer, .. }
            | Self::InboundEvicted { peer, .. }
            | Self::HostDiscouraged { peer, .. }
            | Self::PeerDisconnected { peer, .. } => Some(*peer),
            Self::InboundRefused { .. }
            | Self::BanAsked { .. }
            | Self::UnbanAsked { .. }
            | Self::AddNodeAsked { .. }
            | Self::RemoveNodeAsked { .. }
            | Self::AcceptFailed { .. }
            | Self::DialBegun { .. }
            | Self::DialFailed { .. }
            | Self::Store(_)
            | Self::Blocks(_) => None,
        }
    }
}
