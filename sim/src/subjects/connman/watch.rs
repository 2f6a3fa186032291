//! The oracles of the connection manager's own, in the order in which they look.

use sockman::connman::addrman::AddrMan;
use sockman::connman::bans::BanList;
use sockman::connman::blocks::Chain;
use sockman::connman::{Config, ConnMan};
use sockman::rng::Seed;
use sockman::time::Now;

use super::HandshakeWatch;
use super::added::Added;
use super::listed::Listed;
use super::model::{Model, Wears};
use super::opening::Opening;
use super::policy::Policy;
use crate::subject::{Objection, Sight, Watch};
use crate::world::Step;

/// A tenant that says by which settings it is to be judged.
pub trait Configured {
    /// The settings that it was asked to have.
    fn config(&self) -> &Config;

    /// The addresses that it knows.
    fn addrman(&self) -> &AddrMan;

    /// What its randomness follows from, by which who listens in knows its secrets.
    fn seed(&self) -> &Seed;

    /// Whom it lists as banned.
    fn bans(&self) -> &BanList;

    /// The chain that it has.
    fn chain(&self) -> Option<&Chain>;
}

impl Configured for ConnMan {
    fn config(&self) -> &Config {
        self.config()
    }

    fn seed(&self) -> &Seed {
        self.seed()
    }

    fn addrman(&self) -> &AddrMan {
        self.addrman()
    }

    fn bans(&self) -> &BanList {
        self.bans()
    }

    fn chain(&self) -> Option<&Chain> {
        self.chain()
    }
}

/// All of them, with what they remember.
#[derive(Clone, Debug, Default)]
pub struct ConnmanWatch {
    handshakes: HandshakeWatch,
    model: Model,
    policy: Policy,
    listed: Listed,
    added: Added,
    opening: Opening,
}

impl<X: Wears<Tenant: Configured>> Watch<X> for ConnmanWatch {
    fn look(&mut self, sight: &Sight<'_, X>) -> Result<(), Objection> {
        let config = sight.tenant.config();
        self.model.look(sight, config, sight.tenant.seed())?;
        self.policy.look(sight, config, sight.tenant.bans(), &self.model)?;
        self.listed.look(sight, config, &self.model)?;
        self.added.look(sight, config, &self.model)?;
        self.opening.look(sight, config, &self.model)?;
        self.handshakes.hear(sight.now, sight.facts());
        let at_rest = matches!(sight.step, Step::Idle(_));
        if at_rest { self.handshakes.check(config.peer_timeout, sight.now) } else { Ok(()) }
    }

    fn end(&mut self) {
        let policy = std::mem::take(&mut self.policy).ended();
        let model = std::mem::take(&mut self.model).ended();
        *self = Self { policy, model, ..Self::default() };
    }

    fn begin_again(&mut self, tenant: &X::Tenant, now: Now) -> Result<(), Objection> {
        self.policy.begin_again(tenant.bans(), now.wall)
    }
}
