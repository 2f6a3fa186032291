//! What a search has to know of a subject, as data: so that it need not be generic over it.

use std::collections::BTreeSet;

use super::expected::expected;
use super::observer::{Observer, Seen};
use super::transition::Transition;
use crate::generate::{Generated, Plan, generate_by, parts};
use crate::run::{Options, Report, Run, SetupError};
use crate::schedule::{Item, Schedule, Word};
use crate::schedulers::Draws;
use crate::subject::{Dialect as _, Subject};

/// How settings are drawn.
type DrawSettings = fn(u8, &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)>;

/// How is drawn what is said of a chain.
type ChainItems = fn(&mut Draws, &[(String, String)]) -> Vec<Item>;

/// How a schedule is run and seen.
type Observe = fn(&Schedule, &Options) -> Result<(Report, Seen), SetupError>;

/// What can be said to and about a subject.
#[derive(Clone, Debug)]
pub struct Language {
    /// What is expected of it.
    pub(super) expected: BTreeSet<Transition>,
    /// What its operator may say.
    pub(super) commands: Vec<Word>,
    /// What its peers say first.
    pub(super) handshake: &'static [&'static str],
    /// Everything that they have words for.
    pub(super) words: Vec<Word>,
    pub(super) item: fn(&mut Draws) -> Item,
    /// What they say of the chain that settings are about.
    pub(super) chain_items: ChainItems,
    pub(super) settings: DrawSettings,
    pub(super) generate: fn(&Plan, u64) -> Generated,
    pub(super) observe: Observe,
}

impl Language {
    /// A subject's.
    #[must_use]
    pub fn of<X: Subject>() -> Self {
        // One that stops is no command of generated schedules, since little comes after it.
        let mut commands: Vec<_> =
            X::commands().into_iter().chain([Word::plain("shutdown")]).collect();
        commands.retain(|word| X::command(word).is_ok());
        commands.push(Word::plain("inspect"));
        commands.sort();
        commands.dedup();
        Self {
            expected: expected::<X>(),
            commands,
            handshake: X::Dialect::handshake(),
            words: X::Dialect::words(),
            item: parts::item::<X>,
            chain_items: parts::chain_items::<X>,
            settings: X::draw_settings,
            generate: generate_by::<X>,
            observe: observe::<X>,
        }
    }

    /// What is expected of the subject.
    #[must_use]
    pub const fn expected(&self) -> &BTreeSet<Transition> {
        &self.expected
    }
}

/// Runs a schedule to its end, and sees it.
///
/// # Errors
///
/// The schedule does not make sense for this subject.
pub fn observe<X: Subject>(
    schedule: &Schedule,
    options: &Options,
) -> Result<(Report, Seen), SetupError> {
    let mut observer = Observer::<X>::default();
    let report = Run::<X>::new(schedule, options)?.finish_before(&mut observer);
    Ok((report, observer.into_seen()))
}
