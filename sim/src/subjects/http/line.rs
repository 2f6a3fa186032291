//! Workers without threads: which of them makes the next step is the schedule's to say.

use std::collections::VecDeque;

use sockman::http::{Job, RequestId, Response, SubmitError, Workers};
use sockman::time::Instant;

use super::desk::{content_of, delay_in};

/// Most workers: each is a task of its own.
pub(super) const WORKERS_MAX: usize = 3;

/// What a worker has taken, and when it is done with it.
#[derive(Clone, Debug)]
struct Work {
    job: Job,
    done_at: Instant,
}

/// The queue, and the workers behind it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    queue_max: usize,
    waiting: VecDeque<Job>,
    workers: Vec<Option<Work>>,
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It takes the job that has waited longest.
    Take(RequestId),
    /// It is done with what it has taken.
    Finish(RequestId),
}

impl Line {
    pub(super) fn new(workers: usize, queue_max: usize) -> Self {
        assert!((1..=WORKERS_MAX).contains(&workers) && queue_max > 0, "the settings are bounded");
        Self { queue_max, waiting: VecDeque::new(), workers: vec![None; workers] }
    }

    /// Most jobs that may wait.
    pub(super) const fn queue_max(&self) -> usize {
        self.queue_max
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Requests that wait or are worked on.
    pub(super) fn ids(&self) -> impl Iterator<Item = RequestId> {
        let taken = self.workers.iter().flatten().map(|work| work.job.id);
        self.waiting.iter().map(|job| job.id).chain(taken)
    }

    /// What a worker could do now; there may be no such worker.
    pub(super) fn next(&self, worker: usize, now: Instant) -> Option<Next> {
        match self.workers.get(worker)? {
            Some(work) => (work.done_at <= now).then_some(Next::Finish(work.job.id)),
            None => self.waiting.front().map(|job| Next::Take(job.id)),
        }
    }

    /// A worker makes its next step; the answer, if it is done.
    pub(super) fn step(&mut self, worker: usize, now: Instant) -> Option<(RequestId, Response)> {
        match self.next(worker, now).expect("the task is runnable") {
            Next::Take(_) => {
                let job = self.waiting.pop_front().expect("it was seen");
                let done_at = now + delay_in(job.request.path());
                self.workers[worker] = Some(Work { job, done_at });
                None
            }
            Next::Finish(_) => {
                let Work { job, .. } = self.workers[worker].take().expect("it was seen");
                Some((job.id, content_of(job.request.path())))
            }
        }
    }

    /// When a worker will have something to do.
    pub(super) fn next_wakeup(&self, now: Instant) -> Option<Instant> {
        let has_idle = self.workers.iter().any(Option::is_none);
        let takes = (has_idle && !self.waiting.is_empty()).then_some(now);
        self.workers.iter().flatten().map(|work| work.done_at).chain(takes).min()
    }
}

impl Workers for Line {
    fn submit(&mut self, job: Job) -> Result<(), SubmitError> {
        if self.waiting.len() >= self.queue_max {
            return Err(SubmitError::Full);
        }
        self.waiting.push_back(job);
        Ok(())
    }
}
