//! Your own protocol under the simulator: a server that answers each byte with the next one.
//!
//! What it takes is the server as a `Tenant`, its peers' language as a `Dialect`, and a `Subject`
//! that joins them. `cargo run --example own_protocol` runs a campaign over it, with every oracle
//! that must hold for any protocol; make it forget an answer and see what happens.

use std::collections::VecDeque;

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

/// Bytes that wait to be sent to one peer; all peers; and what is to be done next.
type Unsent = Vec<u8>;
type Peers = Conns<Unsent>;
type Todo = Vec<Action<Unsent>>;

#[derive(Clone, Debug)]
struct Successor;

impl Tenant for Successor {
    type Conn = Unsent;
    type Command = ();
    type Notice = ();

    fn handle_event(&mut self, _: Now, event: &Event, peers: &mut Peers, todo: &mut Todo) {
        if let Event::Accepted { conn, .. } = *event {
            peers.adopt(conn, Vec::new());
            todo.push(Action::Receive(conn));
        } else if let Event::Eof { conn } | Event::Failed { conn, .. } = *event {
            todo.push(Action::Close(conn));
        }
    }

    fn handle_received(&mut self, _: Now, c: ConnId, got: &[u8], all: &mut Peers, todo: &mut Todo) {
        let Some(unsent) = all.get_mut(c) else { return };
        unsent.extend(got.iter().map(|byte| byte.wrapping_add(1)));
        todo.extend([Action::Send(c), Action::Receive(c)]);
    }

    fn gather<'a>(unsent: &'a Unsent, slices: &mut Slices<'a>) -> More {
        slices.push(unsent).expect("one slice fits");
        More::No
    }

    fn handle_sent(&mut self, _: Now, c: ConnId, count: usize, all: &mut Peers, todo: &mut Todo) {
        let Some(unsent) = all.get_mut(c) else { return };
        unsent.drain(..count);
        todo.push(Action::Receive(c));
    }

    fn reads(unsent: &Unsent) -> bool {
        unsent.len() <= UNSENT_MAX
    }
}

/// What a peer knows: the bytes that it has said and that are not answered yet.
#[derive(Clone, Debug)]
struct Asker(VecDeque<u8>);

impl Dialect for Asker {
    fn new(_: u16) -> Self {
        Self(VecDeque::new())
    }

    fn begin(&mut self, _: Initiator) {
        self.0.clear();
    }

    fn encode(&mut self, _: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        out.extend(word.name.bytes());
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

    fn vocabulary() -> &'static [&'static str] {
        &["hal"]
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
