//! Subscriptions over WebSocket.

use std::sync::Arc;

use alloy::rpc::types::{Filter, Log};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::{SubscriptionResult, server::SubscriptionMessage},
    types::Params,
};
use serde::Serialize;

use super::{
    RpcError,
    args::Args,
    block_follower::{BlockFollower, Change},
    context::Rpc,
    logs::{block_logs, check_filter},
    transaction::RpcTransaction,
    waiting::NewTransactions,
};

/// What can be subscribed to.
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
    /// Whole transactions, or their hashes.
    PendingTransactions(bool),
    Syncing,
}

impl Topic {
    fn parse(params: &Params<'_>) -> Result<Self, RpcError> {
        let mut args = Args::new(params)?;
        let name: String = args.required()?;
        match name.as_str() {
            "newHeads" => Ok(Self::NewHeads),
            "logs" => {
                let filter: Filter = args.optional()?.unwrap_or_default();
                check_filter(&filter)?;
                Ok(Self::Logs(Box::new(filter)))
            }
            "newPendingTransactions" => Ok(Self::PendingTransactions(args.optional()?.unwrap_or_default())),
            "syncing" => Ok(Self::Syncing),
            other => Err(RpcError::invalid(format!("no \"{other}\" subscription in eth namespace"))),
        }
    }
}

/// Serves one subscription until either side ends it. A client that does not read is slowed down to, not buffered for:
/// the follower then reads from the database what it missed.
pub(crate) async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
) -> SubscriptionResult {
    let topic = match Topic::parse(&params) {
        Ok(topic) => topic,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    // Follows from before the client learns that it is subscribed.
    let follower = BlockFollower::new(&rpc);
    let waiting = match topic {
        Topic::PendingTransactions(_) => rpc.new_transactions(),
        _ => NewTransactions::None,
    };
    let sink = pending.accept().await?;
    match topic {
        Topic::NewHeads => {
            blocks(&rpc, &sink, follower, |change| match change {
                Change::New(block) => vec![block.rpc_header()],
                Change::Gone(_) => Vec::new(),
            })
            .await
        }
        Topic::Logs(filter) => {
            blocks(&rpc, &sink, follower, |change| -> Vec<Log> {
                match change {
                    Change::New(block) => block_logs(block, &filter, false),
                    Change::Gone(block) => block_logs(block, &filter, true),
                }
            })
            .await
        }
        Topic::PendingTransactions(full) => transactions(waiting, &sink, full).await,
        Topic::Syncing => rpc.tell_syncing(&sink).await,
    }
}

/// Sends what `items` makes of each change.
async fn blocks<T: Serialize>(
    rpc: &Arc<Rpc>,
    sink: &SubscriptionSink,
    mut follower: BlockFollower,
    items: impl Fn(&Change) -> Vec<T>,
) -> SubscriptionResult {
    loop {
        let changes = tokio::select! {
            changes = follower.next(rpc) => changes,
            () = sink.closed() => return Ok(()),
        };
        let Some(changes) = changes else { return Ok(()) };
        for change in changes.map_err(|error| error.to_string())? {
            for item in items(&change) {
                send(sink, &item).await?;
            }
        }
    }
}

async fn transactions(
    mut waiting: NewTransactions,
    sink: &SubscriptionSink,
    full: bool,
) -> SubscriptionResult {
    loop {
        let next = tokio::select! {
            next = waiting.next() => next,
            () = sink.closed() => return Ok(()),
        };
        match next {
            Some(tx) if full => send(sink, &RpcTransaction::pending(&tx)).await?,
            Some(tx) => send(sink, &tx.hash()).await?,
            None => return Ok(()),
        }
    }
}

pub(super) async fn send(sink: &SubscriptionSink, item: &impl Serialize) -> SubscriptionResult {
    let message = SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), item)?;
    Ok(sink.send(message).await?)
}
