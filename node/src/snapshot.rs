//! Every connection as it stands, for a person who wonders what the node is doing: the socket
//! manager's view and connman's, side by side.

use std::fmt;
use std::time::Duration;

use sockman::connman::permissions::Permissions;
use sockman::connman::{Inspection, NetworkState, PeerSnapshot, Timer};
use sockman::driver::Machine;
use sockman::sockets::{Interest, OsSockets, Readiness};
use sockman::sockman::{ConnSnapshot, Initiator};
use sockman::time::{Now, UnixTime};
use sockman::transport::v2::Detected;
use sockman_rpc::Node;

/// The node as a whole, in a line.
pub(crate) struct Summary<'a> {
    pub(crate) machine: &'a Machine<OsSockets, Node>,
    pub(crate) inspection: &'a Inspection,
    pub(crate) conns: usize,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, inspection, conns } = self;
        let network = match inspection.network {
            NetworkState::Active => "active",
            NetworkState::Inactive => "inactive",
        };
        write!(
            f,
            "snapshot: {conns} connections, {} peers, {} listeners, {} commands waiting, network \
             {network}, {} bytes received, {} bytes sent",
            inspection.peers.len(),
            machine.sockman().listeners().count(),
            machine.command_count(),
            inspection.totals.received.bytes(),
            inspection.totals.sent.bytes(),
        )
    }
}

/// One connection, in a few lines. `peer` is missing while it is dialled, and if nobody adopted it.
pub(crate) fn lines(now: Now, conn: &ConnSnapshot, peer: Option<&PeerSnapshot>) -> Vec<String> {
    let mut lines = vec![socket_line(now, conn)];
    if let Some(peer) = peer {
        lines.push(peer_line(peer));
        lines.push(queues_line(peer));
        lines.push(times_line(now, peer));
    }
    lines
}

fn socket_line(now: Now, conn: &ConnSnapshot) -> String {
    let direction = match conn.initiator {
        Initiator::Peer => "from",
        Initiator::Us => "to",
    };
    let deadline = match conn.deadline {
        Some(at) => format!(", given up in {:.3?}", at.since(now.steady)),
        None => String::new(),
    };
    let failure = match conn.last_failure {
        Some(failure) => format!(", failed: {failure}"),
        None => String::new(),
    };
    format!(
        "socket {direction} {}: {:?}, interest {}, ready {}, receiving {}, sending {}, {} bytes \
         in, {} out{deadline}{failure}",
        conn.peer,
        conn.phase,
        interest(conn.interest),
        ready(conn.ready),
        if conn.receive_paused { "paused" } else { "on" },
        if conn.send_blocked { "blocked" } else { "free" },
        conn.bytes_received,
        conn.bytes_sent,
    )
}

fn peer_line(peer: &PeerSnapshot) -> String {
    let handshake = if peer.is_ready { "complete" } else { "incomplete" };
    let version = match &peer.version {
        Some(version) => format!(
            "version={}, agent={}, services={}, blocks={}, clock {}s ahead",
            version.version,
            version.user_agent,
            version.services,
            version.start_height,
            version.time_offset_secs
        ),
        None => "no version yet".to_owned(),
    };
    let ended = match peer.ended {
        Some(reason) => format!(", over: {reason}"),
        None => String::new(),
    };
    let transport = match peer.transport {
        Detected::Detecting => "detecting".to_owned(),
        Detected::V1 => "v1".to_owned(),
        Detected::V2(session_id) => format!("v2, session {session_id}"),
    };
    let permissions = match peer.permissions == Permissions::NONE {
        true => String::new(),
        false => format!(", permissions {}", peer.permissions),
    };
    format!(
        "peer={} {}: handshake {handshake}, {version}{ended}, transport {transport}{permissions}",
        peer.peer.0, peer.conn_type
    )
}

fn queues_line(peer: &PeerSnapshot) -> String {
    format!(
        "queues: {} messages of {} bytes to handle{}, {} messages and {} bytes to send{}; \
         {} messages received, {} sent",
        peer.inbox_messages,
        peer.inbox_bytes,
        if peer.receive_paused { " (paused)" } else { "" },
        peer.outbox_messages,
        peer.outbox_bytes,
        if peer.send_paused { " (paused)" } else { "" },
        peer.traffic.received.messages(),
        peer.traffic.sent.messages(),
    )
}

fn times_line(now: Now, peer: &PeerSnapshot) -> String {
    let ago = |at: Option<UnixTime>| match at {
        Some(at) => format!("{:.3?} ago", now.wall - at),
        None => "never".to_owned(),
    };
    let trip = |trip: Option<Duration>| match trip {
        Some(trip) => format!("{trip:.3?}"),
        None => "none".to_owned(),
    };
    let mut line = format!(
        "times: connected {}, received {}, sent {}, ping {} (least {})",
        ago(Some(peer.connected_at)),
        ago(peer.received_at),
        ago(peer.sent_at),
        trip(peer.ping_last),
        trip(peer.ping_least),
    );
    for (timer, at) in Timer::ALL.into_iter().zip(peer.deadlines) {
        if let Some(at) = at {
            line.push_str(&format!(", {} in {:.3?}", timer.name(), at - now.wall));
        }
    }
    line
}

/// The names of what is on.
fn names(flags: &[(bool, &'static str)]) -> String {
    let on: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    if on.is_empty() { "none".to_owned() } else { on.join("+") }
}

fn interest(interest: Interest) -> String {
    names(&[(interest.readable, "read"), (interest.writable, "write")])
}

fn ready(ready: Readiness) -> String {
    names(&[(ready.readable, "read"), (ready.writable, "write"), (ready.error, "error")])
}
