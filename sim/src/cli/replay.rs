//! `replay` and `show`: schedules from files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sockman_sim::capture::{Packets, pcapng};
use sockman_sim::fuzz;
use sockman_sim::places::Place;
use sockman_sim::run::{Options, Report, STEPS_MAX};
use sockman_sim::subjects::{chart_named, run_named, timeline_named};
use sockman_sim::trace::Story;

use super::files::Read;
use super::interrupts::Interrupts;
use super::live::{self, Where};
use super::{Error, exit, files, places, texts, why};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Texts, failure folders, artifacts, or folders of texts
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// One JSON object a schedule
    #[arg(long)]
    json: bool,
    /// Judge by the script alone, also where a recorded story lies beside the schedule
    #[arg(long)]
    script: bool,
    /// Where: mock; tcp, which is compared with mock; HOST:PORT, a node that listens there; or
    /// 'exec: COMMAND', a node that is started for each schedule (docs/reviewing.md)
    #[arg(long, default_value_t, value_name = "PLACE")]
    on: Where,
    #[command(flatten)]
    live: live::Manner,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    /// A text, a failure folder or an artifact
    path: PathBuf,
    /// Write what passes the node's host into a file (pcapng), as Wireshark reads it
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write the timeline into a page that a browser shows, with packets and connections (HTML)
    #[arg(long, value_name = "FILE", conflicts_with = "pcap")]
    html: Option<PathBuf>,
    /// Write a trace that ui.perfetto.dev or chrome://tracing shows (JSON): a lane for each
    /// actor and each task, arrows for messages, curves of what is held, in virtual time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pcap", "html"])]
    perfetto: Option<PathBuf>,
    /// In the page, too: when the failure became inevitable
    #[arg(long, requires = "html")]
    why: bool,
    #[command(flatten)]
    explained: why::Manner,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    match &arguments.on {
        Where::Here(Place::Mock) => {}
        Where::Here(place) => {
            return places::replay(&arguments.paths, *place, arguments.json, out);
        }
        Where::Live(target) => {
            let live = &arguments.live;
            return live::replay(&arguments.paths, target, live, arguments.json, out);
        }
    }
    let mut failed = 0_usize;
    let mut count = 0_usize;
    let mut unreadable = 0_usize;
    let found = files::find_all(&arguments.paths)?;
    let interrupts = Interrupts::catch()?;
    for file in &found {
        if interrupts.came() {
            break;
        }
        let recorded = recorded_story(file).filter(|_| !arguments.script);
        let story = if recorded.is_some() { Story::Keep } else { Story::Drop };
        let ran = files::read(file).and_then(|read| Ok((run(file, &read, story)?, read)));
        let (report, read) = match ran {
            Ok(ran) => ran,
            // One that cannot be read or run keeps nobody from the others.
            Err(error) => {
                writeln!(out, "{error}")?;
                unreadable += 1;
                continue;
            }
        };
        let divergence = recorded.and_then(|recorded| diverges(&recorded, &report));
        let bad = !report.verdict.is_passed() || divergence.is_some();
        failed += usize::from(bad);
        count += 1;
        if arguments.json {
            writeln!(out, "{}", json(file, &read, &report, divergence.as_deref()))?;
        } else {
            tell(out, file, &read, &report, divergence.as_deref())?;
        }
    }
    if interrupts.came() {
        let (done, all) = (count + unreadable, found.len());
        if arguments.json {
            let told = serde_json::json!({ "interrupted": true, "schedules": done, "of": all });
            writeln!(out, "{told}")?;
        } else {
            writeln!(out, "interrupted: {done} of {all} schedules")?;
        }
    }
    if !arguments.json && found.len() > 1 {
        write!(out, "{} passed, {failed} failed", count - failed)?;
        match unreadable {
            0 => writeln!(out)?,
            _ => writeln!(out, ", {unreadable} could not be read")?,
        }
    }
    let status = if unreadable > 0 { ExitCode::from(2) } else { exit(failed > 0) };
    Ok(interrupts.status().unwrap_or(status))
}

pub(super) fn show(arguments: &ShowArguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    if let Some(target) = &arguments.pcap {
        return capture(&arguments.path, target, out);
    }
    if let Some(target) = &arguments.html {
        return chart(arguments, target, out);
    }
    if let Some(target) = &arguments.perfetto {
        return trace(&arguments.path, target, out);
    }
    for file in files::find(&arguments.path)? {
        let read = files::read(&file)?;
        let report = run(&file, &read, Story::Keep)?;
        writeln!(out, "{}", file.display())?;
        for line in &read.schedule.title {
            writeln!(out, "  {line}")?;
        }
        for entry in &report.story {
            writeln!(out, "{entry}")?;
        }
        writeln!(out, "{}", report.told(read.source.as_ref()))?;
        for conn in &report.connections {
            writeln!(out, "  {conn}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the packets of one schedule.
fn capture(path: &Path, target: &Path, out: &mut impl Write) -> Result<ExitCode, Error> {
    let file = files::find_one(path, "capture")?;
    let read = files::read(&file)?;
    let report = run_with(&file, &read, Story::Drop, Packets::Keep)?;
    let told = report.told(read.source.as_ref()).to_string();
    files::write_whole(target, &pcapng(&report.packets, &read.schedule.to_string(), &told))?;
    writeln!(out, "{}: {} segments", target.display(), report.packets.len())?;
    writeln!(out, "{told}")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of one schedule.
fn chart(
    arguments: &ShowArguments,
    target: &Path,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    let file = files::find_one(&arguments.path, "chart")?;
    let read = files::read(&file)?;
    let options = Options { steps_max: steps_max(&read), ..Options::default() };
    let charted = chart_named(&read.schedule, &options);
    let (report, mut chart) = charted.map_err(|error| read.setup_error(&file, error))?;
    let interrupts = Interrupts::catch()?;
    if arguments.why {
        chart.explain(&why::explain(&file, &read, &arguments.explained, &interrupts)?);
    }
    let told = report.told(read.source.as_ref()).to_string();
    let name = file.display().to_string();
    let title = read.schedule.title.first().unwrap_or(&name);
    let failed = !report.verdict.is_passed();
    let page = chart.page(title, &read.schedule.to_string(), &told, failed);
    files::write_whole(target, page.as_bytes())?;
    writeln!(out, "{}: {} rows", target.display(), chart.row_count())?;
    writeln!(out, "{told}")?;
    Ok(interrupts.status().unwrap_or(ExitCode::SUCCESS))
}

/// Writes the trace of one schedule.
fn trace(path: &Path, target: &Path, out: &mut impl Write) -> Result<ExitCode, Error> {
    let file = files::find_one(path, "trace")?;
    let read = files::read(&file)?;
    let options = Options { steps_max: steps_max(&read), ..Options::default() };
    let drawn = timeline_named(&read.schedule, &options);
    let (report, timeline) = drawn.map_err(|error| read.setup_error(&file, error))?;
    let told = report.told(read.source.as_ref()).to_string();
    let name = file.display().to_string();
    let title = read.schedule.title.first().unwrap_or(&name);
    files::write_whole(target, timeline.json(title, &told).as_bytes())?;
    writeln!(out, "{}: {} events", target.display(), timeline.event_count())?;
    writeln!(out, "{told}")?;
    Ok(ExitCode::SUCCESS)
}

fn run(file: &Path, read: &Read, story: Story) -> Result<Report, Error> {
    run_with(file, read, story, Packets::Drop)
}

fn run_with(file: &Path, read: &Read, story: Story, packets: Packets) -> Result<Report, Error> {
    let options = Options { story, packets, steps_max: steps_max(read), ..Options::default() };
    run_named(&read.schedule, &options).map_err(|error| read.setup_error(file, error))
}

/// How many steps a run may take: of what a fuzz target runs as many as it gives it, which is an
/// oracle there.
fn steps_max(read: &Read) -> u64 {
    let is_fuzzed = read.source.is_none() && fuzz::tame(read.schedule.clone()) == read.schedule;
    if is_fuzzed { fuzz::steps_allowed(&read.schedule) } else { STEPS_MAX }
}

/// The story that was recorded beside a schedule, if this is a failure folder.
fn recorded_story(file: &Path) -> Option<String> {
    if file.file_name().is_none_or(|name| name != files::FAILED_SCHEDULE) {
        return None;
    }
    fs::read_to_string(file.with_file_name(files::FAILED_STORY)).ok()
}

/// The first place at which a run takes another way than the recorded one.
fn diverges(recorded: &str, report: &Report) -> Option<String> {
    let story: Vec<_> = report.story.iter().map(ToString::to_string).collect();
    let mut lines = recorded.lines();
    for (index, entry) in story.iter().enumerate() {
        let expected = lines.next();
        if expected != Some(entry) {
            let expected = expected.unwrap_or("the end of the run");
            return Some(format!(
                "diverges at step {}:\n  recorded: {expected}\n  now:      {entry}",
                index + 1
            ));
        }
    }
    let expected = lines.next()?;
    Some(format!(
        "diverges at step {}:\n  recorded: {expected}\n  now:      the end of the run",
        story.len() + 1
    ))
}

fn tell(
    out: &mut impl Write,
    file: &Path,
    read: &Read,
    report: &Report,
    divergence: Option<&str>,
) -> Result<(), Error> {
    if read.source.is_none() {
        write!(out, "{}: ", file.display())?;
    }
    writeln!(out, "{}", report.told(read.source.as_ref()))?;
    if let Some(divergence) = divergence {
        writeln!(out, "  the recorded run {divergence}")?;
        writeln!(out, "  (the code has changed since; --script judges by the script alone)")?;
    }
    if !report.verdict.is_passed() {
        for conn in &report.connections {
            writeln!(out, "  {conn}")?;
        }
    }
    Ok(())
}

fn json(file: &Path, read: &Read, report: &Report, divergence: Option<&str>) -> serde_json::Value {
    let line = read.source.as_ref().zip(report.verdict.place());
    let line = line.and_then(|(source, place)| source.line(place)).map(|(number, _)| number);
    serde_json::json!({
        "schedule": file.display().to_string(),
        "verdict": report.verdict.kind(),
        "detail": report.told(None).to_string(),
        "line": line,
        "diverges": divergence,
        // The node's, as they stood when it failed.
        "connections": (!report.verdict.is_passed()).then(|| texts(&report.connections)),
        "steps": report.stats.steps,
        "events": report.stats.events,
        "messages": report.stats.messages,
        "virtual_seconds": report.stats.virtual_time.as_secs(),
        "trace_hash": report.hash.to_string(),
    })
}
