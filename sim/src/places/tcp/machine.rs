//! The real sockets of one world: those of the node, those of each actor, and the waiting for what
//! is under way between them.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus,
    DescriptorLimit, Direction, Endpoint, Epoll, Errno, Event, Failure, ListenError, ListenerId,
    More, OsSockets, Readiness, Received, SEND_SLICES_MAX, Sent, Sockets as _, Source, Wait as _,
};

use super::wire::{EndIndex, HostIndex, Wire};
use crate::contract::differential::VISIBLE_BYTES;
use crate::net::{KernelConfig, Totals};
use crate::places::Shortcomings;
use crate::renamed::Renaming;

/// How long what was sent may take to be there, and in which steps it is looked for. On a loopback
/// it is there when the call returns, unless a window was full: then it takes an acknowledgement,
/// up to 60 ms (docs/behaviour.md, TCP 8 and 9), or a probe or a repeat, after 200 ms and more.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSES_MAX: u32 = 2_000;

/// Ports that a virtual host names by itself: every other one from here (docs/behaviour.md, TCP
/// 1.3). Here they are names alone.
const PORT_FIRST: u16 = 32_768;
const PORT_COUNT: u16 = 28_232;

/// One host.
#[derive(Debug)]
struct Host {
    os: OsSockets<Epoll>,
    config: KernelConfig,
    totals: Totals,
    open: usize,
    /// By id, where it listens as the kernel knows it.
    listeners: BTreeMap<ListenerId, SocketAddr>,
    /// Attempts so far, of which each is given a port's name.
    attempts: u16,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Machine {
    hosts: Vec<Host>,
    pub(super) wire: Wire,
    renaming: Renaming,
    /// Sockets of nobody, to wait with.
    idle: OsSockets<Epoll>,
    shortcomings: Shortcomings,
    scratch: Vec<u8>,
}

impl Machine {
    /// With a host for the node, and one for each of so many actors. `addresses` are all that a
    /// schedule gives them.
    pub(super) fn new(
        node: KernelConfig,
        actors: usize,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, Errno> {
        let host = |config| -> Result<Host, Errno> {
            Ok(Host {
                os: OsSockets::new()?,
                config,
                totals: Totals::default(),
                open: 0,
                listeners: BTreeMap::new(),
                attempts: 0,
            })
        };
        let mut hosts = vec![host(node)?];
        for _ in 0..actors {
            hosts.push(host(KernelConfig::default())?);
        }
        Ok(Self {
            hosts,
            wire: Wire::default(),
            renaming: Renaming::new(addresses),
            idle: OsSockets::new()?,
            shortcomings: Shortcomings::default(),
            scratch: vec![0; 1 << 16],
        })
    }

    pub(super) fn settle_in(&mut self, host: HostIndex, config: KernelConfig) {
        self.hosts[host].config = config;
    }

    pub(super) const fn shortcomings(&self) -> Shortcomings {
        self.shortcomings
    }

    pub(super) fn open(&self, host: HostIndex) -> usize {
        self.hosts[host].open
    }

    pub(super) fn descriptors_max(&self, host: HostIndex) -> usize {
        self.hosts[host].config.descriptors_max
    }

    pub(super) fn totals(&self, host: HostIndex) -> Totals {
        self.hosts[host].totals
    }

    fn pause(&mut self) {
        let mut events = Vec::new();
        // OK to ignore: whoever pauses looks again, and counts.
        let _ = self.idle.wait(Some(PAUSE), &mut events);
    }

    fn has_descriptor(&self, host: HostIndex) -> Result<(), DescriptorLimit> {
        let host = &self.hosts[host];
        if host.open < host.config.descriptors_max { Ok(()) } else { Err(DescriptorLimit::Process) }
    }

    fn opened(&mut self, host: HostIndex) {
        self.hosts[host].totals.opened += 1;
        self.hosts[host].open += 1;
    }

    fn closed(&mut self, host: HostIndex) {
        self.hosts[host].totals.closed += 1;
        self.hosts[host].open -= 1;
    }

    // The calls.

    pub(super) fn listen(
        &mut self,
        host: HostIndex,
        at: &Endpoint,
    ) -> Result<ListenerId, ListenError> {
        self.has_descriptor(host).map_err(ListenError::OutOfDescriptors)?;
        let scheduled = at.ip().ok_or(ListenError::AddressNotAvailable)?;
        if self.wire.is_listening(self.renaming.real(scheduled)) {
            return Err(ListenError::AddressInUse);
        }
        // At a port of the system's choice, so that runs side by side do not meet.
        let any = SocketAddr::new(self.renaming.real(scheduled).ip(), 0);
        let any = on_loopback(any).ok_or(ListenError::AddressNotAvailable)?;
        let own = &mut self.hosts[host];
        let listener = own.os.listen(&Endpoint::Ip(any))?;
        let end = own.os.listener_endpoint(listener).ok().and_then(|end| end.ip());
        let real = end.ok_or(ListenError::AddressNotAvailable)?;
        own.listeners.insert(listener, real);
        self.renaming.teach(scheduled, real);
        self.wire.listen(host, listener, real, &self.hosts[host].config);
        self.opened(host);
        Ok(listener)
    }

    pub(super) fn accept(
        &mut self,
        host: HostIndex,
        listener: ListenerId,
    ) -> Result<Accepted, AcceptError> {
        let at = *self.hosts[host].listeners.get(&listener).ok_or(AcceptError::Stale)?;
        self.has_descriptor(host).map_err(AcceptError::OutOfDescriptors)?;
        for _ in 0..PAUSES_MAX {
            match self.hosts[host].os.accept(listener)? {
                Accepted::Conn { conn, peer } => {
                    let from = peer.ip().unwrap_or(at);
                    if self.wire.accept(host, conn, (from, at)).is_none() {
                        // Somebody else on this machine: no part of the schedule.
                        let closed = self.hosts[host].os.close(conn, Closing::Reset);
                        closed.map_err(|_| AcceptError::Stale)?;
                        continue;
                    }
                    self.opened(host);
                    let peer = Endpoint::Ip(self.renaming.scheduled(from));
                    return Ok(Accepted::Conn { conn, peer });
                }
                Accepted::WouldBlock if self.wire.has_somebody_waiting(host, listener) => {
                    self.pause();
                }
                Accepted::WouldBlock => break,
            }
        }
        Ok(Accepted::WouldBlock)
    }

    /// Connects. `from` is what the schedule calls the own end; else its host's first address and
    /// the next port's name.
    pub(super) fn connect(
        &mut self,
        host: HostIndex,
        from: Option<SocketAddr>,
        to: &Endpoint,
    ) -> Result<ConnId, ConnectError> {
        self.has_descriptor(host).map_err(ConnectError::OutOfDescriptors)?;
        let nowhere = ConnectError::Failed(Failure::NetworkUnreachable);
        let to = to.ip().ok_or(nowhere)?;
        let mut real = on_loopback(self.renaming.real(to)).ok_or(nowhere)?;
        if !self.wire.is_listening(real) {
            // Whoever else listens there on this machine is left alone: nobody does at port 0,
            // which refuses like any other (docs/behaviour.md, TCP 2.2).
            real.set_port(0);
        }
        let own = &mut self.hosts[host];
        let conn = own.os.connect(&Endpoint::Ip(real))?;
        let end = own.os.local_endpoint(conn).ok().and_then(|end| end.ip());
        let end = end.unwrap_or(SocketAddr::new(real.ip(), 0));
        let mut family = own.config.addresses.iter().filter(|one| one.is_ipv4() == to.is_ipv4());
        let own_address = family.next().copied().unwrap_or(end.ip());
        let port = PORT_FIRST + own.attempts % (PORT_COUNT / 2) * 2;
        if from.is_none() {
            own.attempts = own.attempts.wrapping_add(1);
        }
        self.renaming.teach(from.unwrap_or(SocketAddr::new(own_address, port)), end);
        let config = &self.hosts[host].config;
        self.wire.dial(host, conn, (end, real), config);
        self.opened(host);
        Ok(conn)
    }

    pub(super) fn connect_status(
        &mut self,
        host: HostIndex,
        conn: ConnId,
    ) -> Result<ConnectStatus, ConnectError> {
        for _ in 0..PAUSES_MAX {
            let status = self.hosts[host].os.connect_status(conn);
            if status != Ok(ConnectStatus::InProgress) {
                if let Some(end) = self.wire.end_of(host, conn) {
                    self.wire.connect_told(end);
                }
                return status;
            }
            self.pause();
        }
        self.shortcomings.waits_in_vain += 1;
        Ok(ConnectStatus::InProgress)
    }

    pub(super) fn send(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        slices: &[IoSlice<'_>],
    ) -> Result<Sent, ConnError> {
        let end = self.wire.end_of(host, conn).ok_or(ConnError::Stale)?;
        let slices = &slices[..slices.len().min(SEND_SLICES_MAX)];
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let is_ended = self.wire.is_over(end) || self.wire.outgoing(end).is_finished();
        let room = if is_ended { offered } else { self.wire.outgoing(end).room() };
        if room == 0 && offered > 0 {
            return Ok(Sent::WouldBlock);
        }
        let mut left = room;
        let mut allowed = Vec::with_capacity(slices.len());
        for slice in slices {
            let count = slice.len().min(left);
            left -= count;
            allowed.push(IoSlice::new(&slice[..count]));
        }
        let sent = self.hosts[host].os.send(conn, &allowed, More::No)?;
        let taken = match sent {
            Sent::Bytes(count) => count,
            Sent::WouldBlock => 0,
        };
        self.wire.sent(end, taken);
        self.shortcomings.lacked_room += u64::from(taken < room.min(offered));
        Ok(sent)
    }

    pub(super) fn recv(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        buffer: &mut [u8],
    ) -> Result<Received, ConnError> {
        let end = self.wire.end_of(host, conn).ok_or(ConnError::Stale)?;
        let unread = self.wire.incoming(end).unread();
        if unread > 0 {
            let count = unread.min(buffer.len());
            return self.recv_there(host, conn, end, &mut buffer[..count]);
        }
        if self.wire.incoming(end).is_held_up() {
            return Ok(Received::WouldBlock);
        }
        let lost = self.wire.take_lost(end);
        self.discard(host, conn, lost)?;
        let received = self.hosts[host].os.recv(conn, buffer)?;
        match received {
            Received::Bytes(count) => self.wire.received(end, count),
            Received::Eof => self.wire.heard_end(end),
            Received::WouldBlock => {}
        }
        // FIN stood behind what was lost, and so was lost, too.
        let is_reset = received == Received::Eof && lost > 0;
        if is_reset { Err(ConnError::Failed(Failure::Reset)) } else { Ok(received) }
    }

    /// Reads bytes that have been sent: all of them, though they may take a moment.
    fn recv_there(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        end: EndIndex,
        buffer: &mut [u8],
    ) -> Result<Received, ConnError> {
        let mut done = 0;
        let mut pauses = 0;
        let may_lack_room = self.wire.incoming(end).unread() as u64 > VISIBLE_BYTES;
        while done < buffer.len() {
            match self.hosts[host].os.recv(conn, &mut buffer[done..]) {
                Ok(Received::Bytes(count)) => done += count,
                Ok(Received::WouldBlock) if pauses < PAUSES_MAX => {
                    pauses += 1;
                    self.pause();
                }
                Ok(Received::WouldBlock) => {
                    self.shortcomings.waits_in_vain += 1;
                    break;
                }
                // An end comes again with the next read, where bytes were before it.
                result @ (Ok(Received::Eof) | Err(_)) => {
                    self.shortcomings.lacked_room += u64::from(may_lack_room);
                    if result.is_err() || done == 0 {
                        return result;
                    }
                    break;
                }
            }
        }
        if done == 0 {
            return Ok(Received::WouldBlock);
        }
        self.wire.received(end, done);
        Ok(Received::Bytes(done))
    }

    /// Reads what the kernel has and nobody is to get, at most so much.
    fn discard(&mut self, host: HostIndex, conn: ConnId, most: u64) -> Result<(), ConnError> {
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        while left > 0 {
            let count = left.min(self.scratch.len());
            match self.hosts[host].os.recv(conn, &mut self.scratch[..count])? {
                Received::Bytes(count) => left -= count,
                Received::WouldBlock | Received::Eof => break,
            }
        }
        Ok(())
    }

    pub(super) fn shutdown(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        direction: Direction,
    ) -> Result<(), ConnError> {
        let end = self.wire.end_of(host, conn).ok_or(ConnError::Stale)?;
        let shut = self.hosts[host].os.shutdown(conn, direction);
        self.wire.shut(end, direction);
        shut
    }

    pub(super) fn close(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        how: Closing,
    ) -> Result<(), sockman::sockets::Stale> {
        // What answers to an attempt that was given up is told so.
        let how = if self.wire.is_under_way(host, conn) { Closing::Reset } else { how };
        if !self.wire.has_arrived(host, Source::Conn(conn))
            && let Some(end) = self.wire.end_of(host, conn)
        {
            // Bytes that are on their way still are not unread ones, which would make it a reset.
            // OK to ignore: what cannot be read is not unread either.
            let _ = self.discard(host, conn, u64::MAX);
            self.wire.forget_incoming(end);
        }
        self.hosts[host].os.close(conn, how)?;
        self.wire.close(host, conn, how);
        self.closed(host);
        Ok(())
    }

    pub(super) fn close_listener(
        &mut self,
        host: HostIndex,
        listener: ListenerId,
    ) -> Result<(), sockman::sockets::Stale> {
        self.hosts[host].os.close_listener(listener)?;
        self.hosts[host].listeners.remove(&listener);
        self.wire.close_listener(host, listener);
        self.closed(host);
        Ok(())
    }

    /// A host's own sockets, for the calls that are as the kernel has them.
    pub(super) fn os(&mut self, host: HostIndex) -> &mut OsSockets<Epoll> {
        &mut self.hosts[host].os
    }

    /// What the schedule calls an end.
    pub(super) fn scheduled(&self, end: Endpoint) -> Endpoint {
        match end {
            Endpoint::Ip(real) => Endpoint::Ip(self.renaming.scheduled(real)),
            Endpoint::Unix(_) => end,
        }
    }

    // Beside the calls.

    /// What a wait of a host's reports, once everything that was sent to it is there.
    pub(super) fn poll(&mut self, host: HostIndex, events: &mut Vec<Event>) {
        let mut missing = Vec::new();
        for _ in 0..PAUSES_MAX {
            // A wait that the system refuses has reported nothing.
            let _ = self.hosts[host].os.wait(Some(Duration::ZERO), events);
            self.bury(host, events);
            events.retain(|event| self.wire.has_arrived(host, event.source));
            let told = |source| {
                let event = events.iter().find(|event| event.source == source);
                event.map_or(Readiness::NONE, |event| event.readiness)
            };
            missing.clear();
            missing.extend(
                self.wire
                    .arriving(host)
                    .map(|(_, source)| source)
                    .filter(|source| self.wire.has_arrived(host, *source))
                    .filter(|source| !self.wire.is_told(host, *source, told(*source))),
            );
            if missing.is_empty() {
                break;
            }
            self.pause();
        }
        if !missing.is_empty() {
            self.shortcomings.waits_in_vain += 1;
            self.wire.give_up(host, &missing);
        }
        for event in events.iter_mut() {
            if let Source::Conn(conn) = event.source
                && let Some(end) = self.wire.end_of(host, conn)
            {
                event.readiness = self.wire.mask(end, event.readiness);
            }
        }
        events.retain(|event| !event.readiness.is_none());
    }

    /// Answers what came for a forgotten connection by a reset; nobody is told.
    fn bury(&mut self, host: HostIndex, events: &mut Vec<Event>) {
        let mut came = Vec::new();
        events.retain(|event| {
            let Source::Conn(conn) = event.source else { return true };
            let end = self.wire.end_of(host, conn);
            let is_forgotten = end.is_some_and(|end| self.wire.is_forgotten(end));
            came.extend(is_forgotten.then_some(conn));
            !is_forgotten
        });
        for conn in came {
            // OK to ignore: it is in the table, as its event says.
            let _ = self.hosts[host].os.close(conn, Closing::Reset);
            self.wire.close(host, conn, Closing::Reset);
        }
    }

    /// A host forgets its sockets, and says nothing.
    pub(super) fn forget_everything(&mut self, host: HostIndex) {
        self.close_listeners(host);
        let conns: Vec<_> = self.wire.owners_of(host).collect();
        for (conn, end) in conns {
            if self.wire.is_forgotten(end) {
                continue;
            }
            if self.wire.is_under_way(host, conn) {
                // OK to ignore: it is in the table.
                let _ = self.close(host, conn, Closing::Reset);
                continue;
            }
            // What has come so far is answered already: only what comes from now on is news.
            let _ = self.discard(host, conn, u64::MAX);
            self.wire.forget(end);
            let interest = sockman::sockets::Interest::READ;
            let _ = self.hosts[host].os.set_interest(Source::Conn(conn), interest);
            self.closed(host);
        }
    }

    /// A host's process ends.
    pub(super) fn end_process(&mut self, host: HostIndex) {
        self.close_listeners(host);
        let conns: Vec<_> = self.wire.owners_of(host).map(|(conn, _)| conn).collect();
        for conn in conns {
            // OK to ignore: it is in the table.
            let _ = self.close(host, conn, Closing::Orderly);
        }
    }

    fn close_listeners(&mut self, host: HostIndex) {
        let listeners: Vec<_> = self.hosts[host].listeners.keys().copied().collect();
        for listener in listeners {
            // OK to ignore: it is in the table.
            let _ = self.close_listener(host, listener);
        }
    }
}

/// The end, if it is one on this machine's loopback. Nothing else is ever called with.
fn on_loopback(end: SocketAddr) -> Option<SocketAddr> {
    end.ip().is_loopback().then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_loopback_is_dialled() {
        let nobody = Machine::new(KernelConfig::default(), 0, []);
        let mut machine = nobody.expect("two descriptors");
        for far in ["192.0.2.1:8333", "[2001:db8::1]:8333", "0.0.0.0:1", "[::]:1"] {
            let to = Endpoint::Ip(far.parse().expect("it is an address"));
            let failed = Err(ConnectError::Failed(Failure::NetworkUnreachable));
            assert_eq!(machine.connect(0, None, &to), failed, "{far}");
            assert_eq!(machine.listen(0, &to), Err(ListenError::AddressNotAvailable), "{far}");
        }
        assert_eq!(machine.open(0), 0);
    }
}
