//! Methods about the node and its traffic. Core: rpc/net.cpp.

use sockman::connman::{Command, NetworkState, PROTOCOL_VERSION, PeerSnapshot, REACHABLE};

use super::mempool::{AMOUNT_DIGITS, RELAY_FEE};
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
    let fee = || Json::fixed(RELAY_FEE, AMOUNT_DIGITS);
    let info = Json::object([
        ("version", node.client_version.into()),
        ("subversion", config.user_agent.as_str().into()),
        ("protocolversion", PROTOCOL_VERSION.into()),
        ("localservices", config.services.to_string().into()),
        ("localservicesnames", services_names(config.services)),
        ("localrelay", true.into()),
        ("timeoffset", time_offset(&inspection.peers).into()),
        ("networkactive", (inspection.network == NetworkState::Active).into()),
        ("connections", count.into()),
        ("connections_in", inbound.into()),
        ("connections_out", (count - inbound).into()),
        ("networks", Json::Array(networks.into())),
        ("relayfee", fee()),
        ("incrementalfee", fee()),
        ("localaddresses", Vec::new().into()),
        ("warnings", Vec::new().into()),
    ]);
    Ok(info.into())
}

/// The median of what the clocks of those whom we dialled differ from ours, in seconds; 0 of fewer
/// than five. Core: node/timeoffsets.cpp, `TimeOffsets::Median`.
fn time_offset(peers: &[PeerSnapshot]) -> i64 {
    const FEWEST: usize = 5;
    let dialled = peers.iter().filter(|peer| !peer.conn_type.is_inbound());
    let offsets = dialled.filter_map(|peer| Some(peer.version.as_ref()?.time_offset_secs));
    let mut offsets: Vec<_> = offsets.collect();
    offsets.sort_unstable();
    if offsets.len() < FEWEST { 0 } else { offsets[offsets.len() / 2] }
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
