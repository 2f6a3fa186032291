//! What a wake-up costs under mio, and under the backends of the library itself.
//!
//! `wakeups epoll|poll|mio IDLE ROUNDS`, to be counted from outside: docs/backends.md.

use sockman::sockets::{Epoll, OsSockets, Poll};
use sockman_mio::MioSockets;
use sockman_over::wakeups::run;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("epoll") => run(OsSockets::<Epoll>::new, arguments),
        Some("poll") => run(OsSockets::<Poll>::new, arguments),
        Some("mio") => run(MioSockets::new, arguments),
        _ => panic!("wakeups epoll|poll|mio IDLE ROUNDS"),
    }
}
