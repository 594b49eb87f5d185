//! The server as clients see it: every method over HTTP or WebSocket, what it answers and what it refuses.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod blocks;
mod calls;
mod execution_apis;
mod extras;
mod harness;
mod log_index;
mod logs;
mod messages;
mod optimism;
mod otterscan;
mod parity;
mod server;
mod simulate;
mod state_ranges;
mod syncing;
mod tracers;
mod traces;
mod transactions;
