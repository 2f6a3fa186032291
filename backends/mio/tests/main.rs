//! The contract's cases, over mio.
#![expect(clippy::disallowed_methods, reason = "the kernel's waits take the kernel's time")]

use std::fs;
use std::process;
use std::sync::LazyLock;
use std::time::Instant;

use sockman_mio::MioSockets;
use sockman_sim::contract::cases::{Capabilities, run_all};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[test]
fn mio_keeps_the_contract() {
    let directory = std::env::temp_dir().join(format!("sockman-{}-mio", process::id()));
    fs::create_dir_all(&directory).unwrap();
    let make = || MioSockets::new().expect("the system has descriptors left");
    let unix_directory = Some(directory.clone());
    let capabilities = Capabilities { now: |_| START.elapsed(), unix_directory, threads: true };
    run_all(make, &capabilities);
    // Fails unless every path was removed.
    fs::remove_dir(&directory).unwrap();
}
