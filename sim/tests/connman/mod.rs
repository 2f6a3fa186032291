//! The connection manager on a host that talks to itself: the node under test is a machine, its
//! peers are sockets of the same host in the hands of the test.

use std::io::IoSlice;
use std::time::Duration;

use sockman::connman::message::{Relay, UNSPECIFIED, Version, VersionHead, VersionTail};
use sockman::connman::{
    Command, Config, ConnMan, DisconnectReason, Inspection, Notice, PeerId, PeerSnapshot, Services,
};
use sockman::driver::{Choice, Did, Machine};
use sockman::rng::Seed;
use sockman::sockets::{
    Accepted, Closing, ConnId, Endpoint, Interest, ListenerId, More, Received, Sent, Sockets,
    Source, Wait,
};
use sockman::sockman::{Config as SockManConfig, SockMan};
use sockman::time::{Now, UnixTime};
use sockman::transport::{Frame, Incoming, Message, MessageType, Network, SendQueue, V1Receiver};
use sockman_sim::net::{KernelConfig, Loopback};

mod addresses;
mod commands;
mod handshake;
mod misbehaviour;
mod opener;
mod orders;
mod queues;
mod rules;
mod timers;

/// What the wall shows when the steady clock starts.
const WALL_START: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Steps after which a node that does not come to rest is called a spinner.
const STEPS_MAX: u32 = 2_000_000;

/// A peer in the hands of the test.
struct Remote {
    conn: ConnId,
    receiver: V1Receiver,
    /// What came and was not looked at yet.
    messages: Vec<Message>,
    bytes_received: usize,
    /// Whether it reads what comes.
    reads: bool,
    /// How the stream ended, if it did: in order or not.
    ended: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Fin,
    Failed,
}

/// A place among the peers.
#[derive(Clone, Copy)]
struct P(usize);

/// One node and its peers.
/// A node whose peers need not speak v2.
fn v1_config() -> Config {
    let mut config = Config::new(Network::Regtest);
    config.services = config.services.without(Services::P2P_V2);
    config
}

struct World {
    node: Machine<Loopback, ConnMan>,
    listener: ListenerId,
    remotes: Vec<Remote>,
    notices: Vec<Notice>,
    /// Seconds that the wall clock was set forward, or back.
    wall_skew_secs: i64,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(choose: impl FnOnce(&mut Config)) -> Self {
        let mut config = v1_config();
        choose(&mut config);
        Self::on("127.0.0.1", config)
    }

    /// Everybody is at one address.
    fn on(address: &str, config: Config) -> Self {
        let address = address.parse().unwrap();
        let kernel = KernelConfig { addresses: vec![address], ..KernelConfig::default() };
        let net = Loopback::new(kernel);
        let sockman = SockMan::new(net, SockManConfig::default());
        let mut node = Machine::new(sockman, ConnMan::new(config, Seed::from_number(1)));
        let now = Now { wall: WALL_START, ..Now::default() };
        let listener = node.listen(now, &Endpoint::Ip((address, 18444).into())).unwrap();
        Self { node, listener, remotes: Vec::new(), notices: Vec::new(), wall_skew_secs: 0 }
    }

    fn now(&self) -> Now {
        let steady = self.node.sockman().sockets().now();
        let skew = Duration::from_secs(self.wall_skew_secs.unsigned_abs());
        let wall = WALL_START + Duration::from_nanos(steady.as_nanos());
        let wall = match self.wall_skew_secs {
            0.. => wall + skew,
            _ => UnixTime::EPOCH + ((wall - UnixTime::EPOCH) - skew),
        };
        Now { steady, wall }
    }

    // Peers.

    /// A peer dials the node.
    fn dial(&mut self) -> P {
        let to = self.node.sockman().sockets().listener_endpoint(self.listener).unwrap();
        let conn = self.node.sockets_mut().connect(&to).unwrap();
        let peer = self.add(conn);
        self.drive();
        peer
    }

    /// A place where the node can dial a peer; port 0 is one that is free.
    fn listen(&mut self, port: u16) -> (ListenerId, Endpoint) {
        let net = self.node.sockets_mut();
        let listener = net.listen(&Endpoint::Ip(([127, 0, 0, 1], port).into())).unwrap();
        // Who waits here is no reason for the node to wake.
        net.set_interest(Source::Listener(listener), Interest::NONE).unwrap();
        let endpoint = net.listener_endpoint(listener).unwrap();
        (listener, endpoint)
    }

    /// A peer takes the node's call.
    fn accept(&mut self, listener: ListenerId) -> P {
        match self.node.sockets_mut().accept(listener).unwrap() {
            Accepted::Conn { conn, .. } => {
                let peer = self.add(conn);
                self.drive();
                peer
            }
            Accepted::WouldBlock => panic!("the node does not call"),
        }
    }

    fn add(&mut self, conn: ConnId) -> P {
        self.remotes.push(Remote {
            conn,
            receiver: V1Receiver::new(Network::Regtest.magic()),
            messages: Vec::new(),
            bytes_received: 0,
            reads: true,
            ended: None,
        });
        P(self.remotes.len() - 1)
    }

    /// A peer that has completed the handshake, and has seen the first ping.
    fn ready_peer(&mut self) -> P {
        let peer = self.dial();
        self.send(peer, MessageType::VERSION, &version(70016).encode());
        self.send(peer, MessageType::VERACK, &[]);
        let seen = self.take(peer);
        assert_eq!(seen.last().map(String::as_str), Some("ping"), "{seen:?}");
        peer
    }

    /// A peer sends a message, and the node does what there is to do.
    fn send(&mut self, peer: P, message_type: MessageType, payload: &[u8]) {
        self.send_bytes(peer, &wire(message_type, payload));
    }

    fn send_bytes(&mut self, peer: P, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let sent = self.offer(peer, bytes);
            assert!(sent > 0, "the node reads");
            bytes = &bytes[sent..];
            self.drive();
        }
    }

    /// Sends what there is room for; says how much.
    fn offer(&mut self, peer: P, bytes: &[u8]) -> usize {
        let conn = self.remotes[peer.0].conn;
        match self.node.sockets_mut().send(conn, &[IoSlice::new(bytes)], More::No) {
            Ok(Sent::Bytes(count)) => count,
            Ok(Sent::WouldBlock) => 0,
            Err(error) => panic!("the node has ended the connection: {error}"),
        }
    }

    fn close(&mut self, peer: P, how: Closing) {
        self.remotes[peer.0].ended = Some(End::Failed);
        self.node.sockets_mut().close(self.remotes[peer.0].conn, how).unwrap();
        self.drive();
    }

    /// Names of the messages that a peer has received since it was asked last.
    fn take(&mut self, peer: P) -> Vec<String> {
        self.take_messages(peer).iter().map(|one| one.message_type.to_string()).collect()
    }

    fn take_messages(&mut self, peer: P) -> Vec<Message> {
        std::mem::take(&mut self.remotes[peer.0].messages)
    }

    fn end_of(&self, peer: P) -> Option<End> {
        self.remotes[peer.0].ended
    }

    // Time.

    /// Lets the node do what there is to do now, however long that takes.
    fn drive(&mut self) {
        let mut steps = 0;
        let mut idle = 0;
        // A look may bring bytes to a peer, whose reading makes room, which the next one brings.
        while idle < 3 {
            match self.node.default_next(self.now()) {
                Choice::Step(task) => {
                    self.step(task);
                    idle = 0;
                    steps += 1;
                    assert!(steps < STEPS_MAX, "the node does not come to rest");
                }
                Choice::Poll | Choice::Wait => {
                    self.look(Duration::ZERO);
                    self.read_remotes();
                    idle += 1;
                }
            }
        }
    }

    fn step(&mut self, task: sockman::driver::Task) -> Did {
        let did = self.node.step(self.now(), task);
        self.node.take_notices(&mut self.notices);
        self.node.check_invariants();
        did
    }

    fn look(&mut self, timeout: Duration) {
        let mut events = Vec::new();
        self.node.sockets_mut().wait(Some(timeout), &mut events).unwrap();
        self.node.handle_ready(&events);
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now().steady + time;
        self.drive();
        while self.now().steady < until {
            let now = self.now();
            let wakeup = self.node.next_wakeup(now).map_or(until, |at| at.min(until));
            self.look(wakeup.since(now.steady));
            self.drive();
        }
    }

    /// Peers that read take what has come.
    fn read_remotes(&mut self) {
        for remote in &mut self.remotes {
            if remote.reads && remote.ended.is_none() {
                remote.read(self.node.sockets_mut());
            }
        }
    }

    // What the node says of itself.

    fn inspect(&self) -> Inspection {
        self.node.tenant().inspect(self.node.sockman().conns())
    }

    /// The only peer there is.
    fn only(&self) -> PeerSnapshot {
        let mut peers = self.inspect().peers;
        assert_eq!(peers.len(), 1, "one peer: {peers:?}");
        peers.remove(0)
    }

    fn command(&mut self, command: Command) {
        self.node.push_command(command).unwrap();
        self.drive();
    }

    /// Why peers were disconnected, in order.
    fn reasons(&self) -> Vec<DisconnectReason> {
        let reason = |notice: &Notice| {
            let Notice::PeerDisconnected { reason, .. } = notice else { return None };
            Some(*reason)
        };
        self.notices.iter().filter_map(reason).collect()
    }
}

impl Remote {
    fn read(&mut self, net: &mut Loopback) {
        let mut buffer = [0; 0x10000];
        loop {
            let end = match net.recv(self.conn, &mut buffer) {
                Ok(Received::Bytes(count)) => {
                    self.bytes_received += count;
                    self.parse(&buffer[..count]);
                    continue;
                }
                Ok(Received::WouldBlock) => return,
                Ok(Received::Eof) => End::Fin,
                Err(_) => End::Failed,
            };
            self.ended = Some(end);
            net.close(self.conn, Closing::Orderly).unwrap();
            return;
        }
    }

    fn parse(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.receiver.receive(&mut bytes).unwrap() {
                Some(Incoming::Message(message)) => self.messages.push(message),
                Some(Incoming::Rejected(rejected)) => panic!("the node sent {rejected:?}"),
                None => {}
            }
        }
    }
}

/// A message as the wire has it.
fn wire(message_type: MessageType, payload: &[u8]) -> Vec<u8> {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(Network::Regtest.magic(), message_type, payload.into()));
    queue.runs().flatten().copied().collect()
}

/// A peer's `version`.
fn version(version: i32) -> Version {
    Version {
        head: VersionHead {
            version,
            services: Services::NETWORK | Services::WITNESS,
            time: 1_700_000_000,
            receiver_services: Services::NONE,
            receiver: UNSPECIFIED,
        },
        tail: VersionTail {
            nonce: 77,
            user_agent: "/remote:1/".to_owned(),
            start_height: 5,
            relay: Relay::Wanted,
        },
    }
}
