//! Nodes that were added: who is dialled when (docs/behaviour.md, connman 5.2).
//!
//! In rounds, in the order in which they were added, past those that are connected; half a second
//! after an attempt the next, a minute more after the last of a round, on the steady clock. At most
//! eight at a time. An attempt is neither early nor late.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::collections::BTreeSet;
use std::time::Duration;

use sockman::connman::{Command, Config, Notice};
use sockman::driver::{Did, Outcome};
use sockman::sockets::{ConnId, Endpoint};
use sockman::time::Instant;

use super::model::{Model, Wears};
use crate::faulty::CallResult;
use crate::subject::{Objection, Sight};
use crate::world::Step;

const RULE: &str = "docs/behaviour.md, connman 5.2: added nodes";

const PAUSE: Duration = Duration::from_millis(500);
const REST: Duration = Duration::from_secs(60);
const CONNECTIONS_MAX: usize = 8;

/// Who was added, and how far the round is.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    /// Each with its number, in order; `None` before the first look.
    entries: Option<Vec<(u64, Endpoint)>>,
    next_number: u64,
    /// The number behind that of who was tried last, and when the next attempt may be.
    from: u64,
    not_before: Instant,
    /// Who is to be dialled, from the decision to the attempt's outcome; and the attempt.
    chosen: Option<Endpoint>,
    attempt: Option<ConnId>,
    /// Connections that hold a slot.
    held: BTreeSet<ConnId>,
    has_changed: bool,
    due: Option<Instant>,
}

impl Added {
    /// Looks, once the model has.
    pub(super) fn look<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> Result<(), Objection> {
        if self.entries.is_none() {
            self.entries = Some(Vec::new());
            for endpoint in &config.added {
                self.add(endpoint);
            }
        }
        let now = sight.now.steady;
        let is_own = sight.task() == Some("added");
        match sight.step {
            Step::Node(_, Did::Stepped(_)) if is_own => self.choose(now, model)?,
            Step::Node(_, Did::Executed { action: "dial", conn, .. }) if is_own => {
                self.begin(sight, *conn)?;
            }
            Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) => {
                self.has_changed = true;
                conn.map(|conn| self.held.remove(&conn));
                if conn.is_some() && *conn == self.attempt {
                    self.end(now);
                }
            }
            Step::Node(_, Did::Executed { action: "dial", .. }) => self.has_changed = true,
            Step::Node(_, Did::Commanded) => {
                self.has_changed = true;
                self.hear(sight)?;
            }
            Step::Idle(_) => return self.check_rest(now, model),
            _ => {}
        }
        for notice in sight.notices {
            let Notice::PeerConnected { conn, .. } = notice else { continue };
            self.has_changed = true;
            if Some(*conn) == self.attempt {
                self.end(now);
            }
        }
        Ok(())
    }

    fn add(&mut self, endpoint: &Endpoint) -> bool {
        let entries = self.entries.get_or_insert_default();
        if entries.iter().any(|(_, other)| other == endpoint) {
            return false;
        }
        entries.push((self.next_number, endpoint.clone()));
        self.next_number += 1;
        self.has_changed = true;
        true
    }

    /// Somebody adds a node or takes one away; what is told of it is right.
    fn hear<X: Wears>(&mut self, sight: &Sight<'_, X>) -> Result<(), Objection> {
        let is_right = match sight.command {
            Some(Command::AddNode { endpoint }) => {
                let is_new = self.add(endpoint);
                let told = |notice: &Notice| match notice {
                    Notice::AddNodeAsked { endpoint: of, outcome } if of == endpoint => {
                        Some(outcome.to_string())
                    }
                    _ => None,
                };
                let expected = if is_new { "added" } else { "already added" };
                sight.notices.iter().find_map(told).as_deref() == Some(expected)
            }
            Some(Command::RemoveNode { endpoint }) => {
                let entries = self.entries.get_or_insert_default();
                let before = entries.len();
                entries.retain(|(_, other)| other != endpoint);
                let was_there = entries.len() < before;
                let told = Notice::RemoveNodeAsked { endpoint: endpoint.clone(), was_there };
                sight.notices.contains(&told)
            }
            _ => true,
        };
        let what = || format!("of {:?} is told: {:?}", sight.command, sight.notices);
        if is_right { Ok(()) } else { Err(objection(what())) }
    }

    /// The next without a connection, and when it is due.
    fn next(&self, model: &Model) -> Option<(u64, Endpoint, Instant)> {
        let missing = |(_, endpoint): &&(u64, Endpoint)| !model.is_connected(endpoint);
        let mut all = self.entries.iter().flatten().filter(missing);
        let first = all.clone().next();
        let goes_on = all.find(|(number, _)| *number >= self.from);
        let due = if goes_on.is_some() { self.not_before } else { self.not_before + REST };
        goes_on.or(first).map(|(number, endpoint)| (*number, endpoint.clone(), due))
    }

    /// The node decides to dial.
    fn choose(&mut self, now: Instant, model: &Model) -> Result<(), Objection> {
        let problem = match self.next(model) {
            _ if model.is_off => "the network is off".to_owned(),
            _ if self.chosen.is_some() => "another attempt is under way".to_owned(),
            _ if self.held.len() >= CONNECTIONS_MAX => "every slot is taken".to_owned(),
            None => "everybody is connected".to_owned(),
            Some((_, endpoint, due)) if now < due => format!("{endpoint} is not due before {due}"),
            Some((number, endpoint, _)) => {
                (self.from, self.chosen) = (number + 1, Some(endpoint));
                return Ok(());
            }
        };
        Err(objection(format!("a node that was added is dialled, and {problem}")))
    }

    /// The attempt begins, or cannot.
    fn begin<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        conn: Option<ConnId>,
    ) -> Result<(), Objection> {
        let to = sight.calls.iter().find_map(|call| match &call.what {
            CallResult::Connect(to, _) => Some(to),
            _ => None,
        });
        if to != self.chosen.as_ref() {
            return Err(objection(format!("dialled is {to:?}, and next is {:?}", self.chosen)));
        }
        self.attempt = conn;
        self.has_changed = true;
        match conn {
            Some(conn) => drop(self.held.insert(conn)),
            None => self.end(sight.now.steady),
        }
        Ok(())
    }

    /// The attempt has come to something or nothing.
    fn end(&mut self, now: Instant) {
        (self.chosen, self.attempt) = (None, None);
        self.not_before = now + PAUSE;
        self.has_changed = true;
    }

    fn check_rest(&mut self, now: Instant, model: &Model) -> Result<(), Objection> {
        if std::mem::take(&mut self.has_changed) {
            let may = !model.is_off && self.chosen.is_none() && self.held.len() < CONNECTIONS_MAX;
            self.due = self.next(model).filter(|_| may).map(|(.., due)| due);
        }
        match self.due {
            // One that falls back to v1 may hold the last slot for as long as that takes.
            Some(due) if due <= now && self.held.len() + 1 < CONNECTIONS_MAX => {
                let late = objection("a node that was added is due, and not dialled".to_owned());
                Err(Objection { since: Some(due), ..late })
            }
            _ => Ok(()),
        }
    }
}

fn objection(what: String) -> Objection {
    Objection { oracle: "protocol", since: None, what, rule: RULE }
}
