//! One whole node: a host, a process, and files that outlive it.

use std::net::SocketAddr;

use sockman::connman::addrman::{AddrRecord, NetService};
use sockman::connman::{Config, ConnMan, FixedSeeds, Notice, Outbound, Peer, Services};
use sockman::driver::{Choice, Machine};
use sockman::files::{FileRequest, Files as _};
use sockman::rng::Seed;
use sockman::sockets::{Endpoint, Event};
use sockman::sockman::{Config as SockManConfig, Conns, SockMan, Tenant};
use sockman::time::{Instant, Now};
use sockman::transport::Network;

use super::Counts;
use crate::files::VirtualFiles;
use crate::net::{Kernel, KernelConfig, Segment};

/// What its files say wrote them.
const PROGRAM: &str = "sim";

/// A node, up or down.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: SocketAddr,
    machine: Machine<Kernel, ConnMan>,
    config: Config,
    files: VirtualFiles,
    requests: Vec<FileRequest>,
    seed: u64,
    /// Processes that there were.
    lives: u64,
    /// What a DNS seed tells it, once.
    known: Vec<AddrRecord>,
    pub(super) is_up: bool,
    /// When it goes on by itself, as far as that was noted.
    pub(super) wakes_at: Option<Instant>,
}

impl Node {
    pub(super) fn new(at: SocketAddr, seed: u64, known: Vec<AddrRecord>, v2: bool) -> Self {
        let mut config = Config::new(Network::Regtest);
        let transport = if v2 { Services::P2P_V2 } else { Services::NONE };
        config.services = Services::DESIRABLE | Services::NETWORK_LIMITED | transport;
        let (seed_nodes, fixed_seeds) = (Vec::new(), FixedSeeds::Unused);
        config.outbound = Outbound::Automatic { seed_nodes, fixed_seeds };
        config.external = vec![NetService::from(at)];
        let kernel =
            Kernel::new(KernelConfig { addresses: vec![at.ip()], ..KernelConfig::default() });
        let tenant = ConnMan::new(config.clone(), Seed::from_number(seed));
        Self {
            at,
            machine: Machine::new(SockMan::new(kernel, SockManConfig::default()), tenant),
            config,
            files: VirtualFiles::default(),
            requests: Vec::new(),
            seed,
            lives: 0,
            known,
            is_up: false,
            wakes_at: None,
        }
    }

    /// Its process begins, with what its files say.
    pub(super) fn start(&mut self, now: Now) {
        let mut kernel = self.machine.sockets_mut().clone();
        kernel.set_now(now.steady);
        // A process draws anew when it starts.
        let seed = Seed::from_number(self.seed ^ self.lives << 32);
        self.lives += 1;
        let tenant = ConnMan::new(self.config.clone(), seed);
        let loaded = tenant.loading(PROGRAM).complete(&mut self.files, now);
        let mut tenant = tenant.with_loaded(loaded.expect("it wrote its files itself"));
        if !self.known.is_empty() {
            let told = std::mem::take(&mut self.known);
            let source = told[0].service.addr;
            tenant.add_addresses(now, &told, &source);
        }
        self.machine = Machine::new(SockMan::new(kernel, SockManConfig::default()), tenant);
        let listening = self.machine.listen(now, &Endpoint::Ip(self.at));
        listening.expect("nobody else listens on this host");
        self.is_up = true;
    }

    /// Its process ends in order.
    pub(super) fn stop(&mut self, now: Now) {
        self.machine.sockets_mut().set_now(now.steady);
        self.machine.shutdown(now);
        carry_out(&mut self.machine, &mut self.files, &mut self.requests, now);
        self.machine.sockets_mut().end_process();
        self.is_up = false;
    }

    /// Something has arrived at its host.
    pub(super) fn receive(&mut self, now: Instant, segment: Segment) {
        self.machine.sockets_mut().handle_segment(now, segment);
    }

    /// Does whatever is to be done now, as production does it.
    pub(super) fn work(
        &mut self,
        now: Now,
        events: &mut Vec<Event>,
        notices: &mut Vec<Notice>,
        counts: &mut Counts,
    ) {
        let kernel = self.machine.sockets_mut();
        kernel.set_now(now.steady);
        if kernel.next_timer().is_some_and(|at| at <= now.steady) {
            kernel.handle_timer(now.steady);
        }
        if !self.is_up {
            return;
        }
        let Self { machine, files, requests, .. } = self;
        let (steps, told) = drive(machine, now, events, |machine| {
            carry_out(machine, files, requests, now);
            machine.take_notices(notices);
        });
        let is_message = |notice: &&Notice| matches!(notice, Notice::MessageHandled { .. });
        counts.messages += notices.iter().filter(is_message).count() as u64;
        counts.steps += steps;
        counts.events += told;
    }

    /// When it goes on by itself.
    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let kernel = self.machine.sockman().sockets().next_timer();
        let machine = self.machine.next_wakeup(now).filter(|_| self.is_up);
        [kernel, machine].into_iter().flatten().min()
    }

    pub(super) fn take_segments(&mut self, segments: &mut Vec<Segment>) {
        self.machine.sockets_mut().take_segments(segments);
    }

    // Getters.

    pub(super) const fn tenant(&self) -> &ConnMan {
        self.machine.tenant()
    }

    pub(super) const fn conns(&self) -> &Conns<Peer> {
        self.machine.sockman().conns()
    }

    /// Whether it has all the connections that it opens for good.
    pub(super) fn has_all(&self) -> bool {
        let limits = &self.config.limits;
        let wanted = limits.outbound_full_relay_max + limits.block_relay_max;
        super::sample::outbound(self).count() >= wanted as usize
    }

    pub(super) fn check_invariants(&self) {
        self.machine.check_invariants();
    }
}

/// Steps of a machine at one moment, at most: it is to fall quiet.
const STEPS_MAX: u64 = 10_000_000;

/// Lets a machine do whatever is to be done now, as production does it. `look` is called before
/// each look at its sockets. How many steps it made, and of how many sockets it was told.
///
/// # Panics
///
/// It does not fall quiet.
pub fn drive<T: Tenant>(
    machine: &mut Machine<Kernel, T>,
    now: Now,
    events: &mut Vec<Event>,
    mut look: impl FnMut(&mut Machine<Kernel, T>),
) -> (u64, u64) {
    let (mut steps, mut told) = (0, 0);
    loop {
        let choice = machine.default_next(now);
        if let Choice::Step(task) = choice {
            machine.step(now, task);
            steps += 1;
            assert!(steps < STEPS_MAX, "it does not fall quiet");
            continue;
        }
        look(machine);
        machine.sockets_mut().poll(events);
        if events.is_empty() && choice == Choice::Wait && machine.default_next(now) == choice {
            return (steps, told);
        }
        told += events.len() as u64;
        machine.handle_ready(events);
    }
}

/// Carries out what a machine has asked of its files, which takes no time here.
fn carry_out(
    machine: &mut Machine<Kernel, ConnMan>,
    files: &mut VirtualFiles,
    requests: &mut Vec<FileRequest>,
    now: Now,
) {
    loop {
        machine.take_file_requests(requests);
        if requests.is_empty() {
            return;
        }
        for request in requests.drain(..) {
            files.begin(request).expect("nothing is under way");
            let completion = files.wait().expect("something is under way");
            machine.handle_file_completed(now, completion);
        }
    }
}
