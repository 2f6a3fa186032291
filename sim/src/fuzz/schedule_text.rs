//! The three forms of a schedule hold the same value: whatever bytes are a text go through all of
//! them, and any bytes are a schedule that does.

use super::Judged;
use crate::schedule::Schedule;

/// Takes bytes through every form of a schedule.
///
/// # Panics
///
/// A form holds something else than it was given.
pub fn schedule_text(bytes: &[u8]) -> Judged {
    let decoded = Schedule::from_bytes(bytes);
    assert_held("bytes", &decoded);
    let parsed = std::str::from_utf8(bytes).map(|text| Schedule::parse("input", text));
    let Ok(Ok(parsed)) = parsed else { return Judged::Trivial };
    assert_held("text", &parsed);
    Judged::Passed
}

/// Prints, parses, encodes and decodes a schedule.
fn assert_held(origin: &str, schedule: &Schedule) {
    assert_eq!(schedule.check(), Ok(()), "{origin} are a valid schedule");
    let text = schedule.to_string();
    match Schedule::parse("printed", &text) {
        Ok(again) => {
            assert_eq!(&again, schedule, "from {origin}, through this text:\n{text}");
            assert_eq!(again.to_string(), text, "from {origin}: a print is the only one");
        }
        Err(error) => panic!("from {origin}: {error}\n{text}"),
    }
    let bare = schedule.clone().without_comments();
    let again = Schedule::from_bytes(&schedule.to_bytes());
    assert_eq!(again, bare, "from {origin}, through bytes:\n{text}");
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    #[test]
    fn any_bytes_and_what_they_print_are_held() {
        for seed in 0..500 {
            let bytes = random_bytes(seed, 200);
            schedule_text(&bytes);
            let text = Schedule::from_bytes(&bytes).to_string();
            assert_eq!(schedule_text(text.as_bytes()), Judged::Passed, "seed {seed}");
        }
    }

    #[test]
    fn what_is_no_text_is_trivial() {
        assert_eq!(schedule_text(b"format 1\n\np1 dies\n"), Judged::Trivial);
    }
}
