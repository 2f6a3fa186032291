//! One folder as calls see it and as a crash would leave it.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::files::{APPEND_BYTES_MAX, FileAnswer, FileError, FileName, FileOp, FileResult, Part};

use super::surviving::{Content, FolderChange, Names, NodeId, SECTOR_BYTES, surviving_names};
use crate::schedulers::Draws;

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does nothing and fails. A sync that fails so is never made good by a later one.
    Fails(FileError),
    /// It does what it is for, and then fails all the same.
    FailsLate(FileError),
    /// If it is an append it takes so many bytes, of some at least one.
    Short(usize),
}

/// A folder with files. See the head of the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    nodes: BTreeMap<NodeId, Content>,
    /// As calls see it.
    names: Names,
    /// As it was when the folder was last synced.
    durable: Names,
    /// What came since, in order.
    changes: Vec<FolderChange>,
    /// Files there ever were; the number of the next one.
    made: u64,
    /// Operations there ever were.
    carried_out: u64,
    /// By the number of the operation, from 0.
    faults: BTreeMap<u64, Fault>,
    /// Bytes that all files together may have; `None`: as many as there are.
    bytes_max: Option<usize>,
    /// Bytes that are written wholly or not at all.
    sector_bytes: SectorBytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SectorBytes(usize);

impl Default for SectorBytes {
    fn default() -> Self {
        Self(SECTOR_BYTES)
    }
}

impl Disk {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets something go wrong with the `nth` operation, from 0 over the life of the disk.
    pub fn put_fault(&mut self, nth: u64, fault: Fault) {
        self.faults.insert(nth, fault);
    }

    /// Lets all files together have no more than so many bytes.
    pub const fn limit(&mut self, bytes_max: Option<usize>) {
        self.bytes_max = bytes_max;
    }

    /// Has sectors of another size than [`SECTOR_BYTES`].
    ///
    /// # Panics
    ///
    /// They have none.
    pub const fn set_sectors(&mut self, bytes: usize) {
        assert!(bytes > 0, "a sector has bytes");
        self.sector_bytes = SectorBytes(bytes);
    }

    /// Puts a file there as somebody else would, durable at once.
    pub fn put(&mut self, name: &FileName, bytes: &[u8]) {
        let node = self.make_node(Content::durable(bytes));
        self.names.insert(name.clone(), node);
        self.durable.insert(name.clone(), node);
    }

    /// Carries out one operation.
    pub fn carry_out(&mut self, op: &FileOp) -> FileResult {
        let fault = self.faults.remove(&self.carried_out);
        self.carried_out += 1;
        match fault {
            Some(Fault::Fails(error)) => {
                self.fail(op);
                Err(error)
            }
            Some(Fault::FailsLate(error)) => self.act(op, APPEND_BYTES_MAX).and(Err(error)),
            Some(Fault::Short(bytes)) => self.act(op, bytes.clamp(1, APPEND_BYTES_MAX)),
            None => self.act(op, APPEND_BYTES_MAX),
        }
    }

    /// The machine goes down and comes up again.
    pub fn crash(&mut self, seed: u64) {
        let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
        self.names = surviving_names(&self.durable, &self.changes, &mut draws);
        for content in self.nodes.values_mut() {
            content.crash(self.sector_bytes.0, &mut draws);
        }
        self.settle_folder();
    }

    // Getters.

    /// What a file has in it, as calls see it.
    #[must_use]
    pub fn get(&self, name: &FileName) -> Option<&[u8]> {
        self.names.get(name).map(|node| self.nodes[node].bytes())
    }

    /// Every file with what it has in it, as calls see it.
    pub fn iter(&self) -> impl Iterator<Item = (&FileName, &[u8])> {
        self.names.iter().map(|(name, node)| (name, self.nodes[node].bytes()))
    }

    /// How many operations there ever were.
    #[must_use]
    pub const fn carried_out(&self) -> u64 {
        self.carried_out
    }

    /// Whether a crash would change nothing.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.changes.is_empty() && self.names.values().all(|node| self.nodes[node].is_durable())
    }

    /// What must hold after each step.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn check_invariants(&self) {
        let named: BTreeSet<_> = self.names.values().collect();
        assert_eq!(named.len(), self.names.len(), "a file has one name");
        assert!(named.iter().all(|node| self.nodes.contains_key(node)), "a name has a file");
        if self.changes.is_empty() {
            assert_eq!(self.names, self.durable, "what was not changed is durable");
            assert_eq!(self.nodes.len(), self.names.len(), "no file outlives its name");
        }
    }

    // The operations.

    /// An operation that fails has done nothing, but that what was to be synced is lost.
    fn fail(&mut self, op: &FileOp) {
        if let FileOp::Sync { name } = op
            && let Ok(content) = self.content(name)
        {
            content.spoil();
        }
    }

    fn act(&mut self, op: &FileOp, append_max: usize) -> FileResult {
        match op {
            FileOp::Read { name, bytes_max } => return self.read(name, *bytes_max),
            FileOp::ReadAt { name, offset, bytes_max } => {
                return self.read_at(name, *offset, *bytes_max);
            }
            FileOp::Create { name, access: _ } => self.create(name),
            FileOp::Append { name, part } => return self.append(name, part, append_max),
            FileOp::Truncate { name, length } => {
                let length = usize::try_from(*length).map_err(|_| FileError::NoSpace)?;
                self.content(name)?.set_length(length);
            }
            FileOp::Sync { name } => self.content(name)?.sync(),
            FileOp::Rename { from, to } => self.rename(from, to)?,
            FileOp::Remove { name } => {
                self.names.remove(name).ok_or(FileError::NotFound)?;
                self.changes.push(FolderChange::Removed(name.clone()));
            }
            FileOp::SyncFolder => self.settle_folder(),
        }
        Ok(FileAnswer::Done)
    }

    fn read(&self, name: &FileName, bytes_max: usize) -> FileResult {
        let bytes = self.get(name).ok_or(FileError::NotFound)?;
        if bytes.len() > bytes_max {
            return Err(FileError::TooLarge { bytes_max });
        }
        Ok(FileAnswer::Read(bytes.to_vec()))
    }

    fn read_at(&self, name: &FileName, offset: u64, bytes_max: usize) -> FileResult {
        let bytes = self.get(name).ok_or(FileError::NotFound)?;
        let from = usize::try_from(offset).map_or(bytes.len(), |from| from.min(bytes.len()));
        let part = &bytes[from..bytes.len().min(from.saturating_add(bytes_max))];
        Ok(FileAnswer::Read(part.to_vec()))
    }

    fn create(&mut self, name: &FileName) {
        if let Ok(content) = self.content(name) {
            content.set_length(0);
            return;
        }
        let node = self.make_node(Content::durable(&[]));
        self.names.insert(name.clone(), node);
        self.changes.push(FolderChange::Named(name.clone(), node));
    }

    fn append(&mut self, name: &FileName, part: &Part, bytes_max: usize) -> FileResult {
        let used: usize = self.nodes.values().map(|content| content.bytes().len()).sum();
        let room = self.bytes_max.map_or(usize::MAX, |max| max.saturating_sub(used));
        let content = self.content(name)?;
        let bytes = part.as_slice();
        let taken = &bytes[..bytes.len().min(bytes_max).min(room)];
        if taken.is_empty() && !bytes.is_empty() {
            return Err(FileError::NoSpace);
        }
        content.append(taken);
        Ok(FileAnswer::Appended(taken.len()))
    }

    fn rename(&mut self, from: &FileName, to: &FileName) -> Result<(), FileError> {
        let node = self.names.remove(from).ok_or(FileError::NotFound)?;
        self.names.insert(to.clone(), node);
        self.changes.push(FolderChange::Named(to.clone(), node));
        Ok(())
    }

    /// What calls see is durable from now on; files without a name are gone.
    fn settle_folder(&mut self) {
        self.durable = self.names.clone();
        self.changes.clear();
        let named: BTreeSet<_> = self.names.values().copied().collect();
        self.nodes.retain(|node, _| named.contains(node));
    }

    fn content(&mut self, name: &FileName) -> Result<&mut Content, FileError> {
        let node = self.names.get(name).ok_or(FileError::NotFound)?;
        Ok(self.nodes.get_mut(node).expect("a name has a file"))
    }

    fn make_node(&mut self, content: Content) -> NodeId {
        let node = NodeId(self.made);
        self.made += 1;
        self.nodes.insert(node, content);
        node
    }
}
