//! Numbers, times, texts and addresses as bytes. Each `read` has its `write` beside it, and gives
//! back what that wrote; every other value of the bytes has a meaning too.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::super::{ACTORS_MAX, ActorId, TIME_MAX};
use crate::lexicon::Known;

/// Bytes in front of us. Every `read` gives nothing when they end.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// What the subject knows.
    pub(super) known: &'static Known,
}

/// Bytes behind us.
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// What the subject knows.
    pub(super) known: &'static Known,
}

/// Below this, a byte of a number is the number; from here on its low bits are an exponent.
const POWER: u8 = 0xC0;

/// From here on a number is spelled out.
const SPELLED: u8 = 0xE0;

/// Below this, a byte of a time is a unit and a factor; from here on it is spelled out.
const TIME_SPELLED: u8 = 0xC0;

/// The units of a time's first byte, in nanoseconds: its high bits; its low bits are the factor.
const TIME_UNITS: [u64; 12] = [
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
    600_000_000_000,
    3_600_000_000_000,
    86_400_000_000_000,
];

/// Actors that take no byte of their own.
const COMMON_ACTORS: u8 = 4;

/// Below this, six bits name a common actor; from here on the next byte names one.
const ACTOR_SPELLED: u8 = 48;

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], known: &'static Known) -> Self {
        Self { bytes, known }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*array)
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// One of these, by the next byte.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let index = usize::from(self.byte()?) % choices.len();
        choices.get(index).copied()
    }

    /// How many follow: nearly always below 16.
    pub(super) fn count(&mut self, most: usize) -> Option<usize> {
        let byte = self.byte()?;
        let low = usize::from(byte & 0x0F);
        if byte < 0xF0 {
            return Some(low.min(most));
        }
        let high = usize::try_from(self.spelled()?).ok()?;
        Some((high.wrapping_shl(4) | low).min(most))
    }

    /// A number in this range: small ones and powers of two are likely.
    pub(super) fn number(&mut self, least: u64, most: u64) -> Option<u64> {
        let byte = self.byte()?;
        let offset = match byte {
            SPELLED.. => self.spelled()?,
            POWER.. => 1 << (byte & 0x1F),
            _ => u64::from(byte),
        };
        // Only the full range has no size, and that is its own remainder.
        let size = (most - least).checked_add(1);
        Some(least + size.map_or(offset, |size| offset % size))
    }

    pub(super) fn number_u32(&mut self, least: u32, most: u32) -> Option<u32> {
        u32::try_from(self.number(least.into(), most.into())?).ok()
    }

    /// Seven bits a byte, the low ones first.
    fn spelled(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    }

    pub(super) fn time(&mut self) -> Option<Duration> {
        let byte = self.byte()?;
        let nanos = match TIME_UNITS.get(usize::from(byte >> 4)) {
            Some(unit) => unit * u64::from(byte & 0x0F),
            None => self.spelled()?,
        };
        Some(Duration::from_nanos(nanos).min(TIME_MAX))
    }

    /// An actor whose six bits these are.
    pub(super) fn actor_from(&mut self, bits: u8) -> Option<ActorId> {
        if bits < ACTOR_SPELLED {
            return Some(ActorId(u16::from(bits % COMMON_ACTORS) + 1));
        }
        Some(ActorId(u16::from(self.byte()?) % ACTORS_MAX + 1))
    }

    /// An actor, or nobody: one in four.
    pub(super) fn actor_option(&mut self) -> Option<Option<ActorId>> {
        let byte = self.byte()?;
        if byte & 3 == 0 { Some(None) } else { self.actor_from(byte >> 2).map(Some) }
    }

    /// An address, or none: three in four.
    pub(super) fn address_option(&mut self) -> Option<Option<SocketAddr>> {
        let ip: IpAddr = match self.byte()? {
            0xF0.. => self.array::<16>()?.into(),
            0xC0.. => self.array::<4>()?.into(),
            _ => return Some(None),
        };
        let port = u16::from_le_bytes(self.array()?);
        Some(Some(SocketAddr::new(ip, port)))
    }

    /// A text of these characters; others are left out.
    pub(super) fn text(&mut self, most: usize, fits: impl Fn(char) -> bool) -> Option<String> {
        let count = self.count(most)?;
        let text = String::from_utf8_lossy(self.take(count)?);
        let mut text: String = text.chars().filter(|c| fits(*c)).collect();
        // A byte that is no UTF-8 became three.
        text.truncate(text.floor_char_boundary(most));
        Some(text)
    }
}

impl Writer {
    pub(super) const fn new(known: &'static Known) -> Self {
        Self { bytes: Vec::new(), known }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn all(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The place of this in a table of at most 256.
    pub(super) fn pick<T: PartialEq>(&mut self, choices: &[T], choice: &T) {
        let index = choices.iter().position(|other| other == choice).unwrap_or(0);
        self.byte(u8::try_from(index).unwrap_or(0));
    }

    pub(super) fn count(&mut self, count: usize) {
        // OK because four bits fit.
        let low = u8::try_from(count & 0x0F).unwrap_or(0);
        if count < 0x10 {
            return self.byte(low);
        }
        self.byte(0xF0 | low);
        self.spelled(u64::try_from(count >> 4).unwrap_or(u64::MAX));
    }

    pub(super) fn number(&mut self, least: u64, number: u64) {
        let offset = number.saturating_sub(least);
        match u8::try_from(offset) {
            Ok(byte @ ..POWER) => self.byte(byte),
            Ok(_) | Err(_) => match u8::try_from(offset.trailing_zeros()) {
                Ok(exponent @ ..0x20) if offset.is_power_of_two() => self.byte(POWER | exponent),
                Ok(_) | Err(_) => {
                    self.byte(SPELLED);
                    self.spelled(offset);
                }
            },
        }
    }

    fn spelled(&mut self, mut number: u64) {
        while number >= 0x80 {
            // OK because seven bits fit.
            self.byte(0x80 | u8::try_from(number & 0x7F).unwrap_or(0));
            number >>= 7;
        }
        self.byte(u8::try_from(number).unwrap_or(0));
    }

    pub(super) fn time(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for (high, unit) in (0_u8..).zip(TIME_UNITS) {
            if let Ok(factor @ ..0x10) = u8::try_from(nanos / unit)
                && nanos.is_multiple_of(unit)
            {
                return self.byte(high << 4 | factor);
            }
        }
        self.byte(TIME_SPELLED);
        self.spelled(nanos);
    }

    /// The six bits of an actor, shifted above two others; and what follows them.
    pub(super) fn actor_above(&mut self, low: u8, actor: ActorId) {
        let index = u8::try_from(actor.0.saturating_sub(1)).unwrap_or(u8::MAX);
        if index < COMMON_ACTORS {
            self.byte(index << 2 | low);
        } else {
            self.byte(ACTOR_SPELLED << 2 | low);
            self.byte(index);
        }
    }

    pub(super) fn actor_option(&mut self, actor: Option<ActorId>) {
        match actor {
            Some(actor) => self.actor_above(1, actor),
            None => self.byte(0),
        }
    }

    pub(super) fn address_option(&mut self, address: Option<SocketAddr>) {
        let Some(address) = address else { return self.byte(0) };
        match address.ip() {
            IpAddr::V4(ip) => {
                self.byte(0xC0);
                self.all(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.byte(0xF0);
                self.all(&ip.octets());
            }
        }
        self.all(&address.port().to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.all(text.as_bytes());
    }
}
