//! What must be true of the client beyond what must be true of everything.
//!
//! * Each request that it has taken in has one outcome, and none that it has not.
//! * It has it in the time that there is for a connection and for an answer.
//! * What a client that was told to stop has under way is over in time.
//! * An answer is no larger than may be, and as long as it says of itself.

use std::collections::{BTreeMap, VecDeque};

use sockman::http::Method;
use sockman::http::client::{ClientCommand, ClientNotice, FetchId, Outcome};
use sockman::time::Instant;

use super::{HttpClient, is_stop, method_for};
use crate::subject::{Objection, Sight, Watch};
use crate::world::Step;

const ONCE: &str = "docs/behaviour.md, http 6: each request has one outcome";
const TIME: &str = "docs/behaviour.md, http 6: 120 s from the connection to the end of the answer";
const STOP: &str = "docs/behaviour.md, http 6: what is under way is given up at a deadline";
const LIMIT: &str = "docs/behaviour.md, http 6: limits are 8192 bytes of head and 1 MiB of body";

/// What was asked and told so far.
#[derive(Clone, Debug, Default)]
pub struct ClientWatch {
    /// When each request without an outcome was taken in.
    open: BTreeMap<FetchId, VecDeque<Instant>>,
    stop_by: Option<Instant>,
}

impl Watch<HttpClient> for ClientWatch {
    fn look(&mut self, sight: &Sight<'_, HttpClient>) -> Result<(), Objection> {
        let now = sight.now.steady;
        match sight.command {
            Some(ClientCommand::Fetch { id, .. }) => {
                self.open.entry(*id).or_default().push_back(now);
            }
            Some(ClientCommand::Shutdown { within }) => {
                let by = now + *within;
                self.stop_by = Some(self.stop_by.map_or(by, |before| before.min(by)));
            }
            None => {}
        }
        for notice in sight.notices {
            if let ClientNotice::Done { id, outcome, .. } = notice {
                let asked = self.open.get_mut(id).and_then(VecDeque::pop_front);
                if asked.is_none() {
                    return Err(objection(None, format!("{id} is over, and was not open"), ONCE));
                }
                if is_stop(outcome) && self.stop_by.is_none() {
                    return Err(objection(None, format!("{id} was given up"), STOP));
                }
                look_at_answer(sight, *id, outcome)?;
            }
        }
        if matches!(sight.step, Step::Idle(_)) { self.look_at_time(sight) } else { Ok(()) }
    }
}

impl ClientWatch {
    /// At rest nothing is late.
    fn look_at_time(&self, sight: &Sight<'_, HttpClient>) -> Result<(), Objection> {
        let now = sight.now.steady;
        let timeouts = sight.tenant.config().timeouts;
        for (id, asked) in &self.open {
            let Some(since) = asked.iter().min() else { continue };
            if *since + timeouts.connect + timeouts.whole < now {
                return Err(objection(Some(*since), format!("{id} goes on and on"), TIME));
            }
            if let Some(by) = self.stop_by.filter(|by| *by < now) {
                return Err(objection(Some(by), format!("{id} goes on behind the stop"), STOP));
            }
        }
        Ok(())
    }
}

fn look_at_answer(
    sight: &Sight<'_, HttpClient>,
    id: FetchId,
    outcome: &Outcome,
) -> Result<(), Objection> {
    let Ok(answer) = outcome else { return Ok(()) };
    let length = answer.body().len();
    if length > sight.tenant.config().answer.body_bytes_max {
        return Err(objection(None, format!("{id}: {length} bytes were taken"), LIMIT));
    }
    let said = answer.field("X-Length").and_then(|value| std::str::from_utf8(value).ok());
    let said = said.and_then(|text| text.parse().ok());
    let has_content = method_for(id) != Method::Head;
    if has_content && said.is_some_and(|said: usize| said != length) {
        return Err(objection(None, format!("{id}: {length} bytes came of {said:?}"), ONCE));
    }
    Ok(())
}

fn objection(since: Option<Instant>, what: String, rule: &'static str) -> Objection {
    Objection { oracle: "http-client", since, what, rule }
}
