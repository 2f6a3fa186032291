//! What becomes of the bytes that are sent.

use std::io::IoSlice;

use sockman::sockets::{
    Closing, ConnError, ConnId, Interest, More, Readiness, Received, SEND_SLICES_MAX, Sent,
    Sockets, Wait,
};

use super::fixture::{Fixture, Pair, WRITABLE, pattern};

pub(super) fn arrive_in_order_and_whole_both_ways<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    for (from, to) in [(client, server), (server, client)] {
        carry(f, from, to, 3_000_000);
    }
}

/// Sends so many bytes of the pattern and reads them, by turns.
#[track_caller]
fn carry<S: Sockets + Wait>(f: &mut Fixture<S>, from: ConnId, to: ConnId, count: usize) {
    let (mut sent, mut read) = (0, 0);
    let mut buffer = vec![0; 50_000];
    while read < count {
        let next = pattern(sent, (count - sent).min(70_000));
        if let Sent::Bytes(taken) = f.send(from, &next).unwrap() {
            sent += taken;
        }
        f.until_readable(to);
        if let Received::Bytes(more) = f.s.recv(to, &mut buffer).unwrap() {
            assert!(buffer[..more] == pattern(read, more), "other bytes after {read}");
            read += more;
        }
    }
    assert_eq!((sent, read), (count, count));
}

pub(super) fn slices_are_sent_in_order<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let parts = ["ver", "", "sion", " and ", "payload"].map(|part| IoSlice::new(part.as_bytes()));
    assert_eq!(f.s.send(client, &parts, More::No), Ok(Sent::Bytes(19)));
    f.expect_bytes(server, b"version and payload");
}

pub(super) fn slices_beyond_the_most_count_as_not_sent<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let bytes = pattern(0, SEND_SLICES_MAX + 1);
    let slices: Vec<IoSlice<'_>> = bytes.chunks(1).map(IoSlice::new).collect();
    assert_eq!(f.s.send(client, &slices, More::No), Ok(Sent::Bytes(SEND_SLICES_MAX)));
    f.s.close(client, Closing::Orderly).unwrap();
    assert_eq!(f.read_to_end(server), (pattern(0, SEND_SLICES_MAX), Ok(())));
}

pub(super) fn offering_none_does_nothing<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    assert_eq!(f.s.send(client, &[], More::No), Ok(Sent::Bytes(0)));
    assert_eq!(f.send(client, b""), Ok(Sent::Bytes(0)));
    f.fill(client);
    assert_eq!(f.send(client, b""), Ok(Sent::Bytes(0)));
    // Not even a failure is told by it.
    f.s.close(server, Closing::Reset).unwrap();
    f.until_error(client);
    assert_eq!(f.send(client, b""), Ok(Sent::Bytes(0)));
    assert!(matches!(f.recv(client), Err(ConnError::Failed(_))));
}

pub(super) fn empty_connection_would_block<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    assert_eq!(f.recv(client), Ok(Received::WouldBlock));
    assert_eq!(f.recv(server), Ok(Received::WouldBlock));
}

pub(super) fn recv_takes_what_fits_and_leaves_the_rest<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    let mut two = [0; 2];
    assert_eq!(f.s.recv(server, &mut two), Ok(Received::Bytes(2)));
    assert_eq!(&two, b"he");
    f.expect_bytes(server, b"llo");
    assert_eq!(f.recv(server), Ok(Received::WouldBlock));
}

pub(super) fn big_send_is_taken_in_part<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let bytes = pattern(0, 64 << 20);
    let Ok(Sent::Bytes(taken)) = f.send(client, &bytes) else { panic!("there is room") };
    assert!(taken > 0 && taken < bytes.len(), "no kernel buffers {taken} bytes");
    f.s.close(client, Closing::Orderly).unwrap();
    let (read, end) = f.read_to_end(server);
    assert!(read == bytes[..taken], "the bytes that were taken arrive");
    assert_eq!(end, Ok(()));
}

pub(super) fn full_buffer_would_block<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, .. } = f.pair();
    assert!(f.fill(client) > 0);
    // Acknowledgements may have made some room since, though less than makes it writable.
    let rest = [0; 1 << 16];
    while f.send(client, &rest) != Ok(Sent::WouldBlock) {}
    f.set_interest(client, Interest::WRITE);
    assert_eq!(f.look(client), Readiness::NONE);
}

pub(super) fn writable_returns_when_the_reader_drains<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let count = f.fill(client);
    f.expect_bytes(server, &pattern(0, count));
    f.set_interest(client, Interest::WRITE);
    f.wait_for(client, WRITABLE);
    f.send_all(client, b"more");
    f.expect_bytes(server, b"more");
}

pub(super) fn held_back_by_more_go_out_with_the_next_send<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let header = [IoSlice::new(b"header ")];
    assert_eq!(f.s.send(client, &header, More::Yes), Ok(Sent::Bytes(7)));
    f.send_all(client, b"payload");
    f.expect_bytes(server, b"header payload");
}

pub(super) fn held_back_by_more_go_out_with_the_close<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    assert_eq!(f.s.send(client, &[IoSlice::new(b"last")], More::Yes), Ok(Sent::Bytes(4)));
    f.s.close(client, Closing::Orderly).unwrap();
    assert_eq!(f.read_to_end(server), (b"last".to_vec(), Ok(())));
}

pub(super) fn paused_reader_gets_all_of_it_later<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::NONE);
    let count = f.fill(client);
    assert_eq!(f.look(server), Readiness::NONE);
    f.s.close(client, Closing::Orderly).unwrap();
    let (read, end) = f.read_to_end(server);
    assert!(read == pattern(0, count), "a pause loses nothing");
    assert_eq!(end, Ok(()));
}
