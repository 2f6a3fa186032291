//! A schedule: what the outside does, and in which order the node's tasks took it, as data.
//!
//! It has two layers. The *script* is what the outside does: actors, bytes, faults, times,
//! expectations. The *order* is a sparse list of deviations from the default order, each anchored
//! by the name of a step, never by a count of steps. Three forms hold the same value: this one,
//! text for people (`text/`; exact both ways), and bytes for fuzzers (`bytes/`; any bytes are
//! a schedule, and a shorter input is a shorter schedule). What makes a value valid, so that all
//! three can hold it, is in `limits.rs`.
//!
//! The language itself is described on one page, corpus/README.md.

mod about;
mod bytes;
mod limits;
#[cfg(test)]
mod random;
pub mod text;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

pub use limits::{Invalid, Place};
pub use text::{ParseError, Source};

/// The number that the first line of a text carries. It changes when old texts change meaning.
pub const FORMAT: u32 = 1;

/// What is under test, if a schedule does not say.
pub const SUBJECT_DEFAULT: &str = "connman";

/// Most actors of one schedule: names run from `p1` to `p64`.
pub const ACTORS_MAX: u16 = 64;

/// Most lines of a script.
pub const LINES_MAX: usize = 10_000;

/// Most lines of an order: a run in which nearly every step was not the default's.
pub const ORDER_LINES_MAX: usize = 1_000_000;

/// Most repeats of one word (`ping x200`).
pub const REPEAT_MAX: u32 = 1_000_000;

/// Most bytes of one literal or of one run of junk.
pub const LITERAL_BYTES_MAX: u32 = 8_000_000;

/// Longest time that one line may wait: 400 days.
pub const TIME_MAX: Duration = Duration::from_secs(400 * 86_400);

/// Most letters of a name: the longest command on the wire has 12, a reason or a task a few words.
pub const NAME_BYTES_MAX: usize = 64;

/// Most bytes of the value of a setting, or of the object of a step.
pub const VALUE_BYTES_MAX: usize = 1_000;

/// Most settings of the node, or of one word.
pub const SETTINGS_MAX: usize = 100;

/// Most things that one line sends or expects.
pub const ITEMS_MAX: usize = 1_000;

/// Most lines of the title, or of the comment above one line.
pub const COMMENT_LINES_MAX: usize = 1_000;

/// A whole schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The comment at the head: what the case is, why it exists, where it comes from. A line each,
    /// without the `#`, trimmed at the end.
    pub title: Vec<String>,
    /// What is under test: `connman`, `echo`, or a stranger's.
    pub subject: String,
    /// Settings of the node, in the order of the text: `max-inbound`, `8`. Keys are names, but not
    /// `connects`, `crashes`, `dials`, `drops`, `is`, `keeps`, `restarts`; a value is the rest of a
    /// line, perhaps nothing.
    pub node: Vec<(String, String)>,
    /// The script.
    pub script: Vec<Line>,
    /// The deviations.
    pub order: Vec<Deviation>,
}

/// Who does something: 1 is written `p1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub u16);

impl ActorId {
    /// The last that has a name.
    pub const MAX: Self = Self(ACTORS_MAX);
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// One line of the script: a time and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: When,
    /// What.
    pub op: Op,
    /// Comment lines that stand above it.
    pub comment: Vec<String>,
}

/// When a line happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// With the line before it: nothing at the left.
    Same,
    /// So long after the line before it: `+10ms`.
    After(Duration),
    /// So long after the start: `0ms`. Earlier than the line before it means at once.
    At(Duration),
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// `p1 dials from 203.0.113.7:40000`: connects to the node. Without `from`, the actor's own
    /// address and a port of its kernel's choice.
    Dial {
        /// Who.
        actor: ActorId,
        /// From where.
        from: Option<SocketAddr>,
    },
    /// `p2 listens at 198.51.100.2:8333`; without `at`, the actor's own address and the usual port.
    Listen {
        /// Who.
        actor: ActorId,
        /// Where.
        at: Option<SocketAddr>,
    },
    /// `node dials p2`, where it listens or would listen.
    NodeDials {
        /// Whom.
        actor: ActorId,
    },
    /// `node drops p1`: the node is asked to disconnect it.
    NodeDrops {
        /// Whom.
        actor: ActorId,
    },
    /// `node dials itself`, where it listens.
    NodeDialsItself,
    /// `node is told network active=off`: another command, in its subject's words.
    NodeTold {
        /// Which.
        word: Word,
    },
    /// `node restarts`: its process ends without a warning, its kernel closes what it had open, and
    /// a new one begins from what is on its disk.
    NodeRestarts,
    /// `node crashes`: as `node restarts`, and of what its disk had not made durable the seed says
    /// how much is left.
    NodeCrashes,
    /// `node stalls 5s`: its process gets no processor for so long, and its kernel goes on.
    NodeStalls {
        /// For how long.
        by: Duration,
    },
    /// `p1 sends version, verack, ping x200`.
    Send {
        /// Who.
        actor: ActorId,
        /// What, in order.
        items: Vec<Item>,
    },
    /// `p1 is honest`: how it behaves by itself from now on.
    Behave {
        /// Who.
        actor: ActorId,
        /// How.
        manner: Manner,
    },
    /// `p1 stops reading`: bytes pile up in its kernel, then its window closes.
    StopReading {
        /// Who.
        actor: ActorId,
    },
    /// `p1 reads again`.
    ReadAgain {
        /// Who.
        actor: ActorId,
    },
    /// `p1 half-closes`: sends FIN and goes on reading.
    HalfClose {
        /// Who.
        actor: ActorId,
    },
    /// `p1 closes`.
    Close {
        /// Who.
        actor: ActorId,
    },
    /// `p1 resets`: RST.
    Reset {
        /// Who.
        actor: ActorId,
    },
    /// `p1 vanishes`: its host forgets every connection and says nothing. What still comes for them
    /// is answered by RST.
    Vanish {
        /// Who.
        actor: ActorId,
    },
    /// `link p1 latency 50ms`, `link p1 swallows all`, `link p1 heals` and so on.
    Link {
        /// Between the node and whom.
        actor: ActorId,
        /// What becomes of it.
        change: LinkChange,
    },
    /// `wall jumps +1h` or `-1h`: somebody sets the node's wall clock.
    WallJump {
        /// Which way.
        direction: Jump,
        /// How far.
        by: Duration,
    },
    /// `fault node's next send to p1 takes 40 bytes`.
    Fault(Fault),
    /// `expect p1 receives pong x200, in order, within 1s`.
    Expect(Expect),
}

/// One thing that an actor sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message by its word, some times: `ping nonce=7 x200`.
    Word {
        /// Which message.
        word: Word,
        /// How often, 1 or more.
        times: u32,
    },
    /// The first bytes of a message: `10 bytes of ping`. The others come with `the rest`, or never.
    Part {
        /// How many, 1 or more.
        bytes: u32,
        /// Of which message.
        word: Word,
    },
    /// What is left of the last part: `the rest`.
    Rest,
    /// These bytes, at least one: `hex 0a0b0c`.
    Bytes(Vec<u8>),
    /// Bytes without meaning, the same for each run, 1 or more: `500 bytes of junk`.
    Junk(u32),
}

/// A message by name, with settings that differ from the usual: `version protocol=31799`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Lower-case letters, digits and `-`; a letter first. Not `hex`, `in`, `junk`, `the` or
    /// `within`.
    pub name: String,
    /// Settings, in the order of the text. Keys are names; values have no space and no comma, and
    /// may be empty.
    pub settings: Vec<(String, String)>,
}

/// How an actor behaves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Only does what the script says; reads and drops what it gets. The manner at the start.
    Scripted,
    /// Follows the protocol: shakes hands, answers, keeps the connection.
    Honest,
    /// Connects and says nothing; reads.
    Silent,
    /// As honest, but reads and writes a few bytes at a time.
    Slow,
    /// As honest, and says something of its own five times a second.
    Chatty,
    /// Shakes hands, then asks for 400 answers a second, and reads.
    Flooding,
    /// Shakes hands, then says ten times a second something that it should not.
    Hostile,
    /// As honest for half a minute; then says something every half minute, and answers nothing.
    Deaf,
    /// As honest, but a byte a second.
    Trickling,
}

impl Manner {
    /// Every manner.
    pub const ALL: [Self; 9] = [
        Self::Scripted,
        Self::Honest,
        Self::Silent,
        Self::Slow,
        Self::Chatty,
        Self::Flooding,
        Self::Hostile,
        Self::Deaf,
        Self::Trickling,
    ];
}

/// What becomes of the link between the node and an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// `latency 50ms`: each way.
    Latency(Duration),
    /// `bandwidth 10000`: bytes a second each way, 1 or more.
    Bandwidth(u64),
    /// `chunks 100`: at most so many bytes arrive together.
    Chunks(u32),
    /// `swallows all`: nothing arrives, in either direction.
    SwallowAll,
    /// `swallows to node`: nothing arrives at the node.
    SwallowToNode,
    /// `swallows from node`: nothing arrives from the node.
    SwallowFromNode,
    /// `heals`: as at the start.
    Heal,
}

/// Which way the wall clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// Later.
    Forward,
    /// Earlier.
    Back,
}

/// A call on a socket or a file, as a fault or a deviation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `accept`.
    Accept,
    /// `connect`.
    Connect,
    /// `send`.
    Send,
    /// `recv`.
    Recv,
    /// `append`: a part is added to a file.
    Append,
    /// `sync`: a file, or the folder, is made durable.
    Sync,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 6] =
        [Self::Accept, Self::Connect, Self::Send, Self::Recv, Self::Append, Self::Sync];

    /// Whether it is one on a file, which is with nobody.
    #[must_use]
    pub const fn is_on_files(self) -> bool {
        matches!(self, Self::Append | Self::Sync)
    }
}

/// What the environment makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// `takes 40 bytes` (send, append) or `gets 40 bytes` (recv): at most so many, 1 or more.
    Bytes(u32),
    /// `would block`, though it need not (accept, send, recv).
    WouldBlock,
    /// `fails: reset`: the connection is reset (connect, send, recv).
    Reset,
    /// `fails: timed out` (connect, send, recv).
    TimedOut,
    /// `fails: out of descriptors` (accept, connect).
    OutOfDescriptors,
    /// `fails: out of memory` (send).
    OutOfMemory,
    /// `fails: unreachable` (connect).
    Unreachable,
    /// `fails: aborted` (accept).
    Aborted,
    /// `fails: no space` (append).
    NoSpace,
    /// `fails: io` (append, sync): the disk is broken there.
    Io,
}

/// `fault node's next send to p1 takes 40 bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which call.
    pub call: Call,
    /// The how-manieth from here, 1 being the next: `node's 2nd send`.
    pub nth: u32,
    /// And how many in a row, 1 or more: `node's next 3 sends take 40 bytes`,
    /// `node's 2nd to 4th sends`.
    pub times: u32,
    /// On a connection with whom (`send to p1`, `recv from p1`, `connect to p1`, `accept from p1`);
    /// `None` is any.
    pub actor: Option<ActorId>,
    /// What happens.
    pub effect: Effect,
}

/// What must be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// `p1 receives pong x200, in order, within 1s`: counted from the last expectation that used
    /// up what p1 had received.
    Receives {
        /// Who.
        actor: ActorId,
        /// What.
        words: Vec<(Word, u32)>,
        /// Whether the order matters.
        order: Ordering,
        /// In what time from this line.
        within: Duration,
    },
    /// `p1 never receives inv`: until the end of the run.
    NeverReceives {
        /// Who.
        actor: ActorId,
        /// What.
        word: Word,
    },
    /// `node keeps p1`: connected at the end of the run.
    Keeps {
        /// Whom.
        actor: ActorId,
    },
    /// `node drops p1 within 61s because handshake-timeout`: and not before this line.
    Drops {
        /// Whom.
        actor: ActorId,
        /// In what time from this line.
        within: Duration,
        /// The node's own reason, by name, where it matters.
        because: Option<String>,
    },
    /// `node connects p2 within 1s`: a handshake is complete, as the node sees it.
    Connects {
        /// With whom.
        actor: ActorId,
        /// In what time from this line.
        within: Duration,
    },
}

/// Whether words must come in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ordering {
    /// Others may be between them, but their order is this.
    InOrder,
    /// In any order: `in any order`, or nothing.
    AnyOrder,
}

/// One deviation from the default order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// `order before node handles verack from p1 for the 2nd time: run opener`.
    Before {
        /// The step that the default would make.
        anchor: Anchor,
        /// The task that makes a step instead.
        run: Cow<'static, str>,
    },
    /// `order at node's 2nd recv from p1: gets 40 bytes`.
    At {
        /// Which call.
        call: Call,
        /// With whom; `None` where nobody is known yet.
        actor: Option<ActorId>,
        /// The how-manieth in the run, from 1.
        nth: u32,
        /// What happens.
        effect: Effect,
    },
}

/// A step of the node's, by name: the nth `handles verack from p1`.
///
/// Actions are nouns, other steps are verbs; the first time goes without saying.
///
/// ```text
/// node handles verack from p1 for the 2nd time    node's 1st send to p1
/// node delivers received from p1                  node's 2nd close of p1
/// node fires ping-timeout for p1                  node's 3rd dial
/// node serves p1        node accepts        node is commanded for the 2nd time
/// ```
///
/// An object that would be misread stands in quotes: `node handles "we ird" from p1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    /// What it does: `handles`, `delivers`, `send`. A name, but not `is`.
    pub verb: Cow<'static, str>,
    /// To what; may be empty.
    pub object: String,
    /// On the connection with whom.
    pub actor: Option<ActorId>,
    /// The how-manieth of this name in the run, from 1.
    pub nth: u32,
}

impl Schedule {
    /// A schedule in which nothing happens.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self {
            title: Vec::new(),
            subject: subject.to_owned(),
            node: Vec::new(),
            script: Vec::new(),
            order: Vec::new(),
        }
    }
}
