//! What the machine does with the steps of its tasks.

use std::collections::VecDeque;

use sockman::driver::{COMMANDS_MAX, Choice, Did, Machine, Outcome, STEPS_PER_POLL_MAX, Task};
use sockman::sockets::{ConnId, ConnectError, More};
use sockman::sockman::{Action, Conns, Slices, StepName, TaskId, Tenant};
use sockman::time::{Now, UnixTime};

use super::*;

const FIRST: Task = Task::Tenant(TaskId(0));
const SECOND: Task = Task::Tenant(TaskId(1));

/// What the puppet is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Now.
    Act(Vec<Action<()>>),
    /// As the next step of a task of its own.
    Plan(TaskId, Vec<Action<()>>),
}

/// A tenant that does what it is told.
#[derive(Debug, Default)]
pub(super) struct Puppet {
    todo: [VecDeque<Vec<Action<()>>>; 2],
    /// What it heard.
    heard: Vec<String>,
}

impl Tenant for Puppet {
    type Conn = ();
    type Command = Order;
    type Notice = ();

    const TASKS: &'static [&'static str] = &["first", "second"];

    fn handle_event(
        &mut self,
        _: Now,
        event: &Event,
        conns: &mut Conns<()>,
        actions: &mut Vec<Action<()>>,
    ) {
        self.heard.push(event.name().to_owned());
        if let Event::Accepted { conn, .. } = event {
            conns.adopt(*conn, ());
            actions.push(Action::Receive(*conn));
        }
    }

    fn handle_received(
        &mut self,
        _: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<()>,
        _: &mut Vec<Action<()>>,
    ) {
        let whose = if conns.get(conn).is_some() { "ours" } else { "nobody's" };
        self.heard.push(format!("{} bytes, {whose}", bytes.len()));
    }

    fn reads((): &()) -> bool {
        true
    }

    fn gather<'a>((): &'a (), slices: &mut Slices<'a>) -> More {
        slices.push(b"hello").unwrap();
        More::No
    }

    fn handle_sent(
        &mut self,
        _: Now,
        _: ConnId,
        count: usize,
        _: &mut Conns<()>,
        _: &mut Vec<Action<()>>,
    ) {
        self.heard.push(format!("sent {count}"));
    }

    fn handle_dialing(&mut self, _: Now, _: ConnId, _: &mut Conns<()>) {
        self.heard.push("dialing".to_owned());
    }

    fn handle_dial_failed(&mut self, _: Now, (): (), error: ConnectError, _: &mut Vec<Action<()>>) {
        self.heard.push(format!("dial failed: {error}"));
    }

    fn handle_closed(&mut self, _: Now, _: ConnId, _: Option<()>, _: &mut Vec<Action<()>>) {
        self.heard.push("closed".to_owned());
    }

    fn handle_command(
        &mut self,
        _: Now,
        command: Order,
        _: &mut Conns<()>,
        actions: &mut Vec<Action<()>>,
    ) {
        match command {
            Order::Act(asked) => actions.extend(asked),
            Order::Plan(task, asked) => self.todo[usize::from(task.0)].push_back(asked),
        }
    }

    fn next_step<'a>(&'a self, _: Now, task: TaskId, _: &'a Conns<()>) -> Option<StepName<'a>> {
        self.todo[usize::from(task.0)].front()?;
        Some(StepName { verb: "acts", object: "", conn: None })
    }

    fn step(&mut self, _: Now, task: TaskId, _: &mut Conns<()>, actions: &mut Vec<Action<()>>) {
        actions.extend(self.todo[usize::from(task.0)].pop_front().unwrap());
    }

    fn next_wakeup(&self, _: Now) -> Option<Instant> {
        None
    }

    fn take_notices(&mut self, _: &mut Vec<()>) {}
}

/// A machine with a connected peer.
struct Stage {
    machine: Machine<Faulty<Kernel>, Puppet>,
    peer: Kernel,
    theirs: ConnId,
    ours: ConnId,
}

impl Stage {
    fn new() -> Self {
        let sockets = Faulty::new(host(NODE, 1024, BUFFERS), std::iter::empty().collect());
        let mut machine = Machine::new(SockMan::new(sockets, Config::default()), Puppet::default());
        machine.listen(now(), &at(NODE)).unwrap();
        let mut peer = host(PEER, 1024, BUFFERS);
        let theirs = peer.connect(&at(NODE)).unwrap();
        drive(&mut machine, &mut peer);
        let (ours, ()) = machine.sockman().conns().iter().next().unwrap();
        Self { machine, peer, theirs, ours }
    }

    fn drive(&mut self) {
        drive(&mut self.machine, &mut self.peer);
    }

    fn poll(&mut self) {
        poll(&mut self.machine, &mut self.peer);
    }

    fn step(&mut self, task: Task) -> Did {
        let did = self.machine.step(now(), task);
        self.machine.check_invariants();
        did
    }

    /// What the next step of a task would be.
    fn next(&self, task: Task) -> Option<&'static str> {
        self.machine.next_step(now(), task).map(|step| step.verb)
    }

    /// What the default order does next.
    fn default(&self) -> Choice {
        self.machine.default_next(now())
    }

    fn order(&mut self, order: Order) {
        self.machine.push_command(order).unwrap();
    }

    fn heard(&self) -> Vec<&str> {
        self.machine.tenant().heard.iter().map(String::as_str).collect()
    }
}

fn poll(machine: &mut Machine<Faulty<Kernel>, Puppet>, peer: &mut Kernel) -> usize {
    carry(Instant::START, machine.sockets_mut().inner_mut(), peer);
    let mut reports = Vec::new();
    machine.sockets_mut().inner_mut().poll(&mut reports);
    machine.handle_ready(&reports);
    reports.len()
}

/// As production does, until nothing is left to do.
fn drive(machine: &mut Machine<Faulty<Kernel>, Puppet>, peer: &mut Kernel) {
    for _ in 0..STEPS_MAX {
        match machine.default_next(now()) {
            Choice::Step(task) => {
                machine.step(now(), task);
                machine.check_invariants();
            }
            Choice::Poll => {
                poll(machine, peer);
            }
            Choice::Wait => {
                if poll(machine, peer) == 0 {
                    return;
                }
            }
        }
    }
    panic!("it does not fall quiet");
}

fn now() -> Now {
    Now { steady: Instant::START, wall: UnixTime::from_secs(1) }
}

fn executed(did: &Did) -> Option<(&'static str, Outcome)> {
    match did {
        Did::Executed { action, outcome, .. } => Some((action, *outcome)),
        Did::Called { .. } | Did::Delivered(_) | Did::Commanded | Did::Stepped(_) => None,
    }
}

#[test]
fn an_event_waits_for_its_delivery() {
    let mut stage = Stage::new();
    stage.peer.send(stage.theirs, &[IoSlice::new(b"abc")], More::No).unwrap();
    stage.poll();
    assert_eq!(stage.next(Task::Socket), Some("serves"));
    let did = stage.step(Task::Socket);
    assert!(matches!(did, Did::Called { event: Some("received"), .. }), "{did:?}");
    assert_eq!(stage.next(Task::Socket), Some("delivers"));
    stage.step(Task::Socket);
    assert_eq!(stage.heard(), ["accepted", "3 bytes, ours"]);
    assert_eq!(stage.next(Task::Socket), None);
}

#[test]
fn an_event_of_a_connection_that_another_task_has_closed_is_harmless() {
    let mut stage = Stage::new();
    stage.peer.send(stage.theirs, &[IoSlice::new(b"abc")], More::No).unwrap();
    stage.poll();
    stage.step(Task::Socket);
    stage.order(Order::Act(vec![Action::Close(stage.ours)]));
    stage.step(Task::Commands);
    stage.step(Task::Commands);
    stage.step(Task::Socket);
    assert_eq!(stage.heard(), ["accepted", "closed", "3 bytes, nobody's"]);
}

#[test]
fn actions_for_a_connection_that_is_gone_do_nothing() {
    let mut stage = Stage::new();
    let conn = stage.ours;
    let send_twice = vec![Action::Close(conn), Action::Send(conn), Action::Close(conn)];
    stage.order(Order::Act([send_twice, vec![Action::Receive(conn)]].concat()));
    stage.step(Task::Commands);
    let outcomes: Vec<_> = (0..4).map(|_| executed(&stage.step(Task::Commands)).unwrap()).collect();
    let (done, gone) = (Outcome::Done, Outcome::Gone);
    let expected = [("close", done), ("send", gone), ("close", gone), ("receive", gone)];
    assert_eq!(outcomes, expected);
}

#[test]
fn actions_come_before_the_next_step_of_their_task_and_others_may_go_between() {
    let mut stage = Stage::new();
    let conn = stage.ours;
    stage.order(Order::Plan(TaskId(0), vec![]));
    stage.order(Order::Act(vec![Action::Send(conn), Action::Receive(conn)]));
    stage.order(Order::Act(vec![]));
    assert_eq!(stage.step(Task::Commands), Did::Commanded);
    assert_eq!(stage.step(Task::Commands), Did::Commanded);
    assert_eq!(stage.next(Task::Commands), Some("send"));
    assert_eq!(stage.next(FIRST), Some("acts"), "another task is free to go");
    assert_eq!(stage.step(FIRST), Did::Stepped(TaskId(0)));
    let sent = executed(&stage.step(Task::Commands));
    assert_eq!(sent, Some(("send", Outcome::Sent(5))));
    assert_eq!(stage.next(Task::Commands), Some("receive"));
    stage.step(Task::Commands);
    assert_eq!(stage.next(Task::Commands), Some("commanded"));
}

#[test]
fn by_default_an_action_follows_its_step_at_once() {
    let mut stage = Stage::new();
    let conn = stage.ours;
    for task in [TaskId(0), TaskId(1)] {
        stage.order(Order::Plan(task, vec![Action::Send(conn), Action::Send(conn)]));
    }
    stage.step(Task::Commands);
    stage.step(Task::Commands);
    let mut order = Vec::new();
    while let Choice::Step(task) = stage.default() {
        order.push(task);
        stage.step(task);
    }
    assert_eq!(order, [FIRST, FIRST, FIRST, SECOND, SECOND, SECOND]);
}

#[test]
fn by_default_tasks_take_turns() {
    let mut stage = Stage::new();
    for task in [TaskId(0), TaskId(1), TaskId(0), TaskId(1)] {
        stage.order(Order::Plan(task, vec![]));
    }
    for _ in 0..4 {
        stage.step(Task::Commands);
    }
    let mut order = Vec::new();
    while let Choice::Step(task) = stage.default() {
        order.push(task);
        stage.step(task);
    }
    assert_eq!(order, [FIRST, SECOND, FIRST, SECOND]);
}

#[test]
fn no_amount_of_work_keeps_the_sockets_from_being_looked_at() {
    let mut stage = Stage::new();
    for _ in 0..1000 {
        stage.order(Order::Plan(TaskId(0), vec![Action::Send(stage.ours)]));
    }
    stage.poll();
    let mut since_poll = 0;
    let mut polls = 0;
    while stage.default() != Choice::Wait {
        match stage.default() {
            Choice::Step(task) => {
                since_poll += 1;
                stage.step(task);
            }
            Choice::Poll | Choice::Wait => {
                since_poll = 0;
                polls += 1;
                stage.poll();
            }
        }
        // A step's own action may still follow.
        assert!(since_poll <= STEPS_PER_POLL_MAX + 1, "{since_poll} steps");
    }
    assert!(polls >= 3000 / (STEPS_PER_POLL_MAX + 1), "{polls} polls");
}

#[test]
fn commands_are_bounded_and_come_back() {
    let mut stage = Stage::new();
    (0..COMMANDS_MAX).for_each(|_| stage.order(Order::Act(vec![])));
    assert_eq!(stage.machine.command_count(), COMMANDS_MAX);
    let refused = stage.machine.push_command(Order::Plan(TaskId(1), vec![])).unwrap_err();
    assert!(matches!(refused, Order::Plan(TaskId(1), _)));
    stage.step(Task::Commands);
    stage.order(Order::Act(vec![]));
}

#[test]
fn a_dial_is_told_whether_it_begins_or_not() {
    let mut stage = Stage::new();
    let dial = || Action::dial(at(NOBODY), millis(5000), ());
    stage.order(Order::Act(vec![dial()]));
    stage.drive();
    assert_eq!(stage.machine.next_wakeup(now()), Some(Instant::START + millis(5000)));
    let fails = Effect::OutOfDescriptors;
    stage.machine.sockets_mut().plan(Call::Connect, None, 2, fails);
    stage.order(Order::Act(vec![dial()]));
    stage.drive();
    let failed = "dial failed: ";
    assert_eq!(stage.heard()[..2], ["accepted", "dialing"]);
    assert!(stage.heard()[2].starts_with(failed), "{:?}", stage.heard());
}

#[test]
fn a_send_that_fails_is_told_as_the_end() {
    let mut stage = Stage::new();
    stage.peer.close(stage.theirs, Closing::Reset).unwrap();
    carry(Instant::START, stage.machine.sockets_mut().inner_mut(), &mut stage.peer);
    stage.order(Order::Act(vec![Action::Send(stage.ours)]));
    stage.step(Task::Commands);
    let sent = executed(&stage.step(Task::Commands));
    assert_eq!(sent, Some(("send", Outcome::Failed(Failure::Reset))));
    assert_eq!(stage.heard(), ["accepted", "failed"]);
}

#[test]
fn a_shutdown_forgets_what_was_under_way() {
    let mut stage = Stage::new();
    stage.peer.send(stage.theirs, &[IoSlice::new(b"abc")], More::No).unwrap();
    stage.poll();
    stage.step(Task::Socket);
    stage.order(Order::Act(vec![Action::Send(stage.ours)]));
    stage.step(Task::Commands);
    stage.machine.shutdown(now());
    stage.machine.check_invariants();
    assert_eq!(stage.machine.sockman().sockets().inner().open_descriptors(), 0);
    assert_eq!(stage.heard(), ["accepted", "closed"], "neither delivered nor sent");
    assert_eq!(stage.default(), Choice::Wait);
}
