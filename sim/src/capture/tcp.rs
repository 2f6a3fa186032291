//! TCP from its events: who has numbered which bytes, and who has acknowledged what.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader, TcpOptionElement};

use crate::net::{Segment, SegmentKind};

/// Bytes of a stream that a frame has at most, as on an Ethernet. Whoever reads a capture need not
/// expect hundreds of messages in a frame: Wireshark gives up on them.
pub const PAYLOAD_BYTES_MAX: usize = 1_460;

/// Windows are told in units of so many bytes, as a power of two (RFC 7323): up to 8 MB.
const WINDOW_SHIFT: u8 = 7;

/// Between the first sequence numbers of one connection and the next.
const FIRST_NUMBERS_APART: u32 = 0x0010_0001;

/// Hops that a packet has left.
const HOPS: u8 = 64;

/// The connections whose packets passed so far.
#[derive(Debug, Default)]
pub(super) struct Connections(BTreeMap<Key, [End; 2]>);

/// A connection, whichever end sends: the attempt's number and the ends, the lower one first.
type Key = (u64, SocketAddr, SocketAddr);

/// What one end has told the other.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// Bytes of its stream that it has sent; the FIN counts as one.
    sent: u64,
    /// Bytes of the other's stream that it has acknowledged, likewise.
    received: u64,
    /// Up to where in the other's stream it has room.
    window_end: u64,
    /// Whether its stream has begun: it has sent a SYN.
    has_begun: bool,
    /// Whether it has heard of the other at all.
    has_heard: bool,
}

impl Connections {
    /// The frames that a segment is on the wire; none if it is not of TCP over IP.
    pub(super) fn frames(&mut self, segment: &Segment) -> Vec<Vec<u8>> {
        let (Some(from), Some(to)) = (segment.from.ip(), segment.to.ip()) else {
            return Vec::new();
        };
        let key = (segment.connection, from.min(to), from.max(to));
        let ends = self.0.entry(key).or_default();
        let is_syn = matches!(segment.kind, SegmentKind::Syn { .. });
        if is_syn && ends.iter().any(|end| end.sent > 0) {
            // Of a host that was started again, the attempts have the same numbers again.
            *ends = [End::default(); 2];
        }
        let (mine, theirs) = if from < to { (0, 1) } else { (1, 0) };
        let flow = Flow { from, to, connection: segment.connection };
        let end = &mut ends[mine];
        let frames = match &segment.kind {
            SegmentKind::Unreachable(_) => return Vec::new(),
            SegmentKind::Syn { window_end } | SegmentKind::SynAck { window_end } => {
                end.window_end = *window_end;
                end.has_begun = true;
                let is_answer = matches!(segment.kind, SegmentKind::SynAck { .. });
                end.has_heard |= is_answer;
                vec![flow.frame(end, Flags { syn: true, ..Flags::default() }, &[])]
            }
            SegmentKind::Data(bytes) => {
                end.has_heard = true;
                let mut frames = Vec::new();
                for payload in bytes.chunks(PAYLOAD_BYTES_MAX) {
                    frames.push(flow.frame(end, Flags { psh: true, ..Flags::default() }, payload));
                    end.sent += payload.len() as u64;
                }
                frames
            }
            SegmentKind::Fin => {
                end.has_heard = true;
                let frame = flow.frame(end, Flags { fin: true, ..Flags::default() }, &[]);
                end.sent += 1;
                vec![frame]
            }
            SegmentKind::Ack { received, window_end } => {
                *end =
                    End { received: *received, window_end: *window_end, has_heard: true, ..*end };
                vec![flow.frame(end, Flags::default(), &[])]
            }
            SegmentKind::Reset => {
                end.has_heard = true;
                vec![flow.frame(end, Flags { rst: true, ..Flags::default() }, &[])]
            }
        };
        // Whoever is sent something has been heard.
        ends[theirs].has_heard |= !matches!(segment.kind, SegmentKind::Syn { .. });
        frames
    }
}

/// What a frame says besides its numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    syn: bool,
    psh: bool,
    fin: bool,
    rst: bool,
}

/// From where to where.
struct Flow {
    from: SocketAddr,
    to: SocketAddr,
    connection: u64,
}

impl Flow {
    fn frame(&self, end: &End, flags: Flags, payload: &[u8]) -> Vec<u8> {
        let mut tcp = TcpHeader::new(self.from.port(), self.to.port(), 0, 0);
        let first = first_number(self.connection, self.from);
        tcp.sequence_number = match (flags.syn, end.has_begun) {
            (true, _) => first,
            // The SYN has a number of its own. Numbers go round.
            (false, true) => first.wrapping_add(1).wrapping_add(low(end.sent)),
            // Who has no such connection has no numbers: RFC 9293, 3.10.7.1.
            (false, false) => 0,
        };
        if end.has_heard {
            tcp.ack = true;
            let first = first_number(self.connection, self.to);
            tcp.acknowledgment_number = first.wrapping_add(1).wrapping_add(low(end.received));
        }
        let window = end.window_end.saturating_sub(end.received);
        // That of a SYN is told in bytes.
        let shift = if flags.syn { 0 } else { WINDOW_SHIFT };
        tcp.window_size = u16::try_from(window >> shift).unwrap_or(u16::MAX);
        (tcp.syn, tcp.psh, tcp.fin, tcp.rst) = (flags.syn, flags.psh, flags.fin, flags.rst);
        if flags.syn {
            let scale = [TcpOptionElement::WindowScale(WINDOW_SHIFT)];
            tcp.set_options(&scale).expect("one option has room");
        }
        let ethernet = PacketBuilder::ethernet2(card(self.from.ip()), card(self.to.ip()));
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                finish(ethernet.ipv4(from.octets(), to.octets(), HOPS).tcp_header(tcp), payload)
            }
            (from, to) => {
                let [from, to] = [from, to].map(|ip| match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                });
                finish(ethernet.ipv6(from.octets(), to.octets(), HOPS).tcp_header(tcp), payload)
            }
        }
    }
}

fn finish(step: PacketBuilderStep<TcpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, payload).expect("a vector takes it, and the length fits");
    frame
}

/// The number of an end's SYN.
fn first_number(connection: u64, end: SocketAddr) -> u32 {
    low(connection).wrapping_mul(FIRST_NUMBERS_APART).wrapping_add(u32::from(end.port()) << 8)
}

/// The low half, as sequence numbers count.
fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).expect("32 bits are left")
}

/// A network card of the address's own, with the bit that says that nobody sold it.
fn card(ip: IpAddr) -> [u8; 6] {
    let end = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
    };
    [0x02, 0x00, end[0], end[1], end[2], end[3]]
}
