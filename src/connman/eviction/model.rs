//! The rules of eviction a second time, as plainly as they can be said: nothing is sorted, the
//! best is looked for again and again by comparing two at a time.

use std::cmp::Ordering;

use super::Candidate;
use crate::connman::host::HostNetwork;
use crate::connman::{ConnType, PeerId};

/// Whether the first deserves protection more than the second.
type Better = fn(&Candidate, &Candidate) -> bool;

/// What decides between two, if it does.
fn prefer(first: bool, second: bool) -> Option<bool> {
    (first != second).then_some(first)
}

fn larger<T: Ord>(first: T, second: T) -> Option<bool> {
    match first.cmp(&second) {
        Ordering::Equal => None,
        Ordering::Greater => Some(true),
        Ordering::Less => Some(false),
    }
}

fn older(a: &Candidate, b: &Candidate) -> bool {
    larger(b.connected_at, a.connected_at).unwrap_or(a.peer < b.peer)
}

fn netgroup(a: &Candidate, b: &Candidate) -> bool {
    larger(a.keyed_netgroup, b.keyed_netgroup).unwrap_or(a.peer < b.peer)
}

fn ping(a: &Candidate, b: &Candidate) -> bool {
    match (a.ping_least, b.ping_least) {
        (Some(a_ping), Some(b_ping)) if a_ping != b_ping => a_ping < b_ping,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        _ => a.peer < b.peer,
    }
}

fn tx(a: &Candidate, b: &Candidate) -> bool {
    larger(a.tx_at, b.tx_at)
        .or(prefer(a.relays_txs, b.relays_txs))
        .or(prefer(!a.has_bloom_filter, !b.has_bloom_filter))
        .unwrap_or_else(|| older(a, b))
}

fn block_relay(a: &Candidate, b: &Candidate) -> bool {
    prefer(!a.relays_txs, !b.relays_txs).unwrap_or_else(|| block(a, b))
}

fn block(a: &Candidate, b: &Candidate) -> bool {
    larger(a.block_at, b.block_at)
        .or(prefer(a.has_wanted_services, b.has_wanted_services))
        .unwrap_or_else(|| older(a, b))
}

/// The numbers of the best `count`.
fn best(left: &[Candidate], count: usize, better: Better) -> Vec<PeerId> {
    let mut found: Vec<PeerId> = Vec::new();
    while found.len() < count {
        let rest: Vec<_> = left.iter().filter(|c| !found.contains(&c.peer)).collect();
        let top = rest.iter().find(|a| rest.iter().all(|b| a.peer == b.peer || better(a, b)));
        let Some(top) = top else { break };
        found.push(top.peer);
    }
    found
}

fn protect(left: &mut Vec<Candidate>, count: usize, better: Better) {
    let kept = best(left, count, better);
    left.retain(|c| !kept.contains(&c.peer));
}

/// The fourth part of who is left goes to four small networks by turns, the half in all to the
/// oldest.
fn protect_by_ratio(left: &mut Vec<Candidate>) {
    const SMALL: [fn(&Candidate) -> bool; 4] = [
        |c| c.network == HostNetwork::Cjdns,
        |c| c.network == HostNetwork::I2p,
        |c| c.is_local,
        |c| c.network == HostNetwork::Onion,
    ];
    let half = left.len() / 2;
    let quarter = half / 2;
    let mut rows: Vec<(usize, usize)> = SMALL
        .iter()
        .enumerate()
        .map(|(i, is)| (left.iter().filter(|c| is(c)).count(), i))
        .collect();
    rows.sort_unstable();
    let mut protected = 0;
    loop {
        let present = rows.iter().filter(|(count, _)| *count > 0).count();
        if protected >= quarter || present == 0 {
            break;
        }
        let each = ((quarter - protected) / present).max(1);
        let mut any = false;
        for (count, i) in &mut rows {
            if *count == 0 || protected >= quarter {
                continue;
            }
            let members: Vec<_> = left.iter().filter(|c| SMALL[*i](c)).cloned().collect();
            let kept = best(&members, each, older);
            left.retain(|c| !kept.contains(&c.peer));
            protected += kept.len();
            any |= !kept.is_empty();
            *count -= kept.len().min(*count);
        }
        if !any {
            break;
        }
    }
    protect(left, half - protected, older);
}

pub(super) fn select_victim(candidates: &[Candidate]) -> Option<PeerId> {
    let may_go = |c: &&Candidate| !c.noban && c.conn_type == ConnType::Inbound;
    let mut left: Vec<Candidate> = candidates.iter().filter(may_go).cloned().collect();
    protect(&mut left, 4, netgroup);
    protect(&mut left, 8, ping);
    protect(&mut left, 4, tx);
    let looked_at = best(&left, 8, block_relay);
    let has_place =
        |c: &Candidate| looked_at.contains(&c.peer) && !c.relays_txs && c.has_wanted_services;
    left.retain(|c| !has_place(c));
    protect(&mut left, 4, block);
    protect_by_ratio(&mut left);
    let preferred: Vec<_> = left.iter().filter(|c| c.prefer_evict).cloned().collect();
    if !preferred.is_empty() {
        left = preferred;
    }
    let size = |c: &Candidate| left.iter().filter(|d| d.keyed_netgroup == c.keyed_netgroup).count();
    let most = left.iter().map(size).max()?;
    // Of all members of the largest netgroups the youngest is the youngest of its own too.
    let mut in_largest = left.iter().filter(|c| size(c) == most);
    let first = in_largest.next()?;
    Some(in_largest.fold(first, |kept, c| if older(kept, c) { c } else { kept }).peer)
}
