//! Dependencies point one way: binary, `driver`, `connman` and `http`, `sockman` and `transport`,
//! `sockets`, with `time`, `rng` and `files` at the bottom. What is absent is part of the
//! architecture.

use super::code::{code_only, names};
use super::{Finding, each_line, is_rust};

/// A room, by the start of its path, and what it never names.
const NEVER: [(&str, &[&str]); 10] = [
    (
        "src/sockets/",
        &["sockman", "transport", "chain", "connman", "http", "driver", "rng", "files"],
    ),
    // Of `files` it takes what a tenant asks for and hears of.
    ("src/sockman/", &["transport", "chain", "connman", "http", "driver"]),
    (
        "src/transport/",
        &["sockets", "sockman", "chain", "connman", "http", "driver", "time", "files"],
    ),
    ("src/chain/", &["sockets", "sockman", "connman", "http", "driver", "rng", "files"]),
    ("src/connman/", &["http", "driver"]),
    ("src/http/", &["transport", "chain", "connman", "driver"]),
    // Of `sockets` it takes the number of an error.
    ("src/files", &["sockman", "transport", "chain", "connman", "http", "driver", "time", "rng"]),
    ("src/time.rs", ALL),
    ("src/rng.rs", ALL),
    ("src/slab.rs", ALL),
];

const ALL: &[&str] = &[
    "sockets",
    "sockman",
    "transport",
    "chain",
    "connman",
    "http",
    "driver",
    "time",
    "rng",
    "files",
];

/// What `connman` and other tenants may take of `sockets`: data, and no door to a system call.
const SOCKET_WORDS: [&str; 5] = ["ConnId", "ListenerId", "Endpoint", "Failure", "More"];

/// Where `Wait` is defined, kept or called.
const MAY_WAIT: [&str; 2] = ["src/sockets/", "src/driver/"];

/// Where files are touched: by the driver, and the path of a Unix socket by its backend.
const MAY_TOUCH_FILES: [&str; 3] = ["src/driver/files", "src/sockets/os/bound_path.rs", "src/tidy"];

/// A room names no other that lies outside it.
pub(super) fn room(path: &str, text: &str) -> Vec<Finding> {
    let never = NEVER.iter().find(|(start, _)| path.starts_with(start)).map(|(_, never)| *never);
    let Some(never) = never else { return Vec::new() };
    let code = code_only(text);
    let mut findings = each_line(&code, |line| {
        let target = |after: &str| {
            let name = after.strip_prefix("::")?.trim_start_matches('{');
            never.iter().find(|n| names(name, n).any(|rest| rest.len() + n.len() == name.len()))
        };
        if let Some(target) = names(line, "crate").find_map(target) {
            return Some(format!("this room never names `{target}`"));
        }
        let climbs = line.matches("super::").count();
        // An indented line may belong to a module within the file.
        let depth = depth(path) + usize::from(line.starts_with(' '));
        (climbs >= depth).then(|| "leaves its room by `super`: name it by `crate`".to_owned())
    });
    if is_tenant(path) {
        findings.extend(socket_words(&code));
    }
    findings
}

fn is_tenant(path: &str) -> bool {
    path.starts_with("src/connman/") || path.starts_with("src/http/")
}

/// How many `super` lead from a file to the root of the library.
fn depth(path: &str) -> usize {
    let parts = path.split('/').skip(1).filter(|part| *part != "mod.rs");
    parts.count()
}

/// What a tenant takes of `sockets` beyond [`SOCKET_WORDS`] and errors.
fn socket_words(code: &str) -> Vec<Finding> {
    const IMPORT: &str = "crate::sockets::";
    let mut findings = Vec::new();
    for (at, _) in code.match_indices(IMPORT) {
        let after = &code[at + IMPORT.len()..];
        let words = match after.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default(),
        };
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        let allowed = |word: &str| SOCKET_WORDS.contains(&word) || word.ends_with("Error");
        for word in words.filter(|word| !allowed(word)) {
            let line = code[..at].lines().count().max(1);
            let problem = format!("`{word}` of `sockets` is not for tenants");
            findings.push(Finding { line, problem });
        }
    }
    findings
}

/// Nothing that ships knows the simulator.
pub(super) fn simulator(path: &str, text: &str) -> Vec<Finding> {
    let in_backend = path.starts_with("backends/") && path.contains("/src/");
    let ships = ["src/", "node/", "rpc/"].iter().any(|start| path.starts_with(start)) || in_backend;
    if !ships || !is_rust(path) {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        names(line, "sockman_sim").next().map(|_| "the product does not know the simulator".into())
    })
}

/// In the library, only the driver waits; nothing of JSON-RPC does.
pub(super) fn wait(path: &str, text: &str) -> Vec<Finding> {
    let is_bound = path.starts_with("src/") || path.starts_with("rpc/src/");
    if !is_bound || MAY_WAIT.iter().any(|start| path.starts_with(start)) {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        names(line, "Wait").next().map(|_| "only the driver and backends name `Wait`".into())
    })
}

/// In the library, only the driver touches files; nothing of JSON-RPC does.
pub(super) fn disk(path: &str, text: &str) -> Vec<Finding> {
    let may = MAY_TOUCH_FILES.iter().any(|start| path.starts_with(start));
    let is_bound = path.starts_with("src/") || path.starts_with("rpc/src/");
    if !is_bound || may {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        let found = names(line, "fs").next().or_else(|| names(line, "File").next());
        found.map(|_| "only the driver touches files: see src/files.rs".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: super::super::Rule, path: &str, text: &str, lines: &[usize]) {
        let found: Vec<_> = rule(path, text).iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{path}: {text}");
    }

    #[test]
    fn import_against_the_arrows_is_rejected() {
        check(room, "src/sockets/os/mod.rs", "use std::io;\nuse crate::sockman::SockMan;\n", &[2]);
        check(room, "src/sockman/mod.rs", "use crate::{connman::ConnMan};\n", &[1]);
        check(room, "src/transport/v1.rs", "fn f(now: crate::time::Now) {}\n", &[1]);
        check(room, "src/connman/mod.rs", "use crate::driver::Clock;\n", &[1]);
        check(room, "src/rng.rs", "use crate::time::Now;\n", &[1]);
        check(room, "src/files.rs", "use crate::driver::OsFiles;\n", &[1]);
        check(room, "src/sockets/mod.rs", "use crate::files::Files;\n", &[1]);
    }

    #[test]
    fn import_along_the_arrows_is_fine() {
        check(room, "src/sockman/mod.rs", "use crate::sockets::Sockets;\n", &[]);
        check(room, "src/connman/mod.rs", "use crate::transport::Frame;\n", &[]);
        check(room, "src/driver/mod.rs", "use crate::connman::ConnMan;\n", &[]);
        check(room, "src/transport/v1.rs", "//! Not [`crate::sockets`].\n", &[]);
        check(room, "src/sockman/mod.rs", "use crate::transport_of_bytes::A;\n", &[]);
    }

    #[test]
    fn way_out_by_super_is_rejected() {
        check(room, "src/sockets/error.rs", "use super::super::sockman::Action;\n", &[1]);
        check(room, "src/sockets/mod.rs", "use super::sockman::Action;\n", &[1]);
        check(room, "src/sockets/os/epoll.rs", "use super::super::Wake;\n", &[]);
        check(room, "src/time.rs", "mod tests {\n    use super::*;\n}\n", &[]);
    }

    #[test]
    fn tenant_takes_no_door_to_a_system_call() {
        check(room, "src/connman/a.rs", "use crate::sockets::{ConnId, ConnectError};\n", &[]);
        check(room, "src/connman/a.rs", "use crate::sockets::Sockets;\n", &[1]);
        check(room, "src/connman/a.rs", "\nuse crate::sockets::{ConnId,\n  Interest};\n", &[2]);
    }

    #[test]
    fn product_does_not_know_the_simulator() {
        let text = "//! As sockman_sim does.\nuse sockman_sim::run;\n";
        for path in ["src/lib.rs", "node/src/main.rs", "rpc/src/desk.rs", "backends/mio/src/lib.rs"]
        {
            check(simulator, path, text, &[2]);
        }
        for path in ["backends/mio/tests/contract.rs", "fuzz/fuzz_targets/connman.rs"] {
            check(simulator, path, text, &[]);
        }
    }

    #[test]
    fn only_the_driver_touches_files() {
        check(disk, "src/connman/stores.rs", "use std::fs;\nuse crate::files::Files;\n", &[1]);
        check(disk, "src/driver/seed.rs", "let x = std::fs::File::open(p);\n", &[1]);
        check(disk, "rpc/src/auth.rs", "use std::fs;\n", &[1]);
        check(disk, "src/driver/files.rs", "use std::fs::File;\n", &[]);
        check(disk, "node/src/directory.rs", "use std::fs;\n", &[]);
    }

    #[test]
    fn only_the_driver_waits() {
        check(wait, "src/connman/mod.rs", "use crate::sockets::Wait;\n", &[1]);
        check(wait, "src/sockman/mod.rs", "enum Waiting { Waits }\n", &[]);
        check(wait, "src/driver/run.rs", "use crate::sockets::Wait;\n", &[]);
        check(wait, "backends/mio/src/lib.rs", "use sockman::sockets::Wait;\n", &[]);
    }
}
