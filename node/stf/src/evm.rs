//! The one way to an EVM of this rollup: for blocks, calls, traces and replays.
//!
//! What may differ between them is named by the arguments of [`evm`]: a call relaxes the configuration, a trace brings an
//! inspector. The [`Rules`] and the block's environment are the same everywhere.

use alloy_consensus::Header;
use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::SYSTEM_ADDRESS};
use alloy_primitives::{B256, Bytes, U256};
use op_revm::{
    DefaultOp, L1BlockInfo, OpBuilder, OpContext, OpSpecId, OpTransactionError, api::builder::DefaultOpEvm,
};
use revm::{
    Context, Database, DatabaseCommit, ExecuteEvm, SystemCallEvm,
    context::{BlockEnv, CfgEnv, ContextTr, result::EVMError},
    context_interface::block::BlobExcessGasAndPrice,
};

use crate::{blake2, rules::Rules};

/// The EVM type of a block over a state.
pub type BlockEvm<DB, INSP = ()> = DefaultOpEvm<OpContext<DB>, INSP>;

/// The EVM's block environment for a header (its number, time, beneficiary, gas limit, base fee, randomness).
pub fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        // There are no blobs on L2: excess zero, price one wei.
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}

/// The EVM's configuration for a chain under the rules of a block ([`ChainConfig::rules_at`](crate::ChainConfig::rules_at)
/// its timestamp).
pub fn evm_config(rules: Rules, chain_id: u64) -> CfgEnv<OpSpecId> {
    let mut config = CfgEnv::new_with_spec(rules.spec()).with_chain_id(chain_id);
    config.tx_gas_limit_cap = Some(rules.transaction_gas_cap().unwrap_or(u64::MAX));
    config
}

/// An EVM that executes in `block` on `state`. `inspector` sees each step; `()` sees nothing and costs nothing.
pub fn evm<DB: Database, INSP>(
    config: CfgEnv<OpSpecId>,
    block: BlockEnv,
    state: DB,
    inspector: INSP,
) -> BlockEvm<DB, INSP> {
    blake2::install();
    let context: OpContext<DB> =
        Context::op().with_db(state).with_cfg(config).with_block(block).with_chain(L1BlockInfo::default());
    context.build_op_with_inspector(inspector)
}

/// The prices of L1 data and of the operator in the block after one, whose number is `number` and whose rules are `before`,
/// from the state after it. They are as that state has them, but for what the rules of the block change.
pub fn l1_block_info<DB: Database>(
    state: &mut DB,
    number: u64,
    rules: Rules,
    before: Rules,
) -> Result<L1BlockInfo, DB::Error> {
    let mut info = L1BlockInfo::try_fetch(state, U256::from(number), rules.spec())?;
    if rules.changes_operator_fee_unit(before) {
        info.operator_fee_scalar = info.operator_fee_scalar.map(|_| U256::ZERO);
    }
    Ok(info)
}

/// What every block begins with: the system call that stores the hash of the parent (EIP-2935). No inspector sees it.
pub fn store_parent_hash<DB: Database + DatabaseCommit, INSP>(
    evm: &mut BlockEvm<DB, INSP>,
    parent_hash: B256,
) -> Result<(), EVMError<DB::Error, OpTransactionError>> {
    let input = Bytes::copy_from_slice(parent_hash.as_slice());
    // Whether the call succeeds does not matter to the block (EIP-2935); the contract's code always does.
    evm.system_call_one_with_caller(SYSTEM_ADDRESS, HISTORY_STORAGE_ADDRESS, input)?;
    let changes = evm.finalize();
    evm.0.ctx.db_mut().commit(changes);
    Ok(())
}
