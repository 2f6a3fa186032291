//! Files: the virtual disk against a real one, what a crash leaves, and what is saved through it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

use sockman::sockets::Wake;

mod blocks;
mod crash;
mod differential;
mod stores;

/// A folder of its own, which goes with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("sockman-{}-disk-{}", process::id(), MADE.fetch_add(1, Ordering::AcqRel));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let entry = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        };
        fs::read_dir(&self.0).unwrap().map(|found| entry(found.unwrap())).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Nobody waits in a loop here.
#[derive(Clone)]
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}
