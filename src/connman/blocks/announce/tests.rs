//! When a peer is told headers, when a name, and when nothing.

use super::*;
use crate::chain::{Header, Params, solve};
use crate::time::UnixTime;
use crate::transport::Network;

/// So many headers upon one, told apart by a mark; every one is active.
fn grow(tree: &mut HeaderTree, parent: HeaderId, count: u32, mark: i32) -> Vec<HeaderId> {
    let mut last = tree.header(parent);
    let mut ids = Vec::new();
    for _ in 0..count {
        let (previous, time) = (last.hash(), last.time + 1);
        last = solve(Header { version: mark, previous, time, ..last }).unwrap();
        let far = UnixTime::from_secs(4_000_000_000);
        let id = tree.insert(&[last], far).unwrap().last.unwrap();
        tree.take_block(id);
        tree.activate(tree.best_complete());
        ids.push(id);
    }
    ids
}

fn tree() -> HeaderTree {
    HeaderTree::new(Params::of(Network::Regtest), 1_000)
}

#[test]
fn headers_go_to_who_prefers_them_and_can_connect_them() {
    let mut tree = tree();
    let ids = grow(&mut tree, HeaderId::GENESIS, 12, 1);
    let tell = |blocks: &[HeaderId], best_known, prefers_headers| {
        let mut announced = Announced::default();
        announced.note_new(blocks);
        announced.take(&tree, best_known, prefers_headers)
    };
    let three = &ids[9..];
    let headers = Some(Announcement::Headers(three.to_vec()));
    assert_eq!(tell(three, Some(ids[8]), true), headers);
    let rest = Some(Announcement::Headers(ids[11..].to_vec()));
    assert_eq!(tell(three, Some(ids[10]), true), rest, "what it has is left out");
    let name = Some(Announcement::Inv(ids[11]));
    assert_eq!(tell(three, Some(ids[8]), false), name, "who does not prefer them");
    assert_eq!(tell(three, Some(ids[7]), true), name, "they would not connect");
    assert_eq!(tell(three, None, true), name, "nothing is known of it");
    assert_eq!(tell(three, Some(ids[11]), true), None, "who has it is told nothing");
    assert_eq!(tell(three, Some(ids[11]), false), None);
    assert_eq!(tell(&[], Some(ids[8]), true), None);
}

/// Core: `MAX_BLOCKS_TO_ANNOUNCE`.
#[test]
fn more_than_eight_blocks_are_announced_by_the_last() {
    let mut tree = tree();
    let ids = grow(&mut tree, HeaderId::GENESIS, 30, 1);
    for (count, is_headers) in [(8, true), (9, false), (29, false)] {
        let mut announced = Announced::default();
        let from = ids.len() - count;
        ids[from..].iter().for_each(|id| announced.note_new(&[*id]));
        assert!(announced.pending.len() <= ANNOUNCED_MAX + 1);
        let told = announced.take(&tree, Some(ids[from - 1]), true).unwrap();
        assert_eq!(matches!(told, Announcement::Headers(_)), is_headers, "{count}");
        assert_eq!(announced.take(&tree, None, true), None, "it is told once");
    }
}

#[test]
fn what_was_told_counts_as_what_it_has() {
    let mut tree = tree();
    let ids = grow(&mut tree, HeaderId::GENESIS, 3, 1);
    let mut announced = Announced::default();
    announced.note_told(ids[0]);
    announced.note_new(&ids[1..2]);
    let headers = |ids: &[HeaderId]| Some(Announcement::Headers(ids.to_vec()));
    assert_eq!(announced.take(&tree, None, true), headers(&ids[1..2]));
    announced.note_new(&ids[2..]);
    assert_eq!(announced.take(&tree, None, true), headers(&ids[2..]));
    announced.note_new(&ids[2..]);
    assert_eq!(announced.take(&tree, None, false), None);
}

#[test]
fn chain_that_went_elsewhere_is_announced_by_its_end() {
    let mut tree = tree();
    let left = grow(&mut tree, HeaderId::GENESIS, 1, 1);
    let mut announced = Announced::default();
    announced.note_new(&left);
    let ids = grow(&mut tree, HeaderId::GENESIS, 2, 2);
    announced.note_new(&ids);
    let told = announced.take(&tree, Some(HeaderId::GENESIS), true);
    assert_eq!(told, Some(Announcement::Inv(ids[1])));
}
