//! Every rule of whom to ask, with its numbers; and a download in which much goes wrong.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::chain::{BlockHash, Header, Params, solve};
use crate::transport::Network;

const FULL: Offer = Offer {
    serves: Serves::All,
    is_preferred: true,
    has_witnesses: true,
    noban: false,
    lagging: Lagging::Kept,
};

/// A chain upon a header, one second from block to block.
fn grow(tree: &mut HeaderTree, parent: HeaderId, count: u32) -> HeaderId {
    let mut batch = Vec::new();
    let mut last = tree.header(parent);
    for _ in 0..count {
        let (previous, time) = (last.hash(), last.time + 1);
        last = solve(Header { previous, time, ..last }).unwrap();
        batch.push(last);
    }
    let far = UnixTime::from_secs(4_000_000_000);
    let insert = |tree: &mut HeaderTree, part: &[Header]| tree.insert(part, far).unwrap().last;
    batch.chunks(2000).filter_map(|part| insert(tree, part)).last().unwrap_or(parent)
}

/// Downloads of peers 1, 2 … over a tree in which headers go on for some while.
struct World {
    tree: HeaderTree,
    downloads: Downloads<u32>,
    now: UnixTime,
    is_initial_download: bool,
}

impl World {
    fn new(headers: u32) -> Self {
        let mut tree = HeaderTree::new(Params::of(Network::Regtest), 100_000);
        grow(&mut tree, HeaderId::GENESIS, headers);
        let now = UnixTime::from_secs(1_700_000_000);
        Self { tree, downloads: Downloads::new(), now, is_initial_download: true }
    }

    /// With a peer that has every header.
    fn with(mut self, id: u32, offer: Offer) -> Self {
        self.downloads.handle_connected(id, offer);
        let best = self.tree.hash(self.tree.tip());
        self.downloads.handle_announced(&self.tree, id, &best);
        self
    }

    fn turn(&mut self, id: u32) -> Vec<Action<u32>> {
        let mut actions = Vec::new();
        let cx = Context {
            tree: &self.tree,
            now: self.now,
            is_initial_download: self.is_initial_download,
            minimum_work: U256::ZERO,
        };
        self.downloads.handle_turn(&cx, id, &mut actions);
        self.downloads.check_invariants();
        actions
    }

    fn wakeup(&self) -> Option<(UnixTime, u32)> {
        let cx = Context {
            tree: &self.tree,
            now: self.now,
            is_initial_download: self.is_initial_download,
            minimum_work: U256::ZERO,
        };
        self.downloads.next_wakeup(&cx)
    }

    /// Heights of the blocks that a peer's turn asks for.
    fn asked(&mut self, id: u32) -> Vec<u32> {
        let of = |action| match action {
            Action::GetBlocks { blocks, .. } => Some(blocks),
            Action::GetHeaders { .. } | Action::Disconnect { .. } => None,
        };
        let blocks = self.turn(id).into_iter().find_map(of).unwrap_or_default();
        blocks.into_iter().map(|id| self.tree.height(id)).collect()
    }

    fn given_up(&mut self, id: u32) -> Option<Timeout> {
        self.turn(id).into_iter().find_map(|action| match action {
            Action::Disconnect { why, .. } => Some(why),
            Action::GetHeaders { .. } | Action::GetBlocks { .. } => None,
        })
    }

    fn is_asked_for_headers(&mut self, id: u32) -> bool {
        self.turn(id).iter().any(|action| matches!(action, Action::GetHeaders { .. }))
    }

    fn at(&self, height: u32) -> HeaderId {
        self.tree.ancestor(self.tree.tip(), height).unwrap()
    }

    /// The block at a height came, and what is complete is active.
    fn block(&mut self, height: u32) {
        let id = self.at(height);
        self.downloads.handle_block(id, self.now);
        self.tree.take_block(id);
        self.tree.activate(self.tree.best_complete());
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn stalling_since(&self, id: u32) -> Option<UnixTime> {
        self.downloads.peers[&id].stalling_since
    }
}

fn heights(range: std::ops::RangeInclusive<u32>) -> Vec<u32> {
    range.collect()
}

const SECOND: Duration = Duration::from_secs(1);
const NONE: [u32; 0] = [];
const NANO: Duration = Duration::from_nanos(1);

#[test]
fn constants_are_the_reference_s() {
    for (name, ours, core) in [
        ("MAX_BLOCKS_IN_TRANSIT_PER_PEER", BLOCKS_IN_FLIGHT_MAX as u128, 16),
        ("BLOCK_DOWNLOAD_WINDOW", u128::from(BLOCK_DOWNLOAD_WINDOW), 1024),
        ("NODE_NETWORK_LIMITED_MIN_BLOCKS - 2", u128::from(LIMITED_BLOCKS), 286),
        ("BLOCK_STALLING_TIMEOUT_DEFAULT, s", STALLING_TIMEOUT_DEFAULT.as_millis(), 2_000),
        ("BLOCK_STALLING_TIMEOUT_MAX, s", STALLING_TIMEOUT_MAX.as_millis(), 64_000),
        ("HEADERS_DOWNLOAD_TIMEOUT_BASE, min", HEADERS_TIMEOUT_BASE.as_millis(), 900_000),
        ("HEADERS_DOWNLOAD_TIMEOUT_PER_HEADER, ms", HEADERS_TIMEOUT_PER_HEADER.as_millis(), 1),
        ("HEADERS_RESPONSE_TIME, min", HEADERS_RESPONSE_TIME.as_millis(), 120_000),
        ("SendMessages, 24 h", RECENT_AGE.as_millis(), 86_400_000),
    ] {
        assert_eq!(ours, core, "{name}");
    }
    for (others, secs) in [(0, 600), (1, 900), (2, 1_200), (7, 2_700)] {
        assert_eq!(block_timeout(600, others), Duration::from_secs(secs), "{others} others");
    }
}

/// Core: `MAX_BLOCKS_IN_TRANSIT_PER_PEER`.
#[test]
fn sixteen_blocks_are_asked_for_in_order_and_topped_up() {
    let mut world = World::new(100).with(1, FULL).with(2, FULL);
    assert_eq!(world.asked(1), heights(1..=16));
    assert_eq!(world.asked(1), NONE);
    assert_eq!(world.asked(2), heights(17..=32));
    world.block(3);
    assert_eq!(world.asked(1), [33]);
    world.block(1);
    world.block(2);
    assert_eq!(world.asked(1), [34, 35]);
    world.downloads.handle_disconnected(1);
    world.block(17);
    assert_eq!(world.asked(2), [4], "what somebody left owing is asked from others");
}

/// Core: `BLOCK_DOWNLOAD_WINDOW`, and `m_stalling_since` in `SendMessages`.
#[test]
fn who_holds_the_window_up_is_given_up_after_two_seconds() {
    let mut world = World::new(1_100).with(1, FULL).with(2, FULL).with(3, FULL);
    assert_eq!(world.asked(1), heights(1..=16));
    while let [first, .., last] = world.asked(2)[..] {
        assert!(last <= BLOCK_DOWNLOAD_WINDOW);
        (first..=last).for_each(|height| world.block(height));
    }
    assert_eq!(world.stalling_since(1), Some(world.now), "who has nothing to do says so");
    assert_eq!(world.asked(3), NONE);
    world.pass(2 * SECOND);
    assert_eq!(world.wakeup(), Some((world.now + NANO, 1)));
    assert_eq!(world.given_up(1), None, "strictly more");
    world.pass(NANO);
    let since = world.stalling_since(1).unwrap();
    let timeout = 2 * SECOND;
    assert_eq!(world.given_up(1), Some(Timeout::Stalling { since, timeout }));
    world.downloads.handle_disconnected(1);
    assert_eq!(world.asked(2), heights(1..=16));
    assert_eq!(world.asked(3), NONE);
    assert_eq!(world.stalling_since(2), Some(world.now));
    world.block(5);
    assert_eq!(world.stalling_since(2), None, "any block that it owes is a sign of life");
}

#[test]
fn nobody_is_held_up_while_there_is_something_to_do() {
    let mut world = World::new(1_024).with(1, FULL).with(2, FULL);
    world.asked(1);
    while let [first, .., last] = world.asked(2)[..] {
        (first..=last).for_each(|height| world.block(height));
    }
    assert_eq!(world.stalling_since(1), None, "nothing lies behind the window");
}

#[test]
fn who_still_owes_something_holds_nobody_to_be_slow() {
    let mut world = World::new(1_100).with(1, FULL).with(2, FULL);
    world.asked(1);
    while let [first, .., last] = world.asked(2)[..] {
        (first..=last).filter(|height| *height != 20).for_each(|height| world.block(height));
    }
    assert_eq!(world.downloads.in_flight_count(2), 1);
    assert_eq!(world.asked(2), NONE);
    assert_eq!(world.stalling_since(1), None);
}

/// Core: `BLOCK_STALLING_TIMEOUT_MAX`, and 0.85 in `BlockConnected`.
#[test]
fn stalling_timeout_doubles_and_decays() {
    let mut world = World::new(10).with(1, FULL);
    world.asked(1);
    for secs in [2, 4, 8, 16, 32, 64, 64] {
        world.downloads.peer_mut(1).stalling_since = Some(world.now);
        world.pass(Duration::from_secs(secs));
        assert_eq!(world.given_up(1), None, "{secs}");
        world.pass(NANO);
        assert!(matches!(world.given_up(1), Some(Timeout::Stalling { .. })), "{secs}");
    }
    for secs in [54, 45, 38, 32, 27, 22, 18, 15, 12, 10, 8, 6, 5, 4, 3, 2, 2] {
        world.downloads.handle_block_connected();
        assert_eq!(world.downloads.stalling_timeout().as_secs(), secs);
    }
}

/// Core: `BLOCK_DOWNLOAD_TIMEOUT_BASE`, `BLOCK_DOWNLOAD_TIMEOUT_PER_PEER`.
#[test]
fn block_that_does_not_come_ends_the_connection() {
    let mut world = World::new(100).with(1, FULL);
    // Headers are recent, and nobody is given up for them.
    let since = world.tree.unix_time(world.tree.tip());
    world.now = since;
    assert_eq!(world.asked(1).len(), 16);
    let minutes = |n: u64| Duration::from_secs(60 * n);
    world.pass(minutes(9));
    world.block(2);
    world.pass(minutes(1));
    assert_eq!(world.wakeup(), Some((world.now + NANO, 1)));
    assert_eq!(world.asked(1), [17], "ten minutes are not more than ten");
    // With somebody else who owes some there is half as much more.
    let mut world = world.with(2, FULL);
    world.asked(2);
    world.pass(minutes(5));
    assert_eq!(world.given_up(1), None);
    world.pass(NANO);
    let (block, timeout) = (world.at(1), minutes(15));
    assert_eq!(world.given_up(1), Some(Timeout::Block { block, since, timeout }));
    // The first one came: the time of the next begins.
    world.block(1);
    assert_eq!(world.given_up(1), None);
    world.pass(minutes(15));
    assert_eq!(world.given_up(1), None);
    world.pass(NANO);
    assert!(world.given_up(1).is_some());
}

/// BIP 159; Core: `NODE_NETWORK_LIMITED_MIN_BLOCKS`.
#[test]
fn who_keeps_few_blocks_is_asked_for_the_last_ones() {
    let limited = Offer { serves: Serves::Recent, ..FULL };
    let mut world = World::new(400).with(1, limited);
    assert_eq!(world.asked(1), NONE, "not while most of the chain is missing");
    world.is_initial_download = false;
    assert_eq!(world.asked(1), heights(115..=130), "those less than 286 below its best");
}

#[test]
fn who_lacks_witnesses_or_serves_nothing_is_not_asked() {
    for offer in [Offer { has_witnesses: false, ..FULL }, Offer { serves: Serves::Nothing, ..FULL }]
    {
        let mut world = World::new(10).with(1, offer);
        world.is_initial_download = false;
        assert_eq!(world.asked(1), NONE, "{offer:?}");
    }
}

/// Core: `sync_blocks_and_headers_from_peer`.
#[test]
fn who_came_to_us_is_asked_where_nobody_better_is() {
    let other = Offer { is_preferred: false, ..FULL };
    let mut world = World::new(100).with(1, other);
    assert_eq!(world.asked(1), heights(1..=16), "nobody is preferred");
    let mut world = World::new(100).with(1, other).with(2, FULL);
    assert_eq!(world.asked(1), heights(1..=16), "nothing is under way");
    assert_eq!(world.asked(2), heights(17..=32));
    world.block(1);
    assert_eq!(world.asked(1), NONE);
    world.is_initial_download = false;
    assert_eq!(world.asked(1), [33]);
}

/// Core: `UpdateBlockAvailability`, `ProcessBlockAvailability`.
#[test]
fn peer_has_what_it_spoke_of_even_before_we_knew_it() {
    let mut world = World::new(10);
    let mut ahead = world.tree.clone();
    let tip = world.tree.tip();
    let later = grow(&mut ahead, tip, 5);
    world.downloads.handle_connected(1, FULL);
    assert_eq!(world.asked(1), NONE, "it said nothing");
    let hash: BlockHash = ahead.hash(later);
    world.downloads.handle_announced(&world.tree, 1, &hash);
    assert_eq!(world.asked(1), NONE, "nobody knows what that is");
    grow(&mut world.tree, tip, 5);
    assert_eq!(world.asked(1), heights(1..=15));
}

#[test]
fn chains_with_less_work_than_ours_are_not_asked_for() {
    let mut world = World::new(10).with(1, FULL);
    let lower = world.tree.hash(world.at(4));
    world.downloads.handle_connected(2, FULL);
    world.downloads.handle_announced(&world.tree, 2, &lower);
    (1..=5).for_each(|height| world.block(height));
    assert_eq!(world.asked(2), NONE);
    assert_eq!(world.asked(1), heights(6..=10));
    let (tree, now) = (&world.tree, world.now);
    let minimum_work = U256::from_u64(1_000);
    let cx = Context { tree, now, is_initial_download: true, minimum_work };
    world.downloads.handle_connected(3, FULL);
    world.downloads.handle_announced(tree, 3, &tree.hash(tree.tip()));
    let mut actions = Vec::new();
    world.downloads.handle_turn(&cx, 3, &mut actions);
    assert!(
        actions.iter().all(|action| !matches!(action, Action::GetBlocks { .. })),
        "less than anybody's chain has"
    );
}

#[test]
fn invalid_block_ends_what_is_asked_for() {
    let mut world = World::new(20).with(1, FULL);
    let bad = world.at(8);
    let top = world.tree.hash(world.tree.tip());
    world.tree.invalidate(bad);
    world.downloads.handle_announced(&world.tree, 1, &top);
    assert_eq!(world.asked(1), heights(1..=7));
}

#[test]
fn blocks_of_a_fork_are_asked_for_from_where_it_begins() {
    let mut world = World::new(10).with(1, FULL);
    (1..=10).for_each(|height| world.block(height));
    assert_eq!(world.asked(1), NONE, "both have the same");
    let fork = world.at(6);
    let header = world.tree.header(fork);
    let time = header.time + 100;
    let other = solve(Header { previous: header.hash(), time, ..header }).unwrap();
    let late = UnixTime::from_secs(4_000_000_000);
    let other = world.tree.insert(&[other], late).unwrap().last.unwrap();
    let top = grow(&mut world.tree, other, 6);
    let hash = world.tree.hash(top);
    world.downloads.handle_announced(&world.tree, 1, &hash);
    assert_eq!(world.asked(1), heights(7..=13));
}

/// Core: `nSyncStarted` and `m_headers_sync_timeout` in `SendMessages`.
#[test]
fn headers_are_asked_from_one_peer_until_they_are_recent() {
    let mut world = World::new(3).with(1, FULL).with(2, FULL);
    let from = world.at(2);
    assert_eq!(world.turn(1)[0], Action::GetHeaders { peer: 1, from });
    assert!(!world.is_asked_for_headers(1));
    assert!(!world.is_asked_for_headers(2));
    let tip_time = world.tree.unix_time(world.tree.tip());
    world.now = tip_time + RECENT_AGE;
    assert!(!world.is_asked_for_headers(2), "a day old is not recent");
    world.now = tip_time + Duration::from_secs(86_399);
    assert!(world.is_asked_for_headers(2));
    let mut alone = World::new(0).with(1, FULL);
    let action = Action::GetHeaders { peer: 1, from: HeaderId::GENESIS };
    assert_eq!(alone.turn(1), [action]);
}

/// Core: `HEADERS_DOWNLOAD_TIMEOUT_BASE`, `HEADERS_DOWNLOAD_TIMEOUT_PER_HEADER`.
#[test]
fn headers_may_take_fifteen_minutes_and_a_millisecond_each() {
    let mut world = World::new(0).with(1, FULL).with(2, FULL);
    let age = world.now - UnixTime::from_secs(1_296_688_602);
    let deadline =
        world.now + Duration::from_secs(900) + Duration::from_micros(age.as_secs() * 1_000 / 600);
    assert!(world.is_asked_for_headers(1));
    assert_eq!(world.wakeup(), Some((deadline + NANO, 1)));
    world.now = deadline;
    assert_eq!(world.given_up(1), None);
    world.pass(NANO);
    assert_eq!(world.given_up(1), Some(Timeout::Headers { deadline }));
    world.downloads.handle_disconnected(1);
    assert!(world.is_asked_for_headers(2));
}

#[test]
fn slow_headers_are_borne_where_nobody_else_is() {
    let mut world = World::new(0).with(1, FULL);
    assert!(world.is_asked_for_headers(1));
    world.pass(Duration::from_secs(100_000));
    assert_eq!(world.given_up(1), None);
    assert_eq!(world.wakeup(), None);
    let noban = Offer { noban: true, ..FULL };
    let mut world = World::new(0).with(1, noban).with(2, FULL);
    assert!(world.is_asked_for_headers(1));
    world.pass(Duration::from_secs(100_000));
    assert_eq!(world.given_up(1), None);
    assert!(world.is_asked_for_headers(2), "somebody else is asked in its place");
}

#[test]
fn slow_headers_are_borne_where_several_are_asked() {
    let mut world = World::new(0).with(1, FULL).with(2, FULL);
    world.now = UnixTime::from_secs(1_296_688_602 + 86_399);
    assert!(world.is_asked_for_headers(1));
    assert!(world.is_asked_for_headers(2));
    world.downloads.peer_mut(1).headers = HeadersSync::Until(world.now);
    world.pass(RECENT_AGE);
    assert_eq!(world.given_up(1), None);
    world.downloads.handle_disconnected(2);
    world.downloads.handle_connected(3, FULL);
    assert!(world.given_up(1).is_some());
}

/// Core: `UpdateBlockAvailability`, where as much work is enough.
#[test]
fn of_two_chains_with_as_much_work_the_one_told_last_counts() {
    let mut world = World::new(3).with(1, FULL);
    let header = world.tree.header(world.at(3));
    let other = solve(Header { time: header.time + 1, ..header }).unwrap();
    let late = UnixTime::from_secs(4_000_000_000);
    let other = world.tree.insert(&[other], late).unwrap().last.unwrap();
    world.downloads.handle_announced(&world.tree, 1, &world.tree.hash(other));
    let blocks = vec![world.at(1), world.at(2), other];
    assert_eq!(world.turn(1).last(), Some(&Action::GetBlocks { peer: 1, blocks }));
}

#[test]
fn headers_that_were_recent_once_end_nothing_later() {
    let mut world = World::new(0).with(1, FULL).with(2, FULL);
    assert!(world.is_asked_for_headers(1));
    let genesis = UnixTime::from_secs(1_296_688_602);
    world.now = genesis + SECOND;
    assert_eq!(world.given_up(1), None);
    world.now = UnixTime::from_secs(1_900_000_000);
    assert_eq!(world.given_up(1), None);
}

/// Core: `HEADERS_RESPONSE_TIME`.
#[test]
fn headers_are_asked_for_again_once_answered_or_after_two_minutes() {
    let mut world = World::new(0).with(1, FULL);
    assert!(world.is_asked_for_headers(1));
    world.pass(HEADERS_RESPONSE_TIME);
    assert!(!world.downloads.ask_headers(1, world.now));
    world.pass(NANO);
    assert!(world.downloads.ask_headers(1, world.now));
    assert!(!world.downloads.ask_headers(1, world.now));
    world.downloads.handle_headers(1);
    assert!(world.downloads.ask_headers(1, world.now));
    assert!(!world.downloads.ask_headers(2, world.now), "who is not here is not asked");
}

/// Peers answer in any order, fall silent, are given up and replaced: every block comes, none is
/// asked from two at once, and none from beyond the window.
#[test]
fn everything_comes_though_peers_come_and_go() {
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: u64| rng.next_u64() % bound;
        let mut world = World::new(1_500);
        let mut silent = std::collections::BTreeSet::new();
        let (mut next_id, mut given_up) = (0, 0);
        for _ in 0..200_000 {
            if world.tree.active_tip() == world.tree.tip() {
                break;
            }
            if world.downloads.peers.len() < 4 {
                next_id += 1;
                world = world.with(next_id, FULL);
                if below(3) == 0 {
                    silent.insert(next_id);
                }
            }
            let ids: Vec<_> = world.downloads.peers.keys().copied().collect();
            let id = ids[usize::try_from(below(ids.len() as u64)).unwrap()];
            world.pass(Duration::from_millis(below(200)));
            if world.given_up(id).is_some() {
                given_up += 1;
                world.downloads.handle_disconnected(id);
                continue;
            }
            let owed = world.downloads.peers[&id].in_flight.clone();
            let window = world.tree.height(world.tree.active_tip()) + BLOCK_DOWNLOAD_WINDOW;
            assert!(owed.iter().all(|block| world.tree.height(*block) <= window), "seed {seed}");
            if !silent.contains(&id) && !owed.is_empty() {
                let any = usize::try_from(below(owed.len() as u64)).unwrap();
                world.block(world.tree.height(owed[any]));
                world.downloads.handle_block_connected();
            }
        }
        assert_eq!(world.tree.active_tip(), world.tree.tip(), "seed {seed}");
        assert!(world.downloads.in_flight.is_empty(), "seed {seed}");
        assert!(given_up > 0 || silent.is_empty(), "seed {seed}: {silent:?}");
    }
}

/// A peer of which nothing is known, chosen for everything.
const CHOSEN: Offer = Offer { lagging: Lagging::Protectable, ..FULL };

/// A world whose chain is here, with peers of whom nothing is known.
fn world_ahead_of(peers: u32) -> World {
    let mut world = World::new(3);
    world.is_initial_download = false;
    (1..=3).for_each(|height| world.block(height));
    (1..=peers).for_each(|id| world.downloads.handle_connected(id, CHOSEN));
    world
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// Core: `ConsiderEviction`.
#[test]
fn who_lags_is_asked_after_twenty_minutes_and_goes_two_later() {
    let mut world = world_ahead_of(1);
    assert!(world.is_asked_for_headers(1), "the sync begins");
    world.downloads.handle_headers(1);
    let at = world.now + CHAIN_SYNC_TIMEOUT + Duration::from_secs(1);
    assert_eq!(world.wakeup(), Some((at, 1)));
    world.pass(CHAIN_SYNC_TIMEOUT);
    assert_eq!(world.turn(1), [], "not yet");
    world.pass(Duration::from_secs(1));
    let from = world.at(2);
    assert_eq!(world.turn(1), [Action::GetHeaders { peer: 1, from }]);
    world.pass(HEADERS_RESPONSE_TIME);
    assert_eq!(world.turn(1), []);
    world.pass(Duration::from_secs(1));
    let why = Timeout::Lagging { best_known: None };
    assert_eq!(world.turn(1), [Action::Disconnect { peer: 1, why }]);
    // Whom we did not choose may lag.
    let mut world = world_ahead_of(0);
    world.downloads.handle_connected(2, FULL);
    world.turn(2);
    assert_eq!(world.wakeup(), None);
}

#[test]
fn who_catches_up_with_what_was_asked_has_as_long_again() {
    let mut world = world_ahead_of(1);
    world.turn(1);
    world.downloads.handle_headers(1);
    world.pass(minutes(19));
    let older = world.tree.hash(world.at(3));
    let top = world.at(3);
    grow(&mut world.tree, top, 1);
    world.block(4);
    world.downloads.handle_announced(&world.tree, 1, &older);
    world.turn(1);
    let at = world.now + CHAIN_SYNC_TIMEOUT + Duration::from_secs(1);
    assert_eq!(world.wakeup(), Some((at, 1)), "for what there is now");
    let newer = world.tree.hash(world.at(4));
    world.downloads.handle_announced(&world.tree, 1, &newer);
    world.turn(1);
    assert_eq!(world.wakeup(), None, "it has all");
}

/// Core: `MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT`.
#[test]
fn four_who_had_our_work_are_left_alone() {
    let mut world = world_ahead_of(6);
    world.now = UnixTime::from_secs(u64::from(world.tree.time(world.at(3))) + 100);
    let best = world.tree.hash(world.at(3));
    for id in 1..=5 {
        world.turn(id);
        world.downloads.handle_announced(&world.tree, id, &best);
        world.downloads.protect(&world.tree, id);
    }
    world.downloads.protect(&world.tree, 6);
    world.downloads.handle_disconnected(6);
    let protected = |world: &World| -> Vec<u32> {
        let all = world.downloads.peers.iter();
        all.filter(|(_, peer)| peer.is_protected).map(|(id, _)| *id).collect()
    };
    assert_eq!(protected(&world), [1, 2, 3, 4]);
    let top = world.at(3);
    grow(&mut world.tree, top, 1);
    world.block(4);
    (1..=5).for_each(|id| drop(world.turn(id)));
    assert_eq!(world.wakeup().map(|(_, id)| id), Some(5));
    world.downloads.handle_disconnected(1);
    world.downloads.protect(&world.tree, 5);
    assert_eq!(protected(&world), [2, 3, 4], "it has less than we have");
    assert!(world.downloads.turns_due(&world_context(&world)).is_empty());
}

fn world_context(world: &World) -> Context<'_> {
    Context {
        tree: &world.tree,
        now: world.now,
        is_initial_download: world.is_initial_download,
        minimum_work: U256::ZERO,
    }
}

/// Core: net_processing.cpp, on `inv`.
#[test]
fn name_of_a_block_is_asked_for_once_before_the_sync_begins() {
    let mut world = World::new(3).with(1, FULL);
    (2..=4).for_each(|id| world.downloads.handle_connected(id, FULL));
    world.turn(1);
    let tip = world.tree.tip();
    let unknown = |mark| BlockHash([mark; 32]);
    let World { tree, downloads, now, .. } = &mut world;
    let mut inv = |id, hashes: &[BlockHash], later: u64| {
        let now = *now + minutes(later);
        let minimum_work = U256::ZERO;
        let cx = Context { tree, now, is_initial_download: true, minimum_work };
        downloads.handle_inv(&cx, id, hashes)
    };
    assert_eq!(inv(2, &[tree.hash(tip)], 0), None, "it is known");
    assert_eq!(inv(2, &[unknown(1)], 0), Some(tip));
    assert_eq!(inv(2, &[unknown(2)], 9), None, "once a peer");
    assert_eq!(inv(3, &[unknown(1)], 0), None, "once a block");
    assert_eq!(inv(3, &[unknown(1), unknown(3)], 0), Some(tip), "the last counts");
    assert_eq!(inv(1, &[unknown(1)], 0), None, "it has not answered");
    assert_eq!(inv(1, &[unknown(1)], 3), Some(tip), "the sync has begun");
}

/// Core: `HeadersDirectFetchBlocks`.
#[test]
fn few_blocks_near_the_end_are_asked_for_at_once() {
    let mut world = world_ahead_of(2);
    let tip_secs = u64::from(world.tree.time(world.at(3)));
    world.now = UnixTime::from_secs(tip_secs + 12_000 - 1);
    let top = world.at(3);
    let last = grow(&mut world.tree, top, 17);
    let take = |world: &mut World, id, last: HeaderId| {
        let World { tree, downloads, now, .. } = world;
        let minimum_work = U256::ZERO;
        let cx = Context { tree, now: *now, is_initial_download: false, minimum_work };
        downloads.take_direct(&cx, id, last).len()
    };
    assert_eq!(take(&mut world, 1, last), 16, "as many as it may owe");
    assert_eq!(world.downloads.in_flight_count(1), 16);
    assert_eq!(take(&mut world, 2, last), 1, "what nobody was asked for");
    world.downloads.handle_disconnected(1);
    world.downloads.handle_disconnected(2);
    world.downloads.handle_connected(2, CHOSEN);
    let further = grow(&mut world.tree, last, 1);
    assert_eq!(take(&mut world, 2, further), 0, "too many");
    world.pass(Duration::from_secs(1));
    assert_eq!(take(&mut world, 2, last), 0, "it is too long ago");
}
