//! What a node makes of addresses. docs/behaviour.md, addresses 3 and 4.

use sockman::connman::addr_relay::{AddrForm, AddrList, encode};
use sockman::connman::addrman::disk::decode_peers;
use sockman::connman::addrman::{AddrRecord, Entry, NetAddr, NetGroups, NetService};
use sockman::connman::permissions::Whitelist;
use sockman::connman::stores::{DUMP_INTERVAL, StoredFile};
use sockman::files::FileCompletion;
use sockman_sim::files::Disk;

use super::*;

/// Where everybody is who is reached from anywhere.
const HOME: [u8; 4] = [20, 0, 0, 1];

/// An address that a test tells of, of a netgroup of its own.
fn record(last: u8) -> AddrRecord {
    let addr = NetAddr::from_ip([32, last, 0, 1].into());
    let service = NetService { addr, port: 8333 };
    AddrRecord { service, services: Services::NETWORK, time: WALL_START }
}

fn world() -> World {
    let mut config = v1_config();
    let cjdns = sockman::connman::host::Cjdns::Unreachable;
    config.whitelist = vec![Whitelist::parse("addr@20.0.0.0/8", cjdns).unwrap()];
    World::on("20.0.0.1", config)
}

impl World {
    fn tell(&mut self, peer: P, records: &[AddrRecord]) {
        self.send(peer, MessageType::ADDRV2, &encode(records, AddrForm::V2));
    }

    fn known(&self, service: &NetService) -> Entry {
        self.node.tenant().addrman().find(service).expect("it was told").clone()
    }

    /// Somebody listens, of whom the node was told; the node dials there.
    fn dial_known(&mut self) -> (P, NetService) {
        let net = self.node.sockets_mut();
        let listener = net.listen(&Endpoint::Ip((HOME, 8333).into())).unwrap();
        net.set_interest(Source::Listener(listener), Interest::NONE).unwrap();
        let service = NetService { addr: NetAddr::from_ip(HOME.into()), port: 8333 };
        let teller = self.ready_peer();
        let hour_ago = UnixTime::from_secs(WALL_START.as_secs() - 3600);
        self.tell(teller, &[AddrRecord { service, time: hour_ago, ..record(1) }]);
        let endpoint = Endpoint::Ip((HOME, 8333).into());
        self.command(Command::Connect { endpoint });
        (self.accept(listener), service)
    }
}

#[test]
fn version_of_whom_we_dialled_makes_its_address_good() {
    let mut world = world();
    let (peer, service) = world.dial_known();
    assert!(!world.known(&service).tried, "it was only told of");
    // Its services count whatever else is wrong.
    let mut said = version(70016);
    said.head.services = Services::WITNESS;
    world.send(peer, MessageType::VERSION, &said.encode()[..50]);
    let entry = world.known(&service);
    assert_eq!((entry.tried, entry.services), (false, Services::WITNESS));
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    let entry = world.known(&service);
    let services = Services::NETWORK | Services::WITNESS;
    assert_eq!((entry.tried, entry.services), (true, services));
    assert_eq!(entry.last_success, WALL_START.as_secs().cast_signed());
}

#[test]
fn connection_that_is_over_moves_the_time_of_its_address() {
    let mut world = world();
    let (peer, service) = world.dial_known();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    world.pass(Duration::from_secs(30));
    let told = world.known(&service).time;
    world.close(peer, Closing::Orderly);
    assert_eq!(world.known(&service).time, told, "its handshake was not complete");

    let mut world = self::world();
    let (peer, service) = world.dial_known();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    world.send(peer, MessageType::VERACK, &[]);
    world.pass(Duration::from_secs(600));
    let told = world.known(&service).time;
    world.close(peer, Closing::Orderly);
    assert_eq!(world.known(&service).time, world.now().wall.as_secs().cast_signed());
    assert!(told < world.known(&service).time);
}

/// docs/behaviour.md, files 2: at most 15 min later.
#[test]
fn addresses_that_are_told_are_kept() {
    let mut world = world();
    let mut disk = Disk::new();
    let connman = world.node.tenant().clone();
    let mut loading = connman.loading("a test");
    while let Some(op) = loading.op() {
        loading.handle(world.now(), disk.carry_out(&op)).unwrap();
    }
    let kept = connman.with_loaded(loading.finish());
    let net = world.node.sockets_mut().clone();
    world.node = Machine::new(SockMan::new(net, SockManConfig::default()), kept);
    let home = Endpoint::Ip((HOME, 18445).into());
    world.listener = world.node.listen(world.now(), &home).unwrap();
    let mut write = |world: &mut World| {
        world.drive();
        loop {
            let mut requests = Vec::new();
            world.node.take_file_requests(&mut requests);
            if requests.is_empty() {
                return disk.get(&StoredFile::Peers.name()).map(<[u8]>::to_vec);
            }
            for request in requests {
                let completion =
                    FileCompletion { id: request.id, result: disk.carry_out(&request.op) };
                world.node.handle_file_completed(world.now(), completion);
            }
            world.drive();
        }
    };
    let empty = write(&mut world).expect("it is made");
    let peer = world.ready_peer();
    world.tell(peer, &[record(1), record(2)]);
    assert_eq!(write(&mut world), Some(empty), "not at once");
    world.pass(DUMP_INTERVAL);
    let written = write(&mut world).unwrap();
    let magic = Network::Regtest.magic();
    let addrman = decode_peers(&written, magic, NetGroups).unwrap().addrman;
    assert!(addrman.find(&record(2).service).is_some());
    assert_eq!(addrman.size(None, None), 2);
}

#[test]
fn node_shows_what_became_of_the_addresses_of_a_peer() {
    let mut world = World::on("20.0.0.1", v1_config());
    let peer = world.ready_peer();
    assert_eq!(world.only().addresses, None, "none are exchanged");
    world.tell(peer, &[record(1), record(2), record(3)]);
    let counts = world.only().addresses.unwrap();
    assert_eq!((counts.processed, counts.rate_limited), (1, 2));
}

#[test]
fn answer_to_getaddr_goes_out_with_its_question() {
    let mut world = world();
    let teller = world.ready_peer();
    let many: Vec<_> = (0..100).map(record).collect();
    world.tell(teller, &many);
    let asker = world.ready_peer();
    world.send(asker, MessageType::GETADDR, &[]);
    let answer = world.take_messages(asker);
    assert_eq!(answer.len(), 1);
    let list = AddrList::decode(answer[0].payload.as_slice(), AddrForm::V1).unwrap();
    assert_eq!(list.count, world.node.tenant().addrman().size(None, None) * 23 / 100);
    assert!(list.records.iter().all(|told| many.iter().any(|one| one.service == told.service)));
}
