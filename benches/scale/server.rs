//! The node under test, in a process of its own, whose memory is nobody else's.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use sockman::connman::{Config, ConnMan, Notice};
use sockman::driver::{Driver, Machine, Observer, SystemClock};
use sockman::rng::Seed;
use sockman::sockets::{Endpoint, Epoll, OsSockets, Poll, Sockets, Wait};
use sockman::sockman::SockMan;
use sockman::time::Now;
use sockman::transport::Network;

/// The argument that makes a process a node.
pub(crate) const ROLE: &str = "node";

/// What it waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Epoll,
    Poll,
}

impl Backend {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Epoll => "epoll",
            Self::Poll => "poll(2)",
        }
    }

    pub(crate) fn parse(name: &str) -> io::Result<Self> {
        let known = [Self::Epoll, Self::Poll].into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| io::Error::other(format!("{name}: no backend has this name")))
    }
}

/// A node in another process, which ends with this value.
pub(crate) struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    at: SocketAddr,
    connections: usize,
}

impl Server {
    pub(crate) fn start(backend: Backend, connections: usize) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ROLE, backend.name(), &connections.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let mut said = BufReader::new(stdout);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let at = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, said, at, connections })
    }

    pub(crate) const fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) const fn connections(&self) -> usize {
        self.connections
    }

    /// Waits until the node has told that it let so many in.
    pub(crate) fn wait_until_accepted(&mut self, connections: usize) -> io::Result<()> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        if line.trim().parse() == Ok(connections) { Ok(()) } else { Err(io::Error::other(line)) }
    }

    /// How much memory it has that is not swapped out.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        let missing = || io::Error::other("this system does not say how much memory a process has");
        kibibytes.map(|kibibytes: u64| kibibytes * 1024).ok_or_else(missing)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // OK to ignore: it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is a node, until somebody ends the process.
pub(crate) fn serve(backend: Backend, connections: usize) -> io::Result<()> {
    crate::claim_descriptors(connections as u64)?;
    match backend {
        Backend::Epoll => run(OsSockets::<Epoll>::new().map_err(io::Error::other)?, connections),
        Backend::Poll => run(OsSockets::<Poll>::new().map_err(io::Error::other)?, connections),
    }
}

fn run<S: Sockets + Wait>(sockets: S, connections: usize) -> io::Result<()> {
    let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
    let mut config = Config::new(Network::Regtest);
    config.limits.inbound_max = u32::try_from(connections).map_err(io::Error::other)?;
    let mut machine = Machine::new(sockman, ConnMan::new(config, Seed::from_number(7)));
    let any_port = Endpoint::Ip(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let listener = machine.listen(Now::default(), &any_port).map_err(io::Error::other)?;
    let at = machine.sockman().sockets().listener_endpoint(listener).map_err(io::Error::other)?;
    let port = at.ip().map(|at| at.port()).unwrap_or_default();
    say(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string())?;
    let (mut driver, _mailbox) = Driver::new(machine, SystemClock::start());
    driver.run(&mut Counter { connected: 0, connections }).map_err(io::Error::other)
}

/// Tells when everybody is there.
struct Counter {
    connected: usize,
    connections: usize,
}

impl<S: Sockets> Observer<S, ConnMan> for Counter {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        if let Notice::PeerConnected { .. } = notice {
            self.connected += 1;
            if self.connected == self.connections {
                // OK to ignore: whoever does not listen any more ends this process.
                let _ = say(&self.connected.to_string());
            }
        }
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<S, ConnMan>) {}
}

fn say(what: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{what}")?;
    stdout.flush()
}
