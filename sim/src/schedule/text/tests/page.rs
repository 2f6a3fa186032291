//! The page in corpus/README.md says nothing that is not so.
