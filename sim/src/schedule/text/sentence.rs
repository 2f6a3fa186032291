//! The sentences of the script.

use std::time::Duration;

use super::super::{
    ActorId, Expect, Jump, LITERAL_BYTES_MAX, LinkChange, Manner, Op, Ordering, When,
};
use super::cursor::{ACTOR, Cursor, Parsed, TIME};
use super::error::Expected;
use super::{items, order};

/// A time at the left, if there is one.
pub(super) fn when(cursor: &mut Cursor<'_>) -> Parsed<When> {
    let Some(word) = cursor.peek_word() else { return Ok(When::Same) };
    let after = word.starts_with('+');
    if !after && !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Ok(When::Same);
    }
    let Some(time) = cursor.duration(word.strip_prefix('+').unwrap_or(word))? else {
        return Err(cursor.unexpected(vec![TIME]));
    };
    cursor.skip();
    Ok(if after { When::After(time) } else { When::At(time) })
}

/// What stands behind the time. `others` are what else could.
pub(super) fn op(cursor: &mut Cursor<'_>, others: &[Expected]) -> Parsed<Op> {
    #[derive(Clone, Copy)]
    enum Subject {
        Node,
        Link,
        Wall,
        Fault,
        Expect,
    }
    if cursor.is_at_actor() {
        let actor = cursor.actor()?;
        return actor_does(cursor, actor);
    }
    let subjects = [
        ("node", Subject::Node),
        ("link", Subject::Link),
        ("wall", Subject::Wall),
        ("fault", Subject::Fault),
        ("expect", Subject::Expect),
    ];
    let others: Vec<_> = [ACTOR].iter().chain(others).copied().collect();
    match cursor.choose(&subjects, &others)? {
        Subject::Node => node_does(cursor),
        Subject::Link => link_changes(cursor),
        Subject::Wall => {
            cursor.words("jumps")?;
            let (forward, by) = cursor.signed_time()?;
            let direction = if forward { Jump::Forward } else { Jump::Back };
            Ok(Op::WallJump { direction, by })
        }
        Subject::Fault => order::fault(cursor).map(Op::Fault),
        Subject::Expect => expect(cursor).map(Op::Expect),
    }
}

fn actor_does(cursor: &mut Cursor<'_>, actor: ActorId) -> Parsed<Op> {
    #[derive(Clone, Copy)]
    enum Verb {
        Dials,
        Listens,
        Sends,
        Is,
        Stops,
        Reads,
        HalfCloses,
        Closes,
        Resets,
        Vanishes,
    }
    let verbs = [
        ("dials", Verb::Dials),
        ("listens", Verb::Listens),
        ("sends", Verb::Sends),
        ("is", Verb::Is),
        ("stops reading", Verb::Stops),
        ("reads again", Verb::Reads),
        ("half-closes", Verb::HalfCloses),
        ("closes", Verb::Closes),
        ("resets", Verb::Resets),
        ("vanishes", Verb::Vanishes),
    ];
    Ok(match cursor.choose(&verbs, &[])? {
        Verb::Dials => {
            let from = if cursor.eat("from") { Some(cursor.address()?) } else { None };
            cursor.end_or(from.map_or(&[Expected::Words("from")][..], |_| &[]))?;
            Op::Dial { actor, from }
        }
        Verb::Listens => {
            let at = if cursor.eat("at") { Some(cursor.address()?) } else { None };
            cursor.end_or(at.map_or(&[Expected::Words("at")][..], |_| &[]))?;
            Op::Listen { actor, at }
        }
        Verb::Sends => Op::Send { actor, items: items::list(cursor)? },
        Verb::Is => {
            let manners = [
                ("scripted", Manner::Scripted),
                ("honest", Manner::Honest),
                ("silent", Manner::Silent),
                ("slow", Manner::Slow),
                ("chatty", Manner::Chatty),
                ("flooding", Manner::Flooding),
                ("hostile", Manner::Hostile),
                ("deaf", Manner::Deaf),
                ("trickling", Manner::Trickling),
            ];
            Op::Behave { actor, manner: cursor.choose(&manners, &[])? }
        }
        Verb::Stops => Op::StopReading { actor },
        Verb::Reads => Op::ReadAgain { actor },
        Verb::HalfCloses => Op::HalfClose { actor },
        Verb::Closes => Op::Close { actor },
        Verb::Resets => Op::Reset { actor },
        Verb::Vanishes => Op::Vanish { actor },
    })
}

fn node_does(cursor: &mut Cursor<'_>) -> Parsed<Op> {
    #[derive(Clone, Copy)]
    enum Verb {
        Dials,
        Drops,
        IsTold,
        Restarts,
        Crashes,
        Stalls,
    }
    let verbs = [
        ("dials", Verb::Dials),
        ("drops", Verb::Drops),
        ("is told", Verb::IsTold),
        ("restarts", Verb::Restarts),
        ("crashes", Verb::Crashes),
        ("stalls", Verb::Stalls),
    ];
    Ok(match cursor.choose(&verbs, &[Expected::Sort("a setting before the script")])? {
        Verb::Dials if cursor.eat("itself") => Op::NodeDialsItself,
        Verb::Dials if cursor.is_at_actor() => Op::NodeDials { actor: cursor.actor()? },
        Verb::Dials => return Err(cursor.unexpected(vec![ACTOR, Expected::Words("itself")])),
        Verb::Drops => Op::NodeDrops { actor: cursor.actor()? },
        Verb::IsTold => Op::NodeTold { word: items::word(cursor)? },
        Verb::Restarts => Op::NodeRestarts,
        Verb::Crashes => Op::NodeCrashes,
        Verb::Stalls => Op::NodeStalls { by: cursor.time()? },
    })
}

fn link_changes(cursor: &mut Cursor<'_>) -> Parsed<Op> {
    #[derive(Clone, Copy)]
    enum Change {
        Latency,
        Bandwidth,
        Chunks,
        Is(LinkChange),
    }
    let actor = cursor.actor()?;
    let changes = [
        ("latency", Change::Latency),
        ("bandwidth", Change::Bandwidth),
        ("chunks", Change::Chunks),
        ("swallows all", Change::Is(LinkChange::SwallowAll)),
        ("swallows to node", Change::Is(LinkChange::SwallowToNode)),
        ("swallows from node", Change::Is(LinkChange::SwallowFromNode)),
        ("heals", Change::Is(LinkChange::Heal)),
    ];
    let change = match cursor.choose(&changes, &[])? {
        Change::Latency => LinkChange::Latency(cursor.time()?),
        Change::Bandwidth => {
            LinkChange::Bandwidth(cursor.long_number("a number of bytes a second", u64::MAX)?)
        }
        Change::Chunks => {
            LinkChange::Chunks(cursor.number("a number of bytes", LITERAL_BYTES_MAX)?)
        }
        Change::Is(change) => change,
    };
    Ok(Op::Link { actor, change })
}

fn expect(cursor: &mut Cursor<'_>) -> Parsed<Expect> {
    #[derive(Clone, Copy)]
    enum Verb {
        Keeps,
        Drops,
        Connects,
    }
    if cursor.is_at_actor() {
        let actor = cursor.actor()?;
        let forms = [("receives", false), ("never receives", true)];
        if cursor.choose(&forms, &[])? {
            return Ok(Expect::NeverReceives { actor, word: items::word(cursor)? });
        }
        return receives(cursor, actor);
    }
    cursor.choose(&[("node", ())], &[ACTOR])?;
    let verbs = [("keeps", Verb::Keeps), ("drops", Verb::Drops), ("connects", Verb::Connects)];
    let verb = cursor.choose(&verbs, &[])?;
    let actor = cursor.actor()?;
    match verb {
        Verb::Keeps => Ok(Expect::Keeps { actor }),
        Verb::Connects => Ok(Expect::Connects { actor, within: within(cursor)? }),
        Verb::Drops => {
            let within = within(cursor)?;
            if cursor.peek().is_none() {
                return Ok(Expect::Drops { actor, within, because: None });
            }
            cursor.words("because")?;
            let because = cursor.name("the name of a reason (as in handshake-timeout)")?;
            Ok(Expect::Drops { actor, within, because: Some(because) })
        }
    }
}

fn receives(cursor: &mut Cursor<'_>, actor: ActorId) -> Parsed<Expect> {
    let words = items::expected_words(cursor)?;
    let order = if cursor.peek_word() == Some("in") {
        let orders = [("in order", Ordering::InOrder), ("in any order", Ordering::AnyOrder)];
        let order = cursor.choose(&orders, &[])?;
        cursor.eat_comma();
        order
    } else {
        Ordering::AnyOrder
    };
    let within = within(cursor)?;
    Ok(Expect::Receives { actor, words, order, within })
}

fn within(cursor: &mut Cursor<'_>) -> Parsed<Duration> {
    cursor.eat_comma();
    cursor.words("within")?;
    cursor.time()
}
