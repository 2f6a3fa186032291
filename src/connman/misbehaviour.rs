//! Misbehaviour: what nobody does who follows the protocol. It costs the connection, and the
//! address its good name.
//!
//! docs/behaviour.md, handshake 12 and bans 2. Core: net_processing.cpp, `Misbehaving` and
//! `MaybeDiscourageAndDisconnect`: the flag that it sets is acted on as soon as the message is
//! handled, so there is none here.

use std::fmt;

use super::addrman::NetAddr;
use super::host::Host;
use super::permissions::Permissions;
use super::reasons::{DisconnectReason, Verdict};
use super::{ConnMan, ConnType, Notice, Peer, Stage};
use crate::sockets::ConnId;
use crate::sockman::{Action, Conns};
use crate::transport::MessageType;

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misbehaviour {
    /// A list in a message has more entries than anybody sends.
    TooMany {
        /// Which message.
        message_type: MessageType,
        /// How many entries it has, or announces.
        count: usize,
        /// The most that it may have.
        max: usize,
    },
    /// A header has less work than it says.
    HeaderWithoutWork {
        /// Which of the message, from 0.
        index: usize,
    },
    /// A header does not follow the one before.
    HeadersNotContinuous {
        /// Which of the message, from 0.
        index: usize,
    },
    /// A header breaks a rule, or lies upon a block that does.
    HeaderInvalid {
        /// Which of the message, from 0.
        index: usize,
    },
    /// A block is not the one that its header stands for.
    BlockMutated,
    /// It is, and breaks a rule.
    BlockInvalid,
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { message_type, count, .. } => {
                write!(f, "{message_type} message size = {count}")
            }
            Self::HeaderWithoutWork { .. } => f.write_str("header with invalid proof of work"),
            Self::HeadersNotContinuous { .. } => f.write_str("non-continuous headers sequence"),
            Self::HeaderInvalid { .. } => f.write_str("invalid header received"),
            Self::BlockMutated => f.write_str("mutated block"),
            Self::BlockInvalid => f.write_str("invalid block received"),
        }
    }
}

/// What follows for who did this: nothing, if somebody on our side has vouched for it.
pub(super) fn judge(peer: &Peer, what: Misbehaviour) -> Result<Verdict, DisconnectReason> {
    let is_manual = match peer.conn_type {
        ConnType::Manual => true,
        ConnType::Inbound
        | ConnType::OutboundFullRelay
        | ConnType::BlockRelay
        | ConnType::AddrFetch
        | ConnType::Feeler => false,
    };
    if is_manual || peer.permissions.has(Permissions::NOBAN) {
        return Ok(Verdict::Pardoned(what));
    }
    Err(DisconnectReason::Misbehaved(what))
}

impl ConnMan {
    /// Discourages the host at the other end of a connection, and ends all that there are with it.
    /// Our own host is nobody's: every connection by way of Tor comes from there.
    pub(super) fn discourage(
        &mut self,
        conn: ConnId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get(conn) else { return };
        let ip = peer.endpoint.ip().map(|at| at.ip());
        let is_local = ip.is_none_or(|ip| NetAddr::from_ip(ip).is_local());
        let Some(host) = Host::of(&peer.endpoint).filter(|_| !is_local) else { return };
        self.discouraged.add(&host);
        self.notices.push(Notice::HostDiscouraged { peer: peer.id, host });
        let is_there =
            |peer: &Peer| peer.stage == Stage::Open && Host::of(&peer.endpoint) == Some(host);
        self.end_those(is_there, DisconnectReason::Discouraged, conns, actions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misbehaviour_has_the_words_that_tools_look_for() {
        let what =
            Misbehaviour::TooMany { message_type: MessageType::INV, count: 50_001, max: 50_000 };
        assert_eq!(what.to_string(), "inv message size = 50001");
    }
}
