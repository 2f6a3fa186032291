//! The order of visits, without anything that is visited.

use std::collections::BTreeSet;

use super::super::peer::{Origin, Peer};
use super::super::{Config, ConnType, PeerId, Stage};
use super::{ConnId, MessageType, Messages};
use crate::rng::Seed;
use crate::slab::Key as _;
use crate::sockets::Endpoint;
use crate::time::UnixTime;
use crate::transport::{Message, Network};

/// The task, and peers by the index of their connection.
struct Room {
    seed: Seed,
    messages: Messages,
    peers: Vec<Peer>,
}

impl Room {
    fn new(peers: u32) -> Self {
        let seed = Seed::from_number(1);
        let messages = Messages::new(&seed);
        let mut room = Self { seed, messages, peers: Vec::new() };
        for _ in 0..peers {
            room.enter();
        }
        room
    }

    /// A peer comes, with nothing to say.
    fn enter(&mut self) -> u32 {
        let index = u32::try_from(self.peers.len()).unwrap();
        let config = Config::new(Network::Regtest);
        let endpoint = Endpoint::Ip(([127, 0, 0, 1], 1).into());
        let (id, inbound) = (PeerId(index.into()), ConnType::Inbound);
        let mut peer = Peer::new(id, inbound, endpoint, Origin::Peer, &config, &self.seed);
        peer.stage = Stage::Open;
        self.messages.welcome(&mut peer);
        self.peers.push(peer);
        self.note(index);
        index
    }

    /// A peer says so much.
    fn say(&mut self, index: u32, count: u32) {
        for _ in 0..count {
            let message = Message { message_type: MessageType::PING, payload: vec![0; 8] };
            self.peers[index as usize].inbox.push(message, UnixTime::EPOCH);
        }
        self.note(index);
    }

    fn note(&mut self, index: u32) {
        let peer = &mut self.peers[index as usize];
        self.messages.note(ConnId::new(index, 0), peer);
    }

    /// One visit, which takes one message.
    fn visit(&mut self) -> u32 {
        assert!(self.messages.has_work());
        let foreseen = self.messages.next_visit();
        let conn = self.messages.take_next();
        assert_eq!(conn, foreseen);
        let index = conn.unwrap().index();
        self.peers[index as usize].inbox.pop().unwrap();
        self.note(index);
        index
    }
}

#[test]
fn idle_peers_cost_nothing() {
    let mut room = Room::new(1_001);
    assert_eq!(room.messages.turns.len(), 0);
    for _ in 0..100 {
        room.say(700, 1);
        // All that the task looks at: one of a thousand.
        assert_eq!(room.messages.turns.len(), 1);
        assert_eq!(room.visit(), 700);
        assert_eq!(room.messages.turns.len(), 0);
    }
}

#[test]
fn pass_visits_each_peer_once_in_an_order_of_its_own() {
    let mut room = Room::new(3);
    for index in 0..3 {
        room.say(index, 101);
    }
    let mut orders = BTreeSet::new();
    for _ in 0..100 {
        let order = [room.visit(), room.visit(), room.visit()];
        assert_eq!(BTreeSet::from(order), BTreeSet::from([0, 1, 2]));
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6, "every order comes: {orders:?}");
}

/// A pass visits who was there when it began, as a list of that moment would.
#[test]
fn newcomer_waits_for_the_next_pass() {
    for others in 2..20 {
        let mut room = Room::new(others);
        for index in 0..others {
            room.say(index, 2);
        }
        let mut first_pass = vec![room.visit()];
        let newcomer = room.enter();
        room.say(newcomer, 1);
        first_pass.extend((1..others).map(|_| room.visit()));
        assert!(!first_pass.contains(&newcomer), "{first_pass:?}");
        let second_pass: Vec<_> = (0..=others).map(|_| room.visit()).collect();
        assert!(second_pass.contains(&newcomer), "{second_pass:?}");
    }
}

/// Who has work only once a pass is under way has it done in that pass or the next, as its place
/// is to come or over; both happen.
#[test]
fn latecomer_is_visited_if_its_place_is_to_come() {
    let mut visited_in = [0; 2];
    for latecomer in 2..100 {
        let mut room = Room::new(100);
        room.say(0, 2);
        room.say(1, 2);
        let first = room.visit();
        room.say(latecomer, 1);
        let rest: Vec<_> = (0..4).map(|_| room.visit()).collect();
        let place = rest.iter().position(|index| *index == latecomer).unwrap();
        let second = rest.iter().position(|index| *index == 1 - first).unwrap();
        let again = rest.iter().position(|index| *index == first).unwrap();
        assert!(second < again, "nobody is visited twice before all were: {rest:?}");
        visited_in[usize::from(place > 1)] += 1;
    }
    assert!(visited_in[0] > 20 && visited_in[1] > 20, "{visited_in:?}");
}

/// A pass that nobody has work in any more is over, for those too whom it did not come to.
#[test]
fn pass_is_over_once_nobody_has_work() {
    let mut room = Room::new(2);
    let mut firsts = BTreeSet::new();
    for _ in 0..100 {
        room.say(0, 1);
        assert_eq!(room.visit(), 0);
        // Both are visited in the next pass; its order is its own.
        room.say(0, 1);
        room.say(1, 1);
        firsts.insert(room.visit());
        room.visit();
    }
    assert_eq!(firsts.len(), 2, "either comes first at times");
}
