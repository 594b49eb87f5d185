//! State tests of our own for what came with Prague and Osaka, in the suite's format. What each leads to is worked out from
//! the EIPs: accounts and gas stand here, only hashes are computed.

use std::{fs, path::Path};

use alloy::{
    consensus::{SignableTransaction, TxEip7702, TxLegacy, TypedTransaction},
    eips::{eip2718::Encodable2718, eip7702::Authorization},
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256, bytes, keccak256};
use e2e::{
    conformance::{BlockCase, Folder, Suite},
    proving::program,
};
use serde_json::{Value, json};
use trie::{Account, Trie, encode_storage};

/// Wei for each unit of gas: the block's base fee, all of which is burned.
const PRICE: u64 = 7;
/// What the sender has before.
const BALANCE: u64 = 1_000_000_000_000_000_000;
/// Where the contract of a case stands.
const CONTRACT: Address = address!("00000000000000000000000000000000000c0de1");
/// Gas of a blob (EIP-4844).
const BLOB_GAS: u64 = 131_072;
/// keccak256 of the RLP of no logs.
const NO_LOGS: B256 = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/// An account of a state that is worked out by hand.
#[derive(Clone, Default)]
struct Holder {
    nonce: u64,
    balance: u64,
    code: Bytes,
    storage: Vec<(u64, u64)>,
}

type Holders = Vec<(Address, Holder)>;

fn key(byte: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
}

fn sender() -> PrivateKeySigner {
    key(0x51)
}

/// Who signs authorizations.
fn authority() -> PrivateKeySigner {
    key(0xa1)
}

fn code(code: &Bytes) -> Holder {
    Holder { nonce: 1, code: code.clone(), ..Holder::default() }
}

/// The sender after a transaction that took this much gas and sent this much.
fn sender_after(gas: u64, value: u64) -> (Address, Holder) {
    let balance = BALANCE - PRICE * gas - value;
    (sender().address(), Holder { nonce: 1, balance, ..Holder::default() })
}

fn sender_before() -> (Address, Holder) {
    (sender().address(), Holder { balance: BALANCE, ..Holder::default() })
}

fn state_root(holders: &Holders) -> B256 {
    let root = |entries: Vec<(B256, Vec<u8>)>| {
        let mut trie = Trie::empty();
        for (key, value) in entries {
            trie.insert(&(), None, key.as_slice(), &value).unwrap();
        }
        trie.commit(None, &mut ())
    };
    let slot = |(slot, value): &(u64, u64)| {
        let key = keccak256(U256::from(*slot).to_be_bytes::<32>());
        (key, encode_storage(U256::from(*value)).unwrap().as_ref().to_vec())
    };
    let account = |(address, holder): &(Address, Holder)| {
        let account = Account {
            nonce: holder.nonce,
            balance: U256::from(holder.balance),
            storage_root: root(holder.storage.iter().map(slot).collect()),
            code_hash: keccak256(&holder.code),
        };
        (keccak256(address), account.encode())
    };
    root(holders.iter().map(account).collect())
}

fn pre(holders: &Holders) -> Value {
    let account = |(address, holder): &(Address, Holder)| {
        let fields = json!({
            "nonce": format!("{:#x}", holder.nonce), "balance": format!("{:#x}", holder.balance),
            "code": holder.code, "storage": {},
        });
        (address.to_string(), fields)
    };
    Value::Object(holders.iter().map(account).collect())
}

/// What a transaction is to lead to: a state, or an exception.
type Outcome = Result<Holders, &'static str>;

/// A test of one transaction, with what it leads to under Prague and under Osaka.
fn test(tx: &TypedTransaction, others: Holders, prague: Outcome, osaka: Outcome) -> Value {
    let before: Holders = others.into_iter().chain([sender_before()]).collect();
    let signature = sender().sign_hash_sync(&tx.signature_hash()).unwrap();
    let raw = Bytes::from(tx.clone().into_envelope(signature).encoded_2718());
    let post = |outcome: Outcome| {
        let (hash, exception) = match &outcome {
            Ok(holders) => (state_root(holders), None),
            Err(exception) => (state_root(&before), Some(*exception)),
        };
        let mut post = json!({
            "hash": hash, "logs": NO_LOGS, "txbytes": raw, "indexes": {"data": 0, "gas": 0, "value": 0},
        });
        if let Some(exception) = exception {
            post["expectException"] = exception.into();
        }
        json!([post])
    };
    json!({
        "env": {
            "currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentNumber": "0x1",
            "currentTimestamp": "0x3e8", "currentGasLimit": "0x3938700", "currentBaseFee": format!("{PRICE:#x}"),
            "currentRandom": B256::ZERO, "currentExcessBlobGas": "0x0",
        },
        "pre": pre(&before),
        "transaction": described(tx),
        "post": {"Prague": post(prague), "Osaka": post(osaka)},
    })
}

fn described(tx: &TypedTransaction) -> Value {
    use alloy::consensus::Transaction;
    let mut fields = json!({
        "nonce": "0x0", "gasLimit": [format!("{:#x}", tx.gas_limit())], "value": [tx.value()],
        "data": [tx.input()], "sender": sender().address(), "secretKey": sender().to_bytes(),
        "to": tx.to().map_or(String::new(), |to| to.to_string()),
    });
    match tx.authorization_list() {
        None => fields["gasPrice"] = format!("{PRICE:#x}").into(),
        Some(list) => {
            fields["maxFeePerGas"] = format!("{PRICE:#x}").into();
            fields["maxPriorityFeePerGas"] = "0x0".into();
            fields["authorizationList"] = list
                .iter()
                .map(|signed| {
                    json!({
                        "chainId": signed.chain_id, "address": signed.address, "nonce": format!("{:#x}", signed.nonce),
                        "v": format!("{:#x}", signed.y_parity()), "r": signed.r(), "s": signed.s(),
                    })
                })
                .collect();
        }
    }
    fields
}

fn call(to: Address, input: Bytes, gas_limit: u64, value: u64) -> TypedTransaction {
    TxLegacy {
        chain_id: Some(1),
        nonce: 0,
        gas_price: PRICE.into(),
        gas_limit,
        to: TxKind::Call(to),
        value: U256::from(value),
        input,
    }
    .into()
}

/// A call of the authority, with its authorization for [`CONTRACT`], made at this nonce.
fn delegation(nonce: u64) -> TypedTransaction {
    let authorization = Authorization { chain_id: U256::from(1), address: CONTRACT, nonce };
    let signature = authority().sign_hash_sync(&authorization.signature_hash()).unwrap();
    TxEip7702 {
        chain_id: 1,
        nonce: 0,
        gas_limit: 100_000,
        max_fee_per_gas: PRICE.into(),
        max_priority_fee_per_gas: 0,
        to: authority().address(),
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    }
    .into()
}

/// All tests by their names.
fn tests() -> Value {
    // PUSH1 3, PUSH0, SSTORE: 3 + 2 + 22,100 gas for a cold slot that was zero.
    let store = bytes!("60035f55");
    let delegated = Holder {
        nonce: 1,
        balance: 0,
        code: [&[0xef, 1, 0], CONTRACT.as_slice()].concat().into(),
        storage: vec![(0, 3)],
    };
    // 21,000, and 25,000 for an authorization; nothing for the delegate, which the transaction's target makes warm.
    let gas = 21_000 + 25_000 + 3 + 2 + 22_100;
    let after = vec![sender_after(gas, 0), (CONTRACT, code(&store)), (authority().address(), delegated)];
    let set_code = test(&delegation(0), vec![(CONTRACT, code(&store))], Ok(after.clone()), Ok(after));

    // An authorization for another nonce does nothing, and costs as much.
    let after = vec![sender_after(21_000 + 25_000, 0), (CONTRACT, code(&store))];
    let wrong_nonce = test(&delegation(1), vec![(CONTRACT, code(&store))], Ok(after.clone()), Ok(after));

    // EIP-7825: at most 2^24 gas.
    let someone = address!("000000000000000000000000000000000000beef");
    let paid = Holder { balance: 5, ..Holder::default() };
    let after = vec![sender_after(21_000, 5), (someone, paid)];
    let at_cap =
        test(&call(someone, Bytes::new(), 1 << 24, 5), Vec::new(), Ok(after.clone()), Ok(after.clone()));
    let above_cap = test(
        &call(someone, Bytes::new(), (1 << 24) + 1, 5),
        Vec::new(),
        Ok(after),
        Err("TransactionException.GAS_LIMIT_EXCEEDS_MAXIMUM"),
    );

    // EIP-7939, PUSH1 1, CLZ, PUSH0, SSTORE: 5 gas for CLZ; no instruction under Prague, which takes all gas.
    let count = bytes!("60011e5f55");
    let counted = Holder { storage: vec![(0, 255)], ..code(&count) };
    let clz = test(
        &call(CONTRACT, Bytes::new(), 100_000, 0),
        vec![(CONTRACT, code(&count))],
        Ok(vec![sender_after(100_000, 0), (CONTRACT, code(&count))]),
        Ok(vec![sender_after(21_000 + 3 + 5 + 2 + 22_100, 0), (CONTRACT, counted)]),
    );

    // EIP-7951: a precompile for 6,900 gas; an empty account under Prague.
    let p256 = test(
        &call(address!("0000000000000000000000000000000000000100"), Bytes::new(), 100_000, 0),
        Vec::new(),
        Ok(vec![sender_after(21_000, 0)]),
        Ok(vec![sender_after(21_000 + 6_900, 0)]),
    );

    // EIP-7883: at least 500 gas instead of 200.
    let modexp = test(
        &call(address!("0000000000000000000000000000000000000005"), Bytes::new(), 100_000, 0),
        Vec::new(),
        Ok(vec![sender_after(21_000 + 200, 0)]),
        Ok(vec![sender_after(21_000 + 500, 0)]),
    );

    json!({
        "set_code": set_code, "wrong_nonce": wrong_nonce, "at_cap": at_cap, "above_cap": above_cap,
        "clz": clz, "p256": p256, "modexp": modexp, "blobs": blobs(7, 1), "blobs_by_schedule": blobs_by_schedule(),
    })
}

/// A transaction with this many blobs at this price for a unit of their gas, which is too many under Osaka (EIP-7594), whatever
/// a block's limit is.
fn blobs(count: u64, price: u64) -> Value {
    let cost = PRICE * 21_000 + count * BLOB_GAS * price;
    let after = Holder { nonce: 1, balance: BALANCE - cost, ..Holder::default() };
    let prague = Ok(vec![(sender().address(), after)]);
    let osaka = Err("TransactionException.TYPE_3_TX_BLOB_COUNT_EXCEEDED");
    let mut test = test(&call(Address::repeat_byte(9), Bytes::new(), 21_000, 0), Vec::new(), prague, osaka);
    let fields = test["transaction"].as_object_mut().unwrap();
    fields.remove("gasPrice");
    fields.insert("maxFeePerGas".into(), format!("{PRICE:#x}").into());
    fields.insert("maxPriorityFeePerGas".into(), "0x0".into());
    fields.insert("maxFeePerBlobGas".into(), format!("{price:#x}").into());
    fields.insert("blobVersionedHashes".into(), json!(vec![B256::repeat_byte(1); count as usize]));
    // These bytes have no blobs.
    for posts in test["post"].as_object_mut().unwrap().values_mut() {
        posts[0].as_object_mut().unwrap().remove("txbytes");
    }
    test
}

/// Limits of blobs that the test names: more than Prague's nine, and a price of ⌊e⁴⌋ wei.
fn blobs_by_schedule() -> Value {
    const FRACTION: u64 = 11_684_671;
    let mut test = blobs(10, 54);
    test["env"]["currentExcessBlobGas"] = format!("{:#x}", 4 * FRACTION).into();
    let limits = json!({"target": "0xa", "max": "0xf", "baseFeeUpdateFraction": format!("{FRACTION:#x}")});
    test["config"] = json!({"blobSchedule": {"Prague": limits, "Osaka": limits}});
    test
}

fn suite(folder: &Path, tests: &Value) -> Suite {
    let states = folder.join(Folder::States.names()[1]);
    fs::create_dir_all(&states).unwrap();
    fs::write(states.join("osaka.json"), tests.to_string()).unwrap();
    Suite::open(folder).unwrap()
}

#[test]
fn rules_of_prague_and_osaka_come_out_as_the_eips_say() {
    let folder = tempfile::tempdir().unwrap();
    let tests = tests();
    let report = suite(folder.path(), &tests).run(2).unwrap();
    assert!(report.failures.is_empty(), "{report}");
    assert_eq!(report.passed(), 2 * tests.as_object().unwrap().len());
}

/// A description that is not of the transaction's bytes shows: the authorizations are compared, too.
#[test]
fn an_authorization_that_is_not_the_transactions_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut tests = tests();
    tests["set_code"]["transaction"]["authorizationList"][0]["nonce"] = "0x1".into();
    let report = suite(folder.path(), &tests).run(1).unwrap();
    let cases: Vec<_> = report.failures.iter().map(|failure| failure.case.as_str()).collect();
    assert_eq!(
        cases,
        ["state_tests/osaka.json set_code Osaka 0", "state_tests/osaka.json set_code Prague 0"]
    );
    assert!(report.failures[0].reason.contains("described"), "{report}");
}

/// Blocks with authorizations, under the rules of both forks: node, witness and VM agree.
#[test]
fn transactions_of_prague_and_osaka_as_blocks_come_out_alike_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (cases, excluded) = suite(folder.path(), &tests()).blocks().unwrap();
    // Those of blobs are no blocks.
    assert_eq!((cases.len(), excluded.excluded.values().sum::<usize>()), (2 * 7, 2));
    let all = BlockCase::run_all(&cases, &program().unwrap());
    assert!(all.report.failures.is_empty(), "{}", all.report);
    // All but the one above the cap of gas under Osaka.
    assert_eq!((all.included, all.with_authorizations, all.lowered), (13, 4, 0));
}
