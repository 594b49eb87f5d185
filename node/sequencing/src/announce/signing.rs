//! What may be signed: never two blocks of one number on premises that can both be true.
//!
//! A signature says: block n has this hash, given that the queue up to index c has this accumulator. Who signs another hash
//! for n, though the first statement can still be true, breaks a promise, whatever made him do so: a power cut, a lost
//! disk, a forced batch. So a number that was signed once is signed again only if the two premises exclude each other:
//! the queue as it is now differs from the first statement's at an index below both cursors.
//!
//! What was signed is known from the log. Where it does not reach, nothing is signed: [`SignedUpTo::known_from`].

use alloy::primitives::{Address, B256};
use rollup::chain::{BuiltBlock, ChainError};

use super::announced::Announced;

/// Signers that are remembered: each rotation of the key adds one, and the log forgets those that are not used any more.
pub(super) const MAX_SIGNERS: usize = 16;

/// How far an address has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedUpTo {
    /// The highest block that it may have signed.
    pub number: u64,
    /// That block's hash; zero if it is not known.
    pub hash: B256,
    /// From this block on, all that it signed is in the log.
    pub known_from: u64,
}

/// Who has signed how far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signing {
    /// Up to this block, addresses that are not listed may have signed what is not in the log.
    pub(super) unlisted: u64,
    /// The last one that began to sign comes last.
    pub(super) signers: Vec<(Address, SignedUpTo)>,
}

impl Signing {
    /// How far an address may have signed.
    pub(super) fn of(&self, signer: Address) -> SignedUpTo {
        let listed = self.signers.iter().find(|(address, _)| *address == signer);
        let unlisted = SignedUpTo {
            number: self.unlisted,
            hash: B256::ZERO,
            known_from: if self.unlisted == 0 { 0 } else { self.unlisted.saturating_add(1) },
        };
        listed.map_or(unlisted, |(_, signed)| *signed)
    }

    /// Notes that an address has signed a block.
    pub(super) fn note(&mut self, signer: Address, number: u64, hash: B256) {
        let signed = self.of(signer);
        if number > signed.number {
            self.put(signer, SignedUpTo { number, hash, ..signed });
        }
    }

    /// Notes that blocks up to `number` are no longer in the log.
    pub(super) fn forget(&mut self, number: u64) {
        for (_, signed) in &mut self.signers {
            signed.known_from = signed.known_from.max(number.saturating_add(1));
        }
    }

    /// Notes that nothing is in the log of what was signed before now.
    pub(super) fn forget_before(&mut self) {
        for (_, signed) in self.signers.iter_mut().filter(|(_, signed)| signed.number > 0) {
            signed.known_from = signed.known_from.max(signed.number.saturating_add(1));
        }
    }

    /// Takes what the next file says, which was written later, but does not know what has been dropped since.
    pub(super) fn merge(&mut self, later: &Self) {
        let before = std::mem::replace(self, later.clone());
        for (address, signed) in &mut self.signers {
            if let Some((_, known)) = before.signers.iter().find(|(known, _)| known == address) {
                signed.known_from = signed.known_from.max(known.known_from);
            }
        }
    }

    /// Notes that blocks up to `number` may have been signed by anybody, and that the log does not say which.
    pub(super) fn lose(&mut self, number: u64) {
        self.unlisted = self.unlisted.max(number);
        for (_, signed) in &mut self.signers {
            if number > signed.number {
                (signed.number, signed.hash) = (number, B256::ZERO);
            }
        }
        self.forget(number);
    }

    pub(super) fn put(&mut self, signer: Address, signed: SignedUpTo) {
        match self.signers.iter_mut().find(|(address, _)| *address == signer) {
            Some((_, known)) => *known = signed,
            None => {
                if self.signers.len() == MAX_SIGNERS {
                    let (_, forgotten) = self.signers.remove(0);
                    self.unlisted = self.unlisted.max(forgotten.number);
                }
                self.signers.push((signer, signed));
            }
        }
    }
}

/// Whether a block that was just built excludes an earlier one of the same number: their premises can't both be true.
/// `shared` is the newest block, of those that the earlier one was built on and itself, whose cursor the new one reaches,
/// too: accumulators that differ once differ ever after, so no other could say more.
pub(super) fn excludes(built: &BuiltBlock<'_>, shared: Option<Announced>) -> Result<bool, ChainError> {
    let Some(shared) = shared else { return Ok(false) };
    Ok(built.accumulator(shared.messages)?.is_some_and(|now| now != shared.message_acc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_counts_as_signed() {
        let [mine, other] = [1, 2].map(Address::repeat_byte);
        let mut signing = Signing::default();
        assert_eq!(signing.of(mine), SignedUpTo::default());
        signing.note(mine, 5, B256::repeat_byte(5));
        signing.note(mine, 3, B256::repeat_byte(3));
        assert_eq!(signing.of(mine), SignedUpTo { number: 5, hash: B256::repeat_byte(5), known_from: 0 });
        signing.forget(4);
        assert_eq!(signing.of(mine).known_from, 5);
        assert_eq!(signing.of(other), SignedUpTo::default());
        signing.lose(100);
        let lost = SignedUpTo { number: 100, hash: B256::ZERO, known_from: 101 };
        assert_eq!((signing.of(mine), signing.of(other)), (lost, lost));
        // More signers than are remembered: who is forgotten counts by what he had signed.
        for byte in 10..10 + MAX_SIGNERS as u8 {
            signing.note(Address::repeat_byte(byte), 200, B256::ZERO);
        }
        assert_eq!((signing.signers.len(), signing.of(mine).number), (MAX_SIGNERS, 100));
    }
}
