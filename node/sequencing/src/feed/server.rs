//! Serving the feed.

use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::{
    primitives::{B256, Bytes},
    signers::local::PrivateKeySigner,
};
use db::Reader;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, error::INTERNAL_ERROR_CODE},
};
use lru::LruCache;
use parking_lot::Mutex;

use super::{MAX_ANSWER, MAX_BLOCKS, sign};
use rollup::chain::{Chain, FeedBlock};

/// Signed messages kept, so that many subscribers cost one signature per block.
const CACHE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// A subscriber who does not take a message for this long is left behind.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How deep a reorg may be for a subscriber to be told exactly what changed.
const REMEMBERED: usize = 1024;

/// Signs and serves a chain's blocks.
#[derive(Debug)]
pub struct FeedServer {
    chain: Chain,
    key: PrivateKeySigner,
    cache: Mutex<LruCache<B256, Bytes>>,
}

/// How far one subscriber has been served.
#[derive(Debug)]
struct Progress {
    next: u64,
    /// What was sent last, oldest first.
    sent: VecDeque<(u64, B256)>,
}

/// The feed's methods, to be merged into the node's: `recourse_feedBlocks(from, count)` and the subscription
/// `recourse_subscribeFeed(from)`.
pub fn module(
    chain: Chain,
    key: PrivateKeySigner,
) -> Result<RpcModule<Arc<FeedServer>>, RegisterMethodError> {
    let server = FeedServer { chain, key, cache: Mutex::new(LruCache::new(CACHE)) };
    let mut module = RpcModule::new(Arc::new(server));
    module.register_blocking_method("recourse_feedBlocks", |params, server, _| {
        let (from, count): (u64, u64) = params.parse()?;
        let reader = server.chain.db().read().map_err(internal)?;
        let blocks = server.messages(&reader, from, count.min(MAX_BLOCKS)).map_err(internal)?;
        Ok::<_, ErrorObjectOwned>(blocks.into_iter().map(|(_, message)| message).collect::<Vec<_>>())
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
    fn advance(&self, progress: &mut Progress) -> db::Result<Vec<Bytes>> {
        let reader = self.chain.db().read()?;
        while let Some((number, hash)) = progress.sent.back() {
            if reader.block_hash(*number)? == Some(*hash) {
                break;
            }
            progress.next = *number;
            progress.sent.pop_back();
        }
        let blocks = self.messages(&reader, progress.next, MAX_BLOCKS)?;
        let mut messages = Vec::with_capacity(blocks.len());
        for (hash, message) in blocks {
            progress.sent.push_back((progress.next, hash));
            progress.next += 1;
            messages.push(message);
        }
        let surplus = progress.sent.len().saturating_sub(REMEMBERED);
        progress.sent.drain(..surplus);
        Ok(messages)
    }

    /// The messages of up to `count` blocks from `from` on, with the blocks' hashes, as far as they exist.
    fn messages(&self, reader: &Reader, from: u64, count: u64) -> db::Result<Vec<(B256, Bytes)>> {
        let mut messages = Vec::new();
        let mut size = 0;
        // The genesis block is everybody's own.
        for number in from.max(1)..from.max(1).saturating_add(count) {
            let Some((hash, message)) = self.message(reader, number)? else { break };
            size += message.len();
            if size > MAX_ANSWER && !messages.is_empty() {
                break;
            }
            messages.push((hash, message));
        }
        Ok(messages)
    }

    fn message(&self, reader: &Reader, number: u64) -> db::Result<Option<(B256, Bytes)>> {
        let Some(hash) = reader.block_hash(number)? else { return Ok(None) };
        if let Some(message) = self.cache.lock().get(&hash) {
            return Ok(Some((hash, message.clone())));
        }
        let Some(block) = FeedBlock::stored(reader, number)? else { return Ok(None) };
        let Some(message) = sign(self.chain.config().chain.chain_id, &self.key, &block) else {
            return Ok(None);
        };
        self.cache.lock().put(hash, message.clone());
        Ok(Some((hash, message)))
    }
}
