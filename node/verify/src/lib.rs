//! `recourse-node verify-rollup`: a user's check of what he is told to trust.
//!
//! From L1 alone it compares all of a deployment with this release, in one L1 block: code, links, powers, delays, the
//! version of the game, the genesis. It trusts the L1 endpoint, and nothing that stands on L1.
//!
//! - `read`: asks L1 for facts, which are `evidence`.
//! - `compare`: what of them is not what this release deploys, a file for each theme. Pure.
//! - [`ExitTimes`]: how long it takes to leave.
//! - [`VerifyReport`]: one row for each comparison.
//! - [`Program`]: the fault proof program as the contracts know it.
//!
//! Errors are about L1's endpoint or the files: they say nothing of the rollup. What is wrong with the rollup is a row.

pub mod args;
mod compare;
mod evidence;
mod exit;
mod program;
mod read;
mod report;
mod roles;
mod vaults;

use rollup::{
    RollupConfig,
    l1::{L1Client, L1Error},
};

pub use exit::ExitTimes;
pub use program::Program;
pub use report::{CheckRow, RowVerdict, Theme, VerifyReport};

/// Compares a rollup on L1 with this release and with its `rollup.json`.
///
/// # Errors
/// L1 does not answer, which says nothing of the rollup.
pub async fn verify(
    client: &L1Client,
    config: &RollupConfig,
    program: &Program,
) -> Result<VerifyReport, L1Error> {
    let head = client.head().await?;
    let found = client.chain_id();
    if found != config.l1_chain_id {
        let (number, hash) = (head.number(), head.hash);
        let rows = vec![compare::other_chain(config.l1_chain_id, found)];
        return Ok(VerifyReport { l1_chain_id: found, l1_block: number, l1_hash: hash, rows });
    }
    let (head, evidence) = read::read(client, config, head).await?;
    Ok(VerifyReport {
        l1_chain_id: found,
        l1_block: head.number(),
        l1_hash: head.hash,
        rows: compare::compare(config, program, &evidence),
    })
}
