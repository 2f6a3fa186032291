//! A running node: what it was started with, and the lines that it has written so far.
#![expect(
    clippy::disallowed_methods,
    reason = "a test of real processes has real deadlines, and threads that read their output"
)]

use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take. Far more than it does: a neighbour may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is under test.
const BINARY: &str = env!("CARGO_BIN_EXE_sockmand");

/// Ports that are tried before a test gives up: another program may take one first.
const PORTS_TRIED_MAX: usize = 20;

/// A node. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What stdout has said so far.
    seen: Vec<String>,
    /// Lines of `seen` that were waited for.
    read: usize,
}

/// What is left of a node.
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Node {
    /// Starts a node on regtest that logs all about the network.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(args))
    }

    /// Starts a node from a command for it.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built with the test");
        let stdout = lines(child.stdout.take().expect("it was asked for"));
        let stderr = lines(child.stderr.take().expect("it was asked for"));
        Self { child, stdout, stderr, seen: Vec::new(), read: 0 }
    }

    /// Starts a node that listens on a port of loopback, with further arguments; and its address.
    pub(crate) fn listening(args: &[&str]) -> (Self, String) {
        let bind = |port| vec![format!("-bind=127.0.0.1:{port}")];
        let (node, port) = Self::on_free_port(bind, args);
        (node, format!("127.0.0.1:{port}"))
    }

    /// Starts a node with a port in some arguments, and others; tries again if somebody takes it.
    pub(crate) fn on_free_port(with: impl Fn(u16) -> Vec<String>, args: &[&str]) -> (Self, u16) {
        for _ in 0..PORTS_TRIED_MAX {
            let port = free_port();
            let with = with(port);
            let with = with.iter().map(String::as_str);
            let all: Vec<_> = with.chain(args.iter().copied()).collect();
            let mut node = Self::start(&all);
            if node.waits_for("Done loading") {
                return (node, port);
            }
            let exit = node.wait();
            let taken = ["already running", "Unable to start HTTP server"];
            let is_taken = taken.iter().any(|why| exit.stderr[0].contains(why));
            assert!(is_taken, "{:?}", exit.stderr);
        }
        panic!("somebody takes every port");
    }

    /// Waits for a line with this in it, after those waited for before; and gives it.
    #[track_caller]
    pub(crate) fn expect(&mut self, part: &str) -> String {
        assert!(self.waits_for(part), "{part:?} does not come after {:#?}", self.seen);
        self.seen[self.read - 1].clone()
    }

    /// Whether a line with this in it comes before the end of the output.
    #[track_caller]
    fn waits_for(&mut self, part: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(line) = self.seen.get(self.read) {
                self.read += 1;
                if line.contains(part) {
                    return true;
                }
            }
            match self.stdout.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{part:?} does not come in time after {:#?}", self.seen);
                }
            }
        }
    }

    /// Goes back to the first line, for what comes in no order.
    pub(crate) const fn rewind(&mut self) -> &mut Self {
        self.read = 0;
        self
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs, or was not waited for");
    }

    /// Interrupts it, and waits for its end.
    #[track_caller]
    pub(crate) fn stop(self) -> Exit {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Exit {
        let stderr = rest(&self.stderr);
        self.seen.extend(rest(&self.stdout));
        // Both pipes are closed, so it is over or about to be.
        let status = self.child.wait().expect("it was not waited for before");
        Exit { status, stdout: std::mem::take(&mut self.seen), stderr }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // OK to ignore: it is over already, as a rule.
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

impl Exit {
    /// Whether it ended as it should: status 0, and nothing to complain of.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.status.code(), Some(0), "{:#?}", self.stdout);
        assert_eq!(self.stderr, [""; 0]);
    }

    /// Whether it ended with this message alone.
    #[track_caller]
    pub(crate) fn assert_error(&self, text: &str) {
        assert_eq!(self.status.code(), Some(1), "{:#?}", self.stdout);
        assert_eq!(self.stderr, [format!("Error: {text}")]);
    }
}

/// The binary on regtest.
pub(crate) fn command(args: &[&str]) -> Command {
    with_usual(Command::new(BINARY), args)
}

/// The binary on regtest, in a shell's limits: what follows `ulimit`.
pub(crate) fn limited(limit: &str, args: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), BINARY]);
    with_usual(shell, args)
}

fn with_usual(mut command: Command, args: &[&str]) -> Command {
    // Nodes run side by side, and the port of the RPC server is the same for all of a chain.
    let usual = ["-regtest", "-debug=net", "-logtimemicros", "-server=0"];
    command.args(usual).args(args);
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// A port of loopback that nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    listener.local_addr().expect("it is bound").port()
}

/// Lines as they come, read by a thread of their own so that the writer never waits.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What else comes until the end.
#[track_caller]
fn rest(lines: &Receiver<String>) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("it goes on after {rest:#?}"),
        }
    }
}
