//! A slot is not held for ever by somebody who does not complete the handshake.
//!
//! It hears facts alone, so that any tenant can be held to it.

use std::collections::BTreeMap;
use std::time::Duration;

use sockman::sockets::ConnId;
use sockman::time::{Instant, Now, UnixTime};

use crate::subject::{Fact, Objection};

/// The check is strict, on a clock of whole seconds in the reference: so long may it take beyond.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(2);

/// A slot is not held for ever by somebody who does not complete the handshake.
#[derive(Clone, Debug, Default)]
pub struct HandshakeWatch {
    /// Who is up and not ready: since when, on both clocks.
    waiting: BTreeMap<ConnId, Now>,
    last_wall: UnixTime,
    last_steady: Instant,
}

impl HandshakeWatch {
    /// Hears what a step has told.
    pub fn hear(&mut self, now: Now, facts: impl Iterator<Item = Fact>) {
        for fact in facts {
            match fact {
                Fact::Up(conn) => drop(self.waiting.insert(conn, now)),
                Fact::Ready(conn) | Fact::Down(conn, _) => drop(self.waiting.remove(&conn)),
            }
        }
        let expected = self.last_wall + now.steady.since(self.last_steady);
        let knows_the_time = self.last_wall != UnixTime::EPOCH;
        (self.last_wall, self.last_steady) = (now.wall, now.steady);
        if knows_the_time {
            // A clock that was set back has to come as far again first; one that was set forward
            // only ends things sooner.
            let back = expected - now.wall;
            self.waiting.values_mut().for_each(|since| since.steady = since.steady + back);
        }
    }

    /// Looks at a node at rest, where a handshake may take so long. Until it rests, it may not yet
    /// have come to what has fallen due.
    ///
    /// # Errors
    ///
    /// Somebody has held its slot for too long.
    pub fn check(&self, within: Duration, now: Now) -> Result<(), Objection> {
        for (conn, since) in &self.waiting {
            if now.steady > since.steady + within + HANDSHAKE_GRACE {
                let what = format!("{conn} holds its slot without a complete handshake");
                return Err(Objection {
                    oracle: "protocol",
                    since: Some(since.steady),
                    what,
                    rule: "docs/behaviour.md, connman 9: timeouts",
                });
            }
        }
        Ok(())
    }
}
