//! Parameters: by position, by name, and both; and what is read of them.
//!
//! Source: Core: rpc/server.cpp, `transformNamedArguments`; univalue, `getInt`.

use std::collections::BTreeMap;

use super::Param;
use crate::error::{Code, RpcError};
use crate::json::Json;

/// A name under which parameters by position may be given beside others by name.
const POSITIONAL: &str = "args";

/// Parameters in their places, of the types that the method has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Args(Vec<Json>);

impl Args {
    pub(super) const fn new(values: Vec<Json>) -> Self {
        Self(values)
    }

    /// All of them.
    pub(crate) fn values(&self) -> &[Json] {
        &self.0
    }

    /// The text at a place; `None`: it was left out.
    pub(crate) fn text(&self, place: usize) -> Option<&str> {
        if let Some(Json::String(text)) = self.0.get(place) { Some(text) } else { None }
    }

    /// The flag at a place; `None`: it was left out.
    pub(crate) fn flag(&self, place: usize) -> Option<bool> {
        if let Some(Json::Bool(flag)) = self.0.get(place) { Some(*flag) } else { None }
    }

    /// The integer at a place; `None`: it was left out.
    pub(crate) fn integer(&self, place: usize) -> Result<Option<i64>, RpcError> {
        let Some(Json::Number(digits)) = self.0.get(place) else { return Ok(None) };
        let out = |_| RpcError::new(Code::Misc, "JSON integer out of range");
        digits.parse().map(Some).map_err(out)
    }
}

/// Puts parameters in their places. What is left out before others is null.
pub(super) fn by_position(given: Json, params: &[Param]) -> Result<Vec<Json>, RpcError> {
    let members = match given {
        Json::Object(members) => members,
        Json::Array(values) => return Ok(values),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return Ok(Vec::new()),
    };
    let wrong = |message: String| RpcError::new(Code::InvalidParameter, message);
    let mut named = BTreeMap::new();
    for (name, value) in members {
        if named.contains_key(&name) {
            return Err(wrong(format!("Parameter {name} specified multiple times")));
        }
        named.insert(name, value);
    }
    let mut placed: Vec<_> = params.iter().map(|param| named.remove(param.name)).collect();
    let first = placed.iter().position(Option::is_some);
    let mut values = match named.get(POSITIONAL) {
        Some(Json::Array(_)) => match named.remove(POSITIONAL) {
            Some(Json::Array(values)) => values,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    if let Some(first) = first.filter(|first| *first < values.len()) {
        let name = params[first].name;
        return Err(wrong(format!(
            "Parameter {name} specified twice both as positional and named argument"
        )));
    }
    if let Some(name) = named.keys().next() {
        return Err(wrong(format!("Unknown named parameter {name}")));
    }
    let count = placed.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    placed.truncate(count);
    let behind = placed.into_iter().skip(values.len());
    values.extend(behind.map(Option::unwrap_or_default).collect::<Vec<_>>());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::{Need, ParamKind};
    use super::*;

    const fn param(name: &'static str) -> Param {
        Param { name, kind: ParamKind::Any, need: Need::Optional, words: "" }
    }

    const PARAMS: [Param; 3] = [param("a"), param("b"), param("c")];

    #[track_caller]
    fn check(given: &str, expected: &str) {
        let placed = by_position(Json::parse(given.as_bytes()).unwrap(), &PARAMS);
        let shown = match placed {
            Ok(values) => Json::Array(values).to_string(),
            Err(error) => error.message,
        };
        assert_eq!(shown, expected, "{given}");
    }

    #[test]
    fn parameters_find_their_places() {
        check("[]", "[]");
        check("[1,null,2,3,4]", "[1,null,2,3,4]");
        check("{}", "[]");
        check(r#"{"a":1}"#, "[1]");
        check(r#"{"c":3}"#, "[null,null,3]");
        check(r#"{"c":null}"#, "[null,null,null]");
        check(r#"{"c":3,"a":1}"#, "[1,null,3]");
        check(r#"{"args":[1]}"#, "[1]");
        check(r#"{"args":[1],"c":3}"#, "[1,null,3]");
        check(r#"{"args":[1,2,3,4]}"#, "[1,2,3,4]");
    }

    #[test]
    fn parameters_without_a_place_are_refused() {
        let twice = "Parameter b specified twice both as positional and named argument";
        check(r#"{"args":[1,2],"b":3}"#, twice);
        check(r#"{"b":3,"args":[1,2,3]}"#, twice);
        check(r#"{"a":1,"a":1}"#, "Parameter a specified multiple times");
        check(r#"{"z":1}"#, "Unknown named parameter z");
        check(r#"{"args":1}"#, "Unknown named parameter args");
    }
}
