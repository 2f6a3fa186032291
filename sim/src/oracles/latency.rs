//! Latency and work: a message leaves at the instant at which it can, what has arrived is taken in
//! at the same instant, and nothing wakes the node for nothing. Whether a message leaves before
//! another task goes on is looked at in `latency/promptness.rs`.

mod held_back;
mod promptness;

use held_back::HeldBack;
use promptness::Promptness;

use super::{Violation, violation};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::subject::Subject;
use crate::world::{NODE_DESCRIPTORS_MAX, Step, World};
use sockman::driver::{Choice, Did, Outcome, Turn};
use sockman::sockets::{Received, Source};
use sockman::sockman::{ConnView, Phase, Tenant};
use sockman::time::Instant;

const NAME: &str = "latency and work";
const RULE_SEND: &str = "docs/behaviour.md, connman 7.4: an idle connection is written to at once";
const RULE_RECEIVE: &str = "docs/behaviour.md, sockets 5.3: no path waits for a poll timeout";
const RULE_DOOR: &str = "docs/behaviour.md, sockets 5.3: who leaves a command wakes the loop";
const RULE_MORE: &str = "docs/behaviour.md, connman 7.5: MSG_MORE is sent only if more follows";
const RULE_WORK: &str = "docs/behaviour.md, sockets 4: no spinning";

/// Wake-ups in a row that may come to nothing: a spurious report is allowed, a loop of them is not.
const IDLE_WAKES_MAX: u32 = 4;

/// Steps of the node's that may be made at one instant, whatever comes. The worst honest case is a
/// flood of the receive buffer's worth of empty messages, each of which is handled and answered.
const STEPS_AT_ONE_INSTANT_MAX: u64 = 2_000_000;

/// And steps more for each thing that came from outside at this instant: a byte may come alone. It
/// is looked for, received, delivered, and at worst is a message that is answered.
const STEPS_PER_ARRIVAL_MAX: u64 = 16;

/// Steps of the node's at one instant by which nothing comes forward: no call but in vain, and
/// nothing told. The worst honest case is one call in vain for each way of each socket, and the
/// actions before and after it; the rest is room.
const STEPS_IN_VAIN_MAX: u64 = 16 * NODE_DESCRIPTORS_MAX as u64;

/// What happened since the last wake-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    idle_wakes: u32,
    awake: bool,
    worked: bool,
    /// Whether somebody has woken the node since its last look.
    woken: bool,
    instant: Instant,
    steps: u64,
    arrivals: u64,
    steps_in_vain: u64,
    promptness: Promptness,
    held_back: HeldBack,
}

impl Latency {
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        self.count_steps(world, step)?;
        match step {
            Step::Outside | Step::Arrived | Step::Stalled(_) | Step::Left => Ok(()),
            Step::Woke | Step::Filed => {
                self.woken = true;
                Ok(())
            }
            // It waits, and something has yet to come from outside.
            Step::Driven(Turn::Wait) => {
                self.awake = false;
                Ok(())
            }
            Step::Driven(_) => {
                self.worked = true;
                Ok(())
            }
            Step::Looked(_) => {
                // Nor is it that the scheduler woke it.
                self.awake = true;
                self.worked = true;
                Ok(())
            }
            Step::Polled(_) => {
                let result = self.end_wake(world);
                self.awake = true;
                // What somebody has left may be taken in before the wake that comes with it.
                self.worked = std::mem::take(&mut self.woken);
                result
            }
            Step::Node(task, did) => {
                self.promptness.check(world, *task, did)?;
                self.held_back.hear(world.machine().sockman().sockets().calls());
                // What the plan did to a call is not the node's doing.
                self.worked |= is_work(did) || has_planned(world) || has_read(world);
                // A look that nobody counts may have come first.
                if self.worked && !self.awake {
                    self.idle_wakes = 0;
                }
                Ok(())
            }
            Step::Idle(_) => {
                self.end_wake(world)?;
                self.awake = false;
                self.held_back.check(world)?;
                check_idle(world)
            }
        }
    }

    fn count_steps<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        let now = world.now().steady;
        if self.instant != now {
            self.instant = now;
            self.steps = 0;
            self.arrivals = 0;
            self.steps_in_vain = 0;
        }
        let has_come = matches!(step, Step::Outside | Step::Arrived | Step::Left | Step::Filed);
        *(if has_come { &mut self.arrivals } else { &mut self.steps }) += 1;
        match step {
            // What the plan did to a call is not the node's doing, nor does it bring it forward.
            Step::Node(..) if has_planned(world) => {}
            Step::Node(_, did) if is_in_vain(world, did) => self.steps_in_vain += 1,
            Step::Node(..) | Step::Outside | Step::Arrived | Step::Left => self.steps_in_vain = 0,
            Step::Polled(_)
            | Step::Looked(_)
            | Step::Woke
            | Step::Filed
            | Step::Driven(_)
            | Step::Idle(_)
            | Step::Stalled(_) => {}
        }
        if self.steps_in_vain > STEPS_IN_VAIN_MAX {
            let what = format!("{} steps at one instant, all in vain", self.steps_in_vain);
            return Err(violation(world, NAME, RULE_WORK, what));
        }
        if self.steps > STEPS_AT_ONE_INSTANT_MAX + STEPS_PER_ARRIVAL_MAX * self.arrivals {
            let what = format!("{} steps at one instant", self.steps);
            return Err(violation(world, NAME, RULE_WORK, what));
        }
        Ok(())
    }

    fn end_wake<X: Subject, K: Host>(&mut self, world: &World<X, K>) -> Result<(), Violation> {
        if !self.awake {
            return Ok(());
        }
        self.idle_wakes = if self.worked { 0 } else { self.idle_wakes + 1 };
        if self.idle_wakes > IDLE_WAKES_MAX {
            let what = format!("{} wake-ups in a row without work", self.idle_wakes);
            return Err(violation(world, NAME, RULE_WORK, what));
        }
        Ok(())
    }
}

/// Whether the plan made something of a call in the last step.
fn has_planned<X: Subject, K: Host>(world: &World<X, K>) -> bool {
    world.machine().sockman().sockets().calls().iter().any(|call| call.planned)
}

/// Whether bytes were read in the last step. Behind our FIN they are dropped, and nobody is told.
fn has_read<X: Subject, K: Host>(world: &World<X, K>) -> bool {
    let calls = world.machine().sockman().sockets().calls();
    calls.iter().any(|call| matches!(call.what, CallResult::Recv(Ok(Received::Bytes(_)))))
}

/// Whether a step of the node's brought nothing forward that anybody could see.
fn is_in_vain<X: Subject, K: Host>(world: &World<X, K>, did: &Did) -> bool {
    let calls = world.machine().sockman().sockets().calls();
    // That something has failed once more is told, and nothing has come forward.
    let is_progress = |notice| X::is_message(notice) || X::fact(notice).is_some();
    *did != Did::Commanded
        && !world.notices().iter().any(is_progress)
        && !calls.iter().any(|call| call.what.is_event())
}

/// Whether a step did something but make a call in vain.
const fn is_work(did: &Did) -> bool {
    match did {
        Did::Called { event, .. } => event.is_some(),
        Did::Executed { outcome, .. } => !matches!(outcome, Outcome::Sent(0)),
        Did::Delivered(_) | Did::Commanded | Did::Stepped(_) => true,
    }
}

/// Nothing is left to do at this instant: so nothing may be left undone.
fn check_idle<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    let machine = world.machine();
    if world.has_news() {
        let door = world.door();
        let what = format!(
            "the node waits, and nobody is about to wake it; at its door lie {} commands{}{}",
            door.left(),
            if door.is_stopping() { ", the wish to end" } else { "" },
            if door.is_inspected() { ", the wish to be shown" } else { "" },
        );
        return Err(violation(world, NAME, RULE_DOOR, what));
    }
    if let Some(due) = machine.next_wakeup(world.now()).filter(|at| *at <= world.now().steady) {
        let what = format!("something is due at {due}, and no task will do it");
        return Err(Violation { since: due, ..violation(world, NAME, RULE_WORK, what) });
    }
    if machine.default_next(world.now()) != Choice::Wait {
        let what = "a task could go on, and the node waits without a deadline for it".to_owned();
        return Err(violation(world, NAME, RULE_WORK, what));
    }
    for view in machine.sockman().views() {
        check_conn(world, view)?;
    }
    Ok(())
}

fn check_conn<X: Subject, K: Host>(
    world: &World<X, K>,
    view: ConnView<'_, <X::Tenant as Tenant>::Conn>,
) -> Result<(), Violation> {
    let ConnView { conn, phase, receive_paused, state, .. } = view;
    let open = phase == Phase::Open || phase == Phase::PeerFinished;
    let Some(state) = state.filter(|_| open) else { return Ok(()) };
    let faulty = world.machine().sockman().sockets();
    let who = || faulty.actor(conn).map_or_else(|| conn.to_string(), |actor| actor.to_string());
    let ready = faulty.inner().readiness(Source::Conn(conn)).unwrap_or_default();

    if X::has_unsent(state) && ready.writable {
        let what = format!("bytes for {} lie unsent although its kernel has room", who());
        return Err(violation(world, NAME, RULE_SEND, what));
    }
    if phase == Phase::Open && !receive_paused && ready.readable {
        let what = format!("bytes of {} lie unread although reading is not paused", who());
        return Err(violation(world, NAME, RULE_RECEIVE, what));
    }
    if let Some(problem) = X::stuck(state, receive_paused) {
        let what = format!("{}: {problem}", who());
        return Err(violation(world, NAME, RULE_RECEIVE, what));
    }
    Ok(())
}
