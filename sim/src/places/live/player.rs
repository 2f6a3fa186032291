//! Carries a script out with a node in another process.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use sockman::driver::{Clock as _, SystemClock};
use sockman::sockets::Closing;
use sockman::time::{Instant, Now};

use super::host::LiveHost;
use super::judge::{Judge, Peer};
use super::net::Net;
use super::outcome::Recorder;
use super::process::{Process, ProcessError};
use super::{Live, LiveError, LiveOptions, REAL_TIME_MAX, STEP, Target, table};
use crate::actor::{Actor, Passage, Saw};
use crate::run::{Lost, Verdict, addresses_of, check_words};
use crate::schedule::{ActorId, Op, Schedule};
use crate::subject::Subject as _;
use crate::subjects::connman::Connman;
use crate::world::WALL_START;

/// How long it is waited at once for something to happen.
pub(super) const PAUSE: Duration = Duration::from_millis(4);

/// How long a node may take to start, or to end.
const START_MAX: Duration = Duration::from_secs(60);
const END_MAX: Duration = Duration::from_secs(30);

/// How long it may take until nothing moves, at one instant of the schedule.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// How long a schedule goes on after its last line where the node's clock can be set, as in the
/// simulator.
const TAIL: Duration = crate::run::SETTLE;

/// Why nobody sees how the node takes something.
const UNSEEN: &str = "what becomes of a connection that its peer has ended itself";

/// A run under way.
pub(super) struct Player<'a> {
    pub(super) schedule: &'a Schedule,
    options: LiveOptions,
    interrupted: &'a dyn Fn() -> bool,
    pub(super) net: Rc<RefCell<Net>>,
    pub(super) peers: Vec<Peer>,
    pub(super) process: Option<Process>,
    pub(super) cookie: Option<String>,
    clock: SystemClock,
    /// The schedule's time.
    now: Now,
    /// Where a second is a second: when the script began, on the machine's clock.
    began: Option<Instant>,
    /// Whole seconds that the node's clock was told.
    pub(super) told: Option<u64>,
    judge: Judge,
    recorder: Recorder,
    misspoken: Option<Lost>,
    saw: Vec<(ActorId, Saw)>,
    moved: Passage,
}

impl<'a> Player<'a> {
    /// Starts the node, if it is to be started.
    pub(super) fn new(
        schedule: &'a Schedule,
        target: &Target,
        options: &LiveOptions,
        interrupted: &'a dyn Fn() -> bool,
    ) -> Result<Self, LiveError> {
        check_words::<Connman>(schedule).map_err(LiveError::Setup)?;
        let hosts = addresses_of(schedule).map_err(LiveError::Setup)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let net = Net::new(nowhere, hosts.values().flatten().copied());
        let net = Rc::new(RefCell::new(net.map_err(LiveError::NoSockets)?));
        let mut peers = Vec::new();
        for (actor, addresses) in hosts {
            let index = net.borrow_mut().add_host(actor, addresses.clone());
            let host = LiveHost::new(Rc::clone(&net), index, addresses);
            peers.push(Actor::new(actor, Connman::peer(&schedule.node, actor.0), host));
        }
        let process = match target {
            Target::At(at) => {
                net.borrow_mut().set_node(*at);
                None
            }
            Target::Exec(program) => {
                let proxy = match program.has_proxy() {
                    true => Some(net.borrow_mut().open_proxy().map_err(LiveError::Proxy)?),
                    false => None,
                };
                let further = table::options(schedule, target.abilities());
                let process = Process::start(program, proxy, &further)?;
                net.borrow_mut().set_node(process.listens);
                Some(process)
            }
        };
        let mut player = Self {
            schedule,
            options: *options,
            interrupted,
            net,
            peers,
            process,
            cookie: None,
            clock: SystemClock::start(),
            now: Now { steady: Instant::START, wall: WALL_START },
            began: None,
            told: None,
            judge: Judge::default(),
            recorder: Recorder::default(),
            misspoken: None,
            saw: Vec::new(),
            moved: Passage::default(),
        };
        if player.process.is_some() {
            player.await_node(target.abilities().rpc)?;
        }
        Ok(player)
    }

    /// Waits until the node answers, and sets its clock.
    fn await_node(&mut self, has_rpc: bool) -> Result<(), LiveError> {
        let began = self.real();
        loop {
            self.check()?;
            if self.real().since(began) > START_MAX {
                return Err(ProcessError::Silent.into());
            }
            if has_rpc {
                self.cookie = self.process.as_ref().and_then(Process::cookie);
                // Until it has started, it objects to every question, or does not listen.
                if self.cookie.is_some() && self.ask("uptime", &json!([])).is_ok() {
                    return self.tell_time(WALL_START.as_secs());
                }
            } else if self.process.as_ref().is_some_and(|process| is_listening(process.listens)) {
                return Ok(());
            }
            self.pause(self.options.quiet / 4);
        }
    }

    /// Carries it all out.
    pub(super) fn play(mut self) -> Result<Live, LiveError> {
        let due: Vec<_> = self.schedule.times().into_iter().map(|at| Instant::START + at).collect();
        let tail = if self.cookie.is_some() { TAIL } else { Duration::ZERO };
        let end = Instant::START + table::length(self.schedule) + tail;
        self.began = self.cookie.is_none().then(|| self.real());
        let mut next_line = 0;
        loop {
            self.net.borrow_mut().hold(true);
            while due.get(next_line).is_some_and(|at| *at <= self.now.steady) {
                self.carry_out(next_line)?;
                next_line += 1;
                self.look();
            }
            self.net.borrow_mut().hold(false);
            if self.misspoken.is_some() {
                break;
            }
            self.settle()?;
            self.judge_now()?;
            let line = due.get(next_line).copied();
            let now = self.now.steady;
            if line.is_none() && now >= end {
                break;
            }
            let wakeups = self.peers.iter().filter_map(Actor::next_wakeup).min();
            let deadline = self.judge.next_deadline(now);
            let next = [line, wakeups, deadline, Some(end.max(now)), Some(now + STEP)];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            self.advance(next.max(now))?;
        }
        self.finish()
    }

    fn finish(mut self) -> Result<Live, LiveError> {
        let unmet = self.judge.close(self.now.steady, &self.peers);
        let (misspoken, unseen) = (self.misspoken.take(), self.judge.unseen());
        if misspoken.is_none() && unmet.is_none() && !unseen.is_empty() {
            return Ok(Live::Skipped(BTreeSet::from([UNSEEN])));
        }
        let verdict = match (misspoken, unmet) {
            (Some(lost), _) => Verdict::Misspoken(lost),
            (None, Some(unmet)) => Verdict::Unmet(unmet),
            (None, None) => Verdict::Passed,
        };
        let outcome = std::mem::take(&mut self.recorder).finish();
        self.end_node()?;
        Ok(Live::Played { verdict, outcome })
    }

    /// Has the node end by itself, so that it is seen how it does.
    fn end_node(&mut self) -> Result<(), LiveError> {
        let now = self.now;
        for peer in &mut self.peers {
            peer.close(now, Closing::Orderly);
        }
        let Some(process) = self.process.as_mut() else { return Ok(()) };
        process.check()?;
        process.ask_to_end();
        let began = self.real();
        loop {
            let ended = self.process.as_mut().and_then(Process::has_ended);
            if let Some(ended) = ended {
                return Ok(ended?);
            }
            if self.real().since(began) > END_MAX {
                return Err(ProcessError::Silent.into());
            }
            self.pause(PAUSE);
        }
    }

    // Time.

    /// What the machine's clock says since this player was made.
    pub(super) fn real(&self) -> Instant {
        self.clock.now().steady
    }

    pub(super) fn pause(&self, at_most: Duration) {
        self.net.borrow_mut().wait(at_most);
    }

    /// Whether everything is as it should be around us.
    pub(super) fn check(&mut self) -> Result<(), LiveError> {
        if (self.interrupted)() {
            return Err(LiveError::Interrupted);
        }
        if self.real().since(Instant::START) > REAL_TIME_MAX {
            return Err(LiveError::TooLong);
        }
        Ok(self.process.as_mut().map_or(Ok(()), Process::check)?)
    }

    /// Waits until nothing has moved for a while.
    fn settle(&mut self) -> Result<(), LiveError> {
        let began = self.real();
        let mut quiet_since = began;
        loop {
            self.check()?;
            let has_moved = self.work() || self.net.borrow().is_busy();
            let now = self.real();
            if has_moved {
                quiet_since = now;
            }
            let is_quiet = now.since(quiet_since) >= self.options.quiet;
            if is_quiet || now.since(began) > SETTLE_MAX {
                return Ok(());
            }
            self.pause(PAUSE);
        }
    }

    /// Lets the schedule's time be what it is, and wakes whom that wakes.
    fn advance(&mut self, to: Instant) -> Result<(), LiveError> {
        if let Some(began) = self.began {
            while self.real().since(began) < to.since(Instant::START) {
                self.check()?;
                self.work();
                self.pause(PAUSE);
            }
        }
        let since_start = to.since(Instant::START);
        self.now = Now { steady: to, wall: WALL_START + since_start };
        if self.cookie.is_some() {
            // Rounded up, so that what is due a moment after a whole second is done.
            let begun = u64::from(since_start.subsec_nanos() > 0);
            let seconds = WALL_START.as_secs() + since_start.as_secs() + begun;
            if self.told != Some(seconds) {
                self.tell_time(seconds)?;
            }
        }
        let now = self.now;
        for peer in &mut self.peers {
            if peer.next_wakeup().is_some_and(|at| at <= now.steady) {
                peer.wake(now);
            }
        }
        Ok(())
    }

    /// Judges what must be true by now; what is not is given its grace.
    fn judge_now(&mut self) -> Result<(), LiveError> {
        let began = self.real();
        while self.judge.is_overdue(self.now.steady, &self.peers) {
            if self.real().since(began) > self.options.grace {
                self.judge.give_up(self.now.steady, &self.peers);
                return Ok(());
            }
            self.settle()?;
        }
        Ok(())
    }

    // Peers.

    /// Lets everybody do what their sockets are ready for; says whether anything moved.
    fn work(&mut self) -> bool {
        let now = self.now;
        self.peers.iter_mut().for_each(|peer| peer.work(now));
        self.look()
    }

    /// Takes in what peers saw; says whether it was anything.
    fn look(&mut self) -> bool {
        for peer in &mut self.peers {
            peer.take_saw(&mut self.saw);
            peer.take_moved(&mut self.moved);
        }
        let has_moved = !self.saw.is_empty() || !self.moved.is_empty();
        self.judge.see(self.now.steady, &self.saw);
        self.recorder.note(&self.saw, &self.moved);
        self.saw.clear();
        self.moved.clear();
        has_moved
    }

    // Lines.

    fn carry_out(&mut self, line: usize) -> Result<(), LiveError> {
        let op = &self.schedule.script[line].op;
        match op {
            Op::Expect(expect) => {
                let actor = expect.actor();
                let peer = self.peers.iter().find(|peer| peer.id() == actor);
                let peer = peer.expect("every actor of the script has a host");
                self.judge.expect(line, expect, self.now.steady, peer);
                Ok(())
            }
            Op::NodeDials { actor } => self.node_dials(*actor),
            Op::NodeDialsItself => self.node_dials_itself(),
            Op::NodeDrops { actor } => self.node_drops(*actor),
            Op::NodeTold { word } => self.node_is_told(word),
            Op::Dial { .. }
            | Op::Listen { .. }
            | Op::Send { .. }
            | Op::Behave { .. }
            | Op::StopReading { .. }
            | Op::ReadAgain { .. }
            | Op::HalfClose { .. }
            | Op::Close { .. }
            | Op::Reset { .. }
            | Op::Vanish { .. } => {
                self.actor_does(line, op);
                Ok(())
            }
            Op::NodeRestarts
            | Op::NodeCrashes
            | Op::NodeStalls { .. }
            | Op::WallJump { .. }
            | Op::Link { .. }
            | Op::Fault(_) => unreachable!("a schedule with such lines is skipped"),
        }
    }

    fn actor_does(&mut self, line: usize, op: &Op) {
        let id = op.actor().expect("it is a line about an actor");
        let now = self.now;
        let peer = self.peers.iter_mut().find(|peer| peer.id() == id);
        let peer = peer.expect("every actor of the script has a host");
        // Whether a line does something is the simulator's to judge, which sees more; and where the
        // node is, the host knows.
        if let Err(error) = peer.carry_out(now, op) {
            self.misspoken = Some(Lost::script(line, error.to_string()));
        }
    }
}

/// Whether somebody accepts connections there. He is told nothing more, and has forgotten it by
/// then: it would take the place of a peer.
fn is_listening(at: SocketAddr) -> bool {
    let patience = Duration::from_millis(500);
    let Ok(mut stream) = TcpStream::connect_timeout(&at, patience) else { return false };
    let ends = stream.set_read_timeout(Some(patience));
    // OK to ignore: that somebody listens is known, and he may take his time.
    let _ = ends.and_then(|()| stream.shutdown(Shutdown::Write));
    let _ = stream.read(&mut [0]);
    true
}
