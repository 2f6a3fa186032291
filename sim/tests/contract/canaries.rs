//! A backend that breaks the contract in one way, which the case about it must notice.

use std::io::IoSlice;
use std::net::Ipv6Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, OsSockets, PollerWaker,
    Received, Sent, Sockets, Source, Stale, Wait, WaitError,
};
use sockman_sim::contract::cases::{Capabilities, Fixture, all};

/// What is wrong with the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Reports a level once, as an edge-triggered library does.
    EdgesOnly,
    /// Keeps silent about errors where nobody is interested in anything else.
    MasksErrors,
    /// Loses a byte of each read of several.
    LosesByte,
    /// Tells bytes that were sent before a reset as lost.
    ForgetsUnread,
    /// Shuts a direction as if it were nothing.
    IgnoresShutdown,
    /// Returns from a wait at once.
    Impatient,
    /// Reports what nobody is interested in.
    IgnoresInterest,
    /// Listens on the port of a wildcard in the other family too.
    WildcardTakesAll,
}

struct Worn {
    inner: OsSockets,
    fault: Fault,
    before: Vec<Event>,
    /// Ports that are listened on at the IPv6 wildcard.
    wildcard_ports: Vec<u16>,
}

#[track_caller]
fn check(fault: Fault, noticed_by: &str) {
    let capabilities = Capabilities { now: super::now, unix_directory: None, threads: true };
    let case = all::<Worn>().into_iter().find(|case| case.name == noticed_by).expect("a case");
    let worn =
        Worn { inner: super::backend(), fault, before: Vec::new(), wildcard_ports: Vec::new() };
    let mut fixture = Fixture::new(worn, &capabilities, case.name);
    let run = catch_unwind(AssertUnwindSafe(|| (case.run)(&mut fixture)));
    assert!(run.is_err(), "{fault:?} is not noticed by {noticed_by}");
}

#[test]
fn edges_for_levels_are_noticed() {
    check(Fault::EdgesOnly, "readiness::level_is_reported_at_every_wait");
}

#[test]
fn masked_error_is_noticed() {
    check(Fault::MasksErrors, "readiness::interest_none_shows_a_reset");
}

#[test]
fn lost_byte_is_noticed() {
    check(Fault::LosesByte, "bytes::arrive_in_order_and_whole_both_ways");
}

#[test]
fn forgotten_bytes_are_noticed() {
    check(Fault::ForgetsUnread, "resetting::unread_bytes_come_before_the_reset");
}

#[test]
fn ignored_shutdown_is_noticed() {
    check(Fault::IgnoresShutdown, "ending::send_after_own_shutdown_is_a_broken_pipe");
}

#[test]
fn impatient_wait_is_noticed() {
    check(Fault::Impatient, "waiting::timeout_is_not_cut_short");
}

#[test]
fn ignored_interest_is_noticed() {
    check(Fault::IgnoresInterest, "readiness::interest_none_hides_a_fin");
}

#[test]
fn wildcard_of_both_families_is_noticed() {
    check(Fault::WildcardTakesAll, "families::ipv6_wildcard_leaves_ipv4_alone");
}

impl Sockets for Worn {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let address = at.ip().expect("these cases are about IP");
        if self.fault == Fault::WildcardTakesAll && self.wildcard_ports.contains(&address.port()) {
            return Err(ListenError::AddressInUse);
        }
        let listener = self.inner.listen(at)?;
        if address.ip() == Ipv6Addr::UNSPECIFIED {
            let chosen = self.listener_endpoint(listener).expect("it was just opened");
            self.wildcard_ports.extend(chosen.ip().map(|address| address.port()));
        }
        Ok(listener)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.inner.accept(listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.inner.connect(to)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.inner.connect_status(conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        self.inner.send(conn, slices, more)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let is_over = self.inner.peer_endpoint(conn).is_err();
        match self.inner.recv(conn, buffer)? {
            Received::Bytes(count) if count > 1 && self.fault == Fault::LosesByte => {
                Ok(Received::Bytes(count - 1))
            }
            Received::Bytes(_) if is_over && self.fault == Fault::ForgetsUnread => {
                Err(ConnError::Failed(Failure::Reset))
            }
            received @ (Received::Bytes(_) | Received::WouldBlock | Received::Eof) => Ok(received),
        }
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        if self.fault == Fault::IgnoresShutdown {
            return Ok(());
        }
        self.inner.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.inner.close(conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.inner.close_listener(listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let ignored = self.fault == Fault::IgnoresInterest;
        self.inner.set_interest(source, if ignored { Interest::BOTH } else { interest })
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.inner.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener)
    }
}

impl Wait for Worn {
    type Waker = PollerWaker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let timeout = if self.fault == Fault::Impatient { Some(Duration::ZERO) } else { timeout };
        self.inner.wait(timeout, events)?;
        match self.fault {
            Fault::EdgesOnly => {
                let now = events.clone();
                events.retain(|event| !self.before.contains(event));
                self.before = now;
            }
            Fault::MasksErrors => events.retain(|event| {
                event.readiness.readable || event.readiness.writable || !event.readiness.error
            }),
            Fault::LosesByte
            | Fault::ForgetsUnread
            | Fault::IgnoresShutdown
            | Fault::Impatient
            | Fault::IgnoresInterest
            | Fault::WildcardTakesAll => {}
        }
        Ok(())
    }

    fn waker(&self) -> PollerWaker {
        self.inner.waker()
    }
}
