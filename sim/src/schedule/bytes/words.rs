//! Names, messages and what actors send, as bytes. Common names are one byte.

use super::super::limits::{RESERVED_KEYS, RESERVED_WORDS, is_comment_char, is_value_char};
use super::super::{
    ITEMS_MAX, Item, LITERAL_BYTES_MAX, NAME_BYTES_MAX, REPEAT_MAX, SETTINGS_MAX, VALUE_BYTES_MAX,
    Word,
};
use super::plain::{Reader, Writer};

/// What can be under test.
pub(super) const SUBJECTS: [&str; 3] = ["connman", "http", "echo"];

/// The messages of the protocol; what a handshake is made of comes first and twice.
const MESSAGES: [&str; 40] = [
    "version",
    "verack",
    "ping",
    "pong",
    "wtxidrelay",
    "sendaddrv2",
    "sendheaders",
    "sendcmpct",
    "feefilter",
    "getaddr",
    "addr",
    "addrv2",
    "inv",
    "getdata",
    "notfound",
    "getheaders",
    "headers",
    "getblocks",
    "block",
    "tx",
    "mempool",
    "cmpctblock",
    "getblocktxn",
    "blocktxn",
    "filterload",
    "filteradd",
    "filterclear",
    "merkleblock",
    "getcfilters",
    "cfilter",
    "getcfheaders",
    "cfheaders",
    "getcfcheckpt",
    "cfcheckpt",
    "sendtxrcncl",
    "reject",
    "version",
    "verack",
    "ping",
    "pong",
];

/// Settings of messages.
const KEYS: [&str; 8] =
    ["nonce", "protocol", "services", "height", "relay", "agent", "count", "time"];

/// Settings of the node.
const NODE_KEYS: [&str; 2] = ["max-inbound", "seed"];

/// From here on a name is spelled out.
const SPELLED: u8 = 0xF0;

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
    if byte < SPELLED {
        return table.get(usize::from(byte) % table.len()).map(|name| (*name).to_owned());
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

pub(super) fn read_node_setting(input: &mut Reader<'_>) -> Option<(String, String)> {
    let key = other_than(read_name(input, &NODE_KEYS)?, &RESERVED_KEYS);
    let value = input.text(VALUE_BYTES_MAX, is_comment_char)?;
    Some((key, value.trim().to_owned()))
}

pub(super) fn write_node_setting(output: &mut Writer, key: &str, value: &str) {
    write_name(output, &NODE_KEYS, key);
    output.text(value);
}

/// A message without settings.
fn read_message(input: &mut Reader<'_>) -> Option<String> {
    Some(other_than(read_name(input, &MESSAGES)?, &RESERVED_WORDS))
}

pub(super) fn read_word(input: &mut Reader<'_>) -> Option<Word> {
    let name = read_message(input)?;
    let count = input.byte()?;
    // Three in four have no settings.
    let count = if count < 0xC0 { 0 } else { usize::from(count - 0xC0) + 1 };
    let count = if count < 0x40 { count } else { count + input.count(SETTINGS_MAX - 0x40)? };
    let mut settings = Vec::new();
    for _ in 0..count {
        let key = read_name(input, &KEYS)?;
        settings.push((key, input.text(VALUE_BYTES_MAX, is_value_char)?));
    }
    Some(Word { name, settings })
}

pub(super) fn write_word(output: &mut Writer, word: &Word) {
    write_name(output, &MESSAGES, &word.name);
    match u8::try_from(word.settings.len()) {
        Ok(0) => output.byte(0),
        Ok(count @ 1..0x40) => output.byte(0xC0 + count - 1),
        Ok(_) | Err(_) => {
            output.byte(0xFF);
            output.count(word.settings.len() - 0x40);
        }
    }
    for (key, value) in &word.settings {
        write_name(output, &KEYS, key);
        output.text(value);
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
        ..DETAILED => Item::Word { word: Word::plain(&read_message(input)?), times: 1 },
        DETAILED => {
            let word = read_word(input)?;
            Item::Word { word, times: input.number_u32(1, REPEAT_MAX)? }
        }
        PART => {
            let bytes = input.number_u32(1, LITERAL_BYTES_MAX)?;
            Item::Part { bytes, word: read_word(input)? }
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
            write_name(output, &MESSAGES, &word.name);
        }
        Item::Word { word, times } => {
            output.byte(more | DETAILED);
            write_word(output, word);
            output.number(1, (*times).into());
        }
        Item::Part { bytes, word } => {
            output.byte(more | PART);
            output.number(1, (*bytes).into());
            write_word(output, word);
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
            (Word::plain(&read_message(input)?), 1)
        } else {
            (read_word(input)?, input.number_u32(1, REPEAT_MAX)?)
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
            write_name(output, &MESSAGES, &word.name);
        } else {
            output.byte(more | DETAILED);
            write_word(output, word);
            output.number(1, (*times).into());
        }
    }
}

/// What the head of a thing says about others behind it.
const fn more(index: usize, count: usize) -> u8 {
    if index + 1 < count { MORE } else { 0 }
}
