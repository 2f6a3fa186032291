//! `promote`: what fails becomes a case of the corpus.
//!
//! The case may come before the fix: it fails until then, and `cargo test` with it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sockman_sim::run::{Options, Report, Verdict};
use sockman_sim::schedule::{Op, Schedule};
use sockman_sim::shrink::{Budget, is_mark};
use sockman_sim::subjects::{NAMES, run_named, shrink_named};

use super::files::{EXTENSION, Read};
use super::interrupts::Interrupts;
use super::prose::wrapped;
use super::{Error, files};

/// Where cases are.
const CORPUS: &str = "corpus";

/// Longest name: file systems take no more than 255 bytes, and nobody reads so many.
const NAME_BYTES_MAX: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A text, a failure folder or an artifact
    path: PathBuf,
    /// What the case is called, after the behaviour: short_send_loses_no_byte
    name: String,
    /// Why it exists: what the code did, and what it cost, in a sentence or two
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Where it comes from: a commit, an issue, a campaign; and the rule, as
    /// "docs/behaviour.md, connman 7.3"
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// The corpus
    #[arg(long, default_value = CORPUS, value_name = "FOLDER")]
    corpus: PathBuf,
    /// Runs that shrinking may take, at most
    #[arg(long, default_value_t = Budget::default().runs, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let Arguments { path, name, corpus, .. } = arguments;
    check_name(name)?;
    for (option, text) in [("--why", &arguments.why), ("--source", &arguments.source)] {
        if text.trim().is_empty() {
            return Err(Error::Usage(format!("{option}: nothing is said")));
        }
    }
    if !corpus.is_dir() {
        let corpus = corpus.display();
        let advice = "run it at the root of the repository, or name another with --corpus";
        return Err(Error::Usage(format!("{corpus}: there is no such folder; {advice}")));
    }
    let file = files::find_one(path, "promote")?;
    check_new(corpus, name)?;
    let read = files::read(&file)?;
    let interrupts = Interrupts::catch()?;
    let (mut schedule, report) = shrunk(&file, &read, arguments.runs, &interrupts)?;
    if let Some(status) = interrupts.status() {
        writeln!(out, "interrupted: nothing is written")?;
        return Ok(status);
    }
    set_head(&mut schedule, arguments, &report.verdict);
    let to = corpus.join(&schedule.subject).join(format!("{name}.{EXTENSION}"));
    let text = schedule.to_string();
    // Arguments may have what no comment takes.
    Schedule::parse(&to.display().to_string(), &text)
        .map_err(|error| Error::Parse(Box::new(error)))?;
    files::write_new(&to, text.as_bytes())?;
    tell(out, &to, &schedule, &report)?;
    Ok(ExitCode::SUCCESS)
}

/// Names are of the form that the corpus asks for.
fn check_name(name: &str) -> Result<(), Error> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && name.bytes().all(letter) && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let form = format!("a letter, then a-z, 0-9 and _, at most {NAME_BYTES_MAX} in all");
    let example = "as in short_send_loses_no_byte";
    Err(Error::Usage(format!("{name:?} is no name of a case: {form}, {example}")))
}

/// No case of any subject has the name.
fn check_new(corpus: &Path, name: &str) -> Result<(), Error> {
    let taken = NAMES
        .iter()
        .map(|subject| corpus.join(subject).join(format!("{name}.{EXTENSION}")))
        .find(|path| path.exists());
    match taken {
        Some(path) => Err(files::exists_already(&path)),
        None => Ok(()),
    }
}

/// The smallest schedule that fails in the same way, and its run. A text that passes is taken as it
/// is: the bug may have been fixed meanwhile.
fn shrunk(
    file: &Path,
    read: &Read,
    runs: u32,
    interrupts: &Interrupts,
) -> Result<(Schedule, Report), Error> {
    let run = |schedule: &Schedule| {
        run_named(schedule, &Options::default()).map_err(|error| {
            let source = read.source.as_ref();
            match source.and_then(|source| error.in_text(schedule, source)) {
                Some(placed) => Error::Parse(Box::new(placed)),
                None => Error::Setup(file.to_owned(), error),
            }
        })
    };
    let report = run(&read.schedule)?;
    if report.verdict.is_passed() {
        if read.source.is_some() {
            return Ok((read.schedule.clone(), report));
        }
        let problem = "it passes here, and its bytes mean what they did at the commit that found \
                       it alone: promote it there, or its text";
        return Err(Error::Usage(format!("{}: {problem}", file.display())));
    }
    let budget = Budget { runs, stop: Some(interrupts.flag()), ..Budget::default() };
    let shrunk = shrink_named(&read.schedule, &budget)
        .map_err(|error| Error::Usage(format!("{}: {error}", file.display())))?;
    writeln!(io::stderr(), "{}", shrunk.stats)?;
    let report = run(&shrunk.schedule)?;
    Ok((shrunk.schedule, report))
}

/// Says what the case is, why it exists and where it comes from; where it fails is true until the
/// bug is fixed alone.
fn set_head(schedule: &mut Schedule, arguments: &Arguments, verdict: &Verdict) {
    for line in &mut schedule.script {
        line.comment.retain(|comment| !is_mark(comment));
    }
    let mut title = vec![title_of(&arguments.name)];
    title.extend(wrapped(&sentence(&arguments.why)));
    if let Verdict::Failed(violation) = verdict
        && !judges(schedule)
    {
        title.push(format!("Judged by: the oracle on {}.", violation.oracle));
    }
    title.extend(wrapped(&format!("Source: {}", sentence(&arguments.source))));
    schedule.title = title;
}

/// Whether a line of the script says what must come.
fn judges(schedule: &Schedule) -> bool {
    schedule.script.iter().any(|line| matches!(line.op, Op::Expect(_) | Op::Fault(_)))
}

/// `Short send loses no byte.`
fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let (first, rest) = words.split_at(1);
    format!("{}{rest}.", first.to_ascii_uppercase())
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Says what was done, and what is to be done.
fn tell(
    out: &mut impl Write,
    to: &Path,
    schedule: &Schedule,
    report: &Report,
) -> Result<(), Error> {
    let to = to.display();
    writeln!(out, "{to}: written, {} lines", schedule.script.len() + schedule.order.len())?;
    if report.verdict.is_passed() {
        writeln!(out, "it passes here: see that it fails where the bug is not fixed")?;
    } else {
        writeln!(out, "it fails here: {}", report.verdict.line())?;
        writeln!(out, "until that is fixed `cargo test` fails with it, and passes from then on")?;
    }
    let expects = schedule.script.iter().any(|line| matches!(line.op, Op::Expect(_)));
    if !expects {
        writeln!(out, "next: say in `expect` lines what should have been seen (corpus/README.md)")?;
    }
    writeln!(out, "next: read it, then cargo sim replay {to}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sockman::time::Instant;
    use sockman_sim::oracles::Violation;

    use super::*;

    #[test]
    fn name_is_of_the_form_of_the_corpus() {
        for name in ["a", "short_send_loses_no_byte", "b12"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "_a", "1a", "Short", "a-b", "a b", "a/b", "..", "a.case", "ä", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn case_that_an_oracle_alone_judges_says_so() {
        let at = Instant::START;
        let violation = Violation { oracle: "bounds", what: "".into(), since: at, at, rule: "" };
        let failed = Verdict::Failed(violation);
        let arguments = Arguments {
            path: PathBuf::new(),
            name: "it_is_bounded".to_owned(),
            why: "It was not".to_owned(),
            source: "nowhere".to_owned(),
            corpus: PathBuf::new(),
            runs: 1,
        };
        let title = |text: &str| {
            let mut schedule = Schedule::parse("case", text).unwrap();
            set_head(&mut schedule, &arguments, &failed);
            schedule.title
        };
        let own = ["It is bounded.", "It was not.", "Source: nowhere."];
        let judged = ["It is bounded.", "It was not.", "Judged by: the oracle on bounds."];
        let text = "# Before.\nformat 1\n\n0ms p1 dials\n";
        assert_eq!(title(text), [&judged[..], &own[2..]].concat());
        assert_eq!(title(&format!("{text}expect node keeps p1\n")), own);
    }

    #[test]
    fn head_is_made_of_sentences() {
        assert_eq!(title_of("short_send_loses_no_byte"), "Short send loses no byte.");
        assert_eq!(sentence(" It was so "), "It was so.");
        assert_eq!(sentence("Was it?"), "Was it?");
    }
}
