//! What others hear who ask for addresses. Facts: Core addrman.cpp, `GetAddr_`.

use super::entry::secs;
use super::{AddrMan, AddrRecord, NetClass};
use crate::rng::Draws;
use crate::time::UnixTime;

/// Addresses in one message. Core: net_processing.cpp, `MAX_ADDR_TO_SEND`.
pub const ADDR_TO_SEND_MAX: usize = 1000;
/// The part of what we know that one answer tells. Core: net_processing.cpp,
/// `MAX_PCT_ADDR_TO_SEND`.
pub const ADDR_PERCENT_MAX: u8 = 23;

/// Whether addresses that are not worth telling are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// They are.
    Filtered,
    /// They are told too.
    Unfiltered,
}

/// How much one answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Addresses at most; `None` is no bound.
    pub count_max: Option<usize>,
    /// Hundredths of all addresses at most, rounded down; `None` is no bound.
    pub percent_max: Option<u8>,
    /// Of one network, or of all.
    pub network: Option<NetClass>,
    /// Whether the poor ones are left out.
    pub quality: Quality,
}

impl Share {
    /// What a peer gets that asks with `getaddr`.
    pub const GETADDR: Self = Self {
        count_max: Some(ADDR_TO_SEND_MAX),
        percent_max: Some(ADDR_PERCENT_MAX),
        network: None,
        quality: Quality::Filtered,
    };
}

impl AddrMan {
    /// Addresses at random. The bounds are counted before any is left out, so that an answer does
    /// not grow where few are good.
    pub fn get_addr(&mut self, share: Share, now: UnixTime, draws: &mut Draws) -> Vec<AddrRecord> {
        let now = secs(now);
        let all = self.order.len();
        let part = share.percent_max.map_or(all, |percent| all * usize::from(percent) / 100);
        let count = share.count_max.map_or(part, |max| part.min(max));
        let mut told = Vec::new();
        for index in 0..all {
            if told.len() >= count {
                break;
            }
            let drawn = index + draws.index(all - index);
            self.swap_order(index, drawn);
            let entry = self.entry(self.order[index]);
            let elsewhere =
                share.network.is_some_and(|network| entry.service.addr.net_class() != network);
            let poor = share.quality == Quality::Filtered && entry.is_terrible(now);
            if !elsewhere && !poor {
                told.push(entry.record());
            }
        }
        told
    }
}
