//! Another name for each address, over any backend: a schedule's hosts on this machine's loopback.
//!
//! A schedule speaks of 203.0.113.7:40000; on real sockets that host is an address in 127/8, with a
//! port that the kernel chose. [`Renaming`] is the table, [`Renamed`] the backend that is called
//! with a schedule's addresses and answers in them. What the table does not know passes unchanged.
//!
//! The port to connect *from* is no part of the trait, nor is the address: whoever dials has what
//! the kernel gave it (127.0.0.1 on Linux), until that end is [taught](Renaming::teach).

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale, Wait, WaitError,
};

/// The first address that stands for another: clear of 127.0.0.0/16, where 127.0.0.1 and the local
/// services of some systems are.
const HOST_FIRST: u32 = u32::from_be_bytes([127, 1, 0, 1]);

/// Most hosts of one schedule: the rest of 127/8 up to its broadcast address.
const HOSTS_MAX: u32 = u32::from_be_bytes([127, 255, 255, 255]) - HOST_FIRST;

/// Which real address stands for which of a schedule. The same list gives the same table.
///
/// Real addresses are in 127/8 from 127.1.0.1, in the order of the list, also for IPv6. A schedule
/// that speaks of such an address without listing it would meet the host that stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    real: BTreeMap<IpAddr, IpAddr>,
    scheduled: BTreeMap<IpAddr, IpAddr>,
    /// Ends that were taught, before the address alone.
    real_ends: BTreeMap<SocketAddr, SocketAddr>,
    scheduled_ends: BTreeMap<SocketAddr, SocketAddr>,
}

impl Renaming {
    /// A table for these addresses; one that comes twice counts once.
    ///
    /// # Panics
    ///
    /// If there are more than 127/8 has room for.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut renaming = Self::default();
        let mut next = 0;
        for address in addresses {
            if renaming.real.contains_key(&address) {
                continue;
            }
            assert!(next < HOSTS_MAX, "a schedule has fewer hosts than 127/8 addresses");
            let real = IpAddr::V4(Ipv4Addr::from(HOST_FIRST + next));
            renaming.real.insert(address, real);
            renaming.scheduled.insert(real, address);
            next += 1;
        }
        renaming
    }

    /// From now on `scheduled` is at `real`, in place of its host's address with the same port, or
    /// of the end taught before.
    pub fn teach(&mut self, scheduled: SocketAddr, real: SocketAddr) {
        if let Some(before) = self.real_ends.remove(&scheduled) {
            self.scheduled_ends.remove(&before);
        }
        if let Some(before) = self.scheduled_ends.insert(real, scheduled) {
            self.real_ends.remove(&before);
        }
        self.real_ends.insert(scheduled, real);
    }

    /// Whether it is an end of a host of the schedule, and where it is was not taught yet.
    fn is_to_be_taught(&self, scheduled: SocketAddr) -> bool {
        self.real.contains_key(&scheduled.ip()) && !self.real_ends.contains_key(&scheduled)
    }

    /// Where an end of the schedule is in reality.
    #[must_use]
    pub fn real(&self, scheduled: SocketAddr) -> SocketAddr {
        if let Some(end) = self.real_ends.get(&scheduled) {
            return *end;
        }
        match self.real.get(&scheduled.ip()) {
            Some(address) => SocketAddr::new(*address, scheduled.port()),
            None => scheduled,
        }
    }

    /// What the schedule calls a real end.
    #[must_use]
    pub fn scheduled(&self, real: SocketAddr) -> SocketAddr {
        if let Some(end) = self.scheduled_ends.get(&real) {
            return *end;
        }
        match self.scheduled.get(&real.ip()) {
            Some(address) => SocketAddr::new(*address, real.port()),
            None => real,
        }
    }

    fn real_endpoint(&self, scheduled: &Endpoint) -> Endpoint {
        match scheduled {
            Endpoint::Ip(end) => Endpoint::Ip(self.real(*end)),
            Endpoint::Unix(_) => scheduled.clone(),
        }
    }

    fn scheduled_endpoint(&self, real: Endpoint) -> Endpoint {
        match real {
            Endpoint::Ip(end) => Endpoint::Ip(self.scheduled(end)),
            Endpoint::Unix(_) => real,
        }
    }
}

/// At which port a listener of the schedule listens in reality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// At the schedule's own, or the one taught.
    Kept,
    /// At one that the system chooses, which is then taught; so that runs side by side do not
    /// meet. One that was taught before is used again.
    Chosen,
}

/// A backend that is called by a schedule's addresses. See the head of the module.
#[derive(Clone, Debug)]
pub struct Renamed<S> {
    inner: S,
    renaming: Renaming,
    ports: Ports,
}

impl<S> Renamed<S> {
    /// Over a backend without sockets.
    pub const fn new(inner: S, renaming: Renaming, ports: Ports) -> Self {
        Self { inner, renaming, ports }
    }

    /// The table.
    pub const fn renaming(&self) -> &Renaming {
        &self.renaming
    }

    /// The table, to teach it: from where a peer dials, before it is accepted.
    pub const fn renaming_mut(&mut self) -> &mut Renaming {
        &mut self.renaming
    }

    /// The backend.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The backend, for what is beside the traits.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: Sockets> Sockets for Renamed<S> {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let real = self.renaming.real_endpoint(at);
        let chosen = self.ports == Ports::Chosen;
        let Some(scheduled) = at.ip().filter(|end| chosen && self.renaming.is_to_be_taught(*end))
        else {
            return self.inner.listen(&real);
        };
        let any = SocketAddr::new(self.renaming.real(scheduled).ip(), 0);
        let listener = self.inner.listen(&Endpoint::Ip(any))?;
        if let Some(end) = self.inner.listener_endpoint(listener).ok().and_then(|end| end.ip()) {
            // Port 0 in the schedule leaves the choice to the system: the name is what it chose.
            let port = if scheduled.port() == 0 { end.port() } else { scheduled.port() };
            self.renaming.teach(SocketAddr::new(scheduled.ip(), port), end);
        }
        Ok(listener)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        Ok(match self.inner.accept(listener)? {
            Accepted::Conn { conn, peer } => {
                Accepted::Conn { conn, peer: self.renaming.scheduled_endpoint(peer) }
            }
            Accepted::WouldBlock => Accepted::WouldBlock,
        })
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.inner.connect(&self.renaming.real_endpoint(to))
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
        self.inner.recv(conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.inner.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.inner.close(conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.inner.close_listener(listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        self.inner.set_interest(source, interest)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.inner.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(conn).map(|end| self.renaming.scheduled_endpoint(end))
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.peer_endpoint(conn).map(|end| self.renaming.scheduled_endpoint(end))
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener).map(|end| self.renaming.scheduled_endpoint(end))
    }
}

impl<S: Wait> Wait for Renamed<S> {
    type Waker = S::Waker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        self.inner.wait(timeout, events)
    }

    fn waker(&self) -> S::Waker {
        self.inner.waker()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn table() -> Renaming {
        let hosts = ["203.0.113.7", "2001:db8::7", "203.0.113.7", "127.0.0.1"];
        Renaming::new(hosts.map(|text| text.parse().unwrap()))
    }

    #[track_caller]
    fn check(renaming: &Renaming, scheduled: &str, real: &str) {
        assert_eq!(renaming.real(end(scheduled)), end(real));
        assert_eq!(renaming.scheduled(end(real)), end(scheduled));
    }

    #[test]
    fn known_addresses_go_there_and_back() {
        let table = table();
        check(&table, "203.0.113.7:40000", "127.1.0.1:40000");
        check(&table, "[2001:db8::7]:8333", "127.1.0.2:8333");
        check(&table, "127.0.0.1:1", "127.1.0.3:1");
    }

    #[test]
    fn unknown_addresses_pass_unchanged() {
        for unknown in ["192.0.2.1:8333", "0.0.0.0:0", "[::1]:8333", "127.0.0.2:9"] {
            check(&table(), unknown, unknown);
        }
    }

    #[test]
    fn taught_end_is_one_alone() {
        let mut table = table();
        table.teach(end("203.0.113.7:40000"), end("127.1.0.1:51000"));
        check(&table, "203.0.113.7:40000", "127.1.0.1:51000");
        check(&table, "203.0.113.7:40001", "127.1.0.1:40001");
        check(&table, "[2001:db8::7]:40000", "127.1.0.2:40000");
    }

    #[test]
    fn end_taught_again_replaces_the_first() {
        let mut table = table();
        table.teach(end("203.0.113.7:40000"), end("127.1.0.1:51000"));
        table.teach(end("203.0.113.7:40000"), end("127.1.0.1:52000"));
        check(&table, "203.0.113.7:40000", "127.1.0.1:52000");
        assert_eq!(table.scheduled(end("127.1.0.1:51000")), end("203.0.113.7:51000"));
        table.teach(end("203.0.113.7:40000"), end("127.1.0.1:52000"));
        check(&table, "203.0.113.7:40000", "127.1.0.1:52000");
    }

    #[test]
    fn real_end_has_one_name() {
        let mut table = table();
        table.teach(end("203.0.113.7:40000"), end("127.0.0.1:51000"));
        table.teach(end("203.0.113.7:40001"), end("127.0.0.1:51000"));
        check(&table, "203.0.113.7:40001", "127.0.0.1:51000");
        check(&table, "203.0.113.7:40000", "127.1.0.1:40000");
    }
}
