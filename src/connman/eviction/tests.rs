//! Who is never evicted, who is, and a plain model of it all in step with the real thing.

use super::*;
use crate::rng::{OrderKey, Purpose, Seed};

/// The number `n`, with nothing to its credit; each in a netgroup of its own.
fn candidate(n: u64) -> Candidate {
    Candidate {
        peer: PeerId(n),
        conn_type: ConnType::Inbound,
        connected_at: UnixTime::from_secs(1_000 + n),
        ping_least: None,
        block_at: None,
        tx_at: None,
        has_wanted_services: false,
        relays_txs: true,
        has_bloom_filter: false,
        keyed_netgroup: n,
        prefer_evict: false,
        is_local: false,
        network: HostNetwork::Ipv4,
        noban: false,
    }
}

fn crowd(count: u64) -> Vec<Candidate> {
    (0..count).map(candidate).collect()
}

/// Numbers as of a die, the same in each run.
struct Dice(OrderKey, u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(OrderKey::new(&Seed::from_number(seed), Purpose::PassOrder), 0)
    }

    fn below(&mut self, sides: u64) -> u64 {
        self.1 += 1;
        self.0.draw(0, self.1) % sides
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// One of few moments, so that there are ties; often none.
    fn moment(&mut self) -> Option<UnixTime> {
        let seconds = self.below(6);
        (seconds > 2).then(|| UnixTime::from_secs(seconds))
    }

    fn candidate(&mut self, n: u64) -> Candidate {
        use HostNetwork::{Cjdns, I2p, Ipv4, Ipv6, Onion};
        let networks = [Ipv4, Ipv6, Onion, I2p, Cjdns, Ipv4, Onion, Ipv6];
        Candidate {
            peer: PeerId(n),
            conn_type: if self.below(12) == 0 { ConnType::Manual } else { ConnType::Inbound },
            connected_at: UnixTime::from_secs(self.below(20)),
            ping_least: self.moment().map(|at| at - UnixTime::EPOCH),
            block_at: self.moment(),
            tx_at: self.moment(),
            has_wanted_services: self.coin(),
            relays_txs: self.coin(),
            has_bloom_filter: self.coin(),
            keyed_netgroup: self.below(10),
            prefer_evict: self.below(8) == 0,
            is_local: self.below(6) == 0,
            network: networks[usize::try_from(self.below(8)).expect("less than 8")],
            noban: self.below(12) == 0,
        }
    }

    fn shuffle(&mut self, candidates: &mut [Candidate]) {
        for i in (1..candidates.len()).rev() {
            let other = self.below(i as u64 + 1);
            candidates.swap(i, usize::try_from(other).expect("an index"));
        }
    }
}

#[test]
fn victim_is_that_of_a_plain_model_whatever_the_sequence() {
    let (mut victims, mut spared) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let count = dice.below(90);
        let mut candidates: Vec<_> = (0..count).map(|n| dice.candidate(n)).collect();
        let expected = model::select_victim(&candidates);
        assert_eq!(select_victim(candidates.clone()), expected, "seed {seed}");
        dice.shuffle(&mut candidates);
        assert_eq!(select_victim(candidates.clone()), expected, "seed {seed}, shuffled");
        if let Some(victim) = expected {
            let victim = candidates.iter().find(|c| c.peer == victim).expect("it is one of them");
            assert!(!victim.noban && victim.conn_type.is_inbound(), "seed {seed}");
            victims += 1;
        } else {
            spared += 1;
        }
    }
    assert!(victims > 50 && spared > 50, "both occur: {victims}, {spared}");
}

#[test]
fn small_house_evicts_nobody() {
    // Without block-relay peers the steps protect 4 + 8 + 4 + 4, and then half of who is left.
    for count in 0..=20 {
        assert_eq!(select_victim(crowd(count)), None, "{count}");
    }
    assert!(select_victim(crowd(21)).is_some());
    let relays_blocks =
        |n| Candidate { relays_txs: false, has_wanted_services: true, ..candidate(n) };
    assert_eq!(select_victim((0..28).map(relays_blocks).collect()), None);
    assert!(select_victim((0..29).map(relays_blocks).collect()).is_some());
}

#[test]
fn noban_and_outbound_are_no_candidates() {
    let noban = |n| Candidate { noban: true, ..candidate(n) };
    assert_eq!(select_victim((0..200).map(noban).collect()), None);
    for conn_type in [
        ConnType::Manual,
        ConnType::OutboundFullRelay,
        ConnType::BlockRelay,
        ConnType::AddrFetch,
        ConnType::Feeler,
    ] {
        let outbound = |n| Candidate { conn_type, ..candidate(n) };
        assert_eq!(select_victim((0..200).map(outbound).collect()), None, "{conn_type}");
    }
    // Nor do they take the place of somebody who is protected.
    let mut candidates = crowd(20);
    candidates.extend((20..200).map(noban));
    assert_eq!(select_victim(candidates), None);
}

/// Among two hundred, those whom `favour` touches are never evicted, wherever they stand.
#[track_caller]
fn check_protected(count: u64, favour: impl Fn(u64, &mut Candidate)) {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let mut candidates: Vec<_> = (0..200)
            .map(|n| Candidate { keyed_netgroup: dice.below(40), ..candidate(n) })
            .collect();
        // Nobody else has anything to his credit, and they are the youngest.
        for n in 200 - count..200 {
            favour(n, &mut candidates[usize::try_from(n).expect("small")]);
        }
        // All go, one after the other, until nobody does.
        while let Some(victim) = select_victim(candidates.clone()) {
            assert!(victim.0 < 200 - count, "{victim} is protected");
            candidates.retain(|c| c.peer != victim);
        }
    }
}

#[test]
fn four_with_the_greatest_keyed_netgroup_stay() {
    check_protected(4, |n, c| c.keyed_netgroup = 1_000 + n);
}

#[test]
fn eight_with_the_shortest_ping_stay() {
    check_protected(8, |n, c| c.ping_least = Some(Duration::from_millis(n)));
}

#[test]
fn four_with_the_latest_transaction_stay() {
    check_protected(4, |n, c| c.tx_at = Some(UnixTime::from_secs(n)));
}

#[test]
fn eight_that_relay_blocks_alone_stay() {
    check_protected(8, |n, c| {
        c.relays_txs = false;
        c.has_wanted_services = true;
        c.block_at = Some(UnixTime::from_secs(n));
    });
}

#[test]
fn four_with_the_latest_block_stay() {
    check_protected(4, |n, c| c.block_at = Some(UnixTime::from_secs(n)));
}

/// Of 60 young peers of a disadvantaged network beside 60 old ones, how many are protected by the
/// ratio.
fn protected_by_ratio(favour: impl Fn(&mut Candidate)) -> usize {
    let mut candidates = crowd(120);
    candidates[60..].iter_mut().for_each(&favour);
    protect_by_ratio(&mut candidates);
    assert_eq!(candidates.len(), 60, "half of them are protected in all");
    120 - 60 - candidates.iter().filter(|c| c.peer.0 >= 60).count()
}

#[test]
fn a_quarter_is_kept_for_each_network_at_a_disadvantage() {
    assert_eq!(protected_by_ratio(|_| {}), 0);
    assert_eq!(protected_by_ratio(|c| c.network = HostNetwork::Ipv6), 0);
    assert_eq!(protected_by_ratio(|c| c.network = HostNetwork::Onion), 30);
    assert_eq!(protected_by_ratio(|c| c.network = HostNetwork::I2p), 30);
    assert_eq!(protected_by_ratio(|c| c.network = HostNetwork::Cjdns), 30);
    assert_eq!(protected_by_ratio(|c| c.is_local = true), 30);
}

#[test]
fn what_a_small_network_leaves_over_goes_to_the_others() {
    let mut candidates = crowd(120);
    for (n, candidate) in candidates.iter_mut().enumerate().skip(58) {
        candidate.network = if n < 60 { HostNetwork::Cjdns } else { HostNetwork::Onion };
    }
    protect_by_ratio(&mut candidates);
    let left = |network| candidates.iter().filter(|c| c.network == network).count();
    assert_eq!((left(HostNetwork::Cjdns), left(HostNetwork::Onion)), (0, 60 - 28));
}

#[test]
fn largest_netgroup_loses_its_youngest() {
    let mut candidates = crowd(100);
    for n in [70, 75, 80] {
        candidates[n].keyed_netgroup = 0;
    }
    assert_eq!(select_victim(candidates), Some(PeerId(80)));
}

#[test]
fn of_netgroups_of_one_size_that_with_the_youngest_loses() {
    // Of 100 netgroups of one, the four greatest are protected: those of the four youngest.
    assert_eq!(select_victim(crowd(100)), Some(PeerId(95)));
    let at_once = |n| Candidate { connected_at: UnixTime::from_secs(9), ..candidate(n) };
    let victim = select_victim((0..100).map(at_once).collect());
    assert_eq!(victim, Some(PeerId(95)), "of the same second, the higher number");
}

#[test]
fn discouraged_go_first() {
    let mut candidates = crowd(100);
    for n in [70, 75] {
        candidates[n].prefer_evict = true;
    }
    candidates[80].keyed_netgroup = 81;
    assert_eq!(select_victim(candidates), Some(PeerId(75)));
}
