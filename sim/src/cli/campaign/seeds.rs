//! Which seeds a campaign takes, and how its arguments say so.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// Most shards of a campaign: nobody has more machines.
const SHARDS_MAX: u64 = 1 << 20;

/// One part of a campaign that several machines share: of each `count` seeds in a row the one at
/// `index`. All parts together are the campaign, and no two have a seed in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// From zero, below `count`.
    pub(super) index: u64,
    /// At least one.
    pub(super) count: u64,
}

impl Shard {
    /// Everything.
    pub(super) const WHOLE: Self = Self { index: 0, count: 1 };

    /// Those of these seeds that are its own.
    pub(super) fn of(self, seeds: Range<u64>) -> impl Iterator<Item = u64> {
        let first = seeds.start.saturating_add(self.index);
        let next = move |seed: &u64| seed.checked_add(self.count);
        std::iter::successors(Some(first), next).take_while(move |seed| *seed < seeds.end)
    }

    /// How many of these seeds are its own.
    pub(super) const fn share_of(self, seeds: &Range<u64>) -> u64 {
        (seeds.end - seeds.start).saturating_sub(self.index).div_ceil(self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
        let (index, count) =
            text.split_once('/').ok_or("expected INDEX/COUNT, such as 0/4, from 0 on")?;
        let shard = Self { index: number(index)?, count: number(count)? };
        if shard.count == 0 {
            return Err(format!("{text}: there is at least one part, which is 0/1"));
        }
        if shard.count > SHARDS_MAX {
            return Err(format!("{text}: at most {SHARDS_MAX} parts"));
        }
        if shard.index >= shard.count {
            let Self { count, .. } = shard;
            return Err(format!("{text}: the parts are 0/{count} to {}/{count}", count - 1));
        }
        Ok(shard)
    }
}

/// A number, perhaps in thousands (`k`) or millions (`M`).
pub(in crate::cli) fn parse_count(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'M']) {
        None => (text, 1),
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
    };
    let expected = "expected a number such as 500000, 500k, 20M";
    let number: u64 = digits.parse().map_err(|_| format!("{text:?}: {expected}"))?;
    number.checked_mul(unit).filter(|count| *count > 0).ok_or(format!("{text:?}: out of range"))
}

pub(super) fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let expected = "expected a seed or a range of them (as in 7, 0..1000 or 5000..)";
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?}: {expected}"));
    match text.split_once("..") {
        None => {
            let seed = number(text)?;
            Ok(seed..seed.checked_add(1).ok_or("that seed is too large")?)
        }
        Some((from, to)) => {
            let end = if to.is_empty() { u64::MAX } else { number(to)? };
            let range = number(from)?..end;
            if range.is_empty() { Err(format!("{text}: no seed lies in it")) } else { Ok(range) }
        }
    }
}

/// A time of at least a second: `90s`, `10m`, `8h`.
pub(in crate::cli) fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let known = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let expected = || format!("{text:?}: expected a time such as 90s, 10m, 8h");
    let (digits, seconds) = known.ok_or_else(expected)?;
    let number: u64 = digits.parse().map_err(|_| expected())?;
    let time = number.checked_mul(*seconds).filter(|time| *time > 0);
    time.map(Duration::from_secs).ok_or(format!("{text:?}: out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_part_the_seeds() {
        for seeds in [0..0, 7..8, 0..10, 5..17] {
            let mut taken = Vec::new();
            for index in 0..4 {
                let shard: Shard = format!("{index}/4").parse().unwrap();
                let own = seeds.clone().skip(index).step_by(4);
                assert_eq!(own.clone().count() as u64, shard.share_of(&seeds), "{seeds:?}");
                assert!(own.clone().eq(shard.of(seeds.clone())), "{seeds:?}");
                taken.extend(own);
            }
            taken.sort_unstable();
            assert_eq!(taken, seeds.collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "1", "4/4", "1/0", "-1/4", "0/2000000", "a/b", "0/4/1"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("3/4".parse(), Ok(Shard { index: 3, count: 4 }));
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "90", "0s", "s", "1.5h", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
