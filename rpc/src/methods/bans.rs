//! Methods about bans. Core: rpc/net.cpp, `setban`, `listbanned`, `clearbanned`.

use std::time::Duration;

use sockman::connman::Command;
use sockman::connman::bans::{BanTime, Subnet};
use sockman::connman::host::{Cjdns, Host};
use sockman::time::UnixTime;

use super::{Answer, Args, AtNode, peers};
use crate::error::{Code, RpcError};
use crate::json::Json;

pub(super) fn set(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let text = args.text(0).unwrap_or_default();
    let adds = match args.text(1) {
        Some("add") => true,
        Some("remove") => false,
        _ => return Err(peers::misused("setban")),
    };
    let invalid = |message| RpcError::new(Code::InvalidSubnet, message);
    let subnet = Subnet::parse(text, Cjdns::Unreachable);
    let subnet = subnet.map_err(|_| invalid("Error: Invalid IP/Subnet"))?;
    if !adds {
        if !node.connman.bans().iter().any(|(banned, _)| *banned == subnet) {
            return Err(invalid(
                "Error: Unban failed. Requested address/subnet was not previously manually \
                 banned.",
            ));
        }
        node.command(Command::Unban { subnet });
        return Ok(Json::Null.into());
    }
    let (now, bans) = (node.now.wall, node.connman.bans());
    let is_banned = match text.contains('/') {
        true => bans.is_subnet_banned(now, &subnet),
        false => {
            let host = Host::parse(text, Cjdns::Unreachable);
            host.is_some_and(|host| bans.is_banned(now, &host))
        }
    };
    if is_banned {
        return Err(RpcError::new(Code::AlreadyAdded, "Error: IP/Subnet already banned"));
    }
    let time = ban_time(now, args)?;
    node.command(Command::Ban { subnet, time });
    Ok(Json::Null.into())
}

/// Core: `BanMan::Ban`: what is not above zero means the default.
fn ban_time(now: UnixTime, args: &Args) -> Result<BanTime, RpcError> {
    let given = args.integer(2)?.unwrap_or(0);
    let seconds = u64::try_from(given).unwrap_or(0);
    if !args.flag(3).unwrap_or(false) {
        return Ok(BanTime::For(Duration::from_secs(seconds)));
    }
    let is_past = u64::try_from(given).is_ok_and(|at| at < now.as_secs()) || given < 0;
    if is_past {
        let message = "Error: Absolute timestamp is in the past";
        return Err(RpcError::new(Code::InvalidParameter, message));
    }
    Ok(BanTime::Until(UnixTime::from_secs(seconds)))
}

pub(super) fn list(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let now = i64::try_from(node.now.wall.as_secs()).unwrap_or(i64::MAX);
    // Core: `GetBanned` sweeps first.
    let bans = node.connman.bans().iter().filter(|(_, ban)| now <= ban.until);
    let bans = bans.map(|(subnet, ban)| {
        Json::object([
            ("address", subnet.to_string().into()),
            ("ban_created", ban.created.into()),
            ("banned_until", ban.until.into()),
            ("ban_duration", ban.until.saturating_sub(ban.created).into()),
            ("time_remaining", ban.until.saturating_sub(now).into()),
        ])
    });
    Ok(Json::Array(bans.collect()).into())
}

pub(super) fn clear(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    node.command(Command::ClearBans);
    Ok(Json::Null.into())
}
