//! Subscriptions over WebSocket.

use std::{collections::HashSet, sync::Arc, time::Duration};

use alloy::primitives::B256;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionSink,
    core::{SubscriptionResult, server::SubscriptionMessage},
    types::Params,
};
use serde::{Deserialize, Serialize};
use stf::Transaction;
use tokio::sync::Semaphore;

use super::{
    RpcError,
    args::Args,
    block_follower::{BlockFollower, Change},
    connection::Connection,
    context::Rpc,
    log_filter::LogFilter,
    logs::{check_filter, matching_logs},
    peers::MAX_PEER_SUBSCRIPTIONS,
    requests::METHOD_NOT_FOUND,
    transaction::RpcTransaction,
    waiting::NewTransactions,
};

/// How long a notification waits for room among what all clients hold. A client for which there is none by then is behind
/// for good: its subscription ends.
const WAIT: Duration = Duration::from_secs(10);

/// How often is looked whether there is room.
const LOOK: Duration = Duration::from_millis(50);

/// Most transactions that one subscription waits for: geth's limit.
const MAX_HASHES: usize = 200;

/// What can be subscribed to.
enum Topic {
    NewHeads,
    Logs(Box<LogFilter>),
    /// Whole transactions, or their hashes.
    PendingTransactions(bool),
    Syncing,
    /// Receipts of these transactions, or of all.
    Receipts(HashSet<B256>),
}

/// Which receipts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ReceiptOptions {
    transaction_hashes: Vec<B256>,
}

impl Topic {
    fn parse(params: &Params<'_>) -> Result<Self, RpcError> {
        let mut args = Args::of(params.as_str())?;
        let name: String = args
            .optional()?
            .ok_or_else(|| RpcError::invalid("expected subscription name as first argument"))?;
        match name.as_str() {
            "newHeads" => Ok(Self::NewHeads),
            "logs" => {
                let filter: LogFilter = args.optional()?.unwrap_or_default();
                check_filter(&filter)?;
                Ok(Self::Logs(Box::new(filter)))
            }
            "newPendingTransactions" => Ok(Self::PendingTransactions(args.optional()?.unwrap_or_default())),
            "syncing" => Ok(Self::Syncing),
            "transactionReceipts" => {
                let ReceiptOptions { transaction_hashes: hashes } = args.optional()?.unwrap_or_default();
                if hashes.len() > MAX_HASHES {
                    return Err(RpcError::invalid(format!(
                        "{} transaction hashes asked for, at most {MAX_HASHES} are allowed",
                        hashes.len()
                    )));
                }
                Ok(Self::Receipts(hashes.into_iter().collect()))
            }
            other => Err(RpcError::Coded {
                code: METHOD_NOT_FOUND,
                message: format!("no \"{other}\" subscription in eth namespace"),
            }),
        }
    }
}

/// Where notifications go.
pub(super) struct Notify {
    sink: SubscriptionSink,
    /// Absent where nobody is connected.
    connection: Option<Arc<Connection>>,
}

impl Notify {
    /// Sends one, as soon as there is room for it.
    pub(super) async fn send(&self, item: &impl Serialize) -> SubscriptionResult {
        let text = serde_json::value::to_raw_value(item)?;
        if let Some(connection) = &self.connection {
            let size = text.get().len();
            let room = async {
                loop {
                    match connection.notify(size) {
                        Ok(message) => return message,
                        Err(_) => tokio::time::sleep(LOOK).await,
                    }
                }
            };
            let message = tokio::time::timeout(WAIT, room).await;
            let message = message.map_err(|_| format!("no room for a notification in {WAIT:?}"))?;
            connection.hand_over(message, size);
        }
        let message = SubscriptionMessage::new(self.sink.method_name(), self.sink.subscription_id(), &text)?;
        Ok(self.sink.send(message).await?)
    }

    /// Returns when the client has gone or does not want any more.
    pub(super) async fn closed(&self) {
        self.sink.closed().await;
    }
}

/// Serves one subscription until either side ends it. A client that does not read is slowed down to, not buffered for:
/// the follower then reads from the database what it missed.
pub(crate) async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
    connection: Option<Arc<Connection>>,
) -> SubscriptionResult {
    let place = connection.as_ref().map(|connection| connection.peer.subscriptions.clone());
    let _place = match place.map(Semaphore::try_acquire_owned).transpose() {
        Ok(place) => place,
        Err(_) => {
            let text = format!("too many subscriptions: one address may have {MAX_PEER_SUBSCRIPTIONS}");
            pending.reject(RpcError::Limit(text)).await;
            return Ok(());
        }
    };
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
    let notify = Notify { sink: pending.accept().await?, connection };
    match topic {
        Topic::NewHeads => blocks(&rpc, &notify, follower, None).await,
        Topic::Logs(filter) => blocks(&rpc, &notify, follower, Some(&filter)).await,
        Topic::PendingTransactions(full) => transactions(waiting, &notify, full).await,
        Topic::Syncing => rpc.tell_syncing(&notify).await,
        Topic::Receipts(hashes) => receipts(&rpc, &notify, follower, &hashes).await,
    }
}

/// Sends the logs of each change that match, or new headers where no filter is given.
async fn blocks(
    rpc: &Arc<Rpc>,
    notify: &Notify,
    mut follower: BlockFollower,
    filter: Option<&LogFilter>,
) -> SubscriptionResult {
    loop {
        let changes = tokio::select! {
            changes = follower.next(rpc) => changes,
            () = notify.closed() => return Ok(()),
        };
        let Some(changes) = changes else { return Ok(()) };
        for change in changes.map_err(|error| error.to_string())? {
            let (block, is_gone) = match &change {
                Change::New(block) => (block, false),
                Change::Gone(block) => (block, true),
            };
            match filter {
                // One by one: a block may have very many.
                Some(filter) => {
                    for log in matching_logs(block, filter, is_gone) {
                        notify.send(&log).await?;
                    }
                }
                None if is_gone => {}
                None => notify.send(&block.rpc_header()).await?,
            }
        }
    }
}

/// Sends the receipts of each new block, as one list: those that are waited for, or all.
async fn receipts(
    rpc: &Arc<Rpc>,
    notify: &Notify,
    mut follower: BlockFollower,
    hashes: &HashSet<B256>,
) -> SubscriptionResult {
    loop {
        let changes = tokio::select! {
            changes = follower.next(rpc) => changes,
            () = notify.closed() => return Ok(()),
        };
        let Some(changes) = changes else { return Ok(()) };
        for change in changes.map_err(|error| error.to_string())? {
            let Change::New(block) = change else { continue };
            let is_wanted = |(index, tx): (usize, &Transaction)| {
                (hashes.is_empty() || hashes.contains(&tx.hash())).then_some(index)
            };
            let wanted = block.transactions.iter().enumerate().filter_map(is_wanted);
            let found: Vec<_> = wanted.filter_map(|index| block.receipt(index)).collect();
            if !found.is_empty() {
                notify.send(&found).await?;
            }
        }
    }
}

async fn transactions(mut waiting: NewTransactions, notify: &Notify, full: bool) -> SubscriptionResult {
    loop {
        let next = tokio::select! {
            next = waiting.next() => next,
            () = notify.closed() => return Ok(()),
        };
        match next {
            Some(tx) if full => notify.send(&RpcTransaction::pending(&tx)).await?,
            Some(tx) => notify.send(&tx.hash()).await?,
            None => return Ok(()),
        }
    }
}
