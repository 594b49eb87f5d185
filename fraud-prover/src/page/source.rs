//! What all answers are made of.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use alloy::primitives::{Address, B256, U256};
use bridge::Session;
use db::Reader;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rollup::{
    RollupConfig,
    chain::Chain,
    l1::{L1Client, L1Header, L1Status},
};
use sequencing::feed::Signers;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::{
    activity::Activity,
    bridged::WithdrawalLine,
    costs::Postings,
    error::PageError,
    explanation::{StepExplanation, StepName},
    nodes::OtherNode,
    outside::Outside,
    remembered::Remembered,
    statements::Statements,
};
use crate::{
    game::{Claim, ClaimId, Game, RunRules, Subject},
    l1::Games,
    report::ClaimVerity,
    truth::{Prover, Provers},
};

/// Requests that read the database at a time: the challenger's own work goes on beside them.
const READERS: usize = 4;

/// Claims whose judgements are remembered, some 100 bytes each. A run of the machine is forgotten when its dispute is over, and
/// what was found by it should still be seen.
const CLAIMS: usize = 1 << 16;

/// Steps that are remembered, some 10 kB each.
const STEPS: usize = 1024;

/// Batches whose transactions were counted, withdrawals that were looked at or found, games that L1 was asked about: some 100
/// bytes to 1 kB each.
const LINES: usize = 1 << 12;

/// Requests to L1 at a time, for all who look: the challenger asks the same endpoint.
const ASKING: usize = 2;

/// Requests to L1 in a second, over some time.
const RATE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Requests to L1 at once.
const BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(3);

/// What the challenger saw when it looked at L1 last.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The L1 block.
    pub(crate) head: L1Header,
    /// All games up to it.
    pub(crate) games: Arc<Games>,
    /// The account that acts.
    pub(crate) account: Option<Address>,
    /// What it has, in wei, if it was asked.
    pub(crate) balance: Option<U256>,
    /// Disagreements of VM and node that nobody has looked at.
    pub(crate) disagreements: usize,
}

/// What is known to the process.
#[derive(Clone)]
pub(crate) struct PageContext {
    /// The rollup.
    pub(crate) config: Arc<RollupConfig>,
    /// The chain that the replica derives.
    pub(crate) chain: Chain,
    /// L1.
    pub(crate) client: L1Client,
    /// How far L1 is followed.
    pub(crate) l1: watch::Receiver<L1Status>,
    /// What is true.
    pub(crate) provers: Arc<dyn Provers>,
    /// The fault proof programs' files, by their roots.
    pub(crate) programs: Vec<(B256, PathBuf)>,
    /// What was seen last; none before that.
    pub(crate) seen: watch::Receiver<Option<Seen>>,
    /// L1, and a node's methods by the chain that the replica derives.
    pub(crate) session: Arc<Session>,
    /// Who may sign confirmations, as L1 names it.
    pub(crate) signers: watch::Receiver<Signers>,
    /// A node that is asked for the newest block, which may not be on L1 yet.
    pub(crate) newest: Option<OtherNode>,
}

/// A claim's truth: of these batches, by these rules.
type JudgedKey = (ClaimId, B256, RunRules);

/// What all answers are made of.
pub(crate) struct Source {
    pub(super) known: PageContext,
    /// What others say: L1 beside its events, and a node.
    pub(super) outside: Outside,
    readers: Arc<Semaphore>,
    asking: Semaphore,
    rate: DefaultDirectRateLimiter,
    judged: Remembered<JudgedKey, ClaimVerity>,
    /// Steps that were looked at.
    pub(super) steps: Remembered<StepName, StepExplanation>,
    /// What L1 said of batches' transactions.
    pub(super) postings: Postings,
    /// Transactions and their bytes of batches, by their accumulators.
    pub(super) counts: Remembered<B256, (u64, u64)>,
    /// How far withdrawals are, as of an L1 block.
    pub(super) withdrawals: Remembered<(B256, B256), WithdrawalLine>,
    /// The transactions that started withdrawals.
    pub(super) started: Remembered<B256, B256>,
    /// Whether games count, as of an L1 block.
    pub(super) proper: Remembered<(Address, B256), bool>,
    /// What the sequencer has confirmed.
    pub(super) statements: Statements,
    /// The last hour, and until when that is not computed again.
    pub(super) activity: tokio::sync::Mutex<Option<(std::time::Instant, Arc<Activity>)>>,
    /// One question at a time to a machine that has nothing else to do.
    pub(super) machine: parking_lot::Mutex<()>,
    /// One search through logs at a time.
    pub(super) searching: Semaphore,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Source {
    pub(crate) fn new(known: PageContext) -> Arc<Self> {
        Arc::new(Self {
            known,
            outside: Outside::default(),
            readers: Arc::new(Semaphore::new(READERS)),
            asking: Semaphore::new(ASKING),
            rate: RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST)),
            judged: Remembered::new(CLAIMS),
            steps: Remembered::new(STEPS),
            postings: Postings::default(),
            counts: Remembered::new(LINES),
            withdrawals: Remembered::new(LINES),
            started: Remembered::new(LINES),
            proper: Remembered::new(LINES),
            statements: Statements::default(),
            activity: tokio::sync::Mutex::default(),
            machine: parking_lot::Mutex::default(),
            searching: Semaphore::new(1),
        })
    }

    /// What was seen last.
    pub(super) fn seen(&self) -> Result<Seen, PageError> {
        let seen = self.known.seen.borrow().clone();
        seen.ok_or_else(|| PageError::NotYet("the challenger has not read its disputes yet".into()))
    }

    /// Does what reads the database, or computes, away from the network's threads.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &Reader) -> Result<T, PageError> + Send + 'static,
    ) -> Result<T, PageError> {
        // Closed is a semaphore only on purpose.
        let turn = self.readers.clone().acquire_owned().await.map_err(PageError::internal)?;
        let source = self.clone();
        let work = move || {
            // It is the work's, which goes on when nobody waits for it any more.
            let _turn = turn;
            let reader = source.known.chain.db().read()?;
            work(&source, &reader)
        };
        tokio::task::spawn_blocking(work).await.map_err(PageError::internal)?
    }

    /// A turn to ask L1, with about so many requests.
    pub(super) async fn turn(&self, requests: NonZeroU32) -> Result<SemaphorePermit<'_>, PageError> {
        let busy = || PageError::NotYet("L1 is asked for much just now: try again in a moment".into());
        if !matches!(self.rate.check_n(requests), Ok(Ok(()))) {
            return Err(busy());
        }
        let turn = tokio::time::timeout(TURN, self.asking.acquire()).await;
        turn.map_err(|_| busy())?.map_err(PageError::internal)
    }

    /// A game's claims compared with the truth, as far as that is known. Nothing is computed for it: whoever looks must not
    /// keep the machine from what the challenger needs.
    pub(super) fn verities(&self, game: &Game) -> Vec<ClaimVerity> {
        let viewer = self.known.provers.viewer(&game.subject);
        game.claims.iter().map(|claim| self.verity(game, claim, &*viewer)).collect()
    }

    /// The same of its proposal alone.
    pub(super) fn root_verity(&self, game: &Game) -> ClaimVerity {
        self.verity(game, game.root(), &*self.known.provers.viewer(&game.subject))
    }

    fn verity(&self, game: &Game, claim: &Claim, viewer: &dyn Prover) -> ClaimVerity {
        let key = (claim.id, game.subject.batch_acc, game.subject.rules);
        let known = self.judged.get(&key);
        if let Some(known) = known.as_ref().filter(|known| known.is_whole()) {
            return known.clone();
        }
        // A run is forgotten when its dispute is over, and what was found by it should still be seen.
        let fresh = ClaimVerity::of(viewer, claim);
        match known {
            Some(known) if known.judged() >= fresh.judged() => known,
            _ => {
                self.judged.insert(key, fresh.clone());
                fresh
            }
        }
    }

    /// What is known to be true in a game.
    pub(super) fn viewer(&self, subject: &Subject) -> Box<dyn Prover> {
        self.known.provers.viewer(subject)
    }

    /// The output of a block that was derived.
    pub(super) fn output(&self, reader: &Reader, block: u64) -> Result<Option<B256>, PageError> {
        let header = reader.header(block)?;
        Ok(header.map(|header| stf::output_root(&header, header.hash())))
    }
}
