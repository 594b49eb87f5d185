//! By when users have to begin to leave.

use super::Governed;

/// Claims of one path of a dispute with an extension of the clock, and those of them whose side may have to run the VM next:
/// disputes are up to 14 claims deep (`l1-contracts/README.md`, "Clocks").
const EXTENDED_CLAIMS: u64 = 10;
const BOUNDARY_CLAIMS: u64 = 3;

/// How long it takes to leave, in seconds, from a withdrawal on L2 to its payment on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitWindow {
    /// While the rollup is run as it should be.
    pub usual: u64,
    /// In spite of owner, guardian, batcher and proposer together: forced inclusion, a dispute and the air gap, the same again
    /// because the guardian has excluded the first game, and a pause.
    pub worst: u64,
}

impl ExitWindow {
    /// Of a rollup.
    pub fn of(governed: &Governed) -> Self {
        let game = &governed.parameters;
        let extensions = game.clockExtension.saturating_mul(EXTENDED_CLAIMS);
        let boundary = game.boundaryExtension.saturating_mul(BOUNDARY_CLAIMS);
        let dispute =
            game.maxClockDuration.saturating_mul(2).saturating_add(extensions).saturating_add(boundary);
        let final_after =
            |time: u64| time.saturating_add(governed.finality_delay).max(governed.proof_maturity);
        let games = final_after(dispute).saturating_mul(2);
        Self {
            usual: final_after(game.maxClockDuration),
            worst: governed.force_delay.saturating_add(games).saturating_add(governed.pause_duration),
        }
    }
}
