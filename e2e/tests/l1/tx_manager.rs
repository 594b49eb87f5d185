//! The transaction manager on an L1 that mines when asked.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::Transaction,
    primitives::{Address, Bytes, U256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolInterface},
};
use bindings::IInbox;
use e2e::faults::{Fault, Proxy};
use rollup::{
    l1::{FeeCaps, Retry, SendError, TxManager, TxOptions, TxRequest, connect, reach},
    shutdown,
};
use tokio::task::JoinHandle;

use crate::common::{L1, until};

fn key() -> PrivateKeySigner {
    testnet::accounts::account(1).unwrap()
}

pub(crate) async fn manager(l1: &L1, url: &str, options: TxOptions) -> Arc<TxManager> {
    let options = TxOptions { poll_interval: Some(Duration::from_millis(20)), ..options };
    TxManager::new(connect(url, &l1.config).await.unwrap(), key(), options)
}

pub(crate) fn transfer(value: u64) -> TxRequest {
    TxRequest { to: Address::repeat_byte(0x55), value: U256::from(value), ..TxRequest::default() }
}

pub(crate) async fn waiting(l1: &L1) -> u64 {
    let status: serde_json::Value = l1.anvil.call("txpool_status", serde_json::json!([])).await.unwrap();
    u64::from_str_radix(status["pending"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

async fn received(l1: &L1) -> u64 {
    l1.anvil.provider().get_balance(Address::repeat_byte(0x55)).await.unwrap().to()
}

async fn nonce(l1: &L1) -> u64 {
    l1.anvil.provider().get_transaction_count(key().address()).await.unwrap()
}

pub(crate) fn spawn(
    txs: &Arc<TxManager>,
    request: TxRequest,
) -> JoinHandle<Result<TransactionReceipt, SendError>> {
    let txs = txs.clone();
    tokio::spawn(async move { txs.send(request).await })
}

/// Makes blocks until something has ended, and gives the endpoint's users time to look at each.
async fn mine_until_ended<T>(l1: &L1, what: &str, task: &JoinHandle<T>) {
    until(what, async || {
        l1.anvil.mine(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        task.is_finished()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_transactions_are_in_flight_at_once() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let most = TxManager::MAX_IN_FLIGHT as u64;
    let sends: Vec<_> = (1..=most + 4).map(|value| spawn(&txs, transfer(value))).collect();
    until("as many are sent as there may be", async || waiting(&l1).await == most).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(waiting(&l1).await, most, "further calls queue");
    l1.anvil.mine(1).await.unwrap();
    until("the others are sent", async || waiting(&l1).await == 4).await;
    l1.anvil.mine(1).await.unwrap();
    for send in sends {
        assert!(send.await.unwrap().unwrap().status());
    }
    let count = most + 4;
    assert_eq!((received(&l1).await, nonce(&l1).await), (count * (count + 1) / 2, count));
}

/// A call that is given up leaves its transaction in the pool, or a nonce that the pool has lost: neither may hold up those
/// behind it for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_holds_up_no_other() {
    let l1 = L1::start().await;
    let options = TxOptions { resend_after: Duration::from_millis(300), ..TxOptions::default() };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    let first = spawn(&txs, transfer(1000));
    until("it is sent", async || waiting(&l1).await == 1).await;
    let sends: Vec<_> = (1..=3).map(|value| spawn(&txs, transfer(value))).collect();
    until("all are sent", async || waiting(&l1).await == 4).await;
    first.abort();
    let _ = first.await;
    // The pool forgets it: the others cannot be mined.
    let pool: serde_json::Value = l1.anvil.call("txpool_content", serde_json::json!([])).await.unwrap();
    let all = pool["pending"].as_object().unwrap().values().next().unwrap();
    let hash = all["0"]["hash"].as_str().unwrap().to_owned();
    let _: serde_json::Value = l1.anvil.call("anvil_dropTransaction", [hash]).await.unwrap();
    for send in &sends {
        mine_until_ended(&l1, "the others are mined", send).await;
    }
    for send in sends {
        assert!(send.await.unwrap().unwrap().status());
    }
    assert_eq!((received(&l1).await, nonce(&l1).await), (6, 4), "nothing was sent in its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_call_takes_the_nonce_of_one_that_was_given_up() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let first = spawn(&txs, transfer(1000));
    until("it is sent", async || waiting(&l1).await == 1).await;
    let second = spawn(&txs, transfer(20));
    until("both are sent", async || waiting(&l1).await == 2).await;
    first.abort();
    let _ = first.await;
    let third = spawn(&txs, transfer(3));
    mine_until_ended(&l1, "it takes the place", &third).await;
    assert!(second.await.unwrap().unwrap().status() && third.await.unwrap().unwrap().status());
    let (sum, count) = (received(&l1).await, nonce(&l1).await);
    // The first may have been mined before it was replaced.
    assert!((sum, count) == (23, 2) || (sum, count) == (1023, 3), "{sum} by {count}");
}

/// Money that is on its way is not promised again; what costs less is not held up.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_in_flight_count_against_the_balance() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let ether = 1_000_000_000_000_000_000;
    l1.anvil.set_balance(key().address(), U256::from(3 * ether)).await.unwrap();
    let first = spawn(&txs, transfer(2 * ether));
    until("it is sent", async || waiting(&l1).await == 1).await;
    // Either alone would be paid, but not both.
    let error = txs.send(transfer(2 * ether)).await.unwrap_err();
    assert!(matches!(error, SendError::Funds { .. }) && error.retry() == Retry::Later, "{error}");
    let third = spawn(&txs, transfer(1));
    until("a cheap one is sent", async || waiting(&l1).await == 2).await;
    l1.anvil.mine(1).await.unwrap();
    assert!(first.await.unwrap().unwrap().status() && third.await.unwrap().unwrap().status());
    assert_eq!((received(&l1).await, nonce(&l1).await), (2 * ether + 1, 2));
}

/// Endpoints show that a nonce is used before they show the transaction and its receipt, by some blocks.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_late_is_waited_for() {
    for (fault, blocks) in [(Fault::Late(4), 4), (Fault::LateReceipts(20), 20)] {
        let l1 = L1::start().await;
        let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
        let txs = manager(&l1, proxy.url(), TxOptions::default()).await;
        let send = spawn(&txs, transfer(9));
        until("it is sent", async || waiting(&l1).await == 1).await;
        proxy.set(fault);
        proxy.settled().await;
        for block in 0..=blocks {
            assert!(!send.is_finished(), "{fault:?} before block {block}: {:?}", send.await);
            l1.anvil.mine(1).await.unwrap();
            // A look is at least three requests.
            let looked = proxy.requests() + 9;
            until("it is looked for", async || proxy.requests() >= looked || send.is_finished()).await;
        }
        assert!(send.await.unwrap().unwrap().status(), "{fault:?}");
        assert_eq!((received(&l1).await, nonce(&l1).await), (9, 1));
    }
}

/// A call was given up, and begins anew when a block has just taken its transaction: what the endpoint says of nonces is older
/// than what its pool says.
#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_is_too_low_may_be_its_own() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let txs = manager(&l1, proxy.url(), TxOptions::default()).await;
    for (value, sum, count) in [(7, 7, 1), (8, 7 + 7 + 8, 3)] {
        let first = spawn(&txs, transfer(7));
        until("it is sent", async || waiting(&l1).await == 1).await;
        first.abort();
        let _ = first.await;
        proxy.set(Fault::OldNonces(1));
        proxy.settled().await;
        l1.anvil.mine(1).await.unwrap();
        // The same call is done already; another takes the next nonce.
        let second = spawn(&txs, transfer(value));
        let looked = proxy.requests() + 20;
        until("it has tried", async || proxy.requests() >= looked || second.is_finished()).await;
        proxy.set(Fault::None);
        mine_until_ended(&l1, "it ends", &second).await;
        assert!(second.await.unwrap().unwrap().status());
        assert_eq!((received(&l1).await, nonce(&l1).await), (sum, count));
    }
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
        endMessageHeader: Bytes::new(),
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
    let other = *l1.anvil.wallet(&key()).unwrap().send_transaction(other).await.unwrap().tx_hash();
    mine_until_ended(&l1, "some blocks have shown no receipt", &send).await;
    let error = send.await.unwrap().unwrap_err();
    assert!(matches!(error, SendError::Replaced { nonce: 0 }), "{error}");
    assert_eq!(received(&l1).await, 0);
    assert_eq!(txs.other_sender(), Some((0, Some(other))), "it is named");
    // It goes on, and takes nothing of its own for another's.
    let send = spawn(&txs, transfer(3));
    mine_until_ended(&l1, "the next is mined", &send).await;
    assert!(send.await.unwrap().unwrap().status());
    assert_eq!((received(&l1).await, txs.other_sender()), (3, Some((0, Some(other)))));
}

/// Between two of our own, another process has sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_the_same_key_is_named() {
    let l1 = L1::start().await;
    let txs = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    let second = manager(&l1, l1.anvil.url(), TxOptions::default()).await;
    for value in 1..=2 {
        let send = spawn(&txs, transfer(value));
        mine_until_ended(&l1, "it is mined", &send).await;
        assert!(send.await.unwrap().unwrap().status());
    }
    assert_eq!(txs.other_sender(), None);
    let send = spawn(&second, transfer(10));
    mine_until_ended(&l1, "the second's is mined", &send).await;
    let foreign = send.await.unwrap().unwrap().transaction_hash;
    let send = spawn(&txs, transfer(100));
    mine_until_ended(&l1, "the next is mined", &send).await;
    assert!(send.await.unwrap().unwrap().status());
    assert_eq!(txs.other_sender(), Some((2, Some(foreign))));
    assert_eq!((received(&l1).await, nonce(&l1).await), (113, 4), "both go on");
}

/// An endpoint that suggests a tip of a thousand gwei does not drain the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_tip_is_never_an_endpoints_word_alone() {
    const GWEI: u128 = 1_000_000_000;
    for (has_honest, most) in [(false, 20 * GWEI), (true, 2 * GWEI)] {
        // Anew each time: an endpoint suggests what the transactions before have paid.
        let l1 = L1::start().await;
        let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
        proxy.set(Fault::Tip(1_000 * GWEI));
        let honest = has_honest.then(|| l1.anvil.url().to_owned());
        let urls: Vec<_> = [proxy.url().to_owned()].into_iter().chain(honest).collect();
        let (_stop, mut shutdown) = shutdown::channel();
        let client = reach(&urls, &l1.config, None, &mut shutdown).await.unwrap().unwrap();
        let poll_interval = Some(Duration::from_millis(20));
        let txs = TxManager::new(client, key(), TxOptions { poll_interval, ..TxOptions::default() });
        let send = spawn(&txs, transfer(1));
        mine_until_ended(&l1, "it is mined", &send).await;
        let hash = send.await.unwrap().unwrap().transaction_hash;
        let sent = l1.anvil.provider().get_transaction_by_hash(hash).await.unwrap().unwrap();
        let tip = sent.max_priority_fee_per_gas().unwrap();
        assert!(tip <= most, "{tip} wei of at most {most}, from {urls:?}");
    }
}

/// Fees beyond a cap are waited out: nothing is sent before, and no error ends the call.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_fee_cap_a_transaction_waits() {
    let l1 = L1::start().await;
    let set_base_fee = async |gwei: u64| {
        let fee = format!("{:#x}", gwei * 1_000_000_000);
        let _: serde_json::Value = l1.anvil.call("anvil_setNextBlockBaseFeePerGas", [fee]).await.unwrap();
        l1.anvil.mine(1).await.unwrap();
    };
    set_base_fee(90).await;
    // One is bounded by the price of gas, one by the cost of the transaction: some 21,000 gas.
    let by_gas = FeeCaps { max_fee: 50_000_000_000, ..FeeCaps::default() };
    let by_cost = FeeCaps { max_cost: 25_000 * 50_000_000_000, ..FeeCaps::default() };
    for (round, caps) in (1..).zip([by_gas, by_cost]) {
        let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
        let options = TxOptions { caps, ..TxOptions::default() };
        let txs = manager(&l1, proxy.url(), options).await;
        let send = spawn(&txs, transfer(1));
        // Several looks at the fees.
        until("it has looked twice", async || proxy.requests() >= 14 || send.is_finished()).await;
        assert!(!send.is_finished() && waiting(&l1).await == 0);
        set_base_fee(3).await;
        mine_until_ended(&l1, "it is mined", &send).await;
        assert!(send.await.unwrap().unwrap().status());
        assert_eq!(received(&l1).await, round);
        set_base_fee(90).await;
    }
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
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
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
        caps: FeeCaps { max_fee: 5_000_000_000, ..FeeCaps::default() },
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
