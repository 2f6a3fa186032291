//! What the connection manager tells, as constants: how a search sees it.

use std::sync::LazyLock;

use sockman::connman::bans::Banned;
use sockman::connman::{
    AddNode, Command, DialFailure, DisconnectReason, Ignored, NetworkState, Notice, Peer, Refusal,
    Timer, Verdict,
};
use sockman::sockman::ConnFailure;
use sockman::transport::v2::{V2Error, V2Rejected, V2RejectedWhy};
use sockman::transport::{Dropped, FrameError, MessageType, Rejected, RejectedWhy};

use crate::guided::Told;
use crate::guided::names::{name_of_accept_error, name_of_connect_error, name_of_failure};
use crate::schedule::Word;

/// No `version` has come.
pub(super) const AWAITS_VERSION: &str = "awaits-version";
/// It has, and no `verack`.
pub(super) const AWAITS_VERACK: &str = "awaits-verack";
/// The handshake is complete.
pub(super) const READY: &str = "ready";
/// A message that nobody knows.
pub(super) const OTHER: &str = "other";

/// The known types, to borrow their names from for ever.
static KNOWN: [MessageType; 35] = MessageType::KNOWN;

/// Every message's name, once, and one for all that nobody knows.
pub(super) fn message_names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(MessageType::as_str).chain(["alert", OTHER])
}

/// Every message, and one that nobody knows.
pub(super) fn words() -> Vec<Word> {
    let name = |name| if name == OTHER { "hello" } else { name };
    message_names().map(|one| Word::plain(name(one))).collect()
}

/// Every name of a message or of a timer, in alphabetical order.
static OBJECTS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<_> = message_names().chain(Timer::ALL.map(Timer::name)).collect();
    names.sort_unstable();
    names.dedup();
    names
});

/// The name of a message or of a timer, which are asked for in every step.
pub(super) fn object(name: &str) -> &'static str {
    OBJECTS.binary_search(&name).map_or(OTHER, |place| OBJECTS[place])
}

/// The name of a message.
fn name_of(message_type: MessageType) -> &'static str {
    match message_type.known_index() {
        Some(place) => KNOWN[place].as_str(),
        None if message_type == MessageType::ALERT => "alert",
        None => OTHER,
    }
}

pub(super) fn told(notice: &Notice) -> Told {
    match notice {
        Notice::PeerConnected { .. } => Told::stage("up", AWAITS_VERSION),
        Notice::PeerReady { .. } => Told::stage("ready", READY),
        Notice::MessageHandled { message_type, verdict, .. } => match verdict {
            Verdict::Taken if *message_type == MessageType::VERSION => {
                Told::stage("taken", AWAITS_VERACK)
            }
            Verdict::Taken => Told::only("taken", ""),
            Verdict::Ignored(why) => Told::only("ignored", name_of_ignored(*why)),
            Verdict::Pardoned(_) => Told::only("pardoned", ""),
        },
        Notice::MessageQueued { message_type, .. } => Told::only("queues", name_of(*message_type)),
        Notice::MessageRejected { dropped, .. } => Told::only("rejects", name_of_dropped(*dropped)),
        Notice::FallsBackToV1 { .. } => Told::only("falls back", ""),
        Notice::PongReceived { .. } => Told::only("measures", "round-trip"),
        Notice::PeerDisconnected { reason, .. } => Told::only("down", name_of_reason(*reason)),
        Notice::InboundEvicted { .. } => Told::only("evicts", ""),
        Notice::HostDiscouraged { .. } => Told::only("discourages", ""),
        Notice::InboundRefused { refusal, .. } => Told::only(
            "refuses",
            match refusal {
                Refusal::Banned => "banned",
                Refusal::Discouraged => "discouraged",
                Refusal::InboundFull => "inbound-full",
                Refusal::NetworkInactive => "network-inactive",
            },
        ),
        Notice::BanAsked { banned, .. } => Told::only(
            "bans",
            match banned {
                Banned::Stands => "stands",
                Banned::LastsLonger => "lasts-longer",
                Banned::Full => "full",
            },
        ),
        Notice::UnbanAsked { was_banned, .. } => {
            Told::only("unbans", if *was_banned { "banned" } else { "unknown" })
        }
        Notice::AddNodeAsked { outcome, .. } => Told::only(
            "adds",
            match outcome {
                AddNode::Added => "added",
                AddNode::AlreadyThere => "already-there",
                AddNode::Full => "full",
            },
        ),
        Notice::RemoveNodeAsked { was_there, .. } => {
            Told::only("removes", if *was_there { "added" } else { "unknown" })
        }
        Notice::AcceptFailed { error } => Told::only("accept failed", name_of_accept_error(*error)),
        Notice::DialBegun { .. } => Told::only("dial begun", ""),
        Notice::DialFailed { failure, .. } => {
            Told::only("dial failed", name_of_dial_failure(*failure))
        }
        // No simulated node has files.
        Notice::Store(_) | Notice::Blocks(_) => Told::only("stores", ""),
    }
}

const fn name_of_dropped(dropped: Dropped) -> &'static str {
    match dropped {
        Dropped::V1(Rejected { why: RejectedWhy::Checksum { .. }, .. }) => "checksum",
        Dropped::V1(Rejected { why: RejectedWhy::MessageType(_), .. }) => "type",
        Dropped::V2(V2Rejected { why, .. }) => match why {
            V2RejectedWhy::Empty => "v2-empty",
            V2RejectedWhy::ShortId(_) => "v2-short-id",
            V2RejectedWhy::TypeCut { .. } => "v2-type-cut",
            V2RejectedWhy::MessageType(_) => "v2-type",
        },
    }
}

const fn name_of_v2_error(error: V2Error) -> &'static str {
    match error {
        V2Error::OtherNetwork { .. } => "v2-other-network",
        V2Error::NoTerminator => "v2-no-terminator",
        V2Error::ContentsTooLong { .. } => "v2-contents-too-long",
        V2Error::Tag { .. } => "v2-tag",
    }
}

const fn name_of_ignored(why: Ignored) -> &'static str {
    match why {
        Ignored::BeforeVersion => "before-version",
        Ignored::BeforeVerack => "before-verack",
        Ignored::Redundant => "redundant",
        Ignored::VersionTooLow => "version-too-low",
        Ignored::Unsolicited => "unsolicited",
        Ignored::Unsupported => "unsupported",
        Ignored::Malformed(_) | Ignored::BlockMalformed(_) => "malformed",
        Ignored::Unwanted => "unwanted",
        Ignored::NotImplemented => "not-implemented",
        Ignored::Unknown => "unknown",
    }
}

/// The name of a reason, or of what is behind it where one name covers several.
const fn name_of_reason(reason: DisconnectReason) -> &'static str {
    if let DisconnectReason::Lost(failure) = reason {
        return name_of_failure(failure);
    }
    if let DisconnectReason::FrameInvalid(error) = reason {
        return match error {
            FrameError::Magic { .. } => "magic",
            FrameError::PayloadTooLong { .. } => "payload-too-long",
        };
    }
    if let DisconnectReason::V2Invalid(error) = reason {
        return name_of_v2_error(error);
    }
    if let DisconnectReason::HandshakeNoTraffic { received, sent } = reason {
        return match (received, sent) {
            (false, false) => "no-traffic",
            (false, true) => "never-received",
            (true, _) => "never-sent",
        };
    }
    reason.name()
}

const fn name_of_dial_failure(failure: DialFailure) -> &'static str {
    match failure {
        DialFailure::AlreadyConnected => "already-connected",
        DialFailure::NetworkInactive => "network-inactive",
        DialFailure::Shutdown => "shutdown",
        DialFailure::NotBegun(error) | DialFailure::Failed(ConnFailure::Dial(error)) => {
            name_of_connect_error(error)
        }
        DialFailure::Failed(ConnFailure::DialTimeout) => "timeout",
        DialFailure::Failed(ConnFailure::Lost(failure)) => name_of_failure(failure),
    }
}

pub(super) fn condition(peer: &Peer) -> &'static str {
    let load = peer.load();
    match (load.is_over, load.send_paused) {
        (true, _) => "over",
        (false, true) => "held back",
        (false, false) => "",
    }
}

pub(super) const fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Connect { .. } => "dial",
        Command::Disconnect { .. } => "drop",
        Command::Ping => "ping",
        Command::SetNetworkActive(NetworkState::Active) => "network on",
        Command::SetNetworkActive(NetworkState::Inactive) => "network off",
        Command::Ban { .. } => "ban",
        Command::Unban { .. } => "unban",
        Command::ClearBans => "clear-bans",
        Command::AddNode { .. } => "add-node",
        Command::RemoveNode { .. } => "remove-node",
        Command::AddAddresses { .. } => "know",
        Command::Shutdown => "shutdown",
        Command::Inspect { .. } => "inspect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{Dialect as _, Usage};
    use crate::subjects::connman::Speaker;

    #[test]
    fn objects_that_are_known_have_their_own_name() {
        assert_eq!(object("ping"), "ping");
        assert_eq!(object("ping-timeout"), "ping-timeout");
        assert_eq!(object("hello"), OTHER);
    }

    #[test]
    fn peers_can_say_every_word() {
        for word in words() {
            assert_eq!(Speaker::check(&word, Usage::Said), Ok(()), "{word:?}");
        }
    }
}
