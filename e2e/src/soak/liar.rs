use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alloy::primitives::Address;
use anyhow::{Result, anyhow, ensure};
use fraud_prover::game::Status;

use super::Parts;
use crate::{
    dispute::{Divergence, Lie, Plot, Rival},
    net::user,
};

/// How long a dispute may take until the lie has fallen: both clocks, and what lies between.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a game may not be read: L1 may still be at a block, or a reorg has taken the game away, whose proposal is in a block
/// again by then, or never.
const MISSING: Duration = Duration::from_secs(60);
/// Blocks before the proposed one that are wrong already.
const DEPTH: u64 = 7;

/// Proposes a wrong root every so often, and defends it by the challenger's own code.
pub struct Liar {
    plots: Arc<Mutex<BTreeMap<u64, (Lie, Divergence)>>>,
    rival: Rival,
    open: Vec<OpenLie>,
    /// Whether L1 has reorgs.
    reorgs: bool,
    /// Lies so far.
    pub told: u64,
    /// Those that have fallen.
    pub beaten: u64,
    /// Those that a reorg of L1 has taken away for good.
    pub gone: u64,
}

/// A game that is not yet decided.
#[derive(Clone, Copy)]
struct OpenLie {
    game: Address,
    since: Instant,
    /// Since when it can't be read.
    missing: Option<Instant>,
}

impl Liar {
    /// Starts, without a lie. Where L1 has reorgs, a lie may be gone.
    pub fn start(parts: &Parts, reorgs: bool) -> Result<Self> {
        let plots: Arc<Mutex<BTreeMap<_, _>>> = Arc::default();
        let rival = parts.arena.rival("liar", user(6)?, Plot::Growing(plots.clone()))?;
        Ok(Self { plots, rival, open: Vec::new(), reorgs, told: 0, beaten: 0, gone: 0 })
    }

    /// Proposes a wrong root.
    pub async fn lie(&mut self, parts: &mut Parts) -> Result<()> {
        let target = parts.arena.newest();
        let (anchor, _) = parts.arena.anchor().await?;
        let block = target.saturating_sub(DEPTH).max(anchor + 1);
        let plot = (Lie::WrongReceipt { block }, Divergence::Share(300));
        self.plots.lock().map_err(|error| anyhow!("{error}"))?.insert(target, plot);
        let liar = parts.arena.liar(plot)?;
        let game = parts.arena.propose(&user(5)?, &liar, target).await?;
        self.open.push(OpenLie { game, since: Instant::now(), missing: None });
        self.told += 1;
        Ok(())
    }

    /// Looks how the lies fare; an error if one has won, or stands for too long.
    pub async fn check(&mut self, parts: &mut Parts) -> Result<()> {
        let mut open = Vec::new();
        for lie in std::mem::take(&mut self.open) {
            let OpenLie { game, since, missing } = lie;
            let state = match parts.arena.game(game).await {
                Ok(state) => state,
                // What L1 says of a block that is just made may not fit together yet; it is read again.
                Err(error) => {
                    match missing.unwrap_or_else(Instant::now) {
                        first if first.elapsed() < MISSING => {
                            open.push(OpenLie { missing: Some(first), ..lie });
                        }
                        _ if self.reorgs => self.gone += 1,
                        _ => return Err(error),
                    }
                    continue;
                }
            };
            match state.root().status {
                Status::Refuted | Status::BondDistributed => self.beaten += 1,
                Status::Upheld => {
                    ensure!(false, "a lie has won: {game}: {:#?}", parts.arena.sketch(game).await?);
                }
                _ if since.elapsed() > LIMIT => {
                    let sketch = parts.arena.sketch(game).await?;
                    ensure!(false, "a lie still stands after {} s: {game}: {sketch:#?}", LIMIT.as_secs());
                }
                _ => open.push(OpenLie { missing: None, ..lie }),
            }
        }
        self.open = open;
        Ok(())
    }

    /// Whether a lie is not yet decided.
    pub const fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Ends it.
    pub async fn end(self) -> Result<()> {
        self.rival.end().await
    }
}
