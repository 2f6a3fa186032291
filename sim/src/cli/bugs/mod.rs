//! `bugs`: real bugs are put back one at a time, and it is seen who finds them.
//!
//! A bug's change is applied to a copy of the sources, which is built with a cache of its own. What
//! each column found is kept in the state directory, so that a run that was stopped goes on.

use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sockman_sim::bugs::{self, Bug, CLASSES, State, mutants as rules};

use super::interrupts::Interrupts;
use super::{Error, exit};

mod check;
mod children;
mod columns;
mod figures;
mod found;
mod kills;
pub(super) mod mutants;
mod results;
mod table;
mod workshop;

use children::Children;
use columns::{Column, Experiment};
use figures::{Extent, Figures};
use kills::{Asked, Broken, Kills, Page};
use workshop::Workshop;

/// Where everything is kept that can be made again.
const STATE: &str = "target/bugs";

/// Campaigns of a column.
const CAMPAIGNS: NonZero<u16> = NonZero::new(5).expect("five is not zero");

/// Socket events of a campaign.
const EVENTS: u64 = 20_000_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These bugs alone
    #[arg(long, value_delimiter = ',', value_name = "B001,B008")]
    only: Vec<String>,
    /// The bugs of this class alone
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(CLASSES))]
    class: Option<String>,
    /// Show what there is, and do nothing
    #[arg(long, conflicts_with_all = ["check", "update"])]
    list: bool,
    /// See that each change applies and builds, and that its witness fails with it and passes
    /// without
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// See which cases of the corpus notice each bug, and each mutant of corpus/mutants
    #[arg(long, conflicts_with_all = ["list", "check", "class"])]
    corpus: bool,
    /// Write docs/bugs.md, docs/bugs.json, and what was found into corpus/found, also what is known
    /// when it is interrupted; with --corpus docs/corpus.md
    #[arg(long, conflicts_with_all = ["only", "class"])]
    update: bool,
    /// Who looks for them
    #[arg(long, value_delimiter = ',', default_values_t = Column::FINDERS)]
    columns: Vec<Column>,
    /// Campaigns of each column
    #[arg(long, default_value_t = CAMPAIGNS)]
    campaigns: NonZero<u16>,
    /// Run a column's campaigns only until more than half of them agree
    #[arg(long)]
    until_decided: bool,
    /// Socket events of each campaign: 500k, 20M; for deep bugs the seam is given ten times as many
    #[arg(long, default_value_t = EVENTS, value_parser = super::campaign::parse_count)]
    events: u64,
    /// JSON in place of the table
    #[arg(long)]
    json: bool,
    /// Where the copy, the build cache and the results are kept
    #[arg(long, default_value = STATE)]
    state: PathBuf,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let root = Path::new(".");
    if !root.join(bugs::FOLDER).is_dir() || !root.join("Cargo.toml").is_file() {
        let problem = "there is no bugs/ here: run it at the root of the repository".to_owned();
        return Err(Error::Usage(problem));
    }
    let all = bugs::load_all(&root.join(bugs::FOLDER)).map_err(Error::Bug)?;
    if arguments.corpus {
        return see_corpus(root, &all, arguments, out);
    }
    let chosen = choose(&all, arguments)?;
    if arguments.list {
        list(&chosen, arguments.json, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let interrupts = Interrupts::catch()?;
    let children = Children::new(interrupts.clone())?;
    let workshop = Workshop::open(root, &arguments.state, children)?;
    if arguments.check {
        let bad = check::execute(&workshop, &chosen, arguments.json, out)?;
        return Ok(interrupts.status().unwrap_or(exit(bad > 0)));
    }
    let experiment = Experiment {
        columns: arguments.columns.clone(),
        campaigns: arguments.campaigns.get(),
        events: arguments.events,
    };
    let extent = if arguments.until_decided { Extent::UntilDecided } else { Extent::All };
    let known = figures::read(&root.join(figures::DOCUMENT))?;
    if let Some(known) = &known {
        known.recall(&workshop)?;
    }
    let mut figures = Figures::none(experiment);
    match figures.measure(&workshop, &chosen, extent) {
        Err(Error::Interrupted) => {
            figures.gather(&workshop, &chosen)?;
            if arguments.update {
                write_all(root, &all, &figures, known.as_ref())?;
            }
            tell_interrupted(out, arguments, &all, &chosen, &figures)?;
            return Ok(interrupts.status().unwrap_or(ExitCode::FAILURE));
        }
        measured => measured?,
    }
    let lost = known.as_ref().map_or_else(Vec::new, |known| figures.lost_since(known));
    if arguments.update && lost.is_empty() {
        write_all(root, &all, &figures, known.as_ref())?;
    }
    let shown = if arguments.json { figures.json()? } else { table::markdown(&all, &figures) };
    write!(out, "{shown}")?;
    for (id, column) in &lost {
        writeln!(out, "{id}: {column} used to find it, and does not any more")?;
    }
    Ok(exit(!lost.is_empty()))
}

/// Writes the page and the figures, with those that are known of other sources and were not
/// measured on these; and the cases.
fn write_all(
    root: &Path,
    all: &[Bug],
    figures: &Figures,
    known: Option<&Figures>,
) -> Result<(), Error> {
    let mut shown = figures.clone();
    known.into_iter().for_each(|known| shown.carry_over(known));
    table::write(&root.join("docs"), all, &shown)?;
    found::write(&root.join(found::FOLDER), all, figures)
}

/// Which cases notice what.
fn see_corpus(
    root: &Path,
    bugs: &[Bug],
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    let mutants = rules::load_all(&root.join(rules::FOLDER)).map_err(Error::Bug)?;
    let broken = bugs.iter().filter_map(Broken::bug).chain(mutants.iter().map(Broken::mutant));
    let broken: Vec<_> = broken.filter(|one| is_named(arguments, one.id)).collect();
    let known = |id: &&String| broken.iter().any(|one| one.id == **id);
    if let Some(id) = arguments.only.iter().find(|id| !known(id)) {
        let problem =
            format!("--only {id}: no bug that can be put back, and no mutant, has this name");
        return Err(Error::Usage(problem));
    }
    let cases = kills::load(Path::new(kills::FOLDER))?;
    let interrupts = Interrupts::catch()?;
    let children = Children::new(interrupts.clone())?;
    let workshop = Workshop::open(root, &arguments.state, children)?;
    let mut kills = Kills::default();
    match kills.measure(&workshop, &broken, &cases) {
        Err(Error::Interrupted) => {}
        measured => measured?,
    }
    let asked = if arguments.only.is_empty() { Asked::All } else { Asked::Some };
    let page = Page::new(&cases, &broken, &kills, asked);
    if arguments.json {
        writeln!(out, "{}", page.json())?;
    } else {
        write!(out, "{}", page.markdown())?;
    }
    if let Some(status) = interrupts.status() {
        return Ok(status);
    }
    if arguments.update {
        kills::write(&root.join("docs"), &page)?;
    }
    let problems = page.problems();
    for problem in problems.iter().filter(|_| !arguments.json) {
        writeln!(out, "{problem}")?;
    }
    Ok(exit(!problems.is_empty()))
}

/// Tells what is known of the bugs that were measured before an interrupt.
fn tell_interrupted(
    out: &mut impl Write,
    arguments: &Arguments,
    all: &[Bug],
    chosen: &[&Bug],
    figures: &Figures,
) -> Result<(), Error> {
    let wanted = chosen.iter().filter(|bug| !bug.state.changes().is_empty()).count();
    if arguments.json {
        let told = serde_json::json!({"interrupted": true, "of": wanted, "bugs": figures.bugs});
        writeln!(out, "{told}")?;
        return Ok(());
    }
    let (done, state) = (figures.bugs.len(), arguments.state.display());
    if done > 0 {
        write!(out, "{}", table::markdown(all, figures))?;
    }
    writeln!(out, "interrupted: {done} of {wanted} bugs; what is known is kept in {state}")?;
    Ok(())
}

/// The bugs that were asked for.
fn choose<'a>(all: &'a [Bug], arguments: &Arguments) -> Result<Vec<&'a Bug>, Error> {
    if let Some(id) = arguments.only.iter().find(|id| all.iter().all(|bug| bug.id != **id)) {
        return Err(Error::Usage(format!("--only {id}: there is no bugs/{id}.toml")));
    }
    let is_chosen = |bug: &&Bug| {
        let named = is_named(arguments, &bug.id);
        named && arguments.class.as_ref().is_none_or(|class| *class == bug.class)
    };
    Ok(all.iter().filter(is_chosen).collect())
}

/// Whether this one was asked for, or nobody was named.
fn is_named(arguments: &Arguments, id: &str) -> bool {
    arguments.only.is_empty() || arguments.only.iter().any(|named| named == id)
}

fn list(bugs: &[&Bug], json: bool, out: &mut impl Write) -> Result<(), Error> {
    for bug in bugs {
        let Bug { id, name, class, level, state, .. } = bug;
        let state = match state {
            State::Expressible(_) => "expressible".to_owned(),
            State::StandIn(..) => "stand-in".to_owned(),
            State::WaitsFor(part) => format!("waits for {part}"),
        };
        if json {
            let level = level.name();
            let line = serde_json::json!({
                "bug": id, "name": name, "class": class, "level": level, "state": state,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{id}  {:<8} {class:<20} {name}: {state}", level.name())?;
        }
    }
    Ok(())
}
