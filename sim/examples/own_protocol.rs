//! Your own protocol under the simulator: a server that answers each byte with the next one.
//!
//! What it takes is the server as a `Tenant`, its peers' language as a `Dialect`, and a `Subject`
//! that joins them. `cargo run --example own_protocol` runs a campaign over it, with every oracle
//! that must hold for any protocol; make it forget an answer and see what happens.

use sockman::sockets::{ConnId, More};
use sockman::sockman::{Action, Conns, Event, Initiator, Slices, Tenant};
use sockman::time::Now;
use sockman_sim::generate::generate;
use sockman_sim::run::{Options, run};
use sockman_sim::schedule::Word;
use sockman_sim::subject::{
    Dialect, Garbled, Heard, NoWatch, SettingError, Setup, Subject, UnknownWord,
};

/// Answers that wait for room in the kernel, at most; then the peer is not read from.
const UNSENT_MAX: usize = 1000;

/// Bytes that wait to be sent to one peer.
type Unsent = Vec<u8>;

#[derive(Clone, Debug)]
struct Successor;

impl Tenant for Successor {
    type Conn = Unsent;
    type Command = ();
    type Notice = ();

    fn handle_event(
        &mut self,
        _: Now,
        event: &Event,
        conns: &mut Conns<Unsent>,
        actions: &mut Vec<Action<Unsent>>,
    ) {
        match *event {
            Event::Accepted { conn, .. } => {
                conns.adopt(conn, Vec::new());
                actions.push(Action::Receive(conn));
            }
            Event::Eof { conn } | Event::Failed { conn, .. } => actions.push(Action::Close(conn)),
            Event::Finished { .. } | Event::AcceptFailed { .. } => {}
            Event::Connected { .. } | Event::Writable { .. } | Event::Received { .. } => {}
        }
    }

    fn handle_received(
        &mut self,
        _: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Unsent>,
        actions: &mut Vec<Action<Unsent>>,
    ) {
        let Some(unsent) = conns.get_mut(conn) else { return };
        unsent.extend(bytes.iter().map(|byte| byte.wrapping_add(1)));
        actions.extend([Action::Send(conn), Action::Receive(conn)]);
    }

    fn reads(unsent: &Unsent) -> bool {
        unsent.len() <= UNSENT_MAX
    }

    fn gather<'a>(unsent: &'a Unsent, slices: &mut Slices<'a>) -> More {
        slices.push(unsent).expect("one slice fits");
        More::No
    }

    fn handle_sent(
        &mut self,
        _: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Unsent>,
        actions: &mut Vec<Action<Unsent>>,
    ) {
        let Some(unsent) = conns.get_mut(conn) else { return };
        unsent.drain(..count);
        actions.push(Action::Receive(conn));
    }
}

/// What its peers know: which answers are owed to them.
#[derive(Clone, Debug)]
struct Asker(std::collections::VecDeque<u8>);

impl Dialect for Asker {
    fn new(_: u16) -> Self {
        Self(std::collections::VecDeque::new())
    }

    fn begin(&mut self, _: Initiator) {
        self.0.clear();
    }

    fn encode(&mut self, _: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        let value = word.setting("value").unwrap_or("7").parse();
        out.push(value.map_err(|_| UnknownWord::new(word, None, "value=0 to value=255"))?);
        Ok(())
    }

    fn said(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        for &byte in bytes {
            if self.0.pop_front() != Some(byte.wrapping_sub(1)) {
                return Err(Garbled { problem: format!("{byte} answers nothing"), offset: 0 });
            }
            heard.push(Heard { name: "byte", detail: u64::from(byte) });
        }
        Ok(())
    }

    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        self.encode(now, &Word::plain("byte"), out).expect("it is a word");
    }

    fn matches(&self, word: &Word, heard: Heard) -> bool {
        word.name == heard.name
    }

    fn vocabulary() -> &'static [&'static str] {
        &["byte"]
    }
}

impl Subject for Successor {
    const NAME: &'static str = "successor";
    type Tenant = Self;
    type Dialect = Asker;
    type Watch = NoWatch;

    fn tenant(_: &Setup<'_>) -> Result<Self, SettingError> {
        Ok(Self)
    }
}

fn main() {
    for seed in 0..100 {
        let generated = generate::<Successor>(seed);
        let options = Options { chance: Some(generated.chance), ..Options::default() };
        let report = run::<Successor>(&generated.schedule, &options).expect("it has no settings");
        assert!(report.verdict.is_passed(), "seed {seed}: {}\n{}", report.verdict, report.recorded);
    }
    println!("100 seeds passed");
}
