//! Faults that no tenant can have: done in the kernels behind everybody's back, or told to the
//! oracles as a lie.

use std::collections::BTreeMap;
use std::io::IoSlice;

use sockman::connman::Command;
use sockman::driver::{Did, Task};
use sockman::sockets::{Closing, ConnId, Endpoint, Interest, More, Sockets as _, Source};
use sockman::sockman::Event;
use sockman_sim::oracles::{Oracles, Violation};
use sockman_sim::schedule::{ActorId, Item, Manner, Word};
use sockman_sim::schedulers::Scheduler;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::echo::Echo;
use sockman_sim::world::{Letter, NODE_ADDRESS, Step, World, WorldConfig};

const PEER: ActorId = ActorId(1);

/// A node with one honest peer, and the oracles; what goes on between steps is the test's.
struct Watched {
    world: World<Echo>,
    oracles: Oracles<Echo>,
}

impl Watched {
    /// The peer has dialled and said a line, and has it back.
    fn new() -> Self {
        let address = "203.0.113.1".parse().unwrap();
        let actors = BTreeMap::from([(PEER, vec![address])]);
        let config = WorldConfig::default();
        let world = World::new(&config, &[], 1, &actors, Scheduler::Default).unwrap();
        let mut watched = Self { world, oracles: Oracles::new() };
        watched.world.with_actor(PEER, |actor, now| {
            actor.behave(now, Manner::Honest);
            actor.dial(now, None, NODE_ADDRESS);
        });
        watched.drive().unwrap();
        watched
    }

    fn conn(&self) -> ConnId {
        self.world.conn_with(PEER).unwrap()
    }

    fn say(&mut self, times: u32) {
        let items = [Item::Word { word: Word::plain("line"), times }];
        let said = self.world.with_actor(PEER, |actor, now| actor.send(now, &items));
        said.unwrap().unwrap();
    }

    /// Steps until nothing is left to do at this instant.
    fn drive(&mut self) -> Result<(), Violation> {
        for _ in 0..10_000 {
            let step = self.world.step();
            self.oracles.after_step(&self.world, &step)?;
            self.world.forget();
            if matches!(step, Step::Idle(_)) {
                return Ok(());
            }
        }
        panic!("it does not fall quiet");
    }

    /// What is said of a world in which nothing has moved for longer than anything may take.
    fn left_alone(&mut self) -> Result<(), Violation> {
        let later = self.world.now().steady + sockman_sim::run::SETTLE;
        self.world.advance(later);
        self.oracles.at_rest(&self.world)
    }

    /// Steps until the node's kernel has bytes that the node has not read.
    fn drive_until_unread(&mut self) {
        let conn = self.conn();
        while self.world.machine().sockman().sockets().inner().unread_bytes(conn).unwrap() == 0 {
            self.world.step();
            self.oracles.after_step(&self.world, &Step::Outside).unwrap();
            self.world.forget();
        }
    }

    /// Steps until the node has been told that it has something to read.
    fn drive_until_reported(&mut self) {
        loop {
            let step = self.world.step();
            self.oracles.after_step(&self.world, &step).unwrap();
            self.world.forget();
            if matches!(step, Step::Polled(1..)) {
                return;
            }
        }
    }

    /// Tells the oracles that something was delivered, whatever is true.
    fn claim(&mut self, event: Event) -> Result<(), Violation> {
        let step = Step::Node(Task::Socket, Did::Delivered(event));
        self.oracles.after_step(&self.world, &step)
    }
}

#[track_caller]
fn check(result: Result<(), Violation>, oracle: &str) {
    let violation = result.expect_err("a fault was planted");
    assert_eq!(violation.oracle, oracle, "{violation}");
}

#[test]
fn nothing_is_noticed_where_nothing_is_wrong() {
    let mut watched = Watched::new();
    watched.say(3);
    watched.drive().unwrap();
    watched.oracles.at_rest(&watched.world).unwrap();
    watched.world.shutdown();
    watched.oracles.at_end(&watched.world).unwrap();
}

#[test]
fn bytes_that_a_kernel_loses_are_noticed_by_byte_streams() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    watched.say(2);
    watched.drive_until_unread();
    watched.world.node_kernel_mut().recv(conn, &mut [0; 3]).unwrap();
    check(watched.drive(), "byte streams");
}

#[test]
fn a_socket_opened_behind_the_manager_is_noticed_by_descriptors() {
    let mut watched = Watched::new();
    watched
        .world
        .node_kernel_mut()
        .listen(&"192.0.2.1:1".parse().map(Endpoint::Ip).unwrap())
        .unwrap();
    watched.say(1);
    check(watched.drive(), "descriptors");
}

#[test]
fn a_socket_closed_behind_the_manager_is_noticed_by_descriptors() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    watched.world.faulty_mut().close(conn, Closing::Orderly).unwrap();
    // The manager would find out by a call on a stale id, which it holds for impossible.
    let step = Step::Node(Task::Socket, Did::Commanded);
    check(watched.oracles.after_step(&watched.world, &step), "descriptors");
}

#[test]
fn a_use_after_the_close_is_noticed_by_descriptors() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    watched.world.with_actor(PEER, |actor, now| actor.close(now, Closing::Orderly));
    watched.drive().unwrap();
    watched.world.faulty_mut().recv(conn, &mut [0]).unwrap_err();
    let step = Step::Node(Task::Socket, Did::Commanded);
    check(watched.oracles.after_step(&watched.world, &step), "descriptors");
}

#[test]
fn a_socket_that_outlives_the_shutdown_is_noticed_by_descriptors() {
    let mut watched = Watched::new();
    watched.world.shutdown();
    watched.world.node_kernel_mut().listen(&Endpoint::Ip(NODE_ADDRESS)).unwrap();
    check(watched.oracles.at_end(&watched.world), "descriptors");
}

#[test]
fn interest_that_nobody_has_is_noticed_by_latency_and_work() {
    let mut watched = Watched::new();
    let source = Source::Conn(watched.conn());
    let both = Interest { readable: true, writable: true };
    watched.world.node_kernel_mut().set_interest(source, both).unwrap();
    check(watched.drive(), "latency and work");
}

#[test]
fn readiness_that_is_not_reported_is_noticed_by_latency_and_work() {
    let mut watched = Watched::new();
    let source = Source::Conn(watched.conn());
    watched.world.node_kernel_mut().set_interest(source, Interest::NONE).unwrap();
    watched.say(1);
    check(watched.drive(), "latency and work");
}

#[test]
fn a_socket_that_waits_while_another_is_served_is_noticed_by_fairness() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    watched.say(1);
    watched.drive_until_reported();
    let listener = watched.world.machine().sockman().listeners().next().unwrap();
    let did = Did::Called { source: Source::Listener(listener), event: None };
    let step = Step::Node(Task::Socket, did);
    watched.oracles.after_step(&watched.world, &step).unwrap();
    watched.oracles.after_step(&watched.world, &step).unwrap();
    check(watched.oracles.after_step(&watched.world, &step), "fairness");
    assert_eq!(watched.conn(), conn);
}

#[test]
fn a_task_that_waits_while_another_goes_on_is_noticed_by_fairness() {
    let mut watched = Watched::new();
    watched.say(1);
    watched.drive_until_reported();
    // The task `socket` has a step to make, and the oracle looks at who waits now and then.
    let step = Step::Node(Task::Commands, Did::Commanded);
    let mut steps = (0..40).map(|_| watched.oracles.after_step(&watched.world, &step));
    check(steps.find(Result::is_err).unwrap(), "fairness");
}

#[test]
fn a_node_that_does_not_look_at_its_sockets_is_noticed_by_fairness() {
    let mut watched = Watched::new();
    let step = Step::Node(Task::Commands, Did::Commanded);
    let mut steps = (0..100).map(|_| watched.oracles.after_step(&watched.world, &step));
    check(steps.find(Result::is_err).unwrap(), "fairness");
}

#[test]
fn a_node_that_nobody_runs_is_noticed_by_liveness() {
    let mut watched = Watched::new();
    watched.say(1);
    watched.drive_until_unread();
    check(watched.left_alone(), "liveness");
}

#[test]
fn a_newcomer_that_nobody_accepts_is_noticed_by_liveness() {
    let mut watched = Watched::new();
    let listener = watched.world.machine().sockman().listeners().next().unwrap();
    let source = Source::Listener(listener);
    watched.world.node_kernel_mut().set_interest(source, Interest::NONE).unwrap();
    watched.world.with_actor(PEER, |actor, now| actor.dial(now, None, NODE_ADDRESS));
    watched.drive().unwrap();
    check(watched.left_alone(), "liveness");
}

#[test]
fn events_out_of_their_order_are_noticed_by_lifecycle() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    check(watched.claim(Event::Connected { conn }), "lifecycle");
    watched.claim(Event::Eof { conn }).unwrap();
    check(watched.claim(Event::Eof { conn }), "lifecycle");
    check(watched.claim(Event::Received { conn, count: 1 }), "lifecycle");
}

#[test]
fn what_is_left_at_the_door_of_a_node_that_nobody_wakes_is_noticed_by_latency_and_work() {
    let mut watched = Watched::new();
    let _ = watched.world.door().inspect();
    check(watched.drive(), "latency and work");
}

#[test]
fn bytes_behind_which_nothing_follows_as_promised_are_noticed_by_latency_and_work() {
    let mut watched = Watched::new();
    let conn = watched.conn();
    let line = [IoSlice::new(b"last\n")];
    for (more, is_noticed) in [(More::Yes, true), (More::No, false)] {
        watched.world.faulty_mut().send(conn, &line, more).unwrap();
        let sent = Step::Node(Task::Socket, Did::Commanded);
        watched.oracles.after_step(&watched.world, &sent).unwrap();
        watched.world.forget();
        // Past this oracle it is the accounting that notices bytes which nobody counts.
        let oracle = if is_noticed { "latency and work" } else { "accounting" };
        check(watched.oracles.after_step(&watched.world, &Step::Idle(None)), oracle);
    }
}

#[test]
fn a_command_that_nobody_gave_is_noticed_by_bounds() {
    let config = WorldConfig::default();
    let nobody = BTreeMap::new();
    let mut world = World::<Connman>::new(&config, &[], 1, &nobody, Scheduler::Default).unwrap();
    let mut oracles = Oracles::new();
    let _ = world.door().push(Command::Ping).unwrap();
    world.hand(Letter::Inspect);
    let step = world.step();
    assert_eq!(step, Step::Left);
    check(oracles.after_step(&world, &step), "bounds");
}
