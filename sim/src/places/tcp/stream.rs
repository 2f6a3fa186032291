//! One direction of a connection, counted from both ends: what was sent, what of that is at its
//! reader, what was read.
//!
//! A real kernel's buffers are its own affair; a schedule's are so many bytes. So the schedule's
//! are kept at the calls: a send takes as much as they have room for, and a read gives as much as
//! they let through. They hold less than a real kernel's do by default, which therefore has taken
//! all of it. The rules are those of the virtual hosts (docs/behaviour.md, TCP 10).

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// Bytes that sends took since the beginning.
    accepted: u64,
    /// How many of them the reader's window has let through: sent, and acknowledged.
    arrived: u64,
    /// How many were read.
    read: u64,
    /// Up to where the window goes.
    window_end: u64,
    send_buffer: u64,
    receive_buffer: u64,
    /// Bytes that the real kernel has, and that were lost with a reset.
    lost: u64,
    /// Whether FIN follows the last byte.
    is_finished: bool,
}

impl Stream {
    /// Nothing was sent yet. Both buffers hold at least a byte.
    pub(super) const fn new(send_buffer: usize, receive_buffer: usize) -> Self {
        Self {
            accepted: 0,
            arrived: 0,
            read: 0,
            window_end: receive_buffer as u64,
            send_buffer: send_buffer as u64,
            receive_buffer: receive_buffer as u64,
            lost: 0,
            is_finished: false,
        }
    }

    /// How much the next send may take.
    pub(super) fn room(&self) -> usize {
        let queued = self.accepted - self.arrived;
        usize::try_from(self.send_buffer.saturating_sub(queued)).unwrap_or(usize::MAX)
    }

    /// Whether a writer is told that there is room: a third is free.
    pub(super) const fn is_writable(&self) -> bool {
        (self.accepted - self.arrived) * 3 <= self.send_buffer * 2
    }

    /// How much the next read may give.
    pub(super) fn unread(&self) -> usize {
        usize::try_from(self.arrived - self.read).unwrap_or(usize::MAX)
    }

    /// Whether bytes wait for the reader's window.
    pub(super) const fn is_held_up(&self) -> bool {
        self.accepted > self.arrived
    }

    /// Whether its reader would be told of the end once it has read everything.
    pub(super) const fn is_at_end(&self) -> bool {
        self.is_finished && self.accepted == self.arrived
    }

    /// Whether its writer has finished.
    pub(super) const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Bytes that the real kernel would give and no reader gets any more.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// A send took so many.
    pub(super) const fn send(&mut self, count: usize) {
        self.accepted += count as u64;
        self.travel();
    }

    /// A read gave so many.
    pub(super) fn take(&mut self, count: usize) {
        self.read += count as u64;
        let grown = (self.read + self.receive_buffer).saturating_sub(self.window_end);
        if grown >= (self.receive_buffer / 2).max(1) {
            self.window_end = self.read + self.receive_buffer;
            self.travel();
        }
    }

    /// FIN follows the last byte.
    pub(super) const fn finish(&mut self) {
        self.is_finished = true;
    }

    /// What is held up will never arrive.
    pub(super) const fn lose(&mut self) {
        self.lost += self.accepted - self.arrived;
        self.accepted = self.arrived;
    }

    /// Its reader is gone, with all that has arrived.
    pub(super) const fn forget(&mut self) {
        self.read = self.arrived;
    }

    /// Whatever the window allows arrives, and is acknowledged with the window as it is then.
    const fn travel(&mut self) {
        loop {
            let to = if self.accepted < self.window_end { self.accepted } else { self.window_end };
            if to == self.arrived {
                return;
            }
            self.arrived = to;
            self.window_end = self.read + self.receive_buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writer_fills_both_buffers_and_is_held_up() {
        let mut stream = Stream::new(100, 50);
        assert_eq!(stream.room(), 100);
        stream.send(100);
        assert_eq!((stream.unread(), stream.room()), (50, 50));
        assert!(stream.is_held_up() && stream.is_writable());
        stream.send(50);
        assert_eq!((stream.unread(), stream.room()), (50, 0));
        assert!(!stream.is_writable());
    }

    #[test]
    fn window_is_told_anew_once_half_of_it_is_free() {
        let mut stream = Stream::new(100, 50);
        stream.send(100);
        stream.take(24);
        assert_eq!(stream.unread(), 26);
        stream.take(1);
        assert_eq!(stream.unread(), 50);
    }

    #[test]
    fn end_is_behind_what_is_held_up() {
        let mut stream = Stream::new(100, 50);
        stream.send(60);
        stream.finish();
        assert!(!stream.is_at_end());
        stream.take(50);
        assert!(stream.is_at_end());
    }

    #[test]
    fn what_is_held_up_is_lost_with_a_reset() {
        let mut stream = Stream::new(100, 50);
        stream.send(60);
        stream.lose();
        assert_eq!((stream.unread(), stream.take_lost(), stream.take_lost()), (50, 10, 0));
    }
}
