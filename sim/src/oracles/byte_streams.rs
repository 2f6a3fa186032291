//! Byte streams: what one side reads is what the other side's kernel took, in order and once; and
//! what the node offers next begins with what its kernel did not take before.

use std::collections::{BTreeMap, VecDeque};

use super::{Violation, violation};
use crate::actor::{Dialled, Way};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::schedule::ActorId;
use crate::subject::Subject;
use crate::world::World;
use sockman::sockets::{Accepted, ConnId, Received, Sent};

const NAME: &str = "byte streams";
const RULE: &str = "docs/behaviour.md, sockets 7: bytes of one direction arrive in order, once";

/// So many bytes of what was not taken are compared with the next offer.
const REMAINDER_BYTES: usize = 256;

/// A connection as both ends can name it.
type Name = (ActorId, Dialled);

/// Bytes under way, by connection and direction.
#[derive(Clone, Debug, Default)]
pub(super) struct ByteStreams {
    pairs: BTreeMap<Name, Pair>,
    names: BTreeMap<ConnId, Name>,
    /// What the kernel did not take of the last offer, at most its first bytes.
    remainders: BTreeMap<ConnId, Vec<u8>>,
}

/// Bytes that one side's kernel took and the other side has not read.
#[derive(Clone, Debug, Default)]
struct Pair {
    to_node: VecDeque<u8>,
    to_actor: VecDeque<u8>,
}

impl ByteStreams {
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
    ) -> Result<(), Violation> {
        for moved in world.moved() {
            let pair = self.pairs.entry((moved.actor, moved.dialled)).or_default();
            match moved.way {
                Way::Sent => pair.to_node.extend(moved.bytes),
                Way::Read => take(&mut pair.to_actor, moved.bytes)
                    .map_err(|at| mismatch(world, moved.actor, "the actor", at))?,
            }
        }
        let faulty = world.machine().sockman().sockets();
        for call in faulty.calls() {
            let bytes = &faulty.bytes()[call.bytes.clone()];
            match &call.what {
                CallResult::Accept(Ok(Accepted::Conn { conn, .. })) => {
                    self.name(world, *conn, true);
                }
                CallResult::Connect(_, Ok(conn)) => self.name(world, *conn, false),
                CallResult::Send(result) => {
                    let conn = call.conn.expect("a send is on a connection");
                    self.check_offer(world, conn, bytes)?;
                    let taken = match result {
                        Ok(Sent::Bytes(count)) => *count,
                        Ok(Sent::WouldBlock) | Err(_) => 0,
                    };
                    self.note_sent(conn, bytes, taken);
                }
                CallResult::Recv(Ok(Received::Bytes(_))) => {
                    let conn = call.conn.expect("a recv is on a connection");
                    let Some(name) = self.names.get(&conn) else { continue };
                    let pair = self.pairs.entry(*name).or_default();
                    take(&mut pair.to_node, bytes)
                        .map_err(|at| mismatch(world, name.0, "the node", at))?;
                }
                CallResult::Close(Ok(())) => {
                    let conn = call.conn.expect("a close is on a connection");
                    self.names.remove(&conn);
                    self.remainders.remove(&conn);
                }
                CallResult::Listen(_)
                | CallResult::Accept(_)
                | CallResult::Connect(..)
                | CallResult::Status(_)
                | CallResult::Recv(_)
                | CallResult::Shutdown(_)
                | CallResult::Close(_)
                | CallResult::CloseListener(_)
                | CallResult::Interest(..)
                | CallResult::TakeError(_) => {}
            }
        }
        Ok(())
    }

    /// The node's process has ended: its ids mean nothing any more.
    pub(super) fn forget_node(&mut self) {
        self.names.clear();
        self.remainders.clear();
    }

    /// Gives a new connection of the node's the name that its actor knows it by.
    fn name<X: Subject, K: Host>(&mut self, world: &World<X, K>, conn: ConnId, by_actor: bool) {
        let faulty = world.machine().sockman().sockets();
        let number = faulty.inner().connection_number(conn);
        if let (Some(actor), Ok(number)) = (faulty.actor(conn), number) {
            self.names.insert(conn, (actor, Dialled { by_actor, number }));
        }
    }

    fn check_offer<X: Subject, K: Host>(
        &self,
        world: &World<X, K>,
        conn: ConnId,
        offered: &[u8],
    ) -> Result<(), Violation> {
        let Some(remainder) = self.remainders.get(&conn) else { return Ok(()) };
        let common = remainder.len().min(offered.len());
        if remainder[..common] == offered[..common] {
            return Ok(());
        }
        let actor = world.machine().sockman().sockets().actor(conn);
        let who = actor.map_or_else(|| conn.to_string(), |actor| actor.to_string());
        let what = format!(
            "the kernel took part of what the node offered to {who}; the next offer does not \
             begin with the rest"
        );
        Err(violation(world, NAME, RULE, what))
    }

    fn note_sent(&mut self, conn: ConnId, offered: &[u8], taken: usize) {
        if let Some(name) = self.names.get(&conn) {
            self.pairs.entry(*name).or_default().to_actor.extend(&offered[..taken]);
        }
        let rest = &offered[taken..];
        if rest.is_empty() {
            self.remainders.remove(&conn);
        } else {
            let kept = rest[..rest.len().min(REMAINDER_BYTES)].to_vec();
            self.remainders.insert(conn, kept);
        }
    }
}

/// Takes bytes that were read off what is under way.
///
/// # Errors
///
/// At which byte of this read they are others.
fn take(under_way: &mut VecDeque<u8>, read: &[u8]) -> Result<(), usize> {
    if read.len() > under_way.len() {
        return Err(under_way.len());
    }
    let (front, back) = under_way.as_slices();
    let first = front.len().min(read.len());
    let same = front[..first] == read[..first] && back[..read.len() - first] == read[first..];
    if !same {
        let differs = under_way.iter().zip(read).position(|(sent, read)| sent != read);
        return Err(differs.unwrap_or(0));
    }
    under_way.drain(..read.len());
    Ok(())
}

fn mismatch<X: Subject, K: Host>(
    world: &World<X, K>,
    actor: ActorId,
    reader: &str,
    at: usize,
) -> Violation {
    let what = format!(
        "on the connection with {actor}, {reader} read other bytes than the far kernel took, from \
         byte {at} of this read"
    );
    violation(world, NAME, RULE, what)
}
