//! The syntax of the command line: `-name`, `-name=value`, `-noname`, `-noname=value`, each also
//! with two dashes. What the values mean is not known here.
//!
//! Source: Core: common/args.cpp, `ArgsManager::ParseParameters`.

use std::collections::BTreeMap;

use super::OptionsError;
use super::table::{self, Form, VALUE_NEEDED};

/// What one argument says of its option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This; empty if there was no value.
    Given(String),
    /// `-noname`: off, and whatever came before is forgotten.
    Negated,
}

impl Value {
    /// As text: what is negated reads as zero.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Given(value) => value,
            Self::Negated => "0",
        }
    }
}

/// The arguments by option, those of one option in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Args {
    values: BTreeMap<&'static str, (Form, Vec<Value>)>,
    /// Options that were negated with a zero, in order.
    pub(super) double_negatives: Vec<&'static str>,
}

impl Args {
    /// Takes arguments apart.
    pub(super) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, OptionsError> {
        let mut parsed = Self::default();
        for arg in args {
            parsed.add(&arg)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, arg: &str) -> Result<(), OptionsError> {
        let Some(after) = arg.strip_prefix('-') else {
            return Err(OptionsError::UnexpectedToken(arg.to_owned()));
        };
        let after = after.strip_prefix('-').unwrap_or(after);
        let (key, value) = match after.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (after, None),
        };
        // A few names begin with "no" by themselves.
        let (name, form, negated) = if let Some((name, form)) = table::find(key) {
            (name, form, false)
        } else {
            let found = key.strip_prefix("no").and_then(table::find);
            let (name, form) = found.ok_or_else(|| OptionsError::Unknown(arg.to_owned()))?;
            (name, form, true)
        };
        if value.is_none() && !negated && VALUE_NEEDED.contains(&name) {
            return Err(OptionsError::ValueNeeded(name));
        }
        let value = match (negated, value) {
            (false, value) => Value::Given(value.unwrap_or_default().to_owned()),
            (true, Some(value)) if !super::is_on(name, value)? => {
                self.double_negatives.push(name);
                Value::Given("1".to_owned())
            }
            (true, _) => Value::Negated,
        };
        let (_, values) = self.values.entry(name).or_insert((form, Vec::new()));
        values.push(value);
        Ok(())
    }

    /// The last value of an option.
    pub(super) fn last(&self, name: &str) -> Option<&Value> {
        self.values.get(name)?.1.last()
    }

    /// Every value of an option since it was last negated.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        let Some((_, values)) = self.values.get(name) else { return &[] };
        let from = values.iter().rposition(|value| *value == Value::Negated);
        &values[from.map_or(0, |place| place + 1)..]
    }

    /// Every option that was given, by name, with its values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Form, &[Value])> {
        self.values.iter().map(|(name, (form, values))| (*name, *form, values.as_slice()))
    }
}
