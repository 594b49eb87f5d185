//! Moves as transactions.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use bindings::{IDisputeGame, IMulticall3};
use rollup::l1::TxRequest;

use crate::game::{Claim, ClaimId, Game, Level};

/// A claim as the contract takes it.
pub fn claim_of(game: &Game, claim: &Claim) -> IDisputeGame::Claim {
    let boot_hash = match claim.level {
        Level::Blocks => B256::ZERO,
        Level::Steps { boot_hash, .. } => boot_hash,
    };
    IDisputeGame::Claim {
        parent: game.parent(claim).map(|parent| parent.id.0).unwrap_or_default(),
        part: claim.segment,
        level: claim.level.number(),
        bootHash: boot_hash,
        start: claim.interval.start,
        length: claim.interval.length,
        agreed: claim.agreed,
    }
}

/// The game has no such claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("game has no claim {0}")]
pub struct MissingClaim(pub ClaimId);

/// A call of a game's contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveCall {
    /// The contract.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// The bond, in wei.
    pub value: U256,
}

impl MoveCall {
    fn new(game: &Game, call: &impl SolCall, value: U256) -> Self {
        Self { to: game.subject.game, data: call.abi_encode().into(), value }
    }

    /// Attacks a segment of more than one block or step.
    pub fn attack(
        game: &Game,
        id: ClaimId,
        segment: u8,
        commitments: Vec<B256>,
    ) -> Result<Self, MissingClaim> {
        let claim = game.claim(id).ok_or(MissingClaim(id))?;
        let call = IDisputeGame::attackCall {
            claim: claim_of(game, claim),
            vector: claim.commitments.clone(),
            part: segment,
            attackVector: commitments,
        };
        Ok(Self::new(game, &call, game.parameters.bonds.of(claim.depth + 1)))
    }

    /// Attacks a segment of one block by a run of `steps` steps that ends in the packed `last_state`.
    pub fn attack_block(
        game: &Game,
        id: ClaimId,
        segment: u8,
        steps: u64,
        commitments: Vec<B256>,
        last_state: Bytes,
    ) -> Result<Self, MissingClaim> {
        let claim = game.claim(id).ok_or(MissingClaim(id))?;
        let call = IDisputeGame::attackBlockCall {
            claim: claim_of(game, claim),
            vector: claim.commitments.clone(),
            part: segment,
            steps,
            attackVector: commitments,
            lastState: last_state,
        };
        Ok(Self::new(game, &call, game.parameters.bonds.of(claim.depth + 1)))
    }

    /// Proves a step.
    pub fn step(
        game: &Game,
        id: ClaimId,
        segment: u8,
        state: Bytes,
        witness: Bytes,
    ) -> Result<Self, MissingClaim> {
        let claim = game.claim(id).ok_or(MissingClaim(id))?;
        let call = IDisputeGame::stepCall {
            claim: claim_of(game, claim),
            vector: claim.commitments.clone(),
            part: segment,
            state,
            witness,
        };
        Ok(Self::new(game, &call, U256::ZERO))
    }

    /// Resolves a claim.
    pub fn resolve_claim(game: &Game, id: ClaimId) -> Result<Self, MissingClaim> {
        let claim = game.claim(id).ok_or(MissingClaim(id))?;
        let commitments: Vec<u8> = claim.commitments.iter().flat_map(|value| value.0).collect();
        let call =
            IDisputeGame::decideCall { claim: claim_of(game, claim), vectorHash: keccak256(commitments) };
        Ok(Self::new(game, &call, U256::ZERO))
    }

    /// Distributes the bond of a refuted claim.
    pub fn distribute_bond(game: &Game, id: ClaimId) -> Self {
        Self::new(game, &IDisputeGame::settleCall { id: id.0 }, U256::ZERO)
    }

    /// Gives the bond of a claim back, because the machine is broken.
    pub fn reclaim(game: &Game, id: ClaimId) -> Self {
        Self::new(game, &IDisputeGame::reclaimCall { id: id.0 }, U256::ZERO)
    }

    /// Pays out what the game owes to an account.
    pub fn claim_credit(game: &Game, recipient: Address) -> Self {
        Self::new(game, &IDisputeGame::claimCreditCall { recipient }, U256::ZERO)
    }

    /// Several calls that do not depend on who makes them, in one transaction. Each may fail: somebody else may have made
    /// it already.
    pub fn together(calls: Vec<Self>, multicall: Address) -> TxRequest {
        let calls = calls.into_iter().map(|call| IMulticall3::Call3 {
            target: call.to,
            allowFailure: true,
            callData: call.data,
        });
        let call = IMulticall3::aggregate3Call { calls: calls.collect() };
        TxRequest { to: multicall, data: call.abi_encode().into(), ..TxRequest::default() }
    }
}

impl From<MoveCall> for TxRequest {
    fn from(call: MoveCall) -> Self {
        Self { to: call.to, data: call.data, value: call.value, ..Self::default() }
    }
}
