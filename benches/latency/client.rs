//! Who asks: one blocking connection.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use sockman::connman::message::{Relay, Version, VersionHead, VersionTail};
use sockman::connman::{PROTOCOL_VERSION, Services};
use sockman::transport::{MessageType, Network, Received, Transport};

/// Bytes of a ping and of a pong over v1: a header and a nonce.
const QUESTION_BYTES: usize = 32;

/// A connection on which nothing else is said.
pub(crate) struct Client {
    stream: TcpStream,
    question: Vec<u8>,
    answer: [u8; QUESTION_BYTES],
    /// Whether a question is a message, which has to be answered by another one.
    speaks: bool,
}

impl Client {
    /// Of a server that sends everything back.
    pub(crate) fn of_echo(at: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        let question = vec![0x5a; QUESTION_BYTES];
        Ok(Self { stream, question, answer: [0; QUESTION_BYTES], speaks: false })
    }

    /// Of a node, with the handshake behind it and the node's first ping answered.
    pub(crate) fn of_node(at: SocketAddr) -> io::Result<Self> {
        let mut client = Self { speaks: true, ..Self::of_echo(at)? };
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
        if self.speaks {
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
        if self.speaks {
            self.answer == *frame(MessageType::PONG, &self.question[nonce..])
        } else {
            self.answer == *self.question
        }
    }
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
