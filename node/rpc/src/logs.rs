//! Searching logs: by the database's index, and behind its end by the headers' blooms.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::TxReceipt,
    primitives::{B256, Bloom},
    rpc::types::{FilterBlockOption, Log},
};
use db::{LogQuery, Reader, StoredLog};

use stf::config::MAX_BLOCK_GAS_LIMIT;

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    context::Rpc,
    log_filter::{FilterBits, LogFilter},
    log_json::write_logs,
    peers::Work,
    work,
};

/// Longest time of a search, however many blocks it spans: that finds what is rare in a chain of years, and a turn for heavy
/// work is not held for longer by one whose blocks all look as if they had a log and have none.
pub(crate) const MAX_SEARCH_TIME: Duration = Duration::from_secs(5);

/// Blocks behind the end of the index that are searched before the time is looked at.
const PLAIN_STRETCH: u64 = 256;

/// Most logs that a search of several blocks returns. One block is always answered: it cannot be asked for in parts.
pub(crate) const MAX_LOGS: usize = 20_000;

/// Most bytes of a log in an answer, apart from its topics and data: all keys, with the longest numbers.
const LOG_SIZE: usize = 448;
/// Bytes of a topic in an answer.
const TOPIC_SIZE: usize = 69;
/// Gas of a log without topics and data.
const LOG_GAS: u64 = 375;

/// Most bytes of the logs of one block in an answer, and so of a search of several. A log takes the most bytes for its
/// gas if it is empty: a topic costs as much gas as a log, and a byte of data, two of an answer, costs 8. What a receipt
/// has besides takes less for its gas, too.
pub(super) const MAX_BLOCK_LOGS_SIZE: usize = (MAX_BLOCK_GAS_LIMIT / LOG_GAS) as usize * LOG_SIZE;

/// A search for no more alternatives than this may take little time.
const FEW: usize = 8;

/// Most addresses in a filter, and most alternatives for one topic.
pub(crate) const MAX_ALTERNATIVES: usize = 1000;

impl Rpc {
    pub(crate) async fn logs(self: Arc<Self>, filter: LogFilter) -> Result<AnswerText, RpcError> {
        // A node that lags behind others must not hide what it does not know yet.
        if let FilterBlockOption::Range { from_block, to_block } = filter.block_option {
            let head = self.chain.heads().unsafe_head.number;
            let numbers = [from_block, to_block].into_iter().flatten().filter_map(|block| block.as_number());
            if let Some(beyond) = numbers.filter(|number| *number > head).max() {
                return Err(RpcError::invalid(format!(
                    "block range extends beyond current head block: requested {beyond}, head {head}"
                )));
            }
        }
        self.logs_so_far(filter).await
    }

    /// The logs of those blocks of a filter that exist.
    pub(crate) async fn logs_so_far(self: Arc<Self>, filter: LogFilter) -> Result<AnswerText, RpcError> {
        check_filter(&filter)?;
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                let unknown = || RpcError::refused("unknown block");
                let number = self.number_of_hash(&hash)?.ok_or_else(unknown)?;
                let logs = move |rpc: &Self| {
                    let logs = rpc.search(&filter, number, number)?;
                    // A reorg may have come in between: then these are another block's.
                    (rpc.number_of_hash(&hash)? == Some(number)).then_some(logs).ok_or_else(unknown)
                };
                return self.answer_text(Work::Light, move |rpc| text(&logs(rpc)?)).await;
            }
            FilterBlockOption::Range { from_block, to_block } => (from_block, to_block),
        };
        let numbers = [from, to].map(|block| block.and_then(|block| block.as_number()));
        let [from, to] = [from, to].map(|block| self.number(block.unwrap_or_default()));
        if from > to {
            return match numbers {
                [Some(_), Some(_)] => Err(RpcError::invalid("invalid block range params")),
                // Where a tag stands is the node's to say: there is nothing in this range yet.
                _ => text(&[]),
            };
        }
        let alternatives =
            filter.address.len() + filter.topics.iter().map(|topic| topic.len()).sum::<usize>();
        let search = move |rpc: &Self| text(&rpc.search(&filter, from, to)?);
        self.answer_text_brief(Work::Heavy, alternatives <= FEW, search).await
    }

    /// The logs of the blocks `from` to `to` that match, as far as these blocks exist.
    fn search(&self, filter: &LogFilter, from: u64, to: u64) -> Result<Vec<Log>, RpcError> {
        let to = to.min(self.chain.heads().unsafe_head.number);
        if from > to {
            return Ok(Vec::new());
        }
        let reader = self.reader()?;
        if to > 0 {
            // Genesis has none.
            reader.check_kept(from.max(1))?;
        }
        let (query, bits) = (query(filter), FilterBits::of(filter));
        let mut search = LogSearch { rpc: self, reader: &reader, filter, from, to, logs: Logs::default() };
        let start = Instant::now();
        let mut next = from;
        while next <= to {
            let last = match reader.search_logs(&query, next..=to)? {
                Some(stretch) => {
                    for number in stretch.blocks {
                        search.check_time(start, number)?;
                        search.look_into(number)?;
                    }
                    stretch.last
                }
                None => {
                    let last = to.min(next.saturating_add(PLAIN_STRETCH - 1));
                    for number in reader.blooms_where(next..=last, |bloom| bits.may_match(bloom))? {
                        search.check_time(start, number)?;
                        search.look_into(number)?;
                    }
                    last
                }
            };
            next = last + 1;
            search.check_time(start, next)?;
        }
        Ok(search.logs.into())
    }
}

/// The answer that logs are.
fn text(logs: &[Log]) -> Result<AnswerText, RpcError> {
    AnswerText::write(&work::current().budget, |out| write_logs(logs, out))
}

/// What the index is asked for a filter.
fn query(filter: &LogFilter) -> LogQuery {
    LogQuery::new(filter.address.iter(), filter.topics.iter().map(|topics| topics.iter()))
}

/// A search at work.
struct LogSearch<'a> {
    rpc: &'a Rpc,
    reader: &'a Reader,
    filter: &'a LogFilter,
    from: u64,
    to: u64,
    logs: Logs,
}

impl LogSearch<'_> {
    /// An error when the time is over. All blocks before `next` are searched.
    fn check_time(&self, start: Instant, next: u64) -> Result<(), RpcError> {
        work::current().budget.check_time()?;
        // One block is always answered: it cannot be asked for in parts.
        if start.elapsed() < MAX_SEARCH_TIME || next == self.from || next > self.to {
            return Ok(());
        }
        let seconds = MAX_SEARCH_TIME.as_secs();
        Err(RpcError::Limit(format!("query took more than {seconds} s. {}", self.hint(next))))
    }

    /// Which blocks to ask for instead: those before `next`.
    fn hint(&self, next: u64) -> String {
        let last = next.saturating_sub(1).max(self.from);
        format!("Try with this block range [{:#x}, {last:#x}].", self.from)
    }

    /// The logs of a stored block that match. To read the whole block would take long.
    fn read(&self, number: u64, hash: B256) -> Result<Vec<Log>, RpcError> {
        // Index and bloom may have meant several logs, or others.
        let found = self.reader.logs_where(number, |address, topics| self.filter.takes(address, topics))?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let of: BTreeSet<usize> = found.iter().map(|log| log.transaction).collect();
        let hashes = self.reader.transaction_hashes(number, |index| of.contains(&index))?;
        let header = self.reader.header(number)?.ok_or(RpcError::HeaderNotFound)?;
        let logs = found.into_iter().map(|StoredLog { transaction, index, log }| Log {
            inner: log,
            block_hash: Some(hash),
            block_number: Some(number),
            block_timestamp: Some(header.timestamp),
            transaction_hash: hashes.get(&transaction).copied(),
            transaction_index: Some(transaction as u64),
            log_index: Some(index),
            removed: false,
        });
        Ok(logs.collect())
    }

    /// Adds the logs of a block that match.
    fn look_into(&mut self, number: u64) -> Result<(), RpcError> {
        let hash = self.reader.block_hash(number)?.ok_or(RpcError::HeaderNotFound)?;
        let found = match self.rpc.recent.block(number).filter(|block| block.hash == hash) {
            Some(block) => block_logs(&block, self.filter, false),
            None => self.read(number, hash)?,
        };
        work::current().budget.take(held(&found))?;
        if self.from < self.to && !self.logs.have_room(&found) {
            // The blocks before this one are within the limits, and the first one is answered on its own.
            return Err(RpcError::Limit(format!(
                "query returned more than {MAX_LOGS} results or {MAX_BLOCK_LOGS_SIZE} bytes. {}",
                self.hint(number)
            )));
        }
        self.logs.add(found);
        Ok(())
    }
}

/// Logs of several blocks, within what one answer may hold.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    logs: Vec<Log>,
    size: usize,
}

impl Logs {
    /// Whether these fit, too.
    pub(crate) fn have_room(&self, more: &[Log]) -> bool {
        self.logs.len() + more.len() <= MAX_LOGS && self.size + size(more) <= MAX_BLOCK_LOGS_SIZE
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    pub(crate) fn add(&mut self, more: Vec<Log>) {
        self.size += size(&more);
        self.logs.extend(more);
    }
}

impl From<Logs> for Vec<Log> {
    fn from(logs: Logs) -> Self {
        logs.logs
    }
}

/// Bytes that logs take in memory.
fn held(logs: &[Log]) -> usize {
    let one = |log: &Log| size_of::<Log>() + 32 * log.topics().len() + log.inner.data.data.len();
    logs.iter().map(one).sum()
}

/// Most bytes that logs take in an answer.
fn size(logs: &[Log]) -> usize {
    let one = |log: &Log| LOG_SIZE + TOPIC_SIZE * log.topics().len() + 2 * log.inner.data.data.len();
    logs.iter().map(one).sum()
}

/// Whether a block with this bloom can have a log that matches.
fn may_match(filter: &LogFilter, bloom: Bloom) -> bool {
    !bloom.is_zero() && filter.matches_bloom(bloom)
}

/// The logs of a block that match, whatever blocks the filter names.
pub(crate) fn block_logs(block: &Block, filter: &LogFilter, removed: bool) -> Vec<Log> {
    matching_logs(block, filter, removed).collect()
}

/// The same, one by one.
pub(crate) fn matching_logs<'a>(
    block: &'a Block,
    filter: &'a LogFilter,
    removed: bool,
) -> impl Iterator<Item = Log> + Send + 'a {
    let receipts = if may_match(filter, block.header.logs_bloom) { &block.receipts[..] } else { &[] };
    let matching = receipts
        .iter()
        .enumerate()
        .filter(|(_, receipt)| !receipt.logs().is_empty() && filter.matches_bloom(receipt.bloom()));
    matching.flat_map(move |(index, _)| block.logs(index, removed)).filter(|log| filter.takes_log(log))
}

/// Refuses filters that would cost more to check than to search.
pub(crate) fn check_filter(filter: &LogFilter) -> Result<(), RpcError> {
    if filter.address.len() > MAX_ALTERNATIVES {
        return Err(RpcError::refused("exceed max addresses or topics per search position"));
    }
    if filter.topics.iter().any(|topic| topic.len() > MAX_ALTERNATIVES) {
        return Err(RpcError::refused("exceed max addresses or topics per search position"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{Address, LogData},
        rpc::types::Filter,
    };

    use super::*;

    #[test]
    fn filters_with_too_many_alternatives_are_refused() {
        let many: Vec<Address> =
            (0..=MAX_ALTERNATIVES).map(|i| Address::left_padding_from(&i.to_be_bytes())).collect();
        assert!(check_filter(&Filter::new().address(many).into()).is_err());
        assert!(check_filter(&Filter::new().address(Address::ZERO).into()).is_ok());
    }

    #[test]
    fn a_log_in_an_answer_is_no_larger_than_what_is_counted_for_it() {
        for (topics, data) in [(0, 0), (1, 1), (4, 1000)] {
            let topics = vec![B256::repeat_byte(0xff); topics];
            let data = LogData::new_unchecked(topics, vec![0xff; data].into());
            let log = Log {
                inner: alloy::primitives::Log { address: Address::repeat_byte(0xff), data },
                block_hash: Some(B256::repeat_byte(0xff)),
                block_number: Some(u64::MAX),
                block_timestamp: Some(u64::MAX),
                transaction_hash: Some(B256::repeat_byte(0xff)),
                transaction_index: Some(u64::MAX),
                log_index: Some(u64::MAX),
                removed: false,
            };
            // And the comma behind it.
            let written = serde_json::to_string(&log).map_or(usize::MAX, |text| text.len() + 1);
            let counted = size(&[log]);
            assert!(written <= counted, "{written} bytes, {counted} counted");
        }
    }

    #[test]
    fn blooms_rule_blocks_out() {
        let (address, topic) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let log =
            alloy::primitives::Log { address, data: LogData::new_unchecked(vec![topic], Default::default()) };
        let mut bloom = Bloom::ZERO;
        bloom.accrue_log(&log);
        let everything = LogFilter::default();
        assert!(may_match(&everything, bloom));
        assert!(!may_match(&everything, Bloom::ZERO));
        assert!(may_match(&Filter::new().address(address).event_signature(topic).into(), bloom));
        assert!(!may_match(&Filter::new().address(Address::repeat_byte(9)).into(), bloom));
        assert!(!may_match(&Filter::new().event_signature(B256::repeat_byte(9)).into(), bloom));
    }
}
