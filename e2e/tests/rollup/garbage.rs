//! Batches of garbage, posted with the batcher's key: every node goes on, and all agree.

use std::io;

use alloy::{
    consensus::TxEip1559,
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result};
use e2e::net::{Net, NodeStatus, Poster, block, receipt, seeded, transfer, user};
use rand::{Rng, RngCore, rngs::StdRng};
use stf::{BlockSpec, codec};
use testnet::Node;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_stops_no_node() -> Result<()> {
    garbage(|poster| poster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_blobs_stops_no_node() -> Result<()> {
    garbage(Poster::in_blobs).await
}

async fn garbage(kind: impl FnOnce(Poster) -> Poster) -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut random = seeded("garbage")?;
    let mut options = Net::options("garbage")?;
    options.batcher = false;
    options.proposer = false;
    let mut net = Net::start(options).await?;
    let from_l1 = net.replica_from_l1("from-l1").await?;
    let poster = kind(net.poster()?);
    let chain_id = net.devnet.rollup.chain.chain_id;

    for (name, payload, blocks) in cases(chain_id, &mut random)? {
        post(&net, &poster, payload, blocks, name).await?;
        agree(&net, &from_l1).await.with_context(|| format!("after: {name}"))?;
    }
    invalid_transactions(&net, &poster, &from_l1).await?;

    let head = agree(&net, &from_l1).await?;
    let fresh = net.replica_from_l1("fresh").await?;
    NodeStatus::wait_safe(&fresh, head.safe.number()).await?;
    head.safe.check_on(&fresh).await?;
    net.devnet.check_alive()?;
    drop((fresh, from_l1));
    net.finish().await
}

/// Payloads that are not what they should be, each with the number of blocks that it is posted for.
fn cases(chain_id: u64, random: &mut StdRng) -> Result<Vec<(&'static str, Bytes, u64)>> {
    let good = codec::encode(&specs(8), chain_id, 9)?;
    let plain = decompress(&good)?;
    let mut cases: Vec<(&str, Bytes, u64)> = vec![
        ("no payload", Bytes::new(), 3),
        ("a byte", vec![0].into(), 1),
        ("fewer specs than blocks", good.clone().into(), 9),
        ("more specs than blocks", good.clone().into(), 2),
        ("no specs", compress(&[1, 0])?, 2),
        ("another version", compress(&[2, 0])?, 1),
        ("bytes behind the end", compress(&[plain.as_slice(), &[0]].concat())?, 8),
        ("a bomb just over the limit", compress(&vec![0; codec::MAX_DECOMPRESSED_SIZE + 1])?, 4),
        ("a bomb of 256 MiB", compress(&vec![0; 256 << 20])?, 4),
        ("2^63 blocks", compress(&[&[1][..], &[0xff; 8], &[0x7f]].concat())?, 5),
        ("a varint without end", compress(&[&[1][..], &[0xff; 100_000]].concat())?, 5),
        ("2^62 transactions", compress(&[&[1, 1, 0, 0][..], &[0xff; 8], &[0x3f]].concat())?, 1),
        ("absurd times and messages", codec::encode(&absurd(), chain_id, 9)?.into(), 6),
        ("the most blocks", vec![7; 10].into(), 512),
    ];
    for _ in 0..6 {
        let mut bytes = vec![0; random.random_range(1..100_000)];
        random.fill_bytes(&mut bytes);
        cases.push(("random bytes", bytes.into(), random.random_range(1..20)));
        cases.push(("a truncated stream", good[..random.random_range(0..good.len())].to_vec().into(), 8));
        cases.push(("a truncated payload", compress(&plain[..random.random_range(0..plain.len())])?, 8));
        let mut flipped = good.clone();
        flipped[random.random_range(0..good.len())] ^= 1 << random.random_range(0..8);
        cases.push(("a flipped bit in the stream", flipped.into(), 8));
        let mut flipped = plain.clone();
        flipped[random.random_range(0..plain.len())] ^= 1 << random.random_range(0..8);
        cases.push(("a flipped bit in the payload", compress(&flipped)?, 8));
    }
    Ok(cases)
}

fn specs(count: u64) -> Vec<BlockSpec> {
    let spec =
        |index| BlockSpec { timestamp: 1_700_000_000 + index, messages: index % 2, transactions: Vec::new() };
    (0..count).map(spec).collect()
}

fn absurd() -> Vec<BlockSpec> {
    [(u64::MAX, u64::MAX), (0, 0), (1 << 63, 1), (1, u64::MAX), (u64::MAX, 0), (0, 1 << 63)]
        .map(|(timestamp, messages)| BlockSpec { timestamp, messages, transactions: Vec::new() })
        .into()
}

/// A batch whose transactions cannot be in a block, but for one.
async fn invalid_transactions(net: &Net, poster: &Poster, from_l1: &Node) -> Result<()> {
    let chain_id = net.devnet.rollup.chain.chain_id;
    let (rich, poor) = (user(7)?, PrivateKeySigner::random());
    let nonce = net.devnet.replica()?.provider().get_transaction_count(rich.address()).await?;
    let to = Address::random();
    let one = U256::from(1);
    let good = transfer(chain_id, &rich, nonce, to, one).await?;
    let mut unsigned = good.to_vec();
    let end = unsigned.len();
    unsigned[end - 40..].fill(0xff);
    let transactions = vec![
        Bytes::new(),
        vec![0x02].into(),
        vec![0xc0; 5_000].into(),
        vec![0x03, 0xc0].into(),
        vec![0x7e, 0xc0].into(),
        unsigned.into(),
        transfer(chain_id + 1, &rich, nonce, to, one).await?,
        transfer(chain_id, &rich, nonce + 1, to, one).await?,
        transfer(chain_id, &poor, 0, to, one).await?,
        transfer(chain_id, &rich, nonce, to, U256::MAX).await?,
        unfit(chain_id, &rich, nonce, 1_000, 10_000_000_000)?,
        unfit(chain_id, &rich, nonce, u64::MAX, 1)?,
        unfit(chain_id, &rich, nonce, 21_000, 0)?,
        good.clone(),
        good.clone(),
    ];
    let timestamp = net.devnet.anvil.latest().await?.header.timestamp;
    let spec = BlockSpec { timestamp, messages: 0, transactions };
    post(net, poster, codec::encode(&[spec], chain_id, 9)?.into(), 1, "invalid transactions").await?;
    let head = agree(net, from_l1).await?.safe;

    let block = block(from_l1, head.number()).await?;
    let hashes: Vec<B256> = serde_json::from_value(block["transactions"].clone())?;
    let good = keccak256(&good);
    assert_eq!(hashes.len(), 2, "the L1 attributes and the only good transaction");
    assert_eq!(hashes[1], good);
    for node in [net.devnet.sequencer()?, net.devnet.replica()?, from_l1] {
        assert_eq!(node.provider().get_balance(to).await?, one);
        assert!(receipt(node, good).await?.is_some());
    }
    Ok(())
}

/// A transfer whose gas or fee cannot do.
fn unfit(chain_id: u64, from: &PrivateKeySigner, nonce: u64, gas: u64, fee: u128) -> Result<Bytes> {
    let mut tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: gas,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(Address::ZERO),
        value: U256::ZERO,
        ..Default::default()
    };
    let signature = from.sign_transaction_sync(&mut tx)?;
    let signed: alloy::consensus::Signed<TxEip1559> =
        alloy::consensus::SignableTransaction::into_signed(tx, signature);
    Ok(alloy::consensus::TxEnvelope::from(signed).encoded_2718().into())
}

async fn post(net: &Net, poster: &Poster, payload: Bytes, blocks: u64, name: &str) -> Result<()> {
    let hash = poster.post(payload, blocks).await.with_context(|| format!("post: {name}"))?;
    net.devnet.anvil.mine(1).await?;
    assert!(net.devnet.anvil.receipt(hash).await?.status(), "the batch was refused: {name}");
    Ok(())
}

/// Waits until all nodes have read L1, and compares their safe heads.
async fn agree(net: &Net, from_l1: &Node) -> Result<NodeStatus> {
    let status = NodeStatus::wait_l1(from_l1, &net.devnet.anvil).await?;
    for node in [net.devnet.sequencer()?, net.devnet.replica()?] {
        let other = NodeStatus::wait_l1(node, &net.devnet.anvil).await?;
        assert_eq!(other.safe, status.safe, "{}", node.options.name);
        assert_eq!(other.batches(), status.batches());
        status.safe.check_on(node).await?;
    }
    Ok(status)
}

fn compress(mut plain: &[u8]) -> Result<Bytes> {
    let params = brotli::enc::BrotliEncoderParams { quality: 5, lgwin: 22, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut plain, &mut out, &params)?;
    Ok(out.into())
}

fn decompress(mut stream: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    brotli::BrotliDecompress(&mut stream, &mut out)?;
    Ok(out)
}
