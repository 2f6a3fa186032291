//! The system's error numbers, mapped to the typed errors: here, once, for every backend that talks
//! to a Unix kernel.
//!
//! Which number a call gives in which state is in docs/behaviour.md. "Not now" never gets here: the
//! calls turn it into a result.

use rustix::io;

use super::super::error::{
    AcceptError, ConnError, ConnectError, DescriptorLimit, Errno, Failure, ListenError, WaitError,
};

impl From<io::Errno> for Errno {
    fn from(errno: io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match io::Errno::from_raw_os_error(errno.0) {
            // A Unix path that does not exist is an address where nobody listens.
            io::Errno::CONNREFUSED | io::Errno::NOENT => Self::Refused,
            io::Errno::CONNRESET => Self::Reset,
            io::Errno::PIPE => Self::BrokenPipe,
            io::Errno::TIMEDOUT => Self::TimedOut,
            io::Errno::HOSTUNREACH => Self::HostUnreachable,
            io::Errno::NETUNREACH => Self::NetworkUnreachable,
            io::Errno::CONNABORTED => Self::Aborted,
            io::Errno::NOTCONN => Self::NotConnected,
            io::Errno::NOBUFS | io::Errno::NOMEM => Self::OutOfMemory,
            _ => Self::Other(errno),
        }
    }
}

impl From<Errno> for ConnError {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<Errno> for ConnectError {
    fn from(errno: Errno) -> Self {
        if let Some(limit) = descriptor_limit(errno) {
            return Self::OutOfDescriptors(limit);
        }
        match io::Errno::from_raw_os_error(errno.0) {
            io::Errno::ADDRNOTAVAIL => Self::OutOfPorts,
            io::Errno::AFNOSUPPORT => Self::UnsupportedFamily,
            io::Errno::ACCESS | io::Errno::PERM => Self::PermissionDenied,
            _ => Self::Failed(errno.into()),
        }
    }
}

impl From<Errno> for ListenError {
    fn from(errno: Errno) -> Self {
        if let Some(limit) = descriptor_limit(errno) {
            return Self::OutOfDescriptors(limit);
        }
        match io::Errno::from_raw_os_error(errno.0) {
            io::Errno::ADDRINUSE => Self::AddressInUse,
            io::Errno::ADDRNOTAVAIL => Self::AddressNotAvailable,
            io::Errno::ACCESS | io::Errno::PERM => Self::PermissionDenied,
            io::Errno::AFNOSUPPORT => Self::UnsupportedFamily,
            _ => Self::Other(errno),
        }
    }
}

impl From<Errno> for AcceptError {
    fn from(errno: Errno) -> Self {
        if let Some(limit) = descriptor_limit(errno) {
            return Self::OutOfDescriptors(limit);
        }
        match io::Errno::from_raw_os_error(errno.0) {
            io::Errno::CONNABORTED => Self::Aborted,
            _ => Self::Other(errno),
        }
    }
}

impl From<Errno> for WaitError {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// Whose descriptors ran out, if that is what the number says.
fn descriptor_limit(errno: Errno) -> Option<DescriptorLimit> {
    match io::Errno::from_raw_os_error(errno.0) {
        io::Errno::MFILE => Some(DescriptorLimit::Process),
        io::Errno::NFILE => Some(DescriptorLimit::System),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[track_caller]
    fn check<E: From<Errno> + PartialEq + fmt::Debug>(errno: io::Errno, expected: E) {
        assert_eq!(E::from(errno.into()), expected);
    }

    #[test]
    fn failure_has_a_name_where_there_is_one() {
        check(io::Errno::CONNREFUSED, Failure::Refused);
        check(io::Errno::NOENT, Failure::Refused);
        check(io::Errno::CONNRESET, Failure::Reset);
        check(io::Errno::PIPE, Failure::BrokenPipe);
        check(io::Errno::TIMEDOUT, Failure::TimedOut);
        check(io::Errno::HOSTUNREACH, Failure::HostUnreachable);
        check(io::Errno::NETUNREACH, Failure::NetworkUnreachable);
        check(io::Errno::CONNABORTED, Failure::Aborted);
        check(io::Errno::NOTCONN, Failure::NotConnected);
        check(io::Errno::NOBUFS, Failure::OutOfMemory);
        check(io::Errno::NOMEM, Failure::OutOfMemory);
    }

    #[test]
    fn nameless_number_is_carried() {
        let nameless = io::Errno::MSGSIZE;
        check(nameless, Failure::Other(nameless.into()));
        check(nameless, ConnError::Failed(Failure::Other(nameless.into())));
        check(nameless, ConnectError::Failed(Failure::Other(nameless.into())));
        check(nameless, ListenError::Other(nameless.into()));
        check(nameless, AcceptError::Other(nameless.into()));
        check(nameless, WaitError(nameless.into()));
    }

    #[test]
    fn exhausted_descriptors_name_whose_they_were() {
        let (process, system) = (DescriptorLimit::Process, DescriptorLimit::System);
        check(io::Errno::MFILE, ListenError::OutOfDescriptors(process));
        check(io::Errno::NFILE, ListenError::OutOfDescriptors(system));
        check(io::Errno::MFILE, AcceptError::OutOfDescriptors(process));
        check(io::Errno::NFILE, AcceptError::OutOfDescriptors(system));
        check(io::Errno::MFILE, ConnectError::OutOfDescriptors(process));
        check(io::Errno::NFILE, ConnectError::OutOfDescriptors(system));
    }

    #[test]
    fn one_number_means_another_thing_to_another_call() {
        check(io::Errno::ADDRNOTAVAIL, ListenError::AddressNotAvailable);
        check(io::Errno::ADDRNOTAVAIL, ConnectError::OutOfPorts);
        check(io::Errno::ADDRINUSE, ListenError::AddressInUse);
        check(io::Errno::ACCESS, ListenError::PermissionDenied);
        check(io::Errno::PERM, ConnectError::PermissionDenied);
        check(io::Errno::AFNOSUPPORT, ListenError::UnsupportedFamily);
        check(io::Errno::AFNOSUPPORT, ConnectError::UnsupportedFamily);
        check(io::Errno::CONNABORTED, AcceptError::Aborted);
        check(io::Errno::CONNREFUSED, ConnectError::Failed(Failure::Refused));
    }
}
