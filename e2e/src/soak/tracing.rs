//! Readers of traces.

use alloy::{
    primitives::U256,
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Codes of errors that name a limit: of what a request takes, and of what it answers.
const LIMITS: [i64; 2] = [-32005, -32003];

/// What became of a block's traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traced {
    /// They are right.
    Right,
    /// A limit refused them.
    Refused,
    /// The block was replaced meanwhile, or is not there.
    Replaced,
}

/// Asks for the traces of the block so many before the newest, and checks them against the block.
pub(super) async fn trace(node: &RootProvider, tracer: &str, before: u64) -> Result<Traced> {
    let latest = node.get_block_number().await?;
    let number = json!(format!("{:#x}", latest.saturating_sub(before).max(1)));
    let block = |full| node.raw_request::<_, Value>("eth_getBlockByNumber".into(), (number.clone(), full));
    let expected = block(true).await?;
    let options = json!({ "tracer": tracer });
    let traces =
        node.raw_request::<_, Value>("debug_traceBlockByNumber".into(), (number.clone(), options)).await;
    if expected.is_null() || block(false).await?["hash"] != expected["hash"] {
        return Ok(Traced::Replaced);
    }
    let traces = match traces {
        Ok(traces) => traces,
        Err(error) if error.as_error_resp().is_some_and(|error| LIMITS.contains(&error.code)) => {
            return Ok(Traced::Refused);
        }
        Err(error) => return Err(error.into()),
    };
    check(&expected, &traces, tracer).with_context(|| format!("{tracer} of block {number}"))?;
    Ok(Traced::Right)
}

/// Whether these can be the traces of a block: one of each transaction, by its sender, with all the gas that was used.
fn check(block: &Value, traces: &Value, tracer: &str) -> Result<()> {
    let transactions = block["transactions"].as_array().context("a block without transactions")?;
    let traces = traces.as_array().context("no list")?;
    ensure!(traces.len() == transactions.len(), "{} of {} transactions", traces.len(), transactions.len());
    let mut gas = U256::ZERO;
    for (tx, trace) in transactions.iter().zip(traces) {
        let hash = &tx["hash"];
        ensure!(trace["txHash"] == *hash, "{} where {hash} is expected", trace["txHash"]);
        let result = &trace["result"];
        let sender = tx["from"].as_str().context("a transaction without sender")?;
        if tracer == "callTracer" {
            ensure!(result["from"] == sender && result["value"] == tx["value"], "{hash}: {result}");
            gas += serde_json::from_value::<U256>(result["gasUsed"].clone()).context("no gas")?;
        } else {
            ensure!(result[sender].is_object(), "{hash}: the sender is missing: {result}");
        }
    }
    let used = serde_json::from_value::<U256>(block["gasUsed"].clone()).context("a block without gas")?;
    ensure!(tracer != "callTracer" || gas == used, "{gas} gas, the block says {used}");
    Ok(())
}
