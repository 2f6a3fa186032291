//! docs/behaviour.md, connman 5.3: the list of endpoints to connect to.

use sockman::connman::{ConnType, DialFailure, Outbound};
use sockman::sockets::{ConnectError, Failure};
use sockman::sockman::ConnFailure;

use super::*;

fn endpoint(port: u16) -> Endpoint {
    Endpoint::Ip(([127, 0, 0, 1], port).into())
}

fn failures(world: &World) -> usize {
    let failed = |notice: &&Notice| matches!(notice, Notice::DialFailed { .. });
    world.notices.iter().filter(failed).count()
}

#[test]
fn refused_endpoint_is_tried_again_with_growing_pauses() {
    let mut world = World::with(|config| config.outbound = Outbound::List(vec![endpoint(9)]));
    world.drive();
    // 500 ms after the first round, then 500 ms more each, up to 5.5 s.
    let mut tries = vec![failures(&world)];
    for _ in 0..12 {
        world.pass(Duration::from_millis(500));
        tries.push(failures(&world));
    }
    assert_eq!(tries, [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5]);
    let failure = ConnFailure::Dial(ConnectError::Failed(Failure::Refused));
    let notice = Notice::DialFailed {
        endpoint: endpoint(9),
        conn_type: ConnType::Manual,
        failure: DialFailure::Failed(failure),
    };
    assert!(world.notices.contains(&notice), "{:?}", world.notices);
}

#[test]
fn connected_list_needs_no_attention() {
    let mut world =
        World::with(|config| config.outbound = Outbound::List(vec![endpoint(9), endpoint(10)]));
    let listeners = [9, 10].map(|port| world.listen(port).0);
    world.drive();
    let peers = listeners.map(|listener| world.accept(listener));
    assert_eq!(world.inspect().peers.len(), 2);
    world.pass(Duration::from_secs(30));
    assert_eq!(failures(&world), 0);
    // One is lost: it is dialled again, the other left alone.
    world.close(peers[0], Closing::Reset);
    world.pass(Duration::from_secs(6));
    let again = world.accept(listeners[0]);
    assert_eq!(world.take(again), ["version"]);
    assert_eq!(world.end_of(peers[1]), None);
    assert_eq!(world.inspect().peers.len(), 2);
}

#[test]
fn endpoint_that_closes_at_once_is_not_dialled_in_a_loop() {
    let mut world = World::with(|config| config.outbound = Outbound::List(vec![endpoint(9)]));
    let (listener, _) = world.listen(9);
    let mut accepted = 0;
    for _ in 0..100 {
        world.pass(Duration::from_millis(100));
        if let Ok(Accepted::Conn { conn, .. }) = world.node.sockets_mut().accept(listener) {
            world.node.sockets_mut().close(conn, Closing::Orderly).unwrap();
            accepted += 1;
        }
    }
    assert!((3..8).contains(&accepted), "{accepted} attempts in 10 seconds");
}

#[test]
fn second_connection_to_the_same_endpoint_is_refused() {
    let mut world = World::new();
    let (listener, to) = world.listen(0);
    world.command(Command::Connect { endpoint: to.clone() });
    let _ = world.accept(listener);
    world.command(Command::Connect { endpoint: to.clone() });
    let notice = Notice::DialFailed {
        endpoint: to,
        conn_type: ConnType::Manual,
        failure: DialFailure::AlreadyConnected,
    };
    assert_eq!(world.notices.last(), Some(&notice));
    assert_eq!(world.inspect().peers.len(), 1);
}
