//! The file: pcapng, as the IETF's draft-ietf-opsawg-pcapng describes it.
//!
//! A section header, one interface, and a block for each frame; little endian, times in
//! nanoseconds.

use super::Packet;
use super::tcp::Connections;
use crate::world::WALL_START;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_TIME_RESOLUTION: u16 = 9;

/// Frames begin with an Ethernet header (LINKTYPE_ETHERNET).
const LINK_ETHERNET: u16 = 1;

/// Times are counted in units of ten to the minus this, of a second.
const NANOSECONDS: u8 = 9;

/// Bytes of an option's text at most; its length has 16 bits.
const TEXT_BYTES_MAX: usize = 60_000;

/// A file of these packets, in their order. `about` is said of the whole file, `verdict` of the
/// last packet.
#[must_use]
pub fn pcapng(packets: &[Packet], about: &str, verdict: &str) -> Vec<u8> {
    let mut file = Vec::new();
    // Byte order, version 1.0, a length that is not said.
    let mut body = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    text(&mut body, OPTION_COMMENT, about);
    end_options(&mut body);
    block(&mut file, SECTION_HEADER, &body);

    // No limit to the length of a frame.
    let mut body = [&LINK_ETHERNET.to_le_bytes()[..], &[0; 2], &[0; 4]].concat();
    text(&mut body, INTERFACE_NAME, "node");
    option(&mut body, INTERFACE_TIME_RESOLUTION, &[NANOSECONDS]);
    end_options(&mut body);
    block(&mut file, INTERFACE_DESCRIPTION, &body);

    let mut connections = Connections::default();
    let framed = packets.iter().map(|packet| (packet.at, connections.frames(&packet.segment)));
    let framed = framed.flat_map(|(at, frames)| frames.into_iter().map(move |frame| (at, frame)));
    let mut framed = framed.peekable();
    while let Some((at, frame)) = framed.next() {
        let nanos = WALL_START.as_nanos() + at.as_nanos();
        let mut body = Vec::with_capacity(frame.len() + 40);
        // Interface 0; the time's upper half comes first.
        body.extend_from_slice(&[0; 4]);
        body.extend_from_slice(&half(nanos >> 32));
        body.extend_from_slice(&half(nanos));
        let length = half(frame.len() as u64);
        body.extend_from_slice(&length);
        body.extend_from_slice(&length);
        body.extend_from_slice(&frame);
        pad(&mut body);
        if framed.peek().is_none() {
            text(&mut body, OPTION_COMMENT, verdict);
            end_options(&mut body);
        }
        block(&mut file, ENHANCED_PACKET, &body);
    }
    file
}

/// A block: its kind, its length, its body, its length again.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = half(body.len() as u64 + 12);
    file.extend_from_slice(&kind.to_le_bytes());
    file.extend_from_slice(&length);
    file.extend_from_slice(body);
    file.extend_from_slice(&length);
}

/// An option with a text; one that is too long ends earlier.
fn text(body: &mut Vec<u8>, code: u16, text: &str) {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    option(body, code, &text.as_bytes()[..end]);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("callers keep to the limit");
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    option(body, OPTION_END, &[]);
}

/// Fills up to whole words of four bytes.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The low 32 bits, little endian.
fn half(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
