//! The database against plain maps: random appends, truncations and prunes.

use alloy_primitives::{B256, U256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use trie::{Account, Trie, decode_storage};

use super::{
    chain::{Chain, addresses, slots},
    dump, open,
};
use crate::{Error, Tx, TxLocation, TxMode};

/// Everything that the database says about a height, read plainly and through tries, is what the maps say.
fn check_state<K: TxMode>(tx: &Tx<K>, chain: &Chain, height: u64) {
    let at = tx.state_at(height).unwrap();
    let mut accounts = Trie::from_root(chain.blocks[height as usize].header.state_root);
    for address in addresses() {
        let expected = chain.states[height as usize].get(&address);
        assert_eq!(at.account(&address).unwrap(), expected.map(|(account, _)| *account), "height {height}");
        let rlp = accounts.get(&at, None, &address[..]).unwrap();
        assert_eq!(rlp.map(|rlp| Account::decode(rlp).unwrap()), expected.map(|(account, _)| *account));
        let root = expected.map_or(trie::EMPTY_ROOT, |(account, _)| account.storage_root);
        let mut storage = Trie::from_root(root);
        for slot in slots() {
            let value = expected.and_then(|(_, slots)| slots.get(&slot)).copied().unwrap_or_default();
            assert_eq!(at.storage(&address, &slot).unwrap(), value, "height {height}");
            let rlp = storage.get(&at, Some(&address), &slot[..]).unwrap();
            assert_eq!(rlp.map_or(U256::ZERO, |rlp| decode_storage(rlp).unwrap()), value);
        }
        if let Some((account, _)) = expected {
            assert_eq!(keccak256(at.code(&account.code_hash).unwrap()), account.code_hash);
        }
    }
}

fn check_chain<K: TxMode>(tx: &Tx<K>, chain: &Chain, head: u64) {
    let expected = &chain.blocks[..=head as usize];
    assert_eq!(tx.head().unwrap(), Some((head, expected[head as usize].header.hash())));
    let headers: Vec<_> = tx.headers(0..=u64::MAX).unwrap().map(|item| item.unwrap().1).collect();
    assert!(headers.iter().eq(expected.iter().map(|block| &block.header)));
    for (number, block) in (0..).zip(expected) {
        assert_eq!(tx.block_number(&block.header.hash()).unwrap(), Some(number));
        let transactions = tx.transactions(number).unwrap().unwrap();
        assert!(transactions.iter().map(|tx| &tx.raw).eq(&block.transactions));
        assert!(transactions.iter().map(|tx| &tx.sender).eq(&block.senders));
        assert_eq!(tx.receipts(number).unwrap().as_ref(), Some(&block.receipts));
        for (index, hash) in (0..).zip(&block.hashes) {
            let location = TxLocation { block: number, index };
            assert_eq!(tx.find_transaction(hash).unwrap(), Some(location));
            assert_eq!(tx.transaction(location).unwrap().as_ref(), transactions.get(index as usize));
        }
    }
    let middle: Vec<_> = tx.receipts_range(head / 2..=head).unwrap().map(|item| item.unwrap().0).collect();
    assert!(middle.into_iter().eq(head / 2..=head));
}

fn run(seed: u64) {
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut chain = Chain::new(seed);
    let mut writer = database.write().unwrap();
    chain.append(&mut writer, 0);
    writer.commit().unwrap();
    let (mut head, mut oldest) = (0, 0);
    for step in 0..60 {
        let mut writer = database.write().unwrap();
        match rng.random_range(0..10) {
            0..7 => {
                for _ in 0..rng.random_range(1..6) {
                    head += 1;
                    chain.grow(head);
                    chain.append(&mut writer, head);
                }
            }
            7 | 8 => {
                head = rng.random_range(oldest.max(head.saturating_sub(12))..=head);
                writer.truncate_above(head).unwrap();
                chain.fork(head, seed + 1000 * (step + 1));
            }
            // Half of the seeds never prune, so that tables can be compared.
            _ if seed.is_multiple_of(2) && head > 4 => {
                oldest = oldest.max(rng.random_range(0..head - 2));
                writer.prune(oldest, rng.random_range(1..200)).unwrap();
            }
            _ => {}
        }
        check_state(&writer, &chain, head);
        if rng.random_ratio(1, 8) {
            drop(writer);
            let reader = database.read().unwrap();
            let newest = reader.head().unwrap().unwrap().0;
            head = newest;
            oldest = reader.oldest_state().unwrap();
            // The model cannot take back a truncation: begin again from what the database has kept.
            if chain.blocks.get(head as usize).map(|block| block.header.hash())
                != reader.head().unwrap().map(|(_, hash)| hash)
            {
                return;
            }
            chain.fork(head, seed + 1000 * (step + 1) + 1);
        } else {
            writer.commit().unwrap();
        }
        if step % 6 == 5 {
            let reader = database.read().unwrap();
            check_chain(&reader, &chain, head);
            (oldest..=head).for_each(|height| check_state(&reader, &chain, height));
            for height in [oldest.checked_sub(1), Some(head + 1)].into_iter().flatten() {
                assert!(matches!(reader.state_at(height), Err(Error::NoState { .. })));
            }
        }
    }
    if oldest == 0 {
        let dir = tempfile::tempdir().unwrap();
        let fresh = open::open(dir.path()).unwrap();
        let mut writer = fresh.write().unwrap();
        (0..=head).for_each(|number| chain.append(&mut writer, number));
        assert!(dump(&writer) == dump(&database.read().unwrap()), "truncation leaves no trace");
    } else {
        let mut writer = database.write().unwrap();
        while !writer.prune(head, 50).unwrap() {}
        check_state(&writer, &chain, head);
        let of = |table| writer.records(table, 0..=u64::MAX, |_| Some(())).unwrap().count();
        assert_eq!(of(crate::Table::History), 0);
        // A record of a deletion may stay where a reorg took back the block that made the account again; it reads as
        // nothing.
        let accounts = writer.cursor(crate::Table::Accounts).unwrap().records();
        let live = accounts.iter().filter(|(key, _)| {
            let account = writer.state_at(head).unwrap().account(&B256::from_slice(&key[..32]));
            account.unwrap().is_some()
        });
        assert_eq!(live.count(), chain.states[head as usize].len());
    }
}

#[test]
fn random_chains_read_as_plain_maps_say() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let start: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 20));
    let count = if seed.is_some() { 1 } else { 12 };
    (start..start + count).for_each(run);
}

#[test]
fn blocks_append_in_order_and_truncate_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut chain = Chain::new(1);
    chain.grow(10);
    let mut writer = database.write().unwrap();
    let next = |expected, found| move |error: &Error| matches!(error, Error::NotNext { expected: e, found: f, .. } if (*e, *f) == (expected, found));
    assert!(next(0, 1)(&writer.append_block(&chain.blocks[1].record()).unwrap_err()));
    assert!(next(0, 1)(&writer.append_genesis(&chain.blocks[1].record()).unwrap_err()));
    assert!(writer.state_at(0).is_err());
    (0..=8).for_each(|number| chain.append(&mut writer, number));
    assert!(next(9, 0)(&writer.append_genesis(&chain.blocks[0].record()).unwrap_err()));
    assert!(next(9, 10)(&writer.append_block(&chain.blocks[10].record()).unwrap_err()));
    chain.fork(7, 2);
    chain.grow(9);
    let error = writer.append_block(&chain.blocks[9].record()).unwrap_err();
    assert!(matches!(error, Error::NotChild { number: 9, .. }), "{error}");

    assert!(matches!(writer.set_safe(9), Err(Error::NoBlock(9))));
    writer.set_safe(8).unwrap();
    writer.set_finalized(5).unwrap();
    assert!(matches!(writer.truncate_above(4), Err(Error::Finalized { number: 4, finalized: 5 })));
    writer.truncate_above(6).unwrap();
    assert_eq!((writer.safe().unwrap(), writer.finalized().unwrap()), (Some(6), Some(5)));
    writer.set_finalized(0).unwrap();
    assert!(!writer.prune(5, 1).unwrap());
    assert!(matches!(writer.truncate_above(4), Err(Error::NoState { height: 4, oldest: 5, newest: 6 })));
    assert!(matches!(writer.prune(7, 1), Err(Error::NoBlock(7))));
    writer.truncate_above(5).unwrap();
    assert_eq!(writer.block_hash(6).unwrap(), None);
    assert!(writer.state_at(5).unwrap().block_hash(6).is_err());
    assert_eq!(writer.state_at(5).unwrap().block_hash(3).unwrap(), chain.blocks[3].header.hash());
    assert!(matches!(writer.code(&B256::ZERO), Err(Error::NoCode(_))));
}

#[test]
fn a_run_leaves_what_its_blocks_leave_one_by_one() {
    const BLOCKS: u64 = 60;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let start: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 20));
    for seed in start..start + if seed.is_some() { 1 } else { 8 } {
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut chain = Chain::new(seed);
        chain.grow(BLOCKS);
        let [single, together] = [(), ()].map(|()| {
            let dir = tempfile::tempdir().unwrap();
            let database = open::open(dir.path()).unwrap();
            (dir, database)
        });
        let mut writer = single.1.write().unwrap();
        (0..=BLOCKS).for_each(|number| chain.append(&mut writer, number));
        writer.commit().unwrap();
        let mut writer = together.1.write().unwrap();
        chain.append(&mut writer, 0);
        let mut next = 1;
        while next <= BLOCKS {
            let end = (next + rng.random_range(1..20)).min(BLOCKS + 1);
            let records: Vec<_> = (next..end).map(|number| chain.blocks[number as usize].record()).collect();
            writer.append_blocks(&records).unwrap();
            next = end;
        }
        writer.commit().unwrap();
        assert_eq!(dump(&single.1.read().unwrap()), dump(&together.1.read().unwrap()), "seed {seed}");
    }
}
