//! The node's L1 side against a real L1: the check at the start, following it through reorgs and bad endpoints, sending transactions, posting
//! batches, proposing outputs.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod archive;
mod batcher;
mod blobs;
mod chaos;
mod common;
mod endpoints;
mod follower;
mod inbox;
mod limits;
mod proposer;
mod proxy;
mod rollup_json;
mod signer;
mod tx_manager;
