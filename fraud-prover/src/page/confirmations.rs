//! What the sequencer has confirmed, and whether it kept its word.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, B256, Bytes},
    providers::{Provider, RootProvider},
};
use axum::{
    Json,
    extract::{Query, State},
};
use db::Reader;
use rollup::{chain::FeedBlock, shutdown::Shutdown};
use sequencing::feed::{MAX_BLOCKS, Meaning, SIGNATURE_SIZE, Signers, open};
use serde::Serialize;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::{
    TARGET,
    error::PageError,
    paging::{Paging, next},
    source::Source,
    statements::Statement,
};

/// How often the node is asked for more.
const INTERVAL: Duration = Duration::from_millis(500);

/// Least time between two requests, also where there is more: each statement takes the recovery of a signature.
const AT_LEAST: Duration = Duration::from_millis(100);

/// How far above what is on L1 a statement may be: a sequencer confirms no more than that.
const AHEAD: u64 = 60_000;

/// How long the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
enum WordState {
    /// L1 has no block of this number yet.
    Pending,
    /// L1 has this very block.
    Kept,
    /// L1 has another one.
    Broken,
}

#[derive(Debug, Serialize)]
struct StatementLine {
    number: u64,
    hash: B256,
    messages: u64,
    signer: Address,
    signature: Bytes,
    heard: u64,
    state: WordState,
    instead: Option<B256>,
}

/// A page of statements, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct ConfirmationList {
    signer: Option<Address>,
    listens: bool,
    /// What the signer loses by a broken word. There is no bond behind blocks yet.
    bond: Option<String>,
    kept: usize,
    pending: usize,
    broken: usize,
    statements: Vec<StatementLine>,
    next: Option<u64>,
}

/// `GET /api/v1/confirmations`
pub(super) async fn confirmations(
    State(source): State<Arc<Source>>,
    Query(paging): Query<Paging>,
) -> Result<Json<ConfirmationList>, PageError> {
    source.read(move |source, reader| Ok(Json(list(source, reader, paging)?))).await
}

fn list(source: &Source, reader: &Reader, paging: Paging) -> Result<ConfirmationList, PageError> {
    let statements = source.statements.all();
    let mut counts: HashMap<WordState, usize> = HashMap::new();
    let mut lines = Vec::with_capacity(statements.len());
    for ((number, hash), statement) in statements {
        let chain = reader.block_hash(number)?;
        let state = match chain {
            None => WordState::Pending,
            Some(chain) if chain == hash => WordState::Kept,
            Some(_) => WordState::Broken,
        };
        *counts.entry(state).or_default() += 1;
        let Statement { messages, signer, signature, at } = statement;
        let instead = chain.filter(|_| state == WordState::Broken);
        lines.push(StatementLine { number, hash, messages, signer, signature, heard: at, state, instead });
    }
    let count = |state| counts.get(&state).copied().unwrap_or(0);
    let first = lines.first().map_or(0, |line| line.number);
    let end = lines.last().map_or(0, |line| line.number + 1);
    let range = paging.range(end);
    let range = range.start.max(first)..range.end.max(first);
    let statements = lines.into_iter().rev().filter(|line| range.contains(&line.number));
    Ok(ConfirmationList {
        signer: source.known.signers.borrow().current(),
        listens: source.known.newest.is_some(),
        bond: None,
        kept: count(WordState::Kept),
        pending: count(WordState::Pending),
        broken: count(WordState::Broken),
        statements: statements.collect(),
        next: next(&range, first),
    })
}

/// Listens to what a node has of the feed, until shutdown.
pub(super) async fn listen(source: Arc<Source>, mut shutdown: Shutdown) {
    let Some(node) = &source.known.newest else { return };
    let mut from = None;
    while !shutdown.is_set() {
        let signers = source.known.signers.borrow().clone();
        let mut more = false;
        if signers.current().is_some() {
            let start = from.unwrap_or_else(|| source.known.chain.heads().safe.number + 1);
            let heard = timeout(PATIENCE, hear(&source, &node.provider, &signers, start)).await;
            if let Ok(Some(last)) = heard {
                from = Some(last + 1);
                more = last + 1 >= start + MAX_BLOCKS;
            }
        }
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(if more { AT_LEAST } else { INTERVAL }) => {}
        }
    }
}

/// Asks a node for statements from a block on, and remembers those whose signature counts; the last number that it answered.
async fn hear(source: &Source, node: &RootProvider, signers: &Signers, from: u64) -> Option<u64> {
    let asked: Result<Vec<Bytes>, _> =
        node.raw_request("recourse_feedBlocks".into(), (from, MAX_BLOCKS)).await;
    let messages = match asked {
        Ok(messages) => messages,
        Err(error) => {
            debug!(target: TARGET, %error, "the node has no feed");
            return None;
        }
    };
    let chain_id = source.known.config.chain.chain_id;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let most = source.known.chain.heads().unsafe_head.number.saturating_add(AHEAD);
    let mut last = None;
    for message in messages.into_iter().take(MAX_BLOCKS as usize) {
        let (signer, block) = match open(Meaning::Confirmed, chain_id, signers, &message) {
            Ok(opened) => opened,
            Err(error) => {
                debug!(target: TARGET, %error, "a message of the feed is no statement");
                continue;
            }
        };
        let FeedBlock { number, hash, spec } = block;
        if !(from..=most).contains(&number) {
            continue;
        }
        let signature = Bytes::copy_from_slice(&message[..SIGNATURE_SIZE]);
        last = last.max(Some(number));
        let messages = spec.messages;
        source.statements.insert(number, hash, Statement { messages, signer, signature, at });
    }
    last
}
