//! One run of one schedule: the script carried out, the oracles asked, a verdict given.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::sockets::Endpoint;
use sockman::time::Instant;

use crate::actor::Actor;
use crate::capture::{Packet, Packets};
use crate::done::Done;
use crate::expect::Judge;
use crate::faulty::{Reach, Weights};
use crate::host::Host;
use crate::net::Kernel;
use crate::oracles::{Oracles, Violation};
use crate::schedule::{ActorId, Deviation, Fault, Op, Schedule};
use crate::schedulers::{Recorded, Scheduler, Strategy};
use crate::subject::Subject;
use crate::trace::{Entry, Story, TraceHash};
use crate::world::{Letter, NODE_ADDRESS, NODE_ADDRESSES, Step, World, WorldConfig};

mod anew;
mod onlooker;
mod setup;
mod stats;
mod verdict;

pub use onlooker::Onlooker;
pub use setup::{Misspoken, SetupError, usual_address};
pub use stats::Stats;
pub use verdict::{Lost, Told, Verdict};

pub(crate) use setup::check_words;
pub(crate) use setup::{addresses_of, can_be_a_hosts};
use setup::{host_settings, longest_window, plan};

/// How long a world is left alone after the last line of its script. By then everything has moved
/// on or stands still, which the liveness oracle tells apart.
pub const SETTLE: Duration = Duration::from_secs(10);

/// Most steps of one run. Beyond it the run is given up. A node that never comes to rest within one
/// instant is another matter, and an oracle's.
pub const STEPS_MAX: u64 = 20_000_000;

/// The port at which actors listen if the script names none: regtest's.
pub const ACTOR_PORT: u16 = 18_444;

/// Why a line is lost.
const NEVER_REACHED: &str = "the run never came to that step or call";
const NOTHING_TO_DO: &str = "the run came to that step when the task had nothing to do";
const ANYWAY: &str = "the call would have gone that way anyway";
const NEVER_CONNECTED: &str = "it has no connection, and gets none";

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to keep the story.
    pub story: Story,
    /// Whether to keep the packets that pass the node's host.
    pub packets: Packets,
    /// Where chance comes from; `None`: the order of the schedule decides.
    pub chance: Option<Chance>,
    /// Most steps.
    pub steps_max: u64,
    /// Whether an operator who leaves something at the node's door forgets to wake it: there to be
    /// noticed.
    pub is_operator_careless: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (story, packets) = (Story::Drop, Packets::Drop);
        let steps_max = STEPS_MAX;
        Self { story, packets, chance: None, steps_max, is_operator_careless: false }
    }
}

/// Chance in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance {
    /// The seed of every draw.
    pub seed: u64,
    /// Who decides on the order of the node's tasks.
    pub strategy: Strategy,
    /// Chances of the socket calls.
    pub weights: Weights,
}

impl Chance {
    fn scheduler(&self) -> Scheduler {
        self.strategy.scheduler(self.seed)
    }

    /// What decides on calls.
    fn calls(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(!self.seed)
    }
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
    /// What passed the node's host, if it was kept.
    pub packets: Vec<Packet>,
    /// How many lines of the script were carried out before it ended.
    pub carried_out: usize,
    /// Every connection of the node's as it stood when the run failed.
    pub connections: Vec<sockman::sockman::ConnSnapshot>,
}

/// A run under way. A clone goes on alike. It is on the virtual network, unless somebody puts the
/// node on another host.
#[derive(Clone, Debug)]
pub struct Run<X: Subject, K: Host = Kernel> {
    world: World<X, K>,
    schedule: Schedule,
    /// When each line of the script is due.
    due: Vec<Instant>,
    /// The next line.
    next_line: usize,
    /// Fault lines that were reached, with the numbers of the calls they are about.
    faults: Vec<(usize, Fault, std::ops::Range<u32>)>,
    /// Lines that changed nothing, in order.
    in_vain: Vec<InVain>,
    judge: Judge,
    oracles: Oracles<X>,
    stats: Stats,
    /// When the world must be at rest.
    end: Instant,
    calm: bool,
    steps_max: u64,
    /// Whether chance decides, rather than the schedule's order.
    by_chance: bool,
    link: crate::net::LinkConfig,
    /// For `MustRest`, the verdict of a misspoken line.
    misspoken: Option<Lost>,
}

/// A line of the script that changed nothing when it was carried out.
#[derive(Clone, Copy, Debug)]
struct InVain {
    line: usize,
    /// Why, unless the node says why it was.
    why: &'static str,
    after_all: AfterAll,
}

/// Whether such a line did something after all.
#[derive(Clone, Copy, Debug)]
enum AfterAll {
    Never,
    /// If this actor gets more connections than so many.
    IfConnected(ActorId, u32),
    /// If the node takes this letter, by number.
    IfTaken(u64),
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
        Self::on(schedule, options, |world, _| Ok(Kernel::new(world.node_kernel.clone())))
    }
}

impl<X: Subject, K: Host> Run<X, K> {
    /// The same with the node on a host of the caller's, made from what the schedule says of the
    /// world and the addresses of its actors. The node's own are [`NODE_ADDRESSES`].
    ///
    /// # Errors
    ///
    /// The schedule does not make sense for this subject.
    pub fn on(
        schedule: &Schedule,
        options: &Options,
        host: impl FnOnce(&WorldConfig, &BTreeMap<ActorId, Vec<IpAddr>>) -> Result<K, SetupError>,
    ) -> Result<Self, SetupError> {
        let Options { story, packets, .. } = *options;
        let mut config = WorldConfig { story, packets, ..WorldConfig::default() };
        config.node_kernel.addresses = NODE_ADDRESSES.to_vec();
        let (settings, seed) = host_settings(schedule, &mut config).map_err(SetupError::Setting)?;
        check_words::<X>(schedule)?;
        let actors = addresses_of(schedule)?;
        let scheduler = match &options.chance {
            Some(chance) => chance.scheduler(),
            None => Scheduler::Recorded(Recorded::new(&schedule.order)),
        };
        let host = host(&config, &actors)?;
        let mut world = World::on(host, &config, &settings, seed, &actors, scheduler)
            .map_err(SetupError::Setting)?;
        match &options.chance {
            Some(chance) => world.randomise(chance.calls(), chance.weights.clone()),
            None => plan(&mut world, &schedule.order),
        }
        if options.is_operator_careless {
            world.make_operator_careless();
        }
        let due: Vec<_> = schedule.times().into_iter().map(|at| Instant::START + at).collect();
        let last = due.last().copied().unwrap_or(Instant::START);
        let judge = Judge::default();
        let longest = longest_window(schedule, &due).max(last);
        Ok(Self {
            world,
            schedule: schedule.clone(),
            due,
            next_line: 0,
            faults: Vec::new(),
            in_vain: Vec::new(),
            judge,
            oracles: Oracles::new(),
            stats: Stats::default(),
            end: longest + SETTLE,
            calm: false,
            steps_max: options.steps_max,
            by_chance: options.chance.is_some(),
            link: config.link,
            misspoken: None,
        })
    }

    /// Does one thing. Its calls, notices and sights can be looked at until the next.
    ///
    /// # Errors
    ///
    /// An oracle noticed something.
    pub fn step(&mut self) -> Result<Progress, Violation> {
        self.step_before(&mut ())
    }

    fn step_before(&mut self, onlooker: &mut impl Onlooker<X, K>) -> Result<Progress, Violation> {
        self.world.forget();
        let now = self.world.now().steady;
        if self.next_line < self.due.len() && self.due[self.next_line] <= now {
            let line = self.next_line;
            self.next_line += 1;
            self.carry_out(line);
            onlooker.after_line(&self.world);
            return self.look(&Step::Outside).map(|()| Progress::Going);
        }
        onlooker.before_step(&self.world);
        let step = self.world.step();
        onlooker.after_step(&self.world, &step);
        self.look(&step)?;
        match step {
            Step::Idle(next) | Step::Stalled(next) => self.let_time_pass(next),
            Step::Outside
            | Step::Arrived
            | Step::Polled(_)
            | Step::Looked(_)
            | Step::Node(..)
            | Step::Left
            | Step::Woke
            | Step::Filed
            | Step::Driven(_) => Ok(Progress::Going),
        }
    }

    /// Runs to the end and gives the verdict.
    #[must_use]
    pub fn finish(self) -> Report {
        self.finish_before(&mut ())
    }

    /// The same, with somebody looking on.
    pub fn finish_before(mut self, onlooker: &mut impl Onlooker<X, K>) -> Report {
        let ended = crate::panics::catch(|| {
            loop {
                if let Some(verdict) = self.go_on_before(onlooker) {
                    return verdict;
                }
            }
        });
        let verdict =
            ended.unwrap_or_else(|payload| Verdict::panicked(&*payload, self.world.now().steady));
        self.report(verdict)
    }

    /// Does one thing; the verdict, if the run has ended with it.
    fn go_on_before(&mut self, onlooker: &mut impl Onlooker<X, K>) -> Option<Verdict> {
        match self.step_before(onlooker) {
            Ok(Progress::Going) if self.stats.steps > self.steps_max => {
                Some(Verdict::TooLong(self.steps_max))
            }
            Ok(Progress::Going) if self.misspoken.is_none() => None,
            Ok(Progress::Going | Progress::Done) => Some(self.close()),
            Err(violation) => Some(Verdict::Failed(violation)),
        }
    }

    /// The report of a run that has ended in some other way, as by a panic.
    #[must_use]
    pub fn report(self, verdict: Verdict) -> Report {
        let mut recorded = self.schedule.clone();
        if self.by_chance {
            self.write_out_faults(&mut recorded);
        }
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
            packets: self.world.packets().to_vec(),
            carried_out: self.next_line,
            connections,
        }
    }

    /// Makes each fault line of a script that chance has written say what came of it: as many
    /// calls as were made; and takes out those of which nothing came.
    fn write_out_faults(&self, recorded: &mut Schedule) {
        let faulty = self.world.machine().sockman().sockets();
        let mut in_vain = Vec::new();
        for (index, line) in recorded.script.iter_mut().enumerate() {
            let Op::Fault(fault) = &mut line.op else { continue };
            let planned = self.faults.iter().find(|(line, ..)| *line == index);
            let reached = planned.map_or(0, |(_, _, numbers)| {
                let reach = |nth: &u32| faulty.reach(fault.call, fault.actor, *nth);
                numbers.clone().filter(|nth| reach(nth) != Reach::Never).count()
            });
            let effective = planned.is_some_and(|(_, _, numbers)| {
                let reach = |nth| faulty.reach(fault.call, fault.actor, nth);
                numbers.clone().any(|nth| reach(nth) == Reach::Effective)
            });
            match u32::try_from(reached) {
                Ok(reached @ 1..) if effective => fault.times = reached,
                Ok(_) | Err(_) => in_vain.push(index),
            }
        }
        // A run goes on for a while after its last line, which has to be at its time.
        let last = self.due.iter().max();
        let is_last = |index: usize| Some(&self.due[index]) == last;
        let stays = (0..self.due.len()).any(|index| is_last(index) && !in_vain.contains(&index));
        for index in in_vain.into_iter().rev() {
            if !stays && is_last(index) && index + 1 == self.due.len() {
                recorded.script[index].op = Op::NodeStalls { by: Duration::ZERO };
            } else {
                recorded.script.remove(index);
            }
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
    pub const fn world(&self) -> &World<X, K> {
        &self.world
    }

    /// What nothing may disturb any more has to be so now.
    fn close(&mut self) -> Verdict {
        if let Some(lost) = self.misspoken.take() {
            return Verdict::Misspoken(lost);
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
        self.lost_fault().or_else(|| self.lost_deviation()).or_else(|| self.lost_line())
    }

    fn lost_fault(&self) -> Option<Verdict> {
        let faulty = self.world.machine().sockman().sockets();
        // A fault that chance has planned may come to nothing.
        let planned = if self.by_chance { &[][..] } else { &self.faults[..] };
        planned.iter().find_map(|(line, fault, numbers)| {
            let mut reach = numbers.clone().map(|nth| faulty.reach(fault.call, fault.actor, nth));
            match reach.clone().min()? {
                Reach::Never => Some(Verdict::Drifted(Lost::script(*line, NEVER_REACHED))),
                Reach::WithoutEffect if !reach.any(|r| r == Reach::Effective) => {
                    Some(Verdict::NotExercised(Lost::script(*line, ANYWAY)))
                }
                Reach::WithoutEffect | Reach::Effective => None,
            }
        })
    }

    fn lost_deviation(&self) -> Option<Verdict> {
        let faulty = self.world.machine().sockman().sockets();
        let lines = self.world.chooser().lines()?;
        self.schedule.order.iter().enumerate().find_map(|(line, deviation)| {
            let (reach, unreached) = match deviation {
                Deviation::Before { .. } if lines.reached().contains(&line) => return None,
                Deviation::Before { .. } if lines.refused().contains(&line) => {
                    (Reach::Never, NOTHING_TO_DO)
                }
                Deviation::Before { .. } => (Reach::Never, NEVER_REACHED),
                Deviation::At { call, actor, nth, .. } => {
                    (faulty.reach(*call, *actor, *nth), NEVER_REACHED)
                }
            };
            match reach {
                Reach::Never => Some(Verdict::Drifted(Lost::order(line, unreached))),
                Reach::WithoutEffect => Some(Verdict::NotExercised(Lost::order(line, ANYWAY))),
                Reach::Effective => None,
            }
        })
    }

    /// A line of a case that changed nothing. In what chance has made there are such lines.
    fn lost_line(&self) -> Option<Verdict> {
        if !self.schedule.is_case() {
            return None;
        }
        let (line, why) = self.in_vain.iter().find_map(|one| {
            let why = match one.after_all {
                AfterAll::Never => Some(one.why),
                AfterAll::IfConnected(actor, before) => {
                    let actor = self.world.actor(actor);
                    actor.is_none_or(|actor| actor.connections() == before).then_some(one.why)
                }
                AfterAll::IfTaken(letter) => self.world.refused(letter),
            };
            Some((one.line, why?))
        })?;
        Some(Verdict::NotExercised(Lost::script(line, why)))
    }

    fn let_time_pass(&mut self, next: Option<Instant>) -> Result<Progress, Violation> {
        let now = self.world.now().steady;
        let line = self.due.get(self.next_line).copied();
        if line.is_none() && !self.calm {
            self.calm = true;
            self.world.calm();
            if self.by_chance {
                self.world.faulty_mut().give_up_plan();
            }
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
        self.stats.note(&self.world);
        self.oracles.after_step(&self.world, step)?;
        if self.world.has_seen() || self.judge.is_waiting() {
            self.judge.look(&self.world);
        }
        Ok(())
    }

    fn carry_out(&mut self, line: usize) {
        let op = self.schedule.script[line].op.clone();
        tracing::info!(at = %self.world.now().steady, %op, "script");
        self.world.tell_script(|| op.to_string());
        let done = match &op {
            Op::Expect(expect) => {
                self.judge.expect(line, expect, &self.world);
                Done::Something
            }
            Op::Fault(fault) => {
                let numbers = self.world.faulty_mut().plan_fault(fault);
                self.faults.push((line, *fault, numbers));
                Done::Something
            }
            Op::WallJump { direction, by } => self.world.jump_wall(*direction, *by),
            Op::Link { actor, change } => self.world.change_link(*actor, *change, self.link),
            Op::NodeDials { actor } => self.node_dials(*actor),
            Op::NodeDrops { actor } => self.node_drops(*actor),
            Op::NodeDialsItself => self.node_dials_at(NODE_ADDRESS),
            Op::NodeTold { word } => match Letter::of(word, X::command) {
                Ok(letter) => self.world.hand(letter),
                Err(error) => {
                    self.misspoken = Some(Lost::script(line, error.to_string()));
                    Done::Nothing("nobody knows this command")
                }
            },
            Op::NodeRestarts | Op::NodeCrashes => {
                if op == Op::NodeRestarts {
                    self.world.restart()
                } else {
                    self.world.crash()
                }
                self.oracles.restarted(&self.world);
                Done::Something
            }
            Op::NodeStalls { by } => self.world.stall(*by),
            Op::Dial { .. }
            | Op::Listen { .. }
            | Op::Send { .. }
            | Op::Behave { .. }
            | Op::StopReading { .. }
            | Op::ReadAgain { .. }
            | Op::HalfClose { .. }
            | Op::Close { .. }
            | Op::Reset { .. }
            | Op::Vanish { .. } => self.actor_does(line, &op),
        };
        let (why, after_all) = match done {
            Done::Something => return,
            Done::Nothing(why) => (why, AfterAll::Never),
            Done::OnceTaken(letter) => ("", AfterAll::IfTaken(letter)),
            Done::OnceConnected => {
                let actor = op.actor().and_then(|id| self.world.actor(id));
                let after_all =
                    |actor: &Actor<_, _>| AfterAll::IfConnected(actor.id(), actor.connections());
                (NEVER_CONNECTED, actor.map_or(AfterAll::Never, after_all))
            }
        };
        self.in_vain.push(InVain { line, why, after_all });
    }

    fn actor_does(&mut self, line: usize, op: &Op) -> Done {
        let id = op.actor().expect("it is a line about an actor");
        let done = self.world.with_actor(id, |actor, now| actor.carry_out(now, op));
        match done.expect("every actor of the script is in its world") {
            Ok(done) => done,
            Err(error) => {
                self.misspoken = Some(Lost::script(line, error.to_string()));
                Done::Something
            }
        }
    }

    fn node_dials(&mut self, actor: ActorId) -> Done {
        let listening = self.schedule.script.iter().find_map(|line| {
            let Op::Listen { actor: who, at } = line.op else { return None };
            at.filter(|_| who == actor)
        });
        let address = self.world.actor(actor).map(Actor::address);
        let address = address.expect("every actor of the script is in its world");
        self.node_dials_at(listening.unwrap_or(SocketAddr::new(address, ACTOR_PORT)))
    }

    fn node_dials_at(&mut self, to: SocketAddr) -> Done {
        match X::dial_command(Endpoint::Ip(to)) {
            Some(command) => self.world.command(command),
            None => Done::Nothing("this subject dials nobody"),
        }
    }

    fn node_drops(&mut self, actor: ActorId) -> Done {
        let Some(conn) = self.world.conn_with(actor) else {
            return Done::Nothing("the node has no connection with it");
        };
        let machine = self.world.machine();
        match X::drop_command(machine.tenant(), machine.sockman().conns(), conn) {
            Some(command) => self.world.command(command),
            None => Done::Nothing("this subject drops nobody when asked"),
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
