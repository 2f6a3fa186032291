//! The wire as another implementation has it: rust-bitcoin encodes and decodes the same messages.

use std::net::SocketAddr;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::p2p::address::{AddrV2, AddrV2Message, Address};
use bitcoin::p2p::message::{NetworkMessage, RawNetworkMessage};
use bitcoin::p2p::message_compact_blocks;
use bitcoin::p2p::message_network::VersionMessage;
use bitcoin::p2p::{Magic, ServiceFlags};
use sockman::connman::Services;
use sockman::connman::addr_relay::{AddrForm, AddrList, encode};
use sockman::connman::addrman::{AddrRecord, NetAddr, NetService};
use sockman::connman::message::{
    Bandwidth, Relay, SendCmpct, UNSPECIFIED, Version, VersionHead, VersionTail,
};
use sockman::rng::{Purpose, Seed};
use sockman::time::UnixTime;
use sockman::transport::{Frame, Incoming, MessageType, Network, SendQueue, V1Receiver};

fn wire(network: Network, message_type: MessageType, payload: &[u8]) -> Vec<u8> {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(network.magic(), message_type, payload.into()));
    queue.runs().flatten().copied().collect()
}

/// A number that differs with each `n`, small and large ones alike.
fn number(n: u64, field: u64) -> u64 {
    let drawn = Seed::from_number(n).draw(Purpose::PingNonce, field, 0);
    drawn >> (Seed::from_number(n).draw(Purpose::PingNonce, field, 1) % 64)
}

/// The `n`-th `version`, in both forms.
fn version(n: u64) -> (Version, VersionMessage) {
    let ip = if n.is_multiple_of(2) { [8, 8, 4, 4].into() } else { [0x2a00; 8].into() };
    let receiver = SocketAddr::new(ip, 8333);
    let user_agent = "/x:1.2/".repeat(usize::try_from(n % 36).unwrap());
    let low = |field| i32::try_from(number(n, field) >> 33).unwrap();
    let ours = Version {
        head: VersionHead {
            version: low(1),
            services: Services(number(n, 2)),
            time: i64::try_from(number(n, 3) >> 1).unwrap(),
            receiver_services: Services(number(n, 4)),
            receiver,
        },
        tail: VersionTail {
            nonce: number(n, 5),
            user_agent: user_agent.clone(),
            start_height: low(6),
            relay: if n.is_multiple_of(3) { Relay::Unwanted } else { Relay::Wanted },
        },
    };
    let theirs = VersionMessage {
        version: u32::try_from(ours.head.version).unwrap(),
        services: ServiceFlags::from(ours.head.services.0),
        timestamp: ours.head.time,
        receiver: Address::new(&receiver, ServiceFlags::from(ours.head.receiver_services.0)),
        sender: Address::new(&UNSPECIFIED, ServiceFlags::from(ours.head.services.0)),
        nonce: ours.tail.nonce,
        user_agent,
        start_height: ours.tail.start_height,
        relay: ours.tail.relay == Relay::Wanted,
    };
    (ours, theirs)
}

#[test]
fn versions_are_the_same_bytes() {
    for n in 0..500 {
        let (ours, theirs) = version(n);
        assert_eq!(ours.encode(), serialize(&theirs), "{n}");
        assert_eq!(Version::decode(&serialize(&theirs)), Ok(ours.clone()), "{n}");
        assert_eq!(deserialize::<VersionMessage>(&ours.encode()).unwrap(), theirs, "{n}");
    }
}

#[test]
fn frames_are_the_same_bytes() {
    let cmpct = SendCmpct { bandwidth: Bandwidth::Low, version: 2 };
    let their_cmpct = message_compact_blocks::SendCmpct { send_compact: false, version: 2 };
    let (version, their_version) = version(7);
    let cases = [
        (MessageType::VERSION, version.encode(), NetworkMessage::Version(their_version)),
        (MessageType::VERACK, Vec::new(), NetworkMessage::Verack),
        (MessageType::WTXIDRELAY, Vec::new(), NetworkMessage::WtxidRelay),
        (MessageType::SENDADDRV2, Vec::new(), NetworkMessage::SendAddrV2),
        (MessageType::SENDHEADERS, Vec::new(), NetworkMessage::SendHeaders),
        (MessageType::GETADDR, Vec::new(), NetworkMessage::GetAddr),
        (MessageType::PING, 7_u64.to_le_bytes().to_vec(), NetworkMessage::Ping(7)),
        (MessageType::PONG, 8_u64.to_le_bytes().to_vec(), NetworkMessage::Pong(8)),
        (MessageType::SENDCMPCT, cmpct.encode().to_vec(), NetworkMessage::SendCmpct(their_cmpct)),
        (MessageType::FEEFILTER, 9_i64.to_le_bytes().to_vec(), NetworkMessage::FeeFilter(9)),
    ];
    for network in Network::ALL {
        for (message_type, payload, theirs) in &cases {
            let magic = Magic::from_bytes(network.magic().0);
            let theirs = serialize(&RawNetworkMessage::new(magic, theirs.clone()));
            assert_eq!(wire(network, *message_type, payload), theirs, "{message_type}");
            let received = V1Receiver::new(network.magic()).receive(&mut theirs.as_slice());
            let Ok(Some(Incoming::Message(message))) = received else {
                panic!("{message_type}: {received:?}");
            };
            assert_eq!((&message.message_type, &message.payload), (message_type, payload));
        }
    }
}

/// The `n`-th list of addresses, and the same as each form has it.
fn addresses(n: u64) -> (Vec<AddrRecord>, Vec<(u32, Address)>, Vec<AddrV2Message>) {
    let (mut ours, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
    for entry in 0..n % 20 {
        let seed = n * 20 + entry;
        let [time, port] = [number(seed, 1) >> 32, number(seed, 2) >> 48];
        let (time, port) = (u32::try_from(time).unwrap(), u16::try_from(port).unwrap());
        let services = number(seed, 3);
        let (addr, theirs) = match entry % 5 {
            0 => (NetAddr::Ipv4([8, 8, 4, 4].into()), AddrV2::Ipv4([8, 8, 4, 4].into())),
            1 => (NetAddr::Ipv6([0x2a00; 8].into()), AddrV2::Ipv6([0x2a00; 8].into())),
            2 => (NetAddr::Onion([7; 32]), AddrV2::TorV3([7; 32])),
            3 => (NetAddr::I2p([9; 32]), AddrV2::I2p([9; 32])),
            _ => {
                let ip = [0xfc00, 0, 0, 0, 0, 0, 0, 1];
                let bytes = std::net::Ipv6Addr::from(ip).octets();
                (NetAddr::Cjdns(bytes), AddrV2::Cjdns(ip.into()))
            }
        };
        let record = AddrRecord {
            service: NetService { addr, port },
            services: Services(services),
            time: UnixTime::from_secs(u64::from(time)),
        };
        let flags = ServiceFlags::from(services);
        if let NetAddr::Ipv4(ip) = addr {
            old.push((time, Address::new(&SocketAddr::new(ip.into(), port), flags)));
        }
        ours.push(record);
        new.push(AddrV2Message { time, services: flags, addr: theirs, port });
    }
    (ours, old, new)
}

/// BIP 155.
#[test]
fn lists_of_addresses_are_the_same_bytes() {
    for n in 0..300 {
        let (ours, old, new) = addresses(n);
        assert_eq!(encode(&ours, AddrForm::V2), serialize(&new), "{n}");
        let list = AddrList::decode(&serialize(&new), AddrForm::V2).unwrap();
        assert_eq!(list.records, ours, "{n}");
        let is_old = |record: &AddrRecord| matches!(record.service.addr, NetAddr::Ipv4(_));
        let ours: Vec<_> = ours.into_iter().filter(is_old).collect();
        assert_eq!(encode(&ours, AddrForm::V1), serialize(&old), "{n}");
        assert_eq!(AddrList::decode(&serialize(&old), AddrForm::V1).unwrap().records, ours, "{n}");
    }
}

#[test]
fn networks_have_the_magic_that_others_know() {
    for (ours, theirs) in [
        (Network::Main, Magic::BITCOIN),
        (Network::Testnet3, Magic::TESTNET3),
        (Network::Testnet4, Magic::TESTNET4),
        (Network::Signet, Magic::SIGNET),
        (Network::Regtest, Magic::REGTEST),
    ] {
        assert_eq!(ours.magic().0, theirs.to_bytes());
    }
}
