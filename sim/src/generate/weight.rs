//! What a schedule would cost that says megabytes over a link which takes them byte by byte, and
//! no more about the node than one that says kilobytes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::schedule::{ActorId, Item, LinkChange, Op, Word};

/// Pieces in which all that one actor says arrives, at most, as near as it can be told beforehand.
const PIECES_MAX: u64 = 50_000;

/// Bytes of one entry of a list, roughly.
const ENTRY_BYTES: u64 = 36;

/// Widens links that are too narrow for what is said over them.
pub(super) fn widen(lines: &mut [(Duration, Op)]) {
    let mut said: BTreeMap<ActorId, u64> = BTreeMap::new();
    for (_, op) in lines.iter() {
        if let Op::Send { actor, items } = op {
            let bytes = items.iter().map(bytes_of).fold(0, u64::saturating_add);
            let total = said.entry(*actor).or_default();
            *total = total.saturating_add(bytes);
        }
    }
    for (_, op) in lines {
        if let Op::Link { actor, change: LinkChange::Chunks(bytes) } = op {
            let total = said.get(actor).copied().unwrap_or_default();
            let least = u32::try_from(total.div_ceil(PIECES_MAX)).unwrap_or(u32::MAX);
            *bytes = (*bytes).max(least);
        }
    }
}

fn bytes_of(item: &Item) -> u64 {
    match item {
        Item::Word { word, times } => u64::from(*times).saturating_mul(bytes_of_word(word)),
        Item::Part { bytes, .. } | Item::Junk(bytes) => u64::from(*bytes),
        Item::Rest => 0,
        Item::Bytes(bytes) => bytes.len() as u64,
    }
}

fn bytes_of_word(word: &Word) -> u64 {
    let number = |key| word.setting(key).and_then(|text| text.parse::<u64>().ok());
    let list = number("count").unwrap_or_default().saturating_mul(ENTRY_BYTES);
    number("length").unwrap_or(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks_after(count: &str, chunks: u32) -> u32 {
        let word =
            Word { name: "inv".to_owned(), settings: vec![("count".to_owned(), count.to_owned())] };
        let items = vec![Item::Word { word, times: 1 }];
        let actor = ActorId(1);
        let change = LinkChange::Chunks(chunks);
        let mut lines =
            [Op::Link { actor, change }, Op::Send { actor, items }].map(|op| (Duration::ZERO, op));
        widen(&mut lines);
        let Op::Link { change: LinkChange::Chunks(bytes), .. } = lines[0].1 else {
            panic!("{lines:?}")
        };
        bytes
    }

    #[test]
    fn link_is_widened_for_megabytes_alone() {
        assert_eq!(chunks_after("10", 1), 1);
        assert_eq!(chunks_after("50000", 1), 36);
        assert_eq!(chunks_after("50000", 1500), 1500);
        assert_eq!(chunks_after("18446744073709551615", 1), u32::MAX);
    }
}
