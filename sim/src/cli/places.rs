//! `replay --on PLACE` and `run --on PLACE`: schedules on the virtual network and somewhere else,
//! and whether the two agree.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sockman_sim::generate::Plan;
use sockman_sim::places::{Compared, Place, Tier, tier};
use sockman_sim::run::Options;
use sockman_sim::schedule::Schedule;
use sockman_sim::schedulers::Strategy;
use sockman_sim::subjects::{compare_named, generate_for, run_named};

use super::files::Read;
use super::interrupts::Interrupts;
use super::tally::Tally;
use super::{Error, exit, files};

/// Differences that a campaign writes out and shows; further ones are counted.
const DIFFERENCES_SHOWN_MAX: usize = 10;

/// Where they go, below the folder that the command runs in.
const DIFFERENCES: &str = "target/sim/differences";

/// Why two places are not compared although both ran: where a real kernel holds less than the
/// schedule's hosts, everything after that may differ.
const ROOM: &str = "room that the kernel does not have";

/// What came of all schedules together.
#[derive(Default)]
struct Sum {
    tally: Tally,
    waits_in_vain: u64,
}

/// Runs each schedule in both places. One that needs what the place does not have is skipped, which
/// is no pass.
pub(super) fn replay(
    paths: &[PathBuf],
    place: Place,
    json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    let interrupts = Interrupts::catch()?;
    let mut sum = Sum::default();
    for file in files::find_all(paths)? {
        if interrupts.came() {
            break;
        }
        match files::read(&file) {
            Ok(read) => replay_one(&file, &read, place, json, &mut sum, out)?,
            Err(error) => {
                writeln!(out, "{error}")?;
                sum.tally.unreadable += 1;
            }
        }
    }
    tell_sum(&sum, place, json, out)?;
    Ok(interrupts.status().unwrap_or(sum.tally.status()))
}

fn replay_one(
    file: &Path,
    read: &Read,
    place: Place,
    json: bool,
    sum: &mut Sum,
    out: &mut impl Write,
) -> Result<(), Error> {
    let above = tier::above(&read.schedule, place.tier());
    if !above.is_empty() {
        let names = sum.tally.skip(&above);
        if json {
            writeln!(out, "{}", said(file, place, Tier::Inner, "skipped", &names, None))?;
        } else {
            writeln!(out, "{}: skipped: {}", file.display(), names.join("; "))?;
        }
        return Ok(());
    }
    let compared = match compare_named(&read.schedule, place, &Options::default()) {
        Ok(compared) => compared,
        Err(error) => {
            writeln!(out, "{}", read.setup_error(file, error))?;
            sum.tally.unreadable += 1;
            return Ok(());
        }
    };
    let result = judge(&compared, sum);
    if json {
        let own = tier::of(&read.schedule);
        let skipped: &[&str] = if result == "skipped" { &[ROOM] } else { &[] };
        writeln!(out, "{}", said(file, place, own, result, skipped, Some(&compared)))?;
        return Ok(());
    }
    let told = compared.right.report.told(read.source.as_ref());
    match compared.disagreement() {
        Some(_) if result == "skipped" => writeln!(out, "{}: skipped: {ROOM}", file.display())?,
        None => writeln!(out, "{told} on {place} as on mock")?,
        Some(disagreement) => {
            writeln!(out, "{}: differs, mock at the left, {place} at the right", file.display())?;
            writeln!(out, "{disagreement}")?;
            writeln!(out, "mock: {}\n{place}: {told}", compared.left.report.told(None))?;
        }
    }
    Ok(())
}

fn judge(compared: &Compared, sum: &mut Sum) -> &'static str {
    sum.waits_in_vain += compared.right.shortcomings.waits_in_vain;
    if compared.disagreement().is_some() {
        if compared.right.shortcomings.lacked_room > 0 {
            sum.tally.skip(&BTreeSet::from([ROOM]));
            return "skipped";
        }
        sum.tally.differ += 1;
        "differs"
    } else if compared.right.report.verdict.is_passed() {
        sum.tally.agree += 1;
        "agrees"
    } else {
        sum.tally.failed += 1;
        "fails"
    }
}

fn said(
    file: &Path,
    place: Place,
    tier: Tier,
    result: &str,
    skipped: &[&str],
    compared: Option<&Compared>,
) -> serde_json::Value {
    let verdict = compared.map(|compared| compared.right.report.verdict.kind());
    let difference = compared.and_then(Compared::disagreement);
    serde_json::json!({
        "schedule": file.display().to_string(),
        "on": place.name(),
        "tier": tier.name(),
        "result": result,
        "skipped": skipped,
        "verdict": verdict,
        "difference": difference.map(|difference| difference.to_string()),
        "waits_in_vain": compared.map(|compared| compared.right.shortcomings.waits_in_vain),
        "lacked_room": compared.map(|compared| compared.right.shortcomings.lacked_room),
    })
}

fn tell_sum(sum: &Sum, place: Place, json: bool, out: &mut impl Write) -> Result<(), Error> {
    if json {
        let mut told = sum.tally.json();
        told["on"] = place.name().into();
        told["waits_in_vain"] = sum.waits_in_vain.into();
        writeln!(out, "{told}")?;
        return Ok(());
    }
    sum.tally.tell(&place, out)?;
    if sum.waits_in_vain > 0 {
        writeln!(out, "  waited in vain for what was sent: {} times", sum.waits_in_vain)?;
    }
    Ok(())
}

/// Draws a schedule for each seed, as a campaign does, takes out what the place cannot carry out,
/// and compares.
pub(super) fn campaign(
    subject: impl Fn(u64) -> String,
    seeds: impl Iterator<Item = u64>,
    limit: Option<Duration>,
    plan: &Plan,
    place: Place,
    json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    let interrupts = Interrupts::catch()?;
    let mut sum = Sum::default();
    let goes_on = interrupts.goes_on_within(limit);
    let mut events = 0;
    let mut seeds = seeds.peekable();
    let first = seeds.peek().copied().unwrap_or_default();
    let mut next = first;
    for seed in seeds {
        if !goes_on() {
            break;
        }
        next = seed + 1;
        let schedule = drawn(&subject(seed), plan, place, seed)?;
        let name = PathBuf::from(DIFFERENCES).join(format!("{seed}.case"));
        let failed = |error| Error::Setup(name.clone(), error);
        let compared = compare_named(&schedule, place, &Options::default()).map_err(failed)?;
        events += compared.right.report.stats.events;
        let result = judge(&compared, &mut sum);
        let Some(disagreement) = compared.disagreement().filter(|_| result == "differs") else {
            continue;
        };
        if sum.tally.differ > DIFFERENCES_SHOWN_MAX {
            continue;
        }
        fs::create_dir_all(DIFFERENCES).map_err(Error::file(Path::new(DIFFERENCES)))?;
        files::write_whole(&name, schedule.to_string().as_bytes())?;
        if !json {
            writeln!(out, "seed {seed} differs, mock at the left, {place} at the right")?;
            writeln!(out, "{disagreement}")?;
            writeln!(out, "  again: cargo sim replay --on {place} {}", name.display())?;
        }
    }
    if !json {
        writeln!(out, "seeds {first}..{next}, {events} socket events on {place}")?;
    }
    tell_sum(&sum, place, json, out)?;
    Ok(interrupts.status().unwrap_or(exit(sum.tally.differ > 0)))
}

/// What the run of a seed was, without what the place cannot carry out. Tasks take their turns in
/// the default order, because another one could not be repeated there.
fn drawn(subject: &str, plan: &Plan, place: Place, seed: u64) -> Result<Schedule, Error> {
    let plan = Plan { strategy: Some(Strategy::Default), ..*plan };
    let unknown = || Error::Usage(format!("no subject {subject}"));
    let generated = generate_for(subject, &plan, seed).ok_or_else(unknown)?;
    let options = Options { chance: Some(generated.chance), ..Options::default() };
    let schedule = tier::of_drawn(&generated.schedule, place.tier());
    let report = run_named(&schedule, &options);
    let report = report.map_err(|error| Error::Setup(PathBuf::from("a drawn schedule"), error))?;
    Ok(report.recorded)
}
