//! What every backend is put through, over libuv.
#![cfg(target_os = "linux")]

use sockman_uv::UvSockets;

#[path = "../../over/tests/trials/mod.rs"]
mod trials;

fn make() -> UvSockets {
    UvSockets::new().expect("the system has descriptors left")
}

#[test]
fn uv_keeps_the_contract() {
    trials::keeps_the_contract("uv", make);
}

#[test]
fn nodes_shake_hands_over_uv() {
    trials::nodes_shake_hands(make);
}

#[test]
fn sockets_and_loops_of_uv_come_and_go() {
    trials::come_and_go(make);
}
