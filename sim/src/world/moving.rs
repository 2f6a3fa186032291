//! How a world moves: what is due is done one thing at a time, and what a thing leaves is carried
//! to where it goes.

use std::time::Duration;

use sockman::driver::{Did, Task};
use sockman::time::{Instant, Now, UnixTime};

use super::disk::NodeDisk;
use super::telling::{describe_saw, hash_saw};
use super::{Step, World};
use crate::done::Done;
use crate::host::Host;
use crate::net::{HostId, Segment};
use crate::schedule::Jump;
use crate::subject::Subject;
use crate::trace::Who;

impl<X: Subject, K: Host> World<X, K> {
    /// Does one thing that is due at this instant: by default what is due outside before what the
    /// node has to do, and that in the order of production.
    pub fn step(&mut self) -> Step {
        if !self.is_stalled() && !self.chooser.is_default() {
            return self.step_chosen();
        }
        self.has_deviated = false;
        let outside = self.step_operator().or_else(|| self.step_outside());
        if let Some(step) = outside.or_else(|| self.step_disk()) {
            return step;
        }
        if self.is_stalled() { Step::Stalled(self.next_due()) } else { self.step_inside() }
    }

    /// Something outside that is due.
    pub(super) fn step_outside(&mut self) -> Option<Step> {
        if self.step_network() || self.step_arrivals() {
            return Some(Step::Outside);
        }
        self.step_timers().then_some(Step::Arrived)
    }

    /// Lets time pass until `at`.
    pub fn advance(&mut self, at: Instant) {
        let passed = at.since(self.now.steady);
        self.now = Now { steady: at, wall: self.now.wall + passed };
        self.node_kernel_mut().set_now(at);
    }

    /// Sets the node's wall clock. A node that waits hears of it at once, which a real one does
    /// when its wait is over.
    pub fn jump_wall(&mut self, direction: Jump, by: Duration) -> Done {
        let before = self.now.wall;
        self.now.wall = match direction {
            Jump::Forward => self.now.wall + by,
            Jump::Back => UnixTime::EPOCH + (self.now.wall - (UnixTime::EPOCH + by)),
        };
        self.reckon_sleep();
        Done::only_if(self.now.wall != before, "the clock shows that already")
    }

    /// When something is due by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let actors = self.next_actor;
        let node = match self.is_stalled() {
            true => Some(self.stalled_until),
            false => self.driver.sleeps_until(),
        };
        let kernel = self.machine.sockman().sockets().inner().next_timer();
        let disk = self.disk.as_deref().and_then(NodeDisk::next_due);
        [self.network.next_due(), actors, node, kernel, disk].into_iter().flatten().min()
    }

    /// Delivers what has arrived anywhere, one segment; whether there was one.
    fn step_network(&mut self) -> bool {
        let Some((host, segment)) = self.network.pop_due(self.now.steady) else { return false };
        match self.owners[host.0 as usize] {
            None => {
                let now = self.now.steady;
                // What the node sends to itself has passed when it was sent.
                if self.capture.is_kept() && !self.is_from_node(&segment) {
                    self.capture.add(now, &segment);
                }
                self.node_kernel_mut().handle_segment(now, segment);
                self.carry_from_node();
            }
            Some(index) => {
                let now = self.now;
                self.actors[index].kernel_mut().handle_segment(now.steady, segment);
                self.actors[index].work(now);
                self.carry_from_actor(index);
            }
        }
        true
    }

    fn is_from_node(&self, segment: &Segment) -> bool {
        let from = segment.from.ip();
        from.and_then(|from| self.network.host_at(from.ip())) == Some(self.node_host)
    }

    /// Lets the actor work for whom something has been on its way for longest, where no segments
    /// are; whether there was one.
    fn step_arrivals(&mut self) -> bool {
        let now = self.now;
        // What comes to the node, perhaps from itself, it is told when it waits.
        self.node_kernel_mut().let_arrive();
        let arriving = self.actors.iter().enumerate();
        let arriving =
            arriving.filter_map(|(index, actor)| Some((actor.kernel().arriving()?, index)));
        let Some((_, index)) = arriving.min() else { return false };
        self.actors[index].work(now);
        self.carry_from_actor(index);
        true
    }

    /// Lets a kernel or an actor do what is due by itself; whether there was something.
    fn step_timers(&mut self) -> bool {
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.steady);
        if is_due(self.machine.sockman().sockets().inner().next_timer()) {
            self.node_kernel_mut().handle_timer(now.steady);
            self.carry_from_node();
            return true;
        }
        if is_due(self.next_actor) {
            let due = self.wakeups.iter().position(|at| is_due(*at));
            let index = due.expect("the earliest is one of them");
            self.actors[index].wake(now);
            self.carry_from_actor(index);
            return true;
        }
        false
    }

    /// Hands the machine what a wait would report now; how much.
    pub(super) fn poll(&mut self) -> usize {
        let mut events = std::mem::take(&mut self.events);
        self.node_kernel_mut().poll(&mut events);
        self.machine.sockman().sockets().report_ended(&mut events);
        for event in &events {
            let bits = u64::from(event.readiness.readable)
                | u64::from(event.readiness.writable) << 1
                | u64::from(event.readiness.error) << 2;
            let source = self.actor_of_source(event.source);
            self.trace.hash_mut().add(bits | source << 8 | 1 << 32);
        }
        self.machine.handle_ready(&events);
        let count = events.len();
        self.events = events;
        count
    }

    /// One step of a task of the node's.
    pub(super) fn step_node(&mut self, task: Task) -> Step {
        let before = self.machine.command_count();
        let did = self.machine.step(self.now, task);
        self.driver.stepped(before.saturating_sub(self.machine.command_count()));
        if did == Did::Commanded {
            self.operator.note_commanded();
        }
        let told = self.notices.len();
        self.machine.take_notices(&mut self.notices);
        for notice in &self.notices[told..] {
            tracing::debug!(at = %self.now.steady, ?notice, "notice");
        }
        self.hash_step(task, &did);
        self.begin_on_files();
        self.carry_from_node();
        Step::Node(task, did)
    }

    // Carrying.

    pub(super) fn carry_from_node(&mut self) {
        if !self.machine.sockman().sockets().inner().has_segments() {
            return;
        }
        let mut segments = std::mem::take(&mut self.segments);
        self.node_kernel_mut().take_segments(&mut segments);
        for segment in segments.drain(..) {
            self.capture.add(self.now.steady, &segment);
            self.network.send(self.now.steady, self.node_host, segment);
        }
        self.segments = segments;
    }

    /// After an actor has done something: its segments, and what it saw.
    pub(super) fn carry_from_actor(&mut self, index: usize) {
        let mut segments = std::mem::take(&mut self.segments);
        self.actors[index].kernel_mut().take_segments(&mut segments);
        let host = HostId(u32::try_from(index + 1).expect("a schedule has few actors"));
        for segment in segments.drain(..) {
            self.network.send(self.now.steady, host, segment);
        }
        self.segments = segments;
        let wakeup = self.actors[index].next_wakeup();
        if self.wakeups[index] != wakeup {
            self.wakeups[index] = wakeup;
            self.next_actor = self.wakeups.iter().flatten().min().copied();
        }
        let actor = self.actors[index].id();
        self.actors[index].take_moved(&mut self.moved);
        let start = self.saw.len();
        self.actors[index].take_saw(&mut self.saw);
        for (_, saw) in &self.saw[start..] {
            let at = self.now.steady;
            tracing::debug!(%at, %actor, ?saw, "seen");
            self.trace.tell(at, Who::Actor(actor), None, || describe_saw(saw));
            hash_saw(&mut self.trace, actor, saw);
        }
    }
}
