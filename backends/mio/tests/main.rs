//! What every backend is put through, over mio.

use sockman_mio::MioSockets;

#[path = "../../over/tests/trials/mod.rs"]
mod trials;

fn make() -> MioSockets {
    MioSockets::new().expect("the system has descriptors left")
}

#[test]
fn mio_keeps_the_contract() {
    trials::keeps_the_contract("mio", make);
}

#[test]
fn nodes_shake_hands_over_mio() {
    trials::nodes_shake_hands(make);
}

#[test]
fn sockets_and_loops_of_mio_come_and_go() {
    trials::come_and_go(make);
}
