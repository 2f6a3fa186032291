//! What a network has come to at one moment.

use std::collections::VecDeque;

use serde::Serialize;
use sockman::connman::ConnType;
use sockman::connman::addrman::{NetService, Table};

use super::Network;
use super::node::Node;

/// From how many nodes distances are measured.
const SOURCES_MAX: usize = 16;
/// Of how many nodes it is asked who knows them.
const KNOWN_SAMPLED: u32 = 32;

/// Counts of one moment. Means are in hundredths, shares in thousandths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at_secs: u64,
    /// Nodes that are up.
    pub up: u32,
    /// Connections for everything that a node has opened, in the mean.
    pub full_relay_hundredths: u32,
    /// Those for blocks alone.
    pub block_relay_hundredths: u32,
    /// Most connections that others have opened with one node.
    pub inbound_most: u32,
    /// Sets of nodes that no connection joins.
    pub components: u32,
    /// The share of those who are up that the largest has.
    pub largest_thousandths: u32,
    /// Connections from one node to another on the shortest way, in the mean.
    pub distance_hundredths: u32,
    /// The longest of these ways, as far as was measured.
    pub distance_most: u32,
    /// Connections between the west and the east.
    pub crossing: u32,
    /// Addresses that a node knows, in the mean.
    pub known_hundredths: u32,
    /// Those of them that it was connected with.
    pub tried_hundredths: u32,
    /// The share of the others who know a node.
    pub known_thousandths: u32,
    /// The share of the others who know the last one; none before it is there.
    pub newcomer_thousandths: u32,
}

/// The other ends of the connections for good that a node has opened, and whose handshake is
/// complete.
pub(super) fn outbound(node: &Node) -> impl Iterator<Item = (ConnType, NetService)> {
    let peers = node.tenant().inspect(node.conns()).peers.into_iter();
    peers.filter_map(|peer| {
        let lasts = matches!(peer.conn_type, ConnType::OutboundFullRelay | ConnType::BlockRelay);
        let service = NetService::of(&peer.endpoint).filter(|_| lasts && peer.is_ready)?;
        Some((peer.conn_type, service))
    })
}

impl Network {
    /// What it has come to.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let count = self.nodes.len();
        let mut neighbours = vec![Vec::new(); count];
        let mut inbound = vec![0_u32; count];
        let (mut full_relay, mut block_relay, mut crossing) = (0, 0, 0);
        for (index, node) in (0_u32..).zip(&self.nodes).filter(|(_, node)| node.is_up) {
            for (conn_type, service) in outbound(node) {
                if conn_type == ConnType::BlockRelay {
                    block_relay += 1;
                } else {
                    full_relay += 1;
                }
                let other = service.socket_addr().and_then(|at| self.by_address.get(&at.ip()));
                let Some(&other) = other else { continue };
                inbound[other as usize] += 1;
                crossing += u32::from(self.side(index) != self.side(other));
                neighbours[index as usize].push(other);
                neighbours[other as usize].push(index);
            }
        }
        let up: Vec<u32> =
            (0..).zip(&self.nodes).filter(|(_, n)| n.is_up).map(|(i, _)| i).collect();
        let (components, largest) = components(&up, &neighbours);
        let ways = ways(&up, &neighbours);
        let sizes = |table| {
            up.iter().map(move |i| {
                let size = self.nodes[*i as usize].tenant().addrman().size(None, table);
                u64::try_from(size).expect("a table is small")
            })
        };
        let up_count = up.len() as u64;
        Sample {
            at_secs: self.now.as_nanos() / 1_000_000_000,
            up: small(up_count),
            full_relay_hundredths: share(full_relay, up_count, 100),
            block_relay_hundredths: share(block_relay, up_count, 100),
            inbound_most: inbound.into_iter().max().unwrap_or(0),
            components,
            largest_thousandths: share(largest, up_count, 1000),
            distance_hundredths: share(ways.sum, ways.count, 100),
            distance_most: ways.most,
            crossing,
            known_hundredths: share(sizes(None).sum(), up_count, 100),
            tried_hundredths: share(sizes(Some(Table::Tried)).sum(), up_count, 100),
            known_thousandths: self.known(&up),
            newcomer_thousandths: self.known_of(&up, self.newcomer()),
        }
    }

    /// The share of the others who know a node, over some of those who are up.
    fn known(&self, up: &[u32]) -> u32 {
        let every = (up.len() / KNOWN_SAMPLED as usize).max(1);
        let sampled: Vec<_> = up.iter().step_by(every).collect();
        let sum: u64 = sampled.iter().map(|of| u64::from(self.known_of(up, **of))).sum();
        share(sum, sampled.len() as u64, 1)
    }

    fn known_of(&self, up: &[u32], of: u32) -> u32 {
        let service = self.service(of);
        let others = up.iter().filter(|other| **other != of);
        let books = others.map(|other| self.nodes[*other as usize].tenant().addrman());
        let (mut known, mut count) = (0, 0);
        for addrman in books {
            count += 1;
            known += u64::from(addrman.find(&service).is_some());
        }
        share(known, count, 1000)
    }
}

/// How many components there are, and how many nodes the largest has.
fn components(up: &[u32], neighbours: &[Vec<u32>]) -> (u32, u64) {
    let mut seen = vec![false; neighbours.len()];
    let (mut count, mut largest) = (0, 0);
    for &start in up {
        if std::mem::replace(&mut seen[start as usize], true) {
            continue;
        }
        count += 1;
        let (mut size, mut left) = (0, vec![start]);
        while let Some(node) = left.pop() {
            size += 1;
            for &other in &neighbours[node as usize] {
                if !std::mem::replace(&mut seen[other as usize], true) {
                    left.push(other);
                }
            }
        }
        largest = largest.max(size);
    }
    (count, largest)
}

#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    sum: u64,
    count: u64,
    most: u32,
}

/// The lengths of the shortest ways from some nodes to all that they reach.
fn ways(up: &[u32], neighbours: &[Vec<u32>]) -> Ways {
    let mut ways = Ways::default();
    let every = (up.len() / SOURCES_MAX).max(1);
    for &source in up.iter().step_by(every).take(SOURCES_MAX) {
        let mut far = vec![None; neighbours.len()];
        far[source as usize] = Some(0_u32);
        let mut left = VecDeque::from([source]);
        while let Some(node) = left.pop_front() {
            let next = far[node as usize].expect("it was reached") + 1;
            for &other in &neighbours[node as usize] {
                if far[other as usize].is_none() {
                    far[other as usize] = Some(next);
                    left.push_back(other);
                    ways.sum += u64::from(next);
                    ways.count += 1;
                    ways.most = ways.most.max(next);
                }
            }
        }
    }
    ways
}

/// A part of a whole, in as many parts as `ones` says; none of nothing.
fn share(part: u64, whole: u64, ones: u64) -> u32 {
    small((part * ones).checked_div(whole).unwrap_or(0))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
