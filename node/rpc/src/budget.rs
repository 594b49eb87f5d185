//! Budgets: how much memory and time requests may take, counted while their answers are made.
//!
//! A budget is a node of a tree. What is taken from one is taken from all above it, or from none:
//!
//! ```text
//! all requests of the process ◀─ those of an address ◀─ a message ◀─ a request, one or one of a batch
//! ```
//!
//! A request takes what it is about to hold, as near as that can be told: memory of the EVM, what is read into it, frames and
//! steps of a trace, the text of the answer. It gives back all but the length of its answer when that is made, and the rest
//! when the answer is written or dropped: a client that does not read what it asked for holds its own share, and no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::RpcError;

/// Most bytes that one request may hold. The logs of the largest block fit, once as they are and twice as text.
pub(crate) const REQUEST_MEMORY: usize = 192 << 20;

/// Most bytes that the requests of a message, a batch that is, hold together.
pub(crate) const MESSAGE_MEMORY: usize = 224 << 20;

/// Most bytes that all requests hold together, unless an option says something else. With what a node takes without any,
/// and with what the allocator keeps for itself, that is less than a gigabyte.
pub(crate) const PROCESS_MEMORY: usize = 448 << 20;

/// The part of it that the requests of one address may hold together: others can always do something.
pub(crate) const PEER_SHARE: usize = 2;

const _: () = assert!(REQUEST_MEMORY <= MESSAGE_MEMORY && MESSAGE_MEMORY <= PROCESS_MEMORY / PEER_SHARE);

/// The longest that a request may take, unless an option says something else. A call of all gas that is allowed takes a
/// second or two.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All requests of the process.
    Process,
    /// The requests of one address.
    Peer,
    /// The filters of all clients, which stay when their requests are answered.
    Filters,
    /// The requests of one message.
    Message,
    /// A request.
    Request,
}

/// When work must have ended.
#[derive(Debug)]
struct Deadline {
    end: Instant,
    /// Whose time it is.
    of: Scope,
    /// How long that is from its start.
    time: Duration,
}

/// Bytes that may be held. What is held when a budget is dropped goes back to those above it.
#[derive(Debug)]
pub(crate) struct Budget {
    scope: Scope,
    limit: usize,
    held: AtomicUsize,
    above: Option<Arc<Self>>,
    /// When the work must have ended, and why.
    deadline: Option<Deadline>,
    /// Nobody waits for the answer any more.
    is_given_up: AtomicBool,
    /// For work on a network's thread: what may take long is not even begun.
    is_brief: bool,
}

impl Budget {
    /// A budget of its own.
    pub(crate) const fn new(scope: Scope, limit: usize) -> Self {
        let (held, is_given_up) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { scope, limit, held, above: None, deadline: None, is_given_up, is_brief: false }
    }

    /// A budget within this one.
    pub(crate) fn within(self: &Arc<Self>, scope: Scope, limit: usize) -> Self {
        let mut new = Self::new(scope, limit);
        new.above = Some(self.clone());
        new
    }

    /// The same, for a request that must end after some time.
    pub(crate) fn for_at_most(mut self, time: Duration) -> Self {
        self.deadline = Some(Deadline { end: Instant::now() + time, of: Scope::Request, time });
        self
    }

    /// The same, for work that is done on a network's thread if that takes no longer than so.
    pub(crate) fn brief(mut self, time: Duration) -> Self {
        self.is_brief = true;
        self.for_at_most(time)
    }

    /// The same, for a request of a batch that began at `start`: until the request's time is over, or the batch's is.
    pub(crate) fn in_batch(self, time: Duration, start: Instant, batch: Duration) -> Self {
        let mut new = self.for_at_most(time);
        let of_batch = Deadline { end: start + batch, of: Scope::Message, time: batch };
        new.deadline = new.deadline.take().into_iter().chain([of_batch]).min_by_key(|deadline| deadline.end);
        new
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    /// Nothing is taken where that would be more than the limit, here or above.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), RpcError> {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let taken = match before.checked_add(bytes) {
            Some(after) if after <= self.limit => {
                self.above.as_ref().map_or(Ok(()), |above| above.take(bytes))
            }
            _ => Err(self.exceeded()),
        };
        taken.inspect_err(|_| {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        })
    }

    /// Gives back bytes that were taken.
    pub(crate) fn give(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(above) = &self.above {
            above.give(bytes);
        }
    }

    /// Holds exactly so many bytes from now on, whatever the limit: they are there already.
    pub(crate) fn settle(&self, bytes: usize) {
        let before = self.held.swap(bytes, Ordering::Relaxed);
        let mut above = &self.above;
        while let Some(budget) = above {
            budget.held.fetch_add(bytes, Ordering::Relaxed);
            budget.held.fetch_sub(before, Ordering::Relaxed);
            above = &budget.above;
        }
    }

    /// Bytes that are held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The answer is not waited for any more.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Whether there is time to go on.
    ///
    /// # Errors
    /// The time of the request is over, or its client has gone.
    pub(crate) fn check_time(&self) -> Result<(), RpcError> {
        match &self.deadline {
            Some(Deadline { end, of, time }) if *end <= Instant::now() => Err(RpcError::Limit(match of {
                Scope::Message => format!("the batch takes longer than {time:?}: ask for less at once"),
                _ => format!("request takes longer than {time:?}: ask for less"),
            })),
            _ if self.is_given_up.load(Ordering::Relaxed) => {
                Err(RpcError::Limit("the client has gone".into()))
            }
            _ => Ok(()),
        }
    }

    /// Whether something that may take long may be done.
    ///
    /// # Errors
    /// Not here.
    pub(crate) fn check_long(&self) -> Result<(), RpcError> {
        match self.is_brief {
            true => Err(RpcError::Limit("this takes long".into())),
            false => Ok(()),
        }
    }

    /// The time that is left.
    pub(crate) fn time_left(&self) -> Duration {
        let left = |deadline: &Deadline| deadline.end.saturating_duration_since(Instant::now());
        self.deadline.as_ref().map_or(REQUEST_TIME, left)
    }

    fn exceeded(&self) -> RpcError {
        let limit = self.limit;
        RpcError::Limit(match self.scope {
            Scope::Process => {
                format!("server is busy: all requests together take more than {limit} bytes: try again later")
            }
            Scope::Peer => {
                format!("requests of one address together take more than {limit} bytes: try again later")
            }
            Scope::Filters => format!("filters together take more than {limit} bytes"),
            Scope::Message => {
                format!("the batch takes more than {limit} bytes of memory: ask for less at once")
            }
            Scope::Request => format!("request takes more than {limit} bytes of memory: ask for less"),
        })
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if let Some(above) = &self.above {
            above.give(*self.held.get_mut());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_below_is_taken_above_and_given_back() {
        let process = Arc::new(Budget::new(Scope::Process, 100));
        let peer = Arc::new(process.within(Scope::Peer, 50));
        let request = peer.within(Scope::Request, 40);
        request.take(40).unwrap();
        assert_eq!((request.held(), peer.held(), process.held()), (40, 40, 40));
        let refused = request.take(1).unwrap_err().to_string();
        assert_eq!(refused, "request takes more than 40 bytes of memory: ask for less");
        let other = peer.within(Scope::Request, 40);
        let refused = other.take(11).unwrap_err().to_string();
        assert!(refused.starts_with("requests of one address together take more than 50 bytes"), "{refused}");
        assert_eq!((other.held(), peer.held(), process.held()), (0, 40, 40), "nothing remains of it");
        // Another address has the rest.
        let stranger = Arc::new(process.within(Scope::Peer, 50)).within(Scope::Request, 60);
        let refused =
            Arc::new(process.within(Scope::Peer, 99)).within(Scope::Request, 99).take(61).unwrap_err();
        assert!(refused.to_string().starts_with("server is busy"), "{refused}");
        stranger.take(50).unwrap();
        // The answer is made, and is longer than what is free.
        request.settle(45);
        assert_eq!((peer.held(), process.held()), (45, 95));
        drop(request);
        assert_eq!((peer.held(), process.held()), (0, 50));
        drop(stranger);
        assert_eq!(process.held(), 0);
    }

    #[test]
    fn what_overflows_is_refused() {
        let budget = Budget::new(Scope::Request, usize::MAX);
        budget.take(usize::MAX).unwrap();
        assert!(budget.take(1).is_err());
        assert_eq!(budget.held(), usize::MAX);
    }

    #[test]
    fn time_ends_and_so_does_what_nobody_waits_for() {
        let budget = Budget::new(Scope::Request, 1).for_at_most(Duration::from_secs(3600));
        budget.check_time().unwrap();
        budget.give_up();
        assert!(budget.check_time().is_err());
        let over = Budget::new(Scope::Request, 1).for_at_most(Duration::ZERO).check_time().unwrap_err();
        assert_eq!(over.to_string(), "request takes longer than 0ns: ask for less");
        let start = Instant::now();
        let late = Budget::new(Scope::Request, 1).in_batch(Duration::from_secs(9), start, Duration::ZERO);
        let over = late.check_time().unwrap_err();
        assert_eq!(over.to_string(), "the batch takes longer than 0ns: ask for less at once");
    }
}
