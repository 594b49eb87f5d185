//! What somebody means by a number, an address or a hash.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    network::ReceiptResponse,
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent},
};
use axum::{
    Json,
    extract::{Query, State},
};
use bindings::{IInbox, IL2ToL1MessagePasser};
use db::Reader;
use serde::{Deserialize, Serialize};
use stf::predeploys::L2_TO_L1_MESSAGE_PASSER;
use tokio::time::timeout;

use super::{error::PageError, source::Source};

/// Blocks in which a withdrawal is looked for at once.
const STRETCH: u64 = 50_000;

/// Most stretches, from the newest on: a search is not to read the whole of a long chain.
const STRETCHES: usize = 10;

/// How long L1 may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is searched for.
#[derive(Debug, Deserialize)]
pub(super) struct SearchQuery {
    q: String,
}

/// What it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Hit {
    kind: Kind,
    id: String,
    /// The L2 transaction that it is about.
    transaction: Option<B256>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Block,
    Transaction,
    Address,
    Batch,
    Withdrawal,
    Dispute,
    Deposit,
}

impl Hit {
    fn new(kind: Kind, id: impl ToString, transaction: Option<B256>) -> Self {
        Self { kind, id: id.to_string(), transaction }
    }
}

/// `GET /api/v1/search?q=TEXT`
pub(super) async fn search(
    State(source): State<Arc<Source>>,
    Query(wanted): Query<SearchQuery>,
) -> Result<Json<Hit>, PageError> {
    let text = wanted.q.trim();
    let missing = || PageError::Missing("nothing here has this name".into());
    let hit = if let Ok(number) = text.parse::<u64>() {
        let is_there = number <= source.known.chain.heads().unsafe_head.number;
        is_there.then(|| Hit::new(Kind::Block, number, None))
    } else if let Ok(address) = text.parse::<Address>() {
        let is_game = source.seen().is_ok_and(|seen| seen.games.get(address).is_some());
        let kind = if is_game { Kind::Dispute } else { Kind::Address };
        Some(Hit::new(kind, format!("{address:#x}"), None))
    } else if let Ok(hash) = text.parse::<B256>() {
        by_hash(&source, hash).await?
    } else {
        return Err(PageError::Wrong("not a number, an address or a hash".into()));
    };
    hit.map(Json).ok_or_else(missing)
}

async fn by_hash(source: &Arc<Source>, hash: B256) -> Result<Option<Hit>, PageError> {
    let on_l2 = source
        .read(move |_, reader| {
            if let Some(number) = reader.block_number(&hash)? {
                return Ok(Some(Hit::new(Kind::Block, number, None)));
            }
            let transaction = reader.deposit_alias(&hash)?.unwrap_or(hash);
            let found = reader.find_transaction(&transaction)?;
            Ok(found.map(|_| Hit::new(Kind::Transaction, transaction, Some(transaction))))
        })
        .await?;
    if on_l2.is_some() {
        return Ok(on_l2);
    }
    if let Some(transaction) = withdrawal(source, hash).await? {
        return Ok(Some(Hit::new(Kind::Withdrawal, hash, Some(transaction))));
    }
    of_l1(source, hash).await
}

/// The transaction that started a withdrawal.
async fn withdrawal(source: &Source, hash: B256) -> Result<Option<B256>, PageError> {
    if let Some(transaction) = source.started.get(&hash) {
        return Ok(Some(transaction));
    }
    let l2 = &source.known.session.l2;
    let call = IL2ToL1MessagePasser::sentMessagesCall { withdrawalHash: hash };
    let request = TransactionRequest::default().to(L2_TO_L1_MESSAGE_PASSER).input(call.abi_encode().into());
    let answer = l2.call(request.into()).block(BlockId::latest()).await.map_err(PageError::internal)?;
    if !answer.iter().any(|byte| *byte != 0) {
        return Ok(None);
    }
    // Logs are read for one at a time.
    let _turn = source.searching.acquire().await.map_err(PageError::internal)?;
    let mut end = source.known.chain.heads().unsafe_head.number;
    for _ in 0..STRETCHES {
        let start = end.saturating_sub(STRETCH - 1);
        let filter = Filter::new()
            .address(L2_TO_L1_MESSAGE_PASSER)
            .event_signature(IL2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH)
            .select(start..=end);
        let logs = l2.get_logs(&filter).await.map_err(PageError::internal)?;
        let is_it = |log: &&Log| {
            IL2ToL1MessagePasser::MessagePassed::decode_log(&log.inner)
                .is_ok_and(|passed| passed.withdrawalHash == hash)
        };
        if let Some(transaction) = logs.iter().find(is_it).and_then(|log| log.transaction_hash) {
            source.started.insert(hash, transaction);
            return Ok(Some(transaction));
        }
        if start == 0 {
            break;
        }
        end = start - 1;
    }
    Ok(None)
}

/// What a transaction of L1 brought: a batch, or a deposit.
async fn of_l1(source: &Arc<Source>, hash: B256) -> Result<Option<Hit>, PageError> {
    let _turn = source.turn(NonZeroU32::MIN).await?;
    let asked = async { source.known.client.provider().get_transaction_receipt(hash).await };
    // An L1 that does not answer knows of nothing.
    let Ok(Ok(Some(receipt))) = timeout(PATIENCE, asked).await else { return Ok(None) };
    let inbox = source.known.config.contracts.inbox;
    let enqueued = receipt.logs().iter().filter(|log| log.address() == inbox);
    let indices: Vec<u64> = enqueued
        .filter_map(|log| Some(IInbox::MessageEnqueued::decode_log(&log.inner).ok()?.index))
        .collect();
    let l1_block = receipt.block_number().unwrap_or_default();
    source
        .read(move |_, reader| {
            for index in indices {
                let message = reader.message(index)?;
                if let Some(alias) = message.and_then(|message| message.alias) {
                    return Ok(Some(Hit::new(Kind::Deposit, hash, Some(alias.hash))));
                }
            }
            Ok(batch_of(reader, l1_block, hash)?.map(|index| Hit::new(Kind::Batch, index, None)))
        })
        .await
}

/// The batch that a transaction in an L1 block posted.
fn batch_of(reader: &Reader, l1_block: u64, hash: B256) -> Result<Option<u64>, PageError> {
    // Batches are in the order of their L1 blocks: the first that is not before this one.
    let count = reader.batch_count()?;
    let (mut first, mut end) = (0, count);
    while first < end {
        let middle = first + (end - first) / 2;
        match reader.batch_place(middle)? {
            Some(place) if place.l1_block < l1_block => first = middle + 1,
            _ => end = middle,
        }
    }
    for index in first..count {
        match reader.batch_place(index)? {
            Some(place) if place.l1_block == l1_block && place.tx_hash == hash => return Ok(Some(index)),
            Some(place) if place.l1_block == l1_block => {}
            _ => break,
        }
    }
    Ok(None)
}
