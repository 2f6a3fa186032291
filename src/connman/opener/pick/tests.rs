//! Candidates judged against a list of reasons, and rounds against the addresses there are.

use std::net::Ipv4Addr;

use super::*;
use crate::connman::addrman::Key;
use crate::rng::{Purpose, Seed};

const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);

fn addr(a: u8, b: u8, d: u8) -> NetAddr {
    NetAddr::Ipv4(Ipv4Addr::new(a, b, 1, d))
}

fn record(addr: NetAddr, port: u16, services: Services) -> AddrRecord {
    AddrRecord { service: NetService { addr, port }, services, time: NOW }
}

fn draws(n: u64) -> Draws {
    Seed::from_number(7).draws(Purpose::OpenChoice, n)
}

/// Nobody is there.
struct Nobody {
    groups: BTreeSet<NetGroup>,
    connected: BTreeSet<NetAddr>,
    added: BTreeSet<NetService>,
}

impl Nobody {
    const fn new() -> Self {
        Self { groups: BTreeSet::new(), connected: BTreeSet::new(), added: BTreeSet::new() }
    }

    fn rules(&self, wish: Wish) -> Rules<'_> {
        let Self { groups, connected, added } = self;
        Rules { wish, groups, connected, added, now: NOW }
    }
}

const FEELER: Wish = Wish::Visit(Visit::Feeler, None);

/// The rules one after the other, as they are written down.
fn expected(there: &Nobody, wish: Wish, selected: &Selected, tries: u32) -> Judgement {
    let AddrRecord { service, services, .. } = selected.record;
    let feeler = wish == FEELER;
    if !feeler && there.groups.contains(&NetGroups.group(&service.addr)) {
        return Judgement::PassedOver;
    }
    if !service.addr.is_valid() || service.addr.is_local() {
        return Judgement::EndsRound;
    }
    let routable = matches!(service.addr.network(), NetClass::Ipv4 | NetClass::Ipv6);
    let seconds_ago = NOW.as_secs() - selected.last_try.as_secs();
    let whole = services.0 & 9 == 9;
    let some = services.0 & (1 | 1 << 10) != 0;
    let fine = routable
        && (seconds_ago >= 600 || tries >= 30)
        && (if feeler { some } else { whole })
        && (tries >= 50 || service.port != 22)
        && !there.added.contains(&service);
    if fine { Judgement::Taken } else { Judgement::PassedOver }
}

#[test]
fn candidates_are_judged_by_the_rules() {
    let addrs = [addr(8, 8, 1), addr(9, 9, 1), addr(127, 0, 1), addr(10, 0, 1), NetAddr::INVALID];
    let all_services = [0, 1, 8, 9, 1 << 10, 9 | 1 << 10].map(Services);
    let mut there = Nobody::new();
    there.groups.insert(NetGroups.group(&addr(9, 9, 77)));
    there.added.insert(NetService { addr: addr(8, 8, 1), port: 1000 });
    for addr in addrs {
        for (services, port) in
            all_services.into_iter().flat_map(|s| [22, 1000, 8333].map(|p| (s, p)))
        {
            for ago in [0, 599, 600, 10_000] {
                let last_try = UnixTime::from_secs(NOW.as_secs() - ago);
                let selected = Selected { record: record(addr, port, services), last_try };
                for tries in [1, 29, 30, 49, 50, 100] {
                    for wish in [Wish::FullRelay, Wish::BlockRelay, FEELER] {
                        let found = there.rules(wish).judge(&selected, tries);
                        let expected = expected(&there, wish, &selected, tries);
                        assert_eq!(found, expected, "{selected:?} at {tries} for {wish:?}");
                    }
                }
            }
        }
    }
}

fn addrman(records: &[AddrRecord]) -> AddrMan {
    let mut addrman = AddrMan::new(Key::new([7; 32]), NetGroups);
    let source = addr(1, 1, 1);
    addrman.add(records, &source, Duration::ZERO, NOW, &mut draws(0));
    addrman
}

#[track_caller]
fn picked(there: &Nobody, wish: Wish, addrman: &mut AddrMan) -> Option<AddrRecord> {
    pick(&there.rules(wish), addrman, &mut Vec::new(), &mut draws(1))
}

#[test]
fn address_that_alone_will_do_is_found() {
    let good = record(addr(8, 8, 1), 8333, Services::DESIRABLE);
    let others = [
        record(addr(9, 9, 1), 8333, Services::NETWORK),
        record(addr(9, 9, 2), 8333, Services::DESIRABLE),
    ];
    let mut there = Nobody::new();
    there.groups.insert(NetGroups.group(&addr(9, 9, 3)));
    let mut known = addrman(&[others[0], others[1], good]);
    assert_eq!(picked(&there, Wish::FullRelay, &mut known).unwrap().service, good.service);
    assert!(may_find(&there.rules(Wish::FullRelay), &known));
    let mut known = addrman(&others);
    assert_eq!(picked(&there, Wish::FullRelay, &mut known), None);
    assert!(!may_find(&there.rules(Wish::FullRelay), &known));
    // A feeler goes where a connection is.
    assert!(may_find(&there.rules(FEELER), &known));
    assert!(picked(&there, FEELER, &mut known).is_some());
}

#[test]
fn who_was_tried_just_now_is_tried_again_if_there_is_nobody_else() {
    let only = record(addr(8, 8, 1), 22, Services::DESIRABLE);
    let mut known = addrman(&[only]);
    let counting = crate::connman::addrman::Counting::Counted;
    known.attempt(&only.service, counting, NOW);
    assert_eq!(picked(&Nobody::new(), Wish::BlockRelay, &mut known).unwrap().service, only.service);
}

#[test]
fn anchors_are_used_up_from_the_last_on() {
    let anchor = |b| record(addr(8, b, 1), 8333, Services::DESIRABLE);
    let mut anchors = vec![anchor(1), anchor(2), record(addr(8, 3, 1), 8333, Services::NONE)];
    let mut known = addrman(&[anchor(9)]);
    let there = Nobody::new();
    let mut pick = || {
        let rules = there.rules(Wish::Anchor);
        pick(&rules, &mut known, &mut anchors, &mut draws(1)).unwrap().service.addr
    };
    assert_eq!(pick(), addr(8, 2, 1));
    assert_eq!(pick(), addr(8, 1, 1));
    assert_eq!(pick(), addr(8, 9, 1), "then it is as without");
}

#[test]
fn feeler_tries_whom_another_one_waits_for() {
    // Two addresses for one place of the tried table.
    let key = Key::new([7; 32]);
    let service = |n: u16| NetService { addr: addr(8, 8, 1), port: 8333 + n };
    let slot = |n| key.tried_slot(&service(n), NetGroups);
    let other = (1..60_000).find(|n| slot(*n) == slot(0)).expect("there are 16,384 places");
    let [old, new] = [service(0), service(other)];
    let mut known = addrman(&[old, new].map(|s| record(s.addr, s.port, Services::DESIRABLE)));
    known.good(&old, NOW);
    known.good(&new, NOW);
    assert_eq!(known.collisions().count(), 1);
    let mut there = Nobody::new();
    let now = NOW + Duration::from_secs(86_400);
    fn rules(there: &Nobody, now: UnixTime) -> Rules<'_> {
        Rules { now, ..there.rules(FEELER) }
    }
    let first = pick(&rules(&there, now), &mut known, &mut Vec::new(), &mut draws(1));
    assert_eq!(first.unwrap().service, old);
    // With a connection it is known to work, and nobody is dialled there.
    there.connected.insert(old.addr);
    let second = pick(&rules(&there, now), &mut known, &mut Vec::new(), &mut draws(1));
    assert_eq!(second.map(|record| record.service), Some(new), "which is in the new table");
    assert_eq!(known.find(&old).unwrap().last_success, 1_750_086_400);
}
