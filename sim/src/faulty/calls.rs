//! The calls: each asks the plan, makes the call or not, and records what came of it.

use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus,
    DescriptorLimit, Direction, Endpoint, Event, Failure, Interest, ListenError, ListenerId, More,
    Received, Sent, Sockets, Source, Stale, Wait, WaitError,
};

use crate::schedule::{Call, Effect};

use super::{CallRecord, CallResult, Faulty, Reach};

impl<S: Sockets> Sockets for Faulty<S> {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let result = self.inner.listen(at);
        self.record(CallResult::Listen(result), None, false);
        result
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let planned = self.effect(Call::Accept, None);
        let forced = planned.and_then(|(effect, key)| {
            let result = match effect {
                Effect::OutOfDescriptors => {
                    Err(AcceptError::OutOfDescriptors(DescriptorLimit::Process))
                }
                Effect::Aborted => Err(AcceptError::Aborted),
                Effect::WouldBlock => Ok(Accepted::WouldBlock),
                Effect::Bytes(_)
                | Effect::Reset
                | Effect::TimedOut
                | Effect::OutOfMemory
                | Effect::Unreachable
                | Effect::NoSpace
                | Effect::Io => return None,
            };
            Some((result, key))
        });
        let planned = forced.is_some();
        let result = match forced {
            Some((result, key)) => {
                self.reached(key, Reach::Effective);
                result
            }
            None => self.inner.accept(listener),
        };
        if let Ok(Accepted::Conn { conn, peer }) = &result {
            self.remember(*conn, peer);
        }
        let conn = match &result {
            Ok(Accepted::Conn { conn, .. }) => Some(*conn),
            Ok(Accepted::WouldBlock) | Err(_) => None,
        };
        self.record(CallResult::Accept(result.clone()), conn, planned);
        result
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        let actor = to.ip().and_then(|address| self.addresses.get(&address.ip())).copied();
        let planned = self.effect(Call::Connect, actor);
        let forced = planned.and_then(|(effect, key)| {
            let error = match effect {
                Effect::OutOfDescriptors => {
                    ConnectError::OutOfDescriptors(DescriptorLimit::Process)
                }
                Effect::Bytes(_) | Effect::WouldBlock | Effect::NoSpace | Effect::Io => {
                    return None;
                }
                Effect::Reset
                | Effect::TimedOut
                | Effect::Unreachable
                | Effect::OutOfMemory
                | Effect::Aborted => ConnectError::Failed(failure_of(effect)?),
            };
            Some((error, key))
        });
        let result = match forced {
            Some((error, key)) => {
                self.reached(key, Reach::Effective);
                Err(error)
            }
            None => self.inner.connect(to),
        };
        if let Ok(conn) = result {
            self.remember(conn, to);
        }
        self.record(CallResult::Connect(to.clone(), result), result.ok(), forced.is_some());
        result
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let result = match self.check_not_ended(conn) {
            Ok(()) => self.inner.connect_status(conn),
            Err(failure) => Err(ConnectError::Failed(failure)),
        };
        self.record(CallResult::Status(result), Some(conn), false);
        result
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let planned = self.effect(Call::Send, self.actor(conn));
        let start = self.bytes.len();
        slices.iter().for_each(|slice| self.bytes.extend_from_slice(slice));
        let offered = self.bytes.len() - start;
        let result = if self.is_ended(conn) {
            self.reached_in_vain(planned);
            let nothing = Ok(Sent::Bytes(0));
            if offered == 0 { nothing } else { Err(ConnError::Failed(Failure::BrokenPipe)) }
        } else {
            match planned {
                None => self.inner.send(conn, slices, more),
                Some((Effect::Bytes(count), key)) => {
                    let count = (count as usize).min(offered);
                    let effect =
                        if count < offered { Reach::Effective } else { Reach::WithoutEffect };
                    self.reached(key, effect);
                    let allowed = IoSlice::new(&self.bytes[start..start + count]);
                    self.inner.send(conn, &[allowed], more)
                }
                Some((effect, key)) => {
                    self.reached(key, Reach::Effective);
                    match failure_of(effect) {
                        None => Ok(Sent::WouldBlock),
                        Some(failure) => {
                            self.ended.push(conn);
                            Err(ConnError::Failed(failure))
                        }
                    }
                }
            }
        };
        let bytes = start..self.bytes.len();
        let what = CallResult::Send(result);
        let (conn, planned) = (Some(conn), planned.is_some());
        self.calls.push(CallRecord { what, conn, planned, more, bytes });
        result
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let planned = self.effect(Call::Recv, self.actor(conn));
        let result = if self.is_ended(conn) {
            self.reached_in_vain(planned);
            Ok(Received::Eof)
        } else {
            match planned {
                None => self.inner.recv(conn, buffer),
                Some((Effect::Bytes(count), key)) => {
                    let count = (count as usize).clamp(1, buffer.len());
                    let result = self.inner.recv(conn, &mut buffer[..count]);
                    let full = result == Ok(Received::Bytes(count));
                    self.reached(key, if full { Reach::Effective } else { Reach::WithoutEffect });
                    result
                }
                Some((effect, key)) => {
                    self.reached(key, Reach::Effective);
                    match failure_of(effect) {
                        None => Ok(Received::WouldBlock),
                        Some(failure) => {
                            self.ended.push(conn);
                            Err(ConnError::Failed(failure))
                        }
                    }
                }
            }
        };
        let start = self.bytes.len();
        if let Ok(Received::Bytes(count)) = result {
            self.bytes.extend_from_slice(&buffer[..count]);
        }
        let bytes = start..self.bytes.len();
        let what = CallResult::Recv(result);
        let (conn, planned, more) = (Some(conn), planned.is_some(), More::No);
        self.calls.push(CallRecord { what, conn, planned, more, bytes });
        result
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let result = match self.check_not_ended(conn) {
            Ok(()) => self.inner.shutdown(conn, direction),
            Err(failure) => Err(ConnError::Failed(failure)),
        };
        self.record(CallResult::Shutdown(result), Some(conn), false);
        result
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.ended.retain(|ended| *ended != conn);
        let result = self.inner.close(conn, how);
        self.record(CallResult::Close(result), Some(conn), false);
        result
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let result = self.inner.close_listener(listener);
        self.record(CallResult::CloseListener(result), None, false);
        result
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let result = self.inner.set_interest(source, interest);
        let conn = match source {
            Source::Conn(conn) => Some(conn),
            Source::Listener(_) => None,
        };
        self.record(CallResult::Interest(interest, result), conn, false);
        result
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        // The one error was told by the call that the plan made fail.
        let result = if self.is_ended(conn) { Ok(None) } else { self.inner.take_error(conn) };
        self.record(CallResult::TakeError(result), Some(conn), false);
        result
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.check_not_ended(conn).map_err(ConnError::Failed)?;
        self.inner.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener)
    }
}

/// The failure by which an effect ends a connection.
const fn failure_of(effect: Effect) -> Option<Failure> {
    match effect {
        Effect::Reset => Some(Failure::Reset),
        Effect::TimedOut => Some(Failure::TimedOut),
        Effect::OutOfMemory => Some(Failure::OutOfMemory),
        Effect::Unreachable => Some(Failure::HostUnreachable),
        Effect::Aborted => Some(Failure::Aborted),
        Effect::Bytes(_)
        | Effect::WouldBlock
        | Effect::OutOfDescriptors
        | Effect::NoSpace
        | Effect::Io => None,
    }
}

impl<S: Wait> Wait for Faulty<S> {
    type Waker = S::Waker;

    /// As the backend says, and that connections which the plan has made fail are over.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let timeout = if self.ended.is_empty() { timeout } else { Some(Duration::ZERO) };
        self.inner.wait(timeout, events)?;
        self.report_ended(events);
        Ok(())
    }

    fn waker(&self) -> S::Waker {
        self.inner.waker()
    }
}
