//! Captures, read back by somebody else's parser of packets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use etherparse::{NetHeaders, PacketHeaders, TcpHeader, TransportHeader};
use sockman::transport::{Incoming, Network, V1Receiver};
use sockman_sim::capture::{PAYLOAD_BYTES_MAX, Packets, pcapng};
use sockman_sim::generate::generate;
use sockman_sim::run::{Options, Report};
use sockman_sim::schedule::Schedule;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::run_named;

fn captured(script: &str) -> (Report, Vec<u8>) {
    let text = format!("format 1\n{script}");
    let schedule = Schedule::parse("test", &text).unwrap();
    let options = Options { packets: Packets::Keep, ..Options::default() };
    let report = run_named(&schedule, &options).unwrap();
    let file = pcapng(&report.packets, &text, &report.verdict.to_string());
    (report, file)
}

/// A frame of a file: its time in nanoseconds since 1970, and its bytes.
struct Frame {
    at: u64,
    bytes: Vec<u8>,
}

fn word(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap())
}

/// The blocks of a file: kind and body. Lengths on both sides agree, and nothing is left over.
fn blocks(mut file: &[u8]) -> Vec<(u32, &[u8])> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let length = word(file, 4) as usize;
        assert_eq!(length % 4, 0);
        assert_eq!(word(file, length - 4) as usize, length);
        blocks.push((word(file, 0), &file[8..length - 4]));
        file = &file[length..];
    }
    blocks
}

fn frames(file: &[u8]) -> Vec<Frame> {
    let blocks = blocks(file);
    assert_eq!((blocks[0].0, blocks[1].0), (0x0a0d_0d0a, 1));
    let packets = blocks[2..].iter().map(|(kind, body)| {
        assert_eq!(*kind, 6);
        let length = word(body, 12) as usize;
        assert_eq!(word(body, 16) as usize, length);
        let at = u64::from(word(body, 4)) << 32 | u64::from(word(body, 8));
        Frame { at, bytes: body[20..20 + length].to_vec() }
    });
    packets.collect()
}

/// One direction of a connection, put together from its frames.
#[derive(Default)]
struct Stream {
    /// The number of the SYN.
    first: Option<u32>,
    /// The number of the next byte; `None` before the SYN.
    next: Option<u32>,
    bytes: Vec<u8>,
    is_over: bool,
}

/// Follows every connection; fails on a gap, on a wrong checksum, and where somebody acknowledges
/// what was not sent.
fn streams(frames: &[Frame]) -> BTreeMap<(SocketAddr, SocketAddr), Stream> {
    let mut streams: BTreeMap<(SocketAddr, SocketAddr), Stream> = BTreeMap::new();
    for frame in frames {
        let headers = PacketHeaders::from_ethernet_slice(&frame.bytes).unwrap();
        let payload = headers.payload.slice();
        let Some(TransportHeader::Tcp(tcp)) = headers.transport else { panic!("it is TCP") };
        let (from, to, checksum) = match headers.net.unwrap() {
            NetHeaders::Ipv4(ip, _) => {
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                let checksum = tcp.calc_checksum_ipv4(&ip, payload).unwrap();
                (ip.source.into(), ip.destination.into(), checksum)
            }
            NetHeaders::Ipv6(ip, _) => {
                let checksum = tcp.calc_checksum_ipv6(&ip, payload).unwrap();
                (ip.source.into(), ip.destination.into(), checksum)
            }
            NetHeaders::Arp(_) => panic!("nobody asks who is where"),
        };
        assert_eq!(tcp.checksum, checksum);
        let from = SocketAddr::new(from, tcp.source_port);
        let to = SocketAddr::new(to, tcp.destination_port);
        if tcp.ack {
            let heard = streams.get(&(to, from)).and_then(|stream| stream.next);
            let ahead = heard.unwrap().wrapping_sub(tcp.acknowledgment_number);
            assert!(ahead < 1 << 31, "{from} acknowledges what {to} has sent");
        }
        follow(streams.entry((from, to)).or_default(), &tcp, payload);
    }
    streams
}

fn follow(stream: &mut Stream, tcp: &TcpHeader, payload: &[u8]) {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX);
    let number = tcp.sequence_number;
    if tcp.syn {
        // Another connection between the same ports, or the answer is sent again.
        if stream.first != Some(number) || !tcp.ack {
            let next = Some(number.wrapping_add(1));
            *stream = Stream { first: Some(number), next, ..Stream::default() };
        }
        return;
    }
    if tcp.rst && stream.next.is_none() {
        assert_eq!(number, 0, "of who has no such connection");
        return;
    }
    assert_eq!(stream.next, Some(number), "no gap");
    assert!(!stream.is_over || payload.is_empty());
    stream.bytes.extend_from_slice(payload);
    let counted = u32::try_from(payload.len()).unwrap() + u32::from(tcp.fin);
    stream.next = Some(number.wrapping_add(counted));
    stream.is_over |= tcp.fin || tcp.rst;
}

fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut receiver = V1Receiver::new(Network::Regtest.magic());
    let mut names = Vec::new();
    while !bytes.is_empty() {
        match receiver.receive(&mut bytes).unwrap() {
            Some(Incoming::Message(message)) => names.push(message.message_type.to_string()),
            Some(Incoming::Rejected(rejected)) => panic!("{rejected:?}"),
            None => {}
        }
    }
    names
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

#[test]
fn captured_streams_are_what_both_ends_said() {
    let (report, file) = captured(
        "0ms p1 dials\n     p1 sends version, verack\n+1s p1 sends ping nonce=7\n\
         expect p1 receives pong nonce=7 within 0ms\n+1s p1 closes\n",
    );
    assert!(report.verdict.is_passed(), "{}", report.verdict);
    let frames = frames(&file);
    assert_eq!(frames[0].at, 1_735_689_600_000_000_000);
    assert!(frames.iter().is_sorted_by_key(|frame| frame.at));
    assert_eq!(frames.last().unwrap().at - frames[0].at, 2_000_000_000);
    let streams = streams(&frames);
    assert_eq!(streams.len(), 2);
    let (peer, node) = (at("203.0.113.1:32768"), at("192.0.2.1:18444"));
    assert_eq!(messages(&streams[&(peer, node)].bytes), ["version", "verack", "ping"]);
    let expected = ["version", "wtxidrelay", "sendaddrv2", "verack", "sendcmpct", "ping", "pong"];
    assert_eq!(messages(&streams[&(node, peer)].bytes), expected);
    assert!(streams.values().all(|stream| stream.is_over));
}

#[test]
fn long_messages_are_several_frames() {
    let (report, file) = captured(
        "0ms p1 dials\n     p1 sends version, verack\n+1s p1 sends block length=200000\n\
         +1s p1 resets\n",
    );
    assert!(report.verdict.is_passed(), "{}", report.verdict);
    let streams = streams(&frames(&file));
    let (peer, node) = (at("203.0.113.1:32768"), at("192.0.2.1:18444"));
    assert_eq!(messages(&streams[&(peer, node)].bytes), ["version", "verack", "block"]);
}

#[test]
fn whoever_is_refused_is_reset() {
    let (_, file) = captured("0ms node dials p1\n");
    let frames = frames(&file);
    let streams = streams(&frames);
    assert!(streams.values().all(|stream| stream.bytes.is_empty()));
}

#[test]
fn what_the_node_sends_to_itself_passes_once() {
    let (_, file) = captured("0ms node dials itself\n");
    let streams = streams(&frames(&file));
    let said: Vec<_> = streams.values().map(|stream| messages(&stream.bytes)).collect();
    assert_eq!(said, [vec![], vec!["version".to_owned()]]);
}

/// Random schedules, with all that they do to connections: every file holds together.
#[test]
fn captures_of_a_campaign_are_consistent() {
    for seed in 0..40 {
        let drawn = generate::<Connman>(seed);
        let (packets, chance) = (Packets::Keep, Some(drawn.chance));
        let options = Options { packets, chance, ..Options::default() };
        let report = run_named(&drawn.schedule, &options).unwrap();
        let file = pcapng(&report.packets, "", "");
        let _ = streams(&frames(&file));
    }
}
