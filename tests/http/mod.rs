//! The HTTP server over loopback TCP: `Driver`, the real backend, and plain blocking clients.

#![expect(
    clippy::disallowed_methods,
    reason = "a server has a thread of its own here, and a test real deadlines"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sockman::driver::{Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::http::{
    Application, Command, Config, ConnectionSnapshot, EndReason, Inspection, Method, Notice,
    Replies, Request, RequestId, Response, Server, Status, Timeouts, Timer,
};
use sockman::sockets::{Endpoint, OsSockets, PollerWaker};
use sockman::sockman::SockMan;
use sockman::time::Now;

mod pooled;

/// How long a client waits for anything: longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a site answers that is large: more than the buffers of a connection hold.
const LARGE_BYTES: usize = 16 << 20;

/// The head of a request whose body has to be asked for, up to its length.
const EXPECTS: &str = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ";

/// Answers at once, but to what is to be answered later.
struct Site;

impl Application for Site {
    fn handle_request(
        &mut self,
        _: Now,
        id: RequestId,
        _: &Endpoint,
        request: Request,
        replies: &mut Replies,
    ) {
        let response = match request.path() {
            "/later" => return,
            "/echo" if request.method() == Method::Post => {
                Response::new(Status::OK).with_body(request.into_body())
            }
            "/hello" => Response::text(Status::OK, "hello"),
            "/large" => Response::new(Status::OK).with_body(vec![b'x'; LARGE_BYTES]),
            _ => Response::new(Status::NOT_FOUND),
        };
        replies.respond(id, response);
    }
}

/// Passes on what the server tells, and stops the driver behind the last connection.
struct Teller {
    told: mpsc::Sender<Notice>,
    mailbox: Mailbox<Command, PollerWaker>,
}

impl<A: Application> Observer<OsSockets, Server<A>> for Teller {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        if notice == Notice::Stopped {
            self.mailbox.stop();
        }
        // OK to ignore: not every test listens to the end.
        let _ = self.told.send(notice);
    }

    fn handle_inspect(&mut self, _: Now, machine: &Machine<OsSockets, Server<A>>) {
        machine.check_invariants();
    }
}

/// A server on a thread of its own, which ends with it.
struct Running {
    at: SocketAddr,
    mailbox: Mailbox<Command, PollerWaker>,
    notices: mpsc::Receiver<Notice>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(config: Config) -> Self {
        Self::start_with(config, Site, drop)
    }

    /// With another application, which gets to know the mailbox before anybody comes.
    fn start_with(
        config: Config,
        application: impl Application + Send + 'static,
        meet: impl FnOnce(Mailbox<Command, PollerWaker>) + Send + 'static,
    ) -> Self {
        let (tell, hear) = mpsc::channel();
        let (told, notices) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let sockets = OsSockets::new().unwrap();
            let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
            let mut machine = Machine::new(sockman, Server::new(config, application));
            let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = machine.listen(Now::default(), &anywhere.into()).unwrap();
            let at = machine.sockets_mut();
            let at = sockman::sockets::Sockets::listener_endpoint(at, listener).unwrap();
            let (mut driver, mailbox) = Driver::new(machine, SystemClock::start());
            meet(mailbox.clone());
            tell.send((at.ip().unwrap(), mailbox.clone())).unwrap();
            driver.run(&mut Teller { told, mailbox }).unwrap();
        });
        let (at, mailbox) = hear.recv().unwrap();
        Self { at, mailbox, notices, thread: Some(thread) }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, unread: Vec::new() }
    }

    /// The next notice that is such a one.
    fn heard<T>(&self, is_one: impl Fn(&Notice) -> Option<T>) -> T {
        loop {
            let notice = self.notices.recv_timeout(PATIENCE).expect("a notice in time");
            if let Some(found) = is_one(&notice) {
                return found;
            }
        }
    }

    /// The next request that the application has.
    fn taken(&self) -> RequestId {
        self.heard(
            |notice| {
                if let Notice::RequestTaken { id, .. } = notice { Some(*id) } else { None }
            },
        )
    }

    fn ended(&self) -> EndReason {
        self.heard(|notice| {
            if let Notice::Disconnected { reason, .. } = notice { Some(*reason) } else { None }
        })
    }

    fn respond(&self, id: RequestId, text: &'static str) {
        let response = Response::new(Status::OK).with_body(text);
        self.mailbox.push(Command::Respond { id, response }).unwrap();
    }

    fn inspect(&self) -> Inspection {
        let (reply, shown) = mpsc::sync_channel(1);
        self.mailbox.push(Command::Inspect { reply }).unwrap();
        shown.recv_timeout(PATIENCE).unwrap()
    }
}

impl Running {
    /// Waits until the server is seen in some state.
    #[track_caller]
    fn until(&self, is_so: impl Fn(&Inspection) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.inspect()) {
            assert!(Instant::now() < deadline, "{:?}", self.inspect());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.mailbox.stop();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server did not panic");
    }
}

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    fn get(&mut self, target: &str) {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }

    /// Reads some more; whether there was more.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 0x10000];
        let count = self.stream.read(&mut buffer).expect("bytes, or an end");
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// The next head, with `$` for CR LF.
    fn head(&mut self) -> String {
        let end = loop {
            let found = self.unread.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(at) = found {
                break at + 4;
            }
            assert!(self.fill(), "the server closed within a head");
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        String::from_utf8(head).unwrap().replace("\r\n", "$")
    }

    /// The next answer: its head, and its content.
    fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head();
        let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split('$').next());
        let length = length.unwrap().parse().unwrap();
        while self.unread.len() < length {
            assert!(self.fill(), "the server closed within an answer");
        }
        (head, self.unread.drain(..length).collect())
    }

    #[track_caller]
    fn expect(&mut self, status: &str, body: &str) -> String {
        let (head, content) = self.answer();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}$")), "{head}");
        assert_eq!(String::from_utf8_lossy(&content), body);
        head
    }

    /// Nothing more comes, and the end is in order.
    #[track_caller]
    fn expect_end(&mut self) {
        assert!(!self.fill(), "{:?}", String::from_utf8_lossy(&self.unread));
        assert_eq!(self.unread, b"");
    }
}

/// Whether some of a request has come, and not all of its head.
fn is_in_head(shown: &ConnectionSnapshot) -> bool {
    let head = Timer::ALL.iter().position(|timer| *timer == Timer::Head).unwrap();
    shown.deadlines[head].is_some()
}

fn timeouts(millis: u64) -> Timeouts {
    let short = Duration::from_millis(millis);
    Timeouts { idle: short, head: short, body: short, ..Timeouts::DEFAULT }
}

#[test]
fn connection_stays_for_the_next_request() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    for _ in 0..3 {
        client.get("/hello");
        client.expect("200 OK", "hello");
    }
    client.get("/nowhere");
    client.expect("404 Not Found", "");
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(client.expect("200 OK", "hello").contains("$Connection: close$"));
    client.expect_end();
    assert_eq!(server.inspect().totals.responses, 5);

    let mut client = server.connect();
    client.send("GET /hello HTTP/1.0\r\n\r\n");
    client.expect("200 OK", "hello");
    client.expect_end();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    let one = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    client.send(&(one("/later") + &one("/hello") + &one("/nowhere")));
    let id = server.taken();
    let [shown] = &server.inspect().connections[..] else { panic!("one connection") };
    assert_eq!((shown.load.requests, shown.load.requests_open), (1, 1));
    assert!(shown.load.held_bytes > 0 && !shown.is_read, "what lies there waits");
    server.respond(id, "at last");
    client.expect("200 OK", "at last");
    client.expect("200 OK", "hello");
    client.expect("404 Not Found", "");
}

#[test]
fn answers_that_come_in_another_order_leave_in_that_of_the_requests() {
    let server = Running::start(Config { requests_max: 3, ..Config::DEFAULT });
    let mut client = server.connect();
    for _ in 0..3 {
        client.get("/later");
    }
    let ids = [server.taken(), server.taken(), server.taken()];
    server.respond(ids[2], "third");
    server.respond(ids[1], "second");
    // A second answer is nobody's.
    server.respond(ids[1], "again");
    server.respond(ids[0], "first");
    for text in ["first", "second", "third"] {
        client.expect("200 OK", text);
    }
}

#[test]
fn body_in_chunks_is_put_together() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(head);
    for piece in ["4\r\nchu", "n\r\n", "3;a=b\r\nked\r\n", "0\r\nA: b\r\n\r\n"] {
        client.send(piece);
    }
    client.expect("200 OK", "chunked");
    client.send(&format!("{head}0\r\n\r\n"));
    client.expect("200 OK", "");
}

#[test]
fn body_is_sent_once_it_is_asked_for() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    client.send(&format!("{EXPECTS}4\r\n\r\n"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue$$");
    client.send("body");
    client.expect("200 OK", "body");
    // Of what is too long not a byte is asked for.
    client.send(&format!("{EXPECTS}99999999\r\n\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 413 Content Too Large$"));
}

#[test]
fn half_closed_client_gets_its_answers() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    client.get("/hello");
    client.get("/hello");
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.expect("200 OK", "hello");
    client.expect("200 OK", "hello");
    client.expect_end();
    assert_eq!(server.ended(), EndReason::ClientClosed);
}

#[test]
fn refusal_is_read_by_who_goes_on_sending() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 40000000\r\n\r\n");
    // More than the server has read by then, and than lies in its kernel.
    let junk = vec![b'x'; 1 << 20];
    for _ in 0..8 {
        client.stream.write_all(&junk).unwrap();
    }
    let (head, _) = client.answer();
    assert!(head.starts_with("HTTP/1.1 413 Content Too Large$"), "{head}");
    assert!(head.contains("$Connection: close$"), "{head}");
    client.expect_end();
}

#[test]
fn slow_reader_holds_up_nobody() {
    let server = Running::start(Config::DEFAULT);
    let mut slow = server.connect();
    slow.get("/large");
    server.taken();
    let mut quick = server.connect();
    for _ in 0..3 {
        quick.get("/hello");
        quick.expect("200 OK", "hello");
    }
    let (_, content) = slow.answer();
    assert_eq!(content.len(), LARGE_BYTES);
    slow.get("/hello");
    slow.expect("200 OK", "hello");
}

#[test]
fn who_says_nothing_or_too_little_is_not_waited_for() {
    let server = Running::start(Config { timeouts: timeouts(100), ..Config::DEFAULT });
    let mut idle = server.connect();
    idle.expect_end();
    let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx";
    for half in ["GET / HTTP/1.1\r\n", body] {
        let mut client = server.connect();
        client.send(half);
        let (head, _) = client.answer();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout$"), "{head}");
        client.expect_end();
    }
    // What the application works on is not late.
    let mut client = server.connect();
    client.get("/later");
    let id = server.taken();
    assert_eq!(server.notices.recv_timeout(Duration::from_millis(300)).ok(), None);
    server.respond(id, "late");
    client.expect("200 OK", "late");
}

#[test]
fn no_more_connections_than_may_be() {
    let server = Running::start(Config { connections_max: 1, ..Config::DEFAULT });
    let mut first = server.connect();
    first.get("/hello");
    first.expect("200 OK", "hello");
    let mut second = server.connect();
    second.expect_end();
    drop(first);
    server.ended();
    let mut third = server.connect();
    third.get("/hello");
    third.expect("200 OK", "hello");
}

#[test]
fn shutdown_answers_what_was_taken_and_nothing_else() {
    let server = Running::start(Config::DEFAULT);
    let mut idle = server.connect();
    idle.get("/hello");
    idle.expect("200 OK", "hello");
    let mut half = server.connect();
    half.send("GET /hel");
    let mut busy = server.connect();
    busy.get("/later");
    busy.get("/hello");
    // The one of the idle connection was the first.
    server.taken();
    let id = server.taken();
    server.until(|shown| shown.connections.iter().any(is_in_head));
    server.mailbox.push(Command::Shutdown { within: PATIENCE }).unwrap();
    idle.expect_end();
    half.expect_end();
    let error = TcpStream::connect(server.at).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    server.respond(id, "the last one");
    assert!(busy.expect("200 OK", "the last one").contains("$Connection: close$"));
    busy.expect_end();
    drop((idle, half, busy));
    server.heard(|notice| (*notice == Notice::Stopped).then_some(()));
}

#[test]
fn shutdown_waits_no_longer_than_it_may() {
    let server = Running::start(Config::DEFAULT);
    let mut client = server.connect();
    client.get("/later");
    server.taken();
    server.mailbox.push(Command::Shutdown { within: Duration::from_millis(50) }).unwrap();
    client.expect_end();
    assert_eq!(server.ended(), EndReason::ShutdownDeadline);
    server.heard(|notice| (*notice == Notice::Stopped).then_some(()));
}

#[test]
fn answer_has_its_date() {
    let server = Running::start(Config::DEFAULT);
    for request in ["GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "nonsense\r\n"] {
        let mut client = server.connect();
        client.send(request);
        let (head, _) = client.answer();
        let dates: Vec<_> = head.split('$').filter(|line| line.starts_with("Date: ")).collect();
        assert!(dates.len() == 1 && dates[0].ends_with(" GMT"), "{head}");
    }
}

#[test]
fn requests_of_all_connections_have_one_budget() {
    let server = Running::start(Config { held_bytes_max: 100_000, ..Config::DEFAULT });
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
    let half = "x".repeat(45_000);
    let mut first = server.connect();
    first.send(&format!("{post}{half}"));
    server.until(|shown| shown.connections.iter().any(|of| of.load.held_bytes >= 45_000));
    let mut second = server.connect();
    second.send(&format!("{post}{half}"));
    server.until(|shown| {
        shown.connections.iter().filter(|of| of.traffic.bytes_received > 45_000).count() == 2
    });
    // Whoever sends more while there is too much is refused, and what it held is free again.
    second.send(&half);
    let (head, _) = second.answer();
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable$"), "{head}");
    assert!(head.contains("$Connection: close$"), "{head}");
    second.expect_end();
    first.send(&half);
    let (head, content) = first.answer();
    assert!(head.starts_with("HTTP/1.1 200 OK$"), "{head}");
    assert_eq!(content.len(), 90_000);
    // A small one is still answered while a large one is under way.
    let mut third = server.connect();
    third.send(&format!("{post}{half}"));
    let mut fourth = server.connect();
    fourth.get("/hello");
    fourth.expect("200 OK", "hello");
}

/// The kernel takes a large answer in lumps, and nothing for long between two: a client that reads
/// steadily is not late for it.
#[test]
fn steady_reader_is_not_late_between_lumps() {
    let write = Duration::from_millis(20);
    let timeouts = Timeouts { write, answer_bytes_per_sec_min: 1 << 20, ..Timeouts::DEFAULT };
    let server = Running::start(Config { timeouts, ..Config::DEFAULT });
    let mut client = server.connect();
    client.get("/large");
    server.taken();
    // At 8 MB a second a lump, which is most of a megabyte, takes several times that; and it is
    // well above the least.
    let mut left = LARGE_BYTES;
    let began = Instant::now();
    while left > 0 {
        let due = Duration::from_millis(((LARGE_BYTES - left) as u64) * 1000 / (8 << 20));
        let early = due.saturating_sub(began.elapsed());
        assert_eq!(server.notices.recv_timeout(early).ok().filter(is_end), None, "{left}");
        client.fill();
        left -= client.unread.len().min(left);
        client.unread.clear();
    }
}

fn is_end(notice: &Notice) -> bool {
    matches!(notice, Notice::Disconnected { .. })
}

#[test]
fn who_stops_reading_is_late_in_the_end() {
    let write = Duration::from_millis(100);
    let timeouts = Timeouts { write, answer_bytes_per_sec_min: 1 << 24, ..Timeouts::DEFAULT };
    let server = Running::start(Config { timeouts, ..Config::DEFAULT });
    let mut client = server.connect();
    client.get("/large");
    assert_eq!(server.ended(), EndReason::WriteTimeout);
}
