//! What the options say, and whom it concerns.

use super::*;

#[track_caller]
fn whitelist(text: &str) -> Whitelist {
    Whitelist::parse(text, Cjdns::Unreachable).unwrap()
}

fn host(text: &str) -> Host {
    Host::parse(text, Cjdns::Unreachable).unwrap()
}

fn inbound(entries: &[Whitelist], implicit: Implicit) -> String {
    of_inbound(None, Some(&host("1.2.3.4")), entries, implicit).to_string()
}

/// What an option grants to those who connect, as the node shows it.
#[track_caller]
fn check(text: &str, shown: &str) {
    assert_eq!(inbound(&[whitelist(text)], Implicit::DEFAULT), shown, "{text}");
}

#[test]
fn permissions_are_read_and_shown() {
    check("1.2.3.4", "noban,relay,mempool,download");
    check("1.2.3.0/24", "noban,relay,mempool,download");
    check("1.2.4.0/24", "");
    check("@1.2.3.4", "");
    check(",,@1.2.3.4", "");
    check("bloom@1.2.3.4", "bloomfilter");
    check("bloomfilter@1.2.3.4", "bloomfilter");
    check("noban@1.2.3.4", "noban,download");
    check("forcerelay@1.2.3.4", "forcerelay,relay");
    check("relay@1.2.3.4", "relay");
    check("mempool,,addr,@1.2.3.4", "mempool,addr");
    check("download@1.2.3.4", "download");
    check("all@1.2.3.4", "bloomfilter,noban,forcerelay,relay,mempool,download,addr");
    check("in,relay@1.2.3.4", "relay");
    check("in,out,relay@1.2.3.4", "relay");
    check("out,relay@1.2.3.4", "");
}

#[test]
fn flags_have_the_bits_of_the_reference() {
    let bits = [
        (Permissions::BLOOM_FILTER, 0x02),
        (Permissions::FORCE_RELAY, 0x0c),
        (Permissions::RELAY, 0x08),
        (Permissions::NOBAN, 0x50),
        (Permissions::MEMPOOL, 0x20),
        (Permissions::DOWNLOAD, 0x40),
        (Permissions::ADDR, 0x80),
        (Permissions::ALL, 0xfe),
        (Permissions::IMPLICIT, 0x8000_0000),
    ];
    assert!(bits.into_iter().all(|(permissions, bits)| permissions.0 == bits));
    assert!(!Permissions(0x10).has(Permissions::NOBAN), "noban is held with all its bits");
}

#[test]
fn implicit_permissions_follow_the_options() {
    for (relay, force_relay, shown) in [
        (false, false, "noban,mempool,download"),
        (true, false, "noban,relay,mempool,download"),
        (false, true, "noban,forcerelay,relay,mempool,download"),
        (true, true, "noban,forcerelay,relay,mempool,download"),
    ] {
        let implicit = Implicit { relay, force_relay };
        assert_eq!(inbound(&[whitelist("1.2.3.4")], implicit), shown);
        assert_eq!(inbound(&[whitelist("addr@1.2.3.4")], implicit), "addr");
    }
}

#[test]
fn permissions_of_all_matches_add_up() {
    let entries = [whitelist("addr@1.0.0.0/8"), whitelist("out,bloom@0.0.0.0/0")];
    let listener = Whitebind::parse("mempool@0.0.0.0:8333").unwrap();
    let (implicit, host) = (Implicit::DEFAULT, host("1.2.3.4"));
    let of = |listener, host| of_inbound(listener, host, &entries, implicit).to_string();
    assert_eq!(of(None, Some(&host)), "addr");
    assert_eq!(of(Some(&listener), Some(&host)), "mempool,addr");
    assert_eq!(of(Some(&listener), None), "mempool");
    assert_eq!(of_manual(Some(&host), &entries, implicit).to_string(), "bloomfilter");
    assert_eq!(of_manual(None, &entries, implicit), Permissions::NONE);
}

#[test]
fn wrong_option_is_told_with_its_place() {
    use PermissionError::{Address, NoPort, OnlyDirection, OutInWhitebind, Subnet, UnknownName};
    let unknown = |name: &str, offset| UnknownName { name: name.to_owned(), offset };
    for (text, error) in [
        ("noban,Relay@1.2.3.4", unknown("Relay", 6)),
        ("oo@", unknown("oo", 0)),
        ("in@1.2.3.4", OnlyDirection),
        ("out,in,@1.2.3.4", OnlyDirection),
        ("", Subnet { offset: 0, error: SubnetError::Address }),
        ("noban@", Subnet { offset: 6, error: SubnetError::Address }),
        ("noban@a@1.2.3.4", Subnet { offset: 6, error: SubnetError::Address }),
        ("noban@1.2.3.4/33", Subnet { offset: 6, error: SubnetError::Mask { offset: 8 } }),
        ("1.2.3.4:8333", Subnet { offset: 0, error: SubnetError::Address }),
    ] {
        assert_eq!(Whitelist::parse(text, Cjdns::Unreachable), Err(error), "{text}");
    }
    for (text, error) in [
        ("noban,out@1.2.3.4:1", OutInWhitebind { offset: 6 }),
        ("out@1.2.3.4:1", OutInWhitebind { offset: 0 }),
        ("in@1.2.3.4:1", OnlyDirection),
        ("relay@1.2.3.4", NoPort { offset: 6 }),
        ("relay@1.2.3.4:0", NoPort { offset: 6 }),
        ("::1", NoPort { offset: 0 }),
        ("relay@seed.example:1", Address { offset: 6 }),
        ("", Address { offset: 0 }),
    ] {
        assert_eq!(Whitebind::parse(text), Err(error), "{text}");
    }
    let bound = Whitebind::parse("in,relay@[::1]:18444").unwrap();
    assert_eq!(bound.address.to_string(), "[::1]:18444");
}
