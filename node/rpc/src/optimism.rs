//! The `optimism` namespace: what the OP Stack's rollup node tells its tools, in its own forms. Numbers of blocks and
//! times are JSON numbers there.

use std::sync::Arc;

use alloy::{
    consensus::Transaction as _,
    eips::BlockNumberOrTag,
    primitives::{Address, B64, B256, U64, U256},
};
use db::{L1BlockRecord, Reader, TxLocation};
use serde::Serialize;
use stf::{Rules, block::L1Attributes, output_root, predeploys::L1_BLOCK};

use super::{RpcError, block::decode, context::Rpc, peers::Work};
use rollup::RollupConfig;

/// Slot of the `L1Block` predeploy with the weights of the fee for L1 data, in its second 64 bits.
const SCALARS_SLOT: u64 = 3;

/// First byte of the OP Stack's packed scalars, since its fork Ecotone.
const SCALARS_VERSION: u8 = 1;

/// Seconds between two blocks of Ethereum: op-node counts its window in those blocks.
const L1_BLOCK_TIME: u64 = 12;

/// Least window that op-node's own check takes.
const LEAST_WINDOW: u64 = 2;

/// A block by hash and number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OpBlockId {
    hash: B256,
    number: u64,
}

/// A block of L1. What this node does not know of it is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpL1Ref {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
}

/// A block of L2, and the L1 block that it knows.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpL2Ref {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
    #[serde(rename = "l1origin")]
    l1_origin: OpBlockId,
    /// Blocks since the first one that knew the L1 block.
    sequence_number: u64,
}

/// How far the node is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct OpSyncStatus {
    current_l1: OpL1Ref,
    current_l1_finalized: OpL1Ref,
    head_l1: OpL1Ref,
    safe_l1: OpL1Ref,
    finalized_l1: OpL1Ref,
    unsafe_l2: OpL2Ref,
    safe_l2: OpL2Ref,
    finalized_l2: OpL2Ref,
    pending_safe_l2: OpL2Ref,
    cross_unsafe_l2: OpL2Ref,
    local_safe_l2: OpL2Ref,
}

/// An output, with how far the node is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpOutput {
    version: B256,
    output_root: B256,
    block_ref: OpL2Ref,
    withdrawal_storage_root: B256,
    state_root: B256,
    sync_status: OpSyncStatus,
}

/// The safe head that followed from an L1 block.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpSafeHead {
    l1_block: OpBlockId,
    safe_head: OpBlockId,
}

/// `rollup.json` of the OP Stack, as far as this rollup has such things.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OpRollupConfig {
    genesis: OpGenesis,
    block_time: u64,
    max_sequencer_drift: u64,
    seq_window_size: u64,
    channel_timeout: u64,
    l1_chain_id: u64,
    l2_chain_id: u64,
    regolith_time: u64,
    canyon_time: u64,
    delta_time: u64,
    ecotone_time: u64,
    fjord_time: u64,
    granite_time: u64,
    holocene_time: u64,
    isthmus_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jovian_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    karst_time: Option<u64>,
    batch_inbox_address: Address,
    deposit_contract_address: Address,
    l1_system_config_address: Address,
    protocol_versions_address: Address,
}

#[derive(Clone, Debug, Serialize)]
struct OpGenesis {
    l1: OpBlockId,
    l2: OpBlockId,
    l2_time: u64,
    system_config: OpSystemConfig,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpSystemConfig {
    /// L1 alone says who posts batches.
    batcher_addr: Address,
    overhead: B256,
    scalar: B256,
    gas_limit: u64,
    eip1559_params: B64,
    operator_fee_params: B256,
    min_base_fee: u64,
    da_footprint_gas_scalar: u16,
}

impl Rpc {
    pub(crate) async fn op_output_at_block(
        self: Arc<Self>,
        block: BlockNumberOrTag,
    ) -> Result<OpOutput, RpcError> {
        self.work(Work::Light, move |rpc| {
            let reader = rpc.reader()?;
            // op-dispute-mon looks for the last two words.
            let missing =
                || RpcError::refused("failed to get L2 block ref with sync status: L2 block not found");
            let number = rpc.existing(block.into())?.ok_or_else(missing)?;
            let header = reader.header(number)?.ok_or_else(missing)?;
            Ok(OpOutput {
                version: B256::ZERO,
                output_root: output_root(&header, header.seal()),
                block_ref: rpc.op_l2_ref(&reader, number)?,
                withdrawal_storage_root: header.withdrawals_root.unwrap_or_default(),
                state_root: header.state_root,
                sync_status: rpc.op_status(&reader)?,
            })
        })
        .await
    }

    pub(crate) async fn op_sync_status(self: Arc<Self>) -> Result<OpSyncStatus, RpcError> {
        self.work(Work::Light, |rpc| rpc.op_status(&rpc.reader()?)).await
    }

    pub(crate) async fn op_rollup_config(self: Arc<Self>) -> Result<OpRollupConfig, RpcError> {
        let config = self.chain.config();
        Ok(rollup_config(config, op_genesis_l1(config, &self.reader()?)?))
    }

    pub(crate) async fn op_version(self: Arc<Self>) -> Result<String, RpcError> {
        Ok(format!("v{}-recourse", env!("CARGO_PKG_VERSION")))
    }

    /// The safe head after an L1 block, as far as L1 has been followed.
    pub(crate) async fn op_safe_head_at_l1_block(
        self: Arc<Self>,
        number: U64,
    ) -> Result<OpSafeHead, RpcError> {
        self.work(Work::Light, move |rpc| {
            let (reader, number, config) = (rpc.reader()?, number.to(), rpc.chain.config());
            if let Some(batch) = reader.last_batch_up_to(number)? {
                let hash = reader.block_hash(batch.last_block)?.ok_or(RpcError::HeaderNotFound)?;
                return Ok(OpSafeHead {
                    l1_block: OpBlockId { hash: batch.l1_hash, number: batch.l1_block },
                    safe_head: OpBlockId { hash, number: batch.last_block },
                });
            }
            if number < config.l1_start_block {
                return Err(RpcError::refused("not found"));
            }
            // Nothing but genesis follows from L1 before the first batch.
            Ok(OpSafeHead {
                l1_block: op_genesis_l1(config, &reader)?,
                safe_head: OpBlockId { hash: config.genesis_hash, number: 0 },
            })
        })
        .await
    }

    fn op_status(&self, reader: &Reader) -> Result<OpSyncStatus, RpcError> {
        // All of one snapshot.
        let unsafe_head = reader.head()?.map_or(0, |(number, _)| number);
        let (safe, finalized) = (reader.safe()?.unwrap_or(0), reader.finalized()?.unwrap_or(0));
        let current_l1 = match reader.l1_cursor()? {
            Some(cursor) => OpL1Ref { hash: cursor.hash, ..l1_ref(reader, cursor.number)? },
            None => OpL1Ref::default(),
        };
        let seen = *self.syncing.l1().borrow();
        let head_l1 = match seen.head_block {
            Some(block) if seen.head > current_l1.number => op_l1_ref(seen.head, block),
            _ => current_l1,
        };
        // What L1 calls final is not written down, but the block of a batch that is final is.
        let finalized_l1 = match reader.batch_of_block(finalized)? {
            Some(batch) => reader.batch_place(batch)?.map(|batch| l1_ref(reader, batch.l1_block)),
            None => None,
        };
        let finalized_l1 = finalized_l1.transpose()?.unwrap_or_default();
        let (unsafe_l2, safe_l2) = (self.op_l2_ref(reader, unsafe_head)?, self.op_l2_ref(reader, safe)?);
        Ok(OpSyncStatus {
            current_l1,
            current_l1_finalized: finalized_l1,
            head_l1,
            safe_l1: finalized_l1,
            finalized_l1,
            unsafe_l2,
            safe_l2,
            finalized_l2: self.op_l2_ref(reader, finalized)?,
            // A batch is applied at once, and there are no other chains to wait for.
            pending_safe_l2: safe_l2,
            cross_unsafe_l2: unsafe_l2,
            local_safe_l2: safe_l2,
        })
    }

    fn op_l2_ref(&self, reader: &Reader, number: u64) -> Result<OpL2Ref, RpcError> {
        let header = reader.header(number)?.ok_or(RpcError::HeaderNotFound)?;
        let (l1_origin, sequence_number) = match number {
            0 => (op_genesis_l1(self.chain.config(), reader)?, 0),
            _ => {
                let attributes = self.attributes_at(reader, number)?;
                (l1_id(reader, attributes.number)?, attributes.sequence_number)
            }
        };
        Ok(OpL2Ref {
            hash: header.seal(),
            number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            l1_origin,
            sequence_number,
        })
    }

    /// What L2 knew of L1 in a block: by its first transaction, or by its state where that is pruned.
    fn attributes_at(&self, reader: &Reader, number: u64) -> Result<L1Attributes, RpcError> {
        if let Some(attributes) = self.recent.block(number).and_then(|block| block.attributes().copied()) {
            return Ok(attributes);
        }
        match reader.transaction(TxLocation { block: number, index: 0 }) {
            Ok(Some(first)) => {
                let first = decode(first.raw, first.sender)?;
                if let Some(attributes) = L1Attributes::decode_call(first.envelope().input()) {
                    return Ok(attributes);
                }
            }
            Ok(None) | Err(db::Error::Pruned { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        L1Attributes::read(&mut self.state_at(number)?).map_err(RpcError::internal)
    }
}

/// An L1 block by its number. Its hash is known of the newest blocks, and of those with a batch, which blocks of L2 name.
fn l1_id(reader: &Reader, number: u64) -> Result<OpBlockId, RpcError> {
    let OpL1Ref { hash, number, .. } = l1_ref(reader, number)?;
    Ok(OpBlockId { hash, number })
}

const fn op_l1_ref(number: u64, block: L1BlockRecord) -> OpL1Ref {
    OpL1Ref { hash: block.hash, number, parent_hash: block.parent, timestamp: block.timestamp }
}

fn l1_ref(reader: &Reader, number: u64) -> Result<OpL1Ref, RpcError> {
    if let Some(block) = reader.l1_block(number)? {
        return Ok(op_l1_ref(number, block));
    }
    let batch = reader.last_batch_up_to(number)?.filter(|batch| batch.l1_block == number);
    let hash = batch.map(|batch| batch.l1_hash).unwrap_or_default();
    Ok(OpL1Ref { hash, number, ..OpL1Ref::default() })
}

/// The L1 block from which on the contracts exist.
fn op_genesis_l1(config: &RollupConfig, reader: &Reader) -> Result<OpBlockId, RpcError> {
    l1_id(reader, config.l1_start_block)
}

fn rollup_config(config: &RollupConfig, l1: OpBlockId) -> OpRollupConfig {
    let begin = |rules: Rules| {
        let activations = config.chain.forks.activations();
        activations.iter().find(|one| one.rules >= rules.id()).map(|one| one.timestamp)
    };
    let slot = B256::from(U256::from(SCALARS_SLOT));
    let l1_block = config.genesis.alloc.get(&L1_BLOCK);
    let scalars = l1_block.and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default();
    let [_, scalars, ..] = scalars.into_limbs();
    let mut scalar = B256::ZERO;
    scalar[0] = SCALARS_VERSION;
    // The blob's weight stands first there.
    scalar[24..].copy_from_slice(&scalars.rotate_left(u32::BITS).to_be_bytes());
    OpRollupConfig {
        genesis: OpGenesis {
            l1,
            l2: OpBlockId { hash: config.genesis_hash, number: 0 },
            l2_time: config.genesis.timestamp,
            system_config: OpSystemConfig {
                batcher_addr: Address::ZERO,
                overhead: B256::ZERO,
                scalar,
                gas_limit: config.genesis.gas_limit,
                eip1559_params: B64::ZERO,
                operator_fee_params: B256::ZERO,
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        },
        // Blocks come when there is something to put into them. Tools divide by this.
        block_time: 1,
        max_sequencer_drift: config.chain.max_drift,
        seq_window_size: (config.sequencer_timeout / L1_BLOCK_TIME).max(LEAST_WINDOW),
        // A batch is whole in one transaction.
        channel_timeout: 1,
        l1_chain_id: config.l1_chain_id,
        l2_chain_id: config.chain.chain_id,
        regolith_time: 0,
        canyon_time: 0,
        delta_time: 0,
        ecotone_time: 0,
        fjord_time: 0,
        granite_time: 0,
        holocene_time: 0,
        isthmus_time: 0,
        jovian_time: begin(Rules::Karst),
        karst_time: begin(Rules::Karst),
        batch_inbox_address: config.contracts.inbox,
        deposit_contract_address: config.contracts.portal,
        l1_system_config_address: config.contracts.system_config,
        protocol_versions_address: Address::ZERO,
    }
}
