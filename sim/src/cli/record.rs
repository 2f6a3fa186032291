//! `record`: what two nodes say to each other as a schedule.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use signal_hook::iterator::Signals;
use sockman::driver::{Clock as _, Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::sockets::{Endpoint, OsSockets, PollerWaker, Sockets as _};
use sockman::sockman::{Config, SockMan};
use sockman::time::{Instant, Now};
use sockman_sim::record::{Heard, Never, NotRecorded, Proxy, TAPE_BYTES_MAX, Tape};

use super::interrupts::ENDING;
use super::{Error, files};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the client is to connect, in place of the node; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The node, whose answers become expectations
    #[arg(long, value_name = "ADDRESS:PORT")]
    to: SocketAddr,
    /// Write the schedule into a file, and not on stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Hears the session, and ends the run when it is over.
struct Listener {
    tape: Tape,
    began: Option<Instant>,
    failed: Option<String>,
    mailbox: Mailbox<Never, PollerWaker>,
}

impl Observer<OsSockets, Proxy> for Listener {
    fn handle_notice(&mut self, now: Now, heard: Heard) {
        let at = now.steady.since(*self.began.get_or_insert(now.steady));
        match (&heard, self.tape.note(at, &heard)) {
            (_, Err(error)) => self.failed = Some(error.to_string()),
            (Heard::NotReached(why), _) => self.failed = Some(format!("no connection: {why}")),
            (Heard::Over, _) => {}
            _ if self.tape.is_cut() => {}
            _ => return,
        }
        self.mailbox.stop();
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<OsSockets, Proxy>) {}
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let Arguments { listen, to, out: target } = arguments;
    // Caught before anybody can be told to connect.
    let mut signals = Signals::new(ENDING).map_err(Error::Signals)?;
    let sockets: OsSockets = OsSockets::new().map_err(|error| tool("no sockets", &error))?;
    let clock = SystemClock::start();
    let proxy = Proxy::new(Endpoint::Ip(*to));
    let mut machine = Machine::new(SockMan::new(sockets, Config::default()), proxy);
    let listened = machine.listen(clock.now(), &Endpoint::Ip(*listen));
    let listener = listened.map_err(|error| tool(&format!("cannot listen at {listen}"), &error))?;
    let at = machine.sockman().sockets().listener_endpoint(listener);
    let (mut driver, mailbox) = Driver::new(machine, clock);
    let ends = mailbox.clone();
    let wait = move || signals.forever().take(1).for_each(|_| ends.stop());
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(Error::Signals)?;
    if let Some(at) = at.ok().as_ref().and_then(Endpoint::ip) {
        // Not on stdout, which may be the schedule.
        eprintln!("the client is to connect to {at}; Ctrl-C ends the record");
    }
    let mut heard = Listener { tape: Tape::default(), began: None, failed: None, mailbox };
    driver.run(&mut heard).map_err(|error| tool("waiting failed", &error))?;
    let Listener { tape, failed, .. } = heard;
    if let Some(problem) = failed {
        return Err(Error::Tool(problem));
    }
    if tape.is_cut() {
        eprintln!("the record ends here: it has {TAPE_BYTES_MAX} bytes or as many lines as may be");
    }
    let title = [
        "What a node said to another, and what it was answered.".to_owned(),
        "Source: recorded.".to_owned(),
    ];
    let schedule = tape.schedule(title.into());
    let schedule = schedule.map_err(|error: NotRecorded| Error::Tool(error.to_string()))?;
    match target {
        Some(path) => files::write_whole(path, schedule.to_string().as_bytes())?,
        None => write!(out, "{schedule}")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn tool(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Tool(format!("{what}: {error}"))
}
