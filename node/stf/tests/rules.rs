//! Forks: what changes at the first block of Karst, what does not, and what comes after the rules that are known.
#![allow(clippy::unwrap_used)]

mod common;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, hex, keccak256};
use common::{
    BASE_FEE, CONFIG, Chain, Deposit, ETHER, GAS_LIMIT, GENESIS_TIME, Queue, address_of, sign, transfer,
};
use op_alloy_consensus::TxDeposit;
use revm::{ExecuteEvm, context::result::InvalidTransaction as EvmRefusal, database::EmptyDB};
use stf::{
    BlockError, ChainConfig, ForkSchedule, InvalidTransaction, Rules, Transaction, UnknownRules,
    config::{Activation, GUARANTEE},
    evm::{block_env, evm, evm_config},
    predeploys::{BASE_FEE_VAULT, L1_BLOCK, OPERATOR_FEE_VAULT},
};

const ALICE: Address = Address::repeat_byte(0xa1);
/// Stores CLZ(1) in slot 0: an operation that Karst brings.
const CLZ: Address = Address::repeat_byte(0xc1);
const CLZ_CODE: &[u8] = &hex!("6001 1e 6000 55 00");
/// Stores the gas that a call of P256VERIFY without input takes, and some for the call itself, in slot 0.
const P256: Address = Address::repeat_byte(0xc2);
const P256_CODE: &[u8] = &hex!("5a 6000 6000 6000 6000 610100 61ffff fa 50 5a 90 03 6000 55 00");
/// Seconds from genesis to Karst.
const DELAY: u64 = 3;

fn config(activations: &[(u8, u64)]) -> ChainConfig {
    let activations: Vec<_> =
        activations.iter().map(|&(rules, timestamp)| Activation { rules, timestamp }).collect();
    ChainConfig { forks: ForkSchedule::new(&activations).unwrap(), ..CONFIG }
}

/// A chain whose third block is the first of Karst.
fn chain() -> Chain {
    let config = config(&[(1, 0), (2, GENESIS_TIME + DELAY)]);
    Chain::with_config(config, &[(CLZ, CLZ_CODE), (P256, P256_CODE)])
}

/// The same, at the last block before Karst.
fn before_karst() -> Chain {
    let mut chain = chain();
    chain.advance(&[], &[]);
    chain.advance(&[], &[]);
    chain
}

fn call(nonce: u64, to: Address, gas_limit: u64) -> Transaction {
    sign(1, TxEip1559 { to: TxKind::Call(to), value: U256::ZERO, gas_limit, ..transfer(nonce) })
}

/// The operator fee that a message sets.
fn operator_fee(scalar: u64, constant: u64) -> Queue {
    let mut queue = Queue::default();
    queue.config(2, (U256::from(scalar) << 64) | U256::from(constant));
    queue
}

#[test]
fn the_first_transaction_says_which_rules_hold() {
    let mut chain = chain();
    let call_of = |chain: &mut Chain| {
        let block = chain.advance(&[], &[]).block;
        block.transactions[0].envelope().as_deposit().unwrap().input.clone()
    };
    let selector = |name: &str| keccak256(name)[..4].to_vec();
    let isthmus = [call_of(&mut chain), call_of(&mut chain)];
    for input in isthmus {
        assert_eq!((input.len(), &input[..4]), (192, &selector("setL1BlockValuesIsthmus()")[..]));
    }
    let input = call_of(&mut chain);
    assert_eq!((input.len(), &input[..4]), (194, &selector("setL1BlockValuesJovian()")[..]));
    assert_eq!(input[176..178], [0, 0], "no footprint of data availability");
    let target = chain.attributes().base_fee_parameters.gas_target();
    assert_eq!(input[178..], [target.to_be_bytes(), BASE_FEE.to_be_bytes()].concat());
}

#[test]
fn the_operator_fee_has_its_old_unit_before_and_is_set_anew_after() {
    let mut chain = chain();
    let gas = U256::from(21_000);
    let set = operator_fee(3_000_000, 7);
    chain.advance(&set.messages, &[sign(1, transfer(0))]);
    let isthmus = gas * U256::from(3) + U256::from(7);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), isthmus);
    chain.advance(&[], &[sign(1, transfer(1))]);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), isthmus * U256::from(2));
    assert_eq!(chain.attributes().operator_fee_scalar, 3_000_000);

    // In the new unit the scalar would mean 6.3 · 10^12 wei.
    let built = chain.advance(&[], &[sign(1, transfer(2))]);
    assert_eq!(built.outcomes, [Ok(())], "the activation block takes transactions");
    assert_eq!(built.block.transactions.len(), 2);
    assert_eq!(chain.attributes().operator_fee_scalar, 0);
    assert_eq!(
        chain.balance(OPERATOR_FEE_VAULT),
        isthmus * U256::from(2) + U256::from(7),
        "only the constant"
    );
    chain.advance(&[], &[]);
    assert_eq!(chain.attributes().operator_fee_scalar, 0, "and stays");

    let before = chain.balance(OPERATOR_FEE_VAULT);
    let set = operator_fee(2, 9);
    chain.advance(&set.messages, &[sign(1, transfer(3))]);
    let karst = gas * U256::from(200) + U256::from(9);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT) - before, karst);
    chain.advance(&[], &[sign(1, transfer(4))]);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT) - before, karst * U256::from(2), "and stays");
}

#[test]
fn a_message_in_the_first_block_of_karst_sets_the_operator_fee() {
    let mut chain = before_karst();
    let set = operator_fee(2, 9);
    chain.advance(&set.messages, &[sign(1, transfer(0))]);
    assert_eq!(chain.attributes().operator_fee_scalar, 2);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), U256::from(21_000 * 200 + 9));
}

/// Otherwise a sequencer could hold a message back until its number means a hundred million times as much.
#[test]
fn a_scalar_of_the_old_unit_that_comes_late_does_not_count() {
    let mut chain = before_karst();
    let mut set = operator_fee(3_000_000, 7);
    for message in &mut set.messages {
        message.header.l1_timestamp = GENESIS_TIME + DELAY - 1;
    }
    chain.advance(&set.messages, &[]);
    assert_eq!(chain.attributes().operator_fee_scalar, 0);
    for message in &mut set.messages {
        message.header.l1_timestamp = GENESIS_TIME + DELAY;
    }
    chain.advance(&set.messages, &[]);
    assert_eq!(chain.attributes().operator_fee_scalar, 3_000_000, "this one is of Karst");
}

#[test]
fn a_chain_that_starts_with_karst_keeps_the_operator_fee_of_its_genesis() {
    let mut chain = Chain::new(&[]);
    let set = operator_fee(5, 0);
    chain.advance(&set.messages, &[]);
    chain.advance(&[], &[sign(1, transfer(0))]);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), U256::from(21_000 * 500));
    // The genesis state says it too: bit 112 of slot 8, as the contract packs it.
    let is_jovian = |chain: &Chain| chain.slot(L1_BLOCK, U256::from(8)).bit(112);
    assert!(is_jovian(&Chain::new(&[])));
    assert!(!is_jovian(&self::chain()));
}

#[test]
fn karst_caps_the_gas_of_a_transaction_and_a_block_holds_more() {
    const CAP: u64 = 16_777_216;
    let mut chain = before_karst();
    chain.interval = 0;
    let over = call(0, ALICE, CAP + 1);
    assert_eq!(chain.build(&[], std::slice::from_ref(&over)).outcomes, [Ok(())], "before Karst");
    chain.interval = 1;
    let built = chain.build(&[], &[over, call(0, ALICE, CAP), sign(2, transfer(0))]);
    let refusal = EvmRefusal::TxGasLimitGreaterThanCap { gas_limit: CAP + 1, cap: CAP };
    assert_eq!(built.outcomes, [Err(InvalidTransaction::Evm(refusal)), Ok(()), Ok(())]);
    const { assert!(CAP < GAS_LIMIT) };
}

#[test]
fn deposits_are_exempt_from_the_cap() {
    let header = Chain::new(&[]).header;
    let deposit = |gas_limit: u64| {
        Transaction::deposit(TxDeposit { from: ALICE, mint: 1, gas_limit, ..TxDeposit::default() })
    };
    let mut evm = evm(evm_config(Rules::Karst, 1), block_env(&header), EmptyDB::new(), ());
    let result = evm.transact_one(deposit(20_000_000).to_evm()).unwrap();
    assert!(result.is_success(), "{result:?}");

    // The largest that the portal takes, in a block.
    let mut chain = before_karst();
    let mut queue = Queue::default();
    queue.deposit(ALICE, Deposit { mint: ETHER, gas_limit: GUARANTEE, ..Deposit::default() });
    let built = chain.advance(&queue.messages, &[]);
    assert!(built.block.receipts[1].as_deposit_receipt().unwrap().inner.status.coerce_status());
}

#[test]
fn karst_is_osakas_evm() {
    let mut chain = before_karst();
    let calls = |first: u64| [call(first, CLZ, 100_000), call(first + 1, P256, 200_000)];
    let gas_of_p256 = |chain: &Chain| chain.slot(P256, U256::ZERO).to::<u64>();
    let mut still_isthmus = before_karst();
    still_isthmus.interval = 0;
    still_isthmus.advance(&[], &calls(0));
    assert_eq!(still_isthmus.slot(CLZ, U256::ZERO), U256::ZERO, "an unknown operation");
    chain.advance(&[], &calls(0));
    assert_eq!(chain.slot(CLZ, U256::ZERO), U256::from(255));
    assert_eq!(
        gas_of_p256(&chain) - gas_of_p256(&still_isthmus),
        6_900 - 3_450,
        "EIP-7951 doubles its price"
    );
}

#[test]
fn there_is_no_block_under_unknown_rules_and_the_error_names_them() {
    let activation = GENESIS_TIME + 2;
    let mut chain = Chain::with_config(config(&[(2, 0), (3, activation)]), &[]);
    chain.advance(&[], &[]);
    let unknown = UnknownRules { id: 3, activation };
    let result = chain.build_on(&chain.world, &[], &[]).map(|_| ());
    assert!(matches!(result, Err(BlockError::UnknownRules(found)) if found == unknown), "{result:?}");
    let line = result.unwrap_err().to_string();
    assert!(line.contains("rules 3") && line.contains(&activation.to_string()), "{line}");
    assert!(!line.contains('\n'));
    // In the same second as its parent, the next block has known rules.
    chain.interval = 0;
    chain.advance(&[], &[]);
}

#[test]
fn the_base_fee_follows_gas_and_time_through_the_fork() {
    let mut chain = chain();
    let mut queue = Queue::default();
    // Thirty times the target of 1,000,000 gas, in the first block.
    queue.config(3, U256::from(1_000_000));
    queue.config(4, U256::from(2 * BASE_FEE));
    queue.deposit(ALICE, Deposit { to: Some(CLZ), gas_limit: GUARANTEE, ..Deposit::default() });
    let first = chain.advance(&queue.messages, &[]).block.header;
    // CLZ is unknown still: the deposit burns all its gas.
    assert!(first.gas_used > GUARANTEE);
    assert_eq!(first.base_fee_per_gas, Some(2 * BASE_FEE), "the new least counts at once");
    let fees = chain.attributes().base_fee_parameters;
    assert_eq!((fees.gas_target(), fees.min_base_fee()), (1_000_000, 2 * BASE_FEE));

    let mut excess = 0;
    let mut parent = first;
    for interval in [0, 1, 1, 2, 0, 1] {
        chain.interval = interval;
        let block = chain.advance(&[], &[]).block.header;
        excess = fees.next_excess(excess, parent.gas_used, interval);
        assert_eq!(chain.extra().excess_gas, excess);
        assert_eq!(block.base_fee_per_gas, Some(fees.base_fee(excess)));
        parent = block;
    }
    assert!(excess > 0);
    chain.interval = 60;
    chain.advance(&[], &[]);
    assert_eq!((chain.extra().excess_gas, chain.header.base_fee_per_gas), (0, Some(2 * BASE_FEE)));
    let sender = address_of(1);
    let before = chain.balance(BASE_FEE_VAULT);
    chain.advance(&[], &[sign(1, transfer(chain.account(sender).nonce))]);
    assert_eq!(chain.balance(BASE_FEE_VAULT) - before, U256::from(21_000 * 2 * BASE_FEE));
}

#[test]
fn a_new_target_in_a_block_leaves_its_fee_where_it_is() {
    let mut chain = chain();
    let mut queue = Queue::default();
    queue.deposit(ALICE, Deposit { to: Some(CLZ), gas_limit: GUARANTEE, ..Deposit::default() });
    queue.deposit(ALICE, Deposit { to: Some(CLZ), gas_limit: GUARANTEE, ..Deposit::default() });
    chain.advance(&queue.messages, &[]);
    chain.interval = 0;
    let same = chain.build(&[], &[]).block.header;
    let mut queue = Queue::default();
    queue.config(3, U256::from(60_000_000));
    let other = chain.advance(&queue.messages, &[]).block.header;
    let [same, other] = [&same, &other].map(|header| header.base_fee_per_gas.unwrap());
    assert!(same > BASE_FEE + BASE_FEE / 25, "{same}");
    assert!(same.abs_diff(other) <= 1 + same / 1_000_000, "{same} and {other}");
    assert_eq!(chain.attributes().base_fee_parameters.gas_target(), 60_000_000);
}

#[test]
fn fee_parameters_out_of_bounds_become_the_nearest_within() {
    for (target, least, expected) in
        [(U256::ZERO, U256::ZERO, (1_000_000, 1)), (U256::from(u64::MAX), U256::MAX, (60_000_000, 1 << 40))]
    {
        let mut chain = chain();
        let mut queue = Queue::default();
        queue.config(3, target);
        queue.config(4, least);
        chain.advance(&queue.messages, &[]);
        chain.advance(&[], &[]);
        let fees = chain.attributes().base_fee_parameters;
        assert_eq!((fees.gas_target(), fees.min_base_fee()), expected);
    }
}
