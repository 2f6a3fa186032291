//! What is said becomes what a script says, to the byte; and what is recorded replays.

use sha2::{Digest as _, Sha256};
use sockman::time::Now;

use super::*;
use crate::run::Options;
use crate::subject::Dialect as _;
use crate::subjects::connman::{HEADER_BYTES, Speaker};
use crate::subjects::run_named;

const MS: Duration = Duration::from_millis(1);

/// Bytes of words, as a peer says them.
fn said(words: &[Word]) -> Vec<u8> {
    let (mut speaker, mut bytes) = (Speaker::new(9), Vec::new());
    words.iter().for_each(|word| speaker.encode(Now::default(), word, &mut bytes).unwrap());
    bytes
}

fn word(text: &str) -> Word {
    let mut parts = text.split(' ');
    let mut word = Word::plain(parts.next().unwrap());
    word.settings = parts
        .map(|setting| setting.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    word
}

fn client(texts: &[&str]) -> Heard {
    Heard::Said(Side::Client, said(&texts.iter().copied().map(word).collect::<Vec<_>>()))
}

fn node(texts: &[&str]) -> Heard {
    Heard::Said(Side::Node, said(&texts.iter().copied().map(word).collect::<Vec<_>>()))
}

/// The script of a session, without its head.
fn script(session: &[(u32, Heard)]) -> String {
    let mut tape = Tape::default();
    session.iter().for_each(|(at, heard)| tape.note(MS * *at, heard).unwrap());
    let text = tape.schedule(Vec::new()).unwrap().to_string();
    text.split_once("\n\n").unwrap().1.to_owned()
}

#[test]
fn session_reads_as_somebody_would_have_written_it() {
    let session = [
        (0, client(&["version services=0 relay=0"])),
        (3, node(&["version", "wtxidrelay", "sendaddrv2", "verack"])),
        (4, client(&["verack", "ping nonce=7", "ping nonce=7", "feefilter rate=5"])),
        (9, node(&["ping nonce=99", "pong nonce=7", "pong nonce=7"])),
        (12, client(&["pong nonce=99", "hello length=3"])),
        (2_012, node(&["sendcmpct"])),
        (2_100, Heard::Ended(Side::Client, None)),
    ];
    let expected = "\
0ms      p1 dials
         p1 sends version services=0 relay=0
expect   p1 receives version, wtxidrelay, sendaddrv2, verack, in order, within 1s
4ms      p1 sends verack, ping nonce=7 x2, feefilter rate=5
expect   p1 receives ping, pong nonce=7 x2, in order, within 1s
12ms     p1 sends pong xor=0, hello length=3
expect   p1 receives sendcmpct, in order, within 2s
2100ms   p1 closes
";
    assert_eq!(script(&session), expected);
}

#[test]
fn what_no_word_says_is_said_in_bytes() {
    let mut broken = said(&[word("ping nonce=1")]);
    broken[20] ^= 1;
    let odd = said(&[word("addr length=2")]);
    let mut filled = odd.clone();
    filled[HEADER_BYTES..].copy_from_slice(&[1, 2]);
    let digest = Sha256::digest(Sha256::digest([1, 2]));
    filled[20..24].copy_from_slice(&digest[..4]);
    let session = [
        (0, client(&["version"])),
        (
            1,
            Heard::Said(
                Side::Client,
                [&broken[..], &odd, &filled, b"junk with no magic, and more"].concat(),
            ),
        ),
        (1, Heard::Ended(Side::Node, Some(Failure::Reset))),
    ];
    let text = script(&session);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for bytes in [&broken[..], &filled, b"junk with no magic, and more"] {
        assert!(text.contains(&format!("hex {}", hex(bytes))), "{text}");
    }
    assert!(text.contains("addr length=2"), "{text}");
    assert!(text.ends_with("expect   node drops p1 within 1s\n"), "{text}");
}

#[test]
fn session_is_the_same_however_its_bytes_are_cut() {
    let (one, other) =
        (["version", "verack", "ping nonce=3"], ["version", "verack", "pong nonce=3"]);
    let whole = script(&[(0, client(&one)), (1, node(&other))]);
    let (Heard::Said(_, one), Heard::Said(_, other)) = (client(&one), node(&other)) else {
        unreachable!("they are said")
    };
    for cut in 1..one.len().min(other.len()) {
        let mut tape = Tape::default();
        for (at, side, bytes) in [(0, Side::Client, &one), (1, Side::Node, &other)] {
            for part in [&bytes[..cut], &bytes[cut..]] {
                tape.note(MS * at, &Heard::Said(side, part.to_vec())).unwrap();
            }
        }
        let text = tape.schedule(Vec::new()).unwrap().to_string();
        assert_eq!(text.split_once("\n\n").unwrap().1, whole, "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_recorded_is_refused_with_the_reason() {
    let main = [&[0xf9, 0xbe, 0xb4, 0xd9][..], b"version\0\0\0\0\0"].concat();
    for (bytes, expected) in [
        (vec![7; 64], NotRecorded::Encrypted),
        (main, NotRecorded::OtherNetwork([0xf9, 0xbe, 0xb4, 0xd9])),
    ] {
        for cut in 0..bytes.len() {
            let mut tape = Tape::default();
            let first =
                tape.note(Duration::ZERO, &Heard::Said(Side::Client, bytes[..cut].to_vec()));
            let told = first.and_then(|()| {
                tape.note(Duration::ZERO, &Heard::Said(Side::Client, bytes[cut..].to_vec()))
            });
            assert_eq!(told, Err(expected), "cut at {cut}");
        }
    }
    assert_eq!(Tape::default().schedule(Vec::new()), Err(NotRecorded::Nothing));
}

/// What a real node was heard to say replays with ours.
#[test]
fn record_replays() {
    let session = [
        (0, client(&["version"])),
        (2, node(&["version", "wtxidrelay", "sendaddrv2", "verack"])),
        (3, client(&["wtxidrelay", "sendaddrv2", "verack", "ping nonce=5"])),
        (5, node(&["ping nonce=1", "pong nonce=5"])),
        (6, client(&["pong nonce=1"])),
    ];
    let mut tape = Tape::default();
    session.iter().for_each(|(at, heard)| tape.note(MS * *at, heard).unwrap());
    let schedule = tape.schedule(vec!["A record.".to_owned()]).unwrap();
    let again = Schedule::parse("record", &schedule.to_string()).unwrap();
    assert_eq!(again, schedule);
    let report = run_named(&schedule, &Options::default()).unwrap();
    assert!(report.verdict.is_passed(), "{}", report.told(None));
}

#[test]
fn session_of_any_length_is_a_schedule_that_reads_back() {
    let mut tape = Tape::default();
    let (asks, answers) = (client(&["ping nonce=7"]), node(&["pong nonce=7"]));
    for at in 0..LINES_MAX {
        let at = MS * u32::try_from(at).unwrap();
        tape.note(at, &asks).unwrap();
        tape.note(at, &answers).unwrap();
    }
    assert!(tape.is_cut());
    let schedule = tape.schedule(Vec::new()).unwrap();
    assert_eq!(schedule.script.len(), LINES_MAX);
    assert_eq!(Schedule::parse("session", &schedule.to_string()), Ok(schedule));
}
