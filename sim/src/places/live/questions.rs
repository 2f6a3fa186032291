//! What a node is asked by JSON-RPC while a script is carried out.

use std::time::Duration;

use serde_json::{Value, json};
use sockman::sockets::{Endpoint, Sockets as _};

use super::net::name_of;
use super::player::{PAUSE, Player};
use super::{LiveError, rpc, table};
use crate::run::ACTOR_PORT;
use crate::schedule::{ActorId, Op, Schedule, Word};

/// How long a node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

impl Player<'_> {
    /// Asks, and waits for the answer, while peers go on.
    pub(super) fn ask(&mut self, method: &'static str, params: &Value) -> Result<Value, LiveError> {
        let number = self.begin_to_ask(method, params)?;
        let began = self.real();
        loop {
            self.check()?;
            self.pause(PAUSE);
            if let Some(answer) = self.net.borrow_mut().take_answer(number) {
                return answer.map_err(|said| LiveError::Question(method, said));
            }
            if self.real().since(began) > ANSWER_MAX {
                return Err(LiveError::Question(method, "no answer".to_owned()));
            }
        }
    }

    /// Asks for a connection with an actor.
    pub(super) fn node_dials(&mut self, actor: ActorId) -> Result<(), LiveError> {
        let name = name_of(actor, listening_port(self.schedule, actor));
        self.ask_later("addnode", &json!([name, "onetry"]))
    }

    /// Asks for a connection with the node's own listener.
    pub(super) fn node_dials_itself(&mut self) -> Result<(), LiveError> {
        let listens = self.process.as_ref().map(|process| process.listens.to_string());
        self.ask_later("addnode", &json!([listens, "onetry"]))
    }

    /// Tells it something else.
    pub(super) fn node_is_told(&mut self, word: &Word) -> Result<(), LiveError> {
        match table::told(word) {
            (method, Some(on)) => self.ask(method, &json!([on])).map(drop),
            (method, None) => self.ask(method, &json!([])).map(drop),
        }
    }

    /// Asks for something that takes its time, and what comes of it is seen elsewhere.
    fn ask_later(&mut self, method: &'static str, params: &Value) -> Result<(), LiveError> {
        self.begin_to_ask(method, params).map(drop)
    }

    fn begin_to_ask(&mut self, method: &'static str, params: &Value) -> Result<u64, LiveError> {
        let port = self.process.as_ref().map_or(0, |process| process.rpc_port);
        let question = rpc::question(self.cookie.as_deref().unwrap_or_default(), method, params);
        self.net.borrow_mut().ask(port, question).map_err(LiveError::NoServer)
    }

    pub(super) fn tell_time(&mut self, seconds: u64) -> Result<(), LiveError> {
        self.told = Some(seconds);
        self.ask("setmocktime", &json!([seconds])).map(drop)
    }

    /// Asks for the end of the connection with an actor, which the node knows by its other end.
    pub(super) fn node_drops(&mut self, actor: ActorId) -> Result<(), LiveError> {
        let peer = self.peers.iter().find(|peer| peer.id() == actor);
        let Some((peer, conn)) = peer.and_then(|peer| Some((peer, peer.conn()?))) else {
            return Ok(());
        };
        let name = match peer.dialled().by_actor {
            true => match peer.kernel().local_endpoint(conn) {
                Ok(Endpoint::Ip(own)) => own.to_string(),
                Ok(Endpoint::Unix(_)) | Err(_) => return Ok(()),
            },
            false => name_of(actor, listening_port(self.schedule, actor)),
        };
        match self.ask("disconnectnode", &json!([name])) {
            // One that the node does not have is dropped already.
            Ok(_) | Err(LiveError::Question(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The port at which an actor listens, or would.
fn listening_port(schedule: &Schedule, actor: ActorId) -> u16 {
    let listening = schedule.script.iter().find_map(|line| {
        let Op::Listen { actor: who, at } = line.op else { return None };
        at.filter(|_| who == actor)
    });
    listening.map_or(ACTOR_PORT, |at| at.port())
}
