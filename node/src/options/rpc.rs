//! What the options say of the RPC server.
//!
//! Source: Core: httprpc.cpp, `InitRPCAuthentication`; httpserver.cpp, `InitHTTPAllowList`,
//! `HTTPBindAddresses`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sockman::connman::bans::Subnet;
use sockman::connman::host::Cjdns;
use sockman::transport::Network;
use sockman_rpc::WORK_QUEUE_MAX;
use sockman_rpc::auth::{Access, User};

use super::args::{Args, Value};
use super::{OptionsError, address, data_directory, flag, number, path, port_number};

/// How long a client may be silent. Core: `DEFAULT_HTTP_SERVER_TIMEOUT`.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Requests under way. Core: `DEFAULT_HTTP_WORKQUEUE`.
const WORK_QUEUE_DEFAULT: usize = 64;

/// Where the cookie is, unless it was said. Core: `COOKIEAUTH_FILE`.
const COOKIE_FILE: &str = ".cookie";

/// How an RPC server is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcOptions {
    /// Where it listens: on as many of these as it can, at least one.
    pub(crate) binds: Vec<SocketAddr>,
    /// Who may call, but for whom a password is given or made.
    pub(crate) access: Access,
    /// How somebody else shows who they are.
    pub(crate) login: Login,
    /// How long a client may be silent.
    pub(crate) timeout: Duration,
    /// Requests that may be under way.
    pub(crate) work_queue: usize,
}

/// How a user shows who they are that is not among those of `-rpcauth`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// There is none.
    None,
    /// By what is in a file, which is made at the start.
    Cookie {
        /// Where, in the chain's directory unless it is absolute.
        file: PathBuf,
        /// Who may read it.
        mode: u32,
    },
    /// By a password.
    Password {
        /// Who.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Cookie { .. } => "Cookie",
            Self::Password { .. } => "Password",
        })
    }
}

/// What can be wrong with the options of the RPC server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RpcOptionsError {
    /// A server for nobody.
    NoLogin,
    /// A `-rpcauth` that is none. Its text is not told: it may be a password.
    Auth,
    /// No subnet.
    AllowIp(String),
    /// No word for who may read the cookie.
    CookiePerms(String),
}

impl fmt::Display for RpcOptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLogin => f.write_str(
                "-server leaves nobody who could log in: give -datadir for a cookie, or -rpcauth, \
                 or -rpcpassword.",
            ),
            // Core tells the reason in the log, which is not open yet here.
            Self::Auth => f.write_str("Unable to start HTTP server. See debug log for details."),
            Self::AllowIp(value) => write!(
                f,
                "Invalid -rpcallowip subnet specification: {value}. Valid values are a single IP \
                 (e.g. 1.2.3.4), a network/netmask (e.g. 1.2.3.4/255.255.255.0), a network/CIDR \
                 (e.g. 1.2.3.4/24), all ipv4 (0.0.0.0/0), or all ipv6 (::/0)."
            ),
            Self::CookiePerms(value) => write!(
                f,
                "Invalid -rpccookieperms={value}; must be one of 'owner', 'group', or 'all'."
            ),
        }
    }
}

impl From<RpcOptionsError> for OptionsError {
    fn from(error: RpcOptionsError) -> Self {
        Self::Rpc(error)
    }
}

/// What the RPC server is to be; `None`: there is none. Without a data directory there is no place
/// for a cookie, and unless somebody could log in otherwise no server.
pub(super) fn rpc(
    args: &Args,
    network: Network,
    warnings: &mut Vec<String>,
) -> Result<Option<RpcOptions>, OptionsError> {
    let mut access = Access::new(users(args)?, subnets(args)?);
    for entry in args.list("rpcwhitelist") {
        access.add_whitelist(entry.as_str());
    }
    let has_whitelist = !args.list("rpcwhitelist").is_empty();
    access.whitelisted_only = flag(args, "rpcwhitelistdefault")?.unwrap_or(has_whitelist);
    let options = RpcOptions {
        binds: binds(args, network, warnings)?,
        login: login(args)?,
        access,
        timeout: timeout(args)?,
        work_queue: work_queue(args)?,
    };
    let can_log_in = options.login != Login::None || !options.access.users.is_empty();
    match flag(args, "server")? {
        Some(false) => Ok(None),
        Some(true) if !can_log_in => Err(RpcOptionsError::NoLogin.into()),
        Some(true) => Ok(Some(options)),
        None => Ok(can_log_in.then_some(options)),
    }
}

fn users(args: &Args) -> Result<Vec<User>, RpcOptionsError> {
    let users = args.list("rpcauth").iter().map(|value| User::parse(value.as_str()));
    // Core says the same of whatever keeps the server from starting.
    users.collect::<Result<_, _>>().map_err(|_| RpcOptionsError::Auth)
}

fn subnets(args: &Args) -> Result<Vec<Subnet>, RpcOptionsError> {
    let parse = |value: &Value| {
        Subnet::parse(value.as_str(), Cjdns::Unreachable)
            .map_err(|_| RpcOptionsError::AllowIp(value.as_str().to_owned()))
    };
    args.list("rpcallowip").iter().map(parse).collect()
}

fn login(args: &Args) -> Result<Login, RpcOptionsError> {
    let text = |name| {
        args.last(name).map_or("", |value| match value {
            Value::Given(text) => text.as_str(),
            Value::Negated => "",
        })
    };
    let password = text("rpcpassword").to_owned();
    if !password.is_empty() {
        return Ok(Login::Password { user: text("rpcuser").to_owned(), password });
    }
    let mode = match args.last("rpccookieperms").map(Value::as_str) {
        None | Some("owner") => 0o600,
        Some("group") => 0o640,
        Some("all") => 0o644,
        Some(other) => return Err(RpcOptionsError::CookiePerms(other.to_owned())),
    };
    let file = match args.last("rpccookiefile") {
        Some(Value::Negated) => return Ok(Login::None),
        given => given.and_then(path).unwrap_or_else(|| PathBuf::from(COOKIE_FILE)),
    };
    let has_place = file.is_absolute() || data_directory(args).is_some();
    Ok(if has_place { Login::Cookie { file, mode } } else { Login::None })
}

/// This host alone, unless both who may come and where to are said.
fn binds(
    args: &Args,
    network: Network,
    warnings: &mut Vec<String>,
) -> Result<Vec<SocketAddr>, OptionsError> {
    let port = match args.last("rpcport").map(Value::as_str) {
        None => default_port(network),
        Some(value) => port_number(value).ok_or_else(|| OptionsError::InvalidPort {
            name: "rpcport",
            value: value.to_owned(),
        })?,
    };
    let named = args.list("rpcbind").iter().map(|value| address("rpcbind", value.as_str(), port));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let admits_others = !args.list("rpcallowip").is_empty();
    match (admits_others, named.is_empty()) {
        (true, false) => return Ok(named),
        (true, true) => warnings.push(
            "option -rpcallowip was specified without -rpcbind; this doesn't usually make sense"
                .to_owned(),
        ),
        (false, false) => warnings.push(
            "option -rpcbind was ignored because -rpcallowip was not specified, refusing to allow \
             everyone to connect"
                .to_owned(),
        ),
        (false, true) => {}
    }
    Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
}

/// Core: chainparamsbase.cpp.
const fn default_port(network: Network) -> u16 {
    match network {
        Network::Main => 8332,
        Network::Testnet3 => 18332,
        Network::Testnet4 => 48332,
        Network::Signet => 38332,
        Network::Regtest => 18443,
    }
}

fn timeout(args: &Args) -> Result<Duration, OptionsError> {
    let Some(seconds) = number(args, "rpcservertimeout")? else { return Ok(TIMEOUT_DEFAULT) };
    let invalid =
        |_| OptionsError::InvalidNumber { name: "rpcservertimeout", value: seconds.to_string() };
    // More seconds than this are for ever.
    let seconds = u64::try_from(seconds).map_err(invalid)?.min(u32::MAX.into());
    Ok(Duration::from_secs(seconds.max(1)))
}

/// Core: at least 1; ours: not more than doors between threads can take.
fn work_queue(args: &Args) -> Result<usize, OptionsError> {
    let Some(count) = number(args, "rpcworkqueue")? else { return Ok(WORK_QUEUE_DEFAULT) };
    Ok(usize::try_from(count).unwrap_or(0).clamp(1, WORK_QUEUE_MAX))
}
