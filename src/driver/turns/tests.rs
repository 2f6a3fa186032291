//! Every order in which another thread's pushes and wakes can fall between the driver's steps.

use super::*;
use crate::driver::Then;

/// What the other thread leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Command,
    Stop,
    Inspect,
}

/// Where the driver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Awake,
    /// Between the last look at the door and the wait.
    AboutToWait,
    Asleep,
    Ended,
}

/// Both threads, and the waker between them.
#[derive(Clone)]
struct Both {
    door: Door<()>,
    turns: Turns,
    place: Place,
    woken: bool,
    /// Commands in the machine.
    held: usize,
    letters: Vec<Letter>,
    owes_wake: bool,
    /// Whether the thread wakes as it is told to: one that does not is there to be noticed.
    wakes: bool,
}

impl Both {
    fn new(letters: &[Letter], wakes: bool) -> Self {
        Self {
            door: Door::new(0),
            turns: Turns::default(),
            place: Place::Awake,
            woken: false,
            held: 0,
            letters: letters.iter().rev().copied().collect(),
            owes_wake: false,
            wakes,
        }
    }

    /// The other thread's next step; whether there was one.
    fn step_outside(&mut self) -> bool {
        if self.owes_wake {
            self.owes_wake = false;
            self.woken = true;
            return true;
        }
        let then = match self.letters.pop() {
            None => return false,
            Some(Letter::Command) => self.door.push(()).expect("there is room"),
            Some(Letter::Stop) => self.door.stop(),
            Some(Letter::Inspect) => self.door.inspect(),
        };
        self.owes_wake = self.wakes && then == Then::Wake;
        true
    }

    /// The driver's next step; whether there was one.
    fn step_inside(&mut self) -> bool {
        match self.place {
            Place::Ended => return false,
            Place::Asleep if !self.woken => return false,
            Place::AboutToWait if !self.woken => self.place = Place::Asleep,
            Place::AboutToWait | Place::Asleep => {
                self.woken = false;
                self.place = Place::Awake;
                self.turns.looked();
            }
            Place::Awake => self.turn(),
        }
        true
    }

    fn turn(&mut self) {
        let busy = self.held > 0;
        let choice = || if busy { Choice::Step(Task::Commands) } else { Choice::Wait };
        match self.turns.next(&self.door, choice) {
            Turn::Stop => self.place = Place::Ended,
            Turn::Inspect => self.turns.show(&self.door),
            Turn::Step(_) => {
                self.held -= 1;
                self.door.carried_out(1);
                self.turns.went_on();
            }
            Turn::Drain => {
                let held = &mut self.held;
                self.turns.drain(&self.door, |()| *held += 1);
            }
            Turn::Poll => unreachable!("the machine never asks for it"),
            Turn::Wait => self.place = Place::AboutToWait,
        }
    }

    /// Goes through all orders from here: how many there are, and how many end with a driver that
    /// sleeps over what was left.
    fn explore(&self) -> (u64, u64) {
        let mut orders = (0, 0);
        let steps: [fn(&mut Self) -> bool; 2] = [Self::step_outside, Self::step_inside];
        for step in steps {
            let mut next = self.clone();
            if step(&mut next) {
                let (all, lost) = next.explore();
                orders = (orders.0 + all, orders.1 + lost);
            }
        }
        if orders.0 > 0 { orders } else { (1, u64::from(self.is_lost())) }
    }

    /// Nothing can happen any more: whether something was left undone.
    fn is_lost(&self) -> bool {
        assert_eq!(self.door.waiting(), self.door.left() + self.held, "counted on both sides");
        self.place != Place::Ended && self.door.has_news()
    }
}

#[track_caller]
fn check(letters: &[Letter]) {
    let (orders, lost) = Both::new(letters, true).explore();
    assert!(orders > 1, "{letters:?}: {orders} orders");
    assert_eq!(lost, 0, "{letters:?}: of {orders} orders");
    let (orders, lost) = Both::new(letters, false).explore();
    assert!(lost > 0, "{letters:?}: without a wake, of {orders} orders");
}

#[test]
fn no_order_of_pushes_and_wakes_leaves_anything_with_a_driver_that_sleeps() {
    check(&[Letter::Command]);
    check(&[Letter::Command, Letter::Command]);
    check(&[Letter::Inspect]);
    check(&[Letter::Inspect, Letter::Inspect]);
    check(&[Letter::Command, Letter::Inspect]);
    check(&[Letter::Stop]);
    check(&[Letter::Command, Letter::Stop]);
    check(&[Letter::Stop, Letter::Stop]);
}

#[test]
fn what_came_during_a_wait_takes_its_turn_with_the_rest() {
    let door = Door::new(0);
    let _: Then = door.push(()).expect("there is room");
    let busy = || Choice::Step(Task::Socket);
    let mut turns = Turns::default();
    assert_eq!(turns.next(&door, busy), Turn::Step(Task::Socket), "nobody has waited");
    turns.went_on();
    turns.looked();
    assert_eq!(turns.next(&door, busy), Turn::Drain);
    assert_eq!(turns.drain(&door, drop), 1);
    assert_eq!(turns.next(&door, busy), Turn::Step(Task::Socket));
    turns.went_on();
    assert_eq!(turns.next(&door, busy), Turn::Step(Task::Socket));
    assert_eq!(turns.next(&door, || Choice::Wait), Turn::Drain);
}
