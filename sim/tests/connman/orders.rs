//! Any order of the steps is permitted: nothing that must hold depends on the default one.

use sockman::connman::{NetworkState, Outbound};
use sockman::driver::Task;
use sockman::rng::{OrderKey, Purpose};

use super::*;

/// Runs steps in an order that `seed` draws, until none is left; checks after each.
fn drive_in_order(world: &mut World, seed: u64) {
    let choices = OrderKey::new(&Seed::from_number(seed), Purpose::PassOrder);
    for n in 0..STEPS_MAX {
        let now = world.now();
        let tasks = Machine::<Loopback, ConnMan>::tasks();
        let tasks: Vec<Task> =
            tasks.filter(|task| world.node.next_step(now, *task).is_some()).collect();
        let count = tasks.len();
        // One choice more: a look at the sockets.
        let choice = choices.draw(0, n.into()) % (count as u64 + 1);
        match tasks.get(usize::try_from(choice).unwrap()) {
            Some(task) => drop(world.step(*task)),
            None => {
                world.look(Duration::ZERO);
                world.read_remotes();
                if count == 0 && world.node.default_next(now) == Choice::Wait {
                    break;
                }
            }
        }
    }
    world.drive();
}

#[test]
fn any_order_of_steps_comes_to_the_same_end() {
    for seed in 0..300 {
        let mut world = World::new();
        let (listener, endpoint) = world.listen(0);
        let peers: Vec<_> = (0..3).map(|_| world.dial()).collect();
        let hello = [
            wire(MessageType::VERSION, &version(70016).encode()),
            wire(MessageType::WTXIDRELAY, &[]),
            wire(MessageType::VERACK, &[]),
            wire(MessageType::PING, &[5; 8]),
        ];
        for peer in &peers {
            world.offer(*peer, &hello.concat());
        }
        world.node.push_command(Command::Connect { endpoint }).unwrap();
        drive_in_order(&mut world, seed);
        let called = world.accept(listener);
        world.offer(called, &hello.concat());
        world.node.push_command(Command::Disconnect { peer: PeerId(0) }).unwrap();
        drive_in_order(&mut world, seed + 1_000);
        for peer in &peers {
            let seen = world.take(*peer);
            let pongs = seen.iter().filter(|name| *name == "pong").count();
            assert_eq!(pongs, 1, "seed {seed}: {seen:?}");
            assert_eq!(seen[..4], ["version", "wtxidrelay", "sendaddrv2", "verack"]);
        }
        assert_eq!(world.take(called)[0], "version", "seed {seed}");
        assert_eq!(world.reasons(), [DisconnectReason::Requested]);
        assert_eq!(world.inspect().peers.len(), 3);
    }
}

/// Handshake, flood, silence and end, with the clock drawn forward: no order breaks an invariant.
#[test]
fn any_order_of_steps_survives_ends_at_any_moment() {
    for seed in 0..300 {
        let mut world = World::with(|config| {
            config.send_buffer_bytes_max = 500;
            config.receive_buffer_bytes_max = 1_000;
        });
        let peers: Vec<_> = (0..4).map(|_| world.dial()).collect();
        for peer in &peers {
            world.offer(*peer, &wire(MessageType::VERSION, &version(70016).encode()));
            world.offer(*peer, &wire(MessageType::VERACK, &[]));
            world.offer(*peer, &wire(MessageType::PING, &[5; 8]).repeat(40));
        }
        world.offer(peers[0], &[0; 24]);
        world.remotes[peers[1].0].ended = Some(End::Failed);
        let conn = world.remotes[peers[1].0].conn;
        world.node.sockets_mut().close(conn, Closing::Reset).unwrap();
        world.node.push_command(Command::Disconnect { peer: PeerId(2) }).unwrap();
        if seed % 3 == 0 {
            world.wall_skew_secs = 100;
        }
        if seed % 5 == 0 {
            world.node.push_command(Command::Shutdown).unwrap();
        }
        drive_in_order(&mut world, seed);
        if seed % 15 != 0 && seed % 5 != 0 && seed % 3 != 0 {
            let pongs = world.take(peers[3]).iter().filter(|name| *name == "pong").count();
            assert_eq!(pongs, 40, "seed {seed}");
        }
    }
}

#[test]
fn attempt_that_begins_while_the_network_goes_off_ends_once_it_connects() {
    for (command, reason) in [
        (Command::SetNetworkActive(NetworkState::Inactive), DisconnectReason::NetworkInactive),
        (Command::Shutdown, DisconnectReason::Shutdown),
    ] {
        let to = Endpoint::Ip("127.0.0.1:9".parse().unwrap());
        let mut world = World::with(|config| config.outbound = Outbound::List(vec![to]));
        let (listener, _) = world.listen(9);
        let is_opener = |task: &Task| Machine::<Loopback, ConnMan>::task_name(*task) == "opener";
        let opener = Machine::<Loopback, ConnMan>::tasks().find(is_opener).unwrap();
        // The dial is decided on, and executed only after the command.
        world.step(opener);
        world.node.push_command(command).unwrap();
        world.step(Task::Commands);
        world.drive();
        let peer = world.accept(listener);
        assert_eq!(world.end_of(peer), Some(End::Fin));
        assert_eq!(world.reasons(), [reason]);
    }
}
