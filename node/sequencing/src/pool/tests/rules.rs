//! The pool's rules, one by one.

use alloy::{
    eips::{eip2930::AccessList, eip7702::Authorization},
    primitives::B256,
    signers::{SignerSync, local::PrivateKeySigner},
};

use super::*;

fn fail(pool: &Pool, tx: Transaction) -> String {
    let error = pool.submit_recovered(tx).unwrap_err();
    pool.check();
    error.to_string()
}

#[test]
fn a_signed_transaction_is_taken_and_found_by_its_hash() {
    let (pool, state) = pool();
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
    state.set(signer.address(), 0, 1);
    let tx = transfer(0, 2 * GWEI, GWEI);
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    let encoded: Bytes = tx.into_signed(signature).encoded_2718().into();
    let hash = pool.submit(encoded.clone()).unwrap();
    assert_eq!(pool.get(&hash).unwrap().sender(), signer.address());
    assert_eq!(pool.submit(encoded), Err(PoolError::AlreadyKnown));
    assert!(pool.has_pending(|_| false));
}

#[test]
fn what_is_no_user_transaction_is_refused_before_recovery() {
    let (pool, _) = pool();
    assert_eq!(pool.submit(raw(&[])), Err(PoolError::Malformed));
    assert_eq!(pool.submit(raw(&[0x02, 0xc0])), Err(PoolError::Malformed));
    for forbidden in [0, 3, 5, 0x7d, 0x7e, 0x7f, 0xbf] {
        let refused = Err(PoolError::UnsupportedType(forbidden));
        assert_eq!(pool.submit(raw(&[forbidden, 0xc0])), refused);
    }
    let large = pool.submit(raw(&vec![2; 120_001])).unwrap_err();
    assert_eq!(large.to_string(), "oversized data: transaction size 120001, limit 120000");
}

#[test]
fn a_signature_of_nobody_is_an_invalid_sender() {
    let (pool, _) = pool();
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let encoded = transfer(0, GWEI, 0).into_signed(signature).encoded_2718();
    assert_eq!(pool.submit(encoded.into()), Err(PoolError::InvalidSender));
}

#[test]
fn a_transaction_for_another_chain_is_refused_and_one_for_any_chain_is_not() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let other = TxEip1559 { chain_id: 1, ..transfer(0, GWEI, 0) };
    assert_eq!(fail(&pool, from(user(0), other)), "invalid chain id for signer: have 1 want 42069");
    pool.submit_recovered(legacy_from(user(0), 0, 2 * GWEI, None)).unwrap();
}

#[test]
fn a_gas_limit_that_no_block_has_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 100);
    let with_gas = |gas_limit| from(user(0), TxEip1559 { gas_limit, ..transfer(0, GWEI, 0) });
    assert_eq!(fail(&pool, with_gas(30_000_000)), "exceeds block gas limit");
    state.change(|fake| fake.next.rules = Rules::Isthmus);
    pool.refresh(&[]);
    pool.submit_recovered(with_gas(29_000_000)).unwrap();
}

#[test]
fn a_gas_limit_above_that_of_a_transaction_is_refused_since_karst() {
    let (pool, state) = pool();
    state.set(user(0), 0, 100);
    let with_gas = |gas_limit| from(user(0), TxEip1559 { gas_limit, ..transfer(0, GWEI, 0) });
    let text = "transaction gas limit too high (cap: 16777216, tx: 16777217)";
    assert_eq!(fail(&pool, with_gas((1 << 24) + 1)), text);
    pool.submit_recovered(with_gas(1 << 24)).unwrap();
}

#[test]
fn gas_below_the_intrinsic_cost_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let low = TxEip1559 { gas_limit: 20_999, ..transfer(0, GWEI, 0) };
    assert_eq!(fail(&pool, from(user(0), low)), "intrinsic gas too low: gas 20999, minimum needed 21000");
    let access_list = AccessList::from(vec![alloy::eips::eip2930::AccessListItem {
        address: user(1),
        storage_keys: vec![B256::ZERO; 2],
    }]);
    let listed = TxEip1559 { access_list, ..transfer(0, GWEI, 0) };
    // 2,400 for the address, 1,900 for each slot.
    assert_eq!(fail(&pool, from(user(0), listed)), "intrinsic gas too low: gas 21000, minimum needed 27200");
}

#[test]
fn gas_below_the_floor_for_data_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let data = Bytes::from(vec![1; 1000]);
    // 16 gas per byte to begin with, but 40 at least.
    let tx = TxEip1559 { gas_limit: 21_000 + 39_999, input: data, ..transfer(0, GWEI, 0) };
    let expected = "insufficient gas for floor data gas cost: gas 60999, minimum needed 61000";
    assert_eq!(fail(&pool, from(user(0), tx)), expected);
}

#[test]
fn oversized_initcode_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let input = Bytes::from(vec![0; 49_153]);
    let tx = TxEip1559 { to: TxKind::Create, gas_limit: 5_000_000, input, ..transfer(0, GWEI, 0) };
    assert_eq!(fail(&pool, from(user(0), tx)), "max initcode size exceeded: code size 49153, limit 49152");
}

#[test]
fn a_tip_above_the_fee_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let text = send(&pool, user(0), 0, GWEI, GWEI + 1).unwrap_err().to_string();
    assert!(text.starts_with("max priority fee per gas higher than max fee per gas"), "{text}");
}

#[test]
fn a_fee_far_below_the_base_fee_is_refused_and_one_a_little_below_waits() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let text = send(&pool, user(0), 0, GWEI / 2 - 1, 0).unwrap_err().to_string();
    assert!(text.starts_with("max fee per gas less than block base fee"), "{text}");
    send(&pool, user(0), 0, GWEI / 2, 0).unwrap();
    assert!(!pool.has_pending(|_| false));
    state.set_base_fee(BASE_FEE / 2);
    pool.refresh(&[]);
    assert!(pool.has_pending(|_| false));
    assert_eq!(order(&pool), [(user(0), 0)]);
}

#[test]
fn a_tip_below_the_minimum_is_underpriced() {
    let (pool, state) = pool_with(PoolOptions { min_tip: 10, ..PoolOptions::default() });
    state.set(user(0), 0, 1);
    let text = send(&pool, user(0), 0, 2 * GWEI, 9).unwrap_err().to_string();
    assert_eq!(text, "transaction underpriced: gas tip cap 9, minimum needed 10");
}

#[test]
fn a_used_nonce_is_too_low() {
    let (pool, state) = pool();
    state.set(user(0), 7, 1);
    let text = send(&pool, user(0), 6, 2 * GWEI, 0).unwrap_err().to_string();
    assert_eq!(text, "nonce too low: next nonce 7, tx nonce 6");
}

#[test]
fn the_last_nonce_is_refused() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    assert_eq!(send(&pool, user(0), u64::MAX, 2 * GWEI, 0), Err(PoolError::NonceMax));
    send(&pool, user(0), u64::MAX - 1, 2 * GWEI, 0).unwrap();
    assert_eq!(pool.status().queued, 1);
}

#[test]
fn a_contract_cannot_send() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    state.change(|fake| fake.accounts.get_mut(&user(0)).unwrap().is_contract = true);
    let text = send(&pool, user(0), 0, 2 * GWEI, 0).unwrap_err().to_string();
    assert!(text.starts_with("sender not an eoa"), "{text}");
}

#[test]
fn the_balance_must_cover_the_greatest_cost() {
    let (pool, state) = pool();
    let cost = U256::from(21_000) * U256::from(2 * GWEI) + U256::from(1);
    let balance = |balance| AccountState { balance, ..AccountState::default() };
    state.change(|fake| fake.accounts.insert(user(0), balance(cost - U256::from(1))));
    let text = send(&pool, user(0), 0, 2 * GWEI, 0).unwrap_err().to_string();
    let expected = format!(
        "insufficient funds for gas * price + value: balance {}, tx cost {cost}, overshot 1",
        cost - U256::from(1)
    );
    assert_eq!(text, expected);
    state.change(|fake| fake.accounts.insert(user(0), balance(cost)));
    send(&pool, user(0), 0, 2 * GWEI, 0).unwrap();
}

#[test]
fn the_balance_must_cover_l1_data_and_operator_fee_too() {
    let (pool, state) = pool();
    state.change(|fake| {
        fake.next.fees = L1BlockInfo {
            l1_base_fee: U256::from(GWEI),
            l1_base_fee_scalar: U256::from(1_000_000),
            l1_blob_base_fee: Some(U256::ZERO),
            l1_blob_base_fee_scalar: Some(U256::ZERO),
            operator_fee_scalar: Some(U256::from(2)),
            operator_fee_constant: Some(U256::from(500)),
            ..Default::default()
        };
    });
    pool.refresh(&[]);
    let l2 = U256::from(21_000) * U256::from(2 * GWEI) + U256::from(1);
    // A transfer counts as the least size, 100 bytes, at 16 gas each; 200 wei of operator fee per gas.
    let cost = l2 + U256::from(100 * 16) * U256::from(GWEI) + U256::from(200 * 21_000 + 500);
    let account = AccountState { balance: cost - U256::from(1), ..AccountState::default() };
    state.change(|fake| fake.accounts.insert(user(0), account));
    let refused = send(&pool, user(0), 0, 2 * GWEI, 0);
    assert!(matches!(refused, Err(PoolError::InsufficientFunds { cost: found, .. }) if found == cost));
}

#[test]
fn the_balance_must_cover_all_transactions_of_a_sender_together() {
    let (pool, state) = pool();
    let cost = U256::from(21_000) * U256::from(2 * GWEI) + U256::from(1);
    let account = AccountState { balance: cost * U256::from(2), ..AccountState::default() };
    state.change(|fake| fake.accounts.insert(user(0), account));
    send(&pool, user(0), 0, 2 * GWEI, 0).unwrap();
    send(&pool, user(0), 1, 2 * GWEI, 0).unwrap();
    let refused = send(&pool, user(0), 2, 2 * GWEI, 0).unwrap_err();
    assert!(matches!(refused, PoolError::InsufficientFundsForAll { .. }));
    assert!(refused.to_string().ends_with(&format!("overshot {cost}")), "{refused}");
    assert!(refused.to_string().starts_with("insufficient funds for gas * price + value: balance"));
}

#[test]
fn a_replacement_pays_ten_percent_more_in_both_fees() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    send(&pool, user(0), 0, 2 * GWEI, 100).unwrap();
    assert_eq!(send(&pool, user(0), 0, 2 * GWEI, 100), Err(PoolError::AlreadyKnown));
    for (fee, tip) in [(2 * GWEI, 110), (22 * GWEI / 10 - 1, 110), (22 * GWEI / 10, 109), (3 * GWEI, 100)] {
        let refused = send(&pool, user(0), 0, fee, tip).unwrap_err();
        assert_eq!(refused.to_string(), "replacement transaction underpriced");
    }
    let mut events = pool.subscribe();
    send(&pool, user(0), 0, 22 * GWEI / 10, 110).unwrap();
    assert_eq!(pool.status(), PoolStatusOf { pending: 1, queued: 0 }.of(&pool));
    assert_eq!(pool.best().next().unwrap().max_tip(), 110);
    assert_eq!(events.try_recv().unwrap().max_tip(), 110);
}

/// Counts without bytes.
struct PoolStatusOf {
    pending: usize,
    queued: usize,
}

impl PoolStatusOf {
    fn of(self, pool: &Pool) -> crate::pool::PoolStatus {
        crate::pool::PoolStatus { pending: self.pending, queued: self.queued, bytes: pool.status().bytes }
    }
}

#[test]
fn behind_a_gap_transactions_are_queued_until_it_closes() {
    let (pool, state) = pool();
    state.set(user(0), 5, 1);
    let mut events = pool.subscribe();
    send(&pool, user(0), 7, 2 * GWEI, 0).unwrap();
    send(&pool, user(0), 6, 2 * GWEI, 0).unwrap();
    assert!(!pool.has_pending(|_| false) && events.try_recv().is_err());
    assert_eq!(pool.pending_nonce(&user(0)), Some(5));
    assert_eq!(pool.content().queued[&user(0)].len(), 2);
    send(&pool, user(0), 5, 2 * GWEI, 0).unwrap();
    assert_eq!(pool.pending_nonce(&user(0)), Some(8));
    assert_eq!(pool.status(), PoolStatusOf { pending: 3, queued: 0 }.of(&pool));
    assert_eq!(order(&pool), [(user(0), 5), (user(0), 6), (user(0), 7)]);
    let announced: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).map(|tx| tx.nonce()).collect();
    assert_eq!(announced, [5, 6, 7]);
}

#[test]
fn the_best_tip_comes_first_then_the_oldest_and_a_sender_in_order_of_nonces() {
    let (pool, state) = pool();
    (0..4).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 0, 5 * GWEI, 10).unwrap();
    send(&pool, user(0), 1, 5 * GWEI, 1000).unwrap();
    send(&pool, user(1), 0, 5 * GWEI, 20).unwrap();
    send(&pool, user(2), 0, 5 * GWEI, 20).unwrap();
    // This one's fee leaves a tip of 5 only.
    send(&pool, user(3), 0, u128::from(BASE_FEE) + 5, GWEI).unwrap();
    let expected = [(user(1), 0), (user(2), 0), (user(0), 0), (user(0), 1), (user(3), 0)];
    assert_eq!(order(&pool), expected);
    state.set_base_fee(BASE_FEE - 100);
    pool.refresh(&[]);
    pool.check();
    // Now it is 105.
    assert_eq!(order(&pool)[0], (user(3), 0));
}

#[test]
fn an_excluded_sender_does_not_come_again_in_the_same_block() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    state.set(user(1), 0, 1);
    (0..3).for_each(|nonce| send(&pool, user(0), nonce, 5 * GWEI, 10).unwrap());
    send(&pool, user(1), 0, 5 * GWEI, 1).unwrap();
    let mut best = pool.best();
    assert_eq!(best.next().unwrap().sender(), user(0));
    best.exclude(user(0));
    assert_eq!(best.next().unwrap().sender(), user(1));
    assert!(best.next().is_none());
    assert_eq!(order(&pool).len(), 4);
}

#[test]
fn transactions_that_come_during_a_build_are_found_if_they_rank_below_or_are_cut_off_otherwise() {
    let (pool, state) = pool();
    (0..4).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 0, 5 * GWEI, 10).unwrap();
    let mut best = pool.best();
    assert_eq!(best.next().unwrap().sender(), user(0));
    send(&pool, user(0), 1, 5 * GWEI, 10).unwrap();
    send(&pool, user(1), 0, 5 * GWEI, 5).unwrap();
    send(&pool, user(2), 0, 5 * GWEI, 50).unwrap();
    let rest: Vec<_> = best.map(|tx| (tx.sender(), tx.nonce())).collect();
    assert_eq!(rest, [(user(0), 1), (user(1), 0)]);
}

#[test]
fn a_replaced_first_transaction_is_not_handed_out_twice_in_one_walk() {
    let (pool, state) = pool();
    (0..2).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 0, 5 * GWEI, 100).unwrap();
    send(&pool, user(1), 0, 5 * GWEI, 50).unwrap();
    let mut best = pool.best();
    best.next().unwrap();
    // Two replacements move the sender behind the position by arrival, not by tip.
    send(&pool, user(0), 0, 50 * GWEI, 200).unwrap();
    assert_eq!(best.map(|tx| tx.sender()).collect::<Vec<_>>(), [user(1)]);
}

#[test]
fn included_transactions_go_with_the_block() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    (0..4).for_each(|nonce| send(&pool, user(0), nonce, 5 * GWEI, 10).unwrap());
    state.set(user(0), 3, 1);
    pool.refresh(&[user(0)]);
    pool.check();
    assert_eq!(order(&pool), [(user(0), 3)]);
    assert_eq!(pool.pending_nonce(&user(0)), Some(4));
    state.set(user(0), 9, 1);
    pool.refresh(&[user(0)]);
    pool.check();
    assert_eq!((pool.pending_nonce(&user(0)), pool.status().pending), (None, 0));
}

#[test]
fn a_nonce_that_goes_back_makes_a_gap() {
    let (pool, state) = pool();
    state.set(user(0), 2, 1);
    (2..4).for_each(|nonce| send(&pool, user(0), nonce, 5 * GWEI, 10).unwrap());
    state.set(user(0), 1, 1);
    pool.resync();
    pool.check();
    assert_eq!(pool.status(), PoolStatusOf { pending: 0, queued: 2 }.of(&pool));
    send(&pool, user(0), 1, 5 * GWEI, 10).unwrap();
    assert_eq!(pool.status().pending, 3);
}

#[test]
fn a_discarded_transaction_leaves_a_gap() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    (0..4).for_each(|nonce| send(&pool, user(0), nonce, 5 * GWEI, 10).unwrap());
    let second = pool.content().pending[&user(0)][1].hash();
    assert!(pool.discard(&second) && !pool.discard(&second));
    pool.check();
    assert_eq!(pool.status(), PoolStatusOf { pending: 1, queued: 2 }.of(&pool));
}

#[test]
fn a_sender_has_no_more_than_the_account_limit_once_the_pool_is_half_full() {
    let locals = [user(1)].into();
    let options = PoolOptions {
        max_transactions: 20,
        account_limit: 3,
        account_burst: 12,
        locals,
        ..PoolOptions::default()
    };
    let (pool, state) = pool_with(options);
    (0..3).for_each(|index| state.set(user(index), 0, 1));
    (0..10).for_each(|nonce| send(&pool, user(0), nonce, 5 * GWEI, 10).unwrap());
    let refused = send(&pool, user(0), 10, 5 * GWEI, 10).unwrap_err();
    assert_eq!(refused.to_string(), "account limit exceeded: pooled 10, limit 3");
    (0..3).for_each(|nonce| send(&pool, user(2), nonce, 5 * GWEI, 10).unwrap());
    send(&pool, user(2), 3, 5 * GWEI, 10).unwrap_err();
    (0..5).for_each(|nonce| send(&pool, user(1), nonce, 5 * GWEI, 10).unwrap());
    // Replacing needs no room.
    send(&pool, user(0), 4, 6 * GWEI, 100).unwrap();
}

#[test]
fn a_full_pool_evicts_who_pays_least_and_refuses_who_pays_less() {
    let options = PoolOptions { max_transactions: 4, ..PoolOptions::default() };
    let (pool, state) = pool_with(options);
    (0..9).for_each(|index| state.set(user(index), 0, 1));
    for index in 0..4 {
        send(&pool, user(index), 0, 5 * GWEI, 10 + u128::from(index)).unwrap();
    }
    assert_eq!(send(&pool, user(5), 0, 5 * GWEI, 9).unwrap_err().to_string(), "txpool is full");
    // As good as the worst, but later.
    assert_eq!(send(&pool, user(5), 0, 5 * GWEI, 10), Err(PoolError::Full));
    send(&pool, user(5), 0, 5 * GWEI, 11).unwrap();
    assert!(pool.content_from(&user(0)).pending.is_empty());
    // What does not pay the base fee is worth less than the least tip.
    assert_eq!(send(&pool, user(6), 0, GWEI - 1, GWEI - 1), Err(PoolError::Full));
}

#[test]
fn a_well_paying_transaction_does_not_protect_a_bad_one_before_it() {
    let options = PoolOptions { max_transactions: 2, ..PoolOptions::default() };
    let (pool, state) = pool_with(options);
    (0..2).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 0, 5 * GWEI, 0).unwrap();
    send(&pool, user(0), 1, 5 * GWEI, GWEI).unwrap();
    send(&pool, user(1), 0, 5 * GWEI, 1).unwrap();
    assert_eq!(order(&pool), [(user(1), 0), (user(0), 0)]);
}

#[test]
fn queued_transactions_are_evicted_before_executable_ones_and_have_a_limit_of_their_own() {
    let options = PoolOptions { max_transactions: 4, max_queued: 2, ..PoolOptions::default() };
    let (pool, state) = pool_with(options);
    (0..6).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 1, 5 * GWEI, 500).unwrap();
    send(&pool, user(1), 1, 5 * GWEI, 600).unwrap();
    assert_eq!(send(&pool, user(2), 1, 5 * GWEI, 400), Err(PoolError::Full));
    send(&pool, user(2), 1, 5 * GWEI, 700).unwrap();
    assert!(pool.content_from(&user(0)).queued.is_empty());
    for index in 3..6 {
        send(&pool, user(index), 0, 5 * GWEI, 1).unwrap();
    }
    assert_eq!(pool.status(), PoolStatusOf { pending: 3, queued: 1 }.of(&pool));
}

#[test]
fn bytes_are_limited() {
    let options = PoolOptions { max_bytes: 3000, ..PoolOptions::default() };
    let (pool, state) = pool_with(options);
    let large = |sender, tip| {
        let input = Bytes::from(vec![1; 1000]);
        from(sender, TxEip1559 { gas_limit: 100_000, input, ..transfer(0, 5 * GWEI, tip) })
    };
    (0..3).for_each(|index| state.set(user(index), 0, 1));
    pool.submit_recovered(large(user(0), 5)).unwrap();
    pool.submit_recovered(large(user(1), 6)).unwrap();
    pool.submit_recovered(large(user(2), 7)).unwrap();
    pool.check();
    assert_eq!(order(&pool), [(user(2), 0), (user(1), 0)]);
}

#[test]
fn queued_transactions_expire_and_executable_ones_do_not() {
    let options =
        PoolOptions { queued_lifetime: std::time::Duration::from_millis(20), ..PoolOptions::default() };
    let (pool, state) = pool_with(options);
    (0..2).for_each(|index| state.set(user(index), 0, 1));
    send(&pool, user(0), 0, 5 * GWEI, 1).unwrap();
    send(&pool, user(1), 1, 5 * GWEI, 1).unwrap();
    pool.refresh(&[]);
    assert_eq!(pool.status().queued, 1);
    std::thread::sleep(std::time::Duration::from_millis(25));
    pool.refresh(&[]);
    pool.check();
    assert_eq!(pool.status(), PoolStatusOf { pending: 1, queued: 0 }.of(&pool));
}

#[test]
fn a_set_code_transaction_needs_an_authorization() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: user(1), nonce: 0 }
        .into_signed(Signature::new(U256::from(1), U256::from(1), false));
    let tx = |authorization_list| {
        let tx = alloy::consensus::TxEip7702 {
            chain_id: CHAIN_ID,
            gas_limit: 100_000,
            max_fee_per_gas: 2 * GWEI,
            authorization_list,
            ..Default::default()
        };
        let signature = Signature::new(U256::from(1), U256::from(1), false);
        Transaction::with_sender(tx.into_signed(signature).encoded_2718().into(), user(0)).unwrap()
    };
    assert_eq!(fail(&pool, tx(vec![])), "EIP-7702 transaction with empty auth list");
    pool.submit_recovered(tx(vec![authorization])).unwrap();
}

#[test]
fn nothing_new_is_taken_while_the_disk_is_nearly_full() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    state.change(|fake| fake.has_room = false);
    let raw = || from(user(0), transfer(0, 5 * GWEI, 1)).encoded().clone();
    assert_eq!(pool.submit(raw()), Err(PoolError::NoDiskRoom));
    // What is put back after a reorg was taken before.
    send(&pool, user(0), 0, 5 * GWEI, 1).unwrap();
    state.change(|fake| fake.has_room = true);
    assert_eq!(pool.submit(raw()), Err(PoolError::AlreadyKnown));
}

#[tokio::test]
async fn the_waiter_wakes_for_executable_transactions_only() {
    let (pool, state) = pool();
    state.set(user(0), 0, 1);
    send(&pool, user(0), 1, 5 * GWEI, 1).unwrap();
    let soon = std::time::Duration::from_millis(10);
    assert!(tokio::time::timeout(soon, pool.wait()).await.is_err());
    send(&pool, user(0), 0, 5 * GWEI, 1).unwrap();
    tokio::time::timeout(soon, pool.wait()).await.unwrap();
}
