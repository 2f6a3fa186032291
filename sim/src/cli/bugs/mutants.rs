//! `mutants`: mutants that nobody chose are put in one at a time, and it is seen who notices.
//!
//! Asked in turn, the quickest first: the corpus, a campaign of each subject that has a part in the
//! mutant's room, the tests. What does not build is no mutant.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use sockman_sim::bugs::drawn::{self, Drawn};
use sockman_sim::estimate::Estimate;

use super::STATE;
use super::children::Children;
use super::columns::{Campaign, run_tests};
use super::kills::{self, Case};
use super::results::Question;
use super::workshop::Workshop;
use crate::cli::interrupts::Interrupts;
use crate::cli::{Error, exit};

/// Of every mutant that is drawn in a room, the share in percent that must be noticed.
const ROOMS: [(&str, u32); 4] = [("sockman", 90), ("transport", 90), ("connman", 85), ("http", 85)];

/// Socket events of a campaign: some 20 s.
const EVENTS: u64 = 8_000_000;

/// The campaigns of rooms that have subjects of their own; the others have that of `sim run`.
const HTTP: [&[&str]; 2] = [&["--subject", "http"], &["--subject", "http-client"]];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A list as `cargo mutants --list --json` writes it, of these sources
    list: PathBuf,
    /// Draw so many of it; all without it
    #[arg(long, value_name = "N")]
    draw: Option<usize>,
    /// The seed of the draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Those alone whose name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Socket events of a campaign: 500k, 20M
    #[arg(long, default_value_t = EVENTS, value_parser = crate::cli::campaign::parse_count)]
    events: u64,
    /// JSON in place of the table
    #[arg(long)]
    json: bool,
    /// Where the copy, the build cache and the results are kept
    #[arg(long, default_value = STATE)]
    state: PathBuf,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    /// It does not build.
    Unbuilt,
    /// Who noticed it.
    Noticed(String),
    /// Nobody did.
    Missed,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbuilt => f.write_str("does not build"),
            Self::Noticed(by) => write!(f, "noticed by {by}"),
            Self::Missed => f.write_str("MISSED"),
        }
    }
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let list = &arguments.list;
    let text = std::fs::read_to_string(list).map_err(Error::file(list))?;
    let all = drawn::parse(&text).map_err(|error| {
        let wanted = "cargo mutants --list --json";
        Error::Usage(format!("{}: {error}; it is not what `{wanted}` writes", list.display()))
    })?;
    let count = arguments.draw.unwrap_or(all.len());
    let mut chosen = drawn::draw(all, count, arguments.seed);
    if let Some(part) = &arguments.only {
        chosen.retain(|mutant| mutant.name.contains(part));
    }
    if chosen.is_empty() {
        return Err(Error::Usage(format!("{}: no mutant is left to try", list.display())));
    }
    let root = Path::new(".");
    let cases = kills::load(Path::new(kills::FOLDER))?;
    let interrupts = Interrupts::catch()?;
    let workshop = Workshop::open(root, &arguments.state, Children::new(interrupts.clone())?)?;
    let trial = Trial { workshop: &workshop, cases: &cases, events: arguments.events };
    let mut fates = Vec::new();
    for (place, mutant) in chosen.iter().enumerate() {
        let fate = match trial.of(mutant) {
            Err(Error::Interrupted) => break,
            fate => fate?,
        };
        // Who cannot hear how far it has come misses nothing.
        let (place, all, name) = (place + 1, chosen.len(), &mutant.name);
        let _ = writeln!(std::io::stderr(), "{place}/{all} {name}: {fate}");
        fates.push((mutant, fate));
    }
    workshop.set_up(None)?;
    let shares = shares(&fates);
    if arguments.json {
        write_json(&fates, &shares, out)?;
    } else {
        write_table(&fates, &shares, out)?;
        if fates.len() < chosen.len() {
            writeln!(out, "interrupted: {} of {} mutants", fates.len(), chosen.len())?;
        }
    }
    let is_short = |(room, share): (&&str, &Estimate)| share.thousandths() < least(room) * 10;
    Ok(interrupts.status().unwrap_or(exit(shares.iter().any(is_short))))
}

/// The share in percent that must be noticed in a room.
fn least(room: &str) -> u32 {
    ROOMS.iter().find(|(name, _)| *name == room).map_or(0, |(_, least)| *least)
}

/// How mutants are tried.
struct Trial<'a> {
    workshop: &'a Workshop,
    cases: &'a [Case],
    events: u64,
}

impl Trial<'_> {
    /// What becomes of one, or became of it before.
    fn of(&self, mutant: &Drawn) -> Result<Fate, Error> {
        let parts = [mutant.name.as_bytes(), mutant.replacement.as_bytes()];
        let events = self.events.to_le_bytes();
        let parts: Vec<_> = parts.into_iter().chain([&events[..]]).collect();
        let parts: Vec<_> = parts.into_iter().chain(self.cases.iter().map(Case::key)).collect();
        let sources = &self.workshop.test_sources;
        let question = Question::new(self.workshop, sources, "mutant", &parts);
        if let Some(known) = question.known() {
            return Ok(known);
        }
        let fate = self.look(mutant)?;
        question.keep(&fate)?;
        Ok(fate)
    }

    fn look(&self, mutant: &Drawn) -> Result<Fate, Error> {
        let path = self.workshop.root().join(&mutant.file);
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        let changed = mutant.apply(&text).map_err(|error| Error::Usage(error.to_string()))?;
        self.workshop.set_up_with(vec![(mutant.file.clone(), changed)])?;
        let sim = match self.workshop.build_sim() {
            Err(Error::Tool(_)) => return Ok(Fate::Unbuilt),
            built => built?,
        };
        if let Some(case) = kills::first_that_notices(self.workshop, &sim, self.cases)? {
            return Ok(Fate::Noticed(format!("the case {case}")));
        }
        let campaigns: &[&[&str]] = if mutant.room() == "http" { &HTTP } else { &[&[]] };
        for arguments in campaigns {
            let campaign = Campaign { number: 1, events: self.events, arguments };
            let finding = campaign.run(self.workshop, &sim)?;
            if let Some(oracle) = finding.oracle.filter(|_| finding.found) {
                return Ok(Fate::Noticed(format!("a campaign: {oracle}")));
            }
        }
        let tests = match self.workshop.build_tests() {
            // Tests that do not build do not pass.
            Err(Error::Tool(_)) => return Ok(Fate::Noticed("tests that do not build".to_owned())),
            built => built?,
        };
        let finding = run_tests(self.workshop, &tests)?;
        Ok(match finding.oracle.filter(|_| finding.found) {
            Some(test) => Fate::Noticed(format!("the test {test}")),
            None => Fate::Missed,
        })
    }
}

/// By room, how many were noticed of those that build.
fn shares<'a>(fates: &[(&'a Drawn, Fate)]) -> BTreeMap<&'a str, Estimate> {
    let mut shares = BTreeMap::new();
    for (mutant, fate) in fates.iter().filter(|(_, fate)| *fate != Fate::Unbuilt) {
        let share = shares.entry(mutant.room()).or_insert(Estimate { hits: 0, trials: 0 });
        share.trials += 1;
        share.hits += u32::from(*fate != Fate::Missed);
    }
    shares
}

fn write_table(
    fates: &[(&Drawn, Fate)],
    shares: &BTreeMap<&str, Estimate>,
    out: &mut impl Write,
) -> Result<(), Error> {
    writeln!(out, "| room | noticed, and in brackets the 95 % interval | of which at least |")?;
    writeln!(out, "|---|---|---|")?;
    for (room, share) in shares {
        writeln!(out, "| {room} | {share} | {} % |", least(room))?;
    }
    let unbuilt = fates.iter().filter(|(_, fate)| *fate == Fate::Unbuilt).count();
    writeln!(out, "\n{unbuilt} of {} do not build. Nobody noticed:", fates.len())?;
    for (mutant, _) in fates.iter().filter(|(_, fate)| *fate == Fate::Missed) {
        writeln!(out, "{}", mutant.name)?;
    }
    Ok(())
}

fn write_json(
    fates: &[(&Drawn, Fate)],
    shares: &BTreeMap<&str, Estimate>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let share = |(room, share): (&&str, &Estimate)| {
        let (low, high) = share.interval();
        let value = serde_json::json!({
            "noticed": share.hits, "of": share.trials, "thousandths": [low, high],
            "least_percent": least(room),
        });
        ((*room).to_owned(), value)
    };
    let rooms: serde_json::Map<_, _> = shares.iter().map(share).collect();
    let fate =
        |(mutant, fate): &(&Drawn, Fate)| serde_json::json!({"mutant": mutant.name, "fate": fate});
    let mutants: Vec<_> = fates.iter().map(fate).collect();
    writeln!(out, "{}", serde_json::json!({"rooms": rooms, "mutants": mutants}))?;
    Ok(())
}
