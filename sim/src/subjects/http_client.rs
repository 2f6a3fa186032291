//! The HTTP client, and servers that answer it rightly, wrongly, slowly or not at all.
//!
//! The servers' side is written apart from the library's, as that of the clients of the
//! [server](super::http) is. What is asked of a server follows from its host, so that a script says
//! it by whom the node dials: GET, POST, HEAD of p1, p2, p3, and so on.

use std::net::SocketAddr;
use std::time::Duration;

use sockman::http::Method;
use sockman::http::client::{
    Client, ClientCommand, ClientConfig, ClientNotice, ClientTimeouts, Exchange, FetchError,
    FetchId, Outcome, Outgoing,
};
use sockman::sockets::{ConnId, Endpoint};
use sockman::sockman::Conns;

use crate::lexicon::{self, Known, Setting};
use crate::schedule::Word;
use crate::subject::{ByteTotals, Fact, Resource, SettingError, Setup, Subject, UnknownWord};

mod server;
mod watch;

pub use server::Server;
pub use watch::ClientWatch;

/// What a client and its servers know.
pub(crate) const KNOWN: Known = Known {
    said: server::WORDS,
    said_with: server::said_with,
    heard: server::HEARD,
    heard_with: server::heard_with,
    commands: &[("shutdown", None)],
    node: &[
        Setting::from_one("max-requests"),
        lexicon::HOST[0],
        lexicon::HOST[1],
        lexicon::HOST[2],
        lexicon::HOST[3],
        lexicon::HOST[4],
        Setting::from_one("max-head"),
        Setting::from_one("max-body"),
        Setting::from_one("timeout"),
        Setting::from_one("whole"),
    ],
};

/// How long a client that is told to stop goes on at most.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of the content of a POST: more than small buffers take.
const CONTENT_BYTES: usize = 3000;

/// The methods, in the order in which hosts are asked with them.
const METHODS: [Method; 3] = [Method::Get, Method::Post, Method::Head];

/// The client as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpClient;

/// What a host is asked with.
fn method_for(id: FetchId) -> Method {
    let place = id.0.wrapping_sub(1) % METHODS.len() as u64;
    METHODS[usize::try_from(place).expect("a handful")]
}

/// The last byte of a host's address, which for actors is their number.
fn number_of(to: SocketAddr) -> u64 {
    let last = match to {
        SocketAddr::V4(to) => to.ip().octets()[3],
        SocketAddr::V6(to) => to.ip().octets()[15],
    };
    u64::from(last)
}

/// The name of an outcome where a schedule expects it.
const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err(error) => error.name(),
    }
}

impl Subject for HttpClient {
    const NAME: &'static str = "http-client";

    type Tenant = Client;
    type Dialect = Server;
    type Watch = ClientWatch;

    fn tenant(setup: &Setup<'_>) -> Result<Client, SettingError> {
        let mut config = ClientConfig::DEFAULT;
        for (key, value) in setup.settings {
            let refused =
                |expected| SettingError { key: key.clone(), value: value.clone(), expected };
            let number = value.parse::<u32>().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| refused("a number from 1 to 4294967295"))?;
            let time = Duration::from_secs(u64::from(number));
            match key.as_str() {
                "max-requests" => config.fetches_max = number,
                "max-head" => config.answer.head_bytes_max = number.clamp(64, 1 << 20) as usize,
                "max-body" => config.answer.body_bytes_max = number.min(1 << 24) as usize,
                "timeout" => {
                    let ClientTimeouts { connect, idle, .. } = &mut config.timeouts;
                    (*connect, *idle) = (time, time);
                }
                "whole" => config.timeouts.whole = time,
                _ => {
                    return Err(refused(
                        "one of max-requests, max-head, max-body, timeout, whole, and of the \
                         host's: seed, send-buffer, receive-buffer, descriptors, backlog",
                    ));
                }
            }
        }
        Ok(Client::new(config))
    }

    fn draw_settings(in_256: u8, below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let table: [(&str, &[u32]); 5] = [
            ("max-requests", &[1, 2, 4]),
            ("max-head", &[64, 100]),
            ("max-body", &[1, 1000, 20_000]),
            ("timeout", &[1, 3, 10]),
            ("whole", &[1, 5, 20]),
        ];
        lexicon::draw_numbers(&table, in_256, below)
    }

    fn dial_command(to: Endpoint) -> Option<ClientCommand> {
        let Endpoint::Ip(address) = to else { return None };
        let id = FetchId(number_of(address));
        let request = Outgoing::new(method_for(id), "sim", "/a").expect("it is one");
        let request = if method_for(id) == Method::Post {
            request.with_body(vec![b'x'; CONTENT_BYTES])
        } else {
            request
        };
        Some(ClientCommand::Fetch { id, to, request })
    }

    fn command(word: &Word) -> Result<ClientCommand, UnknownWord> {
        match (word.name.as_str(), word.settings.as_slice()) {
            ("shutdown", []) => Ok(ClientCommand::Shutdown { within: STOP_WITHIN }),
            _ => Err(UnknownWord::new(word, None, "shutdown")),
        }
    }

    fn commands() -> Vec<Word> {
        Word::all_plain(&["shutdown"])
    }

    fn command_name(command: &ClientCommand) -> &'static str {
        match command {
            ClientCommand::Fetch { .. } => "fetch",
            ClientCommand::Shutdown { .. } => "shutdown",
        }
    }

    fn is_message(notice: &ClientNotice) -> bool {
        matches!(notice, ClientNotice::Done { .. })
    }

    fn fact(notice: &ClientNotice) -> Option<Fact> {
        match notice {
            ClientNotice::Connected { conn, .. } => Some(Fact::Up(*conn)),
            ClientNotice::Done { conn: Some(conn), outcome, .. } => {
                Some(Fact::Down(*conn, outcome_name(outcome)))
            }
            ClientNotice::Done { conn: None, .. } | ClientNotice::Stopped => None,
        }
    }

    fn totals(client: &Client, _: &Conns<Exchange>) -> Option<ByteTotals> {
        Some(ByteTotals { received: client.bytes_received(), sent: client.bytes_sent() })
    }

    fn resources(
        client: &Client,
        conns: &Conns<Exchange>,
        conn: Option<ConnId>,
        mut check: impl FnMut(Resource),
    ) {
        let config = client.config();
        let Some(conn) = conn else {
            check(Resource {
                name: "requests",
                used: u64::from(client.count()),
                limit: u64::from(config.fetches_max),
                derivation: "the setting",
            });
            return;
        };
        let Some(exchange) = conns.get(conn) else { return };
        // Memory grows by doubling; a head keeps where its fields are, too: four places each.
        let fields = config.answer.fields_max as u64 * 32;
        let (head, body) = (config.answer.head_bytes_max, config.answer.body_bytes_max);
        check(Resource {
            name: "held bytes",
            used: exchange.held_bytes() as u64,
            limit: 2 * (2 * head as u64 + body as u64) + fields,
            derivation: "twice an answer",
        });
        check(Resource {
            name: "unsent bytes",
            used: exchange.unsent_bytes() as u64,
            limit: CONTENT_BYTES as u64 + 200,
            derivation: "a request",
        });
    }

    fn has_unsent(exchange: &Exchange) -> bool {
        exchange.unsent_bytes() > 0
    }

    fn stuck(exchange: &Exchange, receive_paused: bool) -> Option<&'static str> {
        (receive_paused && !exchange.is_over()).then_some("reading is paused without a reason")
    }
}

/// Whether an outcome is one of a client that was told to stop.
const fn is_stop(outcome: &Outcome) -> bool {
    matches!(outcome, Err(FetchError::Stopping))
}

#[cfg(test)]
mod tests {
    use sockman::rng::Seed;

    use super::*;

    const PAGE: &str = include_str!("../../../corpus/README.md");

    #[test]
    fn every_word_and_setting_of_the_http_client_is_on_the_page() {
        let (_, page) = PAGE.split_once("## Words of the HTTP client\n").expect("it has one");
        let page = page.split("\n## ").next().expect("it has an end");
        let settings = [("colour".to_owned(), "1".to_owned())];
        let setup = Setup { settings: &settings, seed: Seed::new([0; 32]) };
        let expected = HttpClient::tenant(&setup).expect_err("it has no such setting").expected;
        let own = expected.split(", and").next().expect("the host's come last");
        let own = own.trim_start_matches("one of ").split(", ");
        let words = server::WORDS.iter().chain(server::HEARD).copied();
        for name in own.chain(words).chain(["shutdown", "length"]) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
