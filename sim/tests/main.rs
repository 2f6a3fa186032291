//! Behaviour that needs a backend: one binary, a module for each subject.

mod contract;
