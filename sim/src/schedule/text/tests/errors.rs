//! The messages, as a person reads them: a row per mistake.
