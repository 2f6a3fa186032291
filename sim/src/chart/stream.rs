//! A stream of bytes cut into the messages of v1, if it has them.

use crate::subjects::connman;

/// What has come of one direction of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// A message that is not whole.
    buffer: Vec<u8>,
    /// What comes is no message of v1.
    is_opaque: bool,
    bytes: u64,
}

/// What some bytes brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brought {
    /// Messages that end in them: how each reads, and where it ends, in bytes from the beginning of
    /// the stream. Of what has no messages the bytes as they came.
    pub(crate) messages: Vec<(String, u64)>,
    /// Whether another message has begun.
    pub(crate) has_part: bool,
    /// Whether these are messages.
    pub(crate) is_opaque: bool,
}

impl Stream {
    /// Takes in the next bytes, at least one.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Brought {
        self.bytes += bytes.len() as u64;
        let mut brought = Brought::default();
        self.buffer.extend_from_slice(bytes);
        let mut read = 0;
        while !self.is_opaque
            && let Some(frame) = connman::frame_of(&self.buffer[read..])
        {
            let Ok((word, count)) = frame else {
                self.is_opaque = true;
                break;
            };
            read += count;
            let left = (self.buffer.len() - read) as u64;
            let settings = word.settings.iter().map(|(key, value)| format!(" {key}={value}"));
            let name = word.name + &settings.collect::<String>();
            brought.messages.push((name, self.bytes - left));
        }
        if self.is_opaque {
            self.buffer = Vec::new();
            brought.messages = vec![(format!("{} bytes", bytes.len()), self.bytes)];
        } else {
            self.buffer.drain(..read);
            brought.has_part = !self.buffer.is_empty();
        }
        brought.is_opaque = self.is_opaque;
        brought
    }
}

impl Brought {
    /// On one line; `count` is of the bytes.
    pub(crate) fn told(self, count: usize) -> String {
        if self.is_opaque {
            return format!("{count} bytes");
        }
        let mut names: Vec<_> = self.messages.into_iter().map(|(name, _)| name).collect();
        if self.has_part {
            names.push("a part".to_owned());
        }
        format!("{} ({count} bytes)", names.join(", "))
    }
}
