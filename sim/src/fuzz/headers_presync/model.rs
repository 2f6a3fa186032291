//! The model: it remembers every header of both rounds, and goes over all of them each time.

use sockman::chain::{BlockHash, HEADERS_PER_MESSAGE_MAX, Header, MinDifficulty, U256};

use super::Setup;

/// How it went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    GoesOn,
    Complete,
    Short,
    /// What is wrong, and at which height.
    Wrong(&'static str, u64),
}

pub(super) struct Remembering {
    setup: Setup,
    genesis: Header,
    minimum: U256,
    first: Vec<Header>,
    second: Option<Vec<Header>>,
    released: usize,
}

impl Remembering {
    pub(super) fn new(setup: &Setup, genesis: &Header, minimum: U256) -> Self {
        let (setup, genesis) = (*setup, *genesis);
        Self { setup, genesis, minimum, first: Vec::new(), second: None, released: 0 }
    }

    /// The last header that was told in this round.
    pub(super) fn last(&self) -> BlockHash {
        let round = self.second.as_ref().unwrap_or(&self.first);
        round.last().unwrap_or(&self.genesis).hash()
    }

    /// Six blocks a second up to two hours from now, one bit in so many.
    pub(super) fn bits_max(&self) -> u64 {
        6 * u64::from(self.setup.age_secs) / u64::from(self.setup.params.commitment_period)
    }

    /// How many heights up to one have a bit.
    fn bits_upto(&self, height: usize) -> u64 {
        (1..=height).filter(|height| self.has_bit(*height)).count() as u64
    }

    /// Bits that nothing was compared with.
    pub(super) fn bits_count(&self) -> u64 {
        let compared = self.second.as_ref().map_or(0, Vec::len);
        self.bits_upto(self.first.len()) - self.bits_upto(compared)
    }

    pub(super) fn held_back_count(&self) -> usize {
        self.second.as_ref().map_or(0, Vec::len) - self.released
    }

    pub(super) fn released(&self) -> &[Header] {
        self.second.as_ref().map_or(&[], |second| &second[..self.released])
    }

    /// One message.
    pub(super) fn hear(&mut self, headers: &[Header]) -> End {
        let is_full = headers.len() == HEADERS_PER_MESSAGE_MAX;
        let Some(second) = &self.second else {
            let first = [&self.first[..], headers].concat();
            if let Err(wrong) = self.go_over(&first, true) {
                return wrong;
            }
            let has_work = self.has_work(&first);
            self.first = first;
            self.second = has_work.then(Vec::new);
            return if has_work || is_full { End::GoesOn } else { End::Short };
        };
        let second = [&second[..], headers].concat();
        if let Err(wrong) = self.go_over(&second, false) {
            return wrong;
        }
        let has_work = self.has_work(&second);
        let kept = if has_work { 0 } else { self.setup.params.redownload_buffer };
        self.released = second.len().saturating_sub(kept);
        self.second = Some(second);
        match (has_work, is_full) {
            (true, _) => End::Complete,
            (false, true) => End::GoesOn,
            (false, false) => End::Short,
        }
    }

    fn has_work(&self, headers: &[Header]) -> bool {
        let all = std::iter::once(&self.genesis).chain(headers);
        let work = all.fold(U256::ZERO, |sum, header| sum.saturating_add(header.claimed_work()));
        work >= self.minimum
    }

    fn has_bit(&self, height: usize) -> bool {
        let period = self.setup.params.commitment_period as usize;
        height % period == self.setup.secrets.offset as usize
    }

    fn bit(&self, header: &Header) -> bool {
        siphash(self.setup.secrets.salt, header.hash().0) & 1 == 1
    }

    /// Every rule for every header of a round, from its start.
    fn go_over(&self, round: &[Header], is_first: bool) -> Result<(), End> {
        let mut bits = 0;
        let mut work = self.genesis.claimed_work();
        let lower = std::iter::once(&self.genesis).chain(round);
        for ((header, lower), at) in round.iter().zip(lower).zip(0..) {
            let wrong = |what| Err(End::Wrong(what, at as u64 + 1));
            if header.previous != lower.hash() {
                return wrong("continuity");
            }
            let may_move = self.setup.min_difficulty == MinDifficulty::Allowed;
            if header.bits != lower.bits && !may_move {
                return wrong("difficulty");
            }
            work = work.saturating_add(header.claimed_work());
            if !self.has_bit(at + 1) {
                continue;
            }
            bits += 1;
            match (is_first, self.first.get(at)) {
                (true, _) if bits > self.bits_max() => return wrong("length"),
                (true, _) => {}
                (false, _) if work >= self.minimum => {}
                (false, None) => return wrong("longer"),
                (false, Some(before)) if self.bit(before) != self.bit(header) => {
                    return wrong("other");
                }
                (false, Some(_)) => {}
            }
        }
        Ok(())
    }
}

/// SipHash-2-4 of 32 bytes. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".
fn siphash(key: [u64; 2], bytes: [u8; 32]) -> u64 {
    let [low, high] = key;
    let mut v = [
        low ^ 0x736f_6d65_7073_6575,
        high ^ 0x646f_7261_6e64_6f6d,
        low ^ 0x6c79_6765_6e65_7261,
        high ^ 0x7465_6462_7974_6573,
    ];
    let words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    for word in words.chain([32 << 56]) {
        v[3] ^= word;
        (0..2).for_each(|_| round(&mut v));
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

const fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}
