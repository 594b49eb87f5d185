//! What this node can serve, and who it is.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{Address, B256, U64, U256};
use serde::Serialize;
use serde_json::{Value, json};

use super::{RpcError, answer::AnswerText, context::Rpc, peers::Work, transaction::RpcTransaction, work};

/// Most slots in one request: geth's limit.
pub(crate) const MAX_STORAGE_VALUES: usize = 1024;

/// Geth's code of a request for more than that.
const CLIENT_LIMIT: i32 = -38026;

/// Bytes that a slot takes in an answer.
const STORAGE_VALUE: usize = 256;

/// `eth_capabilities` of execution-apis: from which block on there is what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Capabilities {
    head: CapabilityHead,
    state: Capability,
    tx: Capability,
    logs: Capability,
    receipts: Capability,
    blocks: Capability,
    stateproofs: Capability,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CapabilityHead {
    number: U64,
    hash: B256,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Capability {
    disabled: bool,
    oldest_block: U64,
}

impl Capability {
    fn since(block: u64) -> Self {
        Self { disabled: false, oldest_block: U64::from(block) }
    }
}

impl Rpc {
    pub(crate) async fn capabilities(self: Arc<Self>) -> Result<Capabilities, RpcError> {
        let reader = self.reader()?;
        let (number, hash) = reader.head()?.ok_or(RpcError::HeaderNotFound)?;
        let state = Capability::since(reader.oldest_state()?);
        let blocks = Capability::since(reader.oldest_block()?);
        Ok(Capabilities {
            head: CapabilityHead { number: U64::from(number), hash },
            state,
            tx: blocks,
            logs: blocks,
            receipts: blocks,
            blocks,
            // Proofs are made from the state.
            stateproofs: state,
        })
    }

    /// The next block's base fee.
    pub(crate) async fn base_fee(self: Arc<Self>) -> Result<U256, RpcError> {
        let head = self.chain.heads().unsafe_head.number;
        let block = self.clone().load(head).await?.ok_or(RpcError::HeaderNotFound)?;
        Ok(U256::from(self.next_base_fee(&block)))
    }

    /// Those waiting that the node's own accounts sent. It has none.
    pub(crate) async fn pending_transactions(self: Arc<Self>) -> Result<[(); 0], RpcError> {
        Ok([])
    }

    pub(crate) async fn transaction_by_sender_and_nonce(
        self: Arc<Self>,
        sender: Address,
        nonce: U64,
    ) -> Result<Option<RpcTransaction>, RpcError> {
        self.work(Work::Light, move |rpc| rpc.transaction_with_nonce(sender, nonce.to())).await
    }

    /// Slots of several accounts.
    pub(crate) async fn storage_values(
        self: Arc<Self>,
        slots: BTreeMap<Address, Vec<B256>>,
        block: Option<alloy::eips::BlockId>,
    ) -> Result<AnswerText, RpcError> {
        let count: usize = slots.values().map(Vec::len).sum();
        if count > MAX_STORAGE_VALUES {
            let message = format!("too many slots (max {MAX_STORAGE_VALUES})");
            return Err(RpcError::Coded { code: CLIENT_LIMIT, message });
        }
        if count == 0 {
            return Err(RpcError::invalid("empty request"));
        }
        self.answer(Work::Light, move |rpc| {
            let budget = work::current().budget;
            budget.take(STORAGE_VALUE * count)?;
            let view = rpc.state(block)?;
            let state = view.at()?;
            let values = slots.into_iter().map(|(address, slots)| {
                let hashed = alloy::primitives::keccak256(address);
                let values = slots.iter().map(|slot| {
                    budget.check_time()?;
                    let value = state.storage(&hashed, &alloy::primitives::keccak256(slot))?;
                    Ok(B256::from(value))
                });
                Ok((address, values.collect::<Result<Vec<_>, RpcError>>()?))
            });
            values.collect::<Result<BTreeMap<_, _>, RpcError>>()
        })
        .await
    }

    /// Geth's description of a node, without what a node without peers has not.
    pub(crate) async fn node_info(self: Arc<Self>) -> Result<Value, RpcError> {
        let name = self.clone().client_version().await?;
        let head = self.chain.heads().unsafe_head.hash;
        let config = self.clone().chain_config().await?;
        let (chain_id, genesis) = (config["chainId"].clone(), self.chain.config().genesis_hash);
        Ok(json!({
            "id": "",
            "name": name,
            "enode": "",
            "enr": "",
            "ip": "",
            "ports": { "discovery": 0, "listener": 0 },
            "listenAddr": "",
            "protocols": {
                "eth": {
                    "network": chain_id,
                    "genesis": genesis,
                    "config": config,
                    "head": head,
                },
            },
        }))
    }

    /// Blocks come from L1 and from the sequencer's feed, not from peers.
    pub(crate) async fn admin_peers(self: Arc<Self>) -> Result<[(); 0], RpcError> {
        Ok([])
    }

    /// The chain's rules as geth writes them down, with the times of the OP Stack's forks.
    pub(crate) async fn chain_config(self: Arc<Self>) -> Result<Value, RpcError> {
        let config = self.chain.config();
        let begin = |rules: stf::Rules| {
            let activations = config.chain.forks.activations();
            activations.iter().find(|one| one.rules >= rules.id()).map(|one| one.timestamp)
        };
        let mut fields = serde_json::Map::new();
        fields.insert("chainId".into(), config.chain.chain_id.into());
        // All that came before is in force from the beginning.
        for fork in [
            "homesteadBlock",
            "eip150Block",
            "eip155Block",
            "eip158Block",
            "byzantiumBlock",
            "constantinopleBlock",
            "petersburgBlock",
            "istanbulBlock",
            "muirGlacierBlock",
            "berlinBlock",
            "londonBlock",
            "arrowGlacierBlock",
            "grayGlacierBlock",
            "mergeNetsplitBlock",
            "bedrockBlock",
            "shanghaiTime",
            "cancunTime",
            "pragueTime",
            "regolithTime",
            "canyonTime",
            "ecotoneTime",
            "fjordTime",
            "graniteTime",
            "holoceneTime",
            "isthmusTime",
        ] {
            fields.insert(fork.into(), 0.into());
        }
        if let Some(time) = begin(stf::Rules::Karst) {
            for fork in ["osakaTime", "jovianTime", "karstTime"] {
                fields.insert(fork.into(), time.into());
            }
        }
        fields.insert("terminalTotalDifficulty".into(), 0.into());
        fields.insert("depositContractAddress".into(), json!(Address::ZERO));
        Ok(fields.into())
    }
}
