//! Ranges of state, what blocks changed, and witnesses of them.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bytes, TxKind, U256, bytes, keccak256},
    rlp::Decodable,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::*;

/// Creates a contract that writes what it is called with to the slot that follows in the input: slot ‖ value.
fn writer() -> Bytes {
    // Runtime: PUSH1 32 CALLDATALOAD PUSH0 CALLDATALOAD SSTORE; init as usual.
    bytes!("600680600a5f395ff3006020355f355500")
}

fn write(sender: u8, nonce: u64, contract: Address, slot: U256, value: u64) -> Bytes {
    let input = [slot.to_be_bytes::<32>(), U256::from(value).to_be_bytes()].concat();
    transaction(sender, nonce, TxKind::Call(contract), 0, input.into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    storage: BTreeMap<B256, Entry>,
    next_key: Option<B256>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Entry {
    key: Option<B256>,
    value: B256,
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_told_in_the_order_of_their_hashes_as_they_are_before_a_transaction() {
    let node = Node::sequencer().await;
    node.send(transaction(0, 0, TxKind::Create, 0, writer())).await;
    node.mine();
    let contract = user(0).address().create(0);
    let odd = U256::from(10).pow(U256::from(40));
    let slots = [U256::ZERO, U256::from(1), U256::from(7), odd];
    for (nonce, slot) in slots.iter().enumerate() {
        node.send(write(1, nonce as u64, contract, *slot, 5 + nonce as u64)).await;
    }
    node.mine();
    // In the block that is looked at: slot 1 is deleted, slot 7 changes, slot 9 is new.
    node.send(write(1, 4, contract, U256::from(1), 0)).await;
    node.send(write(1, 5, contract, U256::from(7), 70)).await;
    node.send(write(1, 6, contract, U256::from(9), 90)).await;
    node.mine();
    let range = async |block: &str, index: u64, start: Bytes, most: u64| -> Range {
        node.call("debug_storageRangeAt", json!([block, index, contract, start, most])).await
    };
    let hash = |slot: U256| keccak256(slot.to_be_bytes::<32>());
    let expected = |list: &[(U256, u64)]| -> BTreeMap<B256, Entry> {
        let entry = |(slot, value): &(U256, u64)| {
            // What a high number was hashed to is not known.
            let key = (*slot < U256::from(1000)).then(|| B256::from(*slot));
            (hash(*slot), Entry { key, value: B256::from(U256::from(*value)) })
        };
        list.iter().map(entry).collect()
    };
    let before = expected(&[(slots[0], 5), (slots[1], 6), (slots[2], 7), (odd, 8)]);
    let all = range("0x3", 0, Bytes::new(), 100).await;
    assert_eq!((all.storage, all.next_key), (before, None));
    // Behind the deposit, after two of the three: what was read there is known, too.
    let middle = range("0x3", 3, Bytes::new(), 100).await;
    assert_eq!(middle.storage, expected(&[(slots[0], 5), (slots[2], 70), (odd, 8)]));
    // Two at a time, each page where the one before ended.
    let (mut start, mut paged) = (Bytes::new(), BTreeMap::new());
    loop {
        let page = range("0x3", 3, start, 2).await;
        assert!(page.storage.len() <= 2);
        paged.extend(page.storage);
        let Some(next) = page.next_key else { break };
        start = next.into();
    }
    assert_eq!(paged, expected(&[(slots[0], 5), (slots[2], 70), (odd, 8)]));
    let (code, text) = node.error("debug_storageRangeAt", json!(["0x3", 4, contract, "0x", 2])).await;
    assert!(code == -32000 && text.starts_with("transaction index 4 out of range"), "{code} {text}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_dumped_with_what_is_known_of_them() {
    let node = Node::sequencer().await;
    node.send(transfer(0, 0)).await;
    node.send(count(0, 1)).await;
    let block = node.mine();
    let dump: Value = node.call("debug_dumpBlock", json!(["latest"])).await;
    assert_eq!(dump["root"], json!(format!("{:x}", block.header.state_root)));
    let accounts = dump["accounts"].as_object().unwrap();
    let sender = &accounts[&user(0).address().to_checksum(None)];
    assert_eq!(sender["nonce"], 2);
    let balance: U256 = node.call("eth_getBalance", json!([user(0).address(), "latest"])).await;
    assert_eq!(sender["balance"], json!(balance.to_string()));
    let counter = &accounts[&COUNTER.to_checksum(None)];
    let code: Value = node.call("eth_getCode", json!([COUNTER, "latest"])).await;
    assert_eq!(counter["code"], code);
    assert_eq!(counter["storage"], json!({ B256::ZERO.to_string(): "01" }));
    assert_eq!(counter["key"], json!(keccak256(COUNTER)));
    // The address of whom ether was sent to is not written down anywhere.
    let receiver = Address::repeat_byte(0xee);
    assert!(!accounts.contains_key(&receiver.to_checksum(None)));

    let (mut start, mut names) = (json!("0x"), BTreeSet::new());
    loop {
        let page: Value =
            node.call("debug_accountRange", json!(["latest", start, 3, true, true, true])).await;
        let some = page["accounts"].as_object().unwrap();
        assert!(some.len() <= 3 && some.values().all(|account| account.get("code").is_none()));
        names.extend(some.keys().cloned());
        match page.get("next") {
            Some(next) => start = next.clone(),
            None => break,
        }
    }
    assert!(names.contains(&format!("pre({})", keccak256(receiver))), "{names:?}");
    assert!(accounts.keys().all(|name| names.contains(name)));

    for (hash, preimage) in [
        (keccak256(COUNTER), Bytes::copy_from_slice(COUNTER.as_slice())),
        (keccak256(B256::with_last_byte(3)), B256::with_last_byte(3).into()),
        (
            keccak256(serde_json::from_value::<Bytes>(code.clone()).unwrap()),
            serde_json::from_value(code).unwrap(),
        ),
    ] {
        assert_eq!(node.call::<Bytes>("debug_preimage", json!([hash])).await, preimage);
    }
    let unknown = node.error("debug_preimage", json!([keccak256(receiver)])).await;
    assert_eq!(unknown, (-32000, "unknown preimage".into()));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_that_blocks_changed_are_named() {
    let node = Node::sequencer().await;
    node.send(transfer(0, 0)).await;
    let first = node.mine();
    node.send(count(1, 0)).await;
    let second = node.mine();
    let changed = async |method: &str, params: Value| -> BTreeSet<Address> {
        let list: Vec<Address> = node.call(method, params).await;
        list.into_iter().collect()
    };
    let of_first = changed("debug_getModifiedAccountsByNumber", json!([1])).await;
    let receiver = Address::repeat_byte(0xee);
    assert!(of_first.contains(&receiver) && of_first.contains(&user(0).address()));
    assert!(!of_first.contains(&user(1).address()) && !of_first.contains(&COUNTER));
    assert_eq!(of_first, changed("debug_getModifiedAccountsByHash", json!([first.hash])).await);
    let of_second = changed("debug_getModifiedAccountsByNumber", json!([1, 2])).await;
    assert!(of_second.contains(&COUNTER) && !of_second.contains(&receiver));
    let both = changed("debug_getModifiedAccountsByNumber", json!([0, 2])).await;
    assert_eq!(both, of_first.union(&of_second).copied().collect());
    // Each is another account than before, and no other is: the whole state compared.
    let state = async |block: &str| -> Value {
        let dump = json!([block, "0x", 256, true, true, true]);
        node.call::<Value>("debug_accountRange", dump).await["accounts"].clone()
    };
    let (before, after) = (state("0x0").await, state("0x2").await);
    let is_other = |(name, account): &(&String, &Value)| before.get(name.as_str()) != Some(*account);
    let others = after.as_object().unwrap().iter().filter(is_other);
    let others: BTreeSet<B256> =
        others.map(|(_, account)| serde_json::from_value(account["key"].clone()).unwrap()).collect();
    assert_eq!(both.iter().map(keccak256).collect::<BTreeSet<_>>(), others);
    let by_hash = json!([second.hash, first.hash]);
    let (code, text) = node.error("debug_getModifiedAccountsByHash", by_hash).await;
    assert_eq!(
        (code, text.as_str()),
        (-32000, "start block height (2) must be less than end block height (1)")
    );
    assert_eq!(node.error("debug_getModifiedAccountsByNumber", json!([0])).await.1, "block 0 has no parent");
    assert_eq!(
        node.error("debug_getModifiedAccountsByNumber", json!([99])).await.1,
        "start block 63 not found"
    );
    node.end().await;
}

#[derive(Debug, Deserialize)]
struct Witness {
    state: Vec<Bytes>,
    codes: Vec<Bytes>,
    keys: Vec<Bytes>,
    headers: Vec<Bytes>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_holds_what_execution_reads() {
    let node = Node::sequencer().await;
    let parent = node.mine();
    node.send(count(0, 0)).await;
    node.send(transfer(1, 0)).await;
    node.mine();
    let witness: Witness = node.call("debug_executionWitness", json!(["0x2"])).await;
    let headers: Vec<Header> =
        witness.headers.iter().map(|header| Header::decode(&mut &header[..]).unwrap()).collect();
    assert_eq!(headers.iter().map(Header::hash_slow).collect::<Vec<_>>(), [parent.hash]);
    let code: Bytes = node.call("eth_getCode", json!([COUNTER, "latest"])).await;
    assert!(witness.codes.contains(&code));
    for key in [COUNTER.to_vec(), user(0).address().to_vec(), B256::ZERO.to_vec()] {
        assert!(witness.keys.contains(&key.into()));
    }
    // Proofs of what was read lead through it, from the root that the parent's header names.
    let nodes: BTreeMap<B256, Bytes> =
        witness.state.iter().map(|node| (keccak256(node), node.clone())).collect();
    assert!(nodes.contains_key(&parent.header.state_root));
    for address in [COUNTER, user(0).address(), user(1).address(), Address::repeat_byte(0xee)] {
        let proof: Value = node.call("eth_getProof", json!([address, ["0x0"], "0x1"])).await;
        let nodes_of = |list: &Value| serde_json::from_value::<Vec<Bytes>>(list.clone()).unwrap();
        for one in nodes_of(&proof["accountProof"]) {
            assert!(nodes.contains_key(&keccak256(&one)), "{address}");
        }
    }
    let text = node.error("debug_executionWitness", json!(["0x0"])).await.1;
    assert!(text.starts_with("genesis is not executed"), "{text}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_geth_has_and_this_node_has_not_is_said() {
    let node = Node::sequencer().await;
    node.mine();
    assert_eq!(node.call::<Value>("debug_getBadBlocks", json!([])).await, json!([]));
    let (code, text) = node.error("debug_dbGet", json!(["0x00"])).await;
    assert!(code == -32000 && text.contains("not available"), "{code} {text}");
    assert_eq!(node.call::<u64>("debug_getAccessibleState", json!(["0x0", "0x1"])).await, 0);
    let text = node.error("debug_getAccessibleState", json!(["0x1", "0x1"])).await.1;
    assert_eq!(text, "from and to needs to be different");
    let config: Value = node.call("debug_chainConfig", json!([])).await;
    assert_eq!((&config["chainId"], &config["pragueTime"]), (&json!(CHAIN_ID), &json!(0)));
    let raw: String = node.call("debug_getRawTransaction", json!([B256::ZERO])).await;
    assert_eq!(raw, "0x");
    let info: Value = node.call("admin_nodeInfo", json!([])).await;
    assert!(info["name"].as_str().unwrap().starts_with("recourse-node/"));
    assert_eq!(info["protocols"]["eth"]["genesis"], json!(node.chain.config().genesis_hash));
    assert_eq!(node.call::<Value>("admin_peers", json!([])).await, json!([]));
    node.end().await;
}
