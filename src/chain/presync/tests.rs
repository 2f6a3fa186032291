//! Chains that are told twice, rule by rule.

use super::*;
use crate::chain::{HEADERS_PER_MESSAGE_MAX, MinDifficulty, PresyncParams, solve};
use crate::transport::Network;

/// When every chain below may have come to be.
const LATE: UnixTime = UnixTime::from_secs(1_700_000_000);

const FULL: usize = HEADERS_PER_MESSAGE_MAX;

/// What a header of regtest has, and one of twice the work.
const EASY: Bits = Bits(0x207f_ffff);
const HARD: Bits = Bits(0x203f_ffff);

/// Regtest with a bit every ten headers, of which sixty are held back.
fn quick() -> Params {
    let presync = PresyncParams { commitment_period: 10, redownload_buffer: 60 };
    Params { presync, ..Params::of(Network::Regtest) }
}

/// The same with difficulty that moves every four blocks, and no exceptions. A target times a slow
/// period has room in 256 bits, as on the networks where difficulty moves.
fn strict() -> Params {
    let pow_limit = U256::MAX.shifted_right(8);
    let genesis = Header { bits: Bits::of(pow_limit), ..quick().genesis };
    let min_difficulty = MinDifficulty::Forbidden;
    Params { genesis, pow_limit, spacing_secs: 10, timespan_secs: 40, min_difficulty, ..quick() }
}

fn secrets(seed: u64) -> Secrets {
    let offset = u32::try_from(seed % 10).unwrap();
    Secrets { offset, salt: [seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 7] }
}

/// `count` headers upon `previous`, a second apart.
fn chain(previous: &Header, count: usize, bits: Bits, mark: u8) -> Vec<Header> {
    let mut below = *previous;
    let headers = (0..count).map(|_| {
        let (previous, time) = (below.hash(), below.time + 1);
        let merkle_root = Hash([mark; 32]);
        let header = Header { version: 4, previous, merkle_root, time, bits, nonce: 0 };
        below = solve(header).unwrap();
        below
    });
    headers.collect()
}

/// A peer that tells chains, and what comes of it.
struct Telling {
    tree: HeaderTree,
    presync: Option<Box<Presync>>,
    released: Vec<Header>,
}

impl Telling {
    /// Upon the first header, with so much work in what is to come.
    fn new(params: Params, work: u64, now: UnixTime, secrets: Secrets) -> Self {
        let tree = HeaderTree::new(params, 100_000);
        let minimum = tree.work(HeaderId::GENESIS).saturating_add(U256::from_u64(work));
        let presync = Presync::begin(&tree, HeaderId::GENESIS, minimum, now, secrets);
        Self { tree, presync: Some(presync), released: Vec::new() }
    }

    fn genesis(&self) -> Header {
        self.tree.header(HeaderId::GENESIS)
    }

    /// One message. Gives whether more is asked for.
    fn tell(&mut self, headers: &[Header]) -> Result<&'static str, PresyncError> {
        let linked = LinkedHeaders::link(self.tree.params(), headers).unwrap().unwrap();
        let presync = self.presync.take().expect("it goes on");
        let step = presync.handle_headers(self.tree.params(), &linked)?;
        self.released.extend(step.released.iter().flat_map(LinkedHeaders::headers));
        Ok(match step.next {
            Next::Ask(presync) => {
                presync.check_invariants(self.tree.params());
                self.presync = Some(presync);
                "ask"
            }
            Next::Complete => "complete",
            Next::Short => "short",
        })
    }

    /// One round over a chain, in full messages and one with the rest.
    fn tell_all(&mut self, headers: &[Header]) -> Result<&'static str, PresyncError> {
        let mut last = "nothing";
        for message in headers.chunks(FULL) {
            last = self.tell(message)?;
            if last != "ask" {
                break;
            }
        }
        Ok(last)
    }

    fn presync(&self) -> &Presync {
        self.presync.as_ref().expect("it goes on")
    }
}

/// docs/behaviour.md, chain 12. With regtest's own numbers.
#[test]
fn chain_with_too_little_work_in_one_message_is_told_twice() {
    let params = Params::of(Network::Regtest);
    let PresyncParams { commitment_period, redownload_buffer } = params.presync;
    let mut telling = Telling::new(params, 2 * 9_500, LATE, secrets(3));
    let headers = chain(&telling.genesis(), 9_500, EASY, 1);
    for message in headers[..8_000].chunks(FULL) {
        assert_eq!(telling.tell(message), Ok("ask"));
        assert_eq!(telling.presync().locator(&telling.tree)[0], message[FULL - 1].hash());
    }
    assert_eq!(telling.presync().presynced(), 8_000);
    let bits = 8_000 / u64::from(commitment_period);
    assert!([bits, bits + 1].contains(&telling.presync().commitments_count()));
    assert_eq!(telling.tell(&headers[8_000..]), Ok("ask"), "though it has no more");
    let genesis = telling.genesis().hash();
    assert_eq!(telling.presync().locator(&telling.tree), [genesis, genesis], "from the start");
    for (at, message) in headers[..8_000].chunks(FULL).enumerate() {
        assert_eq!(telling.tell(message), Ok("ask"));
        let told = FULL * (at + 1);
        assert_eq!(telling.released.len(), told.saturating_sub(redownload_buffer));
        assert_eq!(telling.presync().held_back_count(), told.min(redownload_buffer));
        assert_eq!(telling.presync().presynced(), 9_500);
    }
    assert_eq!(telling.tell(&headers[8_000..]), Ok("complete"));
    assert_eq!(telling.released, headers);
}

/// The bit of each tenth header is right by chance: of 500 chains 1 in 64 gets as far as to have
/// one header released.
#[test]
fn other_chain_in_the_second_round_is_caught_before_it_is_released() {
    let (mut released, mut caught) = (0, 0);
    let genesis = Params::of(Network::Regtest).genesis;
    let told = chain(&genesis, 200, EASY, 1);
    let fork = 100;
    for seed in 0..500 {
        let mut telling = Telling::new(quick(), 400, LATE, secrets(seed));
        let mark = u8::try_from(2 + seed % 200).unwrap();
        let other = chain(&told[fork - 1], 100, EASY, mark);
        assert_eq!(telling.tell(&told), Ok("ask"));
        let (common, rest) = (&told[..fork], &other[..100 - 1]);
        let second: Vec<_> = common.iter().chain(rest).copied().collect();
        match telling.tell(&second) {
            Err(PresyncError::OtherChain { height }) => {
                assert!(height > 100 && height <= 200, "{height}");
                assert!(telling.released.is_empty(), "of this message nothing is");
                caught += 1;
            }
            Ok("short") => released += usize::from(telling.released.len() > fork),
            unexpected => panic!("{unexpected:?}"),
        }
    }
    assert!(caught > 480, "{caught} of 500");
    assert!(released <= 500 / 64 + 8, "{released} of 500");
}

#[test]
fn second_round_with_less_work_ends_where_nothing_is_remembered() {
    // Two bits, which one chain in four gets right.
    let presync = PresyncParams { commitment_period: 1_000, redownload_buffer: 6_000 };
    let params = Params { presync, ..quick() };
    let hard = chain(&params.genesis, FULL, HARD, 1);
    let easy = chain(&params.genesis, 2 * FULL - 1, EASY, 2);
    let mut ends = Vec::new();
    for salt in 0..12 {
        let secrets = Secrets { offset: 0, salt: [salt, salt] };
        let mut telling = Telling::new(params.clone(), 4 * 2_000, LATE, secrets);
        assert_eq!(telling.tell(&hard), Ok("ask"));
        ends.push(telling.tell_all(&easy));
        assert!(telling.released.is_empty());
    }
    assert!(ends.contains(&Err(PresyncError::LongerChain { height: 3_000 })), "{ends:?}");
    assert!(ends.contains(&Err(PresyncError::OtherChain { height: 1_000 })), "{ends:?}");
}

#[test]
fn chain_that_no_time_is_long_enough_for_ends_it() {
    let genesis = Params::of(Network::Regtest).genesis;
    // The first header's time is its own median; a minute is left before the latest there may be.
    let now = UnixTime::from_secs(u64::from(genesis.time) + 60 - FUTURE_SECS_MAX);
    let mut telling = Telling::new(quick(), 1_000_000, now, secrets(4));
    assert_eq!(telling.presync().commitments_max(), 36, "six a second, of which a tenth");
    let headers = chain(&genesis, FULL, EASY, 1);
    let (good, more) = headers.split_at(363);
    let error = PresyncError::TooLong { height: 364 };
    assert_eq!(telling.tell(&headers), Err(error));
    let mut telling = Telling::new(quick(), 2 * 363, now, secrets(4));
    assert_eq!(telling.tell(good), Ok("ask"), "the bound itself is fine");
    assert_eq!(telling.tell(more).unwrap_err(), PresyncError::NotContinuous { height: 1 });
    let before = UnixTime::from_secs(5);
    let telling = Telling::new(quick(), 1_000, before, secrets(4));
    assert_eq!(telling.presync().commitments_max(), 0, "a clock may be wrong");
}

/// Core: `PermittedDifficultyTransition`.
#[test]
fn target_that_moves_too_far_or_within_a_period_ends_it() {
    let Params { genesis, pow_limit, .. } = strict();
    let easier = |by| Bits::of(pow_limit.shifted_right(by));
    let (limit, half, quarter, eighth) = (easier(0), easier(1), easier(2), easier(3));
    for (below, before, bits, is_fine) in [
        (2, limit, limit, true),
        (2, limit, half, false),
        (3, limit, half, true),
        (3, limit, quarter, true),
        (3, limit, eighth, false),
        (7, quarter, limit, true),
        (6, quarter, limit, false),
    ] {
        let lower = chain(&genesis, below.min(3), limit, 1);
        let upper = chain(&lower[lower.len() - 1], below - lower.len(), before, 1);
        let next = chain(upper.last().unwrap_or(&lower[lower.len() - 1]), 1, bits, 1);
        let height = below as u64 + 1;
        let headers = [&lower[..], &upper[..], &next[..]].concat();
        let mut telling = Telling::new(strict(), 1_000_000, LATE, secrets(4));
        let error = PresyncError::Difficulty { height, before, found: bits };
        let expected = if is_fine { Ok("short") } else { Err(error) };
        assert_eq!(telling.tell(&headers), expected, "{bits} on {before} at {height}");
    }
    let jump = chain(&quick().genesis, 1, HARD, 1);
    let mut telling = Telling::new(quick(), 1_000_000, LATE, secrets(4));
    assert_eq!(telling.tell(&jump), Ok("short"), "where any header may be easy");
}

#[test]
fn message_that_is_not_full_and_lacks_work_ends_it() {
    let genesis = quick().genesis;
    let headers = chain(&genesis, FULL + 500, EASY, 1);
    let mut telling = Telling::new(quick(), 2 * 2_501, LATE, secrets(4));
    assert_eq!(telling.tell_all(&headers), Ok("short"));
    assert!(telling.released.is_empty() && telling.presync.is_none());
    // In the second round what lies deep enough is good.
    let mut telling = Telling::new(quick(), 2 * 2_500, LATE, secrets(4));
    assert_eq!(telling.tell_all(&headers), Ok("ask"));
    assert_eq!(telling.tell(&headers[..FULL]), Ok("ask"));
    assert_eq!(telling.tell(&headers[FULL..FULL + 10]), Ok("short"));
    assert_eq!(telling.released, headers[..FULL + 10 - 60]);
}

#[test]
fn headers_that_do_not_follow_the_last_end_it() {
    let genesis = quick().genesis;
    let headers = chain(&genesis, 2 * FULL, EASY, 1);
    let mut telling = Telling::new(quick(), 1_000_000, LATE, secrets(4));
    assert_eq!(telling.tell(&headers[..FULL]), Ok("ask"));
    assert_eq!(telling.tell(&headers[..9]), Err(PresyncError::NotContinuous { height: 2_001 }));
    let mut telling = Telling::new(quick(), 2 * 4_000, LATE, secrets(4));
    assert_eq!(telling.tell_all(&headers), Ok("ask"));
    assert_eq!(telling.tell(&headers[FULL..]), Err(PresyncError::NotContinuous { height: 1 }));
}

/// A chain that has grown since the first round is released whole.
#[test]
fn chain_may_have_grown_meanwhile() {
    let genesis = quick().genesis;
    let headers = chain(&genesis, 600, EASY, 1);
    let mut telling = Telling::new(quick(), 2 * 500, LATE, secrets(4));
    assert_eq!(telling.tell(&headers[..500]), Ok("ask"));
    assert_eq!(telling.tell(&headers), Ok("complete"));
    assert_eq!(telling.released, headers);
}

#[test]
fn chain_begins_upon_any_header_and_counts_what_lies_below() {
    let params = quick();
    let mut tree = HeaderTree::new(params.clone(), 10_000);
    let below = chain(&params.genesis, 30, EASY, 1);
    let start = tree.insert(&below, LATE).unwrap().last.unwrap();
    let minimum = tree.work(start).saturating_add(U256::from_u64(2 * 100));
    let presync = Presync::begin(&tree, start, minimum, LATE, secrets(4));
    assert_eq!(presync.presynced(), 30);
    let headers = chain(&below[29], 100, EASY, 2);
    let mut telling = Telling { tree, presync: Some(presync), released: Vec::new() };
    assert_eq!(telling.tell(&headers), Ok("ask"));
    let locator = telling.presync().locator(&telling.tree);
    assert_eq!(locator[..2], [below[29].hash(); 2]);
    assert_eq!(locator[1..], telling.tree.locator(start));
    assert_eq!(telling.tell(&headers), Ok("complete"));
    assert_eq!(telling.released, headers);
}

/// What somebody costs who tells the longest chain there can be of the main network.
#[test]
fn memory_of_one_peer_stays_below_two_megabytes() {
    assert_eq!(size_of::<Stripped>(), 48);
    for network in Network::ALL {
        let params = Params::of(network);
        let tree = HeaderTree::new(params.clone(), 1);
        let secrets = Secrets { offset: 0, salt: [0, 0] };
        let presync = Presync::begin(&tree, HeaderId::GENESIS, U256::MAX, LATE, secrets);
        let buffer = (params.presync.redownload_buffer + FULL) * size_of::<Stripped>();
        let bits = usize::try_from(presync.commitments_max() / 8).unwrap();
        assert!(bits + buffer < 2_000_000, "{network}: {bits} and {buffer} bytes");
    }
}
