//! How much an endpoint is asked for at once.

/// Successes that it takes at first until a size that failed is tried again; twice as many each time it fails again.
const MIN_PATIENCE: u32 = 16;
/// Most of them: a failure may take half a minute, and then costs little beside what went well.
const MAX_PATIENCE: u32 = 1024;

/// A size of requests (blocks of logs, entries of a batch) that finds by itself what an endpoint can do.
///
/// Every endpoint has its limits, and each says so in another way, or in none: it refuses, answers with an error page
/// or not in time. So any failure halves the size, down to one. Successes double it again, up to the size that failed;
/// that one is tried again from time to time, as what was in the way may be gone.
#[derive(Clone, Debug)]
pub struct RequestSize {
    most: u64,
    size: u64,
    /// The smallest that failed, unless it is being tried again.
    failed: Option<u64>,
    /// At this size, in a row.
    successes: u32,
    patience: u32,
}

impl RequestSize {
    /// Asks for `most` at first, and never for more.
    pub const fn new(most: u64) -> Self {
        let most = if most == 0 { 1 } else { most };
        Self { most, size: most, failed: None, successes: 0, patience: MIN_PATIENCE / 2 }
    }

    /// Most to ask for now; never zero.
    pub const fn get(&self) -> u64 {
        self.size
    }

    /// A request for so much was answered.
    pub fn succeeded(&mut self, asked: u64) {
        // A smaller one says nothing of what is possible.
        if asked < self.size {
            return;
        }
        self.successes = self.successes.saturating_add(1);
        let next = self.size.saturating_mul(2).min(self.most);
        match self.failed {
            None => self.patience = MIN_PATIENCE / 2,
            Some(failed) if next < failed => {}
            Some(_) if self.successes < self.patience => return,
            Some(_) => self.failed = None,
        }
        if next > self.size {
            (self.size, self.successes) = (next, 0);
        }
    }

    /// A request for so much failed.
    pub fn failed(&mut self, asked: u64) {
        if self.failed.is_none() {
            self.patience = self.patience.saturating_mul(2).min(MAX_PATIENCE);
        }
        self.failed = Some(asked);
        self.size = self.size.min(asked / 2).max(1);
        self.successes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests until so much was read from an endpoint that allows `limit` at once, and how many of them failed.
    fn read(size: &mut RequestSize, limit: u64, total: u64) -> (u64, u64) {
        let (mut read, mut requests, mut failures) = (0, 0, 0);
        while read < total {
            let asked = size.get();
            assert!(asked > 0);
            requests += 1;
            if asked > limit {
                failures += 1;
                size.failed(asked);
            } else {
                size.succeeded(asked);
                read += asked;
            }
        }
        (requests, failures)
    }

    #[test]
    fn any_limit_is_found_and_seldom_hit_again() {
        for limit in [1, 2, 3, 10, 37, 500, 999, 1000, 5000] {
            let mut size = RequestSize::new(1000);
            let (requests, failures) = read(&mut size, limit, limit.min(1000) * 10_000);
            assert!(failures <= 30, "limit {limit}: {failures} of {requests} failed");
            assert!(requests <= 25_000, "limit {limit}: {requests} requests");
        }
    }

    #[test]
    fn a_limit_that_is_gone_is_forgotten_quickly() {
        let mut size = RequestSize::new(1000);
        for _ in 0..20 {
            let asked = size.get();
            size.failed(asked);
        }
        assert_eq!(size.get(), 1, "never nothing");
        let (requests, _) = read(&mut size, 1000, 1000);
        assert!(requests <= 30, "{requests} requests");
        assert_eq!(size.get(), 1000);
    }

    #[test]
    fn small_requests_say_nothing_of_large_ones() {
        let mut size = RequestSize::new(16);
        size.failed(16);
        for _ in 0..1000 {
            size.succeeded(3);
        }
        assert_eq!(size.get(), 8);
        // Another task's request, sent before the failure.
        size.failed(16);
        assert_eq!(size.get(), 8);
        assert_eq!(RequestSize::new(0).get(), 1);
    }
}
