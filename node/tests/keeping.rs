//! What a node finds in its data directory, and what it leaves there.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use super::directory::Directory;
use super::process::Node;

/// A directory with a ban list in it, and its text.
fn with_bans(test: &str, entries: &[(&str, u64)]) -> (Directory, String) {
    let directory = Directory::new(test);
    let entry = |(subnet, until): &(&str, u64)| {
        format!("{{\"version\": 1, \"ban_created\": 1600000000, \"banned_until\": {until}, ")
            + &format!("\"address\": \"{subnet}\"}}")
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    // As somebody may have written it by hand.
    let text = format!("{{ \"banned_nets\": [\n{}\n] }}\n", entries.join(",\n"));
    write(&directory, "banlist.json", text.as_bytes());
    (directory, text)
}

fn write(directory: &Directory, file: &str, bytes: &[u8]) {
    let path = directory.path("regtest");
    fs::create_dir_all(&path).expect("the folder of tests takes more");
    fs::write(path.join(file), bytes).expect("the folder of tests takes more");
}

/// The files of the chain, without those in folders.
fn names(directory: &Directory) -> Vec<String> {
    let entries = fs::read_dir(directory.path("regtest")).expect("a node made it");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let entries = entries.map(|entry| entry.expect("it is read"));
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.map(name).collect();
    names.sort();
    names
}

const FOR_LONG: u64 = 4_000_000_000;

#[test]
fn node_makes_its_files_at_the_first_start() {
    let directory = Directory::new("first");
    let args = ["-listen=0", "-nodebuglogfile", &directory.option()];
    let listed = [".lock", "banlist.json", "peers.dat"];
    let chosen = [".lock", "anchors.dat", "banlist.json", "peers.dat"];
    for (connect, start, files) in [
        // Anchors are for the next run of a node that chooses whom it connects to.
        ("-connect=0", "banlist.json was not found", &listed[..]),
        ("-fixedseeds", "Loaded 0 entries of banlist.json", &chosen[..]),
        ("-fixedseeds", "Loaded 0 entries of anchors.dat", &chosen[..]),
    ] {
        let mut node = Node::start(&[&args[..], &[connect]].concat());
        node.expect(start);
        node.expect("Done loading");
        node.stop().assert_clean();
        assert_eq!(names(&directory), files);
    }
    for file in ["regtest/.lock", "regtest/banlist.json", "regtest/peers.dat"] {
        let mode = fs::metadata(directory.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn node_keeps_out_who_was_banned_before() {
    let (directory, text) = with_bans("banned", &[("127.0.0.1/32", FOR_LONG)]);
    let (mut node, at) = Node::listening(&["-nodebuglogfile", &directory.option()]);
    node.rewind().expect("Loaded 1 entries of banlist.json");
    let mut stream = TcpStream::connect(at).unwrap();
    let mut bytes = Vec::new();
    // An end, or a reset.
    let _ended = stream.read_to_end(&mut bytes);
    assert_eq!(bytes, b"");
    node.expect("dropped (banned)");
    node.stop().assert_clean();
    assert_eq!(fs::read_to_string(directory.path("regtest/banlist.json")).unwrap(), text);
}

#[test]
fn bans_that_are_over_keep_nobody_out() {
    let bans = [("127.0.0.0/8", 1_600_000_001), ("192.0.2.0/24", FOR_LONG)];
    let (directory, text) = with_bans("over", &bans);
    let (mut node, at) = Node::listening(&["-nodebuglogfile", &directory.option()]);
    let peer = Node::start(&["-listen=0", &format!("-connect={at}")]);
    node.expect("New inbound v2 peer connected");
    peer.stop().assert_clean();
    node.stop().assert_clean();
    let after = fs::read_to_string(directory.path("regtest/banlist.json")).unwrap();
    assert_ne!(after, text);
    assert!(after.contains("192.0.2.0/24") && !after.contains("127.0.0.0/8"), "{after}");
}

/// docs/behaviour.md, files 3: nobody loses bans by a slip in an editor.
#[test]
fn file_that_cannot_be_read_keeps_a_node_from_starting() {
    let entry = r#"{"banned_nets": [{"version":1,"ban_created":1,"address":"192.0.2.1/32"}]}"#;
    for (file, bytes, why) in [
        ("banlist.json", b"{\"banned_nets\": [".as_slice(), "no JSON at line 1 column 17"),
        ("banlist.json", entry.as_bytes(), "no banned_until in entry 0"),
        ("banlist.json", b"\xff", "no text at offset 0"),
        ("peers.dat", b"", "magic at offset 0 is cut off"),
    ] {
        let directory = Directory::new("unreadable");
        write(&directory, file, bytes);
        let exit = Node::start(&["-nodebuglogfile", &directory.option()]).wait();
        assert_eq!(exit.status.code(), Some(1), "{file}: {:#?}", exit.stdout);
        let path = directory.path("regtest").join(file);
        let start = format!("Error: Cannot use \"{}\" ({why}", path.display());
        assert!(exit.stderr[0].starts_with(&start), "{:?}, not {start:?}", exit.stderr);
        assert_eq!(exit.stderr.len(), 1);
        assert_eq!(fs::read(path).unwrap(), bytes, "{file}");
        assert_eq!(names(&directory), [".lock", file], "nothing else is made");
    }
}

/// Core: init.cpp, `LockDirectory`.
#[test]
fn one_node_at_a_time_has_a_directory() {
    let directory = Directory::new("locked");
    let args = ["-listen=0", "-nodebuglogfile", &directory.option()];
    let mut first = Node::start(&args);
    first.expect("Done loading");
    let second = Node::start(&args).wait();
    assert_eq!(second.status.code(), Some(1));
    let path = directory.path("regtest");
    let expected = format!(
        "Error: Cannot obtain a lock on directory {}. Sockman is probably already running.",
        path.display()
    );
    assert_eq!(second.stderr, [expected]);
    first.stop().assert_clean();
    let mut third = Node::start(&args);
    third.expect("Done loading");
    third.stop().assert_clean();
}

/// Whoever asks for the end is told that something is lost.
#[test]
fn what_could_not_be_saved_is_in_the_exit_status() {
    let (directory, _) = with_bans("unsaved", &[("192.0.2.0/24", 1_600_000_001)]);
    // In the way of what is written first.
    fs::create_dir(directory.path("regtest/banlist.json.tmp")).unwrap();
    let mut node = Node::start(&["-listen=0", "-nodebuglogfile", &directory.option()]);
    node.expect("Done loading");
    let exit = node.stop();
    assert_eq!(exit.status.code(), Some(1));
    let why = "not saved by way of banlist.json.tmp: cannot make a temporary file: not a file";
    assert!(exit.stderr[0].starts_with(&format!("Error: banlist.json {why}")), "{:?}", exit.stderr);
    assert_eq!(exit.stderr.len(), 1);
}
