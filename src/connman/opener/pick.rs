//! With whom an automatic connection is made: what an address must be to be dialled.
//!
//! Pure: candidates are drawn from the address manager one after the other, until one will do.
//! Sources: docs/behaviour.md, connman 5.4; Core: net.cpp, `ThreadOpenConnections`, second part.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ports::is_bad;
use super::wish::{Visit, Wish};
use crate::connman::addrman::{
    AddrMan, AddrRecord, Entry, NetAddr, NetClass, NetGroup, NetGroups, NetService, Selected, Which,
};
use crate::connman::{REACHABLE, Services};
use crate::rng::Draws;
use crate::time::UnixTime;

/// Candidates that one round looks at. Core: a literal.
pub(super) const TRIES_MAX: u32 = 100;

/// An address tried so short a time ago is passed over. Core: a literal.
const TRIED_JUST_NOW: Duration = Duration::from_secs(10 * 60);

/// So many candidates have to be found before one will do that was tried just now. Core: a literal.
const TRIES_BEFORE_AGAIN: u32 = 30;

/// The same for one at a bad port. Core: a literal.
const TRIES_BEFORE_BAD_PORT: u32 = 50;

/// Whom a connection is not made with, and what for it would be.
#[derive(Clone, Debug)]
pub(super) struct Rules<'a> {
    pub(super) wish: Wish,
    /// Netgroups of peers that we dialled for good.
    pub(super) groups: &'a BTreeSet<NetGroup>,
    /// Everybody with whom there is a connection or an attempt, whoever began it.
    pub(super) connected: &'a BTreeSet<NetAddr>,
    /// Nodes that were added, which have slots of their own.
    pub(super) added: &'a BTreeSet<NetService>,
    pub(super) now: UnixTime,
}

/// What a candidate comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// It is dialled.
    Taken,
    /// The next one is drawn.
    PassedOver,
    /// Nobody is dialled in this round.
    EndsRound,
}

impl Rules<'_> {
    const fn is_feeler(&self) -> bool {
        matches!(self.wish, Wish::Visit(Visit::Feeler, _))
    }

    /// The networks to choose from.
    fn networks(&self) -> &[NetClass] {
        match &self.wish {
            Wish::Visit(Visit::Network, Some(network)) => std::slice::from_ref(network),
            Wish::Anchor | Wish::FullRelay | Wish::BlockRelay | Wish::Visit(..) => &REACHABLE,
        }
    }

    /// A feeler may go where a connection is; whoever else does needs a netgroup of its own.
    fn is_elsewhere(&self, addr: &NetAddr) -> bool {
        self.is_feeler() || !self.groups.contains(&NetGroups.group(addr))
    }

    /// A feeler wants a full node, because others have no good addresses.
    fn offers_enough(&self, services: Services) -> bool {
        if self.is_feeler() {
            let either = [Services::NETWORK, Services::NETWORK_LIMITED];
            return either.iter().any(|one| services.contains(*one));
        }
        services.contains(Services::DESIRABLE)
    }

    /// Judges the `tries`-th candidate, from 1.
    fn judge(&self, candidate: &Selected, tries: u32) -> Judgement {
        let AddrRecord { service, services, .. } = candidate.record;
        let NetService { addr, port } = service;
        if !self.is_elsewhere(&addr) {
            return Judgement::PassedOver;
        }
        if !addr.is_valid() || addr.is_local() {
            return Judgement::EndsRound;
        }
        let just_now = self.now - candidate.last_try < TRIED_JUST_NOW;
        let passed_over = !REACHABLE.contains(&addr.network())
            || just_now && tries < TRIES_BEFORE_AGAIN
            || !self.offers_enough(services)
            || is_bad(port) && tries < TRIES_BEFORE_BAD_PORT
            || self.added.contains(&service);
        if passed_over { Judgement::PassedOver } else { Judgement::Taken }
    }

    /// Whether an anchor may be dialled.
    fn takes_anchor(&self, anchor: &AddrRecord) -> bool {
        let addr = &anchor.service.addr;
        addr.is_valid()
            && !addr.is_local()
            && REACHABLE.contains(&addr.network())
            && self.offers_enough(anchor.services)
            && self.is_elsewhere(addr)
    }

    /// Whether an entry can be dialled at all, in this round or, as time passes, in a later one.
    fn may_ever_take(&self, entry: &Entry) -> bool {
        let NetService { addr, .. } = entry.service;
        self.networks().contains(&addr.network())
            && !addr.is_local()
            && self.is_elsewhere(&addr)
            && self.offers_enough(entry.services)
            && !self.connected.contains(&addr)
            && !self.added.contains(&entry.service)
    }
}

/// Draws candidates until one will do.
pub(super) fn pick(
    rules: &Rules<'_>,
    addrman: &mut AddrMan,
    anchors: &mut Vec<AddrRecord>,
    draws: &mut Draws,
) -> Option<AddrRecord> {
    if rules.wish == Wish::Anchor {
        while let Some(anchor) = anchors.pop() {
            if rules.takes_anchor(&anchor) {
                return Some(anchor);
            }
        }
    }
    for tries in 1..=TRIES_MAX {
        let candidate = draw(rules, addrman, draws)?;
        match rules.judge(&candidate, tries) {
            Judgement::Taken => return Some(candidate.record),
            Judgement::PassedOver => {}
            Judgement::EndsRound => return None,
        }
    }
    None
}

/// A candidate; `None`: there is nobody.
fn draw(rules: &Rules<'_>, addrman: &mut AddrMan, draws: &mut Draws) -> Option<Selected> {
    if !rules.is_feeler() {
        return addrman.select(Which::Any, rules.networks(), rules.now, draws);
    }
    // Whoever is to give way to another one is tried once more first.
    match addrman.select_tried_collision(draws) {
        Some(old) if rules.connected.contains(&old.record.service.addr) => {
            // It works, since we are connected with it.
            addrman.good(&old.record.service, rules.now);
        }
        Some(old) if old.record.service.addr.is_valid() => return Some(old),
        Some(_) | None => {}
    }
    addrman.select(Which::NewOnly, rules.networks(), rules.now, draws)
}

/// Whether a later round may find somebody, though nothing changes but the time.
pub(super) fn may_find(rules: &Rules<'_>, addrman: &AddrMan) -> bool {
    let waits = rules.is_feeler() && addrman.collisions().next().is_some();
    let is_there =
        |entry: &Entry| !(rules.is_feeler() && entry.tried) && rules.may_ever_take(entry);
    waits || addrman.entries().any(is_there)
}

#[cfg(test)]
mod tests;
