//! The proxy's side of SOCKS5, as much of it as a node asks for: no authentication, CONNECT.
//!
//! A node that is told of this proxy dials by name, so that a schedule's hosts need no address that
//! exists. This file opens nothing: bytes in, answers out. Source: RFC 1928.

/// The version of the protocol, first in every message.
const VERSION: u8 = 5;

/// The method "no authentication required".
const NO_AUTHENTICATION: u8 = 0;

/// The command CONNECT.
const CONNECT: u8 = 1;

/// The reserved byte of a request and a reply.
const RESERVED: u8 = 0;

/// Types of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Where somebody wants to be connected to: a name, or an address as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What has to be done with a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More has to come.
    Wait,
    /// This has to be said.
    Say([u8; 2]),
    /// The other end wants to be connected, and to be told by a [`reply`].
    Connect(Destination),
    /// It speaks something else.
    End,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Succeeded = 0,
    Refused = 5,
}

/// One conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    buffer: Vec<u8>,
    has_greeted: bool,
}

impl Conversation {
    /// Takes in what came; to be asked again, with nothing, after something was said.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Turn {
        self.buffer.extend_from_slice(bytes);
        if self.has_greeted { self.request() } else { self.greeting() }
    }

    fn greeting(&mut self) -> Turn {
        match self.buffer.as_slice() {
            [] | [VERSION] => Turn::Wait,
            [VERSION, count, rest @ ..] if rest.len() < usize::from(*count) => Turn::Wait,
            [VERSION, count, rest @ ..]
                if rest[..usize::from(*count)].contains(&NO_AUTHENTICATION) =>
            {
                self.buffer.drain(..2 + usize::from(*count));
                self.has_greeted = true;
                Turn::Say([VERSION, NO_AUTHENTICATION])
            }
            _ => Turn::End,
        }
    }

    fn request(&self) -> Turn {
        let (kind, rest) = match self.buffer.as_slice() {
            [VERSION, CONNECT, RESERVED, kind, rest @ ..] => (*kind, rest),
            bytes if bytes.len() < 4 => return Turn::Wait,
            _ => return Turn::End,
        };
        let (host, port) = match (kind, rest) {
            (IPV4, [a, b, c, d, port @ ..]) => {
                (std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string(), port)
            }
            (IPV6, bytes) if bytes.len() >= 16 => {
                let address: [u8; 16] = bytes[..16].try_into().expect("it has 16 bytes");
                (std::net::Ipv6Addr::from(address).to_string(), &bytes[16..])
            }
            (NAME, [count, bytes @ ..]) if bytes.len() >= usize::from(*count) => {
                let (name, port) = bytes.split_at(usize::from(*count));
                (String::from_utf8_lossy(name).into_owned(), port)
            }
            (IPV4 | IPV6 | NAME, _) => return Turn::Wait,
            _ => return Turn::End,
        };
        match port {
            [high, low] => {
                Turn::Connect(Destination { host, port: u16::from_be_bytes([*high, *low]) })
            }
            [] | [_] => Turn::Wait,
            // Nobody speaks before the reply.
            _ => Turn::End,
        }
    }
}

/// The answer to a request: the bound address, which nobody needs, is zero.
pub(super) const fn reply(reply: Reply) -> [u8; 10] {
    [VERSION, reply as u8, RESERVED, IPV4, 0, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(host: &str, port: u16) -> Turn {
        Turn::Connect(Destination { host: host.to_owned(), port })
    }

    /// Every way to cut the bytes gives the same answers.
    fn check(request: &[u8], expected: &Turn) {
        let greeting = [5, 2, 2, 0];
        for cut in 0..request.len() {
            let mut conversation = Conversation::default();
            assert_eq!(conversation.take(&greeting[..3]), Turn::Wait);
            assert_eq!(conversation.take(&greeting[3..]), Turn::Say([5, 0]));
            assert_eq!(conversation.take(&request[..cut]), Turn::Wait, "{cut}");
            assert_eq!(conversation.take(&request[cut..]), *expected, "{cut}");
        }
    }

    #[test]
    fn requests_are_understood_however_they_are_cut() {
        check(&[5, 1, 0, 1, 203, 0, 113, 7, 0x48, 0x0c], &destination("203.0.113.7", 18_444));
        check(b"\x05\x01\x00\x03\x06p1.sim\x48\x0c", &destination("p1.sim", 18_444));
        let v6 = [5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 80];
        check(&v6, &destination("2001:db8::7", 80));
    }

    #[test]
    fn what_is_something_else_is_ended() {
        for greeting in [&b"GET /"[..], &[4, 1], &[5, 1, 2]] {
            assert_eq!(Conversation::default().take(greeting), Turn::End, "{greeting:?}");
        }
        for request in [&[5, 2, 0, 1][..], &[5, 1, 0, 2, 0], &[5, 1, 0, 1, 1, 2, 3, 4, 0, 80, 9]] {
            let mut conversation = Conversation::default();
            conversation.take(&[5, 1, 0]);
            assert_eq!(conversation.take(request), Turn::End, "{request:?}");
        }
    }
}
