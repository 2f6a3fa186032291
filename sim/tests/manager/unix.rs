//! What a Unix socket's end is to a connection that is not read from.

use std::time::Duration;
use std::{env, fs, process};

use sockman::sockets::{OsSockets, Wait as _};

use super::*;

/// A manager on this machine's kernel.
type Manager = SockMan<OsSockets, ()>;

/// Longest that the kernel may take to tell what has happened already.
const SOON: Duration = Duration::from_secs(10);

/// What the next reports lead to, the first of which comes soon.
fn turn(man: &mut Manager) -> Vec<Event> {
    let mut reports = Vec::new();
    man.sockets_mut().wait(Some(SOON), &mut reports).unwrap();
    man.handle_ready(&reports);
    let mut events = Vec::new();
    while man.has_work(Instant::START) {
        events.extend(man.step(Instant::START));
    }
    events
}

#[test]
fn what_a_unix_peer_sent_before_its_orderly_end_is_read_though_reading_is_paused() {
    let path = env::temp_dir().join(format!("sockman-{}-paused.sock", process::id()));
    let at = Endpoint::Unix(path.clone());
    let mut man = Manager::new(OsSockets::new().unwrap(), Config::default());
    man.listen(&at).unwrap();
    let mut peer: OsSockets = OsSockets::new().unwrap();
    let theirs = peer.connect(&at).unwrap();
    let events = turn(&mut man);
    let [Event::Accepted { conn, .. }] = events[..] else { panic!("one is accepted: {events:?}") };
    man.conns_mut().adopt(conn, ());
    peer.send(theirs, &[IoSlice::new(b"last words")], More::No).unwrap();
    peer.close(theirs, Closing::Orderly).unwrap();
    // Both directions are over, which is reported as long as it is so: to wait would be to spin.
    assert_eq!(turn(&mut man), [Event::Received { conn, count: 10 }]);
    assert_eq!(turn(&mut man), [Event::Eof { conn }]);
    assert_eq!(names(&turn(&mut man)), ["failed"]);
    man.shutdown();
    assert!(!fs::exists(&path).unwrap(), "the listener's path goes with it");
}
