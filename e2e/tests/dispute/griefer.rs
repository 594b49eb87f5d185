//! Players who want nothing but to do harm.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use anyhow::Result;
use e2e::dispute::Arena;
use fraud_prover::{
    game::{Claim, Game, Level, Status},
    l1::MoveCall,
    truth::{Provers, commitments},
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// What a griefer has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) copies: u32,
    pub(crate) freeloading: u32,
    pub(crate) spam: u32,
    pub(crate) refused: u32,
}

/// Copies honest answers and abandons them, attacks invalid claims beside the honest with garbage, and spams.
pub(crate) struct Griefer {
    pub(crate) key: PrivateKeySigner,
    pub(crate) budget: u32,
    pub(crate) deeds: Deeds,
}

impl Griefer {
    pub(crate) fn new(key: PrivateKeySigner, budget: u32) -> Self {
        Self { key, budget, deeds: Deeds::default() }
    }

    pub(crate) fn account(&self) -> Address {
        self.key.address()
    }

    /// Makes some move in a game, if it has moves left.
    pub(crate) async fn act(&mut self, arena: &mut Arena, game: Address, rng: &mut StdRng) -> Result<()> {
        if self.budget == 0 {
            return Ok(());
        }
        let state = arena.game(game).await?;
        let Some((call, deed)) = self.choose(arena, &state, rng) else {
            return Ok(());
        };
        self.budget -= 1;
        match arena.manager(&self.key).send(call.into()).await {
            Ok(_) => match deed {
                Deed::Copy => self.deeds.copies += 1,
                Deed::Freeload => self.deeds.freeloading += 1,
                Deed::Spam => self.deeds.spam += 1,
            },
            Err(_) => self.deeds.refused += 1,
        }
        Ok(())
    }

    /// Attacks the first segment of a claim with garbage.
    pub(crate) async fn attack(&mut self, arena: &Arena, state: &Game, claim: &Claim) -> Result<()> {
        let segments = claim.segment_interval(0).map_or(0, |segment| segment.segments());
        let values = (0..segments).map(|segment| B256::from(U256::from(segment + 1)));
        let call = MoveCall::attack(state, claim.id, 0, values.collect())?;
        arena.manager(&self.key).send(call.into()).await?;
        Ok(())
    }

    fn choose(&self, arena: &Arena, state: &Game, rng: &mut StdRng) -> Option<(MoveCall, Deed)> {
        let prover = arena.observer.honest.prover(&state.subject);
        let open: Vec<&Claim> = state.claims.iter().filter(|claim| claim.status == Status::Open).collect();
        let claim = open.choose(rng)?;
        let segment = rng.random_range(0..claim.interval.segments()) as u8;
        let interval = claim.segment_interval(segment)?;
        if interval.length < 2 {
            if claim.level == Level::Blocks {
                // A run that never was, of one step.
                let state_bytes = Bytes::from(vec![0; 337]);
                let hash = alloy::primitives::keccak256(&state_bytes);
                let call = MoveCall::attack_block(state, claim.id, segment, 1, vec![hash], state_bytes);
                return Some((call.ok()?, Deed::Spam));
            }
            let call = MoveCall::step(state, claim.id, segment, Bytes::new(), Bytes::new());
            return Some((call.ok()?, Deed::Spam));
        }
        let right = commitments(&*prover, claim.level, interval);
        let (values, deed) = match right {
            Ok(values) if rng.random_ratio(1, 2) => (values, Deed::Copy),
            Ok(mut values) => {
                let from = rng.random_range(0..values.len());
                values[from..].fill_with(|| B256::from(rng.random::<[u8; 32]>()));
                (values, Deed::Freeload)
            }
            Err(_) => {
                let segments = usize::try_from(interval.segments()).ok()?;
                (vec![B256::from(U256::from(rng.random::<u64>())); segments], Deed::Spam)
            }
        };
        Some((MoveCall::attack(state, claim.id, segment, values).ok()?, deed))
    }
}

enum Deed {
    Copy,
    Freeload,
    Spam,
}
