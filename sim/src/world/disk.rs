//! The disk of the node's host, where the tenant keeps files: what it asks of them waits here, is
//! carried out in steps of the world's, and comes back when the driver has looked at its sockets.
//!
//! The operations are those of [`VirtualFiles`], one after the other, each with its time. What
//! completes wakes the driver, as in production; one that has been stopped waits for nothing else.

use sockman::files::{FileError, FileOp, FileRequest, Files as _};
use sockman::sockets::Errno;
use sockman::time::Instant;

use super::{Step, World};
use crate::faulty::Reach;
use crate::files::{Disk, Fault, VirtualFiles};
use crate::host::Host;
use crate::schedule::{Call, Effect};
use crate::subject::{DiskConfig, Subject};
use crate::trace::Who;

/// A disk that is broken (`EIO` of Linux).
const EIO: Errno = Errno(5);

/// The disk, and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct NodeDisk {
    files: VirtualFiles,
    config: DiskConfig,
    /// When the operation is over that is under way; `None`: none is.
    due: Option<Instant>,
    /// What was asked since the last [`forget`](Self::forget).
    asked: Vec<FileRequest>,
}

impl NodeDisk {
    /// An empty one.
    pub(super) fn new(config: DiskConfig) -> Self {
        let files = VirtualFiles::new(Disk::new());
        Self { files, config, due: None, asked: Vec::new() }
    }

    pub(super) const fn files(&self) -> &VirtualFiles {
        &self.files
    }

    /// The files, for who reads them at its start.
    pub(super) const fn files_mut(&mut self) -> &mut VirtualFiles {
        &mut self.files
    }

    pub(super) fn asked(&self) -> &[FileRequest] {
        &self.asked
    }

    pub(super) fn forget(&mut self) {
        self.asked.clear();
    }

    /// The process ends without a warning: what waited goes with it.
    pub(super) fn end_process(&mut self) {
        self.files.kill();
        self.due = None;
    }

    /// The machine goes down, too.
    pub(super) fn crash(&mut self, seed: u64) {
        self.files.crash(seed);
        self.due = None;
    }

    /// When something is due by itself.
    pub(super) const fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the time of the operation that is next, if one is and was not begun.
    fn begin_next(&mut self, now: Instant) {
        if self.due.is_none() && self.files.next().is_some() {
            self.due = Some(now + self.config.latency);
        }
    }
}

impl<X: Subject, K: Host> World<X, K> {
    /// The operation on files that is due, by the name that schedules have for it.
    pub(super) fn file_due(&self) -> Option<&'static str> {
        let disk = self.disk.as_deref()?;
        let is_due = disk.due.is_some_and(|at| at <= self.now.steady);
        disk.files.next().filter(|_| is_due).map(|request| name_of(&request.op))
    }

    /// Carries out the operation on files that is due, if one is.
    pub(super) fn step_disk(&mut self) -> Option<Step> {
        let name = self.file_due()?;
        let now = self.now.steady;
        self.plan_file_fault();
        let disk = self.disk.as_deref_mut()?;
        disk.files.step();
        disk.due = None;
        disk.begin_next(now);
        self.trace.hash_mut().add_bytes(name.as_bytes());
        self.trace.tell(now, Who::Node, None, || format!("[disk] {name}"));
        if self.driver.has_ended() {
            self.take_in_files();
        } else {
            self.driver.is_woken = true;
        }
        Some(Step::Filed)
    }

    /// Lets the operation that is next go wrong, if the plan says so.
    fn plan_file_fault(&mut self) {
        let Self { disk: Some(disk), machine, .. } = self else { return };
        let Some(FileRequest { op, .. }) = disk.files.next() else { return };
        let (call, bytes) = match op {
            FileOp::Append { part, .. } => (Call::Append, part.as_slice().len()),
            FileOp::Sync { .. } | FileOp::SyncFolder => (Call::Sync, 0),
            FileOp::Read { .. }
            | FileOp::ReadAt { .. }
            | FileOp::Create { .. }
            | FileOp::Truncate { .. }
            | FileOp::Rename { .. }
            | FileOp::Remove { .. } => return,
        };
        let faulty = machine.sockets_mut();
        let Some((effect, key)) = faulty.effect(call, None) else { return };
        let (fault, reach) = match effect {
            Effect::Bytes(taken) if taken as usize >= bytes => (None, Reach::WithoutEffect),
            Effect::Bytes(taken) => (Some(Fault::Short(taken as usize)), Reach::Effective),
            Effect::NoSpace => (Some(Fault::Fails(FileError::NoSpace)), Reach::Effective),
            Effect::Io
            | Effect::WouldBlock
            | Effect::Reset
            | Effect::TimedOut
            | Effect::OutOfDescriptors
            | Effect::OutOfMemory
            | Effect::Unreachable
            | Effect::Aborted => (Some(Fault::Fails(FileError::Io(EIO))), Reach::Effective),
        };
        faulty.reached(key, reach);
        if let Some(fault) = fault {
            let nth = disk.files.disk().carried_out();
            disk.files.disk_mut().put_fault(nth, fault);
        }
    }

    /// Takes in what has completed, and hands over what is asked for in answer.
    pub(super) fn take_in_files(&mut self) {
        let Self { disk: Some(disk), machine, now, notices, trace, .. } = self else { return };
        let told = notices.len();
        while let Some(completion) = disk.files.take_completed() {
            trace.hash_mut().add(completion.id.0 | 8 << 32);
            machine.handle_file_completed(*now, completion);
            machine.take_notices(notices);
        }
        for notice in &notices[told..] {
            tracing::debug!(at = %now.steady, ?notice, "notice");
            trace.tell(now.steady, Who::Node, None, || format!("! {notice:?}"));
        }
        self.begin_on_files();
    }

    /// Hands over what the tenant asks of files.
    pub(super) fn begin_on_files(&mut self) {
        let Self { disk: Some(disk), machine, now, .. } = self else { return };
        let asked = disk.asked.len();
        machine.take_file_requests(&mut disk.asked);
        for request in &disk.asked[asked..] {
            let begun = disk.files.begin(request.clone());
            begun.expect("a tenant knows how many may be under way");
        }
        disk.begin_next(now.steady);
    }
}

/// The name of an operation in schedules.
const fn name_of(op: &FileOp) -> &'static str {
    match op {
        FileOp::Read { .. } | FileOp::ReadAt { .. } => "read",
        FileOp::Create { .. } => "create",
        FileOp::Append { .. } => "append",
        FileOp::Truncate { .. } => "truncate",
        FileOp::Sync { .. } => "sync",
        FileOp::Rename { .. } => "rename",
        FileOp::Remove { .. } => "remove",
        FileOp::SyncFolder => "sync-folder",
    }
}
