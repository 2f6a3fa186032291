//! The contract's cases on this machine's kernel, under each way to wait for it.
#![expect(clippy::disallowed_methods, reason = "the kernel's waits take the kernel's time")]

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sockman::sockets::{
    Accepted, Endpoint, Interest, OsSockets, Poll, Poller, Received, Sockets as _, Source,
    Wait as _,
};
use sockman_sim::contract::cases::{Capabilities, DEADLINE, run_all};

mod canaries;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now<S>(_: &S) -> Duration {
    START.elapsed()
}

/// A directory of our own, short enough for a socket's path. Removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sockman-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("the temporary directory is ours to use");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _gone_already = fs::remove_dir_all(&self.0);
    }
}

fn backend<P: Poller>() -> OsSockets<P> {
    OsSockets::new().expect("the system has descriptors left")
}

fn keeps_the_contract<P: Poller>(name: &str) {
    let directory = Directory::new(name);
    let unix_directory = Some(directory.0.clone());
    run_all(backend::<P>, &Capabilities { now, unix_directory, threads: true });
    let left = fs::read_dir(&directory.0).expect("it was made above").count();
    assert_eq!(left, 0, "no path is left behind");
}

#[cfg(target_os = "linux")]
#[test]
fn epoll_keeps_the_contract() {
    keeps_the_contract::<sockman::sockets::Epoll>("epoll");
}

#[test]
fn poll_keeps_the_contract() {
    keeps_the_contract::<Poll>("poll");
}

#[test]
fn dropping_the_backend_closes_everything() {
    let (mut one, mut other): (OsSockets, OsSockets) = (backend(), backend());
    let listener = one.listen(&Endpoint::Ip(([127, 0, 0, 1], 0).into())).unwrap();
    let at = one.listener_endpoint(listener).unwrap();
    let client = other.connect(&at).unwrap();
    one.wait(Some(DEADLINE), &mut Vec::new()).unwrap();
    assert!(matches!(one.accept(listener), Ok(Accepted::Conn { .. })));
    drop(one);
    other.set_interest(Source::Conn(client), Interest::READ).unwrap();
    other.wait(Some(DEADLINE), &mut Vec::new()).unwrap();
    assert_eq!(other.recv(client, &mut [0; 8]), Ok(Received::Eof));
    assert!(other.listen(&at).is_ok());
}

#[test]
fn file_that_took_the_place_of_a_socket_stays() {
    let directory = Directory::new("stays");
    let path = directory.0.join("s");
    let mut sockets: OsSockets = backend();
    let listener = sockets.listen(&Endpoint::Unix(path.clone())).unwrap();
    // Renamed over it, since a file made anew might get the inode that was freed.
    let precious = directory.0.join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::rename(&precious, &path).unwrap();
    sockets.close_listener(listener).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert!(sockets.listen(&Endpoint::Unix(path.clone())).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
