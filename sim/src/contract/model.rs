//! What one moment of a few connections may be like, for the acceptor: both ends of each, and what
//! is on the way between them.
//!
//! It is written after docs/behaviour.md, TCP 10, and not after the simulated kernel: it has no
//! buffers, windows, acknowledgements or segments, and answers "may it have said so" instead of
//! saying anything. Where one of the two is wrong, the other one shows it.

use std::collections::VecDeque;

use sockman::sockets::{Closing, ConnectStatus, Direction, Failure, Interest, Readiness};

use super::trace::{Call, Outcome, Subject, Target, Whose, pattern};

/// A way in which a connection moves on. Every one is to be seen on every backend, or to be listed
/// as one that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the calls and results they stand for")]
pub enum Transition {
    Connect,
    ConnectRefused,
    ConnectAccepted,
    AcceptLive,
    AcceptDead,
    AcceptNobody,
    SendAll,
    SendShort,
    SendNone,
    SendWouldBlock,
    SendFailed,
    SendBrokenPipe,
    RecvAll,
    RecvPart,
    RecvWouldBlock,
    RecvEof,
    RecvEofDead,
    RecvEofShut,
    RecvFailed,
    ShutdownRead,
    ShutdownWrite,
    ShutdownBoth,
    ShutdownAgain,
    ShutdownDead,
    CloseFin,
    CloseAfterFin,
    CloseUnread,
    CloseReset,
    CloseDead,
    CloseListener,
    CloseListenerPending,
    CallStale,
    ErrorRefused,
    ErrorReset,
    ErrorBrokenPipe,
    ErrorNone,
    StatusEstablished,
    StatusFailed,
    StatusOver,
    PeerKnown,
    PeerUnknown,
    DataArrives,
    DataForNobody,
    DataForDead,
    FinArrives,
    FinEndsBoth,
    ResetBeforeFin,
    ResetAfterFin,
}

impl Transition {
    /// All of them, in order.
    pub const ALL: [Self; 48] = {
        use Transition::*;
        [
            Connect,
            ConnectRefused,
            ConnectAccepted,
            AcceptLive,
            AcceptDead,
            AcceptNobody,
            SendAll,
            SendShort,
            SendNone,
            SendWouldBlock,
            SendFailed,
            SendBrokenPipe,
            RecvAll,
            RecvPart,
            RecvWouldBlock,
            RecvEof,
            RecvEofDead,
            RecvEofShut,
            RecvFailed,
            ShutdownRead,
            ShutdownWrite,
            ShutdownBoth,
            ShutdownAgain,
            ShutdownDead,
            CloseFin,
            CloseAfterFin,
            CloseUnread,
            CloseReset,
            CloseDead,
            CloseListener,
            CloseListenerPending,
            CallStale,
            ErrorRefused,
            ErrorReset,
            ErrorBrokenPipe,
            ErrorNone,
            StatusEstablished,
            StatusFailed,
            StatusOver,
            PeerKnown,
            PeerUnknown,
            DataArrives,
            DataForNobody,
            DataForDead,
            FinArrives,
            FinEndsBoth,
            ResetBeforeFin,
            ResetAfterFin,
        ]
    };
}

/// On the way to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    SynAck,
    Data(u64),
    /// Bytes sent before the reader gave up reading and writing: had there been room for them by
    /// then, they are there to be read; if not, they find nobody. Some may be one, the rest the
    /// other.
    Unsure(u64),
    Fin,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    SynSent,
    Open,
    Closed,
}

/// One end; the names of the fields are those of TCP 10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    state: State,
    held: bool,
    gone: bool,
    /// Bytes that are there for certain.
    rx: u64,
    /// Bytes that were on the way when a reset overtook them: there, or lost.
    rx_maybe: u64,
    read: u64,
    accepted: u64,
    eof: bool,
    fin: bool,
    fin_arrived: bool,
    rd: bool,
    wr: bool,
    err: Option<Failure>,
    inbox: VecDeque<Item>,
}

impl End {
    const fn new(state: State, held: bool) -> Self {
        Self {
            state,
            held,
            gone: false,
            rx: 0,
            rx_maybe: 0,
            read: 0,
            accepted: 0,
            eof: false,
            fin: false,
            fin_arrived: false,
            rd: false,
            wr: false,
            err: None,
            inbox: VecDeque::new(),
        }
    }

    fn die(&mut self) {
        self.state = State::Closed;
        self.rd = true;
        self.wr = true;
    }

    fn fail(&mut self, failure: Failure) {
        if !self.gone {
            self.err = Some(failure);
        }
        self.die();
    }

    /// Nobody will read what comes from now on; what has come can still be read.
    fn doubt(&mut self) {
        for item in &mut self.inbox {
            if let Item::Data(count) = *item {
                *item = Item::Unsure(count);
            }
        }
    }

    /// Bytes at the front of what is on the way: they may be there already.
    fn coming(&self) -> u64 {
        let data = self.inbox.iter().map_while(|item| match item {
            Item::Data(count) | Item::Unsure(count) => Some(*count),
            Item::SynAck | Item::Fin | Item::Reset => None,
        });
        data.sum()
    }
}

/// Both ends: the one that connected first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    /// The number of the connecting end.
    client: usize,
    listener: Option<usize>,
    syn_on_the_way: bool,
    ends: [End; 2],
}

/// How prompt and how roomy the backend is that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promptness {
    /// So many unread bytes of a direction are visible when the call that sent them returns, and so
    /// is whatever follows them. `None`: anything may be late.
    pub window_bytes: Option<u64>,
    /// With no more than so many bytes taken and not yet read by the other end, a writer is
    /// writable when the call returns. `None`: it may be late.
    pub writable_bytes: Option<u64>,
}

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
            Call::Listen => None,
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
            Call::SetInterest(..) | Call::Settle => {
                (*outcome == Outcome::Done).then_some(Transition::PeerKnown)
            }
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
            return would_block.then_some(Transition::SendWouldBlock);
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
            return would_block.then_some(Transition::RecvWouldBlock);
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
            return (*outcome == Outcome::Done).then_some(Transition::ShutdownDead);
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
            end.die();
            return Some(Transition::CloseDead);
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
            (Outcome::Status(ConnectStatus::InProgress), Transition::Connect)
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

    /// Does one thing that cannot be late, if there is one.
    pub(super) fn arrive_promptly(
        &mut self,
        promptness: Promptness,
        seen: &mut impl FnMut(Transition),
    ) -> bool {
        let Some(window) = promptness.window_bytes else {
            return false;
        };
        for pair in 0..self.pairs.len() {
            if self.pairs[pair].syn_on_the_way {
                self.arrive_syn(pair);
                return true;
            }
            for side in 0..2 {
                let [client, server] = &mut self.pairs[pair].ends;
                let (end, peer) = if side == 0 { (client, server) } else { (server, client) };
                // A reader who has shut reading does not tell of its window (Linux,
                // `tcp_cleanup_rbuf`): the sender finds out later, by a probe.
                let window_unsure = end.rd && peer.accepted > window;
                match end.inbox.front_mut() {
                    None | Some(Item::Unsure(_)) => continue,
                    Some(Item::Data(_)) if end.state == State::Open && window_unsure => continue,
                    Some(Item::Data(count)) if end.state == State::Open => {
                        let room = window.saturating_sub(end.rx);
                        if room == 0 {
                            continue;
                        }
                        if *count > room {
                            *count -= room;
                            end.inbox.push_front(Item::Data(room));
                        }
                    }
                    Some(_) => {}
                }
                self.arrive(pair, side, seen);
                return true;
            }
        }
        false
    }

    /// Each world that this may have become by one arrival.
    pub(super) fn successors(&self, seen: &mut impl FnMut(Transition)) -> Vec<Self> {
        let mut successors = Vec::new();
        for pair in 0..self.pairs.len() {
            if self.pairs[pair].syn_on_the_way {
                let mut next = self.clone();
                next.arrive_syn(pair);
                successors.push(next);
            }
            for side in 0..2 {
                let inbox = &self.pairs[pair].ends[side].inbox;
                if !inbox.is_empty() {
                    let mut next = self.clone();
                    next.arrive(pair, side, seen);
                    successors.push(next);
                }
                if matches!(inbox.front(), Some(Item::Unsure(_))) {
                    let mut next = self.clone();
                    next.find_nobody(pair, side, seen);
                    successors.push(next);
                }
                if inbox.len() > 1 && inbox.contains(&Item::Reset) {
                    let mut next = self.clone();
                    next.arrive_reset_early(pair, side, seen);
                    successors.push(next);
                }
            }
        }
        successors
    }

    /// Whether a reset is on the way, which is never late for want of room.
    pub(super) fn reset_on_the_way(&self) -> bool {
        let mut ends = self.pairs.iter().flat_map(|pair| &pair.ends);
        ends.any(|end| end.inbox.contains(&Item::Reset))
    }

    fn arrive_syn(&mut self, pair_number: usize) {
        let pair = &mut self.pairs[pair_number];
        pair.syn_on_the_way = false;
        let [client, server] = &mut pair.ends;
        let queue = pair.listener.and_then(|listener| self.listeners[listener].as_mut());
        match queue {
            Some(queue) => {
                queue.push_back(pair_number);
                server.state = State::Open;
                client.inbox.push_back(Item::SynAck);
            }
            None => client.inbox.push_back(Item::Reset),
        }
    }

    /// A reset overtakes bytes for which there was no room.
    fn arrive_reset_early(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let end = &mut self.pairs[pair].ends[side];
        end.rx_maybe += end.coming();
        end.inbox.clear();
        end.inbox.push_back(Item::Reset);
        self.arrive(pair, side, seen);
    }

    /// Some of the bytes in doubt come too late.
    fn find_nobody(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let end = &mut self.pairs[pair].ends[side];
        end.rx_maybe += end.coming();
        let is_data = |item: &Item| matches!(item, Item::Data(_) | Item::Unsure(_));
        end.inbox.retain(|item| !is_data(item));
        end.inbox.push_front(Item::Data(1));
        self.arrive(pair, side, seen);
    }

    /// The first thing on the way to an end gets there.
    fn arrive(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let [client, server] = &mut self.pairs[pair].ends;
        let (end, peer) = if side == 0 { (client, server) } else { (server, client) };
        let Some(item) = end.inbox.pop_front() else {
            return;
        };
        let nobody_reads = end.fin && (end.rd || end.gone);
        match (item, end.state) {
            (Item::SynAck, State::SynSent) => {
                end.state = State::Open;
                seen(Transition::ConnectAccepted);
            }
            (Item::Reset, State::SynSent) => {
                end.fail(Failure::Refused);
                seen(Transition::ConnectRefused);
            }
            (Item::Data(_), State::Open) if nobody_reads => {
                end.fail(Failure::Reset);
                peer.inbox.push_back(Item::Reset);
                seen(Transition::DataForNobody);
            }
            (Item::Data(count) | Item::Unsure(count), State::Open) => {
                end.rx += count;
                seen(Transition::DataArrives);
            }
            (Item::Fin, State::Open) => {
                end.eof = true;
                end.rd = true;
                peer.fin_arrived = true;
                seen(Transition::FinArrives);
                for end in [end, peer] {
                    if end.eof && end.fin_arrived && end.state == State::Open {
                        end.die();
                        seen(Transition::FinEndsBoth);
                    }
                }
            }
            (Item::Reset, State::Open) => {
                // Not once our own FIN is on its way, too, behind bytes: Linux' LAST_ACK.
                let after = end.eof && !end.fin;
                end.fail(if after { Failure::BrokenPipe } else { Failure::Reset });
                seen(if after { Transition::ResetAfterFin } else { Transition::ResetBeforeFin });
            }
            (Item::Data(_) | Item::Unsure(_) | Item::SynAck, State::Closed) => {
                peer.inbox.push_back(Item::Reset);
                seen(Transition::DataForDead);
            }
            (Item::Fin | Item::Reset, State::Closed) => {}
            (Item::Data(_) | Item::Unsure(_) | Item::Fin, State::SynSent)
            | (Item::SynAck, State::Open) => {}
        }
    }
}

/// Takes `taken` bytes for a read of at most `count`; `None` if there may not have been so many, or
/// more must have been given.
fn take_bytes(end: &mut End, count: u64, taken: u64) -> Option<Transition> {
    let certain = end.rx.min(count);
    let possible = (end.rx + end.rx_maybe + end.coming()).min(count);
    if taken == 0 || taken < certain || taken > possible {
        return None;
    }
    end.read += taken;
    let mut rest = taken - taken.min(end.rx);
    end.rx -= taken - rest;
    let from_maybe = rest.min(end.rx_maybe);
    end.rx_maybe -= from_maybe;
    rest -= from_maybe;
    while rest > 0 {
        let Some(Item::Data(first) | Item::Unsure(first)) = end.inbox.front_mut() else {
            unreachable!("what is coming is bytes at the front");
        };
        let now = rest.min(*first);
        *first -= now;
        rest -= now;
        if *first == 0 {
            end.inbox.pop_front();
        }
    }
    Some(if end.rx == 0 { Transition::RecvAll } else { Transition::RecvPart })
}

fn must_be_ready(end: &End, peer: &End, promptness: Promptness) -> Readiness {
    if end.state == State::SynSent {
        return Readiness::NONE;
    }
    let closed = end.state == State::Closed;
    let unread = end.accepted.saturating_sub(peer.read);
    Readiness {
        readable: end.rx > 0 || end.rd,
        writable: end.wr || closed || promptness.writable_bytes.is_some_and(|most| unread <= most),
        error: end.err.is_some() || closed || (end.rd && end.wr),
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
        Call::Listen
        | Call::Connect(_)
        | Call::Accept(_)
        | Call::CloseListener(_)
        | Call::Settle => None,
    }
}
