//! What a wake-up costs under libuv: `wakeups_uv IDLE ROUNDS`, to be counted from outside.

use sockman_over::wakeups::run;
use sockman_uv::UvSockets;

fn main() {
    run(UvSockets::new, std::env::args().skip(1));
}
