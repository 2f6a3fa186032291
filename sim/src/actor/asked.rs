//! What a script asks of an actor.

use std::fmt;
use std::net::SocketAddr;

use sockman::sockets::{Closing, Endpoint};
use sockman::time::Now;

use super::{Actor, Ending, Link, first_move, is_proper, speaks};
use crate::done::Done;
use crate::host::PeerHost;
use crate::run::ACTOR_PORT;
use crate::schedule::{Item, Manner, Op};
use crate::subject::{Dialect, UnknownWord};
use crate::world::{NODE_ADDRESS, NODE_ADDRESS_V6};

/// Bytes that may wait to be sent; a script that says more is refused.
const UNSENT_BYTES_MAX: usize = 64 << 20;

/// Why a line about a connection has done nothing.
const NO_CONNECTION: &str = "it has no connection";

/// Why an actor cannot say something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// Its language does not have it. A script is checked for that before it runs.
    Unknown(UnknownWord),
    /// More than 64 MiB would wait to be sent.
    TooMuch,
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => error.fmt(f),
            Self::TooMuch => f.write_str("more than 64 MiB would wait to be sent"),
        }
    }
}

impl std::error::Error for Unsaid {}

impl<D: Dialect, K: PeerHost> Actor<D, K> {
    /// Does what a line of a script asks of it.
    ///
    /// # Errors
    ///
    /// It is to say what it cannot.
    ///
    /// # Panics
    ///
    /// The line is not about an actor.
    pub fn carry_out(&mut self, now: Now, op: &Op) -> Result<Done, Unsaid> {
        Ok(match op {
            Op::Dial { from, .. } => {
                let v6 = from.is_some_and(|from| from.is_ipv6());
                self.dial(now, *from, if v6 { NODE_ADDRESS_V6 } else { NODE_ADDRESS })
            }
            Op::Listen { at, .. } => {
                let usual = SocketAddr::new(self.address, ACTOR_PORT);
                self.listen(at.unwrap_or(usual))
            }
            Op::Send { items, .. } => return self.send(now, items),
            Op::Behave { manner, .. } => self.behave(now, *manner),
            Op::StopReading { .. } => self.set_reading(now, false),
            Op::ReadAgain { .. } => self.set_reading(now, true),
            Op::HalfClose { .. } => self.half_close(now),
            Op::Close { .. } => self.close(now, Closing::Orderly),
            Op::Reset { .. } => self.close(now, Closing::Reset),
            Op::Vanish { .. } => self.vanish(now),
            Op::NodeDials { .. }
            | Op::NodeDrops { .. }
            | Op::NodeDialsItself
            | Op::NodeTold { .. }
            | Op::NodeRestarts
            | Op::NodeCrashes
            | Op::NodeStalls { .. }
            | Op::Link { .. }
            | Op::WallJump { .. }
            | Op::Fault(_)
            | Op::Expect(_) => unreachable!("the caller chose"),
        })
    }

    /// Connects to the node. A connection that it has is closed first.
    pub fn dial(&mut self, now: Now, from: Option<SocketAddr>, node: SocketAddr) -> Done {
        self.close(now, Closing::Orderly);
        let dialled = match from {
            Some(from) => self.kernel.connect_from(from, node),
            None => self.kernel.connect(&Endpoint::Ip(node)),
        };
        match dialled {
            Ok(conn) => {
                self.begin(conn, Link::Connecting);
                self.set_interest();
                Done::Something
            }
            Err(_) => {
                self.end(now, Ending::Refused);
                Done::Nothing("its own host does not begin to connect")
            }
        }
    }

    /// Waits for the node to connect, at one place.
    pub fn listen(&mut self, at: SocketAddr) -> Done {
        if self.listener.is_some() {
            return Done::Nothing("it listens already");
        }
        self.listener = self.kernel.listen(&Endpoint::Ip(at)).ok();
        Done::only_if(self.listener.is_some(), "its own host does not listen there")
    }

    /// Says things, as soon as there is room. Without a connection nothing is said.
    ///
    /// # Errors
    ///
    /// It cannot say so; what came before it is said.
    pub fn send(&mut self, now: Now, items: &[Item]) -> Result<Done, Unsaid> {
        if self.conn.is_none() {
            return Ok(Done::Nothing(NO_CONNECTION));
        }
        self.proper = false;
        let mut done = Done::Something;
        for item in items {
            match item {
                Item::Word { word, times } => {
                    for _ in 0..*times {
                        self.dialect
                            .encode(now, word, self.unsent.back())
                            .map_err(Unsaid::Unknown)?;
                        self.check_unsent()?;
                    }
                }
                Item::Part { bytes, word } => {
                    let mut whole = Vec::new();
                    self.dialect.says_fragment();
                    self.dialect.encode(now, word, &mut whole).map_err(Unsaid::Unknown)?;
                    let rest = whole.split_off((*bytes as usize).min(whole.len()));
                    self.unsent.back().append(&mut whole);
                    self.rest = rest;
                }
                Item::Rest if self.rest.is_empty() => {
                    done = Done::Nothing("there is no part of which a rest is left");
                }
                Item::Rest => self.unsent.back().append(&mut self.rest),
                Item::Bytes(bytes) => {
                    self.dialect.says_bytes();
                    self.unsent.back().extend_from_slice(bytes);
                }
                Item::Junk(count) => {
                    self.check_unsent()?;
                    self.dialect.says_fragment();
                    let start = self.unsent.len();
                    let junk = (start..start + *count as usize).map(junk_byte);
                    self.unsent.back().extend(junk);
                }
            }
        }
        self.work(now);
        Ok(done)
    }

    /// What an actor has to say and its kernel does not take is kept, within a bound.
    const fn check_unsent(&self) -> Result<(), Unsaid> {
        if self.unsent.len() <= UNSENT_BYTES_MAX { Ok(()) } else { Err(Unsaid::TooMuch) }
    }

    /// Changes its manner. An honest speaker greets when it becomes one on an open connection.
    pub fn behave(&mut self, now: Now, manner: Manner) -> Done {
        self.manner = manner;
        self.proper &= is_proper(manner);
        self.deaf = false;
        if self.link == Link::Open && speaks(manner) {
            self.dialect.greet(now, self.unsent.back());
        }
        self.reading = true;
        self.next_move = first_move(now.steady, manner);
        self.set_interest();
        self.work(now);
        Done::Something
    }

    /// Stops reading, or reads again: what it has a connection with now, and what it gets later.
    pub fn set_reading(&mut self, now: Now, reading: bool) -> Done {
        if self.reading == reading {
            return Done::Nothing(if reading { "it reads already" } else { "it does not read" });
        }
        self.reading = reading;
        self.set_interest();
        self.work(now);
        if self.conn.is_some() { Done::Something } else { Done::OnceConnected }
    }

    /// Sends FIN once everything unsent has gone, and goes on reading.
    pub fn half_close(&mut self, now: Now) -> Done {
        if self.conn.is_none() {
            return Done::Nothing(NO_CONNECTION);
        }
        if self.half_closed {
            return Done::Nothing("it has half-closed already");
        }
        self.half_closed = true;
        self.finishing = true;
        self.work(now);
        Done::Something
    }

    /// Closes its connection, if it has one.
    pub fn close(&mut self, now: Now, how: Closing) -> Done {
        let Some(conn) = self.conn.take() else { return Done::Nothing(NO_CONNECTION) };
        self.kernel.close(conn, how).expect("it was open");
        self.end(now, Ending::Own);
        Done::Something
    }

    /// Loses everything that its host knew of connections, and tells nobody.
    pub fn vanish(&mut self, now: Now) -> Done {
        let listened = self.listener.take().is_some();
        self.kernel.forget_everything();
        let connected = self.conn.take().is_some();
        if connected {
            self.end(now, Ending::Own);
        }
        Done::only_if(connected || listened, NO_CONNECTION)
    }
}

/// A byte of junk: no pattern that a parser could take for something.
fn junk_byte(position: usize) -> u8 {
    let mixed = (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_le_bytes()[6]
}
