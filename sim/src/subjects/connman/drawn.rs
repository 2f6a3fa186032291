//! What generated schedules say of chains: how much of one the node has and its peers have, and
//! what these tell of it.
//!
//! Heights lie around those where something begins or ends: the node's own last block, the last
//! one that there is, the limits of what is asked for at once.

use super::mined::{HEIGHT_MAX, chain, holders};
use crate::schedule::Word;

/// Where a draw comes from.
type Below<'a> = &'a mut dyn FnMut(u32) -> u32;

/// How many blocks the node has: mostly few, because each costs. Rarely more than somebody keeps
/// who keeps the last ones.
const OWN: [u32; 8] = [0, 0, 1, 5, 5, 30, 143, 300];

/// How many more there are: none, few enough to be asked for at once, one more than that, some
/// hundreds; rarely more than the window has, or than one `headers` tells.
const MORE: [u32; 16] = [0, 1, 2, 8, 16, 16, 17, 17, 40, 40, 100, 300, 300, 300, 1_100, 2_100];

/// How many headers, names or blocks one message has.
const COUNTS: [u32; 8] = [1, 1, 1, 2, 3, 8, 16, 17];

/// Settings by which the node of a schedule has a chain, and most of these peers more of it.
pub(super) fn draw_chain(peers: &[u16], below: Below<'_>) -> Vec<(String, String)> {
    let own = pick(&OWN, below);
    let top = (own + pick(&MORE, below)).min(HEIGHT_MAX);
    let era = if below(3) == 0 { " old" } else { "" };
    let mut held = Vec::new();
    for peer in peers {
        let height = match below(8) {
            0 => continue,
            // Somebody who is behind, or ahead of all others.
            1 => below(top + 1),
            2 => (top + 1 + below(8)).min(HEIGHT_MAX),
            _ => top,
        };
        held.push(format!("p{peer}/{height}"));
    }
    let mut settings = vec![("blocks".to_owned(), format!("{own}{era}"))];
    if !held.is_empty() {
        settings.push(("holders".to_owned(), held.join(" ")));
    }
    settings
}

/// What a peer says of the chain that these settings are about; `None`: they are about none.
pub(super) fn draw_word(settings: &[(String, String)], below: Below<'_>) -> Option<Word> {
    let value = |wanted: &str| settings.iter().find(|(key, _)| key == wanted);
    let (own, _) = chain(&value("blocks")?.1)?;
    let held = value("holders").and_then(|(_, value)| holders(value)).unwrap_or_default();
    let top = held.into_iter().map(|(_, height)| height).max().unwrap_or(own).max(own);
    let height = match below(8) {
        0 | 1 => own + 1,
        2 => own + below(20),
        3 => own,
        4 => top,
        5 => top + 1 - below(2).min(top),
        _ => below(top + 1),
    };
    let height = height.min(HEIGHT_MAX);
    let count = match below(4) {
        0 => (top + 1).saturating_sub(height).clamp(1, 2_001),
        _ => pick(&COUNTS, below),
    };
    // A lie is rare, because nobody hears any more of who told it.
    let lies = below(16) == 0;
    let (name, settings): (_, Vec<(&str, String)>) = match below(16) {
        0..6 => {
            let mut said = vec![("from", height.to_string()), ("count", count.to_string())];
            said.extend(lies.then(|| ("work", "bad".to_owned())));
            ("headers", said)
        }
        6..9 => ("inv", vec![("block", height.to_string()), ("count", count.to_string())]),
        9..13 => {
            let mut said = vec![("height", height.to_string())];
            said.extend(lies.then(|| ("mutated", "yes".to_owned())));
            ("block", said)
        }
        13 => ("getdata", vec![("block", height.to_string()), ("count", count.to_string())]),
        14 => ("getheaders", vec![("block", height.to_string())]),
        _ => ("sendheaders", Vec::new()),
    };
    let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Some(Word { name: name.to_owned(), settings })
}

fn pick(of: &[u32], below: Below<'_>) -> u32 {
    of[below(u32::try_from(of.len()).expect("a short list")) as usize]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;
    use crate::schedulers::Draws;
    use crate::subject::{Dialect as _, Usage};
    use crate::subjects::connman::Speaker;

    #[test]
    fn what_is_drawn_of_chains_can_be_set_and_said() {
        let mut names = BTreeSet::new();
        for seed in 0..500 {
            let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
            let settings = draw_chain(&[1, 2, 3], &mut |bound| draws.below(bound));
            assert!(chain(&settings[0].1).is_some(), "{settings:?}");
            assert!(settings.get(1).is_none_or(|(_, held)| holders(held).is_some()));
            let word = draw_word(&settings, &mut |bound| draws.below(bound)).unwrap();
            assert_eq!(Speaker::check(&word, Usage::Said), Ok(()), "{word:?}");
            names.insert(word.name);
        }
        let all = ["block", "getdata", "getheaders", "headers", "inv", "sendheaders"];
        assert!(names.iter().eq(all), "{names:?}");
        assert_eq!(draw_word(&[], &mut |_| 0), None);
    }
}
