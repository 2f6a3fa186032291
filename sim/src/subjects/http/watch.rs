//! What must be true of the server beyond what must be true of everything.
//!
//! * Requests of a connection come to the application in order, each once, no more of them at once
//!   than may be; each is answered once.
//! * A connection that ends in order has answered whatever the application had of it; so nothing
//!   is lost when the server stops.
//! * What ends in order ends with a FIN, and waits for the client's: a close could be a reset,
//!   which takes the answer away.
//! * While one connection has a request for the application, no other has two taken.
//! * Nobody is told that too many wait for workers while one more may.
//! * A server that was told to stop has stopped in time, and says so once, when nobody is left:
//!   whoever waits for it goes by that word.
//! * No connection is silent for longer than a timeout, unless the application has the word, or
//!   what the kernel took of an answer has earned more time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sockman::http::{Command, EndReason, Load, Notice, RequestId, Status};
use sockman::sockets::{ConnId, Received, Sent};
use sockman::time::Instant;

use super::Http;
use crate::faulty::{CallRecord, CallResult};
use crate::subject::{Objection, Sight, Watch};
use crate::turns::Turns;
use crate::world::Step;

const ORDER: &str = "docs/behaviour.md, http 2: answers leave in the order of the requests";
const TURNS: &str = "docs/behaviour.md, http 2: connections take turns";
const FIN: &str = "docs/behaviour.md, http 2: a connection ends with a FIN behind the last answer";
const SILENCE: &str = "docs/behaviour.md, http 3: nobody keeps a place by silence";
const QUEUE: &str = "docs/behaviour.md, http 5: 503 once as many wait as may";
const STOP: &str = "docs/behaviour.md, http 4: every request that was whole is answered";

/// Requests of one connection while another waits: they take turns.
const REQUESTS_MAX: usize = 1;

/// What was told so far.
#[derive(Clone, Debug)]
pub struct HttpWatch {
    /// Of each connection, the number of its next request.
    next: BTreeMap<ConnId, u64>,
    /// What the application has.
    open: BTreeSet<RequestId>,
    turns: Turns<ConnId>,
    stop_by: Option<Instant>,
    /// Whether it has said that it has stopped.
    has_stopped: bool,
    /// Connections that we have ended with a FIN, or that have failed.
    finished: BTreeSet<ConnId>,
    /// Of each connection, since when nothing has happened, and what it held then.
    silent: BTreeMap<ConnId, (Instant, Load)>,
    /// Of each connection with something to send: since when, and what the kernel took of it.
    sending: BTreeMap<ConnId, (Instant, u64)>,
}

impl Default for HttpWatch {
    fn default() -> Self {
        Self {
            next: BTreeMap::new(),
            open: BTreeSet::new(),
            turns: Turns::new(REQUESTS_MAX),
            stop_by: None,
            has_stopped: false,
            finished: BTreeSet::new(),
            silent: BTreeMap::new(),
            sending: BTreeMap::new(),
        }
    }
}

impl Watch<Http> for HttpWatch {
    fn look(&mut self, sight: &Sight<'_, Http>) -> Result<(), Objection> {
        if let Some(Command::Shutdown { within }) = sight.command {
            // Told again later, it does not take longer.
            let by = sight.now.steady + *within;
            self.stop_by = Some(self.stop_by.map_or(by, |before| before.min(by)));
        }
        let ends = |call: &&CallRecord| {
            matches!(call.what, CallResult::Shutdown(_) | CallResult::TakeError(Ok(Some(_))))
                || matches!(call.what, CallResult::Send(Err(_)) | CallResult::Recv(Err(_)))
        };
        self.finished.extend(sight.calls.iter().filter(ends).filter_map(|call| call.conn));
        for notice in sight.notices {
            self.hear(notice).map_err(|(what, rule)| objection(what, rule))?;
        }
        look_at_line(sight)?;
        self.look_at_turns(sight);
        self.look_at_silence(sight)?;
        self.look_at_stop(sight)
    }
}

impl HttpWatch {
    fn hear(&mut self, notice: &Notice) -> Result<(), (String, &'static str)> {
        match notice {
            Notice::RequestTaken { id, .. } => {
                let next = self.next.entry(id.conn).or_default();
                if *next != id.number {
                    return Err((format!("{id} came in place of the {next}th"), ORDER));
                }
                *next += 1;
                self.open.insert(*id);
                self.turns.serve(id.conn).map_err(|waiting| {
                    (format!("{id} was taken while one of {waiting} waited for longer"), TURNS)
                })
            }
            Notice::Answered { id, .. } if self.open.remove(id) => Ok(()),
            Notice::Answered { id, .. } => Err((format!("{id} was answered, and not open"), ORDER)),
            Notice::Disconnected { conn, reason } => {
                self.next.remove(conn);
                self.turns.forget(*conn);
                self.silent.remove(conn);
                self.sending.remove(conn);
                let left: Vec<_> = self.open.iter().filter(|id| id.conn == *conn).collect();
                let in_order = match reason {
                    EndReason::Answered
                    | EndReason::ClientClosed
                    | EndReason::IdleTimeout
                    | EndReason::Shutdown => true,
                    EndReason::WriteTimeout | EndReason::Lost(_) | EndReason::ShutdownDeadline => {
                        false
                    }
                };
                if in_order && let Some(id) = left.first() {
                    return Err((format!("{reason}, and {id} was never answered"), STOP));
                }
                self.open.retain(|id| id.conn != *conn);
                if self.finished.remove(conn) || !in_order {
                    return Ok(());
                }
                Err((format!("{conn} was closed without a FIN: {reason}"), FIN))
            }
            Notice::Stopped if self.has_stopped || self.stop_by.is_none() => {
                Err(("it stopped, and had, or was not told to".to_owned(), STOP))
            }
            Notice::Stopped => {
                self.has_stopped = true;
                Ok(())
            }
            Notice::Connected { .. } | Notice::Refused { .. } | Notice::AcceptFailed { .. } => {
                Ok(())
            }
        }
    }

    /// Whoever has a request for the application waits.
    fn look_at_turns(&mut self, sight: &Sight<'_, Http>) {
        for (conn, connection) in sight.conns.iter() {
            if connection.load().requests_ready > 0 {
                self.turns.wait(conn);
            } else {
                self.turns.leave(conn);
            }
        }
    }

    /// Bytes that pass, and what the server does by itself, end a silence.
    fn look_at_silence(&mut self, sight: &Sight<'_, Http>) -> Result<(), Objection> {
        let now = sight.now.steady;
        let passes = |what: &CallResult| {
            matches!(what, CallResult::Recv(Ok(Received::Bytes(_))))
                || matches!(what, CallResult::Send(Ok(Sent::Bytes(1..))))
        };
        let timeouts = sight.tenant.server().config().timeouts;
        let rate = u64::from(timeouts.answer_bytes_per_sec_min);
        for (conn, connection) in sight.conns.iter() {
            let load = connection.load();
            note_sending(&mut self.sending, now, conn, load.unsent_bytes, sight.calls);
            let passed =
                sight.calls.iter().any(|call| call.conn == Some(conn) && passes(&call.what));
            let (since, before) = self.silent.entry(conn).or_insert((now, load));
            if passed || *before != load {
                (*since, *before) = (now, load);
            }
            // All of them are alike here.
            let timeout = sight.tenant.server().config().timeouts.idle;
            let waits_for_us = load.requests_open > 0 && load.unsent_bytes == 0;
            let late = match self.sending.get(&conn) {
                Some((began, taken)) => *began + timeout + Duration::from_secs(taken / rate + 1),
                None => *since + timeout,
            };
            let is_silent = !load.is_over && !waits_for_us && late <= now;
            if is_silent && matches!(sight.step, Step::Idle(_)) {
                let what = format!("{conn} is silent, and goes on: {load:?}");
                return Err(Objection { since: Some(*since), ..objection(what, SILENCE) });
            }
        }
        Ok(())
    }

    /// At rest nothing is left of a server whose time is over, and nobody waits for its last word.
    fn look_at_stop(&self, sight: &Sight<'_, Http>) -> Result<(), Objection> {
        let Some(by) = self.stop_by.filter(|_| matches!(sight.step, Step::Idle(_))) else {
            return Ok(());
        };
        let what = match sight.conns.count() {
            0 if !self.has_stopped => {
                "nobody is left, and it does not say that it has stopped".into()
            }
            0 => return Ok(()),
            count if self.has_stopped => {
                format!("it has stopped, and {count} connections are left")
            }
            count if by <= sight.now.steady => {
                format!("{count} connections are left of a server that was told to stop")
            }
            _ => return Ok(()),
        };
        Err(Objection { since: Some(by), ..objection(what, STOP) })
    }
}

/// Who was turned away has found as many before it as may wait: nobody has taken one since.
fn look_at_line(sight: &Sight<'_, Http>) -> Result<(), Objection> {
    let line = sight.tenant.server().application().line();
    let is_full = line.waiting() == line.queue_max();
    for notice in sight.notices {
        if let Notice::Answered { id, status: Status::SERVICE_UNAVAILABLE } = notice
            && !is_full
        {
            let what = format!("{id} was turned away, and {} wait", line.waiting());
            return Err(objection(what, QUEUE));
        }
    }
    Ok(())
}

/// Keeps up to date since when a connection has something to send, and how much of it has gone.
fn note_sending(
    sending: &mut BTreeMap<ConnId, (Instant, u64)>,
    now: Instant,
    conn: ConnId,
    unsent_bytes: usize,
    calls: &[CallRecord],
) {
    if unsent_bytes == 0 {
        sending.remove(&conn);
        return;
    }
    let (_, taken) = sending.entry(conn).or_insert((now, 0));
    for call in calls.iter().filter(|call| call.conn == Some(conn)) {
        if let CallResult::Send(Ok(Sent::Bytes(count))) = call.what {
            *taken += count as u64;
        }
    }
}

fn objection(what: String, rule: &'static str) -> Objection {
    Objection { oracle: "http", since: None, what, rule }
}

#[cfg(test)]
mod tests {
    use sockman::http::Method;
    use sockman::slab::Key as _;

    use super::*;

    fn id(conn: u32, number: u64) -> RequestId {
        RequestId { conn: ConnId::new(conn, 0), number }
    }

    fn taken(conn: u32, number: u64) -> Notice {
        let (id, method) = (id(conn, number), Method::Get);
        Notice::RequestTaken { id, method, body_bytes: 0 }
    }

    fn answered(conn: u32, number: u64) -> Notice {
        Notice::Answered { id: id(conn, number), status: Status::OK }
    }

    fn ended(conn: u32, reason: EndReason) -> Notice {
        Notice::Disconnected { conn: ConnId::new(conn, 0), reason }
    }

    /// All but the last of these are as they should be; the rule that the last one breaks, if any.
    #[track_caller]
    fn check(notices: &[Notice], rule: Option<&str>) {
        let mut watch = HttpWatch::default();
        let (last, before) = notices.split_last().expect("there is one to check");
        watch.finished.extend([1, 2].map(|conn| ConnId::new(conn, 0)));
        for notice in before {
            watch.hear(notice).expect("it is as it should be");
        }
        assert_eq!(watch.hear(last).err().map(|(_, rule)| rule), rule);
    }

    #[test]
    fn requests_out_of_order_and_answers_to_none_are_noticed() {
        check(&[taken(1, 0), taken(2, 0), taken(1, 1), answered(1, 1), answered(1, 0)], None);
        check(&[taken(1, 1)], Some(ORDER));
        check(&[taken(1, 0), taken(1, 0)], Some(ORDER));
        check(&[answered(1, 0)], Some(ORDER));
        check(&[taken(1, 0), answered(1, 0), answered(1, 0)], Some(ORDER));
    }

    #[test]
    fn request_that_is_lost_in_order_is_noticed() {
        let lost = |reason| [taken(1, 0), ended(1, reason)];
        check(&lost(EndReason::Shutdown), Some(STOP));
        check(&lost(EndReason::ClientClosed), Some(STOP));
        check(&lost(EndReason::ShutdownDeadline), None);
        check(&[taken(1, 0), answered(1, 0), ended(1, EndReason::Shutdown)], None);
        // Of another connection.
        check(&[taken(2, 0), ended(1, EndReason::Shutdown)], None);
    }

    #[test]
    fn end_without_a_fin_is_noticed() {
        let mut watch = HttpWatch::default();
        let end = ended(1, EndReason::Answered);
        assert_eq!(watch.hear(&end).expect_err("there was none").1, FIN);
        watch.hear(&ended(1, EndReason::WriteTimeout)).expect("it is no end in order");
    }

    #[test]
    fn last_word_of_a_server_comes_once_and_not_unasked() {
        check(&[Notice::Stopped], Some(STOP));
        let mut watch = HttpWatch { stop_by: Some(Instant::START), ..HttpWatch::default() };
        watch.hear(&Notice::Stopped).expect("it was told to");
        assert_eq!(watch.hear(&Notice::Stopped).expect_err("it had").1, STOP);
    }

    #[test]
    fn second_request_while_another_waits_is_noticed() {
        let mut watch = HttpWatch::default();
        watch.turns.wait(ConnId::new(2, 0));
        watch.hear(&taken(1, 0)).expect("one may come before");
        let (_, rule) = watch.hear(&taken(1, 1)).expect_err("the other has waited for longer");
        assert_eq!(rule, TURNS);
    }
}
