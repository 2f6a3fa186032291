//! Full buffers on two backends, compared where they have settled.
//!
//! What a kernel holds is its own affair: how much a send takes, how much of it is at the reader,
//! when an acknowledgement makes room again (docs/behaviour.md, TCP 8 and 9: for one configuration
//! the figures differ with the size of the writes, and acknowledgements take up to 60 ms). So these
//! are neither compared nor drawn: a [`Move`] goes on until nothing changes any more, and what it
//! says then is the same on every backend, though one holds 6 KB and the other 4 MB:
//!
//! * a writer that would block is not writable, and stays so; its reader is readable;
//! * the reader that reads on gets exactly the bytes that were taken, and the writer is writable
//!   again; or the connection was reset, and it gets a beginning of them, then the failure;
//! * half-closes and closes wait behind the bytes, resets do not.
//!
//! Left out are the moves after which the kernels are in doubt for long: a reader that shuts
//! reading while bytes are under way to it, and sending to one that has shut it, for such a reader
//! does not tell of its window.

use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;
use std::{fmt, thread};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::sockets::{
    Accepted, Closing, ConnError, ConnId, Direction, Endpoint, Event, Failure, Interest, More,
    Readiness, Received, Sent, Sockets, Source, Wait,
};

use super::differential::SMALL_BUFFERS;
use super::sequences::Draws;
use super::trace::pattern;
use crate::net::Loopback;

/// Moves in a sequence, at most. With more, most of them would be on what is over.
const MOVES_MAX: u64 = 10;

/// Bytes of a [`Move::Sip`], and how many there may be in a row: together they leave bytes at a
/// reader that holds no more than the least buffer takes (1152; docs/behaviour.md, TCP 9).
const SIP_BYTES: usize = 256;
const SIPS_MAX: u32 = 3;

/// Most bytes that one fill may send: several times what a loopback holds by default (4.3 MB).
const FILL_BYTES_MAX: u64 = 32 << 20;

/// Bytes of one send: some are taken whole and some in part, also by the least buffers. And of one
/// read.
const SEND_BYTES: usize = 2_000;
const READ_BYTES: usize = 1 << 16;

/// Pauses in which a move may get nowhere, before it is taken to hang. The longest that a kernel
/// takes is a probe of a closed window, which comes after 200 ms.
const PAUSES_MAX: u32 = 50;

/// How long a real kernel is left alone until it has settled: acknowledgements take up to 60 ms.
const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// Sequences that run at once on a real kernel: most of their time they wait.
const SIDE_BY_SIDE: usize = 16;

/// Either end: 0 has connected, 1 was accepted.
type End = usize;

/// What is done, until it has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Send until nothing more is taken.
    Fill(End),
    /// Read until nothing more is there.
    Drain(End),
    /// Read a little, once.
    Sip(End),
    /// Shut one direction or both.
    Shutdown(End, Direction),
    /// Close.
    Close(End, Closing),
}

/// What a move came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It would block.
    WouldBlock,
    /// It was done: a sip, a shutdown, a close.
    Done,
    /// The end of the stream, after all bytes that the other end's kernel has taken.
    Eof,
    /// The end of the stream, and some were lost.
    EofTooEarly,
    /// It failed.
    Failed(Failure),
    /// Other bytes came than were sent.
    Garbled,
    /// Bytes that were taken do not come, and no end does; or more and more are taken.
    Hangs,
}

/// A move, what it came to, and how both ends are then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What was done.
    pub what: Move,
    /// What came of it.
    pub said: Said,
    /// Of both ends; `None` is closed. `writable` is left out from a sip of what was sent until all
    /// of it is read: a sip may have made room or not, and a probe may find it at any time.
    pub ready: [Option<Readiness>; 2],
}

impl Settled {
    /// Whether no backend may settle so, whatever another one does.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self.said, Said::Garbled | Said::Hangs)
    }
}

/// Draws a sequence.
#[must_use]
pub fn draw(seed: u64) -> Vec<Move> {
    let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
    let count = 1 + draws.below(MOVES_MAX);
    let mut plan = Plan::default();
    let mut moves = vec![Move::Fill(draws.index(2))];
    plan.note(moves[0]);
    while (moves.len() as u64) < count && plan.closed != [true; 2] {
        let end = draws.index(2);
        let next = match draws.below(16) {
            0..5 => Move::Fill(end),
            5..9 => Move::Drain(end),
            9..11 => Move::Sip(end),
            11 => Move::Shutdown(end, Direction::Read),
            12 => Move::Shutdown(end, Direction::Both),
            13 => Move::Shutdown(end, Direction::Write),
            14 => Move::Close(end, Closing::Orderly),
            _ => Move::Close(end, Closing::Reset),
        };
        if plan.allows(next) {
            plan.note(next);
            moves.push(next);
        }
    }
    moves
}

/// What is known of both ends while a sequence is drawn.
#[derive(Debug, Default)]
struct Plan {
    closed: [bool; 2],
    /// Has shut reading.
    deaf: [bool; 2],
    /// Bytes may be under way to it.
    expects: [bool; 2],
    sips: [u32; 2],
}

impl Plan {
    /// See the head of the module for what is left out.
    fn allows(&self, what: Move) -> bool {
        match what {
            Move::Fill(end) => !self.closed[end] && !self.deaf[1 - end],
            Move::Drain(end) | Move::Shutdown(end, Direction::Write) | Move::Close(end, _) => {
                !self.closed[end]
            }
            Move::Sip(end) => !self.closed[end] && self.sips[end] < SIPS_MAX,
            Move::Shutdown(end, Direction::Read | Direction::Both) => {
                !self.closed[end] && !self.expects[end]
            }
        }
    }

    fn note(&mut self, what: Move) {
        match what {
            Move::Fill(end) => {
                self.expects[1 - end] = true;
                self.sips[1 - end] = 0;
            }
            Move::Drain(end) => self.expects[end] = false,
            Move::Sip(end) => self.sips[end] += 1,
            Move::Shutdown(_, Direction::Write) => {}
            Move::Shutdown(end, Direction::Read | Direction::Both) => self.deaf[end] = true,
            Move::Close(end, _) => self.closed[end] = true,
        }
    }
}

/// Makes the moves on a connection of a fresh backend. `pause` lets what is under way arrive; it
/// has nothing to do where everything has arrived when a call returns.
pub fn run<S: Sockets + Wait>(sockets: S, moves: &[Move], mut pause: impl FnMut()) -> Vec<Settled> {
    let mut pair = Pair::new(sockets);
    let settle = |&what: &Move| {
        let said = pair.make(what, &mut pause);
        pause();
        Settled { what, said, ready: pair.look() }
    };
    moves.iter().map(settle).collect()
}

/// Where two backends part; `None` if they agree, and neither is broken.
#[must_use]
pub fn compare(a: &[Settled], b: &[Settled]) -> Option<usize> {
    assert_eq!(a.len(), b.len(), "every move of a sequence is made");
    a.iter().zip(b).position(|(a, b)| a != b || a.is_broken())
}

/// Where one sequence settled in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The sequence.
    pub seed: u64,
    /// The move at which they part, from 0.
    pub step: usize,
    /// How the simulated kernel settled there.
    pub mock: Settled,
    /// How the real one did.
    pub real: Settled,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, mock, real } = self;
        write!(f, "seed {seed}, move {step}\n    mock {mock:?}\n    real {real:?}")
    }
}

/// Runs the sequences of `seeds` on a simulated kernel with small buffers and on `make_real()`;
/// where they part, by seed. Takes real time.
pub fn differences<R: Sockets + Wait>(
    seeds: Range<u64>,
    make_real: impl Fn() -> R + Sync,
) -> Vec<Difference> {
    let (left, found) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no thread panics here").next();
                    let Some(seed) = next else { break };
                    let parted = difference(seed, &make_real);
                    found.lock().expect("no thread panics here").extend(parted);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panics here");
    found.sort_unstable_by_key(|parted: &Difference| parted.seed);
    found
}

fn difference<R: Sockets + Wait>(seed: u64, make_real: impl Fn() -> R) -> Option<Difference> {
    let moves = draw(seed);
    let mock = on_mock(&moves);
    // It has nothing to report, so that its waits take their time.
    let (mut idle, mut events) = (make_real(), Vec::new());
    let real = run(make_real(), &moves, || {
        idle.wait(Some(SETTLED_AFTER), &mut events).expect("waiting works");
    });
    let step = compare(&mock, &real)?;
    Some(Difference { seed, step, mock: mock[step], real: real[step] })
}

/// Makes the moves on a simulated kernel with small buffers.
#[must_use]
pub fn on_mock(moves: &[Move]) -> Vec<Settled> {
    run(Loopback::new(SMALL_BUFFERS), moves, || {})
}

/// One connection of a backend that holds both ends.
struct Pair<S> {
    sockets: S,
    conns: [Option<ConnId>; 2],
    /// Bytes that the kernel has taken of each end, and that each has read.
    taken: [u64; 2],
    read: [u64; 2],
    /// Whether a reader has sipped of what each end has sent, and not drained it: perhaps there is
    /// room again.
    sipped: [bool; 2],
    events: Vec<Event>,
}

impl<S: Sockets + Wait> Pair<S> {
    fn new(mut sockets: S) -> Self {
        let any_port = Endpoint::Ip((Ipv4Addr::LOCALHOST, 0).into());
        let listener = sockets.listen(&any_port).expect("a port of one's own address is free");
        let at = sockets.listener_endpoint(listener).expect("it was just opened");
        let client = sockets.connect(&at).expect("somebody listens there");
        let Ok(Accepted::Conn { conn: server, .. }) = sockets.accept(listener) else {
            panic!("a loopback connects within the call");
        };
        for conn in [client, server] {
            sockets.set_interest(Source::Conn(conn), Interest::BOTH).expect("it was just opened");
        }
        let conns = [Some(client), Some(server)];
        let (counts, sipped) = ([0; 2], [false; 2]);
        Self { sockets, conns, taken: counts, read: counts, sipped, events: Vec::new() }
    }

    fn conn(&self, end: End) -> ConnId {
        self.conns[end].expect("no move is on a closed end")
    }

    fn make(&mut self, what: Move, pause: &mut impl FnMut()) -> Said {
        match what {
            Move::Fill(end) => self.fill(end, pause),
            Move::Drain(end) => self.drain(end, pause),
            Move::Sip(end) => {
                self.sipped[1 - end] = true;
                let mut sip = [0; SIP_BYTES];
                self.read(end, &mut sip).unwrap_or(Said::Done)
            }
            Move::Shutdown(end, direction) => {
                match self.sockets.shutdown(self.conn(end), direction) {
                    Ok(()) => Said::Done,
                    Err(error) => failed(error),
                }
            }
            Move::Close(end, how) => {
                self.sockets.close(self.conn(end), how).expect("it was open");
                self.conns[end] = None;
                Said::Done
            }
        }
    }

    fn fill(&mut self, end: End, pause: &mut impl FnMut()) -> Said {
        let most = self.taken[end] + FILL_BYTES_MAX;
        while self.taken[end] < most {
            let offsets = self.taken[end]..self.taken[end] + SEND_BYTES as u64;
            let bytes: Vec<u8> = offsets.map(|offset| pattern(end, offset)).collect();
            // Two slices, as the other sequences send.
            let (front, back) = bytes.split_at(SEND_BYTES / 3);
            let slices = [IoSlice::new(front), IoSlice::new(back)];
            match self.sockets.send(self.conn(end), &slices, More::No) {
                Ok(Sent::Bytes(count)) => self.taken[end] += count as u64,
                Ok(Sent::WouldBlock) => {
                    pause();
                    if !self.readiness(end).is_some_and(|ready| ready.writable) {
                        return Said::WouldBlock;
                    }
                }
                Err(error) => return failed(error),
            }
        }
        Said::Hangs
    }

    fn drain(&mut self, end: End, pause: &mut impl FnMut()) -> Said {
        let mut buffer = vec![0; READ_BYTES];
        for _ in 0..PAUSES_MAX {
            let said = loop {
                if let Some(said) = self.read(end, &mut buffer) {
                    break said;
                }
            };
            if said != Said::WouldBlock || self.read[end] == self.taken[1 - end] {
                self.sipped[1 - end] = false;
                return said;
            }
            pause();
        }
        Said::Hangs
    }

    /// One read; `None` if it brought what was sent.
    fn read(&mut self, end: End, buffer: &mut [u8]) -> Option<Said> {
        let is_whole = self.read[end] == self.taken[1 - end];
        match self.sockets.recv(self.conn(end), buffer) {
            Ok(Received::Bytes(count)) => {
                let sent = (self.read[end]..).map(|offset| pattern(1 - end, offset));
                let as_sent = buffer[..count].iter().copied().zip(sent).all(|(a, b)| a == b);
                self.read[end] += count as u64;
                let is_taken = self.read[end] <= self.taken[1 - end];
                (!as_sent || !is_taken).then_some(Said::Garbled)
            }
            Ok(Received::WouldBlock) => Some(Said::WouldBlock),
            Ok(Received::Eof) => Some(if is_whole { Said::Eof } else { Said::EofTooEarly }),
            Err(error) => Some(failed(error)),
        }
    }

    fn look(&mut self) -> [Option<Readiness>; 2] {
        [0, 1].map(|end| {
            let ready = self.readiness(end)?;
            Some(Readiness { writable: ready.writable && !self.sipped[end], ..ready })
        })
    }

    fn readiness(&mut self, end: End) -> Option<Readiness> {
        let conn = self.conns[end]?;
        self.sockets.wait(Some(Duration::ZERO), &mut self.events).expect("waiting works");
        let event = self.events.iter().find(|event| event.source == Source::Conn(conn));
        Some(event.map_or(Readiness::NONE, |event| event.readiness))
    }
}

fn failed(error: ConnError) -> Said {
    match error {
        ConnError::Failed(failure) => Said::Failed(failure),
        ConnError::Stale => unreachable!("no move is on a closed end"),
    }
}
