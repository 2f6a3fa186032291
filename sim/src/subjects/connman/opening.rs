//! Connections that the node opens by itself: with whom, what for, and when (docs/behaviour.md,
//! connman 2, 5.4 and 5.5).
//!
//! What is drawn is not known here. Each attempt must be one that the rules allow at that moment,
//! with an address that the node knows or was told to ask; and an address that can be dialled and
//! never was is not left alone for long while a place is free.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::net::IpAddr;
use std::time::Duration;

use sockman::connman::addrman::{Entry, NetAddr, NetService};
use sockman::connman::{Command, Config, ConnType, Notice, Outbound};
use sockman::driver::{Did, Outcome};
use sockman::sockets::{ConnId, Endpoint};
use sockman::time::Instant;

use super::model::{Model, Wears};
use super::watch::Configured;
use crate::subject::{Objection, Sight};
use crate::world::Step;

const RULE_OPEN: &str = "docs/behaviour.md, connman 5.4: automatic connections";
const RULE_LIMITS: &str = "docs/behaviour.md, connman 2: limits";

/// The bit of who speaks v2.
pub(super) const P2P_V2: u64 = 1 << 11;

/// Every block, with witnesses; every block; the last of them.
const DESIRABLE: u64 = 9;
const NETWORK: u64 = 1;
const NETWORK_LIMITED: u64 = 1 << 10;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Places for everything that there can be.
const FULL_RELAY_MAX: u32 = 8;

/// How long a feeler waits at most.
const FEELER_NOISE_MAX: Duration = Duration::from_secs(1);

/// A node that has a place for an address that it never tried tries it in this time: a hundred
/// candidates are drawn twice a second.
const NEGLECT_MAX: Duration = Duration::from_secs(60);

/// What the address manager of a node knows that an endpoint offers.
pub(super) fn known_services(tenant: &impl Configured, endpoint: &Endpoint) -> Option<u64> {
    Some(entry(tenant, endpoint)?.services.0)
}

fn entry<'a>(tenant: &'a impl Configured, endpoint: &Endpoint) -> Option<&'a Entry> {
    tenant.addrman().find(&NetService::of(endpoint)?)
}

/// Bits that those share who may be one operator's: a sixteenth of IPv4, half of IPv6's network.
fn netgroup(ip: IpAddr) -> (bool, u32) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => (true, ip.to_bits() >> 16),
        IpAddr::V6(ip) => (false, u32::try_from(ip.to_bits() >> 96).unwrap_or_default()),
    }
}

const fn is_for_good(conn_type: ConnType) -> bool {
    matches!(conn_type, ConnType::OutboundFullRelay | ConnType::BlockRelay)
}

/// What was seen of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Opening {
    /// The attempt under way, and when the last one was over.
    attempt: Option<ConnId>,
    ended: Option<Instant>,
    /// Who was there as the node last decided, and whether that was to fall back to v1; others may
    /// come and go before it dials.
    present: Vec<(Endpoint, ConnType)>,
    falls_back: bool,
    /// When it last decided with no place for good free: a feeler may have been chosen then.
    was_full: Option<Instant>,
    /// Nodes to ask for addresses that were dialled.
    asked: Vec<Endpoint>,
    /// Since when there is a place for somebody who was never tried, and is not.
    neglects: Option<Instant>,
    /// Whether somebody is kept out or was added, so that it is not known here who can be dialled.
    is_lenient: bool,
}

impl Opening {
    /// Looks, once the model has.
    pub(super) fn look<X: Wears<Tenant: Configured>>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> Result<(), Objection> {
        let Outbound::Automatic { seed_nodes, .. } = &config.outbound else { return Ok(()) };
        let now = sight.now.steady;
        match sight.step {
            Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) => {
                self.end(*conn, now);
            }
            Step::Node(_, Did::Stepped(_)) if sight.task() == Some("opener") => {
                self.falls_back = model.has_fallen_back;
                self.present = model.there().map(|(at, kind)| (at.clone(), kind)).collect();
                if self.lacking(config).is_none() {
                    self.was_full = Some(now);
                }
            }
            Step::Node(_, Did::Executed { action: "dial", conn: None, .. })
                if sight.task() == Some("opener") && !self.falls_back =>
            {
                self.ended = Some(now);
            }
            Step::Idle(_) => {
                self.check_limits(config, model)?;
                return self.check_neglect(sight, config, model);
            }
            _ => {}
        }
        self.is_lenient |= matches!(
            sight.command,
            Some(Command::Ban { .. } | Command::AddNode { .. } | Command::RemoveNode { .. })
        );
        for notice in sight.notices {
            match notice {
                Notice::HostDiscouraged { .. } => self.is_lenient = true,
                Notice::DialBegun { conn, endpoint, conn_type, .. }
                    if *conn_type != ConnType::Manual && !model.is_fallback(*conn) =>
                {
                    self.check_dial(endpoint, *conn_type, sight, config, seed_nodes)
                        .map_err(|what| objection(RULE_OPEN, format!("{endpoint}: {what}")))?;
                    self.attempt = Some(*conn);
                }
                Notice::PeerConnected { conn, .. } => self.end(Some(*conn), now),
                _ => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, conn: Option<ConnId>, now: Instant) {
        if conn.is_some() && conn == self.attempt {
            (self.attempt, self.ended) = (None, Some(now));
        }
    }

    /// An attempt has just begun. It is held against who was there as it was decided on.
    fn check_dial<X: Wears<Tenant: Configured>>(
        &mut self,
        endpoint: &Endpoint,
        conn_type: ConnType,
        sight: &Sight<'_, X>,
        config: &Config,
        seed_nodes: &[Endpoint],
    ) -> Result<(), String> {
        if self.attempt.is_some() {
            return Err("it is dialled while another attempt is under way".to_owned());
        }
        let now = sight.now.steady;
        if self.ended.is_some_and(|ended| now < ended + PAUSE) {
            return Err(format!("it is dialled at {now}, less than {PAUSE:?} after another"));
        }
        let ip = endpoint.ip().ok_or("it has no address")?.ip();
        if conn_type == ConnType::AddrFetch {
            let is_known = seed_nodes.contains(endpoint) && !self.asked.contains(endpoint);
            self.asked.push(endpoint.clone());
            return if is_known { Ok(()) } else { Err("nobody said to ask there".to_owned()) };
        }
        let services = known_services(sight.tenant, endpoint)
            .ok_or("the address manager knows nothing of it")?;
        let is_feeler = conn_type == ConnType::Feeler;
        let offers_enough = match is_feeler {
            true => services & (NETWORK | NETWORK_LIMITED) != 0,
            false => services & DESIRABLE == DESIRABLE,
        };
        if !offers_enough {
            return Err(format!("it is dialled as {conn_type}, and offers {services:x}"));
        }
        if config.added.contains(endpoint) {
            return Err("it was added, and has a slot of its own".to_owned());
        }
        if self.present.iter().any(|(at, _)| at.ip().is_some_and(|at| at.ip() == ip)) {
            return Err("there is a connection with this host".to_owned());
        }
        let group = netgroup(ip);
        let is_of_group = |at: &Endpoint| at.ip().is_some_and(|at| netgroup(at.ip()) == group);
        let dialled = |kind| is_for_good(kind) || kind == ConnType::Manual;
        let has_mate = self.present.iter().any(|(at, kind)| dialled(*kind) && is_of_group(at));
        if !is_feeler && has_mate {
            return Err("there is a connection with its netgroup".to_owned());
        }
        self.check_kind(conn_type, now, config)
    }

    /// What place for good was free as the node last decided.
    fn lacking(&self, config: &Config) -> Option<ConnType> {
        let limits = &config.limits;
        let has = |kind, most: u32| {
            self.present.iter().filter(|(_, other)| *other == kind).count() >= most as usize
        };
        if !has(ConnType::OutboundFullRelay, limits.outbound_full_relay_max) {
            Some(ConnType::OutboundFullRelay)
        } else if !has(ConnType::BlockRelay, limits.block_relay_max) {
            Some(ConnType::BlockRelay)
        } else {
            None
        }
    }

    /// Places are filled in their order before anybody comes for a while.
    fn check_kind(&self, kind: ConnType, now: Instant, config: &Config) -> Result<(), String> {
        // A feeler waits for up to a second.
        let was_full = self.was_full.is_some_and(|at| now < at + FEELER_NOISE_MAX);
        if kind == ConnType::Feeler && was_full {
            return Ok(());
        }
        match self.lacking(config) {
            Some(lacking) if lacking != kind => {
                Err(format!("it is dialled as {kind}, and a place for {lacking} is free"))
            }
            // For another network, which is only for who has as many places as can be.
            None if kind == ConnType::OutboundFullRelay
                && config.limits.outbound_full_relay_max < FULL_RELAY_MAX =>
            {
                Err(format!("it is dialled as {kind}, and every place is taken"))
            }
            _ => Ok(()),
        }
    }

    fn check_limits(&self, config: &Config, model: &Model) -> Result<(), Objection> {
        let limits = &config.limits;
        let count = |kinds: &[ConnType]| {
            let of = model.there().filter(|(_, kind)| kinds.contains(kind)).count();
            u32::try_from(of).unwrap_or(u32::MAX)
        };
        use ConnType::{AddrFetch, BlockRelay, Feeler, OutboundFullRelay};
        for (kinds, most) in [
            (&[OutboundFullRelay][..], limits.outbound_full_relay_max + 1),
            (&[BlockRelay][..], limits.block_relay_max + 1),
            (&[OutboundFullRelay, BlockRelay, Feeler, AddrFetch][..], limits.automatic_max),
        ] {
            let there = count(kinds);
            if there > most {
                let what = format!("{there} connections of {kinds:?}, of at most {most}");
                return Err(objection(RULE_LIMITS, what));
            }
        }
        Ok(())
    }

    /// Whether somebody who can be dialled is left alone.
    fn check_neglect<X: Wears<Tenant: Configured>>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> Result<(), Objection> {
        let now = sight.now.steady;
        if !self.is_neglected(sight, config, model) {
            self.neglects = None;
            return Ok(());
        }
        let since = *self.neglects.get_or_insert(now);
        // Each of those that are known has to have its turn first.
        let known = u32::try_from(sight.tenant.addrman().size(None, None)).unwrap_or(u32::MAX);
        if now.since(since) < NEGLECT_MAX.saturating_mul(known.max(1)) {
            return Ok(());
        }
        let what = "a place is free, and an address that could be dialled never was".to_owned();
        Err(Objection { since: Some(since), ..objection(RULE_OPEN, what) })
    }

    fn is_neglected<X: Wears<Tenant: Configured>>(
        &self,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> bool {
        let limits = &config.limits;
        let automatic = |kind| !matches!(kind, ConnType::Inbound | ConnType::Manual);
        let count = |f: &dyn Fn(ConnType) -> bool| model.there().filter(|(_, k)| f(*k)).count();
        let has_slot = count(&automatic) < limits.automatic_max as usize;
        let places = limits.outbound_full_relay_max + limits.block_relay_max;
        let has_place = count(&is_for_good) < places as usize;
        if model.is_off || self.is_lenient || !has_slot || !has_place {
            return false;
        }
        let groups: Vec<_> = model
            .there()
            .filter(|(_, kind)| is_for_good(*kind) || *kind == ConnType::Manual)
            .filter_map(|(at, _)| at.ip().map(|at| netgroup(at.ip())))
            .collect();
        let is_there =
            |ip: IpAddr| model.there().any(|(at, _)| at.ip().is_some_and(|at| at.ip() == ip));
        sight.tenant.addrman().entries().any(|entry| {
            let ip: IpAddr = match entry.service.addr {
                NetAddr::Ipv4(ip) => ip.into(),
                NetAddr::Ipv6(ip) => ip.into(),
                _ => return false,
            };
            let endpoint = Endpoint::Ip((ip, entry.service.port).into());
            entry.last_try == 0
                && entry.services.0 & DESIRABLE == DESIRABLE
                && !groups.contains(&netgroup(ip))
                && !is_there(ip)
                // A bad port is a last resort.
                && entry.service.port > 1024
                && !config.added.contains(&endpoint)
        })
    }
}

fn objection(rule: &'static str, what: String) -> Objection {
    Objection { oracle: "policy", since: None, what, rule }
}
