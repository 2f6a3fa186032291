//! One connection: what has come, what is being answered, and what waits to be sent.
//!
//! ```text
//!   bytes --> unparsed? --> parser --> Ready --> Open --> Answered --> Sending --> gone
//!                                      '-- the application has it --'   outbox
//! ```
//!
//! Requests stand in the order in which they came, and leave it from the front. While there are as
//! many as may be, bytes stay as they came and no more are read.

use std::collections::VecDeque;

use super::application::RequestId;
use super::config::Config;
use super::inspect::Traffic;
use super::notice::EndReason;
use super::outbox::Outbox;
use super::parse::{ParseError, ParseStage, Parsed, Parser};
use super::request::{Persistence, Request};
use super::response::{Asked, Body, CONTINUE, Response};
use super::timers::{Armed, Progress};
use crate::sockets::{ConnId, Endpoint};
use crate::time::{Instant, Now};

/// A request on its way through the server.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    number: u64,
    asked: Asked,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// It waits for the application.
    Ready(Request),
    /// The application has it.
    Open,
    /// It waits for those before it.
    Answered(Response),
    /// Its answer is in the outbox.
    Sending,
}

/// Whether further requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// They are.
    Open,
    /// They are, and no bytes come any more but those that lie here.
    Ending,
    /// None is: the last one said so, or was none; or the server stops.
    Closed,
}

/// What a connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that are not fully answered.
    pub requests: usize,
    /// Those of them that wait for the application.
    pub requests_ready: usize,
    /// Those of them that the application has.
    pub requests_open: usize,
    /// Bytes of memory for requests that are held, and not the application's.
    pub held_bytes: usize,
    /// Bytes that wait for the kernel.
    pub unsent_bytes: usize,
    /// Whether further requests are taken.
    pub takes_requests: bool,
    /// Whether only its closing is still to come.
    pub is_over: bool,
}

/// The state of one connection.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) endpoint: Endpoint,
    parser: Parser,
    /// What has come and was not looked at, from `unparsed_start` on.
    unparsed: Vec<u8>,
    unparsed_start: usize,
    exchanges: VecDeque<Exchange>,
    /// How many of them are in the outbox.
    sending: usize,
    /// Of the next request.
    next_number: u64,
    pub(super) input: Input,
    /// Whether the client has sent its FIN.
    pub(super) client_closed: bool,
    /// Whether the client waits for a 100 which waits for answers before it.
    continue_due: bool,
    /// Whether an answer in the outbox is the last.
    closing: bool,
    pub(super) outbox: Outbox,
    /// Since when there is nothing to do.
    pub(super) quiet_since: Instant,
    /// When the head began that is being read.
    pub(super) head_began: Instant,
    pub(super) body: Progress,
    pub(super) write: Progress,
    pub(super) armed: Armed,
    pub(super) traffic: Traffic,
    /// What it held when that was last counted.
    pub(super) held: usize,
    /// Whether it stands in the queue of those with a request for the application.
    pub(super) has_turn: bool,
    /// Whether the socket manager was asked to read from it.
    pub(super) reading: bool,
    /// Why it is over, once it is.
    pub(super) ended: Option<EndReason>,
    /// Whether its closing was asked for.
    pub(super) close_asked: bool,
}

impl Connection {
    pub(super) fn new(now: Instant, endpoint: Endpoint, config: &Config) -> Self {
        Self {
            endpoint,
            parser: Parser::new(config.request),
            unparsed: Vec::new(),
            unparsed_start: 0,
            exchanges: VecDeque::new(),
            sending: 0,
            next_number: 0,
            input: Input::Open,
            client_closed: false,
            continue_due: false,
            closing: false,
            outbox: Outbox::default(),
            quiet_since: now,
            head_began: now,
            body: Progress::new(now),
            write: Progress::new(now),
            armed: Armed::default(),
            traffic: Traffic::default(),
            held: 0,
            has_turn: false,
            reading: false,
            ended: None,
            close_asked: false,
        }
    }

    // Bytes in.

    /// Takes bytes in: requests come of them, as many as may be; the rest is kept.
    pub(super) fn receive(&mut self, now: Instant, mut bytes: &[u8], requests_max: usize) {
        if self.parser.stage() == ParseStage::Body {
            // Whoever sends its body does not wait for a 100.
            self.continue_due = false;
            self.body.note(now, bytes.len());
        }
        if self.unparsed.is_empty() {
            self.parse(now, &mut bytes, requests_max);
        }
        if self.input == Input::Open {
            self.unparsed.extend_from_slice(bytes);
        }
    }

    /// Looks at what was kept, once there may be further requests.
    fn parse_kept(&mut self, now: Instant, requests_max: usize) {
        let kept = std::mem::take(&mut self.unparsed);
        let mut rest = &kept[self.unparsed_start..];
        self.parse(now, &mut rest, requests_max);
        if rest.is_empty() || self.input == Input::Closed {
            self.unparsed_start = 0;
        } else {
            self.unparsed_start = kept.len() - rest.len();
            self.unparsed = kept;
        }
        if self.input == Input::Ending && self.unparsed.is_empty() {
            self.input = Input::Closed;
        }
    }

    fn parse(&mut self, now: Instant, bytes: &mut &[u8], requests_max: usize) {
        let mut before = self.parser.stage();
        while self.input != Input::Closed && self.exchanges.len() < requests_max {
            match self.parser.receive(bytes) {
                Ok(None) => break,
                Ok(Some(Parsed::ContinueDue)) => self.continue_due = bytes.is_empty(),
                Ok(Some(Parsed::Request(request))) => {
                    before = ParseStage::Between;
                    self.take_request(request);
                }
                Err(error) => self.refuse(error),
            }
        }
        match self.parser.stage() {
            ParseStage::Head if before == ParseStage::Between => self.head_began = now,
            ParseStage::Body if before != ParseStage::Body => self.body = Progress::new(now),
            ParseStage::Between | ParseStage::Head | ParseStage::Body | ParseStage::Failed => {}
        }
    }

    fn take_request(&mut self, request: Request) {
        let (method, version) = (request.method(), request.version());
        let asked = Asked { method, version, persistence: request.persistence() };
        let state = State::Ready(request);
        self.exchanges.push_back(Exchange { number: self.next_number, asked, state });
        self.next_number += 1;
        self.traffic.requests += 1;
        self.continue_due = false;
        if asked.persistence == Persistence::Close {
            self.close_input();
        }
    }

    /// What came is no request, and nothing behind it has a meaning.
    fn refuse(&mut self, error: ParseError) {
        let text = format!("{error}\n");
        self.give_up(Response::text(error.status(), text));
    }

    /// Answers in place of a request, behind all others, and takes no further ones.
    pub(super) fn give_up(&mut self, response: Response) {
        let state = State::Answered(response.and_close());
        // It is no request of the application's and needs no number.
        let number = self.next_number;
        self.exchanges.push_back(Exchange { number, asked: Asked::UNKNOWN, state });
        self.traffic.refused += 1;
        self.close_input();
    }

    /// Takes no further requests. What has come of one is dropped.
    pub(super) fn close_input(&mut self) {
        self.input = Input::Closed;
        self.parser.clear();
        self.unparsed = Vec::new();
        self.unparsed_start = 0;
        self.continue_due = false;
    }

    /// The client sends nothing more. What it has sent is answered.
    pub(super) fn end_input(&mut self) {
        self.client_closed = true;
        if self.input != Input::Open {
            return;
        }
        if self.unparsed.is_empty() { self.close_input() } else { self.input = Input::Ending }
    }

    // The application.

    /// Whether there is a request for the application.
    pub(super) fn has_ready(&self) -> bool {
        self.exchanges.iter().any(|exchange| matches!(exchange.state, State::Ready(_)))
    }

    /// The first request for the application, which has it from now on.
    pub(super) fn take_ready(&mut self, conn: ConnId) -> Option<(RequestId, Request)> {
        self.exchanges.iter_mut().find_map(|exchange| {
            if !matches!(exchange.state, State::Ready(_)) {
                return None;
            }
            let id = RequestId { conn, number: exchange.number };
            match std::mem::replace(&mut exchange.state, State::Open) {
                State::Ready(request) => Some((id, request)),
                State::Open | State::Answered(_) | State::Sending => unreachable!("it was ready"),
            }
        })
    }

    /// Requests that the application has and has not answered.
    pub(super) fn open(&self) -> impl Iterator<Item = u64> {
        let open = |exchange: &&Exchange| matches!(exchange.state, State::Open);
        self.exchanges.iter().filter(open).map(|exchange| exchange.number)
    }

    /// The application has answered; whether somebody waits for it.
    pub(super) fn answer(&mut self, number: u64, response: Response) -> bool {
        let mut open = self.exchanges.iter_mut();
        let is_it = |e: &&mut Exchange| e.number == number && matches!(e.state, State::Open);
        let Some(exchange) = open.find(is_it) else { return false };
        exchange.state = State::Answered(response);
        true
    }

    /// Whether what lies here leads to an answer, and is not the beginning of a request alone.
    fn more_comes(&self) -> bool {
        let mut parser = self.parser.clone();
        let mut rest = &self.unparsed[self.unparsed_start..];
        loop {
            match parser.receive(&mut rest) {
                Ok(None) => return false,
                Ok(Some(Parsed::ContinueDue)) => {}
                Ok(Some(Parsed::Request(_))) | Err(_) => return true,
            }
        }
    }

    // Bytes out.

    /// Moves to the outbox what may go out now.
    pub(super) fn pump(&mut self, now: Now) {
        let was_empty = self.outbox.is_empty();
        while !self.closing {
            let is_last = self.sending + 1 == self.exchanges.len();
            let Some(exchange) = self.exchanges.get_mut(self.sending) else { break };
            if !matches!(exchange.state, State::Answered(_)) {
                break;
            }
            let answered = std::mem::replace(&mut exchange.state, State::Sending);
            let State::Answered(response) = answered else { unreachable!("it was answered") };
            let asked = exchange.asked;
            self.sending += 1;
            if is_last && self.input == Input::Ending && !self.more_comes() {
                self.close_input();
            }
            self.closing = response.persistence() == Persistence::Close
                || is_last && self.input == Input::Closed;
            let persistence = match self.closing {
                true => Persistence::Close,
                false => Persistence::KeepAlive,
            };
            for part in response.encode(asked, persistence, now.wall) {
                self.outbox.push(part);
            }
        }
        if self.closing && self.input != Input::Closed {
            // RFC 9112 section 9.6: nothing behind the last answer is processed.
            self.close_input();
            self.exchanges.retain(|exchange| !matches!(exchange.state, State::Ready(_)));
        }
        if self.continue_due && self.exchanges.is_empty() {
            self.continue_due = false;
            self.outbox.push(Body::Static(CONTINUE));
            self.body = Progress::new(now.steady);
        }
        if was_empty {
            self.write = Progress::new(now.steady);
        }
    }

    /// The kernel took bytes. Whoever calls it [pumps](Self::pump) then.
    pub(super) fn note_sent(&mut self, now: Instant, count: usize, requests_max: usize) {
        self.traffic.bytes_sent += count as u64;
        self.outbox.advance(count);
        self.write.note(now, count);
        if !self.outbox.is_empty() {
            return;
        }
        self.traffic.responses += self.sending as u64;
        self.exchanges.drain(..self.sending);
        self.sending = 0;
        self.quiet_since = now;
        if !self.closing {
            self.parse_kept(now, requests_max);
        }
    }

    // What is to be done.

    /// Whether it is not over.
    pub(super) const fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether bytes are wanted.
    pub(super) fn wants_bytes(&self) -> bool {
        self.input == Input::Open && self.unparsed.is_empty() && self.is_live()
    }

    /// Whether everything that was asked for was answered, and nothing more will be.
    pub(super) fn is_done(&self) -> bool {
        let all_answered = self.exchanges.is_empty() && self.input == Input::Closed;
        self.outbox.is_empty() && (self.closing || all_answered)
    }

    /// Whether nothing is to be read, answered or sent, so that the next word is the client's.
    pub(super) fn is_idle(&self) -> bool {
        self.input == Input::Open
            && self.exchanges.is_empty()
            && self.outbox.is_empty()
            && self.parser.stage() == ParseStage::Between
    }

    /// How far the request has got that is being read, if one is.
    pub(super) fn reading_stage(&self) -> ParseStage {
        if self.input == Input::Closed { ParseStage::Between } else { self.parser.stage() }
    }

    /// Whether a request is being read.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.reading_stage(), ParseStage::Head | ParseStage::Body)
    }

    /// Whether the client cannot be blamed for sending no body.
    pub(super) const fn is_continue_due(&self) -> bool {
        self.continue_due
    }

    /// Forgets everything: it is over.
    pub(super) fn clear(&mut self) {
        self.close_input();
        self.exchanges.clear();
        self.sending = 0;
        self.outbox.clear();
    }

    /// Bytes of memory for requests that are held, and not the application's.
    pub(super) fn held_bytes(&self) -> usize {
        let ready = self.exchanges.iter().map(|exchange| match &exchange.state {
            State::Ready(request) => request.byte_count(),
            State::Open | State::Answered(_) | State::Sending => 0,
        });
        self.parser.byte_count() + self.unparsed.capacity() + ready.sum::<usize>()
    }

    /// What it holds.
    #[must_use]
    pub fn load(&self) -> Load {
        let mut load = Load {
            requests: self.exchanges.len(),
            held_bytes: self.held_bytes(),
            unsent_bytes: self.outbox.byte_count(),
            takes_requests: self.input != Input::Closed,
            is_over: !self.is_live(),
            ..Load::default()
        };
        for exchange in &self.exchanges {
            match &exchange.state {
                State::Ready(_) => load.requests_ready += 1,
                State::Open => load.requests_open += 1,
                State::Answered(_) | State::Sending => {}
            }
        }
        load
    }

    pub(super) fn check_invariants(&self, config: &Config) {
        self.outbox.check_invariants();
        assert!(self.exchanges.len() <= config.requests_max, "requests are limited");
        for (place, exchange) in self.exchanges.iter().enumerate() {
            let is_sent = matches!(exchange.state, State::Sending);
            assert_eq!(is_sent, place < self.sending, "answers leave in the order of requests");
        }
        let numbers = self.exchanges.iter().map(|exchange| exchange.number);
        assert!(numbers.is_sorted(), "requests stand in the order in which they came");
        if self.sending > 0 {
            assert!(!self.outbox.is_empty(), "what was sent is gone");
        }
        let next = self.exchanges.get(self.sending);
        if next.is_some_and(|next| matches!(next.state, State::Answered(_))) {
            assert!(self.closing, "what may go out is in the outbox");
        }
        if !self.unparsed.is_empty() {
            assert_eq!(self.exchanges.len(), config.requests_max, "bytes are kept for a reason");
        }
        if self.is_live() {
            assert_eq!(self.has_turn, self.has_ready(), "who has a request has a turn");
            assert_eq!(self.reading, self.wants_bytes(), "who may speak is heard");
            assert!(!self.is_done(), "what is done ends");
        } else {
            assert!(self.exchanges.is_empty() && self.outbox.is_empty(), "what is over is empty");
            assert_eq!(self.held_bytes(), 0, "what is over holds nothing");
            assert!(!self.has_turn, "what is over has no turn");
        }
    }
}

#[cfg(test)]
mod tests;
