//! One run of a node on a host without a network: time passes, things happen, somebody gives
//! commands; at the end everybody closes, and the oracles look at what is left.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::sockets::Endpoint;
use sockman::time::Instant;

use super::island::{Invention, Island, draw_peer};
use crate::oracles::{Oracles, Violation};
use crate::run::{Options, Report, SETTLE, SetupError, Stats, Verdict};
use crate::schedule::{Jump, Schedule};
use crate::schedulers::{Draws, Scheduler};
use crate::subject::Subject;
use crate::world::{NODE_ADDRESS, Step, World, WorldConfig};

/// Endpoints that a node may be given to connect to by itself, at most.
const LISTED_MAX: u32 = 3;

/// A run under way.
#[derive(Clone, Debug)]
pub(super) struct Driven<X: Subject, I: Invention> {
    world: World<X, Island<X::Dialect, I>>,
    oracles: Oracles<X>,
    draws: Draws,
    stats: Stats,
    /// Of how many pauses one brings a command or a jump of the wall clock; 0 is none.
    acts_once_in: u32,
    /// When the world must be at rest, once everybody has closed.
    end: Option<Instant>,
    steps_max: u64,
    /// The node's settings.
    schedule: Schedule,
}

impl<X: Subject, I: Invention> Driven<X, I> {
    pub(super) fn new(
        seed: u64,
        node: &[(String, String)],
        options: &Options,
    ) -> Result<Self, SetupError> {
        let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
        let island = Island::new(Draws::new(ChaCha8Rng::seed_from_u64(draws.seed())));
        let node_seed = draws.seed() >> 32;
        let mut schedule = Schedule::new(X::NAME);
        schedule.node = draw_settings::<X>(&mut draws);
        schedule.node.extend_from_slice(node);
        let config = WorldConfig { story: options.story, ..WorldConfig::default() };
        let (settings, nobody) = (&schedule.node, BTreeMap::new());
        let scheduler = Scheduler::Default;
        let world = World::on(island, &config, settings, node_seed, &nobody, scheduler)
            .map_err(SetupError::Setting)?;
        Ok(Self {
            world,
            oracles: Oracles::new(),
            acts_once_in: *draws.pick(&[0, 8, 64]),
            draws,
            stats: Stats::default(),
            end: None,
            steps_max: options.steps_max,
            schedule,
        })
    }

    /// Runs to the end and gives the verdict.
    pub(super) fn finish(mut self) -> Report {
        let ended = crate::panics::catch(|| self.run_to_verdict());
        let now = self.world.now().steady;
        let verdict = ended.unwrap_or_else(|payload| Verdict::panicked(&*payload, now));
        Report {
            verdict,
            hash: self.world.trace().hash(),
            stats: Stats { virtual_time: now.since(Instant::START), ..self.stats },
            recorded: self.schedule,
            story: self.world.trace().story().to_vec(),
            packets: self.world.packets().to_vec(),
            carried_out: 0,
            connections: self.world.machine().sockman().inspect(),
        }
    }

    fn run_to_verdict(&mut self) -> Verdict {
        loop {
            match self.step() {
                Ok(false) if self.stats.steps > self.steps_max => {
                    return Verdict::TooLong(self.steps_max);
                }
                Ok(false) => {}
                Ok(true) => break,
                Err(violation) => return Verdict::Failed(violation),
            }
        }
        match self.close() {
            Ok(()) => Verdict::Passed,
            Err(violation) => Verdict::Failed(violation),
        }
    }

    /// Does one thing; whether it was the last.
    fn step(&mut self) -> Result<bool, Violation> {
        self.world.forget();
        let step = self.world.step();
        self.stats.note(&self.world);
        self.oracles.after_step(&self.world, &step)?;
        let Step::Idle(next) = step else { return Ok(false) };
        let now = self.world.now().steady;
        if self.world.machine().sockman().sockets().inner().is_going() {
            if self.somebody_acts() {
                self.act();
            } else {
                self.world.advance(next.map_or(now, |next| next.max(now)));
            }
            return Ok(false);
        }
        let Some(end) = self.end else {
            self.world.calm();
            self.world.node_kernel_mut().calm();
            self.end = Some(now + SETTLE);
            return Ok(false);
        };
        let next = next.filter(|next| *next < end);
        self.world.advance(next.unwrap_or(end).max(now));
        Ok(next.is_none())
    }

    /// Whether somebody does something now: sooner where the node has nobody, so that a network
    /// that was switched off does not stay so for the rest of a run.
    fn somebody_acts(&mut self) -> bool {
        let is_alone = self.world.machine().sockman().conns().iter().next().is_none();
        let once_in = self.acts_once_in;
        self.draws.once_in(if is_alone { once_in.min(4) } else { once_in })
    }

    /// Somebody gives a command, or sets the wall clock.
    fn act(&mut self) {
        let machine = self.world.machine();
        let command = match self.draws.below(8) {
            0 => {
                let direction = *self.draws.pick(&[Jump::Forward, Jump::Back]);
                let secs = *self.draws.pick(&[60, 7_200]);
                let by = Duration::from_secs(u64::from(self.draws.below(secs)));
                let _ = self.world.jump_wall(direction, by);
                None
            }
            1..4 => {
                let to = draw_peer(&mut self.draws);
                let is_itself = self.draws.once_in(8);
                X::dial_command(Endpoint::Ip(if is_itself { NODE_ADDRESS } else { to }))
            }
            4 => {
                let conns = machine.sockman().conns();
                let ids: Vec<_> = conns.iter().map(|(conn, _)| conn).collect();
                let chosen = (!ids.is_empty()).then(|| *self.draws.pick(&ids));
                chosen.and_then(|conn| X::drop_command(machine.tenant(), conns, conn))
            }
            _ => {
                let words = X::commands();
                let word = (!words.is_empty()).then(|| self.draws.pick(&words));
                word.and_then(|word| X::command(word).ok())
            }
        };
        if let Some(command) = command {
            // A full queue refuses, which the other thread would be told.
            let _ = self.world.command(command);
        }
    }

    /// What nothing disturbs any more has to be in order now.
    fn close(&mut self) -> Result<(), Violation> {
        self.oracles.at_rest(&self.world)?;
        self.world.forget();
        self.world.shutdown();
        self.oracles.at_end(&self.world)
    }
}

/// The settings of a node: in some runs its limits are small, so that they are reached.
fn draw_settings<X: Subject>(draws: &mut Draws) -> Vec<(String, String)> {
    let small_in_256 = *draws.pick(&[0, 64, 192]);
    let mut settings = X::draw_settings(small_in_256, &mut |bound| draws.below(bound));
    if X::CONNECTS_BY_ITSELF && draws.once_in(2) {
        let count = draws.within(1, LISTED_MAX);
        let listed: Vec<_> = (0..count).map(|_| draw_peer(draws).to_string()).collect();
        settings.push(("connect".to_owned(), listed.join(" ")));
    }
    settings
}
