use alloy_primitives::B256;
use stf::{
    BatchHeader,
    blob::{BLOB_SIZE, BlobData},
    inbox::DaKind,
};

use super::{dump, open};
use crate::{
    BATCH_HEADER, BatchRecord, DepositAlias, Error, L1BlockRecord, L1Cursor, MESSAGE_HEADER, MessageRecord,
    Writer,
};

fn hash(kind: u8, number: u64) -> B256 {
    let mut hash = B256::with_last_byte(kind);
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

/// L1 block `number`: stored if even; two messages, one of them a deposit, and a batch of three L2 blocks.
pub(super) fn put_l1(writer: &mut Writer, number: u64) {
    if number.is_multiple_of(2) {
        let block = L1BlockRecord {
            hash: hash(1, number),
            parent: hash(1, number.wrapping_sub(1)),
            timestamp: 12 * number,
        };
        writer.put_l1_block(number, &block).unwrap();
    }
    for index in 2 * number..2 * number + 2 {
        writer.put_message(index, &message(index)).unwrap();
    }
    writer.put_batch(number, &batch(number)).unwrap();
    writer.set_l1_cursor(L1Cursor { number, hash: hash(1, number) }).unwrap();
}

fn message(index: u64) -> MessageRecord {
    MessageRecord {
        l1_block: index / 2,
        acc: hash(2, index),
        header: [index as u8; MESSAGE_HEADER],
        data: vec![3; 17 * index as usize].into(),
        alias: index
            .is_multiple_of(2)
            .then(|| DepositAlias { client_hash: hash(3, index), hash: hash(4, index) }),
    }
}

fn batch(index: u64) -> BatchRecord {
    BatchRecord {
        acc: hash(5, index),
        header: [index as u8; BATCH_HEADER],
        l1_block: index,
        l1_hash: hash(1, index),
        tx_hash: hash(6, index),
        first_block: 3 * index + 1,
        last_block: 3 * index + 3,
        data: vec![9; 5000 * index as usize].into(),
    }
}

#[test]
fn records_come_back_and_lookups_find_them() {
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    (0..10).for_each(|number| put_l1(&mut writer, number));
    writer.commit().unwrap();
    let reader = database.read().unwrap();
    assert_eq!((reader.message_count().unwrap(), reader.batch_count().unwrap()), (20, 10));
    assert_eq!((reader.message(20).unwrap(), reader.batch(10).unwrap()), (None, None));
    let accumulators = [0, 1, 20, 21].map(|count| reader.message_acc(count).unwrap());
    assert_eq!(accumulators, [Some(B256::ZERO), Some(hash(2, 0)), Some(hash(2, 19)), None]);
    let messages = reader.messages(3..=6).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(messages, (3..=6).map(|index| (index, message(index))).collect::<Vec<_>>());
    let batches = reader.batches(8..=100).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(batches, [8, 9].map(|index| (index, batch(index))));
    for index in 0..10 {
        assert_eq!(reader.batch(index).unwrap(), Some(batch(index)));
        for block in 3 * index + 1..=3 * index + 3 {
            assert_eq!(reader.batch_of_block(block).unwrap(), Some(index));
        }
        assert_eq!(reader.deposit_alias(&hash(3, 2 * index)).unwrap(), Some(hash(4, 2 * index)));
    }
    assert_eq!((reader.batch_of_block(0).unwrap(), reader.batch_of_block(31).unwrap()), (None, None));
    assert_eq!(reader.deposit_alias(&hash(3, 1)).unwrap(), None);
    assert_eq!(reader.l1_blocks(1..=5).unwrap().map(|item| item.unwrap().0).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn truncation_goes_back_to_a_stored_l1_block_and_leaves_no_trace() {
    for (to, lands) in [(9, 8), (8, 8), (5, 4), (1, 0), (0, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let database = open::open(dir.path()).unwrap();
        let mut writer = database.write().unwrap();
        (0..=lands).for_each(|number| put_l1(&mut writer, number));
        let expected = dump(&writer);
        (lands + 1..10).for_each(|number| put_l1(&mut writer, number));
        let cursor = writer.truncate_l1_above(to).unwrap();
        assert_eq!(cursor, Some(L1Cursor { number: lands, hash: hash(1, lands) }));
        assert!(dump(&writer) == expected, "to {to}");
    }
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    let expected = dump(&writer);
    (0..10).for_each(|number| put_l1(&mut writer, number));
    writer.forget_l1_blocks_below(7).unwrap();
    assert_eq!(writer.l1_block(6).unwrap(), None);
    assert_eq!(writer.truncate_l1_above(7).unwrap(), None, "nothing below is retained");
    assert!(dump(&writer) == expected);
}

#[test]
fn gaps_and_foreign_parents_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    let error = writer.put_message(1, &message(1)).unwrap_err();
    assert!(matches!(error, Error::NotNext { expected: 0, found: 1, .. }), "{error}");
    let error = writer.put_batch(3, &batch(3)).unwrap_err();
    assert!(matches!(error, Error::NotNext { expected: 0, found: 3, .. }), "{error}");
    put_l1(&mut writer, 0);
    let stranger = L1BlockRecord { hash: hash(1, 1), parent: hash(8, 0), timestamp: 0 };
    let error = writer.put_l1_block(1, &stranger).unwrap_err();
    assert!(matches!(error, Error::NotChild { number: 1, .. }), "{error}");
}

#[test]
fn blobs_are_found_by_batch_and_place_and_nothing_else_is_one() {
    let blobs: Vec<Box<[u8]>> = [5, 6].map(|byte| vec![byte; BLOB_SIZE].into_boxed_slice()).into();
    let data = BlobData::encode(&[hash(7, 0), hash(7, 1)], &blobs);
    let record = |index: u64, da_kind: DaKind, data: &[u8]| {
        let header = BatchHeader {
            da_kind,
            data_hash: B256::ZERO,
            payload_length: data.len() as u64,
            first_block: 3 * index + 1,
            block_count: 3,
            message_end: 0,
            message_acc: B256::ZERO,
            message_gas_end: 0,
            l1_block_number: index,
            l1_timestamp: 0,
        };
        BatchRecord { header: header.encode(), data: data.to_vec().into(), ..batch(index) }
    };
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    // A payload in calldata may look like blobs.
    writer.put_batch(0, &record(0, DaKind::Calldata, &data)).unwrap();
    writer.put_batch(1, &record(1, DaKind::Blobs, &data)).unwrap();
    writer.put_batch(2, &record(2, DaKind::None, &[])).unwrap();
    writer.put_batch(3, &record(3, DaKind::Blobs, &data[1..])).unwrap();
    for (place, blob) in (0..).zip(&blobs) {
        assert_eq!(writer.blob(1, place).unwrap().unwrap()[..], blob[..]);
    }
    for (batch, place) in [(0, 0), (1, 2), (1, u64::MAX), (2, 0), (4, 0), (u64::MAX, 0)] {
        assert_eq!(writer.blob(batch, place).unwrap(), None, "{batch} {place}");
    }
    assert!(writer.blob(3, 0).is_err(), "a damaged record is told");
}
