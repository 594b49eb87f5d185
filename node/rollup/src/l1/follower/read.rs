//! Reading L1 blocks: what to ask the endpoint for, and what must hold before it is passed on.

use std::{collections::HashMap, ops::RangeInclusive};

use alloy::{
    eips::BlockId,
    primitives::B256,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use bindings::{IInbox, IPortal};
use db::L1Cursor;

use super::{FollowError, Follower, Place, Step};
use crate::l1::{
    L1Block, L1Error, L1Header, L1Transaction, L1Update,
    records::{Entry, InboxPosition, Mismatch, entries, events},
};

/// Batches and L2 blocks that are handed to the chain at once, in one database transaction.
const UPDATE_BATCHES: usize = 16;
const UPDATE_L2_BLOCKS: u64 = 4096;

impl Follower {
    /// Reads blocks near the head, each by its hash.
    pub(super) async fn read_recent(
        &mut self,
        cursor: Option<L1Cursor>,
        mut position: InboxPosition,
        range: RangeInclusive<u64>,
        head: L1Header,
    ) -> Result<Step, FollowError> {
        let headers = if range.start() == range.end() && head.number() == *range.end() {
            vec![head.clone()]
        } else {
            let numbers: Vec<u64> = range.collect();
            self.headers(&numbers).await?
        };
        let mut parent = cursor.map(|cursor| cursor.hash);
        for (at, header) in headers.iter().enumerate() {
            if let Some(parent) = parent.filter(|parent| *parent != header.parent_hash) {
                match cursor {
                    Some(cursor) if at == 0 => return self.rewind(cursor, head.number()).await,
                    _ => {
                        return Err(Mismatch::NotChild { number: header.number(), parent }.into());
                    }
                }
            }
            parent = Some(header.hash);
        }
        let inbox = self.chain.config().contracts.inbox;
        let wanted: Vec<&L1Header> =
            headers.iter().filter(|header| !self.trust_blooms || header.may_log(inbox)).collect();
        let filters: Vec<Filter> =
            wanted.iter().map(|header| self.filter().at_block_hash(header.hash)).collect();
        let logs: Vec<Log> = self.client.logs(&filters).await?.into_iter().flatten().collect();
        self.read(&mut position, headers, &logs).await
    }

    /// Reads a range far below the head: only the blocks that hold something, and the last.
    pub(super) async fn read_range(
        &mut self,
        cursor: Option<L1Cursor>,
        mut position: InboxPosition,
        range: RangeInclusive<u64>,
    ) -> Result<Step, FollowError> {
        let (first, mut last) = range.into_inner();
        let logs = loop {
            let asked = last - first + 1;
            let filter = self.filter().from_block(first).to_block(last);
            match self.client.logs(&[filter]).await {
                Ok(mut logs) => {
                    self.range.succeeded(asked);
                    break logs.pop().unwrap_or_default();
                }
                Err(error) => {
                    self.client.may_ask_less(asked, error).await?;
                    self.range.failed(asked);
                    last = last.min(first.saturating_add(self.range.get() - 1));
                }
            }
        };
        let mut numbers: Vec<u64> = logs.iter().filter_map(|log| log.block_number).collect();
        numbers.retain(|number| (first..=last).contains(number));
        numbers.push(last);
        numbers.dedup();
        if let Some(cursor) = cursor {
            numbers.insert(0, cursor.number);
        }
        let mut headers = self.headers(&numbers).await?;
        if let Some(cursor) = cursor
            && headers.remove(0).hash != cursor.hash
        {
            return self.rewind(cursor, last).await;
        }
        self.read(&mut position, headers, &logs).await
    }

    /// Checks what was read of some blocks, and has it applied.
    async fn read(
        &mut self,
        position: &mut InboxPosition,
        headers: Vec<L1Header>,
        logs: &[Log],
    ) -> Result<Step, FollowError> {
        let contracts = self.chain.config().contracts;
        let entries = entries(logs, contracts.inbox, contracts.portal)?;
        let mut rest = &entries[..];
        let mut updates = Vec::new();
        for header in &headers {
            let count = rest.iter().take_while(|entry| entry.block == header.number()).count();
            let (own, after) = rest.split_at(count);
            rest = after;
            updates.push((header, own));
        }
        if let Some(stray) = rest.first() {
            return Err(Mismatch::Log { number: stray.block, index: 0 }.into());
        }
        let mut from = 0;
        while from < updates.len() {
            let to = from + group(&updates[from..]);
            let payloads = self.payloads(&updates[from..to]).await?;
            let mut blocks = Vec::with_capacity(to - from);
            for (header, entries) in &updates[from..to] {
                let payload = |hash| payloads.get(&hash).cloned();
                let events = events(position, contracts.inbox, header.hash, entries, payload)?;
                blocks.push(L1Block {
                    number: header.number(),
                    hash: header.hash,
                    parent_hash: header.parent_hash,
                    timestamp: header.timestamp(),
                    events,
                });
            }
            let last = updates[to - 1].0;
            if to == updates.len() {
                self.check_counts(position, last.hash).await?;
            }
            self.apply(L1Update::Blocks(blocks)).await?;
            let cursor = Some(L1Cursor { number: last.number(), hash: last.hash });
            self.place = Some(Place { cursor, position: *position });
            from = to;
        }
        Ok(Step::Moved)
    }

    /// Fetches the transactions that hold the batches' payloads.
    async fn payloads(
        &self,
        blocks: &[(&L1Header, &[Entry])],
    ) -> Result<HashMap<B256, L1Transaction>, FollowError> {
        let entries = blocks.iter().flat_map(|(_, entries)| *entries);
        let hashes: Vec<B256> = entries.filter_map(Entry::payload_tx).collect();
        let found = self.client.transactions(&hashes).await?;
        let missing = || L1Error::InvalidResponse("a transaction with logs does not exist".into());
        hashes.into_iter().zip(found).map(|(hash, tx)| Ok((hash, tx.ok_or_else(missing)?))).collect()
    }

    /// Asks the inbox how many records it has, so that logs that the endpoint left out are noticed at once.
    async fn check_counts(&mut self, position: &InboxPosition, block: B256) -> Result<(), FollowError> {
        let inbox = self.chain.config().contracts.inbox;
        let at = BlockId::hash(block);
        let (messages, batches) = tokio::join!(
            self.client.view(inbox, IInbox::messageCountCall {}, at),
            self.client.view(inbox, IInbox::batchCountCall {}, at),
        );
        // Endpoints without old states can't say; then the accumulators tell, with the next record.
        let (Ok(messages), Ok(batches)) = (messages, batches) else {
            return Ok(());
        };
        let checks = [("messages", position.messages, messages), ("batches", position.batches, batches)];
        for (what, expected, found) in checks {
            if expected != found {
                self.trust_blooms = false;
                return Err(Mismatch::Count { what, expected, found }.into());
            }
        }
        Ok(())
    }

    pub(super) async fn headers(&self, numbers: &[u64]) -> Result<Vec<L1Header>, FollowError> {
        let headers = self.client.headers(numbers).await?;
        let missing =
            |number| L1Error::InvalidResponse(format!("block {number} is below the head but not there"));
        let mut found = Vec::with_capacity(numbers.len());
        for (number, header) in numbers.iter().zip(headers) {
            let header = header.filter(|header| header.number() == *number);
            found.push(header.ok_or_else(|| missing(*number))?);
        }
        Ok(found)
    }

    fn filter(&self) -> Filter {
        let contracts = self.chain.config().contracts;
        Filter::new().address(vec![contracts.inbox, contracts.portal]).event_signature(vec![
            IInbox::MessageEnqueued::SIGNATURE_HASH,
            IInbox::BatchAppended::SIGNATURE_HASH,
            IPortal::TransactionDeposited::SIGNATURE_HASH,
        ])
    }
}

/// How many of these blocks go into one update.
fn group(blocks: &[(&L1Header, &[Entry])]) -> usize {
    let (mut batches, mut l2_blocks) = (0, 0u64);
    let fits = |(_, entries): &&(&L1Header, &[Entry])| {
        batches += entries.iter().filter(|entry| entry.payload_tx().is_some()).count();
        l2_blocks += entries.iter().map(Entry::l2_blocks).sum::<u64>();
        batches <= UPDATE_BATCHES && l2_blocks <= UPDATE_L2_BLOCKS
    };
    blocks.iter().take_while(fits).count().max(1)
}
