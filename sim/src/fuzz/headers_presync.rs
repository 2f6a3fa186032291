//! Chains that are told twice, beside a model that remembers all of them: any bytes say what a peer
//! tells, out of chains that part and meet.
//!
//! What is released, where it ends and why is the model's to the header; and what is released is
//! what the peer told in its second round, in its order, from the start.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use sockman::chain::presync::{Next, Presync, PresyncError, Secrets};
use sockman::chain::{
    Bits, HEADERS_PER_MESSAGE_MAX, Header, HeaderId, HeaderTree, LinkedHeaders, MinDifficulty,
    Params, PresyncParams, solve,
};
use sockman::time::UnixTime;
use sockman::transport::Network;

use self::model::{End, Remembering};
use super::Judged;
use super::draw::{below, index, pick};

mod model;

/// Messages of one input. The longest chain takes three, twice.
const MESSAGES_MAX: usize = 10;

/// Headers of each chain.
const CHAIN_HEADERS: usize = 4_300;

/// Where the chains part from the first one, and with what target.
const FORKS: [(usize, u32); 6] = [
    (0, EASY),
    (700, EASY),
    (1_990, EASY),
    (2_050, EASY),
    (3_000, EASY),
    // Of twice the work.
    (1_000, 0x203f_ffff),
];

const EASY: u32 = 0x207f_ffff;

/// Each from the first block of regtest on.
static CHAINS: LazyLock<Vec<Vec<Header>>> = LazyLock::new(|| {
    let genesis = Params::of(Network::Regtest).genesis;
    let mut chains: Vec<Vec<Header>> = Vec::new();
    for ((fork, bits), mark) in FORKS.into_iter().zip(1..) {
        let mut chain: Vec<_> = chains.first().map_or(Vec::new(), |first| first[..fork].to_vec());
        while chain.len() < CHAIN_HEADERS {
            let last = chain.last().unwrap_or(&genesis);
            let (previous, time) = (last.hash(), last.time + 1);
            let header = Header { version: mark, previous, time, bits: Bits(bits), ..genesis };
            chain.push(solve(header).expect("regtest is easy"));
        }
        chains.push(chain);
    }
    chains
});

/// The node's side of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) secrets: Secrets,
    pub(super) params: PresyncParams,
    /// How many easy headers have as much work as is wanted.
    pub(super) minimum_headers: u16,
    /// How long the chain may have been growing, in seconds.
    pub(super) age_secs: u16,
    pub(super) min_difficulty: MinDifficulty,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Which chain.
    pub(super) chain: usize,
    /// How many headers of it, at most as many as one message brings.
    pub(super) count: usize,
    /// From which on; `None`: those that were asked for.
    pub(super) from: Option<usize>,
}

/// Has a peer tell of chains, as any bytes say.
///
/// # Panics
///
/// It is not what follows from all that was told.
pub fn headers_presync(bytes: &[u8]) -> Judged {
    let mut bytes = Unstructured::new(bytes);
    let commitment_period = 1 + below(&mut bytes, 300);
    let secrets = Secrets {
        offset: below(&mut bytes, commitment_period),
        salt: [below(&mut bytes, u32::MAX).into(), 7],
    };
    let redownload_buffer = pick(&mut bytes, &[0, 1, 60, 1_999, 2_500]);
    let setup = Setup {
        secrets,
        params: PresyncParams { commitment_period, redownload_buffer },
        minimum_headers: pick(&mut bytes, &[4_300, 4_000, 2_000, 2_001, 3_500, 6_000]),
        age_secs: pick(&mut bytes, &[7_200, 700, 100]),
        min_difficulty: pick(&mut bytes, &[MinDifficulty::Allowed, MinDifficulty::Forbidden]),
    };
    let mut messages = Vec::new();
    let mut chain = index(&mut bytes, FORKS.len());
    while !bytes.is_empty() && messages.len() < MESSAGES_MAX {
        if below(&mut bytes, 4) == 3 {
            chain = index(&mut bytes, FORKS.len());
        }
        let is_full = below(&mut bytes, 8) < 7;
        let count = if is_full { HEADERS_PER_MESSAGE_MAX } else { 1 + index(&mut bytes, 1_999) };
        let is_asked_for = below(&mut bytes, 16) < 15;
        let from = (!is_asked_for).then(|| index(&mut bytes, CHAIN_HEADERS));
        messages.push(Told { chain, count, from });
    }
    compare(&setup, &messages)
}

fn params_of(setup: &Setup) -> Params {
    let regtest = Params::of(Network::Regtest);
    // A period longer than the chains: that no target moves is a rule of one line.
    let timespan_secs = regtest.spacing_secs * 10_000;
    Params { presync: setup.params, min_difficulty: setup.min_difficulty, timespan_secs, ..regtest }
}

/// The headers of a message, where the locator begins with `asked`.
fn headers_of(told: &Told, asked: sockman::chain::BlockHash) -> &'static [Header] {
    let chain = &CHAINS[told.chain];
    let known = || chain.iter().position(|header| header.previous == asked);
    let from = told.from.or_else(known).unwrap_or(0);
    &chain[from..CHAIN_HEADERS.min(from + told.count)]
}

/// What a peer tells, to the node and to the model.
pub(super) fn compare(setup: &Setup, messages: &[Told]) -> Judged {
    let params = params_of(setup);
    let tree = HeaderTree::new(params.clone(), 1);
    let genesis = tree.header(HeaderId::GENESIS);
    let easy = genesis.claimed_work();
    let minimum = easy.saturating_mul(1 + u64::from(setup.minimum_headers));
    let now = UnixTime::from_secs(u64::from(genesis.time) + u64::from(setup.age_secs) - 7_200);
    let mut presync = Presync::begin(&tree, HeaderId::GENESIS, minimum, now, setup.secrets);
    let mut model = Remembering::new(setup, &genesis, minimum);
    assert_eq!(presync.commitments_max(), model.bits_max(), "how long a chain can be");
    let mut released = Vec::new();
    for told in messages {
        let locator = presync.locator(&tree);
        assert_eq!(locator, [model.last(), genesis.hash()], "where to go on");
        let headers = headers_of(told, locator[0]);
        let linked = LinkedHeaders::link(&params, headers).expect("they were mined");
        let expected = model.hear(headers);
        let found = presync.handle_headers(&params, &linked.expect("there are some"));
        let (next, end) = match found {
            Err(error) => (None, end_of(error)),
            Ok(step) => {
                let more = step.released.iter().flat_map(LinkedHeaders::headers);
                released.extend(more.copied());
                match step.next {
                    Next::Ask(presync) => (Some(presync), End::GoesOn),
                    Next::Complete => (None, End::Complete),
                    Next::Short => (None, End::Short),
                }
            }
        };
        assert_eq!(end, expected, "{setup:?} {messages:?}");
        assert!(released == model.released(), "what is released: {setup:?} {messages:?}");
        let Some(next) = next else { return Judged::Passed };
        next.check_invariants(&params);
        assert_eq!(next.commitments_count(), model.bits_count(), "{setup:?} {messages:?}");
        assert_eq!(next.held_back_count(), model.held_back_count());
        presync = next;
    }
    if messages.is_empty() { Judged::Trivial } else { Judged::Passed }
}

const fn end_of(error: PresyncError) -> End {
    match error {
        PresyncError::NotContinuous { height } => End::Wrong("continuity", height),
        PresyncError::Difficulty { height, .. } => End::Wrong("difficulty", height),
        PresyncError::TooLong { height } => End::Wrong("length", height),
        PresyncError::OtherChain { height } => End::Wrong("other", height),
        PresyncError::LongerChain { height } => End::Wrong("longer", height),
    }
}

#[cfg(test)]
mod tests;
