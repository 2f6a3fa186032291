//! What follows for a host when one of its peers misbehaves. docs/behaviour.md, handshake 12.

use sockman::connman::Misbehaviour;

use super::*;

/// An `addr` of one address more than anybody sends.
fn long_addr() -> Vec<u8> {
    [&[0xfd, 0xe9, 0x03][..], &[0; 30 * 1_001]].concat()
}

fn misbehaved() -> DisconnectReason {
    DisconnectReason::Misbehaved(Misbehaviour::TooMany {
        message_type: MessageType::ADDR,
        count: 1_001,
        max: 1_000,
    })
}

/// A house with a newcomer's place, and everybody at one address.
fn house(address: &str, inbound_max: u32) -> World {
    let mut config = v1_config();
    config.limits.inbound_max = inbound_max;
    World::on(address, config)
}

#[test]
fn misbehaviour_ends_every_connection_with_the_host() {
    let mut world = house("203.0.113.9", 3);
    let culprit = world.ready_peer();
    let others = [world.ready_peer(), world.dial()];
    world.send(culprit, MessageType::ADDR, &long_addr());
    for peer in others {
        assert!(world.end_of(peer).is_some(), "it is at the same address");
    }
    let discouraged = DisconnectReason::Discouraged;
    assert_eq!(world.reasons(), [misbehaved(), discouraged, discouraged]);
    let told = |notice: &&Notice| matches!(notice, Notice::HostDiscouraged { .. });
    assert_eq!(world.notices.iter().filter(told).count(), 1);

    // It may come back, but for the last slot.
    let back = [world.ready_peer(), world.ready_peer()];
    let refused = world.dial();
    assert!(world.end_of(refused).is_some());
    assert!(back.iter().all(|peer| world.end_of(*peer).is_none()));
}

#[test]
fn misbehaviour_of_our_own_host_ends_one_connection() {
    let mut world = house("127.0.0.1", 2);
    let culprit = world.ready_peer();
    let other = world.ready_peer();
    world.send(culprit, MessageType::ADDR, &long_addr());
    assert_eq!(world.reasons(), [misbehaved()]);
    assert_eq!(world.end_of(other), None);
    let last = world.ready_peer();
    assert_eq!(world.end_of(last), None, "the last slot is for everybody");
}
