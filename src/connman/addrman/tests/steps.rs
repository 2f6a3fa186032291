//! Random operations on the real address manager and on the naive one, in step.

use super::model::Model;
use super::*;

/// Addresses are few and of few groups, so that places collide often.
fn drawn_service(draws: &mut Draws) -> NetService {
    let n = u8::try_from(draws.below(250)).unwrap();
    let port = 8333 + u16::from(draws.below(8) == 0);
    let addr = match draws.below(16) {
        0 => NetAddr::Onion([n % 16; 32]),
        1 => NetAddr::I2p([n % 16; 32]),
        2 => NetAddr::Cjdns([if n < 16 { n } else { 0xfc }; 16]),
        3 => ip(&format!("2a00::{n}")),
        4 => ip(&format!("10.0.0.{n}")),
        _ => ip(&format!("250.1.1.{n}")),
    };
    NetService { addr, port }
}

fn drawn_source(draws: &mut Draws) -> NetAddr {
    match draws.below(4) {
        0 => ip(&format!("250.1.1.{}", draws.below(250))),
        1 => ip("252.2.2.2"),
        2 => NetAddr::Internal([1; 10]),
        _ => ip(&format!("{}.1.1.1", 1 + draws.below(8))),
    }
}

fn drawn_networks(draws: &mut Draws) -> Vec<NetClass> {
    match draws.below(4) {
        0 => vec![NetClass::Onion],
        1 => vec![NetClass::Ipv4, NetClass::Ipv6],
        2 => vec![NetClass::Internal],
        _ => Vec::new(),
    }
}

fn ago(now: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(now.as_secs().saturating_sub(secs))
}

/// How often what is rare happened.
#[derive(Debug, Default)]
struct Seen {
    moved: u32,
    collided: u32,
    replaced: u32,
    chosen: u32,
    told: usize,
    referenced_most: u8,
}

/// One operation on both. The draws of the operation are the same for both.
fn step(real: &mut AddrMan, model: &mut Model, now: UnixTime, draw: &mut Draws, seen: &mut Seen) {
    let secs = entry::secs(now);
    // Half of the times one that is known, so that much happens to it.
    let known = real.order.get(draw.index(2 * real.order.len() + 1));
    let service = known.map_or_else(|| drawn_service(draw), |id| real.entry(*id).service);
    let mut ours = draws(draw.below(u64::MAX >> 9));
    let mut theirs = ours.clone();
    match draw.below(20) {
        0..10 => {
            let back = [0, 60, 7200, 90_000, 3_000_000][draw.index(5)];
            let services = Services(1 << draw.below(4));
            let told = AddrRecord { service, services, time: ago(now, back) };
            let (source, penalty) = (drawn_source(draw), draw.below(2) * 7200);
            let placed =
                real.add(&[told], &source, Duration::from_secs(penalty), now, &mut ours) == 1;
            let penalty = i64::try_from(penalty).unwrap();
            assert_eq!(model.add(&told, &source, penalty, secs, &mut theirs), placed);
        }
        10..13 => {
            let good = real.good(&service, now);
            assert_eq!(model.good(&service, secs), good);
            seen.moved += u32::from(good == Good::Moved);
            seen.collided += u32::from(good == Good::Collides);
        }
        13..15 => {
            let counting = [Counting::Counted, Counting::Uncounted][draw.index(2)];
            real.attempt(&service, counting, now);
            model.attempt(&service, counting, secs);
        }
        15 => {
            real.connected(&service, now);
            model.connected(&service, secs);
            let services = Services(draw.below(16));
            real.set_services(&service, services);
            model.set_services(&service, services);
        }
        16 => {
            let which = [Which::Any, Which::NewOnly][draw.index(2)];
            let networks = drawn_networks(draw);
            let chosen = real.select(which, &networks, now, &mut ours);
            seen.chosen += u32::from(chosen.is_some());
            let expected = model.select(which, &networks, secs, &mut theirs);
            assert_eq!(chosen.map(|chosen| chosen.record.service), expected);
        }
        17 => {
            let old = real.select_tried_collision(&mut ours).map(|old| old.record.service);
            assert_eq!(model.select_collision(&mut theirs), old);
            // It is tried, and often does not answer.
            if let Some(old) = old.filter(|_| draw.below(2) == 0) {
                real.attempt(&old, Counting::Counted, now);
                model.attempt(&old, Counting::Counted, secs);
            }
        }
        18 => {
            let before = real.slots(Table::Tried).map(|(_, e)| e.service).collect::<Vec<_>>();
            real.resolve_collisions(now);
            model.resolve(secs);
            let after = real.slots(Table::Tried).map(|(_, e)| e.service).collect::<Vec<_>>();
            seen.replaced += u32::from(before != after);
        }
        _ => {
            let network = [None, None, Some(NetClass::Ipv4)][draw.index(3)];
            let quality = [Quality::Filtered, Quality::Unfiltered][draw.index(2)];
            let share = Share { network, quality, ..Share::GETADDR };
            let told: Vec<_> =
                real.get_addr(share, now, &mut ours).iter().map(|told| told.service).collect();
            seen.told += told.len();
            assert_eq!(model.get_addr(share, secs, &mut theirs), told);
        }
    }
}

/// So many operations from a seed.
fn run(seed: u64, steps: u32, seen: &mut Seen) -> AddrMan {
    let mut real = AddrMan::new(key(), NetGroups);
    let mut model = Model::new(key());
    let mut draw = Seed::from_number(seed).draws(Purpose::AddrMan, u64::from(u32::MAX));
    let mut now = NOW;
    for n in 0..steps {
        now = now + Duration::from_secs([0, 1, 30, 600, 3000, 20_000][draw.index(6)]);
        step(&mut real, &mut model, now, &mut draw, seen);
        model.compare(&real);
        if n % 8 == 0 {
            real.check_invariants();
        }
        let most = real.entries.values().map(|entry| entry.references).max();
        seen.referenced_most = seen.referenced_most.max(most.unwrap_or(0));
    }
    real
}

#[test]
fn every_operation_does_what_the_naive_one_does() {
    let mut seen = Seen::default();
    for seed in 0..4 {
        run(seed, 3000, &mut seen);
    }
    // Otherwise the comparison would be of little.
    assert!(seen.moved > 200 && seen.collided > 40 && seen.replaced > 8, "{seen:?}");
    assert!(seen.chosen > 100 && seen.told > 500 && seen.referenced_most > 2, "{seen:?}");
}

#[test]
fn equal_calls_give_equal_tables() {
    let [one, other] = [0, 1].map(|_| run(9, 300, &mut Seen::default()));
    assert_eq!(one, other);
}
