//! JSON as clients write it and as we write it: numbers as text, names in their order, also twice.
//!
//! `serde_json` takes texts apart; its own value would lose the order of names, and which of them
//! stand there twice. Source: RFC 8259; Core: `UniValue`, for what is escaped and what types are
//! called.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its digits are written.
    Number(String),
    /// A text.
    String(String),
    /// Values in order.
    Array(Vec<Json>),
    /// Values with names, in order; a name may be there twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text. It nests at most 128 deep, which is `serde_json`'s bound; the reference has
    /// 512.
    ///
    /// # Errors
    ///
    /// It is no JSON, or more than one value.
    pub fn parse(text: &[u8]) -> Result<Self, NotJson> {
        serde_json::from_slice(text).map_err(|error| NotJson(error.to_string()))
    }

    /// An object with these names.
    #[must_use]
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// A number with so many digits behind the point: `fixed(15, 1)` is 1.5.
    #[must_use]
    pub fn fixed(scaled: u64, digits: u32) -> Self {
        let unit = 10_u64.pow(digits);
        let width = usize::try_from(digits).expect("a handful of digits");
        Self::Number(format!("{}.{:0width$}", scaled / unit, scaled % unit))
    }

    /// The first value of a name; `None` also of what is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find_map(|(of, value)| (of == name).then_some(value))
    }

    /// What sort of value it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }
}

/// The sorts of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A text.
    String,
    /// Values in order.
    Array,
    /// Values with names.
    Object,
}

impl fmt::Display for Kind {
    /// Core: `uvTypeName`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        })
    }
}

/// Why a text is no JSON, in the words of whoever read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJson(String);

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotJson {}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Vec<Json>> for Json {
    fn from(values: Vec<Json>) -> Self {
        Self::Array(values)
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl From<$type> for Json {
            fn from(number: $type) -> Self {
                Self::Number(number.to_string())
            }
        })*
    };
}

numbers!(i32, u32, i64, u64, usize, u16);

impl fmt::Display for Json {
    /// In one line, without a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(digits) => f.write_str(digits),
            Self::String(text) => quote(f, text),
            Self::Array(values) => {
                f.write_str("[")?;
                for (place, value) in values.iter().enumerate() {
                    f.write_str(if place > 0 { "," } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    f.write_str(if place > 0 { "," } else { "" })?;
                    quote(f, name)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A text in quotes. RFC 8259 section 7.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    let mut rest = text;
    while let Some(place) = rest.find(|c: char| c < ' ' || matches!(c, '"' | '\\' | '\x7f')) {
        f.write_str(&rest[..place])?;
        let escaped = rest.as_bytes()[place];
        match escaped {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            0x08 => f.write_str("\\b")?,
            0x0c => f.write_str("\\f")?,
            _ => write!(f, "\\u{escaped:04x}")?,
        }
        // OK because what is escaped is one byte long.
        rest = &rest[place + 1..];
    }
    f.write_str(rest)?;
    f.write_str("\"")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

/// Makes a value of what is read.
struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    /// Whatever is not an integer of 64 bits; in the digits that lead to the same number again.
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        let number = serde_json::Number::from_f64(number);
        Ok(number.map_or(Json::Null, |number| Json::Number(number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element()? {
            array.push(value);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in [
            "null",
            "true",
            "-12",
            "18446744073709551615",
            "1.5",
            "184.6744073709551",
            "\"\"",
            r#""a\"\\\n\r\t\b\f\u0001\u007fä""#,
            "[]",
            "[1,[2,\"3\"],null]",
            "{}",
            r#"{"b":1,"a":{"b":[]},"b":2}"#,
        ] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert_eq!(Json::parse(b" [ 1e2 , \"\\u00e4\" ] ").unwrap().to_string(), "[100.0,\"ä\"]");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", " ", "nul", "[1,]", "{\"a\"}", "{a:1}", "1 2", "\"\n\"", "\"\\ud800\""] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(deep(100).as_bytes()).is_ok());
        assert!(Json::parse(deep(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn numbers_have_their_digits() {
        assert_eq!(Json::fixed(150_000_001, 8).to_string(), "1.50000001");
        assert_eq!(Json::fixed(1_000, 6).to_string(), "0.001000");
        assert_eq!(Json::from(-1_i64).to_string(), "-1");
    }
}
