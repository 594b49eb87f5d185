//! Which rules of execution hold, and everything that depends on them.
//!
//! Nothing else asks for a timestamp: [`ChainConfig::rules_at`](crate::ChainConfig::rules_at) says which rules a block
//! has, and what differs between them is a method of [`Rules`]. So a new fork is a new variant, and the compiler names
//! what it must decide.

use op_revm::OpSpecId;

/// The most gas that a user's transaction may ask for under Karst (EIP-7825).
pub const TRANSACTION_GAS_CAP: u64 = 1 << 24;

/// Rules of execution, by the OP Stack's names of forks. Later ones are greater.
///
/// What the OP Stack bundles with a fork and this rollup has not: a footprint of data availability (Jovian), a least
/// base fee in `extraData` (Jovian; the base fee is that of [`fees`](crate::fees)), and blocks without user transactions
/// at an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rules {
    /// Ethereum's Prague.
    Isthmus = 1,
    /// Ethereum's Osaka: a cap on a transaction's gas (EIP-7825), bounds and prices of modular exponentiation (EIP-7823,
    /// EIP-7883), CLZ (EIP-7939), Ethereum's price of P256VERIFY (EIP-7951). Of the OP Stack's Jovian, the operator fee
    /// and the shorter inputs of pairings and multiplications.
    Karst = 2,
}

impl Rules {
    /// All rules that this code knows, in order.
    pub const ALL: [Self; 2] = [Self::Isthmus, Self::Karst];

    /// The rules with this id; `None` if this code does not know them.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Isthmus),
            2 => Some(Self::Karst),
            _ => None,
        }
    }

    /// Their id in a packed chain config.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Their name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Isthmus => "isthmus",
            Self::Karst => "karst",
        }
    }

    /// The EVM's rules.
    pub const fn spec(self) -> OpSpecId {
        match self {
            Self::Isthmus => OpSpecId::ISTHMUS,
            Self::Karst => OpSpecId::KARST,
        }
    }

    /// The most gas that a user's transaction may ask for, besides the block's; `None` if there is no such cap. Deposits
    /// are exempt: their gas is bounded on L1.
    pub const fn transaction_gas_cap(self) -> Option<u64> {
        match self {
            Self::Isthmus => None,
            Self::Karst => Some(TRANSACTION_GAS_CAP),
        }
    }

    /// Whether the operator fee's scalar is in hundreds of wei per gas (Jovian), instead of millionths of a wei
    /// (Isthmus). It is what `isJovian()` of the predeploys tells.
    pub const fn is_jovian(self) -> bool {
        match self {
            Self::Isthmus => false,
            Self::Karst => true,
        }
    }

    /// Whether the operator fee's scalar has another unit than under the rules of the block before. Then what it was set
    /// to would mean a hundred million times as much, so the block sets it to zero.
    pub const fn changes_operator_fee_unit(self, before: Self) -> bool {
        self.is_jovian() != before.is_jovian()
    }
}

/// A block's timestamp lies where rules are in force that this code does not know. What the block is, only a later
/// version can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rules {id} are in force from timestamp {activation} on and this version knows none later than {} ({}): \
     a later version is needed",
    Rules::ALL[Rules::ALL.len() - 1].id(),
    Rules::ALL[Rules::ALL.len() - 1].name()
)]
pub struct UnknownRules {
    /// The id of the rules.
    pub id: u8,
    /// The timestamp from which on they are in force, in seconds.
    pub activation: u64,
}
