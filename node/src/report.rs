//! What the node's notices look like in the log.
//!
//! The lines that tools look for are the reference's to the letter; the others say the
//! same as the reference's, in our words. The events are data: whoever needs them asks the library.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sockman::connman::blocks::BlockNotice;
use sockman::connman::message::DecodeWhy;
use sockman::connman::stores::{StoreNotice, StoredFile};
use sockman::connman::{
    ConnType, DisconnectReason, Ignored, Notice, PeerId, PeerSnapshot, Refusal, Verdict,
};
use sockman::driver::{Machine, Observer};
use sockman::sockets::{Endpoint, OsSockets};
use sockman::time::Now;
use sockman::transport::{Dropped, FrameError, HEADER_BYTES, MessageType, Rejected, RejectedWhy};
use sockman_rpc::{Node, ServerCommand};
use tracing::{debug, info};

use crate::rpc::ServerMailbox;
use crate::snapshot;

/// The categories of everything here.
const NET: &str = "net";
const BLOCK_STORAGE: &str = "blockstorage";

/// Writes the log of a node.
pub(crate) struct Report {
    /// The time for a handshake, which some lines name.
    peer_timeout: Duration,
    /// Files whose last writing failed, and how.
    unsaved: BTreeMap<StoredFile, StoreNotice>,
    /// Why blocks are not saved, if the last attempt failed.
    blocks_unsaved: Option<BlockNotice>,
    /// Who is connected: what later lines say of a peer. As many as connman has.
    peers: BTreeMap<PeerId, (ConnType, Endpoint)>,
    /// Where answers to calls go; `None`: nobody calls.
    answers: Option<ServerMailbox>,
}

impl Report {
    pub(crate) const fn new(peer_timeout: Duration, answers: Option<ServerMailbox>) -> Self {
        Self {
            peer_timeout,
            unsaved: BTreeMap::new(),
            blocks_unsaved: None,
            peers: BTreeMap::new(),
            answers,
        }
    }

    /// Why the first of what is not saved is not.
    pub(crate) fn unsaved(mut self) -> Option<String> {
        let file = self.unsaved.pop_first().map(|(_, notice)| notice.to_string());
        file.or_else(|| self.blocks_unsaved.map(|notice| notice.to_string()))
    }

    fn of_blocks(&mut self, notice: BlockNotice) {
        match notice {
            BlockNotice::Loaded { .. } => info!("Loaded {notice}"),
            BlockNotice::Torn { .. } | BlockNotice::NotRead { .. } => info!("Warning: {notice}"),
            BlockNotice::Read { .. } => debug!(target: BLOCK_STORAGE, "{notice}"),
            BlockNotice::Saved { .. } => {
                debug!(target: BLOCK_STORAGE, "{notice}");
                self.blocks_unsaved = None;
            }
            BlockNotice::NotSaved { .. } => {
                info!("Warning: {notice}");
                self.blocks_unsaved = Some(notice);
            }
        }
    }

    fn stored(&mut self, notice: StoreNotice) {
        stored(&notice);
        match notice {
            StoreNotice::NotSaved { file, .. } => {
                self.unsaved.insert(file, notice);
            }
            StoreNotice::Saved { file, .. } => {
                self.unsaved.remove(&file);
            }
            StoreNotice::Loaded { .. }
            | StoreNotice::Missing(_)
            | StoreNotice::SetAside { .. }
            | StoreNotice::AnchorsLost(_)
            | StoreNotice::AnchorsLeft(_) => {}
        }
    }

    fn connected(&mut self, peer: PeerId, conn_type: ConnType, endpoint: Endpoint) {
        if conn_type.is_inbound() {
            debug!(target: NET, "connection from {endpoint} accepted");
        }
        debug!(target: NET, "Added connection peer={}", peer.0);
        self.peers.insert(peer, (conn_type, endpoint));
    }

    fn disconnected(&mut self, peer: PeerId, reason: DisconnectReason) {
        let gone = self.peers.remove(&peer);
        let number = peer.0;
        match (reason, gone) {
            (DisconnectReason::SelfConnection, Some((_, endpoint))) => {
                debug!(target: NET, "connected to self at {endpoint}, disconnecting");
            }
            (reason, _) => {
                if let DisconnectReason::FrameInvalid(error) = reason {
                    frame_invalid(peer, error);
                }
                if let DisconnectReason::V2Invalid(error) = reason {
                    debug!(target: NET, "V2 transport error: {error}, peer={number}");
                }
                if let DisconnectReason::Misbehaved(what) = reason {
                    debug!(target: NET, "Misbehaving: peer={number}: {what}");
                }
                let why = Why { reason, peer_timeout: self.peer_timeout };
                debug!(target: NET, "{why}, disconnecting peer={number}");
            }
        }
    }

    fn ready(&self, notice: &Notice) {
        let Notice::PeerReady {
            peer, version, services, user_agent, start_height, transport, ..
        } = notice
        else {
            return;
        };
        let Some((conn_type, _)) = self.peers.get(peer) else { return };
        let text = format_args!(
            "New {conn_type} {transport} peer connected: version={version}, agent={user_agent}, \
             services={services}, blocks={start_height}, peer={}",
            peer.0
        );
        // Others can begin as many connections as they like, and are not to fill the log.
        match conn_type.is_inbound() {
            true => debug!(target: NET, "{text}"),
            false => info!("{text}"),
        }
    }
}

impl Observer<OsSockets, Node> for Report {
    fn handle_notice(&mut self, _now: Now, notice: sockman_rpc::Notice) {
        match notice {
            sockman_rpc::Notice::ConnMan(notice) => self.of_connman(notice),
            sockman_rpc::Notice::Answered { ticket, outcome } => {
                let answer = ServerCommand::Answered { ticket, outcome };
                // OK to ignore: a server that has ended has nobody to tell it to.
                let _ = self.answers.as_ref().map(|answers| answers.push(answer));
            }
        }
    }

    fn handle_inspect(&mut self, now: Now, machine: &Machine<OsSockets, Node>) {
        let inspection = machine.tenant().connman().inspect(machine.sockman().conns());
        let peers: BTreeMap<_, &PeerSnapshot> =
            inspection.peers.iter().map(|peer| (peer.conn, peer)).collect();
        let conns = machine.sockman().inspect();
        info!("{}", snapshot::Summary { machine, inspection: &inspection, conns: conns.len() });
        for conn in &conns {
            let peer = peers.get(&conn.conn).copied();
            for line in snapshot::lines(now, conn, peer) {
                info!("{}: {line}", conn.conn);
            }
        }
    }
}

impl Report {
    fn of_connman(&mut self, notice: Notice) {
        match notice {
            Notice::PeerConnected { peer, endpoint, conn_type, .. } => {
                self.connected(peer, conn_type, endpoint);
            }
            Notice::PeerReady { .. } => self.ready(&notice),
            Notice::PeerDisconnected { peer, reason, .. } => self.disconnected(peer, reason),
            Notice::MessageHandled { peer, message_type, payload_bytes, verdict } => {
                message_handled(peer, message_type, payload_bytes, verdict);
            }
            Notice::MessageQueued { peer, message_type, payload_bytes } => {
                let kind = message_type.as_str();
                debug!(target: NET, "sending {kind} ({payload_bytes} bytes) peer={}", peer.0);
            }
            Notice::MessageRejected { peer, dropped: Dropped::V1(rejected) } => {
                message_rejected(peer, rejected);
            }
            Notice::MessageRejected { peer, dropped: Dropped::V2(rejected) } => {
                let (why, bytes) = (rejected.why, rejected.raw_bytes);
                debug!(target: NET, "V2 transport error: {why} ({bytes} bytes), peer={}", peer.0);
            }
            Notice::FallsBackToV1 { peer, .. } => {
                debug!(target: NET, "retrying with v1 transport protocol for peer={}", peer.0);
            }
            Notice::PongReceived { peer, round_trip } => {
                debug!(target: NET, "ping answered after {round_trip:?}, peer={}", peer.0);
            }
            Notice::InboundEvicted { peer, .. } => {
                debug!(target: NET, "selected inbound connection for eviction, peer={}", peer.0);
            }
            Notice::HostDiscouraged { peer, host } => {
                debug!(target: NET, "discouraging {host} for peer={}", peer.0);
            }
            Notice::InboundRefused { endpoint, refusal, .. } => {
                let why = match refusal {
                    Refusal::Banned => "banned",
                    Refusal::Discouraged => "discouraged",
                    Refusal::InboundFull => "full",
                    Refusal::NetworkInactive => "network inactive",
                };
                debug!(target: NET, "connection from {endpoint} dropped ({why})");
            }
            Notice::BanAsked { subnet, banned } => {
                debug!(target: NET, "{subnet}: {banned}");
            }
            Notice::UnbanAsked { subnet, was_banned } => {
                let what = if was_banned { "banned no more" } else { "was not banned" };
                debug!(target: NET, "{subnet}: {what}");
            }
            Notice::AddNodeAsked { endpoint, outcome } => {
                debug!(target: NET, "{endpoint}: {outcome}");
            }
            Notice::RemoveNodeAsked { endpoint, was_there } => {
                let what = if was_there { "removed" } else { "was not added" };
                debug!(target: NET, "{endpoint}: {what}");
            }
            Notice::AcceptFailed { error } => {
                info!("Nobody can be let in: {error}");
            }
            Notice::DialBegun { endpoint, conn_type, transport, .. } => {
                debug!(target: NET, "trying {transport} connection ({conn_type}) to {endpoint}");
            }
            Notice::DialFailed { endpoint, failure, .. } => {
                debug!(target: NET, "connection to {endpoint} failed: {failure}");
            }
            Notice::Store(notice) => self.stored(notice),
            Notice::Blocks(notice) => self.of_blocks(notice),
        }
    }
}

/// What happened to a file that is kept.
pub(crate) fn stored(notice: &StoreNotice) {
    match notice {
        StoreNotice::Loaded { .. } => info!("Loaded {notice}"),
        StoreNotice::Missing(_) => info!("{notice}, so that a new one is made"),
        StoreNotice::Saved { .. } => debug!(target: NET, "{notice}"),
        StoreNotice::SetAside { .. }
        | StoreNotice::AnchorsLost(_)
        | StoreNotice::AnchorsLeft(_)
        | StoreNotice::NotSaved { .. } => info!("Warning: {notice}"),
    }
}

fn message_handled(peer: PeerId, kind: MessageType, payload_bytes: usize, verdict: Verdict) {
    let peer = peer.0;
    let kind = kind.as_str();
    debug!(target: NET, "received: {kind} ({payload_bytes} bytes) peer={peer}");
    match verdict {
        Verdict::Taken => {}
        Verdict::Ignored(why) => ignored(peer, kind, payload_bytes, why),
        Verdict::Pardoned(what) => {
            debug!(target: NET, "Misbehaving: peer={peer}: {what}");
            info!("Warning: not punishing peer {peer}, for which somebody has vouched");
        }
    }
}

fn ignored(peer: u64, kind: &str, payload_bytes: usize, why: Ignored) {
    match why {
        Ignored::BeforeVersion => debug!(
            target: NET,
            "non-version message before version handshake. Message \"{kind}\" from peer={peer}"
        ),
        Ignored::BeforeVerack => {
            debug!(target: NET, "Unsupported message \"{kind}\" prior to verack from peer={peer}");
        }
        Ignored::Redundant if kind == MessageType::VERSION.as_str() => {
            debug!(target: NET, "redundant version message from peer={peer}");
        }
        Ignored::Redundant => {
            debug!(target: NET, "ignoring redundant {kind} message from peer={peer}");
        }
        Ignored::Malformed(error) => {
            let end = if error.why == DecodeWhy::Truncated { "end of data: " } else { "" };
            debug!(
                target: NET,
                "ProcessMessages({kind}, {payload_bytes} bytes): Exception '{end}{error}' \
                 peer={peer}"
            );
        }
        Ignored::BlockMalformed(error) => {
            debug!(
                target: NET,
                "ProcessMessages({kind}, {payload_bytes} bytes): Exception '{error}' peer={peer}"
            );
        }
        Ignored::Unknown => {
            debug!(target: NET, "Unknown message type \"{kind}\" from peer={peer}");
        }
        Ignored::VersionTooLow
        | Ignored::Unsolicited
        | Ignored::Unsupported
        | Ignored::Unwanted
        | Ignored::NotImplemented => {
            debug!(target: NET, "{kind} has no effect ({why:?}) peer={peer}");
        }
    }
}

fn message_rejected(peer: PeerId, rejected: Rejected) {
    let (peer, kind, bytes) = (peer.0, rejected.claimed, rejected.raw_bytes - HEADER_BYTES);
    match rejected.why {
        RejectedWhy::Checksum { claimed, computed } => {
            let (claimed, computed) = (u32::from_be_bytes(claimed), u32::from_be_bytes(computed));
            debug!(
                target: NET,
                "Header error: Wrong checksum ({kind}, {bytes} bytes), expected {computed:08x} \
                 was {claimed:08x}, peer={peer}"
            );
        }
        RejectedWhy::MessageType(_) => debug!(
            target: NET,
            "Header error: Invalid message type ({kind}, {bytes} bytes), peer={peer}"
        ),
    }
}

fn frame_invalid(peer: PeerId, error: FrameError) {
    let peer = peer.0;
    match error {
        FrameError::Magic { found } => {
            debug!(target: NET, "Header error: Wrong MessageStart {found} received, peer={peer}");
        }
        FrameError::PayloadTooLong { claimed, bytes } => debug!(
            target: NET,
            "Header error: Size too large ({claimed}, {bytes} bytes), peer={peer}"
        ),
    }
}

/// Why a peer is disconnected, as the log has it.
struct Why {
    reason: DisconnectReason,
    peer_timeout: Duration,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            DisconnectReason::HandshakeNoTraffic { received, sent } => {
                let seconds = self.peer_timeout.as_secs();
                write!(f, "socket no message in first {seconds} seconds")?;
                f.write_str(if received { "" } else { ", never received from peer" })?;
                f.write_str(if sent { "" } else { ", never sent to peer" })
            }
            DisconnectReason::HandshakeTimeout => f.write_str("version handshake timeout"),
            DisconnectReason::VersionTooOld { version } => {
                write!(f, "peer using obsolete version {version}")
            }
            DisconnectReason::WtxidRelayAfterVerack => {
                f.write_str("wtxidrelay received after verack")
            }
            DisconnectReason::SendAddrV2AfterVerack => {
                f.write_str("sendaddrv2 received after verack")
            }
            DisconnectReason::LocatorTooLong { count } => write!(f, "locator size {count}"),
            DisconnectReason::FeelerDone => f.write_str("feeler connection completed"),
            DisconnectReason::AddrFetchDone => f.write_str("addrfetch connection completed"),
            DisconnectReason::SendTimeout { seconds } => {
                write!(f, "socket sending timeout: {seconds}s")
            }
            DisconnectReason::ReceiveTimeout { seconds } => {
                write!(f, "socket receive timeout: {seconds}s")
            }
            DisconnectReason::PingTimeout { waited } => {
                write!(f, "ping timeout: {}.{:06}s", waited.as_secs(), waited.subsec_micros())
            }
            reason @ (DisconnectReason::PeerClosed
            | DisconnectReason::PeerClosedMidMessage { .. }
            | DisconnectReason::Lost(_)
            | DisconnectReason::NotConnected(_)
            | DisconnectReason::FrameInvalid(_)
            | DisconnectReason::V2Invalid(_)
            | DisconnectReason::SelfConnection
            | DisconnectReason::Misbehaved(_)
            | DisconnectReason::Discouraged
            | DisconnectReason::TransactionUnwanted
            | DisconnectReason::NotOffered { .. }
            | DisconnectReason::ServicesMissing { .. }
            | DisconnectReason::Surplus
            | DisconnectReason::Download(_)
            | DisconnectReason::ChainTooShort
            | DisconnectReason::Evicted
            | DisconnectReason::Requested
            | DisconnectReason::NetworkInactive
            | DisconnectReason::Shutdown) => reason.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_words_that_tools_look_for() {
        let peer_timeout = Duration::from_secs(60);
        for (reason, text) in [
            (
                DisconnectReason::PingTimeout { waited: Duration::from_micros(1_201_000_001) },
                "ping timeout: 1201.000001s",
            ),
            (DisconnectReason::SendTimeout { seconds: 1201 }, "socket sending timeout: 1201s"),
            (DisconnectReason::ReceiveTimeout { seconds: 1201 }, "socket receive timeout: 1201s"),
            (
                DisconnectReason::HandshakeNoTraffic { received: false, sent: false },
                "socket no message in first 60 seconds, never received from peer, never sent to \
                 peer",
            ),
            (
                DisconnectReason::HandshakeNoTraffic { received: true, sent: false },
                "socket no message in first 60 seconds, never sent to peer",
            ),
            (DisconnectReason::HandshakeTimeout, "version handshake timeout"),
            (DisconnectReason::VersionTooOld { version: 1 }, "peer using obsolete version 1"),
            (DisconnectReason::FeelerDone, "feeler connection completed"),
            (DisconnectReason::AddrFetchDone, "addrfetch connection completed"),
        ] {
            assert_eq!(Why { reason, peer_timeout }.to_string(), text);
        }
    }
}
