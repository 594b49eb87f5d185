use alloy::{
    primitives::{B256, U64},
    providers::Provider,
};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use testnet::{Anvil, Node};

use super::soon;

/// A block that a node names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Head {
    number: U64,
    /// Its hash.
    pub hash: B256,
}

impl Head {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.number.to()
    }
}

/// How far a node is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The newest block.
    #[serde(rename = "unsafe")]
    pub latest: Head,
    /// The newest block on L1.
    pub safe: Head,
    /// The newest block on finalized L1.
    pub finalized: Head,
    l1_cursor: U64,
    batches: U64,
}

impl NodeStatus {
    /// The L1 block up to which L1 was followed.
    pub fn l1(&self) -> u64 {
        self.l1_cursor.to()
    }

    /// Batches read from L1.
    pub fn batches(&self) -> u64 {
        self.batches.to()
    }

    /// Waits until a node's safe head is at or past this block.
    pub async fn wait_safe(node: &Node, number: u64) -> Result<Self> {
        soon(&format!("safe block {number} on {}", node.options.name), async || {
            let status = status(node).await?;
            ensure!(status.safe.number() >= number, "safe is {}", status.safe.number());
            Ok(Some(status))
        })
        .await
    }

    /// Waits until a node has followed L1 to its newest block as of now.
    pub async fn wait_l1(node: &Node, l1: &Anvil) -> Result<Self> {
        let number = l1.provider().get_block_number().await?;
        soon(&format!("L1 block {number} on {}", node.options.name), async || {
            let status = status(node).await?;
            ensure!(status.l1() >= number, "L1 cursor is {}", status.l1());
            Ok(Some(status))
        })
        .await
    }
}

/// How far a node is now.
pub async fn status(node: &Node) -> Result<NodeStatus> {
    node.call("recourse_status", serde_json::json!([])).await
}

/// A block of a node, as it answers; fails if it has none.
pub async fn block(node: &Node, number: u64) -> Result<Value> {
    let block: Value = node.call("eth_getBlockByNumber", (U64::from(number), false)).await?;
    ensure!(block["hash"].is_string(), "{} has no block {number}", node.options.name);
    Ok(block)
}

/// A receipt, as a node answers, if it has one.
pub async fn receipt(node: &Node, hash: B256) -> Result<Option<Value>> {
    let receipt: Value = node.call("eth_getTransactionReceipt", [hash]).await?;
    Ok((!receipt.is_null()).then_some(receipt))
}

impl Head {
    /// Checks that a node has this very block. The hash commits to the whole chain and state up to it.
    pub async fn check_on(&self, node: &Node) -> Result<()> {
        let block = block(node, self.number()).await?;
        let hash: B256 = serde_json::from_value(block["hash"].clone()).context("the block has no hash")?;
        let name = &node.options.name;
        ensure!(hash == self.hash, "{name} has {hash} at {}, expected {}", self.number(), self.hash);
        Ok(())
    }
}
