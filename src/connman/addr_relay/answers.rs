//! Answers to `getaddr` that are kept, so that whoever asks again and again learns nothing new.
//!
//! One answer for each way in which others come: a host that asks from a thousand addresses hears
//! one answer for about a day, and who comes through another network cannot tell by the answer that
//! it is the same node. Core: net.cpp, `CConnman::GetAddresses`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::connman::addrman::AddrRecord;
use crate::connman::host::HostNetwork;
use crate::rng::Draws;
use crate::sockets::ListenerId;
use crate::time::UnixTime;

/// The least time for which an answer stands. Core: `GetAddresses`, 21 h.
pub const ANSWER_LIFETIME_MIN: Duration = Duration::from_secs(21 * 3600);

/// The time that is drawn on top, so that nobody knows when to ask. Core: likewise, 6 h.
pub const ANSWER_LIFETIME_SPREAD: Duration = Duration::from_secs(6 * 3600);

/// A way in which others come. Core counts the local address as well, which a listener at the
/// wildcard has several of: **ours** is the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    /// The peer's network; `None` for one without an address.
    pub(super) network: Option<HostNetwork>,
    /// Where it came in.
    pub(super) listener: ListenerId,
}

#[derive(Clone, Debug)]
struct Answer {
    records: Arc<[AddrRecord]>,
    /// Past this it is made anew.
    stands_until: UnixTime,
}

/// The answers. One for each listener and network at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(BTreeMap<Way, Answer>);

impl Answers {
    /// The answer for a way: the one that stands, or what `make` gives from now on.
    pub(super) fn answer(
        &mut self,
        way: Way,
        now: UnixTime,
        mut draws: Draws,
        make: impl FnOnce(&mut Draws) -> Vec<AddrRecord>,
    ) -> Arc<[AddrRecord]> {
        if let Some(answer) = self.0.get(&way).filter(|answer| now <= answer.stands_until) {
            return Arc::clone(&answer.records);
        }
        let records: Arc<[AddrRecord]> = make(&mut draws).into();
        let spread = u64::try_from(ANSWER_LIFETIME_SPREAD.as_nanos()).expect("hours");
        let lifetime = ANSWER_LIFETIME_MIN + Duration::from_nanos(draws.below(spread));
        let answer = Answer { records: Arc::clone(&records), stands_until: now + lifetime };
        self.0.insert(way, answer);
        records
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connman::Services;
    use crate::connman::addrman::{NetAddr, NetService};
    use crate::rng::{Purpose, Seed};
    use crate::slab::Key as _;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn records(port: u16) -> Vec<AddrRecord> {
        let service = NetService { addr: NetAddr::Onion([1; 32]), port };
        vec![AddrRecord { service, services: Services::NONE, time: START }]
    }

    fn way(network: HostNetwork) -> Way {
        Way { network: Some(network), listener: ListenerId::new(0, 0) }
    }

    fn ask(answers: &mut Answers, network: HostNetwork, hours: u64, port: u16) -> u16 {
        let now = START + Duration::from_secs(hours * 3600);
        let draws = Seed::from_number(1).draws(Purpose::AddrAnswer, u64::from(port));
        answers.answer(way(network), now, draws, |_| records(port))[0].service.port
    }

    #[test]
    fn answer_stands_for_21_to_27_hours_and_for_one_way() {
        let mut answers = Answers::default();
        assert_eq!(ask(&mut answers, HostNetwork::Ipv4, 0, 1), 1);
        assert_eq!(ask(&mut answers, HostNetwork::Ipv4, 21, 2), 1);
        assert_eq!(ask(&mut answers, HostNetwork::Ipv6, 21, 3), 3);
        assert_eq!(ask(&mut answers, HostNetwork::Ipv4, 27, 4), 4);
        assert_eq!(ask(&mut answers, HostNetwork::Ipv4, 28, 5), 4);
        assert_eq!(answers.count(), 2);
    }

    #[test]
    fn lifetimes_differ() {
        let hours_of = |n| {
            let mut answers = Answers::default();
            ask(&mut answers, HostNetwork::Ipv4, 0, n);
            (21..=27).find(|hours| ask(&mut answers, HostNetwork::Ipv4, *hours, n + 1) == n + 1)
        };
        assert_ne!((1..9).map(hours_of).min(), (1..9).map(hours_of).max());
    }
}
