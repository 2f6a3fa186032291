//! The log: one line an event, on stdout and in a file.
//!
//! ```text
//! 2025-11-04T11:37:19Z Bound to 127.0.0.1:18444
//! 2025-11-04T11:37:19Z [net] Added connection peer=0
//! ```
//!
//! An event's target is its category; what comes from this program's own modules has none. Control
//! characters are escaped, so that no peer can write a line of its own. A stdout that is closed,
//! full or read by nobody costs lines, and nothing else; so does a full disk.
//!
//! Source: Core: logging.cpp, `Logger::LogPrintStr`.
#![expect(clippy::disallowed_methods, reason = "RUST_LOG is how one speaks to a log of tracing's")]

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sockman::driver::{Clock as _, SystemClock};
use sockman::time::UnixTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

mod console;
mod file;

use console::{Console, Flush};
use file::LogFile;

/// The file's name in the data directory.
const DEBUG_LOG: &str = "debug.log";

/// The categories of the reference, in the order in which it lists them.
pub(crate) const CATEGORIES: [&str; 28] = [
    "addrman",
    "bench",
    "blockstorage",
    "cmpctblock",
    "coindb",
    "estimatefee",
    "http",
    "i2p",
    "ipc",
    "leveldb",
    "libevent",
    "mempool",
    "mempoolrej",
    "net",
    "proxy",
    "prune",
    "qt",
    "rand",
    "reindex",
    "rpc",
    "scan",
    "selectcoins",
    "tor",
    "txpackages",
    "txreconciliation",
    "validation",
    "walletdb",
    "zmq",
];

/// What to log, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogOptions {
    /// Whether lines go to stdout.
    pub(crate) console: bool,
    /// The file that they go to as well.
    pub(crate) file: FileOption,
    /// Whether a file that has become long is shortened first.
    pub(crate) shrinks: bool,
    /// What stands at the head of a line.
    pub(crate) times: Times,
    /// Categories that are logged down to debug; the others down to info.
    pub(crate) debug: Vec<&'static str>,
}

impl Default for LogOptions {
    fn default() -> Self {
        let (file, times) = (FileOption::Usual, Times::Seconds);
        Self { console: true, file, shrinks: true, times, debug: Vec::new() }
    }
}

/// Which file lines go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileOption {
    /// `debug.log` in the data directory; none, if there is no such directory.
    Usual,
    /// None.
    Off,
    /// This one; relative to the data directory, or to where we are if there is none.
    At(PathBuf),
}

impl FileOption {
    /// Where it is.
    pub(crate) fn path(&self, directory: Option<&Path>) -> Option<PathBuf> {
        match (self, directory) {
            (Self::Off, _) | (Self::Usual, None) => None,
            (Self::Usual, Some(directory)) => Some(directory.join(DEBUG_LOG)),
            (Self::At(path), None) => Some(path.clone()),
            (Self::At(path), Some(directory)) => Some(directory.join(path)),
        }
    }
}

/// What a line says of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// Nothing.
    None,
    /// Whole seconds.
    Seconds,
    /// Seconds and microseconds.
    Micros,
}

/// Why there is no log.
#[derive(Debug)]
pub(crate) enum LogError {
    /// `RUST_LOG` makes no sense.
    Filter(ParseError),
    /// Stdout has no second descriptor, or nobody to write to it.
    Console(io::Error),
    /// The file cannot be opened.
    File(PathBuf),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => write!(f, "RUST_LOG: {error}"),
            Self::Console(error) => write!(f, "The log cannot be opened: {error}"),
            Self::File(path) => write!(f, "Could not open debug log file {}", path.display()),
        }
    }
}

/// Opens the log, whose file is in `directory` unless the options say where. `RUST_LOG` adds to the
/// options. Whoever sets `reopens` has the file opened anew before the next line. What is given is
/// to be dropped at the end, so that every line is written.
///
/// # Errors
///
/// There would be no log, or another one than was asked for.
pub(crate) fn open(
    options: &LogOptions,
    directory: Option<&Path>,
    clock: SystemClock,
    reopens: Arc<AtomicBool>,
) -> Result<Option<Flush>, LogError> {
    let from_env = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::builder().parse(format!("{},{from_env}", directives(&options.debug)));
    let filter = filter.map_err(LogError::Filter)?;
    let heading = Heading { clock, times: options.times };
    let file = match options.file.path(directory) {
        None => None,
        Some(path) => {
            let opened = LogFile::open(path.clone(), options.shrinks, reopens);
            Some(opened.map_err(|_| LogError::File(path))?)
        }
    };
    let (console, flush) = match options.console {
        false => (None, None),
        true => {
            let (console, flush) = console::open(heading).map_err(LogError::Console)?;
            (Some(console), Some(flush))
        }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .event_format(Layout(heading))
        .with_writer(Outputs { console, file, heading })
        .finish();
    // OK to expect: nobody else in this program opens a log.
    tracing::subscriber::set_global_default(subscriber).expect("the log is opened once");
    Ok(flush)
}

/// Says on stderr that lines do not reach `place`.
fn tell_lost(place: &dyn fmt::Display, error: &io::Error) {
    let told = format!("Warning: Lines of the log are lost: {place}: {error}\n");
    // OK to ignore: there is nobody else to tell.
    let _unseen = io::Write::write_all(&mut io::stderr(), told.as_bytes());
}

/// A filter that lets info pass, and debug in some categories.
fn directives(debug: &[&str]) -> String {
    let mut directives = "info".to_owned();
    for category in CATEGORIES {
        let is_on = debug.contains(&category);
        // A directive holds for every target that it is the beginning of: "mempool", "mempoolrej".
        let is_caught = debug.iter().any(|other| category.starts_with(other));
        if is_caught {
            directives.push_str(&format!(",{category}={}", if is_on { "debug" } else { "info" }));
        }
    }
    directives
}

/// What a line begins with.
#[derive(Clone, Copy)]
struct Heading {
    clock: SystemClock,
    times: Times,
}

impl Heading {
    fn write(&self, writer: &mut impl fmt::Write) -> fmt::Result {
        let with_micros = match self.times {
            Times::None => return Ok(()),
            Times::Seconds => false,
            Times::Micros => true,
        };
        write_time(writer, self.clock.now().wall, with_micros)?;
        writer.write_char(' ')
    }

    /// A line of the log's own, about lines that are not there.
    fn lost_line(&self, lost: u64, why: &str) -> String {
        let mut line = String::new();
        self.write(&mut line).expect("a string takes what is written to it");
        line.push_str(&format!("[warning] {lost} lines are missing here: {why}\n"));
        line
    }
}

/// Everywhere that a line goes.
struct Outputs {
    console: Option<Console>,
    file: Option<LogFile>,
    heading: Heading,
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl io::Write for &Outputs {
    /// Takes a line, as a subscriber writes them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = &self.file {
            file.add(line, |lost| self.heading.lost_line(lost, "they could not be written"));
        }
        if let Some(console) = &self.console {
            console.add(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a line is laid out.
struct Layout(Heading);

impl<S, N> FormatEvent<S, N> for Layout
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        self.0.write(&mut writer)?;
        write_category(&mut writer, metadata.target(), *metadata.level())?;
        let mut fields = Fields { writer: Escaping(&mut writer), gap: "", result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        writer.write_char('\n')
    }
}

/// Writes what an event says: its message, then its fields by name.
struct Fields<'a, W> {
    writer: Escaping<'a, W>,
    /// What stands between the one before and the next.
    gap: &'static str,
    result: fmt::Result,
}

impl<W: fmt::Write> Visit for Fields<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.result.is_err() {
            return;
        }
        let gap = std::mem::replace(&mut self.gap, " ");
        self.result = match field.name() {
            "message" => write!(self.writer, "{gap}{value:?}"),
            name => write!(self.writer, "{gap}{name}={value:?}"),
        };
    }
}

/// Passes text on with its control characters escaped: `\x0a`. Core: `LogEscapeMessage`.
struct Escaping<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for run in text.split_inclusive(char::is_control) {
            let end = run.char_indices().next_back().filter(|(_, last)| last.is_control());
            let plain = end.map_or(run.len(), |(place, _)| place);
            self.0.write_str(&run[..plain])?;
            for byte in run[plain..].bytes() {
                write!(self.0, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Where an event belongs: nothing for our own at level info, `[net]`, `[net:info]`, `[warning]`.
fn write_category(writer: &mut impl fmt::Write, target: &str, level: Level) -> fmt::Result {
    let is_ours = target.split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    let name = match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    };
    match (is_ours, level) {
        (true, Level::INFO) => Ok(()),
        (true, _) => write!(writer, "[{name}] "),
        (false, Level::DEBUG) => write!(writer, "[{target}] "),
        (false, _) => write!(writer, "[{target}:{name}] "),
    }
}

/// A moment as ISO 8601 has it: `2025-11-04T11:37:19Z`.
pub(crate) fn write_time(
    writer: &mut impl fmt::Write,
    at: UnixTime,
    with_micros: bool,
) -> fmt::Result {
    let seconds = at.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    write!(writer, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    if with_micros {
        write!(writer, ".{:06}", at.as_nanos() / 1_000 % 1_000_000)?;
    }
    writer.write_char('Z')
}

/// The date of a day since 1970-01-01: year, month from 1, day from 1.
///
/// Years are counted from 1 March, so that the leap day is the last: H. Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`.
const fn date(days_since_1970: u64) -> (u64, u64, u64) {
    /// Days from 0000-03-01 to 1970-01-01, and in 400 years.
    const DAYS_TO_1970: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = days_since_1970 + DAYS_TO_1970;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_762_256_239, "2025-11-04T11:37:19Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let mut written = String::new();
            write_time(&mut written, UnixTime::from_secs(seconds), false).unwrap();
            assert_eq!(written, text);
        }
        let mut written = String::new();
        write_time(&mut written, UnixTime::from_nanos(1_002_003_999), true).unwrap();
        assert_eq!(written, "1970-01-01T00:00:01.002003Z");
    }

    #[test]
    fn categories_stand_in_brackets() {
        let ours = "sockmand::node";
        for (target, level, text) in [
            (ours, Level::INFO, ""),
            (ours, Level::WARN, "[warning] "),
            (ours, Level::ERROR, "[error] "),
            ("net", Level::DEBUG, "[net] "),
            ("net", Level::INFO, "[net:info] "),
            ("net", Level::TRACE, "[net:trace] "),
        ] {
            let mut written = String::new();
            write_category(&mut written, target, level).unwrap();
            assert_eq!(written, text);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        for (text, escaped) in [
            ("", ""),
            ("plain ä", "plain ä"),
            ("a\nb\r", "a\\x0ab\\x0d"),
            ("\u{1b}[31m\u{7f}", "\\x1b[31m\\x7f"),
            ("\u{85}", "\\xc2\\x85"),
        ] {
            let mut written = String::new();
            Escaping(&mut written).write_str(text).unwrap();
            assert_eq!(written, escaped);
        }
    }

    #[test]
    fn raised_categories_do_not_raise_their_namesakes() {
        assert_eq!(directives(&[]), "info");
        assert_eq!(directives(&["net"]), "info,net=debug");
        assert_eq!(directives(&["mempool"]), "info,mempool=debug,mempoolrej=info");
    }
}
