//! Sees a run as transitions: looks at the node before a step and after it, at the calls and at
//! what the tenant tells. It changes nothing, and needs nothing that an oracle could not see.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use sockman::driver::{Did, Machine, Outcome, Task};
use sockman::sockets::ConnId;
use sockman::sockman::{Phase, Tenant};

use super::names::{name_of_call, name_of_failure};
use super::transition::{Kind, Label, Name, Reading, State, Transition, name_of_phase};
use crate::faulty::{CallResult, Faulty};
use crate::net::Kernel;
use crate::run::Onlooker;
use crate::schedule::Deviation;
use crate::subject::{Fact, Subject};
use crate::world::{Step, World};

/// What was seen of one run.
pub type Seen = BTreeSet<Transition>;

/// What a task is about to do.
#[derive(Clone, Copy, Debug)]
struct Before {
    name: Label,
    conn: Option<ConnId>,
    state: State,
}

/// Looks at a run. See the head of the module.
#[derive(Clone, Debug)]
pub struct Observer<X: Subject> {
    seen: Seen,
    /// By place of the task; `None` where it has nothing to do.
    before: Vec<Option<Before>>,
    /// How far the tenant is with each connection, in its own words.
    stages: BTreeMap<ConnId, Name>,
    /// What came of a step, reused.
    outcomes: Vec<Label>,
    subject: PhantomData<fn() -> X>,
}

impl<X: Subject> Default for Observer<X> {
    fn default() -> Self {
        Self {
            seen: Seen::new(),
            before: Vec::new(),
            stages: BTreeMap::new(),
            outcomes: Vec::new(),
            subject: PhantomData,
        }
    }
}

impl<X: Subject> Onlooker<X> for Observer<X> {
    fn before_step(&mut self, world: &World<X>) {
        let (machine, now) = (world.machine(), world.now());
        self.before.clear();
        for task in tasks::<X>() {
            let before = machine.next_step(now, task).map(|step| {
                let object = if step.object.is_empty() { "" } else { X::object(step.object) };
                let state = step.conn.map_or(State::NODE, |conn| self.state_of(world, conn));
                Before { name: Label::new(step.verb, object), conn: step.conn, state }
            });
            self.before.push(before);
        }
    }

    fn after_step(&mut self, world: &World<X>, step: &Step) {
        self.note_order(world, step);
        let Step::Node(task, did) = step else { return };
        let place = tasks::<X>().position(|other| other == *task);
        let before = place.and_then(|place| self.before.get(place).copied().flatten());
        let Some(before) = before else { return };
        self.note_calls(world, &before);
        let (kind, event) = match did {
            // What a call has brought is delivered with a step of its own.
            Did::Called { .. } => return,
            Did::Delivered(event) => (Kind::Delivery, Label::plain(event.name())),
            Did::Executed { action, .. } => (Kind::Action, Label::plain(action)),
            Did::Commanded => {
                let Some(command) = world.sight(step).command else { return };
                (Kind::Command, Label::plain(X::command_name(command)))
            }
            Did::Stepped(_) => (Kind::Step, before.name),
        };
        let mut outcomes = std::mem::take(&mut self.outcomes);
        outcomes.extend(outcome_of(did));
        self.note_told(world, before.conn, &mut outcomes);
        if let Some(conn) = before.conn {
            outcomes.extend(changes(&before.state, &self.state_of(world, conn)));
        }
        if outcomes.is_empty() {
            outcomes.push(Label::NOTHING);
        }
        for outcome in outcomes.drain(..) {
            self.note(Transition { kind, state: before.state, event, outcome });
        }
        self.outcomes = outcomes;
    }
}

impl<X: Subject> Observer<X> {
    /// What was seen so far.
    #[must_use]
    pub fn into_seen(self) -> Seen {
        self.seen
    }

    fn note(&mut self, transition: Transition) {
        self.seen.insert(transition);
    }

    /// What the tenant told of a step about this connection.
    fn note_told(&mut self, world: &World<X>, conn: Option<ConnId>, outcomes: &mut Vec<Label>) {
        for notice in world.notices() {
            let Some(told) = X::told(notice) else { continue };
            outcomes.push(told.outcome);
            let conn = match X::fact(notice) {
                Some(Fact::Up(conn) | Fact::Ready(conn)) => Some(conn),
                Some(Fact::Down(conn, _)) => {
                    self.stages.remove(&conn);
                    None
                }
                None => conn,
            };
            if let (Some(stage), Some(conn)) = (told.stage, conn) {
                self.stages.insert(conn, Name(stage));
            }
        }
    }

    fn note_calls(&mut self, world: &World<X>, before: &Before) {
        for record in world.machine().sockman().sockets().calls() {
            let Some((event, outcome)) = name_of_call(record) else { continue };
            let opens = matches!(record.what, CallResult::Accept(_) | CallResult::Connect(..));
            let state = if opens { State::NODE } else { before.state };
            self.note(Transition { kind: Kind::Call, state, event, outcome });
        }
    }

    /// Another step has gone first than the default's.
    fn note_order(&mut self, world: &World<X>, step: &Step) {
        if !world.has_deviated() {
            return;
        }
        let run = match step {
            Step::Outside | Step::Arrived => "arrival",
            Step::Looked(_) => "poll",
            Step::Node(task, _) => Machine::<Faulty<Kernel>, X::Tenant>::task_name(*task),
            Step::Left => "push",
            Step::Woke => "wake",
            Step::Filed => "disk",
            Step::Driven(_) => "driver",
            Step::Polled(_) | Step::Idle(_) | Step::Stalled(_) => return,
        };
        let last = world.chooser().recorded().last();
        let Some(Deviation::Before { anchor, .. }) = last else { return };
        let known = self.before.iter().flatten().map(|before| before.name.verb.0);
        let mut known = known.chain(["arrival", "poll", "push", "wake"]);
        let Some(verb) = known.find(|verb| *verb == anchor.verb) else { return };
        let (event, outcome) = (Label::plain(verb), Label::new("run", run));
        self.note(Transition { kind: Kind::Order, state: State::NODE, event, outcome });
    }

    /// The state of a connection now.
    fn state_of(&self, world: &World<X>, conn: ConnId) -> State {
        let Some(view) = world.machine().sockman().view(conn) else {
            return State { phase: Phase::Dead, ..State::NODE };
        };
        let wanted = view.state.is_some_and(X::Tenant::reads);
        State {
            side: Some(view.initiator),
            phase: view.phase,
            stage: self.stages.get(&conn).copied().unwrap_or(Name::NONE),
            condition: Name(view.state.map_or("", X::condition)),
            // Nobody asks what is wanted of who is not read from for another reason.
            reading: match view.phase {
                Phase::Open => Reading::of(wanted, view.receive_paused),
                Phase::Dialing | Phase::PeerFinished | Phase::Finishing | Phase::Dead => {
                    Reading::On
                }
            },
            blocked: view.send_blocked,
        }
    }
}

fn tasks<X: Subject>() -> impl Iterator<Item = Task> {
    Machine::<Faulty<Kernel>, X::Tenant>::tasks()
}

/// What a step did to the connection that it was about.
fn changes(before: &State, after: &State) -> impl Iterator<Item = Label> + use<> {
    // Whoever is gone is told of otherwise.
    let is_there = after.side.is_some();
    let reading = (before.reading != after.reading).then(|| match after.reading {
        Reading::On => Label::plain("is read from"),
        Reading::Pausing => Label::plain("wants a pause"),
        Reading::Off => Label::plain("is paused"),
        Reading::Resuming => Label::plain("wants to be read from"),
    });
    let blocked = (before.blocked != after.blocked)
        .then(|| Label::plain(if after.blocked { "is blocked" } else { "has room" }));
    let phase =
        (before.phase != after.phase).then(|| Label::new("becomes", name_of_phase(after.phase)));
    let condition = (before.condition != after.condition).then(|| match after.condition {
        Name("") => Label::new("is no more", before.condition.0),
        Name(condition) => Label::new("becomes", condition),
    });
    [reading, blocked, phase, condition].into_iter().flatten().filter(move |_| is_there)
}

/// What the step itself says that it came to.
fn outcome_of(did: &Did) -> Option<Label> {
    match did {
        Did::Called { .. } | Did::Delivered(_) | Did::Commanded | Did::Stepped(_) => None,
        Did::Executed { outcome, .. } => Some(match outcome {
            // What was set or closed is seen.
            Outcome::Done => return None,
            Outcome::Gone => Label::plain("gone"),
            Outcome::Sent(0) => Label::plain("sends nothing"),
            Outcome::Sent(_) => Label::plain("sends"),
            Outcome::DialFailed(_) => Label::plain("does not begin"),
            Outcome::Failed(failure) => Label::new("fails", name_of_failure(*failure)),
        }),
    }
}
