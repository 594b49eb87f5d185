#![allow(clippy::unwrap_used)]

mod chain;
mod damage;
mod inbox;
mod kill;
mod logs;
mod model;
pub(crate) mod open;
mod raw;
mod space;
mod sync;

use crate::{Table, Tx, TxMode};

/// All records of all tables.
fn dump<K: TxMode>(tx: &Tx<K>) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    for table in Table::ALL {
        let all = tx.cursor(table).unwrap().records();
        records.extend(all.into_iter().map(|(key, value)| (table, key, value)));
    }
    records
}
