//! The library's v2 transport and somebody else's, the crate `bip324`: each understands the other,
//! as either side, beyond the first change of keys.

use bip324::{
    CipherSession, FillBytes, GarbageResult, Handshake, OutboundCipher, PacketType, Role as Theirs,
    VersionResult,
};
use secp256k1::Secp256k1;
use sockman::rng::{Purpose, Seed};
use sockman::transport::v2::{Detected, Role, Secrets};
use sockman::transport::{Message, MessageType, Network, Received, Transport};

/// Packets in each direction: keys change after 224.
const MESSAGES: u64 = 500;

struct Drawn(Seed);

impl FillBytes for Drawn {
    fn fill_bytes(&mut self, bytes: &mut [u8; 32]) {
        self.0.fill(Purpose::TransportSecrets, 1, bytes);
    }
}

fn flush(transport: &mut Transport) -> Vec<u8> {
    let bytes: Vec<u8> = transport.runs().flatten().copied().collect();
    transport.advance(bytes.len(), |_, _, _| {});
    transport.prepare();
    bytes
}

fn receive(transport: &mut Transport, mut bytes: &[u8]) -> Vec<Received> {
    let mut came = Vec::new();
    while !bytes.is_empty() {
        came.extend(transport.receive(&mut bytes).unwrap());
    }
    transport.prepare();
    came
}

fn encrypt(cipher: &mut OutboundCipher, contents: &[u8], kind: PacketType) -> Vec<u8> {
    let mut packet = vec![0; OutboundCipher::encryption_buffer_len(contents.len())];
    cipher.encrypt(contents, &mut packet, kind, None).unwrap();
    packet
}

/// What is in the next packet of a stream.
fn decrypt(session: &mut CipherSession, stream: &mut &[u8]) -> (PacketType, Vec<u8>) {
    let (length, rest) = stream.split_first_chunk::<3>().unwrap();
    let bytes = session.inbound().decrypt_packet_len(*length);
    let (packet, rest) = rest.split_at(bytes);
    *stream = rest;
    let mut packet = packet.to_vec();
    let (kind, plain) = session.inbound().decrypt_in_place(&mut packet, None).unwrap();
    (kind, plain[1..].to_vec())
}

/// A session of the crate's with a transport of ours, whose `role` is given.
fn shake_hands(seed: u64, role: Role) -> (Transport, CipherSession) {
    let (seed, magic) = (Seed::from_number(seed), Network::Regtest.magic());
    let mut ours = Transport::v2(magic, role, Secrets::draw(&seed, 0));
    let theirs = if role == Role::Initiator { Theirs::Responder } else { Theirs::Initiator };
    let mut garbage = vec![0; usize::try_from(seed.draw(Purpose::PingNonce, 0, 0) % 4096).unwrap()];
    seed.fill(Purpose::TransportSecrets, 2, &mut garbage);
    let curve = Secp256k1::new();
    let handshake =
        Handshake::new_with_rng(magic.0, theirs, &mut Drawn(seed.clone()), &curve).unwrap();
    let mut key = vec![0; 64 + garbage.len()];
    let handshake = handshake.send_key(Some(&garbage), &mut key).unwrap();
    assert_eq!(receive(&mut ours, &key), []);
    let mut stream = flush(&mut ours);
    let handshake = handshake.receive_key(stream[..64].try_into().unwrap()).unwrap();
    let decoys: [&[u8]; 2] = [&[1, 2, 3], &[]];
    let mut sealed = vec![0; Handshake::send_version_len(Some(&decoys))];
    let handshake = handshake.send_version(&mut sealed, Some(&decoys)).unwrap();
    assert_eq!(receive(&mut ours, &sealed), []);
    stream.extend(flush(&mut ours));
    let GarbageResult::FoundGarbage { mut handshake, consumed_bytes } =
        handshake.receive_garbage(&stream[64..]).unwrap()
    else {
        panic!("our terminator is not found");
    };
    let rest = &stream[64 + consumed_bytes..];
    let bytes = handshake.decrypt_packet_len(rest[..3].try_into().unwrap()).unwrap();
    assert_eq!(rest.len(), 3 + bytes, "one version packet");
    let mut packet = rest[3..].to_vec();
    let VersionResult::Complete { cipher } = handshake.receive_version(&mut packet).unwrap() else {
        panic!("we send no decoy");
    };
    (ours, cipher)
}

#[test]
fn our_v2_transport_and_the_crate_understand_each_other() {
    for seed in 0..20 {
        for role in [Role::Initiator, Role::Responder] {
            let (mut ours, mut theirs) = shake_hands(seed, role);
            let Detected::V2(id) = ours.detected() else { panic!("v2 is not detected") };
            assert_eq!(id.0, *theirs.id());
            for n in 0..MESSAGES {
                let payload = n.to_le_bytes().repeat(usize::try_from(n % 40).unwrap());
                // 18 is the short id of ping.
                let contents = [&[18], payload.as_slice()].concat();
                ours.push(Network::Regtest.magic(), MessageType::PING, payload.clone().into());
                ours.prepare();
                let stream = flush(&mut ours);
                let mut rest = stream.as_slice();
                let opened = decrypt(&mut theirs, &mut rest);
                assert_eq!(opened, (PacketType::Genuine, contents.clone()));
                assert!(rest.is_empty());
                let mut stream = encrypt(theirs.outbound(), &payload, PacketType::Decoy);
                stream.extend(encrypt(theirs.outbound(), &contents, PacketType::Genuine));
                let message = Message { message_type: MessageType::PING, payload };
                let raw_bytes = contents.len() + 20;
                assert_eq!(receive(&mut ours, &stream), [Received::Message { message, raw_bytes }]);
            }
        }
    }
}
