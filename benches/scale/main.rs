//! What happens with many connections of which few say anything.
//!
//! ```text
//! cargo bench --bench scale                  100, 1,000 and 10,000 connections
//! cargo bench --bench scale -- 100 20000     as many as these
//! ```
//!
//! For each size a node in a process of its own takes as many inbound connections from addresses in
//! 127/8, and shakes hands with all of them. Then ten of them ask at once, again and again, and
//! wait for the answers; in each round every node is asked in turn, so that a ratio is of one run.
//! One table is for epoll, one for `poll(2)`. What is said of memory is the node's resident set,
//! divided by the connections that it has grown for.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

mod crowd;
mod server;

use crowd::Crowd;
use server::{Backend, Server};

/// Sizes of the table, and how many of their connections ask.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const ACTIVE: usize = 10;

/// Rounds of the table: the design's definition of a figure. In each so many questions are asked.
const ROUNDS: usize = 30;
const QUESTIONS: usize = 100;

/// Descriptors of each process that are no connections.
const OTHER_DESCRIPTORS: u64 = 100;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // What cargo adds.
    arguments.retain(|argument| argument != "--bench");
    if let [role, backend, connections] = arguments.as_slice()
        && role == server::ROLE
    {
        return server::serve(Backend::parse(backend)?, number(connections)?);
    }
    let sizes: Vec<usize> = match arguments.as_slice() {
        [] => SIZES.to_vec(),
        given => given.iter().map(|one| number(one)).collect::<io::Result<_>>()?,
    };
    claim_descriptors(sizes.iter().sum::<usize>() as u64)?;
    let mut told = format!(
        "Many connections over loopback TCP, {ACTIVE} of them active; {ROUNDS} rounds of \
         {QUESTIONS} questions each\n"
    );
    for backend in [Backend::Epoll, Backend::Poll] {
        told.push_str(&table(backend, &sizes)?);
    }
    io::stdout().write_all(told.as_bytes())
}

fn number(text: &str) -> io::Result<usize> {
    let wrong =
        || io::Error::other(format!("{text}: expected how many connections, from {ACTIVE}"));
    text.parse().ok().filter(|count| *count >= ACTIVE).ok_or_else(wrong)
}

/// Makes sure of descriptors for so many connections.
fn claim_descriptors(connections: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections + OTHER_DESCRIPTORS;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).map_err(|error| {
        io::Error::other(format!("{wanted} descriptors are wanted (ulimit -n): {error}"))
    })
}

/// One node with its connections, and what was measured.
struct House {
    server: Server,
    crowd: Crowd,
    admission: Duration,
    bytes_before_handshake: u64,
    bytes_after_handshake: u64,
    rounds: Vec<Duration>,
    /// The same while one more asks without a pause.
    flooded: Vec<Duration>,
}

impl House {
    fn open(backend: Backend, connections: usize) -> io::Result<Self> {
        let mut server = Server::start(backend, connections)?;
        let empty = server.resident_bytes()?;
        let began = now();
        let mut crowd = Crowd::connect(server.at(), connections)?;
        server.wait_until_accepted(connections)?;
        let admission = began.elapsed();
        let each = |bytes: u64| bytes.saturating_sub(empty) / connections as u64;
        let bytes_before_handshake = each(server.resident_bytes()?);
        crowd.shake_hands()?;
        let bytes_after_handshake = each(server.resident_bytes()?);
        Ok(Self {
            server,
            crowd,
            admission,
            bytes_before_handshake,
            bytes_after_handshake,
            rounds: Vec::new(),
            flooded: Vec::new(),
        })
    }

    /// The active ones ask at once, so many times one after the other.
    fn ask(&mut self) -> io::Result<Duration> {
        let began = now();
        for _ in 0..QUESTIONS {
            self.crowd.ask(ACTIVE)?;
        }
        Ok(began.elapsed())
    }

    fn ask_in_a_flood(&mut self) -> io::Result<()> {
        let _flood = self.crowd.begin_flood()?;
        for _ in 0..ROUNDS {
            let took = self.ask()?;
            self.flooded.push(took);
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn now() -> Instant {
    Instant::now()
}

fn table(backend: Backend, sizes: &[usize]) -> io::Result<String> {
    let opened = sizes.iter().map(|connections| House::open(backend, *connections));
    let mut houses: Vec<House> = opened.collect::<io::Result<_>>()?;
    // The first round warms up.
    for _ in 0..=ROUNDS {
        for house in &mut houses {
            let took = house.ask()?;
            house.rounds.push(took);
        }
    }
    houses.iter_mut().try_for_each(House::ask_in_a_flood)?;
    let mut told = format!(
        "\n| connections ({}) | {ACTIVE} ask and are answered | of the first's | lowest and \
         highest tenth | while one floods | all are let in | memory before the handshake \
         | after it |\n|---|---|---|---|---|---|---|---|\n",
        backend.name()
    );
    let first = houses[0].rounds[1..].to_vec();
    for house in &houses {
        told.push_str(&row(house, &first));
    }
    Ok(told)
}

/// One house, beside the rounds of the first.
fn row(house: &House, first: &[Duration]) -> String {
    let rounds = &house.rounds[1..];
    let ratio =
        |(one, other): (&Duration, &Duration)| one.as_nanos() * 100 / other.as_nanos().max(1);
    let mut ratios: Vec<u128> = rounds.iter().zip(first).map(ratio).collect();
    ratios.sort_unstable();
    let tenth = ratios.len() / 10;
    let hundredths = |ratio: u128| format!("{}.{:02}", ratio / 100, ratio % 100);
    let micros = |rounds: &[Duration]| {
        let mut sorted = rounds.to_vec();
        sorted.sort_unstable();
        sorted[sorted.len() / 2].as_micros() / QUESTIONS as u128
    };
    format!(
        "| {} | {} µs | {} | {}..{} | {} µs | {} ms | {} bytes | {} bytes |\n",
        house.server.connections(),
        micros(rounds),
        hundredths(ratios[ratios.len() / 2]),
        hundredths(ratios[tenth]),
        hundredths(ratios[ratios.len() - 1 - tenth]),
        micros(&house.flooded),
        house.admission.as_millis(),
        house.bytes_before_handshake,
        house.bytes_after_handshake,
    )
}
