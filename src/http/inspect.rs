//! What other threads may ask, and what they are shown.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::application::RequestId;
use super::connection::{Connection, Load};
use super::notice::EndReason;
use super::response::Response;
use super::timers::Timer;
use super::{Application, Server};
use crate::sockets::{ConnId, Endpoint};
use crate::sockman::Conns;
use crate::time::Instant;

/// What other threads may ask. None of it blocks, and only [`Inspect`](Self::Inspect) answers.
#[derive(Clone, Debug)]
pub enum Command {
    /// Answer a request that the application has. One for which nobody waits any more is no error.
    Respond {
        /// Which.
        id: RequestId,
        /// With what.
        response: Response,
    },
    /// Stop listening, answer what the application has and what is whole, end every connection.
    /// Asking again can only bring the end nearer.
    Shutdown {
        /// When whatever is left is closed.
        within: Duration,
    },
    /// Send a picture of everything.
    Inspect {
        /// Where to. A full or abandoned channel gets none: whoever asks makes room for one.
        reply: SyncSender<Inspection>,
    },
}

/// What went over connections, in numbers. Never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read.
    pub bytes_received: u64,
    /// Bytes that the kernel took.
    pub bytes_sent: u64,
    /// Requests that were whole.
    pub requests: u64,
    /// What was answered with an error in place of a request: it was none, or late.
    pub refused: u64,
    /// Answers that the kernel took wholly, those to what is no request among them.
    pub responses: u64,
}

impl Traffic {
    pub(super) const fn add(&mut self, other: &Self) {
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        self.requests += other.requests;
        self.refused += other.refused;
        self.responses += other.responses;
    }
}

/// A picture of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Every connection, by its id's index.
    pub connections: Vec<ConnectionSnapshot>,
    /// Of all connections there ever were.
    pub totals: Traffic,
    /// Connections there ever were, those that were refused not counted.
    pub connections_made: u64,
    /// Whether it was told to stop.
    pub is_stopping: bool,
    /// When whatever is left is closed then; `None` once it was, or nothing is left.
    pub stop_by: Option<Instant>,
}

/// One connection as a person may see it: everything that decides what happens to it next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSnapshot {
    /// Which.
    pub conn: ConnId,
    /// The other end.
    pub endpoint: Endpoint,
    /// What it holds.
    pub load: Load,
    /// Whether it is read from.
    pub is_read: bool,
    /// When each timer falls due, in the order of [`Timer::ALL`]; `None`: not as things stand.
    pub deadlines: [Option<Instant>; Timer::ALL.len()],
    /// What went over it.
    pub traffic: Traffic,
    /// Why it is over, if it is, and only its closing is still to come.
    pub ended: Option<EndReason>,
}

impl ConnectionSnapshot {
    /// A connection as it stands.
    #[must_use]
    pub fn new(conn: ConnId, connection: &Connection) -> Self {
        Self {
            conn,
            endpoint: connection.endpoint.clone(),
            load: connection.load(),
            is_read: connection.reading,
            deadlines: connection.armed,
            traffic: connection.traffic,
            ended: connection.ended,
        }
    }
}

impl<A: Application> Server<A> {
    /// A picture of everything.
    #[must_use]
    pub fn inspect(&self, conns: &Conns<Connection>) -> Inspection {
        let snapshots = conns.iter().map(|(conn, of)| ConnectionSnapshot::new(conn, of));
        Inspection {
            connections: snapshots.collect(),
            totals: self.totals(conns),
            connections_made: self.connections_made,
            is_stopping: self.stopping,
            stop_by: self.stop_by,
        }
    }

    /// What went over all connections there ever were.
    #[must_use]
    pub fn totals(&self, conns: &Conns<Connection>) -> Traffic {
        let mut totals = self.closed;
        for (_, connection) in conns.iter() {
            totals.add(&connection.traffic);
        }
        totals
    }
}
