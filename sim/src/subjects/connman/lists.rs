//! What a node bears with, of messages that are lists or ask for something: from docs/behaviour.md,
//! handshake 7 and 12.
//!
//! A list is read to its end before it is counted, but for headers; one that cannot be read counts
//! for nothing. It shares no code with the library.

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It cannot be read, or nothing is.
    Nothing,
    /// Its list is longer than anybody's.
    TooMany,
    /// Likewise a locator, which is no misbehaviour.
    LocatorTooLong,
    /// It asks for what the node does not offer.
    NotOffered,
    /// It is about Bloom filters, which some are offered.
    Bloom,
    /// It asks for the mempool, which some may.
    Mempool,
}

/// Looks at a message by its name.
pub(super) fn look(name: &[u8], payload: &[u8]) -> Wrong {
    let found = match name {
        b"addr" => list(payload, |rest| skip(rest, 30)).map(|count| over(count, 1_000)),
        b"addrv2" => list(payload, skip_addrv2).map(|count| over(count, 1_000)),
        b"inv" | b"getdata" => list(payload, |rest| skip(rest, 36)).map(|n| over(n, 50_000)),
        b"headers" => compact(payload).map(|(count, _)| over(count, 2_000)),
        b"getblocks" | b"getheaders" => locator(payload),
        b"filterload" | b"filteradd" | b"filterclear" => Some(Wrong::Bloom),
        b"getcfilters" | b"getcfheaders" => skip(payload, 37).map(|_| Wrong::NotOffered),
        b"getcfcheckpt" => skip(payload, 33).map(|_| Wrong::NotOffered),
        b"mempool" => Some(Wrong::Mempool),
        _ => None,
    };
    found.unwrap_or(Wrong::Nothing)
}

/// Whether an `inv` that can be read has transactions: by their txid, by their wtxid, with their
/// witness.
pub(super) fn transactions(payload: &[u8]) -> [bool; 3] {
    let Some((count, mut rest)) = compact(payload) else { return [false; 3] };
    let mut found = [false; 3];
    for _ in 0..count {
        let (Some(kind), Some(after)) = (rest.first_chunk(), skip(rest, 36)) else {
            return [false; 3];
        };
        let kind = u32::from_le_bytes(*kind);
        found = [found[0] || kind == 1, found[1] || kind == 5, found[2] || kind == 1 << 30 | 1];
        rest = after;
    }
    found
}

const fn over(count: u64, max: u64) -> Wrong {
    if count > max { Wrong::TooMany } else { Wrong::Nothing }
}

fn locator(payload: &[u8]) -> Option<Wrong> {
    let (count, rest) = compact(skip(payload, 4)?)?;
    let bytes = usize::try_from(count).ok()?.checked_mul(32)?.checked_add(32)?;
    skip(rest, bytes)?;
    Some(if count > 101 { Wrong::LocatorTooLong } else { Wrong::Nothing })
}

/// How many entries there are, if all of them are there.
fn list(payload: &[u8], entry: impl Fn(&[u8]) -> Option<&[u8]>) -> Option<u64> {
    let (count, mut rest) = compact(payload)?;
    for _ in 0..count {
        rest = entry(rest)?;
    }
    Some(count)
}

/// BIP 155: networks that are known have addresses of a length.
pub(super) fn skip_addrv2(rest: &[u8]) -> Option<&[u8]> {
    let (_services, rest) = number(skip(rest, 4)?)?;
    let (network, rest) = rest.split_first()?;
    let (length, rest) = number(rest)?;
    let is_right = match network {
        1 => length == 4,
        2 | 6 => length == 16,
        4 | 5 => length == 32,
        _ => length <= 512,
    };
    if is_right { skip(rest, usize::try_from(length).ok()? + 2) } else { None }
}

fn skip(rest: &[u8], bytes: usize) -> Option<&[u8]> {
    rest.get(bytes..)
}

/// How many entries come: at most 32 MiB of whatever.
pub(super) fn compact(rest: &[u8]) -> Option<(u64, &[u8])> {
    number(rest).filter(|(count, _)| *count <= 0x0200_0000)
}

/// A number in its shortest form.
pub(super) fn number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = rest.split_first()?;
    let (bytes, least) = match first {
        253 => (2, 253),
        254 => (4, 1 << 16),
        255 => (8, 1 << 32),
        short => return Some((u64::from(*short), rest)),
    };
    let (digits, rest) = rest.split_at_checked(bytes)?;
    let number = digits.iter().rev().fold(0, |number, digit| number << 8 | u64::from(*digit));
    (number >= least).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Word;
    use crate::subject::Dialect as _;
    use crate::subjects::connman::Speaker;

    /// What a peer says with so many entries.
    fn said(name: &str, count: u64) -> Vec<u8> {
        let settings = vec![("count".to_owned(), count.to_string())];
        let word = Word { name: name.to_owned(), settings };
        let mut out = Vec::new();
        Speaker::new(1).encode(sockman::time::Now::default(), &word, &mut out).unwrap();
        out.split_off(24)
    }

    #[test]
    fn lists_are_borne_with_up_to_their_limit() {
        for (name, max, wrong) in [
            ("addr", 1_000, Wrong::TooMany),
            ("addrv2", 1_000, Wrong::TooMany),
            ("inv", 50_000, Wrong::TooMany),
            ("getdata", 50_000, Wrong::TooMany),
            ("headers", 2_000, Wrong::TooMany),
            ("getblocks", 101, Wrong::LocatorTooLong),
            ("getheaders", 101, Wrong::LocatorTooLong),
        ] {
            let at = |count| look(name.as_bytes(), &said(name, count));
            assert_eq!(
                [0, 1, max, max + 1].map(at),
                [Wrong::Nothing, Wrong::Nothing, Wrong::Nothing, wrong],
                "{name}"
            );
            let mut cut = said(name, max + 1);
            cut.pop();
            let expected = if name == "headers" { wrong } else { Wrong::Nothing };
            assert_eq!(look(name.as_bytes(), &cut), expected, "{name}");
        }
        assert_eq!(look(b"notfound", &said("notfound", 60_000)), Wrong::Nothing);
    }

    #[test]
    fn numbers_are_in_their_shortest_form() {
        assert_eq!(look(b"headers", &[253, 252, 0]), Wrong::Nothing);
        assert_eq!(look(b"headers", &[253, 0xd1, 7]), Wrong::TooMany);
        assert_eq!(look(b"headers", &[254, 0xd1, 7, 0, 0]), Wrong::Nothing);
        assert_eq!(look(b"headers", &[254, 0, 0, 0, 2]), Wrong::TooMany);
        assert_eq!(look(b"headers", &[254, 1, 0, 0, 2]), Wrong::Nothing);
    }
}
