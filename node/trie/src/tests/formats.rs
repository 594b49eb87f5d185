//! Encodings against those of the alloy crates.

use super::*;
use crate::{Account, EMPTY_ROOT, decode_storage, encode_storage, ordered_root};
use alloy_primitives::{KECCAK256_EMPTY, U256};
use alloy_trie::{TrieAccount, root::ordered_trie_root_with_encoder};

#[test]
fn ordered_roots() {
    let mut rng = seeded("ordered_roots", 1);
    for count in (0..300).chain([511, 512, 1000, 65_535, 65_536, 66_000]) {
        let max = if count % 2 == 0 { 4 } else { 200 };
        let items: Vec<Vec<u8>> = (0..count).map(|_| vec![rng.random(); rng.random_range(1..max)]).collect();
        let expected = ordered_trie_root_with_encoder(&items, |item, out| out.extend_from_slice(item));
        assert_eq!(ordered_root(&items), expected, "{count} items");
    }
}

#[test]
fn accounts() {
    let mut rng = seeded("accounts", 1);
    for _ in 0..2000 {
        let account = Account {
            nonce: rng.random::<u64>() >> rng.random_range(0..64),
            balance: U256::from_be_bytes(rng.random::<[u8; 32]>()) >> rng.random_range(0..257usize),
            storage_root: B256::from(rng.random::<[u8; 32]>()),
            code_hash: B256::from(rng.random::<[u8; 32]>()),
        };
        let Account { nonce, balance, storage_root, code_hash } = account;
        let bytes = account.encode();
        assert_eq!(bytes, alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash }));
        assert_eq!(Account::decode(&bytes), Ok(account));
        for len in 0..bytes.len() {
            assert!(Account::decode(&bytes[..len]).is_err());
        }
        let mut other = bytes.clone();
        let at = rng.random_range(0..other.len());
        other[at] ^= 1 << rng.random_range(0..8);
        if let Ok(decoded) = Account::decode(&other) {
            assert_eq!(decoded.encode(), other);
        }
        assert!(Account::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
    assert!(Account::EMPTY.is_empty());
    assert_eq!(Account::EMPTY.encode(), alloy_rlp::encode(TrieAccount::default()));
}

#[test]
fn refused_accounts() {
    let tail = [obvious_string(&EMPTY_ROOT[..]), obvious_string(&KECCAK256_EMPTY[..])];
    let account = |head: &[&[u8]]| {
        let mut items: Vec<_> = head.iter().map(|item| item.to_vec()).collect();
        items.extend(tail.clone());
        obvious_list(&items)
    };
    assert!(Account::decode(&account(&[&[0x80], &[0x80]])).is_ok());
    assert!(Account::decode(&account(&[&[0x00], &[0x80]])).is_err(), "zero is the empty string");
    assert!(Account::decode(&account(&[&[0x82, 0, 1], &[0x80]])).is_err(), "leading zero");
    assert!(Account::decode(&account(&[&[0x81, 1], &[0x80]])).is_err(), "header too many");
    assert!(Account::decode(&account(&[&[0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[0x80]])).is_err(), "65 bits");
    assert!(Account::decode(&account(&[&[0xc0], &[0x80]])).is_err(), "a list");
    assert!(Account::decode(&account(&[&[0x80]])).is_err(), "three fields");
    assert!(Account::decode(&account(&[&[0x80], &[0x80], &[0x80]])).is_err(), "five fields");
}

#[test]
fn storage_values() {
    let mut rng = seeded("storage_values", 1);
    for bits in 1..=256usize {
        let value = (U256::from_be_bytes(rng.random::<[u8; 32]>()) | U256::from(1) << 255) >> (256 - bits);
        let bytes = encode_storage(value).unwrap();
        let bytes = bytes.as_ref();
        assert_eq!(bytes, alloy_rlp::encode(value));
        assert_eq!(decode_storage(bytes), Ok(value));
        assert!(decode_storage(&bytes[..bytes.len() - 1]).is_err());
    }
    assert!(encode_storage(U256::ZERO).is_none());
    for refused in [&[][..], &[0x80], &[0x00], &[0x81, 0x01], &[0x82, 0x00, 0x01], &[0x01, 0x01], &[0xc0]] {
        assert!(decode_storage(refused).is_err(), "{refused:?}");
    }
    assert!(decode_storage(&[&[0xa1][..], &[1; 33]].concat()).is_err());
}
