//! The links between the node and its peers.

use std::time::Duration;

use sockman::time::Instant;

use super::World;
use crate::done::Done;
use crate::host::{Host, PeerHost as _};
use crate::net::{HostId, LinkConfig, LinkState, Network};
use crate::schedule::{ActorId, LinkChange};
use crate::subject::Subject;

impl<X: Subject, K: Host> World<X, K> {
    /// Changes the link between the node and an actor.
    pub fn change_link(&mut self, actor: ActorId, change: LinkChange, usual: LinkConfig) -> Done {
        let nobody = Done::Nothing("nobody is at its end");
        let Some(host) = self.host_of(actor) else { return nobody };
        let (node, now) = (self.node_host, self.now.steady);
        let both = [(node, host), (host, node)];
        let look =
            |net: &Network| both.map(|(from, to)| (net.link(from, to), net.link_state(from, to)));
        let before = look(&self.network);
        let config = match change {
            LinkChange::Latency(latency) => Some(LinkConfig { latency, ..usual }),
            LinkChange::Bandwidth(rate) => {
                Some(LinkConfig { bytes_per_second: Some(rate.max(1)), ..usual })
            }
            LinkChange::Chunks(bytes) => {
                Some(LinkConfig { chunk_bytes_max: Some(bytes.max(1) as usize), ..usual })
            }
            LinkChange::Heal => Some(usual),
            LinkChange::SwallowAll | LinkChange::SwallowToNode | LinkChange::SwallowFromNode => {
                None
            }
        };
        let silent: &[(HostId, HostId)] = match change {
            LinkChange::SwallowAll => &both,
            LinkChange::SwallowToNode => &both[1..],
            LinkChange::SwallowFromNode => &both[..1],
            LinkChange::Latency(_)
            | LinkChange::Bandwidth(_)
            | LinkChange::Chunks(_)
            | LinkChange::Heal => &[],
        };
        for (from, to) in both {
            if let Some(config) = config {
                self.network.set_link(from, to, config);
            }
            if change == LinkChange::Heal {
                self.network.set_link_state(now, from, to, LinkState::Up);
            }
        }
        for &(from, to) in silent {
            self.network.set_link_state(now, from, to, LinkState::Silent);
        }
        Done::only_if(look(&self.network) != before, "the link is so already")
    }

    /// Whether the link between the node and an actor carries both ways.
    #[must_use]
    pub fn is_link_up(&self, actor: ActorId) -> bool {
        let Some(host) = self.host_of(actor) else { return false };
        let ways = [(self.node_host, host), (host, self.node_host)];
        ways.iter().all(|&(from, to)| self.network.link_state(from, to) == LinkState::Up)
    }

    /// How long a segment takes to an actor and its answer back, as the link is now; without the
    /// time that a narrow one takes.
    #[must_use]
    pub fn round_trip(&self, actor: ActorId) -> Duration {
        let Some(host) = self.host_of(actor) else { return Duration::ZERO };
        let ways = [(self.node_host, host), (host, self.node_host)];
        ways.iter().map(|&(from, to)| self.network.link(from, to).latency).sum()
    }

    /// Whether the link between the node and an actor takes time for each byte.
    #[must_use]
    pub fn is_link_narrow(&self, actor: ActorId) -> bool {
        let Some(host) = self.host_of(actor) else { return false };
        let ways = [(self.node_host, host), (host, self.node_host)];
        ways.iter().any(|&(from, to)| self.network.link(from, to).bytes_per_second.is_some())
    }

    /// When the last segment arrives that is on the way to or from an actor now.
    #[must_use]
    pub fn last_due(&self, actor: ActorId) -> Option<Instant> {
        self.network.last_due(self.actor(actor)?.kernel().addresses())
    }

    /// The host that an actor runs on: hosts are numbered as actors join, after the node's.
    fn host_of(&self, actor: ActorId) -> Option<HostId> {
        let index = self.actors.iter().position(|a| a.id() == actor)?;
        Some(HostId(u32::try_from(index + 1).expect("a schedule has few actors")))
    }
}
