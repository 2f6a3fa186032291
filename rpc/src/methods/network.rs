//! Methods about the node and its traffic. Core: rpc/net.cpp.

use sockman::connman::{Command, NetworkState, PROTOCOL_VERSION, REACHABLE};

use super::peers::{NETWORKS, network_name, services_names};
use super::{Answer, Args, AtNode};
use crate::error::RpcError;
use crate::json::Json;

/// The cycle of an upload target, in seconds. Core: `MAX_UPLOAD_TIMEFRAME`, a day.
const UPLOAD_CYCLE_SECS: u64 = 24 * 60 * 60;

pub(super) fn totals(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let totals = node.connman.totals();
    let millis = node.now.wall.as_nanos() / 1_000_000;
    // There is no target: this is what the reference says then.
    let target = Json::object([
        ("timeframe", UPLOAD_CYCLE_SECS.into()),
        ("target", 0.into()),
        ("target_reached", false.into()),
        ("serve_historical_blocks", true.into()),
        ("bytes_left_in_cycle", 0.into()),
        ("time_left_in_cycle", 0.into()),
    ]);
    let totals = Json::object([
        ("totalbytesrecv", totals.received.bytes().into()),
        ("totalbytessent", totals.sent.bytes().into()),
        ("timemillis", millis.into()),
        ("uploadtarget", target),
    ]);
    Ok(totals.into())
}

pub(super) fn info(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let inspection = node.connman.inspect(node.conns);
    let config = node.connman.config();
    let count = inspection.peers.len();
    let inbound = inspection.peers.iter().filter(|peer| peer.conn_type.is_inbound()).count();
    let networks = NETWORKS.map(|network| {
        let reachable = REACHABLE.contains(&network);
        Json::object([
            ("name", network_name(network).into()),
            ("limited", (!reachable).into()),
            ("reachable", reachable.into()),
            ("proxy", "".into()),
            ("proxy_randomize_credentials", false.into()),
        ])
    });
    let info = Json::object([
        ("version", node.client_version.into()),
        ("subversion", config.user_agent.as_str().into()),
        ("protocolversion", PROTOCOL_VERSION.into()),
        ("localservices", config.services.to_string().into()),
        ("localservicesnames", services_names(config.services)),
        ("localrelay", true.into()),
        ("networkactive", (inspection.network == NetworkState::Active).into()),
        ("connections", count.into()),
        ("connections_in", inbound.into()),
        ("connections_out", (count - inbound).into()),
        ("networks", Json::Array(networks.into())),
        ("localaddresses", Vec::new().into()),
        ("warnings", Vec::new().into()),
    ]);
    Ok(info.into())
}

pub(super) fn set_active(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let state = match args.flag(0) {
        Some(false) => NetworkState::Inactive,
        Some(true) | None => NetworkState::Active,
    };
    node.command(Command::SetNetworkActive(state));
    let network = node.connman.network_state();
    Ok(Json::from(network == NetworkState::Active).into())
}
