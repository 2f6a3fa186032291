//! Addresses that are built in, for who knows nobody.
//!
//! They are a last resort: a minute after the start, for the networks of which no address is known,
//! once. Sources: docs/behaviour.md, connman 5.5; Core: net.cpp, `ThreadOpenConnections` and
//! `ConvertSeeds`; kernel/chainparams.cpp.

use std::net::SocketAddr;
use std::time::Duration;

use super::Way;
use crate::connman::addrman::{AddrRecord, NetAddr, NetClass, NetService};
use crate::connman::{ConnMan, REACHABLE, Services};
use crate::rng::{Draws, Purpose};
use crate::time::{Now, UnixTime};
use crate::transport::Network;

/// Who told of them, as the address manager has it: the first bytes of the SHA-256 of
/// "fixedseeds". Core: likewise.
const SOURCE: NetAddr =
    NetAddr::Internal([0x11, 0x87, 0xed, 0x9f, 0x5d, 0x51, 0x44, 0x8d, 0x98, 0x6b]);

/// They were seen between one and two of these ago. Core: `ConvertSeeds`.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Addresses with ports, one a line.
fn built_in(network: Network) -> impl Iterator<Item = SocketAddr> {
    let text = match network {
        Network::Main => include_str!("seeds/main.txt"),
        Network::Testnet3 | Network::Testnet4 | Network::Signet | Network::Regtest => "",
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.parse().expect("a test reads all of them"))
}

/// What the address manager is told of them.
fn records(network: Network, now: UnixTime, mut draws: Draws) -> Vec<AddrRecord> {
    let week = WEEK.as_secs();
    let record = |at: SocketAddr| {
        let age = week + draws.below(week);
        let service = NetService::from(at);
        let time = UnixTime::from_secs(now.as_secs().saturating_sub(age));
        AddrRecord { service, services: Services::DESIRABLE, time }
    };
    built_in(network).map(record).collect()
}

impl ConnMan {
    /// Takes in what is built in, if it is time, for networks of which nobody is known.
    pub(super) fn use_fixed_seeds(&mut self, now: Now) {
        let Way::Automatic(automatic) = &mut self.opener.way else { return };
        if automatic.fixed_seeds.is_none_or(|at| now.wall < at) {
            return;
        }
        let is_unknown = |network: &NetClass| self.addrman.size(Some(*network), None) == 0;
        let unknown: Vec<_> = REACHABLE.into_iter().filter(is_unknown).collect();
        if unknown.is_empty() {
            return;
        }
        automatic.fixed_seeds = None;
        let draws = self.seed.draws(Purpose::SeedNodes, 1);
        let mut told = records(self.config.network, now.wall, draws);
        told.retain(|record| unknown.contains(&record.service.addr.network()));
        if !told.is_empty() {
            self.add_addresses(now, &told, &SOURCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connman::{Config, FixedSeeds, Outbound};
    use crate::rng::Seed;
    use crate::time::Instant;

    /// A node that knows nobody, as it begins.
    fn node(fixed_seeds: FixedSeeds) -> ConnMan {
        let mut config = Config::new(Network::Main);
        config.outbound = Outbound::Automatic { seed_nodes: Vec::new(), fixed_seeds };
        let seed = Seed::from_number(1);
        let mut node = ConnMan::new(config, seed.clone());
        node.opener.automatic().start(at(0), &seed, true);
        node
    }

    fn at(secs: u64) -> Now {
        let steady = Instant::START + Duration::from_secs(secs);
        Now { steady, wall: UnixTime::from_secs(1_750_000_000 + secs) }
    }

    #[test]
    fn built_in_addresses_are_used_after_a_minute_by_who_knows_nobody() {
        let known = |node: &ConnMan, network| node.addrman.size(network, None);
        let mut used = node(FixedSeeds::Used);
        used.use_fixed_seeds(at(59));
        assert_eq!(known(&used, None), 0);
        used.use_fixed_seeds(at(60));
        let [v4, v6] = REACHABLE.map(|network| known(&used, Some(network)));
        assert!(v4 > 0 && v6 > 0);

        // Only those of networks of which nobody is known.
        let mut knows_v4 = node(FixedSeeds::Used);
        let service = NetService::from(SocketAddr::from(([8, 8, 8, 8], 8333)));
        let (services, time) = (Services::DESIRABLE, at(0).wall);
        knows_v4.add_addresses(at(0), &[AddrRecord { service, services, time }], &SOURCE);
        knows_v4.use_fixed_seeds(at(60));
        assert_eq!(REACHABLE.map(|network| known(&knows_v4, Some(network))), [1, v6]);

        let mut unused = node(FixedSeeds::Unused);
        unused.use_fixed_seeds(at(1_000));
        assert_eq!(known(&unused, None), 0);
    }

    #[test]
    fn what_is_built_in_can_be_dialled() {
        let now = UnixTime::from_secs(1_750_000_000);
        let draws = Seed::from_number(1).draws(Purpose::SeedNodes, 1);
        let records = records(Network::Main, now, draws);
        assert!(!records.is_empty());
        for AddrRecord { service, services, time } in records {
            assert!(service.addr.is_routable(), "{service:?}");
            assert!(REACHABLE.contains(&service.addr.network()), "{service:?}");
            assert!(!super::super::ports::is_bad(service.port), "{service:?}");
            assert!(services.contains(Services::DESIRABLE));
            assert!(now - time >= WEEK && now - time < WEEK * 2);
        }
    }
}
