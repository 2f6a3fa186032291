//! Less said: fewer things, fewer times, shorter.

use crate::schedule::{Fault, Item, Op, Word};

use super::ddmin::{ddmin, smallest};
use super::search::Search;

/// Takes words out of lines and makes what is left short; the same for the repeats of faults.
pub(super) fn simplify(search: &mut Search<'_>) {
    for line in 0..search.best().lines.len() {
        let op = search.best().lines[line].op.clone();
        if !search.is_free(&op) {
            continue;
        }
        if let Op::Fault(fault) = op {
            smallest(fault.times.into(), 1, |times| {
                let op = Op::Fault(Fault { times: narrow(times), ..fault });
                search.attempt(search.best().with_op(line, op))
            });
        } else {
            simplify_send(search, line);
        }
    }
}

fn simplify_send(search: &mut Search<'_>, line: usize) {
    let items = items_of(search, line);
    let left = ddmin(items.len(), |kept| {
        let kept: Vec<_> = kept.iter().map(|place| items[*place].clone()).collect();
        !kept.is_empty() && attempt_items(search, line, kept)
    });
    for item in 0..left.len() {
        simplify_item(search, line, item);
    }
}

fn items_of(search: &Search<'_>, line: usize) -> Vec<Item> {
    let Op::Send { items, .. } = &search.best().lines[line].op else { return Vec::new() };
    items.clone()
}

fn attempt_items(search: &mut Search<'_>, line: usize, items: Vec<Item>) -> bool {
    let Some(actor) = search.best().lines[line].op.actor() else { return false };
    search.attempt(search.best().with_op(line, Op::Send { actor, items }))
}

fn attempt_item(search: &mut Search<'_>, line: usize, item: usize, other: Item) -> bool {
    let mut items = items_of(search, line);
    items[item] = other;
    attempt_items(search, line, items)
}

fn simplify_item(search: &mut Search<'_>, line: usize, item: usize) {
    match items_of(search, line)[item].clone() {
        Item::Word { word, times } => {
            let least = smallest(times.into(), 1, |times| {
                let fewer = Item::Word { word: word.clone(), times: narrow(times) };
                attempt_item(search, line, item, fewer)
            });
            let times = narrow(least);
            simplify_word(search, line, item, &word, &|word| Item::Word { word, times });
        }
        Item::Part { bytes, word } => {
            let whole = Item::Word { word: word.clone(), times: 1 };
            if attempt_item(search, line, item, whole) {
                return;
            }
            let least = smallest(bytes.into(), 1, |bytes| {
                let fewer = Item::Part { bytes: narrow(bytes), word: word.clone() };
                attempt_item(search, line, item, fewer)
            });
            let bytes = narrow(least);
            simplify_word(search, line, item, &word, &|word| Item::Part { bytes, word });
        }
        Item::Bytes(bytes) => {
            let length = bytes.len() as u64;
            smallest(length, 1, |count| {
                let fewer = bytes.iter().copied().take(narrow(count) as usize).collect();
                attempt_item(search, line, item, Item::Bytes(fewer))
            });
        }
        Item::Junk(bytes) => {
            smallest(bytes.into(), 1, |bytes| {
                attempt_item(search, line, item, Item::Junk(narrow(bytes)))
            });
        }
        Item::Rest => {}
    }
}

/// Takes settings off a word, and makes the numbers among them small.
fn simplify_word(
    search: &mut Search<'_>,
    line: usize,
    item: usize,
    word: &Word,
    make: &dyn Fn(Word) -> Item,
) {
    let with = |settings: &[(String, String)]| {
        make(Word { name: word.name.clone(), settings: settings.to_vec() })
    };
    let of = |kept: &[usize]| kept.iter().map(|place| word.settings[*place].clone()).collect();
    let left: Vec<_> = of(&ddmin(word.settings.len(), |kept| {
        let kept: Vec<_> = of(kept);
        attempt_item(search, line, item, with(&kept))
    }));
    let mut settings = left.clone();
    for (index, (_, value)) in left.iter().enumerate() {
        let Ok(number) = value.parse::<u32>() else { continue };
        let least = smallest(number.into(), 0, |number| {
            let mut fewer = settings.clone();
            fewer[index].1 = number.to_string();
            attempt_item(search, line, item, with(&fewer))
        });
        if least < u64::from(number) {
            settings[index].1 = least.to_string();
        }
    }
}

/// What came from 32 bits and has not grown.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("it is at most what it came from")
}
