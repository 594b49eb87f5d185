//! All transactions that touch an address, page by page.
//!
//! Blocks that may have some come from two sources: the index of senders, recipients and created contracts, and the history
//! of the account, which names every block that changed it, so that ether that came by an inner call is found as well.
//! A block that changed the account is executed again to see whose calls did. What is not found: inner calls that leave
//! the account as it was, and all that is in no source, where the state before is pruned.

use std::{
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, TxKind, keccak256},
};
use db::{LogQuery, Reader};

use super::{
    RpcError,
    block::{Block, decode},
    call_frames::{BlockFrames, touches},
    context::Rpc,
    work,
};

/// Longest time of a search. A page ends early where it is over.
const MAX_SEARCH_TIME: Duration = Duration::from_secs(5);

/// Blocks without an index that are read before the time is looked at.
const PLAIN_STRETCH: u64 = 256;

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To newer blocks.
    Up,
    /// To older blocks.
    Down,
}

/// A transaction that touches the address.
pub(crate) type Touch = (Arc<Block>, usize);

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// In the order of the search.
    pub(crate) found: Vec<Touch>,
    /// Whether there is nothing beyond.
    pub(crate) is_end: bool,
}

/// The candidates among blocks, in the order of the search.
struct Candidates<'a> {
    reader: &'a Reader,
    query: LogQuery,
    address: Address,
    account: B256,
    direction: Direction,
    /// What is left to search.
    left: Option<RangeInclusive<u64>>,
    /// Blocks of the index that were not handed out, the next one last.
    indexed: Vec<u64>,
    /// Blocks up to here, in the direction of the search, are in `indexed`, or were handed out; the account's history is
    /// looked at besides.
    known: Option<RangeInclusive<u64>>,
    end: Instant,
}

/// A block that may touch the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    number: u64,
    /// Whether it changed the account.
    is_change: bool,
}

impl Rpc {
    /// The transactions that touch an address in blocks of a range, until there are `size` of them; whole blocks.
    pub(crate) fn touches(
        &self,
        address: Address,
        range: RangeInclusive<u64>,
        direction: Direction,
        size: usize,
    ) -> Result<Page, RpcError> {
        let reader = self.reader()?;
        let mut page = Page::default();
        let mut candidates = Candidates {
            reader: &reader,
            query: LogQuery::party(&address),
            address,
            account: keccak256(address),
            direction,
            left: Some(range).filter(|range| !range.is_empty()),
            indexed: Vec::new(),
            known: None,
            end: Instant::now() + MAX_SEARCH_TIME,
        };
        loop {
            let next = candidates.next().and_then(|next| match next {
                Some(candidate) => {
                    candidates.check_time()?;
                    self.touches_in(&reader, address, candidate).map(Some)
                }
                None => Ok(None),
            });
            match next {
                Ok(Some(found)) => page.found.extend(found),
                Ok(None) => {
                    page.is_end = true;
                    return Ok(page);
                }
                // A page that ends early is as good as a small one.
                Err(RpcError::Limit(_)) if !page.found.is_empty() => return Ok(page),
                Err(error) => return Err(error),
            }
            if page.found.len() >= size {
                page.is_end = matches!(candidates.next(), Ok(None));
                return Ok(page);
            }
        }
    }

    /// The transactions of a block that touch an address, in the order of the search.
    fn touches_in(
        &self,
        reader: &Reader,
        address: Address,
        candidate: Candidate,
    ) -> Result<Vec<Touch>, RpcError> {
        let hash = reader.block_hash(candidate.number)?.ok_or(RpcError::HeaderNotFound)?;
        let block = match self.recent.block(candidate.number).filter(|block| block.hash == hash) {
            Some(block) => block,
            None => Block::read(reader, candidate.number)?.ok_or(RpcError::HeaderNotFound)?,
        };
        let mut is_touch: Vec<bool> = block.transactions.iter().map(|tx| is_party(tx, address)).collect();
        if candidate.is_change && candidate.number > 0 && is_touch.iter().any(|is_touch| !is_touch) {
            match self.mark_touches(&block, address, &mut is_touch) {
                // A block whose calls are too many to be looked at tells its senders and recipients.
                Err(RpcError::Limit(_)) => work::current().budget.check_time()?,
                marked => marked?,
            }
        }
        work::current().budget.take(block.weight())?;
        let found = is_touch.iter().enumerate().filter(|(_, is_touch)| **is_touch);
        Ok(found.map(|(index, _)| (block.clone(), index)).collect())
    }
}

impl Rpc {
    /// Marks those of a block's transactions whose calls touch an address.
    fn mark_touches(&self, block: &Block, address: Address, marks: &mut [bool]) -> Result<(), RpcError> {
        let mut frames = BlockFrames::new(self, block)?;
        for mark in marks {
            let frame = frames.next_frame()?;
            *mark = *mark || touches(&frame, address);
        }
        Ok(())
    }
}

/// Whether an address sends a transaction, receives it, or is created by it.
fn is_party(tx: &stf::Transaction, address: Address) -> bool {
    let envelope = tx.envelope();
    tx.sender() == address
        || match envelope.kind() {
            TxKind::Call(to) => to == address,
            TxKind::Create => !envelope.is_deposit() && tx.sender().create(envelope.nonce()) == address,
        }
}

impl Candidates<'_> {
    fn check_time(&self) -> Result<(), RpcError> {
        work::current().budget.check_time()?;
        if Instant::now() < self.end {
            return Ok(());
        }
        let left = self.left.as_ref().map_or((0, 0), |left| (*left.start(), *left.end()));
        let seconds = MAX_SEARCH_TIME.as_secs();
        Err(RpcError::Limit(format!(
            "search took more than {seconds} s: blocks {:#x} to {:#x} are left",
            left.0, left.1
        )))
    }

    /// The next candidate of both sources.
    fn next(&mut self) -> Result<Option<Candidate>, RpcError> {
        loop {
            let Some(left) = self.left.clone() else { return Ok(None) };
            // From here to where the index was read.
            if self.known.is_none() {
                self.check_time()?;
                self.read_on(&left)?;
            }
            let Some(known) = self.known.clone() else { return Ok(None) };
            let change = self.change_in(&known)?;
            let indexed = self.indexed.last().copied();
            let number = match (change, indexed) {
                (None, None) => {
                    self.known = None;
                    self.left = self.beyond(&left, self.last_of(&known));
                    continue;
                }
                (Some(one), None) | (None, Some(one)) => one,
                (Some(one), Some(other)) if self.direction == Direction::Up => one.min(other),
                (Some(one), Some(other)) => one.max(other),
            };
            if indexed == Some(number) {
                self.indexed.pop();
            }
            self.left = self.beyond(&left, number);
            self.known = self.beyond(&known, number);
            if self.known.is_none() {
                self.indexed.clear();
            }
            return Ok(Some(Candidate { number, is_change: change == Some(number) }));
        }
    }

    fn last_of(&self, range: &RangeInclusive<u64>) -> u64 {
        match self.direction {
            Direction::Up => *range.end(),
            Direction::Down => *range.start(),
        }
    }

    /// What of a range comes after a block of it.
    fn beyond(&self, range: &RangeInclusive<u64>, number: u64) -> Option<RangeInclusive<u64>> {
        let rest = match self.direction {
            Direction::Up => number.checked_add(1)?..=*range.end(),
            Direction::Down => *range.start()..=number.checked_sub(1)?,
        };
        (!rest.is_empty()).then_some(rest)
    }

    /// The next block within a range that changed the account, as far as the state is kept.
    fn change_in(&self, range: &RangeInclusive<u64>) -> Result<Option<u64>, RpcError> {
        let oldest = self.reader.oldest_state()?;
        let found = match self.direction {
            Direction::Up => {
                let before = range.start().saturating_sub(1).max(oldest);
                self.reader.state_at(before)?.account_writes(&self.account)?.1
            }
            Direction::Down if *range.end() < oldest => None,
            Direction::Down => self.reader.state_at(*range.end())?.account_writes(&self.account)?.0,
        };
        // To execute a block again, the state before it must be there.
        Ok(found.filter(|number| range.contains(number) && *number > oldest))
    }

    /// Reads the index, or blocks where there is none, of a stretch at the beginning of a range.
    fn read_on(&mut self, range: &RangeInclusive<u64>) -> Result<(), RpcError> {
        let (start, end) = (*range.start(), *range.end());
        match self.direction {
            Direction::Up => match self.reader.search_logs(&self.query, start..=end)? {
                Some(stretch) => {
                    self.indexed = stretch.blocks;
                    self.known = Some(start..=stretch.last);
                }
                None => self.read_plainly(start..=end.min(start.saturating_add(PLAIN_STRETCH - 1)))?,
            },
            Direction::Down => match self.reader.search_logs_back(&self.query, end)? {
                Some((first, mut stretch)) => {
                    stretch.blocks.retain(|number| *number >= start);
                    self.indexed = stretch.blocks;
                    self.known = Some(first.max(start)..=end);
                }
                None => self.read_plainly(start.max(end.saturating_sub(PLAIN_STRETCH - 1))..=end)?,
            },
        }
        if self.direction == Direction::Up {
            self.indexed.reverse();
        }
        Ok(())
    }

    fn read_plainly(&mut self, range: RangeInclusive<u64>) -> Result<(), RpcError> {
        self.indexed.clear();
        for body in self.reader.bodies(range.clone())? {
            let (number, body) = body?;
            for tx in body {
                if is_party(&decode(tx.raw, tx.sender)?, self.address) {
                    self.indexed.push(number);
                    break;
                }
            }
        }
        self.known = Some(range);
        Ok(())
    }
}
