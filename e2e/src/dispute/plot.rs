//! What liars lie about.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fraud_prover::game::Subject;
use vm::Call;

/// What a liar wants to be true, from a block on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Somebody has an ether more.
    WrongBalance {
        /// The first block.
        block: u64,
    },
    /// A receipt is another.
    WrongReceipt {
        /// The first block.
        block: u64,
    },
    /// The block's last transaction is left out.
    SkippedTransaction {
        /// The block.
        block: u64,
    },
    /// The batch that holds the block counts as garbage.
    IgnoredBatch {
        /// A block of the batch. The first that differs is the first one in it with transactions.
        block: u64,
    },
    /// A bit of the VM's output flips.
    FlippedBit {
        /// The first block.
        block: u64,
    },
}

/// The first wrong state in the VM's run over the first wrong block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// After the first step.
    First,
    /// The last one.
    Last,
    /// After so many steps, or the last one.
    After(u64),
    /// After so many thousandths of the run.
    Share(u64),
    /// After the first call of this kind, or the last state if there is none.
    Call(Call),
}

/// What a liar lies about.
#[derive(Clone, Debug)]
pub enum Plot {
    /// The same in all games.
    One(Lie, Divergence),
    /// By the block that is proposed in a game; about others it says the truth.
    ByTarget(Arc<BTreeMap<u64, (Lie, Divergence)>>),
    /// By the block that is proposed, where lies may be added later.
    Growing(Arc<Mutex<BTreeMap<u64, (Lie, Divergence)>>>),
}

impl Plot {
    pub(super) fn of(&self, subject: &Subject) -> Option<(Lie, Divergence)> {
        match self {
            Self::One(lie, divergence) => Some((*lie, *divergence)),
            Self::ByTarget(plots) => plots.get(&subject.blocks.end()).copied(),
            Self::Growing(plots) => {
                let plots = plots.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                plots.get(&subject.blocks.end()).copied()
            }
        }
    }
}

impl From<(Lie, Divergence)> for Plot {
    fn from((lie, divergence): (Lie, Divergence)) -> Self {
        Self::One(lie, divergence)
    }
}
