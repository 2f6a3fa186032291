//! Whole nodes on one virtual network: one has a chain, and the others get it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockman::chain::{Params, Template, U256, mine};
use sockman::connman::blocks::Chain;
use sockman::connman::{Command, Config, ConnMan, Notice, PeerSnapshot};
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

/// As much work as a chain of so many blocks has.
fn work_of(blocks: u64) -> U256 {
    U256::from_u64(2 * (blocks + 1))
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
        Self::of(blocks.iter().map(|blocks| chain(*blocks)).collect(), link)
    }

    /// A node for each of these chains.
    fn of(chains: Vec<Chain>, link: LinkConfig) -> Self {
        let mut network = Network::new(link, NoSuchHost::Unreachable);
        let node = |(number, chain): (usize, Chain)| {
            network.add_host(&[address(number)]);
            let addresses = vec![address(number)];
            let kernel = Kernel::new(KernelConfig { addresses, ..KernelConfig::default() });
            let seed = Seed::from_number(number as u64 + 1);
            let connman = ConnMan::new(Config::new(Magic::Regtest), seed);
            let sockman = SockMan::new(kernel, sockman::sockman::Config::default());
            let mut node = Machine::new(sockman, connman.with_chain(chain));
            node.listen(time(Instant::START), &at(number)).unwrap();
            node
        };
        let nodes = chains.into_iter().enumerate().map(node).collect();
        Self { now: Instant::START, network, nodes }
    }

    fn dial(&mut self, from: usize, to: usize) {
        let command = Command::Connect { endpoint: at(to) };
        self.nodes[from].push_command(command).unwrap();
    }

    fn chain(&self, node: usize) -> &Chain {
        self.nodes[node].tenant().chain().unwrap()
    }

    fn height(&self, node: usize) -> u32 {
        self.chain(node).height()
    }

    /// How many headers a node knows beside the first.
    fn headers(&self, node: usize) -> usize {
        self.chain(node).tree().len() - 1
    }

    /// How high the chains are that a node is told twice.
    fn presynced(&self, node: usize) -> Vec<Option<u64>> {
        let conns = self.nodes[node].sockman().conns();
        conns.iter().map(|(id, peer)| PeerSnapshot::new(id, peer).presynced_headers).collect()
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

/// docs/behaviour.md, chain 12: whether there is enough work is known with the last header.
#[test]
fn chain_whose_work_takes_all_of_its_headers_is_downloaded() {
    let needy = chain(0).with_minimum_work(work_of(4_300));
    let mut world = World::of(vec![chain(4_300), needy], link(20));
    world.dial(1, 0);
    let mut seen = BTreeSet::new();
    while world.height(1) == 0 {
        assert!(world.now < Instant::START + Duration::from_secs(20), "it comes soon");
        world.run_for(Duration::from_millis(5));
        let held = world.presynced(1).into_iter().flatten();
        seen.extend(held.map(|height| (height, world.headers(1))));
    }
    // Regtest holds 7,017 headers back, so that all of them enter with the last.
    let expected = [(2_000, 0), (4_000, 0), (4_300, 0)];
    assert_eq!(seen, BTreeSet::from(expected));
    world.run_for(Duration::from_secs(60));
    assert_eq!((world.height(1), world.headers(1)), (4_300, 4_300));
    assert_eq!(world.presynced(1), [None]);
}

/// docs/behaviour.md, chain 12, and 6: somebody else is asked once the first was given its time.
#[test]
fn chain_with_too_little_work_leaves_no_header() {
    let needy = chain(0).with_minimum_work(work_of(4_300));
    let mut world = World::of(vec![chain(4_299), chain(4_300), needy], link(20));
    world.dial(2, 0);
    world.run_for(Duration::from_secs(10));
    assert_eq!((world.height(2), world.headers(2)), (0, 0));
    assert_eq!(world.presynced(2), [None], "nor is anything remembered of it");
    world.dial(2, 1);
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.headers(2), 0, "headers are asked from one peer");
    world.run_for(Duration::from_secs(40 * 60));
    assert_eq!((world.height(2), world.headers(2)), (4_300, 4_300));
}
