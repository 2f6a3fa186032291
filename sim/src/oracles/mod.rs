//! Oracles: what must be true of every run, each in a file of its own.
//!
//! They look after each step of the world and see only what anybody could: the calls, the bytes,
//! the kernel, and what the tenant says of itself. `panic` and `determinism` are the runner's.

use std::fmt;

use sockman::driver::Turn;
use sockman::time::Instant;

use crate::host::Host;
use crate::subject::{Objection, Subject};
use crate::world::{Step, World};

mod accounting;
mod bounds;
mod byte_streams;
mod descriptors;
mod fairness;
mod latency;
mod lifecycle;
mod liveness;
mod protocol;

/// What an oracle noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which oracle.
    pub oracle: &'static str,
    /// What it saw, and what it expected.
    pub what: String,
    /// Since when it was so.
    pub since: Instant,
    /// When it was noticed.
    pub at: Instant,
    /// The rule, by its place in docs/behaviour.md.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  at {}", self.oracle, self.what, self.at)?;
        if self.since != self.at {
            write!(f, ", since {}", self.since)?;
        }
        write!(f, "; {}", self.rule)
    }
}

/// All of them, with what they remember.
#[derive(Clone, Debug)]
pub struct Oracles<X: Subject> {
    descriptors: descriptors::Descriptors,
    streams: byte_streams::ByteStreams,
    lifecycle: lifecycle::Lifecycle,
    latency: latency::Latency,
    fairness: fairness::Fairness,
    accounting: accounting::Accounting,
    liveness: liveness::Liveness,
    subject: X::Watch,
    /// What a new process was found to have kept wrong, until the step is looked at with which it
    /// began.
    kept_wrong: Option<Violation>,
    node_steps: u64,
}

/// Steps of the node's between two checks of all its invariants, besides the one at the end of a
/// run: they cost more than the step itself. Where assertions are for debugging, as in tests and
/// under a fuzzer, each step is followed by one.
const INVARIANTS_EVERY: u64 = if cfg!(any(debug_assertions, fuzzing)) { 1 } else { 16 };

impl<X: Subject> Oracles<X> {
    /// Having seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            descriptors: descriptors::Descriptors,
            streams: byte_streams::ByteStreams::default(),
            lifecycle: lifecycle::Lifecycle::default(),
            latency: latency::Latency::default(),
            fairness: fairness::Fairness::default(),
            accounting: accounting::Accounting::default(),
            liveness: liveness::Liveness::default(),
            subject: X::Watch::default(),
            kept_wrong: None,
            node_steps: 0,
        }
    }

    /// The node's process has ended, and a new one has begun: what was known of the old one's
    /// connections is forgotten. Its peers' side of them is not, nor what the new one must have
    /// kept.
    pub fn restarted<K: Host>(&mut self, world: &World<X, K>) {
        use crate::subject::Watch as _;
        self.forget_node();
        let now = world.now();
        if let Err(objection) = self.subject.begin_again(world.machine().tenant(), now) {
            self.kept_wrong = Some(objected(now.steady, objection));
        }
    }

    fn forget_node(&mut self) {
        use crate::subject::Watch as _;
        self.streams.forget_node();
        self.liveness.forget_node();
        self.lifecycle = lifecycle::Lifecycle::default();
        self.latency = latency::Latency::default();
        self.fairness = fairness::Fairness::default();
        self.accounting = accounting::Accounting::default();
        self.subject.end();
    }

    /// Looks at what a step did.
    ///
    /// # Errors
    ///
    /// Something is as it must not be.
    pub fn after_step<K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        if let Some(violation) = self.kept_wrong.take() {
            return Err(violation);
        }
        if world.has_ended() {
            return self.after_end(world, step);
        }
        let passes = matches!(step, Step::Left | Step::Driven(_));
        if passes {
            bounds::check_commands(world)?;
        }
        let outside = matches!(step, Step::Outside | Step::Arrived | Step::Stalled(_));
        let rouses = matches!(step, Step::Woke | Step::Filed);
        if (outside || passes || rouses) && !world.has_seen() {
            return self.latency.check(world, step);
        }
        protocol::check(world)?;
        self.streams.check(world)?;
        self.liveness.note(world);
        self.latency.check(world, step)?;
        self.fairness.check(world, step)?;
        if matches!(step, Step::Node(..)) {
            self.descriptors.check(world)?;
            self.accounting.note(world);
            self.lifecycle.check(world, step)?;
            bounds::check(world, step)?;
            self.subject_check(world, step)?;
            self.node_steps += 1;
            if self.node_steps.is_multiple_of(INVARIANTS_EVERY) {
                world.machine().check_invariants();
            }
        }
        let looks = matches!(step, Step::Polled(_) | Step::Looked(_));
        if looks && !(world.reported().is_empty() && world.notices().is_empty()) {
            self.subject_check(world, step)?;
        }
        if matches!(step, Step::Idle(_)) {
            lifecycle::Lifecycle::check_rest(world)?;
            self.accounting.check(world)?;
            bounds::check_whole(world)?;
            self.subject_check(world, step)?;
        }
        Ok(())
    }

    /// Looks at what a step did that was made without the node, or with which it ended.
    fn after_end<K: Host>(&mut self, world: &World<X, K>, step: &Step) -> Result<(), Violation> {
        if *step == Step::Driven(Turn::Stop) {
            self.at_end(world)?;
            self.forget_node();
        }
        protocol::check(world)?;
        self.streams.check(world)?;
        self.liveness.note(world);
        Ok(())
    }

    /// Looks at a world that has been left alone for a while, without chance and without faults.
    ///
    /// # Errors
    ///
    /// Something that should have happened has not.
    pub fn at_rest<K: Host>(&mut self, world: &World<X, K>) -> Result<(), Violation> {
        world.machine().check_invariants();
        self.liveness.check(world)
    }

    /// Looks at a node that has closed everything.
    ///
    /// # Errors
    ///
    /// Something is left.
    pub fn at_end<K: Host>(&mut self, world: &World<X, K>) -> Result<(), Violation> {
        self.lifecycle.check_facts(world)?;
        self.lifecycle.check_end(world)?;
        self.descriptors.check_end(world)
    }

    fn subject_check<K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        use crate::subject::Watch as _;
        let at = world.now().steady;
        self.subject.look(&world.sight(step)).map_err(|objection| objected(at, objection))
    }
}

/// What a subject's own oracle noticed.
fn objected(at: Instant, objection: Objection) -> Violation {
    let Objection { oracle, since, what, rule } = objection;
    Violation { oracle, what, since: since.unwrap_or(at), at, rule }
}

impl<X: Subject> Default for Oracles<X> {
    fn default() -> Self {
        Self::new()
    }
}

/// A violation noticed as it happens.
fn violation<X: Subject, K: Host>(
    world: &World<X, K>,
    oracle: &'static str,
    rule: &'static str,
    what: String,
) -> Violation {
    let at = world.now().steady;
    Violation { oracle, what, since: at, at, rule }
}
