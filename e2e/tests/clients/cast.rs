//! A deposit and a withdrawal with nothing but cast: the withdrawal initiated, proven by what `cast proof` and `cast block` answer, finalized.

use std::{process::Command, time::Duration};

use alloy::{
    primitives::{B256, Log, LogData, U256, keccak256},
    sol_types::{SolEvent, SolValue},
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{IL2ToL1MessagePasser::MessagePassed, predeploys};
use e2e::net::{Deposited, until};
use serde_json::Value;
use testnet::{Summary, tools};

use super::Setting;

const DEPOSIT: &str = "depositTransaction(address,uint256,uint64,bool,bytes)";
const PROVE: &str = "proveWithdrawalTransaction((uint256,address,address,uint256,uint256,bytes),uint256,\
                     (bytes32,bytes32,bytes32,bytes32),bytes[])";
const FINALIZE: &str = "finalizeWithdrawalTransaction((uint256,address,address,uint256,uint256,bytes))";

/// Runs the real cast.
async fn cast(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(tools::cast()?);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if !output.status.success() {
        bail!("cast {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

async fn json(arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&cast(&[arguments, &["--json"]].concat()).await?)?)
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str> {
    value.as_str().with_context(|| format!("no {what}: {value}"))
}

pub(crate) async fn session(setting: &Setting, account: usize) -> Result<()> {
    let summary = &setting.summary;
    let (l1, l2) = (summary.l1_rpc.as_str(), summary.l2_rpc.as_str());
    let key = summary.accounts[account].private_key.to_string();
    let (portal, passer) =
        (summary.contracts.portal.to_string(), predeploys::L2_TO_L1_MESSAGE_PASSER.to_string());
    let to = alloy::primitives::Address::random().to_string();

    deposit(summary, &key, &to).await?;

    let call = ["initiateWithdrawal(address,uint256,bytes)", &to, "100000", "0x", "--value", "0.2ether"];
    let send = ["send", &passer, "--private-key", &key, "--rpc-url", l2];
    let receipt = json(&[&send[..], &call].concat()).await?;
    let log: LogData = serde_json::from_value(receipt["logs"][0].clone())?;
    let event = MessagePassed::decode_log(&Log { address: predeploys::L2_TO_L1_MESSAGE_PASSER, data: log })?;
    let block: U256 = text(&receipt["blockNumber"], "block number")?.parse()?;

    let (index, game_block) =
        until("a game", Duration::from_secs(120), async || game(setting, block).await).await?;
    let slot = keccak256((event.withdrawalHash, U256::ZERO).abi_encode()).to_string();
    let number = game_block.to_string();
    let proof = json(&["proof", &passer, &slot, "--block", &number, "--rpc-url", l2]).await?;
    let header = json(&["block", &number, "--rpc-url", l2]).await?;
    let nodes = proof["storageProof"][0]["proof"].as_array().context("no proof")?;
    let nodes = nodes.iter().map(|node| text(node, "node")).collect::<Result<Vec<_>>>()?.join(",");
    let withdrawal = format!(
        "({},{},{},{},{},{})",
        event.nonce, event.sender, event.target, event.value, event.gasLimit, event.data.data
    );
    let output = format!(
        "({},{},{},{})",
        B256::ZERO,
        text(&header["stateRoot"], "state root")?,
        text(&proof["storageHash"], "storage root")?,
        text(&header["hash"], "hash")?
    );
    let send = ["send", &portal, "--private-key", &key, "--rpc-url", l1];
    let prove = [PROVE, &withdrawal, &index.to_string(), &output, &format!("[{nodes}]")];
    let receipt = json(&[&send[..], &prove].concat()).await?;
    ensure!(receipt["status"] == "0x1", "proving failed: {receipt}");

    let finalize = [FINALIZE, &withdrawal];
    let early = cast(&[&send[..], &finalize].concat()).await.expect_err("it is too early");
    ensure!(early.to_string().contains("revert"), "{early}");
    let hash = event.withdrawalHash.to_string();
    let own = summary.accounts[account].address.to_string();
    let check = ["call", &portal, "checkWithdrawal(bytes32,address)", &hash, &own, "--rpc-url", l1];
    until("the withdrawal is final", Duration::from_secs(120), async || Ok(cast(&check).await.ok())).await?;
    let receipt = json(&[&send[..], &finalize].concat()).await?;
    ensure!(receipt["status"] == "0x1", "finalizing failed: {receipt}");
    assert_eq!(cast(&["balance", "--ether", &to, "--rpc-url", l1]).await?.parse::<f64>()?, 0.2);
    Ok(())
}

/// A deposit, found on L2 by the hash that clients compute.
async fn deposit(summary: &Summary, key: &str, to: &str) -> Result<()> {
    let (l1, l2) = (summary.l1_rpc.as_str(), summary.l2_rpc.as_str());
    let portal = summary.contracts.portal.to_string();
    let send = ["send", &portal, "--private-key", key, "--rpc-url", l1, DEPOSIT];
    let arguments = [to, "0.3ether", "100000", "false", "0x", "--value", "0.3ether"];
    let receipt = serde_json::from_value(json(&[&send[..], &arguments].concat()).await?)?;
    let hash = Deposited::from_receipt(&receipt)?.client_hash.to_string();
    let find = ["receipt", &hash, "--rpc-url", l2];
    let found = until("the deposit", Duration::from_secs(60), async || Ok(json(&find).await.ok())).await?;
    ensure!(found["status"] == "0x1" && found["type"] == "0x7e", "the deposit failed: {found}");
    assert_eq!(cast(&["balance", "--ether", to, "--rpc-url", l2]).await?.parse::<f64>()?, 0.3);
    Ok(())
}

/// The newest game, if it is about a block from `block` on: its index and block.
async fn game(setting: &Setting, block: U256) -> Result<Option<(U256, U256)>> {
    let l1 = setting.summary.l1_rpc.as_str();
    let factory = setting.summary.contracts.dispute_game_factory.to_string();
    let count: U256 = cast(&["call", &factory, "gameCount()", "--rpc-url", l1]).await?.parse()?;
    let Some(index) = count.checked_sub(U256::from(1)) else { return Ok(None) };
    let at = "gameAtIndex(uint256)(uint32,uint64,address)";
    let answer = cast(&["call", &factory, at, &index.to_string(), "--rpc-url", l1]).await?;
    let game = answer.lines().last().context("no game")?.trim();
    let number: U256 = cast(&["call", game, "l2SequenceNumber()", "--rpc-url", l1]).await?.parse()?;
    Ok((number >= block).then_some((index, number)))
}
