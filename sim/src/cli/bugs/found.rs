//! What was found as cases: for each bug the smallest schedule that finds it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sockman_sim::bugs::Bug;
use sockman_sim::run::Options;
use sockman_sim::schedule::Schedule;
use sockman_sim::subjects::run_named;

use super::columns::Finding;
use super::figures::Figures;
use crate::cli::prose::wrapped;
use crate::cli::{Error, files};

/// Where they are kept.
pub(super) const FOLDER: &str = "corpus/found";

/// Writes a case for each bug that was found, over the one of an earlier time. A bug that was not
/// found keeps what it has.
pub(super) fn write(folder: &Path, bugs: &[Bug], figures: &Figures) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    for bug in bugs {
        let looks = figures.bugs.get(&bug.id);
        let findings = looks.into_iter().flat_map(|looks| looks.values().flatten());
        let shrunk = findings.filter(|finding| finding.shrunk.is_some());
        let Some(smallest) = shrunk.min_by_key(|finding| finding.operations) else { continue };
        let path = folder.join(format!("{}.case", bug.name.replace('-', "_")));
        let text = case(bug, smallest)?;
        match fs::read_to_string(&path) {
            Ok(known) if operations_of(&known) <= operations_of(&text) => {}
            Ok(_) => files::write_whole(&path, text.as_bytes())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                files::write_whole(&path, text.as_bytes())?;
            }
            Err(error) => return Err(Error::file(&path)(error)),
        }
    }
    Ok(())
}

/// The schedule of a finding as a case: what it finds, and what is right instead.
fn case(bug: &Bug, finding: &Finding) -> Result<String, Error> {
    let text = finding.shrunk.as_deref().unwrap_or_default();
    let mut schedule = Schedule::parse(&bug.id, text)
        .map_err(|error| Error::Tool(format!("what was found of {}: {error}", bug.id)))?;
    for line in &mut schedule.script {
        // Where it fails is true with the bug alone.
        line.comment.clear();
    }
    let here = run_named(&schedule, &Options::default());
    if !here.is_ok_and(|report| report.verdict.is_passed()) {
        let problem = format!("what was found of {} fails without it too:\n{schedule}", bug.id);
        return Err(Error::Tool(problem));
    }
    let oracle = finding.oracle.as_deref().unwrap_or_default();
    schedule.title = vec![format!("What finds {}.", bug.name)];
    schedule.title.extend(wrapped(&bug.right));
    schedule.title.push(format!("Judged by: {oracle}."));
    schedule.title.push(format!("Source: bugs/{}.toml; a campaign.", bug.id));
    Ok(schedule.to_string())
}

/// Operations of a case in text; very many if it cannot be read, so that it is replaced.
fn operations_of(text: &str) -> usize {
    Schedule::parse("", text).map_or(usize::MAX, |schedule| schedule.script.len())
}
