//! A node that keeps no more state than it must answers `eth_getProof` wherever a withdrawal may need it.

use std::time::Duration;

use alloy::{
    primitives::{B256, U256, keccak256},
    providers::Provider,
    sol_types::SolValue,
};
use anyhow::{Context, Result, ensure};
use bindings::{IAnchorStateRegistry, IDisputeGameFactory, IPortal, predeploys};
use e2e::net::until;

use super::Setting;

/// The anchor is asked for once a minute, and a block must be final before its state goes.
const LIMIT: Duration = Duration::from_secs(240);

/// At the block of every game from the anchor on there are the proofs that a withdrawal takes; what came long before the
/// anchor is gone.
pub(crate) async fn check(setting: &Setting) -> Result<()> {
    let l1 = setting.net.devnet.anvil.provider();
    let l2 = setting.net.devnet.sequencer()?.provider();
    let contracts = &setting.summary.contracts;
    let registry = IAnchorStateRegistry::new(contracts.anchor_state_registry, l1);
    let factory = IDisputeGameFactory::new(contracts.dispute_game_factory, l1);
    let passer = predeploys::L2_TO_L1_MESSAGE_PASSER;
    until("old state is gone", LIMIT, async || {
        Ok(l2.get_proof(passer, vec![]).number(1).await.is_err().then_some(()))
    })
    .await?;

    let count = factory.gameCount().call().await?;
    let kind = factory.GAME_TYPE().call().await?;
    let games = factory.findLatestGames(kind, count - U256::from(1), count).call().await?;
    ensure!(U256::from(games.len()) == count, "{} of {count} games are listed", games.len());
    let mut checked = 0;
    for game in games {
        let block: u64 = U256::try_from_be_slice(&game.extraData).context("no block number")?.to();
        let anchor: u64 = registry.anchors().call().await?.l2SequenceNumber.to();
        if block < anchor {
            continue;
        }
        let header = l2.get_block_by_number(block.into()).await?.context("no block of a game")?.header;
        // Slot 1 is the number of withdrawals.
        let slot = B256::with_last_byte(1);
        let proof = l2.get_proof(passer, vec![slot]).number(block).await;
        let proof = proof.with_context(|| format!("block {block}, the anchor being {anchor}"))?;
        let output = IPortal::OutputRootProof {
            version: B256::ZERO,
            stateRoot: header.state_root,
            messagePasserStorageRoot: proof.storage_hash,
            latestBlockhash: header.hash,
        };
        ensure!(keccak256(output.abi_encode()) == game.rootClaim, "block {block}: not what was proposed");
        let account =
            trie::verify_proof(header.state_root, keccak256(passer).as_slice(), &proof.account_proof);
        ensure!(account.ok().flatten().is_some(), "block {block}: no account");
        let [storage] = proof.storage_proof.as_slice() else { anyhow::bail!("one proof, please") };
        let nonce = trie::verify_proof(proof.storage_hash, keccak256(slot).as_slice(), &storage.proof);
        let nonce = nonce.ok().flatten().context("no nonce in the trie")?;
        ensure!(nonce == alloy_rlp::encode(storage.value), "block {block}: another nonce in the trie");
        checked += 1;
    }
    ensure!(checked > 1, "only {checked} games are not older than the anchor");
    Ok(())
}
