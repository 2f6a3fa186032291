//! The list of `-connect`: who is dialled when (docs/behaviour.md, connman 5.3).
//!
//! Down the list for ever, one attempt at a time, past those that are connected; after an attempt
//! of round n a pause of 500 ms x min(10, n), after each round 500 ms more, on the steady clock. An
//! attempt is neither early nor late.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::time::Duration;

use sockman::connman::{Config, Notice, Outbound};
use sockman::driver::{Did, Outcome};
use sockman::sockets::{ConnId, Endpoint};
use sockman::time::Instant;

use super::model::{Model, Wears};
use crate::faulty::CallResult;
use crate::subject::{Objection, Sight};
use crate::world::Step;

const RULE: &str = "docs/behaviour.md, connman 5.3: a list to connect to";

/// The unit of all pauses, and the most of them after one attempt.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSES_MAX: u32 = 10;

/// How far the list has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    /// Each endpoint once; `None` before the first look.
    entries: Option<Vec<Endpoint>>,
    /// Where the search for the next begins, and rounds that are over.
    position: usize,
    rounds: u32,
    not_before: Instant,
    /// Who is to be dialled, from the decision to the attempt's outcome; and the attempt.
    chosen: Option<usize>,
    attempt: Option<ConnId>,
    /// Whether the attempt that was decided on is no one's of the list, but one with v1 after one
    /// with v2 (transport 3.6).
    falls_back: bool,
    /// Whether somebody may have come, gone or said something since the last rest.
    has_changed: bool,
    /// When an attempt is due, by the last rest.
    due: Option<Instant>,
}

impl Listed {
    /// Looks, once the model has.
    pub(super) fn look<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        config: &Config,
        model: &Model,
    ) -> Result<(), Objection> {
        let listed: &[Endpoint] = match &config.outbound {
            Outbound::None => &[],
            Outbound::List(endpoints) => endpoints,
            Outbound::Automatic { .. } => return Ok(()),
        };
        if self.entries.is_none() {
            let mut entries: Vec<Endpoint> = Vec::new();
            for endpoint in listed {
                if !entries.contains(endpoint) {
                    entries.push(endpoint.clone());
                }
            }
            (self.entries, self.has_changed) = (Some(entries), true);
        }
        let now = sight.now.steady;
        let is_openers = sight.task() == Some("opener");
        match sight.step {
            Step::Node(_, Did::Stepped(_)) if is_openers && model.has_fallen_back => {
                self.falls_back = model.is_falling_back();
            }
            Step::Node(_, Did::Executed { action: "dial", .. })
                if is_openers && std::mem::take(&mut self.falls_back) =>
            {
                self.has_changed = true;
            }
            Step::Node(_, Did::Stepped(_)) if is_openers => self.choose(now, model)?,
            Step::Node(_, Did::Executed { action: "dial", conn, .. }) if is_openers => {
                self.begin(sight, *conn, model)?;
            }
            Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) => {
                self.has_changed = true;
                if conn.is_some() && *conn == self.attempt {
                    self.end(now, model);
                }
            }
            Step::Node(_, Did::Executed { action: "dial", .. } | Did::Commanded) => {
                self.has_changed = true;
            }
            Step::Idle(_) => return self.check_rest(now, model),
            _ => {}
        }
        for notice in sight.notices {
            let Notice::PeerConnected { conn, .. } = notice else { continue };
            self.has_changed = true;
            if Some(*conn) == self.attempt {
                self.end(now, model);
            }
        }
        Ok(())
    }

    fn missing_from(&self, position: usize, model: &Model) -> Option<usize> {
        let mut rest = self.entries.iter().flatten().enumerate().skip(position);
        rest.find(|(_, endpoint)| !model.is_connected(endpoint)).map(|(place, _)| place)
    }

    /// The node decides to dial.
    fn choose(&mut self, now: Instant, model: &Model) -> Result<(), Objection> {
        let next = self.missing_from(self.position, model).or_else(|| self.missing_from(0, model));
        let problem = if model.is_off {
            "the network is off".to_owned()
        } else if self.chosen.is_some() {
            "another attempt is under way".to_owned()
        } else if now < self.not_before {
            format!("nobody is due before {}", self.not_before)
        } else if let Some(place) = next {
            (self.position, self.chosen) = (place + 1, Some(place));
            return Ok(());
        } else {
            "everybody is connected".to_owned()
        };
        Err(objection(format!("the list is dialled, and {problem}")))
    }

    /// The attempt begins, or cannot.
    fn begin<X: Wears>(
        &mut self,
        sight: &Sight<'_, X>,
        conn: Option<ConnId>,
        model: &Model,
    ) -> Result<(), Objection> {
        let to = sight.calls.iter().find_map(|call| match &call.what {
            CallResult::Connect(to, _) => Some(to),
            _ => None,
        });
        let expected = self.chosen.and_then(|place| self.entries.as_ref()?.get(place));
        if to != expected {
            return Err(objection(format!("dialled is {to:?}, and next is {expected:?}")));
        }
        self.attempt = conn;
        self.has_changed = true;
        if conn.is_none() {
            self.end(sight.now.steady, model);
        }
        Ok(())
    }

    /// The attempt has come to something or nothing.
    fn end(&mut self, now: Instant, model: &Model) {
        (self.chosen, self.attempt) = (None, None);
        self.not_before = now + PAUSE * self.rounds.min(PAUSES_MAX);
        if self.missing_from(self.position, model).is_none() {
            self.position = 0;
            self.rounds += 1;
            self.not_before = self.not_before + PAUSE;
        }
    }

    fn check_rest(&mut self, now: Instant, model: &Model) -> Result<(), Objection> {
        if std::mem::take(&mut self.has_changed) {
            let may = !model.is_off && self.chosen.is_none();
            let missing = self.missing_from(0, model).filter(|_| may);
            self.due = missing.map(|_| self.not_before);
        }
        match self.due {
            Some(due) if due <= now => {
                let late = objection("somebody of the list is due, and is not dialled".to_owned());
                Err(Objection { since: Some(due), ..late })
            }
            _ => Ok(()),
        }
    }
}

fn objection(what: String) -> Objection {
    Objection { oracle: "protocol", since: None, what, rule: RULE }
}
