//! What the driver does with the commands of other threads.

use sockman::driver::{COMMANDS_MAX, Driver, Machine, Mailbox, Observer, PushError, SystemClock};
use sockman::sockets::{OsSockets, PollerWaker};
use sockman::time::Now;

use super::machine::{Order, Puppet};
use super::*;

/// Fills the mailbox whenever it is shown the machine, and asks to be shown it after the next step.
struct Pusher {
    mailbox: Mailbox<Order, PollerWaker>,
    /// Each time: commands that the machine holds, and how many more were taken.
    seen: Vec<(usize, usize)>,
}

impl Observer<OsSockets, Puppet> for Pusher {
    fn handle_notice(&mut self, _: Now, (): ()) {}

    fn handle_inspect(&mut self, _: Now, machine: &Machine<OsSockets, Puppet>) {
        let taken = (0..).take_while(|_| self.mailbox.push(Order::Act(vec![])).is_ok()).count();
        self.seen.push((machine.command_count(), taken));
        if self.seen.len() == 4 {
            self.mailbox.stop();
        }
        self.mailbox.inspect();
    }
}

/// A driver whose machine had so many commands already, and what a pusher saw of it.
fn seen(commands: usize) -> (Driver<OsSockets, Puppet, SystemClock>, Pusher) {
    let sockets = OsSockets::new().unwrap();
    let mut machine = Machine::new(SockMan::new(sockets, Config::default()), Puppet::default());
    (0..commands).for_each(|_| machine.push_command(Order::Act(vec![])).unwrap());
    let (mut driver, mailbox) = Driver::new(machine, SystemClock::start());
    let mut pusher = Pusher { mailbox, seen: Vec::new() };
    pusher.mailbox.inspect();
    driver.run(&mut pusher).unwrap();
    (driver, pusher)
}

#[test]
fn commands_that_the_machine_has_at_first_count_too() {
    let (_, pusher) = seen(3);
    assert_eq!(pusher.seen[..3], [(3, COMMANDS_MAX - 3), (2, 1), (1, 1)]);
}

#[test]
fn no_more_commands_wait_than_the_error_says() {
    let (driver, pusher) = seen(0);
    // The machine has none at first; then all, and each that is carried out leaves room for one.
    let (max, one) = (COMMANDS_MAX, COMMANDS_MAX - 1);
    assert_eq!(pusher.seen, [(0, max), (max, 0), (one, 1), (one - 1, 1)]);
    let push = |_| pusher.mailbox.push(Order::Act(vec![]));
    let refused = (0..).map(push).find_map(Result::err).unwrap();
    assert!(matches!(refused, PushError::Full(_)), "a driver that is there: {refused}");
    drop(driver);
    for refused in (0..=COMMANDS_MAX).map(push) {
        assert!(matches!(refused, Err(PushError::Stopped(_))), "one that is gone: {refused:?}");
    }
}
