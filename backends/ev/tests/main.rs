//! What every backend is put through, over libev.
#![cfg(target_os = "linux")]

use sockman_ev::EvSockets;

#[path = "../../over/tests/trials/mod.rs"]
mod trials;

fn make() -> EvSockets {
    EvSockets::new().expect("the system has descriptors left")
}

#[test]
fn ev_keeps_the_contract() {
    trials::keeps_the_contract("ev", make);
}

#[test]
fn nodes_shake_hands_over_ev() {
    trials::nodes_shake_hands(make);
}

#[test]
fn sockets_and_loops_of_ev_come_and_go() {
    trials::come_and_go(make);
}
