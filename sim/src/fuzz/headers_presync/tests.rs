//! Drawn chains, made shorter where they fail.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::super::draw::random_bytes;
use super::*;

fn setup() -> impl Strategy<Value = Setup> {
    let buffer = prop::sample::select(vec![0, 1, 60, 1_999, 2_500]);
    let difficulty = prop::sample::select(vec![MinDifficulty::Allowed, MinDifficulty::Forbidden]);
    let minimum = prop_oneof![1_900..6_000_u16, Just(2_000_u16), Just(4_300_u16)];
    (1..300_u32, any::<(u32, u64)>(), buffer, minimum, 60..3_000_u16, difficulty).prop_map(
        |(commitment_period, (offset, salt), redownload_buffer, minimum_headers, age_secs, of)| {
            Setup {
                secrets: Secrets { offset: offset % commitment_period, salt: [salt, !salt] },
                params: PresyncParams { commitment_period, redownload_buffer },
                minimum_headers,
                age_secs,
                min_difficulty: of,
            }
        },
    )
}

fn told() -> impl Strategy<Value = Told> {
    let chain = prop_oneof![3 => Just(0), 2 => 0..FORKS.len()];
    let count = prop_oneof![6 => Just(HEADERS_PER_MESSAGE_MAX), 1 => 1..2_000_usize];
    let from = prop_oneof![12 => Just(None), 1 => (0..CHAIN_HEADERS).prop_map(Some)];
    (chain, count, from).prop_map(|(chain, count, from)| Told { chain, count, from })
}

proptest! {
    #![proptest_config(Config {
        cases: 150,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]

    #[test]
    fn nothing_is_forgotten_that_matters(
        setup in setup(),
        messages in prop::collection::vec(told(), 1..8),
    ) {
        compare(&setup, &messages);
    }
}

#[test]
fn random_bytes_are_told_alike() {
    let judged = (0..200).map(|seed| headers_presync(&random_bytes(seed, 80)));
    assert!(judged.filter(|judged| *judged == Judged::Passed).count() > 150);
    assert_eq!(headers_presync(&[]), Judged::Trivial);
}

/// Whatever is drawn above, each way to end is there.
#[test]
fn every_end_is_reached() {
    let setup = Setup {
        secrets: Secrets { offset: 3, salt: [1, 2] },
        params: PresyncParams { commitment_period: 10, redownload_buffer: 60 },
        minimum_headers: 4_300,
        age_secs: 7_200,
        min_difficulty: MinDifficulty::Allowed,
    };
    let full = |chain| Told { chain, count: HEADERS_PER_MESSAGE_MAX, from: None };
    let ends = |setup: &Setup, messages: &[Told]| {
        let genesis = Params::of(Network::Regtest).genesis;
        let minimum = genesis.claimed_work().saturating_mul(1 + u64::from(setup.minimum_headers));
        let mut model = Remembering::new(setup, &genesis, minimum);
        compare(setup, messages);
        let mut last = End::GoesOn;
        for told in messages {
            last = model.hear(headers_of(told, model.last()));
        }
        last
    };
    assert_eq!(ends(&setup, &[full(0); 6]), End::Complete);
    assert_eq!(ends(&setup, &[full(0); 5]), End::GoesOn);
    assert_eq!(ends(&Setup { minimum_headers: 4_301, ..setup }, &[full(0); 3]), End::Short);
    let other = [full(0), full(0), full(0), full(1)];
    assert!(matches!(ends(&setup, &other), End::Wrong("other", 701..=800)));
    let stray = Told { from: Some(5), ..full(0) };
    assert_eq!(ends(&setup, &[full(0), stray]), End::Wrong("continuity", 2_001));
    let young = Setup { age_secs: 600, ..setup };
    assert_eq!(ends(&young, &[full(0); 2]), End::Wrong("length", 3_603));
    let strict = Setup { min_difficulty: MinDifficulty::Forbidden, ..setup };
    assert_eq!(ends(&strict, &[full(5)]), End::Wrong("difficulty", 1_001));
}
