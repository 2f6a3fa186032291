//! A connection that the plan has made fail answers every call as one that was reset, over the mock
//! and over the kernel.

use std::collections::BTreeMap;
use std::io::IoSlice;

use sockman::sockets::{
    Accepted, Closing, ConnError, ConnId, Direction, Endpoint, Failure, Interest, More, OsSockets,
    Sockets, Source, Wait,
};
use sockman_sim::contract::cases::DEADLINE;
use sockman_sim::faulty::{Faulty, Reach};
use sockman_sim::net::Loopback;
use sockman_sim::schedule::{ActorId, Call, Effect};

const ONE: ActorId = ActorId(1);

fn host() -> Endpoint {
    Endpoint::Ip(([127, 0, 0, 1], 0).into())
}

fn os() -> OsSockets {
    OsSockets::new().unwrap()
}

/// A backend on which everybody at the loopback address is the actor.
fn faulty<S: Sockets>(sockets: S) -> Faulty<S> {
    let address = host().ip().unwrap().ip();
    Faulty::new(sockets, BTreeMap::from([(address, ONE)]))
}

/// Waits until a source is ready for what is named, or over.
#[track_caller]
fn until<S: Sockets + Wait>(s: &mut S, source: Source, interest: Interest) {
    s.set_interest(source, interest).unwrap();
    let mut events = Vec::new();
    s.wait(Some(DEADLINE), &mut events).unwrap();
    assert!(events.iter().any(|event| event.source == source), "{source:?} is silent");
    s.set_interest(source, Interest::NONE).unwrap();
}

/// Both ends of a connection: who dialled, who accepted.
fn connected<S: Sockets + Wait>(s: &mut S) -> (ConnId, ConnId) {
    let listener = s.listen(&host()).unwrap();
    let at = s.listener_endpoint(listener).unwrap();
    let client = s.connect(&at).unwrap();
    until(s, Source::Conn(client), Interest::WRITE);
    s.connect_status(client).unwrap();
    until(s, Source::Listener(listener), Interest::READ);
    let Ok(Accepted::Conn { conn, .. }) = s.accept(listener) else { panic!("nobody is accepted") };
    (client, conn)
}

fn send<S: Sockets>(s: &mut S, conn: ConnId, bytes: &[u8]) -> Result<(), ConnError> {
    s.send(conn, &[IoSlice::new(bytes)], More::No).map(drop)
}

/// What a connection answers that was reset and has told so: every call, some of them again.
fn answers<S: Sockets + Wait>(s: &mut S, conn: ConnId) -> Vec<String> {
    until(s, Source::Conn(conn), Interest::NONE);
    let mut buffer = [0; 8];
    let mut said = vec![
        format!("recv {:?}", s.recv(conn, &mut buffer)),
        format!("send {:?}", send(s, conn, b"lost")),
        format!("send of nothing {:?}", send(s, conn, b"")),
        format!("take_error {:?}", s.take_error(conn)),
        format!("connect_status {:?}", s.connect_status(conn)),
        format!("peer_endpoint {:?}", s.peer_endpoint(conn)),
        format!("local_endpoint {:?}", s.local_endpoint(conn).is_ok()),
    ];
    for direction in [Direction::Write, Direction::Read, Direction::Both] {
        said.push(format!("shutdown {:?}", s.shutdown(conn, direction)));
    }
    said.push(format!("recv again {:?}", s.recv(conn, &mut buffer)));
    said.push(format!("send again {:?}", send(s, conn, b"lost")));
    said.push(format!("close {:?}", s.close(conn, Closing::Orderly)));
    said.push(format!("after the close {:?}", s.shutdown(conn, Direction::Both)));
    said
}

/// The same, of a connection that its peer resets.
fn answers_of_a_reset<S: Sockets + Wait>(sockets: S) -> Vec<String> {
    let mut s = faulty(sockets);
    let (client, server) = connected(&mut s);
    s.close(server, Closing::Reset).unwrap();
    until(&mut s, Source::Conn(client), Interest::READ);
    let reset = s.recv(client, &mut [0; 8]);
    assert_eq!(reset, Err(ConnError::Failed(Failure::Reset)));
    answers(&mut s, client)
}

/// And of one that the plan makes fail at a call, whatever is unread.
fn answers_of_a_plan<S: Sockets + Wait>(sockets: S, call: Call, effect: Effect) -> Vec<String> {
    let mut s = faulty(sockets);
    // The first send is the other end's.
    let nth = if call == Call::Send { 2 } else { 1 };
    s.plan(call, Some(ONE), nth, effect);
    let (client, server) = connected(&mut s);
    send(&mut s, server, b"unread").unwrap();
    until(&mut s, Source::Conn(client), Interest::READ);
    let failed = match call {
        Call::Recv => s.recv(client, &mut [0; 8]).map(drop),
        Call::Send | Call::Accept | Call::Connect | Call::Append | Call::Sync => {
            send(&mut s, client, b"more")
        }
    };
    assert!(matches!(failed, Err(ConnError::Failed(_))), "{failed:?}");
    assert_eq!(s.reach(call, Some(ONE), nth), Reach::Effective);
    answers(&mut s, client)
}

/// Every failure of a connection that a plan can name.
const FAILURES: [(Call, Effect); 5] = [
    (Call::Recv, Effect::Reset),
    (Call::Recv, Effect::TimedOut),
    (Call::Send, Effect::Reset),
    (Call::Send, Effect::TimedOut),
    (Call::Send, Effect::OutOfMemory),
];

#[test]
fn what_fails_by_plan_answers_as_what_was_reset() {
    let reset = answers_of_a_reset(os());
    assert_eq!(answers_of_a_reset(Loopback::default()), reset, "the mock, without a plan");
    for (call, effect) in FAILURES {
        let mock = answers_of_a_plan(Loopback::default(), call, effect);
        assert_eq!(mock, reset, "{call:?} {effect:?} over the mock");
        let kernel = answers_of_a_plan(os(), call, effect);
        assert_eq!(kernel, reset, "{call:?} {effect:?} over the kernel");
    }
}

#[test]
fn plan_for_a_connection_that_is_over_is_without_effect() {
    let mut s = faulty(Loopback::default());
    for (call, nth) in [(Call::Send, 1), (Call::Send, 2), (Call::Recv, 1)] {
        s.plan(call, Some(ONE), nth, Effect::Reset);
    }
    let (client, _) = connected(&mut s);
    send(&mut s, client, b"fails").unwrap_err();
    send(&mut s, client, b"is over").unwrap_err();
    s.recv(client, &mut [0; 8]).unwrap();
    assert_eq!(s.reach(Call::Send, Some(ONE), 1), Reach::Effective);
    assert_eq!(s.reach(Call::Send, Some(ONE), 2), Reach::WithoutEffect);
    assert_eq!(s.reach(Call::Recv, Some(ONE), 1), Reach::WithoutEffect);
}
