//! What was found, kept in files: one for each question, named by a hash of all that the answer
//! depends on, its key.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::workshop::{Workshop, hash};
use crate::cli::{Error, files};

/// A question: where its answer is kept, and its key.
pub(super) struct Question {
    path: PathBuf,
    pub(super) key: String,
}

impl Question {
    /// The question `name`, whose answer depends on sources with a hash, and on `parts`.
    pub(super) fn new(workshop: &Workshop, sources: &str, name: &str, parts: &[&[u8]]) -> Self {
        let sources = sources.as_bytes();
        Self::keyed(workshop, name, hash([sources].into_iter().chain(parts.iter().copied())))
    }

    /// The question `name` with a key that is known.
    pub(super) fn keyed(workshop: &Workshop, name: &str, key: String) -> Self {
        Self { path: workshop.results.join(format!("{name}-{key}.json")), key }
    }

    /// The answer, if it is known.
    pub(super) fn known<T: DeserializeOwned>(&self) -> Option<T> {
        // One that cannot be read is asked for again.
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Keeps the answer.
    pub(super) fn keep<T: Serialize>(&self, answer: &T) -> Result<(), Error> {
        let text = serde_json::to_vec(answer).map_err(|error| Error::Tool(error.to_string()))?;
        files::write_whole(&self.path, &text)
    }
}
