//! The files of the repository, and what only all of them together show.

use std::fs;
use std::path::Path;

use super::code::{code_only, names};
use super::{FILE_BYTES_MAX, is_rust};

/// What is made by machines, and never committed.
const SKIPPED: [&str; 5] = ["target", ".git", "fuzz/artifacts", "fuzz/corpus", "fuzz/coverage"];

/// A file of ours.
#[derive(Debug)]
pub(super) struct File {
    /// From the root, with slashes.
    pub(super) path: String,
    bytes: Vec<u8>,
}

impl File {
    /// Its text; empty if it is none, which [`blobs`] tells of.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// Every file below a folder, in the order of their paths.
pub(super) fn files(root: &Path) -> Vec<File> {
    let mut found = Vec::new();
    collect(root, "", &mut found);
    found.sort_by(|a: &File, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("our own folder can be read") {
        let entry = entry.expect("our own folder can be read").path();
        let name = entry.file_name().and_then(|name| name.to_str()).expect("our names are text");
        let path = format!("{prefix}{name}");
        let skipped = SKIPPED.iter().any(|skipped| *skipped == name || *skipped == path);
        if skipped || entry.is_symlink() {
            continue;
        }
        if entry.is_dir() {
            collect(&entry, &format!("{path}/"), found);
        } else {
            let bytes = fs::read(&entry).expect("our own file can be read");
            found.push(File { path, bytes });
        }
    }
}

/// Files that are not text, or too large.
pub(super) fn blobs(files: &[File]) -> Vec<String> {
    let blob = |file: &File| {
        if file.bytes.len() > FILE_BYTES_MAX {
            return Some(format!("{}: {} bytes", file.path, file.bytes.len()));
        }
        let error = std::str::from_utf8(&file.bytes).err()?;
        Some(format!("{}: byte {} is not text", file.path, error.valid_up_to()))
    };
    files.iter().filter_map(blob).collect()
}

/// Source files that no `mod` names, which nobody compiles.
pub(super) fn unnamed_modules(files: &[File]) -> Vec<String> {
    let unnamed = |file: &&File| {
        let Some((parents, module)) = parents(&file.path) else { return false };
        let is_parent = |other: &&File| parents.contains(&other.path);
        let named = |parent: &File| {
            let code = code_only(parent.text());
            names(&code, "mod").any(|after| {
                let after = after.trim_start().strip_prefix(module);
                after.is_some_and(|rest| rest.starts_with(';'))
            })
        };
        let mut parents = files.iter().filter(is_parent).peekable();
        // Without a parent it is a target of its own.
        let is_root = parents.peek().is_none() && !in_source(&file.path);
        !is_root && !parents.any(named)
    };
    let sources = files.iter().filter(|file| is_rust(&file.path));
    sources.filter(unnamed).map(|file| format!("{}: no `mod` names it", file.path)).collect()
}

fn in_source(path: &str) -> bool {
    path.starts_with("src/") || path.contains("/src/")
}

/// The files that may name a module, and how they call it; `None` for the root of a target.
fn parents(path: &str) -> Option<(Vec<String>, &str)> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let (folder, module) = path.rsplit_once('/')?;
    if module == "main" || (module == "lib" && (folder == "src" || folder.ends_with("/src"))) {
        return None;
    }
    let parent = |name: &str| format!("{folder}/{name}.rs");
    Some((vec![parent("mod"), parent("lib"), parent("main"), format!("{folder}.rs")], module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), bytes: text.into() }
    }

    #[test]
    fn blob_is_rejected() {
        let large = "a".repeat(FILE_BYTES_MAX + 1);
        let files = [file("a.md", "ä"), file("b.md", &large)];
        assert_eq!(blobs(&files), [format!("b.md: {} bytes", large.len())]);
        let binary = File { path: "c.bin".to_owned(), bytes: vec![b'a', 0xff] };
        assert_eq!(blobs(&[binary]), ["c.bin: byte 1 is not text"]);
    }

    #[test]
    fn source_that_no_mod_names_is_rejected() {
        let files = [
            file("src/lib.rs", "mod a;\npub mod b;\n// mod c;\n"),
            file("src/a.rs", "mod inner;"),
            file("src/a/inner.rs", ""),
            file("src/a/other.rs", ""),
            file("src/b/mod.rs", ""),
            file("src/c.rs", ""),
            file("sim/tests/main.rs", "mod net;"),
            file("sim/tests/net.rs", ""),
            file("sim/tests/lost.rs", ""),
            file("examples/alone.rs", ""),
        ];
        let lost = ["src/a/other.rs", "src/c.rs", "sim/tests/lost.rs"];
        assert_eq!(unnamed_modules(&files), lost.map(|path| format!("{path}: no `mod` names it")));
    }
}
