//! The calls of a block's transactions, by executing them again.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame};
use revm::{DatabaseCommit, context::ContextTr};
use revm_inspectors::tracing::TracingInspectorConfig;

use super::{RpcError, block::Block, context::Rpc, parity::inspect, replay::Replay};

/// The transactions of a block in their order, each with its calls. What is recorded counts for the request.
pub(crate) struct BlockFrames<'a> {
    replay: Replay<'a>,
    next: usize,
}

impl<'a> BlockFrames<'a> {
    pub(crate) fn new(rpc: &Rpc, block: &'a Block) -> Result<Self, RpcError> {
        Ok(Self { replay: Replay::new(rpc, block)?, next: 0 })
    }

    /// Executes transactions up to one, without a trace.
    pub(crate) fn skip_to(&mut self, index: usize) -> Result<(), RpcError> {
        while self.next < index {
            self.replay.execute(self.next)?;
            self.next += 1;
        }
        Ok(())
    }

    /// The outermost call of the next transaction, with those in it.
    pub(crate) fn next_frame(&mut self) -> Result<CallFrame, RpcError> {
        let tx = self.replay.tx(self.next)?;
        self.next += 1;
        let (config, gas_limit) = (CallConfig::default(), tx.base.gas_limit);
        let evm = &mut self.replay.evm;
        let (run, mut inspector) = inspect(evm, tx, TracingInspectorConfig::from_geth_call_config(&config))?;
        inspector.set_transaction_gas_limit(gas_limit);
        let frame = inspector.geth_builder().geth_call_traces(config, run.result.tx_gas_used());
        evm.0.ctx.db_mut().commit(run.state);
        Ok(frame)
    }
}

impl Rpc {
    /// The calls of a transaction.
    pub(crate) fn frame_of(&self, block: &Block, index: usize) -> Result<CallFrame, RpcError> {
        let mut frames = BlockFrames::new(self, block)?;
        frames.skip_to(index)?;
        frames.next_frame()
    }

    /// A transaction that is in a block.
    pub(crate) async fn included(self: Arc<Self>, hash: B256) -> Result<(Arc<Block>, usize), RpcError> {
        let found = self.find_transaction(&hash).await?;
        found.ok_or_else(|| RpcError::refused("transaction not found"))
    }
}

/// Whether an address calls, is called, creates or is created within a call.
pub(crate) fn touches(frame: &CallFrame, address: Address) -> bool {
    frame.from == address
        || frame.to == Some(address)
        || frame.calls.iter().any(|call| touches(call, address))
}
