//! Searching logs.

use std::sync::Arc;

use alloy::{
    consensus::TxReceipt,
    primitives::Bloom,
    rpc::types::{Filter, FilterBlockOption, Log},
};

use super::{RpcError, block::Block, context::Rpc};

/// Most blocks that one search spans.
pub(crate) const MAX_LOG_BLOCKS: u64 = 100_000;

/// Most logs that one search returns.
pub(crate) const MAX_LOGS: usize = 20_000;

/// Most addresses in a filter, and most alternatives for one topic.
const MAX_ALTERNATIVES: usize = 1000;

impl Rpc {
    pub(crate) async fn logs(self: Arc<Self>, filter: Filter) -> Result<Vec<Log>, RpcError> {
        check_filter(&filter)?;
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                let number = self.number_of_hash(&hash)?.ok_or_else(|| RpcError::refused("unknown block"))?;
                (number, number)
            }
            FilterBlockOption::Range { from_block, to_block } => {
                (self.number(from_block.unwrap_or_default()), self.number(to_block.unwrap_or_default()))
            }
        };
        if from > to {
            return Err(RpcError::invalid("invalid block range params"));
        }
        self.heavy(move |rpc| rpc.search(&filter, from, to)).await
    }

    /// The logs of the blocks `from` to `to` that match, as far as these blocks exist.
    pub(crate) fn search(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, RpcError> {
        let to = to.min(self.chain.heads().unsafe_head.number);
        if from > to {
            return Ok(Vec::new());
        }
        if to - from >= MAX_LOG_BLOCKS {
            return Err(RpcError::Limit(format!(
                "query exceeds max block range {MAX_LOG_BLOCKS}: {} blocks",
                to - from + 1
            )));
        }
        let reader = self.reader()?;
        let mut logs = Vec::new();
        for header in reader.headers(from..=to)? {
            let (number, header) = header?;
            if !may_match(filter, header.logs_bloom) {
                continue;
            }
            let block = match self.recent.block(number).filter(|block| block.hash == header.seal()) {
                Some(block) => block,
                None => Block::read(&reader, number)?.ok_or(RpcError::HeaderNotFound)?,
            };
            logs.extend(block_logs(&block, filter, false));
            if logs.len() > MAX_LOGS {
                return Err(RpcError::Limit(format!(
                    "query returns more than {MAX_LOGS} logs: the first are in blocks {from} to {number}"
                )));
            }
        }
        Ok(logs)
    }
}

/// Whether a block with this bloom can have a log that matches.
fn may_match(filter: &Filter, bloom: Bloom) -> bool {
    !bloom.is_zero() && filter.matches_bloom(bloom)
}

/// The logs of a block that match, whatever blocks the filter names.
pub(crate) fn block_logs(block: &Block, filter: &Filter, removed: bool) -> Vec<Log> {
    if !may_match(filter, block.header.logs_bloom) {
        return Vec::new();
    }
    let matching = block
        .receipts
        .iter()
        .enumerate()
        .filter(|(_, receipt)| !receipt.logs().is_empty() && filter.matches_bloom(receipt.bloom()));
    matching
        .flat_map(|(index, _)| block.logs(index, removed))
        .filter(|log| filter.matches_address(log.address()) && filter.matches_topics(log.topics()))
        .collect()
}

/// Refuses filters that would cost more to check than to search.
pub(crate) fn check_filter(filter: &Filter) -> Result<(), RpcError> {
    if filter.address.len() > MAX_ALTERNATIVES {
        return Err(RpcError::invalid(format!("exceed max addresses: {MAX_ALTERNATIVES}")));
    }
    if filter.topics.iter().any(|topic| topic.len() > MAX_ALTERNATIVES) {
        return Err(RpcError::invalid(format!("exceed max topics: {MAX_ALTERNATIVES}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, LogData};

    use super::*;

    #[test]
    fn filters_with_too_many_alternatives_are_refused() {
        let many: Vec<Address> =
            (0..=MAX_ALTERNATIVES).map(|i| Address::left_padding_from(&i.to_be_bytes())).collect();
        assert!(check_filter(&Filter::new().address(many)).is_err());
        assert!(check_filter(&Filter::new().address(Address::ZERO)).is_ok());
    }

    #[test]
    fn blooms_rule_blocks_out() {
        let (address, topic) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let log =
            alloy::primitives::Log { address, data: LogData::new_unchecked(vec![topic], Default::default()) };
        let mut bloom = Bloom::ZERO;
        bloom.accrue_log(&log);
        let everything = Filter::new();
        assert!(may_match(&everything, bloom));
        assert!(!may_match(&everything, Bloom::ZERO));
        assert!(may_match(&Filter::new().address(address).event_signature(topic), bloom));
        assert!(!may_match(&Filter::new().address(Address::repeat_byte(9)), bloom));
        assert!(!may_match(&Filter::new().event_signature(B256::repeat_byte(9)), bloom));
    }
}
