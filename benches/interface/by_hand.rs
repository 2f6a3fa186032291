//! The server as one would write it for itself: a loop directly on the calls, with the same duties.
//!
//! Readiness by level, one receive a connection and turn, send offsets, a pause while too much is
//! unsent, interest set only when it changes, stale reports passed over, the time read once a turn.

use std::io::IoSlice;

use sockman::driver::{Clock as _, SystemClock};
use sockman::slab::Key as _;
use sockman::sockets::{
    Accepted, Closing, ConnId, Endpoint, Event, Interest, ListenerId, More, Received,
    SEND_SLICES_MAX, Sent, Sockets, Source, Wait,
};
use sockman::sockman::{Config, RECEIVE_BYTES_MAX};

use crate::session::{Load, Session};

/// One connection.
struct Conn {
    id: ConnId,
    session: Session,
    interest: Interest,
    send_blocked: bool,
}

/// The server.
struct Server<S> {
    sockets: S,
    conns: Vec<Option<Conn>>,
    buffer: Box<[u8]>,
    load: Load,
    left: u64,
}

/// Serves until every message has gone back.
pub(crate) fn serve<S: Sockets + Wait>(mut sockets: S, at: &Endpoint, load: &Load) {
    let listener = sockets.listen(at).expect("the place is free");
    let buffer = vec![0; RECEIVE_BYTES_MAX].into_boxed_slice();
    let left = load.messages_total();
    let mut server = Server { sockets, conns: Vec::new(), buffer, load: *load, left };
    let clock = SystemClock::start();
    let mut events: Vec<Event> = Vec::new();
    while server.left > 0 {
        server.sockets.wait(None, &mut events).expect("waiting works");
        // A server with deadlines would compare them with this.
        std::hint::black_box(clock.now());
        for event in &events {
            match event.source {
                Source::Listener(_) => server.accept(listener),
                Source::Conn(id) => server.serve_conn(id, event),
            }
        }
    }
    for conn in server.conns.iter().flatten() {
        server.sockets.close(conn.id, Closing::Orderly).expect("it is open");
    }
    server.sockets.close_listener(listener).expect("it is open");
}

impl<S: Sockets> Server<S> {
    fn accept(&mut self, listener: ListenerId) {
        for _ in 0..Config::default().accepts_per_turn_max {
            let Ok(Accepted::Conn { conn: id, .. }) = self.sockets.accept(listener) else { break };
            let index = id.index() as usize;
            if index >= self.conns.len() {
                self.conns.resize_with(index + 1, || None);
            }
            let session = Session::new(&self.load);
            let conn = Conn { id, session, interest: Interest::NONE, send_blocked: false };
            self.conns[index] = Some(conn);
            self.update_interest(id);
        }
    }

    fn serve_conn(&mut self, id: ConnId, event: &Event) {
        let Some(conn) = find(&mut self.conns, id) else { return };
        let ready = event.readiness;
        let blocked = conn.send_blocked;
        if ready.writable && blocked {
            self.send(id);
        }
        let Some(conn) = find(&mut self.conns, id) else { return };
        // Whoever takes our bytes slowly is not read from in the same turn.
        let wants_read = !(conn.session.is_paused() || blocked && conn.send_blocked);
        if ready.error || ready.readable && wants_read {
            self.receive(id);
        }
        self.update_interest(id);
    }

    fn receive(&mut self, id: ConnId) {
        let received = self.sockets.recv(id, &mut self.buffer);
        let Some(conn) = find(&mut self.conns, id) else { return };
        match received {
            Ok(Received::WouldBlock) => {}
            Ok(Received::Bytes(count)) => {
                let was_idle = !conn.session.has_unsent();
                conn.session.take_in(&self.buffer[..count]);
                if was_idle && conn.session.has_unsent() {
                    self.send(id);
                }
            }
            Ok(Received::Eof) | Err(_) => self.close(id),
        }
    }

    fn send(&mut self, id: ConnId) {
        let Some(conn) = find(&mut self.conns, id) else { return };
        let mut slices = [IoSlice::new(&[]); SEND_SLICES_MAX];
        let (mut count, mut offered) = (0, 0);
        for (slot, slice) in slices.iter_mut().zip(conn.session.unsent()) {
            *slot = IoSlice::new(slice);
            count += 1;
            offered += slice.len();
        }
        if count == 0 {
            conn.send_blocked = false;
            return;
        }
        match self.sockets.send(id, &slices[..count], More::No) {
            Ok(Sent::Bytes(taken)) => {
                conn.send_blocked = taken < offered;
                self.left -= conn.session.taken(taken);
            }
            Ok(Sent::WouldBlock) => conn.send_blocked = true,
            Err(_) => self.close(id),
        }
    }

    fn close(&mut self, id: ConnId) {
        self.conns[id.index() as usize] = None;
        self.sockets.close(id, Closing::Orderly).expect("it was open");
    }

    fn update_interest(&mut self, id: ConnId) {
        let Some(conn) = find(&mut self.conns, id) else { return };
        let readable = !conn.session.is_paused();
        let wanted = Interest { readable, writable: conn.send_blocked };
        if wanted != conn.interest {
            conn.interest = wanted;
            self.sockets.set_interest(Source::Conn(id), wanted).expect("it is open");
        }
    }
}

fn find(conns: &mut [Option<Conn>], id: ConnId) -> Option<&mut Conn> {
    conns.get_mut(id.index() as usize)?.as_mut().filter(|conn| conn.id == id)
}
