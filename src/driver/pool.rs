//! Threads that answer HTTP requests, with one bounded queue before them.
//!
//! ```text
//!   loop --> Handlers --> bounded queue --> threads --> handler --> mailbox of that loop
//!   loop --> Handlers --'                                     '--> mailbox of that loop
//! ```
//!
//! Several loops may share one pool: each has [`Handlers`] of its own, which bring answers back to
//! its mailbox. Sources: docs/behaviour.md, http 5; Core: httpserver.cpp, util/threadpool.h.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Mailbox, PushError};
use crate::http::{Command, Job, Response, Status, SubmitError, Workers};
use crate::sockets::Wake;

/// How long a worker waits before it offers an answer again to a mailbox that is full. Ours: a loop
/// carries out many commands in it, and nobody is idle meanwhile.
const AGAIN: Duration = Duration::from_millis(1);

/// What a thread does with one job.
type Work = Box<dyn FnOnce() + Send>;

/// The threads. Dropping it stops them: nothing more is taken, everything that was is answered,
/// and the threads are waited for; so not on the thread of a loop whose mailbox may be full.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads and the loops share.
struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or the pool stops.
    news: Condvar,
    queue_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    is_stopping: bool,
}

impl Pool {
    /// Starts so many threads, at least 1, before which `queue_max` jobs may wait, at least 1.
    /// Core: `-rpcthreads` = 16 and `-rpcworkqueue` = 64 if nothing is said.
    ///
    /// # Errors
    ///
    /// The system has no thread to give. Those that it gave have ended.
    pub fn start(threads: usize, queue_max: usize) -> io::Result<Self> {
        assert!(threads > 0 && queue_max > 0, "somebody works, and something may wait");
        let shared = Shared { queue: Mutex::default(), news: Condvar::new(), queue_max };
        let mut pool = Self { shared: Arc::new(shared), threads: Vec::new() };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name(format!("http-{number}"));
            pool.threads.push(builder.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// Workers for one loop, whose requests this handler answers, on any of the threads; and where
    /// the loop's mailbox is to be connected before the loop runs.
    ///
    /// A handler that panics answers its request with 500, as one that throws does in Core.
    pub fn handlers<W: Wake + 'static>(
        &self,
        handler: impl Fn(&Job) -> Response + Send + Sync + 'static,
    ) -> (Handlers<W>, Answers<W>) {
        let answers = Answers { mailbox: Arc::new(OnceLock::new()) };
        let handlers = Handlers {
            shared: Arc::clone(&self.shared),
            handler: Arc::new(handler),
            answers: Answers { mailbox: Arc::clone(&answers.mailbox) },
        };
        (handlers, answers)
    }

    /// Jobs that wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (threads, waiting) = (self.threads.len(), self.waiting());
        f.debug_struct("Pool").field("threads", &threads).field("waiting", &waiting).finish()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue().is_stopping = true;
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            // OK to ignore: a thread that panicked has said so itself.
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // OK because nothing that is done with the queue in hand can end halfway.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, work: Work) -> Result<(), SubmitError> {
        let mut queue = self.queue();
        if queue.is_stopping {
            return Err(SubmitError::Stopping);
        }
        if queue.waiting.len() >= self.queue_max {
            return Err(SubmitError::Full);
        }
        queue.waiting.push_back(work);
        drop(queue);
        self.news.notify_one();
        Ok(())
    }

    /// One thread: works until the pool stops and nothing waits.
    fn work(&self) {
        while let Some(work) = self.next() {
            work();
        }
    }

    fn next(&self) -> Option<Work> {
        let mut queue = self.queue();
        loop {
            if let Some(work) = queue.waiting.pop_front() {
                return Some(work);
            }
            if queue.is_stopping {
                return None;
            }
            queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The workers of one loop.
pub struct Handlers<W> {
    shared: Arc<Shared>,
    handler: Arc<dyn Fn(&Job) -> Response + Send + Sync>,
    answers: Answers<W>,
}

impl<W> fmt::Debug for Handlers<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handlers")
    }
}

impl<W: Wake + 'static> Workers for Handlers<W> {
    fn submit(&mut self, job: Job) -> Result<(), SubmitError> {
        // Here, and not in a thread, which would end without a word.
        assert!(self.answers.mailbox.get().is_some(), "a loop that runs is connected");
        let handler = Arc::clone(&self.handler);
        let answers = Answers { mailbox: Arc::clone(&self.answers.mailbox) };
        self.shared.submit(Box::new(move || {
            let handled = catch_unwind(AssertUnwindSafe(|| handler(&job)));
            let response = handled.unwrap_or_else(|panic| thrown(&*panic));
            answers.give(Command::Respond { id: job.id, response });
        }))
    }
}

/// The way back to one loop.
#[derive(Debug)]
pub struct Answers<W> {
    mailbox: Arc<OnceLock<Mailbox<Command, W>>>,
}

impl<W: Wake> Answers<W> {
    /// Says where answers go: to the mailbox of the driver whose application has the handlers.
    ///
    /// # Panics
    ///
    /// If it was said before.
    pub fn connect(self, mailbox: Mailbox<Command, W>) {
        assert!(self.mailbox.set(mailbox).is_ok(), "a loop has one mailbox");
    }

    /// Brings an answer back, as soon as there is room for it. Of a loop that has ended nobody
    /// waits for it.
    fn give(&self, mut answer: Command) {
        let mailbox = self.mailbox.get().expect("a loop that runs is connected");
        while let Err(PushError::Full(again)) = mailbox.push(answer) {
            answer = again;
            thread::park_timeout(AGAIN);
        }
    }
}

/// What a handler that panicked answers. Core: `http_request_cb`, 500 with the text of the
/// exception.
fn thrown(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Response::text(Status::INTERNAL_SERVER_ERROR, text).and_close()
}
