//! What a wake-up costs under libev: `wakeups_ev IDLE ROUNDS`, to be counted from outside.

use sockman_ev::EvSockets;
use sockman_over::wakeups::run;

fn main() {
    run(EvSockets::new, std::env::args().skip(1));
}
