//! `migrate` and `re-record`: texts of the corpus, brought up to date in place.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sockman_sim::rerecord::{Rerecorded, rerecord};
use sockman_sim::schedule::{Schedule, Source};

use super::interrupts::Interrupts;
use super::{Error, exit, files};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Texts, or folders of texts
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Also write what is of the present format as `import` would print it
    #[arg(long)]
    canonical: bool,
    /// Say what would change, change nothing, and exit with 1 if something would
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
pub(crate) struct RerecordArguments {
    /// Texts, or folders of texts
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Say what would change, change nothing, and exit with 1 if something would
    #[arg(long)]
    check: bool,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let Arguments { paths, canonical, check } = arguments;
    rewrite(paths, *check, out, |path, text| {
        let name = path.display().to_string();
        let parse = |error| Error::Parse(Box::new(error));
        let migrated = Schedule::migrate(&name, text).map_err(parse)?;
        if !canonical {
            return Ok(migrated);
        }
        Ok(Schedule::parse(&name, &migrated).map_err(parse)?.to_string())
    })
}

pub(super) fn execute_rerecord(
    arguments: &RerecordArguments,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    rewrite(&arguments.paths, arguments.check, out, |path, text| {
        let name = path.display().to_string();
        let (schedule, source) = Schedule::parse_with_source(&name, text)
            .map_err(|error| Error::Parse(Box::new(error)))?;
        let anew =
            rerecord(&schedule).map_err(|error| match error.in_text(&schedule, &source) {
                Some(placed) => Error::Parse(Box::new(placed)),
                None => Error::Setup(path.to_owned(), error),
            })?;
        match anew {
            Rerecorded::Fits => Ok(text.to_owned()),
            Rerecorded::Anew(anew) => Ok(with_order(text, &source, &schedule, &anew)),
            Rerecorded::NotFound(report) => {
                let told = report.told(Some(&source));
                let advice = "no counts bring it back: see with `cargo sim show` what its steps \
                              are called now";
                Err(Error::Usage(format!("{told}\n{name}: {advice}")))
            }
        }
    })
}

/// A text with the order lines of another schedule where its own are, and nothing else changed.
fn with_order(text: &str, source: &Source, old: &Schedule, new: &Schedule) -> String {
    use sockman_sim::schedule::Place;
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for (index, (was, is)) in old.order.iter().zip(&new.order).enumerate() {
        let Some((number, _)) = source.line(Place::Order(index)).filter(|_| was != is) else {
            continue;
        };
        let Some(line) = lines.get_mut(number - 1) else { continue };
        let end = if line.ends_with('\n') { "\n" } else { "" };
        *line = format!("order    {is}{end}");
    }
    lines.concat()
}

/// Writes texts anew, each whole or not at all; or says which would change.
fn rewrite(
    paths: &[PathBuf],
    check: bool,
    out: &mut impl Write,
    anew: impl Fn(&Path, &str) -> Result<String, Error>,
) -> Result<ExitCode, Error> {
    let (mut changed, mut kept, mut wrong) = (0_usize, 0_usize, 0_usize);
    let found = files::find_all(paths)?;
    let interrupts = Interrupts::catch()?;
    for path in &found {
        if interrupts.came() {
            break;
        }
        let text = match files::read_text(path).and_then(|text| Ok((anew(path, &text)?, text))) {
            Ok((anew, text)) if anew == text => {
                kept += 1;
                continue;
            }
            Ok((anew, _)) => anew,
            // One that is wrong keeps nobody from the others.
            Err(error) => {
                writeln!(out, "{error}")?;
                wrong += 1;
                continue;
            }
        };
        changed += 1;
        if check {
            writeln!(out, "{}: would change", path.display())?;
        } else {
            files::write_whole(path, text.as_bytes())?;
            writeln!(out, "{}: written anew", path.display())?;
        }
    }
    if interrupts.came() {
        writeln!(out, "interrupted: {} of {} texts", changed + kept + wrong, found.len())?;
    }
    let verb = if check { "would change" } else { "written anew" };
    write!(out, "{changed} {verb}, {kept} as they should be")?;
    match wrong {
        0 => writeln!(out)?,
        _ => writeln!(out, ", {wrong} could not be")?,
    }
    let status = if wrong > 0 { ExitCode::from(2) } else { exit(check && changed > 0) };
    Ok(interrupts.status().unwrap_or(status))
}
