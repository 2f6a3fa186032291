//! The transitions that the rules allow a connection manager: what a search is measured by.
//!
//! Sources: docs/behaviour.md, connman 4 to 9, handshake 4 to 6 and addresses 1 to 5. Left out
//! because no rule allows it, or nothing of it has arrived: feelers; the late handshake of an
//! inbound peer that has said no `version`, for it is told off for hearing nothing; and a node that
//! never sends where it has something to say, for what a handshake says fits into the smallest
//! buffer.

use sockman::connman::Timer;
use sockman::sockman::{Initiator, Phase};

use crate::guided::expected::SEND_FAILURES;
use crate::guided::{Kind, Label, State, Transition};

use super::sights::{AWAITS_VERACK, AWAITS_VERSION, OTHER, READY, message_names};

const STAGES: [&str; 3] = [AWAITS_VERSION, AWAITS_VERACK, READY];
const SIDES: [Initiator; 2] = [Initiator::Peer, Initiator::Us];

const OVER: Label = Label::new("becomes", "over");
const TAKEN: Label = Label::plain("taken");

const fn ignored(why: &'static str) -> Label {
    Label::new("ignored", why)
}

/// All of them.
pub(super) fn expected() -> Vec<Transition> {
    let mut list = List(Vec::new());
    for side in SIDES {
        for stage in STAGES {
            for name in message_names() {
                let event = Label::new("handles", name);
                for outcome in handled(side, stage, name) {
                    list.step(side, stage, event, outcome);
                }
            }
            list.timers(side, stage);
            list.deliveries(side, stage);
            list.ends(side, stage);
        }
    }
    list.attempts();
    list.node();
    list.0
}

/// What may come of a message. docs/behaviour.md, handshake 4 and 6.
fn handled(side: Initiator, stage: &'static str, name: &'static str) -> Vec<Label> {
    let queues = |name| Label::new("queues", name);
    match (stage, name) {
        (AWAITS_VERSION, "version") => {
            let mut all = vec![TAKEN, ignored("malformed"), OVER];
            all.extend(["wtxidrelay", "sendaddrv2", "verack", "alert"].map(queues));
            all.push(queues(if side == Initiator::Peer { "version" } else { "getaddr" }));
            all
        }
        (AWAITS_VERSION, _) => vec![ignored("before-version")],
        (_, "version") | (READY, "verack") => vec![ignored("redundant")],
        (_, "verack") => vec![TAKEN, Label::plain("ready"), queues("sendcmpct")],
        (READY, "wtxidrelay" | "sendaddrv2") => vec![OVER],
        (_, "wtxidrelay") => vec![TAKEN, ignored("redundant"), ignored("version-too-low")],
        (_, "sendaddrv2" | "sendheaders") => vec![TAKEN],
        (_, "sendcmpct") => vec![TAKEN, ignored("unsupported"), ignored("malformed")],
        (_, "sendtxrcncl") => vec![ignored("unsupported")],
        (AWAITS_VERACK, _) => vec![ignored("before-verack")],
        (_, "ping") => {
            let (low, malformed) = (ignored("version-too-low"), ignored("malformed"));
            vec![TAKEN, queues("pong"), low, malformed]
        }
        (_, "pong") => {
            vec![TAKEN, Label::new("measures", "round-trip"), ignored("unsolicited")]
        }
        (_, OTHER | "alert") => vec![ignored("unknown")],
        (_, "getaddr") => match side {
            Initiator::Peer => vec![TAKEN, ignored("redundant"), queues("addr"), queues("addrv2")],
            Initiator::Us => vec![ignored("unsolicited")],
        },
        (_, "addr" | "addrv2") => {
            let (malformed, discourages) = (ignored("malformed"), Label::plain("discourages"));
            match side {
                Initiator::Peer => vec![TAKEN, malformed, OVER, discourages],
                Initiator::Us => vec![TAKEN, malformed, Label::plain("pardoned")],
            }
        }
        (_, "inv" | "getdata" | "headers") => {
            let discourages = Label::plain("discourages");
            let (unused, malformed) = (ignored("not-implemented"), ignored("malformed"));
            match side {
                Initiator::Peer => vec![unused, malformed, OVER, discourages],
                // All of them are dialled by hand.
                Initiator::Us => vec![unused, malformed, Label::plain("pardoned")],
            }
        }
        (_, "getblocks" | "getheaders") => {
            vec![ignored("not-implemented"), ignored("malformed"), OVER]
        }
        (_, "mempool" | "filterload" | "filteradd" | "filterclear") => vec![OVER],
        (_, "getcfilters" | "getcfheaders" | "getcfcheckpt") => vec![ignored("malformed"), OVER],
        _ => vec![ignored("not-implemented")],
    }
}

struct List(Vec<Transition>);

impl List {
    fn add(&mut self, kind: Kind, state: State, event: Label, outcome: Label) {
        self.0.push(Transition { kind, state, event, outcome });
    }

    fn step(&mut self, side: Initiator, stage: &'static str, event: Label, outcome: Label) {
        self.add(Kind::Step, State::of(side, Phase::Open, stage), event, outcome);
    }

    /// docs/behaviour.md, connman 9: timeouts.
    fn timers(&mut self, side: Initiator, stage: &'static str) {
        let fires = |timer: Timer| Label::new("fires", timer.name());
        self.step(side, stage, fires(Timer::Inactivity), OVER);
        if stage == READY {
            self.step(side, stage, fires(Timer::Ping), Label::NOTHING);
            self.step(side, stage, fires(Timer::PingTimeout), OVER);
            self.step(side, stage, Label::new("sends", "ping"), Label::new("queues", "ping"));
            self.step(side, stage, fires(Timer::Addresses), Label::NOTHING);
            self.step(side, stage, fires(Timer::OwnAddress), Label::NOTHING);
            for name in ["addr", "addrv2"] {
                self.step(side, stage, Label::new("sends", name), Label::new("queues", name));
            }
        }
        if (side, stage) == (Initiator::Us, AWAITS_VERSION) {
            let version = Label::new("queues", "version");
            self.step(side, stage, Label::new("sends", "version"), version);
        }
    }

    fn deliveries(&mut self, side: Initiator, stage: &'static str) {
        let mut add = |place, event, outcome| {
            let event = Label::plain(event);
            self.add(Kind::Delivery, State::of(side, place, stage), event, outcome);
        };
        for rejected in ["checksum", "type"] {
            add(Phase::Open, "received", Label::new("rejects", rejected));
        }
        for outcome in [Label::NOTHING, Label::plain("wants a pause"), OVER] {
            add(Phase::Open, "received", outcome);
        }
        add(Phase::PeerFinished, "eof", OVER);
        add(Phase::Dead, "failed", OVER);
    }

    /// Why a connection is over, where that can be so.
    fn ends(&mut self, side: Initiator, stage: &'static str) {
        let mut add = |place, reason| {
            let event = Label::plain("close");
            let state = State::of(side, place, stage);
            self.add(Kind::Action, state, event, Label::new("down", reason));
        };
        for reason in ["peer-closed", "peer-closed-mid-message"] {
            add(Phase::PeerFinished, reason);
        }
        let says_nothing = (stage, side) == (AWAITS_VERSION, Initiator::Peer);
        for failure in SEND_FAILURES {
            // Only a send can find no memory, and such a peer is sent nothing.
            if failure != "out of memory" || !says_nothing {
                add(Phase::Dead, failure);
            }
        }
        for reason in ["magic", "payload-too-long", "requested", "network-inactive", "shutdown"] {
            add(Phase::Open, reason);
        }
        match (stage, side) {
            (AWAITS_VERSION, Initiator::Peer) => {
                for reason in ["version-too-old", "self-connection", "no-traffic", "never-sent"] {
                    add(Phase::Open, reason);
                }
            }
            (AWAITS_VERSION, _) => {
                // A clock that is set forward by hours brings the long timeouts here as well.
                for reason in [
                    "version-too-old",
                    "never-received",
                    "handshake-timeout",
                    "send-timeout",
                    "receive-timeout",
                ] {
                    add(Phase::Open, reason);
                }
            }
            (AWAITS_VERACK, _) => {
                for reason in ["handshake-timeout", "send-timeout", "receive-timeout"] {
                    add(Phase::Open, reason);
                }
            }
            _ => {
                for reason in [
                    "send-timeout",
                    "receive-timeout",
                    "ping-timeout",
                    "not-offered",
                    "locator-too-long",
                    "wtxidrelay-after-verack",
                    "sendaddrv2-after-verack",
                ] {
                    add(Phase::Open, reason);
                }
                if side == Initiator::Peer {
                    add(Phase::Open, "misbehaved");
                }
            }
        }
    }

    /// docs/behaviour.md, connman 5: opening connections.
    fn attempts(&mut self) {
        let dialling = State::of(Initiator::Us, Phase::Dialing, "");
        let (open, dead) =
            (State { phase: Phase::Open, ..dialling }, State { phase: Phase::Dead, ..dialling });
        let connected = Label::plain("connected");
        self.add(Kind::Delivery, open, connected, Label::plain("up"));
        self.add(Kind::Delivery, open, connected, OVER);
        self.add(Kind::Delivery, dead, Label::plain("failed"), OVER);
        let close = Label::plain("close");
        for failure in ["refused", "timeout"] {
            self.add(Kind::Action, dead, close, Label::new("dial failed", failure));
        }
        for failure in ["network-inactive", "shutdown"] {
            self.add(Kind::Action, dialling, close, Label::new("dial failed", failure));
        }
        let dial = Label::plain("dial");
        self.add(Kind::Action, State::NODE, dial, Label::plain("dial begun"));
        for failure in ["out of descriptors", "reset", "timed out", "host unreachable"] {
            self.add(Kind::Action, State::NODE, dial, Label::new("dial failed", failure));
        }
        self.add(Kind::Step, State::NODE, Label::plain("dials"), Label::NOTHING);
        self.add(Kind::Command, State::NODE, dial, Label::NOTHING);
        for failure in ["already-connected", "network-inactive", "shutdown"] {
            self.add(Kind::Command, State::NODE, dial, Label::new("dial failed", failure));
        }
    }

    /// docs/behaviour.md, connman 4: accepting; and what an operator says.
    fn node(&mut self) {
        let accepted = State::of(Initiator::Peer, Phase::Open, "");
        let event = Label::plain("accepted");
        for outcome in [
            Label::plain("up"),
            Label::new("refuses", "inbound-full"),
            Label::new("refuses", "network-inactive"),
        ] {
            self.add(Kind::Delivery, accepted, event, outcome);
        }
        let failed = Label::plain("accept-failed");
        for error in ["out of descriptors", "aborted"] {
            self.add(Kind::Delivery, State::NODE, failed, Label::new("accept failed", error));
        }
        for command in ["drop", "ping", "network on", "network off", "shutdown"] {
            self.add(Kind::Command, State::NODE, Label::plain(command), Label::NOTHING);
        }
    }
}
