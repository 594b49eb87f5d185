//! What a transaction costs in a batch that fills six blobs, beside the same blocks as an OP Stack chain posts them.
//!
//! Both sides encode the same blocks of the same signed transactions (EIP-1559), a hundred to a block, two seconds
//! apart, OP's block time: our codec at the batcher's quality, OP's span batches ([`span_batch`]) by the better of the
//! compressors that op-batcher offers short of its slowest. OP's L1 origin is another one every twelve seconds. Our
//! batch is as many blocks as fit six blobs; what OP's takes of its blobs is counted with its frames, but not what
//! would be left of the last blob. The batch of transfers is then posted to real contracts.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use rand::{SeedableRng, rngs::StdRng};
use rollup::{
    RollupConfig,
    blobs::BlobSidecar,
    l1::{TxManager, TxOptions, TxRequest, connect},
};
use sequencing::batcher::BatcherOptions;
use stf::{
    BlockSpec,
    blob::{BLOB_ROOM, MAX_BLOBS},
    codec,
};
use testnet::{Anvil, DeployConfig, Mining, Roles};

use super::{
    Goal, Row,
    span_batch::{BLOB_DATA, Compressor, Span, SpanBlock, channel, posted},
    workload::{Population, Workload},
};

/// Bytes of a payload that fills the blobs of a batch.
const FULL: usize = MAX_BLOBS * BLOB_ROOM;
/// Transactions in a block.
const PER_BLOCK: usize = 100;
/// Seconds between blocks, as on OP's chains.
const BLOCK_TIME: u64 = 2;
/// Blocks with the same L1 origin: an L1 block's time.
const PER_ORIGIN: usize = 6;
/// More blocks than fit: a signature takes 64 bytes of the payload.
const BLOCKS: usize = FULL / (64 * PER_BLOCK) + 1;

/// Accounts that send and receive. Of the more there are, the more a recipient costs.
const FEW: usize = 200;
const MANY: usize = 5_000;

/// Most bytes of a transfer, and most of an ERC-20 transfer for each byte that it takes of a span batch.
const TRANSFER_LIMIT: f64 = 72.0;
const ERC20_RATIO: f64 = 0.9;

/// A batch that fills the blobs.
struct FullBatch {
    specs: Vec<BlockSpec>,
    chain_id: u64,
    payload: Vec<u8>,
    /// The same as OP posts it, with its frames.
    op_bytes: usize,
    compressor: Compressor,
}

impl FullBatch {
    /// The most blocks that fit.
    fn fill(workload: Workload, accounts: usize, chain_id: u64, start: u64) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(2);
        let transactions =
            Population::new(accounts, chain_id).transactions(workload, BLOCKS * PER_BLOCK, &mut rng);
        let mut specs: Vec<BlockSpec> = transactions
            .chunks(PER_BLOCK)
            .zip((start..).step_by(BLOCK_TIME as usize))
            .map(|(chunk, timestamp)| BlockSpec { timestamp, messages: 0, transactions: chunk.to_vec() })
            .collect();
        let quality = BatcherOptions::default().quality;
        let (mut fits, mut beyond) = (0, specs.len());
        let mut payload = Vec::new();
        while beyond - fits > 1 {
            let middle = fits.midpoint(beyond);
            let tried = codec::encode(&specs[..middle], chain_id, quality)?;
            if tried.len() <= FULL {
                (fits, payload) = (middle, tried);
            } else {
                beyond = middle;
            }
        }
        specs.truncate(fits);
        ensure!(
            payload.len().div_ceil(BLOB_ROOM) == MAX_BLOBS,
            "{} bytes do not fill the blobs",
            payload.len()
        );
        ensure!(codec::decode(&payload, chain_id, 0..fits)? == specs, "the payload holds other blocks");
        let post = |compressor| -> Result<(usize, Compressor)> {
            Ok((posted(&channel(&span(&specs), chain_id, compressor)?), compressor))
        };
        let (zlib, brotli) = (post(Compressor::Zlib)?, post(Compressor::Brotli)?);
        let (op_bytes, compressor) = if zlib.0 < brotli.0 { zlib } else { brotli };
        Ok(Self { specs, chain_id, payload, op_bytes, compressor })
    }

    fn each(&self, total: f64) -> f64 {
        total / (self.specs.len() * PER_BLOCK) as f64
    }

    /// Our bytes of a transaction beside OP's.
    fn row(&self, name: impl Into<String>, payload: &[u8], goal: Goal) -> Row {
        let peer = format!("OP span batch of the same blocks, {}", self.compressor.name());
        Row::new(name, self.each(payload.len() as f64), "bytes", peer, self.each(self.op_bytes as f64), goal)
    }

    /// The same at the quality that OP's bytes are compressed with.
    fn equal_effort(&self) -> Result<Row> {
        let payload = codec::encode(&self.specs, self.chain_id, Compressor::BROTLI_QUALITY)?;
        let name = format!("… at Brotli's quality {}", Compressor::BROTLI_QUALITY);
        Ok(self.row(name, &payload, Goal::Shown))
    }
}

/// The blocks as OP's batcher has them.
fn span(specs: &[BlockSpec]) -> Span<'_> {
    let blocks = specs.iter().enumerate().map(|(index, spec)| SpanBlock {
        new_origin: index % PER_ORIGIN == 0,
        transactions: &spec.transactions,
    });
    // A chain of some age: numbers of as many bytes as they have on main networks.
    Span {
        relative_timestamp: 60_000_000,
        origin: (23_000_000, keccak256(b"origin")),
        parent: keccak256(b"parent"),
        blocks: blocks.collect(),
    }
}

/// Fills batches, and posts one. Leaves the chain without automatic blocks, as it must be before.
pub(super) async fn run(anvil: &Anvil, rollup: &RollupConfig, config: &DeployConfig) -> Result<Vec<Row>> {
    let (chain_id, start) = (config.chain.chain_id, rollup.genesis.timestamp);
    let fill = |workload, accounts| FullBatch::fill(workload, accounts, chain_id, start);
    let transfers = fill(Workload::Transfers, FEW)?;
    let mut rows = vec![
        Row::new(
            "payload per transfer, six blobs",
            transfers.each(transfers.payload.len() as f64),
            "bytes",
            "limit",
            TRANSFER_LIMIT,
            Goal::AtMostPeer,
        ),
        transfers.row("… beside OP's", &transfers.payload, Goal::Shown),
        transfers.equal_effort()?,
    ];
    let among = format!("… among {MANY} accounts");
    let many = fill(Workload::Transfers, MANY)?;
    rows.push(many.row(&among, &many.payload, Goal::Shown));
    let tokens = fill(Workload::Erc20, FEW)?;
    let goal = Goal::RatioAtMost(ERC20_RATIO);
    rows.push(tokens.row("payload per ERC-20 transfer, six blobs", &tokens.payload, goal));
    rows.push(tokens.equal_effort()?);
    let many = fill(Workload::Erc20, MANY)?;
    rows.push(many.row(&among, &many.payload, Goal::Shown));
    rows.extend(post(&transfers, anvil, rollup).await?);
    Ok(rows)
}

/// L1 gas and blob gas of a transfer, beside what OP's batcher pays: its transactions call nothing.
async fn post(batch: &FullBatch, anvil: &Anvil, rollup: &RollupConfig) -> Result<[Row; 2]> {
    let inbox = rollup.contracts.inbox;
    let view = IInbox::new(inbox, anvil.provider());
    let first = view.lastBlock().call().await? + 1;
    // Batches put messages of their own into the queue.
    let end = view.messageCount().call().await?;
    let blocks = batch.specs.len() as u64;
    let call = view.appendBlobBatch(batch.payload.len() as u64, first, blocks, end, B256::ZERO, Bytes::new());
    let client = connect(anvil.url(), rollup).await?;
    let txs = TxManager::new(client, Roles::development()?.batcher, TxOptions::default());
    let send = async |to: Address, data: Bytes, payload: &[u8]| -> Result<[f64; 2]> {
        let blobs = Some(BlobSidecar::of(payload)?);
        let receipt = txs.send(TxRequest { to, data, blobs, ..TxRequest::default() }).await?;
        ensure!(receipt.status(), "a transaction with blobs reverted");
        let blob_gas = receipt.blob_gas_used.context("a receipt without blob gas")?;
        Ok([receipt.gas_used as f64, blob_gas as f64])
    };
    anvil.set_mining(Mining::Every(1)).await?;
    let ours = send(inbox, call.calldata().clone(), &batch.payload).await?;
    let full = vec![0; FULL];
    let plain = send(Address::repeat_byte(0xff), Bytes::new(), &full).await?;
    anvil.set_mining(Mining::Manual).await?;
    ensure!(view.lastBlock().call().await? == first + blocks - 1, "the batch is not in the inbox");
    // Transactions with six full blobs that OP's takes.
    let share = batch.op_bytes as f64 / (MAX_BLOBS * BLOB_DATA) as f64;
    let row = |name: &str, of: usize| {
        let peer = "OP span batches of the same blocks, blobs full";
        Row::new(name, batch.each(ours[of]), "gas", peer, batch.each(plain[of] * share), Goal::Shown)
    };
    Ok([row("L1 gas per transfer, six blobs", 0), row("blob gas per transfer, six blobs", 1)])
}
