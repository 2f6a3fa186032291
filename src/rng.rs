//! Randomness as an argument: a draw is a function of a seed, a purpose, a subject and a count.
//!
//! There is no stream that is shared, so a draw that is added in one place moves no other. There
//! are two functions; golden vectors in the tests hold their values. [`Seed::draw`] is ChaCha20
//! with the seed as key, the purpose and the subject as stream number and the count as block
//! number: for what goes over the wire. [`OrderKey::draw`] is SipHash-2-4 with a key drawn so: for
//! what is drawn with every message and seen by nobody, at a fiftieth of the work. (Core: its
//! `GetDeterministicRandomizer` is SipHash too.)

use std::hash::Hasher as _;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use siphasher::sip::SipHasher24;

mod exponential;

pub use exponential::exponential;

/// What a draw is for. The numbers are part of the function and are never given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The nonce of our `version` message, by which a node knows itself.
    VersionNonce = 1,
    /// The nonce of a ping.
    PingNonce = 2,
    /// The key for the peers' places in the passes of the message handler.
    PassOrder = 3,
    /// Key and garbage of a v2 transport.
    TransportSecrets = 4,
    /// The key under which netgroups are compared when somebody is evicted.
    NetGroups = 5,
    /// The address manager's secret key, from which the places of addresses follow.
    AddrManKey = 16,
    /// What the address manager draws in one of its operations, whose number is the subject.
    AddrMan = 17,
    /// The key for the fingerprints of discouraged hosts.
    Discouraged = 20,
    /// What the handling of a message with addresses draws; its number is the subject.
    AddrList = 32,
    /// What an answer to `getaddr` draws; its number is the subject.
    AddrAnswer = 33,
    /// When a peer is told addresses, and which one gives way to another.
    AddrTrickle = 34,
    /// The key for whom an address is relayed to.
    AddrRelay = 35,
    /// The key for the fingerprints of addresses that a peer knows.
    AddrKnown = 36,
    /// When a peer is told our own address, and which.
    OwnAddress = 37,
    /// When a connection is opened that is not for good; what it is for is the subject.
    OpenTimers = 40,
    /// What the choice of an address to connect to draws; its number is the subject.
    OpenChoice = 41,
    /// The order in which nodes are asked for addresses.
    SeedNodes = 42,
    /// The secrets by which a chain is remembered that is told twice; its number is the subject.
    Presync = 45,
    /// Which known addresses an operator is told.
    AddressesTold = 50,
    /// The cookie that clients of an RPC server show.
    RpcCookie = 51,
    /// The salt under which a password is kept.
    RpcSalt = 52,
    /// What tells a block that was mined on request from others in its place; the number of the
    /// request is the subject.
    BlockMark = 53,
}

/// The seed of everything that is random in one node.
///
/// Production takes 32 bytes from the operating system, the simulator from its schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed of 32 bytes, all of which matter.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A seed with only 64 bits in it: for schedules, which are not secret.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self(bytes)
    }

    /// The `n`-th draw for `subject` (a peer's number, say) and `purpose`.
    ///
    /// Subjects differ in their low 56 bits.
    #[must_use]
    pub fn draw(&self, purpose: Purpose, subject: u64, n: u64) -> u64 {
        let mut rng = self.stream(purpose, subject);
        rng.set_word_pos(u128::from(n) * 16);
        rng.next_u64()
    }

    /// As many bytes as `bytes` has, for `subject` and `purpose`. A purpose has draws or bytes.
    pub fn fill(&self, purpose: Purpose, subject: u64, bytes: &mut [u8]) {
        self.stream(purpose, subject).fill_bytes(bytes);
    }

    /// As many draws as one operation needs, for `purpose` and `subject`.
    #[must_use]
    pub fn draws(&self, purpose: Purpose, subject: u64) -> Draws {
        Draws(self.stream(purpose, subject))
    }

    /// The stream of a purpose and a subject, at its start.
    fn stream(&self, purpose: Purpose, subject: u64) -> ChaCha20Rng {
        let mut rng = ChaCha20Rng::from_seed(self.0);
        rng.set_stream((purpose as u64) << 56 | subject & (u64::MAX >> 8));
        rng
    }
}

/// The draws of one operation that needs an unknown number of them, one after the other.
///
/// They begin anew with each subject, so that what one operation draws moves no other.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha20Rng);

impl Draws {
    /// A number below `bound`, which is above zero. A bound of 2^32 or less favours no number by
    /// more than one part in 2^32.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the upper half of a product of two u64")
    }

    /// An index into something that has `len` of them, at least one.
    #[must_use]
    pub fn index(&mut self, len: usize) -> usize {
        let bound = u64::try_from(len).expect("a usize has at most 64 bits");
        usize::try_from(self.below(bound)).expect("below a usize")
    }

    /// Puts these into an order, each as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// A key for draws that order something, of which there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderKey {
    low: u64,
    high: u64,
}

impl OrderKey {
    /// The key of a seed for a purpose.
    #[must_use]
    pub fn new(seed: &Seed, purpose: Purpose) -> Self {
        Self { low: seed.draw(purpose, 0, 0), high: seed.draw(purpose, 0, 1) }
    }

    /// The `n`-th draw for `subject`.
    #[must_use]
    pub fn draw(&self, subject: u64, n: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.low, self.high);
        hasher.write(&subject.to_le_bytes());
        hasher.write(&n.to_le_bytes());
        hasher.finish()
    }

    /// A number for some bytes, which nobody without the key can choose.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.low, self.high);
        hasher.write(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that a change of library or layout would move.
    #[test]
    fn draws_keep_their_golden_values() {
        let seed = Seed::from_number(7);
        let drawn = [
            seed.draw(Purpose::VersionNonce, 0, 0),
            seed.draw(Purpose::VersionNonce, 0, 1),
            seed.draw(Purpose::VersionNonce, 1, 0),
            seed.draw(Purpose::PingNonce, 0, 0),
        ];
        let golden = [
            3_281_694_254_163_447_453,
            3_837_815_070_443_906_938,
            4_068_457_745_204_385_906,
            5_945_843_208_417_950_855,
        ];
        assert_eq!(drawn, golden);
    }

    #[test]
    fn draws_of_an_operation_stay_below_their_bound() {
        let mut draws = Seed::from_number(7).draws(Purpose::AddrMan, 1);
        let mut again = draws.clone();
        for bound in [1, 2, 3, 64, 1 << 30, u64::MAX] {
            let drawn = draws.below(bound);
            assert!(drawn < bound);
            assert_eq!(again.below(bound), drawn);
        }
        let halves: Vec<_> = (0..64).map(|_| draws.below(2)).collect();
        assert!(halves.contains(&0) && halves.contains(&1));
    }

    #[test]
    fn order_keeps_its_golden_values() {
        let key = OrderKey::new(&Seed::from_number(7), Purpose::PassOrder);
        let drawn = [key.draw(0, 0), key.draw(0, 1), key.draw(1, 0)];
        let golden =
            [3_589_221_365_923_371_310, 2_637_872_619_835_547_496, 9_135_648_650_318_221_380];
        assert_eq!(drawn, golden);
    }
}
