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
use crate::run::{Onlooker, Options, Report, Run, SetupError, run};
use crate::schedule::Schedule;
use crate::shrink::{Budget, NotShrunk, Shrunk, shrink};
use crate::subject::Subject;
use crate::timeline::Timeline;
use crate::trace::Story;
use crate::why::{self, NotExplained, Why, why};
use crate::world::{Step, World};

/// Names of the subjects that the `sim` command knows; the first is the usual one.
pub const NAMES: &[&str] =
    &[connman::Connman::NAME, echo::Echo::NAME, http::Http::NAME, http_client::HttpClient::NAME];

/// Does something with the subject that has a name, as the type `X`; or else something else. A
/// subject that is here and in [`NAMES`] is known everywhere.
macro_rules! with_subject {
    ($name:expr, $X:ident => $then:expr, else $otherwise:expr) => {
        match $name {
            connman::Connman::NAME => {
                type $X = connman::Connman;
                $then
            }
            echo::Echo::NAME => {
                type $X = echo::Echo;
                $then
            }
            http::Http::NAME => {
                type $X = http::Http;
                $then
            }
            http_client::HttpClient::NAME => {
                type $X = http_client::HttpClient;
                $then
            }
            _ => $otherwise,
        }
    };
}

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
    with_subject!(subject, X => Some(generate_by::<X>(plan, seed)), else None)
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
    let none = || SetupError::NoSuchSubject(subject.to_owned());
    with_subject!(subject, X => drive::<X>(driver, seed, options), else Err(none()))
}

fn no_such(schedule: &Schedule) -> SetupError {
    SetupError::NoSuchSubject(schedule.subject.clone())
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
    let name = schedule.subject.as_str();
    with_subject!(name, X => run::<X>(schedule, options), else Err(no_such(schedule)))
}

/// Runs a schedule on the subject that it names, and charts it.
///
/// # Errors
///
/// As [`run_named`].
pub fn chart_named(schedule: &Schedule, options: &Options) -> Result<(Report, Chart), SetupError> {
    let mut drawing = Drawing { chart: Some(Chart::default()), ..Drawing::default() };
    let report = draw_named(schedule, options, &mut drawing)?;
    Ok((report, drawing.chart.unwrap_or_default()))
}

/// The same as a trace.
///
/// # Errors
///
/// As [`run_named`].
pub fn timeline_named(
    schedule: &Schedule,
    options: &Options,
) -> Result<(Report, Timeline), SetupError> {
    let mut drawing = Drawing { timeline: Some(Timeline::default()), ..Drawing::default() };
    let report = draw_named(schedule, options, &mut drawing)?;
    Ok((report, drawing.timeline.unwrap_or_default()))
}

/// Who looks on to draw a run, in one way or another: one type, so that each subject is built once.
#[derive(Default)]
struct Drawing {
    chart: Option<Chart>,
    timeline: Option<Timeline>,
}

impl<X: Subject> Onlooker<X> for Drawing {
    fn before_step(&mut self, _: &World<X>) {}

    fn after_step(&mut self, world: &World<X>, step: &Step) {
        self.chart.iter_mut().for_each(|chart| chart.after_step(world, step));
        self.timeline.iter_mut().for_each(|timeline| timeline.after_step(world, step));
    }

    fn after_line(&mut self, world: &World<X>) {
        self.chart.iter_mut().for_each(|chart| chart.after_line(world));
        self.timeline.iter_mut().for_each(|timeline| timeline.after_line(world));
    }
}

fn draw_named(
    schedule: &Schedule,
    options: &Options,
    drawing: &mut Drawing,
) -> Result<Report, SetupError> {
    let name = schedule.subject.as_str();
    with_subject!(name, X => draw::<X>(schedule, options, drawing), else Err(no_such(schedule)))
}

fn draw<X: Subject>(
    schedule: &Schedule,
    options: &Options,
    drawing: &mut Drawing,
) -> Result<Report, SetupError> {
    let packets = if drawing.chart.is_some() { Packets::Keep } else { Packets::Drop };
    let story = Story::Keep;
    let run = Run::<X>::new(schedule, &Options { story, packets, ..options.clone() })?;
    Ok(run.finish_before(drawing))
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
    let name = schedule.subject.as_str();
    with_subject!(
        name,
        X => places::compare::<X>(schedule, place, options),
        else Err(no_such(schedule))
    )
}

/// Shrinks a schedule that fails on the subject that it names.
///
/// # Errors
///
/// It does not fail, or cannot be run.
pub fn shrink_named(schedule: &Schedule, budget: &Budget) -> Result<Shrunk, NotShrunk> {
    let name = schedule.subject.as_str();
    let none = || NotShrunk::Setup(no_such(schedule));
    with_subject!(name, X => shrink::<X>(schedule, budget), else Err(none()))
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
    let name = schedule.subject.as_str();
    with_subject!(
        name,
        X => explore::<X>(schedule, budget, goes_on),
        else Err(no_such(schedule))
    )
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
    let name = schedule.subject.as_str();
    let none = || NotExplained::Setup(no_such(schedule));
    with_subject!(name, X => why::<X>(schedule, budget, goes_on), else Err(none()))
}

/// What a search has to know of a subject; `None` if there is no such subject.
#[must_use]
pub fn language_of(subject: &str) -> Option<Language> {
    with_subject!(subject, X => Some(Language::of::<X>()), else None)
}
