//! How certain a transaction is, and what it withdraws.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U64, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use axum::{
    Json,
    extract::{Path, State},
};
use bindings::{IAnchorStateRegistry, IInbox};
use bridge::withdrawal::Withdrawal;
use db::Reader;
use serde::Serialize;
use serde_json::{Value, json};
use stf::ExtraData;
use tokio::time::timeout;

use super::{
    batches::{self, postings},
    bridged::WithdrawalLine,
    error::PageError,
    rpc::ask,
    source::{Seen, Source},
};
use crate::{
    game::Status,
    l1::{GameEntry, GameEvent},
    report::Verity,
};

/// Withdrawals of a transaction that are looked at: each takes some requests to L1.
const MOST_WITHDRAWALS: usize = 8;

/// About so many requests to L1 tell how far a withdrawal is.
const OF_WITHDRAWAL: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Proposals that are judged to find the one that covers a transaction, the oldest first.
const MOST_PROPOSALS: usize = 32;

/// Of these, how many L1 is asked about.
const MOST_ASKED: usize = 4;

/// How certain a transaction is.
#[derive(Debug, Serialize)]
pub(super) struct Certainty {
    hash: B256,
    block: u64,
    time: u64,
    stages: Stages,
    withdrawals: Vec<WithdrawalLine>,
    deposit: Option<DepositLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stages {
    confirmed: Option<Confirmed>,
    #[serde(rename = "onL1")]
    on_l1: Option<OnL1>,
    proposed: Option<ProposedLine>,
    anchored: Option<Anchored>,
}

#[derive(Debug, Serialize)]
struct Confirmed {
    time: u64,
    /// What the sequencer loses if this does not become part of the chain. There are no bonds behind blocks yet.
    bond: Option<String>,
    by: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnL1 {
    time: u64,
    batch: u64,
    l1_block: u64,
    l1_transaction: B256,
    blobs: Vec<B256>,
}

#[derive(Debug, Serialize)]
struct ProposedLine {
    time: u64,
    game: Address,
    index: u64,
    truth: Verity,
    deadline: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Anchored {
    /// When the game was decided, with which that was sure.
    time: Option<u64>,
    game: Option<Address>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DepositLine {
    l1_transaction: Option<B256>,
    l1_block: u64,
    /// In the queue.
    index: u64,
}

/// What the database says of a transaction.
struct Found {
    block: u64,
    time: u64,
    on_l1: Option<OnL1>,
    deposit: Option<DepositLine>,
}

/// `GET /api/v1/transaction/HASH`
pub(super) async fn transaction(
    State(source): State<Arc<Source>>,
    Path(hash): Path<String>,
) -> Result<Json<Certainty>, PageError> {
    let asked: B256 = hash.parse().map_err(|_| PageError::Wrong(format!("{hash:?} is no hash")))?;
    let seen = source.seen()?;
    let on_l1 = source
        .read(move |source, reader| {
            // A deposit has another hash for clients of the OP Stack.
            let hash = reader.deposit_alias(&asked)?.unwrap_or(asked);
            let found = find(reader, hash)?;
            let proposals = proposals(source, &seen, found.block);
            let anchored = anchored(source, reader, &seen, found.block)?;
            Ok((hash, found, proposals, anchored))
        })
        .await;
    let (hash, found, proposals, anchored) = match on_l1 {
        Err(PageError::Missing(text)) => {
            let confirmed = not_yet_on_l1(&source, asked).await;
            return confirmed.map(Json).ok_or(PageError::Missing(text));
        }
        on_l1 => on_l1?,
    };
    let Found { block, time, mut on_l1, mut deposit } = found;
    if let Some(stage) = &mut on_l1 {
        let postings = postings(&source, vec![(stage.l1_transaction, stage.l1_block)]).await;
        stage.blobs =
            postings.get(&stage.l1_transaction).map(|posting| posting.blobs.clone()).unwrap_or_default();
    }
    if let Some(deposit) = &mut deposit {
        deposit.l1_transaction = enqueued_by(&source, deposit).await;
    }
    let proposed = proper(&source, proposals).await;
    let withdrawals = withdrawals(&source, hash).await?;
    let confirmed = Some(Confirmed { time, bond: None, by: None });
    let stages = Stages { confirmed, on_l1, proposed, anchored };
    Ok(Json(Certainty { hash, block, time, stages, withdrawals, deposit }))
}

/// A transaction that only a node knows, in a block that is not on L1 yet.
async fn not_yet_on_l1(source: &Source, hash: B256) -> Option<Certainty> {
    let node = &source.known.newest.as_ref()?.provider;
    let receipt: Value = ask(node, "eth_getTransactionReceipt", json!([hash])).await?;
    let number: U64 = serde_json::from_value(receipt.get("blockNumber")?.clone()).ok()?;
    let found: B256 = serde_json::from_value(receipt.get("transactionHash")?.clone()).ok()?;
    // Of blocks that are on L1, this process knows better than any node what is in them.
    if found != hash || number.to::<u64>() <= source.known.chain.heads().unsafe_head.number {
        return None;
    }
    let block: Value = ask(node, "eth_getBlockByNumber", json!([number, false])).await?;
    let time: U64 = serde_json::from_value(block.get("timestamp")?.clone()).ok()?;
    let time = time.to();
    let confirmed = Some(Confirmed { time, bond: None, by: None });
    let stages = Stages { confirmed, on_l1: None, proposed: None, anchored: None };
    let block = number.to();
    Some(Certainty { hash, block, time, stages, withdrawals: Vec::new(), deposit: None })
}

fn find(reader: &Reader, hash: B256) -> Result<Found, PageError> {
    let missing = || PageError::Missing(format!("no block on L1 has a transaction {hash}"));
    let location = reader.find_transaction(&hash)?.ok_or_else(missing)?;
    let block = location.block;
    let header = reader.header(block)?.ok_or_else(missing)?;
    let tx = reader.transaction(location)?.ok_or_else(missing)?;
    let on_l1 = match reader.batch_of_block(block)? {
        None => None,
        Some(batch) => reader.batch_place(batch)?.map(|place| (batch, place)),
    };
    let on_l1 = on_l1
        .map(|(batch, place)| {
            let time = batches::header(&place)?.l1_timestamp;
            let (l1_block, l1_transaction) = (place.l1_block, place.tx_hash);
            Ok::<_, PageError>(OnL1 { time, batch, l1_block, l1_transaction, blobs: Vec::new() })
        })
        .transpose()?;
    let deposit = if tx.is_deposit() { deposit(reader, block, hash)? } else { None };
    Ok(Found { block, time: header.timestamp, on_l1, deposit })
}

/// The proposals about outputs of this block or later ones that have not lost: right ones first, then those that are not judged
/// yet, of each the oldest first.
fn proposals(source: &Source, seen: &Seen, block: u64) -> Vec<ProposedLine> {
    let line = |entry: &GameEntry| {
        let game = entry.game().ok()?;
        let root = game.root();
        let is_lost = root.status.is_countered() && root.status.is_resolved();
        if game.subject.blocks.end() < block || is_lost {
            return None;
        }
        let truth = source.root_verity(game).verdict().into();
        let deadline = (!root.status.is_resolved()).then(|| game.deadline(root));
        let (time, index) = (entry.proposal.timestamp, entry.index);
        Some(ProposedLine { time, game: entry.address(), index, truth, deadline })
    };
    let mut lines: Vec<_> = seen.games.iter().filter_map(line).take(MOST_PROPOSALS).collect();
    let rank = |truth| match truth {
        Verity::Right => 0,
        Verity::Unknown => 1,
        Verity::Wrong => 2,
    };
    lines.sort_by_key(|line| (rank(line.truth), line.index));
    lines
}

/// The first of them that L1's registry counts: the guardian may have excluded some, and a broken machine others.
async fn proper(source: &Source, proposals: Vec<ProposedLine>) -> Option<ProposedLine> {
    let head = source.seen().ok()?.head;
    for line in proposals.into_iter().take(MOST_ASKED) {
        let key = (line.game, head.hash);
        let is_proper = match source.proper.get(&key) {
            Some(is_proper) => is_proper,
            None => {
                let _turn = source.turn(NonZeroU32::MIN).await.ok()?;
                let registry = source.known.config.contracts.anchor_state_registry;
                let call = IAnchorStateRegistry::isGameProperCall { game: line.game };
                let asked = source.known.client.view(registry, call, BlockId::from(head.hash));
                let is_proper = timeout(PATIENCE, asked).await.ok()?.ok()?;
                source.proper.insert(key, is_proper);
                is_proper
            }
        };
        if is_proper {
            return Some(line);
        }
    }
    None
}

/// Whether L1 has accepted the output of a block that is not before this one, and that output is what was computed here; and
/// the oldest game that made it sure.
fn anchored(
    source: &Source,
    reader: &Reader,
    seen: &Seen,
    block: u64,
) -> Result<Option<Anchored>, PageError> {
    let Some(says) = source.outside.l1() else { return Ok(None) };
    let (anchor, output) = says.anchor;
    if block > anchor || source.output(reader, anchor)? != Some(output) {
        return Ok(None);
    }
    let decided = seen.games.iter().find_map(|entry| {
        let game = entry.game().ok()?;
        let (root, end) = (game.root(), game.subject.blocks.end());
        if root.status != Status::Upheld || !(block..=anchor).contains(&end) {
            return None;
        }
        let is_decision =
            |event: &GameEvent| matches!(event, GameEvent::Decided(decided) if decided.id == root.id.0);
        let decided = entry.events.iter().find(|logged| is_decision(&logged.event))?;
        Some((decided.timestamp, entry.address()))
    });
    Ok(Some(Anchored { time: decided.map(|(time, _)| time), game: decided.map(|(_, game)| game) }))
}

/// Where a deposit came from. The transaction that a block begins with comes from nowhere.
fn deposit(reader: &Reader, block: u64, hash: B256) -> Result<Option<DepositLine>, PageError> {
    let cursor = |number: u64| {
        let header = reader.header(number)?;
        Ok::<_, PageError>(
            header.and_then(|header| ExtraData::of(&header)).unwrap_or_default().message_cursor,
        )
    };
    let (first, end) = (cursor(block.saturating_sub(1))?, cursor(block)?);
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    for message in reader.messages(first..=last)? {
        let (index, message) = message?;
        if message.alias.is_some_and(|alias| alias.hash == hash) {
            return Ok(Some(DepositLine { l1_transaction: None, l1_block: message.l1_block, index }));
        }
    }
    Ok(None)
}

/// The L1 transaction that put a message into the queue, if L1 says.
async fn enqueued_by(source: &Source, deposit: &DepositLine) -> Option<B256> {
    let filter = Filter::new()
        .address(source.known.config.contracts.inbox)
        .event_signature(IInbox::MessageEnqueued::SIGNATURE_HASH)
        .topic1(U256::from(deposit.index))
        .select(deposit.l1_block);
    let _turn = source.turn(NonZeroU32::MIN).await.ok()?;
    let asked = async { source.known.client.provider().get_logs(&filter).await };
    let logs = timeout(PATIENCE, asked).await.ok()?.ok()?;
    logs.first()?.transaction_hash
}

/// What a transaction withdraws.
async fn withdrawals(source: &Source, hash: B256) -> Result<Vec<WithdrawalLine>, PageError> {
    let session = &source.known.session;
    let receipt = session.l2.get_transaction_receipt(hash).await;
    let receipt =
        receipt.map_err(|error| PageError::NotYet(format!("its receipt is not read yet: {error}")))?;
    let Some(receipt) = receipt else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for index in 0..MOST_WITHDRAWALS {
        // The error is that there is no such withdrawal.
        let Ok(withdrawal) = Withdrawal::from_receipt(&receipt, index) else { break };
        lines.push(line(source, withdrawal).await?);
    }
    Ok(lines)
}

/// A withdrawal as of what was seen last: L1 is asked once for each of its blocks.
async fn line(source: &Source, withdrawal: Withdrawal) -> Result<WithdrawalLine, PageError> {
    let head = source.seen()?.head;
    let key = (withdrawal.hash, head.hash);
    if let Some(known) = source.withdrawals.get(&key) {
        return Ok(known);
    }
    let _turn = source.turn(OF_WITHDRAWAL).await?;
    let stage = timeout(PATIENCE, withdrawal.stage(&source.known.session)).await;
    let stage = stage
        .map_err(|_| PageError::NotYet("L1 does not tell in time how far a withdrawal is".into()))?
        .map_err(|error| PageError::NotYet(format!("L1 does not tell how far a withdrawal is: {error:#}")))?;
    let portal = source.known.config.contracts.portal;
    let line = WithdrawalLine::new(withdrawal, stage, portal, head.timestamp());
    source.withdrawals.insert(key, line.clone());
    Ok(line)
}
