//! What Core's own tests (test/addrman_tests.cpp) say, with the key that they use.

use super::*;

fn numbered(n: u8) -> AddrRecord {
    record(&format!("250.1.1.{n}"), 0)
}

/// The first 35 addresses of one group, told and good.
fn thirty_five() -> AddrMan {
    let mut addrman = AddrMan::new(key(), NetGroups);
    for n in 1..36 {
        assert!(tell(&mut addrman, &numbered(n), "252.2.2.2"), "{n}");
        assert_eq!(addrman.good(&numbered(n).service, NOW), Good::Moved, "{n}");
        assert_eq!(addrman.select_tried_collision(&mut draws(1)), None);
        addrman.check_invariants();
    }
    addrman
}

fn waits_for(addrman: &mut AddrMan) -> Option<NetService> {
    addrman.select_tried_collision(&mut draws(1)).map(|old| old.record.service)
}

/// `addrman_noevict`.
#[test]
fn address_that_worked_lately_keeps_its_place() {
    let mut addrman = thirty_five();
    assert!(tell(&mut addrman, &numbered(36), "252.2.2.2"));
    assert_eq!(addrman.good(&numbered(36).service, NOW), Good::Collides);
    assert_eq!(addrman.size(None, None), 36);
    assert_eq!(waits_for(&mut addrman), Some(numbered(19).service));
    addrman.resolve_collisions(NOW);
    assert_eq!(waits_for(&mut addrman), None);
    assert!(addrman.find(&numbered(19).service).is_some_and(|entry| entry.tried));
    // Two collisions.
    for n in 37..59 {
        assert!(tell(&mut addrman, &numbered(n), "252.2.2.2"), "{n}");
        assert_eq!(addrman.good(&numbered(n).service, NOW), Good::Moved, "{n}");
    }
    assert!(tell(&mut addrman, &numbered(59), "252.2.2.2"));
    assert_eq!(addrman.good(&numbered(59).service, NOW), Good::Collides);
    assert_eq!(waits_for(&mut addrman), Some(numbered(10).service));
    assert_eq!(addrman.good(&numbered(36).service, NOW), Good::Collides);
    assert_eq!(addrman.collisions().count(), 2);
    addrman.resolve_collisions(NOW);
    assert_eq!(addrman.collisions().count(), 0);
    addrman.check_invariants();
}

/// `addrman_evictionworks`.
#[test]
fn address_that_fails_its_test_is_replaced() {
    let mut addrman = thirty_five();
    assert!(tell(&mut addrman, &numbered(36), "252.2.2.2"));
    addrman.good(&numbered(36).service, NOW);
    let later = NOW + Duration::from_secs(4 * 3600);
    addrman.attempt(&numbered(19).service, Counting::Uncounted, later);
    // It has more than a minute to answer.
    addrman.resolve_collisions(later + Duration::from_secs(60));
    assert_eq!(waits_for(&mut addrman), Some(numbered(19).service));
    addrman.resolve_collisions(later + Duration::from_secs(61));
    assert_eq!(waits_for(&mut addrman), None);
    addrman.check_invariants();
    // They changed places, and may again.
    assert_eq!(addrman.good(&numbered(36).service, later), Good::AlreadyTried);
    assert_eq!(addrman.good(&numbered(19).service, later), Good::Collides);
    assert_eq!(waits_for(&mut addrman), Some(numbered(36).service));
}

/// The rule of `ADDRMAN_TEST_WINDOW`: who cannot be tested at all gives way.
#[test]
fn address_that_nobody_tests_is_replaced_after_forty_minutes() {
    let mut addrman = thirty_five();
    assert!(tell(&mut addrman, &numbered(36), "252.2.2.2"));
    let later = NOW + Duration::from_secs(4 * 3600);
    assert_eq!(addrman.good(&numbered(36).service, later), Good::Collides);
    addrman.resolve_collisions(later + Duration::from_secs(40 * 60));
    assert_eq!(addrman.collisions().count(), 1);
    addrman.resolve_collisions(later + Duration::from_secs(40 * 60 + 1));
    assert_eq!(addrman.collisions().count(), 0);
    assert!(addrman.find(&numbered(36).service).is_some_and(|entry| entry.tried));
    assert!(addrman.find(&numbered(19).service).is_some_and(|entry| !entry.tried));
    addrman.check_invariants();
}
