//! Policy: who is let in, who is dialled, and who may stay (docs/behaviour.md, connman 2, 4, 5.1
//! and 10).
//!
//! Connections are counted where the kernel gave them, so that one which nobody knows of counts
//! too. The network is off from the command that said so. Which of the list is dialled is looked at
//! in `listed.rs`; that no connection with ourselves survives, by the model.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use sockman::connman::bans::BanList;
use sockman::connman::eviction::Candidate;
use sockman::connman::{Command, Config, ConnType, DialFailure, Notice, PeerId, Refusal};
use sockman::driver::{Did, Outcome, Task};
use sockman::sockets::{Accepted, ConnId, Endpoint};
use sockman::time::UnixTime;

use super::banned::Bans;
use super::evicted::{check_refusal, check_victim};
use super::kept::KeptBans;
use super::model::{Model, Wears};
use super::rights::Rights;
use crate::faulty::CallResult;
use crate::subject::{Objection, Sight};
use crate::world::Step;

const NAME: &str = "policy";
const RULE_IN: &str = "docs/behaviour.md, connman 4: whom to let in";
const RULE_EVICTION: &str = "docs/behaviour.md, eviction 1: inbound";
const RULE_BANS: &str = "docs/behaviour.md, bans 1: the list";
const RULE_KEPT: &str = "docs/behaviour.md, files 2: what is saved, and when";
const RULE_OUT: &str = "docs/behaviour.md, connman 5.1: when not to connect";

/// Who is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    /// Accepted and not closed, by the kernel.
    accepted: BTreeSet<ConnId>,
    /// Let in and not closed, as the node tells.
    inbound: BTreeSet<ConnId>,
    bans: Bans,
    kept: KeptBans,
    /// Hosts that are discouraged, of which none is forgotten in so short a time; and who came from
    /// one of them, and is there.
    discouraged: BTreeSet<IpAddr>,
    came_discouraged: BTreeSet<ConnId>,
    /// For whom somebody has just been evicted, until it is let in.
    evicted_for: Option<ConnId>,
    /// Whom a command has asked to dial, and who was not dialled yet.
    asked: VecDeque<Endpoint>,
}

impl Policy {
    /// Looks, once the model has.
    pub(super) fn look<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        bans: &BanList,
        model: &Model,
    ) -> Result<(), Objection> {
        for call in sight.calls {
            match &call.what {
                CallResult::Accept(Ok(Accepted::Conn { conn, .. })) => {
                    self.accepted.insert(*conn);
                }
                CallResult::Close(Ok(())) => {
                    call.conn.map(|conn| self.accepted.remove(&conn));
                }
                CallResult::Connect(to, _) => self.check_dial(to, sight)?,
                _ => {}
            }
        }
        match sight.command {
            Some(Command::Connect { endpoint }) => self.ask(endpoint, sight, model)?,
            Some(command @ (Command::Ban { .. } | Command::Unban { .. } | Command::ClearBans)) => {
                self.note_ban(command, sight, bans)?;
            }
            Some(Command::Shutdown | Command::SetNetworkActive(_)) | None => {}
            Some(Command::Disconnect { .. } | Command::Ping | Command::Inspect { .. }) => {}
            Some(Command::AddNode { .. } | Command::RemoveNode { .. }) => {}
            Some(Command::AddAddresses { .. }) => {}
        }
        for notice in sight.notices {
            self.hear(notice, sight, config, model)?;
        }
        self.kept.look(sight).map_err(|what| objection(RULE_KEPT, what))?;
        match sight.step {
            Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) => {
                if let Some(conn) = conn {
                    self.inbound.remove(conn);
                    self.came_discouraged.remove(conn);
                }
                Ok(())
            }
            Step::Idle(_) => self.check_rest(config, model),
            _ => Ok(()),
        }
    }

    /// A subnet is banned, or is not any more; what is told of it is right, and so is the list.
    fn note_ban<X: Wears>(
        &mut self,
        command: &Command,
        sight: &Sight<'_, X>,
        listed: &BanList,
    ) -> Result<(), Objection> {
        let now = sight.now.wall;
        let expected = match command {
            Command::Ban { subnet, time } => {
                let banned = self.bans.ban(now, subnet, *time);
                Some(Notice::BanAsked { subnet: *subnet, banned })
            }
            Command::Unban { subnet } => {
                let was_banned = self.bans.unban(now, subnet);
                Some(Notice::UnbanAsked { subnet: *subnet, was_banned })
            }
            _ => {
                self.bans.clear();
                None
            }
        };
        let is_of_bans = |notice: &&Notice| {
            matches!(notice, Notice::BanAsked { .. } | Notice::UnbanAsked { .. })
        };
        let told = sight.notices.iter().find(is_of_bans);
        if told != expected.as_ref() {
            return Err(objection(RULE_BANS, format!("{told:?} is told; expected: {expected:?}")));
        }
        if sight.asked_of_files.is_some() {
            self.kept.note_changed(&self.bans);
        }
        self.bans.check_list(names_of(listed)).map_err(|what| objection(RULE_BANS, what))
    }

    /// What is left of it when the process has ended: what it may have kept.
    pub(super) fn ended(self) -> Self {
        Self { bans: self.bans, kept: self.kept, ..Self::default() }
    }

    /// The next process has read what the one before it has kept.
    pub(super) fn begin_again(&mut self, listed: &BanList, now: UnixTime) -> Result<(), Objection> {
        let read = self.kept.begin_again(now, &names_of(listed));
        self.bans = read.map_err(|what| objection(RULE_KEPT, what))?;
        Ok(())
    }

    fn hear<X: Wears>(
        &mut self,
        notice: &Notice,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> Result<(), Objection> {
        let now = sight.now.wall;
        let ((conn, endpoint), told) = match notice {
            Notice::InboundEvicted { peer, newcomer } => {
                self.check_preferred(sight).map_err(|what| objection(RULE_EVICTION, what))?;
                let could = candidates(sight, config, Some(*peer), *newcomer);
                return self
                    .check_eviction(*peer, *newcomer, config, &could)
                    .map_err(|what| objection(RULE_EVICTION, what));
            }
            Notice::HostDiscouraged { host, .. } => {
                // The model has looked at whose host it is.
                self.discouraged.extend(host.to_string().parse::<IpAddr>());
                return Ok(());
            }
            Notice::PeerConnected { conn, endpoint, conn_type: ConnType::Inbound, .. } => {
                ((*conn, endpoint), None)
            }
            Notice::InboundRefused { conn, endpoint, refusal } => {
                ((*conn, endpoint), Some(*refusal))
            }
            _ => return Ok(()),
        };
        let (count, most) = (self.inbound.len(), config.limits.inbound_max as usize);
        let has_room = self.evicted_for.take() == Some(conn);
        let ip = endpoint.ip().map(|at| at.ip());
        let is_discouraged = ip.is_some_and(|ip| self.discouraged.contains(&ip));
        let expected = if model.is_off {
            Some(Refusal::NetworkInactive)
        } else if self.bans.covers(now, endpoint) && !has_noban(config, endpoint) {
            Some(Refusal::Banned)
        } else if is_discouraged && !has_noban(config, endpoint) && count + 1 >= most {
            Some(Refusal::Discouraged)
        } else if count >= most && !has_room {
            check_refusal(&candidates(sight, config, None, conn))
                .map_err(|what| objection(RULE_EVICTION, what))?;
            Some(Refusal::InboundFull)
        } else {
            None
        };
        if told.is_none() {
            self.inbound.insert(conn);
            if is_discouraged {
                self.came_discouraged.insert(conn);
            }
        }
        if has_room && expected.is_some() {
            let what = format!("somebody is evicted for {endpoint}, who is not to be let in");
            return Err(objection(RULE_EVICTION, what));
        }
        if told == expected {
            return Ok(());
        }
        let said = |refusal: Option<Refusal>| match refusal {
            Some(refusal) => format!("refused ({refusal})"),
            None => "let in".to_owned(),
        };
        let (told, expected) = (said(told), said(expected));
        let what = format!("{endpoint} is {told} with {count} of {most}, and has to be {expected}");
        Err(objection(RULE_IN, what))
    }

    /// Who came from a discouraged host is to go before others.
    fn check_preferred<X: Wears>(&self, sight: &Sight<'_, X>) -> Result<(), String> {
        for (conn, peer) in sight.conns.iter().filter(|(_, peer)| peer.conn_type().is_inbound()) {
            let [is, was] = [peer.candidate().prefer_evict, self.came_discouraged.contains(&conn)];
            if is != was {
                return Err(format!(
                    "{} goes before others: {is}; came discouraged: {was}",
                    peer.id()
                ));
            }
        }
        Ok(())
    }

    /// Somebody is to go for a newcomer: the house is full, nobody else goes for it, and it is one
    /// who may.
    fn check_eviction(
        &mut self,
        victim: PeerId,
        newcomer: ConnId,
        config: &Config,
        could: &[Candidate],
    ) -> Result<(), String> {
        let (count, most) = (self.inbound.len(), config.limits.inbound_max as usize);
        if count < most {
            return Err(format!("{victim} is evicted with {count} of {most}"));
        }
        if self.evicted_for.replace(newcomer).is_some() {
            return Err(format!("{victim} is evicted, and another one was for the same newcomer"));
        }
        check_victim(victim, could)
    }

    /// Somebody asks for a connection: it is dialled, or there is a reason not to.
    fn ask<X: Wears>(
        &mut self,
        endpoint: &Endpoint,
        sight: &Sight<'_, X>,
        model: &Model,
    ) -> Result<(), Objection> {
        let expected = if model.is_stopped {
            Some(DialFailure::Shutdown)
        } else if model.is_off {
            Some(DialFailure::NetworkInactive)
        } else if model.is_connected(endpoint) {
            Some(DialFailure::AlreadyConnected)
        } else {
            self.asked.push_back(endpoint.clone());
            None
        };
        let told = sight.notices.iter().find_map(|notice| match notice {
            Notice::DialFailed { failure, .. } => Some(*failure),
            _ => None,
        });
        if told == expected {
            return Ok(());
        }
        let what = format!("a dial of {endpoint} is declined: {told:?}; expected: {expected:?}");
        Err(objection(RULE_OUT, what))
    }

    /// Nobody is dialled but for a command or by the tasks that are there for it.
    fn check_dial<X: Wears>(
        &mut self,
        to: &Endpoint,
        sight: &Sight<'_, X>,
    ) -> Result<(), Objection> {
        let is_right = match sight.step {
            Step::Node(Task::Commands, _) => self.asked.pop_front().as_ref() == Some(to),
            _ => matches!(sight.task(), Some("opener" | "added")),
        };
        if is_right {
            return Ok(());
        }
        Err(objection(RULE_OUT, format!("{to} is dialled, and nobody asked for it")))
    }

    fn check_rest(&self, config: &Config, model: &Model) -> Result<(), Objection> {
        let (count, most) = (self.accepted.len(), config.limits.inbound_max as usize);
        if count > most || model.is_off && count > 0 {
            let what = format!("{count} accepted connections are kept, of at most {most}");
            return Err(objection(RULE_IN, what));
        }
        if let Some(endpoint) = self.asked.front() {
            return Err(objection(RULE_OUT, format!("{endpoint} was to be dialled")));
        }
        Ok(())
    }
}

/// Whether somebody who comes from there is never banned or evicted.
fn has_noban(config: &Config, endpoint: &Endpoint) -> bool {
    Rights::of(config, endpoint, ConnType::Inbound).has_noban
}

/// Who could be evicted for a newcomer: the inbound peers that are not over, or were not before
/// this step.
fn candidates<X: Wears>(
    sight: &Sight<'_, X>,
    config: &Config,
    victim: Option<PeerId>,
    newcomer: ConnId,
) -> Vec<Candidate> {
    let others = sight.conns.iter().filter(|(conn, _)| *conn != newcomer);
    let could = others.filter(|(_, peer)| {
        let is_there = !peer.is_over() || Some(peer.id()) == victim;
        let may_go = !has_noban(config, peer.endpoint());
        peer.conn_type().is_inbound() && is_there && may_go
    });
    could.map(|(_, peer)| peer.candidate()).collect()
}

/// The subnets of a list, and the seconds in which their bans are over.
fn names_of(listed: &BanList) -> Vec<(String, i64)> {
    listed.iter().map(|(subnet, ban)| (subnet.to_string(), ban.until)).collect()
}

fn objection(rule: &'static str, what: String) -> Objection {
    Objection { oracle: NAME, since: None, what, rule }
}
