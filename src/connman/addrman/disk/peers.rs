//! `peers.dat`: everything that the address manager knows, but what was tried in this run.
//!
//! ```text
//!   version (1) | 32 + least version that can read it (1) | key (32)
//!   | new entries, tried entries (4 each) | 1024 xor 2^30 (4)
//!   | each new entry | each tried entry
//!   | of each of 1024 buckets: its entries (4), their indices into the new ones (4 each)
//!   | version of the asmap (32)
//! ```
//!
//! Versions 0 to 4 are read, 4 is written. Facts: Core addrman.cpp, `Serialize`, `Unserialize`;
//! addrman_impl.h, `Format`.

use std::collections::BTreeMap;

use super::super::entry::secs;
use super::super::{
    AddrMan, BUCKET_SIZE, Entry, EntryId, Inconsistency, Key, NEW_BUCKETS, NEW_BUCKETS_PER_ADDRESS,
    NetGroups, NetService, Slot, TRIED_BUCKETS, Table,
};
use super::record::{Form, addr, push_addr, push_record, record};
use super::{FileError, FileWhy, begin, check_checksum, check_magic, finish};
use crate::codec::Reader;
use crate::transport::Magic;

/// The version that is written. Core: addrman_impl.h, `FILE_FORMAT`, `V4_MULTIPORT`.
pub const PEERS_FORMAT: u8 = 4;
/// The first version whose number of buckets is disguised. Core: `V1_DETERMINISTIC`.
const FORMAT_DISGUISED: u8 = 1;
/// The first with the version of an asmap. Core: `V2_ASMAP`.
const FORMAT_ASMAP: u8 = 2;
/// The first with addresses as in BIP 155. Core: `V3_BIP155`.
const FORMAT_BIP155: u8 = 3;
/// What the second byte is more than the version that it names. Core: `INCOMPATIBILITY_BASE`.
const COMPAT_BASE: u8 = 32;
/// What disguises the number of buckets from programs that look at no version.
const BUCKETS_DISGUISE: i32 = 1 << 30;

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The address manager. It passed its check.
    pub addrman: AddrMan,
    /// New addresses that were left out, because they have no place or are not valid.
    pub lost_new: usize,
    /// Tried addresses that were left out, likewise.
    pub lost_tried: usize,
}

/// The file. Entries stand in the order in which they came.
#[must_use]
pub fn encode_peers(addrman: &AddrMan, magic: Magic) -> Vec<u8> {
    let mut bytes = begin(magic);
    bytes.extend_from_slice(&[PEERS_FORMAT, COMPAT_BASE + PEERS_FORMAT]);
    bytes.extend_from_slice(addrman.key.as_bytes());
    push_count(&mut bytes, addrman.size(None, Some(Table::New)));
    push_count(&mut bytes, addrman.size(None, Some(Table::Tried)));
    let buckets = i32::from(NEW_BUCKETS) ^ BUCKETS_DISGUISE;
    bytes.extend_from_slice(&buckets.to_le_bytes());
    let mut indices = BTreeMap::new();
    for (id, entry) in addrman.entries.iter().filter(|(_, entry)| !entry.tried) {
        indices.insert(*id, indices.len());
        push_entry(&mut bytes, entry);
    }
    for entry in addrman.entries.values().filter(|entry| entry.tried) {
        push_entry(&mut bytes, entry);
    }
    for bucket in 0..NEW_BUCKETS {
        let first = Slot { bucket, position: 0 };
        let last = Slot { bucket, position: BUCKET_SIZE - 1 };
        push_count(&mut bytes, addrman.new.range(first..=last).count());
        for (_, id) in addrman.new.range(first..=last) {
            push_count(&mut bytes, indices[id]);
        }
    }
    bytes.extend_from_slice(&addrman.groups.asmap_version());
    finish(bytes)
}

fn push_count(bytes: &mut Vec<u8>, count: usize) {
    let count = i32::try_from(count).expect("at most as many as there are places");
    bytes.extend_from_slice(&count.to_le_bytes());
}

fn push_entry(bytes: &mut Vec<u8>, entry: &Entry) {
    push_record(bytes, &entry.record());
    push_addr(bytes, &entry.source);
    bytes.extend_from_slice(&entry.last_success.to_le_bytes());
    let attempts = i32::try_from(entry.attempts).unwrap_or(i32::MAX);
    bytes.extend_from_slice(&attempts.to_le_bytes());
}

/// The address manager of a file.
///
/// # Errors
///
/// The first field that is wrong. Core does not start then, except after [`FileWhy::TooNew`].
pub fn decode_peers(bytes: &[u8], magic: Magic, groups: NetGroups) -> Result<Loaded, FileError> {
    let mut reader = Reader::new(bytes);
    check_magic(&mut reader, magic)?;
    let format = format(&mut reader)?;
    let form = if format >= FORMAT_BIP155 { Form::V2 } else { Form::V1 };
    let key_at = reader.offset();
    let key = Key::new(reader.array("key")?);
    let new_count = count(&mut reader, "number of new entries", NEW_BUCKETS)?;
    let tried_count = count(&mut reader, "number of tried entries", TRIED_BUCKETS)?;
    let disguise = if format >= FORMAT_DISGUISED { BUCKETS_DISGUISE } else { 0 };
    let buckets = reader.i32("number of buckets")? ^ disguise;
    let new = entries(&mut reader, new_count, form)?;
    let tried = entries(&mut reader, tried_count, form)?;
    let places = places(&mut reader, buckets, new.len())?;
    let asmap =
        if format >= FORMAT_ASMAP { reader.array("version of the asmap")? } else { [0; 32] };
    check_checksum(&mut reader, bytes)?;
    let same_buckets = buckets == i32::from(NEW_BUCKETS) && asmap == groups.asmap_version();

    let mut loading = Loading::new(AddrMan::new(key, groups), new);
    let lost_tried = loading.put_tried(tried);
    loading.put_new(&places, same_buckets);
    loading.finish(lost_tried).map_err(|inconsistency| {
        let no_key = inconsistency == Inconsistency::NoKey;
        let (field, offset) = if no_key { ("key", key_at) } else { ("entries", reader.offset()) };
        FileError { field, offset, why: FileWhy::Inconsistent(inconsistency) }
    })
}

fn format(reader: &mut Reader<'_>) -> Result<u8, FileError> {
    let offset = reader.offset();
    let format = reader.u8("version")?;
    let compat = reader.u8("least version")?;
    let error = |why| Err(FileError { field: "version", offset, why });
    match compat.checked_sub(COMPAT_BASE) {
        None => error(FileWhy::CompatTooLow(compat)),
        Some(lowest_compatible) if lowest_compatible > PEERS_FORMAT => {
            error(FileWhy::TooNew { format, lowest_compatible })
        }
        Some(_) => Ok(format),
    }
}

/// A number of entries, at most as many as a table of so many buckets holds.
fn count(reader: &mut Reader<'_>, field: &'static str, buckets: u16) -> Result<i32, FileError> {
    let offset = reader.offset();
    let found = reader.i32(field)?;
    let max = i32::from(buckets) * i32::from(BUCKET_SIZE);
    let why = FileWhy::Count { found, max };
    if (0..=max).contains(&found) { Ok(found) } else { Err(FileError { field, offset, why }) }
}

fn entries(reader: &mut Reader<'_>, count: i32, form: Form) -> Result<Vec<Entry>, FileError> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let record = record(reader, form)?;
        let source = addr(reader, form, "source")?;
        let mut entry = Entry::new(&record, secs(record.time), source);
        entry.last_success = reader.i64("last success")?;
        // Less than none is none: nobody writes it, and Core reads it.
        entry.attempts = u32::try_from(reader.i32("attempts")?).unwrap_or(0);
        entries.push(entry);
    }
    Ok(entries)
}

/// Which new entry lies in which bucket. An index beyond the entries is passed over. The buckets
/// may be others than ours: their numbers are of use only if there are as many.
fn places(
    reader: &mut Reader<'_>,
    buckets: i32,
    entries: usize,
) -> Result<Vec<(u16, usize)>, FileError> {
    let mut places = Vec::new();
    for bucket in 0..buckets {
        for _ in 0..reader.i32("entries in a bucket")? {
            let index = usize::try_from(reader.i32("index of an entry")?).ok();
            if let Some(index) = index.filter(|index| *index < entries) {
                places.push((u16::try_from(bucket).unwrap_or(u16::MAX), index));
            }
        }
    }
    Ok(places)
}

/// An address manager while its entries find their places.
struct Loading {
    addrman: AddrMan,
    /// The new entries of the file in its order.
    new: Vec<NewEntry>,
    /// How often each address that is valid occurs.
    named: BTreeMap<NetService, u32>,
}

/// An entry of the new list, which comes into the tables with its first place.
struct NewEntry {
    entry: Entry,
    id: Option<EntryId>,
}

impl Loading {
    fn new(addrman: AddrMan, new: Vec<Entry>) -> Self {
        let mut named = BTreeMap::new();
        for entry in new.iter().filter(|entry| entry.service.addr.is_valid()) {
            *named.entry(entry.service).or_default() += 1;
        }
        let new = new.into_iter().map(|entry| NewEntry { entry, id: None }).collect();
        Self { addrman, new, named }
    }

    /// Gives tried entries their places; says how many have none.
    fn put_tried(&mut self, tried: Vec<Entry>) -> usize {
        let mut lost = 0;
        for entry in tried {
            let slot = self.addrman.key.tried_slot(&entry.service, self.addrman.groups);
            if !entry.service.addr.is_valid() || self.addrman.tried.contains_key(&slot) {
                lost += 1;
                continue;
            }
            *self.named.entry(entry.service).or_default() += 1;
            let id = self.addrman.create(entry);
            self.addrman.put_tried(slot, id);
        }
        lost
    }

    /// Gives new entries their places: those of the file if the buckets are the same, otherwise one
    /// by their source.
    fn put_new(&mut self, places: &[(u16, usize)], same_buckets: bool) {
        for &(bucket, index) in places {
            let NewEntry { entry, id } = &self.new[index];
            let (service, source, id) = (entry.service, entry.source, *id);
            let references = id.map_or(0, |id| self.addrman.entry(id).references);
            if !service.addr.is_valid() || references >= NEW_BUCKETS_PER_ADDRESS {
                continue;
            }
            let key = &self.addrman.key;
            let free = |slot: &Slot| !self.addrman.new.contains_key(slot);
            let as_before = same_buckets.then(|| key.new_slot_in(&service, bucket)).filter(free);
            let by_source = || Some(key.new_slot(&service, &source, self.addrman.groups));
            let Some(slot) = as_before.or_else(|| by_source().filter(free)) else { continue };
            let Some(id) = id.or_else(|| self.take_in(index)) else { continue };
            self.addrman.put_new(slot, id);
        }
    }

    /// Makes an entry of the list one of the tables, if it has its address for itself.
    fn take_in(&mut self, index: usize) -> Option<EntryId> {
        let new = &mut self.new[index];
        if self.addrman.ids.contains_key(&new.entry.service) {
            return None;
        }
        let id = self.addrman.create(new.entry.clone());
        new.id = Some(id);
        Some(id)
    }

    fn finish(self, lost_tried: usize) -> Result<Loaded, Inconsistency> {
        let mut kept = self.addrman.ids.keys();
        // Core finds an address that has two entries by its name.
        if kept.any(|service| self.named.get(service).is_some_and(|times| *times > 1)) {
            return Err(Inconsistency::Name);
        }
        self.addrman.check()?;
        let lost_new = self.new.iter().filter(|new| new.id.is_none()).count();
        Ok(Loaded { addrman: self.addrman, lost_new, lost_tried })
    }
}
