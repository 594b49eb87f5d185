//! Answers to single calls.

use alloy::{primitives::hex, sol_types::SolEvent};
use bindings::IInbox;
use serde_json::{Value, json};

use super::{
    Fault,
    backend::{Backend, error, number, result},
    lag::Lag,
};

/// Whether a call asks for logs of more than so many blocks.
pub(super) fn is_wider(call: &Value, most: u64) -> bool {
    let filter = &call["params"][0];
    call["method"] == "eth_getLogs"
        && number(&filter["fromBlock"])
            .zip(number(&filter["toBlock"]))
            .is_some_and(|(from, to)| to.saturating_sub(from) >= most)
}

/// The answer to a call that meets these faults; none where the endpoint behind has none.
pub(super) async fn answer(mut call: Value, faults: &[Fault], backend: &Backend) -> Option<Value> {
    let id = call["id"].clone();
    let method = call["method"].as_str().unwrap_or_default().to_owned();
    for fault in faults {
        match (fault, method.as_str()) {
            (Fault::Null, _) => return Some(result(&id, Value::Null)),
            (Fault::MaxRange(most), _) if is_wider(&call, *most) => {
                return Some(error(&id, -32005, "query returned more than 10000 results"));
            }
            (Fault::OtherChain, "eth_chainId") => return Some(result(&id, json!("0x1"))),
            (Fault::OtherChain, _) => return Some(error(&id, -32000, "header not found")),
            (Fault::NoFinalized, "eth_getBlockByNumber") if call["params"][0] == "finalized" => {
                return Some(error(&id, -32602, "unknown block tag"));
            }
            (Fault::Pruned, "eth_call" | "eth_getCode") if number(&call["params"][1]).is_some() => {
                return Some(error(&id, -32000, "missing trie node"));
            }
            (Fault::NoCalls, "eth_call") => return Some(error(&id, -32000, "missing trie node")),
            (Fault::Tip(tip), "eth_maxPriorityFeePerGas") => {
                return Some(result(&id, json!(format!("{tip:#x}"))));
            }
            (Fault::OldNonces(blocks), "eth_getTransactionCount") => {
                call["params"][1] = before_head(*blocks, backend).await?;
            }
            (Fault::HeadBehind(blocks), "eth_getBlockByNumber") if call["params"][0] == "latest" => {
                call["params"][0] = before_head(*blocks, backend).await?;
            }
            (Fault::HeadBehind(blocks), "eth_blockNumber") => {
                return Some(result(&id, before_head(*blocks, backend).await?));
            }
            _ => {}
        }
    }
    let lag = Lag::of(faults, backend).await?;
    if let Some(lag) = &lag
        && let Some(answer) = lag.before(&mut call, backend).await
    {
        return Some(answer);
    }
    let mut answer = backend.forward(&call).await?;
    if let Some(lag) = &lag {
        lag.after(&method, &mut answer);
    }
    for fault in faults {
        if let Fault::Fork(blocks) = fault {
            let root = number(&before_head(*blocks, backend).await?)?;
            fork(root, &mut answer["result"]);
        }
        change(*fault, &method, &mut answer);
    }
    Some(answer)
}

/// The number of the block so many before the newest.
async fn before_head(blocks: u64, backend: &Backend) -> Option<Value> {
    let latest = number(&backend.ask("eth_blockNumber", json!([])).await?)?;
    Some(json!(format!("{:#x}", latest.saturating_sub(blocks))))
}

/// Gives a block above `root` the hash that it would have on another fork.
fn fork(root: u64, block: &mut Value) {
    let Some(above) = number(&block["number"]).and_then(|number| number.checked_sub(root + 1)) else {
        return;
    };
    flip(&mut block["hash"], 40);
    if above > 0 {
        flip(&mut block["parentHash"], 40);
    }
}

/// Changes what is in an answer.
fn change(fault: Fault, method: &str, answer: &mut Value) {
    let result = &mut answer["result"];
    match (fault, method) {
        (Fault::NoLogs, "eth_getLogs") if result.is_array() => *result = json!([]),
        (Fault::SomeLogs, "eth_getLogs") => {
            let batch = json!(hex::encode_prefixed(IInbox::BatchAppended::SIGNATURE_HASH));
            if let Some(logs) = result.as_array_mut() {
                logs.retain(|log| log["topics"][0] != batch);
            }
        }
        (Fault::ChangedLogs, "eth_getLogs") => {
            for log in result.as_array_mut().into_iter().flatten() {
                flip(&mut log["data"], 40);
            }
        }
        (Fault::ChangedTransactions, "eth_getTransactionByHash") if result.is_object() => {
            let input = &mut result["input"];
            let end = input.as_str().map_or(0, str::len);
            // The payload follows on the six arguments and its length.
            flip(input, (2 + 8 + 7 * 64 + 1).min(end.saturating_sub(1)));
        }
        // In the fifth byte of an element, so that it stays a valid one.
        (Fault::ChangedBlobs, "recourse_blobOfBatch") => flip(result, 2 + 9),
        _ => {}
    }
}

/// Changes one digit of a hexadecimal string.
fn flip(value: &mut Value, at: usize) {
    if let Some(text) = value.as_str().filter(|text| text.len() > at) {
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        *value = json!(format!("{}{digit}{}", &text[..at], &text[at + 1..]));
    }
}
