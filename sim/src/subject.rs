//! What is simulated: a tenant of the socket manager, the language that its peers speak, and what
//! must be true of it beyond what must be true of everything.
//!
//! A stranger's protocol implements [`Subject`] and [`Dialect`] and gets the whole simulator;
//! `examples/own_protocol.rs` shows how little that takes.

use std::fmt;
use std::time::Duration;

use sockman::driver::Task;
use sockman::files::FileRequest;
use sockman::rng::Seed;
use sockman::sockets::{ConnId, Endpoint, Event};
use sockman::sockman::{Conns, Initiator, Slices, Tenant};
use sockman::time::{Instant, Now};

use crate::faulty::CallRecord;
use crate::files::VirtualFiles;
use crate::guided::{Told, Transition};
use crate::schedule::Word;
use crate::world::Step;

/// Something to simulate.
pub trait Subject: Clone + fmt::Debug + Send + 'static {
    /// Its name in schedules: `subject echo`.
    const NAME: &'static str;

    /// The state machine under test.
    type Tenant: Tenant<Conn: Clone + Send, Command: Clone + Send, Notice: Clone + Send>
        + Clone
        + fmt::Debug
        + Send;

    /// The language of its peers.
    type Dialect: Dialect;

    /// What must be true of it over time, beyond what must be true of everything.
    type Watch: Watch<Self>;

    /// Makes the tenant from the `node` lines of a schedule.
    ///
    /// # Errors
    ///
    /// A setting that it does not know, or a value that it does not take.
    fn tenant(setup: &Setup<'_>) -> Result<Self::Tenant, SettingError>;

    /// The disk of its host, by the `node` lines; `None`: it keeps no files.
    fn disk(settings: &[(String, String)]) -> Option<DiskConfig> {
        let _ = settings;
        None
    }

    /// The tenant of a process that begins, once it has read its files.
    ///
    /// # Errors
    ///
    /// It cannot begin with what it has found there, and why.
    fn load(
        tenant: Self::Tenant,
        files: &mut VirtualFiles,
        now: Now,
    ) -> Result<Self::Tenant, String> {
        let _ = (files, now);
        Ok(tenant)
    }

    /// A peer, by the `node` lines of a schedule: the setting may say how it speaks.
    fn peer(settings: &[(String, String)], number: u16) -> Self::Dialect {
        let _ = settings;
        Self::Dialect::new(number)
    }

    /// Settings about how the node and its peers speak, for a generated schedule with these peers;
    /// perhaps none.
    fn draw_speech(peers: &[u16], below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let _ = (peers, below);
        Vec::new()
    }

    /// Settings by which the node of a generated schedule keeps files; perhaps none.
    fn draw_files(below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let _ = below;
        Vec::new()
    }

    /// Settings by which the node of a generated schedule has a chain, and its peers perhaps more
    /// of it; perhaps none.
    fn draw_chain(peers: &[u16], below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let _ = (peers, below);
        Vec::new()
    }

    /// What a peer of a generated schedule says of the chain that its settings are about. `None`:
    /// they are about none.
    fn draw_chain_word(
        settings: &[(String, String)],
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Option<Word> {
        let _ = (settings, below);
        None
    }

    /// Whether it takes a setting `connect` with a list of addresses, and connects to them by
    /// itself.
    const CONNECTS_BY_ITSELF: bool = false;

    /// Settings of a node that chooses whom it connects to, and knows these addresses with ports;
    /// only asked if it connects by itself. `below(n)` draws a number below `n`.
    fn draw_chosen(
        addresses: &[String],
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Vec<(String, String)> {
        let _ = (addresses, below);
        Vec::new()
    }

    /// Whether it tells when a handshake is complete, which with a peer that follows the protocol
    /// it always is.
    const SHAKES_HANDS: bool = false;

    /// Settings for a generated schedule: each of its limits small with this chance in 256, so
    /// that a short run reaches them. `below(n)` draws a number below `n`.
    fn draw_settings(in_256: u8, below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let _ = (in_256, below);
        Vec::new()
    }

    /// The command by which the tenant is asked to connect somewhere; `None` if it never does.
    #[must_use]
    fn dial_command(to: Endpoint) -> Option<<Self::Tenant as Tenant>::Command> {
        let _ = to;
        None
    }

    /// The command by which the tenant is asked to drop a connection; `None` if it never does.
    fn drop_command(
        tenant: &Self::Tenant,
        conns: &Conns<<Self::Tenant as Tenant>::Conn>,
        conn: ConnId,
    ) -> Option<<Self::Tenant as Tenant>::Command> {
        let _ = (tenant, conns, conn);
        None
    }

    /// The command that `node is told` a word means.
    ///
    /// # Errors
    ///
    /// There is no such command, or it does not take this setting.
    fn command(word: &Word) -> Result<<Self::Tenant as Tenant>::Command, UnknownWord> {
        Err(UnknownWord::new(word, None, "nothing, for it takes no commands"))
    }

    /// Words of commands for generated schedules, likelier ones more than once; perhaps none.
    #[must_use]
    fn commands() -> Vec<Word> {
        Vec::new()
    }

    /// What a notice means for the oracles and for expectations.
    fn fact(notice: &<Self::Tenant as Tenant>::Notice) -> Option<Fact> {
        let _ = notice;
        None
    }

    /// Whether a notice says that the node has handled a message.
    fn is_message(notice: &<Self::Tenant as Tenant>::Notice) -> bool {
        let _ = notice;
        false
    }

    /// Bytes that the tenant believes it has received and sent in all, on live and closed
    /// connections. `None`: it does not count.
    fn totals(
        tenant: &Self::Tenant,
        conns: &Conns<<Self::Tenant as Tenant>::Conn>,
    ) -> Option<ByteTotals> {
        let _ = (tenant, conns);
        None
    }

    /// Every bounded resource of a connection, or of the whole tenant where `conn` is `None`.
    fn resources(
        tenant: &Self::Tenant,
        conns: &Conns<<Self::Tenant as Tenant>::Conn>,
        conn: Option<ConnId>,
        check: impl FnMut(Resource),
    ) {
        let _ = (tenant, conns, conn, check);
    }

    /// Whether bytes wait to be sent on a connection: what `gather` would offer. Asked often.
    #[must_use]
    fn has_unsent(conn: &<Self::Tenant as Tenant>::Conn) -> bool {
        let mut slices = Slices::new();
        let _ = <Self::Tenant as Tenant>::gather(conn, &mut slices);
        slices.byte_count() > 0
    }

    /// Work that lies waiting on a connection although no task of the tenant's is runnable: `None`
    /// if all is as it should be.
    fn stuck(conn: &<Self::Tenant as Tenant>::Conn, receive_paused: bool) -> Option<&'static str> {
        let _ = (conn, receive_paused);
        None
    }

    /// Whether somebody works on what came on a connection, and may take his time: nothing more is
    /// read meanwhile.
    fn is_at_work(conn: &<Self::Tenant as Tenant>::Conn) -> bool {
        let _ = conn;
        false
    }

    // How a guided search sees it. Everything has a default; words of its own tell more apart.

    /// What a notice tells of the connection that the step is about.
    fn told(notice: &<Self::Tenant as Tenant>::Notice) -> Option<Told> {
        Self::fact(notice).map(|fact| match fact {
            Fact::Up(_) => Told::stage("up", "up"),
            Fact::Ready(_) => Told::stage("ready", "ready"),
            Fact::Down(_, reason) => Told::only("down", reason),
        })
    }

    /// What else matters of a connection's state: a few words, or nothing.
    fn condition(conn: &<Self::Tenant as Tenant>::Conn) -> &'static str {
        let _ = conn;
        ""
    }

    /// The object of a step as a constant, one for all that there is no end of.
    #[must_use]
    fn object(name: &str) -> &'static str {
        let known = Self::Dialect::vocabulary().iter().find(|known| **known == name);
        known.copied().unwrap_or("other")
    }

    /// The name of a command.
    fn command_name(command: &<Self::Tenant as Tenant>::Command) -> &'static str {
        let _ = command;
        "command"
    }

    /// The transitions that its rules allow beyond what holds for all
    /// ([`expected`](crate::guided::expected)).
    #[must_use]
    fn expected() -> Vec<Transition> {
        Vec::new()
    }
}

/// Oracles of the subject's own: they see what everybody can see of a step, and remember what they
/// like.
pub trait Watch<X: Subject>: Default + Clone + Send + fmt::Debug {
    /// Looks at a step of the node's, or at the node at rest.
    ///
    /// # Errors
    ///
    /// Something is as it must not be.
    fn look(&mut self, sight: &Sight<'_, X>) -> Result<(), Objection>;

    /// The process has ended. What it keeps for the next one may still be remembered.
    fn end(&mut self) {
        *self = Self::default();
    }

    /// The next process begins, with what it has read of its files.
    ///
    /// # Errors
    ///
    /// That is not what the one before has kept.
    fn begin_again(&mut self, tenant: &X::Tenant, now: Now) -> Result<(), Objection> {
        let _ = (tenant, now);
        Ok(())
    }
}

/// What a step of the node's was, from outside.
#[derive(Debug)]
pub struct Sight<'a, X: Subject> {
    /// The tenant, for its settings.
    pub tenant: &'a X::Tenant,
    /// Its connections.
    pub conns: &'a Conns<<X::Tenant as Tenant>::Conn>,
    /// What time it is.
    pub now: Now,
    /// The step.
    pub step: &'a Step,
    /// The socket calls that it made.
    pub calls: &'a [CallRecord],
    /// The bytes that those moved: each call says where its own lie.
    pub bytes: &'a [u8],
    /// What it was told of its sockets, if it is a look at them.
    pub reported: &'a [Event],
    /// What it told.
    pub notices: &'a [<X::Tenant as Tenant>::Notice],
    /// The command that it handled, if it is a step that handles one.
    pub command: Option<&'a <X::Tenant as Tenant>::Command>,
    /// What it asked of its files; `None`: it keeps none.
    pub asked_of_files: Option<&'a [FileRequest]>,
}

impl<'a, X: Subject> Sight<'a, X> {
    /// What its notices mean.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + use<'a, X> {
        self.notices.iter().filter_map(X::fact)
    }

    /// The name of the tenant's task that made the step, if one did.
    #[must_use]
    pub fn task(&self) -> Option<&'static str> {
        let Step::Node(Task::Tenant(id), _) = self.step else { return None };
        <X::Tenant as Tenant>::TASKS.get(usize::from(id.0)).copied()
    }
}

/// What an oracle of a subject's objects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Which oracle.
    pub oracle: &'static str,
    /// Since when it is wrong; `None`: it has just become so.
    pub since: Option<Instant>,
    /// What it is.
    pub what: String,
    /// The rule in docs/behaviour.md.
    pub rule: &'static str,
}

/// Nothing is to be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoWatch;

impl<X: Subject> Watch<X> for NoWatch {
    fn look(&mut self, _: &Sight<'_, X>) -> Result<(), Objection> {
        Ok(())
    }
}

/// What a tenant is made from.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The `node` lines but those that set up the host.
    pub settings: &'a [(String, String)],
    /// The node's randomness.
    pub seed: Seed,
}

/// What the disk of the node's host is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskConfig {
    /// How long each operation takes; none is begun before the one before it is over.
    pub latency: Duration,
}

/// A `node` line that the subject does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What would have been taken.
    pub expected: &'static str,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} {}: expected {}", self.key, self.value, self.expected)
    }
}

impl std::error::Error for SettingError {}

/// What a notice of the tenant's means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A peer is there.
    Up(ConnId),
    /// Its handshake is complete.
    Ready(ConnId),
    /// It is gone, for this reason, by the name that schedules use.
    Down(ConnId, &'static str),
}

/// Bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteTotals {
    /// Read by the node.
    pub received: u64,
    /// Taken from the node by its kernel.
    pub sent: u64,
}

/// Something of which there is only so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What.
    pub name: &'static str,
    /// How much is in use.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
    /// How the limit comes about.
    pub derivation: &'static str,
}

/// One thing that an actor heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its word.
    pub name: &'static str,
    /// A number of its own by which settings can tell it apart: a nonce, a length.
    pub detail: u64,
}

/// The peers' side of a protocol: words to bytes, bytes to words, and good manners.
pub trait Dialect: Clone + Send + fmt::Debug {
    /// A speaker with nothing said. `number` tells it from others and varies what it says.
    fn new(number: u16) -> Self;

    /// Begins again, on a new connection.
    fn begin(&mut self, initiator: Initiator);

    /// Whether a script may use a word so. Asked of every word before a run. Unless it is said
    /// otherwise, peers can say what a new speaker encodes, and be expected to hear anything.
    ///
    /// # Errors
    ///
    /// The language does not have this word, or this setting of it.
    fn check(word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        match usage {
            Usage::Said => Self::new(1).encode(Now::default(), word, &mut Vec::new()),
            Usage::Heard => Ok(()),
        }
    }

    /// Appends a word's bytes.
    ///
    /// # Errors
    ///
    /// The language does not have this word, or this setting of it. A word that passes
    /// [`check`](Self::check) is not refused.
    fn encode(&mut self, now: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord>;

    /// Hears that a script is about to say bytes of its own, whatever they mean: from here on the
    /// speaker does not know all that it has said.
    fn says_bytes(&mut self) {}

    /// Told that what it says next need be no whole message: junk, or a part of one. In itself it
    /// says nothing, but what comes first on a connection may say what is spoken there.
    fn says_fragment(&mut self) {}

    /// Hears which bytes went out to the node, in order, whatever they mean.
    fn said(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// Takes in bytes from the node, as they come; appends what they say.
    ///
    /// # Errors
    ///
    /// They are not of this language: the node has said something that no node may say.
    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled>;

    /// Appends what it has owed since it last heard something, whatever its manner: answers of a
    /// transport that come by themselves. Asked after every [`decode`](Self::decode).
    fn settle(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Whether a speaker that follows the protocol has heard enough, and hangs up.
    fn gives_up(&self) -> bool {
        false
    }

    /// What an honest speaker says first, if anything.
    fn greet(&mut self, now: Now, out: &mut Vec<u8>) {
        let _ = (now, out);
    }

    /// What an honest speaker answers.
    fn answer(&mut self, now: Now, heard: Heard, out: &mut Vec<u8>) {
        let _ = (now, heard, out);
    }

    /// What an honest speaker says when it has been idle for a while: unless it is said otherwise,
    /// the first word of the vocabulary.
    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        let word = Word::plain(Self::vocabulary()[0]);
        self.encode(now, &word, out).expect("it is a word of this language");
    }

    /// What a hostile speaker says, the `n`-th time: something that is wrong here.
    fn provoke(&mut self, now: Now, n: u64, out: &mut Vec<u8>) {
        let _ = now;
        out.extend_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    }

    /// A word for a script: any of the language, sometimes with a setting, rarely damaged.
    /// `below(n)` draws a number below `n`.
    fn draw_word(below: &mut dyn FnMut(u32) -> u32) -> Word {
        let words = Self::vocabulary();
        let count = u32::try_from(words.len()).expect("a language has a handful of words");
        Word::plain(words[below(count) as usize])
    }

    /// What somebody says who does by hand what an honest speaker does by himself at first.
    #[must_use]
    fn handshake() -> &'static [&'static str] {
        &[]
    }

    /// The same with something about it that is unusual, or wrong, or more than need be; unless it
    /// is said otherwise, there is nothing.
    fn draw_handshake(below: &mut dyn FnMut(u32) -> u32) -> Vec<Word> {
        let _ = below;
        Word::all_plain(Self::handshake())
    }

    /// What costs the node much room to answer, and how often it is said: some of what buffers
    /// hold, more than they hold, more than the node may keep.
    fn ask_much(below: &mut dyn FnMut(u32) -> u32) -> (Word, u32) {
        let most = [300, 3_000, 12_000][below(3) as usize];
        (Word::plain(Self::vocabulary()[0]), 1 + below(most))
    }

    /// Says something of its own choice that is well formed, whatever it means here: varied in what
    /// it claims, and mostly such that the conversation gets somewhere even if nobody listens.
    /// `below(n)` draws a number below `n`.
    fn vary(&mut self, now: Now, below: &mut dyn FnMut(u32) -> u32, out: &mut Vec<u8>) {
        let word = Self::draw_word(below);
        self.encode(now, &word, out).expect("it is a word of this language");
    }

    /// Whether what was heard is this word with these settings; unless it is said otherwise, the
    /// name decides.
    fn matches(&self, word: &Word, heard: Heard) -> bool {
        word.name == heard.name
    }

    /// Words for generated schedules, likelier ones more than once.
    fn vocabulary() -> &'static [&'static str];

    /// Every word, as it usually is: for who looks for what generated schedules do not say.
    #[must_use]
    fn words() -> Vec<Word> {
        Word::all_plain(Self::vocabulary())
    }
}

/// Who uses a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A peer says it: `p1 sends ping nonce=7`.
    Said,
    /// A peer is expected to hear it: `p1 receives pong nonce=7`, or never.
    Heard,
}

/// A word that the dialect does not have, or not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// The word, with the setting that is meant: `ping nonce=x`.
    pub said: String,
    /// The place of that setting among the word's, from 0; `None` is the word itself.
    pub setting: Option<usize>,
    /// What would have been taken.
    pub expected: String,
}

impl UnknownWord {
    /// A word that is not known, or the setting of it at a place.
    #[must_use]
    pub fn new(word: &Word, setting: Option<usize>, expected: impl Into<String>) -> Self {
        let meant = setting.and_then(|place| word.settings.get(place));
        let said = match meant {
            Some((key, value)) => format!("{} {key}={value}", word.name),
            None => word.name.clone(),
        };
        Self { said, setting, expected: expected.into() }
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.said, self.expected)
    }
}

impl std::error::Error for UnknownWord {}

/// The node said something that is not of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbled {
    /// What was wrong, and with which values.
    pub problem: String,
    /// At which byte of the stream, from the start of the connection.
    pub offset: u64,
}
