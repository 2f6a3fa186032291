//! The handshake: who we are to each other, and what we agree to speak.
//!
//! ```text
//!   outbound: we send version                       inbound: we wait
//!        |                                               |
//!        v                                               v
//!   AwaitsVersion --- anything but version: ignored ----'
//!        |   version below 31800, or our own nonce: disconnect
//!        |   version: [we send version, if inbound]
//!        |            we send wtxidrelay, sendaddrv2 (both from 70016), verack,
//!        |            getaddr (outbound, not block-relay), alert (up to 70012)
//!        v
//!   AwaitsVerack ---- version: ignored; wtxidrelay, sendaddrv2, sendheaders, sendcmpct,
//!        |            sendtxrcncl: taken; anything else: ignored and lost
//!        |   verack:  we send sendcmpct (from 70014)
//!        v
//!   Ready ----------- version, verack: ignored; wtxidrelay, sendaddrv2: disconnect
//! ```
//!
//! The whole of it has to be over within [`Config::peer_timeout`](super::Config::peer_timeout).
//! Sources: docs/behaviour.md, handshake 4; Core: net_processing.cpp, `ProcessMessage` and
//! `PushNodeVersion`; BIP 14, 37, 130, 152, 155, 339.

use std::collections::BTreeSet;

use super::addr_relay::{self, AddrBook};
use super::address::is_routable;
use super::message::{
    Bandwidth, CMPCTBLOCKS_VERSION, DecodeError, Relay, SendCmpct, UNSPECIFIED, Version,
    VersionHead, VersionTail,
};
use super::peer::{Context, Peer};
use super::reasons::{DisconnectReason, Ignored, Verdict};
use super::{PeerId, Services, Stage};
use crate::codec::Reader;
use crate::rng::{Purpose, Seed};
use crate::sockman::Conns;
use crate::transport::MessageType;

/// The version that we speak. Core: `PROTOCOL_VERSION`.
pub const PROTOCOL_VERSION: i32 = 70016;

/// Versions below it are not spoken with. Core: `MIN_PEER_PROTO_VERSION`.
pub const PROTOCOL_VERSION_MIN: i32 = 31800;

/// From here on compact blocks are spoken of. BIP 152; Core: `SHORT_IDS_BLOCKS_VERSION`.
const COMPACT_BLOCKS_VERSION: i32 = 70014;

/// From here on transactions may be announced by wtxid. BIP 339; Core: `WTXID_RELAY_VERSION`.
const WTXID_RELAY_VERSION: i32 = 70016;

/// No software below it is known to speak BIP 155, and some does not bear unknown messages. Core:
/// a literal in the handling of `version`.
const SENDADDRV2_VERSION: i32 = 70016;

/// Up to here a peer may still have the alert system. Core: a literal, as above.
const ALERT_VERSION_MAX: i32 = 70012;

const _: () = assert!(PROTOCOL_VERSION_MIN < PROTOCOL_VERSION);
const _: () = assert!(ALERT_VERSION_MAX < COMPACT_BLOCKS_VERSION);

/// The last alert that there will be, signed, which tells old software that the key is known to
/// all. Core: `finalAlert`.
const FINAL_ALERT: &[u8; 168] = b"\
    `\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x7f\x00\x00\x00\x00\
    \xff\xff\xff\x7f\xfe\xff\xff\x7f\x01\xff\xff\xff\x7f\x00\x00\x00\x00\xff\xff\xff\x7f\
    \x00\xff\xff\xff\x7f\x00/URGENT: Alert key compromised, upgrade required\x00F0D\x02 \
    e?\xeb\xd6A\x0fG\x0fk\xae\x11\xca\xd1\x9cHA;\xec\xb1\xac,\x17\xf9\x08\xfd\x0f\xd5;\
    \xdc:\xbdR\x02 m\x0e\x9c\x96\xfe\x88\xd4\xa0\xf0\x1e\xd9\xde\xda\xe2\xb6\xf9\xe0\x0d\
    \xa9L\xad\x0f\xec\xaa\xe6n\xcfh\x9b\xf7\x1bP";

/// What a peer said in its `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Theirs {
    pub(super) head: VersionHead,
    pub(super) tail: VersionTail,
    /// The lower of its version and ours.
    pub(super) common_version: i32,
    /// Its clock less ours when it came, in seconds.
    pub(super) time_offset_secs: i64,
}

/// How far the handshake has got, and what was agreed.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    nonce: u64,
    version_sent: bool,
    /// Boxed, because actions carry peers about.
    theirs: Option<Box<Theirs>>,
    ready: bool,
    /// Whether transactions are announced by wtxid. BIP 339.
    pub(super) wtxid_relay: bool,
    /// Whether the peer takes `addrv2`. BIP 155.
    pub(super) wants_addrv2: bool,
    /// Whether it wants blocks announced by header. BIP 130.
    pub(super) prefers_headers: bool,
    /// How it wants compact blocks, if it speaks of them. BIP 152.
    pub(super) compact_blocks: Option<Bandwidth>,
}

impl Handshake {
    pub(super) fn new(id: PeerId, seed: &Seed) -> Self {
        Self {
            nonce: seed.draw(Purpose::VersionNonce, id.0, 0),
            version_sent: false,
            theirs: None,
            ready: false,
            wtxid_relay: false,
            wants_addrv2: false,
            prefers_headers: false,
            compact_blocks: None,
        }
    }

    pub(super) const fn version_sent(&self) -> bool {
        self.version_sent
    }

    /// What the peer said, once its `version` was handled.
    pub(super) fn theirs(&self) -> Option<&Theirs> {
        self.theirs.as_deref()
    }

    /// Whether both sides have said `verack`.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The version that both speak; ours as long as the peer has not said.
    pub(super) fn common_version(&self) -> i32 {
        self.theirs().map_or(PROTOCOL_VERSION, |theirs| theirs.common_version)
    }
}

/// Nonces by which a `version` would be our own: of connections that we began and whose handshake
/// is not complete. Core: `CheckIncomingNonce`.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnNonces(BTreeSet<(u64, PeerId)>);

impl OwnNonces {
    /// Adds that of a peer who is there from now on.
    pub(super) fn add(&mut self, peer: &Peer) {
        if !peer.conn_type.is_inbound() {
            self.0.insert((peer.handshake.nonce, peer.id));
        }
    }

    /// Takes that of a peer out, if it is there.
    pub(super) fn remove(&mut self, peer: &Peer) {
        if !peer.conn_type.is_inbound() {
            self.0.remove(&(peer.handshake.nonce, peer.id));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn contain(&self, nonce: u64) -> bool {
        let of_anybody = (nonce, PeerId(u64::MIN))..=(nonce, PeerId(u64::MAX));
        self.0.range(of_anybody).next().is_some()
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Peer>) {
        let unanswered = conns.iter().map(|(_, peer)| peer).filter(|peer| {
            !peer.conn_type.is_inbound() && peer.stage == Stage::Open && !peer.is_ready()
        });
        let nonces = unanswered.map(|peer| (peer.handshake.nonce, peer.id)).collect();
        assert_eq!(self.0, nonces, "we know ourselves by connections that wait for an answer");
    }
}

/// Sends our `version`. Core: `PushNodeVersion`.
pub(super) fn send_version(peer: &mut Peer, cx: &Context<'_>) {
    assert!(!peer.handshake.version_sent, "a version is sent once");
    let receiver = peer.endpoint.ip().filter(|address| is_routable(address.ip()));
    let wanted = peer.conn_type.wants_transactions();
    let version = Version {
        head: VersionHead {
            version: PROTOCOL_VERSION,
            services: peer.offered(cx.config),
            time: cx.now.wall.as_secs().cast_signed(),
            receiver_services: peer.known.as_ref().map_or(Services::NONE, |known| known.services),
            receiver: receiver.unwrap_or(UNSPECIFIED),
        },
        tail: VersionTail {
            nonce: peer.handshake.nonce,
            user_agent: cx.config.user_agent.clone(),
            start_height: cx.start_height,
            relay: if wanted { Relay::Wanted } else { Relay::Unwanted },
        },
    };
    peer.handshake.version_sent = true;
    peer.queue(cx, MessageType::VERSION, version.encode());
}

/// Handles `version`. What is wrong with its head counts before its tail is read.
pub(super) fn handle_version(
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
    payload: &[u8],
) -> Result<Verdict, DisconnectReason> {
    if peer.handshake.theirs.is_some() {
        return Ok(Verdict::Ignored(Ignored::Redundant));
    }
    let mut reader = Reader::new(payload);
    let head = match VersionHead::read(&mut reader) {
        Ok(head) => head,
        Err(error) => return Ok(malformed(error)),
    };
    book.note_services(peer, head.services);
    if peer.conn_type.needs_services() && !head.services.contains(Services::DESIRABLE) {
        return Err(DisconnectReason::ServicesMissing { services: head.services });
    }
    if head.version < PROTOCOL_VERSION_MIN {
        return Err(DisconnectReason::VersionTooOld { version: head.version });
    }
    let tail = match VersionTail::read(&mut reader) {
        Ok(tail) => tail,
        Err(error) => return Ok(malformed(error)),
    };
    if peer.conn_type.is_inbound() && cx.own_nonces.contain(tail.nonce) {
        return Err(DisconnectReason::SelfConnection);
    }
    if peer.conn_type.is_inbound() {
        book.relay.note_seen(head.receiver);
        send_version(peer, cx);
    }
    let common_version = head.version.min(PROTOCOL_VERSION);
    let time_offset_secs = head.time.saturating_sub(cx.now.wall.as_secs().cast_signed());
    let theirs = Theirs { head, tail, common_version, time_offset_secs };
    peer.handshake.theirs = Some(Box::new(theirs));
    answer_version(peer, cx, book, common_version);
    book.note_good(peer, cx.now);
    if peer.conn_type == super::ConnType::Feeler {
        return Err(DisconnectReason::FeelerDone);
    }
    Ok(Verdict::Taken)
}

/// What we say to a `version`, in the order of the reference. `sendtxrcncl` is missing from it, as
/// the reference sends it only with an option that is off.
fn answer_version(peer: &mut Peer, cx: &Context<'_>, book: &AddrBook<'_>, common_version: i32) {
    if common_version >= WTXID_RELAY_VERSION {
        peer.queue(cx, MessageType::WTXIDRELAY, []);
    }
    if common_version >= SENDADDRV2_VERSION {
        peer.queue(cx, MessageType::SENDADDRV2, []);
    }
    peer.queue(cx, MessageType::VERACK, []);
    addr_relay::ask(peer, cx, book);
    if common_version <= ALERT_VERSION_MAX {
        peer.queue(cx, MessageType::ALERT, *FINAL_ALERT);
    }
}

/// Handles `verack`, which comes after `version`.
pub(super) fn handle_verack(peer: &mut Peer, cx: &Context<'_>) -> Verdict {
    if peer.handshake.ready {
        return Verdict::Ignored(Ignored::Redundant);
    }
    if peer.handshake.common_version() >= COMPACT_BLOCKS_VERSION {
        let offer = SendCmpct { bandwidth: Bandwidth::Low, version: CMPCTBLOCKS_VERSION };
        peer.queue(cx, MessageType::SENDCMPCT, offer.encode());
    }
    peer.handshake.ready = true;
    Verdict::Taken
}

/// BIP 339: `wtxidrelay` comes before `verack`.
pub(super) fn handle_wtxidrelay(peer: &mut Peer) -> Result<Verdict, DisconnectReason> {
    let handshake = &mut peer.handshake;
    if handshake.ready {
        return Err(DisconnectReason::WtxidRelayAfterVerack);
    }
    if handshake.common_version() < WTXID_RELAY_VERSION {
        return Ok(Verdict::Ignored(Ignored::VersionTooLow));
    }
    if handshake.wtxid_relay {
        return Ok(Verdict::Ignored(Ignored::Redundant));
    }
    handshake.wtxid_relay = true;
    Ok(Verdict::Taken)
}

/// BIP 155: `sendaddrv2` comes before `verack`, whatever the version.
pub(super) fn handle_sendaddrv2(peer: &mut Peer) -> Result<Verdict, DisconnectReason> {
    if peer.handshake.ready {
        return Err(DisconnectReason::SendAddrV2AfterVerack);
    }
    peer.handshake.wants_addrv2 = true;
    Ok(Verdict::Taken)
}

/// BIP 130: `sendheaders`, at any time after `version`.
pub(super) const fn handle_sendheaders(peer: &mut Peer) -> Verdict {
    peer.handshake.prefers_headers = true;
    Verdict::Taken
}

/// BIP 152: `sendcmpct`, at any time after `version`; only the version with witnesses counts.
pub(super) fn handle_sendcmpct(peer: &mut Peer, payload: &[u8]) -> Verdict {
    match SendCmpct::decode(payload) {
        Err(error) => malformed(error),
        Ok(SendCmpct { bandwidth, version: CMPCTBLOCKS_VERSION }) => {
            peer.handshake.compact_blocks = Some(bandwidth);
            Verdict::Taken
        }
        Ok(_) => Verdict::Ignored(Ignored::Unsupported),
    }
}

/// A payload that cannot be read costs the message, not the connection.
pub(super) const fn malformed(error: DecodeError) -> Verdict {
    Verdict::Ignored(Ignored::Malformed(error))
}
