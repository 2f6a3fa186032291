//! The chain of a node: made, downloaded, and kept over the end of the process, however that comes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::process::Signal;
use sockman::chain::store::push_record;
use sockman::chain::{Block, Params, Template, mine};
use sockman::transport::Network;

use super::called::Called;
use super::directory::Directory;
use super::process::Node;

/// Blocks that are made.
const BLOCKS: u32 = 120;

fn counted(called: &Called) -> String {
    called.call("getblockcount", "[]")
}

fn count(blocks: u32) -> String {
    format!("{{\"result\":{blocks},\"error\":null}}\n")
}

/// Ends the process without a word, and gives what it leaves.
fn kill(called: Called) -> Directory {
    let Called { node, directory, .. } = called;
    node.signal(Signal::KILL);
    node.wait();
    directory
}

/// Two processes: what one has made the other downloads, and neither loses it when it is killed.
#[test]
fn blocks_are_downloaded_and_outlive_a_kill() {
    let port = super::process::free_port();
    let miner = Called::start("miner", &[&format!("-bind=127.0.0.1:{port}")]);
    let made = miner.call("generatetodescriptor", &format!("[{BLOCKS},\"raw(51)\"]"));
    assert_eq!(made.matches('"').count(), 2 * BLOCKS as usize + 4, "{made}");
    let args = ["-listen=0", "-debug=blockstorage", &format!("-connect=127.0.0.1:{port}")]
        .map(String::from);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut other = Called::start("downloader", &args);
    other.node.expect(&format!(" {BLOCKS} blocks saved"));
    assert_eq!(counted(&other), count(BLOCKS));
    let best = miner.call("getbestblockhash", "[]");
    assert_eq!(other.call("getbestblockhash", "[]"), best);

    // What was answered is saved, so that it is there whenever the process ends.
    let (miner, other) = (kill(miner), kill(other));
    for directory in [miner, other] {
        let mut again = Called::start_in(directory, &["-listen=0"]);
        again.node.rewind().expect(&format!("Loaded {BLOCKS} blocks, up to height {BLOCKS}"));
        assert_eq!(again.call("getbestblockhash", "[]"), best);
        let one = again.call("generatetodescriptor", "[1,\"raw(51)\"]");
        assert!(one.starts_with("{\"result\":[\""), "{one}");
        assert_eq!(counted(&again), count(BLOCKS + 1));
        again.node.stop().assert_clean();
    }
}

/// What somebody else has written is told, and left as it is.
#[test]
fn foreign_file_of_blocks_keeps_a_node_from_starting() {
    let directory = Directory::new("foreign-blocks");
    let path = directory.path("regtest/blocks/blk00000.dat");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"something else").unwrap();
    let exit = Node::start(&["-nodebuglogfile", &directory.option()]).wait();
    let start = format!(
        "Cannot use \"{}\" (record at offset 0 has magic 736f6d65). It is left as it is; without \
         the files of blocks they are downloaded again.",
        path.display()
    );
    exit.assert_error(&start);
    assert_eq!(fs::read(path).unwrap(), b"something else");
}

/// Core: `-blocksdir`.
#[test]
fn blocks_may_be_in_another_directory() {
    let elsewhere = Directory::new("elsewhere");
    let option = elsewhere.option().replace("-datadir", "-blocksdir");
    let called = Called::start("blocksdir", &["-listen=0", &option]);
    called.call("generatetodescriptor", "[1,\"raw(51)\"]");
    assert!(elsewhere.path("regtest/blocks/blk00000.dat").exists());
    assert!(!called.directory.path("regtest/blocks/blk00000.dat").exists());
    called.node.stop().assert_clean();
    let missing = elsewhere.path("missing");
    let directory = Directory::new("no-blocksdir");
    let option = format!("-blocksdir={}", missing.display());
    let exit = Node::start(&["-nodebuglogfile", &directory.option(), &option]).wait();
    let missing = missing.display();
    exit.assert_error(&format!("Specified blocks directory \"{missing}\" does not exist."));
}

/// Blocks of a megabyte, as a node finds them at its start: more than it keeps in memory.
fn write_large_blocks(path: &Path, count: u32) {
    let params = Params::of(Network::Regtest);
    let (mut previous, bits) = (params.genesis.hash(), params.genesis.bits);
    let mut records = Vec::new();
    for height in 1..=count {
        let (time, bytes) = (params.genesis.time + height, Some(1_000_000));
        let template = Template { previous, height, time, bits, mark: 0, bytes };
        let block = mine(&template).expect("blocks are as large as that");
        previous = Block::decode(&block).expect("it was made as one").header.hash();
        let pushed = push_record(&mut records, Network::Regtest.magic(), &block);
        pushed.expect("records are as large as that");
    }
    let folder = path.parent().expect("it is in a folder");
    fs::create_dir_all(folder).expect("the folder of tests takes more");
    fs::write(path, records).expect("the folder of tests takes more");
}

/// What is not in memory is read, for peers and for calls; and told, if it was changed since.
#[test]
fn blocks_beyond_the_cache_are_served_from_their_files() {
    const LARGE: u32 = 80;
    let directory = Directory::new("large-blocks");
    let path = directory.path("regtest/blocks/blk00000.dat");
    write_large_blocks(&path, LARGE);
    let port = super::process::free_port();
    let mut called = Called::start_in(directory, &[&format!("-bind=127.0.0.1:{port}")]);
    assert_eq!(counted(&called), count(LARGE));
    let first = called.call("getblockhash", "[1]");
    let first = first.split('"').nth(3).unwrap().to_owned();
    let block = called.call("getblock", &format!("[\"{first}\",0]"));
    assert!(block.len() > 2_000_000, "{}", block.len());

    let connect = format!("-connect=127.0.0.1:{port}");
    let args = ["-listen=0", "-debug=blockstorage", "-maxtipage=1000000000", &connect];
    let mut other = Called::start("large-downloader", &args);
    other.node.expect(&format!(" {LARGE} blocks saved"));
    assert_eq!(counted(&other), count(LARGE));
    other.node.stop().assert_clean();

    // The second is not in memory any more, since all after it were served.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"changed", 1_000_012 + 500_000).unwrap();
    let second = called.call("getblockhash", "[2]");
    let second = second.split('"').nth(3).unwrap().to_owned();
    let cookie = called.cookie();
    let (_, content) = called.post(&cookie, "getblock", &format!("[\"{second}\"]"));
    assert!(content.contains("Block not available"), "{content}");
    called.node.expect("the block at offset 1000012 cannot be read");
    called.node.stop().assert_clean();
}
