//! Schedules with a node that is not in the simulator: the library's own, on a thread of its own,
//! on this machine's loopback.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sockman::connman::{Command, Config, ConnMan, Notice};
use sockman::driver::{Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::rng::Seed;
use sockman::sockets::{Endpoint, OsSockets, PollerWaker, Sockets as _};
use sockman::sockman::SockMan;
use sockman::time::Now;
use sockman::transport::Network;
use sockman_sim::places::live::{
    Abilities, Live, LiveOptions, NORMALISED, Outcome, PLACEHOLDERS, SideBySide, TABLE, Target,
    aligned, options, play, skipped,
};
use sockman_sim::run::Verdict;
use sockman_sim::schedule::Schedule;

/// Short, so that the tests are: nobody else's clock is in them.
const OPTIONS: LiveOptions = LiveOptions {
    quiet: Duration::from_millis(150),
    grace: Duration::from_secs(1),
    patience: Duration::from_secs(5),
};

/// Passes on that a peer is ready.
struct Teller(mpsc::Sender<()>);

impl Observer<OsSockets, ConnMan> for Teller {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        // What follows a handshake at once, the answer to a ping, has been said as well.
        if matches!(notice, Notice::PongReceived { .. }) {
            // OK to ignore: not every test waits for it.
            let _unheard = self.0.send(());
        }
    }
    fn handle_inspect(&mut self, _: Now, _: &Machine<OsSockets, ConnMan>) {}
}

/// A node that runs until this is dropped.
pub(super) struct Node {
    at: SocketAddr,
    ready: mpsc::Receiver<()>,
    mailbox: Mailbox<Command, PollerWaker>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Node {
    pub(super) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Network::Regtest);
        change(&mut config);
        let (told, hears) = mpsc::channel();
        let (is_ready, ready) = mpsc::channel();
        // A driver stays on the thread that made it.
        let run = move || {
            let sockets = OsSockets::new().unwrap();
            let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
            let mut machine = Machine::new(sockman, ConnMan::new(config, Seed::from_number(7)));
            let any = Endpoint::Ip(SocketAddr::from(([127, 0, 0, 1], 0)));
            let listener = machine.listen(Now::default(), &any).unwrap();
            let at = machine.sockman().sockets().listener_endpoint(listener).unwrap();
            let (mut driver, mailbox) = Driver::new(machine, SystemClock::start());
            told.send((at.ip().unwrap(), mailbox)).unwrap();
            driver.run(&mut Teller(is_ready)).unwrap();
        };
        let thread = Some(thread::Builder::new().spawn(run).unwrap());
        let (at, mailbox) = hears.recv().unwrap();
        Self { at, ready, mailbox, thread }
    }

    /// Where it listens.
    pub(super) const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Waits until a peer is there and has answered.
    pub(super) fn expect_ready(&self) {
        self.ready.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    fn play(&self, script: &str) -> (Verdict, Outcome) {
        match play(&parse(script), &Target::At(self.at), &OPTIONS, &|| false).unwrap() {
            Live::Played { verdict, outcome } => (verdict, outcome),
            Live::Skipped(names) => panic!("skipped for {names:?}"),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.mailbox.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn parse(script: &str) -> Schedule {
    Schedule::parse("test", &format!("format 1\n\n{script}")).unwrap()
}

const CONVERSATION: &str = "0ms p1 dials\np1 is honest\nexpect node connects p1 within 1s\n\
    +100ms p1 sends ping nonce=7\nexpect p1 receives pong nonce=7, within 1s\n\
    p2 dials\np2 sends version, verack, wtxidrelay\nexpect node drops p2 within 1s\n\
    expect node keeps p1\nexpect p1 never receives inv\n";

#[test]
fn node_on_loopback_meets_what_is_expected_of_it() {
    let node = Node::start(|_| {});
    let (verdict, outcome) = node.play(CONVERSATION);
    assert_eq!(verdict, Verdict::Passed, "{outcome}");
    assert_eq!(outcome.connections.len(), 2);
}

#[test]
fn what_a_node_does_not_do_is_noticed() {
    let node = Node::start(|_| {});
    let dials = "0ms p1 dials\np1 is honest\n";
    for expectation in [
        "expect p1 never receives verack",
        "expect p1 receives inv, within 10ms",
        "expect node drops p1 within 10ms",
        "p2 dials\np2 is silent\nexpect node connects p2 within 10ms",
        "+100ms p1 sends wtxidrelay\nexpect node keeps p1",
    ] {
        let (verdict, _) = node.play(&format!("{dials}{expectation}\n"));
        assert!(matches!(verdict, Verdict::Unmet(_)), "{expectation}: {verdict}");
    }
}

#[test]
fn outcomes_are_alike_but_for_behaviour() {
    let (one, other) = (Node::start(|_| {}), Node::start(|config| config.start_height = 3));
    let agent = Node::start(|config| config.user_agent = "/another:1.0/".to_owned());
    let (_, first) = one.play(CONVERSATION);
    assert_eq!(one.play(CONVERSATION).1, first);
    assert_eq!(agent.play(CONVERSATION).1, first);
    let (_, changed) = other.play(CONVERSATION);
    assert_eq!(first.unlike(&changed).len(), 2);
    let shown = SideBySide(&first, &changed).to_string();
    assert!(shown.contains("height 0") && shown.contains("height 3"), "{shown}");
}

#[test]
fn how_a_connection_ends_is_part_of_the_outcome() {
    let node = Node::start(|_| {});
    let (_, kept) = node.play("0ms p1 dials\np1 is honest\n");
    let (_, ended) = node.play("0ms p1 dials\np1 is honest\n+100ms p1 half-closes\n");
    let [lines] = ended.connections.values().collect::<Vec<_>>()[..] else { panic!("{ended}") };
    assert_eq!(lines.last().unwrap(), "the node closes");
    assert_eq!(kept.unlike(&ended).len(), 1);
}

#[test]
fn node_that_is_gone_refuses() {
    let node = Node::start(|_| {});
    let at = node.at;
    drop(node);
    let schedule = parse("0ms p1 dials\nexpect node drops p1 within 0ms\n");
    let live = play(&schedule, &Target::At(at), &OPTIONS, &|| false).unwrap();
    let Live::Played { verdict, outcome } = live else { panic!("it can be expressed") };
    assert_eq!(verdict, Verdict::Passed);
    assert!(outcome.to_string().contains("refused"), "{outcome}");
}

#[test]
fn what_cannot_be_expressed_is_skipped_and_named() {
    let without = Abilities { starts: false, rpc: false, proxy: false };
    let names = |script: &str, has| {
        let names = skipped(&parse(script), has, OPTIONS.patience);
        names.into_iter().collect::<Vec<_>>().join("; ")
    };
    for (script, of_all, of_nothing) in [
        ("0ms p1 dials\np1 vanishes\n", "", ""),
        ("0ms p1 listens\nnode dials p1\n", "", "node dials"),
        ("0ms link p1 latency 1s\n", "link", "link"),
        ("0ms fault node's next accept would block\n", "fault", "fault"),
        (
            "0ms p1 is slow\nnode restarts\n",
            "is slow; node restarts, crashes, stalls",
            "is slow; node restarts, crashes, stalls",
        ),
        ("20min p1 dials\n", "", "more time than there is, of a node whose clock is its own"),
    ] {
        assert_eq!(names(script, Abilities::ALL), of_all, "{script}");
        assert_eq!(names(script, without), of_nothing, "{script}");
    }
}

#[test]
fn settings_become_options() {
    let text = "format 1\nnode max-inbound 8\nnode peer-timeout 120\nnode max-send-buffer 10000\n\
                node connect 203.0.113.1:8333\n\n0ms p1 listens at 203.0.113.1:8333\n";
    let schedule = Schedule::parse("test", text).unwrap();
    let expected =
        ["-maxconnections=19", "-peertimeout=120", "-maxsendbuffer=10", "-connect=p1.sim:8333"];
    assert_eq!(options(&schedule, Abilities::ALL), expected);
    assert_eq!(options(&parse("0ms p1 dials\n"), Abilities::ALL), ["-connect=0"]);
    let odd = Schedule::parse("test", "format 1\nnode max-send-buffer 87\n\n0ms p1 dials\n");
    let odd = skipped(&odd.unwrap(), Abilities::ALL, OPTIONS.patience);
    assert_eq!(
        odd.into_iter().collect::<Vec<_>>(),
        ["a message buffer that is no multiple of 1000"]
    );
}

#[test]
fn equal_lines_stand_side_by_side() {
    let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let (left, right) = (lines("abcd"), lines("acxd"));
    let rows: Vec<_> = aligned(&left, &right)
        .into_iter()
        .map(|(one, other)| format!("{}{}", one.map_or("-", |s| s), other.map_or("-", |s| s)))
        .collect();
    assert_eq!(rows, ["aa", "b-", "cc", "-x", "dd"]);
}

#[test]
fn node_elsewhere_is_told_from_one_here() {
    for (text, is_here) in [("127.0.0.1:1", true), ("[::1]:1", true), ("203.0.113.1:1", false)] {
        assert_eq!(text.parse::<Target>().unwrap().is_loopback(), is_here, "{text}");
    }
    assert!("node.example:8333".parse::<Target>().is_err());
}

#[test]
fn guide_has_every_row_of_the_tables() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reviewing.md");
    let page = fs::read_to_string(page).unwrap();
    let lines = TABLE
        .iter()
        .map(|row| format!("| {} | {} | {} |", row.line, row.becomes.unwrap_or("-"), row.needs()));
    let normalised =
        NORMALISED.iter().map(|(what, kept, out)| format!("| {what} | {kept} | {out} |"));
    let places = PLACEHOLDERS.iter().map(|(name, what)| format!("| `{name}` | {what} |"));
    for row in lines.chain(normalised).chain(places) {
        assert!(page.contains(&row), "no row: {row}");
    }
}
