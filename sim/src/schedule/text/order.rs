//! The sentences about single steps and calls of the node: faults and deviations.

use super::super::limits::RESERVED_VERB;
use super::super::{ActorId, Anchor, Call, Deviation, Effect, Fault, REPEAT_MAX, VALUE_BYTES_MAX};
use super::cursor::{Cursor, Parsed, looks_like_actor};
use super::error::{Expected, Mistake};
use super::lexer::Kind;

/// What a driver does for its tenant. The names are nouns in a sentence: `node's 2nd send to p1`.
/// Some happen to it: something arrives, it looks at its sockets, somebody leaves something at its
/// door, or wakes it, a disk carries out what it asked for.
pub(super) const ACTIONS: [&str; 16] = [
    "append",
    "arrival",
    "close",
    "create",
    "dial",
    "finish",
    "poll",
    "push",
    "receive",
    "remove",
    "rename",
    "send",
    "stop-listening",
    "sync",
    "sync-folder",
    "wake",
];

/// The words that may stand between a step and its actor.
const PREPOSITIONS: [&str; 5] = ["for", "from", "of", "to", "with"];

const CALLS: [(&str, Call); 6] = [
    ("accept", Call::Accept),
    ("connect", Call::Connect),
    ("send", Call::Send),
    ("recv", Call::Recv),
    ("append", Call::Append),
    ("sync", Call::Sync),
];

const CALLS_PLURAL: [(&str, Call); 6] = [
    ("accepts", Call::Accept),
    ("connects", Call::Connect),
    ("sends", Call::Send),
    ("recvs", Call::Recv),
    ("appends", Call::Append),
    ("syncs", Call::Sync),
];

/// How a call ends that does not end well. Words stand for effects without a number.
const FAILURES: [(&str, Effect); 8] = [
    ("reset", Effect::Reset),
    ("timed out", Effect::TimedOut),
    ("out of descriptors", Effect::OutOfDescriptors),
    ("out of memory", Effect::OutOfMemory),
    ("unreachable", Effect::Unreachable),
    ("aborted", Effect::Aborted),
    ("no space", Effect::NoSpace),
    ("io", Effect::Io),
];

/// The word between a call and its actor; a call on a file has none.
pub(super) const fn call_preposition(call: Call) -> Option<&'static str> {
    match call {
        Call::Send | Call::Connect => Some("to"),
        Call::Recv | Call::Accept => Some("from"),
        Call::Append | Call::Sync => None,
    }
}

/// The word between a step and its actor, with a space behind it; nothing where the actor is the
/// object.
pub(super) fn step_preposition(verb: &str) -> &'static str {
    match verb {
        "handles" | "delivers" | "receive" | "arrival" => "from ",
        "sends" | "send" | "dial" => "to ",
        "serves" | "accepts" => "",
        "close" | "finish" | "stop-listening" => "of ",
        _ => "for ",
    }
}

/// Whether an object of a step is understood without quotes.
pub(super) fn is_bare_object(object: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    !object.is_empty()
        && object.bytes().all(plain)
        && !PREPOSITIONS.contains(&object)
        && !looks_like_actor(object)
}

/// `node's next send to p1 takes 40 bytes`, behind `fault`.
pub(super) fn fault(cursor: &mut Cursor<'_>) -> Parsed<Fault> {
    cursor.words("node's")?;
    let (nth, times) = which(cursor)?;
    let calls = if times == 1 { CALLS } else { CALLS_PLURAL };
    let call = cursor.choose(&calls, &[])?;
    let actor = call_actor(cursor, call)?;
    let effect = effect(cursor, call, times)?;
    Ok(Fault { call, nth, times, actor, effect })
}

/// `next`, `next 3`, `2nd`, `2nd to 4th`: from which, and how many.
fn which(cursor: &mut Cursor<'_>) -> Parsed<(u32, u32)> {
    if cursor.eat("next") {
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        if cursor.peek_word().is_some_and(is_number) {
            return Ok((1, cursor.number("a number of calls", REPEAT_MAX)?));
        }
        return Ok((1, 1));
    }
    if !cursor.peek_word().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        let ordinal = Expected::Sort("an ordinal (2nd, 3rd ...)");
        return Err(cursor.unexpected(vec![Expected::Words("next"), ordinal]));
    }
    let first = cursor.ordinal(REPEAT_MAX)?;
    if !cursor.eat("to") {
        return Ok((first, 1));
    }
    let not_later = cursor.unexpected(vec![Expected::Sort("a later ordinal")]);
    let last = cursor.ordinal(first + REPEAT_MAX - 1)?;
    match last.checked_sub(first) {
        Some(more) => Ok((first, more + 1)),
        None => Err(not_later),
    }
}

fn call_actor(cursor: &mut Cursor<'_>, call: Call) -> Parsed<Option<ActorId>> {
    let has_actor = call_preposition(call).is_some_and(|word| cursor.eat(word));
    if has_actor { cursor.actor().map(Some) } else { Ok(None) }
}

/// `takes 40 bytes`, `would block`, `fails: reset`: what can happen to this call, or these.
fn effect(cursor: &mut Cursor<'_>, call: Call, times: u32) -> Parsed<Effect> {
    #[derive(Clone, Copy)]
    enum Form {
        Bytes,
        WouldBlock,
        Fails,
    }
    let [takes, gets, fails] =
        if times == 1 { ["takes", "gets", "fails"] } else { ["take", "get", "fail"] };
    let forms: &[_] = match call {
        Call::Send => {
            &[(takes, Form::Bytes), ("would block", Form::WouldBlock), (fails, Form::Fails)]
        }
        Call::Recv => {
            &[(gets, Form::Bytes), ("would block", Form::WouldBlock), (fails, Form::Fails)]
        }
        Call::Accept => &[("would block", Form::WouldBlock), (fails, Form::Fails)],
        Call::Append => &[(takes, Form::Bytes), (fails, Form::Fails)],
        Call::Connect | Call::Sync => &[(fails, Form::Fails)],
    };
    match cursor.choose(forms, &[])? {
        Form::Bytes => cursor.byte_count().map(Effect::Bytes),
        Form::WouldBlock => Ok(Effect::WouldBlock),
        Form::Fails => {
            cursor.colon()?;
            let fitting: Vec<_> =
                FAILURES.into_iter().filter(|(_, effect)| effect.fits(call)).collect();
            cursor.choose(&fitting, &[])
        }
    }
}

/// `before node handles verack from p1: run opener`, behind `order`.
pub(super) fn deviation(cursor: &mut Cursor<'_>) -> Parsed<Deviation> {
    #[derive(Clone, Copy)]
    enum Form {
        Before,
        At,
    }
    match cursor.choose(&[("before", Form::Before), ("at", Form::At)], &[])? {
        Form::Before => {
            let anchor = anchor(cursor)?;
            cursor.colon()?;
            cursor.words("run")?;
            let run = cursor.name("the name of a task (as in opener)")?.into();
            Ok(Deviation::Before { anchor, run })
        }
        Form::At => {
            cursor.words("node's")?;
            let nth = cursor.ordinal(u32::MAX)?;
            let call = cursor.choose(&CALLS, &[])?;
            let actor = call_actor(cursor, call)?;
            cursor.colon()?;
            Ok(Deviation::At { call, actor, nth, effect: effect(cursor, call, 1)? })
        }
    }
}

fn anchor(cursor: &mut Cursor<'_>) -> Parsed<Anchor> {
    if cursor.choose(&[("node", false), ("node's", true)], &[])? {
        return action_anchor(cursor);
    }
    cursor.eat(RESERVED_VERB);
    if cursor.peek_word() == Some(RESERVED_VERB) {
        return Err(cursor.problem(Mistake::Reserved { name: RESERVED_VERB.to_owned() }));
    }
    let verb = cursor.name("a step (as in handles or serves)")?.into();
    let object = object(cursor)?;
    let actor = step_actor(cursor)?;
    let nth = if cursor.eat("for") {
        cursor.words("the")?;
        let nth = cursor.ordinal(u32::MAX)?;
        cursor.words("time")?;
        nth
    } else {
        1
    };
    Ok(Anchor { verb, object, actor, nth })
}

/// `2nd send to p1`, behind `node's`.
fn action_anchor(cursor: &mut Cursor<'_>) -> Parsed<Anchor> {
    let nth = cursor.ordinal(u32::MAX)?;
    let verb = cursor.choose(&ACTIONS.map(|name| (name, name)), &[])?;
    let actor = step_actor(cursor)?;
    Ok(Anchor { verb: verb.into(), object: String::new(), actor, nth })
}

/// What a step is about: one word, or anything in quotes; nothing if it has no object.
fn object(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let Some(token) = cursor.peek() else { return Ok(String::new()) };
    let object = match &token.kind {
        Kind::Word if is_bare_object(token.text) => token.text.to_owned(),
        Kind::Quoted(text) => text.clone(),
        Kind::Word | Kind::Comma | Kind::Colon => return Ok(String::new()),
    };
    if object.len() > VALUE_BYTES_MAX {
        return Err(cursor.too_many("bytes in an object", VALUE_BYTES_MAX));
    }
    cursor.skip();
    Ok(object)
}

/// `from p1`, or `p1`; nothing if no actor is concerned.
fn step_actor(cursor: &mut Cursor<'_>) -> Parsed<Option<ActorId>> {
    if cursor.is_at_actor() {
        return cursor.actor().map(Some);
    }
    let is_preposition = cursor.peek_word().is_some_and(|word| PREPOSITIONS.contains(&word));
    if !is_preposition || cursor.peek_word_after(1) == Some("the") {
        return Ok(None);
    }
    cursor.skip();
    cursor.actor().map(Some)
}
