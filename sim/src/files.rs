//! The virtual twin of the files: a folder on a [`Disk`] that forgets in a crash what was not made
//! durable, as far as it may.
//!
//! Operations wait until somebody lets them be carried out, one a step, so that whoever drives it
//! can stop before and after each. It is a value: a copy goes on like the original.

use std::collections::VecDeque;

use sockman::files::{FileCompletion, FileRequest, Files, Full, UNDER_WAY_MAX};

mod disk;
mod surviving;

pub use disk::{Disk, Fault};
pub use surviving::SECTOR_BYTES;

/// The files of one virtual host, with the operations that are under way.
#[derive(Clone, Debug, Default)]
pub struct VirtualFiles {
    disk: Disk,
    waiting: VecDeque<FileRequest>,
    completed: VecDeque<FileCompletion>,
}

impl VirtualFiles {
    /// The files of a disk, with nothing under way.
    #[must_use]
    pub const fn new(disk: Disk) -> Self {
        Self { disk, waiting: VecDeque::new(), completed: VecDeque::new() }
    }

    /// Carries out the operation that was begun first; whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(FileRequest { id, op }) = self.waiting.pop_front() else { return false };
        let result = self.disk.carry_out(&op);
        self.completed.push_back(FileCompletion { id, result });
        true
    }

    /// The machine goes down and comes up again: nothing is under way, and of what was not durable
    /// the seed says how much is left.
    pub fn crash(&mut self, seed: u64) {
        self.kill();
        self.disk.crash(seed);
    }

    /// The process ends without warning, and the machine goes on: nothing is under way, and what
    /// was carried out is there.
    pub fn kill(&mut self) {
        self.waiting.clear();
        self.completed.clear();
    }

    /// The operation that the next step carries out.
    #[must_use]
    pub fn next(&self) -> Option<&FileRequest> {
        self.waiting.front()
    }

    /// Whether something has completed that was not taken.
    #[must_use]
    pub fn has_completed(&self) -> bool {
        !self.completed.is_empty()
    }

    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The disk, for what happens to it apart from operations.
    pub const fn disk_mut(&mut self) -> &mut Disk {
        &mut self.disk
    }
}

impl Files for VirtualFiles {
    fn begin(&mut self, request: FileRequest) -> Result<(), Full> {
        if self.waiting.len() + self.completed.len() == UNDER_WAY_MAX {
            return Err(Full(request));
        }
        self.waiting.push_back(request);
        Ok(())
    }

    fn take_completed(&mut self) -> Option<FileCompletion> {
        self.completed.pop_front()
    }

    fn wait(&mut self) -> Option<FileCompletion> {
        if self.completed.is_empty() {
            self.step();
        }
        self.take_completed()
    }
}
