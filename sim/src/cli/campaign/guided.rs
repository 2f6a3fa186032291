//! `run --guided`: a campaign in which what was reached decides what is run next.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use sockman::driver::{Clock as _, SystemClock};
use sockman::time::Instant;
use sockman_sim::guided::search::{Asked, Taken};
use sockman_sim::guided::{Budget, Language, Search, Seen};
use sockman_sim::run::Report;
use sockman_sim::subjects::language_of;

use super::kinds::Kinds;
use super::summary::{Outcome, Summary, tell};
use super::{Arguments, outcome};
use crate::cli::interrupts::Interrupts;
use crate::cli::{Error, texts};

/// Transitions never reached that are listed; further ones are counted.
const UNREACHED_SHOWN: usize = 40;

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let budget = Budget {
        seeds: arguments.range(),
        events: arguments.events,
        stops_at_failure: arguments.campaign.is_some(),
    };
    let language = language_of(arguments.subject(budget.seeds.start));
    let language = language.expect("the argument was checked");
    let mut search = Search::new(language.clone(), arguments.plan(), budget);
    let interrupts = Interrupts::catch()?;
    let clock = SystemClock::start();
    let passed = || clock.now().steady.since(Instant::START);
    let progress = progress_line();
    let kinds = Kinds::new(arguments, clock);
    let mut summary = Summary::new();
    loop {
        let round = search.round();
        if round.is_empty() {
            break;
        }
        for (asked, report, seen) in run_all(round, &language, arguments.jobs(), &interrupts) {
            let Some(taken) = search.take(&asked, &report, &seen) else { break };
            summary.take(outcome_of(&asked, report, taken, &kinds, &interrupts));
        }
        if interrupts.came() || arguments.limit().is_some_and(|limit| passed() > limit) {
            break;
        }
        let (runs, kept, reached) = (summary.runs, search.kept_count(), search.reached_count());
        progress.set_message(format!("{runs} runs, {kept} kept, {reached} transitions reached"));
        progress.tick();
    }
    progress.finish_and_clear();
    summary.wall = passed();
    tell(out, arguments, &summary, &kinds, Some(&Reached(&search)), &interrupts)
}

/// What a run came to. One that took too many steps, as a mutation may, is no failure.
fn outcome_of(
    asked: &Asked,
    report: Report,
    taken: Taken,
    kinds: &Kinds<'_>,
    interrupts: &Interrupts,
) -> Outcome {
    let (seed, world) = (asked.seed, asked.generated.world);
    if matches!(taken, Taken::FailedAnew | Taken::FailedAgain) {
        return outcome(seed, world, report, kinds, interrupts);
    }
    Outcome { seed, world, hash: report.hash, stats: report.stats, failure: None }
}

/// Runs a round on several threads, or its beginning if there is an interrupt; what came of it is
/// in the round's order.
fn run_all(
    round: Vec<Asked>,
    language: &Language,
    jobs: usize,
    interrupts: &Interrupts,
) -> Vec<(Asked, Report, Seen)> {
    let count = round.len();
    let left = Mutex::new(round.into_iter());
    let done = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            scope.spawn(|| {
                while !interrupts.came() {
                    let next = left.lock().expect("no thread panics here").next();
                    let Some(asked) = next else { break };
                    let (report, seen) = asked.run(language);
                    done.lock().expect("no thread panics here").push((asked, report, seen));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics here");
    done.sort_by_key(|(asked, ..)| asked.seed);
    done
}

/// What a search has reached, to be told.
pub(super) struct Reached<'a>(&'a Search);

impl Reached<'_> {
    pub(super) fn json(&self) -> serde_json::Value {
        let Self(search) = self;
        let (unreached, expected) = (search.unreached(), search.expected_count());
        serde_json::json!({
            "transitions": search.reached_count(),
            "kept": search.kept_count(),
            "expected": expected,
            "expected_reached": expected - unreached.len(),
            "unreached": texts(&unreached),
        })
    }
}

impl fmt::Display for Reached<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(search) = self;
        let (reached, kept) = (search.reached_count(), search.kept_count());
        let (unreached, expected) = (search.unreached(), search.expected_count());
        let as_expected = expected - unreached.len();
        writeln!(f, "{reached} transitions reached; {kept} schedules kept")?;
        writeln!(f, "{as_expected} of {expected} that were expected; never reached:")?;
        for transition in unreached.iter().take(UNREACHED_SHOWN) {
            writeln!(f, "  {transition}")?;
        }
        if unreached.len() > UNREACHED_SHOWN {
            writeln!(
                f,
                "  and {} further ones; --json has all",
                unreached.len() - UNREACHED_SHOWN
            )?;
        }
        Ok(())
    }
}

fn progress_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}, {elapsed}");
    ProgressBar::new_spinner().with_style(style.expect("the template is a constant"))
}
