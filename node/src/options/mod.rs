//! What the command line asks for.
//!
//! The names and the syntax are those of Bitcoin Core, so that whoever drives one node drives the
//! other. Numbers are read strictly: where the reference takes `-timeout=5s` for 5, and
//! `-listen=yes` for 0, we refuse. This file reads no file and opens nothing.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sockman::chain::U256;
use sockman::chain::download::RECENT_AGE;
use sockman::connman::host::Cjdns;
use sockman::connman::message::USER_AGENT_BYTES_MAX;
use sockman::connman::permissions::Whitelist;
use sockman::connman::{
    ADDED_MAX, Behaviour, CONNECT_MAX, CONNECTIONS_MAX_DEFAULT, Config, FixedSeeds, Limits,
    NetworkState, Outbound, Services, WHITELIST_MAX,
};
use sockman::sockets::Endpoint;
use sockman::transport::Network;

mod args;
mod error;
mod help;
mod rpc;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use error::OptionsError;
pub(crate) use rpc::{Login, RpcOptions};

use crate::log::{CATEGORIES, FileOption, LogOptions, Times};
use args::{Args, Value};
use table::{Form, SECRET};

/// Our name in messages to people. Core: `CLIENT_NAME`.
pub(crate) const CLIENT_NAME: &str = "Sockman";

/// Our version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A text on stdout, and no more.
    Show(String),
    /// A node.
    Run(Box<Options>),
}

/// A node's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The choices of the connection manager.
    pub(crate) config: Config,
    /// Connections in all that were asked for, from which the limits of `config` follow.
    pub(crate) connections_max: u32,
    /// Where to listen.
    pub(crate) listen: Listen,
    /// Whether the network is on from the start.
    pub(crate) network_state: NetworkState,
    /// Where the node keeps its files, those of all chains; `None`: it keeps none.
    pub(crate) data_directory: Option<PathBuf>,
    /// Where the files of blocks are, those of all chains; `None`: in the data directory.
    pub(crate) blocks_directory: Option<PathBuf>,
    /// Chains with less work are not worth asking for.
    pub(crate) minimum_work: U256,
    /// How old the last block of a chain may be that is not missing most of it.
    pub(crate) tip_age_max: Duration,
    /// The RPC server; `None`: there is none.
    pub(crate) rpc: Option<RpcOptions>,
    /// What to log, and where to.
    pub(crate) log: LogOptions,
    /// What whoever starts the node had better know; for stderr and the log.
    pub(crate) warnings: Vec<String>,
    /// How the options were understood, for the log.
    pub(crate) remarks: Vec<String>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Nowhere.
    Off,
    /// At every address of this host.
    Everywhere {
        /// The port.
        port: u16,
    },
    /// At these, each of which must work.
    At(Vec<SocketAddr>),
}

impl Listen {
    /// Places that were named.
    pub(crate) fn named(&self) -> usize {
        match self {
            Self::Off | Self::Everywhere { .. } => 0,
            Self::At(places) => places.len(),
        }
    }
}

/// Makes sense of the command line, the program's own name left out.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Request, OptionsError> {
    let args = Args::parse(args)?;
    refuse_later(&args)?;
    for name in ["?", "h", "help"] {
        if flag(&args, name)?.unwrap_or(false) {
            return Ok(Request::Show(help::text()));
        }
    }
    if flag(&args, "version")?.unwrap_or(false) {
        return Ok(Request::Show(help::version()));
    }
    Ok(Request::Run(Box::new(options(&args)?)))
}

/// Refuses what this version does without.
fn refuse_later(args: &Args) -> Result<(), OptionsError> {
    // Not one that comes later: on the command line it never does.
    if let Some(Value::Given(value)) = args.list("includeconf").first() {
        return Err(OptionsError::IncludeConf(format!("{value:?}")));
    }
    for (name, form, values) in args.iter() {
        let refused = match form {
            Form::Later => true,
            Form::LaterUnlessOff => values.last().is_some_and(|value| !is_off(value)),
            Form::Request | Form::Flag | Form::Single | Form::List | Form::NoEffect => false,
        };
        if refused {
            return Err(OptionsError::NotSupportedYet(name.to_owned()));
        }
    }
    Ok(())
}

fn options(args: &Args) -> Result<Options, OptionsError> {
    let network = network(args)?;
    let (mut remarks, mut warnings) = (remarks(args), warnings(network));
    let mut config = Config::new(network);
    if !flag(args, "v2transport")?.unwrap_or(true) {
        config.services = config.services.without(Services::P2P_V2);
    }
    config.behaviour = match flag(args, "reference")?.unwrap_or(false) {
        true => Behaviour::Reference,
        false => Behaviour::Ours,
    };
    let connections_max = connections_max(args)?;
    config.limits = Limits::for_connections(connections_max);
    config.peer_timeout = peer_timeout(args, config.peer_timeout)?;
    config.dial_timeout = dial_timeout(args, config.dial_timeout)?;
    let receive_default = config.receive_buffer_bytes_max;
    config.receive_buffer_bytes_max = kilobytes(args, "maxreceivebuffer", receive_default)?;
    let send_default = config.send_buffer_bytes_max;
    config.send_buffer_bytes_max = kilobytes(args, "maxsendbuffer", send_default)?;
    config.outbound = outbound(args, network)?;
    config.added = endpoints(args, "addnode", network, ADDED_MAX)?;
    config.whitelist = whitelist(args)?;
    config.implicit.relay = flag(args, "whitelistrelay")?.unwrap_or(config.implicit.relay);
    config.user_agent = user_agent(args)?;
    config.ban_time = ban_time(args, config.ban_time)?;
    let network_state = match flag(args, "networkactive")?.unwrap_or(true) {
        true => NetworkState::Active,
        false => NetworkState::Inactive,
    };
    Ok(Options {
        listen: listen(args, network, &mut remarks)?,
        config,
        connections_max,
        network_state,
        data_directory: data_directory(args),
        blocks_directory: args.last("blocksdir").and_then(path),
        minimum_work: minimum_work(args)?,
        tip_age_max: tip_age_max(args)?,
        rpc: rpc::rpc(args, network, &mut warnings)?,
        log: log(args)?,
        warnings,
        remarks,
    })
}

// What each option means.

/// The chain. Core: `ArgsManager::GetChainArg`.
fn network(args: &Args) -> Result<Network, OptionsError> {
    let mut chosen = Vec::new();
    if let Some(value) = args.last("chain") {
        let found = Network::ALL.into_iter().find(|network| network.name() == value.as_str());
        let unknown = || OptionsError::UnknownChain(value.as_str().to_owned());
        chosen.push(found.ok_or_else(unknown)?);
    }
    for (name, network) in [
        ("regtest", Network::Regtest),
        ("signet", Network::Signet),
        ("testnet", Network::Testnet3),
        ("testnet4", Network::Testnet4),
    ] {
        if flag(args, name)?.unwrap_or(false) {
            chosen.push(network);
        }
    }
    match chosen.as_slice() {
        [] => Ok(Network::Main),
        [network] => Ok(*network),
        _ => Err(OptionsError::SeveralChains),
    }
}

/// Where to listen, which depends on other options unless it was said. Core:
/// `InitParameterInteraction`.
fn listen(
    args: &Args,
    network: Network,
    remarks: &mut Vec<String>,
) -> Result<Listen, OptionsError> {
    let port = port(args)?.unwrap_or(network.default_port());
    let binds = binds(args, port)?;
    let connects_only = args.last("connect").is_some() || connections_max(args)? == 0;
    let (on, remark) = match flag(args, "listen")? {
        Some(on) => (on, None),
        None if !binds.is_empty() => (true, Some("-bind set -> setting -listen=1")),
        None if connects_only => {
            (false, Some("-connect or -maxconnections=0 set -> setting -listen=0"))
        }
        None => (true, None),
    };
    remarks.extend(remark.map(|remark| format!("parameter interaction: {remark}")));
    match (on, binds.is_empty()) {
        (false, false) => Err(OptionsError::BindWithoutListen),
        (false, true) => Ok(Listen::Off),
        (true, true) => Ok(Listen::Everywhere { port }),
        (true, false) => Ok(Listen::At(binds)),
    }
}

fn binds(args: &Args, port: u16) -> Result<Vec<SocketAddr>, OptionsError> {
    let mut binds = Vec::new();
    for value in args.list("bind") {
        let value = value.as_str();
        if let Some((_, "onion")) = value.split_once('=') {
            return Err(OptionsError::NotSupportedYet(format!("bind={value}")));
        }
        let address = address("bind", value, port)?;
        if binds.contains(&address) {
            return Err(OptionsError::DuplicateBind(address));
        }
        binds.push(address);
    }
    Ok(binds)
}

/// Core: `AppInitMain`: with `-connect`, whatever it says, connections are not ours to choose, and
/// `-seednode` counts for nothing.
fn outbound(args: &Args, network: Network) -> Result<Outbound, OptionsError> {
    let seed_nodes = endpoints(args, "seednode", network, CONNECT_MAX)?;
    let fixed_seeds = match flag(args, "fixedseeds")?.unwrap_or(true) {
        true => FixedSeeds::Used,
        false => FixedSeeds::Unused,
    };
    match args.list("connect") {
        [] if args.last("connect").is_none() => Ok(Outbound::Automatic { seed_nodes, fixed_seeds }),
        [] => Ok(Outbound::None),
        [only] if is_off(only) => Ok(Outbound::None),
        _ => endpoints(args, "connect", network, CONNECT_MAX).map(Outbound::List),
    }
}

/// Addresses in numbers, at the port of the network unless they have one.
fn endpoints(
    args: &Args,
    name: &'static str,
    network: Network,
    max: usize,
) -> Result<Vec<Endpoint>, OptionsError> {
    let values = args.list(name);
    check_count(name, values, max)?;
    let port = network.default_port();
    let endpoint = |value: &Value| address(name, value.as_str(), port).map(Endpoint::Ip);
    values.iter().map(endpoint).collect()
}

fn check_count(name: &'static str, values: &[Value], max: usize) -> Result<(), OptionsError> {
    let count = values.len();
    if count > max { Err(OptionsError::TooMany { name, count, max }) } else { Ok(()) }
}

/// Who may do what. Core: `NetWhitelistPermissions::TryParse`.
fn whitelist(args: &Args) -> Result<Vec<Whitelist>, OptionsError> {
    let values = args.list("whitelist");
    check_count("whitelist", values, WHITELIST_MAX)?;
    let parse = |value: &Value| {
        let value = value.as_str();
        Whitelist::parse(value, Cjdns::Unreachable)
            .map_err(|error| OptionsError::Whitelist { value: value.to_owned(), error })
    };
    values.iter().map(parse).collect()
}

/// BIP 14: the comments follow the version in brackets.
fn user_agent(args: &Args) -> Result<String, OptionsError> {
    let comments: Vec<_> = args.list("uacomment").iter().map(Value::as_str).collect();
    // Core: `SAFE_CHARS[SAFE_CHARS_UA_COMMENT]`.
    let is_safe = |c: char| c.is_ascii_alphanumeric() || " .,;-_?@".contains(c);
    if let Some(comment) = comments.iter().find(|comment| !comment.chars().all(is_safe)) {
        return Err(OptionsError::UnsafeComment((*comment).to_owned()));
    }
    let name = CLIENT_NAME.to_ascii_lowercase();
    let user_agent = match comments.as_slice() {
        [] => format!("/{name}:{VERSION}/"),
        comments => format!("/{name}:{VERSION}({})/", comments.join("; ")),
    };
    let (bytes, max) = (user_agent.len(), USER_AGENT_BYTES_MAX);
    match bytes <= max {
        true => Ok(user_agent),
        false => Err(OptionsError::UserAgentTooLong { bytes, max }),
    }
}

/// Core: `CConnman::Init`. A number beyond `u32` is one beyond what any machine holds.
fn connections_max(args: &Args) -> Result<u32, OptionsError> {
    let Some(max) = number(args, "maxconnections")? else { return Ok(CONNECTIONS_MAX_DEFAULT) };
    let max = u64::try_from(max).map_err(|_| OptionsError::NegativeConnections)?;
    Ok(u32::try_from(max).unwrap_or(u32::MAX))
}

fn peer_timeout(args: &Args, default: Duration) -> Result<Duration, OptionsError> {
    let Some(seconds) = number(args, "peertimeout")? else { return Ok(default) };
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(OptionsError::PeerTimeoutNotPositive),
    }
}

/// Core: `BanMan::Ban`: what is not positive is no time at all, so that a ban is over at once.
fn ban_time(args: &Args, default: Duration) -> Result<Duration, OptionsError> {
    let Some(seconds) = number(args, "bantime")? else { return Ok(default) };
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Core: `AppInitParameterInteraction`: what is not positive is the default.
fn dial_timeout(args: &Args, default: Duration) -> Result<Duration, OptionsError> {
    let Some(milliseconds) = number(args, "timeout")? else { return Ok(default) };
    Ok(match u64::try_from(milliseconds) {
        Ok(milliseconds) if milliseconds > 0 => Duration::from_millis(milliseconds),
        _ => default,
    })
}

/// Core: `ApplyArgsManOptions` of the chainstate manager: up to 64 digits, the highest first,
/// perhaps with 0x in front.
fn minimum_work(args: &Args) -> Result<U256, OptionsError> {
    let Some(value) = args.last("minimumchainwork") else { return Ok(U256::ZERO) };
    let value = value.as_str();
    let digits = value.strip_prefix("0x").unwrap_or(value);
    let invalid = || OptionsError::InvalidMinimumWork(value.to_owned());
    if digits.len() > 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(invalid());
    }
    let padded = format!("{digits:0>64}");
    let limb = |place: usize| u64::from_str_radix(&padded[16 * place..16 * (place + 1)], 16);
    let mut limbs = [0; 4];
    for (place, to) in limbs.iter_mut().enumerate() {
        *to = limb(place).map_err(|_| invalid())?;
    }
    Ok(U256::from_limbs(limbs))
}

/// Core: `ApplyArgsManOptions`: what is not positive lets no chain be recent.
fn tip_age_max(args: &Args) -> Result<Duration, OptionsError> {
    let Some(seconds) = number(args, "maxtipage")? else { return Ok(RECENT_AGE) };
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A size in units of 1000 bytes.
fn kilobytes(args: &Args, name: &'static str, default: usize) -> Result<usize, OptionsError> {
    let Some(count) = number(args, name)? else { return Ok(default) };
    let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(1000));
    bytes.ok_or_else(|| OptionsError::InvalidNumber { name, value: count.to_string() })
}

fn port(args: &Args) -> Result<Option<u16>, OptionsError> {
    let Some(value) = args.last("port") else { return Ok(None) };
    let value = value.as_str();
    let port = port_number(value);
    port.map(Some)
        .ok_or_else(|| OptionsError::InvalidPort { name: "port", value: value.to_owned() })
}

/// Core: `ArgsManager::GetDataDir`; but none where it takes the one in the home directory.
fn data_directory(args: &Args) -> Option<PathBuf> {
    path(args.last("datadir")?)
}

fn log(args: &Args) -> Result<LogOptions, OptionsError> {
    let defaults = LogOptions::default();
    let console = flag(args, "printtoconsole")?.unwrap_or(defaults.console);
    let file = match args.last("debuglogfile") {
        Some(Value::Negated) => FileOption::Off,
        given => given.and_then(path).map_or(defaults.file, FileOption::At),
    };
    if !console && file == FileOption::Usual && data_directory(args).is_none() {
        return Err(OptionsError::NoLog);
    }
    let debug = categories(args)?;
    let times = match (flag(args, "logtimestamps")?, flag(args, "logtimemicros")?) {
        (Some(false), _) => Times::None,
        (_, Some(true)) => Times::Micros,
        (_, _) => defaults.times,
    };
    // Core: `Logger::DefaultShrinkDebugFile`.
    let shrinks = flag(args, "shrinkdebugfile")?.unwrap_or(debug.is_empty());
    Ok(LogOptions { console, file, shrinks, times, debug })
}

/// A path; nothing is as if it was not given.
fn path(value: &Value) -> Option<PathBuf> {
    match value {
        Value::Given(path) if !path.is_empty() => Some(PathBuf::from(path)),
        Value::Given(_) | Value::Negated => None,
    }
}

/// Categories of the log that are raised.
fn categories(args: &Args) -> Result<Vec<&'static str>, OptionsError> {
    let mut on = named_categories(args, "debug")?;
    let off = named_categories(args, "debugexclude")?;
    on.retain(|category| !off.contains(category));
    Ok(on)
}

fn named_categories(args: &Args, name: &'static str) -> Result<Vec<&'static str>, OptionsError> {
    let values = args.list(name);
    let forgets = |value: &Value| matches!(value.as_str(), "0" | "none");
    let from = values.iter().rposition(forgets).map_or(0, |place| place + 1);
    let mut named = Vec::new();
    for value in &values[from..] {
        let value = value.as_str();
        if matches!(value, "" | "1" | "all") {
            named.extend(CATEGORIES);
            continue;
        }
        let found = CATEGORIES.into_iter().find(|category| *category == value);
        let unknown = || OptionsError::UnknownCategory { name, value: value.to_owned() };
        named.push(found.ok_or_else(unknown)?);
    }
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

fn warnings(network: Network) -> Vec<String> {
    match network {
        Network::Testnet3 => vec![
            "Support for testnet3 is deprecated and will be removed in an upcoming release. \
             Consider switching to testnet4."
                .to_owned(),
        ],
        Network::Main | Network::Testnet4 | Network::Signet | Network::Regtest => Vec::new(),
    }
}

/// How the arguments were understood.
fn remarks(args: &Args) -> Vec<String> {
    let double = args.double_negatives.iter();
    let double = double
        .map(|name| format!("Warning: parsed potentially confusing double-negative -{name}=0"));
    let given = args.iter().flat_map(|(name, _, values)| {
        values.iter().map(move |value| match value {
            Value::Given(_) if SECRET.contains(&name) => format!("Command-line arg: {name}=****"),
            Value::Given(value) => format!("Command-line arg: {name}={value:?}"),
            Value::Negated => format!("Command-line arg: {name}=false"),
        })
    });
    double.chain(given).collect()
}

// What values mean.

/// Whether an option that is on or off was given, and which.
fn flag(args: &Args, name: &'static str) -> Result<Option<bool>, OptionsError> {
    args.last(name).map(|value| is_on(name, value.as_str())).transpose()
}

/// Whether a value means on: none, or any number but 0. Core: `InterpretBool`.
fn is_on(name: &'static str, value: &str) -> Result<bool, OptionsError> {
    if value.is_empty() {
        return Ok(true);
    }
    let number: Result<i64, _> = value.parse();
    let invalid = |_| OptionsError::InvalidFlag { name, value: value.to_owned() };
    Ok(number.map_err(invalid)? != 0)
}

fn is_off(value: &Value) -> bool {
    value.as_str() == "0"
}

fn number(args: &Args, name: &'static str) -> Result<Option<i64>, OptionsError> {
    let Some(value) = args.last(name) else { return Ok(None) };
    let value = value.as_str();
    let invalid = |_| OptionsError::InvalidNumber { name, value: value.to_owned() };
    value.parse().map(Some).map_err(invalid)
}

/// A port that a peer can have. Core: `SplitHostPort`.
fn port_number(value: &str) -> Option<u16> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|port| digits && *port > 0)
}

/// An address in numbers, with a port or without: `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]`,
/// `[::1]:5`.
fn address(name: &'static str, value: &str, default_port: u16) -> Result<SocketAddr, OptionsError> {
    let (host, port) = match value.rsplit_once(':') {
        // More than one colon without brackets is an IPv6 address alone.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (value, None),
    };
    let port = match port {
        None => default_port,
        Some(port) => port_number(port)
            .ok_or_else(|| OptionsError::InvalidPort { name, value: value.to_owned() })?,
    };
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip: Option<IpAddr> = match in_brackets {
        Some(host) => host.parse().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    };
    let unresolved = || OptionsError::UnresolvedAddress { name, value: value.to_owned() };
    Ok(SocketAddr::new(ip.ok_or_else(unresolved)?, port))
}
