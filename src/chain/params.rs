//! What differs from network to network: the first block, the easiest target, how difficulty moves.
//!
//! Source: Core kernel/chainparams.cpp.

use super::{Bits, BlockHash, Hash, Header, U256};
use crate::transport::Network;

/// The rules of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Whose they are.
    pub network: Network,
    /// The first header, which is taken for granted.
    pub genesis: Header,
    /// The easiest target, which every header's is at or below. Core: `powLimit`.
    pub pow_limit: U256,
    /// Seconds from block to block, at least 1. Core: `nPowTargetSpacing`.
    pub spacing_secs: u32,
    /// Seconds that a period of one difficulty is to take, a multiple of the spacing. Core:
    /// `nPowTargetTimespan`.
    pub timespan_secs: u32,
    /// How difficulty moves.
    pub retarget: Retarget,
    /// Whether a block after a long pause may be easy.
    pub min_difficulty: MinDifficulty,
    /// From which height on blocks carry witnesses. Core: `SegwitHeight`.
    pub segwit_height: u32,
    /// What is remembered of a chain that has shown too little work.
    pub presync: PresyncParams,
}

/// What is remembered of a chain whose headers are told twice, because it has shown too little work
/// the first time. Core: `HeadersSyncParams`. Which two numbers take the least memory, so that who
/// attacks puts less than a fifth of a header per 10 minutes into the tree, is what Core's
/// contrib/devtools/headerssync-params.py looks for; these are its results of September 2025.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PresyncParams {
    /// Headers from one of which a bit is remembered to the next, at least 1. Core:
    /// `commitment_period`.
    pub commitment_period: u32,
    /// How many headers are held back when they are told again. Core: `redownload_buffer_size`.
    pub redownload_buffer: usize,
}

/// How difficulty moves from one period to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retarget {
    /// By the time that the last period took, from the target of its last block.
    Last,
    /// From the target of its first block, which cannot be an easy one; and the first block of a
    /// period is at most 10 minutes older than the one before it. BIP 94.
    First,
    /// Never. Core: `fPowNoRetargeting`.
    Never,
}

/// Whether a block that comes 20 minutes or more after the last may have the easiest target. Core:
/// `fPowAllowMinDifficultyBlocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MinDifficulty {
    /// It has to.
    Allowed,
    /// There is no such exception.
    Forbidden,
}

const MINUTES_10: u32 = 10 * 60;
const DAY: u32 = 24 * 60 * 60;

impl Params {
    /// Those of a network.
    #[must_use]
    pub fn of(network: Network) -> Self {
        let main = Self {
            network,
            genesis: genesis(1_231_006_505, 2_083_236_893, 0x1d00_ffff),
            pow_limit: U256::MAX.shifted_right(32),
            spacing_secs: MINUTES_10,
            timespan_secs: 14 * DAY,
            retarget: Retarget::Last,
            min_difficulty: MinDifficulty::Forbidden,
            segwit_height: 481_824,
            presync: PresyncParams { commitment_period: 632, redownload_buffer: 15_009 },
        };
        let testnet4_presync = PresyncParams { commitment_period: 275, redownload_buffer: 7_017 };
        match network {
            Network::Main => main,
            Network::Testnet3 => Self {
                genesis: genesis(1_296_688_602, 414_098_458, 0x1d00_ffff),
                min_difficulty: MinDifficulty::Allowed,
                segwit_height: 834_624,
                presync: PresyncParams { commitment_period: 628, redownload_buffer: 13_460 },
                ..main
            },
            Network::Testnet4 => Self {
                genesis: Header {
                    merkle_root: Hash(TESTNET4_MERKLE_ROOT),
                    ..genesis(1_714_777_860, 393_743_547, 0x1d00_ffff)
                },
                retarget: Retarget::First,
                min_difficulty: MinDifficulty::Allowed,
                segwit_height: 1,
                presync: testnet4_presync,
                ..main
            },
            Network::Signet => Self {
                genesis: genesis(1_598_918_400, 52_613_770, 0x1e03_77ae),
                pow_limit: U256::from_u64(0x0003_77ae).shifted_left(216),
                segwit_height: 1,
                presync: PresyncParams { commitment_period: 390, redownload_buffer: 9_584 },
                ..main
            },
            Network::Regtest => Self {
                genesis: genesis(1_296_688_602, 2, 0x207f_ffff),
                pow_limit: U256::MAX.shifted_right(1),
                timespan_secs: DAY,
                retarget: Retarget::Never,
                min_difficulty: MinDifficulty::Allowed,
                segwit_height: 0,
                presync: testnet4_presync,
                ..main
            },
        }
    }

    /// Blocks of one difficulty. Core: `DifficultyAdjustmentInterval`.
    #[must_use]
    pub const fn period_blocks(&self) -> u32 {
        self.timespan_secs / self.spacing_secs
    }

    /// The first block; `None` where its transaction is not known here, on testnet4.
    #[must_use]
    pub fn genesis_block(&self) -> Option<Vec<u8>> {
        let has_usual = self.genesis.merkle_root == Hash(MERKLE_ROOT);
        has_usual.then(|| [&self.genesis.encode()[..], &[1], &genesis_coinbase()].concat())
    }

    /// The easiest target as headers have it.
    #[must_use]
    pub fn pow_limit_bits(&self) -> Bits {
        Bits::of(self.pow_limit)
    }
}

/// A first header. Core: `CreateGenesisBlock`.
fn genesis(time: u32, nonce: u32, bits: u32) -> Header {
    Header {
        version: 1,
        previous: BlockHash::ZERO,
        merkle_root: Hash(MERKLE_ROOT),
        time,
        bits: Bits(bits),
        nonce,
    }
}

/// The transaction of the first block of every network but one. Core: `CreateGenesisBlock`.
fn genesis_coinbase() -> Vec<u8> {
    let text = b"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
    let [a, b, c, d] = GENESIS_KEY.map(u128::to_be_bytes);
    [
        // Version, one input that spends nothing, its script.
        &[1, 0, 0, 0, 1][..],
        &[0; 32],
        &[0xff, 0xff, 0xff, 0xff, 77, 4, 0xff, 0xff, 0, 0x1d, 1, 4, 69],
        text,
        &[0xff, 0xff, 0xff, 0xff, 1],
        // 50 coins for who has the key.
        &5_000_000_000_u64.to_le_bytes(),
        &[67, 65, 4],
        &a,
        &b,
        &c,
        &d,
        &[0xac, 0, 0, 0, 0],
    ]
    .concat()
}

/// A public key without its first byte, which says that it is written in full.
const GENESIS_KEY: [u128; 4] = [
    0x678a_fdb0_fe55_4827_1967_f1a6_7130_b710,
    0x5cd6_a828_e039_09a6_7962_e0ea_1f61_deb6,
    0x49f6_bc3f_4cef_38c4_f355_04e5_1ec1_12de,
    0x5c38_4df7_ba0b_8d57_8a4c_702b_6bf1_1d5f,
];

/// Of the first block of every network but one: its transaction is the same.
const MERKLE_ROOT: [u8; 32] =
    reversed(0x4a5e_1e4b_aab8_9f3a_3251_8a88_c31b_c87f, 0x618f_7667_3e2c_c77a_b212_7b7a_fded_a33b);

const TESTNET4_MERKLE_ROOT: [u8; 32] =
    reversed(0x7aa0_a7ae_1e22_3414_cb80_7e40_cd57_e667, 0xb718_e42a_af93_06db_9102_fe28_912b_7b4e);

/// A hash from its two halves as people write them.
const fn reversed(upper: u128, lower: u128) -> [u8; 32] {
    let (upper, lower) = (upper.to_le_bytes(), lower.to_le_bytes());
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < 16 {
        bytes[at] = lower[at];
        bytes[at + 16] = upper[at];
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Block, Segwit};

    #[test]
    fn first_blocks_have_their_names_and_their_work() {
        for (network, name) in [
            (Network::Main, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
            (Network::Testnet3, "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
            (Network::Testnet4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
            (Network::Signet, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
            (Network::Regtest, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        ] {
            let params = Params::of(network);
            assert_eq!(params.genesis.hash().to_string(), name, "{network}");
            assert_eq!(params.genesis.check_pow(params.pow_limit), Ok(()), "{network}");
            assert_eq!(params.pow_limit_bits(), params.genesis.bits, "{network}");
            assert_eq!(params.timespan_secs % params.spacing_secs, 0, "{network}");
        }
    }

    #[test]
    fn first_blocks_are_whole() {
        for network in Network::ALL {
            let params = Params::of(network);
            let Some(bytes) = params.genesis_block() else {
                assert_eq!(network, Network::Testnet4);
                continue;
            };
            let block = Block::decode(&bytes).unwrap();
            assert_eq!((block.header, bytes.len()), (params.genesis, 285));
            assert_eq!(block.check(Segwit::NotYet), Ok(()), "{network}");
        }
    }

    #[test]
    fn easiest_targets_are_the_reference_s() {
        for (network, start) in [
            (Network::Main, "00000000ffffffffffffffff"),
            (Network::Signet, "00000377ae00000000000000"),
            (Network::Regtest, "7fffffffffffffffffffffff"),
        ] {
            let limit = Params::of(network).pow_limit.to_string();
            assert_eq!(limit.get(..24), Some(start), "{network}");
        }
    }

    #[test]
    fn periods_are_two_weeks_and_a_day_on_regtest() {
        for network in Network::ALL {
            let blocks = if network == Network::Regtest { 144 } else { 2016 };
            assert_eq!(Params::of(network).period_blocks(), blocks, "{network}");
        }
    }
}
