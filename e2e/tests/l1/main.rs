//! The node's L1 side against a real L1: following it through reorgs and bad endpoints, sending transactions, posting
//! batches, proposing outputs.

mod batcher;
mod common;
mod follower;
mod proposer;
mod proxy;
mod tx_manager;
