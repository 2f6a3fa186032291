//! One node, from its options to its end.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sockman::chain::Params;
use sockman::connman::blocks::Chain;
use sockman::connman::{self, Behaviour, ConnMan, Limits, NetworkState};
use sockman::driver::{Clock as _, Driver, Machine, OsFiles, SystemClock, system_seed};
use sockman::rng::Seed;
use sockman::sockets::{Endpoint, Errno, ListenError, OsSockets, Wait as _, WaitError};
use sockman::sockman::SockMan;
use sockman_rpc::{About, Command};
use tracing::info;

use crate::descriptors::{self, Descriptors, NotEnough};
use crate::directory::{self, Directory, DirectoryError};
use crate::kept::{self, KeptError};
use crate::log::{self, LogError};
use crate::options::{CLIENT_NAME, Listen, Options, VERSION};
use crate::report::Report;
use crate::rpc::{self, NodeMailbox, Stop};
use crate::signals;

/// Why a node does not start, or does not go on.
#[derive(Debug)]
pub(crate) enum NodeError {
    /// Fewer descriptors than it takes.
    Descriptors(NotEnough),
    /// No place for files.
    Directory(DirectoryError),
    /// No log.
    Log(LogError),
    /// No randomness.
    Seed(Errno),
    /// What was kept cannot be read.
    Kept(KeptError),
    /// No way to wait for sockets.
    Sockets(Errno),
    /// No place to listen.
    Listen {
        /// Where.
        at: SocketAddr,
        /// Why.
        error: ListenError,
    },
    /// No RPC server.
    Rpc,
    /// No way to hear signals.
    Signals(io::Error),
    /// It ran, and could not wait any more.
    Wait(WaitError),
    /// It ran, and something was not saved at its end: what and why.
    NotSaved(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptors(error) => error.fmt(f),
            Self::Directory(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Seed(error) => write!(f, "The system gives no random bytes: {error}"),
            Self::Kept(error) => error.fmt(f),
            Self::Sockets(error) => write!(f, "The system gives no way to wait: {error}"),
            Self::Listen { at, error: ListenError::AddressInUse } => write!(
                f,
                "Unable to bind to {at} on this computer. {CLIENT_NAME} is probably already \
                 running."
            ),
            Self::Listen { at, error } => {
                write!(f, "Unable to bind to {at} on this computer ({error})")
            }
            Self::Rpc => f.write_str("Unable to start HTTP server. See debug log for details."),
            Self::Signals(error) => write!(f, "Signals cannot be caught: {error}"),
            Self::Wait(error) => error.fmt(f),
            Self::NotSaved(told) => f.write_str(told),
        }
    }
}

impl std::error::Error for NodeError {}

/// The version of the reference whose calls these are, as a number (30.99): programs tell by it
/// what they may call. Core: `CLIENT_VERSION`.
const INTERFACE_VERSION: u32 = 309_900;

/// Bytes of blocks in memory that are in files, too, at most: ours, some dozen of the largest.
const CACHE_BYTES: usize = 64 << 20;

/// Headers, at most: ours, some twice as many as the longest chain has, and 800 MB of memory.
const HEADERS_MAX: usize = 4_000_000;

type Node = Machine<OsSockets, sockman_rpc::Node>;

/// Runs a node until somebody stops it.
pub(crate) fn run(mut options: Options) -> Result<(), NodeError> {
    let available = limit_connections(&mut options).map_err(NodeError::Descriptors)?;
    let clock = SystemClock::start();
    let (network, blocks) = (options.config.network, options.blocks_directory.as_deref());
    let directory = options.data_directory.as_ref();
    let directory = directory.map(|path| directory::of_chain(path, blocks, network));
    let directory = directory.transpose().map_err(NodeError::Directory)?;
    let reopens_log = Arc::new(AtomicBool::new(false));
    // Dropped last, when every line is there.
    let path = directory.as_ref().map(Directory::path);
    let _flush =
        log::open(&options.log, path, clock, Arc::clone(&reopens_log)).map_err(NodeError::Log)?;
    // From here on a signal that comes early waits, and is not lost.
    let signals = signals::catch(reopens_log).map_err(NodeError::Signals)?;
    introduce(&options);
    let most = options.connections_max;
    info!("Using at most {most} automatic connections ({available} file descriptors available)");
    let seed = system_seed().map_err(NodeError::Seed)?;
    let (mut machine, files) = build(&options, &seed, directory.as_ref(), clock)?;
    listen(&mut machine, clock, &options.listen)?;
    let (mut driver, node) = Driver::with_files(machine, clock, files);
    let server = start_rpc(&options, &seed, path, clock, node.clone())?;
    let answers = server.as_ref().map(|server| server.mailbox.clone());
    let stop = Stop { node, server: answers.clone() };
    signals.forward(stop).map_err(NodeError::Signals)?;
    info!("init message: Done loading");
    let mut report = Report::new(options.config.peer_timeout, answers);
    let result = driver.run(&mut report);
    if let Some(server) = server {
        server.end();
    }
    info!("Shutdown done");
    result.map_err(NodeError::Wait)?;
    report.unsaved().map_or(Ok(()), |told| Err(NodeError::NotSaved(told)))
}

/// An RPC server, if there is to be one.
fn start_rpc(
    options: &Options,
    seed: &Seed,
    directory: Option<&Path>,
    clock: SystemClock,
    node: NodeMailbox,
) -> Result<Option<rpc::Running>, NodeError> {
    let Some(of_rpc) = &options.rpc else { return Ok(None) };
    let log_path = options.log.file.path(directory);
    let about = About {
        client_name: CLIENT_NAME.to_owned(),
        log_path: log_path.map(|path| path.display().to_string()).unwrap_or_default(),
        started: clock.now().wall,
    };
    let started = rpc::start(of_rpc, about, directory, clock, seed, node);
    // Core says of all that can go wrong the same, and more in the log.
    started.map(Some).map_err(|error| {
        info!("Warning: no RPC server: {error}");
        NodeError::Rpc
    })
}

/// Reduces the connections to what there are descriptors for; says how many there are.
fn limit_connections(options: &mut Options) -> Result<u64, NotEnough> {
    let wanted = options.connections_max;
    let Descriptors { available, connections_max } =
        descriptors::claim(wanted, options.listen.named())?;
    if connections_max < wanted {
        options.connections_max = connections_max;
        options.config.limits = Limits::for_connections(connections_max);
        options.warnings.push(format!(
            "Reducing -maxconnections from {wanted} to {connections_max}, because of system \
             limitations."
        ));
    }
    Ok(available)
}

/// Says who we are, and how the options were understood.
fn introduce(options: &Options) {
    info!("{CLIENT_NAME} version v{VERSION}");
    for remark in &options.remarks {
        info!("{remark}");
    }
    info!("Using the chain {}", options.config.network);
    for (n, warning) in options.warnings.iter().enumerate() {
        // Several are one block, of which the first line has the prefix.
        let prefix = if n == 0 { "Warning: " } else { "" };
        // OK to ignore: the log has it too.
        let _unseen = writeln!(io::stderr(), "{prefix}{warning}");
        info!("Warning: {warning}");
    }
}

/// A node that does nothing yet, with what was kept in the chain's directory, and its files. It
/// keeps nothing without a directory.
fn build(
    options: &Options,
    seed: &Seed,
    directory: Option<&Directory>,
    clock: SystemClock,
) -> Result<(Node, Option<OsFiles>), NodeError> {
    let sockets: OsSockets = OsSockets::new().map_err(NodeError::Sockets)?;
    let config = match options.config.behaviour {
        Behaviour::Reference => sockman::sockman::Config::REFERENCE,
        Behaviour::Ours => sockman::sockman::Config::default(),
    };
    let connman = ConnMan::new(options.config.clone(), seed.clone());
    let chain = Chain::new(Params::of(options.config.network), HEADERS_MAX)
        .with_cache(CACHE_BYTES)
        .with_minimum_work(options.minimum_work)
        .with_tip_age_max(options.tip_age_max);
    let (connman, files) = match directory {
        None => (connman.with_chain(chain), None),
        Some(directory) => {
            let kept = kept::load(directory, sockets.waker(), connman, chain, clock.now());
            let (files, connman) = kept.map_err(NodeError::Kept)?;
            (connman, Some(files))
        }
    };
    let node = sockman_rpc::Node::new(connman, INTERFACE_VERSION);
    let mut machine = Machine::new(SockMan::new(sockets, config), node);
    if options.network_state == NetworkState::Inactive {
        // The default order takes commands before it opens connections.
        let command = connman::Command::SetNetworkActive(NetworkState::Inactive);
        let command = Command::ConnMan(command);
        machine.push_command(command).expect("the queue is empty");
    }
    info!("SetNetworkActive: {}", options.network_state == NetworkState::Active);
    Ok((machine, files))
}

/// Listens where it was said, or everywhere. Core: `CConnman::InitBinds`.
fn listen(machine: &mut Node, clock: SystemClock, listen: &Listen) -> Result<(), NodeError> {
    match listen {
        Listen::Off => Ok(()),
        Listen::At(places) => places.iter().try_for_each(|at| bind(machine, clock, *at)),
        Listen::Everywhere { port } => {
            // A host may be without IPv6; and then its IPv4 is all there is.
            if let Err(error) = bind(machine, clock, (Ipv6Addr::UNSPECIFIED, *port).into()) {
                info!("{error}");
            }
            bind(machine, clock, (Ipv4Addr::UNSPECIFIED, *port).into())
        }
    }
}

fn bind(machine: &mut Node, clock: SystemClock, at: SocketAddr) -> Result<(), NodeError> {
    let listened = machine.listen(clock.now(), &Endpoint::Ip(at));
    listened.map_err(|error| NodeError::Listen { at, error })?;
    info!("Bound to {at}");
    Ok(())
}
