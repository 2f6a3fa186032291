//! The way from an operator's threads to the node, cut where the one may come in between the other.
//!
//! An operator's thread leaves something at the node's [`Door`], and wakes the driver: two steps.
//! The driver goes by its [`Turns`](sockman::driver::Turns): it drains, looks once more, and waits.
//! Both are production's own; what is the world's is the waker, which is as its contract has it: a
//! wake also ends the wait that comes after it. A driver that waits goes on when it is woken, when
//! a socket is ready, or when the deadline has come with which it fell asleep, and for nothing
//! else.
//!
//! A look at an empty door is no step of the world's, unless an operator is about to leave
//! something: nobody else could tell whether it came before or after another.

use sockman::driver::{Door, PushError, Then, Turn};

use super::driver::{Driver, Place};
use super::operator::Letter;
use super::{Command, Step, World};
use crate::done::Done;
use crate::host::Host;
use crate::schedulers::TaskIndex;
use crate::subject::Subject;
use crate::trace::Who;

/// Why a letter is refused.
const STOPPED: &str = "somebody has stopped the node";

impl<X: Subject, K: Host> World<X, K> {
    // The outside.

    /// Somebody is about to leave something at the node's door.
    pub fn hand(&mut self, letter: Letter<Command<X>>) -> Done {
        let operator = &mut self.operator;
        operator.count += 1;
        operator.in_hand.push_back((operator.count, letter));
        Done::OnceTaken(operator.count)
    }

    /// Somebody is about to give the node a command.
    pub fn command(&mut self, command: Command<X>) -> Done {
        self.hand(Letter::Command(command))
    }

    /// Why the node did not take what was [handed](Self::hand) to it, by number; `None` if it did,
    /// or may yet.
    #[must_use]
    pub fn refused(&self, letter: u64) -> Option<&'static str> {
        self.operator.refused.iter().find(|(number, _)| *number == letter).map(|(_, why)| *why)
    }

    /// From here on nobody wakes the driver who leaves something: there to be noticed.
    pub const fn make_operator_careless(&mut self) {
        self.operator.is_careless = true;
    }

    /// A step of the operator's, if there is one.
    pub(super) fn step_operator(&mut self) -> Option<Step> {
        let wakes = self.operator.next()? == TaskIndex::WAKE;
        Some(if wakes { self.wake() } else { self.push() })
    }

    /// One of the operator's threads leaves what it has in hand.
    pub(super) fn push(&mut self) -> Step {
        let (number, letter) = self.operator.in_hand.pop_front().expect("it has something in hand");
        self.trace.hash_mut().add(number | 5 << 32);
        let (door, has_ended) = (&self.driver.door, self.driver.has_ended());
        let then = match letter {
            Letter::Command(command) => match door.push(command.clone()) {
                Ok(then) => {
                    self.operator.commands_waiting += 1;
                    self.operator.commands.push_back(command);
                    Ok(then)
                }
                Err(PushError::Full(_)) => Err("the node's queue of commands is full"),
                Err(PushError::Stopped(_)) => Err(STOPPED),
            },
            Letter::Stop | Letter::Inspect if has_ended => Err(STOPPED),
            Letter::Stop => Ok(door.stop()),
            Letter::Inspect => Ok(door.inspect()),
        };
        let is_taken = then.is_ok();
        match then {
            Ok(Then::Wake) if !self.operator.is_careless => self.operator.wakes_owed += 1,
            Ok(Then::Wake | Then::Nothing) => {}
            Err(why) => self.operator.refused.push((number, why)),
        }
        self.tell_operator(if is_taken { "leaves it at the door" } else { "is sent away" });
        Step::Left
    }

    /// One of the operator's threads wakes the driver, for what it has left.
    pub(super) fn wake(&mut self) -> Step {
        self.operator.wakes_owed -= 1;
        self.driver.is_woken = true;
        self.trace.hash_mut().add(6 << 32);
        self.tell_operator("wakes the node");
        Step::Woke
    }

    fn tell_operator(&mut self, what: &str) {
        self.trace.tell(self.now.steady, Who::Script, None, || format!("operator {what}"));
    }

    // The inside.

    /// What the driver does next. Looks at a door at which nothing lies, unless somebody is there.
    pub(super) fn next_turn(&mut self) -> Turn {
        let Self { driver, machine, now, operator, .. } = self;
        match driver.place {
            Place::Awake => {}
            Place::Asleep { .. } if driver.is_roused(now.steady) => return Turn::Poll,
            Place::Asleep { .. } | Place::Ended => return Turn::Wait,
        }
        let choice = machine.default_next(*now);
        let turn = driver.turns.next(&driver.door, || choice);
        if turn == Turn::Drain && driver.door.left() == 0 && operator.next().is_none() {
            let _: usize = driver.turns.drain(&driver.door, |_| {});
            return driver.turns.next(&driver.door, || choice);
        }
        turn
    }

    /// What production does next.
    pub(super) fn step_inside(&mut self) -> Step {
        match self.next_turn() {
            Turn::Step(task) => self.step_node(task),
            Turn::Poll => Step::Polled(self.look()),
            Turn::Wait => self.wait(),
            Turn::Stop => self.stop(),
            Turn::Inspect => self.show(),
            Turn::Drain => self.drain(),
        }
    }

    /// The driver's own step, because the scheduler would have it so.
    pub(super) fn step_driver(&mut self) -> Step {
        let Self { driver, machine, now, .. } = self;
        match driver.turns.next(&driver.door, || machine.default_next(*now)) {
            Turn::Stop => self.stop(),
            Turn::Inspect => self.show(),
            Turn::Step(_) | Turn::Poll | Turn::Drain => self.drain(),
            Turn::Wait => {
                let step = self.wait();
                if matches!(step, Step::Idle(_)) { Step::Driven(Turn::Wait) } else { step }
            }
        }
    }

    /// The driver waits, unless there is something to wake it; until there is, nothing is left to
    /// do inside.
    fn wait(&mut self) -> Step {
        let driver = &mut self.driver;
        if driver.has_ended() {
            return Step::Idle(self.next_due());
        }
        if driver.place == Place::Awake {
            let until = self.machine.next_wakeup(self.now);
            driver.place = Place::Asleep { until, since: Some(self.now.steady) };
        }
        if driver.is_roused(self.now.steady) {
            return Step::Polled(self.look());
        }
        match self.poll() {
            0 => Step::Idle(self.next_due()),
            count => {
                self.driver.looked();
                self.take_in_files();
                Step::Polled(count)
            }
        }
    }

    /// The driver looks at its sockets, and is awake.
    pub(super) fn look(&mut self) -> usize {
        self.driver.looked();
        let count = self.poll();
        self.take_in_files();
        count
    }

    fn drain(&mut self) -> Step {
        let Self { driver: Driver { door, turns, .. }, machine, .. } = self;
        let count = turns.drain(door, |command| {
            let taken = machine.push_command(command);
            assert!(taken.is_ok(), "the door counts what waits");
        });
        self.driven(Turn::Drain, || format!("[driver] took in {count}"))
    }

    fn show(&mut self) -> Step {
        self.driver.turns.show(&self.driver.door);
        self.driven(Turn::Inspect, || "[driver] showed the machine".to_owned())
    }

    /// The driver closes everything and ends.
    fn stop(&mut self) -> Step {
        self.driver.place = Place::Ended;
        self.driver.door.close();
        self.operator.commands.clear();
        self.operator.commands_waiting = 0;
        self.shutdown();
        self.driven(Turn::Stop, || "[driver] closed everything and ended".to_owned())
    }

    fn driven(&mut self, turn: Turn, what: impl FnOnce() -> String) -> Step {
        self.trace.hash_mut().add(turn_number(turn) | 7 << 32);
        self.trace.tell(self.now.steady, Who::Node, None, what);
        Step::Driven(turn)
    }

    /// The node's process has ended without a warning, and the next one begins with a wait.
    pub(super) fn restart_driver(&mut self) {
        self.operator.end_process();
        self.driver = Driver::new();
    }

    /// The deadline of a driver that waits is reckoned anew.
    pub(super) fn reckon_sleep(&mut self) {
        if let Place::Asleep { until, .. } = &mut self.driver.place {
            *until = self.machine.next_wakeup(self.now);
        }
    }

    // Getters.

    /// Commands that the node took and has not handled.
    #[must_use]
    pub const fn commands_waiting(&self) -> usize {
        self.operator.commands_waiting
    }

    /// What lies at the node's door.
    #[must_use]
    pub const fn door(&self) -> &Door<Command<X>> {
        &self.driver.door
    }

    /// Whether something lies at the node's door that nobody has looked at.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.driver.has_news()
    }

    /// Whether the node waits.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.driver.is_asleep()
    }

    /// Whether somebody has stopped the node, so that it does nothing any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.driver.has_ended()
    }
}

const fn turn_number(turn: Turn) -> u64 {
    match turn {
        Turn::Stop => 1,
        Turn::Inspect => 2,
        Turn::Step(_) => 3,
        Turn::Drain => 4,
        Turn::Poll => 5,
        Turn::Wait => 6,
    }
}
