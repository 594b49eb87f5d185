//! The games' constants.

use alloy::{eips::BlockId, primitives::U256};
use bindings::{IDisputeGame, IDisputeGameFactory};
use rollup::{
    config::Contracts,
    l1::{L1Client, L1Error},
};

use crate::game::{Bonds, GameParameters};

/// Reads the games' constants from their implementation.
pub(super) async fn read_parameters(
    client: &L1Client,
    contracts: &Contracts,
) -> Result<GameParameters, L1Error> {
    let factory = contracts.dispute_game_factory;
    let latest = BlockId::latest();
    let code = client.view(factory, IDisputeGameFactory::gameImplementationCall {}, latest).await?;
    let parameters = client.view(code, IDisputeGame::parametersCall {}, latest).await?;
    Ok(GameParameters {
        max_clock_duration: parameters.maxClockDuration,
        extension: parameters.clockExtension,
        boundary_extension: parameters.boundaryExtension,
        max_steps: parameters.maxSteps,
        bonds: Bonds {
            root: U256::from(parameters.rootBond),
            leaf: U256::from(parameters.leafBond),
            decay: parameters.bondDecay,
        },
        program_root: parameters.programRoot,
        program_entry: parameters.programEntry,
        verifier: parameters.riscV,
    })
}
