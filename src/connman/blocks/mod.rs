//! The chain that a node stands for: what it says of it to others, and how it gets more of it. A
//! manager without one says nothing of chains.
//!
//! ```text
//!   getheaders --> the tree's active chain --> headers
//!   getdata ----> `Wanted`, of each peer ---> block, one a visit, shared and not copied
//!
//!   headers, inv --> tree --> `Downloads` --> getheaders, getdata, or the end
//!   block ---------> `Chain` --> new tip --> headers or inv to everybody else
//! ```
//!
//! Something that a peer says may make something due to any other. So what was said is noted, and a
//! step of its own, a *look*, says whose turn it is then: those peers have work for the message
//! handler, and idle ones cost nothing. There is another look when the clock gets to the next
//! deadline. `chain` decides all of it; here it is asked and obeyed.
//!
//! Sources: docs/behaviour.md, chain 5 to 11; Core: net_processing.cpp, `SendMessages`,
//! `ProcessGetData` and what it does with `getheaders`, `headers`, `inv` and `block`.

use std::sync::Arc;

use super::handshake::PROTOCOL_VERSION;
use super::peer::{Context, Peer};
use super::permissions::Permissions;
use super::reasons::{DisconnectReason, Verdict};
use super::{ChainSnapshot, ConnMan, ConnType, Services};
use crate::chain::download::{self, Action as Due, Downloads, Lagging, Offer, Serves};
use crate::chain::{BlockHash, GetHeaders, HeaderId, Params, encode_headers};
use crate::codec::push_compact_size;
use crate::sockets::ConnId;
use crate::sockman::Conns;
use crate::time::{Instant, Now, UnixTime};
use crate::transport::MessageType;

mod announce;
mod chain;
mod keep;
mod kept;
mod load;
mod peer;
mod presync;
mod read;
mod receive;
mod serve;

pub use chain::{BlockPlace, Chain, TakeError};
pub use keep::{
    BATCH_BYTES_MAX, BlockStore, FILE_BYTES_MAX, SaveError, SaveOutcome, SaveStep, block_file,
};
pub use kept::{BlockNotice, Submitted};
pub use load::{LoadBlocksError, LoadBlocksWhy, LoadedBlocks, LoadingBlocks};
pub(super) use peer::ChainPeer;

use announce::{ANNOUNCED_MAX, Announcement, add_new};
use read::Reads;
use receive::Telling;
use serve::{BLOCK, WITNESS_BLOCK};

/// From this version on a peer can be told that we prefer headers. Core: `SENDHEADERS_VERSION`.
const SENDHEADERS_VERSION: i32 = 70012;

/// A chain, and what is asked for of it.
#[derive(Clone, Debug)]
pub(super) struct BlockSync {
    chain: Chain,
    downloads: Downloads<ConnId>,
    /// Whether most of the chain is still missing. Once it is not it never is again. Core:
    /// `IsInitialBlockDownload`.
    is_initial_download: bool,
    /// How many chains were begun that are told twice.
    presyncs_begun: u64,
    /// New blocks of the active chain that nobody was told of, the lowest first; at most one more
    /// than are announced.
    fresh: Vec<HeaderId>,
    /// Whether something happened since the last look.
    is_changed: bool,
    /// When there is another one, if nothing happens.
    wakeup: Option<UnixTime>,
    /// How blocks get to the disk; `None`: they outlive nothing.
    store: Option<BlockStore>,
    /// Blocks that come back from the disk.
    reads: Reads,
}

impl BlockSync {
    fn new(chain: Chain) -> Self {
        Self {
            chain,
            downloads: Downloads::new(),
            is_initial_download: true,
            presyncs_begun: 0,
            fresh: Vec::new(),
            is_changed: true,
            wakeup: None,
            store: None,
            reads: Reads::default(),
        }
    }

    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// How many blocks peers were asked for.
    pub(super) fn blocks_asked(&self) -> usize {
        self.downloads.asked_count()
    }

    /// The most that one of them owes.
    pub(super) fn blocks_owed(&self) -> usize {
        self.downloads.owed_most()
    }

    /// The height that `version` says.
    pub(super) fn start_height(&self) -> i32 {
        i32::try_from(self.chain.height()).unwrap_or(i32::MAX)
    }

    /// What is exchanged with a peer.
    pub(super) fn snapshot(&self, conn: ConnId, peer: &Peer) -> ChainSnapshot {
        let height = |id| self.chain.tree().height(id);
        ChainSnapshot {
            best_known_height: self.downloads.best_known(conn).map(height),
            common_height: self.downloads.last_common(conn).map(height),
            in_flight: self.downloads.in_flight(conn).map(height).collect(),
            block_at: peer.chain.as_ref().and_then(|state| state.block_at),
        }
    }

    /// What decisions are made by, and who makes them.
    fn split(&mut self, now: UnixTime) -> (download::Context<'_>, &mut Downloads<ConnId>) {
        let cx = download::Context {
            tree: self.chain.tree(),
            now,
            is_initial_download: self.is_initial_download,
            minimum_work: self.chain.minimum_work(),
        };
        (cx, &mut self.downloads)
    }

    /// The handshake with a peer is complete.
    pub(super) fn note_ready(&mut self, conn: ConnId, peer: &mut Peer) {
        self.downloads.handle_connected(conn, offer(peer));
        state(peer).turn_is_due = true;
        self.is_changed = true;
    }

    /// A connection is over: what was asked from it may be asked from others.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if self.downloads.contains(conn) {
            self.downloads.handle_disconnected(conn);
            self.is_changed = true;
        }
    }

    /// Whether there is to be a look.
    pub(super) fn is_look_due(&self, now: UnixTime) -> bool {
        self.is_changed || self.wakeup.is_some_and(|at| at <= now)
    }

    /// When there is to be one.
    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let changed = self.is_changed.then_some(now.steady);
        changed.or_else(|| self.wakeup.map(|at| now.steady_at(at)))
    }

    /// Whether the first download is over by now.
    fn look_at_age(&mut self, now: UnixTime) {
        let tree = self.chain.tree();
        let tip = tree.active_tip();
        let is_recent = tree.unix_time(tip) + self.chain.tip_age_max() >= now;
        if is_recent && tree.work(tip) >= self.chain.minimum_work() {
            self.is_initial_download = false;
        }
    }

    /// Keeps a block, and notes what of the chain is new by that.
    fn keep(&mut self, id: HeaderId, bytes: Arc<[u8]>, now: UnixTime) {
        let before = self.chain.tree().active_tip();
        self.downloads.handle_block(id, now);
        if let Some(store) = &mut self.store {
            store.push(id, Arc::clone(&bytes));
        }
        self.chain.keep(id, bytes);
        let tree = self.chain.tree();
        let after = tree.active_tip();
        let fork = tree.height(tree.last_common_ancestor(before, after));
        for _ in fork..tree.height(after) {
            self.downloads.handle_block_connected();
        }
        // A long way back is announced by its end alone.
        let last = u32::try_from(ANNOUNCED_MAX).expect("a constant");
        let from = (fork + 1).max((tree.height(after) + 1).saturating_sub(last));
        let new =
            if after == before { Vec::new() } else { tree.run(after, from, tree.height(after)) };
        self.look_at_age(now);
        if !self.is_initial_download {
            add_new(&mut self.fresh, &new);
        }
    }

    /// What must hold between any two calls.
    fn check_invariants(&self, conns: &Conns<Peer>) {
        self.downloads.check_invariants();
        if let Some(store) = &self.store {
            store.check_invariants();
        }
        assert!(self.fresh.len() <= ANNOUNCED_MAX + 1, "few blocks are announced");
        for (conn, peer) in conns.iter() {
            let is_there = peer.is_live() && peer.is_ready();
            let is_known = self.downloads.contains(conn);
            assert_eq!(is_known, is_there, "{}: blocks are asked from who is there", peer.id());
            let presync = peer.chain.as_ref().and_then(|chain| chain.presync.as_ref());
            if let Some(presync) = presync {
                assert!(is_there, "{}: nothing is remembered of who is gone", peer.id());
                presync.check_invariants(self.chain.tree().params());
            }
        }
    }
}

/// What a peer is good for. Core: `CanServeBlocks`, `IsLimitedPeer`, `fPreferredDownload`.
fn offer(peer: &Peer) -> Offer {
    let services = peer.handshake.theirs().map_or(Services::NONE, |theirs| theirs.head.services);
    let noban = peer.permissions.has(Permissions::NOBAN);
    let serves = if peer.conn_type == ConnType::AddrFetch {
        Serves::Nothing
    } else if services.contains(Services::NETWORK) {
        Serves::All
    } else if services.contains(Services::NETWORK_LIMITED) {
        Serves::Recent
    } else {
        Serves::Nothing
    };
    let lagging = match peer.conn_type {
        ConnType::OutboundFullRelay => Lagging::Protectable,
        ConnType::BlockRelay => Lagging::GivenUp,
        ConnType::Inbound | ConnType::Manual | ConnType::AddrFetch | ConnType::Feeler => {
            Lagging::Kept
        }
    };
    Offer {
        serves,
        is_preferred: (!peer.conn_type.is_inbound() || noban) && serves != Serves::Nothing,
        has_witnesses: services.contains(Services::WITNESS),
        noban,
        lagging,
    }
}

/// What is kept of a peer, by a manager with a chain.
fn state(peer: &mut Peer) -> &mut ChainPeer {
    peer.chain.as_mut().expect("a manager with a chain keeps it of everybody")
}

/// Handles a message that was screened, if it has to do with a chain.
pub(super) fn handle(
    sync: &mut BlockSync,
    conn: ConnId,
    peer: &mut Peer,
    cx: &Context<'_>,
    message_type: MessageType,
    payload: &[u8],
) -> Option<Result<Verdict, DisconnectReason>> {
    if let Some(verdict) = serve::handle(&sync.chain, peer, cx, message_type, payload) {
        sync.want_read(peer);
        return Some(Ok(verdict));
    }
    let mut telling = Telling { sync, conn, peer, cx };
    let handled = match message_type {
        MessageType::HEADERS => telling.headers(payload),
        MessageType::INV => telling.inv(payload),
        MessageType::BLOCK => telling.block(payload),
        _ => return None,
    };
    state(peer).turn_is_due = true;
    sync.is_changed = true;
    Some(handled)
}

/// Sends the next block that a peer asked for, or has it read.
pub(super) fn serve_next(sync: &mut BlockSync, peer: &mut Peer, cx: &Context<'_>) {
    serve::serve_next(&sync.chain, peer, cx);
    sync.want_read(peer);
}

/// Writes what is due to a peer. Gives why it is given up, if it is. Core: `SendMessages`.
pub(super) fn send_due(
    sync: &mut BlockSync,
    conn: ConnId,
    peer: &mut Peer,
    cx: &Context<'_>,
) -> Option<DisconnectReason> {
    if !peer.is_ready() || !std::mem::take(&mut state(peer).turn_is_due) {
        return None;
    }
    let mut due = Vec::new();
    let (at, downloads) = sync.split(cx.now.wall);
    downloads.handle_headers_turn(&at, conn, &mut due);
    let best_known = downloads.best_known(conn);
    send_sendheaders(&sync.chain, peer, cx, best_known);
    obey(&sync.chain, peer, cx, &mut due);
    announce(&sync.chain, peer, cx, best_known);
    let (at, downloads) = sync.split(cx.now.wall);
    downloads.handle_blocks_turn(&at, conn, &mut due);
    let why = obey(&sync.chain, peer, cx, &mut due);
    let (at, downloads) = sync.split(cx.now.wall);
    sync.wakeup = downloads.next_wakeup(&at).map(|(wakeup, _)| wakeup);
    why.map(DisconnectReason::Download)
}

/// Does what is due to a peer. Gives for what it is given up, if it is.
fn obey(
    chain: &Chain,
    peer: &mut Peer,
    cx: &Context<'_>,
    due: &mut Vec<Due<ConnId>>,
) -> Option<download::Timeout> {
    for action in due.drain(..) {
        match action {
            Due::GetHeaders { from, .. } => ask_for_headers(chain, peer, cx, from),
            Due::GetBlocks { blocks, .. } => ask_for_blocks(chain, peer, cx, &blocks),
            Due::Disconnect { why, .. } => return Some(why),
        }
    }
    None
}

/// BIP 130: once it has shown a chain that is worth it. Core: `MaybeSendSendHeaders`.
fn send_sendheaders(
    chain: &Chain,
    peer: &mut Peer,
    cx: &Context<'_>,
    best_known: Option<HeaderId>,
) {
    let is_worth_it = best_known.is_some_and(|best| chain.tree().work(best) > chain.minimum_work());
    let understands = peer.handshake.common_version() >= SENDHEADERS_VERSION;
    if is_worth_it && understands && !state(peer).sendheaders_sent {
        state(peer).sendheaders_sent = true;
        peer.queue(cx, MessageType::SENDHEADERS, []);
    }
}

fn announce(chain: &Chain, peer: &mut Peer, cx: &Context<'_>, best_known: Option<HeaderId>) {
    let prefers_headers = peer.handshake.prefers_headers;
    let tree = chain.tree();
    match state(peer).announced.take(tree, best_known, prefers_headers) {
        Some(Announcement::Headers(ids)) => {
            let headers: Vec<_> = ids.into_iter().map(|id| tree.header(id)).collect();
            peer.queue(cx, MessageType::HEADERS, encode_headers(&headers));
        }
        Some(Announcement::Inv(id)) => {
            peer.queue(cx, MessageType::INV, inventory(BLOCK, &[tree.hash(id)]));
        }
        None => {}
    }
}

/// Asks for the headers above what we have up to `from`.
fn ask_for_headers(chain: &Chain, peer: &mut Peer, cx: &Context<'_>, from: HeaderId) {
    getheaders(peer, cx, chain.tree().locator(from));
}

fn getheaders(peer: &mut Peer, cx: &Context<'_>, locator: Vec<BlockHash>) {
    let version = PROTOCOL_VERSION.cast_unsigned();
    let asked = GetHeaders { version, locator, stop: BlockHash::ZERO };
    peer.queue(cx, MessageType::GETHEADERS, asked.encode());
}

/// Asks for blocks, with their witnesses if the peer has those. BIP 144.
fn ask_for_blocks(chain: &Chain, peer: &mut Peer, cx: &Context<'_>, blocks: &[HeaderId]) {
    if blocks.is_empty() {
        return;
    }
    let kind = if offer(peer).has_witnesses { WITNESS_BLOCK } else { BLOCK };
    let hashes: Vec<_> = blocks.iter().map(|id| chain.tree().hash(*id)).collect();
    peer.queue(cx, MessageType::GETDATA, inventory(kind, &hashes));
}

/// The payload of an `inv` or a `getdata`.
fn inventory(kind: u32, hashes: &[BlockHash]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(9 + 36 * hashes.len());
    push_compact_size(&mut payload, hashes.len());
    for hash in hashes {
        payload.extend_from_slice(&kind.to_le_bytes());
        payload.extend_from_slice(&hash.0);
    }
    payload
}

impl ConnMan {
    /// With a chain, which it serves, so that it offers all blocks and their witnesses, and says
    /// how many it has; it asks its peers for more.
    ///
    /// # Panics
    ///
    /// The chain is another network's.
    #[must_use]
    pub fn with_chain(mut self, chain: Chain) -> Self {
        let params = Params::of(self.config.network);
        let is_its = params.genesis.hash() == chain.tree().hash(HeaderId::GENESIS);
        assert!(is_its, "the chain is of the network that is spoken");
        self.config.services = self.config.services | Services::NETWORK | Services::WITNESS;
        self.chain = Some(Box::new(BlockSync::new(chain)));
        self
    }

    /// The chain that it stands for, if it has one.
    #[must_use]
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_deref().map(BlockSync::chain)
    }

    /// Looks who has a turn: to everybody is told what is new of the chain.
    pub(super) fn look_at_chain(&mut self, now: Now, conns: &mut Conns<Peer>) {
        let Some(sync) = &mut self.chain else { return };
        sync.is_changed = false;
        sync.look_at_age(now.wall);
        let read = sync.reads.take_done();
        let fresh = std::mem::take(&mut sync.fresh);
        let (cx, downloads) = sync.split(now.wall);
        let mut turns = downloads.turns_due(&cx);
        let wakeup = downloads.next_wakeup(&cx).map(|(at, _)| at);
        // Who has a turn says when the next one is; until then what lies behind is seen to.
        sync.wakeup = wakeup.filter(|at| *at > now.wall);
        if !fresh.is_empty() {
            let live = conns.iter().filter(|(_, peer)| peer.is_live());
            turns.extend(live.map(|(conn, _)| conn));
        }
        if !read.is_empty() {
            turns.extend(awaiting(&sync.chain, &read, conns));
        }
        turns.sort_unstable();
        turns.dedup();
        for conn in turns {
            let Some(peer) = conns.get_mut(conn).filter(|peer| peer.is_live()) else { continue };
            let state = state(peer);
            state.announced.note_new(&fresh);
            state.turn_is_due = true;
            self.settle(conn, conns);
        }
    }

    pub(super) fn check_chain(&self, conns: &Conns<Peer>) {
        if let Some(sync) = &self.chain {
            sync.check_invariants(conns);
        }
    }
}

/// Those who waited for one of these blocks, and wait no more.
fn awaiting(chain: &Chain, read: &[HeaderId], conns: &mut Conns<Peer>) -> Vec<ConnId> {
    let mut waited = Vec::new();
    for (conn, peer) in conns.iter_mut().filter(|(_, peer)| peer.is_live()) {
        let wanted = &mut state(peer).wanted;
        if read.iter().any(|id| wanted.note_read(chain, *id)) {
            waited.push(conn);
        }
    }
    waited
}

#[cfg(test)]
mod tests;
