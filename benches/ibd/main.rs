//! What it costs to get a chain from one node to another over loopback TCP.
//!
//! ```text
//! cargo bench --bench ibd                       a table of ratios within one run
//! cargo bench --bench ibd -- --write FILE       the blocks alone, as a node has them in a file
//! ```
//!
//! A regtest chain of full blocks goes from whole node to whole node, v1 and v2, each on a thread
//! of its own: headers first, proof of work, blocks asked for within the window, checksums, merkle
//! roots, into memory. Beside it, in each round: the same bytes over two blocking sockets, with one
//! checksum at each end and nothing else (*plain*); the same, and each block is taken as a node
//! takes it (*plain, taken*); and that work without a network, on one thread (*taken*). No scripts
//! are validated anywhere, and nothing is written to a disk.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use sockman::chain::store::push_record;
use sockman::chain::{BLOCK_BYTES_MAX, Params, Template, mine};
use sockman::connman::blocks::Chain;
use sockman::time::UnixTime;
use sockman::transport::Network;

mod nodes;
mod plain;

use nodes::Transport;

/// Blocks of the chain.
const BLOCKS: u32 = 300;

/// Bytes of each.
const BLOCK_BYTES: usize = 1_000_000;
const _: () = assert!(BLOCK_BYTES <= BLOCK_BYTES_MAX);

/// Rounds of the table, after one that warms up.
const ROUNDS: usize = 15;

/// Headers that a chain here may have.
const HEADERS_MAX: usize = 10_000;

/// Who gets the chain there, in the order of the table; all are compared with the third.
const NAMES: [&str; 5] = ["node to node, v1", "node to node, v2", "plain, taken", "plain", "taken"];
const BASE: usize = 2;

/// A chain, and its blocks in order.
struct Mined {
    chain: Chain,
    blocks: Vec<Vec<u8>>,
}

impl Mined {
    /// Full blocks, a second apart, the last of an hour ago.
    fn new(now: UnixTime) -> Result<Self, String> {
        let params = Params::of(Network::Regtest);
        let end = u32::try_from(now.as_secs()).map_err(|_| "the clock is beyond 2106")? - 3_600;
        let (mut chain, mut blocks) = (empty(), Vec::new());
        for height in 1..=BLOCKS {
            let previous = chain.tree().hash(chain.tree().active_tip());
            let (time, bytes) = (end - BLOCKS + height, Some(BLOCK_BYTES));
            let bits = params.genesis.bits;
            let block = mine(&Template { previous, height, time, bits, mark: 0, bytes });
            let block = block.map_err(|error| error.to_string())?;
            chain.take(block.clone(), now).map_err(|error| error.to_string())?;
            blocks.push(block);
        }
        Ok(Self { chain, blocks })
    }
}

/// A chain of the first block alone.
fn empty() -> Chain {
    Chain::new(Params::of(Network::Regtest), HEADERS_MAX)
}

fn now() -> UnixTime {
    // OK to read the clock here: nothing that is decided depends on it.
    #[expect(clippy::disallowed_methods, reason = "the blocks are to be of today")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_secs(since.as_secs())
}

fn timed(run: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    // OK to read the clock here: time is what is measured.
    #[expect(clippy::disallowed_methods, reason = "time is what is measured")]
    let began = Instant::now();
    run()?;
    Ok(began.elapsed())
}

/// Writes the blocks as a node finds them at its start.
fn write(path: &str) -> io::Result<()> {
    let mined = Mined::new(now()).map_err(io::Error::other)?;
    let (mut bytes, magic) = (Vec::new(), Network::Regtest.magic());
    for block in &mined.blocks {
        push_record(&mut bytes, magic, block).map_err(io::Error::other)?;
    }
    fs::write(path, bytes)
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().collect();
    let place = args.iter().position(|arg| arg == "--write");
    let path = place.and_then(|place| args.get(place + 1));
    match path.map_or_else(run, |path| write(path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "ibd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let now = now();
    let mined = Mined::new(now).map_err(io::Error::other)?;
    let mut times: [Vec<Duration>; NAMES.len()] = Default::default();
    // The first round warms up.
    for _ in 0..=ROUNDS {
        times[0].push(timed(|| nodes::download(&mined.chain, Transport::V1))?);
        times[1].push(timed(|| nodes::download(&mined.chain, Transport::V2))?);
        times[2].push(timed(|| plain::send(&mined.blocks, Some((empty(), now))))?);
        times[3].push(timed(|| plain::send(&mined.blocks, None))?);
        times[4].push(timed(|| plain::take(&mined.blocks, empty(), now))?);
    }
    let mut told = format!(
        "{BLOCKS} blocks of {BLOCK_BYTES} bytes, loopback TCP; {ROUNDS} rounds\n\n\
         | who | s | MB/s | time, of plain and taken | lowest and highest tenth |\n\
         |---|---|---|---|---|\n"
    );
    for (name, times_of) in NAMES.iter().zip(&times) {
        let rounds = times_of.iter().zip(&times[BASE]).skip(1);
        let mut ratios: Vec<u128> =
            rounds.map(|(one, base)| one.as_nanos() * 100 / base.as_nanos().max(1)).collect();
        ratios.sort_unstable();
        let tenth = ratios.len() / 10;
        let [ratio, low, high] =
            [ratios.len() / 2, tenth, ratios.len() - 1 - tenth].map(|place| ratios[place]);
        let hundredths = |ratio: u128| format!("{}.{:02}", ratio / 100, ratio % 100);
        let mut times_of = times_of[1..].to_vec();
        times_of.sort_unstable();
        let millis = times_of[times_of.len() / 2].as_millis().max(1);
        let rate = u128::from(BLOCKS) * BLOCK_BYTES as u128 / 1000 / millis;
        told.push_str(&format!(
            "| {name} | {}.{:03} | {rate} | {} | {}..{} |\n",
            millis / 1000,
            millis % 1000,
            hundredths(ratio),
            hundredths(low),
            hundredths(high)
        ));
    }
    io::stdout().write_all(told.as_bytes())
}
