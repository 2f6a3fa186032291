//! The 12-byte command of a message: which type it is.

use std::fmt::{self, Write as _};

/// Bytes of the field, padding included. Core: `CMessageHeader::MESSAGE_TYPE_SIZE`.
pub const MESSAGE_TYPE_BYTES: usize = 12;

/// A valid message type: printable ASCII, padded with NUL. The empty one is valid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType([u8; MESSAGE_TYPE_BYTES]);

/// Declares the known types: a constant each, and the table of all.
macro_rules! known {
    ($($name:ident = $text:literal),+ $(,)?) => {
        impl MessageType {
            $(
                #[doc = concat!("`", $text, "`.")]
                pub const $name: Self = Self::literal($text);
            )+

            /// Every type that is known at protocol version 70016, in the order of the reference,
            /// which matters for statistics alone. Core: protocol.h, `ALL_NET_MESSAGE_TYPES`.
            pub const KNOWN: [Self; 35] = [$(Self::$name),+];
        }
    };
}

known! {
    VERSION = "version",
    VERACK = "verack",
    ADDR = "addr",
    ADDRV2 = "addrv2",
    SENDADDRV2 = "sendaddrv2",
    INV = "inv",
    GETDATA = "getdata",
    MERKLEBLOCK = "merkleblock",
    GETBLOCKS = "getblocks",
    GETHEADERS = "getheaders",
    TX = "tx",
    HEADERS = "headers",
    BLOCK = "block",
    GETADDR = "getaddr",
    MEMPOOL = "mempool",
    PING = "ping",
    PONG = "pong",
    NOTFOUND = "notfound",
    FILTERLOAD = "filterload",
    FILTERADD = "filteradd",
    FILTERCLEAR = "filterclear",
    SENDHEADERS = "sendheaders",
    FEEFILTER = "feefilter",
    SENDCMPCT = "sendcmpct",
    CMPCTBLOCK = "cmpctblock",
    GETBLOCKTXN = "getblocktxn",
    BLOCKTXN = "blocktxn",
    GETCFILTERS = "getcfilters",
    CFILTER = "cfilter",
    GETCFHEADERS = "getcfheaders",
    CFHEADERS = "cfheaders",
    GETCFCHECKPT = "getcfcheckpt",
    CFCHECKPT = "cfcheckpt",
    WTXIDRELAY = "wtxidrelay",
    SENDTXRCNCL = "sendtxrcncl",
}

impl MessageType {
    /// The empty type, which is valid and means nothing.
    pub const EMPTY: Self = Self::literal("");

    /// `alert`, which only the final alert uses; not among the known ones, since the reference
    /// does not know it any more.
    pub const ALERT: Self = Self::literal("alert");

    /// A type from its 12 bytes: each byte before the first NUL is in 0x20..=0x7e, each one after
    /// it is NUL. Core: `CMessageHeader::IsMessageTypeValid`.
    ///
    /// # Errors
    ///
    /// The first byte that breaks the rule.
    pub fn from_wire(bytes: [u8; MESSAGE_TYPE_BYTES]) -> Result<Self, MessageTypeError> {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(MESSAGE_TYPE_BYTES);
        let (text, padding) = bytes.split_at(length);
        let bad_text = text.iter().position(|byte| !matches!(byte, 0x20..=0x7e));
        let bad_padding = || padding.iter().position(|byte| *byte != 0).map(|at| length + at);
        match bad_text.or_else(bad_padding) {
            None => Ok(Self(bytes)),
            Some(offset) => Err(MessageTypeError { offset, byte: bytes[offset] }),
        }
    }

    /// The field as the wire has it.
    #[must_use]
    pub const fn to_wire(self) -> [u8; MESSAGE_TYPE_BYTES] {
        self.0
    }

    /// Its text, 0 to 12 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(MESSAGE_TYPE_BYTES);
        std::str::from_utf8(&self.0[..length]).expect("a valid type is ASCII")
    }

    /// Its place in [`KNOWN`](Self::KNOWN), if it is known.
    #[must_use]
    pub fn known_index(self) -> Option<usize> {
        Self::KNOWN.iter().position(|known| *known == self)
    }

    /// A type from its text, at compile time.
    const fn literal(text: &str) -> Self {
        let text = text.as_bytes();
        assert!(text.len() <= MESSAGE_TYPE_BYTES, "a type has at most 12 characters");
        let mut bytes = [0; MESSAGE_TYPE_BYTES];
        let mut at = 0;
        while at < text.len() {
            assert!(text[at] >= 0x20 && text[at] <= 0x7e, "a type is printable ASCII");
            bytes[at] = text[at];
            at += 1;
        }
        Self(bytes)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({:?})", self.as_str())
    }
}

/// A message type as a header claims it, perhaps no valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimedType(pub [u8; MESSAGE_TYPE_BYTES]);

impl fmt::Display for ClaimedType {
    /// Up to the first NUL, without what a log had better not show. Core: `GetMessageType`,
    /// `SanitizeString`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.into_iter().take_while(|byte| *byte != 0).map(char::from);
        let is_safe = |c: &char| c.is_ascii_alphanumeric() || " .,;-_/:?@()".contains(*c);
        text.filter(is_safe).try_for_each(|c| f.write_char(c))
    }
}

/// A byte that has no place in a message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageTypeError {
    /// Where in the field, 0 to 11.
    pub offset: usize,
    /// The byte.
    pub byte: u8,
}

impl fmt::Display for MessageTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {:#04x} at offset {} of the message type", self.byte, self.offset)
    }
}

impl std::error::Error for MessageTypeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8; MESSAGE_TYPE_BYTES], expected: Result<&str, usize>) {
        let found = MessageType::from_wire(*bytes);
        let found = found.as_ref().map(MessageType::as_str).map_err(|error| error.offset);
        assert_eq!(found, expected);
    }

    #[test]
    fn types_are_printable_and_padded_with_nul() {
        check(b"version\0\0\0\0\0", Ok("version"));
        check(b"sendtxrcncl\0", Ok("sendtxrcncl"));
        check(b"getcfcheckpt", Ok("getcfcheckpt"));
        check(b" ~ \0\0\0\0\0\0\0\0\0", Ok(" ~ "));
        // All NUL is the empty type, which is valid.
        check(&[0; 12], Ok(""));
        // What comes after the first NUL is NUL.
        check(b"ping\0\0\0\0\0\0\0x", Err(11));
        check(b"\0ping\0\0\0\0\0\0\0", Err(1));
        // Outside of printable ASCII, at either edge.
        check(b"pi\x1fg\0\0\0\0\0\0\0\0", Err(2));
        check(b"ping\x7f\0\0\0\0\0\0\0", Err(4));
        check(b"\xffing\0\0\0\0\0\0\0\0", Err(0));
    }

    #[test]
    fn claimed_types_show_what_is_printable() {
        for (bytes, text) in [
            (b"version\0\0\0\0\0", "version"),
            (b"pi\x1bn\ng<>\xff\0ab", "ping"),
            (b"\0ping\0\0\0\0\0\0\0", ""),
            (b"twelve-bytes", "twelve-bytes"),
        ] {
            assert_eq!(ClaimedType(*bytes).to_string(), text);
        }
    }

    #[test]
    fn known_types_have_distinct_places() {
        for (place, known) in MessageType::KNOWN.into_iter().enumerate() {
            assert_eq!(known.known_index(), Some(place));
            assert_eq!(MessageType::from_wire(known.to_wire()), Ok(known));
        }
        assert_eq!(MessageType::ALERT.known_index(), None);
    }
}
