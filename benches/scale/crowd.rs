//! Everybody who is connected: blocking sockets in one process.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::thread;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use sockman::connman::message::{Relay, Version, VersionHead, VersionTail};
use sockman::connman::{PROTOCOL_VERSION, Services};
use sockman::transport::{MessageType, Network, Received, Transport};

/// Connections from one address.
const PER_ADDRESS: usize = 250;

/// Bytes of a ping and of a pong over v1: a header and a nonce.
const QUESTION_BYTES: usize = 32;

pub(crate) struct Crowd {
    streams: Vec<TcpStream>,
    at: SocketAddr,
    questions: u64,
}

impl Crowd {
    /// Connects so many times, from addresses beginning with 127.1.
    pub(crate) fn connect(at: SocketAddr, connections: usize) -> io::Result<Self> {
        let one = |number: usize| {
            let host = number / PER_ADDRESS;
            let [high, low] = u16::try_from(host).map_err(io::Error::other)?.to_be_bytes();
            let from = SocketAddrV4::new(Ipv4Addr::new(127, 1, high, low), 0);
            let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
            bind(&socket, &from)?;
            connect(&socket, &at)?;
            let stream = TcpStream::from(socket);
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let streams = (0..connections).map(one).collect::<io::Result<_>>()?;
        Ok(Self { streams, at, questions: 0 })
    }

    /// Completes the handshake on every connection, and answers the node's first ping.
    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        let hello = [
            frame(MessageType::VERSION, &version(self.at).encode()),
            frame(MessageType::VERACK, &[]),
        ];
        let hello = hello.concat();
        for stream in &mut self.streams {
            stream.write_all(&hello)?;
        }
        self.streams.iter_mut().try_for_each(answer_ping)
    }

    /// The last one asks without a pause from now on, and reads every answer.
    pub(crate) fn begin_flood(&self) -> io::Result<Flood> {
        let stream = &self.streams[self.streams.len() - 1];
        let (mut writes, mut reads) = (stream.try_clone()?, stream.try_clone()?);
        let questions = frame(MessageType::PING, &1_u64.to_le_bytes()).repeat(1_000);
        let mut answers = vec![0; 1 << 16];
        // Both end when the connection does.
        thread::Builder::new().spawn(move || while writes.write_all(&questions).is_ok() {})?;
        thread::Builder::new()
            .spawn(move || while reads.read(&mut answers).is_ok_and(|count| count > 0) {})?;
        Ok(Flood(stream.try_clone()?))
    }

    /// The first so many ask at once, and wait until all are answered.
    pub(crate) fn ask(&mut self, active: usize) -> io::Result<()> {
        self.questions += 1;
        let question = frame(MessageType::PING, &self.questions.to_le_bytes());
        let expected = frame(MessageType::PONG, &self.questions.to_le_bytes());
        for stream in &mut self.streams[..active] {
            stream.write_all(&question)?;
        }
        for stream in &mut self.streams[..active] {
            let mut answer = [0; QUESTION_BYTES];
            stream.read_exact(&mut answer)?;
            if answer != *expected {
                return Err(io::Error::other("another answer came"));
            }
        }
        Ok(())
    }
}

/// Somebody who asks without a pause; ends with this value.
pub(crate) struct Flood(TcpStream);

impl Drop for Flood {
    fn drop(&mut self) {
        // OK to ignore: the node may have ended it.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Reads up to the node's ping, and answers it.
fn answer_ping(stream: &mut TcpStream) -> io::Result<()> {
    let mut transport = Transport::v1(Network::Regtest.magic());
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        let mut bytes = &buffer[..count];
        if count == 0 {
            return Err(io::Error::other("the node has closed a connection"));
        }
        while !bytes.is_empty() {
            let received = transport.receive(&mut bytes).map_err(io::Error::other)?;
            let Some(Received::Message { message, .. }) = received else { continue };
            if message.message_type == MessageType::PING {
                return stream.write_all(&frame(MessageType::PONG, &message.payload));
            }
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
            user_agent: "/crowd/".to_owned(),
            start_height: 0,
            relay: Relay::Wanted,
        },
    }
}
