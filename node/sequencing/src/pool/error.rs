use std::fmt;

use alloy::primitives::{Address, U256};
use stf::InvalidTransaction;

/// Why no transactions are taken for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// More waits for L1 than it takes in time.
    Backlog {
        /// Bytes of transactions in blocks that are not on L1.
        waiting: u64,
        /// Most that may wait.
        limit: u64,
    },
    /// Nothing more is confirmed before L1 has taken what was, for this reason.
    Stopped(&'static str),
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backlog { waiting, limit } => {
                let slow = "L1 takes batches more slowly than transactions come";
                write!(f, "{slow}: {waiting} bytes wait for it, limit {limit}")
            }
            Self::Stopped(reason) => write!(f, "L1 takes no blocks for now: {reason}"),
        }
    }
}

/// Why the pool does not take a transaction. The texts are geth's, because clients match on them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Not a transaction.
    #[error("failed to decode signed transaction")]
    Malformed,
    /// Deposits, blobs, and types that do not exist.
    #[error("transaction type not supported: tx type {0}")]
    UnsupportedType(u8),
    /// The signature recovers to nobody.
    #[error("invalid sender")]
    InvalidSender,
    /// Larger than a transaction may be.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes of the transaction.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {found} want {expected}")]
    ChainId {
        /// The transaction's chain id.
        found: u64,
        /// The chain's.
        expected: u64,
    },
    /// Needs more gas than a block has.
    #[error("exceeds block gas limit")]
    GasLimit,
    /// Asks for more gas than a transaction may (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasCap {
        /// The most.
        cap: u64,
        /// The transaction's gas limit.
        gas: u64,
    },
    /// Too little gas even to begin.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// The transaction's gas limit.
        gas: u64,
        /// The least that it takes.
        needed: u64,
    },
    /// Too little gas for its data (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorGas {
        /// The transaction's gas limit.
        gas: u64,
        /// The least that it takes.
        needed: u64,
    },
    /// The tip is above the fee that contains it.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee}"
    )]
    TipAboveFee {
        /// Maximum priority fee per gas.
        tip: u128,
        /// Maximum fee per gas.
        fee: u128,
    },
    /// Contract creation code is too long (EIP-3860).
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitcodeSize {
        /// Bytes of the code.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// EIP-7702 transactions carry at least one authorization.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizationList,
    /// The account cannot send that many.
    #[error("nonce has max value")]
    NonceMax,
    /// The fee is so far below the base fee that it is not worth waiting for.
    #[error(
        "max fee per gas less than block base fee: address {sender}, maxFeePerGas: {fee}, baseFee: {base_fee}"
    )]
    FeeTooLow {
        /// Who sent it.
        sender: Address,
        /// Maximum fee per gas.
        fee: u128,
        /// The next block's base fee.
        base_fee: u64,
    },
    /// The tip is less than this sequencer works for.
    #[error("transaction underpriced: gas tip cap {tip}, minimum needed {needed}")]
    Underpriced {
        /// Maximum priority fee per gas.
        tip: u128,
        /// The least.
        needed: u128,
    },
    /// A contract cannot sign (EIP-3607).
    #[error("sender not an eoa: address {0}")]
    SenderNotEoa(Address),
    /// The nonce is used up.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's next nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// The sender cannot pay for it.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
        .cost.saturating_sub(*.balance)
    )]
    InsufficientFunds {
        /// The account's balance.
        balance: U256,
        /// The most that the transaction can cost, L1 data and operator fee included.
        cost: U256,
    },
    /// The sender cannot pay for it and for all its others that wait.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}, overshot {}",
        .queued.saturating_add(*.cost).saturating_sub(*.balance)
    )]
    InsufficientFundsForAll {
        /// The account's balance.
        balance: U256,
        /// The most that the others can cost.
        queued: U256,
        /// The most that the transaction can cost.
        cost: U256,
    },
    /// It is here already.
    #[error("already known")]
    AlreadyKnown,
    /// Another transaction with the same nonce pays nearly as much, or more.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The sender has as many waiting as one may have.
    #[error("account limit exceeded: pooled {pooled}, limit {limit}")]
    AccountLimit {
        /// How many it has.
        pooled: usize,
        /// How many it may have.
        limit: usize,
    },
    /// No room, and nothing in it pays less.
    #[error("txpool is full")]
    Full,
    /// What is taken now might not be kept.
    #[error("the sequencer's disk is nearly full: transactions are taken again when there is room")]
    NoDiskRoom,
    /// What is taken now would be on L1 too late.
    #[error("{0}; try again later")]
    Congested(Congestion),
    /// The newest state could not be read. Not the sender's fault.
    #[error("internal error: {0}")]
    State(String),
}

impl PoolError {
    /// A short name, for metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnsupportedType(_) => "type",
            Self::InvalidSender => "signature",
            Self::Oversized { .. } => "oversized",
            Self::ChainId { .. } => "chain_id",
            Self::GasLimit => "gas_limit",
            Self::GasCap { .. } => "gas_cap",
            Self::IntrinsicGas { .. } => "intrinsic_gas",
            Self::FloorGas { .. } => "floor_gas",
            Self::TipAboveFee { .. } => "tip_above_fee",
            Self::InitcodeSize { .. } => "initcode_size",
            Self::EmptyAuthorizationList => "authorizations",
            Self::NonceMax => "nonce_max",
            Self::FeeTooLow { .. } => "fee_too_low",
            Self::Underpriced { .. } => "underpriced",
            Self::SenderNotEoa(_) => "sender_not_eoa",
            Self::NonceTooLow { .. } => "nonce_too_low",
            Self::InsufficientFunds { .. } | Self::InsufficientFundsForAll { .. } => "funds",
            Self::AlreadyKnown => "known",
            Self::ReplacementUnderpriced => "replacement",
            Self::AccountLimit { .. } => "account_limit",
            Self::Full => "full",
            Self::NoDiskRoom => "disk",
            Self::Congested(_) => "congested",
            Self::State(_) => "state",
        }
    }
}

impl From<InvalidTransaction> for PoolError {
    fn from(invalid: InvalidTransaction) -> Self {
        match invalid {
            InvalidTransaction::ForbiddenType(found) => Self::UnsupportedType(found),
            InvalidTransaction::Signature => Self::InvalidSender,
            _ => Self::Malformed,
        }
    }
}
