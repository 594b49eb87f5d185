//! The engine's handles of the tables.

use std::ops::Index;

use crate::{Table, engine::Handle};

/// The engine's handles of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handles(pub(crate) [Handle; Table::ALL.len()]);

impl Index<Table> for Handles {
    type Output = Handle;

    fn index(&self, table: Table) -> &Self::Output {
        &self.0[table as usize]
    }
}
