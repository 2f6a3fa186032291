//! A node in a process of its own: started, looked after, stopped; with a data directory and ports
//! that nobody else has.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};

/// What a command may speak of, and what stands there when it is run.
pub const PLACEHOLDERS: [(&str, &str); 4] = [
    ("{port}", "the port at which the node is to listen"),
    ("{rpcport}", "the port of its JSON-RPC server"),
    ("{proxyport}", "the port of the SOCKS5 proxy through which it is to dial"),
    ("{datadir}", "an empty directory, which is removed afterwards"),
];

/// The arguments of a command that speaks of none of these: those of Bitcoin Core's `bitcoind`.
pub const USUAL_ARGUMENTS: &str = "-regtest -datadir={datadir} -bind=127.0.0.1:{port} \
    -rpcport={rpcport} -proxy=127.0.0.1:{proxyport} -listen=1 -server=1 -v2transport=0 \
    -discover=0 -dnsseed=0 -fixedseeds=0 -listenonion=0 -natpmp=0 -proxyrandomize=0 \
    -printtoconsole=0 -debuglogfile=0";

/// How a node is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments, without the settings of a schedule.
    words: Vec<String>,
}

impl fmt::Display for Program {
    /// The command, with what is usual written out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

impl Program {
    /// From a command: words with spaces between them, not seen by a shell. One that has no
    /// placeholder is given the [`USUAL_ARGUMENTS`].
    ///
    /// # Errors
    ///
    /// It is empty, or has no place for the port.
    pub fn new(command: &str) -> Result<Self, String> {
        let speaks = |words: &str, name: &str| words.contains(name);
        let usual = !PLACEHOLDERS.iter().any(|(name, _)| speaks(command, name));
        let whole = if usual { format!("{command} {USUAL_ARGUMENTS}") } else { command.to_owned() };
        if command.trim().is_empty() {
            return Err("exec: needs a command".to_owned());
        }
        if !speaks(&whole, "{port}") {
            return Err("the command does not say where {port} goes".to_owned());
        }
        Ok(Self { words: whole.split_whitespace().map(str::to_owned).collect() })
    }

    /// Whether a placeholder occurs.
    fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.contains(name))
    }

    /// Whether the node can be asked.
    #[must_use]
    pub fn has_rpc(&self) -> bool {
        self.has("{rpcport}") && self.has("{datadir}")
    }

    /// Whether it dials through the proxy.
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        self.has("{proxyport}")
    }
}

/// Why there is no process.
#[derive(Debug)]
pub enum ProcessError {
    /// Its directory, a port, or the program itself.
    Start(io::Error),
    /// It ended before it was asked to, with what it last said on stderr.
    Ended(ExitStatus, String),
    /// It does not answer in all the time that it is given.
    Silent,
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the node cannot be started: {error}"),
            Self::Ended(status, said) => {
                write!(f, "the node has ended: {status}")?;
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            Self::Silent => f.write_str("the node does not answer"),
        }
    }
}

impl std::error::Error for ProcessError {}

/// The number of the next directory of this process's.
static DIRECTORIES: AtomicU64 = AtomicU64::new(0);

/// A node that runs. It is ended, and its directory removed, when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    directory: PathBuf,
    /// Where it listens.
    pub(super) listens: SocketAddr,
    pub(super) rpc_port: u16,
    is_over: bool,
}

impl Process {
    /// Starts one, with further arguments.
    ///
    /// # Errors
    ///
    /// There is no directory, no port, or no such program.
    pub(super) fn start(
        program: &Program,
        proxy: Option<SocketAddr>,
        further: &[String],
    ) -> Result<Self, ProcessError> {
        let directory = new_directory().map_err(ProcessError::Start)?;
        let started = Self::start_in(&directory, program, proxy, further);
        started.map_err(|error| {
            // OK to ignore: what is left of it is empty.
            let _ = fs::remove_dir_all(&directory);
            ProcessError::Start(error)
        })
    }

    fn start_in(
        directory: &Path,
        program: &Program,
        proxy: Option<SocketAddr>,
        further: &[String],
    ) -> io::Result<Self> {
        let [port, rpc_port] = free_ports()?;
        let stands = |name: &str| match name {
            "{port}" => port.to_string(),
            "{rpcport}" => rpc_port.to_string(),
            "{proxyport}" => proxy.map_or(0, |proxy| proxy.port()).to_string(),
            _ => directory.display().to_string(),
        };
        let fill = |word: &String| {
            PLACEHOLDERS
                .iter()
                .fold(word.clone(), |word, (name, _)| word.replace(name, &stands(name)))
        };
        let words: Vec<_> = program.words.iter().map(fill).collect();
        let [name, arguments @ ..] = words.as_slice() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let said = fs::File::create(directory.join(SAID))?;
        let child = Command::new(name)
            .args(arguments)
            .args(further)
            // All that it starts ends with it; and Ctrl-C reaches us alone.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        let group = Pid::from_child(&child);
        let listens = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let directory = directory.to_owned();
        Ok(Self { child, group, directory, listens, rpc_port, is_over: false })
    }

    /// The user and password of its JSON-RPC server, once it has written them.
    pub(super) fn cookie(&self) -> Option<String> {
        fs::read_to_string(self.directory.join("regtest/.cookie"))
            .ok()
            .filter(|text| !text.is_empty())
    }

    /// Looks whether it has ended by itself.
    ///
    /// # Errors
    ///
    /// It has.
    pub(super) fn check(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.is_over = true;
                let said = fs::read_to_string(self.directory.join(SAID)).unwrap_or_default();
                let last = said.lines().rfind(|line| !line.trim().is_empty());
                Err(ProcessError::Ended(status, last.unwrap_or_default().to_owned()))
            }
            Err(error) => Err(ProcessError::Start(error)),
        }
    }

    /// Asks it to end.
    pub(super) fn ask_to_end(&self) {
        // OK to fail: then it is over already.
        let _ = kill_process_group(self.group, Signal::TERM);
    }

    /// Whether it has ended, which is well if it was asked to and says so.
    pub(super) fn has_ended(&mut self) -> Option<Result<(), ProcessError>> {
        let status = self.child.try_wait().ok()??;
        self.is_over = true;
        let well = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        Some(if well { Ok(()) } else { Err(ProcessError::Ended(status, String::new())) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_over {
            // None of them has anything to lose.
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What it says on stderr.
const SAID: &str = "stderr.txt";

fn new_directory() -> io::Result<PathBuf> {
    let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
    let name = format!("sockman-node-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir(&directory)?;
    Ok(directory)
}

/// Ports that were free a moment ago.
fn free_ports() -> io::Result<[u16; 2]> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (one, other) = (any()?, any()?);
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_says_what_it_can() {
        let usual = Program::new("/usr/bin/bitcoind -debug=net").unwrap();
        assert!(usual.has_rpc() && usual.has_proxy());
        assert_eq!(usual.words[..2], ["/usr/bin/bitcoind", "-debug=net"]);
        let own = Program::new("sockmand -bind=127.0.0.1:{port}").unwrap();
        assert!(!own.has_rpc() && !own.has_proxy());
        assert!(Program::new("node --data {datadir}").is_err());
        assert!(Program::new("  ").is_err());
    }

    #[test]
    fn process_that_ends_is_noticed_with_what_it_said() {
        let program = Program::new("ls /{port}/{datadir}").unwrap();
        let mut process = Process::start(&program, None, &[]).unwrap();
        let ended = loop {
            if let Err(error) = process.check() {
                break error;
            }
        };
        assert!(matches!(&ended, ProcessError::Ended(_, said) if said.contains("ls:")), "{ended}");
        let directory = process.directory.clone();
        drop(process);
        assert!(!directory.exists());
        assert!(Process::start(&Program::new("no-such {port}").unwrap(), None, &[]).is_err());
    }
}
