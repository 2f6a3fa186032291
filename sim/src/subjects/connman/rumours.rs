//! Addresses that are told: what a node may make of them (docs/behaviour.md, addresses 1 to 3).
//!
//! Whom it chooses to tell, and when, is a secret of its seed, and not looked at. What is:
//!
//! * it tells nobody an address that it was not told, or one that this peer has told or heard;
//! * if it has an address of its own, that comes first, alone;
//! * an address goes from one list to two peers at most;
//! * of each list so many entries are passed over as there are no tokens for;
//! * an answer to `getaddr` comes once, to who dialled the node, in the same turn if nothing was
//!   exchanged before; it has 23 in a hundred of what the node was ever told at most; for 21 hours
//!   it is the same for all who come over IPv4, and for all who come over IPv6.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use sockman::connman::Config;
use sockman::connman::addrman::{AddrMan, NetAddr, NetService, Table};
use sockman::time::UnixTime;

/// Most addresses of a message, and how much of what is known an answer has.
const LIST_MAX: usize = 1_000;
const ANSWER_PERCENT: usize = 23;

/// Entries of a list whose addresses may go on to others, and how fresh these are.
const RELAYED_LIST_MAX: usize = 10;
const FRESH_SECS: u64 = 600;

/// Peers that an address goes to at most, for each list that had it.
const RELAY_PEERS_MAX: usize = 2;

/// What the node surely remembers of what a peer knows.
const KNOWN_MIN: usize = 5_000;

/// A token comes in this time; so many tokens come by time alone.
const TOKEN_INTERVAL: Duration = Duration::from_secs(10);
const TOKENS_MAX: u32 = 1_000;

/// The time for which an answer surely stands, and after which it surely does not.
const ANSWER_STANDS: Duration = Duration::from_secs(21 * 3600);
const ANSWER_FALLS: Duration = Duration::from_secs(27 * 3600);

/// Services that make an address worth something: all blocks, or the last.
const USEFUL: u64 = 1 | 1 << 10;

/// Network, bytes, port; of a network that is known, and not hidden in another.
pub(super) type Place = (u8, Vec<u8>, u16);

/// The addresses that the node was told to be its own.
pub(super) fn own_places(config: &Config) -> BTreeSet<Place> {
    let own = config.external.iter().filter(|service| service.addr.is_routable());
    own.filter_map(place_of).collect()
}

fn place_of(service: &NetService) -> Option<Place> {
    match service.addr {
        NetAddr::Ipv4(ip) => Some((1, ip.octets().to_vec(), service.port)),
        NetAddr::Ipv6(ip) => Some((2, ip.octets().to_vec(), service.port)),
        NetAddr::Onion(_) | NetAddr::I2p(_) | NetAddr::Cjdns(_) | NetAddr::Internal(_) => None,
    }
}

/// Whether there is one.
pub(super) fn has_own_place(config: &Config) -> bool {
    !own_places(config).is_empty()
}

/// One address of a list.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// `None`: nobody can be told of it.
    place: Option<Place>,
    services: u64,
    time: u64,
}

/// Reads a list to its end; `None`: it cannot be read, or is none.
pub(super) fn read(name: &[u8], payload: &[u8]) -> Option<Vec<Entry>> {
    let is_v2 = match name {
        b"addr" => false,
        b"addrv2" => true,
        _ => return None,
    };
    let (count, mut rest) = super::lists::compact(payload)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, behind) = if is_v2 { read_v2(rest) } else { read_v1(rest) }?;
        entries.push(entry);
        rest = behind;
    }
    Some(entries)
}

fn read_v1(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (time, rest) = bytes.split_first_chunk()?;
    let (services, rest) = rest.split_first_chunk()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    let place = match address {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ip @ ..] => Some((1, ip.to_vec(), port)),
        ip => of_ipv6(ip, port),
    };
    let time = u64::from(u32::from_le_bytes(*time));
    Some((Entry { place, services: u64::from_le_bytes(*services), time }, rest))
}

fn read_v2(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let behind = super::lists::skip_addrv2(bytes)?;
    let (time, rest) = bytes.split_first_chunk()?;
    let (services, rest) = super::lists::number(rest)?;
    let (network, rest) = rest.split_first()?;
    let (_length, rest) = super::lists::number(rest)?;
    let (address, port) = rest[..rest.len() - behind.len()].split_last_chunk()?;
    let port = u16::from_be_bytes(*port);
    let place = match (network, address) {
        (2, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..]) => None,
        (2, ip) => of_ipv6(ip, port),
        (1 | 4 | 5 | 6, address) => Some((*network, address.to_vec(), port)),
        _ => None,
    };
    let time = u64::from(u32::from_le_bytes(*time));
    Some((Entry { place, services, time }, behind))
}

/// Two kinds of networks were once hidden in IPv6.
fn of_ipv6(ip: &[u8], port: u16) -> Option<Place> {
    let is_hidden = ip.starts_with(&[0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43])
        || ip.starts_with(&[0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24]);
    (!is_hidden).then(|| (2, ip.to_vec(), port))
}

/// A message with addresses that the node has queued, by what may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// What was heard from the peer up to then.
    heard: u64,
    kind: Kind,
    at: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The node's own address, the first time, and nothing else.
    Own,
    /// An answer, and nothing else.
    Answer,
    Rest,
}

/// One that has left.
#[derive(Clone, Debug)]
pub(super) struct Left {
    queued: Queued,
    entries: Vec<Entry>,
}

impl Left {
    /// `None`: it is no list.
    pub(super) fn new(queued: Queued, name: &str, payload: &[u8]) -> Option<Self> {
        Some(Self { queued, entries: read(name.as_bytes(), payload)? })
    }
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Nobody has asked.
    None,
    /// It was the first thing of this kind that the peer said, in this step.
    Fresh,
    Asked,
}

/// The exchange with one peer.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Whether there is one.
    pub(super) has_begun: bool,
    question: Question,
    /// Whether it was told the node's own address.
    pub(super) is_told_own: bool,
    /// Whether the node has asked, and none but full messages have come.
    awaits_answer: bool,
    /// Tokens, as the time in which they come.
    credit: Duration,
    counted_at: Option<UnixTime>,
    /// Entries that were passed over, and the most that were not.
    rate_limited: u64,
    looked_at: u64,
    /// What it told or was told, and when; where it may be that the node has not looked, not.
    knows: BTreeMap<Place, u64>,
    /// How often that grew or was confirmed, at most.
    noted: usize,
    heard: u64,
    /// Lists that were read and not handled.
    lists: VecDeque<Vec<Entry>>,
    left: Vec<Left>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            has_begun: false,
            question: Question::None,
            is_told_own: false,
            awaits_answer: false,
            credit: TOKEN_INTERVAL,
            counted_at: None,
            rate_limited: 0,
            looked_at: 0,
            knows: BTreeMap::new(),
            noted: 0,
            heard: 0,
            lists: VecDeque::new(),
            left: Vec::new(),
        }
    }
}

impl Exchange {
    /// A list was read, whole, to be handled in its turn.
    pub(super) fn push(&mut self, list: Vec<Entry>) {
        self.lists.push_back(list);
    }

    /// One that was read comes to nothing.
    pub(super) fn pass_over(&mut self) {
        self.lists.pop_front();
    }

    /// The node asks.
    pub(super) fn ask(&mut self) {
        self.has_begun = true;
        self.awaits_answer = true;
        self.credit += TOKEN_INTERVAL * u32::try_from(LIST_MAX).expect("a thousand");
    }

    /// The peer asks; whether that is taken.
    pub(super) fn be_asked(&mut self) -> bool {
        let is_first = self.question == Question::None;
        if is_first {
            self.question = if self.has_begun { Question::Asked } else { Question::Fresh };
        }
        self.has_begun = true;
        is_first
    }

    /// What the node has to say of addresses in this step is said; whether that was a first
    /// question.
    pub(super) fn is_over(&mut self) -> bool {
        let is_fresh = self.question == Question::Fresh;
        if is_fresh {
            self.question = Question::Asked;
        }
        is_fresh
    }

    /// Whether the next list answers a first question.
    pub(super) fn is_answered_next(&self, has_own: bool) -> bool {
        self.question == Question::Fresh && (self.is_told_own || !has_own)
    }

    /// The node has queued a list. If it has an address of its own, that comes first.
    pub(super) fn queue(&mut self, at: UnixTime, has_own: bool) -> Queued {
        let kind = if has_own && !std::mem::replace(&mut self.is_told_own, true) {
            Kind::Own
        } else if self.is_over() {
            Kind::Answer
        } else {
            Kind::Rest
        };
        Queued { heard: self.heard, kind, at }
    }

    /// A list has left.
    pub(super) fn leave(&mut self, left: Left) {
        self.left.push(left);
    }

    /// Those that have left and nobody has looked at.
    pub(super) fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// So many entries were passed over, and so many were not, as the node tells.
    pub(super) fn check_counts(&self, processed: u64, rate_limited: u64) -> Result<(), String> {
        if rate_limited != self.rate_limited || processed > self.looked_at {
            return Err(format!(
                "{processed} addresses are looked at and {rate_limited} passed over; expected: at \
                 most {}, and {}",
                self.looked_at, self.rate_limited
            ));
        }
        Ok(())
    }

    /// Time that has passed becomes tokens.
    fn refill(&mut self, since: UnixTime, now: UnixTime) {
        let most = TOKEN_INTERVAL * TOKENS_MAX;
        if self.credit < most {
            let passed = now - self.counted_at.unwrap_or(since);
            self.credit = (self.credit + passed).min(most);
        }
        self.counted_at = Some(now);
    }

    /// A list is looked at; of how many entries of it, if it is not of all.
    fn spend(&mut self, count: u64, has_permission: bool) -> Option<u64> {
        let whole = self.credit.as_secs() / TOKEN_INTERVAL.as_secs();
        let paid = count.min(whole);
        self.credit -= TOKEN_INTERVAL * u32::try_from(paid).expect("few");
        if has_permission || paid == count {
            self.looked_at += count;
            return None;
        }
        self.looked_at += paid;
        self.rate_limited += count - paid;
        Some(paid)
    }
}

/// What became of one address.
#[derive(Clone, Copy, Debug, Default)]
struct Rumour {
    /// All services that anybody has told.
    services: u64,
    /// Times that it may go on from, and times that it did.
    heard: usize,
    passed_on: usize,
}

/// What is known of the answer that is kept for some.
#[derive(Clone, Debug)]
enum Answer {
    /// It was made then. Whether it has something in it, and what, once that was seen.
    Made { at: UnixTime, has_some: Option<bool>, places: Option<BTreeSet<Place>> },
    /// Somebody asked when it may have been made anew or not, so that nothing is known any more.
    Lost,
}

/// Whose answer stands for whom: over IPv4, or not.
type IsIpv4 = bool;

/// Everything that was told. See the head of the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Rumours {
    told: BTreeMap<Place, Rumour>,
    answers: BTreeMap<IsIpv4, Answer>,
}

impl Rumours {
    /// What the node knows from elsewhere: from before its start, or because somebody at its own
    /// side has told it.
    pub(super) fn know(&mut self, addrman: &AddrMan) {
        for (_, entry) in [Table::New, Table::Tried].iter().flat_map(|t| addrman.slots(*t)) {
            let Some(place) = place_of(&entry.service) else { continue };
            self.told.entry(place).or_default().services |= entry.services.0;
        }
    }

    /// What the next process may still know of it, if it has files: everything but the answers.
    pub(super) fn ended(self) -> Self {
        Self { answers: BTreeMap::new(), ..self }
    }

    /// The next list of a peer's is handled, who is there since then.
    pub(super) fn hear(
        &mut self,
        exchange: &mut Exchange,
        since: UnixTime,
        now: UnixTime,
        has_permission: bool,
    ) {
        let list = exchange.lists.pop_front().unwrap_or_default();
        exchange.has_begun = true;
        exchange.refill(since, now);
        let is_whole = exchange.spend(list.len() as u64, has_permission).is_none();
        let may_go_on = !exchange.awaits_answer && list.len() <= RELAYED_LIST_MAX;
        exchange.heard += 1;
        for Entry { place, services, time } in &list {
            let Some(place) = place.as_ref().filter(|_| services & USEFUL != 0) else { continue };
            let rumour = self.told.entry(place.clone()).or_default();
            rumour.services |= services;
            let is_fresh = time + FRESH_SECS > now.as_secs() && *time <= now.as_secs() + FRESH_SECS;
            rumour.heard += usize::from(may_go_on && is_fresh);
            exchange.noted += 1;
            if is_whole {
                exchange.knows.insert(place.clone(), exchange.heard);
            }
        }
        if list.len() < LIST_MAX {
            exchange.awaits_answer = false;
        }
    }

    /// Somebody asks who hears what everybody hears.
    pub(super) fn ask(&mut self, is_ipv4: IsIpv4, now: UnixTime) {
        let made = Answer::Made { at: now, has_some: None, places: None };
        let answer = self.answers.entry(is_ipv4).or_insert_with(|| made.clone());
        let Answer::Made { at, .. } = answer else { return };
        match now - *at {
            age if age < ANSWER_STANDS => {}
            age if age > ANSWER_FALLS => *answer = made,
            _ => *answer = Answer::Lost,
        }
    }

    /// A first question was handled, and was answered with a list or not.
    pub(super) fn answer(&mut self, is_ipv4: IsIpv4, is_there: bool) -> Result<(), String> {
        let Some(Answer::Made { has_some, .. }) = self.answers.get_mut(&is_ipv4) else {
            return Ok(());
        };
        if *has_some.get_or_insert(is_there) == is_there {
            return Ok(());
        }
        Err(format!("getaddr is answered: {is_there}, and to others otherwise"))
    }

    /// A list has left for a peer.
    pub(super) fn check(
        &mut self,
        exchange: &mut Exchange,
        left: Left,
        own: &BTreeSet<Place>,
        is_ipv4: bool,
        has_permission: bool,
    ) -> Result<(), String> {
        let Left { queued, entries } = left;
        if entries.is_empty() || entries.len() > LIST_MAX {
            return Err(format!("{} addresses were sent in one message", entries.len()));
        }
        let is_own = |entry: &Entry| entry.place.as_ref().is_some_and(|place| own.contains(place));
        let count = entries.len();
        let entries: Vec<_> = entries.into_iter().filter(|entry| !is_own(entry)).collect();
        if queued.kind == Kind::Own {
            let is_right = count == 1 && entries.is_empty();
            let what =
                || format!("the first list has {count} addresses, some of which not its own");
            return if is_right { Ok(()) } else { Err(what()) };
        }
        if entries.len() < count {
            // Told of it again, the peer may be told everything again.
            exchange.knows.clear();
        }
        let mut places = BTreeSet::new();
        for Entry { place, services, .. } in entries {
            let place = place.ok_or("an address of no network was sent")?;
            let told = self.told.get_mut(&place).ok_or_else(|| sent(&place, "nobody told it"))?;
            if services & !told.services != 0 {
                return Err(sent(&place, "nobody told of these services"));
            }
            let known = exchange.knows.get(&place).is_some_and(|at| *at <= queued.heard);
            if known && exchange.noted <= KNOWN_MIN {
                return Err(sent(&place, "the peer knows it"));
            }
            exchange.noted += 1;
            exchange.knows.insert(place.clone(), 0);
            if exchange.question == Question::None {
                told.passed_on += 1;
                if told.passed_on > RELAY_PEERS_MAX * told.heard {
                    return Err(sent(&place, "it has gone to two peers"));
                }
            }
            if !places.insert(place.clone()) {
                return Err(sent(&place, "the message has it twice"));
            }
        }
        if queued.kind != Kind::Answer {
            return Ok(());
        }
        if places.len() * 100 > self.told.len() * ANSWER_PERCENT {
            let (count, all) = (places.len(), self.told.len());
            return Err(format!("getaddr is answered with {count} addresses of {all} at most"));
        }
        let Some(Answer::Made { at, places: seen, .. }) = self.answers.get_mut(&is_ipv4) else {
            return Ok(());
        };
        // One that was queued before it was made anew is another.
        if has_permission || queued.at < *at || *seen.get_or_insert(places.clone()) == places {
            return Ok(());
        }
        Err("getaddr is answered otherwise than to others".to_owned())
    }
}

fn sent(place: &Place, why: &str) -> String {
    format!("{place:?} was sent, and {why}")
}
