//! A world: one node, its peers, the network between them, and what time it is.
//!
//! The whole of it is one value that can be cloned at any moment; both copies go on alike. It moves
//! in steps: whatever is due at the present instant is done one thing at a time, the network and
//! the peers before the node, and when nothing is left the clock goes to the next moment at which
//! something is due. Nothing else makes time pass.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use sockman::driver::{Choice, Did, Machine, Task};
use sockman::rng::Seed;
use sockman::sockets::{ConnId, Endpoint, Event, Source};
use sockman::sockman::{Config, SockMan, Tenant};
use sockman::time::{Instant, Now, UnixTime};

use crate::actor::{Actor, Moved, Passage, Saw};
use crate::chooser::Chooser;
use crate::done::Done;
use crate::faulty::{Faulty, Weights};
use crate::host::Host;
use crate::net::{HostId, Kernel, KernelConfig, LinkConfig, Network, NoSuchHost, Segment};
use crate::schedule::{ActorId, Jump};
use crate::schedulers::Scheduler;
use crate::subject::{SettingError, Setup, Sight, Subject};
use crate::trace::{Story, Trace, Who};

mod choosing;
mod links;
mod telling;

use telling::{describe_call, describe_did, describe_saw, hash_call, hash_did, hash_saw};

/// Where the node listens: an address for documentation (RFC 5737), the usual port of regtest.
pub const NODE_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 18_444);

/// Its other address (RFC 3849). It listens there as well where somebody dials from such a one.
pub const NODE_ADDRESS_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x192)), 18_444);

/// All addresses of the node's host.
const NODE_ADDRESSES: [IpAddr; 2] = [NODE_ADDRESS.ip(), NODE_ADDRESS_V6.ip()];

/// What the wall clock shows at the start: 2025-01-01, after every rule of the protocol began.
pub const WALL_START: UnixTime = UnixTime::from_secs(1_735_689_600);

/// Connections and listeners that the node's host lets it have.
pub const NODE_DESCRIPTORS_MAX: usize = 1024;

/// The tenant's state per connection.
type Conn<X> = <<X as Subject>::Tenant as Tenant>::Conn;

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// What the node's host is like.
    pub node_kernel: KernelConfig,
    /// What the peers' hosts are like.
    pub actor_kernel: KernelConfig,
    /// What links are like at the start.
    pub link: LinkConfig,
    /// How the node's socket manager shares its work out.
    pub sockman: Config,
    /// Whether to keep the story.
    pub story: Story,
}

impl Default for WorldConfig {
    /// Buffers of 64 KiB, so that full ones occur; links without latency, so that what a schedule
    /// says happens when it says so.
    fn default() -> Self {
        let kernel = KernelConfig {
            send_buffer_bytes: 65_536,
            receive_buffer_bytes: 65_536,
            backlog: 128,
            descriptors_max: NODE_DESCRIPTORS_MAX,
            ..KernelConfig::default()
        };
        Self {
            node_kernel: kernel.clone(),
            actor_kernel: kernel,
            link: LinkConfig::default(),
            sockman: Config::default(),
            story: Story::Drop,
        }
    }
}

/// What one step of a world did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something arrived at an actor, or an actor moved.
    Outside,
    /// Something arrived at the node's host, or its kernel's timer fired.
    Arrived,
    /// The node looked at its sockets because it was its time to, and was told of so many.
    Polled(usize),
    /// The scheduler had it look once more, in between.
    Looked(usize),
    /// A task of the node's made a step.
    Node(Task, Did),
    /// Nothing is left to do at this instant; the next is due then, if anything is.
    Idle(Option<Instant>),
}

/// What a node is made from, each time that it starts.
#[derive(Clone, Debug)]
struct Birth {
    sockman: Config,
    settings: Vec<(String, String)>,
    /// The node's randomness in its first life.
    seed: u64,
    listens: Vec<SocketAddr>,
    /// Times that it has been restarted.
    lives: u64,
}

impl Birth {
    fn tenant<X: Subject>(&self) -> Result<X::Tenant, SettingError> {
        // A process draws anew when it starts.
        let seed = Seed::from_number(self.seed ^ self.lives << 32);
        X::tenant(&Setup { settings: &self.settings, seed })
    }
}

/// One node and its surroundings. See the head of the module. The node's host is a [`Kernel`] on
/// the network, unless somebody puts another in its place.
#[derive(Clone, Debug)]
pub struct World<X: Subject, K: Host = Kernel> {
    now: Now,
    machine: Machine<Faulty<K>, X::Tenant>,
    birth: Birth,
    node_host: HostId,
    actors: Vec<Actor<X::Dialect>>,
    /// When each actor has something to do by itself, kept so that a step need not ask them all.
    wakeups: Vec<Option<Instant>>,
    /// The earliest of those.
    next_actor: Option<Instant>,
    /// Which actor lives on a host, by number of the host; the node's has none.
    owners: Vec<Option<usize>>,
    network: Network,
    /// Commands that the node took and has not handled, counted from outside of it.
    commands_waiting: usize,
    /// Those commands, in order, and the one that the last step handled.
    commands: VecDeque<<X::Tenant as Tenant>::Command>,
    commanded: Option<<X::Tenant as Tenant>::Command>,
    /// Whether the node has waited and not yet looked at its sockets: a wait ends with a look.
    has_waited: bool,
    /// Whether nothing has happened since it looked at its sockets: another look would show the
    /// same.
    has_looked: bool,
    chooser: Chooser,
    /// Whether the node's last step was another than the default's.
    has_deviated: bool,
    trace: Trace,
    notices: Vec<<X::Tenant as Tenant>::Notice>,
    /// Segments on their way from a kernel to the network, reused.
    segments: Vec<Segment>,
    events: Vec<Event>,
    saw: Vec<(ActorId, Saw)>,
    moved: Passage,
}

impl<X: Subject> World<X> {
    /// A world in which nothing has happened: the node made from its settings and the seed of its
    /// randomness; `actors` come with the addresses that they use, their own one first.
    ///
    /// # Errors
    ///
    /// The subject does not take a setting.
    pub fn new(
        config: &WorldConfig,
        settings: &[(String, String)],
        seed: u64,
        actors: &BTreeMap<ActorId, Vec<IpAddr>>,
        scheduler: Scheduler,
    ) -> Result<Self, SettingError> {
        let addresses = NODE_ADDRESSES.to_vec();
        let kernel = Kernel::new(KernelConfig { addresses, ..config.node_kernel.clone() });
        Self::on(kernel, config, settings, seed, actors, scheduler)
    }
}

impl<X: Subject, K: Host> World<X, K> {
    /// As [`World::new`], with the node on a host of the caller's.
    ///
    /// # Errors
    ///
    /// The subject does not take a setting.
    pub fn on(
        host: K,
        config: &WorldConfig,
        settings: &[(String, String)],
        seed: u64,
        actors: &BTreeMap<ActorId, Vec<IpAddr>>,
        scheduler: Scheduler,
    ) -> Result<Self, SettingError> {
        let mut network = Network::new(config.link, NoSuchHost::Swallowed);
        let has_v6 = actors.values().flatten().any(IpAddr::is_ipv6);
        let node_host = network.add_host(&NODE_ADDRESSES);
        let mut owners = vec![None];
        let mut by_address = BTreeMap::new();
        let mut made = Vec::new();
        for (index, (&id, addresses)) in actors.iter().enumerate() {
            network.add_host(addresses);
            owners.push(Some(index));
            by_address.extend(addresses.iter().map(|address| (*address, id)));
            made.push(Actor::new(id, addresses.clone(), config.actor_kernel.clone()));
        }
        let birth = Birth {
            sockman: config.sockman,
            settings: settings.to_vec(),
            seed,
            listens: if has_v6 { vec![NODE_ADDRESS, NODE_ADDRESS_V6] } else { vec![NODE_ADDRESS] },
            lives: 0,
        };
        let sockman = SockMan::new(Faulty::new(host, by_address), config.sockman);
        let machine = Machine::new(sockman, birth.tenant::<X>()?);
        let now = Now { steady: Instant::START, wall: WALL_START };
        let mut world = Self {
            now,
            machine,
            birth,
            node_host,
            wakeups: vec![None; made.len()],
            next_actor: None,
            actors: made,
            owners,
            network,
            commands_waiting: 0,
            commands: VecDeque::new(),
            commanded: None,
            has_waited: true,
            has_looked: false,
            chooser: Chooser::new(scheduler),
            has_deviated: false,
            trace: Trace::new(config.story),
            notices: Vec::new(),
            segments: Vec::new(),
            events: Vec::new(),
            saw: Vec::new(),
            moved: Passage::default(),
        };
        world.listen();
        Ok(world)
    }

    /// The node begins to listen.
    fn listen(&mut self) {
        for at in self.birth.listens.clone() {
            let listening = self.machine.listen(self.now, &Endpoint::Ip(at));
            listening.expect("nobody else listens on this host");
        }
    }

    /// Ends the node's process without a warning, and begins a new one at once. Its kernel closes
    /// what it had open.
    pub fn restart(&mut self) {
        let mut faulty = self.machine.sockets_mut().clone();
        faulty.end_process();
        self.birth.lives += 1;
        let tenant = self.birth.tenant::<X>().expect("the settings were taken before");
        self.machine = Machine::new(SockMan::new(faulty, self.birth.sockman), tenant);
        // What waited in the old process's queue went with it.
        self.commands_waiting = 0;
        self.commands.clear();
        self.has_waited = true;
        self.listen();
        self.carry_from_node();
    }

    /// Lets the node's socket calls go otherwise than the network would have it, by chance.
    pub fn randomise(&mut self, rng: ChaCha8Rng, weights: Weights) {
        self.machine.sockets_mut().randomise(rng, weights);
    }

    /// Ends all chance: from here on the default order, and calls as the network has them.
    pub fn calm(&mut self) {
        self.machine.sockets_mut().calm();
        self.chooser.calm();
    }

    // Moving.

    /// Does one thing that is due at this instant: by default what is due outside before what the
    /// node has to do, and that in the order of production.
    pub fn step(&mut self) -> Step {
        if self.chooser.is_default() {
            self.has_deviated = false;
            self.step_outside().unwrap_or_else(|| self.step_inside())
        } else {
            self.step_chosen()
        }
    }

    /// Something outside that is due.
    fn step_outside(&mut self) -> Option<Step> {
        if self.step_network() {
            return Some(Step::Outside);
        }
        self.step_timers().then_some(Step::Arrived)
    }

    /// What production does next.
    fn step_inside(&mut self) -> Step {
        match self.machine.default_next(self.now) {
            Choice::Step(task) if !self.has_waited => self.step_node(task),
            Choice::Step(_) | Choice::Poll => Step::Polled(self.poll()),
            Choice::Wait => match self.poll() {
                0 => Step::Idle(self.next_due()),
                count => Step::Polled(count),
            },
        }
    }

    /// Lets time pass until `at`.
    pub fn advance(&mut self, at: Instant) {
        let passed = at.since(self.now.steady);
        self.now = Now { steady: at, wall: self.now.wall + passed };
        self.has_waited = true;
        self.node_kernel_mut().set_now(at);
    }

    /// Sets the node's wall clock.
    pub fn jump_wall(&mut self, direction: Jump, by: Duration) -> Done {
        let before = self.now.wall;
        self.now.wall = match direction {
            Jump::Forward => self.now.wall + by,
            Jump::Back => UnixTime::EPOCH + (self.now.wall - (UnixTime::EPOCH + by)),
        };
        Done::only_if(self.now.wall != before, "the clock shows that already")
    }

    /// When something is due by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let actors = self.next_actor;
        let node = self.machine.next_wakeup(self.now);
        let kernel = self.machine.sockman().sockets().inner().next_timer();
        [self.network.next_due(), actors, node, kernel].into_iter().flatten().min()
    }

    /// Delivers what has arrived anywhere, one segment; whether there was one.
    fn step_network(&mut self) -> bool {
        let Some((host, segment)) = self.network.pop_due(self.now.steady) else { return false };
        match self.owners[host.0 as usize] {
            None => {
                let now = self.now.steady;
                self.node_kernel_mut().handle_segment(now, segment);
                self.carry_from_node();
            }
            Some(index) => {
                let now = self.now;
                self.actors[index].kernel_mut().handle_segment(now.steady, segment);
                self.actors[index].work(now);
                self.carry_from_actor(index);
            }
        }
        true
    }

    /// Lets a kernel or an actor do what is due by itself; whether there was something.
    fn step_timers(&mut self) -> bool {
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.steady);
        if is_due(self.machine.sockman().sockets().inner().next_timer()) {
            self.node_kernel_mut().handle_timer(now.steady);
            self.carry_from_node();
            return true;
        }
        if is_due(self.next_actor) {
            let due = self.wakeups.iter().position(|at| is_due(*at));
            let index = due.expect("the earliest is one of them");
            self.actors[index].wake(now);
            self.carry_from_actor(index);
            return true;
        }
        false
    }

    fn poll(&mut self) -> usize {
        self.has_waited = false;
        let mut events = std::mem::take(&mut self.events);
        self.node_kernel_mut().poll(&mut events);
        self.machine.sockman().sockets().report_ended(&mut events);
        for event in &events {
            let bits = u64::from(event.readiness.readable)
                | u64::from(event.readiness.writable) << 1
                | u64::from(event.readiness.error) << 2;
            let source = self.actor_of_source(event.source);
            self.trace.hash_mut().add(bits | source << 8 | 1 << 32);
        }
        self.machine.handle_ready(&events);
        let count = events.len();
        self.events = events;
        count
    }

    /// One step of a task of the node's.
    fn step_node(&mut self, task: Task) -> Step {
        let did = self.machine.step(self.now, task);
        if did == Did::Commanded {
            // OK to wrap: the oracle then sees that one was handled which nobody gave.
            self.commands_waiting = self.commands_waiting.wrapping_sub(1);
            self.commanded = self.commands.pop_front();
        }
        let told = self.notices.len();
        self.machine.take_notices(&mut self.notices);
        for notice in &self.notices[told..] {
            tracing::debug!(at = %self.now.steady, ?notice, "notice");
        }
        self.hash_step(task, &did);
        self.carry_from_node();
        Step::Node(task, did)
    }

    // Carrying.

    fn carry_from_node(&mut self) {
        if !self.machine.sockman().sockets().inner().has_segments() {
            return;
        }
        let mut segments = std::mem::take(&mut self.segments);
        self.node_kernel_mut().take_segments(&mut segments);
        for segment in segments.drain(..) {
            self.network.send(self.now.steady, self.node_host, segment);
        }
        self.segments = segments;
    }

    /// After an actor has done something: its segments, and what it saw.
    fn carry_from_actor(&mut self, index: usize) {
        let mut segments = std::mem::take(&mut self.segments);
        self.actors[index].kernel_mut().take_segments(&mut segments);
        let host = HostId(u32::try_from(index + 1).expect("a schedule has few actors"));
        for segment in segments.drain(..) {
            self.network.send(self.now.steady, host, segment);
        }
        self.segments = segments;
        let wakeup = self.actors[index].next_wakeup();
        if self.wakeups[index] != wakeup {
            self.wakeups[index] = wakeup;
            self.next_actor = self.wakeups.iter().flatten().min().copied();
        }
        let actor = self.actors[index].id();
        self.actors[index].take_moved(&mut self.moved);
        let start = self.saw.len();
        self.actors[index].take_saw(&mut self.saw);
        for (_, saw) in &self.saw[start..] {
            let at = self.now.steady;
            tracing::debug!(%at, %actor, ?saw, "seen");
            self.trace.tell(at, Who::Actor(actor), None, || describe_saw(saw));
            hash_saw(&mut self.trace, actor, saw);
        }
    }

    // The trace.

    fn hash_step(&mut self, task: Task, did: &Did) {
        let faulty = self.machine.sockman().sockets();
        let hash = self.trace.hash_mut();
        let task_number = match task {
            Task::Socket => 0,
            Task::Commands => 1,
            Task::Tenant(id) => 2 + u64::from(id.0),
        };
        hash.add(self.now.steady.as_nanos());
        hash.add(task_number | 2 << 32);
        hash_did(&mut self.trace, did, |conn| faulty.actor(conn));
        for call in faulty.calls() {
            hash_call(&mut self.trace, call, faulty.bytes(), |conn| faulty.actor(conn));
        }
        if self.trace.is_kept() {
            self.tell_step(task, did);
        }
    }

    fn tell_step(&mut self, task: Task, did: &Did) {
        let at = self.now.steady;
        let faulty = self.machine.sockman().sockets();
        for call in faulty.calls() {
            let actor = call.conn.and_then(|conn| faulty.actor(conn));
            if let Some(what) = describe_call(call) {
                self.trace.tell(at, Who::Node, actor, || what);
            }
        }
        let name = Machine::<Faulty<K>, X::Tenant>::task_name(task);
        let (what, conn) = describe_did(did, name);
        let actor = conn.and_then(|conn| faulty.actor(conn));
        self.trace.tell(at, Who::Node, actor, || what);
        for notice in &self.notices {
            self.trace.tell(at, Who::Node, None, || format!("! {notice:?}"));
        }
    }

    fn actor_of_source(&self, source: Source) -> u64 {
        match source {
            Source::Listener(_) => u64::MAX >> 32,
            Source::Conn(conn) => {
                self.machine.sockman().sockets().actor(conn).map_or(0, |actor| u64::from(actor.0))
            }
        }
    }

    // The script's doors.

    /// An actor by name.
    #[must_use]
    pub fn actor(&self, id: ActorId) -> Option<&Actor<X::Dialect>> {
        self.actors.iter().find(|actor| actor.id() == id)
    }

    /// All actors, by name.
    #[must_use]
    pub fn actors(&self) -> &[Actor<X::Dialect>] {
        &self.actors
    }

    /// Lets an actor do something, and carries away what comes of it.
    pub fn with_actor<R>(
        &mut self,
        id: ActorId,
        act: impl FnOnce(&mut Actor<X::Dialect>, Now) -> R,
    ) -> Option<R> {
        let index = self.actors.iter().position(|actor| actor.id() == id)?;
        let now = self.now;
        self.actors[index].kernel_mut().set_now(now.steady);
        let result = act(&mut self.actors[index], now);
        self.carry_from_actor(index);
        Some(result)
    }

    /// Hands the node a command, as another thread would.
    pub fn command(&mut self, command: <X::Tenant as Tenant>::Command) -> Done {
        // A full queue refuses, which the other thread would be told.
        let taken = self.machine.push_command(command.clone()).is_ok();
        if taken {
            self.commands_waiting += 1;
            self.commands.push_back(command);
        }
        Done::only_if(taken, "the node's queue of commands is full")
    }

    /// The node's connection with an actor that is open, the latest if there are several.
    #[must_use]
    pub fn conn_with(&self, actor: ActorId) -> Option<ConnId> {
        let sockman = self.machine.sockman();
        let with = |(conn, _): &(ConnId, &Conn<X>)| sockman.sockets().actor(*conn) == Some(actor);
        sockman.conns().iter().filter(with).map(|(conn, _)| conn).last()
    }

    /// Tells the story of the script's own lines.
    pub fn tell_script(&mut self, what: impl FnOnce() -> String) {
        self.trace.tell(self.now.steady, Who::Script, None, what);
    }

    /// Closes everything on the node.
    pub fn shutdown(&mut self) {
        let now = self.now;
        self.machine.shutdown(now);
        self.machine.take_notices(&mut self.notices);
        self.carry_from_node();
    }

    // Getters.

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Commands that the node took and has not handled.
    #[must_use]
    pub const fn commands_waiting(&self) -> usize {
        self.commands_waiting
    }

    /// The node.
    #[must_use]
    pub const fn machine(&self) -> &Machine<Faulty<K>, X::Tenant> {
        &self.machine
    }

    /// The node's sockets, to plan faults in.
    pub const fn faulty_mut(&mut self) -> &mut Faulty<K> {
        self.machine.sockets_mut()
    }

    /// The node's kernel.
    pub const fn node_kernel_mut(&mut self) -> &mut K {
        self.machine.sockets_mut().inner_mut()
    }

    /// Who decides.
    #[must_use]
    pub const fn chooser(&self) -> &Chooser {
        &self.chooser
    }

    /// Whether the node's last step was made by another task than the default's.
    #[must_use]
    pub const fn has_deviated(&self) -> bool {
        self.has_deviated
    }

    /// What happened so far.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What the node had to tell since the last [`forget`](Self::forget).
    #[must_use]
    pub fn notices(&self) -> &[<X::Tenant as Tenant>::Notice] {
        &self.notices
    }

    /// What actors saw since the last [`forget`](Self::forget).
    #[must_use]
    pub fn saw(&self) -> &[(ActorId, Saw)] {
        &self.saw
    }

    /// What anybody can see of the last step.
    #[must_use]
    pub fn sight<'a>(&'a self, step: &'a Step) -> Sight<'a, X> {
        let sockets = self.machine.sockman().sockets();
        Sight {
            tenant: self.machine.tenant(),
            conns: self.machine.sockman().conns(),
            now: self.now,
            step,
            calls: sockets.calls(),
            bytes: sockets.bytes(),
            notices: &self.notices,
            command: self.commanded.as_ref(),
        }
    }

    /// What the node's last look at its sockets reported.
    #[must_use]
    pub fn reported(&self) -> &[Event] {
        &self.events
    }

    /// Bytes that passed between actors and their kernels since the last [`forget`](Self::forget).
    pub fn moved(&self) -> impl Iterator<Item = Moved<'_>> {
        self.moved.iter()
    }

    /// Whether anybody has seen anything since the last [`forget`](Self::forget): a call, a notice,
    /// a passage of bytes, what an actor saw. A segment that a kernel takes in shows nothing yet.
    #[must_use]
    pub fn has_seen(&self) -> bool {
        !(self.saw.is_empty()
            && self.moved.is_empty()
            && self.notices.is_empty()
            && self.machine.sockman().sockets().calls().is_empty())
    }

    /// Forgets the calls, notices and sights of the last steps, once everybody has looked at them.
    pub fn forget(&mut self) {
        self.machine.sockets_mut().forget();
        self.commanded = None;
        self.notices.clear();
        self.saw.clear();
        self.moved.clear();
    }

    /// Whether anything is under way between the hosts.
    #[must_use]
    pub fn is_network_quiet(&self) -> bool {
        self.network.next_due().is_none()
    }
}
