//! The life of a connection: let in, served, ended once.

use std::time::Duration;

use super::application::{Replies, RequestId};
use super::connection::{Connection, Input};
use super::notice::{EndReason, Notice, Refusal};
use super::response::Response;
use super::{Application, Server, timers};
use crate::sockets::{ConnId, Endpoint};
use crate::sockman::{Action, Conns, StepName};
use crate::time::Now;

/// From our FIN to the client's while the server stops. Ours: several round trips of a near client,
/// which all that it had asked for was answered to, so that it is not worth the end's waiting.
const STOP_LINGER: Duration = Duration::from_millis(250);

impl<A: Application> Server<A> {
    /// Somebody connected.
    pub(super) fn accept(
        &mut self,
        now: Now,
        conn: ConnId,
        endpoint: Endpoint,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let refusal = if self.stopping {
            Some(Refusal::Stopping)
        } else if self.connection_count >= self.config.connections_max {
            Some(Refusal::Full)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.notices.push(Notice::Refused { conn, endpoint, refusal });
            actions.push(Action::Close(conn));
            return;
        }
        self.connection_count += 1;
        self.connections_made += 1;
        conns.adopt(conn, Connection::new(now.steady, endpoint.clone(), &self.config));
        self.notices.push(Notice::Connected { conn, endpoint });
        self.settle(now, conn, conns, actions);
    }

    /// Brings what follows from a connection's state up to date, after any change of it: what is
    /// sent, whether it is read from, whose turn it is, what is timed, and whether it is done.
    pub(super) fn settle(
        &mut self,
        now: Now,
        conn: ConnId,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let Some(connection) = conns.get_mut(conn) else { return };
        if connection.is_live() {
            let was_sending = !connection.outbox.is_empty();
            connection.pump(now);
            if !was_sending && !connection.outbox.is_empty() {
                actions.push(Action::Send(conn));
            }
            if connection.is_done() {
                let reason = self.end_reason(connection);
                self.finish(now, conn, reason, conns, actions);
                return;
            }
            let reads = connection.wants_bytes();
            if connection.reading != reads {
                connection.reading = reads;
                actions.push(Action::Receive(conn));
            }
            self.set_turn(conn, conns);
        }
        let Some(connection) = conns.get_mut(conn) else { return };
        account(&mut self.held_bytes, connection);
        timers::arm(&mut self.timers, conn, connection, &self.config);
    }

    /// Why a connection that is done is over.
    const fn end_reason(&self, connection: &Connection) -> EndReason {
        if connection.client_closed {
            EndReason::ClientClosed
        } else if self.stopping {
            EndReason::Shutdown
        } else {
            EndReason::Answered
        }
    }

    /// Puts a connection into the queue for the application, or out of it.
    fn set_turn(&mut self, conn: ConnId, conns: &mut Conns<Connection>) {
        let Some(connection) = conns.get_mut(conn) else { return };
        let has_ready = connection.has_ready();
        if has_ready == connection.has_turn {
            return;
        }
        connection.has_turn = has_ready;
        if has_ready {
            self.turns.push_back(conn);
        } else {
            self.turns.retain(|other| *other != conn);
        }
    }

    /// Ends a connection in order. All that was to be sent is the kernel's.
    pub(super) fn finish(
        &mut self,
        now: Now,
        conn: ConnId,
        reason: EndReason,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let linger = self.config.timeouts.linger;
        let within = if self.stopping { linger.min(STOP_LINGER) } else { linger };
        if self.end(now, conn, reason, conns) {
            actions.push(Action::Finish { conn, within });
        }
    }

    /// Ends a connection at once. What was not sent is lost.
    pub(super) fn close(
        &mut self,
        now: Now,
        conn: ConnId,
        reason: EndReason,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.end(now, conn, reason, conns);
        let Some(connection) = conns.get_mut(conn) else { return };
        if !connection.close_asked {
            connection.close_asked = true;
            actions.push(Action::Close(conn));
        }
    }

    /// A connection is over; whether it was not before. The first reason stands.
    fn end(
        &mut self,
        now: Now,
        conn: ConnId,
        reason: EndReason,
        conns: &mut Conns<Connection>,
    ) -> bool {
        let Some(connection) = conns.get_mut(conn).filter(|of| of.is_live()) else { return false };
        connection.ended = Some(reason);
        let dropped: Vec<_> = connection.open().collect();
        connection.clear();
        account(&mut self.held_bytes, connection);
        timers::arm(&mut self.timers, conn, connection, &self.config);
        self.set_turn(conn, conns);
        for number in dropped {
            self.application.handle_dropped(now, RequestId { conn, number });
        }
        true
    }

    // The application.

    /// Whose request is next.
    pub(super) fn next_request_step(&self) -> Option<StepName<'static>> {
        let conn = self.turns.front().copied()?;
        Some(StepName { verb: "serves", object: "request", conn: Some(conn) })
    }

    /// The application gets one request; connections take turns.
    pub(super) fn step_requests(
        &mut self,
        now: Now,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let conn = self.turns.pop_front().expect("the task is runnable");
        let connection = conns.get_mut(conn).expect("who is over has no turn");
        connection.has_turn = false;
        let (id, request) = connection.take_ready(conn).expect("who has a turn has a request");
        let (method, body_bytes) = (request.method(), request.body().len());
        self.notices.push(Notice::RequestTaken { id, method, body_bytes });
        self.set_turn(conn, conns);
        let connection = conns.get(conn).expect("who has a turn is there");
        let mut replies = Replies::default();
        let client = &connection.endpoint;
        self.application.handle_request(now, id, client, request, &mut replies);
        self.give(now, replies, conns, actions);
        self.settle(now, conn, conns, actions);
    }

    /// The time has come that the application named.
    pub(super) fn wake_application(
        &mut self,
        now: Now,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let mut replies = Replies::default();
        self.application.handle_wakeup(now, &mut replies);
        self.give(now, replies, conns, actions);
    }

    fn give(
        &mut self,
        now: Now,
        replies: Replies,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        for (id, response) in replies.given {
            self.respond(now, id, response, conns, actions);
        }
    }

    /// Answers a request that the application has. One for which nobody waits any more is no error:
    /// its connection is over, or it was answered before.
    pub fn respond(
        &mut self,
        now: Now,
        id: RequestId,
        response: Response,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let Some(connection) = conns.get_mut(id.conn) else { return };
        let status = response.status();
        if connection.answer(id.number, response) {
            self.notices.push(Notice::Answered { id, status });
            self.settle(now, id.conn, conns, actions);
        }
    }

    // The end.

    /// Nothing new is taken; what is whole is answered.
    pub(super) fn stop(
        &mut self,
        now: Now,
        within: Duration,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let by = now.steady + within;
        self.stop_by = Some(self.stop_by.map_or(by, |before| before.min(by)));
        if self.stopping {
            return;
        }
        self.stopping = true;
        actions.extend(self.listeners.drain(..).map(Action::StopListening));
        for conn in ids(conns) {
            let Some(connection) = conns.get_mut(conn).filter(|of| of.is_live()) else { continue };
            if connection.input != Input::Closed {
                connection.close_input();
            }
            self.settle(now, conn, conns, actions);
        }
        self.note_stopped();
    }

    /// The time to stop in order is over.
    pub(super) fn stop_now(
        &mut self,
        now: Now,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.stop_by = None;
        for conn in ids(conns) {
            self.close(now, conn, EndReason::ShutdownDeadline, conns, actions);
        }
    }

    pub(super) fn note_stopped(&mut self) {
        if self.stopping && self.connection_count == 0 {
            self.stop_by = None;
            self.notices.push(Notice::Stopped);
        }
    }
}

/// Brings the count of what all connections hold up to date with one of them.
pub(super) fn account(held_bytes: &mut usize, connection: &mut Connection) {
    let held = connection.held_bytes();
    *held_bytes = *held_bytes - connection.held + held;
    connection.held = held;
}

fn ids(conns: &Conns<Connection>) -> Vec<ConnId> {
    conns.iter().map(|(conn, _)| conn).collect()
}
