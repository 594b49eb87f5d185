use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::B256;

use super::open::open;
use crate::{L1BlockRecord, L1Cursor};

/// The engine takes a transaction that another thread has open for the caller's own, and aborts the process when it
/// then finds things changing under its hands.
#[test]
fn syncing_beside_a_writer_is_safe() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path()).unwrap();
    let done = AtomicBool::new(false);
    let hash = |number: u64| B256::left_padding_from(&number.to_be_bytes());
    let written = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                database.sync().unwrap();
            }
        });
        let end = Instant::now() + Duration::from_secs(1);
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            let mut writer = database.write().unwrap();
            let block = L1BlockRecord { hash: hash(number), parent: hash(number - 1), timestamp: number };
            writer.put_l1_block(number, &block).unwrap();
            writer.set_l1_cursor(L1Cursor { number, hash: block.hash }).unwrap();
            writer.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        number
    });
    assert!(written > 10, "only {written} commits");
    drop(database);
    let cursor = open(dir.path()).unwrap().read().unwrap().l1_cursor().unwrap().unwrap();
    assert_eq!((cursor.number, cursor.hash), (written, hash(written)));
}

/// The engine's statistics look at the transaction that another thread has open: they fail, or crash.
#[test]
fn measuring_beside_a_writer_is_safe() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path()).unwrap();
    let done = AtomicBool::new(false);
    let least = database.used_bytes().unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(database.used_bytes().unwrap() >= least);
                }
            });
        }
        let end = Instant::now() + Duration::from_secs(2);
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            let mut writer = database.write().unwrap();
            writer.set_l1_cursor(L1Cursor { number, hash: B256::ZERO }).unwrap();
            writer.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(database.used_bytes().unwrap() > least);
}
