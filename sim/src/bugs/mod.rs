//! Real bugs, each as a small change that puts it back: the ground truth by which we measure what
//! is found. bugs/README.md has the format of a file.
//!
//! This knows files and texts. It builds nothing and runs nothing: that is the `sim` command's.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub mod drawn;
pub mod edit;
pub mod mutants;

use edit::EditError;

/// The folder, from the root of the repository.
pub const FOLDER: &str = "bugs";

/// The classes, in the order in which a table lists them.
pub const CLASSES: [&str; 20] = [
    "fd-lifetime",
    "partial-io",
    "backpressure",
    "starvation/fairness",
    "wakeup-latency",
    "timeouts",
    "handshake-state",
    "framing/parsing",
    "resource-exhaustion",
    "eviction",
    "addrman",
    "ban/discourage",
    "accounting",
    "self-connection",
    "transport-v2",
    "proxy/i2p",
    "http",
    "shutdown",
    "determinism/race",
    "integer-overflow",
];

/// How hard a bug is to reach from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One peer, one event after the other.
    Shallow,
    /// It takes a certain segmentation, a full buffer, a timer, or some volume.
    Medium,
    /// It takes an exact interleaving, or shows as a slow drift.
    Deep,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Shallow, Self::Medium, Self::Deep];

    /// As files have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shallow => "shallow",
            Self::Medium => "medium",
            Self::Deep => "deep",
        }
    }
}

/// One bug.
#[derive(Clone, Debug)]
pub struct Bug {
    /// `B008`: what its files are called.
    pub id: String,
    /// In a few words with hyphens.
    pub name: String,
    /// One of [`CLASSES`].
    pub class: String,
    /// How hard it is to reach.
    pub level: Level,
    /// Where it was: repository, commit or issue, date.
    pub source: String,
    /// What the code did.
    pub wrong: String,
    /// What it does without the bug.
    pub right: String,
    /// What can be done about it here.
    pub state: State,
    /// Why no schedule can witness it, if none can: what the language lacks.
    pub no_witness: Option<String>,
}

/// What can be done about a bug here.
#[derive(Clone, Debug)]
pub enum State {
    /// It can be put back.
    Expressible(Vec<Change>),
    /// Its nearest relative can; the text says why, and what that does.
    StandIn(String, Vec<Change>),
    /// It waits for a part that is not there yet.
    WaitsFor(String),
}

impl State {
    /// The changes that put it back; none while it waits.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Expressible(changes) | Self::StandIn(_, changes) => changes,
            Self::WaitsFor(_) => &[],
        }
    }
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// From the root of the repository, with slashes.
    pub file: String,
    /// The item that it is in, by the start of its text, as `fn advance`; one inside another as
    /// `impl Inbox > fn push`.
    pub inside: String,
    /// What stands there, exactly once.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    class: String,
    level: Level,
    source: String,
    wrong: String,
    right: String,
    stand_in: Option<String>,
    waits_for: Option<String>,
    no_witness: Option<String>,
    #[serde(default)]
    change: Vec<Change>,
}

/// What is wrong with a bug's file.
#[derive(Debug)]
pub enum BugError {
    /// It cannot be read.
    Read(PathBuf, io::Error),
    /// It is not what a bug's file is: which field, and how.
    Format(PathBuf, String),
    /// A change does not apply: which, from 1, and why.
    Apply(PathBuf, usize, EditError),
}

impl fmt::Display for BugError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Format(path, problem) => write!(f, "{}: {problem}", path.display()),
            Self::Apply(path, number, error) => {
                write!(f, "{}: change {number} no longer applies: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for BugError {}

/// Every bug of a folder, by id.
///
/// # Errors
///
/// The first file that cannot be read or is not what it should be.
pub fn load_all(folder: &Path) -> Result<Vec<Bug>, BugError> {
    let paths = files_of(folder)?;
    let bugs = paths.iter().map(|path| load(path)).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    for (path, bug) in paths.iter().zip(&bugs) {
        if !names.insert(bug.name.as_str()) {
            return Err(BugError::Format(path.clone(), format!("name {}: taken", bug.name)));
        }
    }
    Ok(bugs)
}

/// The files of a folder that say what to change, in the order of their names.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, BugError> {
    let read = |error| BugError::Read(folder.to_owned(), error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// One bug.
///
/// # Errors
///
/// As [`load_all`].
pub fn load(path: &Path) -> Result<Bug, BugError> {
    let text = fs::read_to_string(path).map_err(|error| BugError::Read(path.to_owned(), error))?;
    let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    parse(id, &text).map_err(|problem| BugError::Format(path.to_owned(), problem))
}

/// A bug as its file has it.
///
/// # Errors
///
/// Which field is wrong, and how.
pub fn parse(id: &str, text: &str) -> Result<Bug, String> {
    let is_id = id.len() == 4
        && id.strip_prefix('B').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    if !is_id {
        return Err("a bug's file is called as B008".to_owned());
    }
    // The error names the line, the field and what was expected.
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    let Written { name, class, level, source, wrong, right, .. } = written;
    let Written { stand_in, waits_for, no_witness, change, .. } = written;
    let required = [("name", &name), ("source", &source), ("wrong", &wrong), ("right", &right)];
    for (field, value) in required {
        if value.trim().is_empty() {
            return Err(format!("field {field}: nothing is said"));
        }
    }
    if !CLASSES.contains(&class.as_str()) {
        return Err(format!("field class: {class:?} is none of {}", CLASSES.join(", ")));
    }
    check_changes(&change, "src/", "where the product is")?;
    let state = match (stand_in, waits_for, change.is_empty()) {
        (None, None, false) => State::Expressible(change),
        (Some(why), None, false) => State::StandIn(why, change),
        (None, Some(part), true) => State::WaitsFor(part),
        (None, Some(_), false) => return Err("field change: what waits has none".to_owned()),
        (Some(_), Some(_), _) => {
            return Err("field waits_for: a stand-in does not wait".to_owned());
        }
        (_, None, true) => return Err("field change: there is none, and no waits_for".to_owned()),
    };
    if no_witness.is_some() && state.changes().is_empty() {
        return Err("field no_witness: what waits needs none".to_owned());
    }
    Ok(Bug { id: id.to_owned(), name, class, level, source, wrong, right, state, no_witness })
}

/// Each change changes something, in a file under `folder`, `which` says what that is.
fn check_changes(changes: &[Change], folder: &str, which: &str) -> Result<(), String> {
    for (number, change) in changes.iter().enumerate() {
        let number = number + 1;
        if change.find.is_empty() || change.find == change.replace {
            return Err(format!("change {number}, field find: it changes nothing"));
        }
        if !change.file.starts_with(folder) {
            let file = &change.file;
            return Err(format!(
                "change {number}, field file: {file:?} is not under {folder}, {which}"
            ));
        }
    }
    Ok(())
}

impl Bug {
    /// The witness's file: a schedule that fails with the bug, and passes without.
    #[must_use]
    pub fn witness(&self) -> PathBuf {
        Path::new(FOLDER).join(format!("{}.case", self.id))
    }

    /// The files that the bug changes, as they are with it.
    ///
    /// # Errors
    ///
    /// One cannot be read, or a change does not apply to it.
    pub fn apply(&self, root: &Path) -> Result<Vec<(String, String)>, BugError> {
        let own = Path::new(FOLDER).join(format!("{}.toml", self.id));
        apply_all(self.state.changes(), root, &own)
    }
}

/// The files that some changes touch, as they are with them; `own` is where the changes are from.
fn apply_all(
    changes: &[Change],
    root: &Path,
    own: &Path,
) -> Result<Vec<(String, String)>, BugError> {
    let mut changed: Vec<(String, String)> = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let place = changed.iter().position(|(file, _)| *file == change.file);
        let place = match place {
            Some(place) => place,
            None => {
                let path = root.join(&change.file);
                let text = fs::read_to_string(&path)
                    .map_err(|error| BugError::Read(path.clone(), error))?;
                changed.push((change.file.clone(), text));
                changed.len() - 1
            }
        };
        let text = &mut changed[place].1;
        *text = edit::replace(text, change)
            .map_err(|error| BugError::Apply(own.to_owned(), number + 1, error))?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;
