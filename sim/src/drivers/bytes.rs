//! *Invented bytes*: every socket call returns what is drawn, as `FuzzedSock` of Bitcoin Core does
//! (src/test/fuzz/util/net.cpp), and no two sockets talk to each other.
//!
//! What is read is drawn from what would be likely to go far: mostly messages, often a handshake
//! first, in pieces that end anywhere, and of the rest some that are damaged, wrong, or no messages
//! at all. What the node says changes nothing of it. Which failures are possible, and how often
//! they are, is drawn for each run: all of them at once would let nothing get far.

use std::collections::VecDeque;

use sockman::sockets::{AcceptError, ConnectError, DescriptorLimit, Errno, Failure};
use sockman::time::Now;

use super::island::{Attempt, End, Far, Invention};
use crate::schedulers::Draws;
use crate::subject::Dialect;

/// What a call on a connection fails with: what `send` and `recv` may say on Linux.
const FAILURES: [Failure; 7] = [
    Failure::Reset,
    Failure::Reset,
    Failure::TimedOut,
    Failure::BrokenPipe,
    Failure::HostUnreachable,
    Failure::OutOfMemory,
    // EIO.
    Failure::Other(Errno(5)),
];

/// How an attempt to connect fails.
const REFUSALS: [Failure; 4] =
    [Failure::Refused, Failure::TimedOut, Failure::HostUnreachable, Failure::NetworkUnreachable];

/// Chances in 256.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    accept_fails: u8,
    accept_in_vain: u8,
    connect_fails: u8,
    connect_waits: u8,
    send_short: u8,
    send_blocks: u8,
    send_fails: u8,
    recv_short: u8,
    recv_in_vain: u8,
    recv_fails: u8,
    /// Of what happens at a far end.
    ends: u8,
    fails: u8,
    /// Of what is said.
    damaged: u8,
    wrong: u8,
    junk: u8,
    /// Of what is said that only a part arrives at first.
    cut: u8,
    /// Messages said at a time, at most, if there are many.
    flood_max: u32,
}

/// Mostly none, sometimes a little, rarely a lot.
fn chance(draws: &mut Draws) -> u8 {
    *draws.pick(&[0, 0, 0, 4, 16, 64])
}

/// A count of bytes, mostly at the sizes where headers and payloads end.
fn few(draws: &mut Draws) -> usize {
    let most = *draws.pick(&[1, 24, 24, 32, 200, 4096]);
    if draws.once_in(2) { most as usize } else { draws.within(1, most) as usize }
}

impl Invention for Bytes {
    fn draw(draws: &mut Draws) -> Self {
        Self {
            accept_fails: chance(draws),
            accept_in_vain: chance(draws),
            connect_fails: chance(draws),
            connect_waits: *draws.pick(&[0, 64, 192]),
            send_short: chance(draws),
            send_blocks: chance(draws),
            send_fails: chance(draws) / 8,
            recv_short: *draws.pick(&[0, 16, 64, 128, 255]),
            recv_in_vain: chance(draws),
            recv_fails: chance(draws) / 8,
            ends: *draws.pick(&[0, 1, 4]),
            fails: *draws.pick(&[0, 1, 4]),
            damaged: chance(draws) / 4,
            wrong: chance(draws) / 4,
            junk: chance(draws) / 8,
            cut: *draws.pick(&[0, 16, 128]),
            flood_max: *draws.pick(&[1, 4, 50]),
        }
    }

    fn accept(&self, draws: &mut Draws) -> Result<bool, AcceptError> {
        if draws.in_256(self.accept_in_vain) {
            return Ok(false);
        }
        if !draws.in_256(self.accept_fails) {
            return Ok(true);
        }
        Err(*draws.pick(&[
            AcceptError::Aborted,
            AcceptError::OutOfDescriptors(DescriptorLimit::Process),
            AcceptError::OutOfDescriptors(DescriptorLimit::System),
            // EPERM, as a firewall has it.
            AcceptError::Other(Errno(1)),
        ]))
    }

    fn connect(&self, draws: &mut Draws) -> Result<Attempt, ConnectError> {
        if draws.in_256(self.connect_waits) {
            return Ok(Attempt::Pending);
        }
        if !draws.in_256(self.connect_fails) {
            return Ok(Attempt::Made);
        }
        let refused = ConnectError::Failed(*draws.pick(&REFUSALS));
        let process = ConnectError::OutOfDescriptors(DescriptorLimit::Process);
        let own = [ConnectError::OutOfPorts, ConnectError::PermissionDenied, process];
        Err(if draws.once_in(2) { refused } else { *draws.pick(&own) })
    }

    fn settle(&self, draws: &mut Draws) -> Attempt {
        let fails = draws.in_256(self.connect_fails);
        if fails { Attempt::Failed(*draws.pick(&REFUSALS)) } else { Attempt::Made }
    }

    fn send(&self, draws: &mut Draws, offered: usize) -> Result<Option<usize>, Failure> {
        if draws.in_256(self.send_fails) {
            return Err(*draws.pick(&FAILURES));
        }
        if draws.in_256(self.send_blocks) {
            return Ok(None);
        }
        let short = draws.in_256(self.send_short);
        Ok(Some(if short { few(draws).min(offered) } else { offered }))
    }

    fn recv<D>(&self, draws: &mut Draws, _: &Far<D>) -> Result<Option<usize>, Failure> {
        if draws.in_256(self.recv_fails) {
            return Err(*draws.pick(&FAILURES));
        }
        if draws.in_256(self.recv_in_vain) {
            return Ok(None);
        }
        let short = draws.in_256(self.recv_short);
        Ok(Some(if short { few(draws) } else { usize::MAX }))
    }

    fn happen<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>) {
        far.has_room |= draws.once_in(2);
        if draws.in_256(self.ends) {
            far.end.get_or_insert(End::Eof);
        }
        if draws.in_256(self.fails) {
            far.end.get_or_insert(End::Failure(*draws.pick(&FAILURES)));
        }
        if far.under_way.is_empty() {
            self.say(draws, now, far);
        }
        let most = far.under_way.len();
        let count = if draws.in_256(self.cut) { few(draws).min(most) } else { most };
        let rest = far.under_way.split_off(count);
        let arrived = std::mem::replace(&mut far.under_way, rest);
        far.arrive(arrived);
    }
}

impl Bytes {
    /// Says some messages, or what is none.
    fn say<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>) {
        let mut said = Vec::new();
        let count = if draws.once_in(8) { draws.within(1, self.flood_max) } else { 1 };
        for _ in 0..count {
            if draws.in_256(self.junk) {
                said.extend((0..few(draws)).map(|_| draws.below(256).to_le_bytes()[0]));
            } else if draws.in_256(self.wrong) {
                let which = u64::from(draws.below(64));
                far.dialect.provoke(now, which, &mut said);
            } else {
                far.dialect.vary(now, &mut |bound| draws.below(bound), &mut said);
            }
        }
        if draws.in_256(self.damaged) && !said.is_empty() {
            let at = draws.below(u32::try_from(said.len()).unwrap_or(u32::MAX)) as usize;
            match draws.below(4) {
                0 => drop(said.remove(at)),
                1 => said.truncate(at),
                // The high bit, so that no word becomes another one.
                _ => said[at] ^= 0x80 | draws.below(128).to_le_bytes()[0],
            }
        }
        far.under_way = VecDeque::from(said);
    }
}
