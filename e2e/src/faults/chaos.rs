use std::{ops::Range, sync::Arc, time::Duration};

use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use tokio::task::JoinHandle;

use super::{BatchRefusal, Chance, Fault, Proxy, proxy::Shared};

/// How long a mix of faults holds.
const PERIOD: Range<Duration> = Duration::from_millis(500)..Duration::from_millis(3_500);
/// The share of periods without faults: an endpoint that never works can't be worked with.
const CALM: f64 = 0.3;
/// Most faults at a time.
const MOST: usize = 3;

/// Changes a proxy's faults at random, until it is ended or dropped; then the proxy has none.
#[derive(Debug)]
pub struct Chaos {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.set_mix(Vec::new());
    }
}

impl Chaos {
    /// Starts.
    pub fn start(proxy: &Proxy, mut rng: StdRng) -> Self {
        let shared = proxy.shared();
        let inner = shared.clone();
        let task = tokio::spawn(async move {
            let mut deck = Vec::new();
            loop {
                inner.set_mix(next(&mut deck, &mut rng));
                tokio::time::sleep(rng.random_range(PERIOD)).await;
            }
        });
        Self { shared, task }
    }

    /// Names of all faults that come, sooner or later.
    pub fn names() -> Vec<&'static str> {
        use rand::SeedableRng;
        all(&mut StdRng::seed_from_u64(0)).iter().map(|chance| chance.fault.name()).collect()
    }

    /// Ends it.
    pub async fn end(mut self) {
        self.task.abort();
        // It must not set another mix behind what dropping this sets.
        let _ = (&mut self.task).await;
    }
}

/// The next mix: from a shuffled deck of all faults, so that each comes before any comes again.
fn next(deck: &mut Vec<Chance>, rng: &mut StdRng) -> Vec<Chance> {
    if rng.random_bool(CALM) {
        return Vec::new();
    }
    let count = rng.random_range(1..=MOST);
    let mut mix = Vec::new();
    for _ in 0..count {
        if deck.is_empty() {
            *deck = all(rng);
            deck.shuffle(rng);
        }
        mix.extend(deck.pop());
    }
    mix
}

/// Every kind of fault, with numbers by chance.
fn all(rng: &mut StdRng) -> Vec<Chance> {
    let retry_after = rng.random_bool(0.5).then_some(1);
    let most = rng.random_range(1..8);
    let outage = if rng.random_bool(0.3) { 1.0 } else { 0.3 };
    let lag = if rng.random_bool(0.5) { 1.0 } else { 0.5 };
    vec![
        Chance::of(Fault::Down, outage),
        Chance::of(Fault::LostAnswer, 0.2),
        // Rarely: each costs as much time as the client is willing to wait.
        Chance::of(Fault::Silent, 0.03),
        Chance::of(Fault::Delay(Duration::from_millis(rng.random_range(20..1_500))), 0.4),
        Chance::of(Fault::Garbage, 0.2),
        Chance::of(Fault::Null, 0.2),
        Chance::of(Fault::Truncated, 0.2),
        Chance::of(Fault::Status(500), 0.3),
        Chance::of(Fault::Status(502), 0.3),
        Chance::of(Fault::Status(503), 0.5),
        Chance::of(Fault::Status(504), 0.3),
        Chance::of(Fault::TooManyRequests { retry_after, json: true }, 0.5),
        Chance::of(Fault::TooManyRequests { retry_after, json: false }, 0.5),
        Chance::of(Fault::MaxBody(2_000), 1.0),
        Chance::of(Fault::MaxBatch(most, BatchRefusal::Error), 1.0),
        Chance::of(Fault::MaxBatch(most, BatchRefusal::Each), 1.0),
        Chance::of(Fault::MaxBatch(most, BatchRefusal::Page), 1.0),
        Chance::of(Fault::MaxRange(rng.random_range(1..5)), 1.0),
        Chance::of(Fault::RangeTimeout(rng.random_range(1..5)), 1.0),
        Chance::of(Fault::NoLogs, 0.5),
        Chance::of(Fault::SomeLogs, 0.5),
        Chance::of(Fault::ChangedLogs, 0.5),
        Chance::of(Fault::ChangedTransactions, 0.5),
        Chance::of(Fault::OtherChain, 0.2),
        Chance::of(Fault::Behind(rng.random_range(1..8)), lag),
        Chance::of(Fault::LateTransactions(rng.random_range(1..5)), 1.0),
        Chance::of(Fault::NoFinalized, 1.0),
    ]
}
