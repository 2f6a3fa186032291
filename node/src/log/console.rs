//! Stdout behind a queue, so that the node never waits for whoever reads its log.
//!
//! A thread of its own writes, in order. While nobody reads, lines wait, up to a bound; those
//! beyond it are lost, and a line says how many as soon as there is room. At the end what waits is
//! written out for as long as somebody reads. What cannot be written, as to a file on a full disk,
//! is lost, and stderr hears of it once; of a pipe that was closed nobody needs to.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::{Heading, tell_lost};

/// Bytes that wait at most: some thousand lines, far more than a reader is ever behind who reads at
/// all. As many again may be with the thread.
const WAITING_BYTES_MAX: usize = 1 << 18;

/// Bytes of a write at most, if lines permit. A pipe takes so many at once or none, so that lines
/// of several processes do not mix (`PIPE_BUF`, pipe(7)).
const WRITE_BYTES_MAX: usize = 4096;

/// How long the end waits for a reader who takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens stdout.
///
/// # Errors
///
/// The system has no descriptor or no thread left.
pub(super) fn open(heading: Heading) -> io::Result<(Console, Flush)> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (queue, changed) = (Mutex::default(), Condvar::new());
    let shared = Arc::new(Shared { queue, changed, heading });
    let (console, flush) = (Console(Arc::clone(&shared)), Flush(Arc::clone(&shared)));
    thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(&stdout))?;
    Ok((console, flush))
}

/// The end where lines go in.
pub(super) struct Console(Arc<Shared>);

impl Console {
    /// Adds a line.
    pub(super) fn add(&self, line: &[u8]) {
        self.0.queue().push(line, |lost| self.0.lost_line(lost));
        self.0.changed.notify_all();
    }
}

/// Writes out what waits when it is dropped.
pub(crate) struct Flush(Arc<Shared>);

impl Drop for Flush {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.close(|lost| self.0.lost_line(lost));
        self.0.changed.notify_all();
        while !queue.is_written() {
            let before = queue.written;
            let unchanged = |queue: &mut Queue| queue.written == before && !queue.is_written();
            let waited = self.0.changed.wait_timeout_while(queue, PATIENCE, unchanged);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return;
            }
            queue = after;
        }
    }
}

/// What the two ends share.
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    heading: Heading,
}

impl Shared {
    /// OK to go on after a panic: every change of the queue is whole.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost_line(&self, lost: u64) -> String {
        self.heading.lost_line(lost, "nobody read the log")
    }

    /// The thread: writes what comes until the end.
    fn write_to(&self, stdout: &File) {
        let mut is_told = false;
        let mut lines = Vec::new();
        loop {
            let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.is_closed;
            let waited = self.changed.wait_while(self.queue(), idle);
            let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
            if queue.waiting.is_empty() {
                return;
            }
            lines.clear();
            std::mem::swap(&mut lines, &mut queue.waiting);
            queue.taken += lines.len() as u64;
            drop(queue);
            let written = self.write_lines(stdout, &lines);
            if let Some(error) = written.err().filter(|_| !is_told) {
                is_told = true;
                tell_lost(&"stdout", &error);
            }
        }
    }

    /// Writes some lines. After an error the rest of them is given up: it would go the same way.
    fn write_lines(&self, stdout: &File, mut lines: &[u8]) -> io::Result<()> {
        let mut result = Ok(());
        while !lines.is_empty() {
            let count = match write(stdout, &lines[..piece(lines)]) {
                Ok(count) => count,
                Err(error) => {
                    if error.kind() != io::ErrorKind::BrokenPipe {
                        result = Err(error);
                    }
                    lines.len()
                }
            };
            lines = &lines[count..];
            self.queue().written += count as u64;
            self.changed.notify_all();
        }
        result
    }
}

/// How much of some lines is written at once: whole lines, if the first is not too long.
fn piece(lines: &[u8]) -> usize {
    let most = &lines[..lines.len().min(WRITE_BYTES_MAX)];
    most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |place| place + 1)
}

/// Writes some bytes, at least one. Waits for room, also if somebody made stdout non-blocking.
fn write(mut stdout: &File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stdout.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Lines on their way.
#[derive(Default)]
struct Queue {
    /// Whole lines that nobody has taken yet.
    waiting: Vec<u8>,
    /// Lines lost since the last one that waits.
    lost: u64,
    /// Bytes that the thread has taken, and those of them that it has done with.
    taken: u64,
    written: u64,
    is_closed: bool,
}

impl Queue {
    /// Adds a line; before it, if any were lost, the line that says how many.
    fn push(&mut self, line: &[u8], lost_line: impl Fn(u64) -> String) {
        // Once lines are lost, they are until there is room for many: one gap, not a hundred.
        let most = if self.lost == 0 { WAITING_BYTES_MAX } else { WAITING_BYTES_MAX / 2 };
        if self.waiting.len() + line.len() > most {
            self.lost += 1;
            return;
        }
        self.tell_lost(lost_line);
        self.waiting.extend_from_slice(line);
    }

    /// Nothing more will come.
    fn close(&mut self, lost_line: impl Fn(u64) -> String) {
        self.tell_lost(lost_line);
        self.is_closed = true;
    }

    fn tell_lost(&mut self, lost_line: impl Fn(u64) -> String) {
        if self.lost > 0 {
            self.waiting.extend_from_slice(lost_line(self.lost).as_bytes());
            self.lost = 0;
        }
    }

    fn is_written(&self) -> bool {
        self.waiting.is_empty() && self.taken == self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, line: &[u8]) {
        queue.push(line, |lost| format!("{lost} lost\n"));
    }

    #[test]
    fn lines_beyond_the_bound_are_counted_and_told_of() {
        let mut queue = Queue::default();
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        for _ in 0..WAITING_BYTES_MAX / 1024 {
            push(&mut queue, &line);
        }
        assert_eq!((queue.waiting.len(), queue.lost), (WAITING_BYTES_MAX, 0));
        push(&mut queue, b"lost\n");
        push(&mut queue, b"lost\n");
        assert_eq!((queue.waiting.len(), queue.lost), (WAITING_BYTES_MAX, 2));
        // Room for a line is not enough.
        queue.waiting.truncate(WAITING_BYTES_MAX - 1024);
        push(&mut queue, b"lost\n");
        assert_eq!(queue.lost, 3);
        queue.waiting.clear();
        push(&mut queue, b"here\n");
        push(&mut queue, b"again\n");
        assert_eq!(queue.waiting, b"3 lost\nhere\nagain\n");
        queue.lost = 1;
        queue.close(|lost| format!("{lost} lost\n"));
        assert_eq!(queue.waiting, b"3 lost\nhere\nagain\n1 lost\n");
    }

    #[test]
    fn writes_end_with_a_line() {
        assert_eq!(piece(b"one\n"), 4);
        assert_eq!(piece(b"one\ntwo\n"), 8);
        assert_eq!(piece(b"no end"), 6);
        let long = [&[b'a'; 5000][..], b"\n"].concat();
        assert_eq!(piece(&long), WRITE_BYTES_MAX);
        let second_too_long = [&b"one\n"[..], &long].concat();
        assert_eq!(piece(&second_too_long), 4);
    }
}
