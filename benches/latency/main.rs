//! How long a message takes on an idle connection: ping to pong over loopback TCP.
//!
//! ```text
//! cargo bench --bench latency        a table of ratios within one run
//! ```
//!
//! Servers answer, each on a thread of its own, to a client that waits for each answer: an *echo*
//! of 32 bytes in a loop directly on the calls of `Sockets`; the whole *node* (socket manager,
//! transport, connection manager), whose answer to a ping is a `pong`; *HTTP* (socket manager and
//! server), and an echo of as many bytes as its requests and answers have; and node and echo over
//! calls that are *late* as in a loop that neither tries to send at once nor is woken
//! (`late.rs`). In each round every server is asked in turn.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

mod client;
mod late;
mod servers;

use client::Client;
use servers::Server;

/// Rounds of the table: the design's definition of a figure.
const ROUNDS: usize = 30;

/// Questions in a round, of which the median counts; fewer where each takes a timeout.
const QUESTIONS: usize = 300;
const LATE_QUESTIONS: usize = 3;

struct Subject {
    name: &'static str,
    questions: usize,
    client: Client,
    /// The median of each round.
    medians: Vec<Duration>,
}

impl Subject {
    fn new(name: &'static str, server: Server, questions: usize) -> io::Result<Self> {
        let at = servers::start(server);
        let client = match server {
            Server::Echo | Server::LateEcho => Client::of_echo(at)?,
            Server::Node | Server::LateNode => Client::of_node(at)?,
            Server::Http => Client::of_http(at)?,
        };
        Ok(Self { name, questions, client, medians: Vec::new() })
    }

    /// An echo of as many bytes as another server is asked and answers.
    fn echo_of(name: &'static str, other: &Self) -> io::Result<Self> {
        let client =
            Client::of_echo_with(servers::start(Server::Echo), other.client.question_bytes())?;
        Ok(Self { name, questions: QUESTIONS, client, medians: Vec::new() })
    }

    fn ask(&mut self) -> io::Result<()> {
        let mut times = Vec::with_capacity(self.questions);
        for number in 0..self.questions {
            self.client.prepare(number as u64);
            // OK to read the clock here: time is what is measured.
            #[expect(clippy::disallowed_methods, reason = "time is what is measured")]
            let began = Instant::now();
            self.client.ask()?;
            times.push(began.elapsed());
            if !self.client.is_answered() {
                return Err(io::Error::other(format!("{}: another answer came", self.name)));
            }
        }
        self.medians.push(median(&mut times));
        Ok(())
    }
}

fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "latency: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let http = Subject::new("HTTP", Server::Http, QUESTIONS)?;
    let mut subjects = [
        Subject::new("echo", Server::Echo, QUESTIONS)?,
        Subject::new("node", Server::Node, QUESTIONS)?,
        Subject::echo_of("echo of HTTP's bytes", &http)?,
        http,
        Subject::new("late echo", Server::LateEcho, LATE_QUESTIONS)?,
        Subject::new("late node", Server::LateNode, LATE_QUESTIONS)?,
    ];
    // The first round warms up.
    for _ in 0..=ROUNDS {
        for subject in &mut subjects {
            subject.ask()?;
        }
    }
    let mut told = format!(
        "question to answer on an idle connection, loopback TCP; {ROUNDS} rounds\n\n\
         | server | median | of its echo's | lowest and highest tenth |\n|---|---|---|---|\n"
    );
    // Each beside the echo of as many bytes.
    let echoes = [0, 0, 2, 2, 0, 0].map(|echo: usize| subjects[echo].medians.clone());
    for (Subject { name, medians, .. }, echo) in subjects.iter().zip(&echoes) {
        let rounds = medians.iter().zip(echo).skip(1);
        let mut ratios: Vec<u128> =
            rounds.map(|(one, echo)| one.as_nanos() * 100 / echo.as_nanos().max(1)).collect();
        let ratio = median(&mut ratios);
        let tenth = ratios.len() / 10;
        let (low, high) = (ratios[tenth], ratios[ratios.len() - 1 - tenth]);
        let hundredths = |ratio: u128| format!("{}.{:02}", ratio / 100, ratio % 100);
        let (ratio, low, high) = (hundredths(ratio), hundredths(low), hundredths(high));
        let nanos = median(&mut medians[1..].to_vec()).as_nanos();
        let micros = format!("{}.{}", nanos / 1000, nanos % 1000 / 100);
        told.push_str(&format!("| {name} | {micros} µs | {ratio} | {low}..{high} |\n"));
    }
    io::stdout().write_all(told.as_bytes())
}
