//! Model: for how long the node bears with whom (docs/behaviour.md, chain 5 and 6, eviction 3).
//!
//! What is known of each peer is what passed: when it was asked for headers and for which blocks,
//! what it gave, how far its chain goes. From that it follows to the second who has to go, who may
//! go, and who has to be asked. It holds at rest, and after the visit in which somebody is given
//! up.

use std::collections::VecDeque;
use std::time::Duration;

use sockman::sockets::ConnId;
use sockman::time::UnixTime;

/// Chain 5: `MAX_BLOCKS_IN_TRANSIT_PER_PEER`.
pub(super) const IN_FLIGHT_MAX: usize = 16;

/// Chain 5: `HEADERS_RESPONSE_TIME`, and the age up to which headers are recent.
const RESPONSE: Duration = Duration::from_secs(2 * 60);
pub(super) const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Chain 6: the least and the most that somebody may hold up others; what each block may take, and
/// half of it for each other who owes some; the first sync of headers.
const STALLING_MIN: u64 = 2;
const STALLING_MAX: u64 = 64;
const HALF_A_BLOCK: Duration = Duration::from_secs(300);
const HEADERS_BASE: Duration = Duration::from_secs(15 * 60);
const SPACING_SECS: u64 = 600;

/// Eviction 3: whose chain lags has 20 min until it is asked, and 2 min from then on; whole seconds
/// count. `MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT`.
const LAG_SECS: u64 = 20 * 60;
const LAST_WORD_SECS: u64 = 2 * 60;
const PROTECTED_MAX: usize = 4;

/// Which blocks somebody serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::subjects::connman) enum Serves {
    Nothing,
    Recent,
    All,
}

/// What follows for somebody whose chain stays behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::subjects::connman) enum Lagging {
    Kept,
    GivenUp,
    Protectable,
}

/// What is known of a peer that is there from its handshake and its rights.
#[derive(Clone, Copy, Debug)]
pub(in crate::subjects::connman) struct There {
    pub(in crate::subjects::connman) conn: ConnId,
    pub(in crate::subjects::connman) serves: Serves,
    pub(in crate::subjects::connman) has_witnesses: bool,
    /// Whether it is asked first.
    pub(in crate::subjects::connman) is_preferred: bool,
    pub(in crate::subjects::connman) has_noban: bool,
    pub(in crate::subjects::connman) lagging: Lagging,
    /// Whether a question for blocks waits to be sent.
    pub(in crate::subjects::connman) is_being_asked: bool,
}

/// How far the first sync of headers with a peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sync {
    #[default]
    NotStarted,
    Until(UnixTime),
    Recent,
}

/// A chain that is behind the node's.
#[derive(Clone, Copy, Debug)]
struct Behind {
    due_secs: u64,
    least: u32,
    is_asked: bool,
}

/// What passed between the node and a peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    /// What it owes, in the order asked, and since when the first of it: at the earliest, and at
    /// the latest.
    pub(super) owes: VecDeque<u32>,
    since: Option<(UnixTime, UnixTime)>,
    /// Since when others may wait for it, at the earliest; and since when they do for sure.
    stalls_perhaps: Option<UnixTime>,
    stalls: Option<UnixTime>,
    sync: Sync,
    /// When it was asked for headers: if that is not answered; and whenever.
    unanswered: Option<UnixTime>,
    asked_at: Option<UnixTime>,
    /// Whether it was asked because of a name, before the sync began.
    pub(super) asked_early: bool,
    behind: Option<Behind>,
    is_protected: bool,
}

impl Peer {
    pub(super) fn is_started(&self) -> bool {
        self.sync != Sync::NotStarted
    }

    /// Whether it may be asked for headers: it has answered, or had its time.
    pub(super) fn may_be_asked(&self, now: UnixTime) -> bool {
        self.unanswered.is_none_or(|at| now > at + RESPONSE)
    }

    pub(super) fn ask_headers(&mut self, now: UnixTime) {
        (self.unanswered, self.asked_at) = (Some(now), Some(now));
    }

    pub(super) const fn answer_headers(&mut self) {
        self.unanswered = None;
    }

    /// The sync of headers begins; the best is from then.
    pub(super) fn start(&mut self, best: u64, now: UnixTime) {
        let micros = 1_000 * now.as_secs().saturating_sub(best) / SPACING_SECS;
        self.sync = Sync::Until(now + HEADERS_BASE + Duration::from_micros(micros));
    }

    /// It is to be asked for blocks, and owes none.
    pub(super) fn begin_to_owe(&mut self, now: UnixTime) {
        self.since = Some((now, now));
    }

    /// One of those was given by somebody else before it was asked.
    pub(super) fn need_not(&mut self, now: UnixTime) {
        self.since = self.since.map(|(least, most)| (least, most.max(now)));
    }

    /// It does not owe that any more.
    pub(super) fn give(&mut self, height: u32, now: UnixTime) {
        if self.owes.front() == Some(&height) {
            self.since = self.since.map(|(least, most)| (least.max(now), most.max(now)));
        }
        self.owes.retain(|other| *other != height);
        (self.stalls, self.stalls_perhaps) = (None, None);
    }

    /// Others wait for it; that they do is certain at rest.
    pub(super) fn hold_up(&mut self, now: UnixTime, is_certain: bool) {
        self.stalls_perhaps.get_or_insert(now);
        if is_certain {
            self.stalls.get_or_insert(now);
        }
    }

    pub(super) const fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// Once it had as much as the node it is one of a few that are left alone.
    pub(super) const fn protect(&mut self, protected: usize) {
        self.is_protected |= protected < PROTECTED_MAX;
    }
}

/// How many are in what state, of which it depends who may be asked for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) preferred: usize,
    pub(super) syncing: usize,
    pub(super) owing: usize,
}

impl Standing {
    pub(super) fn is_to_sync_from(self, there: &There) -> bool {
        let no_better = self.preferred == 0 || self.owing == 0;
        there.is_preferred || there.serves != Serves::Nothing && no_better
    }

    /// Whether a peer may be asked for blocks.
    pub(super) fn may_ask_blocks(self, there: &There, is_initial: bool) -> bool {
        self.is_to_sync_from(there) && there.serves == Serves::All
            || there.serves != Serves::Nothing && !is_initial
    }

    fn is_replaceable(self, there: &There) -> bool {
        self.syncing == 1 && self.preferred > usize::from(there.is_preferred)
    }
}

/// What decides about all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: UnixTime,
    pub(super) standing: Standing,
    /// The time of the best header, s since 1970.
    pub(super) best: u64,
    /// How many blocks are here.
    pub(super) upto: u32,
    /// How long somebody may hold up others.
    pub(super) stalling: Duration,
}

impl Moment {
    pub(super) fn is_recent(self) -> bool {
        UnixTime::from_secs(self.best) + RECENT > self.now
    }

    fn block_timeout(self) -> Duration {
        let others = self.standing.owing.saturating_sub(1);
        HALF_A_BLOCK * (2 + u32::try_from(others).unwrap_or(u32::MAX))
    }
}

impl Peer {
    fn headers_are_late(&self, there: &There, moment: Moment) -> bool {
        let Sync::Until(until) = self.sync else { return false };
        moment.now > until && !moment.is_recent() && moment.standing.is_replaceable(there)
    }

    /// With noban it is not given up for its headers: somebody else may be asked.
    pub(super) fn let_go(&mut self, there: &There, moment: Moment) {
        if there.has_noban && self.headers_are_late(there, moment) {
            self.sync = Sync::NotStarted;
        }
    }

    /// Whether what it owes is late: perhaps, and for sure.
    fn block_is_late(&self, there: &There, moment: Moment) -> (bool, bool) {
        let Some((least, most)) = self.since else { return (false, false) };
        let owes = !self.owes.is_empty();
        let is_late = |since: UnixTime| moment.now > since + moment.block_timeout();
        ((owes || there.is_being_asked) && is_late(least), owes && is_late(most))
    }

    /// For what it may be given up now.
    pub(super) fn may_go_for(
        &self,
        there: &There,
        told: Option<u32>,
        moment: Moment,
    ) -> Vec<&'static str> {
        let is_over = |since: UnixTime| moment.now > since + moment.stalling;
        let lags = told.unwrap_or(0) < moment.upto || told.is_none();
        let is_due = |behind: Behind| behind.is_asked && behind.due_secs <= moment.now.as_secs();
        // Which blocks a question asks for is known once it has left.
        let is_asked_unseen = there.is_being_asked && self.since.is_some_and(|(at, _)| is_over(at));
        let reasons = [
            ("block-stalling", self.stalls_perhaps.is_some_and(is_over) || is_asked_unseen),
            ("block-timeout", self.block_is_late(there, moment).0),
            ("headers-timeout", !there.has_noban && self.headers_are_late(there, moment)),
            ("chain-lags", lags && self.behind.is_some_and(is_due)),
        ];
        reasons.into_iter().filter(|(_, may)| *may).map(|(reason, _)| reason).collect()
    }

    /// At rest: what its time brought is done. Says for what it should be gone, or what it should
    /// have been asked.
    pub(super) fn check_rest(
        &mut self,
        there: &There,
        told: Option<u32>,
        moment: Moment,
    ) -> Result<(), String> {
        self.let_go(there, moment);
        if self.headers_are_late(there, moment) {
            return Err("its headers are not recent in time, and it stays".to_owned());
        }
        if moment.is_recent() && self.is_started() {
            self.sync = Sync::Recent;
        }
        if self.block_is_late(there, moment).1 {
            return Err(format!("it owes block {:?} for too long, and stays", self.owes.front()));
        }
        if self.stalls.is_some_and(|since| moment.now > since + moment.stalling) {
            return Err("it holds up the download for too long, and stays".to_owned());
        }
        self.check_lag(there, told, moment)
    }

    fn check_lag(
        &mut self,
        there: &There,
        told: Option<u32>,
        moment: Moment,
    ) -> Result<(), String> {
        if there.lagging == Lagging::Kept || self.is_protected || !self.is_started() {
            return Ok(());
        }
        let (now, has) = (moment.now.as_secs(), |least| told.is_some_and(|told| told >= least));
        if has(moment.upto) {
            self.behind = None;
        } else if self.behind.is_none_or(|behind| has(behind.least)) {
            let due_secs = now + LAG_SECS + 1;
            self.behind = Some(Behind { due_secs, least: moment.upto, is_asked: false });
        }
        let Some(behind) = self.behind.as_mut().filter(|behind| behind.due_secs <= now) else {
            return Ok(());
        };
        if behind.is_asked {
            return Err("its chain lags for too long, and it stays".to_owned());
        }
        (behind.is_asked, behind.due_secs) = (true, now + LAST_WORD_SECS + 1);
        let is_asked = self.asked_at.is_some_and(|at| moment.now <= at + RESPONSE);
        if is_asked { Ok(()) } else { Err("its chain lags, and it is not asked".to_owned()) }
    }

    /// Whether it is to be asked for headers, and was not.
    pub(super) fn is_to_be_started(&self, there: &There, moment: Moment) -> bool {
        let standing = moment.standing;
        let may = standing.syncing == 0 && standing.is_to_sync_from(there) || moment.is_recent();
        let is_one = there.serves != Serves::Nothing && !self.is_started();
        is_one && may && self.may_be_asked(moment.now)
    }

    /// Whether it may be asked once more because its chain lags.
    pub(super) fn may_lag(&self, there: &There, now: UnixTime) -> bool {
        let is_due = |behind: Behind| !behind.is_asked && behind.due_secs <= now.as_secs();
        there.lagging != Lagging::Kept && self.behind.is_some_and(is_due)
    }
}

/// How long somebody may hold up others, of which each who is given up and each block changes
/// something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stalling(u64);

impl Default for Stalling {
    fn default() -> Self {
        Self(STALLING_MIN)
    }
}

impl Stalling {
    pub(super) const fn time(self) -> Duration {
        Duration::from_secs(self.0)
    }

    pub(super) fn double(&mut self) {
        self.0 = (2 * self.0).min(STALLING_MAX);
    }

    /// A block was connected.
    pub(super) fn decay(&mut self) {
        self.0 = (self.0 * 85 / 100).max(STALLING_MIN);
    }
}
