//! The same bytes without nodes.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use sha2::{Digest as _, Sha256};
use sockman::connman::blocks::Chain;
use sockman::time::UnixTime;

/// A message's header: magic, type, length, checksum.
const HEADER_BYTES: usize = 24;

/// The first bytes of the double hash.
fn checksum(payload: &[u8]) -> [u8; 4] {
    let hash = Sha256::digest(Sha256::digest(payload));
    hash[..4].try_into().expect("a hash has 32 bytes")
}

/// Sends every block over a connection, with a checksum at each end; who has a chain takes them in.
pub(crate) fn send(blocks: &[Vec<u8>], taken: Option<(Chain, UnixTime)>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let at = listener.local_addr()?;
    thread::scope(|scope| {
        let sending = scope.spawn(move || -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            blocks.iter().try_for_each(|block| send_one(&mut stream, block))
        });
        receive(TcpStream::connect(at)?, blocks.len(), taken)?;
        sending.join().map_err(|_| io::Error::other("the sender panicked"))?
    })
}

fn send_one(stream: &mut TcpStream, block: &[u8]) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    let length = u32::try_from(block.len()).map_err(io::Error::other)?;
    header[16..20].copy_from_slice(&length.to_le_bytes());
    header[20..].copy_from_slice(&checksum(block));
    let count = stream.write_vectored(&[IoSlice::new(&header), IoSlice::new(block)])?;
    let rest = count.checked_sub(HEADER_BYTES).ok_or(io::ErrorKind::WriteZero)?;
    stream.write_all(&block[rest..])
}

fn receive(
    mut stream: TcpStream,
    count: usize,
    mut taken: Option<(Chain, UnixTime)>,
) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    for _ in 0..count {
        stream.read_exact(&mut header)?;
        let length = u32::from_le_bytes(header[16..20].try_into().expect("four bytes"));
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload)?;
        if checksum(&payload) != header[20..] {
            return Err(io::Error::other("other bytes came than were sent"));
        }
        if let Some((chain, now)) = &mut taken {
            chain.take(payload, *now).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Takes every block in, with its checksum, as if it had come.
pub(crate) fn take(blocks: &[Vec<u8>], mut chain: Chain, now: UnixTime) -> io::Result<()> {
    for block in blocks {
        if checksum(block) == [0; 4] {
            return Err(io::Error::other("one in four thousand million"));
        }
        chain.take(block.clone(), now).map_err(io::Error::other)?;
    }
    Ok(())
}
