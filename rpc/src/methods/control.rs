//! Methods about the program itself, which the desk answers.

use sockman::time::{Instant, Now};

use super::{Args, help, table};
use crate::desk::About;
use crate::json::Json;
use crate::protocol::Outcome;

/// What a method of the desk is carried out on.
pub(crate) struct Desktop<'a> {
    pub(crate) now: Now,
    pub(crate) about: &'a About,
    /// Methods under way, this one among them, with when they began.
    pub(crate) active: &'a dyn Fn() -> Vec<(&'static str, Instant)>,
    /// Whether the program is to end.
    pub(crate) stops: bool,
}

pub(super) fn help(_: &mut Desktop<'_>, args: &Args) -> Outcome {
    Ok(match args.text(0) {
        None | Some("") => help::list().into(),
        Some("dump_all_command_conversions") => help::conversions(),
        Some(name) => match table::find(name) {
            Some(method) => help::of(method).into(),
            None => format!("help: unknown command: {name}").into(),
        },
    })
}

/// Core: rpc/server.cpp, `stop`. `wait` is taken and changes nothing: whatever is under way is
/// answered before the end.
pub(super) fn stop(desk: &mut Desktop<'_>, args: &Args) -> Outcome {
    args.integer(0)?;
    desk.stops = true;
    Ok(format!("{} stopping", desk.about.client_name).into())
}

pub(super) fn uptime(desk: &mut Desktop<'_>, _: &Args) -> Outcome {
    Ok((desk.now.wall - desk.about.started).as_secs().into())
}

pub(super) fn get_rpc_info(desk: &mut Desktop<'_>, _: &Args) -> Outcome {
    let command = |(method, began): &(&str, Instant)| {
        let micros = began_micros(desk.now, *began);
        Json::object([("method", (*method).into()), ("duration", micros.into())])
    };
    let active: Vec<_> = (desk.active)().iter().map(command).collect();
    let log_path = desk.about.log_path.as_str().into();
    Ok(Json::object([("active_commands", active.into()), ("logpath", log_path)]))
}

fn began_micros(now: Now, began: Instant) -> u64 {
    u64::try_from(now.steady.since(began).as_micros()).unwrap_or(u64::MAX)
}

/// Core: rpc/node.cpp, `echo`: what came, sent back.
pub(super) fn echo(_: &mut Desktop<'_>, args: &Args) -> Outcome {
    Ok(Json::Array(args.values().to_vec()))
}
