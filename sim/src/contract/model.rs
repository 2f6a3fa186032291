//! What one moment of a few connections may be like, for the acceptor: both ends of each, and what
//! is on the way between them.
//!
//! It is written after docs/behaviour.md, TCP 10, and not after the simulated kernel: it has no
//! buffers, windows, acknowledgements or segments, and answers "may it have said so" instead of
//! saying anything. Where one of the two is wrong, the other one shows it.

use std::collections::VecDeque;

use sockman::sockets::{Closing, ConnectStatus, Direction, Failure, Interest, Readiness};

use super::trace::{Call, Outcome, Subject, Target, Whose, pattern};
use super::transition::Transition;

mod arrivals;
mod end;

pub use end::Promptness;
use end::{End, Item, Pair, State, must_be_ready, take_bytes};

/// One way in which things may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct World {
    pairs: Vec<Pair>,
    /// Pairs that wait to be accepted; `None` once it is closed.
    listeners: Vec<Option<VecDeque<usize>>>,
    /// The pair and the side of each connection, by number.
    names: Vec<(usize, usize)>,
}

impl World {
    pub(super) fn new(listeners: usize) -> Self {
        let listeners = vec![Some(VecDeque::new()); listeners];
        Self { pairs: Vec::new(), listeners, names: Vec::new() }
    }

    fn ends(&mut self, conn: usize) -> Option<(&mut End, &mut End)> {
        let &(pair, side) = self.names.get(conn)?;
        let [client, server] = &mut self.pairs[pair].ends;
        Some(if side == 0 { (client, server) } else { (server, client) })
    }

    /// Takes a call and its outcome; `None` if it may not have said so.
    pub(super) fn step(&mut self, call: Call, outcome: &Outcome) -> Option<Transition> {
        if let Some(conn) = subject(call) {
            let (end, _) = self.ends(conn)?;
            if end.gone {
                return (*outcome == Outcome::Stale).then_some(Transition::CallStale);
            }
        }
        match call {
            Call::Connect(target) => self.connect(target, outcome),
            Call::Accept(listener) => self.accept(listener, outcome),
            Call::Send(conn, count) => self.send(conn, count as u64, outcome),
            Call::Recv(conn, count) => self.recv(conn, count as u64, outcome),
            Call::Shutdown(conn, direction) => self.shutdown(conn, direction, outcome),
            Call::Close(conn, how) => self.close(conn, how, outcome),
            Call::CloseListener(listener) => self.close_listener(listener, outcome),
            Call::TakeError(conn) => {
                let pending = self.ends(conn)?.0.err.take();
                (*outcome == Outcome::Pending(pending)).then_some(match pending {
                    None => Transition::ErrorNone,
                    Some(Failure::Refused) => Transition::ErrorRefused,
                    Some(Failure::BrokenPipe) => Transition::ErrorBrokenPipe,
                    Some(_) => Transition::ErrorReset,
                })
            }
            Call::ConnectStatus(conn) => self.connect_status(conn, outcome),
            Call::PeerEndpoint(conn) => self.peer_endpoint(conn, outcome),
            Call::SetInterest(..) => (*outcome == Outcome::Done).then_some(Transition::InterestSet),
        }
    }

    fn connect(&mut self, target: Target, outcome: &Outcome) -> Option<Transition> {
        let listener = match target {
            Target::Listener(listener) => Some(listener),
            Target::Nobody => None,
        };
        let client = self.names.len();
        self.names.push((self.pairs.len(), 0));
        let ends = [End::new(State::SynSent, true), End::new(State::Closed, false)];
        self.pairs.push(Pair { client, listener, syn_on_the_way: true, ends });
        (*outcome == Outcome::Done).then_some(Transition::Connect)
    }

    fn accept(&mut self, listener: usize, outcome: &Outcome) -> Option<Transition> {
        let Some(queue) = &mut self.listeners[listener] else {
            return (*outcome == Outcome::Stale).then_some(Transition::CallStale);
        };
        let Some(pair) = queue.pop_front() else {
            return (*outcome == Outcome::WouldBlock).then_some(Transition::AcceptNobody);
        };
        self.names.push((pair, 1));
        let pair = &mut self.pairs[pair];
        pair.ends[1].held = true;
        let peer = Whose::Conn(pair.client);
        let live = pair.ends[1].state == State::Open;
        let transition = if live { Transition::AcceptLive } else { Transition::AcceptDead };
        (*outcome == Outcome::Accepted { peer }).then_some(transition)
    }

    fn send(&mut self, conn: usize, count: u64, outcome: &Outcome) -> Option<Transition> {
        let (end, peer) = self.ends(conn)?;
        if count == 0 {
            return (*outcome == Outcome::Sent(0)).then_some(Transition::SendNone);
        }
        if end.state == State::SynSent {
            let would_block = *outcome == Outcome::WouldBlock;
            return would_block.then_some(Transition::SendConnecting);
        }
        if end.state == State::Closed || end.wr {
            let told = end.err.take();
            let may_say = Outcome::Failed(told.unwrap_or(Failure::BrokenPipe));
            return (*outcome == may_say).then_some(match told {
                Some(_) => Transition::SendFailed,
                None => Transition::SendBrokenPipe,
            });
        }
        if *outcome == Outcome::WouldBlock {
            // With nothing unread and nothing on the way, there is room.
            return (end.accepted > peer.read).then_some(Transition::SendWouldBlock);
        }
        let Outcome::Sent(taken) = *outcome else {
            return None;
        };
        let taken = taken as u64;
        if taken == 0 || taken > count {
            return None;
        }
        end.accepted += taken;
        peer.inbox.push_back(Item::Data(taken));
        Some(if taken == count { Transition::SendAll } else { Transition::SendShort })
    }

    fn recv(&mut self, conn: usize, count: u64, outcome: &Outcome) -> Option<Transition> {
        let &(pair, side) = self.names.get(conn)?;
        let sender = self.pairs[pair].client * 2 + (1 - side);
        let (end, _) = self.ends(conn)?;
        if let Outcome::Received(bytes) = outcome {
            let offsets = end.read..;
            let as_sent = bytes.iter().zip(offsets).all(|(&byte, at)| byte == pattern(sender, at));
            return if as_sent { take_bytes(end, count, bytes.len() as u64) } else { None };
        }
        if end.state == State::SynSent {
            let would_block = *outcome == Outcome::WouldBlock;
            return would_block.then_some(Transition::RecvConnecting);
        }
        if end.rx > 0 {
            return None;
        }
        end.rx_maybe = 0;
        let (may_say, transition) = if end.eof {
            (Outcome::Eof, Transition::RecvEof)
        } else if let Some(failure) = end.err.take() {
            (Outcome::Failed(failure), Transition::RecvFailed)
        } else if end.state == State::Closed && end.rd {
            (Outcome::Eof, Transition::RecvEofDead)
        } else if end.rd {
            (Outcome::Eof, Transition::RecvEofShut)
        } else if end.state == State::Closed {
            (Outcome::Failed(Failure::NotConnected), Transition::RecvFailed)
        } else {
            (Outcome::WouldBlock, Transition::RecvWouldBlock)
        };
        (*outcome == may_say).then_some(transition)
    }

    fn shutdown(
        &mut self,
        conn: usize,
        direction: Direction,
        outcome: &Outcome,
    ) -> Option<Transition> {
        let (end, peer) = self.ends(conn)?;
        if end.state == State::SynSent {
            end.state = State::Closed;
            end.err = Some(Failure::Reset);
            return (*outcome == Outcome::Done).then_some(Transition::ShutdownConnecting);
        }
        let again =
            (end.rd || direction == Direction::Write) && (end.wr || direction == Direction::Read);
        end.rd |= direction != Direction::Write;
        end.wr |= direction != Direction::Read;
        if end.state == State::Closed {
            let said = *outcome == Outcome::Failed(Failure::NotConnected);
            return said.then_some(Transition::ShutdownDead);
        }
        if direction != Direction::Read && !end.fin {
            end.fin = true;
            peer.inbox.push_back(Item::Fin);
        }
        if end.fin && end.rd && !again {
            end.doubt();
        }
        (*outcome == Outcome::Done).then_some(match direction {
            _ if again => Transition::ShutdownAgain,
            Direction::Read => Transition::ShutdownRead,
            Direction::Write => Transition::ShutdownWrite,
            Direction::Both => Transition::ShutdownBoth,
        })
    }

    fn close(&mut self, conn: usize, how: Closing, outcome: &Outcome) -> Option<Transition> {
        let (end, peer) = self.ends(conn)?;
        end.gone = true;
        (*outcome == Outcome::Done).then_some(())?;
        if end.state != State::Open {
            let connecting = end.state == State::SynSent;
            end.die();
            return Some(if connecting {
                Transition::CloseConnecting
            } else {
                Transition::CloseDead
            });
        }
        if how == Closing::Reset || end.rx > 0 {
            end.die();
            peer.inbox.push_back(Item::Reset);
            let reset = how == Closing::Reset;
            return Some(if reset { Transition::CloseReset } else { Transition::CloseUnread });
        }
        end.rd = true;
        end.wr = true;
        if end.fin {
            return Some(Transition::CloseAfterFin);
        }
        end.fin = true;
        peer.inbox.push_back(Item::Fin);
        Some(Transition::CloseFin)
    }

    fn close_listener(&mut self, listener: usize, outcome: &Outcome) -> Option<Transition> {
        let Some(queue) = self.listeners[listener].take() else {
            return (*outcome == Outcome::Stale).then_some(Transition::CallStale);
        };
        for &pair in &queue {
            let [client, server] = &mut self.pairs[pair].ends;
            server.gone = true;
            if server.state == State::Open {
                server.die();
                client.inbox.push_back(Item::Reset);
            }
        }
        let nobody = queue.is_empty();
        (*outcome == Outcome::Done).then_some(if nobody {
            Transition::CloseListener
        } else {
            Transition::CloseListenerPending
        })
    }

    fn connect_status(&mut self, conn: usize, outcome: &Outcome) -> Option<Transition> {
        let (end, _) = self.ends(conn)?;
        let (may_say, transition) = if end.state == State::SynSent {
            (Outcome::Status(ConnectStatus::InProgress), Transition::StatusInProgress)
        } else if let Some(failure) = end.err.take() {
            (Outcome::Failed(failure), Transition::StatusFailed)
        } else if end.state == State::Open {
            (Outcome::Status(ConnectStatus::Established), Transition::StatusEstablished)
        } else {
            (Outcome::Failed(Failure::NotConnected), Transition::StatusOver)
        };
        (*outcome == may_say).then_some(transition)
    }

    fn peer_endpoint(&mut self, conn: usize, outcome: &Outcome) -> Option<Transition> {
        let &(pair, side) = self.names.get(conn)?;
        let pair = &self.pairs[pair];
        if pair.ends[side].state != State::Open {
            let said = *outcome == Outcome::Failed(Failure::NotConnected);
            return said.then_some(Transition::PeerUnknown);
        }
        let peer = match pair.listener {
            Some(listener) if side == 0 => Whose::Listener(listener),
            Some(_) | None => Whose::Conn(pair.client),
        };
        (*outcome == Outcome::Peer(peer)).then_some(Transition::PeerKnown)
    }

    /// Whether a look that reported `ready` left nothing out. More than is true may be reported.
    pub(super) fn allows(
        &self,
        ready: &[(Subject, Readiness)],
        interests: &[Interest],
        promptness: Promptness,
    ) -> bool {
        let reported = |subject| {
            let found = ready.iter().find(|(of, _)| *of == subject);
            found.map_or(Readiness::NONE, |(_, readiness)| *readiness)
        };
        let listeners = self.listeners.iter().enumerate().all(|(number, queue)| {
            let waits = queue.as_ref().is_some_and(|queue| !queue.is_empty());
            !waits || reported(Subject::Listener(number)).readable
        });
        let closed_are_silent = ready.iter().all(|(of, _)| match *of {
            Subject::Unknown => false,
            Subject::Listener(number) => self.listeners[number].is_some(),
            Subject::Conn(number) => {
                let (pair, side) = self.names[number];
                !self.pairs[pair].ends[side].gone
            }
        });
        let conns = self.names.iter().enumerate().all(|(number, &(pair, side))| {
            let ends = &self.pairs[pair].ends;
            let must = must_be_ready(&ends[side], &ends[1 - side], promptness);
            let must = must.seen_by(interests[number]);
            ends[side].gone
                || reported(Subject::Conn(number)).or(must) == reported(Subject::Conn(number))
        });
        listeners && closed_are_silent && conns
    }
}

/// Which connection a call is on.
const fn subject(call: Call) -> Option<usize> {
    match call {
        Call::Send(conn, _)
        | Call::Recv(conn, _)
        | Call::Shutdown(conn, _)
        | Call::Close(conn, _)
        | Call::TakeError(conn)
        | Call::ConnectStatus(conn)
        | Call::PeerEndpoint(conn)
        | Call::SetInterest(conn, _) => Some(conn),
        Call::Connect(_) | Call::Accept(_) | Call::CloseListener(_) => None,
    }
}
