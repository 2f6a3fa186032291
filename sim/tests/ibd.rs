//! Whole nodes on one virtual network: one has a chain, and the others get it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockman::chain::{Params, Template, mine};
use sockman::connman::blocks::Chain;
use sockman::connman::{Command, Config, ConnMan, Notice};
use sockman::driver::Machine;
use sockman::rng::Seed;
use sockman::sockets::Endpoint;
use sockman::sockman::SockMan;
use sockman::time::{Instant, Now, UnixTime};
use sockman::transport::Network as Magic;
use sockman_sim::net::{HostId, Kernel, KernelConfig, LinkConfig, Network, NoSuchHost};
use sockman_sim::nodes::drive;

/// When the runs begin.
const WALL: UnixTime = UnixTime::from_secs(1_735_689_600);

type Node = Machine<Kernel, ConnMan>;

fn address(node: usize) -> IpAddr {
    ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"][node].parse().unwrap()
}

fn at(node: usize) -> Endpoint {
    Endpoint::Ip(SocketAddr::new(address(node), 18_444))
}

/// A chain of so many small blocks, a second apart, the last of an hour before the start.
fn chain(blocks: u32) -> Chain {
    let params = Params::of(Magic::Regtest);
    let (bits, end) = (params.genesis.bits, u32::try_from(WALL.as_secs()).unwrap() - 3_600);
    let mut chain = Chain::new(params, 10_000);
    for height in 1..=blocks {
        let previous = chain.tree().hash(chain.tree().active_tip());
        let time = end - blocks + height;
        let template = Template { previous, height, time, bits, mark: 0, bytes: None };
        chain.take(mine(&template).unwrap(), WALL).unwrap();
    }
    chain
}

/// Nodes, and what lies between them.
struct World {
    now: Instant,
    network: Network,
    nodes: Vec<Node>,
}

impl World {
    /// A node for each of these numbers of blocks.
    fn new(blocks: &[u32], link: LinkConfig) -> Self {
        let mut network = Network::new(link, NoSuchHost::Unreachable);
        let node = |(number, blocks): (usize, &u32)| {
            network.add_host(&[address(number)]);
            let addresses = vec![address(number)];
            let kernel = Kernel::new(KernelConfig { addresses, ..KernelConfig::default() });
            let seed = Seed::from_number(number as u64 + 1);
            let connman = ConnMan::new(Config::new(Magic::Regtest), seed);
            let sockman = SockMan::new(kernel, sockman::sockman::Config::default());
            let mut node = Machine::new(sockman, connman.with_chain(chain(*blocks)));
            node.listen(time(Instant::START), &at(number)).unwrap();
            node
        };
        let nodes = blocks.iter().enumerate().map(node).collect();
        Self { now: Instant::START, network, nodes }
    }

    fn dial(&mut self, from: usize, to: usize) {
        let command = Command::Connect { endpoint: at(to) };
        self.nodes[from].push_command(command).unwrap();
    }

    fn height(&self, node: usize) -> u32 {
        self.nodes[node].tenant().chain().unwrap().height()
    }

    /// Lets every node do what it can, and puts what it sent on the links.
    fn settle(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            drive(node, time(self.now), &mut Vec::new(), |_| {});
            node.check_invariants();
            node.take_notices(&mut notices);
            let mut segments = Vec::new();
            node.sockets_mut().take_segments(&mut segments);
            let host = HostId(u32::try_from(number).unwrap());
            segments.into_iter().for_each(|segment| self.network.send(self.now, host, segment));
        }
        notices
    }

    /// Does everything that happens in so much time. Gives what the nodes told.
    fn run_for(&mut self, time_span: Duration) -> Vec<Notice> {
        let until = self.now + time_span;
        let mut told = self.settle();
        loop {
            let now = time(self.now);
            let kernels = self.nodes.iter_mut().filter_map(|node| node.sockets_mut().next_timer());
            let kernels = kernels.min();
            let nodes = self.nodes.iter().filter_map(|node| node.next_wakeup(now)).min();
            let next = [kernels, nodes, self.network.next_due()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            for node in &mut self.nodes {
                node.sockets_mut().handle_timer(self.now);
            }
            while let Some((host, segment)) = self.network.pop_due(self.now) {
                let node = &mut self.nodes[host.0 as usize];
                node.sockets_mut().handle_segment(self.now, segment);
            }
            told.extend(self.settle());
        }
        self.now = until;
        told
    }
}

fn time(now: Instant) -> Now {
    Now { steady: now, wall: WALL + now.since(Instant::START) }
}

fn link(latency_ms: u64) -> LinkConfig {
    LinkConfig { latency: Duration::from_millis(latency_ms), ..LinkConfig::default() }
}

/// docs/behaviour.md, chain 5 to 10.
#[test]
fn three_hundred_blocks_go_from_one_node_to_another() {
    let mut world = World::new(&[300, 0], link(20));
    world.dial(1, 0);
    let told = world.run_for(Duration::from_secs(10));
    assert_eq!([world.height(0), world.height(1)], [300, 300]);
    let is_end = |notice: &Notice| matches!(notice, Notice::PeerDisconnected { .. });
    assert!(!told.iter().any(is_end), "nobody goes");
}

#[test]
fn blocks_go_to_whom_was_dialled_likewise() {
    let mut world = World::new(&[50, 0], link(20));
    world.dial(0, 1);
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.height(1), 50);
}

/// More than the window and than one `headers` has, from two at once.
#[test]
fn long_chain_comes_from_two_who_have_it() {
    let mut world = World::new(&[2_200, 2_200, 0], link(5));
    world.dial(2, 0);
    world.dial(2, 1);
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.height(2), 2_200);
    let blocks_of = |node: usize| {
        let conns = world.nodes[node].sockman().conns();
        let sent = conns.iter().map(|(_, peer)| peer.load().outbox_messages).sum::<usize>();
        (world.nodes[node].tenant().totals().sent.bytes(), sent)
    };
    let (first, second) = (blocks_of(0).0, blocks_of(1).0);
    assert!(first > 200_000 && second > 200_000, "both give some: {first}, {second}");
}

/// docs/behaviour.md, chain 11.
#[test]
fn new_block_goes_round_a_line_of_nodes() {
    let mut world = World::new(&[6, 5, 5, 5], link(50));
    world.dial(1, 2);
    world.dial(3, 2);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.height(3), 5, "there is nobody to tell them");
    world.dial(0, 1);
    world.run_for(Duration::from_secs(5));
    assert_eq!([1, 2, 3].map(|node| world.height(node)), [6, 6, 6]);
}
