//! The ways in which a connection moves on, by name, so that a run can say which it has seen.

/// Makes the enum, and the list of all there are, out of one list.
macro_rules! transitions {
    ($($name:ident,)+) => {
        /// A way in which a connection moves on. Every one is to be seen on every backend, or to be
        /// listed as one that cannot be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are those of the calls and their results")]
        pub enum Transition {
            $($name,)+
        }

        impl Transition {
            /// All of them, in order.
            pub const ALL: [Self; [$(Self::$name,)+].len()] = [$(Self::$name,)+];
        }
    };
}

transitions! {
    Connect,
    ConnectRefused,
    ConnectAccepted,
    AcceptLive,
    AcceptDead,
    AcceptNobody,
    SendAll,
    SendShort,
    SendNone,
    SendConnecting,
    SendWouldBlock,
    SendFailed,
    SendBrokenPipe,
    RecvAll,
    RecvPart,
    RecvConnecting,
    RecvWouldBlock,
    RecvEof,
    RecvEofDead,
    RecvEofShut,
    RecvFailed,
    ShutdownRead,
    ShutdownWrite,
    ShutdownBoth,
    ShutdownAgain,
    ShutdownDead,
    ShutdownConnecting,
    CloseFin,
    CloseAfterFin,
    CloseUnread,
    CloseReset,
    CloseDead,
    CloseConnecting,
    CloseListener,
    CloseListenerPending,
    CallStale,
    ErrorRefused,
    ErrorReset,
    ErrorBrokenPipe,
    ErrorNone,
    StatusInProgress,
    StatusEstablished,
    StatusFailed,
    StatusOver,
    PeerKnown,
    PeerUnknown,
    InterestSet,
    DataArrives,
    DataForNobody,
    DataForDead,
    FinArrives,
    FinEndsBoth,
    ResetBeforeFin,
    ResetAfterFin,
}
