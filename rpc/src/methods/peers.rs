//! Methods about peers. Core: rpc/net.cpp.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockman::connman::addrman::{NetAddr, NetClass};
use sockman::connman::message::Bandwidth;
use sockman::connman::{AddNode, Command, Flow, PeerSnapshot, Services, VersionSnapshot};
use sockman::sockets::Endpoint;
use sockman::time::{Now, UnixTime};
use sockman::transport::v2::Detected;

use super::{Answer, Args, AtNode, table};
use crate::error::{Code, RpcError};
use crate::json::Json;
use crate::protocol::Outcome;

/// Of a peer whose headers or blocks nobody has looked at. Core: -1.
const NONE_YET: i32 = -1;

pub(super) fn add_node(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let text = args.text(0).unwrap_or_default();
    let Some(command @ ("onetry" | "add" | "remove")) = args.text(1) else {
        return Err(misused("addnode"));
    };
    let speaks_v2 = node.connman.config().speaks_v2();
    match args.flag(2) {
        Some(true) if !speaks_v2 => {
            let message = "Error: v2transport requested but not enabled (see -v2transport)";
            return Err(RpcError::new(Code::InvalidParameter, message));
        }
        Some(false) if speaks_v2 => {
            let message = "Error: v2transport=false is not supported yet (see -v2transport)";
            return Err(RpcError::new(Code::InvalidParameter, message));
        }
        Some(_) | None => {}
    }
    let port = node.connman.config().network.default_port();
    let at = address(text, port).ok_or_else(|| {
        let message = "Error: node is no address in numbers; names are not looked up yet";
        RpcError::new(Code::InvalidParameter, message)
    })?;
    let endpoint = Endpoint::Ip(at);
    Ok(match command {
        "add" => {
            node.command(Command::AddNode { endpoint });
            Answer::WhenListed
        }
        "remove" => {
            node.command(Command::RemoveNode { endpoint });
            Answer::WhenListed
        }
        _ => {
            node.command(Command::Connect { endpoint: endpoint.clone() });
            Answer::WhenTried(endpoint)
        }
    })
}

/// What came of a node that was to be added.
pub(crate) fn added(outcome: AddNode) -> Outcome {
    match outcome {
        AddNode::Added => Ok(Json::Null),
        AddNode::AlreadyThere => {
            Err(RpcError::new(Code::AlreadyAdded, "Error: Node already added"))
        }
        AddNode::Full => Err(RpcError::new(Code::Misc, format!("Error: {outcome}"))),
    }
}

/// What came of a node that was to be removed.
pub(crate) fn removed(was_there: bool) -> Outcome {
    if was_there {
        return Ok(Json::Null);
    }
    let message = "Error: Node could not be removed. It has not been added previously.";
    Err(RpcError::new(Code::NotAdded, message))
}

/// An address in numbers, with a port or without.
pub(super) fn address(text: &str, default_port: u16) -> Option<SocketAddr> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip: IpAddr = inner.unwrap_or(text).parse().ok()?;
    Some(SocketAddr::new(ip, default_port))
}

/// The error of a method that was called with words it does not know.
pub(super) fn misused(name: &str) -> RpcError {
    match table::find(name) {
        Some(method) => method.misused(),
        None => RpcError::new(Code::Misc, name),
    }
}

pub(super) fn disconnect(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let address = args.text(0);
    let number = args.integer(1)?;
    let peers = node.connman.inspect(node.conns).peers;
    let found = match (address, number) {
        (Some(address), None) => peers.iter().find(|peer| peer.endpoint.to_string() == address),
        (None | Some(""), Some(number)) => {
            peers.iter().find(|peer| i64::try_from(peer.peer.0) == Ok(number))
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "Only one of address and nodeid should be provided.";
            return Err(RpcError::new(Code::InvalidParams, message));
        }
    };
    let peer = found
        .map(|peer| peer.peer)
        .ok_or_else(|| RpcError::new(Code::NotConnected, "Node not found in connected nodes"))?;
    node.command(Command::Disconnect { peer });
    Ok(Json::Null.into())
}

pub(super) fn ping(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    node.command(Command::Ping);
    Ok(Json::Null.into())
}

pub(super) fn count(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let count = node.connman.inspect(node.conns).peers.len();
    Ok(Json::from(count).into())
}

pub(super) fn info(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let inspection = node.connman.inspect(node.conns);
    let peers: Vec<_> = inspection.peers.iter().map(|peer| of(node.now, peer)).collect();
    Ok(Json::Array(peers).into())
}

/// One peer, its fields in the order of the reference. docs/node.md says which are left out.
fn of(now: Now, peer: &PeerSnapshot) -> Json {
    let mut members = Vec::new();
    let mut push = |name: &str, value: Json| members.push((name.to_owned(), value));
    let version = peer.version.as_ref();
    let services = version.map_or(Services::NONE, |version| version.services);
    push("id", peer.peer.0.into());
    push("addr", peer.endpoint.to_string().into());
    push("network", network_of(&peer.endpoint).into());
    push("services", services.to_string().into());
    push("servicesnames", services_names(services));
    push("relaytxes", false.into());
    push("last_inv_sequence", 0.into());
    push("inv_to_send", 0.into());
    push("lastsend", seconds(peer.sent_at));
    push("lastrecv", seconds(peer.received_at));
    push("last_transaction", 0.into());
    let chain = peer.chain.as_ref();
    push("last_block", seconds(chain.and_then(|chain| chain.block_at)));
    push("bytessent", peer.traffic.sent.bytes().into());
    push("bytesrecv", peer.traffic.received.bytes().into());
    push("conntime", peer.connected_at.as_secs().into());
    push("timeoffset", version.map_or(0, |version| version.time_offset_secs).into());
    if let Some(last) = peer.ping_last {
        push("pingtime", duration(last));
    }
    if let Some(least) = peer.ping_least {
        push("minping", duration(least));
    }
    if let Some(since) = peer.ping_sent_at {
        push("pingwait", duration(now.wall - since));
    }
    of_version(version, &mut push);
    push("inbound", peer.conn_type.is_inbound().into());
    push("bip152_hb_to", false.into());
    push("bip152_hb_from", (peer.compact_blocks == Some(Bandwidth::High)).into());
    push("startingheight", version.map_or(NONE_YET, |version| version.start_height).into());
    push("presynced_headers", peer.presynced_headers.map_or(NONE_YET.into(), Json::from));
    push("synced_headers", height(chain.and_then(|chain| chain.best_known_height)));
    push("synced_blocks", height(chain.and_then(|chain| chain.common_height)));
    let in_flight = chain.map_or(&[][..], |chain| &chain.in_flight);
    push("inflight", Json::Array(in_flight.iter().map(|height| (*height).into()).collect()));
    let addresses = peer.addresses.unwrap_or_default();
    push("addr_relay_enabled", peer.addresses.is_some().into());
    push("addr_processed", addresses.processed.into());
    push("addr_rate_limited", addresses.rate_limited.into());
    let permissions: Vec<_> = peer.permissions.names().map(Json::from).collect();
    push("permissions", permissions.into());
    push("bytessent_per_msg", by_type(&peer.traffic.sent));
    push("bytesrecv_per_msg", by_type(&peer.traffic.received));
    push("connection_type", peer.conn_type.name().into());
    let (transport, session) = match peer.transport {
        Detected::Detecting => ("detecting", String::new()),
        Detected::V1 => ("v1", String::new()),
        Detected::V2(session) => ("v2", session.to_string()),
    };
    push("transport_protocol_type", transport.into());
    push("session_id", session.into());
    Json::Object(members)
}

fn of_version(version: Option<&VersionSnapshot>, push: &mut impl FnMut(&str, Json)) {
    push("version", version.map_or(0, |version| version.version).into());
    push("subver", version.map_or("", |version| version.user_agent.as_str()).into());
}

/// A height; -1: of none.
fn height(of: Option<u32>) -> Json {
    of.map_or_else(|| NONE_YET.into(), Json::from)
}

/// Seconds since 1970; 0: never.
fn seconds(at: Option<UnixTime>) -> Json {
    at.map_or(0, UnixTime::as_secs).into()
}

/// Seconds, to the microsecond.
fn duration(duration: Duration) -> Json {
    Json::fixed(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), 6)
}

/// Bytes by type of message, those that are not zero, by name. Core: `mapMsgTypeSize`.
fn by_type(flow: &Flow) -> Json {
    let mut types: Vec<_> = flow
        .known()
        .map(|(message_type, count)| (message_type.as_str().to_owned(), count.bytes))
        .chain([("*other*".to_owned(), flow.other().bytes)])
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    types.sort();
    Json::Object(types.into_iter().map(|(name, bytes)| (name, bytes.into())).collect())
}

/// The name of the network of an endpoint. Core: `ConnectedThroughNetwork`, `GetNetworkName`.
fn network_of(endpoint: &Endpoint) -> &'static str {
    let class = endpoint.ip().map(|at| NetAddr::from_ip(at.ip()).net_class());
    network_name(class.unwrap_or(NetClass::Unroutable))
}

/// Networks with names of their own, in the order of the reference.
pub(super) const NETWORKS: [NetClass; 5] =
    [NetClass::Ipv4, NetClass::Ipv6, NetClass::Onion, NetClass::I2p, NetClass::Cjdns];

/// Core: `GetNetworkName`.
pub(super) const fn network_name(class: NetClass) -> &'static str {
    match class {
        NetClass::Unroutable => "not_publicly_routable",
        NetClass::Ipv4 => "ipv4",
        NetClass::Ipv6 => "ipv6",
        NetClass::Onion => "onion",
        NetClass::I2p => "i2p",
        NetClass::Cjdns => "cjdns",
        NetClass::Internal => "internal",
    }
}

/// Names of the bits, from the lowest. Core: `serviceFlagsToStr`.
pub(super) fn services_names(services: Services) -> Json {
    let name = |bit: u32| match Services(1 << bit) {
        Services::NETWORK => "NETWORK".to_owned(),
        Services::BLOOM => "BLOOM".to_owned(),
        Services::WITNESS => "WITNESS".to_owned(),
        Services::COMPACT_FILTERS => "COMPACT_FILTERS".to_owned(),
        Services::NETWORK_LIMITED => "NETWORK_LIMITED".to_owned(),
        Services::P2P_V2 => "P2P_V2".to_owned(),
        Services(_) => format!("UNKNOWN[2^{bit}]"),
    };
    let bits = (0..u64::BITS).filter(|bit| services.0 >> bit & 1 == 1);
    Json::Array(bits.map(|bit| name(bit).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names() {
        let services = Services::NETWORK | Services::WITNESS | Services(1 << 24);
        assert_eq!(
            services_names(services).to_string(),
            r#"["NETWORK","WITNESS","UNKNOWN[2^24]"]"#
        );
        assert_eq!(services_names(Services::NONE).to_string(), "[]");
    }

    #[test]
    fn addresses_have_the_usual_port_unless_they_name_one() {
        for (text, expected) in [
            ("1.2.3.4", Some("1.2.3.4:7")),
            ("1.2.3.4:8", Some("1.2.3.4:8")),
            ("::1", Some("[::1]:7")),
            ("[::1]", Some("[::1]:7")),
            ("[::1]:8", Some("[::1]:8")),
            ("1.2.3.4:", None),
            ("seed.example", None),
            ("", None),
        ] {
            assert_eq!(address(text, 7), expected.map(|at| at.parse().unwrap()), "{text}");
        }
    }
}
