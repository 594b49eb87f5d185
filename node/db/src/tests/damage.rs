//! Records that are not what an encoder writes.

use alloy_primitives::{B256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use trie::{NodeError, NodeSource};

use super::{
    chain::{Chain, addresses, slots},
    dump,
    inbox::put_l1,
    open,
};
use crate::{Database, Error, LogQuery, Result, Table, Tx, TxMode};

const HEAD: u64 = 12;

fn filled(path: &std::path::Path) -> (Database, Chain) {
    let database = open::open(path).unwrap();
    let mut chain = Chain::new(5);
    chain.grow(HEAD);
    let mut writer = database.write().unwrap();
    for number in 0..=HEAD {
        chain.append(&mut writer, number);
        put_l1(&mut writer, number);
    }
    writer.set_safe(3).unwrap();
    writer.set_finalized(2).unwrap();
    writer.commit().unwrap();
    super::logs::index(&database);
    (database, chain)
}

/// Every read there is; the first error.
fn read_all<K: TxMode>(tx: &Tx<K>, chain: &Chain) -> Result<()> {
    tx.safe()?;
    tx.finalized()?;
    tx.l1_cursor()?;
    tx.head()?;
    tx.message_count()?;
    tx.batch_count()?;
    for number in 0..=HEAD {
        let block = &chain.blocks[number as usize];
        tx.block_hash(number)?;
        tx.header(number)?;
        tx.block_number(&block.header.hash())?;
        tx.transactions(number)?;
        tx.receipts(number)?;
        for hash in &block.hashes {
            if let Some(location) = tx.find_transaction(hash)? {
                tx.transaction(location)?;
            }
        }
        tx.l1_block(number)?;
        tx.batch(number)?;
        tx.batch_of_block(number)?;
        for index in [2 * number, 2 * number + 1] {
            if let Some(alias) = tx.message(index)?.and_then(|message| message.alias) {
                tx.deposit_alias(&alias.client_hash)?;
                tx.find_transaction(&alias.client_hash)?;
            }
        }
        let at = tx.state_at(number)?;
        for address in addresses() {
            at.account(&address)?;
            for slot in slots() {
                at.storage(&address, &slot)?;
            }
        }
        at.node(None, &Default::default(), &block.header.state_root)
            .map_err(|_| Error::corrupt(Table::AccountNodes, &[]))?;
    }
    tx.log_index_end()?;
    let any: [[&B256; 0]; 0] = [];
    tx.search_logs(&LogQuery::new([], any), 0..=HEAD)?;
    tx.headers(0..=u64::MAX)?.try_for_each(|item| item.map(drop))?;
    tx.messages(0..=u64::MAX)?.try_for_each(|item| item.map(drop))?;
    tx.batches(0..=u64::MAX)?.try_for_each(|item| item.map(drop))
}

#[test]
fn short_records_are_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let (database, chain) = filled(dir.path());
    let reader = database.read().unwrap();
    read_all(&reader, &chain).unwrap();
    let records = dump(&reader);
    drop(reader);
    // Codes and nodes are taken as they are: who reads them knows their hashes.
    let opaque = [Table::Codes, Table::AccountNodes, Table::StorageNodes, Table::History];
    for table in Table::ALL.into_iter().filter(|table| !opaque.contains(table)) {
        let (_, key, value) = records.iter().find(|record| record.0 == table && record.2.len() > 4).unwrap();
        let mut writer = database.write().unwrap();
        let short = match table {
            // Values at the end of these records may be shorter.
            Table::Accounts | Table::Storage | Table::Messages | Table::Batches | Table::LogIndex => {
                &value[..1]
            }
            Table::Meta => &value[..value.len() - 1],
            _ => &value[..value.len() - 1],
        };
        // An index that needs more bytes than there are.
        let short = if matches!(table, Table::Accounts | Table::Storage) { &[0x80][..] } else { short };
        writer.put(table, key, short).unwrap();
        if table == Table::Meta {
            continue;
        }
        let error = read_all(&writer, &chain).unwrap_err();
        assert!(matches!(error, Error::Corrupt { table: found, .. } if found == table), "{table:?}: {error}");
    }
    let mut writer = database.write().unwrap();
    writer.put(Table::Meta, b"safe", &[1]).unwrap();
    assert!(matches!(writer.safe(), Err(Error::Corrupt { table: Table::Meta, .. })));
}

#[test]
fn random_damage_is_an_error_or_another_value_but_no_panic() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let (database, chain) = filled(dir.path());
    let records = dump(&database.read().unwrap());
    let mut errors = 0;
    for _ in 0..600 {
        let (table, key, value) = &records[rng.random_range(0..records.len())];
        let mut value = value.clone();
        match rng.random_range(0..3) {
            0 => value.truncate(rng.random_range(0..=value.len())),
            1 => value.extend_from_slice(&rng.random::<[u8; 5]>()),
            _ if !value.is_empty() => {
                let at = rng.random_range(0..value.len());
                value[at] ^= 1 << rng.random_range(0..8);
            }
            _ => {}
        }
        let mut writer = database.write().unwrap();
        writer.put(*table, key, &value).unwrap();
        errors += usize::from(read_all(&writer, &chain).is_err());
        // What writes read is no different.
        errors += usize::from(writer.set_finalized(0).and_then(|()| writer.truncate_above(6)).is_err());
        errors += usize::from(writer.truncate_l1_above(6).is_err());
        errors += usize::from(writer.prune(4, usize::MAX).is_err());
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn a_node_is_the_one_asked_for_or_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (database, chain) = filled(dir.path());
    let reader = database.read().unwrap();
    let at = reader.state_at(HEAD).unwrap();
    let root = chain.blocks[HEAD as usize].header.state_root;
    assert_eq!(keccak256(at.node(None, &Default::default(), &root).unwrap()), root);
    let other = keccak256(root);
    assert!(
        matches!(at.node(None, &Default::default(), &other), Err(NodeError::Missing { hash, .. }) if hash == other)
    );
    drop(reader);
    // A damaged node is made again from what is below it.
    let mut writer = database.write().unwrap();
    for (table, key, mut value) in dump(&writer).into_iter().filter(|record| record.0 == Table::AccountNodes)
    {
        *value.last_mut().unwrap() ^= 1;
        writer.put(table, &key, &value).unwrap();
    }
    let at = writer.state_at(HEAD).unwrap();
    assert_eq!(keccak256(at.node(None, &Default::default(), &root).unwrap()), root);
}
