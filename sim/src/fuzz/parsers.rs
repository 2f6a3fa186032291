//! Raw bytes for everything that parses: files that somebody wrote, and what the network brings.
//! Whatever they are, they are parsed or refused.

use sha2::{Digest as _, Sha256};
use sockman::chain::store::StoreReader;
use sockman::chain::{Block, GetHeaders, HeaderTree, Params, Segwit, decode_headers};
use sockman::connman::addr_relay::{ADDR_TO_SEND_MAX, AddrForm, AddrList, encode};
use sockman::connman::addrman::NetGroups;
use sockman::connman::addrman::disk::{decode_anchors, decode_peers};
use sockman::connman::bans::{BAN_TIME_DEFAULT, BanList, file};
use sockman::connman::host::Cjdns;
use sockman::connman::message::{SendCmpct, Version, decode_feefilter, decode_ping, decode_pong};
use sockman::time::UnixTime;
use sockman::transport::{MessageType, Network, V1Receiver};

use super::Judged;
use crate::bugs::{self, edit};
use crate::run::{Options, Run};
use crate::schedule::Schedule;
use crate::subject::{Dialect as _, Subject};
use crate::subjects::connman::Connman;
use crate::subjects::echo::Echo;
use crate::subjects::http::Http;
use crate::subjects::http_client::HttpClient;
use crate::worlds::Table;

/// Most lines of a schedule that is set up as well: each actor is a host of its own.
const LINES_MAX: usize = 100;

/// Most headers of a tree, so that a full one is met.
const HEADERS_MAX: usize = 4;

/// Gives bytes to every parser.
///
/// # Panics
///
/// A parser did.
pub fn parsers(bytes: &[u8]) -> Judged {
    from_network(bytes);
    from_its_files(bytes);
    set_up(&Schedule::from_bytes(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return Judged::Trivial };
    from_files(text);
    Judged::Passed
}

/// What a peer may send, to the node and to the peers of the simulator.
fn from_network(bytes: &[u8]) {
    let mut rest = bytes;
    let mut receiver = V1Receiver::new(Network::Regtest.magic());
    while let Ok(Some(_)) = receiver.receive(&mut rest) {}
    // OK to ignore because it is refused or not, and both are answers.
    let _ = (Version::decode(bytes), SendCmpct::decode(bytes));
    let _ = (decode_ping(bytes), decode_pong(bytes), decode_feefilter(bytes));
    if let Some(wire) = bytes.first_chunk() {
        let _ = MessageType::from_wire(*wire);
    }
    addresses(bytes);
    chain(bytes);
    let mut heard = Vec::new();
    let _ = <Connman as Subject>::Dialect::new(1).decode(bytes, &mut heard);
    let _ = <Echo as Subject>::Dialect::new(1).decode(bytes, &mut heard);
    let _ = <Http as Subject>::Dialect::new(1).decode(bytes, &mut heard);
}

/// Lists of addresses: what was read is written as it was read.
fn addresses(bytes: &[u8]) {
    for form in [AddrForm::V1, AddrForm::V2] {
        let Ok(AddrList { count, records }) = AddrList::decode(bytes, form) else { continue };
        assert_eq!(records.len(), count.min(ADDR_TO_SEND_MAX), "no more are kept than are taken");
        let again = AddrList::decode(&encode(&records, form), form);
        assert_eq!(again.map(|list| list.records), Ok(records), "a list is read as written");
    }
}

/// Headers and blocks, from the network and from a file.
fn chain(bytes: &[u8]) {
    let _ = GetHeaders::decode(bytes);
    if let Ok(headers) = decode_headers(bytes) {
        let mut tree = HeaderTree::new(Params::of(Network::Regtest), HEADERS_MAX);
        let _ = tree.insert(&headers, UnixTime::from_secs(2_000_000_000));
        tree.check_invariants();
    }
    if let Ok(block) = Block::decode(bytes) {
        let _ = (block.check(Segwit::Active), block.judge(Segwit::NotYet));
    }
    let mut rest = bytes;
    let mut reader = StoreReader::new(Network::Regtest.magic());
    while let Ok(Some(_)) = reader.read(&mut rest) {}
    drop(reader.finish().map_err(|torn| torn.to_string()));
}

/// What a node keeps: addresses, anchors, bans.
fn from_its_files(bytes: &[u8]) {
    let magic = Network::Regtest.magic();
    // What stands around the data of these two, so that it is read.
    let data = [&magic.0[..], bytes].concat();
    let file = [&data[..], &Sha256::digest(Sha256::digest(&data))].concat();
    match decode_peers(&file, magic, NetGroups) {
        Ok(loaded) => loaded.addrman.check_invariants(),
        Err(error) => drop(error.to_string()),
    }
    drop(decode_anchors(&file, magic).map_err(|error| error.to_string()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let bans = file::decode(text, BanList::new(BAN_TIME_DEFAULT), Cjdns::Reachable);
        drop(bans.map_err(|error| error.to_string()));
    }
}

/// What somebody may write: schedules, worlds, bugs.
fn from_files(text: &str) {
    match Schedule::parse("input", text) {
        Ok(schedule) => set_up(&schedule),
        // Its print points at a place in the text.
        Err(error) => drop(error.to_string()),
    }
    match toml::from_str::<Table>(text) {
        Ok(table) => drop(table.check()),
        Err(error) => drop(error.to_string()),
    }
    let Ok(bug) = bugs::parse("B001", text) else { return };
    for change in bug.state.changes() {
        // Any text will do for a source, this one as well.
        drop(edit::replace(text, change));
    }
}

/// Reads the settings and the words of a schedule.
fn set_up(schedule: &Schedule) {
    if schedule.script.len() > LINES_MAX {
        return;
    }
    let options = Options::default();
    match schedule.subject.as_str() {
        Echo::NAME => drop(Run::<Echo>::new(schedule, &options)),
        Http::NAME => drop(Run::<Http>::new(schedule, &options)),
        HttpClient::NAME => drop(Run::<HttpClient>::new(schedule, &options)),
        _ => drop(Run::<Connman>::new(schedule, &options)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::draw::random_bytes;
    use super::*;

    /// Every file of a folder, with one byte in a hundred made another.
    fn damaged(folder: &str, seed: u64) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let damage = |path| {
            let mut bytes = fs::read(path).unwrap();
            let noise = random_bytes(seed, bytes.len() * 2);
            for (byte, noise) in bytes.iter_mut().zip(noise.chunks(2)) {
                if noise[0] < 3 {
                    *byte = noise[1] & 0x7F;
                }
            }
            bytes
        };
        paths.iter().filter(|path| path.is_file()).map(damage).collect()
    }

    #[test]
    fn damaged_files_are_parsed_or_refused() {
        for seed in 0..5 {
            for folder in ["worlds", "../bugs", "../corpus/connman"] {
                for bytes in damaged(folder, seed) {
                    parsers(&bytes);
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_parsed_or_refused() {
        for seed in 0..2_000 {
            parsers(&random_bytes(seed, 120));
        }
    }
}
