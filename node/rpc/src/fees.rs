//! What to pay.

use std::sync::Arc;

use alloy::{
    consensus::Transaction as _,
    eips::BlockNumberOrTag,
    primitives::{U64, U256},
    rpc::types::FeeHistory,
};
use sequencing::pool::Pool;
use serde::Serialize;
use stf::{ExtraData, FeeParameters};

use super::{RpcError, block::Block, context::Rpc, peers::Work, work};

/// The tip that is suggested while blocks have room, in wei per gas: the OP Stack's least.
const LEAST_TIP: u128 = 1_000_000;

/// The most that is suggested, whatever others bid: geth's limit.
const MOST_TIP: u128 = 500_000_000_000;

/// Most blocks in one fee history.
pub(crate) const MAX_FEE_HISTORY: u64 = 1024;

/// Most blocks in one fee history with rewards, for which all transactions are read.
pub(crate) const MAX_REWARD_HISTORY: u64 = 128;

/// Most percentiles in one request.
pub(crate) const MAX_PERCENTILES: usize = 100;

/// A fee history; of no blocks it has geth's form.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum FeeHistoryAnswer {
    None(NoFeeHistory),
    Some(FeeHistory),
}

/// The history of no blocks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoFeeHistory {
    oldest_block: U64,
    gas_used_ratio: Option<()>,
}

impl Rpc {
    /// A tip that gets into the next block.
    pub(crate) fn suggested_tip(&self) -> u128 {
        let is_short_of_bytes = self.pool.as_ref().is_some_and(Pool::is_short_of_bytes);
        // The median of a crowded block, and a tenth more to be ahead of it.
        self.recent
            .crowded_tip(is_short_of_bytes)
            .map_or(LEAST_TIP, |tip| tip.saturating_add(tip / 10).clamp(LEAST_TIP, MOST_TIP))
    }

    pub(crate) async fn max_priority_fee(self: Arc<Self>) -> Result<U256, RpcError> {
        Ok(U256::from(self.suggested_tip()))
    }

    pub(crate) async fn gas_price(self: Arc<Self>) -> Result<U256, RpcError> {
        let head = self.chain.heads().unsafe_head.number;
        let base_fee = self.next_base_fee(&*self.clone().load(head).await?.ok_or(RpcError::HeaderNotFound)?);
        Ok(U256::from(u128::from(base_fee) + self.suggested_tip()))
    }

    /// There are no blobs on L2; their price stands at its least.
    pub(crate) async fn blob_base_fee(self: Arc<Self>) -> Result<U256, RpcError> {
        Ok(U256::from(1))
    }

    /// The base fee of the block after this one, as if no time passes until then: the most that it can be.
    pub(crate) fn next_base_fee(&self, block: &Block) -> u64 {
        let excess = ExtraData::of(&block.header).unwrap_or_default().excess_gas;
        self.fee_parameters(block).next_base_fee(excess, block.header.gas_used, 0)
    }

    /// The parameters of the base fee that a block leaves behind.
    pub(crate) fn fee_parameters(&self, block: &Block) -> FeeParameters {
        block.attributes().map_or_else(
            || self.chain.config().genesis.fee_parameters(),
            |attributes| attributes.base_fee_parameters,
        )
    }

    pub(crate) async fn fee_history(
        self: Arc<Self>,
        count: U64,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> Result<FeeHistoryAnswer, RpcError> {
        let percentiles = percentiles.unwrap_or_default();
        check_percentiles(&percentiles)?;
        let most = if percentiles.is_empty() { MAX_FEE_HISTORY } else { MAX_REWARD_HISTORY };
        let count = count.saturating_to::<u64>().min(most);
        if count == 0 {
            return Ok(FeeHistoryAnswer::None(NoFeeHistory::default()));
        }
        let newest = self.existing(newest.into())?.ok_or_else(|| {
            let (number, head) = (self.number(newest), self.chain.heads().unsafe_head.number);
            RpcError::refused(format!("request beyond head block: requested {number}, head {head}"))
        })?;
        let oldest = (newest + 1).saturating_sub(count);
        let history = self.work(Work::Heavy, move |rpc| rpc.history(oldest, newest, &percentiles)).await?;
        Ok(FeeHistoryAnswer::Some(history))
    }

    fn history(&self, oldest: u64, newest: u64, percentiles: &[f64]) -> Result<FeeHistory, RpcError> {
        let reader = self.reader()?;
        let mut history = FeeHistory { oldest_block: oldest, ..FeeHistory::default() };
        for header in reader.headers(oldest..=newest)? {
            let (_, header) = header?;
            history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
            history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
            history.base_fee_per_blob_gas.push(1);
            history.blob_gas_used_ratio.push(0.0);
        }
        let next = self.next_base_fee(&*self.block(newest)?.ok_or(RpcError::HeaderNotFound)?);
        history.base_fee_per_gas.push(next.into());
        history.base_fee_per_blob_gas.push(1);
        if !percentiles.is_empty() {
            let request = work::current();
            let rewards = (oldest..=newest).map(|number| {
                request.budget.check_time()?;
                let block = match self.recent.block(number) {
                    Some(block) => Some(block),
                    None => Block::read(&reader, number)?,
                };
                Ok(block.map_or_else(|| vec![0; percentiles.len()], |block| rewards(&block, percentiles)))
            });
            history.reward = Some(rewards.collect::<Result<_, RpcError>>()?);
        }
        Ok(history)
    }
}

/// In geth's words.
fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    let invalid = |what: String| Err(RpcError::refused(format!("invalid reward percentile: {what}")));
    if percentiles.len() > MAX_PERCENTILES {
        return invalid(format!("over the query limit {MAX_PERCENTILES}"));
    }
    if let Some(bad) = percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
        return invalid(format!("{bad:.6}"));
    }
    for (place, pair) in percentiles.windows(2).enumerate() {
        if pair[0] >= pair[1] {
            return invalid(format!("#{place}:{:.6} >= #{}:{:.6}", pair[0], place + 1, pair[1]));
        }
    }
    Ok(())
}

/// The tips at these percentiles of a block's gas. Deposits pay none and are left out.
fn rewards(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let mut paid: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .enumerate()
        .filter(|(_, tx)| !tx.envelope().is_deposit())
        .map(|(index, tx)| {
            let tip = tx.envelope().effective_tip_per_gas(block.base_fee()).unwrap_or_default();
            (tip, block.gas_used(index))
        })
        .collect();
    paid.sort_unstable();
    let total: u64 = paid.iter().map(|(_, gas)| gas).sum();
    let mut paid = paid.into_iter();
    let (mut tip, mut gas) = (0, 0);
    percentiles
        .iter()
        .map(|percentile| {
            let threshold = (total as f64 * percentile / 100.0) as u64;
            // The first transaction counts even at the zeroth percentile.
            while gas < threshold || (gas == 0 && total > 0) {
                let Some((next, used)) = paid.next() else { break };
                (tip, gas) = (next, gas + used);
            }
            tip
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_checked() {
        assert!(check_percentiles(&[]).is_ok());
        assert!(check_percentiles(&[0.0, 50.0, 50.5, 100.0]).is_ok());
        assert!(check_percentiles(&[50.0, 50.0]).is_err());
        assert!(check_percentiles(&[50.0, 10.0]).is_err());
        assert!(check_percentiles(&[101.0]).is_err());
        assert!(check_percentiles(&[-1.0]).is_err());
        assert!(check_percentiles(&[f64::NAN]).is_err());
        assert!(check_percentiles(&[1.0; MAX_PERCENTILES + 1]).is_err());
    }
}
