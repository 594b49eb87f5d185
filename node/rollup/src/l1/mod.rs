//! The node's view of L1: following the inbox, and sending transactions.
//!
//! - [`reach`] waits for an endpoint, compares the rollup there with `rollup.json`, and gives an [`L1Client`].
//! - [`Follower`] reads the inbox and updates the chain: [`L1Update`].
//! - [`TxManager`] sends transactions from one key and sees them through.

use alloy::primitives::B256;
use stf::{BatchHeader, Message};

mod archive;
mod beacon;
mod blob_sources;
mod client;
mod deployment;
mod error;
mod failover;
mod follower;
mod http;
mod log_range;
mod probe;
mod reach;
mod records;
mod rules_watch;
mod size;
mod standing;
mod transport;
mod tx_manager;

pub use archive::Archives;
pub use beacon::Beacons;
pub use blob_sources::{BlobError, BlobSources};
pub use client::{ContractCall, L1Client, L1Header, L1Transaction, connect};
pub use deployment::{CheckError, read_deployment};
pub use error::{ConnectError, L1Error};
pub use follower::{Follower, FollowerOptions, L1Status};
pub use log_range::read_log_range;
pub use reach::{reach, reach_for_command};
pub use records::{InboxPosition, Mismatch};
pub use rules_watch::watch_rules;
pub use size::RequestSize;
pub use tx_manager::{FeeCaps, Fees, Retry, SendError, TxManager, TxOptions, TxRequest};

/// An L1 block that the follower has read, with what it holds for the rollup, in log order.
#[derive(Clone, Debug)]
pub struct L1Block {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// What the inbox recorded in it. Only its last block need be given of a range without any.
    pub events: Vec<InboxEvent>,
}

/// An entry of the inbox.
#[derive(Clone, Debug)]
pub enum InboxEvent {
    /// A deposit or a change of configuration.
    Message {
        /// Queue index.
        index: u64,
        /// The message, with the accumulator after it.
        message: Message,
        /// The transaction hash that OP Stack clients compute for a deposit, from L1 block hash and log index.
        client_hash: Option<B256>,
    },
    /// A batch, with the L1-info message that came with it.
    Batch {
        /// Batch index, from 0.
        index: u64,
        /// Its header.
        header: BatchHeader,
        /// The batch accumulator after it.
        acc: B256,
        /// Queue index of the L1-info message.
        info_index: u64,
        /// The L1-info message, with the accumulator after it.
        info: Message,
        /// What was posted: the payload, or whole blobs ([`stf::blob::BlobData`]); empty for a forced batch.
        data: Vec<u8>,
        /// The L1 transaction that posted it.
        tx_hash: B256,
    },
}

/// What the follower has read for the chain. Updates come in order, each building on what the ones before left.
#[derive(Clone, Debug)]
pub enum L1Update {
    /// New blocks behind the cursor, in order (gaps are blocks without inbox entries).
    Blocks(Vec<L1Block>),
    /// L1 was reorganised: all blocks above this number are no longer part of it.
    Rewind {
        /// The newest block that stands.
        to: u64,
    },
    /// L1 blocks up to this number are final.
    Finalized(u64),
}
