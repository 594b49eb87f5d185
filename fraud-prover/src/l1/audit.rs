//! Comparing what the events say with what the contracts hold: an endpoint may leave out logs without a word.

use std::collections::BTreeSet;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    sol_types::SolCall,
};
use bindings::{IDisputeGame, IMulticall3};
use rollup::l1::{L1Client, L1Error};

use super::Games;
use crate::game::{Claim, Game, Status};

/// Most claims in one call: a view of each costs some 10,000 gas, and endpoints allow millions.
const TOGETHER: usize = 250;

/// Why logs and contracts were not found to agree.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuditError {
    /// They do not: logs were left out.
    #[error("L1's logs and contracts disagree: {0}")]
    Disagree(String),
    /// The contracts could not be asked, which says nothing of the logs.
    #[error(transparent)]
    Endpoint(#[from] L1Error),
}

/// What the events say of a claim that is not resolved.
struct Expected {
    game: Address,
    id: B256,
    countered: bool,
    open_children: u64,
}

/// Asks the contracts, in L1 block `head`, which of the versions that are played are suspended, and for all claims that are
/// not resolved of games that are not. An attack, a step or a decision whose event
/// is missing shows in the status of a claim or in the number of its open children.
pub(super) async fn audit(
    client: &L1Client,
    multicall: Address,
    (games, played): (&Games, &BTreeSet<Address>),
    head: B256,
) -> Result<(), AuditError> {
    for version in played {
        let health = client.view(*version, IDisputeGame::healthCall {}, BlockId::hash(head)).await?;
        let (found, read) = (health.suspendedAt != 0, games.suspension(*version).is_some());
        if found != read {
            let text = format!("version {version} is suspended: {found}; by its logs: {read}");
            return Err(AuditError::Disagree(text));
        }
    }
    let mut expected = Vec::new();
    for entry in games.iter() {
        let game = entry.game().map_err(|error| {
            AuditError::Disagree(format!("the logs of game {} do not fit together: {error}", entry.address()))
        })?;
        // Bonds that go back resolve nothing: the contract goes on counting such claims as open.
        if game.suspension.is_some() {
            continue;
        }
        expected.extend(
            game.claims.iter().filter(|claim| !claim.status.is_resolved()).map(|claim| expect(game, claim)),
        );
    }
    for chunk in expected.chunks(TOGETHER) {
        let calls = chunk.iter().map(|claim| IMulticall3::Call3 {
            target: claim.game,
            allowFailure: false,
            callData: IDisputeGame::claimStateCall { id: claim.id }.abi_encode().into(),
        });
        let call = IMulticall3::aggregate3Call { calls: calls.collect() };
        let answers = client.view(multicall, call, BlockId::hash(head)).await?;
        if answers.len() != chunk.len() {
            let (asked, got) = (chunk.len(), answers.len());
            return Err(L1Error::InvalidResponse(format!("{got} answers to {asked} calls")).into());
        }
        for (claim, answer) in chunk.iter().zip(answers) {
            let state = IDisputeGame::claimStateCall::abi_decode_returns(&answer.returnData)
                .map_err(|error| L1Error::InvalidResponse(format!("no state of a claim: {error}")))?;
            compare(claim, &state)?;
        }
    }
    Ok(())
}

fn expect(game: &Game, claim: &Claim) -> Expected {
    let open = claim.children.iter().filter(|child| !game.claims[**child].status.is_resolved());
    Expected {
        game: game.subject.game,
        id: claim.id.0,
        countered: claim.status == Status::Countered,
        open_children: open.count() as u64,
    }
}

fn compare(claim: &Expected, state: &IDisputeGame::ClaimState) -> Result<(), AuditError> {
    let status = match claim.countered {
        true => IDisputeGame::ClaimStatus::COUNTERED,
        false => IDisputeGame::ClaimStatus::OPEN,
    };
    if state.status == status && u64::from(state.openChildren) == claim.open_children {
        return Ok(());
    }
    Err(AuditError::Disagree(format!(
        "claim {} of game {} is {:?} with {} open children, its logs give {:?} with {}",
        claim.id, claim.game, state.status, state.openChildren, status, claim.open_children
    )))
}
