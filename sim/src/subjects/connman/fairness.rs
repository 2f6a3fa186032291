//! Fairness among peers: whose message is handled (docs/behaviour.md, connman 8).
//!
//! The model says who has a whole message that may be handled. While one has, no other has more
//! than [`MESSAGES_MAX`] handled. And passes take peers in an order drawn anew, so that
//!
//! * of several who begin to wait while nobody does, each comes first with equal chance;
//! * two who wait for many passes without a break do not take turns strictly: that would be the
//!   same order in every pass, which for two has a chance of one half each time.

use std::collections::BTreeMap;

use sockman::sockets::ConnId;

use crate::subject::Objection;
use crate::turns::Turns;

const RULE: &str = "docs/behaviour.md, connman 8: one message of each, in an order drawn anew";

/// Messages of one peer while another waits: its place in the pass under way may still come when
/// the other's is over, and it may come first in the next.
const MESSAGES_MAX: usize = 2;

/// So many passes in a row may go in favour of one peer, or in the order of the pass before. Each
/// time the chance is a half at most, and draws are independent: one more is seen by chance in one
/// of 2^64 places at which such a row might begin.
const PASSES_IN_A_ROW_MAX: u32 = 64;

/// Whose messages wait, and who came first how often.
#[derive(Clone, Debug)]
pub(super) struct Fairness {
    turns: Turns<ConnId>,
    /// Whether everybody who waits began to since nobody did, and nobody was served.
    is_fresh: bool,
    first_in_a_row: BTreeMap<ConnId, u32>,
    /// Two that wait without a break.
    pair: Option<Pair>,
}

/// Two that both wait since a message of the first was handled.
#[derive(Clone, Copy, Debug)]
struct Pair {
    both: [ConnId; 2],
    last: ConnId,
    /// How often the other came next, in a row.
    alternations: u32,
}

impl Default for Fairness {
    fn default() -> Self {
        let turns = Turns::new(MESSAGES_MAX);
        Self { turns, is_fresh: true, first_in_a_row: BTreeMap::new(), pair: None }
    }
}

impl Fairness {
    /// Notes whether a peer has a message that may be handled.
    pub(super) fn note(&mut self, conn: ConnId, waits: bool) {
        if waits {
            self.turns.wait(conn);
        } else {
            self.turns.leave(conn);
            self.part(conn);
        }
        self.is_fresh |= !self.turns.has_waiting();
    }

    /// Somebody waits no more: the pair is none.
    fn part(&mut self, conn: ConnId) {
        if self.pair.is_some_and(|pair| pair.both.contains(&conn)) {
            self.pair = None;
        }
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        self.turns.forget(conn);
        self.first_in_a_row.remove(&conn);
        self.part(conn);
        self.is_fresh |= !self.turns.has_waiting();
    }

    /// A message of a peer's was handled; [`note`](Self::note) follows. `is_over` says whether
    /// somebody was given up, who waits no more though his connection is not closed yet.
    pub(super) fn handled(
        &mut self,
        conn: ConnId,
        is_over: impl Fn(ConnId) -> bool,
    ) -> Result<(), Objection> {
        if std::mem::take(&mut self.is_fresh) {
            self.contest(conn)?;
        }
        self.alternate(conn)?;
        let Err(waiting) = self.turns.serve(conn) else { return Ok(()) };
        if is_over(waiting) {
            self.note(waiting, false);
            return Ok(());
        }
        let count = MESSAGES_MAX + 1;
        let what = format!("{count} messages of {conn} were handled while one of {waiting} waited");
        Err(Objection { oracle: "fairness", since: None, what, rule: RULE })
    }

    /// Two who wait on and on do not take turns strictly.
    fn alternate(&mut self, conn: ConnId) -> Result<(), Objection> {
        match &mut self.pair {
            None => {
                let other = self.turns.waiting().find(|other| *other != conn);
                let pair = |other| Pair { both: [conn, other], last: conn, alternations: 0 };
                self.pair = other.map(pair);
            }
            Some(pair) if pair.last == conn => pair.alternations = 0,
            Some(pair) if pair.both.contains(&conn) => {
                pair.last = conn;
                pair.alternations += 1;
                if pair.alternations > 2 * PASSES_IN_A_ROW_MAX {
                    let [one, other] = pair.both;
                    let what = format!(
                        "{one} and {other} took turns {} times, in one order",
                        pair.alternations
                    );
                    return Err(Objection { oracle: "fairness", since: None, what, rule: RULE });
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Somebody is first of all who wait.
    fn contest(&mut self, first: ConnId) -> Result<(), Objection> {
        let mut others = self.turns.waiting().filter(|conn| *conn != first).peekable();
        if others.peek().is_none() {
            return Ok(());
        }
        for other in others {
            self.first_in_a_row.insert(other, 0);
        }
        let count = self.first_in_a_row.entry(first).or_default();
        *count += 1;
        if *count <= PASSES_IN_A_ROW_MAX {
            return Ok(());
        }
        let what = format!("{first} was handled first {count} times in a row, though others wait");
        Err(Objection { oracle: "fairness", since: None, what, rule: RULE })
    }
}
