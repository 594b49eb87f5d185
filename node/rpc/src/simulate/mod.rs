//! `eth_simulateV1`: calls in blocks that do not exist.
//!
//! ```text
//! request what is asked for, and how much that may be
//! plan    what is asked for, as a list of blocks: numbers and times in order, gaps filled
//! block   one of them: overrides, calls, header
//! root    the state root that it leaves
//! ```

mod block;
mod plan;
mod request;
mod root;

use std::sync::Arc;

use alloy::eips::BlockId;

use self::{
    block::Simulation,
    plan::plan,
    request::{SimulateRequest, check_size},
};
use super::{RpcError, answer::AnswerText, context::Rpc, overrides::Overrides, peers::Work};

pub(crate) use request::{MAX_BLOCKS, MAX_CALLS};

impl Rpc {
    pub(crate) async fn simulate(
        self: Arc<Self>,
        request: SimulateRequest,
        block: Option<BlockId>,
    ) -> Result<AnswerText, RpcError> {
        check_size(&request.block_state_calls)?;
        self.answer(Work::Heavy, move |rpc| {
            let height = rpc.height(block)?;
            let site = rpc.call_site(Some(height.into()), Overrides::default())?;
            let base = rpc.block(height)?.ok_or(RpcError::HeaderNotFound)?;
            let fees = rpc.fee_parameters(&base);
            let mut simulation = Simulation::new(site, base.header.clone(), base.hash, fees);
            simulation.validation = request.validation;
            simulation.trace_transfers = request.trace_transfers;
            simulation.full_transactions = request.return_full_transactions;
            let blocks = plan(&base.header, request.block_state_calls)?;
            blocks.into_iter().map(|block| simulation.block(block)).collect::<Result<Vec<_>, RpcError>>()
        })
        .await
    }
}
