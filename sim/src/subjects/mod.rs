//! What the simulator knows how to simulate.

pub mod connman;
pub mod echo;
pub mod http;
pub mod http_client;

use crate::capture::Packets;
use crate::chart::Chart;
use crate::drivers::{self, Driver};
use crate::explore::{self, Explored, explore};
use crate::generate::{Generated, Plan, generate_by};
use crate::guided::Language;
use crate::lexicon::Known;
use crate::places::{self, Compared, Place};
use crate::run::{Options, Report, Run, SetupError, run};
use crate::schedule::Schedule;
use crate::shrink::{Budget, NotShrunk, Shrunk, shrink};
use crate::subject::Subject;
use crate::trace::Story;
use crate::why::{self, NotExplained, Why, why};

/// Names of the subjects that the `sim` command knows; the first is the usual one.
pub const NAMES: &[&str] =
    &[connman::Connman::NAME, echo::Echo::NAME, http::Http::NAME, http_client::HttpClient::NAME];

/// One run in so many is of the echo where no subject is asked for: what is under the connection
/// manager has more to it than that one uses.
const ECHO_EVERY: u64 = 8;

/// What the run of a seed simulates where nothing else is said.
#[must_use]
pub const fn usual(seed: u64) -> &'static str {
    if seed % ECHO_EVERY == ECHO_EVERY - 1 { echo::Echo::NAME } else { connman::Connman::NAME }
}

/// What a subject knows; of one that nobody knows, what the usual one does.
#[must_use]
pub fn known(subject: &str) -> &'static Known {
    match subject {
        echo::Echo::NAME => &echo::KNOWN,
        http::Http::NAME => &http::KNOWN,
        http_client::HttpClient::NAME => &http_client::KNOWN,
        _ => &connman::KNOWN,
    }
}

/// What a campaign on a subject runs for a seed; `None` if there is no such subject.
#[must_use]
pub fn generate_for(subject: &str, plan: &Plan, seed: u64) -> Option<Generated> {
    match subject {
        connman::Connman::NAME => Some(generate_by::<connman::Connman>(plan, seed)),
        echo::Echo::NAME => Some(generate_by::<echo::Echo>(plan, seed)),
        http::Http::NAME => Some(generate_by::<http::Http>(plan, seed)),
        http_client::HttpClient::NAME => Some(generate_by::<http_client::HttpClient>(plan, seed)),
        _ => None,
    }
}

/// Runs a seed on a subject. On the network it is the default campaign's; the other drivers do
/// without schedules.
///
/// # Errors
///
/// There is no such subject.
pub fn drive_named(
    subject: &str,
    driver: Driver,
    seed: u64,
    options: &Options,
) -> Result<Report, SetupError> {
    match subject {
        connman::Connman::NAME => drive::<connman::Connman>(driver, seed, options),
        echo::Echo::NAME => drive::<echo::Echo>(driver, seed, options),
        http::Http::NAME => drive::<http::Http>(driver, seed, options),
        http_client::HttpClient::NAME => drive::<http_client::HttpClient>(driver, seed, options),
        _ => Err(SetupError::NoSuchSubject(subject.to_owned())),
    }
}

fn drive<X: Subject>(driver: Driver, seed: u64, options: &Options) -> Result<Report, SetupError> {
    match driver {
        Driver::Network => {
            let Generated { schedule, chance, .. } = generate_by::<X>(&Plan::default(), seed);
            run::<X>(&schedule, &Options { chance: Some(chance), ..options.clone() })
        }
        Driver::Messages => drivers::messages::<X>(seed, &[], options),
        Driver::Bytes => drivers::bytes::<X>(seed, &[], options),
    }
}

/// Runs a schedule on the subject that it names.
///
/// # Errors
///
/// There is no such subject, or the schedule makes no sense for it.
pub fn run_named(schedule: &Schedule, options: &Options) -> Result<Report, SetupError> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => run::<connman::Connman>(schedule, options),
        echo::Echo::NAME => run::<echo::Echo>(schedule, options),
        http::Http::NAME => run::<http::Http>(schedule, options),
        http_client::HttpClient::NAME => run::<http_client::HttpClient>(schedule, options),
        _ => Err(SetupError::NoSuchSubject(schedule.subject.clone())),
    }
}

/// Runs a schedule on the subject that it names, and charts it.
///
/// # Errors
///
/// As [`run_named`].
pub fn chart_named(schedule: &Schedule, options: &Options) -> Result<(Report, Chart), SetupError> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => chart::<connman::Connman>(schedule, options),
        echo::Echo::NAME => chart::<echo::Echo>(schedule, options),
        http::Http::NAME => chart::<http::Http>(schedule, options),
        http_client::HttpClient::NAME => chart::<http_client::HttpClient>(schedule, options),
        _ => Err(SetupError::NoSuchSubject(schedule.subject.clone())),
    }
}

fn chart<X: Subject>(
    schedule: &Schedule,
    options: &Options,
) -> Result<(Report, Chart), SetupError> {
    let (story, packets) = (Story::Keep, Packets::Keep);
    let mut chart = Chart::default();
    let run = Run::<X>::new(schedule, &Options { story, packets, ..options.clone() })?;
    Ok((run.finish_before(&mut chart), chart))
}

/// Runs a schedule on the subject that it names, on the virtual network and in another place.
///
/// # Errors
///
/// As [`run_named`], or the system has no sockets for it.
pub fn compare_named(
    schedule: &Schedule,
    place: Place,
    options: &Options,
) -> Result<Compared, SetupError> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => places::compare::<connman::Connman>(schedule, place, options),
        echo::Echo::NAME => places::compare::<echo::Echo>(schedule, place, options),
        http::Http::NAME => places::compare::<http::Http>(schedule, place, options),
        http_client::HttpClient::NAME => {
            places::compare::<http_client::HttpClient>(schedule, place, options)
        }
        _ => Err(SetupError::NoSuchSubject(schedule.subject.clone())),
    }
}

/// Shrinks a schedule that fails on the subject that it names.
///
/// # Errors
///
/// It does not fail, or cannot be run.
pub fn shrink_named(schedule: &Schedule, budget: &Budget) -> Result<Shrunk, NotShrunk> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => shrink::<connman::Connman>(schedule, budget),
        echo::Echo::NAME => shrink::<echo::Echo>(schedule, budget),
        http::Http::NAME => shrink::<http::Http>(schedule, budget),
        http_client::HttpClient::NAME => shrink::<http_client::HttpClient>(schedule, budget),
        _ => Err(NotShrunk::Setup(SetupError::NoSuchSubject(schedule.subject.clone()))),
    }
}

/// Explores the orders of a script on the subject that it names.
///
/// # Errors
///
/// There is no such subject, or the schedule makes no sense for it.
pub fn explore_named(
    schedule: &Schedule,
    budget: explore::Budget,
    goes_on: &dyn Fn() -> bool,
) -> Result<Explored, SetupError> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => explore::<connman::Connman>(schedule, budget, goes_on),
        echo::Echo::NAME => explore::<echo::Echo>(schedule, budget, goes_on),
        http::Http::NAME => explore::<http::Http>(schedule, budget, goes_on),
        _ => Err(SetupError::NoSuchSubject(schedule.subject.clone())),
    }
}

/// Finds out when the failure of a schedule became inevitable, on the subject that it names.
///
/// # Errors
///
/// It does not fail, or cannot be run.
pub fn why_named(
    schedule: &Schedule,
    budget: why::Budget,
    goes_on: impl Fn() -> bool,
) -> Result<Why, NotExplained> {
    match schedule.subject.as_str() {
        connman::Connman::NAME => why::<connman::Connman>(schedule, budget, goes_on),
        echo::Echo::NAME => why::<echo::Echo>(schedule, budget, goes_on),
        http::Http::NAME => why::<http::Http>(schedule, budget, goes_on),
        _ => Err(NotExplained::Setup(SetupError::NoSuchSubject(schedule.subject.clone()))),
    }
}

/// What a search has to know of a subject; `None` if there is no such subject.
#[must_use]
pub fn language_of(subject: &str) -> Option<Language> {
    match subject {
        connman::Connman::NAME => Some(Language::of::<connman::Connman>()),
        echo::Echo::NAME => Some(Language::of::<echo::Echo>()),
        http::Http::NAME => Some(Language::of::<http::Http>()),
        http_client::HttpClient::NAME => Some(Language::of::<http_client::HttpClient>()),
        _ => None,
    }
}
