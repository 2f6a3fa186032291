//! What can be wrong with the options, in the words of the contract where it has some.

use std::fmt;
use std::net::SocketAddr;

use sockman::connman::permissions::PermissionError;

use super::rpc::RpcOptionsError;

/// Why the node does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OptionsError {
    /// No such option: the argument as written.
    Unknown(String),
    /// An argument without a dash.
    UnexpectedToken(String),
    /// An option that means nothing without a value.
    ValueNeeded(&'static str),
    /// An option, or a value of one, that comes with a later version.
    NotSupportedYet(String),
    /// `includeconf` belongs into a file: its value as JSON.
    IncludeConf(String),
    /// Neither nothing nor a number.
    InvalidFlag {
        /// The option.
        name: &'static str,
        /// What it was given.
        value: String,
    },
    /// No number, or one out of range.
    InvalidNumber {
        /// The option.
        name: &'static str,
        /// What it was given.
        value: String,
    },
    /// No port, or port 0.
    InvalidPort {
        /// The option.
        name: &'static str,
        /// What it was given.
        value: String,
    },
    /// No address in numbers.
    UnresolvedAddress {
        /// The option.
        name: &'static str,
        /// What it was given.
        value: String,
    },
    /// The same place twice.
    DuplicateBind(SocketAddr),
    /// Where to listen was said, and that we do not.
    BindWithoutListen,
    /// More values of an option than there may be.
    TooMany {
        /// The option.
        name: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// An entry of the whitelist that says nothing.
    Whitelist {
        /// The entry.
        value: String,
        /// What is wrong with it.
        error: PermissionError,
    },
    /// Not up to 64 hexadecimal digits.
    InvalidMinimumWork(String),
    /// A negative number of connections.
    NegativeConnections,
    /// A handshake in no time.
    PeerTimeoutNotPositive,
    /// No such chain.
    UnknownChain(String),
    /// Several chains.
    SeveralChains,
    /// No log on stdout, and no file for one.
    NoLog,
    /// No such category of the log.
    UnknownCategory {
        /// The option.
        name: &'static str,
        /// What it was given.
        value: String,
    },
    /// What is wrong with the RPC server.
    Rpc(RpcOptionsError),
    /// A comment that is not safe to show.
    UnsafeComment(String),
    /// Our name with all its comments is too long for peers.
    UserAgentTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The greatest length that they take.
        max: usize,
    },
}

const SEVERAL_CHAINS: &str = "Invalid combination of -regtest, -signet, -testnet, -testnet4 and \
                              -chain. Can use at most one.";

const NO_LOG: &str = "-printtoconsole=0 leaves no log: give -datadir or -debuglogfile as well, or \
                      -nodebuglogfile if there is to be none.";

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PARSING: &str = "Error parsing command line arguments:";
        match self {
            Self::Unknown(arg) => write!(f, "{PARSING} Invalid parameter {arg}"),
            Self::UnexpectedToken(token) => write!(
                f,
                "Command line contains unexpected token '{token}', see sockmand -h for a list of \
                 options."
            ),
            Self::ValueNeeded(name) => write!(
                f,
                "{PARSING} Can not set -{name} with no value. Please specify value with \
                 -{name}=value."
            ),
            Self::NotSupportedYet(what) => write!(f, "-{what} is not supported yet."),
            Self::IncludeConf(value) => write!(
                f,
                "{PARSING} -includeconf cannot be used from commandline; -includeconf={value}"
            ),
            Self::InvalidFlag { name, value } => {
                write!(f, "Invalid value specified in -{name}: '{value}', must be 0 or 1")
            }
            Self::InvalidNumber { name, value } => {
                write!(f, "Invalid number specified in -{name}: '{value}'")
            }
            Self::InvalidMinimumWork(value) => {
                write!(f, "Invalid minimum work specified ({value}), must be up to 64 hex digits")
            }
            Self::InvalidPort { name, value } => {
                write!(f, "Invalid port specified in -{name}: '{value}'")
            }
            Self::UnresolvedAddress { name, value } => {
                write!(f, "Cannot resolve -{name} address: '{value}'")
            }
            Self::DuplicateBind(address) => write!(
                f,
                "Duplicate binding configuration for address {address}. Please check your -bind \
                 settings."
            ),
            Self::BindWithoutListen => {
                f.write_str("Cannot set -bind or -whitebind together with -listen=0")
            }
            Self::TooMany { name, count, max } => {
                write!(f, "-{name} was given {count} times, at most {max} are possible")
            }
            Self::Whitelist { value, error } => {
                write!(f, "Invalid -whitelist '{value}': {error}")
            }
            Self::NegativeConnections => {
                f.write_str("-maxconnections must be greater or equal than zero")
            }
            Self::PeerTimeoutNotPositive => f.write_str("peertimeout must be a positive integer."),
            Self::UnknownChain(name) => write!(f, "Unknown chain {name}."),
            Self::SeveralChains => f.write_str(SEVERAL_CHAINS),
            Self::NoLog => f.write_str(NO_LOG),
            Self::Rpc(error) => error.fmt(f),
            Self::UnknownCategory { name, value } => {
                write!(f, "Unsupported logging category -{name}={value}.")
            }
            Self::UnsafeComment(comment) => {
                write!(f, "User Agent comment ({comment}) contains unsafe characters.")
            }
            Self::UserAgentTooLong { bytes, max } => write!(
                f,
                "Total length of network version string ({bytes}) exceeds maximum length ({max}). \
                 Reduce the number or size of uacomments."
            ),
        }
    }
}

impl std::error::Error for OptionsError {}
