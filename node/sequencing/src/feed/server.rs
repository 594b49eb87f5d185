//! Serving the feed.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use alloy::primitives::{B256, Bytes};
use db::Reader;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::RegisterMethodError,
    server::{BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle},
    types::{ErrorObjectOwned, error::INTERNAL_ERROR_CODE},
};

use super::{MAX_ANSWER, MAX_BLOCKS};
use crate::announce::{AnnounceError, AnnounceLog};
use rollup::{
    chain::{Chain, ChainError},
    shutdown::Shutdown,
};

/// A subscriber who does not take a message for this long is left behind.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How deep a reorg may be for a subscriber to be told exactly what changed.
const REMEMBERED: usize = 1024;

/// Serves a chain's blocks, as far as the log has their signed messages. It holds none of them: memory grows with what is on
/// its way to readers only.
#[derive(Debug)]
pub struct FeedServer {
    chain: Chain,
    log: AnnounceLog,
}

/// How far one subscriber has been served.
#[derive(Debug)]
struct Progress {
    next: u64,
    /// What was sent last, oldest first.
    sent: VecDeque<(u64, B256)>,
}

/// The feed's methods, to be merged into the node's: `recourse_feedBlocks(from, count)` and the subscription
/// `recourse_subscribeFeed(from)`. Blocks that nobody confirmed, or that the log no longer has, are left out: what comes first
/// may have a higher number than was asked for. `recourse_feedUnconfirmed(from, count)` has those that the batcher needs.
pub fn module(chain: Chain, log: AnnounceLog) -> Result<RpcModule<Arc<FeedServer>>, RegisterMethodError> {
    let server = FeedServer { chain, log };
    let mut module = RpcModule::new(Arc::new(server));
    module.register_blocking_method("recourse_feedBlocks", |params, server, _| {
        let (from, count): (u64, u64) = params.parse()?;
        let reader = server.chain.db().read().map_err(internal)?;
        let blocks = server.messages(&reader, from, count.min(MAX_BLOCKS)).map_err(internal)?;
        Ok::<_, ErrorObjectOwned>(blocks.into_iter().map(|(_, _, message)| message).collect::<Vec<_>>())
    })?;
    module.register_blocking_method("recourse_feedUnconfirmed", |params, server, _| {
        let (from, count): (u64, u64) = params.parse()?;
        let reader = server.chain.db().read().map_err(internal)?;
        server.unconfirmed(&reader, from, count.min(MAX_BLOCKS)).map_err(internal)
    })?;
    module.register_subscription(
        "recourse_subscribeFeed",
        "recourse_feed",
        "recourse_unsubscribeFeed",
        |params, pending, server, _| async move {
            match params.one::<u64>() {
                Ok(from) => serve(Arc::clone(&server), pending, from).await,
                Err(error) => pending.reject(error).await,
            }
        },
    )?;
    Ok(module)
}

/// Most readers at a time.
const MAX_CONNECTIONS: u32 = 64;

/// Most subscriptions of a reader: it needs one, and a second while the first ends.
const MAX_SUBSCRIPTIONS: u32 = 2;

/// Messages that wait for a reader. With the largest answer, in hexadecimal, this bounds what a reader that does not read
/// makes us hold: 4 MB; all together 256 MB.
const READER_BUFFER: u32 = 4;

/// Most bytes of a request: two numbers, and a frame.
const MAX_REQUEST: u32 = 4096;

/// Why the feed has no address of its own.
#[derive(Debug, thiserror::Error)]
#[error("feed: cannot listen on {address}: {error}")]
pub struct ListenError {
    address: SocketAddr,
    error: std::io::Error,
}

/// Serves the feed on an address of its own, with limits of its own, until shutdown.
pub async fn listen(
    address: SocketAddr,
    module: RpcModule<Arc<FeedServer>>,
    mut shutdown: Shutdown,
) -> Result<ServerHandle, ListenError> {
    let limits = ServerConfig::builder()
        .max_connections(MAX_CONNECTIONS)
        .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
        .max_request_body_size(MAX_REQUEST)
        .max_response_body_size(super::client::MAX_MESSAGE)
        .set_batch_request_config(BatchRequestConfig::Disabled)
        .set_message_buffer_capacity(READER_BUFFER)
        .enable_ws_ping(PingConfig::new())
        .build();
    let server = Server::builder().set_config(limits).build(address).await;
    let handle = server.map_err(|error| ListenError { address, error })?.start(module);
    let stopped = handle.clone();
    tokio::spawn(async move {
        shutdown.wait().await;
        // An error means that it has ended already.
        let _ = stopped.stop();
    });
    Ok(handle)
}

fn internal(error: impl std::fmt::Display) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INTERNAL_ERROR_CODE, error.to_string(), None::<()>)
}

/// Sends a subscriber all blocks from `from` on, and again those that a reorg replaces.
async fn serve(server: Arc<FeedServer>, pending: PendingSubscriptionSink, from: u64) {
    let Ok(sink) = pending.accept().await else { return };
    let mut heads = server.chain.watch_heads();
    let mut progress = Progress { next: from.max(1), sent: VecDeque::new() };
    loop {
        heads.mark_unchanged();
        let reading = server.clone();
        let read = tokio::task::spawn_blocking(move || {
            let messages = reading.advance(&mut progress);
            (messages, progress)
        });
        let Ok((messages, after)) = read.await else { return };
        progress = after;
        match messages {
            Ok(messages) if messages.is_empty() => {
                let changed = tokio::select! {
                    () = sink.closed() => return,
                    changed = heads.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
            }
            Ok(messages) => {
                if send(&sink, messages).await.is_none() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(target: "node::feed", %error, "subscription ended");
                return;
            }
        }
    }
}

async fn send(sink: &SubscriptionSink, messages: Vec<Bytes>) -> Option<()> {
    for message in messages {
        let json = serde_json::value::to_raw_value(&message).ok()?;
        sink.send_timeout(json, SEND_TIMEOUT).await.ok()?;
    }
    Some(())
}

impl FeedServer {
    /// The next messages for a subscriber; none if it has everything.
    fn advance(&self, progress: &mut Progress) -> Result<Vec<Bytes>, AnnounceError> {
        let reader = self.chain.db().read().map_err(ChainError::from)?;
        while let Some((number, hash)) = progress.sent.back() {
            if reader.block_hash(*number).map_err(ChainError::from)? == Some(*hash) {
                break;
            }
            progress.next = *number;
            progress.sent.pop_back();
        }
        let blocks = self.messages(&reader, progress.next, MAX_BLOCKS)?;
        let mut messages = Vec::with_capacity(blocks.len());
        for (number, hash, message) in blocks {
            progress.sent.push_back((number, hash));
            progress.next = number + 1;
            messages.push(message);
        }
        let surplus = progress.sent.len().saturating_sub(REMEMBERED);
        progress.sent.drain(..surplus);
        Ok(messages)
    }

    /// The messages of up to `count` blocks from `from` on that are no confirmations: for the sequencer's own batcher.
    fn unconfirmed(&self, reader: &Reader, from: u64, count: u64) -> Result<Vec<Bytes>, AnnounceError> {
        let mut messages: Vec<Bytes> = Vec::new();
        let mut size = 0;
        for number in from.max(1)..from.max(1).saturating_add(count) {
            let Some(hash) = reader.block_hash(number).map_err(ChainError::from)? else { break };
            let Some((None, message)) = self.log.message(number, hash)? else { break };
            size += message.len();
            if size > MAX_ANSWER && !messages.is_empty() {
                break;
            }
            messages.push(message);
        }
        Ok(messages)
    }

    /// The messages of up to `count` signed blocks that follow one another, the first of them from `from` on, with the
    /// blocks' numbers and hashes.
    fn messages(
        &self,
        reader: &Reader,
        from: u64,
        count: u64,
    ) -> Result<Vec<(u64, B256, Bytes)>, AnnounceError> {
        let mut messages: Vec<(u64, B256, Bytes)> = Vec::new();
        let mut size = 0;
        // The genesis block is everybody's own.
        let mut number = from.max(1);
        while (messages.len() as u64) < count {
            // Nobody hears of a block before it is in the database, though the log has it.
            let Some(hash) = reader.block_hash(number).map_err(ChainError::from)? else { break };
            match self.log.message(number, hash)? {
                Some((Some(_), message)) => {
                    size += message.len();
                    if size > MAX_ANSWER && !messages.is_empty() {
                        break;
                    }
                    messages.push((number, hash, message));
                    number += 1;
                }
                _ if !messages.is_empty() => break,
                _ => match self.log.next_signed(number.saturating_add(1)) {
                    Some(next) => number = next,
                    None => break,
                },
            }
        }
        Ok(messages)
    }
}
