//! A data directory for a node under test.

use std::fs;
use std::path::{Path, PathBuf};

/// A data directory of one test's own, gone when the test is over.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{test}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the folder of tests takes more");
        Self(path)
    }

    pub(crate) fn option(&self) -> String {
        format!("-datadir={}", self.0.display())
    }

    /// Where a file in it is.
    pub(crate) fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.0.join(file)
    }

    pub(crate) fn lines(&self, file: &str) -> Vec<String> {
        let content = fs::read_to_string(self.path(file)).expect("a node made it");
        content.lines().map(str::to_owned).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
