//! Making the index behind the head, step by step.

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, TxKind};
use op_alloy_consensus::OpTxEnvelope;

use crate::{Error, Reader, Result, Table, Writer, codec};

use super::{
    keys::{ANY, LogKey},
    merge::{self, Merge},
    pieces::Packer,
    runs::LogRun,
};

/// How large runs are, and how much a step does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A run is made when there are so many blocks for it. Fewer are searched by their blooms in some milliseconds.
    pub(crate) least_blocks: u64,
    /// Most blocks of a run that was not merged: numbers within it have 16 bits while it is sorted.
    pub(crate) most_blocks: u64,
    /// Most pairs of key and block in such a run, if it has more than one block: 8 MiB of them are sorted in memory.
    pub(crate) most_pairs: usize,
    /// So many neighbours are merged at a time: more would make more runs to search, fewer would write all more often.
    pub(crate) fan: usize,
    /// A run with so many bytes is not merged any more: while runs are merged, they take their room twice.
    pub(crate) full: u64,
    /// Records that a step writes or deletes: about 1 MiB, so that block production waits some milliseconds at most.
    pub(crate) records: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            least_blocks: 1 << 10,
            most_blocks: 1 << 16,
            most_pairs: 1 << 20,
            fan: 8,
            full: 32 << 20,
            records: 512,
        }
    }
}

/// Bits of a block's number within a run while it is sorted.
const OFFSET_BITS: u32 = 16;

/// Makes the index of logs, some of it at a time. It keeps nothing that it could not find again: when it is dropped, another
/// one begins with what stands in the database. There must be one at a time.
#[derive(Debug, Default)]
pub struct LogIndexer {
    sizes: Sizes,
    work: Option<Work>,
}

/// What it is at.
#[derive(Debug)]
enum Work {
    /// Writes a run.
    Run(Box<Unfinished>),
    /// Drops one whose blocks are pruned, or others now, or that an earlier version made.
    Drop(LogRun),
    /// Deletes what is left of one.
    Sweep(u64),
}

/// A run that is being made.
#[derive(Debug)]
struct Unfinished {
    /// Its id is given with the first write.
    begun: bool,
    run: LogRun,
    packer: Packer,
    /// Of runs that are there; otherwise all is in the packer.
    merge: Option<Merge>,
}

impl LogIndexer {
    #[cfg(test)]
    pub(crate) fn with_sizes(sizes: Sizes) -> Self {
        Self { sizes, work: None }
    }

    /// Reads what the next step is about, without keeping writers from their work. False: there is nothing to do.
    pub fn prepare(&mut self, reader: &Reader) -> Result<bool> {
        if self.work.is_none() {
            self.work = self.find_work(reader)?;
        }
        let Some(work) = &mut self.work else { return Ok(false) };
        if let Work::Run(run) = work
            && let Some(merge) = run.merge.as_mut().filter(|merge| !merge.done)
        {
            merge.read(reader, &mut run.packer, self.sizes.records)?;
        }
        Ok(true)
    }

    /// Writes what was prepared. After an error, another indexer must take over.
    pub fn write(&mut self, writer: &mut Writer) -> Result<()> {
        match self.work.take() {
            Some(Work::Run(run)) => self.write_run(writer, run),
            Some(Work::Drop(run)) if writer.has_log_run(&run)? => writer.drop_log_run(&run),
            Some(Work::Sweep(id)) => writer.sweep_log_run(id, self.sizes.records),
            Some(Work::Drop(_)) | None => Ok(()),
        }
    }

    fn find_work(&self, reader: &Reader) -> Result<Option<Work>> {
        if let Some(last) = reader.log_run_before(u64::MAX)?
            && (!last.has_parties || reader.block_hash(last.last)? != Some(last.hash))
        {
            return Ok(Some(Work::Drop(last)));
        }
        let oldest = reader.oldest_block()?;
        if let Some(pruned) = reader.first_log_run()?.filter(|run| run.last < oldest) {
            return Ok(Some(Work::Drop(pruned)));
        }
        if let Some(run) = self.gather(reader)? {
            return Ok(Some(Work::Run(Box::new(run))));
        }
        let finalized = reader.finalized()?.unwrap_or(0);
        if let Some((run, merge)) = merge::find(reader, finalized, self.sizes.fan, self.sizes.full)? {
            let packer = Packer::new(run.first);
            let run = Unfinished { begun: false, run, packer, merge: Some(merge) };
            return Ok(Some(Work::Run(Box::new(run))));
        }
        Ok(reader.dropped_log_run()?.map(Work::Sweep))
    }

    /// Reads the logs and parties of the blocks behind the end of the index, if there are enough.
    fn gather(&self, reader: &Reader) -> Result<Option<Unfinished>> {
        let first = reader.log_index_end()?;
        let Some((head, _)) = reader.head()?.filter(|(head, _)| *head + 1 >= first + self.sizes.least_blocks)
        else {
            return Ok(None);
        };
        let (mut pairs, mut own) = (Vec::new(), Vec::new());
        let mut last = first;
        for number in first..=head.min(first + self.sizes.most_blocks - 1) {
            let pair = |key: LogKey| key.0 << OFFSET_BITS | (number - first);
            let found = reader.get(Table::Receipts, &number.to_be_bytes(), |record| {
                codec::each_log(record, |codec::LogRef { address, topics, .. }| {
                    own.push(pair(LogKey::address(&address)));
                    let topics = topics.iter().enumerate();
                    own.extend(topics.map(|(position, topic)| pair(LogKey::topic(position, topic))));
                })
            })?;
            found.ok_or_else(|| Error::corrupt(Table::Receipts, &number.to_be_bytes()))?;
            if !own.is_empty() {
                own.push(pair(ANY));
            }
            // Genesis has no transactions.
            reader.get(Table::Bodies, &number.to_be_bytes(), |record| {
                each_party(record, |address| own.push(pair(LogKey::party(address))))
            })?;
            // A block mostly has the same keys many times.
            own.sort_unstable();
            own.dedup();
            pairs.append(&mut own);
            last = number;
            if pairs.len() >= self.sizes.most_pairs {
                break;
            }
        }
        pairs.sort_unstable();
        let mut packer = Packer::new(first);
        for pair in pairs {
            let block = first + (pair & ((1 << OFFSET_BITS) - 1));
            packer.push(LogKey(pair >> OFFSET_BITS), block, block);
        }
        packer.finish();
        let hash = reader.block_hash(last)?.ok_or(Error::NoBlock(last))?;
        let (level, has_parties) = (self.level(last - first + 1), true);
        let run = LogRun { id: 0, first, last, hash, level, bytes: 0, has_parties };
        Ok(Some(Unfinished { begun: false, run, packer, merge: None }))
    }

    /// What a run of so many blocks counts as, if it was not merged.
    fn level(&self, blocks: u64) -> u8 {
        let times = (blocks / self.sizes.least_blocks).max(1);
        times.ilog(self.sizes.fan as u64) as u8
    }

    fn write_run(&mut self, writer: &mut Writer, mut at: Box<Unfinished>) -> Result<()> {
        if !self.still_wanted(writer, &at)? {
            // Its records are swept up.
            return Ok(());
        }
        if !at.begun {
            at.run.id = writer.begin_log_run()?;
            at.begun = true;
        }
        writer.put_log_records(at.run.id, at.packer.take(self.sizes.records))?;
        if at.packer.len() > 0 || at.merge.as_ref().is_some_and(|merge| !merge.done) {
            self.work = Some(Work::Run(at));
            return Ok(());
        }
        at.run.bytes = at.packer.bytes();
        for source in at.merge.iter().flat_map(|merge| &merge.sources) {
            writer.drop_log_run(source)?;
        }
        writer.finish_log_run(&at.run)
    }

    /// Whether the chain and the index are still those that the run was begun for.
    fn still_wanted(&self, writer: &Writer, at: &Unfinished) -> Result<bool> {
        if writer.block_hash(at.run.last)? != Some(at.run.hash) {
            return Ok(false);
        }
        let Some(merge) = &at.merge else { return Ok(writer.log_index_end()? == at.run.first) };
        for source in &merge.sources {
            if !writer.has_log_run(source)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Calls `f` with who sent each transaction of a body, and with whom it was sent to or what it created. What a deposit
/// creates is left out: its address follows from its receipt. That a transaction decodes is not for the index to check.
fn each_party(body: &[u8], mut f: impl FnMut(&Address)) -> Option<()> {
    codec::each_transaction(body, |_, sender, raw| {
        f(&sender);
        let Ok(envelope) = OpTxEnvelope::decode_2718_exact(raw) else { return };
        match envelope.kind() {
            TxKind::Call(to) => f(&to),
            TxKind::Create if envelope.is_deposit() => {}
            TxKind::Create => f(&sender.create(envelope.nonce())),
        }
    })
}
