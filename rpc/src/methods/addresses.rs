//! Methods about known addresses. Core: rpc/net.cpp.

use std::net::IpAddr;

use sockman::connman::addrman::{AddrRecord, NetAddr, NetClass, NetService, Quality, Share, Table};
use sockman::connman::{Command, Services};
use sockman::rng::Purpose;

use super::peers::{NETWORKS, network_name};
use super::{Answer, Args, AtNode};
use crate::error::{Code, RpcError};
use crate::json::Json;

pub(super) fn info(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let addrman = node.connman.addrman();
    let counts = |network: Option<NetClass>| {
        let size = |table| Json::from(addrman.size(network, table));
        Json::object([
            ("new", size(Some(Table::New))),
            ("tried", size(Some(Table::Tried))),
            ("total", size(None)),
        ])
    };
    let each = NETWORKS.map(|network| (network_name(network).to_owned(), counts(Some(network))));
    let mut members = Vec::from(each);
    members.push(("all_networks".to_owned(), counts(None)));
    Ok(Json::Object(members).into())
}

pub(super) fn some(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let invalid = |message: String| RpcError::new(Code::InvalidParameter, message);
    let count = args.integer(0)?.unwrap_or(1);
    let count = usize::try_from(count);
    let count = count.map_err(|_| invalid("Address count out of range".to_owned()))?;
    let network = match args.text(1) {
        None => None,
        Some(name) => {
            let lower = name.to_ascii_lowercase();
            let found = NETWORKS.into_iter().find(|network| network_name(*network) == lower);
            Some(found.ok_or_else(|| invalid(format!("Network not recognized: {name}")))?)
        }
    };
    let count_max = (count > 0).then_some(count);
    let share = Share { count_max, percent_max: None, network, quality: Quality::Filtered };
    let mut draws = node.connman.seed().draws(Purpose::AddressesTold, node.number);
    let told = node.connman.pick_addresses(node.now.wall, share, &mut draws);
    let told = told.into_iter().map(|(host, record)| {
        Json::object([
            ("time", record.time.as_secs().into()),
            ("services", record.services.0.into()),
            ("address", host.to_string().into()),
            ("port", record.service.port.into()),
            ("network", network_name(record.service.addr.net_class()).into()),
        ])
    });
    Ok(Json::Array(told.collect()).into())
}

/// Core: `addpeeraddress`, without the part that takes it for one that was connected to.
pub(super) fn add(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let ip: Result<IpAddr, _> = args.text(0).unwrap_or_default().parse();
    let ip = ip.map_err(|_| RpcError::new(Code::InvalidSubnet, "Invalid IP address"))?;
    let port = args.integer(1)?.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| RpcError::new(Code::Misc, "JSON integer out of range"))?;
    if args.flag(2) == Some(true) {
        let message = "Error: tried=true is not supported yet";
        return Err(RpcError::new(Code::InvalidParameter, message));
    }
    let (addr, services) = (NetAddr::from_ip(ip), Services::NETWORK | Services::WITNESS);
    let service = NetService { addr, port };
    let knows = |node: &AtNode<'_>| node.connman.addrman().find(&service).is_some();
    let was_known = knows(node);
    if !was_known {
        let addresses = vec![AddrRecord { service, services, time: node.now.wall.second() }];
        node.command(Command::AddAddresses { addresses, source: addr });
    }
    if !was_known && knows(node) {
        return Ok(Json::object([("success", true.into())]).into());
    }
    let failed = [("success", false.into()), ("error", "failed-adding-to-new".into())];
    Ok(Json::object(failed).into())
}
