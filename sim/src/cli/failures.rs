//! `failures`: what campaigns have found, a folder each.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use sockman_sim::page::filled;
use sockman_sim::shrink::operations;

use super::campaign::FAILURES;
use super::{Error, files};

pub(super) mod folder;
pub(super) mod history;

use history::{Seen, date};

/// The page, but for its data.
const PAGE: &str = include_str!("failures/page.html");

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders in which campaigns keep failures, or single ones of these
    #[arg(default_value = FAILURES)]
    paths: Vec<PathBuf>,
    /// Write a page that a browser shows, with reports, schedules and histories (HTML)
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// One JSON object a failure
    #[arg(long)]
    json: bool,
}

/// A failure, as far as its folder says.
struct Failure {
    folder: PathBuf,
    /// The oracle, and what it says of all that fail so; nothing if there is no report.
    kind: Option<(String, String)>,
    report: Option<String>,
    /// The smallest schedule, and its operations.
    shrunk: Option<(String, usize)>,
    subject: Option<String>,
    history: Vec<Seen>,
    /// What there is and cannot be read.
    problem: Option<String>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let mut failures = Vec::new();
    for folder in find_all(&arguments.paths)? {
        failures.push(Failure::read(folder));
    }
    // What was seen last comes first.
    failures.sort_by(|one, other| {
        other.last().cmp(&one.last()).then_with(|| one.folder.cmp(&other.folder))
    });
    let places: Vec<_> = arguments.paths.iter().map(|path| path.display().to_string()).collect();
    let title = format!("{} failures in {}", failures.len(), places.join(", "));
    if let Some(target) = &arguments.html {
        let all: Vec<_> = failures.iter().map(|failure| failure.json(Form::Dates)).collect();
        let page = filled(PAGE, &json!({ "title": title, "failures": all }));
        files::write_whole(target, page.as_bytes())?;
        writeln!(out, "{}: {title}", target.display())?;
    } else if arguments.json {
        for failure in &failures {
            writeln!(out, "{}", failure.json(Form::Seconds))?;
        }
    } else {
        writeln!(out, "{title}")?;
        failures.iter().try_for_each(|failure| failure.tell(out))?;
    }
    let has_problem = failures.iter().any(|failure| failure.problem.is_some());
    Ok(if has_problem { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// The folders of failures in these folders, or these themselves.
fn find_all(paths: &[PathBuf]) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for path in paths {
        if is_failure(path) {
            found.insert(path.clone());
            continue;
        }
        let entries = match fs::read_dir(path) {
            // No campaign has found anything here.
            Err(error) if error.kind() == ErrorKind::NotFound && path == Path::new(FAILURES) => {
                continue;
            }
            entries => entries.map_err(Error::file(path))?,
        };
        for entry in entries {
            let inside = entry.map_err(Error::file(path))?.path();
            if is_failure(&inside) {
                found.insert(inside);
            }
        }
    }
    Ok(found)
}

fn is_failure(path: &Path) -> bool {
    [files::FAILED_SCHEDULE, history::HISTORY].iter().any(|name| path.join(name).is_file())
}

/// How times are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Seconds since 1970, for scripts.
    Seconds,
    /// For people.
    Dates,
}

impl Failure {
    fn read(folder: PathBuf) -> Self {
        let report = fs::read_to_string(folder.join(folder::REPORT)).ok();
        let field = |name: &str| {
            let mut lines = report.as_deref().unwrap_or_default().lines();
            lines.find_map(|line| {
                Some(line.strip_prefix(name)?.strip_prefix(' ')?.trim().to_owned())
            })
        };
        let kind = field("failure").map(|kind| match kind.split_once(": ") {
            Some((oracle, what)) => (oracle.to_owned(), what.to_owned()),
            None => (kind, String::new()),
        });
        let shrunk = folder.join(files::SHRUNK_SCHEDULE);
        let shrunk = files::read_text(&shrunk).ok().zip(files::read(&shrunk).ok());
        let shrunk = shrunk.map(|(text, read)| (text, operations(&read.schedule)));
        let (history, problem) = match history::read(&folder) {
            Ok(history) => (history, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let subject = field("subject");
        Self { folder, kind, report, shrunk, subject, history, problem }
    }

    /// When it was seen last, in seconds since 1970.
    fn last(&self) -> Option<u64> {
        self.history.iter().map(|seen| seen.last).max()
    }

    fn first(&self) -> Option<u64> {
        self.history.iter().map(|seen| seen.first).min()
    }

    fn times(&self) -> u64 {
        self.history.iter().map(|seen| seen.times).sum()
    }

    /// The campaign that saw it last.
    fn latest(&self) -> Option<&Seen> {
        self.history.iter().max_by_key(|seen| seen.last)
    }

    fn tell(&self, out: &mut impl Write) -> Result<(), Error> {
        let folder = self.folder.display();
        match &self.kind {
            Some((oracle, what)) => writeln!(out, "\n{oracle}: {what}")?,
            None => writeln!(out, "\n{folder}: no report")?,
        }
        if let (Some(first), Some(seen)) = (self.first(), self.latest()) {
            let (times, campaigns, commit) = (self.times(), self.history.len(), &seen.commit);
            let seeds: Vec<_> = seen.seeds.iter().map(u64::to_string).collect();
            let more = if seen.times > seen.seeds.len() as u64 { ", ..." } else { "" };
            writeln!(
                out,
                "  seen:   {times} times by {campaigns} campaigns since {}",
                date(first)
            )?;
            writeln!(out, "  last:   {}, commit {commit}", date(seen.last))?;
            writeln!(out, "          seeds {}{more}; {}", seeds.join(", "), seen.command)?;
        }
        if let Some(problem) = &self.problem {
            writeln!(out, "  {problem}")?;
        }
        let operations = self.shrunk.as_ref().map(|(_, count)| format!("  # {count} operations"));
        let shrunk = self.folder.join(files::SHRUNK_SCHEDULE);
        writeln!(out, "  replay: cargo sim replay {folder}")?;
        if let Some(operations) = operations {
            writeln!(out, "  look:   cargo sim show {}{operations}", shrunk.display())?;
        }
        Ok(())
    }

    fn json(&self, form: Form) -> Value {
        let time = |seconds: u64| match form {
            Form::Seconds => Value::from(seconds),
            Form::Dates => Value::from(date(seconds)),
        };
        let seen = |seen: &Seen| {
            let mut told = json!(seen);
            told["first"] = time(seen.first);
            told["last"] = time(seen.last);
            told
        };
        let kind = self.kind.as_ref();
        let mut told = json!({
            "folder": self.folder,
            "oracle": kind.map(|(oracle, _)| oracle),
            "what": kind.map(|(_, what)| what),
            "subject": self.subject,
            "times": self.times(),
            "first": self.first().map(time),
            "last": self.last().map(time),
            "operations": self.shrunk.as_ref().map(|(_, count)| count),
            "history": self.history.iter().map(seen).collect::<Vec<_>>(),
            "problem": self.problem,
        });
        if form == Form::Dates {
            told["report"] = json!(self.report);
            told["shrunk"] = json!(self.shrunk.as_ref().map(|(text, _)| text));
        }
        told
    }
}
