//! The constants of versions of the game.

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
};
use bindings::IDisputeGame;
use rollup::l1::{L1Client, L1Error};

use crate::game::{Bonds, GameParameters, RunRules};

/// Reads the constants of a version from its contract.
pub(super) async fn read_parameters(client: &L1Client, version: Address) -> Result<GameParameters, L1Error> {
    let parameters = client.view(version, IDisputeGame::parametersCall {}, BlockId::latest()).await?;
    Ok(GameParameters {
        max_clock_duration: parameters.maxClockDuration,
        extension: parameters.clockExtension,
        boundary_extension: parameters.boundaryExtension,
        bonds: Bonds {
            root: U256::from(parameters.rootBond),
            leaf: U256::from(parameters.leafBond),
            decay: parameters.bondDecay,
        },
        rules: RunRules {
            program_root: parameters.programRoot,
            program_entry: parameters.programEntry,
            max_steps: parameters.maxSteps,
            config_hash: parameters.configHash,
        },
        verifier: parameters.riscV,
    })
}
