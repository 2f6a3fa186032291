//! What a wake-up costs under libevent: `wakeups_event IDLE ROUNDS`, to be counted from outside.

use sockman_event::EventSockets;
use sockman_over::wakeups::run;

fn main() {
    run(EventSockets::new, std::env::args().skip(1));
}
