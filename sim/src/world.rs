//! A world: one node, its peers, the network between them, and what time it is.
//!
//! The whole of it is one value that can be cloned at any moment; both copies go on alike. It moves
//! in steps: whatever is due at the present instant is done one thing at a time, the network and
//! the peers before the node, and when nothing is left the clock goes to the next moment at which
//! something is due. Nothing else makes time pass.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use sockman::driver::{Did, Machine, Task, Turn};
use sockman::rng::Seed;
use sockman::sockets::{ConnId, Endpoint, Event};
use sockman::sockman::{Config, SockMan, Tenant};
use sockman::time::{Instant, Now, UnixTime};

use crate::actor::{Actor, Moved, Passage, Saw};
use crate::capture::{Capture, Packet, Packets};
use crate::chooser::Chooser;
use crate::done::Done;
use crate::faulty::{Faulty, Weights};
use crate::files::VirtualFiles;
use crate::host::Host;
use crate::net::{HostId, Kernel, KernelConfig, LinkConfig, Network, NoSuchHost, Segment};
use crate::schedule::ActorId;
use crate::schedulers::{Scheduler, TaskIndex, Told};
use crate::subject::{SettingError, Setup, Sight, Subject};
use crate::trace::{Story, Trace, Who};

mod choosing;
mod disk;
mod driver;
mod fingerprint;
mod links;
mod mailbox;
mod moving;
mod operator;
mod telling;

pub use operator::Letter;

use disk::NodeDisk;
use driver::Driver;
use operator::Operator;

/// Where the node listens: an address for documentation (RFC 5737), the usual port of regtest.
pub const NODE_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 18_444);

/// Its other address (RFC 3849). It listens there as well where somebody dials from such a one.
pub const NODE_ADDRESS_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x192)), 18_444);

/// All addresses of the node's host.
pub const NODE_ADDRESSES: [IpAddr; 2] = [NODE_ADDRESS.ip(), NODE_ADDRESS_V6.ip()];

/// What the wall clock shows at the start: 2025-01-01, after every rule of the protocol began.
pub const WALL_START: UnixTime = UnixTime::from_secs(1_735_689_600);

/// Connections and listeners that the node's host lets it have.
pub const NODE_DESCRIPTORS_MAX: usize = 1024;

/// The tenant's state per connection.
type Conn<X> = <<X as Subject>::Tenant as Tenant>::Conn;

/// What the tenant can be told to do.
type Command<X> = <<X as Subject>::Tenant as Tenant>::Command;

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
    /// Whether to keep the packets that pass the node's host.
    pub packets: Packets,
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
            packets: Packets::Drop,
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
    /// Somebody left something at the node's door, or was sent away.
    Left,
    /// Somebody who had left something woke the node's driver.
    Woke,
    /// The disk of the node's host carried out an operation, which woke the node's driver.
    Filed,
    /// The node's driver did something of its own: it took in what lay at its door, showed the
    /// machine, began to wait, or ended.
    Driven(Turn),
    /// Nothing is left to do at this instant; the next is due then, if anything is.
    Idle(Option<Instant>),
    /// Nothing is left to do outside, and the node stands still; the next is due then.
    Stalled(Option<Instant>),
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
    /// A tenant that has read its files, if it has any.
    fn tenant<X: Subject>(
        &self,
        disk: Option<&mut NodeDisk>,
        now: Now,
    ) -> Result<X::Tenant, SettingError> {
        // A process draws anew when it starts.
        let seed = Seed::from_number(self.seed ^ self.lives << 32);
        let tenant = X::tenant(&Setup { settings: &self.settings, seed })?;
        let Some(disk) = disk else { return Ok(tenant) };
        let loaded = X::load(tenant, disk.files_mut(), now);
        Ok(loaded.unwrap_or_else(|why| panic!("the node does not start: {why}")))
    }
}

/// One node and its surroundings. See the head of the module. The node's host is a [`Kernel`] on
/// the network, unless somebody puts another in its place.
#[derive(Clone, Debug)]
pub struct World<X: Subject, K: Host = Kernel> {
    now: Now,
    machine: Machine<Faulty<K>, X::Tenant>,
    birth: Birth,
    /// What the tenant keeps its files on; `None`: it keeps none.
    disk: Option<Box<NodeDisk>>,
    node_host: HostId,
    actors: Vec<Actor<X::Dialect, K::Peer>>,
    /// When each actor has something to do by itself, kept so that a step need not ask them all.
    wakeups: Vec<Option<Instant>>,
    /// The earliest of those.
    next_actor: Option<Instant>,
    /// Which actor lives on a host, by number of the host; the node's has none.
    owners: Vec<Option<usize>>,
    network: Network,
    operator: Operator<Command<X>>,
    driver: Driver<Command<X>>,
    /// Whether nothing has happened since it looked at its sockets: another look would show the
    /// same.
    has_looked: bool,
    /// Until when the node's process gets no processor.
    stalled_until: Instant,
    chooser: Chooser,
    /// Whether the node's last step was another than the default's.
    has_deviated: bool,
    trace: Trace,
    capture: Capture,
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
        mut host: K,
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
            let addresses = addresses.clone();
            let kernel = host.peer(KernelConfig { addresses, ..config.actor_kernel.clone() });
            made.push(Actor::new(id, X::peer(settings, id.0), kernel));
        }
        let birth = Birth {
            sockman: config.sockman,
            settings: settings.to_vec(),
            seed,
            listens: if has_v6 { vec![NODE_ADDRESS, NODE_ADDRESS_V6] } else { vec![NODE_ADDRESS] },
            lives: 0,
        };
        let descriptors = config.node_kernel.descriptors_max;
        if descriptors < birth.listens.len() {
            let (key, value) = ("descriptors".to_owned(), descriptors.to_string());
            let expected = "one for each address that the node listens at";
            return Err(SettingError { key, value, expected });
        }
        let sockman = SockMan::new(Faulty::new(host, by_address), config.sockman);
        let now = Now { steady: Instant::START, wall: WALL_START };
        let mut disk = X::disk(settings).map(|config| Box::new(NodeDisk::new(config)));
        let machine = Machine::new(sockman, birth.tenant::<X>(disk.as_deref_mut(), now)?);
        let mut world = Self {
            now,
            machine,
            birth,
            disk,
            node_host,
            wakeups: vec![None; made.len()],
            next_actor: None,
            actors: made,
            owners,
            network,
            operator: Operator::new(),
            driver: Driver::new(),
            has_looked: false,
            stalled_until: Instant::START,
            chooser: Chooser::new(scheduler),
            has_deviated: false,
            trace: Trace::new(config.story),
            capture: Capture::new(config.packets),
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
        self.reckon_sleep();
    }

    /// Ends the node's process without a warning, and begins a new one at once. Its kernel closes
    /// what it had open.
    pub fn restart(&mut self) {
        self.end_life(NodeDisk::end_process);
    }

    /// The same, and its machine goes down with it: of what was not durable on its disk the seed
    /// says how much is left.
    pub fn crash(&mut self) {
        let seed = self.birth.seed ^ (self.birth.lives + 1) << 32;
        self.end_life(|disk| disk.crash(seed));
    }

    fn end_life(&mut self, end: impl FnOnce(&mut NodeDisk)) {
        let mut faulty = self.machine.sockets_mut().clone();
        faulty.end_process();
        self.birth.lives += 1;
        if let Some(disk) = &mut self.disk {
            end(disk);
        }
        let disk = self.disk.as_deref_mut();
        let tenant = self.birth.tenant::<X>(disk, self.now);
        let tenant = tenant.expect("the settings were taken before");
        self.machine = Machine::new(SockMan::new(faulty, self.birth.sockman), tenant);
        // What waited at the old process's door went with it.
        self.restart_driver();
        self.stalled_until = self.now.steady;
        self.listen();
        self.carry_from_node();
    }

    /// The node's process gets no processor for so long; its kernel goes on. To be said of a node
    /// that waits: it does not stop halfway.
    pub fn stall(&mut self, by: Duration) -> Done {
        let until = self.now.steady + by;
        let longer = until > self.stalled_until.max(self.now.steady);
        self.stalled_until = self.stalled_until.max(until);
        Done::only_if(longer, "it stands still until then already")
    }

    /// Whether the node stands still.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled_until > self.now.steady
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

    /// The next choice is this one, if it can be made; `None`: what goes by itself. Nobody else
    /// decides from here on.
    pub fn be_told(&mut self, next: Option<TaskIndex>) {
        self.chooser.replace(Scheduler::Told(Told::next(next)));
    }

    /// From here on somebody else decides on the order.
    pub fn draw_anew(&mut self, scheduler: Scheduler) {
        self.chooser.replace(scheduler);
        // Nobody has kept it while nothing was to decide.
        self.has_looked = false;
    }

    // The script's doors.

    /// An actor by name.
    #[must_use]
    pub fn actor(&self, id: ActorId) -> Option<&Actor<X::Dialect, K::Peer>> {
        self.actors.iter().find(|actor| actor.id() == id)
    }

    /// All actors, by name.
    #[must_use]
    pub fn actors(&self) -> &[Actor<X::Dialect, K::Peer>] {
        &self.actors
    }

    /// Lets an actor do something, and carries away what comes of it.
    pub fn with_actor<R>(
        &mut self,
        id: ActorId,
        act: impl FnOnce(&mut Actor<X::Dialect, K::Peer>, Now) -> R,
    ) -> Option<R> {
        let index = self.actors.iter().position(|actor| actor.id() == id)?;
        let now = self.now;
        self.actors[index].kernel_mut().set_now(now.steady);
        let result = act(&mut self.actors[index], now);
        self.carry_from_actor(index);
        Some(result)
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
        self.begin_on_files();
        self.carry_from_node();
    }

    // Getters.

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
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

    /// What passed the node's host so far; empty if it is not kept.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        self.capture.packets()
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
        let looks = matches!(step, Step::Polled(_) | Step::Looked(_));
        Sight {
            tenant: self.machine.tenant(),
            conns: self.machine.sockman().conns(),
            now: self.now,
            step,
            calls: sockets.calls(),
            bytes: sockets.bytes(),
            reported: if looks { &self.events } else { &[] },
            notices: &self.notices,
            command: self.operator.commanded(),
            asked_of_files: self.disk.as_deref().map(NodeDisk::asked),
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
        self.operator.forget();
        if let Some(disk) = &mut self.disk {
            disk.forget();
        }
        self.notices.clear();
        self.saw.clear();
        self.moved.clear();
    }

    /// The files of the node's, if it keeps some.
    #[must_use]
    pub fn files(&self) -> Option<&VirtualFiles> {
        self.disk.as_deref().map(NodeDisk::files)
    }

    /// Whether anything is under way between the hosts.
    #[must_use]
    pub fn is_network_quiet(&self) -> bool {
        self.network.next_due().is_none()
    }
}
