//! The real sockets of a schedule's actors, of the proxy by which a node finds them, and of the
//! questions that are asked of the node.
//!
//! They are one set of sockets, so that a connection which the node makes through the proxy becomes
//! its actor's own: how an actor reads, closes or resets reaches the node as it is.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockman::slab::Key as _;
use sockman::sockets::{
    Accepted, Closing, ConnId, ConnectError, Endpoint, Errno, Event, Interest, ListenError,
    ListenerId, More, OsSockets, Readiness, Received, Sent, Sockets as _, Source, Wait as _,
};

use super::rpc;
use super::socks::{Conversation, Destination, Reply, Turn, reply};
use crate::renamed::Renaming;
use crate::schedule::ActorId;

/// What a host of a schedule is called where the node dials by name: `p1.sim`.
const DOMAIN: &str = "sim";

/// Bytes read at a time for the proxy and the questions.
const READ_BYTES: usize = 4096;

/// Most bytes of an answer. The largest is a list of at most 64 peers.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// The name by which the node dials an actor through the proxy, with its port.
pub(super) fn name_of(actor: ActorId, port: u16) -> String {
    format!("{actor}.{DOMAIN}:{port}")
}

/// A host by its number.
pub(super) type HostIndex = usize;

/// An actor's host.
#[derive(Debug, Default)]
struct HostState {
    actor: Option<ActorId>,
    addresses: Vec<IpAddr>,
    listening: Option<SocketAddr>,
    /// Connections of the node's that its actor has not accepted.
    waiting: VecDeque<ConnId>,
}

/// Whose a connection is.
#[derive(Debug)]
enum Owner {
    Host(HostIndex),
    /// The node's with the proxy, before anybody is reached.
    Proxy(Conversation),
    /// The same, held until the script's first lines are carried out.
    Held(Destination),
    /// Of a host that has forgotten it: what comes is answered by a reset.
    Nobody,
    /// A question, what of it is unsent, and the answer so far.
    Question {
        number: u64,
        unsent: Vec<u8>,
        answer: Vec<u8>,
    },
}

/// All of them.
#[derive(Debug)]
pub(super) struct Net {
    os: OsSockets,
    /// Where the node listens.
    node: SocketAddr,
    renaming: Renaming,
    hosts: Vec<HostState>,
    owners: BTreeMap<ConnId, Owner>,
    /// The how-manieth connection of all each is.
    numbers: BTreeMap<ConnId, u64>,
    count: u64,
    proxy: Option<ListenerId>,
    /// Whether nothing may be told, because lines of the script are being carried out.
    holds: bool,
    /// What the last wait reported.
    ready: Vec<Event>,
    questions: u64,
    answers: BTreeMap<u64, Vec<u8>>,
    scratch: Vec<u8>,
}

impl Net {
    /// For a node at an address. `addresses` are those that a schedule gives its actors.
    pub(super) fn new(
        node: SocketAddr,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, Errno> {
        Ok(Self {
            os: OsSockets::new()?,
            node,
            renaming: Renaming::new(addresses),
            hosts: Vec::new(),
            owners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            count: 0,
            proxy: None,
            holds: true,
            ready: Vec::new(),
            questions: 0,
            answers: BTreeMap::new(),
            scratch: vec![0; READ_BYTES],
        })
    }

    pub(super) fn set_node(&mut self, node: SocketAddr) {
        self.node = node;
    }

    /// Opens the proxy at a port of the system's choice on loopback.
    pub(super) fn open_proxy(&mut self) -> Result<SocketAddr, ListenError> {
        let any = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let proxy = self.os.listen(&Endpoint::Ip(any))?;
        self.proxy = Some(proxy);
        let end = self.os.listener_endpoint(proxy).ok().and_then(|end| end.ip());
        end.ok_or(ListenError::AddressNotAvailable)
    }

    pub(super) fn add_host(&mut self, actor: ActorId, addresses: Vec<IpAddr>) -> HostIndex {
        self.hosts.push(HostState { actor: Some(actor), addresses, ..HostState::default() });
        self.hosts.len() - 1
    }

    /// While lines of the script are carried out nothing is told, as at an instant of the virtual
    /// network.
    pub(super) fn hold(&mut self, holds: bool) {
        self.holds = holds;
        if !holds {
            let held = |owner: &Owner| matches!(owner, Owner::Held(_));
            let conns: Vec<_> = self
                .owners
                .iter()
                .filter(|(_, owner)| held(owner))
                .map(|(conn, _)| *conn)
                .collect();
            for conn in conns {
                if let Some(Owner::Held(destination)) = self.owners.remove(&conn) {
                    self.reach(conn, &destination);
                }
            }
        }
    }

    // Waiting.

    /// Waits for something to happen, and does what is the proxy's and the questions' of it.
    pub(super) fn wait(&mut self, at_most: Duration) {
        // OK to ignore: an interrupted wait reports nothing, and the next one says it again.
        let _ = self.os.wait(Some(at_most), &mut self.ready);
        for event in std::mem::take(&mut self.ready) {
            match event.source {
                Source::Listener(_) => self.accept_for_proxy(),
                Source::Conn(conn) => {
                    if matches!(self.owners.get(&conn), Some(Owner::Host(_))) {
                        self.ready.push(event);
                    } else {
                        self.serve(conn);
                    }
                }
            }
        }
    }

    /// What a host is told of its sockets now.
    pub(super) fn poll(&mut self, host: HostIndex, events: &mut Vec<Event>) {
        events.clear();
        self.wait(Duration::ZERO);
        if self.holds {
            return;
        }
        let own = self.ready.iter().filter(|event| match event.source {
            Source::Conn(conn) => self.is_owner(host, conn),
            Source::Listener(_) => false,
        });
        events.extend(own.copied());
        if !self.hosts[host].waiting.is_empty() {
            let readiness = Readiness { readable: true, ..Readiness::NONE };
            events.push(Event { source: Source::Listener(listener_of(host)), readiness });
        }
    }

    /// What the last wait said of a connection.
    pub(super) fn readiness(&self, source: Source) -> Readiness {
        let reports = self.ready.iter().filter(|event| event.source == source);
        reports.fold(Readiness::NONE, |all, event| all.or(event.readiness))
    }

    fn is_owner(&self, host: HostIndex, conn: ConnId) -> bool {
        matches!(self.owners.get(&conn), Some(Owner::Host(owner)) if *owner == host)
    }

    pub(super) fn number(&self, conn: ConnId) -> Option<u64> {
        self.numbers.get(&conn).copied()
    }

    fn adopt(&mut self, conn: ConnId, owner: Owner) {
        self.owners.insert(conn, owner);
        self.count += 1;
        self.numbers.insert(conn, self.count);
    }

    pub(super) const fn os(&mut self) -> &mut OsSockets {
        &mut self.os
    }

    pub(super) const fn os_ref(&self) -> &OsSockets {
        &self.os
    }

    // What actors ask for.

    pub(super) fn listen(&mut self, host: HostIndex, at: SocketAddr) -> ListenerId {
        self.hosts[host].listening = Some(at);
        listener_of(host)
    }

    pub(super) fn accept(&mut self, host: HostIndex) -> Accepted {
        while let Some(conn) = self.hosts[host].waiting.pop_front() {
            if let Ok(peer) = self.os.peer_endpoint(conn) {
                return Accepted::Conn { conn, peer };
            }
            // It was reset meanwhile.
            self.close(conn, Closing::Orderly);
        }
        Accepted::WouldBlock
    }

    /// Connects to the node, from the address that stands for the schedule's where the node is on
    /// this machine.
    pub(super) fn connect(
        &mut self,
        host: HostIndex,
        from: Option<SocketAddr>,
    ) -> Result<ConnId, ConnectError> {
        let own = self.hosts[host].addresses.first().copied();
        let own = from.map(|from| from.ip()).or(own);
        let to = Endpoint::Ip(self.node);
        let conn = match own.filter(|_| self.node.ip().is_loopback() && self.node.is_ipv4()) {
            Some(own) => {
                let end = self.renaming.real(SocketAddr::new(own, 0));
                self.os.connect_from(&Endpoint::Ip(SocketAddr::new(end.ip(), 0)), &to)?
            }
            None => self.os.connect(&to)?,
        };
        self.adopt(conn, Owner::Host(host));
        Ok(conn)
    }

    pub(super) fn close(&mut self, conn: ConnId, how: Closing) {
        self.owners.remove(&conn);
        // OK to ignore: whoever closes has it open.
        let _ = self.os.close(conn, how);
    }

    /// A host forgets all that it has.
    pub(super) fn forget(&mut self, host: HostIndex) {
        self.hosts[host].listening = None;
        let waiting = std::mem::take(&mut self.hosts[host].waiting);
        waiting.into_iter().for_each(|conn| self.close(conn, Closing::Reset));
        let own: Vec<_> =
            self.owners.keys().copied().filter(|conn| self.is_owner(host, *conn)).collect();
        for conn in own {
            self.owners.insert(conn, Owner::Nobody);
            let _ = self.os.set_interest(Source::Conn(conn), Interest::READ);
        }
    }

    pub(super) fn close_listener(&mut self, host: HostIndex) {
        self.hosts[host].listening = None;
    }

    // The proxy.

    fn accept_for_proxy(&mut self) {
        let Some(proxy) = self.proxy else { return };
        while let Ok(Accepted::Conn { conn, .. }) = self.os.accept(proxy) {
            let _ = self.os.set_interest(Source::Conn(conn), Interest::READ);
            self.adopt(conn, Owner::Proxy(Conversation::default()));
        }
    }

    fn serve(&mut self, conn: ConnId) {
        match self.owners.remove(&conn) {
            Some(Owner::Proxy(conversation)) => self.converse(conn, conversation),
            Some(Owner::Question { number, unsent, answer }) => {
                self.ask_on(conn, number, unsent, answer);
            }
            Some(Owner::Nobody) => self.close(conn, Closing::Reset),
            // The node has given up meanwhile.
            Some(Owner::Held(_)) => self.close(conn, Closing::Orderly),
            Some(owner @ Owner::Host(_)) => drop(self.owners.insert(conn, owner)),
            None => {}
        }
    }

    fn converse(&mut self, conn: ConnId, mut conversation: Conversation) {
        let count = match self.os.recv(conn, &mut self.scratch) {
            Ok(Received::Bytes(count)) => count,
            Ok(Received::WouldBlock) => {
                self.owners.insert(conn, Owner::Proxy(conversation));
                return;
            }
            Ok(Received::Eof) | Err(_) => return self.close(conn, Closing::Orderly),
        };
        let mut turn = conversation.take(&self.scratch[..count]);
        if let Turn::Say(bytes) = turn {
            self.say(conn, &bytes);
            turn = conversation.take(&[]);
        }
        match turn {
            Turn::Wait | Turn::Say(_) => drop(self.owners.insert(conn, Owner::Proxy(conversation))),
            Turn::Connect(destination) if self.holds => {
                let _ = self.os.set_interest(Source::Conn(conn), Interest::NONE);
                self.owners.insert(conn, Owner::Held(destination));
            }
            Turn::Connect(destination) => self.reach(conn, &destination),
            Turn::End => self.close(conn, Closing::Orderly),
        }
    }

    /// A few bytes, for which a new connection has room.
    fn say(&mut self, conn: ConnId, bytes: &[u8]) {
        // OK to ignore: if it is over, the next read says so.
        let _ = self.os.send(conn, &[IoSlice::new(bytes)], More::No);
    }

    /// Connects the node with who listens where it wants to go.
    fn reach(&mut self, conn: ConnId, destination: &Destination) {
        let is_it = |host: &HostState| {
            let name = host.actor.map(|actor| format!("{actor}.{DOMAIN}"));
            let by_name = name.as_deref() == Some(destination.host.as_str());
            let by_address = host.addresses.iter().any(|own| own.to_string() == destination.host);
            (by_name || by_address)
                && host.listening.is_some_and(|at| at.port() == destination.port)
        };
        match self.hosts.iter().position(is_it) {
            Some(host) => {
                self.say(conn, &reply(Reply::Succeeded));
                let _ = self.os.set_interest(Source::Conn(conn), Interest::NONE);
                self.owners.insert(conn, Owner::Host(host));
                self.hosts[host].waiting.push_back(conn);
            }
            None => {
                self.say(conn, &reply(Reply::Refused));
                self.close(conn, Closing::Orderly);
            }
        }
    }

    // Questions.

    /// Asks the server at a port of this machine; the number finds the answer.
    pub(super) fn ask(&mut self, port: u16, question: Vec<u8>) -> Result<u64, ConnectError> {
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let conn = self.os.connect(&Endpoint::Ip(to))?;
        self.questions += 1;
        let number = self.questions;
        let interest = Interest { readable: true, writable: true };
        let _ = self.os.set_interest(Source::Conn(conn), interest);
        let answer = Vec::new();
        self.owners.insert(conn, Owner::Question { number, unsent: question, answer });
        Ok(number)
    }

    /// Takes the answer to a question, once it is whole.
    pub(super) fn take_answer(&mut self, number: u64) -> Option<Result<serde_json::Value, String>> {
        self.answers.remove(&number).map(|bytes| rpc::answer(&bytes))
    }

    /// Whether a question has no answer, or somebody is on the way to an actor.
    pub(super) fn is_busy(&self) -> bool {
        let busy = |owner: &Owner| matches!(owner, Owner::Question { .. } | Owner::Proxy(_));
        self.owners.values().any(busy)
    }

    fn ask_on(&mut self, conn: ConnId, number: u64, mut unsent: Vec<u8>, mut answer: Vec<u8>) {
        let is_over = self.os.connect_status(conn).is_err();
        if !unsent.is_empty()
            && let Ok(Sent::Bytes(count)) = self.os.send(conn, &[IoSlice::new(&unsent)], More::No)
        {
            unsent.drain(..count);
            if unsent.is_empty() {
                let _ = self.os.set_interest(Source::Conn(conn), Interest::READ);
            }
        }
        let is_whole = match self.os.recv(conn, &mut self.scratch) {
            Ok(Received::Bytes(count)) => {
                answer.extend_from_slice(&self.scratch[..count]);
                answer.len() > ANSWER_BYTES_MAX
            }
            Ok(Received::WouldBlock) => false,
            Ok(Received::Eof) | Err(_) => true,
        };
        if is_whole || is_over {
            self.answers.insert(number, answer);
            self.close(conn, Closing::Orderly);
        } else {
            self.owners.insert(conn, Owner::Question { number, unsent, answer });
        }
    }
}

/// The id of the one listener that a host has, which is a name alone: the proxy listens for it.
fn listener_of(host: HostIndex) -> ListenerId {
    ListenerId::new(u32::try_from(host).unwrap_or(u32::MAX), 0)
}

/// The actor's host behind a listener's id.
pub(super) fn host_of(listener: ListenerId) -> HostIndex {
    listener.index() as usize
}
