//! The RPC server: a thread of its own with a loop of its own, and what goes between it and the
//! node.
//!
//! ```text
//!   signals --> Stop --> RPC server: answers what was taken --> its end --> the node: its end
//! ```
//!
//! Neither loop waits for the other. Each is watched by an observer that leaves what the other is
//! asked, or answered, in the other's mailbox.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sockman::driver::{Clock as _, Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::http::{Config, Notice as HttpNotice, Refusal, Timeouts};
use sockman::rng::{Purpose, Seed};
use sockman::sockets::{Endpoint, OsSockets, PollerWaker};
use sockman::sockman::SockMan;
use sockman::time::Now;
use sockman_rpc::auth::{COOKIE_USER, User, hex};
use sockman_rpc::{
    About, Code, Command, Desk, DeskNotice, RpcError, Server, ServerCommand, ServerNotice,
};
use tracing::{debug, info};

use crate::options::{Login, RpcOptions};

/// Categories of the log.
const HTTP: &str = "http";
const RPC: &str = "rpc";

/// Connections of clients: ours, of the descriptors that are set aside for what is no peer (Core:
/// `MIN_CORE_FDS`, 150).
const CONNECTIONS_MAX: u32 = 100;

/// How long the server may take to answer what it has taken, before it ends without: longer than
/// any method, of which an attempt to connect (5 s) is the longest.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of a cookie. Core: `COOKIE_SIZE`.
const COOKIE_BYTES: usize = 32;

/// By which other threads reach the node, and the RPC server.
pub(crate) type NodeMailbox = Mailbox<Command, PollerWaker>;
pub(crate) type ServerMailbox = Mailbox<ServerCommand, PollerWaker>;

/// A server on its thread.
pub(crate) struct Running {
    pub(crate) mailbox: ServerMailbox,
    thread: JoinHandle<()>,
    /// Removed with the server.
    _cookie: Option<Cookie>,
}

/// The file with the cookie, which is gone when this is.
struct Cookie(PathBuf);

impl Drop for Cookie {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            info!("Warning: cannot remove \"{}\" ({error})", self.0.display());
        }
    }
}

/// Starts a server on a thread of its own, which stops the node when it ends. What keeps it from
/// that is in the log.
///
/// # Errors
///
/// The cookie cannot be written, nowhere can be listened, or the system has no thread left.
pub(crate) fn start(
    options: &RpcOptions,
    about: About,
    directory: Option<&Path>,
    clock: SystemClock,
    seed: &Seed,
    node: NodeMailbox,
) -> io::Result<Running> {
    let mut access = options.access.clone();
    // Before the port is open: whoever finds it open finds the cookie.
    let (user, cookie) = login(&options.login, directory, seed)?;
    access.users.extend(user);
    let server = Server::new(config(options.timeout), Desk::new(access, about, options.work_queue));
    let binds = options.binds.clone();
    let (tell, hear) = mpsc::sync_channel(1);
    // A machine stays on the thread that made it.
    let serve = move || {
        let machine = listen(server, &binds, clock);
        let made = machine.map(|machine| Driver::new(machine, clock));
        let (mut driver, own) = match made {
            Ok((driver, own)) => (driver, own),
            // OK to ignore: whoever started this waits for it.
            Err(error) => return drop(tell.send(Err(error))),
        };
        let _ = tell.send(Ok(own.clone()));
        if let Err(error) = driver.run(&mut Watch { node: node.clone(), own }) {
            info!("Warning: the RPC server has ended: {error}");
        }
        node.stop();
    };
    let thread = thread::Builder::new().name("http".to_owned()).spawn(serve)?;
    let told = hear.recv().map_err(|_| io::Error::other("its thread has ended"))?;
    told.map(|mailbox| Running { mailbox, thread, _cookie: cookie })
}

fn config(timeout: Duration) -> Config {
    let (idle, head, body, write) = (timeout, timeout, timeout, timeout);
    let timeouts = Timeouts { idle, head, body, write, ..Timeouts::DEFAULT };
    Config { connections_max: CONNECTIONS_MAX, timeouts, ..Config::DEFAULT }
}

fn listen(
    server: Server,
    binds: &[SocketAddr],
    clock: SystemClock,
) -> io::Result<Machine<OsSockets, Server>> {
    let sockets = OsSockets::new().map_err(|errno| io::Error::other(errno.to_string()))?;
    let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
    let mut machine = Machine::new(sockman, server);
    match binds.iter().filter(|at| bind(&mut machine, clock, **at)).count() {
        0 => Err(io::Error::other("no address could be bound")),
        _ => Ok(machine),
    }
}

/// Listens somewhere; whether that was possible. Core: `HTTPBindAddresses`: one place is enough.
fn bind(machine: &mut Machine<OsSockets, Server>, clock: SystemClock, at: SocketAddr) -> bool {
    match machine.listen(clock.now(), &Endpoint::Ip(at)) {
        Ok(_) => {
            debug!(target: HTTP, "Binding RPC on address {} port {}", at.ip(), at.port());
            true
        }
        Err(error) => {
            info!("Binding RPC on address {} port {} failed: {error}", at.ip(), at.port());
            false
        }
    }
}

/// Who logs in by cookie or password, and the file with the cookie.
fn login(
    login: &Login,
    directory: Option<&Path>,
    seed: &Seed,
) -> io::Result<(Option<User>, Option<Cookie>)> {
    let mut salt = [0; 16];
    seed.fill(Purpose::RpcSalt, 0, &mut salt);
    match login {
        Login::None => {
            info!("RPC authentication cookie file generation is disabled.");
            Ok((None, None))
        }
        Login::Password { user, password } => {
            info!("Using rpcuser/rpcpassword authentication.");
            Ok((Some(User::with_password(user, password, salt)), None))
        }
        Login::Cookie { file, mode } => {
            let mut secret = [0; COOKIE_BYTES];
            seed.fill(Purpose::RpcCookie, 0, &mut secret);
            let secret = hex(&secret);
            let path = directory.map_or_else(|| file.clone(), |directory| directory.join(file));
            write_cookie(&path, *mode, &secret)?;
            info!("Using random cookie authentication.");
            let user = User::with_password(COOKIE_USER, &secret, salt);
            Ok((Some(user), Some(Cookie(path))))
        }
    }
}

/// Writes the file whole: a client that finds it can log in with what it reads. It is not there
/// with other rights for a moment, since it is made with them under another name.
fn write_cookie(path: &Path, mode: u32, secret: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let written = (|| {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(format!("{COOKIE_USER}:{secret}").as_bytes())?;
        fs::rename(&temporary, path)
    })();
    written.map_err(|error| {
        let message = format!("cookie \"{}\" cannot be written ({error})", path.display());
        io::Error::new(error.kind(), message)
    })
}

impl Running {
    /// Ends it, if it has not ended, and waits until it has.
    pub(crate) fn end(self) {
        self.mailbox.stop();
        // OK to ignore: what it panicked with was told where it did.
        let _ended = self.thread.join();
    }
}

/// Ends the program in order: the server first, so that whatever it has taken is answered.
#[derive(Clone)]
pub(crate) struct Stop {
    pub(crate) node: NodeMailbox,
    pub(crate) server: Option<ServerMailbox>,
}

impl Stop {
    pub(crate) fn stop(&self) {
        let shutdown = ServerCommand::Shutdown { within: STOP_WITHIN };
        let told = self.server.as_ref().map(|server| server.push(shutdown));
        if !matches!(told, Some(Ok(()))) {
            self.node.stop();
        }
    }
}

/// Watches the server: what it asks goes to the node.
struct Watch {
    node: NodeMailbox,
    own: ServerMailbox,
}

impl Observer<OsSockets, Server> for Watch {
    fn handle_notice(&mut self, _: Now, notice: ServerNotice) {
        match notice {
            ServerNotice::Ask { ticket, call } => {
                debug!(target: RPC, "ThreadRPCServer method={}", call.method().name);
                if self.node.push(Command::Call { ticket, call }).is_err() {
                    let outcome = Err(RpcError::new(Code::Misc, "the node is stopping"));
                    // OK to ignore: whoever cannot be told so is closed with the server.
                    let _ = self.own.push(ServerCommand::Answered { ticket, outcome });
                }
            }
            ServerNotice::Desk(notice) => self.told(&notice),
            ServerNotice::Http(notice) => {
                of_http(&notice);
                if notice == HttpNotice::Stopped {
                    self.own.stop();
                }
            }
        }
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<OsSockets, Server>) {}
}

/// What the log says of the HTTP server.
fn of_http(notice: &HttpNotice) {
    match notice {
        HttpNotice::Connected { conn, endpoint } => {
            debug!(target: HTTP, "{conn}: connection from {endpoint} accepted");
        }
        HttpNotice::Refused { endpoint, refusal, .. } => {
            let why = match refusal {
                Refusal::Full => "full",
                Refusal::Stopping => "stopping",
            };
            debug!(target: HTTP, "connection from {endpoint} dropped ({why})");
        }
        HttpNotice::AcceptFailed { error } => info!("No client can be let in: {error}"),
        HttpNotice::RequestTaken { id, method, body_bytes } => {
            debug!(target: HTTP, "Received a {method} request ({body_bytes} bytes), {id}");
        }
        HttpNotice::Answered { id, status } => debug!(target: HTTP, "{status} to {id}"),
        HttpNotice::Disconnected { conn, reason } => {
            debug!(target: HTTP, "{conn}: connection closed ({reason})");
        }
        HttpNotice::Stopped => debug!(target: HTTP, "Stopped HTTP server"),
    }
}

impl Watch {
    fn told(&self, notice: &DeskNotice) {
        match notice {
            DeskNotice::NotAdmitted { client } => debug!(
                target: HTTP,
                "HTTP request from {client} rejected: Client network is not allowed RPC access"
            ),
            DeskNotice::WrongPassword { client } => {
                info!("Warning: ThreadRPCServer incorrect password attempt from {client}");
            }
            DeskNotice::NotAllowed { user, client } => {
                info!("Warning: RPC User {user:?} not allowed to call that, from {client}");
            }
            DeskNotice::StopAsked => {
                Stop { node: self.node.clone(), server: Some(self.own.clone()) }.stop();
            }
        }
    }
}
