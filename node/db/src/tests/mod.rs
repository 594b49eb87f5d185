#![allow(clippy::unwrap_used)]

mod chain;
mod damage;
mod inbox;
mod kill;
mod model;
pub(crate) mod open;
mod space;
mod sync;

use crate::{Kind, Table, Tx};

/// All records of all tables.
fn dump<K: Kind>(tx: &Tx<K>) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    for table in Table::ALL {
        let all = tx.cursor(table).unwrap().records();
        records.extend(all.into_iter().map(|(key, value)| (table, key, value)));
    }
    records
}
