//! Transactions that a signer elsewhere signs: one that lies, refuses, or is away costs nothing but time.

use std::time::Duration;

use alloy::{
    consensus::SignableTransaction,
    primitives::{Address, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use e2e::faults::{FakeSigner, SignerFault, blob_transaction};
use rollup::{
    l1::{TxOptions, TxRequest},
    signer::{KeyOptions, KeySource, SignError, Signer},
};

use crate::{
    common::{L1, until},
    tx_manager::{spawn, waiting},
};

fn key() -> PrivateKeySigner {
    testnet::accounts::account(1).unwrap()
}

fn signer(place: &str, account: Address) -> Signer {
    let source: KeySource = place.parse().unwrap();
    let options = KeyOptions {
        role: "batcher",
        prefix: "--batcher-",
        key: Some(&source),
        password: None,
        address: Some(account),
    };
    options.open().unwrap().unwrap()
}

fn transfer(value: u64) -> TxRequest {
    TxRequest { to: Address::repeat_byte(0x55), value: U256::from(value), ..TxRequest::default() }
}

/// Faults, and what is said of each: of a transaction that the signer sees, and of bytes whose hash it signs.
const FAULTS: [(SignerFault, &str, &str); 6] = [
    (SignerFault::OtherValue, "value: expected 7, found 8", "expected a signature of"),
    (SignerFault::OtherNonce, "nonce: expected 0, found 1", "expected a signature of"),
    (SignerFault::OtherKey, "expected a signature of", "expected a signature of"),
    (SignerFault::Garbage, "it is no signed transaction", "expected a signature, found \"0x1234\""),
    (SignerFault::Page, "HTTP status 502", "HTTP status 502"),
    (SignerFault::Refusal, "this is not allowed", "this is not allowed"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_signer_answers_counts_only_if_it_is_what_was_asked_for() {
    let l1 = L1::start().await;
    let fake = FakeSigner::start(key(), l1.config.l1_chain_id).await.unwrap();
    for url in [fake.url(), format!("web3signer+{}", fake.url())] {
        let signer = signer(&url, key().address());
        let request = alloy::consensus::TxEip1559 {
            chain_id: l1.config.l1_chain_id,
            gas_limit: 21_000,
            max_fee_per_gas: 9,
            to: Address::repeat_byte(0x55).into(),
            value: U256::from(7),
            ..Default::default()
        };
        let (seen, blobs) = (request.into(), blob_transaction(l1.config.l1_chain_id));
        for (fault, of_seen, of_bytes) in FAULTS {
            fake.set(Some(fault));
            for (tx, expected) in [(&seen, of_seen), (&blobs, of_bytes)] {
                let error = signer.sign_transaction(tx).await.unwrap_err();
                assert!(error.to_string().contains(expected), "{fault:?}: {error}");
                assert_eq!(signer.health().trouble(), Some(error));
            }
            let error = signer.sign_bytes_now(b"a block").unwrap_err();
            assert!(error.to_string().contains(of_bytes), "{fault:?}: {error}");
        }
        fake.set(None);
        for tx in [&seen, &blobs] {
            let signature = signer.sign_transaction(tx).await.unwrap();
            let found = signature.recover_address_from_prehash(&tx.signature_hash()).unwrap();
            assert_eq!(found, key().address());
        }
        assert_eq!(signer.health().trouble(), None);
    }
    // Whoever has not the key is found out before it is to sign.
    let other = signer(&fake.url(), Address::repeat_byte(1));
    let error = other.check().await.unwrap_err();
    assert!(matches!(&error, SignError::Refused(text) if text.contains("does not have the key")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_waits_for_a_signature_has_a_limit() {
    let fake = FakeSigner::start(key(), 1).await.unwrap();
    fake.set(Some(SignerFault::Silence));
    let signer = signer(&format!("web3signer+{}", fake.url()), key().address());
    let waits = tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        (signer.sign_bytes_now(b"a block"), begun.elapsed())
    });
    let (error, took) = waits.await.unwrap();
    assert!(matches!(error, Err(SignError::Away(_))), "{error:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

/// Each call waits, none has used a nonce; once the signer signs again all go out, each nonce once.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_wait_for_a_signer_that_lies_or_is_away_and_no_nonce_is_lost() {
    let l1 = L1::start().await;
    let mut fake = FakeSigner::start(key(), l1.config.l1_chain_id).await.unwrap();
    let signer = signer(&fake.url(), key().address());
    let client = rollup::l1::connect(l1.anvil.url(), &l1.config).await.unwrap();
    let options = TxOptions {
        poll_interval: Some(Duration::from_millis(20)),
        resend_after: Duration::from_millis(300),
        role: "batcher",
        ..TxOptions::default()
    };
    let txs = rollup::l1::TxManager::new(client, signer.clone(), options);
    let mut value = 0;
    let mut sent = 0;
    for fault in [None, Some(SignerFault::OtherNonce), Some(SignerFault::OtherKey)] {
        match fault {
            None => fake.stop().await,
            fault => fake.set(fault),
        }
        let sends: Vec<_> = (0..3)
            .map(|_| {
                value += 1;
                spawn(&txs, transfer(value))
            })
            .collect();
        until("the signer's trouble is known", async || signer.health().trouble().is_some()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(waiting(&l1).await, 0, "nothing is sent without a signature");
        assert!(sends.iter().all(|send| !send.is_finished()), "nobody gives up");
        if fault.is_none() {
            fake.start_again().await.unwrap();
        }
        fake.set(None);
        until("all are sent", async || waiting(&l1).await == 3).await;
        assert_eq!(signer.health().trouble(), None);
        // While they wait for a block, fees cannot be raised without the signer: what was sent counts.
        fake.set(Some(SignerFault::Refusal));
        until("a raise is refused", async || signer.health().trouble().is_some()).await;
        l1.anvil.mine(1).await.unwrap();
        for send in sends {
            assert!(send.await.unwrap().unwrap().status());
        }
        fake.set(None);
        sent += 3;
        let nonce = l1.anvil.provider().get_transaction_count(key().address()).await.unwrap();
        assert_eq!(nonce, sent, "a nonce for each");
    }
    let received = l1.anvil.provider().get_balance(Address::repeat_byte(0x55)).await.unwrap();
    assert_eq!(received, U256::from(value * (value + 1) / 2), "each once");
}
