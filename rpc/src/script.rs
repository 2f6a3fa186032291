//! Whom the coins of a mined block are for: addresses and descriptors as output scripts.
//!
//! Sources: Core key_io.cpp, `DecodeDestination`; script/descriptor.cpp, `DescriptorChecksum`; BIP
//! 173, BIP 350.

use sha2::{Digest, Sha256};
use sockman::transport::Network;

/// Digits of base 58. Core: base58.cpp.
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Digits of bech32. BIP 173.
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// What the checksum of bech32 comes to, and that of bech32m. BIP 350.
const BECH32_SUM: u32 = 1;
const BECH32M_SUM: u32 = 0x2bc8_30a3;

/// The most characters of an address of bech32. BIP 173.
const BECH32_CHARACTERS_MAX: usize = 90;

/// Characters of a descriptor, in groups of 32, and digits of its checksum. Core:
/// `DescriptorChecksum`.
const DESCRIPTOR_CHARACTERS: &[u8] = b"0123456789()[],'/*abcdefgh@:$%{}\
    IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";

/// Scripts: the operations that they are made of. Core: script/script.h.
const OP_DUP: u8 = 0x76;
const OP_EQUAL: u8 = 0x87;
const OP_EQUALVERIFY: u8 = 0x88;
const OP_HASH160: u8 = 0xa9;
const OP_CHECKSIG: u8 = 0xac;

/// First bytes of addresses in base 58, of a key's hash and of a script's, and the beginning of
/// those in bech32. Core: kernel/chainparams.cpp.
const fn prefixes(network: Network) -> (u8, u8, &'static str) {
    match network {
        Network::Main => (0, 5, "bc"),
        Network::Testnet3 | Network::Testnet4 | Network::Signet => (111, 196, "tb"),
        Network::Regtest => (111, 196, "bcrt"),
    }
}

/// The output script of an address; `None`: it is none of this network.
pub(crate) fn of_address(text: &str, network: Network) -> Option<Vec<u8>> {
    of_base58(text, network).or_else(|| of_bech32(text, network))
}

fn of_base58(text: &str, network: Network) -> Option<Vec<u8>> {
    let bytes = base58(text)?;
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    let hash = Sha256::digest(Sha256::digest(body));
    let (version, hash160) = body.split_first()?;
    if hash[..4] != *sum || hash160.len() != 20 {
        return None;
    }
    let (key, script, _) = prefixes(network);
    let (before, after): (&[u8], &[u8]) = if *version == key {
        (&[OP_DUP, OP_HASH160, 20], &[OP_EQUALVERIFY, OP_CHECKSIG])
    } else if *version == script {
        (&[OP_HASH160, 20], &[OP_EQUAL])
    } else {
        return None;
    };
    Some([before, hash160, after].concat())
}

/// Bytes of digits in base 58. An address has 25 of them, in at most 35 digits.
fn base58(text: &str) -> Option<Vec<u8>> {
    if text.len() > 35 {
        return None;
    }
    let zeros = text.bytes().take_while(|digit| *digit == BASE58[0]).count();
    // The least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in text.bytes() {
        let mut carry = u32::try_from(BASE58.iter().position(|known| *known == digit)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            [*byte, ..] = carry.to_le_bytes();
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
        }
    }
    bytes.extend(vec![0; zeros]);
    bytes.reverse();
    Some(bytes)
}

/// BIP 173: a version, and a program of 2 to 40 bytes.
fn of_bech32(text: &str, network: Network) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    let is_mixed = text != lower && text != text.to_ascii_uppercase();
    let (prefix, data) = lower.rsplit_once('1')?;
    if is_mixed || prefix != prefixes(network).2 || lower.len() > BECH32_CHARACTERS_MAX {
        return None;
    }
    let digit = |c: u8| BECH32.iter().position(|known| *known == c);
    let digits: Option<Vec<u8>> = data.bytes().map(|c| u8::try_from(digit(c)?).ok()).collect();
    let digits = digits?;
    let sum = bech32_sum(prefix, &digits);
    let (version, program) = digits.get(..digits.len().checked_sub(6)?)?.split_first()?;
    let program = eights(program)?;
    let is_right = match version {
        0 => sum == BECH32_SUM && matches!(program.len(), 20 | 32),
        1..=16 => sum == BECH32M_SUM && (2..=40).contains(&program.len()),
        _ => false,
    };
    let operation = if *version == 0 { 0 } else { 0x50 + version };
    let length = u8::try_from(program.len()).ok()?;
    is_right.then(|| [&[operation, length], &program[..]].concat())
}

/// BIP 173: `bech32_polymod` over the prefix as it is expanded there, and the digits.
fn bech32_sum(prefix: &str, digits: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.bytes().map(|c| c >> 5);
    let low = prefix.bytes().map(|c| c & 31);
    let all = high.chain([0]).chain(low).chain(digits.iter().copied());
    all.fold(1, |sum, digit| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(digit);
        let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        terms.fold(next, |sum, (_, term)| sum ^ term)
    })
}

/// Groups of five bits as bytes; what is left over is less than five zeros.
fn eights(fives: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut value, mut bits) = (Vec::new(), 0_u32, 0);
    for five in fives {
        value = value << 5 | u32::from(*five);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits).to_le_bytes()[0]);
            value &= (1 << bits) - 1;
        }
    }
    (bits < 5 && value == 0).then_some(bytes)
}

/// The output script of a descriptor: `raw(HEX)` or `addr(ADDRESS)`, perhaps with its checksum.
pub(crate) fn of_descriptor(text: &str, network: Network) -> Option<Vec<u8>> {
    let (body, sum) = match text.split_once('#') {
        Some((body, sum)) => (body, Some(sum)),
        None => (text, None),
    };
    if sum.is_some_and(|sum| descriptor_sum(body).as_deref() != Some(sum)) {
        return None;
    }
    let inner = body.strip_suffix(')')?;
    if let Some(digits) = inner.strip_prefix("raw(") {
        return bytes_of_hex(digits);
    }
    of_address(inner.strip_prefix("addr(")?, network)
}

/// Core: `DescriptorChecksum`, of what is in front of `#`.
fn descriptor_sum(body: &str) -> Option<String> {
    const GENERATOR: [u64; 5] =
        [0x00f5_dee5_1989, 0x00a9_fdca_3312, 0x001b_ab10_e32d, 0x0037_06b1_677a, 0x0064_4d62_6ffd];
    let step = |sum: u64, digit: u64| {
        let next = (sum & 0x0007_ffff_ffff) << 5 ^ digit;
        let top = sum >> 35;
        let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        terms.fold(next, |sum, (_, term)| sum ^ term)
    };
    let (mut sum, mut group, mut count) = (1, 0, 0);
    for c in body.bytes() {
        let place = DESCRIPTOR_CHARACTERS.iter().position(|known| *known == c)? as u64;
        sum = step(sum, place & 31);
        group = group * 3 + (place >> 5);
        count += 1;
        if count == 3 {
            sum = step(sum, group);
            (group, count) = (0, 0);
        }
    }
    if count > 0 {
        sum = step(sum, group);
    }
    sum = (0..8).fold(sum, |sum, _| step(sum, 0)) ^ 1;
    let digit = |place: u32| char::from(BECH32[(sum >> (5 * (7 - place)) & 31) as usize]);
    Some((0..8).map(digit).collect())
}

/// Bytes of hexadecimal digits, two each.
pub(crate) fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hex;

    #[track_caller]
    fn check(script: Option<Vec<u8>>, expected: &str) {
        assert_eq!(script.map(|script| hex(&script)).as_deref(), Some(expected));
    }

    /// Core: test/functional/test_framework/test_node.py, `deterministic_priv_keys`; BIP 350.
    #[test]
    fn addresses_have_their_scripts() {
        let regtest = |text| of_address(text, Network::Regtest);
        check(
            regtest("mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"),
            "76a9142b4569203694fc997e13f2c0a1383b9e16c77a0d88ac",
        );
        check(
            of_address("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", Network::Main),
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        );
        check(
            of_address(
                "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
                Network::Signet,
            ),
            "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        );
        for none in [
            "",
            "1",
            "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6Z",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081",
            "not an address",
        ] {
            assert_eq!(regtest(none), None, "{none}");
        }
        // Version 0 has the older sum, later ones the newer (BIP 350).
        let older = "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4";
        assert_eq!(of_address(older, Network::Main), None);
    }

    /// Core: doc/descriptors.md; test/functional/rpc_generate.py.
    #[test]
    fn descriptors_have_their_scripts() {
        let regtest = |text| of_descriptor(text, Network::Regtest);
        check(regtest("raw(51)"), "51");
        check(regtest("raw(51)#8lvh9jxk"), "51");
        assert_eq!(regtest("raw(51)#8lvh9jxl"), None);
        assert_eq!(regtest("raw(5)"), None);
        assert_eq!(regtest("pk(51)"), None);
        check(
            regtest("addr(mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z)"),
            "76a9142b4569203694fc997e13f2c0a1383b9e16c77a0d88ac",
        );
    }
}
