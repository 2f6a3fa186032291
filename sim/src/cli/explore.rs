//! `explore`: a small script in all orders.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sockman_sim::explore::{Budget, Explored, Failure, Reduction};
use sockman_sim::subjects::explore_named;

use super::campaign::{FAILURES, parse_count, parse_time};
use super::failures::folder::write_found;
use super::interrupts::Interrupts;
use super::{Error, exit, files};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A text without order lines
    path: PathBuf,
    /// Steps of each order, counted from the first choice
    #[arg(long, default_value_t = Budget::default().depth, value_name = "STEPS")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    depth: u32,
    /// Steps in the usual order before that
    #[arg(long, default_value_t = 0, value_name = "STEPS")]
    from: u64,
    /// Stop after so many steps of all orders together: 50k, 2M [default: 50k]
    #[arg(long, value_parser = parse_count, value_name = "COUNT")]
    transitions: Option<u64>,
    /// Stop after so long, wherever that is: 90s, 10m
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    time: Option<Duration>,
    /// Leave out no order, also of those that come to the same
    #[arg(long)]
    unreduced: bool,
    /// One JSON object in place of the report
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let file = files::find_one(&arguments.path, "explore")?;
    let read = files::read(&file)?;
    if !read.schedule.order.is_empty() {
        let problem = "it has an order; expected a script alone, whose orders are explored";
        return Err(Error::Usage(format!("{}: {problem}", file.display())));
    }
    let interrupts = Interrupts::catch()?;
    let goes_on = interrupts.goes_on_within(arguments.time);
    let reduction = if arguments.unreduced { Reduction::Nothing } else { Reduction::SleepSets };
    let transitions = arguments.transitions.unwrap_or(Budget::default().transitions);
    let Arguments { depth, from, .. } = *arguments;
    let budget = Budget { from, depth, transitions, reduction };
    let explored = explore_named(&read.schedule, budget, &goes_on);
    let explored = explored.map_err(|error| read.setup_error(&file, error))?;
    let folders = write_failures(&file, &explored, &interrupts)?;
    if arguments.json {
        writeln!(out, "{}", json(&file, &explored, &folders, &interrupts))?;
    } else {
        for (failure, folder) in explored.failures.iter().zip(&folders) {
            writeln!(out, "{}: {}", file.display(), failure.verdict.line())?;
            writeln!(out, "  replay: cargo sim replay {}", folder.display())?;
            writeln!(out, "  look:   cargo sim show {}", folder.display())?;
        }
        if interrupts.came() {
            writeln!(out, "interrupted")?;
        }
        writeln!(out, "{explored}")?;
    }
    Ok(interrupts.status().unwrap_or(exit(!explored.failures.is_empty())))
}

/// Writes each failure as a campaign does; where.
fn write_failures(
    file: &Path,
    explored: &Explored,
    interrupts: &Interrupts,
) -> Result<Vec<PathBuf>, Error> {
    let stem = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy();
    let write = |(number, failure): (usize, &Failure)| {
        let folder = Path::new(FAILURES).join(format!("explored-{stem}-{number}"));
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let mut schedule = failure.schedule.clone();
        schedule.title.insert(0, format!("Found by exploring the orders of {stem}."));
        schedule.title.push(failure.verdict.line());
        write_found(&folder, &schedule, interrupts)?;
        Ok(folder)
    };
    (1..).zip(&explored.failures).map(write).collect()
}

fn json(
    file: &Path,
    explored: &Explored,
    folders: &[PathBuf],
    interrupts: &Interrupts,
) -> serde_json::Value {
    let failure = |(failure, folder): (&Failure, &PathBuf)| {
        serde_json::json!({
            "oracle": failure.verdict.kind(),
            "what": failure.verdict.to_string(),
            "folder": folder,
        })
    };
    serde_json::json!({
        "schedule": file.display().to_string(),
        "from": explored.from,
        "states": explored.states,
        "transitions": explored.transitions,
        "orders": explored.orders,
        "final_states": explored.finals,
        "slept": explored.slept,
        "exhausted": explored.is_exhausted,
        "interrupted": interrupts.came(),
        "failures": explored.failures.iter().zip(folders).map(failure).collect::<Vec<_>>(),
    })
}
