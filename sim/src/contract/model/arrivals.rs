//! What gets to the ends of connections without a call: at once, or when it pleases.

use sockman::sockets::Failure;

use super::World;
use super::end::{Item, Promptness, State};
use crate::contract::transition::Transition;

impl World {
    /// Does one thing that cannot be late, if there is one.
    pub(in crate::contract) fn arrive_promptly(
        &mut self,
        promptness: Promptness,
        seen: &mut impl FnMut(Transition),
    ) -> bool {
        let Some(window) = promptness.window_bytes else {
            return false;
        };
        for pair in 0..self.pairs.len() {
            if self.pairs[pair].syn_on_the_way {
                self.arrive_syn(pair);
                return true;
            }
            for side in 0..2 {
                let [client, server] = &mut self.pairs[pair].ends;
                let (end, peer) = if side == 0 { (client, server) } else { (server, client) };
                // A reader who has shut reading does not tell of its window (Linux,
                // `tcp_cleanup_rbuf`): the sender finds out later, by a probe.
                let window_unsure = end.rd && peer.accepted > window;
                end.late &= end.read < peer.accepted;
                match end.inbox.front_mut() {
                    None | Some(Item::Unsure(_)) => continue,
                    Some(Item::Data(_) | Item::Fin) if end.late => continue,
                    Some(Item::Data(_)) if end.state == State::Open && window_unsure => continue,
                    Some(Item::Data(count)) if end.state == State::Open => {
                        let room = window.saturating_sub(end.rx);
                        end.late = *count > room && !promptness.stands_still;
                        if room == 0 {
                            continue;
                        }
                        if *count > room {
                            *count -= room;
                            end.inbox.push_front(Item::Data(room));
                        }
                    }
                    Some(_) => {}
                }
                self.arrive(pair, side, seen);
                return true;
            }
        }
        false
    }

    /// Each world that this may have become by one arrival.
    pub(in crate::contract) fn successors(&self, seen: &mut impl FnMut(Transition)) -> Vec<Self> {
        let mut successors = Vec::new();
        for pair in 0..self.pairs.len() {
            if self.pairs[pair].syn_on_the_way {
                let mut next = self.clone();
                next.arrive_syn(pair);
                successors.push(next);
            }
            for side in 0..2 {
                let inbox = &self.pairs[pair].ends[side].inbox;
                if !inbox.is_empty() {
                    let mut next = self.clone();
                    next.arrive(pair, side, seen);
                    successors.push(next);
                }
                if matches!(inbox.front(), Some(Item::Unsure(_))) {
                    let mut next = self.clone();
                    next.find_nobody(pair, side, seen);
                    successors.push(next);
                }
                if inbox.len() > 1 && inbox.contains(&Item::Reset) {
                    let mut next = self.clone();
                    next.arrive_reset_early(pair, side, seen);
                    successors.push(next);
                }
            }
        }
        successors
    }

    /// Whether a reset is on the way, which is never late for want of room.
    pub(in crate::contract) fn reset_on_the_way(&self) -> bool {
        let mut ends = self.pairs.iter().flat_map(|pair| &pair.ends);
        ends.any(|end| end.inbox.contains(&Item::Reset))
    }

    fn arrive_syn(&mut self, pair_number: usize) {
        let pair = &mut self.pairs[pair_number];
        pair.syn_on_the_way = false;
        let [client, server] = &mut pair.ends;
        let queue = pair.listener.and_then(|listener| self.listeners[listener].as_mut());
        match queue {
            Some(queue) => {
                queue.push_back(pair_number);
                server.state = State::Open;
                client.inbox.push_back(Item::SynAck);
            }
            None => client.inbox.push_back(Item::Reset),
        }
    }

    /// A reset overtakes bytes for which there was no room.
    fn arrive_reset_early(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let end = &mut self.pairs[pair].ends[side];
        end.rx_maybe += end.coming();
        end.inbox.clear();
        end.inbox.push_back(Item::Reset);
        self.arrive(pair, side, seen);
    }

    /// Some of the bytes in doubt come too late.
    fn find_nobody(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let end = &mut self.pairs[pair].ends[side];
        end.rx_maybe += end.coming();
        let is_data = |item: &Item| matches!(item, Item::Data(_) | Item::Unsure(_));
        end.inbox.retain(|item| !is_data(item));
        end.inbox.push_front(Item::Data(1));
        self.arrive(pair, side, seen);
    }

    /// The first thing on the way to an end gets there.
    fn arrive(&mut self, pair: usize, side: usize, seen: &mut impl FnMut(Transition)) {
        let [client, server] = &mut self.pairs[pair].ends;
        let (end, peer) = if side == 0 { (client, server) } else { (server, client) };
        let Some(item) = end.inbox.pop_front() else {
            return;
        };
        let nobody_reads = end.fin && (end.rd || end.gone);
        match (item, end.state) {
            (Item::SynAck, State::SynSent) => {
                end.state = State::Open;
                seen(Transition::ConnectAccepted);
            }
            (Item::Reset, State::SynSent) => {
                end.fail(Failure::Refused);
                seen(Transition::ConnectRefused);
            }
            (Item::Data(_), State::Open) if nobody_reads => {
                end.fail(Failure::Reset);
                peer.inbox.push_back(Item::Reset);
                seen(Transition::DataForNobody);
            }
            (Item::Data(count) | Item::Unsure(count), State::Open) => {
                end.rx += count;
                seen(Transition::DataArrives);
            }
            (Item::Fin, State::Open) => {
                end.eof = true;
                end.rd = true;
                peer.fin_arrived = true;
                seen(Transition::FinArrives);
                for end in [end, peer] {
                    if end.eof && end.fin_arrived && end.state == State::Open {
                        end.die();
                        seen(Transition::FinEndsBoth);
                    }
                }
            }
            (Item::Reset, State::Open) => {
                // docs/behaviour.md, TCP 10, the refinement: not once our own FIN is on its way,
                // too, behind bytes.
                let after = end.eof && !end.fin;
                end.fail(if after { Failure::BrokenPipe } else { Failure::Reset });
                seen(if after { Transition::ResetAfterFin } else { Transition::ResetBeforeFin });
            }
            (Item::Data(_) | Item::Unsure(_) | Item::SynAck, State::Closed) => {
                peer.inbox.push_back(Item::Reset);
                seen(Transition::DataForDead);
            }
            (Item::Fin | Item::Reset, State::Closed) => {}
            (Item::Data(_) | Item::Unsure(_) | Item::Fin, State::SynSent)
            | (Item::SynAck, State::Open) => {}
        }
    }
}
