//! Names, messages and what actors send, as bytes. Common names are one byte.

use super::super::limits::{RESERVED_KEYS, RESERVED_WORDS, is_comment_char, is_value_char};
use super::super::{
    ActorId, ITEMS_MAX, Item, LITERAL_BYTES_MAX, NAME_BYTES_MAX, Op, REPEAT_MAX, SETTINGS_MAX,
    VALUE_BYTES_MAX, Word,
};
use super::plain::{Reader, Writer};
use crate::lexicon::{Known, Setting, Settings, Takes};
use crate::subject::Usage;

/// From here on a name is spelled out.
const SPELLED: u8 = 0xFC;

const FIRST_LETTERS: [char; 26] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z',
];

/// Both top bits of a head: another thing follows. One in four.
const MORE: u8 = 0xC0;

/// The low bits of a thing's head.
const PLAIN: u8 = 0;
const DETAILED: u8 = 4;
const PART: u8 = 5;
const REST_OR_BYTES: u8 = 6;
const JUNK: u8 = 7;

/// Beside [`REST_OR_BYTES`].
const BYTES: u8 = 8;

/// A name out of a table, or any.
pub(super) fn read_name(input: &mut Reader<'_>, table: &[&str]) -> Option<String> {
    let byte = input.byte()?;
    if byte < SPELLED
        && let Some(place) = usize::from(byte).checked_rem(table.len())
    {
        return table.get(place).map(|name| (*name).to_owned());
    }
    let count = input.count(NAME_BYTES_MAX - 1)?;
    let mut name = String::from(input.pick(&FIRST_LETTERS)?);
    for _ in 0..count {
        name.push(letter(input.byte()?));
    }
    Some(name)
}

pub(super) fn write_name(output: &mut Writer, table: &[&str], name: &str) {
    if table.contains(&name) {
        return output.pick(table, &name);
    }
    output.byte(SPELLED);
    output.count(name.len().saturating_sub(1));
    for (index, byte) in name.bytes().enumerate() {
        // Small letters are first letters by their place, others stand for themselves.
        output.byte(if index == 0 { byte.wrapping_sub(b'a') } else { byte });
    }
}

/// A letter, digit or hyphen for each byte: itself, if it is one.
fn letter(byte: u8) -> char {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte),
        _ => char::from(b'a' + byte % 26),
    }
}

/// Any name but these, which get a letter more or less.
pub(super) fn other_than(mut name: String, reserved: &[&str]) -> String {
    if reserved.contains(&name.as_str()) {
        name.push('x');
    }
    name
}

/// A setting of the node; nothing, if it is by its place one that it has.
pub(super) fn read_node_setting(
    input: &mut Reader<'_>,
    had: &[(String, String)],
) -> Option<Option<(String, String)>> {
    if input.peek()? < SPELLED {
        let setting = read_setting(input, [input.known.node, &[], &[]])?;
        return Some(setting.filter(|(key, _)| is_new(had, key)));
    }
    let key = other_than(read_name(input, &[])?, &RESERVED_KEYS);
    let value = input.text(VALUE_BYTES_MAX, is_comment_char)?;
    Some(Some((key, value.trim().to_owned())))
}

pub(super) fn write_node_settings(output: &mut Writer, settings: &[(String, String)]) {
    let known = output.known.node;
    write_settings(output, [known, &[], &[]], settings);
}

/// Writes settings by their places; spelled out those that have none, or stand twice.
fn write_settings(output: &mut Writer, known: Settings, settings: &[(String, String)]) {
    for (index, (key, value)) in settings.iter().enumerate() {
        if !is_new(&settings[..index], key) || !write_known_setting(output, known, key, value) {
            write_name(output, &[], key);
            output.text(value);
        }
    }
}

fn is_new(had: &[(String, String)], key: &str) -> bool {
    had.iter().all(|(had, _)| had != key)
}

/// A setting out of a table by its place, and what it takes; nothing if there is no table.
fn read_setting(input: &mut Reader<'_>, known: Settings) -> Option<Option<(String, String)>> {
    let place = usize::from(input.byte()?);
    let count: usize = known.iter().map(|table| table.len()).sum();
    let Some(place) = place.checked_rem(count) else { return Some(None) };
    let Some(Setting { key, takes }) = known.into_iter().flatten().nth(place) else {
        return Some(None);
    };
    let value = match *takes {
        Takes::Word(word) => word.to_owned(),
        // OK to leave out what is below zero, because that can be spelled out.
        Takes::Number { least, most } => {
            input.number(u64::try_from(least).unwrap_or(0), most)?.to_string()
        }
    };
    Some(Some(((*key).to_owned(), value)))
}

/// Writes a setting by its place; whether it could be.
fn write_known_setting(output: &mut Writer, known: Settings, key: &str, value: &str) -> bool {
    let is_it = |(known, _): &(&Setting, u8)| known.key == key && known.takes.fits(value);
    let mut all = known.into_iter().flatten().zip(0..SPELLED);
    let Some((Setting { takes, .. }, place)) = all.find(is_it) else { return false };
    match *takes {
        Takes::Word(word) => {
            if word == value {
                output.byte(place);
            }
            word == value
        }
        Takes::Number { least, most } => {
            let least = u64::try_from(least).unwrap_or(0);
            let number = value.parse().ok().filter(|number| (least..=most).contains(number));
            // Only what it would be printed as comes back the same.
            let Some(number) = number.filter(|number| number.to_string() == value) else {
                return false;
            };
            output.byte(place);
            output.number(least, number);
            true
        }
    }
}

/// The words and their settings that a peer says, or can be expected to hear.
const fn known_words(
    known: &'static Known,
    usage: Usage,
) -> (&'static [&'static str], fn(&str) -> Settings) {
    match usage {
        Usage::Said => (known.said, known.said_with),
        Usage::Heard => (known.heard, known.heard_with),
    }
}

/// A message without settings.
fn read_message(input: &mut Reader<'_>, usage: Usage) -> Option<String> {
    let (words, _) = known_words(input.known, usage);
    Some(other_than(read_name(input, words)?, &RESERVED_WORDS))
}

pub(super) fn read_word(input: &mut Reader<'_>, usage: Usage) -> Option<Word> {
    let name = read_message(input, usage)?;
    let known = known_words(input.known, usage).1(&name);
    let count = input.byte()?;
    // Three in four have no settings.
    let count = if count < 0xC0 { 0 } else { usize::from(count - 0xC0) + 1 };
    let count = if count < 0x40 { count } else { count + input.count(SETTINGS_MAX - 0x40)? };
    let mut settings: Vec<(String, String)> = Vec::new();
    for _ in 0..count {
        if input.peek()? < SPELLED {
            let setting = read_setting(input, known)?;
            settings.extend(setting.filter(|(key, _)| is_new(&settings, key)));
        } else {
            let key = read_name(input, &[])?;
            settings.push((key, input.text(VALUE_BYTES_MAX, is_value_char)?));
        }
    }
    Some(Word { name, settings })
}

pub(super) fn write_word(output: &mut Writer, word: &Word, usage: Usage) {
    let (words, settings) = known_words(output.known, usage);
    write_name(output, words, &word.name);
    match u8::try_from(word.settings.len()) {
        Ok(0) => output.byte(0),
        Ok(count @ 1..0x40) => output.byte(0xC0 + count - 1),
        Ok(_) | Err(_) => {
            output.byte(0xFF);
            output.count(word.settings.len() - 0x40);
        }
    }
    write_settings(output, settings(&word.name), &word.settings);
}

/// What the node is told; a subject that takes no commands is dialled instead.
pub(super) fn read_command(input: &mut Reader<'_>, actor: ActorId) -> Option<Op> {
    if input.peek()? >= SPELLED {
        input.byte()?;
        return Some(Op::NodeTold { word: read_word(input, Usage::Said)? });
    }
    let place = usize::from(input.byte()?);
    let known = input.known.commands;
    let Some(place) = place.checked_rem(known.len()) else {
        return Some(Op::Dial { actor, from: None });
    };
    let (name, setting) = known[place];
    let settings = setting.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Some(Op::NodeTold {
        word: Word { name: name.to_owned(), settings: settings.into_iter().collect() },
    })
}

pub(super) fn write_command(output: &mut Writer, word: &Word) {
    let is_it = |(name, setting): &(&str, Option<(&str, &str)>)| {
        let settings = word.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        *name == word.name && settings.eq(*setting)
    };
    let place = output.known.commands.iter().position(is_it);
    match place.and_then(|place| u8::try_from(place).ok()) {
        Some(place @ ..SPELLED) => output.byte(place),
        Some(_) | None => {
            output.byte(SPELLED);
            write_word(output, word, Usage::Said);
        }
    }
}

pub(super) fn read_items(input: &mut Reader<'_>) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    loop {
        let head = input.byte()?;
        items.push(read_item(input, head)?);
        if head < MORE || items.len() >= ITEMS_MAX {
            return Some(items);
        }
    }
}

pub(super) fn write_items(output: &mut Writer, items: &[Item]) {
    for (index, item) in items.iter().enumerate() {
        write_item(output, item, more(index, items.len()));
    }
}

fn read_item(input: &mut Reader<'_>, head: u8) -> Option<Item> {
    Some(match head & 7 {
        ..DETAILED => {
            Item::Word { word: Word::plain(&read_message(input, Usage::Said)?), times: 1 }
        }
        DETAILED => {
            let word = read_word(input, Usage::Said)?;
            Item::Word { word, times: input.number_u32(1, REPEAT_MAX)? }
        }
        PART => {
            let bytes = input.number_u32(1, LITERAL_BYTES_MAX)?;
            Item::Part { bytes, word: read_word(input, Usage::Said)? }
        }
        REST_OR_BYTES if head & BYTES == 0 => Item::Rest,
        REST_OR_BYTES => {
            let most = usize::try_from(LITERAL_BYTES_MAX - 1).ok()?;
            let count = input.count(most)? + 1;
            Item::Bytes(input.take(count)?.to_vec())
        }
        JUNK.. => Item::Junk(input.number_u32(1, LITERAL_BYTES_MAX)?),
    })
}

fn write_item(output: &mut Writer, item: &Item, more: u8) {
    match item {
        Item::Word { word, times: 1 } if word.settings.is_empty() => {
            output.byte(more | PLAIN);
            let said = output.known.said;
            write_name(output, said, &word.name);
        }
        Item::Word { word, times } => {
            output.byte(more | DETAILED);
            write_word(output, word, Usage::Said);
            output.number(1, (*times).into());
        }
        Item::Part { bytes, word } => {
            output.byte(more | PART);
            output.number(1, (*bytes).into());
            write_word(output, word, Usage::Said);
        }
        Item::Rest => output.byte(more | REST_OR_BYTES),
        Item::Bytes(bytes) => {
            output.byte(more | REST_OR_BYTES | BYTES);
            output.count(bytes.len().saturating_sub(1));
            output.all(bytes);
        }
        Item::Junk(bytes) => {
            output.byte(more | JUNK);
            output.number(1, (*bytes).into());
        }
    }
}

/// Messages that are expected, and how often each.
pub(super) fn read_expected(input: &mut Reader<'_>) -> Option<Vec<(Word, u32)>> {
    let mut words = Vec::new();
    loop {
        let head = input.byte()?;
        words.push(if head & 7 < DETAILED {
            (Word::plain(&read_message(input, Usage::Heard)?), 1)
        } else {
            (read_word(input, Usage::Heard)?, input.number_u32(1, REPEAT_MAX)?)
        });
        if head < MORE || words.len() >= ITEMS_MAX {
            return Some(words);
        }
    }
}

pub(super) fn write_expected(output: &mut Writer, words: &[(Word, u32)]) {
    for (index, (word, times)) in words.iter().enumerate() {
        let more = more(index, words.len());
        if *times == 1 && word.settings.is_empty() {
            output.byte(more | PLAIN);
            let heard = output.known.heard;
            write_name(output, heard, &word.name);
        } else {
            output.byte(more | DETAILED);
            write_word(output, word, Usage::Heard);
            output.number(1, (*times).into());
        }
    }
}

/// What the head of a thing says about others behind it.
const fn more(index: usize, count: usize) -> u8 {
    if index + 1 < count { MORE } else { 0 }
}
