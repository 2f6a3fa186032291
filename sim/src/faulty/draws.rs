//! What chance makes of a socket call.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::schedule::{Call, Effect};

/// Chances in 256 that a call goes otherwise than the network would have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// A send takes fewer bytes.
    pub short_send: u8,
    /// A send takes none.
    pub send_would_block: u8,
    /// A recv gives fewer bytes.
    pub short_recv: u8,
    /// A recv gives none.
    pub recv_would_block: u8,
    /// A send or recv fails.
    pub reset: u8,
    /// An accept finds no descriptor.
    pub accept_fails: u8,
    /// A connect fails at once.
    pub connect_fails: u8,
}

/// How an effect is drawn once its kind is.
type DrawEffect = fn(&mut ChaCha8Rng) -> Effect;

impl Weights {
    /// What becomes of a call; `None` is what the network makes of it.
    pub(super) fn draw(&self, call: Call, rng: &mut ChaCha8Rng) -> Option<Effect> {
        let table: &[(u8, DrawEffect)] = match call {
            Call::Send => &[
                (self.short_send, |rng| Effect::Bytes(few(rng))),
                (self.send_would_block, |_| Effect::WouldBlock),
                (self.reset, |_| Effect::Reset),
            ],
            Call::Recv => &[
                (self.short_recv, |rng| Effect::Bytes(few(rng))),
                (self.recv_would_block, |_| Effect::WouldBlock),
                (self.reset, |_| Effect::Reset),
            ],
            Call::Accept => &[(self.accept_fails, |rng| {
                if rng.next_u32() % 2 == 0 { Effect::OutOfDescriptors } else { Effect::Aborted }
            })],
            Call::Connect => &[(self.connect_fails, |rng| {
                if rng.next_u32() % 2 == 0 { Effect::OutOfDescriptors } else { Effect::Unreachable }
            })],
            // What a disk does is drawn as faults alone.
            Call::Append | Call::Sync => &[],
        };
        if table.iter().all(|(weight, _)| *weight == 0) {
            return None;
        }
        let mut draw = rng.next_u32() % 256;
        for (weight, effect) in table {
            if draw < u32::from(*weight) {
                return Some(effect(rng));
            }
            draw -= u32::from(*weight);
        }
        None
    }
}

/// A small count, mostly at the sizes where headers and buffers end.
fn few(rng: &mut ChaCha8Rng) -> u32 {
    let draw = rng.next_u32();
    match draw % 4 {
        0 => 1,
        1 => 1 + (draw >> 8) % 24,
        2 => 24,
        _ => 1 + (draw >> 8) % 4096,
    }
}
