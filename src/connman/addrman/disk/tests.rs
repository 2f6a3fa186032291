//! Files as Core writes them, and files that nobody should have written.

use std::time::Duration;

use super::*;
use crate::connman::Services;
use crate::connman::addrman::net_addr::tests::ip;
use crate::connman::addrman::tests::{NOW, draws, key, record};
use crate::connman::addrman::{
    AddrMan, AddrRecord, Counting, Inconsistency, NetAddr, NetGroups, NetService, Table,
};
use crate::connman::message::DecodeWhy;
use crate::transport::Network;

const MAIN: Magic = Network::Main.magic();

/// The entries and the checksum of [`small`], from a writer of the format apart from this program.
const ENTRIES: [&str; 3] = [
    "605b032000f15365090104fa010101208d0104fc020202000000000000000001000000",
    "605b032000f15365fd09040420070707070707070707070707070707070707070707070707070707\
         0707070707208d0210fd6b88c0872401010101010101010101000000000000000000000000",
    "605b032000f153650102102a000000000000000000000000000001479d0104fa01010100f1536500\
         00000000000000",
];
const FILE_BYTES: usize = 4377;
const CHECKSUM: &str = "155fa0abf9b7cae0a1d22c7d1cde3c2ed10c103fe0fa9c3c34be3ada3261b2ff";
const ANCHORS: &str = "f9beb4d901605b032000f153650102102a000000000000000000000000000001479d0327d6\
     83d42332cb4f029c66c809be05fdfcaf3721401d6a859cc2e71c69ab01";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn six() -> AddrRecord {
    record("2a00::1", 18333)
}

/// Two new addresses and a tried one.
fn small() -> AddrMan {
    let mut addrman = AddrMan::new(key(), NetGroups);
    let services = Services::NETWORK | Services::WITNESS;
    let four = AddrRecord { services, ..record("250.1.1.1", 8333) };
    let service = NetService { addr: NetAddr::Onion([7; 32]), port: 8333 };
    let onion = AddrRecord { service, services: Services(0x409), time: NOW };
    let told =
        [(four, ip("252.2.2.2")), (onion, NetAddr::Internal([1; 10])), (six(), ip("250.1.1.1"))];
    for (record, source) in told {
        assert_eq!(addrman.add(&[record], &source, Duration::ZERO, NOW, &mut draws(0)), 1);
    }
    addrman.attempt(&four.service, Counting::Counted, NOW);
    addrman.good(&six().service, NOW);
    addrman
}

/// Many addresses, some in several places.
fn large() -> AddrMan {
    let mut addrman = AddrMan::new(key(), NetGroups);
    for n in 0..600_u32 {
        let record = record(&format!("{}.{}.1.{}", 1 + n % 7, n % 50, n % 251), 8333);
        for source in 0..4 {
            let source = ip(&format!("{}.9.1.1", 60 + source));
            // A later time each, or a second source would tell nothing new.
            let hours = Duration::from_secs(u64::from(n) * 3600);
            let told = AddrRecord { time: NOW + hours, ..record };
            let penalty = Duration::from_secs(7200);
            addrman.add(&[told], &source, penalty, NOW + hours, &mut draws(u64::from(n)));
        }
        if n % 3 == 0 {
            addrman.good(&record.service, NOW);
        }
    }
    addrman.check_invariants();
    addrman
}

/// What a file keeps of an address manager.
fn kept(addrman: &AddrMan) -> Vec<String> {
    let entry = |(slot, entry): (_, &crate::connman::addrman::Entry)| {
        let (record, source) = (entry.record(), entry.source);
        let (success, attempts) = (entry.last_success, entry.attempts);
        format!("{slot:?} {record:?} {source:?} {success} {attempts} {}", entry.references)
    };
    [Table::New, Table::Tried].into_iter().flat_map(|t| addrman.slots(t).map(entry)).collect()
}

fn load(bytes: &[u8]) -> Result<Loaded, FileError> {
    decode_peers(bytes, MAIN, NetGroups)
}

/// A file with some bytes changed, and the checksum that goes with them.
fn changed(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut body = file[..file.len() - 32].to_vec();
    body[at..at + bytes.len()].copy_from_slice(bytes);
    finish(body)
}

#[test]
fn peers_are_written_as_core_writes_them() {
    let file = encode_peers(&small(), MAIN);
    assert_eq!(file.len(), FILE_BYTES);
    assert_eq!(hex(&file[50..]).find(&ENTRIES.concat()), Some(0), "{}", hex(&file[50..260]));
    assert_eq!(hex(&file[file.len() - 32..]), CHECKSUM);
}

#[test]
fn peers_are_read_as_written() {
    for addrman in [AddrMan::new(key(), NetGroups), small(), large()] {
        let file = encode_peers(&addrman, MAIN);
        let loaded = load(&file).unwrap();
        assert_eq!((loaded.lost_new, loaded.lost_tried), (0, 0));
        assert_eq!(kept(&loaded.addrman), kept(&addrman));
        loaded.addrman.check_invariants();
    }
    assert!(large().slots(Table::New).count() > large().size(None, Some(Table::New)));
    assert!(large().size(None, Some(Table::Tried)) > 100);
}

#[test]
fn anchors_are_written_and_read_as_core_does() {
    let file = encode_anchors(&[six()], MAIN);
    assert_eq!(hex(&file), ANCHORS);
    assert_eq!(decode_anchors(&file, MAIN), Ok(vec![six()]));
    let of_three = encode_anchors(&[six(); 3], MAIN);
    assert_eq!(decode_anchors(&of_three, MAIN).map(|anchors| anchors.len()), Ok(ANCHORS_MAX));
}

/// The errors of Core test/functional/feature_addrman.py.
#[test]
fn errors_are_those_of_core() {
    let empty = encode_peers(&AddrMan::new(key(), NetGroups), MAIN);
    let check = |file: &[u8], field, offset, why| {
        assert_eq!(load(file), Err(FileError { field, offset, why }));
    };
    let signet = Network::Signet.magic();
    let wrong = FileWhy::WrongMagic { found: signet, expected: MAIN };
    check(&changed(&empty, 0, &signet.0), "magic", 0, wrong);
    check(&changed(&empty, 5, &[0]), "version", 4, FileWhy::CompatTooLow(0));
    let too_new = FileWhy::TooNew { format: 4, lowest_compatible: 111 };
    check(&changed(&empty, 5, &[32 + 111]), "version", 4, too_new);
    let no_key = FileWhy::Inconsistent(Inconsistency::NoKey);
    check(&changed(&empty, 6, &[0; 32]), "key", 6, no_key);
    for (at, field, max) in
        [(38, "number of new entries", 65536), (42, "number of tried entries", 16384)]
    {
        for found in [-1, max + 1] {
            let file = changed(&empty, at, &i32::to_le_bytes(found));
            check(&file, field, at, FileWhy::Count { found, max });
        }
    }
    let cut = FileWhy::Unreadable(DecodeWhy::Truncated);
    check(&empty[..empty.len() - 1], "checksum", empty.len() - 32, cut);
    let mut other = empty.clone();
    *other.last_mut().unwrap() ^= 1;
    check(&other, "checksum", empty.len() - 32, FileWhy::WrongChecksum);
}

/// An unknown network is passed over, a known one of another length is not.
#[test]
fn addresses_of_networks_to_come_are_lost() {
    let file = encode_peers(&small(), MAIN);
    let network = 50 + ENTRIES[0].len() / 2 + 11;
    assert_eq!(file[network], 4);
    let loaded = load(&changed(&file, network, &[99])).unwrap();
    assert_eq!((loaded.lost_new, loaded.addrman.size(None, None)), (1, 2));
    let wrong = load(&changed(&file, network, &[1])).unwrap_err();
    assert!(matches!(wrong.why, FileWhy::Unreadable(DecodeWhy::Address(_))), "{wrong}");
    // Neither is a form that nobody writes.
    let form = load(&changed(&file, 53, &[0x40])).unwrap_err();
    assert_eq!((form.field, form.offset), ("address form", 50));
}

#[test]
fn other_buckets_give_each_address_one_place() {
    let mut file = encode_peers(&large(), MAIN);
    file.truncate(file.len() - 64);
    // As if an asmap had been in use.
    file.extend_from_slice(&[1; 32]);
    let loaded = load(&finish(file)).unwrap();
    loaded.addrman.check_invariants();
    assert!(loaded.addrman.size(None, Some(Table::New)) > 100);
    assert!(loaded.addrman.slots(Table::New).all(|(_, entry)| entry.references == 1));
}

#[test]
fn contradictions_are_found() {
    let file = encode_peers(&small(), MAIN);
    // The last success of the tried entry, which must have one, and not before 1970.
    let success = 50 + ENTRIES.concat().len() / 2 - 12;
    for (time, expected) in
        [(0_i64, Inconsistency::TriedWithoutSuccess), (-1, Inconsistency::NegativeTime)]
    {
        let error = load(&changed(&file, success, &time.to_le_bytes())).unwrap_err();
        assert_eq!(error.why, FileWhy::Inconsistent(expected));
    }
}

/// Cut off anywhere, and any bit turned: an error or an address manager in order, never a panic.
#[test]
fn damaged_files_are_refused_or_sound() {
    let file = encode_peers(&small(), MAIN);
    for length in 0..file.len() {
        assert!(load(&file[..length]).is_err(), "{length}");
    }
    let entries = 50 + ENTRIES.concat().len() / 2;
    let mut sound = 0;
    for bit in 0..(entries + 64) * 8 {
        let flipped = file[bit / 8] ^ 1 << (bit % 8);
        let mut raw = file.clone();
        raw[bit / 8] = flipped;
        assert!(load(&raw).is_err(), "the checksum covers bit {bit}");
        if let Ok(loaded) = load(&changed(&file, bit / 8, &[flipped])) {
            loaded.addrman.check_invariants();
            sound += 1;
        }
    }
    assert!(sound > 100, "{sound}");
    let anchors = encode_anchors(&[six()], MAIN);
    for length in 0..anchors.len() {
        assert!(decode_anchors(&anchors[..length], MAIN).is_err(), "{length}");
        let mut raw = anchors.clone();
        raw[length] ^= 0x10;
        assert!(decode_anchors(&raw, MAIN).is_err(), "{length}");
    }
}
