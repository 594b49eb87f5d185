//! What a transfer costs in the payload.

use super::*;

/// Most bytes that a transfer may take in a batch of a thousand: its signature, and little more.
const MOST_PER_TRANSFER: f64 = 85.0;

/// Transfers as wallets make them: some accounts busier than others, amounts with few digits or many, tips and fee caps
/// that follow the base fee.
fn transfers(rng: &mut StdRng, count: usize, accounts: usize) -> Vec<Bytes> {
    let addresses: Vec<Address> = (0..accounts).map(|_| rng.random::<[u8; 20]>().into()).collect();
    let mut nonces: Vec<u64> = (0..accounts).map(|_| number(rng) % 3000).collect();
    // The square makes low indices likelier.
    let pick = |rng: &mut StdRng| (rng.random::<f64>().powi(2) * accounts as f64) as usize;
    let mut base_fee = 1_000_000_000u64;
    let mut transfers = Vec::new();
    for index in 0..count {
        if index % 50 == 0 {
            base_fee = base_fee * rng.random_range(980..1020) / 1000;
        }
        let from = pick(rng);
        let tip = [1_000_000, 100_000_000, 1_500_000_000, rng.random_range(1..2_000_000_000)]
            [rng.random_range(0..4)];
        let wei = match rng.random_range(0..3) {
            0 => U256::from(rng.random_range(1..1000u64)) * U256::from(10_000_000_000_000_000u64),
            1 => U256::from(rng.random_range(1..10_000_000u64)) * U256::from(1_000_000_000_000u64),
            _ => U256::from(rng.random::<u64>()),
        };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: nonces[from],
            gas_limit: 21_000,
            max_fee_per_gas: u128::from(2 * base_fee + tip),
            max_priority_fee_per_gas: tip.into(),
            to: TxKind::Call(addresses[pick(rng)]),
            value: wei,
            ..TxEip1559::default()
        };
        nonces[from] += 1;
        let key = B256::from(U256::from(from + 1));
        let signature = sign_message(key, tx.signature_hash()).unwrap();
        transfers.push(tx.into_signed(signature).encoded_2718().into());
    }
    transfers
}

#[test]
fn a_transfer_costs_little_more_than_its_signature() {
    let mut rng = StdRng::seed_from_u64(1);
    for (count, accounts, most) in [
        (100, 50, 95.0),
        (1_000, 200, MOST_PER_TRANSFER),
        (1_000, 1_000, 97.0),
        (5_000, 1_000, MOST_PER_TRANSFER),
    ] {
        let transfers = transfers(&mut rng, count, accounts);
        let raw: usize = transfers.iter().map(|tx| tx.len()).sum();
        let blocks: Vec<_> = transfers
            .chunks(50)
            .zip(1_700_000_000..)
            .map(|(chunk, timestamp)| BlockSpec { timestamp, messages: 0, transactions: chunk.to_vec() })
            .collect();
        let plain = encode_plain(&blocks, CHAIN_ID).len();
        print!(
            "{count} transfers among {accounts} accounts, bytes each: raw {}, columns {:.1}",
            raw / count,
            plain as f64 / count as f64
        );
        for quality in [5, 9, 11] {
            let payload = encode(&blocks, CHAIN_ID, quality).unwrap();
            let each = payload.len() as f64 / count as f64;
            print!(", quality {quality}: {each:.2}");
            assert!(quality < 9 || each <= most, "{each:.2} bytes per transfer at quality {quality}");
            assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), blocks);
        }
        println!();
    }
}

/// A full block of transfers, and many of them, fit a batch.
#[test]
fn a_batch_holds_several_full_blocks_of_transfers() {
    let mut rng = StdRng::seed_from_u64(2);
    let per_block = (MAX_BLOCK_GAS_LIMIT / 21_000) as usize;
    let block = BlockSpec { timestamp: 1, messages: 0, transactions: transfers(&mut rng, per_block, 500) };
    let payload = encode(&[block.clone(), block], CHAIN_ID, 5).unwrap();
    assert!(payload.len() < crate::inbox::MAX_PAYLOAD_SIZE, "{} bytes", payload.len());
}
