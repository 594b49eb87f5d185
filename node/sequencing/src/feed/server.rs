//! Serving the feed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use alloy::primitives::{B256, Bytes};
use db::Reader;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, error::INTERNAL_ERROR_CODE},
};

use super::{MAX_ANSWER, MAX_BLOCKS};
use crate::announce::{AnnounceError, AnnounceLog};
use rollup::chain::{Chain, ChainError};

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
/// `recourse_subscribeFeed(from)`. Blocks that nobody signed, or that the log no longer has, are left out: what comes first
/// may have a higher number than was asked for.
pub fn module(chain: Chain, log: AnnounceLog) -> Result<RpcModule<Arc<FeedServer>>, RegisterMethodError> {
    let server = FeedServer { chain, log };
    let mut module = RpcModule::new(Arc::new(server));
    module.register_blocking_method("recourse_feedBlocks", |params, server, _| {
        let (from, count): (u64, u64) = params.parse()?;
        let reader = server.chain.db().read().map_err(internal)?;
        let blocks = server.messages(&reader, from, count.min(MAX_BLOCKS)).map_err(internal)?;
        Ok::<_, ErrorObjectOwned>(blocks.into_iter().map(|(_, _, message)| message).collect::<Vec<_>>())
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
