//! What the sequencer has signed, as it was heard.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes};
use parking_lot::Mutex;

/// Statements that are remembered, the newest, some 300 bytes each.
const REMEMBERED: usize = 1 << 12;

/// A signed statement: the block of a number is this one.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// How many messages of L1's queue are in the chain up to it.
    pub(super) messages: u64,
    /// Who signed.
    pub(super) signer: Address,
    /// The signature.
    pub(super) signature: Bytes,
    /// When it was heard, in seconds.
    pub(super) at: u64,
}

/// The statements by their blocks and these blocks' hashes. Who signs two blocks of one number has both
/// here: a word is not taken back by another one.
#[derive(Debug, Default)]
pub(super) struct Statements(Mutex<BTreeMap<(u64, B256), Statement>>);

impl Statements {
    /// Remembers one, as it was heard first.
    pub(super) fn insert(&self, number: u64, hash: B256, statement: Statement) {
        let mut by_block = self.0.lock();
        by_block.entry((number, hash)).or_insert(statement);
        if by_block.len() > REMEMBERED {
            by_block.pop_first();
        }
    }

    pub(super) fn all(&self) -> BTreeMap<(u64, B256), Statement> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_word_about_a_block_does_not_take_back_the_first() {
        let statements = Statements::default();
        let said = |at| Statement { messages: 0, signer: Address::ZERO, signature: Bytes::new(), at };
        let (first, second) = (B256::repeat_byte(1), B256::repeat_byte(2));
        statements.insert(7, second, said(1));
        statements.insert(7, first, said(2));
        statements.insert(7, second, said(3));
        let all = statements.all();
        let heard: Vec<_> = all.iter().map(|((number, hash), of)| (*number, *hash, of.at)).collect();
        assert_eq!(heard, [(7, first, 2), (7, second, 1)]);
        for number in 0..2 * REMEMBERED as u64 {
            statements.insert(number, first, said(4));
        }
        assert_eq!(statements.all().len(), REMEMBERED);
    }
}
