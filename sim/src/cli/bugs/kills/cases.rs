//! The cases of the corpus, and what their heads say of themselves.

use std::fs;
use std::path::{Path, PathBuf};

use sockman_sim::schedule::Schedule;

use super::hash_of;
use crate::cli::{Error, files};

/// What begins the reason of a case that notices nothing.
const EXCUSE: &str = "Notices no mutant:";

/// Parts of docs/behaviour.md. A part's name before a number is a section.
const PARTS: [&str; 5] = ["TCP", "sockets", "connman", "transport", "handshake"];

/// One case.
pub(in crate::cli::bugs) struct Case {
    /// From the root of the repository.
    pub(super) path: PathBuf,
    /// Its path below the corpus, without its ending.
    pub(super) name: String,
    pub(super) hash: String,
    /// The sections of docs/behaviour.md that it cites.
    pub(super) sections: Vec<String>,
    /// Why it notices nothing, if it says so.
    pub(super) excuse: Option<String>,
}

impl Case {
    /// Its text, as a part of a hash.
    pub(in crate::cli::bugs) fn key(&self) -> &[u8] {
        self.hash.as_bytes()
    }
}

/// Every case below a folder, in the order of paths.
pub(in crate::cli::bugs) fn load(folder: &Path) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for path in files::find(folder)? {
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let schedule = Schedule::parse(&path.display().to_string(), &text)
            .map_err(|error| Error::Parse(Box::new(error)))?;
        let name = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let name = name.display().to_string();
        let title = schedule.title.join(" ");
        let hash = hash_of(text.as_bytes());
        cases.push(Case { path, name, hash, sections: sections(&title), excuse: excuse(&title) });
    }
    Ok(cases)
}

/// The sections that a title cites: `docs/behaviour.md, connman 6 and 12`.
fn sections(title: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut words = title.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(part) = PARTS.iter().find(|part| **part == word) else { continue };
        while let Some(number) = words.peek().and_then(|word| number(word)) {
            found.push(format!("{part} {number}"));
            words.next();
            if words.next_if_eq(&"and").is_none() {
                break;
            }
        }
    }
    found
}

/// `7.2` of `7.2,`.
fn number(word: &str) -> Option<&str> {
    let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (!number.is_empty() && is_number).then_some(number)
}

/// What a title says after [`EXCUSE`], up to its source.
fn excuse(title: &str) -> Option<String> {
    let (_, after) = title.split_once(EXCUSE)?;
    let reason = after.split(" Source:").next().unwrap_or_default().trim();
    (!reason.is_empty()).then(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_tells_sections_and_the_reason_of_who_notices_nothing() {
        let title = "It is so. Notices no mutant: it is about the simulator. Source: Core; \
                     docs/behaviour.md, connman 6 and 12; TCP 7.1, \"x\"; connman takes 2.";
        assert_eq!(sections(title), ["connman 6", "connman 12", "TCP 7.1"]);
        assert_eq!(excuse(title).unwrap(), "it is about the simulator.");
        assert_eq!(excuse("It is so. Notices no mutant: Source: Core"), None);
        assert_eq!(excuse("It is so."), None);
    }
}
