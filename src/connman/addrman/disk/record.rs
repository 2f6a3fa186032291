//! One address in a file. Facts: Core protocol.h, `CAddress`, and netaddress.h, `CNetAddr`.

use super::super::{AddrRecord, NetAddr, NetService};
use super::{FileError, FileWhy};
use crate::codec::{Reader, push_compact_size, push_compact_u64};
use crate::connman::Services;
use crate::time::UnixTime;

/// What opens an address in a file. Core: protocol.h, `DISK_VERSION_INIT`.
const VERSION: u32 = 220_000;
/// The bits of it that mean nothing, those below this one. Core: `DISK_VERSION_IGNORE_MASK`.
const VERSION_IGNORED: u32 = (1 << 19) - 1;
/// The bit of it that says: BIP 155. Core: `DISK_VERSION_ADDRV2`.
const VERSION_ADDRV2: u32 = 1 << 29;

/// How the addresses of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Sixteen bytes each, in `peers.dat` before version 3.
    V1,
    /// As in BIP 155.
    V2,
}

pub(super) fn push_record(bytes: &mut Vec<u8>, record: &AddrRecord) {
    bytes.extend_from_slice(&(VERSION | VERSION_ADDRV2).to_le_bytes());
    let time = u32::try_from(record.time.as_secs()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&time.to_le_bytes());
    push_compact_u64(bytes, record.services.0);
    push_addr(bytes, &record.service.addr);
    bytes.extend_from_slice(&record.service.port.to_be_bytes());
}

pub(super) fn push_addr(bytes: &mut Vec<u8>, addr: &NetAddr) {
    let (network, addr) = addr.to_bip155();
    bytes.push(network);
    push_compact_size(bytes, addr.len());
    bytes.extend_from_slice(&addr);
}

pub(super) fn record(reader: &mut Reader<'_>, file: Form) -> Result<AddrRecord, FileError> {
    let offset = reader.offset();
    let version = reader.u32("address form")?;
    let form = match version & !VERSION_IGNORED {
        0 => Form::V1,
        VERSION_ADDRV2 if file == Form::V2 => Form::V2,
        _ => {
            let why = FileWhy::RecordForm(version);
            return Err(FileError { field: "address form", offset, why });
        }
    };
    let time = UnixTime::from_secs(u64::from(reader.u32("time")?));
    let services = match form {
        Form::V1 => reader.u64("services")?,
        Form::V2 => reader.compact_u64("services")?,
    };
    let addr = addr(reader, form, "address")?;
    let port = reader.u16_be("port")?;
    Ok(AddrRecord { service: NetService { addr, port }, services: Services(services), time })
}

pub(super) fn addr(
    reader: &mut Reader<'_>,
    form: Form,
    field: &'static str,
) -> Result<NetAddr, FileError> {
    if form == Form::V1 {
        return Ok(NetAddr::from_v1(reader.array(field)?));
    }
    Ok(NetAddr::read_bip155(reader, field)?)
}
