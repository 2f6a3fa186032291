//! A proxy between two nodes that tells what each of them says: a tenant of the socket manager.
//!
//! It passes one session on and takes no other. Bytes go on as they come; whoever does not take
//! them is not read for. A FIN goes on behind what was said before it, and ends both directions: no
//! node of this protocol speaks to one that has said its last.

use std::time::Duration;

use sockman::sockets::{ConnId, ConnectError, Endpoint, Failure, More};
use sockman::sockman::{Action, ConnFailure, Conns, Event, Slices, Tenant};
use sockman::time::Now;

/// Unsent bytes for one side above which the other is not read.
const UNSENT_BYTES_PAUSE: usize = 1 << 20;

/// How long the node may take to be connected.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a side may take to close after the other.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who connects to the proxy.
    Client,
    /// Whom the proxy connects to.
    Node,
}

/// What the proxy tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A side said bytes.
    Said(Side, Vec<u8>),
    /// A side has ended the connection, with FIN or otherwise.
    Ended(Side, Option<Failure>),
    /// The node cannot be connected to.
    NotReached(ConnFailure),
    /// The session is over.
    Over,
}

/// The proxy.
#[derive(Debug)]
pub struct Proxy {
    to: Endpoint,
    /// Connections of the session that are not closed; `None` before it begins.
    open: Option<usize>,
    notices: Vec<Heard>,
}

/// One side's connection.
#[derive(Debug)]
pub struct Half {
    side: Side,
    /// The other side's, once there is one.
    partner: Option<ConnId>,
    unsent: Vec<u8>,
    /// Whether it is not read, because the other side does not take what it says.
    is_paused: bool,
    /// Whether the other side has said its last.
    is_ending: bool,
    /// Whether nothing more is to be told of it.
    is_over: bool,
}

/// Nobody asks it for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl Proxy {
    /// A proxy to a node.
    #[must_use]
    pub const fn new(to: Endpoint) -> Self {
        Self { to, open: None, notices: Vec::new() }
    }

    /// A side is over; the other is told behind what was said before.
    fn end(
        &mut self,
        conn: ConnId,
        failure: Option<Failure>,
        conns: &mut Conns<Half>,
        actions: &mut Vec<Action<Half>>,
    ) {
        let Some(half) = conns.get_mut(conn).filter(|half| !half.is_over) else { return };
        half.is_over = true;
        self.notices.push(Heard::Ended(half.side, failure));
        actions.push(Action::Close(conn));
        let Some(partner) = half.partner else { return };
        let Some(other) = conns.get_mut(partner).filter(|other| !other.is_over) else { return };
        other.is_over = true;
        match failure {
            None if other.unsent.is_empty() => {
                actions.push(Action::Finish { conn: partner, within: FINISH_WITHIN });
            }
            None => other.is_ending = true,
            Some(_) => actions.push(Action::Close(partner)),
        }
    }
}

impl Half {
    const fn new(side: Side, partner: Option<ConnId>) -> Self {
        Self {
            side,
            partner,
            unsent: Vec::new(),
            is_paused: false,
            is_ending: false,
            is_over: false,
        }
    }
}

impl Tenant for Proxy {
    type Conn = Half;
    type Command = Never;
    type Notice = Heard;

    fn handle_event(
        &mut self,
        _: Now,
        event: &Event,
        conns: &mut Conns<Half>,
        actions: &mut Vec<Action<Half>>,
    ) {
        match *event {
            Event::Accepted { conn, listener, .. } => {
                if self.open.is_some() {
                    actions.push(Action::Close(conn));
                    return;
                }
                self.open = Some(1);
                conns.adopt(conn, Half::new(Side::Client, None));
                let node = Half::new(Side::Node, Some(conn));
                actions.push(Action::StopListening(listener));
                actions.push(Action::dial(self.to.clone(), DIAL_TIMEOUT, node));
            }
            Event::Connected { conn } => {
                let client = conns.get(conn).and_then(|half| half.partner);
                actions.push(Action::Receive(conn));
                actions.extend(client.map(Action::Receive));
            }
            Event::Eof { conn } => self.end(conn, None, conns, actions),
            Event::Failed { conn, error: ConnFailure::Lost(failure) } => {
                match conns.get(conn).is_some_and(|half| half.is_over) {
                    true => actions.push(Action::Close(conn)),
                    false => self.end(conn, Some(failure), conns, actions),
                }
            }
            Event::Failed { conn, error } => {
                self.notices.push(Heard::NotReached(error));
                actions.push(Action::Close(conn));
                let client = conns.get(conn).and_then(|half| half.partner);
                actions.extend(client.map(Action::Close));
            }
            Event::Finished { conn, .. } => actions.push(Action::Close(conn)),
            Event::AcceptFailed { .. } | Event::Writable { .. } | Event::Received { .. } => {}
        }
    }

    fn handle_received(
        &mut self,
        _: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Half>,
        actions: &mut Vec<Action<Half>>,
    ) {
        let Some(half) = conns.get(conn).filter(|half| !half.is_over) else { return };
        let (side, partner) = (half.side, half.partner.expect("nobody is read before there is"));
        self.notices.push(Heard::Said(side, bytes.to_vec()));
        let Some(other) = conns.get_mut(partner) else { return };
        if other.unsent.is_empty() {
            actions.push(Action::Send(partner));
        }
        other.unsent.extend_from_slice(bytes);
        let is_paused = other.unsent.len() > UNSENT_BYTES_PAUSE;
        if let Some(half) = conns.get_mut(conn).filter(|_| is_paused) {
            half.is_paused = true;
            actions.push(Action::Receive(conn));
        }
    }

    fn reads(half: &Half) -> bool {
        !half.is_paused
    }

    fn gather<'a>(half: &'a Half, slices: &mut Slices<'a>) -> More {
        slices.push(&half.unsent).expect("one slice always fits");
        More::No
    }

    fn handle_sent(
        &mut self,
        _: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Half>,
        actions: &mut Vec<Action<Half>>,
    ) {
        let Some(half) = conns.get_mut(conn) else { return };
        half.unsent.drain(..count);
        let (left, partner) = (half.unsent.len(), half.partner);
        if left == 0 && half.is_ending {
            half.is_ending = false;
            actions.push(Action::Finish { conn, within: FINISH_WITHIN });
        }
        let Some((partner, other)) = partner.and_then(|id| Some((id, conns.get_mut(id)?))) else {
            return;
        };
        if other.is_paused && left <= UNSENT_BYTES_PAUSE {
            other.is_paused = false;
            actions.push(Action::Receive(partner));
        }
    }

    fn handle_dialing(&mut self, _: Now, conn: ConnId, conns: &mut Conns<Half>) {
        self.open = Some(2);
        let client = conns.get(conn).and_then(|half| half.partner);
        if let Some(client) = client.and_then(|client| conns.get_mut(client)) {
            client.partner = Some(conn);
        }
    }

    fn handle_dial_failed(
        &mut self,
        _: Now,
        state: Half,
        error: ConnectError,
        actions: &mut Vec<Action<Half>>,
    ) {
        self.notices.push(Heard::NotReached(ConnFailure::Dial(error)));
        actions.extend(state.partner.map(Action::Close));
    }

    fn handle_closed(&mut self, _: Now, _: ConnId, half: Option<Half>, _: &mut Vec<Action<Half>>) {
        let (Some(_), Some(open)) = (half, &mut self.open) else { return };
        *open -= 1;
        if *open == 0 {
            self.notices.push(Heard::Over);
        }
    }

    fn take_notices(&mut self, notices: &mut Vec<Heard>) {
        notices.append(&mut self.notices);
    }
}
