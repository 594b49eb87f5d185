//! The proposer's own games: resolving them, moving the anchor, taking the bonds back.

use std::sync::Arc;

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use bindings::{
    IAnchorStateRegistry,
    IDisputeGame::{self, GameStatus},
    IDisputeGameFactory,
};
use tracing::{debug, info, warn};

use super::{ProposeError, TARGET};
use rollup::{
    config::Contracts,
    l1::{L1Client, L1Error, L1Header, TxManager, TxRequest},
};

/// Games that are looked through for own ones at the start, newest first. Older ones are settled, or left to others.
const DISCOVERY: u64 = 1000;

/// A game of the proposer.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnGame {
    address: Address,
    pub(super) l2_block: u64,
    pub(super) created_at: u64,
}

/// The proposer's games that are not done with.
#[derive(Debug)]
pub(super) struct OwnGames {
    txs: Arc<TxManager>,
    contracts: Contracts,
    /// How many games of the factory have been looked at; `None` before the first look.
    seen: Option<u64>,
    open: Vec<OwnGame>,
    newest: Option<OwnGame>,
}

impl OwnGames {
    pub(super) const fn new(txs: Arc<TxManager>, contracts: Contracts) -> Self {
        Self { txs, contracts, seen: None, open: Vec::new(), newest: None }
    }

    /// The own game about the highest block.
    pub(super) const fn newest(&self) -> Option<OwnGame> {
        self.newest
    }

    fn client(&self) -> &L1Client {
        self.txs.client()
    }

    /// Looks through the games that are new in the factory.
    pub(super) async fn discover(&mut self, head: &L1Header) -> Result<(), L1Error> {
        let at = BlockId::hash(head.hash);
        let factory = self.contracts.dispute_game_factory;
        let count = self.client().view(factory, IDisputeGameFactory::gameCountCall {}, at).await?;
        let count: u64 = count.saturating_to();
        // Fewer than before: a reorg took games away, and others may come in their place.
        if self.seen.is_some_and(|seen| seen > count) {
            self.forget();
        }
        let from = self.seen.unwrap_or(count.saturating_sub(DISCOVERY));
        for index in from..count {
            let call = IDisputeGameFactory::gameAtIndexCall { index: U256::from(index) };
            let address = self.client().view(factory, call, at).await?.game;
            let (proposer, l2_block, created_at) = tokio::try_join!(
                self.client().view(address, IDisputeGame::proposerCall {}, at),
                self.client().view(address, IDisputeGame::l2SequenceNumberCall {}, at),
                self.client().view(address, IDisputeGame::createdAtCall {}, at),
            )?;
            if proposer == self.txs.address() {
                let game = OwnGame { address, l2_block: l2_block.saturating_to(), created_at };
                if self.newest.is_none_or(|newest| newest.l2_block <= game.l2_block) {
                    self.newest = Some(game);
                }
                self.open.push(game);
            }
            self.seen = Some(index + 1);
        }
        self.seen = Some(count);
        Ok(())
    }

    /// Resolves and closes own games where that is possible now, and claims what they owe to this account.
    pub(super) async fn advance(&mut self, head: &L1Header, anchor: u64) -> Result<(), ProposeError> {
        let at = BlockId::hash(head.hash);
        let me = self.txs.address();
        let mut best: Option<OwnGame> = None;
        let mut done = Vec::new();
        for game in self.open.clone() {
            if !self.stands(&game, at).await? {
                debug!(target: TARGET, game = %game.address, "a game is gone after an L1 reorg");
                self.forget();
                return Ok(());
            }
            let (status, resolvable, credit) = tokio::try_join!(
                self.client().view(game.address, IDisputeGame::statusCall {}, at),
                self.client().view(game.address, IDisputeGame::resolvableCall {}, at),
                self.client().view(game.address, IDisputeGame::creditCall { recipient: me }, at),
            )?;
            match status {
                GameStatus::IN_PROGRESS => {
                    if resolvable {
                        self.send(game.address, IDisputeGame::resolveCall {}.abi_encode()).await?;
                        info!(target: TARGET, l2_block = game.l2_block, game = %game.address, "resolved a game");
                    }
                    continue;
                }
                GameStatus::DEFENDER_WINS => {}
                _ => {
                    warn!(target: TARGET, l2_block = game.l2_block, game = %game.address, "a proposal was defeated");
                    metrics::counter!("recourse_proposer_defeats_total").increment(1);
                    done.push(game.address);
                    continue;
                }
            }
            if !credit.is_zero() {
                let claim = IDisputeGame::claimCreditCall { recipient: me };
                self.send(game.address, claim.abi_encode()).await?;
                info!(target: TARGET, l2_block = game.l2_block, %credit, "took a bond back");
            }
            if game.l2_block <= anchor {
                done.push(game.address);
            } else if best.is_none_or(|best| best.l2_block < game.l2_block)
                && self.is_final(&game, at).await?
            {
                best = Some(game);
            }
        }
        self.open.retain(|game| !done.contains(&game.address));
        metrics::gauge!("recourse_proposer_open_games").set(self.open.len() as f64);
        if let Some(game) = best {
            let call = IAnchorStateRegistry::setAnchorStateCall { game: game.address };
            self.send(self.contracts.anchor_state_registry, call.abi_encode()).await?;
            metrics::gauge!("recourse_proposer_anchor_block").set(game.l2_block as f64);
            info!(target: TARGET, l2_block = game.l2_block, "moved the anchor");
        }
        Ok(())
    }

    /// Whether a game is (still) one of the factory's: an L1 reorg may take one away.
    async fn stands(&self, game: &OwnGame, at: BlockId) -> Result<bool, L1Error> {
        let registry = self.contracts.anchor_state_registry;
        let call = IAnchorStateRegistry::isGameRegisteredCall { game: game.address };
        self.client().view(registry, call, at).await
    }

    /// Looks at everything again: indices may have shifted.
    fn forget(&mut self) {
        (self.seen, self.newest) = (None, None);
        self.open.clear();
    }

    async fn is_final(&self, game: &OwnGame, at: BlockId) -> Result<bool, L1Error> {
        let registry = self.contracts.anchor_state_registry;
        let (valid, paused) = tokio::try_join!(
            self.client().view(
                registry,
                IAnchorStateRegistry::isGameClaimValidCall { game: game.address },
                at
            ),
            self.client().view(registry, IAnchorStateRegistry::pausedCall {}, at),
        )?;
        Ok(valid && !paused)
    }

    /// Whether a game can still confirm its claim.
    pub(super) async fn counts(&self, game: Address, at: BlockId) -> Result<bool, L1Error> {
        let registry = self.contracts.anchor_state_registry;
        let (status, blacklisted) = tokio::try_join!(
            self.client().view(game, IDisputeGame::statusCall {}, at),
            self.client().view(registry, IAnchorStateRegistry::isGameBlacklistedCall { game }, at),
        )?;
        Ok(!blacklisted && status != GameStatus::CHALLENGER_WINS)
    }

    async fn send(&self, to: Address, data: Vec<u8>) -> Result<(), ProposeError> {
        self.txs.send(TxRequest { to, data: Bytes::from(data), ..TxRequest::default() }).await?;
        Ok(())
    }
}
