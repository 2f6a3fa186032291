//! What the environment does, as constants: calls, their results, and what can go wrong.

use sockman::sockets::{
    AcceptError, Accepted, ConnError, ConnectError, ConnectStatus, Failure, Received, Sent,
};

use super::transition::Label;
use crate::faulty::{CallRecord, CallResult};

/// A call and the class of its result; `None` for calls that only set a state.
pub(super) fn name_of_call(record: &CallRecord) -> Option<(Label, Label)> {
    let fails = |failure| Label::new("fails", failure);
    let (call, outcome) = match &record.what {
        CallResult::Accept(Ok(Accepted::Conn { .. })) => ("accept", Label::plain("connection")),
        CallResult::Accept(Ok(Accepted::WouldBlock)) => ("accept", WOULD_BLOCK),
        CallResult::Accept(Err(error)) => ("accept", fails(name_of_accept_error(*error))),
        CallResult::Connect(_, Ok(_)) => ("connect", Label::plain("begins")),
        CallResult::Connect(_, Err(error)) => ("connect", fails(name_of_connect_error(*error))),
        CallResult::Status(Ok(ConnectStatus::InProgress)) => {
            ("status", Label::plain("in progress"))
        }
        CallResult::Status(Ok(ConnectStatus::Established)) => {
            ("status", Label::plain("established"))
        }
        CallResult::Status(Err(error)) => ("status", fails(name_of_connect_error(*error))),
        CallResult::Send(Ok(Sent::Bytes(count))) if *count < record.bytes.len() => {
            ("send", Label::plain("a part"))
        }
        CallResult::Send(Ok(Sent::Bytes(_))) => ("send", Label::plain("all")),
        CallResult::Send(Ok(Sent::WouldBlock)) => ("send", WOULD_BLOCK),
        CallResult::Send(Err(error)) => ("send", fails(name_of_conn_error(*error))),
        CallResult::Recv(Ok(Received::Bytes(_))) => ("recv", Label::plain("bytes")),
        CallResult::Recv(Ok(Received::WouldBlock)) => ("recv", WOULD_BLOCK),
        CallResult::Recv(Ok(Received::Eof)) => ("recv", Label::plain("end of stream")),
        CallResult::Recv(Err(error)) => ("recv", fails(name_of_conn_error(*error))),
        CallResult::Shutdown(Ok(())) => ("shutdown", Label::plain("done")),
        CallResult::Shutdown(Err(error)) => ("shutdown", fails(name_of_conn_error(*error))),
        CallResult::Close(_) => ("close", Label::plain("done")),
        CallResult::Listen(_)
        | CallResult::CloseListener(_)
        | CallResult::Interest(..)
        | CallResult::TakeError(_) => return None,
    };
    Some((Label::plain(call), outcome))
}

const WOULD_BLOCK: Label = Label::plain("would block");

/// A failure as a constant.
pub(crate) const fn name_of_failure(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused => "refused",
        Failure::Reset => "reset",
        Failure::BrokenPipe => "broken pipe",
        Failure::TimedOut => "timed out",
        Failure::HostUnreachable => "host unreachable",
        Failure::NetworkUnreachable => "network unreachable",
        Failure::Aborted => "aborted",
        Failure::NotConnected => "not connected",
        Failure::OutOfMemory => "out of memory",
        Failure::Other(_) => "other",
    }
}

/// Why nobody was accepted, as a constant.
pub(crate) const fn name_of_accept_error(error: AcceptError) -> &'static str {
    match error {
        AcceptError::Stale => "stale",
        AcceptError::OutOfDescriptors(_) => "out of descriptors",
        AcceptError::Aborted => "aborted",
        AcceptError::Other(_) => "other",
    }
}

/// Why an attempt came to nothing, as a constant.
pub(crate) const fn name_of_connect_error(error: ConnectError) -> &'static str {
    match error {
        ConnectError::Stale => "stale",
        ConnectError::Failed(failure) => name_of_failure(failure),
        ConnectError::OutOfPorts => "out of ports",
        ConnectError::OutOfDescriptors(_) => "out of descriptors",
        ConnectError::UnsupportedFamily => "unsupported family",
        ConnectError::PermissionDenied => "permission denied",
    }
}

const fn name_of_conn_error(error: ConnError) -> &'static str {
    match error {
        ConnError::Stale => "stale",
        ConnError::Failed(failure) => name_of_failure(failure),
    }
}
