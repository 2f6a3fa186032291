//! Who looks on while a run goes on.

use crate::host::Host;
use crate::net::Kernel;
use crate::subject::Subject;
use crate::world::{Step, World};

/// Somebody who looks on while a run goes on, and changes nothing of it.
pub trait Onlooker<X: Subject, K: Host = Kernel> {
    /// The world is about to make a step.
    fn before_step(&mut self, world: &World<X, K>);

    /// It has made it.
    fn after_step(&mut self, world: &World<X, K>, step: &Step);

    /// A line of the script was carried out. Most look at steps alone.
    fn after_line(&mut self, world: &World<X, K>) {
        let _ = world;
    }
}

/// Nobody.
impl<X: Subject, K: Host> Onlooker<X, K> for () {
    fn before_step(&mut self, _: &World<X, K>) {}

    fn after_step(&mut self, _: &World<X, K>, _: &Step) {}
}
