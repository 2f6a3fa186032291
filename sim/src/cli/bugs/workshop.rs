//! The copy of the sources in which a bug is put back, and what is built from it.
//!
//! Only files whose content differs are written, because cargo looks at times: so a bug costs the
//! crates that it touches. Whatever an interrupt leaves behind, the next use puts right.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sockman_sim::bugs::{Bug, FOLDER};

use super::children::Children;
use crate::cli::Error;

/// What is made by machines, and never copied.
const SKIPPED: [&str; 5] = ["target", ".git", "fuzz/artifacts", "fuzz/corpus", "fuzz/coverage"];

/// What campaigns depend on: the product, the simulator, and how they are built.
const SOURCES: [&str; 6] =
    ["src/", "sim/src/", "Cargo.toml", "Cargo.lock", "sim/Cargo.toml", ".cargo/"];

/// What is there of the simulator besides: no campaign comes there.
const ASIDE: [&str; 5] = [
    "sim/src/contract/",
    "sim/src/bugs/",
    "sim/src/cli/bugs/",
    "sim/src/cli/migrate.rs",
    "sim/src/cli/promote.rs",
];

/// What tests depend on, besides all that.
const TESTS: [&str; 4] = ["tests/", "sim/tests/", "node/", "examples/"];

/// The profile in Cargo.toml that is made for this.
const PROFILE: &str = "bugs";

/// Lines of the compiler's that an error shows.
const LINES_SHOWN: usize = 40;

/// A test binary, and the folder that it runs in.
pub(super) struct TestBinary {
    pub(super) path: PathBuf,
    pub(super) folder: PathBuf,
}

/// A copy of the sources with a build cache. One process has it at a time.
pub(super) struct Workshop {
    root: PathBuf,
    tree: PathBuf,
    target: PathBuf,
    sims: PathBuf,
    pub(super) results: PathBuf,
    /// Hashes of what campaigns depend on, and tests.
    pub(super) sources: String,
    pub(super) test_sources: String,
    children: Children,
    _lock: File,
}

impl Workshop {
    /// Opens the workshop in a folder, which is made if it is missing.
    pub(super) fn open(root: &Path, state: &Path, children: Children) -> Result<Self, Error> {
        fs::create_dir_all(state).map_err(Error::file(state))?;
        // Commands run in other folders.
        let state = state.canonicalize().map_err(Error::file(state))?;
        let root = root.canonicalize().map_err(Error::file(root))?;
        let (tree, results) = (state.join("tree"), state.join("results"));
        for folder in [&tree, &results] {
            fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        let lock_path = state.join("lock");
        let lock = File::create(&lock_path).map_err(Error::file(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                Error::Usage(format!("{}: another run is using it", state.display()))
            }
            TryLockError::Error(error) => Error::File(lock_path, error),
        })?;
        let files = files(&root)?;
        let starts = |path: &str, with: &[&str]| with.iter().any(|start| path.starts_with(start));
        let sources = hash_files(&files, |path| starts(path, &SOURCES) && !starts(path, &ASIDE));
        let test_sources =
            hash_files(&files, |path| starts(path, &SOURCES) || starts(path, &TESTS));
        let (target, sims) = (state.join("target"), state.join("sims"));
        Ok(Self { root, tree, target, sims, results, sources, test_sources, children, _lock: lock })
    }

    /// Where the sources are.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The copy, in which commands run.
    pub(super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Brings the copy to the sources' state, and one bug into it.
    pub(super) fn set_up(&self, bug: Option<&Bug>) -> Result<(), Error> {
        let changed = bug.map(|bug| bug.apply(&self.root)).transpose().map_err(Error::Bug)?;
        self.set_up_with(changed.unwrap_or_default())
    }

    /// Brings the copy to the sources' state, but for some files, which are as they are given.
    pub(super) fn set_up_with(&self, changed: Vec<(String, String)>) -> Result<(), Error> {
        let mut wanted = files(&self.root)?;
        wanted.extend(changed.into_iter().map(|(file, text)| (file, text.into_bytes())));
        for (path, content) in &wanted {
            let path = self.tree.join(path);
            if fs::read(&path).is_ok_and(|there| there == *content) {
                continue;
            }
            let folder = path.parent().unwrap_or(&self.tree);
            fs::create_dir_all(folder).map_err(Error::file(folder))?;
            fs::write(&path, content).map_err(Error::file(&path))?;
        }
        for path in files(&self.tree)?.keys().filter(|path| !wanted.contains_key(*path)) {
            let path = self.tree.join(path);
            fs::remove_file(&path).map_err(Error::file(&path))?;
        }
        Ok(())
    }

    /// Builds the `sim` command of the copy; where it is.
    pub(super) fn build_sim(&self) -> Result<PathBuf, Error> {
        let arguments = ["build", "--profile", PROFILE, "--package", "sockman-sim", "--bin", "sim"];
        self.cargo(&arguments)?;
        Ok(self.target.join(PROFILE).join("sim"))
    }

    /// The `sim` command with some files of its sources changed, built if it is not kept from
    /// before; `name` says which changes. Those of other sources are gone from now on.
    pub(super) fn kept_sim(
        &self,
        name: &str,
        changed: impl FnOnce() -> Result<Vec<(String, String)>, Error>,
    ) -> Result<PathBuf, Error> {
        let folder = self.sims.join(&self.sources);
        if !folder.is_dir() {
            // OK to fail: there are none yet.
            let _ = fs::remove_dir_all(&self.sims);
            fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        let kept = folder.join(name);
        if !kept.is_file() {
            self.set_up_with(changed()?)?;
            let built = self.build_sim()?;
            // Under another name until it is whole.
            let partial = folder.join(format!("{name}.tmp"));
            fs::copy(&built, &partial).map_err(Error::file(&partial))?;
            fs::rename(&partial, &kept).map_err(Error::file(&kept))?;
        }
        Ok(kept)
    }

    /// Builds the tests of the copy.
    pub(super) fn build_tests(&self) -> Result<Vec<TestBinary>, Error> {
        let arguments = ["test", "--no-run", "--message-format", "json-render-diagnostics"];
        let output = self.cargo(&arguments)?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let binary = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let path =
                message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?;
            let manifest = Path::new(message["manifest_path"].as_str()?);
            Some(TestBinary { path: path.into(), folder: manifest.parent()?.to_owned() })
        };
        Ok(lines.lines().filter_map(binary).collect())
    }

    /// Runs cargo on the copy.
    fn cargo(&self, arguments: &[&str]) -> Result<Output, Error> {
        // The one that runs us, if it does.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&cargo);
        command.args(arguments).arg("--locked").arg("--quiet");
        command.arg("--target-dir").arg(&self.target);
        let output = self.run(&mut command)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let from_error = said.lines().skip_while(|line| !line.starts_with("error"));
        let shown: Vec<_> = from_error.take(LINES_SHOWN).collect();
        Err(Error::Tool(format!(
            "cargo {} failed in {}:\n{}",
            arguments[0],
            self.tree.display(),
            shown.join("\n")
        )))
    }

    /// Runs a command in the copy, to its end.
    pub(super) fn run(&self, command: &mut Command) -> Result<Output, Error> {
        if command.get_current_dir().is_none() {
            command.current_dir(&self.tree);
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let output = self.children.output(command).map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                return Error::Tool(format!("{program} is needed, and is not here"));
            }
            Error::Tool(format!("{program}: {error}"))
        })?;
        output.ok_or(Error::Interrupted)
    }
}

/// A command that ends in time, with all that it started: what has a bug may never end.
pub(super) fn in_time(seconds: u32, program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(seconds.to_string()).arg(program);
    command
}

/// Whether a command of [`in_time`] had to be ended.
pub(super) fn ran_out(output: &Output) -> bool {
    // What timeout(1) says: the time was over, and then perhaps the kill was needed.
    matches!(output.status.code(), Some(124 | 137))
}

/// Every file of ours, by its path from the root.
fn files(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut found = BTreeMap::new();
    collect(root, "", &mut found).map_err(Error::file(root))?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Names of ours are text.
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let path = format!("{prefix}{name}");
        if SKIPPED.iter().any(|skipped| *skipped == name || *skipped == path) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() && entry.path().extension() != Some(OsStr::new("tmp")) {
            found.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The hash of those files whose path is such.
fn hash_files(files: &BTreeMap<String, Vec<u8>>, is_such: impl Fn(&str) -> bool) -> String {
    let parts = files.iter().filter(|(path, _)| is_such(path));
    hash(parts.flat_map(|(path, content)| [path.as_bytes(), content]))
}

/// The hash of some parts, each with its length.
pub(super) fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a bug's file, for its hash.
pub(super) fn text_of(root: &Path, bug: &Bug) -> Result<Vec<u8>, Error> {
    let path = root.join(FOLDER).join(format!("{}.toml", bug.id));
    fs::read(&path).map_err(Error::file(&path))
}
