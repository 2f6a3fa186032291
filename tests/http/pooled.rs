//! The server with a pool of threads behind it.

use std::sync::{Arc, Mutex};

use sockman::driver::Pool;
use sockman::http::{Job, Pooled};

use super::*;

/// What lets handlers of `/wait` go on, one for each message.
type Gate = mpsc::Sender<()>;

/// A pool, and a gate before all its `/wait`.
struct Shop {
    pool: Pool,
    gate: Gate,
    passed: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Shop {
    fn open(threads: usize, queue_max: usize) -> Self {
        let (gate, passed) = mpsc::channel();
        let pool = Pool::start(threads, queue_max).unwrap();
        Self { pool, gate, passed: Arc::new(Mutex::new(passed)) }
    }

    fn serve(&self, name: &'static str) -> Running {
        let passed = Arc::clone(&self.passed);
        let handler = move |job: &Job| {
            match job.request.path() {
                "/wait" => passed.lock().unwrap().recv_timeout(PATIENCE).unwrap(),
                "/panic" => panic!("a handler that gives up"),
                _ => {}
            }
            Response::new(Status::OK).with_body(format!("{name} {}", job.request.path()))
        };
        let (handlers, answers) = self.pool.handlers(handler);
        Running::start_with(Config::DEFAULT, Pooled::new(handlers), |mailbox| {
            answers.connect(mailbox);
        })
    }

    /// Waits until so many jobs wait for a thread.
    fn until_waiting(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.pool.waiting() != count {
            assert!(Instant::now() < deadline, "{} jobs wait", self.pool.waiting());
            std::thread::yield_now();
        }
    }
}

#[test]
fn two_loops_share_one_pool_and_each_gets_its_own_answers() {
    let shop = Shop::open(3, 64);
    let servers = [shop.serve("one"), shop.serve("two")];
    std::thread::scope(|scope| {
        for client in 0..8_usize {
            let (server, name) = (&servers[client % 2], ["one", "two"][client % 2]);
            let mut client = server.connect();
            scope.spawn(move || {
                for number in 0..50 {
                    client.get(&format!("/{number}"));
                    client.expect("200 OK", &format!("{name} /{number}"));
                }
            });
        }
    });
}

#[test]
fn slow_handler_holds_up_nobody_while_a_thread_is_free() {
    let shop = Shop::open(2, 8);
    let server = shop.serve("it");
    let (mut slow, mut fast) = (server.connect(), server.connect());
    slow.get("/wait");
    for _ in 0..3 {
        fast.get("/fast");
        fast.expect("200 OK", "it /fast");
    }
    shop.gate.send(()).unwrap();
    slow.expect("200 OK", "it /wait");
}

#[test]
fn request_beyond_the_queue_is_told_so_and_the_connection_stays() {
    let shop = Shop::open(1, 1);
    let servers = [shop.serve("one"), shop.serve("two")];
    let mut clients = [servers[0].connect(), servers[1].connect(), servers[0].connect()];
    clients[0].get("/wait");
    servers[0].taken();
    shop.until_waiting(0);
    clients[1].get("/wait");
    shop.until_waiting(1);
    clients[2].get("/late");
    clients[2].expect("503 Service Unavailable", "Work queue depth exceeded");
    shop.gate.send(()).unwrap();
    clients[0].expect("200 OK", "one /wait");
    shop.until_waiting(0);
    clients[2].get("/again");
    shop.gate.send(()).unwrap();
    clients[1].expect("200 OK", "two /wait");
    clients[2].expect("200 OK", "one /again");
}

#[test]
fn stop_answers_what_the_pool_has_taken() {
    let shop = Shop::open(1, 4);
    let server = shop.serve("it");
    let mut clients = [server.connect(), server.connect(), server.connect()];
    for client in &mut clients {
        client.get("/wait");
        server.taken();
    }
    server.mailbox.push(Command::Shutdown { within: PATIENCE }).unwrap();
    (0..3).for_each(|_| shop.gate.send(()).unwrap());
    for client in &mut clients {
        assert!(client.expect("200 OK", "it /wait").contains("$Connection: close$"));
        client.expect_end();
    }
}

#[test]
fn pool_that_ends_answers_what_it_has_taken_and_takes_nothing_more() {
    let shop = Shop::open(1, 4);
    let server = shop.serve("it");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.get("/wait");
        server.taken();
    }
    (0..2).for_each(|_| shop.gate.send(()).unwrap());
    drop(shop);
    for client in &mut clients {
        client.expect("200 OK", "it /wait");
    }
    clients[0].get("/more");
    clients[0].expect("503 Service Unavailable", "Request rejected during server shutdown");
}

#[test]
fn handler_that_panics_costs_its_client_alone() {
    let shop = Shop::open(1, 4);
    let server = shop.serve("it");
    let mut client = server.connect();
    client.get("/panic");
    let head = client.expect("500 Internal Server Error", "a handler that gives up");
    assert!(head.contains("$Connection: close$"));
    client.expect_end();
    let mut client = server.connect();
    client.get("/more");
    client.expect("200 OK", "it /more");
}
