//! The server as a tenant of the socket manager, driven as production drives it.

use sockman::driver::{Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::sockets::{ConnId, Endpoint, More, Sockets, Wait};
use sockman::sockman::{Action, Config, Conns, Event, Slices, SockMan, Tenant};
use sockman::time::Now;

use crate::session::{Load, Session};
use crate::{NoWaker, start};

/// Sends every message back, until all have gone.
#[derive(Debug)]
struct Server {
    load: Load,
    left: u64,
    /// All messages went out, and nobody was told yet.
    done: Option<Done>,
}

/// All messages went out.
#[derive(Debug)]
struct Done;

/// One connection.
#[derive(Debug)]
struct Peer {
    session: Session,
    paused: bool,
}

impl Tenant for Server {
    type Conn = Peer;
    type Command = ();
    type Notice = Done;

    fn handle_event(
        &mut self,
        _: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match *event {
            Event::Accepted { conn, .. } => {
                conns.adopt(conn, Peer { session: Session::new(&self.load), paused: false });
                actions.push(Action::Receive(conn));
            }
            Event::Eof { conn } | Event::Failed { conn, .. } | Event::Finished { conn, .. } => {
                actions.push(Action::Close(conn));
            }
            Event::AcceptFailed { .. }
            | Event::Connected { .. }
            | Event::Writable { .. }
            | Event::Received { .. } => {}
        }
    }

    fn handle_received(
        &mut self,
        _: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        let was_idle = !peer.session.has_unsent();
        peer.session.take_in(bytes);
        if was_idle && peer.session.has_unsent() {
            actions.push(Action::Send(conn));
        }
        if peer.session.is_paused() && !peer.paused {
            peer.paused = true;
            actions.push(Action::Receive(conn));
        }
    }

    fn reads(peer: &Peer) -> bool {
        !peer.paused
    }

    fn gather<'a>(peer: &'a Peer, slices: &mut Slices<'a>) -> More {
        for slice in peer.session.unsent() {
            if slices.push(slice).is_err() {
                break;
            }
        }
        More::No
    }

    fn handle_sent(
        &mut self,
        _: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        let whole = peer.session.taken(count);
        if peer.paused && !peer.session.is_paused() {
            peer.paused = false;
            actions.push(Action::Receive(conn));
        }
        if whole > 0 {
            self.left -= whole;
            self.done = (self.left == 0).then_some(Done);
        }
    }

    fn take_notices(&mut self, notices: &mut Vec<Done>) {
        notices.extend(self.done.take());
    }
}

/// Stops the driver once all is done.
struct Stop<W>(Mailbox<(), W>);

impl<S: Sockets> Observer<S, Server> for Stop<NoWaker> {
    fn handle_notice(&mut self, _: Now, _: Done) {
        self.0.stop();
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<S, Server>) {}
}

/// Serves until every message has gone back.
pub(crate) fn serve<S: Sockets + Wait<Waker = NoWaker>>(sockets: S, at: &Endpoint, load: &Load) {
    let server = Server { load: *load, left: load.messages_total(), done: None };
    let mut machine = Machine::new(SockMan::new(sockets, Config::default()), server);
    machine.listen(start(), at).expect("the place is free");
    let (mut driver, mailbox) = Driver::new(machine, SystemClock::start());
    driver.run(&mut Stop(mailbox)).expect("waiting works");
    assert_eq!(driver.machine().tenant().left, 0, "every message went back");
}
