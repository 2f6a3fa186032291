//! The driver of a simulated node, as far as it is not its machine: its door, its turns, its sleep.

use sockman::driver::{Choice, Door, Turn, Turns};
use sockman::time::Instant;

/// Where the driver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Awake,
    /// It waits, at most until then; since when, if that is not the start.
    Asleep {
        until: Option<Instant>,
        since: Option<Instant>,
    },
    /// Somebody has stopped it.
    Ended,
}

/// The driver's side.
#[derive(Clone, Debug)]
pub(super) struct Driver<C> {
    pub(super) door: Door<C>,
    pub(super) turns: Turns,
    pub(super) place: Place,
    /// Whether somebody has woken it since its last look at the sockets.
    pub(super) is_woken: bool,
}

impl<C> Driver<C> {
    /// One that waits for the first time.
    pub(super) fn new() -> Self {
        let place = Place::Asleep { until: None, since: None };
        Self { door: Door::new(0), turns: Turns::default(), place, is_woken: false }
    }

    pub(super) fn is_asleep(&self) -> bool {
        matches!(self.place, Place::Asleep { .. })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.place == Place::Ended
    }

    /// Whether its wait is over, whatever its sockets say.
    pub(super) fn is_roused(&self, now: Instant) -> bool {
        match self.place {
            Place::Asleep { until, .. } => self.is_woken || until.is_some_and(|at| at <= now),
            Place::Awake | Place::Ended => false,
        }
    }

    /// Whether its wait may end now, whatever its sockets say: a wait may end for nothing, but not
    /// again and again at one instant.
    pub(super) fn may_wake(&self, now: Instant) -> bool {
        match self.place {
            Place::Asleep { since, .. } => self.is_roused(now) || since != Some(now),
            Place::Awake | Place::Ended => false,
        }
    }

    /// When it goes on by itself; `None` if it never does. Meaningless while it is awake.
    pub(super) fn sleeps_until(&self) -> Option<Instant> {
        match self.place {
            Place::Asleep { until, .. } => until,
            Place::Awake | Place::Ended => None,
        }
    }

    /// A wait is over, or a look at the sockets without one.
    pub(super) fn looked(&mut self) {
        self.place = Place::Awake;
        self.is_woken = false;
        self.turns.looked();
    }

    /// Notes that a step was made, with which so many commands were carried out.
    pub(super) fn stepped(&mut self, carried_out: usize) {
        if carried_out > 0 {
            self.door.carried_out(carried_out);
        }
        self.turns.went_on();
    }

    /// Whether something lies at its door that it has not looked at.
    pub(super) fn has_news(&self) -> bool {
        self.place != Place::Ended && self.door.has_news()
    }

    /// Whether a driver whose machine would do this could do something else: what its turn is, or
    /// else take in what lies at its door.
    pub(super) fn can_go(&self, machine: impl FnOnce() -> Choice) -> bool {
        self.place == Place::Awake
            && match self.turns.next(&self.door, machine) {
                Turn::Step(_) | Turn::Poll => self.door.left() > 0,
                Turn::Stop | Turn::Inspect | Turn::Drain | Turn::Wait => true,
            }
    }
}
