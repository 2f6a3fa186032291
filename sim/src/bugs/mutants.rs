//! Mutants: rules turned round, one at a time, to see which cases of the corpus rest on them.
//!
//! A bug is something that happened, with a story and a witness. A mutant has neither: it names a
//! rule, says what holds in its place, and makes the smallest change by which that holds.
//! corpus/mutants/ has them, a file for each part of docs/behaviour.md and one for the simulator.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{BugError, Change, apply_all, check_changes};

/// The folder, from the root of the repository.
pub const FOLDER: &str = "corpus/mutants";

/// What a mutant names in place of a rule if it is the simulator that it changes.
pub const SIMULATOR: &str = "simulator";

/// A rule turned round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// In a few words with hyphens.
    pub name: String,
    /// The section of docs/behaviour.md that has the rule, as `connman 9`; or [`SIMULATOR`].
    pub rule: String,
    /// What holds in place of the rule.
    pub inverts: String,
    /// The changes by which it does, one at least.
    pub changes: Vec<Change>,
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    mutant: Vec<WrittenMutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMutant {
    name: String,
    rule: String,
    inverts: String,
    change: Vec<Change>,
}

/// Every mutant of a folder, in the order of the files' names and of the text.
///
/// # Errors
///
/// The first file that cannot be read or is not what it should be, or a name that is there twice.
pub fn load_all(folder: &Path) -> Result<Vec<Mutant>, BugError> {
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut names = BTreeSet::new();
    for path in super::files_of(folder)? {
        let text =
            fs::read_to_string(&path).map_err(|error| BugError::Read(path.clone(), error))?;
        let found = parse(&text).map_err(|problem| BugError::Format(path.clone(), problem))?;
        for mutant in found {
            if !names.insert(mutant.name.clone()) {
                let problem = format!("mutant {}: the name is taken", mutant.name);
                return Err(BugError::Format(path, problem));
            }
            mutants.push(mutant);
        }
    }
    Ok(mutants)
}

fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    // The error names the line, the field and what was expected.
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    written.mutant.into_iter().map(check).collect()
}

fn check(written: WrittenMutant) -> Result<Mutant, String> {
    let WrittenMutant { name, rule, inverts, change: changes } = written;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(letter) {
        return Err(format!("mutant {name:?}, field name: a-z, 0-9 and hyphens make a name"));
    }
    let wrong = |problem: String| format!("mutant {name}, {problem}");
    for (field, value) in [("rule", &rule), ("inverts", &inverts)] {
        if value.trim().is_empty() {
            return Err(wrong(format!("field {field}: nothing is said")));
        }
    }
    if changes.is_empty() {
        return Err(wrong("field change: there is none".to_owned()));
    }
    let (folder, which) = if rule == SIMULATOR {
        ("sim/src/", "where the simulator is")
    } else {
        ("src/", "where the product is")
    };
    check_changes(&changes, folder, which).map_err(wrong)?;
    Ok(Mutant { name, rule, inverts, changes })
}

impl Mutant {
    /// The files that it changes, as they are with it.
    ///
    /// # Errors
    ///
    /// One cannot be read, or a change does not apply to it.
    pub fn apply(&self, root: &Path) -> Result<Vec<(String, String)>, BugError> {
        apply_all(&self.changes, root, &Path::new(FOLDER).join(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTANT: &str = "\
[[mutant]]
name = \"any-magic-is-taken\"
rule = \"transport 2\"
inverts = \"A header of another network is read on.\"

[[mutant.change]]
file = \"src/transport/v1.rs\"
inside = \"fn parse\"
find = \"a\"
replace = \"b\"
";

    #[track_caller]
    fn check_refused(text: &str, said: &str) {
        let problem = parse(text).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }

    #[test]
    fn one_file_has_many() {
        let two = format!("{MUTANT}\n{}", MUTANT.replace("any-magic", "no-magic"));
        let names: Vec<_> = parse(&two).unwrap().into_iter().map(|mutant| mutant.name).collect();
        assert_eq!(names, ["any-magic-is-taken", "no-magic-is-taken"]);
    }

    #[test]
    fn field_that_is_wrong_is_named() {
        check_refused(&MUTANT.replace("any-magic", "Any magic"), "field name");
        check_refused(&MUTANT.replace("transport 2", " "), "field rule");
        check_refused(&MUTANT.replace("transport 2", SIMULATOR), "field file");
        check_refused(&MUTANT.replace("\"src/", "\"sim/src/"), "field file");
        check_refused(&MUTANT.replace("\"b\"", "\"a\""), "field find");
        check_refused(&format!("{MUTANT}why = 1\n"), "why");
        check_refused(
            "[[mutant]]\nname = \"a\"\nrule = \"b\"\ninverts = \"c\"\nchange = []\n",
            "is none",
        );
        check_refused("colour = 1\n", "colour");
    }

    #[test]
    fn simulator_is_changed_under_its_own_name() {
        let text = MUTANT.replace("transport 2", SIMULATOR).replace("\"src/", "\"sim/src/");
        assert_eq!(parse(&text).unwrap()[0].rule, SIMULATOR);
    }
}
