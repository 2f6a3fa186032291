//! One run of one schedule: the script carried out, the oracles asked, a verdict given.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::driver::Did;
use sockman::rng::Seed;
use sockman::sockets::{Accepted, Closing, Endpoint, Received, Sent};
use sockman::time::Instant;

use crate::chooser::{Policy, Recorded};
use crate::expect::{Judge, Unmet};
use crate::faulty::{CallResult, Reach, Weights};
use crate::oracles::{Oracles, Violation};
use crate::schedule::{ActorId, Call, Deviation, Effect, Fault, Line, Op, Schedule, When};
use crate::subject::{SettingError, Setup, Subject, UnknownWord};
use crate::trace::{Entry, Story, TraceHash};
use crate::world::{NODE_ADDRESS, Step, World, WorldConfig};

/// How long a world is left alone after the last line of its script. By then everything has moved
/// on or stands still, which the liveness oracle tells apart.
pub const SETTLE: Duration = Duration::from_secs(10);

/// Most steps of one run. Beyond it the run is given up. A node that never comes to rest within one
/// instant is another matter, and an oracle's.
pub const STEPS_MAX: u64 = 20_000_000;

/// The port at which actors listen if the script names none: regtest's.
const ACTOR_PORT: u16 = 18_444;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to keep the story.
    pub story: Story,
    /// Where chance comes from; `None`: the order of the schedule decides.
    pub chance: Option<Chance>,
    /// Most steps.
    pub steps_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { story: Story::Drop, chance: None, steps_max: STEPS_MAX }
    }
}

/// Chance in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance {
    /// The seed of every draw.
    pub seed: u64,
    /// Chance in 256 that another task goes first at a choice point.
    pub deviate: u8,
    /// Chances of the socket calls.
    pub weights: Weights,
}

/// Why a schedule cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// A `node` line.
    Setting(SettingError),
    /// Two actors, or an actor and the node, use one address.
    AddressTwice(IpAddr),
    /// Nobody knows how to simulate this.
    NoSuchSubject(String),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::AddressTwice(address) => write!(f, "two parties use the address {address}"),
            Self::NoSuchSubject(name) => {
                write!(f, "no subject {name}; there are {}", crate::subjects::NAMES.join(", "))
            }
        }
    }
}

impl std::error::Error for SetupError {}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything as it must be.
    Passed,
    /// An oracle noticed something.
    Failed(Violation),
    /// An expectation was not met.
    Unmet(Unmet),
    /// A deviation or a fault was never reached: the case no longer tests what it says.
    Drifted(Lost),
    /// A fault was reached and changed nothing.
    NotExercised(Lost),
    /// The script says something that its subject does not understand.
    Misspoken(usize, UnknownWord),
    /// It was given up after so many steps. Nothing is known of it.
    TooLong(u64),
}

impl Verdict {
    /// Whether all is well.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    /// Two runs of one schedule took different ways.
    #[must_use]
    pub fn not_deterministic(first: TraceHash, second: TraceHash) -> Self {
        Self::Failed(Violation {
            oracle: "determinism",
            what: format!("one run has the trace {first}, the next {second}"),
            since: Instant::START,
            at: Instant::START,
            rule: "the same schedule gives the same trace",
        })
    }

    /// The same on one line, without what no comment of a schedule may contain.
    #[must_use]
    pub fn line(&self) -> String {
        let text = self.to_string();
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The oracle, or the kind of verdict. Whether two failures are the same takes more
    /// ([`FailureKey`](crate::shrink::FailureKey)).
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(violation) => violation.oracle,
            Self::Unmet(_) => "expectation",
            Self::Drifted(_) => "drifted",
            Self::NotExercised(_) => "not exercised",
            Self::Misspoken(..) => "misspoken",
            Self::TooLong(_) => "too long",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(violation) => write!(f, "failed: {violation}"),
            Self::Unmet(unmet) => write!(f, "expectation not met: {unmet}"),
            Self::Drifted(lost) => write!(f, "drifted: {lost}"),
            Self::NotExercised(lost) => write!(f, "not exercised: {lost}"),
            Self::Misspoken(line, error) => write!(f, "script line {}: {error}", line + 1),
            Self::TooLong(steps) => write!(f, "given up after {steps} steps"),
        }
    }
}

/// A line that did not do what it is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A line of the script, from 0.
    Script(usize),
    /// A line of the order, from 0.
    Order(usize),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(line) => write!(f, "line {} of the script", line + 1),
            Self::Order(line) => write!(f, "line {} of the order", line + 1),
        }
    }
}

/// What a run did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps of the world.
    pub steps: u64,
    /// Socket events: completed accepts, connects, sends and receives of at least a byte, ends of
    /// stream, resets and closes made by the node.
    pub events: u64,
    /// Words that actors heard, and messages that the node handled.
    pub messages: u64,
    /// How much time passed in the world.
    pub virtual_time: Duration,
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What became of it.
    pub verdict: Verdict,
    /// The hash of all that happened.
    pub hash: TraceHash,
    /// In numbers.
    pub stats: Stats,
    /// The schedule with what chance has decided written out.
    pub recorded: Schedule,
    /// The story, if it was kept.
    pub story: Vec<Entry>,
    /// How many lines of the script were carried out before it ended.
    pub carried_out: usize,
    /// Every connection of the node's as it stood when the run failed.
    pub connections: Vec<sockman::sockman::ConnSnapshot>,
}

/// A run under way. A clone goes on alike.
#[derive(Clone, Debug)]
pub struct Run<X: Subject> {
    world: World<X>,
    schedule: Schedule,
    /// When each line of the script is due.
    due: Vec<Instant>,
    /// The next line.
    next_line: usize,
    /// Fault lines that were reached, with the numbers of the calls they are about.
    faults: Vec<(usize, Fault, std::ops::Range<u32>)>,
    judge: Judge,
    oracles: Oracles<X>,
    stats: Stats,
    /// When the world must be at rest.
    end: Instant,
    calm: bool,
    steps_max: u64,
    link: crate::net::LinkConfig,
    /// For `MustRest`, the verdict of a misspoken line.
    misspoken: Option<(usize, UnknownWord)>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    Going,
    /// The script is done and the world at rest.
    Done,
}

impl<X: Subject> Run<X> {
    /// A run in which nothing has happened yet.
    ///
    /// # Errors
    ///
    /// The schedule does not make sense for this subject.
    pub fn new(schedule: &Schedule, options: &Options) -> Result<Self, SetupError> {
        let mut config = WorldConfig { story: options.story, ..WorldConfig::default() };
        let (settings, seed) = host_settings(schedule, &mut config).map_err(SetupError::Setting)?;
        let setup = Setup { settings: &settings, seed: Seed::from_number(seed) };
        let actors = addresses_of(schedule)?;
        let policy = match &options.chance {
            Some(chance) => Policy::Random {
                rng: Box::new(ChaCha8Rng::seed_from_u64(chance.seed)),
                deviate: chance.deviate,
            },
            None => Policy::Recorded(Recorded::new(&schedule.order)),
        };
        let mut world =
            World::new(&config, &setup, &actors, policy).map_err(SetupError::Setting)?;
        match &options.chance {
            Some(chance) => {
                let rng = ChaCha8Rng::seed_from_u64(!chance.seed);
                world.randomise(rng, chance.weights.clone());
            }
            None => plan(&mut world, &schedule.order),
        }
        let due = due_times(&schedule.script);
        let last = due.last().copied().unwrap_or(Instant::START);
        let judge = Judge::default();
        let longest = longest_window(schedule, &due).max(last);
        Ok(Self {
            world,
            schedule: schedule.clone(),
            due,
            next_line: 0,
            faults: Vec::new(),
            judge,
            oracles: Oracles::new(),
            stats: Stats::default(),
            end: longest + SETTLE,
            calm: false,
            steps_max: options.steps_max,
            link: config.link,
            misspoken: None,
        })
    }

    /// Does one thing.
    ///
    /// # Errors
    ///
    /// An oracle noticed something.
    pub fn step(&mut self) -> Result<Progress, Violation> {
        let now = self.world.now().steady;
        if self.next_line < self.due.len() && self.due[self.next_line] <= now {
            let line = self.next_line;
            self.next_line += 1;
            self.carry_out(line);
            return self.look(&Step::Outside).map(|()| Progress::Going);
        }
        let step = self.world.step();
        self.look(&step)?;
        match step {
            Step::Idle(next) => self.let_time_pass(next),
            Step::Outside | Step::Arrived | Step::Polled(_) | Step::Node(..) => Ok(Progress::Going),
        }
    }

    /// Runs to the end and gives the verdict.
    #[must_use]
    pub fn finish(mut self) -> Report {
        // What a panic leaves behind is only looked at.
        let ended = catch_unwind(AssertUnwindSafe(|| self.run_to_verdict()));
        let verdict = ended.unwrap_or_else(|payload| {
            let at = self.world.now().steady;
            Verdict::Failed(Violation {
                oracle: "panic",
                what: crate::panics::message(&*payload),
                since: at,
                at,
                rule: "nothing that a peer or a network does makes the node panic",
            })
        });
        self.report(verdict)
    }

    fn run_to_verdict(&mut self) -> Verdict {
        loop {
            match self.step() {
                Ok(Progress::Going) if self.stats.steps > self.steps_max => {
                    return Verdict::TooLong(self.steps_max);
                }
                Ok(Progress::Going) if self.misspoken.is_none() => {}
                Ok(Progress::Going | Progress::Done) => return self.close(),
                Err(violation) => return Verdict::Failed(violation),
            }
        }
    }

    /// The report of a run that has ended in some other way, as by a panic.
    #[must_use]
    pub fn report(self, verdict: Verdict) -> Report {
        let mut recorded = self.schedule.clone();
        if self.world.machine().sockman().sockets().drawn().is_empty()
            && self.world.chooser().recorded().is_empty()
        {
            // Nothing was drawn: the order is the schedule's own.
        } else if self.world.chooser().lines().is_none() {
            recorded.order = self.world.chooser().recorded().to_vec();
            recorded.order.extend_from_slice(self.world.machine().sockman().sockets().drawn());
        }
        let connections = self.world.machine().sockman().inspect();
        Report {
            verdict,
            hash: self.world.trace().hash(),
            stats: self.stats(),
            recorded,
            story: self.world.trace().story().to_vec(),
            carried_out: self.next_line,
            connections,
        }
    }

    /// In numbers, so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let virtual_time = self.world.now().steady.since(Instant::START);
        Stats { virtual_time, ..self.stats }
    }

    /// The world.
    #[must_use]
    pub const fn world(&self) -> &World<X> {
        &self.world
    }

    /// What nothing may disturb any more has to be so now.
    fn close(&mut self) -> Verdict {
        if let Some((line, error)) = self.misspoken.take() {
            return Verdict::Misspoken(line, error);
        }
        if let Err(violation) = self.oracles.at_rest(&self.world) {
            return Verdict::Failed(violation);
        }
        if let Some(unmet) = self.judge.close(&self.world) {
            return Verdict::Unmet(unmet);
        }
        self.world.forget();
        self.world.shutdown();
        if let Err(violation) = self.oracles.at_end(&self.world) {
            return Verdict::Failed(violation);
        }
        self.lost().unwrap_or(Verdict::Passed)
    }

    /// A line that was never reached, or changed nothing.
    fn lost(&self) -> Option<Verdict> {
        let faulty = self.world.machine().sockman().sockets();
        for (line, fault, numbers) in &self.faults {
            let mut reach = numbers.clone().map(|nth| faulty.reach(fault.call, fault.actor, nth));
            match reach.clone().min() {
                Some(Reach::Never) => return Some(Verdict::Drifted(Lost::Script(*line))),
                Some(Reach::WithoutEffect) if !reach.any(|r| r == Reach::Effective) => {
                    return Some(Verdict::NotExercised(Lost::Script(*line)));
                }
                Some(Reach::WithoutEffect | Reach::Effective) | None => {}
            }
        }
        let lines = self.world.chooser().lines()?;
        for (line, deviation) in self.schedule.order.iter().enumerate() {
            let reach = match deviation {
                Deviation::Before { .. } if lines.reached().contains(&line) => Reach::Effective,
                Deviation::Before { .. } => Reach::Never,
                Deviation::At { call, actor, nth, .. } => faulty.reach(*call, *actor, *nth),
            };
            match reach {
                Reach::Never => return Some(Verdict::Drifted(Lost::Order(line))),
                Reach::WithoutEffect => return Some(Verdict::NotExercised(Lost::Order(line))),
                Reach::Effective => {}
            }
        }
        None
    }

    fn let_time_pass(&mut self, next: Option<Instant>) -> Result<Progress, Violation> {
        let now = self.world.now().steady;
        let line = self.due.get(self.next_line).copied();
        if line.is_none() && !self.calm {
            self.calm = true;
            self.world.calm();
        }
        let next = [next, line, self.judge.next_deadline(now), Some(self.end)];
        let next = next.into_iter().flatten().min().unwrap_or(self.end);
        if next >= self.end && line.is_none() {
            self.world.advance(self.end.max(now));
            return Ok(Progress::Done);
        }
        self.world.advance(next.max(now));
        Ok(Progress::Going)
    }

    /// Lets the oracles, the judge and the counters look at what a step did.
    fn look(&mut self, step: &Step) -> Result<(), Violation> {
        self.stats.steps += 1;
        self.count();
        if let Step::Node(_, Did::Stepped(_)) = step {
            self.stats.messages += 1;
        }
        self.oracles.after_step(&self.world, step)?;
        self.judge.look(&self.world);
        self.world.forget();
        Ok(())
    }

    fn count(&mut self) {
        for call in self.world.machine().sockman().sockets().calls() {
            let counts = match &call.what {
                CallResult::Accept(Ok(Accepted::Conn { .. }))
                | CallResult::Status(_)
                | CallResult::Close(Ok(())) => true,
                CallResult::Send(result) => matches!(result, Ok(Sent::Bytes(1..)) | Err(_)),
                CallResult::Recv(result) => !matches!(result, Ok(Received::WouldBlock)),
                CallResult::Listen(_)
                | CallResult::Accept(_)
                | CallResult::Connect(..)
                | CallResult::Shutdown(_)
                | CallResult::Close(_)
                | CallResult::CloseListener(_)
                | CallResult::Interest(..)
                | CallResult::TakeError(_) => false,
            };
            self.stats.events += u64::from(counts);
        }
    }

    fn carry_out(&mut self, line: usize) {
        let op = self.schedule.script[line].op.clone();
        tracing::info!(at = %self.world.now().steady, %op, "script");
        self.world.tell_script(|| op.to_string());
        match &op {
            Op::Expect(expect) => self.judge.expect(line, expect, &self.world),
            Op::Fault(fault) => {
                let numbers = self.world.faulty_mut().plan_fault(fault);
                self.faults.push((line, *fault, numbers));
            }
            Op::WallJump { direction, by } => self.world.jump_wall(*direction, *by),
            Op::Link { actor, change } => self.world.change_link(*actor, *change, self.link),
            Op::NodeDials { actor } => self.node_dials(*actor),
            Op::NodeDrops { actor } => self.node_drops(*actor),
            Op::Dial { .. }
            | Op::Listen { .. }
            | Op::Send { .. }
            | Op::Behave { .. }
            | Op::StopReading { .. }
            | Op::ReadAgain { .. }
            | Op::HalfClose { .. }
            | Op::Close { .. }
            | Op::Reset { .. } => self.actor_does(line, &op),
        }
    }

    fn actor_does(&mut self, line: usize, op: &Op) {
        let id = op.actor().expect("it is a line about an actor");
        let said = self.world.with_actor(id, |actor, now| {
            match op {
                Op::Dial { from, .. } => actor.dial(now, *from, NODE_ADDRESS),
                Op::Listen { at, .. } => {
                    let usual = SocketAddr::new(actor.address(), ACTOR_PORT);
                    actor.listen(at.unwrap_or(usual));
                }
                Op::Send { items, .. } => return actor.send(now, items),
                Op::Behave { manner, .. } => actor.behave(now, *manner),
                Op::StopReading { .. } => actor.set_reading(now, false),
                Op::ReadAgain { .. } => actor.set_reading(now, true),
                Op::HalfClose { .. } => actor.half_close(now),
                Op::Close { .. } => actor.close(now, Closing::Orderly),
                Op::Reset { .. } => actor.close(now, Closing::Reset),
                Op::NodeDials { .. }
                | Op::NodeDrops { .. }
                | Op::Link { .. }
                | Op::WallJump { .. }
                | Op::Fault(_)
                | Op::Expect(_) => unreachable!("the caller chose"),
            }
            Ok(())
        });
        if let Some(Err(error)) = said {
            self.misspoken = Some((line, error));
        }
    }

    fn node_dials(&mut self, actor: ActorId) {
        let listening = self.schedule.script.iter().find_map(|line| {
            let Op::Listen { actor: who, at } = line.op else { return None };
            at.filter(|_| who == actor)
        });
        let Some(address) = self.world.actor(actor).map(crate::actor::Actor::address) else {
            return;
        };
        let to = listening.unwrap_or(SocketAddr::new(address, ACTOR_PORT));
        if let Some(command) = X::dial_command(Endpoint::Ip(to)) {
            self.world.command(command);
        }
    }

    fn node_drops(&mut self, actor: ActorId) {
        let Some(conn) = self.world.conn_with(actor) else { return };
        let machine = self.world.machine();
        let command = X::drop_command(machine.tenant(), machine.sockman().conns(), conn);
        if let Some(command) = command {
            self.world.command(command);
        }
    }
}

/// Runs a schedule to its end.
///
/// # Errors
///
/// The schedule does not make sense for this subject.
pub fn run<X: Subject>(schedule: &Schedule, options: &Options) -> Result<Report, SetupError> {
    Ok(Run::<X>::new(schedule, options)?.finish())
}

/// Runs something twice. If the first run passes and the second takes another way, that is the
/// verdict.
///
/// # Errors
///
/// As the run itself.
pub fn twice(run: impl Fn() -> Result<Report, SetupError>) -> Result<Report, SetupError> {
    let mut first = run()?;
    if first.verdict.is_passed() {
        let second = run()?;
        if second.hash != first.hash {
            first.verdict = Verdict::not_deterministic(first.hash, second.hash);
        }
    }
    Ok(first)
}

/// The address of an actor that the script gives none: 203.0.113.1 for `p1` (RFC 5737).
#[must_use]
pub fn usual_address(actor: ActorId) -> IpAddr {
    let last = u8::try_from(actor.0).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))
}

/// Every address that the script gives an actor; the usual one if it gives none.
fn addresses_of(schedule: &Schedule) -> Result<BTreeMap<ActorId, Vec<IpAddr>>, SetupError> {
    let mut addresses: BTreeMap<ActorId, Vec<IpAddr>> = BTreeMap::new();
    for actor in schedule.actors() {
        addresses.insert(actor, Vec::new());
    }
    for line in &schedule.script {
        let (Op::Dial { actor, from: Some(address) } | Op::Listen { actor, at: Some(address) }) =
            line.op
        else {
            continue;
        };
        let address = address.ip();
        let own = addresses.get_mut(&actor).expect("it was named");
        if !own.contains(&address) {
            own.push(address);
        }
    }
    let mut taken = vec![NODE_ADDRESS.ip()];
    for (actor, own) in &mut addresses {
        if own.is_empty() {
            own.push(usual_address(*actor));
        }
        for address in own {
            if taken.contains(address) || address.is_loopback() || address.is_unspecified() {
                return Err(SetupError::AddressTwice(*address));
            }
            taken.push(*address);
        }
    }
    Ok(addresses)
}

/// Takes the settings of the host out of the `node` lines: its buffers, its descriptors, the seed.
fn host_settings(
    schedule: &Schedule,
    config: &mut WorldConfig,
) -> Result<(Vec<(String, String)>, u64), SettingError> {
    let mut rest = Vec::new();
    let mut seed = 0;
    for (index, (key, value)) in schedule.node.iter().enumerate() {
        if schedule.node[..index].iter().any(|(earlier, _)| earlier == key) {
            let (key, value) = (key.clone(), value.clone());
            return Err(SettingError { key, value, expected: "each setting once" });
        }
        let number = || {
            value.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(|| SettingError {
                key: key.clone(),
                value: value.clone(),
                expected: "a number from 1 to 4294967295",
            })
        };
        match key.as_str() {
            "seed" => seed = u64::from(number()?),
            "send-buffer" => config.node_kernel.send_buffer_bytes = number()? as usize,
            "receive-buffer" => config.node_kernel.receive_buffer_bytes = number()? as usize,
            "descriptors" => config.node_kernel.descriptors_max = number()? as usize,
            "backlog" => config.node_kernel.backlog = number()? as usize,
            _ => rest.push((key.clone(), value.clone())),
        }
    }
    Ok((rest, seed))
}

/// Plans the socket calls of a recorded order.
fn plan<X: Subject>(world: &mut World<X>, order: &[Deviation]) {
    for deviation in order {
        if let Deviation::At { call, actor, nth, effect } = deviation {
            let (call, actor, nth, effect): (Call, Option<ActorId>, u32, Effect) =
                (*call, *actor, *nth, *effect);
            world.faulty_mut().plan(call, actor, nth, effect);
        }
    }
}

/// When each line is due: never before the one above it.
fn due_times(script: &[Line]) -> Vec<Instant> {
    let mut now = Instant::START;
    let time = |line: &Line| {
        now = match line.at {
            When::Same => now,
            When::After(wait) => now + wait,
            When::At(at) => now.max(Instant::START + at),
        };
        now
    };
    script.iter().map(time).collect()
}

/// When the last window of an expectation closes.
fn longest_window(schedule: &Schedule, due: &[Instant]) -> Instant {
    let windows = schedule.script.iter().zip(due).filter_map(|(line, at)| {
        let Op::Expect(expect) = &line.op else { return None };
        Some(*at + crate::expect::window(expect))
    });
    windows.max().unwrap_or(Instant::START)
}
