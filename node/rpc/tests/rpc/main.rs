//! The server as clients see it: every method over HTTP or WebSocket, what it answers and what it refuses.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod blocks;
mod calls;
mod harness;
mod log_index;
mod logs;
mod server;
mod syncing;
mod traces;
mod transactions;
