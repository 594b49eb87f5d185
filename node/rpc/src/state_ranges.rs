//! Accounts and slots in the order of their hashes, and what blocks changed.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, hex, keccak256, map::B256Map},
};
use db::{ReadOnly, StateAt};
use serde::Serialize;
use trie::Account;

use super::{
    RpcError, answer::AnswerText, block::Block, context::Rpc, otterscan::AnyNumber, peers::Work,
    replay::Replay, work,
};

/// Most accounts in an answer: geth's limit.
pub(crate) const MAX_ACCOUNTS: usize = 256;

/// Most rows that are looked at for an answer. Accounts whose addresses are not known may be most of them.
const MAX_ROWS: usize = 100_000;

/// Most slots in an answer; the next key says where to go on.
pub(crate) const MAX_SLOTS: usize = 4096;

/// Most blocks whose changed accounts are put together.
pub(crate) const MAX_CHANGED_BLOCKS: u64 = 1024;

/// Bytes that an account takes in an answer, and before that, besides its code.
const ACCOUNT: usize = 1 << 10;

/// Bytes that a slot takes.
const SLOT: usize = 512;

/// Slots of an account.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageRange {
    storage: BTreeMap<B256, StorageEntry>,
    /// The first that did not get in.
    next_key: Option<B256>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StorageEntry {
    /// The slot, where it is known what its hash was made of.
    key: Option<B256>,
    value: B256,
}

/// Accounts with all that they have.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StateDump {
    root: String,
    /// By address; by `pre(hash)` where the address is not known.
    accounts: BTreeMap<String, DumpedAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<B256>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DumpedAccount {
    /// Decimal.
    balance: String,
    nonce: u64,
    root: B256,
    code_hash: B256,
    #[serde(skip_serializing_if = "no_bytes")]
    code: Bytes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    key: B256,
}

fn no_bytes(bytes: &Bytes) -> bool {
    bytes.is_empty()
}

/// What of the accounts is asked for.
#[derive(Clone, Copy, Debug)]
struct DumpWanted {
    start: B256,
    accounts: usize,
    code: bool,
    storage: bool,
    /// Accounts whose addresses are not known, too.
    unknown: bool,
}

impl Rpc {
    pub(crate) async fn storage_range_at(
        self: Arc<Self>,
        block: BlockId,
        index: u64,
        address: Address,
        start: Bytes,
        most: usize,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let missing = || RpcError::refused("block not found");
            let number = rpc.existing(block)?.ok_or_else(missing)?;
            let block = rpc.block(number)?.ok_or_else(missing)?;
            let start = first_key(&start, false)?;
            rpc.storage_range(&block, index, address, start, most.min(MAX_SLOTS))
        })
        .await
    }

    /// The slots of an account before the transaction at `index` of a block.
    fn storage_range(
        &self,
        block: &Block,
        index: u64,
        address: Address,
        start: B256,
        most: usize,
    ) -> Result<StorageRange, RpcError> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= block.transactions.len() {
            let hash = block.hash;
            return Err(RpcError::refused(format!(
                "transaction index {index} out of range for block {hash}"
            )));
        }
        let replay = Replay::before(self, block, index)?;
        // What the transactions before it wrote, and read.
        let cache = replay.accounts();
        let known = cache.get(&address).map(|account| &account.storage);
        let known: B256Map<(B256, B256)> = known
            .into_iter()
            .flatten()
            .map(|(slot, value)| {
                let slot = B256::from(*slot);
                (keccak256(slot), (slot, B256::from(*value)))
            })
            .collect();
        let is_new = cache.get(&address).is_some_and(|account| account.account_state.is_storage_cleared());
        let view = self.state_at(block.number().saturating_sub(1))?;
        let mut found: BTreeMap<B256, StorageEntry> = BTreeMap::new();
        for (hash, (slot, value)) in
            known.iter().filter(|(hash, (_, value))| **hash >= start && !value.is_zero())
        {
            found.insert(*hash, StorageEntry { key: Some(*slot), value: *value });
        }
        let mut rows = Rows::default();
        let mut stored = 0;
        if !is_new {
            view.at()?.each_slot(&keccak256(address), &start, |hash, value| {
                let Some(value) = value.filter(|_| !known.contains_key(&hash)) else { return rows.next(0) };
                found.insert(hash, StorageEntry { key: self.known_slot(&hash), value: value.into() });
                stored += 1;
                // One more than asked for is the next key.
                rows.next(SLOT) && stored <= most
            })?;
        }
        rows.end()?;
        let next_key = found.keys().nth(most).copied();
        if let Some(next) = next_key {
            found.split_off(&next);
        }
        Ok(StorageRange { storage: found, next_key })
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) async fn account_range(
        self: Arc<Self>,
        block: BlockId,
        start: Bytes,
        most: i64,
        no_code: bool,
        no_storage: bool,
        incompletes: bool,
    ) -> Result<AnswerText, RpcError> {
        let wanted = DumpWanted {
            start: first_key(&start, true)?,
            accounts: usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(MAX_ACCOUNTS),
            code: !no_code,
            storage: !no_storage,
            unknown: incompletes,
        };
        self.answer(Work::Heavy, move |rpc| rpc.dump(block, wanted)).await
    }

    pub(crate) async fn dump_block(self: Arc<Self>, block: BlockNumberOrTag) -> Result<AnswerText, RpcError> {
        let (start, accounts) = (B256::ZERO, MAX_ACCOUNTS);
        let wanted = DumpWanted { start, accounts, code: true, storage: true, unknown: false };
        self.answer(Work::Heavy, move |rpc| rpc.dump(block.into(), wanted)).await
    }

    fn dump(&self, block: BlockId, wanted: DumpWanted) -> Result<StateDump, RpcError> {
        let missing = || {
            RpcError::refused(match block {
                BlockId::Hash(hash) => format!("block {} not found", hash.block_hash),
                BlockId::Number(number) => format!("block #{} not found", self.number(number)),
            })
        };
        let height = self.existing(block)?.ok_or_else(missing)?;
        let view = self.state_at(height)?;
        let state = view.at()?;
        let header = view.reader().header(height)?.ok_or_else(missing)?;
        let mut dump = StateDump { root: hex::encode(header.state_root), ..StateDump::default() };
        let most = wanted.accounts.min(MAX_ACCOUNTS);
        let (mut rows, mut all) = (Rows::default(), Vec::new());
        let mut count = 0;
        state.each_account(&wanted.start, |hash, account| {
            let Some(account) = account else { return rows.next(0) };
            count += 1;
            let address = self.known_address(&hash);
            if all.len() == most || count > MAX_ROWS {
                dump.next = Some(hash);
                return false;
            }
            if address.is_some() || wanted.unknown {
                all.push((hash, address, account));
                return rows.next(ACCOUNT);
            }
            rows.next(0)
        })?;
        rows.end()?;
        for (hash, address, account) in all {
            let name = address.map_or_else(|| format!("pre({hash})"), |address| address.to_checksum(None));
            dump.accounts.insert(name, self.dumped(&state, hash, address, account, wanted)?);
        }
        Ok(dump)
    }

    fn dumped(
        &self,
        state: &StateAt<'_, ReadOnly>,
        hash: B256,
        address: Option<Address>,
        account: Account,
        wanted: DumpWanted,
    ) -> Result<DumpedAccount, RpcError> {
        let code = if wanted.code { state.code(&account.code_hash)? } else { Bytes::new() };
        work::current().budget.take(3 * code.len())?;
        let mut storage = BTreeMap::new();
        if wanted.storage && account.storage_root != trie::EMPTY_ROOT {
            let mut rows = Rows::default();
            state.each_slot(&hash, &B256::ZERO, |slot, value| {
                let known = value.zip(self.known_slot(&slot));
                if let Some((value, slot)) = known {
                    // Without leading zeros, in whole bytes.
                    let digits = format!("{value:x}");
                    let zero = if digits.len() % 2 == 1 { "0" } else { "" };
                    storage.insert(slot, format!("{zero}{digits}"));
                }
                rows.next(known.map_or(0, |_| SLOT))
            })?;
            rows.end()?;
        }
        Ok(DumpedAccount {
            balance: account.balance.to_string(),
            nonce: account.nonce,
            root: account.storage_root,
            code_hash: account.code_hash,
            code,
            storage,
            address,
            key: hash,
        })
    }

    pub(crate) async fn modified_accounts_by_number(
        self: Arc<Self>,
        start: AnyNumber,
        end: Option<AnyNumber>,
    ) -> Result<AnswerText, RpcError> {
        let (start, end) = (start.plain()?, end.map(AnyNumber::plain).transpose()?);
        self.answer(Work::Heavy, move |rpc| {
            let head = rpc.chain.heads().unsafe_head.number;
            if start > head {
                return Err(RpcError::refused(format!("start block {start:x} not found")));
            }
            match end {
                Some(end) if end > head => Err(RpcError::refused(format!("end block {end} not found"))),
                end => rpc.modified_accounts(start, end),
            }
        })
        .await
    }

    pub(crate) async fn modified_accounts_by_hash(
        self: Arc<Self>,
        start: B256,
        end: Option<B256>,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let number = |name, hash: B256| {
                let missing = || RpcError::refused(format!("{name} block {hash:x} not found"));
                rpc.number_of_hash(&hash)?.ok_or_else(missing)
            };
            let (start, end) = (number("start", start)?, end.map(|end| number("end", end)).transpose()?);
            rpc.modified_accounts(start, end)
        })
        .await
    }

    /// The addresses of the accounts that are another after block `end` than after `start`; of those that the one block did
    /// something to, if there is no end.
    fn modified_accounts(&self, start: u64, end: Option<u64>) -> Result<Vec<Address>, RpcError> {
        let (start, end) = match end {
            Some(end) => (start, end),
            None => {
                let no_parent = || RpcError::refused(format!("block {start:x} has no parent"));
                (start.checked_sub(1).ok_or_else(no_parent)?, start)
            }
        };
        if start >= end {
            return Err(RpcError::refused(format!(
                "start block height ({start}) must be less than end block height ({end})"
            )));
        }
        if end - start > MAX_CHANGED_BLOCKS {
            return Err(RpcError::Limit(format!(
                "{} blocks asked for, at most {MAX_CHANGED_BLOCKS} are allowed",
                end - start
            )));
        }
        let reader = self.reader()?;
        let (before, after) = (reader.state_at(start)?, reader.state_at(end)?);
        // Each with a block that wrote it.
        let mut changed: BTreeMap<B256, u64> = BTreeMap::new();
        let budget = work::current().budget;
        for number in start + 1..=end {
            budget.check_time()?;
            for hash in reader.written_accounts(number)? {
                if changed.insert(hash, number).is_none() {
                    budget.take(SLOT)?;
                }
            }
        }
        let mut addresses = Vec::new();
        let mut touched = B256Map::default();
        for (hash, number) in changed {
            budget.check_time()?;
            // What is gone is not told of, as by geth.
            let Some(now) = after.account(&hash)? else { continue };
            if before.account(&hash)? == Some(now) {
                continue;
            }
            let mut known = self.known_address(&hash).or_else(|| touched.get(&hash).copied());
            if known.is_none() {
                let block = self.block(number)?.ok_or(RpcError::HeaderNotFound)?;
                self.touched_addresses(&block, &mut touched)?;
                known = touched.get(&hash).copied();
            }
            let unknown = || RpcError::refused(format!("no preimage found for hash {hash:x}"));
            addresses.push(known.ok_or_else(unknown)?);
        }
        Ok(addresses)
    }

    /// The first block of a range, which may go backwards, whose state is there.
    pub(crate) async fn accessible_state(
        self: Arc<Self>,
        from: BlockNumberOrTag,
        to: BlockNumberOrTag,
    ) -> Result<u64, RpcError> {
        let (oldest, head) = (self.reader()?.oldest_state()?, self.chain.heads().unsafe_head.number);
        let (from, to) = (self.number(from), self.number(to));
        if from == to {
            return Err(RpcError::refused("from and to needs to be different"));
        }
        if from > head {
            return Err(RpcError::refused(format!("missing header {from}")));
        }
        // The end is not part of the range.
        let first = if from >= oldest { Some(from) } else { (oldest < to).then_some(oldest) };
        first.ok_or_else(|| RpcError::refused("no state found"))
    }

    /// None that this node knows of: a block that does not follow from L1, or from the feed, is not kept.
    pub(crate) async fn bad_blocks(self: Arc<Self>) -> Result<[(); 0], RpcError> {
        Ok([])
    }

    /// The tables here are others than geth's, and so are their keys.
    pub(crate) async fn db_get(self: Arc<Self>, _: String) -> Result<Bytes, RpcError> {
        Err(RpcError::refused("debug_dbGet is not available: this node's database has no keys of geth's"))
    }
}

/// Where a range begins, by as much of a key as is given. `low`: it is the lower part, as geth has it for accounts.
fn first_key(start: &[u8], low: bool) -> Result<B256, RpcError> {
    match start.len() {
        0..=32 if low => Ok(B256::left_padding_from(start)),
        0..=32 => Ok(B256::right_padding_from(start)),
        more => Err(RpcError::invalid(format!("a key has 32 bytes at most, not {more}"))),
    }
}

/// Counts rows of a table while they are walked through, and what is kept of them.
#[derive(Debug, Default)]
struct Rows {
    refused: Option<RpcError>,
}

impl Rows {
    /// Whether to go on after a row of which so many bytes are kept.
    fn next(&mut self, kept: usize) -> bool {
        let budget = work::current().budget;
        let next = budget.check_time().and_then(|()| budget.take(kept));
        self.refused = next.err();
        self.refused.is_none()
    }

    fn end(self) -> Result<(), RpcError> {
        self.refused.map_or(Ok(()), Err)
    }
}
