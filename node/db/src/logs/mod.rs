//! Which blocks have logs of an address or with a topic, or transactions from or to an address: `LogRuns` and `LogIndex`.
//!
//! The index is made behind the head, in the background, so that a block costs nothing more when it is written. What is
//! behind its end is searched by the headers' blooms.
//!
//! - A **key** stands for an address of logs, for a topic at one of the four positions, for any log at all, or for a party: an
//!   address that sent a transaction, that one was sent to, or that one created. It is a hash of 48
//!   bits: another key may share it, which costs a look at blocks that have nothing, and hides none.
//! - A **run** holds the keys of a range of blocks, each with the blocks that have it. It is written once, in the order of
//!   keys, so each page is filled and none is touched twice, however many different topics there are: a block of 60 million
//!   gas has up to 128,000, and a tree of all keys would dirty as many pages for it.
//! - Runs of neighbours are **merged** to larger ones, eight at a time, so that a search looks into few. Only blocks that are
//!   final are: a reorg drops the runs that it reaches into, and they are made again.
//!
//! A run counts from the moment that it stands in `LogRuns`, with the hash of its last block. What was written of a run that
//! was not finished, and what was dropped, is swept up later.

mod indexer;
mod keys;
mod merge;
mod pieces;
mod runs;
mod search;

pub use indexer::LogIndexer;
pub use keys::LogQuery;
pub use search::LogStretch;

#[cfg(test)]
pub(crate) use indexer::Sizes;
