//! Kernels at the two ends of a link: what latency, bandwidth and silence do to a connection.

use std::io::IoSlice;
use std::net::IpAddr;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sockman::sockets::{
    Accepted, Closing, ConnError, ConnId, ConnectStatus, Direction, Endpoint, Failure, ListenerId,
    More, Received, Sent, Sockets,
};
use sockman::time::Instant;
use sockman_sim::net::{HostId, Kernel, KernelConfig, LinkConfig, LinkState, Network, NoSuchHost};

/// Two hosts; the second one listens at 203.0.113.2:8333.
#[derive(Clone)]
struct World {
    now: Instant,
    network: Network,
    hosts: [Kernel; 2],
    listener: ListenerId,
}

const A: usize = 0;
const B: usize = 1;

fn address(host: usize) -> IpAddr {
    ["203.0.113.1", "203.0.113.2"][host].parse().unwrap()
}

fn server() -> Endpoint {
    Endpoint::Ip((address(B), 8333).into())
}

fn id(host: usize) -> HostId {
    HostId(u32::try_from(host).unwrap())
}

fn millis(count: u64) -> Instant {
    Instant::START + Duration::from_millis(count)
}

impl World {
    fn new(link: LinkConfig) -> Self {
        Self::with(link, &KernelConfig::default())
    }

    fn with(link: LinkConfig, config: &KernelConfig) -> Self {
        let mut network = Network::new(link, NoSuchHost::Unreachable);
        let mut hosts = [A, B].map(|host| {
            network.add_host(&[address(host)]);
            Kernel::new(KernelConfig { addresses: vec![address(host)], ..config.clone() })
        });
        let listener = hosts[B].listen(&server()).unwrap();
        Self { now: Instant::START, network, hosts, listener }
    }

    /// Puts what the kernels have sent on the links.
    fn flush(&mut self) {
        for host in [A, B] {
            let mut segments = Vec::new();
            self.hosts[host].take_segments(&mut segments);
            for segment in segments {
                self.network.send(self.now, id(host), segment);
            }
        }
    }

    /// Does everything that happens up to `until`.
    fn run_until(&mut self, until: Instant) {
        self.flush();
        loop {
            let timers = self.hosts.iter().filter_map(Kernel::next_timer).min();
            let next = [timers, self.network.next_due()].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some((host, segment)) = self.network.pop_due(self.now) {
                self.hosts[host.0 as usize].handle_segment(self.now, segment);
            }
            for host in &mut self.hosts {
                host.handle_timer(self.now);
                host.check_invariants();
            }
            self.flush();
            self.network.check_invariants();
        }
        self.now = until;
        for host in &mut self.hosts {
            host.set_now(until);
        }
    }

    fn send(&mut self, host: usize, conn: ConnId, bytes: &[u8]) -> Result<Sent, ConnError> {
        let sent = self.hosts[host].send(conn, &[IoSlice::new(bytes)], More::No);
        self.flush();
        sent
    }

    fn recv(&mut self, host: usize, conn: ConnId) -> Result<Received, ConnError> {
        let received = self.hosts[host].recv(conn, &mut [0; 1000]);
        self.flush();
        received
    }

    fn connect(&mut self) -> (ConnId, ConnId) {
        let client = self.hosts[A].connect(&server()).unwrap();
        self.run_until(self.now + Duration::from_secs(1));
        match self.hosts[B].accept(self.listener).unwrap() {
            Accepted::Conn { conn, .. } => (client, conn),
            Accepted::WouldBlock => panic!("nobody waits"),
        }
    }

    /// Cuts or mends both directions.
    fn set_links(&mut self, state: LinkState) {
        self.network.set_link_state(self.now, id(A), id(B), state);
        self.network.set_link_state(self.now, id(B), id(A), state);
    }
}

fn latency(ms: u64) -> LinkConfig {
    LinkConfig { latency: Duration::from_millis(ms), ..LinkConfig::default() }
}

#[test]
fn handshake_takes_a_round_trip() {
    let mut world = World::new(latency(50));
    let client = world.hosts[A].connect(&server()).unwrap();
    world.run_until(millis(99));
    assert_eq!(world.hosts[A].connect_status(client), Ok(ConnectStatus::InProgress));
    world.run_until(millis(100));
    assert_eq!(world.hosts[A].connect_status(client), Ok(ConnectStatus::Established));
}

#[test]
fn host_that_is_not_there_is_unreachable_after_a_while() {
    let mut world = World::new(latency(50));
    let nowhere = Endpoint::Ip("203.0.113.9:8333".parse().unwrap());
    let client = world.hosts[A].connect(&nowhere).unwrap();
    world.run_until(millis(3_099));
    assert_eq!(world.recv(A, client), Ok(Received::WouldBlock));
    world.run_until(millis(3_100));
    let told = ConnError::Failed(Failure::HostUnreachable);
    assert_eq!(world.recv(A, client), Err(told));
    assert_eq!(world.recv(A, client), Ok(Received::Eof));
}

#[test]
fn connect_into_silence_times_out_and_gets_through_if_it_ends_before() {
    let mut world = World::new(latency(50));
    world.set_links(LinkState::Silent);
    let client = world.hosts[A].connect(&server()).unwrap();
    let mut silent = world.clone();
    silent.run_until(millis(134_000));
    assert_eq!(silent.recv(A, client), Err(ConnError::Failed(Failure::TimedOut)));
    world.run_until(millis(4_500));
    world.set_links(LinkState::Up);
    world.run_until(millis(5_100));
    assert_eq!(world.hosts[A].connect_status(client), Ok(ConnectStatus::Established));
}

#[test]
fn bytes_sent_into_silence_arrive_once_it_ends_or_time_out() {
    let mut world = World::new(latency(50));
    let (client, server) = world.connect();
    world.set_links(LinkState::Silent);
    world.send(A, client, b"hello").unwrap();
    let mut silent = world.clone();
    silent.run_until(silent.now + Duration::from_millis(924_600));
    assert_eq!(silent.recv(A, client), Err(ConnError::Failed(Failure::TimedOut)));
    assert_eq!(silent.recv(B, server), Ok(Received::WouldBlock), "who only reads never learns");
    world.run_until(millis(60_000));
    assert_eq!(world.recv(B, server), Ok(Received::WouldBlock));
    world.set_links(LinkState::Up);
    world.run_until(millis(60_050));
    assert_eq!(world.recv(B, server), Ok(Received::Bytes(5)));
}

#[test]
fn reset_lost_in_silence_is_told_to_whoever_sends_afterwards() {
    let mut world = World::new(latency(50));
    let (client, server) = world.connect();
    world.set_links(LinkState::Silent);
    world.hosts[B].close(server, Closing::Reset).unwrap();
    world.flush();
    world.set_links(LinkState::Up);
    world.run_until(millis(10_000));
    assert_eq!(world.recv(A, client), Ok(Received::WouldBlock));
    world.send(A, client, b"hello").unwrap();
    world.run_until(millis(10_100));
    assert_eq!(world.recv(A, client), Err(ConnError::Failed(Failure::Reset)));
}

#[test]
fn closed_end_is_forgotten_once_the_other_one_has_said_its_fin() {
    let mut world = World::new(latency(50));
    let (client, server) = world.connect();
    world.hosts[A].close(client, Closing::Orderly).unwrap();
    world.run_until(millis(1_100));
    assert_eq!(world.recv(B, server), Ok(Received::Eof));
    world.hosts[B].close(server, Closing::Orderly).unwrap();
    world.run_until(millis(1_300));
    assert_eq!(world.network.next_due(), None);
    assert!(world.hosts.iter().all(|host| host.next_timer().is_none()));
}

#[test]
fn both_fins_under_way_at_once_end_the_connection_cleanly() {
    let mut world = World::new(latency(50));
    let (client, server) = world.connect();
    world.hosts[A].shutdown(client, Direction::Write).unwrap();
    world.hosts[B].shutdown(server, Direction::Write).unwrap();
    world.run_until(millis(2_000));
    for (host, conn) in [(A, client), (B, server)] {
        assert_eq!(world.recv(host, conn), Ok(Received::Eof));
        assert_eq!(world.hosts[host].take_error(conn), Ok(None));
        let over = Err(ConnError::Failed(Failure::NotConnected));
        assert_eq!(world.hosts[host].peer_endpoint(conn), over);
    }
}

#[test]
fn half_closed_peer_that_never_answers_is_forgotten_after_a_minute() {
    let mut world = World::new(latency(50));
    let (client, server) = world.connect();
    world.hosts[A].close(client, Closing::Orderly).unwrap();
    world.run_until(millis(61_200));
    assert_eq!(world.recv(B, server), Ok(Received::Eof));
    assert_eq!(world.hosts[A].next_timer(), None);
    world.send(B, server, b"late").unwrap();
    world.run_until(millis(61_400));
    assert_eq!(world.hosts[B].take_error(server), Ok(Some(Failure::BrokenPipe)));
}

/// What is read is what was sent, whatever the link does on the way; and all of it, once the link
/// is well again.
#[test]
fn streams_arrive_whole_over_links_that_change() {
    for seed in 0..100 {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: u64| draws.next_u64() % bound;
        let config = KernelConfig {
            send_buffer_bytes: 1 + usize::try_from(below(5000)).unwrap(),
            receive_buffer_bytes: 1 + usize::try_from(below(3000)).unwrap(),
            ..KernelConfig::default()
        };
        let mut world = World::with(latency(20), &config);
        let (client, server) = world.connect();
        let (mut sent, mut read) = (0_u64, 0_u64);
        for step in 0..300 {
            match below(8) {
                0 => {
                    let link = LinkConfig {
                        latency: Duration::from_millis(below(100)),
                        bytes_per_second: Some(1_000 + below(100_000)),
                        chunk_bytes_max: Some(1 + usize::try_from(below(500)).unwrap()),
                    };
                    world.network.set_link(id(A), id(B), link);
                }
                1 if step < 250 => {
                    let (from, to) = if below(2) == 0 { (A, B) } else { (B, A) };
                    let state = if below(2) == 0 { LinkState::Up } else { LinkState::Silent };
                    world.network.set_link_state(world.now, id(from), id(to), state);
                }
                2..5 => {
                    let bytes: Vec<u8> = (sent..sent + below(900)).map(byte_at).collect();
                    if let Sent::Bytes(taken) = world.send(A, client, &bytes).unwrap() {
                        sent += taken as u64;
                    }
                }
                _ => read += read_some(&mut world, server, read),
            }
            world.run_until(world.now + Duration::from_millis(below(30)));
        }
        world.set_links(LinkState::Up);
        world.hosts[A].close(client, Closing::Orderly).unwrap();
        for _ in 0..1000 {
            world.run_until(world.now + Duration::from_secs(1));
            read += read_some(&mut world, server, read);
        }
        assert_eq!(read, sent, "seed {seed}");
        assert_eq!(world.recv(B, server), Ok(Received::Eof));
    }
}

fn byte_at(offset: u64) -> u8 {
    offset.to_le_bytes()[0]
}

/// Reads once, and checks each byte by its offset.
fn read_some(world: &mut World, conn: ConnId, offset: u64) -> u64 {
    let mut buffer = [0; 700];
    let received = world.hosts[B].recv(conn, &mut buffer);
    world.flush();
    let Ok(Received::Bytes(count)) = received else {
        return 0;
    };
    for (&byte, at) in buffer[..count].iter().zip(offset..) {
        assert_eq!(byte, byte_at(at));
    }
    count as u64
}
