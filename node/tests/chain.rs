//! The chain of a node: made, downloaded, and kept over the end of the process, however that comes.

use std::fs;

use rustix::process::Signal;

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
