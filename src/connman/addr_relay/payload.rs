//! Payloads of `addr` and `addrv2` (BIP 155): lists of addresses.
//!
//! Core: protocol.h, `CAddress`, in its two forms for the network.

use super::ADDR_TO_SEND_MAX;
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader, push_compact_size, push_compact_u64};
use crate::connman::Services;
use crate::connman::addrman::{AddrRecord, NetAddr, NetService};
use crate::time::UnixTime;

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddrForm {
    /// `addr`: sixteen bytes for an address, which only some networks fit into.
    V1,
    /// `addrv2`: an address of any network.
    V2,
}

impl AddrForm {
    /// The name of its message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "addr",
            Self::V2 => "addrv2",
        }
    }
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrList {
    /// How many addresses it has.
    pub count: usize,
    /// The first of them, in their order: all, if they are no more than anybody sends. An address
    /// of a network that nobody knows is [`NetAddr::INVALID`].
    pub records: Vec<AddrRecord>,
}

impl AddrList {
    /// Reads a list to its last entry. Bytes behind are ignored. What is beyond
    /// [`ADDR_TO_SEND_MAX`] is not kept.
    ///
    /// # Errors
    ///
    /// A field is cut off, a length or a service field is not in its shortest form, or an address
    /// of a known network has not its length.
    pub fn decode(payload: &[u8], form: AddrForm) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let count = reader.compact_size("address count", COMPACT_SIZE_MAX)?;
        let mut records = Vec::new();
        for n in 0..count {
            let record = read(&mut reader, form)?;
            if n < ADDR_TO_SEND_MAX {
                records.push(record);
            }
        }
        Ok(Self { count, records })
    }
}

fn read(reader: &mut Reader<'_>, form: AddrForm) -> Result<AddrRecord, DecodeError> {
    let time = UnixTime::from_secs(u64::from(reader.u32("time")?));
    let (services, addr) = match form {
        AddrForm::V1 => (reader.u64("services")?, NetAddr::from_v1(reader.array("address")?)),
        AddrForm::V2 => (reader.compact_u64("services")?, NetAddr::read_bip155(reader, "address")?),
    };
    let port = reader.u16_be("port")?;
    Ok(AddrRecord { service: NetService { addr, port }, services: Services(services), time })
}

/// The payload with these addresses, which fit into its form.
#[must_use]
pub fn encode(records: &[AddrRecord], form: AddrForm) -> Vec<u8> {
    assert!(records.len() <= ADDR_TO_SEND_MAX, "nobody takes a longer list");
    let mut bytes = Vec::new();
    push_compact_size(&mut bytes, records.len());
    for AddrRecord { service, services, time } in records {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&seconds.to_le_bytes());
        match form {
            AddrForm::V1 => {
                assert!(fits(&service.addr, form), "it is told to who understands it");
                bytes.extend_from_slice(&services.0.to_le_bytes());
                bytes.extend_from_slice(&service.addr.key_bytes());
            }
            AddrForm::V2 => {
                push_compact_u64(&mut bytes, services.0);
                let (network, addr) = service.addr.to_bip155();
                bytes.push(network);
                push_compact_size(&mut bytes, addr.len());
                bytes.extend_from_slice(&addr);
            }
        }
        bytes.extend_from_slice(&service.port.to_be_bytes());
    }
    bytes
}

/// Whether an address can be told in a form. Core: `IsAddrV1Compatible`.
pub(super) const fn fits(addr: &NetAddr, form: AddrForm) -> bool {
    match addr {
        NetAddr::Ipv4(_) | NetAddr::Ipv6(_) | NetAddr::Internal(_) => true,
        NetAddr::Onion(_) | NetAddr::I2p(_) | NetAddr::Cjdns(_) => matches!(form, AddrForm::V2),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn record(addr: NetAddr, n: u16) -> AddrRecord {
        let service = NetService { addr, port: n };
        AddrRecord { service, services: Services(u64::from(n)), time: UnixTime::from_secs(7) }
    }

    #[test]
    fn lists_are_read_as_written() {
        let ip = record(NetAddr::Ipv4(Ipv4Addr::new(8, 8, 8, 8)), 8333);
        let v6 = record(NetAddr::Ipv6("2a00::1".parse().unwrap()), 1);
        let others = [NetAddr::Onion([1; 32]), NetAddr::I2p([2; 32]), NetAddr::Cjdns([0xfc; 16])];
        let mut records = vec![ip, v6];
        let v1 = encode(&records, AddrForm::V1);
        assert_eq!(v1.len(), 1 + 2 * 30);
        let list = AddrList { count: 2, records: records.clone() };
        assert_eq!(AddrList::decode(&v1, AddrForm::V1), Ok(list));

        records.extend(others.map(|addr| record(addr, 300)));
        let v2 = encode(&records, AddrForm::V2);
        let list = AddrList { count: 5, records };
        assert_eq!(AddrList::decode(&v2, AddrForm::V2), Ok(list));
        assert!(!fits(&others[0], AddrForm::V1));
    }

    #[test]
    fn list_is_counted_to_its_end_and_kept_up_to_its_limit() {
        let one = &encode(&[record(NetAddr::INVALID, 1)], AddrForm::V1)[1..];
        let long = [&[0xfd, 0xe9, 3], one.repeat(1001).as_slice()].concat();
        let list = AddrList::decode(&long, AddrForm::V1).unwrap();
        assert_eq!((list.count, list.records.len()), (1001, 1000));
        AddrList::decode(&long[..long.len() - 1], AddrForm::V1).unwrap_err();
    }

    #[test]
    fn network_that_nobody_knows_costs_one_address() {
        let unknown = [1, 7, 0, 0, 0, 9, 99, 2, 1, 2, 0x20, 0x8d];
        let list = AddrList::decode(&unknown, AddrForm::V2).unwrap();
        assert_eq!(list.records[0].service.addr, NetAddr::INVALID);
    }
}
