//! The model and the chain: what is said of it goes to [`Downloads`], with who is there.

use sockman::connman::{ConnType, Notice, Peer};
use sockman::sockets::ConnId;

use super::super::downloads::{Asks, Downloads, Lagging, Serves, There};
use super::super::side::Side;
use super::super::watch::Configured;
use super::{Model, NAME, RULE_CHAIN, Wears, after_the_end, chains};
use crate::subject::{Objection, Sight};

/// Service bits: every block, the last ones, witnesses. BIP 144, BIP 159.
const NETWORK: u64 = 1;
const LIMITED: u64 = 1 << 10;
const WITNESS: u64 = 1 << 3;

/// For what somebody is given up at the end of a visit.
pub(super) const GIVEN_UP_FOR: [&str; 4] =
    ["block-stalling", "block-timeout", "headers-timeout", "chain-lags"];

/// For what a chosen peer goes whose chain is not worth asking for.
pub(super) const TOO_SHORT: &str = "chain-too-short";

impl There {
    /// What somebody is good for, as its handshake and its rights say.
    fn of(conn: ConnId, side: &Side) -> Option<Self> {
        let services = side.chain.as_ref()?.services;
        let serves = match (services & NETWORK != 0, services & LIMITED != 0) {
            _ if side.conn_type == ConnType::AddrFetch => Serves::Nothing,
            (true, _) => Serves::All,
            (false, true) => Serves::Recent,
            (false, false) => Serves::Nothing,
        };
        let lagging = match side.conn_type {
            ConnType::OutboundFullRelay => Lagging::Protectable,
            ConnType::BlockRelay => Lagging::GivenUp,
            _ => Lagging::Kept,
        };
        let has_noban = side.rights.has_noban;
        let is_first = side.conn_type != ConnType::Inbound || has_noban;
        Some(Self {
            conn,
            serves,
            has_witnesses: services & WITNESS != 0,
            is_preferred: is_first && serves != Serves::Nothing,
            has_noban,
            lagging,
            is_being_asked: side.getdata_owed() > 0,
        })
    }
}

impl Model {
    /// Who is there, their handshakes being over.
    fn who_is_there(&self, is_over: impl Fn(ConnId) -> bool) -> Vec<There> {
        let is_one = |(conn, side): &(&ConnId, &Side)| {
            side.is_ready() && side.over.is_none() && side.given_up.is_none() && !is_over(**conn)
        };
        let there = self.sides.iter().filter(is_one);
        there.filter_map(|(conn, side)| There::of(*conn, side)).collect()
    }

    /// What was said of the chain since the last look, and who was given up.
    pub(super) fn hear_of_chain<X: Wears<Tenant: Configured>>(
        &mut self,
        sight: &Sight<'_, X>,
    ) -> Result<(), Objection> {
        let Some(mut downloads) = self.downloads.take() else { return Ok(()) };
        let changed = std::mem::take(&mut self.changed);
        let heard = changed
            .iter()
            .try_for_each(|conn| self.hear_of_chain_from(&mut downloads, *conn, sight));
        self.changed = changed;
        let is_over = |conn| sight.conns.get(conn).is_none_or(Peer::is_over);
        if sight.task() == Some("messages") {
            self.note_who_goes(&downloads, sight);
        }
        if downloads.may_be_held_up() {
            downloads.note_stalling(&self.who_is_there(is_over), sight.now.wall, false);
        }
        self.downloads = Some(downloads);
        heard
    }

    fn hear_of_chain_from<X: Wears>(
        &mut self,
        downloads: &mut Downloads,
        conn: ConnId,
        sight: &Sight<'_, X>,
    ) -> Result<(), Objection> {
        let Some(side) = self.sides.get_mut(&conn) else { return Ok(()) };
        let Some(chain) = &mut side.chain else { return Ok(()) };
        let (handled, queued, left) = (
            std::mem::take(&mut chain.handled),
            std::mem::take(&mut chain.queued),
            std::mem::take(&mut chain.left),
        );
        if handled.is_empty() && queued.is_empty() && left.is_empty() {
            return Ok(());
        }
        let now = sight.now.wall;
        let is_over = |conn| sight.conns.get(conn).is_none_or(Peer::is_over);
        let one = There::of(conn, side).expect("it has a chain");
        let mut asks = Asks::No;
        let is_block = handled.iter().any(|(name, ..)| *name == "block");
        downloads.has_unsent = is_block && self.sides.values().any(|side| side.getdata_owed() > 0);
        let side = self.sides.get_mut(&conn).expect("it was just there");
        for (name, payload, is_taken) in &handled {
            match downloads.hear(&one, (name, payload, *is_taken), now) {
                Ok(more) => asks = more,
                Err(what) => return Err(chains(side, what)),
            }
            if *name == "getdata" && *is_taken {
                side.owe_blocks(downloads.served(payload));
            }
        }
        let mut result = side.serve(queued.iter().filter(|name| **name == "block").count());
        let asked = queued.iter().filter(|name| **name == "getdata").count();
        if asked > 0 {
            downloads.begin_to_ask(conn, side.getdata_owed() > asked, now);
        }
        let is_asked = queued.contains(&"getheaders");
        if is_asked && result.is_ok() {
            // Blocks that were asked for later in the visit are not asked for yet.
            let later = queued.iter().skip_while(|name| **name != "getheaders");
            let later = later.filter(|name| **name == "getdata").count();
            let one = There { is_being_asked: side.getdata_owed() > later, ..one };
            let mut there = self.who_is_there(|other| other != conn && is_over(other));
            there.iter_mut().filter(|other| other.conn == conn).for_each(|other| *other = one);
            result = downloads.ask_headers(&there, &one, asks, now);
        }
        if !is_asked && asks == Asks::Yes && !is_over(conn) {
            result = Err("it is to be asked for headers, and is not".to_owned());
        }
        for (name, payload) in left {
            if name == "getdata" && !is_over(conn) && result.is_ok() {
                result = downloads.ask(conn, &payload, now, is_over);
            }
        }
        let side = &self.sides[&conn];
        result.map_err(|what| chains(side, what))
    }

    /// Whom the handler has just given up, and for what that may be.
    fn note_who_goes<X: Wears>(&mut self, downloads: &Downloads, sight: &Sight<'_, X>) {
        let is_over = |conn| sight.conns.get(conn).is_some_and(Peer::is_over);
        let is_new = |side: &Side| side.over.is_none() && side.given_up.is_none();
        let gone = self.sides.iter().filter(|(conn, side)| is_new(side) && is_over(**conn));
        let gone: Vec<_> = gone.map(|(conn, _)| *conn).collect();
        for conn in gone {
            let there = self.who_is_there(|other| other != conn && is_over(other));
            let side = self.sides.get_mut(&conn).expect("it was just there");
            let one = there.iter().find(|one| one.conn == conn);
            let may = one.map(|one| downloads.may_go_for(&there, one, sight.now.wall));
            side.given_up = Some(may.unwrap_or_default());
        }
    }

    /// Whether the next message of a peer says that its chain is too short.
    pub(super) fn is_too_short(&mut self, conn: ConnId) -> bool {
        let now = self.clock.now.wall;
        let Self { sides, downloads, .. } = self;
        let (Some(downloads), Some(side)) = (downloads, sides.get(&conn)) else { return false };
        let Some(("headers", payload)) = side.next_of_chain() else { return false };
        There::of(conn, side).is_some_and(|one| downloads.is_too_short(&one, payload, now))
    }

    /// Something was told of a peer that is over since this step. With a chain it may have been
    /// given up at the end of a visit, after what came first.
    pub(super) fn note_told_last(
        &mut self,
        conn: ConnId,
        task: Option<&'static str>,
        notice: &Notice,
    ) -> Result<(), Objection> {
        let side = self.sides.get_mut(&conn);
        let side = side.filter(|side| side.chain.is_some() && task == Some("messages"));
        side.ok_or_else(|| after_the_end(notice))?.is_told_last = true;
        Ok(())
    }

    pub(super) fn check_downloads<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
    ) -> Result<(), Objection> {
        if self.downloads.is_none() {
            return Ok(());
        }
        let there = self.who_is_there(|conn| sight.conns.get(conn).is_none_or(Peer::is_over));
        let downloads = self.downloads.as_mut().expect("just looked at");
        let rested = downloads.check_rest(&there, sight.now.wall);
        rested.map_err(|what| Objection { oracle: NAME, since: None, what, rule: RULE_CHAIN })
    }
}
