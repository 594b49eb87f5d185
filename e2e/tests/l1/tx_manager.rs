//! The transaction manager on an L1 that mines when asked.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::Transaction,
    primitives::{Address, Bytes, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolInterface},
};
use bindings::IInbox;
use rollup::l1::{SendError, TxManager, TxOptions, TxRequest, connect};

use crate::{
    common::{L1, until},
    proxy::{Fault, Proxy},
};

fn key() -> PrivateKeySigner {
    testnet::accounts::account(1).unwrap()
}

async fn manager(l1: &L1, url: &str, options: TxOptions) -> Arc<TxManager> {
    let options = TxOptions { poll_interval: Some(Duration::from_millis(20)), ..options };
    TxManager::new(connect(url, &l1.config).await.unwrap(), key(), options)
}

fn transfer(value: u64) -> TxRequest {
    TxRequest { to: Address::repeat_byte(0x55), value: U256::from(value), ..TxRequest::default() }
}

async fn waiting(l1: &L1) -> u64 {
    let status: serde_json::Value = l1.anvil.call("txpool_status", serde_json::json!([])).await.unwrap();
    u64::from_str_radix(status["pending"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

async fn received(l1: &L1) -> u64 {
    l1.anvil.provider().get_balance(Address::repeat_byte(0x55)).await.unwrap().to()
}

async fn nonce(l1: &L1) -> u64 {
    l1.anvil.provider().get_transaction_count(key().address()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_queue_and_all_are_served() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let sends: Vec<_> = (1..=4)
        .map(|value| {
            let txs = txs.clone();
            tokio::spawn(async move { txs.send(transfer(value)).await })
        })
        .collect();
    for _ in 0..4 {
        until("one is sent", async || waiting(&l1).await == 1).await;
        l1.anvil.mine(1).await.unwrap();
    }
    for send in sends {
        assert!(send.await.unwrap().unwrap().status());
    }
    assert_eq!((received(&l1).await, nonce(&l1).await), (10, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_revert_is_not_sent() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let call = IInbox::appendBatchCall {
        payload: Bytes::new(),
        firstBlock: 1,
        blockCount: 1,
        messageEnd: 0,
        expectedMessageAcc: Default::default(),
        youngMessageHeader: Bytes::new(),
    };
    let request =
        TxRequest { to: l1.config.contracts.inbox, data: call.abi_encode().into(), ..TxRequest::default() };
    let error = txs.send(request.clone()).await.unwrap_err();
    let reason = IInbox::IInboxErrors::abi_decode(error.revert_data().unwrap()).unwrap();
    assert!(matches!(reason, IInbox::IInboxErrors::NotBatcher(_)), "{reason:?}");
    assert_eq!(waiting(&l1).await, 0);
    // With a gas limit it is not asked, and shows on chain.
    let forced = TxRequest { gas_limit: Some(500_000), ..request };
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(forced).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    l1.anvil.mine(1).await.unwrap();
    let error = send.await.unwrap().unwrap_err();
    assert!(matches!(error, SendError::Reverted(_)), "{error}");
    // Nor can a pauper send.
    l1.anvil.set_balance(key().address(), U256::from(1)).await.unwrap();
    let error = txs.send(transfer(5)).await.unwrap_err();
    assert!(matches!(error, SendError::Funds { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_gets_higher_fees() {
    let l1 = L1::start().await;
    let options = TxOptions { resend_after: Duration::from_millis(300), ..TxOptions::default() };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(3)).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    let fees = async || {
        let content: serde_json::Value =
            l1.anvil.call("txpool_content", serde_json::json!([])).await.unwrap();
        let all =
            content["pending"].as_object().unwrap().values().next().unwrap().as_object().unwrap().clone();
        assert_eq!(all.len(), 1, "never two nonces");
        let fee = all.values().next().unwrap()["maxFeePerGas"].as_str().unwrap().to_owned();
        u128::from_str_radix(fee.trim_start_matches("0x"), 16).unwrap()
    };
    let first = fees().await;
    until("the fee rises twice", async || fees().await * 64 >= first * 81).await;
    l1.anvil.mine(1).await.unwrap();
    let receipt = send.await.unwrap().unwrap();
    let tx = l1.anvil.provider().get_transaction_by_hash(receipt.transaction_hash).await.unwrap().unwrap();
    assert!(tx.max_fee_per_gas() * 64 >= first * 81);
    assert_eq!((received(&l1).await, nonce(&l1).await), (3, 1), "it is paid once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_below_the_base_fee_is_raised_above_it() {
    let l1 = L1::start().await;
    let options = TxOptions { resend_after: Duration::from_millis(200), ..TxOptions::default() };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(3)).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    for _ in 0..5 {
        let _: serde_json::Value =
            l1.anvil.call("anvil_setNextBlockBaseFeePerGas", ["0x4a817c800"]).await.unwrap();
        l1.anvil.mine(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(send.await.unwrap().unwrap().status());
    assert_eq!(received(&l1).await, 3);
}

/// A process that died left a transaction behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_left_behind_is_waited_for_then_replaced() {
    let l1 = L1::start().await;
    let options = TxOptions { resend_after: Duration::from_millis(800), ..TxOptions::default() };
    for mined in [true, false] {
        let (had, start) = (received(&l1).await, nonce(&l1).await);
        let first = manager(&l1, l1.anvil.url(), options).await;
        let send = tokio::spawn(async move { first.send(transfer(1000)).await });
        until("it is sent", async || waiting(&l1).await == 1).await;
        send.abort();
        let second = manager(&l1, l1.anvil.url(), options).await;
        let send = tokio::spawn(async move { second.send(transfer(1)).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        if mined {
            l1.anvil.mine(1).await.unwrap();
            assert_eq!(received(&l1).await - had, 1000);
            until("the second is sent, too", async || waiting(&l1).await == 1).await;
        } else {
            tokio::time::sleep(Duration::from_millis(1200)).await;
            assert_eq!(waiting(&l1).await, 1, "one replaces the other");
        }
        l1.anvil.mine(1).await.unwrap();
        assert!(send.await.unwrap().unwrap().status());
        let (sum, count) = if mined { (1001, 2) } else { (1, 1) };
        assert_eq!((received(&l1).await - had, nonce(&l1).await - start), (sum, count));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_taken_by_another_is_noticed() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(1000)).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    let other = TransactionRequest::default()
        .to(Address::repeat_byte(0x66))
        .nonce(0)
        .gas_limit(21_000)
        .max_fee_per_gas(400_000_000_000)
        .max_priority_fee_per_gas(100_000_000_000);
    let _ = l1.anvil.wallet(&key()).unwrap().send_transaction(other).await.unwrap();
    l1.anvil.mine(1).await.unwrap();
    let error = send.await.unwrap().unwrap_err();
    assert!(matches!(error, SendError::Replaced { nonce: 0 }), "{error}");
    assert_eq!(received(&l1).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_while_confirming_is_survived() {
    let l1 = L1::start().await;
    let options = TxOptions { confirmations: 3, ..TxOptions::default() };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    l1.anvil.mine(3).await.unwrap();
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(9)).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    l1.anvil.mine(2).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!send.is_finished(), "two blocks are not three");
    l1.anvil.reorg(2).await.unwrap();
    assert_eq!(received(&l1).await, 0);
    until("it is sent again", async || waiting(&l1).await == 1).await;
    l1.anvil.mine(3).await.unwrap();
    assert!(send.await.unwrap().unwrap().status());
    assert_eq!((received(&l1).await, nonce(&l1).await), (9, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_is_survived() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await;
    let options = TxOptions { resend_after: Duration::from_millis(300), ..TxOptions::default() };
    let txs = manager(&l1, proxy.url(), options).await;
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(9)).await }
    });
    until("it is sent", async || waiting(&l1).await == 1).await;
    for fault in [Fault::Down, Fault::Garbage, Fault::Null] {
        proxy.set(fault);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!send.is_finished(), "{fault:?}");
    }
    l1.anvil.mine(1).await.unwrap();
    proxy.set(Fault::None);
    assert!(send.await.unwrap().unwrap().status());
    assert_eq!((received(&l1).await, nonce(&l1).await), (9, 1));
    // And before anything is sent, it is an error.
    proxy.set(Fault::Down);
    let error = txs.send(transfer(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Endpoint(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends() {
    let l1 = L1::start().await;
    let options = TxOptions {
        resend_after: Duration::from_millis(100),
        timeout: Duration::from_secs(1),
        max_fee_per_gas: 5_000_000_000,
        ..TxOptions::default()
    };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    let error = txs.send(transfer(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Stuck { .. }), "{error}");
    // The next takes its place.
    let send = tokio::spawn({
        let txs = txs.clone();
        async move { txs.send(transfer(2)).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    l1.anvil.mine(1).await.unwrap();
    let _ = send.await.unwrap();
    assert_eq!(nonce(&l1).await, 1);
}
