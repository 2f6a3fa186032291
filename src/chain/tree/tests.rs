//! Rules one by one, and the tree beside a list of headers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::model::Model;
use super::*;
use crate::chain::{MinDifficulty, PowError, Retarget};
use crate::transport::Network;

/// A number below `bound`.
fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    rng.next_u64() % bound
}

fn index(rng: &mut ChaCha8Rng, len: usize) -> usize {
    usize::try_from(below(rng, len as u64)).unwrap()
}

/// Regtest with periods of four blocks of ten seconds, so that difficulty moves often. A target
/// times four periods has room in 256 bits, as on the networks where difficulty moves.
fn moving(retarget: Retarget, min_difficulty: MinDifficulty) -> Params {
    let regtest = Params::of(Network::Regtest);
    let pow_limit = U256::MAX.shifted_right(8);
    let genesis = Header { bits: Bits::of(pow_limit), ..regtest.genesis };
    let (spacing_secs, timespan_secs) = (10, 40);
    Params { genesis, pow_limit, spacing_secs, timespan_secs, retarget, min_difficulty, ..regtest }
}

/// Finds the nonce. `None` where that would take long.
fn solved(mut header: Header, limit: U256) -> Option<Header> {
    for nonce in 0..1 << 13 {
        header.nonce = nonce;
        if header.check_pow(limit) != Err(PowError::HighHash { bits: header.bits }) {
            return Some(header);
        }
    }
    None
}

/// A header upon another, by the rules.
fn next(tree: &HeaderTree, parent: HeaderId, time: u32, mark: u8) -> Header {
    let bits = tree.next_bits(parent, time);
    let previous = tree.hash(parent);
    let header =
        Header { version: 4, previous, merkle_root: Hash([mark; 32]), time, bits, nonce: 0 };
    solved(header, tree.params().pow_limit).expect("regtest is easy")
}

/// Adds as many as told upon `parent`, and gives the last.
fn grow(tree: &mut HeaderTree, parent: HeaderId, count: u32, mark: u8) -> HeaderId {
    let mut last = parent;
    for _ in 0..count {
        let header = next(tree, last, tree.time(last) + 1, mark);
        last = tree.insert(&[header], LATE).unwrap().last.unwrap();
    }
    last
}

/// A time at which nothing is ahead.
const LATE: UnixTime = UnixTime::from_secs(4_000_000_000);

fn regtest() -> HeaderTree {
    HeaderTree::new(Params::of(Network::Regtest), 10_000)
}

fn why(result: Result<Inserted, InsertError>) -> (usize, &'static str) {
    let error = result.expect_err("something is wrong");
    let name = match error.why {
        InsertWhy::TooMany { .. } => "many",
        InsertWhy::Pow(_) => "pow",
        InsertWhy::NotContinuous => "gap",
        InsertWhy::Unconnected { .. } => "unconnected",
        InsertWhy::KnownInvalid => "known invalid",
        InsertWhy::InvalidParent => "invalid parent",
        InsertWhy::WrongBits { .. } => "bits",
        InsertWhy::TooOld { .. } => "old",
        InsertWhy::Timewarp { .. } => "timewarp",
        InsertWhy::TooNew { .. } => "new",
        InsertWhy::Full => "full",
    };
    (error.index, name)
}

#[test]
fn header_takes_as_much_as_is_said() {
    assert_eq!(size_of::<Node>(), 136);
}

#[test]
fn first_of_equal_work_stays_the_tip() {
    let mut tree = regtest();
    let one = grow(&mut tree, HeaderId::GENESIS, 2, 1);
    let other = grow(&mut tree, HeaderId::GENESIS, 2, 2);
    assert_eq!(tree.tip(), one);
    let other = grow(&mut tree, other, 1, 2);
    assert_eq!(tree.tip(), other);
    tree.invalidate(other);
    assert_eq!(tree.tip(), one);
    tree.check_invariants();
}

#[test]
fn blocks_above_an_invalid_one_are_out_with_it() {
    let mut tree = regtest();
    let bad = grow(&mut tree, HeaderId::GENESIS, 1, 1);
    let top = grow(&mut tree, bad, 3, 1);
    for id in tree.run(top, 1, 4) {
        tree.take_block(id);
    }
    tree.activate(top);
    tree.invalidate(bad);
    assert_eq!((tree.tip(), tree.active_tip()), (HeaderId::GENESIS, HeaderId::GENESIS));
    assert_eq!(tree.best_complete(), HeaderId::GENESIS);
    let known = tree.header(top);
    assert_eq!(why(tree.insert(&[known], LATE)), (0, "known invalid"));
    let above = next(&tree, top, tree.time(top) + 1, 1);
    assert_eq!(why(tree.insert(&[above], LATE)), (0, "invalid parent"));
    tree.check_invariants();
}

#[test]
fn batch_is_refused_whole_or_from_a_header_on() {
    let mut tree = regtest();
    let top = grow(&mut tree, HeaderId::GENESIS, 3, 1);
    let headers: Vec<_> = tree.run(top, 1, 3).into_iter().map(|id| tree.header(id)).collect();
    let check = |change: fn(&mut Vec<Header>), expected, len| {
        let (mut tree, mut batch) = (regtest(), headers.clone());
        change(&mut batch);
        assert_eq!(why(tree.insert(&batch, LATE)), expected);
        assert_eq!(tree.len(), len, "{expected:?}");
    };
    check(|batch| batch[2].bits = Bits(0x1d00_ffff), (2, "pow"), 1);
    check(|batch| batch.swap(1, 2), (1, "gap"), 1);
    check(|batch| _ = batch.remove(0), (0, "unconnected"), 1);
    check(|batch| *batch = vec![batch[0]; 2001], (2000, "many"), 1);
    let full = HeaderTree::new(Params::of(Network::Regtest), 3).insert(&headers, LATE);
    assert_eq!(why(full), (2, "full"));
    let empty = Inserted { last: None, new_count: 0 };
    assert_eq!(tree.insert(&[], LATE), Ok(empty));
    let known = tree.insert(&headers, LATE);
    assert_eq!(known, Ok(Inserted { last: Some(top), new_count: 0 }));
}

#[test]
fn wrong_target_is_refused() {
    let mut tree = regtest();
    let easy = next(&tree, HeaderId::GENESIS, 1_300_000_000, 0);
    let harder = solved(Header { bits: Bits(0x2010_0000), ..easy }, U256::MAX).unwrap();
    assert_eq!(why(tree.insert(&[harder], LATE)), (0, "bits"));
}

/// Core: `GetMedianTimePast`, `MAX_FUTURE_BLOCK_TIME`.
#[test]
fn time_lies_between_the_median_and_two_hours_ahead() {
    let mut tree = regtest();
    let top = grow(&mut tree, HeaderId::GENESIS, 20, 1);
    let median = tree.median_time_past(top);
    assert_eq!(median, tree.time(top) - 5, "of eleven that are one second apart");
    let at = |time| next(&tree, top, time, 2);
    let (old, first) = (at(median), at(median + 1));
    let (last, new) = (at(1_700_007_200), at(1_700_007_201));
    let now = UnixTime::from_secs(1_700_000_000);
    assert_eq!(why(tree.insert(&[old], now)), (0, "old"));
    assert!(tree.insert(&[first], now).is_ok());
    assert_eq!(why(tree.insert(&[new], now)), (0, "new"));
    assert!(tree.insert(&[last], now).is_ok());
    assert!(tree.insert(&[new], UnixTime::from_secs(1_700_000_001)).is_ok());
}

/// BIP 94.
#[test]
fn first_of_a_period_goes_back_ten_minutes_at_most() {
    for (retarget, is_bound) in [(Retarget::First, true), (Retarget::Last, false)] {
        let mut tree = HeaderTree::new(moving(retarget, MinDifficulty::Forbidden), 100);
        let below = grow(&mut tree, HeaderId::GENESIS, 2, 1);
        let late = next(&tree, below, tree.time(below) + 5_000, 1);
        let late = tree.insert(&[late], LATE).unwrap().last.unwrap();
        let (edge, warped) = (tree.time(late) - 600, tree.time(late) - 601);
        let warped = next(&tree, late, warped, 1);
        let result = tree.insert(&[warped], LATE);
        assert_eq!(result.is_err(), is_bound, "{retarget:?}");
        if is_bound {
            assert_eq!(why(result), (0, "timewarp"));
        }
        let edge = next(&tree, late, edge, 1);
        assert!(tree.insert(&[edge], LATE).is_ok());
    }
}

/// Core: test/pow_tests.cpp, `get_next_work` and the three that follow it.
#[test]
fn difficulty_moves_as_on_the_main_network() {
    for (first, last, bits, expected) in [
        (1_261_130_161, 1_262_152_739, 0x1d00_ffff, 0x1d00_d86a),
        (1_231_006_505, 1_233_061_996, 0x1d00_ffff, 0x1d00_ffff),
        (1_279_008_237, 1_279_297_671, 0x1c05_a3f4, 0x1c01_68fd),
        (1_263_163_443, 1_269_211_443, 0x1c38_7f6f, 0x1d00_e1fd),
    ] {
        let moved = retargeted(&Params::of(Network::Main), Bits(bits), last - first);
        assert_eq!(moved, Bits(expected), "{bits:x}");
    }
}

#[test]
fn locator_is_short_and_ends_with_the_first() {
    let mut tree = regtest();
    let top = grow(&mut tree, HeaderId::GENESIS, 3_000, 1);
    let locator = tree.locator(top);
    let heights: Vec<_> =
        locator.iter().map(|hash| 3_000 - tree.height(tree.find(hash).unwrap())).collect();
    let expected =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 17, 25, 41, 73, 137, 265, 521, 1033, 2057, 3000];
    assert_eq!(heights, expected);
    assert_eq!(tree.locator(HeaderId::GENESIS), [tree.hash(HeaderId::GENESIS)]);
}

/// Core: `MAX_HEADERS_RESULTS`, and the handling of `getheaders`.
#[test]
fn headers_after_a_locator_are_at_most_two_thousand() {
    let mut tree = regtest();
    let top = grow(&mut tree, HeaderId::GENESIS, 2_500, 1);
    let side = grow(&mut tree, HeaderId::GENESIS, 2, 2);
    let after = |locator: &[BlockHash], stop| tree.headers_after(top, locator, &stop);
    let (zero, genesis) = (BlockHash::ZERO, tree.hash(HeaderId::GENESIS));
    let first = after(&[genesis], zero);
    assert_eq!(first.len(), 2_000);
    assert_eq!(first[0].previous, genesis);
    let rest = after(&[first[1_999].hash()], zero);
    assert_eq!((rest.len(), rest[499].hash()), (500, tree.hash(top)));
    assert_eq!(after(&[tree.hash(top)], zero), []);
    assert_eq!(after(&[tree.hash(side)], zero), first, "what is on no chain of ours says nothing");
    assert_eq!(after(&[genesis], first[6].hash()), first[..7]);
    assert_eq!(after(&[first[9].hash()], first[6].hash()).len(), 2_000, "behind the fork");
    assert_eq!(after(&[], first[6].hash()), [first[6]]);
    assert_eq!(after(&[], tree.hash(side)), [], "of another branch nothing is told");
    assert_eq!(after(&[], zero), []);
    let lower = tree.ancestor(top, 5).unwrap();
    assert_eq!(tree.headers_after(lower, &[tree.hash(top)], &zero), [], "who knows more");
}

/// Core: `PermittedDifficultyTransition`.
#[test]
fn target_moves_by_a_factor_of_four_at_most_once_a_period() {
    let main = Params::of(Network::Main);
    let may = |height, before, bits| may_follow(&main, height, Bits(before), Bits(bits));
    assert!(may(2_016, 0x1c05_a3f4, 0x1c16_8fd0), "four times as easy");
    assert!(!may(2_016, 0x1c05_a3f4, 0x1c16_8fd1));
    assert!(may(2_016, 0x1c05_a3f4, 0x1c01_68fd), "four times as hard");
    assert!(!may(2_016, 0x1c05_a3f4, 0x1c01_68fc));
    assert!(may(4_032, 0x1d00_ffff, 0x1d00_ffff), "nothing is above the limit");
    assert!(may(2_017, 0x1c05_a3f4, 0x1c05_a3f4));
    assert!(!may(2_017, 0x1c05_a3f4, 0x1c05_a3f3), "within a period it stays");
    assert!(!may(2_016, 0x1c05_a3f4, 0), "what is no target follows nothing");
    let testnet = Params::of(Network::Testnet3);
    assert!(may_follow(&testnet, 2_017, Bits(0x1c05_a3f4), Bits(0x1d00_ffff)));
}

/// Core: `GetAntiDoSWorkThreshold`.
#[test]
fn work_worth_keeping_lacks_a_day_of_blocks() {
    let mut tree = regtest();
    assert_eq!(tree.work_worth_keeping(U256::ONE), U256::ONE);
    let top = grow(&mut tree, HeaderId::GENESIS, 200, 1);
    for id in tree.run(top, 1, 200) {
        tree.take_block(id);
    }
    tree.activate(top);
    assert_eq!(tree.work_worth_keeping(U256::ZERO), U256::from_u64(2 * (201 - 144)));
    assert_eq!(tree.work_worth_keeping(U256::MAX), U256::MAX);
}

/// A batch of up to four headers upon one that is known, often with something wrong.
fn drawn_batch(model: &Model, params: &Params, rng: &mut ChaCha8Rng) -> Option<Vec<Header>> {
    let count = model.items.len();
    let parent =
        if below(rng, 3) == 0 { index(rng, count) } else { count - 1 - index(rng, count.min(4)) };
    let mut scratch = model.clone();
    let mut batch = Vec::new();
    let spacing = 2 * u64::from(params.spacing_secs);
    let mut parent = parent;
    for _ in 0..=below(rng, 4) {
        let median = scratch.median(parent);
        let last = scratch.items[parent].header.time;
        let time = match below(rng, 12) {
            0 => median,
            1 => last + 1_201,
            2 => median + 1,
            3 => last + 20_000,
            _ => last.max(median) + 1 + u32::try_from(below(rng, spacing)).unwrap(),
        };
        let bits = match below(rng, 30) {
            0 => Bits(0x1f40_0000),
            _ => scratch.next_bits(parent, time),
        };
        let mark = u8::try_from(below(rng, 250)).unwrap();
        let previous = scratch.items[parent].hash;
        let header =
            Header { version: 4, previous, merkle_root: Hash([mark; 32]), time, bits, nonce: 0 };
        let header = solved(header, params.pow_limit)?;
        batch.push(header);
        match scratch.insert(&[header], LATE) {
            Ok(Some(at)) => parent = at,
            _ => break,
        }
    }
    let at = index(rng, batch.len());
    match below(rng, 30) {
        0 => batch[at].nonce ^= 1,
        1 => _ = batch.remove(at),
        2 => batch.reverse(),
        3 => batch.insert(at, model.items[index(rng, count)].header),
        4 | 5 => return Some(vec![model.items[index(rng, count)].header]),
        _ => (),
    }
    Some(batch)
}

/// Everything that the tree answers, beside what the list does.
fn compare(tree: &HeaderTree, model: &Model, rng: &mut ChaCha8Rng) {
    tree.check_invariants();
    let id = |at: usize| HeaderId(u32::try_from(at).unwrap());
    assert_eq!(tree.len(), model.items.len());
    assert_eq!(tree.tip(), id(model.tip()));
    assert_eq!(tree.best_complete(), id(model.best_complete()));
    let (one, other) = (index(rng, tree.len()), index(rng, tree.len()));
    let item = &model.items[one];
    assert_eq!(tree.header(id(one)), item.header);
    assert_eq!(tree.work(id(one)), item.work);
    assert_eq!(tree.validity(id(one)) == Validity::Invalid, item.invalid);
    assert_eq!(tree.is_complete(id(one)), item.completed.is_some());
    let way: Vec<_> = model.way_down(one).into_iter().rev().map(id).collect();
    for (height, expected) in way.iter().enumerate() {
        assert_eq!(tree.ancestor(id(one), u32::try_from(height).unwrap()), Some(*expected));
    }
    let common = model.last_common_ancestor(one, other);
    assert_eq!(tree.last_common_ancestor(id(one), id(other)), id(common));
    assert_eq!(tree.locator(id(one)), model.locator(one));
    let (locator, stop) = (model.locator(other), model.items[index(rng, tree.len())].hash);
    let expected = model.headers_after(one, &locator, stop);
    assert_eq!(tree.headers_after(id(one), &locator, &stop), expected);
}

#[test]
fn tree_goes_in_step_with_a_list() {
    let all = [
        Params::of(Network::Regtest),
        moving(Retarget::Last, MinDifficulty::Forbidden),
        moving(Retarget::Last, MinDifficulty::Allowed),
        moving(Retarget::First, MinDifficulty::Allowed),
    ];
    let mut seen = BTreeMap::<&str, u32>::new();
    for seed in 0..40_u64 {
        let params = all[usize::try_from(seed).unwrap() % all.len()].clone();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut tree, mut model) =
            (HeaderTree::new(params.clone(), 1_000), Model::new(params.clone()));
        for _ in 0..60 {
            let any = index(&mut rng, tree.len());
            let id = HeaderId(u32::try_from(any).unwrap());
            match below(&mut rng, 10) {
                0 if any > 0 && below(&mut rng, 4) == 0 => {
                    tree.invalidate(id);
                    model.invalidate(any);
                    *seen.entry("invalidated").or_default() += 1;
                }
                0..5 => {
                    let complete = tree.take_block(id);
                    let expected = model.take_block(any);
                    let complete: Vec<_> = complete.iter().map(|id| id.index()).collect();
                    assert_eq!(complete, expected);
                    *seen.entry("at once complete").or_default() += u32::from(complete.len() > 1);
                }
                _ => {
                    let Some(batch) = drawn_batch(&model, &params, &mut rng) else { continue };
                    let tip = model.items[model.tip()].header.time;
                    let now = UnixTime::from_secs(u64::from(tip) + 1_000);
                    let expected = model.insert(&batch, now);
                    let found = tree.insert(&batch, now);
                    let found = match found {
                        Ok(inserted) => Ok(inserted.last.map(|id| id.index())),
                        Err(_) => Err(why(found)),
                    };
                    assert_eq!(found, expected, "seed {seed}");
                    *seen.entry(expected.err().map_or("taken", |(_, why)| why)).or_default() += 1;
                }
            }
            compare(&tree, &model, &mut rng);
        }
    }
    for rare in [
        "taken",
        "pow",
        "gap",
        "unconnected",
        "known invalid",
        "invalid parent",
        "bits",
        "old",
        "timewarp",
        "new",
        "invalidated",
        "at once complete",
    ] {
        assert!(seen.get(rare).is_some_and(|count| *count > 0), "{rare} never happened: {seen:?}");
    }
}
