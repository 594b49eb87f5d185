//! An endpoint that is behind. What it says is of one piece: a node whose head is an earlier block.

use serde_json::{Value, json};

use super::{
    Fault,
    backend::{Backend, error, number, result},
};

/// Methods with the parameter that names a block.
const BLOCK_PARAMETERS: [(&str, usize); 13] = [
    ("eth_getBlockByNumber", 0),
    ("eth_getBlockReceipts", 0),
    ("eth_getBlockTransactionCountByNumber", 0),
    ("eth_getTransactionByBlockNumberAndIndex", 0),
    ("eth_call", 1),
    ("eth_createAccessList", 1),
    ("eth_estimateGas", 1),
    ("eth_feeHistory", 1),
    ("eth_getBalance", 1),
    ("eth_getCode", 1),
    ("eth_getTransactionCount", 1),
    ("eth_getProof", 2),
    ("eth_getStorageAt", 2),
];

/// How far behind an endpoint is.
pub(super) struct Lag {
    /// Its head.
    head: u64,
    /// The newest block whose receipts it has.
    receipts: u64,
    /// The newest block of whose transactions it knows the block.
    included: u64,
    /// The newest block whose transactions it knows.
    known: u64,
    behind: bool,
}

impl Lag {
    /// As the faults say, if they say anything; nothing if L1 does not answer.
    pub(super) async fn of(faults: &[Fault], backend: &Backend) -> Option<Option<Self>> {
        let blocks = |of: fn(&Fault) -> Option<u64>| faults.iter().filter_map(of).max().unwrap_or(0);
        let behind = blocks(|fault| if let Fault::Behind(blocks) = fault { Some(*blocks) } else { None });
        let unknown = blocks(|fault| if let Fault::Late(blocks) = fault { Some(*blocks) } else { None });
        let pending =
            blocks(|fault| if let Fault::LateTransactions(blocks) = fault { Some(*blocks) } else { None });
        let late = blocks(|fault| if let Fault::LateReceipts(blocks) = fault { Some(*blocks) } else { None });
        if [behind, unknown, pending, late] == [0; 4] {
            return Some(None);
        }
        let latest = number(&backend.ask("eth_blockNumber", json!([])).await?)?;
        let head = latest.saturating_sub(behind);
        // A transaction of a later block is known all the same, as one that waits.
        let known = if unknown == 0 { u64::MAX } else { head.saturating_sub(unknown) };
        let included = head.saturating_sub(pending);
        let receipts = head.saturating_sub(late).min(known).min(included);
        Some(Some(Self { head, receipts, included, known, behind: behind > 0 }))
    }

    /// Has a call ask about the head that there is; or answers it, where it asks about blocks beyond.
    pub(super) async fn before(&self, call: &mut Value, backend: &Backend) -> Option<Value> {
        if !self.behind {
            return None;
        }
        let id = call["id"].clone();
        let method = call["method"].as_str()?.to_owned();
        if method == "eth_blockNumber" {
            return Some(result(&id, json!(format!("{:#x}", self.head))));
        }
        let unknown = match method.starts_with("eth_getBlock") {
            true => result(&id, Value::Null),
            false => error(&id, -32000, "header not found"),
        };
        if method == "eth_getLogs" {
            let filter = call["params"].get_mut(0)?;
            if let Some(hash) = filter.get("blockHash").filter(|hash| !hash.is_null()) {
                return (!self.has_block(hash, backend).await).then_some(unknown);
            }
            if number(&filter["fromBlock"]).is_some_and(|from| from > self.head) {
                return Some(result(&id, json!([])));
            }
            for end in ["fromBlock", "toBlock"] {
                filter[end] = self.block(&filter[end], backend).await.unwrap_or(self.head_value());
            }
            return None;
        }
        let (_, place) = BLOCK_PARAMETERS.iter().find(|(name, _)| *name == method)?;
        let params = call["params"].as_array_mut()?;
        if params.len() == *place {
            params.push(json!("latest"));
        }
        let block = params.get_mut(*place)?;
        match self.block(block, backend).await {
            Some(named) => *block = named,
            None => return Some(unknown),
        }
        None
    }

    fn head_value(&self) -> Value {
        json!(format!("{:#x}", self.head))
    }

    /// The block that a parameter names, as a number or hash that it has.
    async fn block(&self, named: &Value, backend: &Backend) -> Option<Value> {
        match named.as_str() {
            Some("earliest") => Some(named.clone()),
            Some("safe" | "finalized") => {
                let block = backend.ask("eth_getBlockByNumber", json!([named, false])).await?;
                Some(json!(format!("{:#x}", number(&block["number"])?.min(self.head))))
            }
            // `pending`, too: nothing waits here.
            Some("latest" | "pending") => Some(self.head_value()),
            // A hash by itself, or a number.
            Some(text) if text.len() == 66 => self.has_block(named, backend).await.then(|| named.clone()),
            Some(_) => (number(named)? <= self.head).then(|| named.clone()),
            None if named.is_null() => Some(self.head_value()),
            None if !named["blockHash"].is_null() => {
                self.has_block(&named["blockHash"], backend).await.then(|| named.clone())
            }
            None => (number(&named["blockNumber"])? <= self.head).then(|| named.clone()),
        }
    }

    async fn has_block(&self, hash: &Value, backend: &Backend) -> bool {
        let block = backend.ask("eth_getBlockByHash", json!([hash, false])).await;
        block.and_then(|block| number(&block["number"])).is_some_and(|number| number <= self.head)
    }

    /// Takes out of an answer what it does not know yet.
    pub(super) fn after(&self, method: &str, answer: &mut Value) {
        let result = &mut answer["result"];
        match method {
            "eth_getBlockByHash" if number(&result["number"]).is_some_and(|number| number > self.head) => {
                *result = Value::Null;
            }
            "eth_getTransactionReceipt" if is_after(result, self.receipts) => *result = Value::Null,
            "eth_getTransactionByHash" if is_after(result, self.known) => *result = Value::Null,
            "eth_getTransactionByHash" if is_after(result, self.included) => {
                for field in ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"] {
                    result[field] = Value::Null;
                }
            }
            _ => {}
        }
    }
}

/// Whether a transaction or receipt is of a block after this one.
fn is_after(result: &Value, block: u64) -> bool {
    number(&result["blockNumber"]).is_some_and(|number| number > block)
}
