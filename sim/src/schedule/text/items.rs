//! What actors send and receive: messages with settings and repeats, parts, literals, junk.

use super::super::limits::{RESERVED_WORDS, is_name};
use super::super::{ITEMS_MAX, Item, LITERAL_BYTES_MAX, SETTINGS_MAX, VALUE_BYTES_MAX, Word};
use super::cursor::{Cursor, Parsed, is_digits};
use super::error::{Expected, Mistake};

const MESSAGE: &str = "a message (as in ping)";
const SETTING: Expected = Expected::Sort("a setting (as in nonce=7)");
const REPEAT: Expected = Expected::Sort("a repeat (as in x200)");
const COMMA: Expected = Expected::Words(",");

/// `version, verack, ping x200` up to the end of the line.
pub(super) fn list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Item>> {
    let mut items = vec![item(cursor)?];
    while cursor.eat_comma() {
        if items.len() >= ITEMS_MAX {
            return Err(cursor.too_many("things in one line", ITEMS_MAX));
        }
        items.push(item(cursor)?);
    }
    let others: &[Expected] = match items.last() {
        Some(Item::Word { .. }) => &[COMMA, SETTING, REPEAT],
        Some(Item::Part { .. }) => &[COMMA, SETTING],
        Some(Item::Rest | Item::Bytes(_) | Item::Junk(_)) | None => &[COMMA],
    };
    cursor.end_or(others)?;
    Ok(items)
}

/// `pong x200, verack, in order` up to what cannot be a word: the words, and whether a comma stands
/// behind them.
pub(super) fn expected_words(cursor: &mut Cursor<'_>) -> Parsed<Vec<(Word, u32)>> {
    let mut words = Vec::new();
    loop {
        if words.len() >= ITEMS_MAX {
            return Err(cursor.too_many("things in one line", ITEMS_MAX));
        }
        let word = word(cursor)?;
        words.push((word, cursor.repeat()?));
        let goes_on = cursor.eat_comma();
        if !goes_on || matches!(cursor.peek_word(), Some("in" | "within")) {
            return Ok(words);
        }
    }
}

/// `version protocol=31799`. The name and each setting are marked.
pub(super) fn word(cursor: &mut Cursor<'_>) -> Parsed<Word> {
    if let Some(name) = cursor.peek_word().filter(|name| RESERVED_WORDS.contains(name)) {
        return Err(cursor.problem(Mistake::Reserved { name: name.to_owned() }));
    }
    cursor.mark();
    let name = cursor.name(MESSAGE)?;
    let mut settings = Vec::new();
    while let Some((key, value)) = cursor.peek_word().and_then(|word| word.split_once('=')) {
        if !is_name(key) {
            return Err(cursor.unexpected(vec![SETTING]));
        }
        if settings.len() >= SETTINGS_MAX {
            return Err(cursor.too_many("settings of one message", SETTINGS_MAX));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(cursor.too_many("bytes in a value", VALUE_BYTES_MAX));
        }
        settings.push((key.to_owned(), value.to_owned()));
        cursor.mark();
        cursor.skip();
    }
    Ok(Word { name, settings })
}

fn item(cursor: &mut Cursor<'_>) -> Parsed<Item> {
    match cursor.peek_word() {
        Some("the") => {
            cursor.words("the rest")?;
            Ok(Item::Rest)
        }
        Some("hex") => {
            cursor.skip();
            Ok(Item::Bytes(hex(cursor)?))
        }
        Some(word) if is_digits(word) => {
            let bytes = cursor.byte_count()?;
            cursor.words("of")?;
            if cursor.eat("junk") {
                return Ok(Item::Junk(bytes));
            }
            Ok(Item::Part { bytes, word: self::word(cursor)? })
        }
        Some(_) => {
            let word = word(cursor)?;
            Ok(Item::Word { word, times: cursor.repeat()? })
        }
        None => {
            let others = ["\"the rest\"", "\"hex\"", "a number of bytes"];
            let others = others.map(Expected::Sort);
            Err(cursor.unexpected([Expected::Sort(MESSAGE)].into_iter().chain(others).collect()))
        }
    }
}

fn hex(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let digits = cursor.peek_word().unwrap_or("");
    let fine = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !fine {
        return Err(cursor.unexpected(vec![Expected::Sort("hexadecimal digits, two a byte")]));
    }
    let count = u64::try_from(digits.len() / 2).unwrap_or(u64::MAX);
    let most = u64::from(LITERAL_BYTES_MAX);
    if count > most {
        let what = "a number of bytes";
        let found = count.to_string();
        return Err(cursor.problem(Mistake::OutOfRange { what, found, least: 1, most }));
    }
    cursor.skip();
    let pairs = digits.as_bytes().chunks_exact(2);
    Ok(pairs.map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}

/// The value of a digit that was checked.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
