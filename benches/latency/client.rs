//! Who asks: one blocking connection.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use sockman::connman::message::{Relay, Version, VersionHead, VersionTail};
use sockman::connman::{PROTOCOL_VERSION, Services};
use sockman::transport::{MessageType, Network, Received, Transport};

/// Bytes of a ping and of a pong over v1: a header and a nonce.
const QUESTION_BYTES: usize = 32;

/// What every request is answered with.
pub(crate) const HTTP_ANSWER: &str = "pong";

/// A connection on which nothing else is said.
pub(crate) struct Client {
    stream: TcpStream,
    question: Vec<u8>,
    answer: Vec<u8>,
    language: Language,
}

/// What a question is, and so what its answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    /// Bytes that come back.
    Bytes,
    /// A ping.
    P2p,
    /// A request.
    Http,
}

impl Client {
    /// Of a server that sends everything back.
    pub(crate) fn of_echo(at: SocketAddr) -> io::Result<Self> {
        Self::of_echo_with(at, QUESTION_BYTES)
    }

    /// The same, with questions of so many bytes.
    pub(crate) fn of_echo_with(at: SocketAddr, bytes: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        let (question, answer) = (vec![0x5a; bytes], vec![0; bytes]);
        Ok(Self { stream, question, answer, language: Language::Bytes })
    }

    /// Of an HTTP server that answers every request alike: with requests as long as the answers.
    pub(crate) fn of_http(at: SocketAddr) -> io::Result<Self> {
        let mut client = Self { language: Language::Http, ..Self::of_echo(at)? };
        client.stream.write_all(&request(0))?;
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.ends_with(HTTP_ANSWER.as_bytes()) {
            match client.stream.read(&mut buffer)? {
                0 => return Err(io::Error::other("the server has closed the connection")),
                count => heard.extend_from_slice(&buffer[..count]),
            }
        }
        client.question = request(heard.len());
        client.answer = heard;
        Ok(client)
    }

    /// How long its questions and their answers are.
    pub(crate) const fn question_bytes(&self) -> usize {
        self.question.len()
    }

    /// Of a node, with the handshake behind it and the node's first ping answered.
    pub(crate) fn of_node(at: SocketAddr) -> io::Result<Self> {
        let mut client = Self { language: Language::P2p, ..Self::of_echo(at)? };
        client.say(MessageType::VERSION, &version(at).encode())?;
        client.say(MessageType::VERACK, &[])?;
        let mut transport = Transport::v1(Network::Regtest.magic());
        let mut buffer = [0; 4096];
        loop {
            let count = client.stream.read(&mut buffer)?;
            let mut bytes = &buffer[..count];
            if count == 0 {
                return Err(io::Error::other("the node has closed the connection"));
            }
            while !bytes.is_empty() {
                let received = transport.receive(&mut bytes).map_err(io::Error::other)?;
                let Some(Received::Message { message, .. }) = received else { continue };
                if message.message_type == MessageType::PING {
                    client.say(MessageType::PONG, &message.payload)?;
                    return Ok(client);
                }
            }
        }
    }

    fn say(&mut self, message_type: MessageType, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(message_type, payload))
    }

    /// Makes the next question.
    pub(crate) fn prepare(&mut self, number: u64) {
        if self.language == Language::P2p {
            self.question = frame(MessageType::PING, &number.to_le_bytes());
        }
    }

    /// Asks it, and waits for the answer.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.question)?;
        self.stream.read_exact(&mut self.answer)
    }

    /// Whether the last answer was the one to the last question.
    pub(crate) fn is_answered(&self) -> bool {
        let nonce = QUESTION_BYTES - 8;
        match self.language {
            Language::Bytes => self.answer == self.question,
            Language::P2p => self.answer == frame(MessageType::PONG, &self.question[nonce..]),
            Language::Http => {
                let (begins, ends) = (b"HTTP/1.1 200 ", HTTP_ANSWER.as_bytes());
                self.answer.starts_with(begins) && self.answer.ends_with(ends)
            }
        }
    }
}

/// A request of so many bytes, or of as few as there may be.
fn request(bytes: usize) -> Vec<u8> {
    let of = |path: &str| format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
    let path = "x".repeat(bytes.saturating_sub(of("").len()));
    of(&path)
}

fn frame(message_type: MessageType, payload: &[u8]) -> Vec<u8> {
    let mut transport = Transport::v1(Network::Regtest.magic());
    transport.push(Network::Regtest.magic(), message_type, payload.into());
    transport.runs().flatten().copied().collect()
}

fn version(at: SocketAddr) -> Version {
    Version {
        head: VersionHead {
            version: PROTOCOL_VERSION,
            services: Services::NONE,
            time: 0,
            receiver_services: Services::NONE,
            receiver: at,
        },
        tail: VersionTail {
            nonce: 1,
            user_agent: "/latency/".to_owned(),
            start_height: 0,
            relay: Relay::Wanted,
        },
    }
}
