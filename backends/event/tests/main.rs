//! What every backend is put through, over libevent.
#![cfg(target_os = "linux")]

use sockman_event::EventSockets;

#[path = "../../over/tests/trials/mod.rs"]
mod trials;

fn make() -> EventSockets {
    EventSockets::new().expect("the system has descriptors left")
}

#[test]
fn event_keeps_the_contract() {
    trials::keeps_the_contract("event", make);
}

#[test]
fn nodes_shake_hands_over_event() {
    trials::nodes_shake_hands(make);
}

#[test]
fn sockets_and_loops_of_event_come_and_go() {
    trials::come_and_go(make);
}
