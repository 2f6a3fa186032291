//! Whether two worlds stand alike: by all that decides what may happen next.

use std::fmt::{Debug, Write as _};

use sockman::driver::Machine;

use super::World;
use crate::faulty::Faulty;
use crate::host::Host;
use crate::subject::Subject;
use crate::trace::TraceHash;

impl<X: Subject, K: Host> World<X, K> {
    /// The same for worlds that stand alike, at one commit. How they came there does not matter,
    /// nor whose turn it is: what goes next by itself may differ, what can go does not.
    #[must_use]
    pub fn fingerprint(&self) -> TraceHash {
        let Self { now, machine, disk, actors, network, operator, driver, .. } = self;
        let mut text = String::new();
        let mut write = |part: &dyn Debug| write!(text, "{part:?}").expect("a text takes all");
        write(now);
        write(machine.sockman());
        write(machine.tenant());
        for task in Machine::<Faulty<K>, X::Tenant>::tasks() {
            write(&machine.next_step(*now, task));
        }
        write(&machine.command_count());
        write(disk);
        write(actors);
        write(network);
        write(operator);
        write(driver);
        write(&(self.has_looked, self.stalled_until));
        let mut hash = TraceHash::new();
        hash.add_bytes(text.as_bytes());
        hash
    }
}
