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
use stf::blob::BlobData;

use super::{FollowError, Follower, Place, Step};
use crate::l1::{
    L1Block, L1Client, L1Error, L1Header, L1Update,
    http::BlobPlace,
    records::{BATCH, Entry, InboxPosition, Mismatch, Posted, entries, events},
};

/// Batches and L2 blocks that are handed to the chain at once, in one database transaction.
const UPDATE_BATCHES: usize = 16;
const UPDATE_L2_BLOCKS: u64 = 4096;
/// L1 blocks below the head whose states every node has; common ones keep 128 of them.
const RECENT_STATES: u64 = 64;

impl Follower {
    /// Reads blocks near the head, each by its hash.
    pub(super) async fn read_recent(
        &mut self,
        cursor: Option<L1Cursor>,
        mut position: InboxPosition,
        range: RangeInclusive<u64>,
        head: L1Header,
    ) -> Result<Step, FollowError> {
        // The head is what all that have a say know.
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
        let filters = &filters[..];
        let ask = |endpoint: L1Client| async move { endpoint.logs(filters).await };
        let answers = self.ask(ask).await?.into_iter().map(|logs| logs.into_iter().flatten().collect());
        let logs = self.agreed(&position, &headers, answers.collect()).await?;
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
        let answers = loop {
            let asked = last - first + 1;
            let filter = &[self.filter().from_block(first).to_block(last)][..];
            let ask = |endpoint: L1Client| async move {
                match endpoint.logs(filter).await {
                    Ok(logs) => Ok(Ok(logs.into_iter().flatten().collect())),
                    Err(error) => endpoint.may_ask_less(asked, error.clone()).await.map(|()| Err(error)),
                }
            };
            let answers: Result<Vec<Vec<Log>>, L1Error> = self.ask(ask).await?.into_iter().collect();
            match answers {
                Ok(answers) => {
                    self.range.succeeded(asked);
                    break answers;
                }
                Err(_) => {
                    self.range.failed(asked);
                    last = last.min(first.saturating_add(self.range.get() - 1));
                }
            }
        };
        let mut numbers: Vec<u64> = answers.iter().flatten().filter_map(|log| log.block_number).collect();
        numbers.retain(|number| (first..=last).contains(number));
        numbers.sort_unstable();
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
        let logs = self.agreed(&position, &headers, answers).await?;
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
        let mut entries = entries(logs, contracts.inbox, contracts.portal)?;
        self.leave_out_known(&mut entries)?;
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
            let posted = self.posted(&updates[from..to]).await?;
            let mut blocks = Vec::with_capacity(to - from);
            for (header, entries) in &updates[from..to] {
                let data = |hash| posted.get(&hash).cloned();
                let events = events(position, header.hash, entries, data)?;
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
                let depth = self.status.borrow().head.saturating_sub(last.number());
                self.check_counts(position, last.hash, depth).await?;
            }
            self.apply(L1Update::Blocks(blocks)).await?;
            let cursor = Some(L1Cursor { number: last.number(), hash: last.hash });
            self.place = Some(Place { cursor, position: *position });
            from = to;
        }
        self.suspicion = None;
        self.voices.well();
        Ok(Step::Moved)
    }

    /// Takes the records away that are known, where blocks are read again.
    pub(super) fn leave_out_known(&self, entries: &mut Vec<Entry>) -> Result<(), FollowError> {
        if entries.first().is_none_or(|first| first.block > self.known_until) {
            return Ok(());
        }
        let reader = self.chain.db().read()?;
        let mut news = Vec::with_capacity(entries.len());
        for entry in entries.drain(..) {
            let Some((what, index, found)) = entry.link() else {
                news.push(entry);
                continue;
            };
            let held = match what {
                BATCH => reader.batch_header(index)?.map(|(acc, _)| acc),
                _ => reader.message(index)?.map(|record| record.acc),
            };
            match held {
                None => news.push(entry),
                Some(expected) if expected != found => {
                    return Err(Mismatch::Accumulator { what, index, expected, found }.into());
                }
                Some(_) => {}
            }
        }
        *entries = news;
        Ok(())
    }

    /// Fetches what was posted with batches, by transaction.
    async fn posted(
        &mut self,
        blocks: &[(&L1Header, &[Entry])],
    ) -> Result<HashMap<B256, Vec<u8>>, FollowError> {
        let mut data = HashMap::new();
        for (place, tx, posted) in self.transactions(blocks).await? {
            let posted = match posted {
                Posted::Nothing => continue,
                Posted::Payload(payload) => payload,
                Posted::Blobs(hashes) => {
                    let blobs = self.blobs.blobs(place, &hashes).await?;
                    BlobData::encode(&hashes, &blobs)
                }
            };
            data.insert(tx, posted);
        }
        Ok(data)
    }

    /// Fetches the transactions that posted batches. The hashes of what they hold stand in the batches' headers, so one endpoint
    /// is enough, whichever has them.
    async fn transactions(
        &mut self,
        blocks: &[(&L1Header, &[Entry])],
    ) -> Result<Vec<(BlobPlace, B256, Posted)>, FollowError> {
        let inbox = self.chain.config().contracts.inbox;
        let with_data: Vec<(BlobPlace, B256, &Entry)> = blocks
            .iter()
            .flat_map(|(header, entries)| {
                let (number, timestamp) = (header.number(), header.timestamp());
                entries.iter().filter_map(move |entry| {
                    let (_, batch, _) = entry.link()?;
                    Some((BlobPlace { batch, number, timestamp }, entry.data_tx()?, entry))
                })
            })
            .collect();
        let hashes: Vec<B256> = with_data.iter().map(|(_, tx, _)| *tx).collect();
        let mut failure = None;
        for (one, endpoint) in self.pair().into_iter().enumerate() {
            let found = match endpoint.transactions(&hashes).await {
                Ok(found) => found,
                Err(error) => {
                    failure = failure.or(Some(error.into()));
                    continue;
                }
            };
            let posted: Result<Vec<_>, Mismatch> = with_data
                .iter()
                .zip(&found)
                .map(|((place, hash, entry), tx)| Ok((*place, *hash, entry.posted(tx.as_ref(), inbox)?)))
                .collect();
            match posted {
                Ok(posted) => {
                    if let Some(FollowError::Mismatch(error)) = &failure {
                        self.accuse(0, &format!("{error}, and another endpoint has it"));
                    }
                    return Ok(posted);
                }
                Err(error) if one == 0 => failure = Some(error.into()),
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or_else(|| L1Error::InvalidResponse("no transactions".into()).into()))
    }

    /// Asks the inbox how many records it has, so that logs that were left out are noticed at once.
    async fn check_counts(
        &mut self,
        position: &InboxPosition,
        block: B256,
        depth: u64,
    ) -> Result<(), FollowError> {
        let inbox = self.chain.config().contracts.inbox;
        let at = BlockId::hash(block);
        let ask = |endpoint: L1Client| async move {
            let counts = tokio::try_join!(
                endpoint.view(inbox, IInbox::messageCountCall {}, at),
                endpoint.view(inbox, IInbox::batchCountCall {}, at),
            );
            match counts {
                // Endpoints without old states can't say; then the accumulators tell, with the next record.
                Err(L1Error::ErrorResponse { .. }) if depth > RECENT_STATES => Ok(None),
                counts => counts.map(Some),
            }
        };
        let expected = (position.messages, position.batches);
        let answers = self.ask(ask).await?;
        let wrong: Vec<(usize, (u64, u64))> = answers
            .iter()
            .enumerate()
            .filter_map(|(one, counts)| {
                counts.filter(|counts| *counts != expected).map(|counts| (one, counts))
            })
            .collect();
        let Some((one, (messages, batches))) = wrong.first().copied() else { return Ok(()) };
        let error = match messages == expected.0 {
            true => Mismatch::Count { what: "batches", expected: expected.1, found: batches },
            false => Mismatch::Count { what: "messages", expected: expected.0, found: messages },
        };
        if wrong.len() == answers.len() {
            self.trust_blooms = false;
        } else {
            self.accuse(one, &format!("{error}, and another endpoint confirms them"));
        }
        Err(error.into())
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
        batches += entries.iter().filter(|entry| entry.data_tx().is_some()).count();
        l2_blocks += entries.iter().map(Entry::l2_blocks).sum::<u64>();
        batches <= UPDATE_BATCHES && l2_blocks <= UPDATE_L2_BLOCKS
    };
    blocks.iter().take_while(fits).count().max(1)
}
