//! When what is read does not fit what is held: was L1 reorganised, or is an answer, or what is held, wrong?

use alloy::{
    eips::BlockId,
    primitives::{B256, U256},
};
use bindings::IInbox;
use db::L1Cursor;
use tracing::{debug, info, warn};

use super::{FollowError, Follower, Place, RECENT, Step, TARGET};
use crate::l1::{
    L1Client, L1Error, L1Header, L1Update,
    records::{InboxPosition, Mismatch},
};

/// Stored L1 blocks that are compared at once when a reorg is traced.
const TRACE_STEP: u64 = 64;
/// How often in a row the inbox must deny what is held before that is given up: giving up costs unsafe blocks.
const DENIALS: u32 = 3;

/// A reorg that was seen once. Nodes behind one gateway, or an answer that was mixed up, look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspicion {
    cursor: L1Cursor,
    /// The newest stored block that still is L1's.
    to: u64,
}

/// How far records were doubted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    /// How often records were given up, and the block to get past.
    given_up: u32,
    block: u64,
    /// How often in a row the inbox denied what is held.
    denials: u32,
}

impl Doubt {
    /// This block is the next to be read.
    pub(super) const fn passed(&mut self, next: u64) {
        if next > self.block.saturating_add(1) {
            self.given_up = 0;
        }
    }
}

/// What the inbox says of the records that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InboxVerdict {
    /// They are its own, and all.
    Complete,
    /// They are its own, and there may be more.
    Part,
    /// They are not its own.
    Denied,
    /// There is no answer.
    Unknown,
}

impl Follower {
    /// The endpoint's head is not past the cursor: is it the same chain?
    pub(super) async fn compare(&mut self, head: L1Header, cursor: L1Cursor) -> Result<Step, FollowError> {
        let stored = match head.number() == cursor.number {
            true => Some(cursor.hash),
            false => {
                self.settle().await?;
                self.chain.db().read()?.l1_block(head.number())?.map(|block| block.hash)
            }
        };
        match stored {
            Some(hash) if hash != head.hash => self.rewind(cursor, head.number()).await,
            // It lags: it will catch up, or show another chain.
            _ => {
                self.suspicion = None;
                Ok(Step::Idle)
            }
        }
    }

    /// The block at the cursor seems not to be L1's any more. When that is seen twice in a row, goes back to the newest
    /// stored block that is.
    pub(super) async fn rewind(&mut self, cursor: L1Cursor, head: u64) -> Result<Step, FollowError> {
        self.settle().await?;
        let to = self.trace(cursor, head).await?;
        let finalized = self.final_block()?;
        if to < finalized {
            return Err(FollowError::Final { to, finalized });
        }
        if to >= cursor.number.min(head) {
            self.suspicion = None;
            return Err(Mismatch::SeveralHashes { number: to }.into());
        }
        let suspicion = Suspicion { cursor, to };
        if self.suspicion != Some(suspicion) {
            debug!(target: TARGET, to, cursor = cursor.number, "this may be a reorg; asking again");
            self.suspicion = Some(suspicion);
            return Ok(Step::Idle);
        }
        self.suspicion = None;
        let depth = cursor.number - to.min(cursor.number);
        if depth > RECENT {
            warn!(target: TARGET, to, depth, "L1 was reorganised deeper than it is traced");
        } else {
            info!(target: TARGET, to, depth, "L1 was reorganised");
        }
        metrics::counter!("recourse_l1_reorgs_total").increment(1);
        self.send_back(to).await
    }

    /// The newest stored block, up to the endpoint's head, that the endpoint has, too.
    async fn trace(&mut self, cursor: L1Cursor, head: u64) -> Result<u64, FollowError> {
        let start = self.chain.config().l1_start_block;
        let mut top = cursor.number.min(head);
        loop {
            if top < start {
                return Ok(start.saturating_sub(1));
            }
            let bottom = top.saturating_sub(TRACE_STEP - 1).max(start);
            let rows: Vec<(u64, db::L1BlockRecord)> =
                self.chain.db().read()?.l1_blocks(bottom..=top)?.collect::<Result<_, _>>()?;
            let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
            let headers = self.headers(&numbers).await?;
            let same = rows.iter().zip(&headers).rev().find(|((_, row), header)| row.hash == header.hash);
            match same {
                Some(((number, _), _)) => return Ok(*number),
                None if bottom == 0 => return Ok(0),
                None => top = bottom - 1,
            }
        }
    }

    /// The endpoint keeps contradicting what was read before: asks the inbox itself. What is held stays, unless the inbox
    /// denies it, again and again; what may be missing is read again.
    pub(super) async fn doubt(&mut self) -> Result<Step, FollowError> {
        self.settle().await?;
        self.place = None;
        let place = self.place().await?;
        let Some(cursor) = place.cursor else {
            return Ok(Step::Doubted);
        };
        let verdict = self.ask_inbox(&place.position, cursor).await?;
        debug!(target: TARGET, cursor = cursor.number, ?verdict, "what the inbox says of the records held");
        match verdict {
            InboxVerdict::Denied => self.doubt.denials += 1,
            InboxVerdict::Complete | InboxVerdict::Part => self.doubt.denials = 0,
            InboxVerdict::Unknown => {}
        }
        match verdict {
            // The endpoint lies, or cannot say: waiting costs less than giving up what is right.
            InboxVerdict::Complete | InboxVerdict::Unknown => {}
            InboxVerdict::Part => self.read_again(place).await?,
            InboxVerdict::Denied if self.doubt.denials < DENIALS => {}
            InboxVerdict::Denied => self.give_up(cursor).await?,
        }
        Ok(Step::Doubted)
    }

    /// Reads the blocks again that may hold more records than are known: those from the newest record on. What is known
    /// stays.
    async fn read_again(&mut self, place: Place) -> Result<(), FollowError> {
        let Some(cursor) = place.cursor else { return Ok(()) };
        let reader = self.chain.db().read()?;
        let message =
            place.position.messages.checked_sub(1).map(|index| reader.message(index)).transpose()?;
        let batch = place.position.batches.checked_sub(1).map(|index| reader.batch(index)).transpose()?;
        let message = message.flatten().map_or(0, |message| message.l1_block);
        let batch = batch.flatten().map_or(0, |batch| batch.l1_block);
        let first = message.max(batch).max(self.chain.config().l1_start_block).min(cursor.number);
        let before = first.saturating_sub(1);
        let row = reader.l1_block(before)?;
        drop(reader);
        let hash = match row {
            Some(row) => row.hash,
            None => self.header(before).await?.hash,
        };
        info!(target: TARGET, from = first, to = cursor.number, "reading L1 blocks again: records are missing");
        self.place = Some(Place { cursor: Some(L1Cursor { number: before, hash }), ..place });
        self.known_until = first;
        Ok(())
    }

    /// Gives up the newest records, and more of them each time, to read them again.
    async fn give_up(&mut self, cursor: L1Cursor) -> Result<(), FollowError> {
        let reader = self.chain.db().read()?;
        let back = 1u64 << self.doubt.given_up.min(32);
        let newest = |l1_block: Option<u64>| l1_block.unwrap_or(cursor.number).min(cursor.number);
        let message = reader.message_count()?.checked_sub(back).map(|index| reader.message(index));
        let batch = reader.batch_count()?.checked_sub(back).map(|index| reader.batch(index));
        let message = newest(message.transpose()?.flatten().map(|message| message.l1_block));
        let batch = newest(batch.transpose()?.flatten().map(|batch| batch.l1_block));
        drop(reader);
        let start = self.chain.config().l1_start_block;
        let to = message.min(batch).max(start).saturating_sub(1).max(self.final_block()?);
        warn!(
            target: TARGET,
            to,
            from = cursor.number,
            "the inbox denies the newest L1 records; reading them again"
        );
        self.doubt.given_up += 1;
        self.doubt.denials = 0;
        self.doubt.block = self.doubt.block.max(cursor.number);
        self.send_back(to).await.map(drop)
    }

    /// The newest L1 block that is known to be final; 0 if none is.
    pub(super) fn final_block(&self) -> Result<u64, FollowError> {
        let reader = self.chain.db().read()?;
        let batch = match self.chain.heads().finalized.number {
            0 => None,
            block => reader.batch_of_block(block)?,
        };
        let batch = batch.map(|index| reader.batch(index)).transpose()?.flatten();
        Ok(self.finalized.max(batch.map_or(0, |batch| batch.l1_block)))
    }

    /// What the inbox itself says of the records that are held: as of the cursor, or, where an endpoint has no states as
    /// old as that, as of its head. The accumulators of all counts stay in the inbox. It denies them only if all that have a
    /// say tell so.
    async fn ask_inbox(
        &mut self,
        held: &InboxPosition,
        cursor: L1Cursor,
    ) -> Result<InboxVerdict, FollowError> {
        let is_ours = self.header(cursor.number).await?.hash == cursor.hash;
        let mut verdicts = Vec::new();
        for endpoint in self.pair() {
            let verdict = match self.inbox_at(&endpoint, held, cursor.hash).await {
                Err(L1Error::ErrorResponse { .. }) if is_ours => {
                    let head = endpoint.head().await?;
                    match self.inbox_at(&endpoint, held, head.hash).await? {
                        _ if head.number() < cursor.number => InboxVerdict::Unknown,
                        // What is more may have come after the cursor.
                        InboxVerdict::Complete | InboxVerdict::Part => InboxVerdict::Part,
                        verdict => verdict,
                    }
                }
                answer => answer?,
            };
            verdicts.push(verdict);
        }
        let all = |verdict| verdicts.iter().all(|one| *one == verdict);
        Ok(match verdicts.contains(&InboxVerdict::Part) {
            true => InboxVerdict::Part,
            false if all(InboxVerdict::Complete) => InboxVerdict::Complete,
            false if all(InboxVerdict::Denied) => InboxVerdict::Denied,
            false => InboxVerdict::Unknown,
        })
    }

    /// The same, as one endpoint says it of a block.
    pub(super) async fn inbox_at(
        &self,
        endpoint: &L1Client,
        held: &InboxPosition,
        block: B256,
    ) -> Result<InboxVerdict, L1Error> {
        let inbox = self.chain.config().contracts.inbox;
        let at = BlockId::hash(block);
        let (messages, batches) = (U256::from(held.messages), U256::from(held.batches));
        let (message_count, batch_count, message_acc, batch_acc) = tokio::try_join!(
            endpoint.view(inbox, IInbox::messageCountCall {}, at),
            endpoint.view(inbox, IInbox::batchCountCall {}, at),
            endpoint.view(inbox, IInbox::messageAccCall { count: messages }, at),
            endpoint.view(inbox, IInbox::batchAccCall { count: batches }, at),
        )?;
        let are_its_own = (message_acc, batch_acc) == (held.message_acc, held.batch_acc)
            && message_count >= held.messages
            && batch_count >= held.batches;
        Ok(match (are_its_own, (message_count, batch_count) == (held.messages, held.batches)) {
            (false, _) => InboxVerdict::Denied,
            (true, true) => InboxVerdict::Complete,
            (true, false) => InboxVerdict::Part,
        })
    }

    async fn send_back(&mut self, to: u64) -> Result<Step, FollowError> {
        self.place = None;
        self.apply(L1Update::Rewind { to }).await?;
        self.settle().await?;
        self.place = None;
        Ok(Step::Moved)
    }
}
