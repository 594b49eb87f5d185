//! Why a transaction did not do what it should have, and what an endpoint's refusal of one means.

use alloy::{
    primitives::{Address, B256, Bytes},
    rpc::types::TransactionReceipt,
};

use crate::{l1::L1Error, signer::SignError};

/// Why a transaction did not do what it should have.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// It would revert: nothing was sent.
    #[error("would revert: {reason}")]
    WouldRevert {
        /// The endpoint's words.
        reason: String,
        /// What the contract reverted with.
        data: Bytes,
    },
    /// It is in a block, and failed there.
    #[error("transaction {} failed in block {:?}", .0.transaction_hash, .0.block_number)]
    Reverted(Box<TransactionReceipt>),
    /// Another transaction took its nonce: its own is in no block, over several blocks.
    #[error("another transaction took nonce {nonce}")]
    Replaced {
        /// The nonce.
        nonce: u64,
    },
    /// It was in a block that a reorg took away, and would revert now.
    #[error("transaction {hash} was dropped by an L1 reorg, and would revert now: {reason}")]
    Dropped {
        /// Its hash.
        hash: B256,
        /// The endpoint's words.
        reason: String,
    },
    /// An L1 reorg dropped an earlier transaction of the account: no block can take this one before that nonce is used.
    #[error("nonce {nonce} can't be used while {missing} is free, after an L1 reorg")]
    Gap {
        /// The transaction's nonce.
        nonce: u64,
        /// The first nonce that is free.
        missing: u64,
    },
    /// No block took it in time. It may still be mined.
    #[error("no block took transaction {hash} in {seconds} s")]
    Stuck {
        /// The hash as last sent.
        hash: B256,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The endpoint knows it in a block, but does not show its receipt.
    #[error("transaction {hash} is in a block, but there is no receipt of it after {seconds} s")]
    NoReceipt {
        /// Its hash.
        hash: B256,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The account can't pay.
    #[error("{account} can't pay for it: {reason}")]
    Funds {
        /// The sender.
        account: Address,
        /// The endpoint's words.
        reason: String,
    },
    /// L1 asks for more than may be paid.
    #[error("the fee cap is reached: it needs {needed} wei for a unit of gas, at most {cap} are allowed")]
    FeeCap {
        /// Wei for a unit of gas.
        needed: u128,
        /// Most of that, by the caps and the transaction's gas.
        cap: u128,
    },
    /// The endpoint failed or refused before anything was sent.
    #[error(transparent)]
    Endpoint(#[from] L1Error),
    /// There is no signature: nothing was sent.
    #[error(transparent)]
    Signer(#[from] SignError),
}

/// Whether to try again, as an error advises. Whoever tries again looks at the chain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// At once: what was wrong is over, or the next transaction mends it.
    Now,
    /// After a pause: the endpoint, the signer or the account's balance must get better first.
    Later,
    /// Not the same call, as long as the chain is as it is: L1 refuses it.
    Never,
}

impl SendError {
    /// Whether to try again.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Replaced { .. } | Self::Gap { .. } | Self::Stuck { .. } | Self::NoReceipt { .. } => {
                Retry::Now
            }
            Self::Endpoint(_) | Self::Funds { .. } | Self::FeeCap { .. } | Self::Signer(_) => Retry::Later,
            Self::WouldRevert { .. } | Self::Reverted(_) | Self::Dropped { .. } => Retry::Never,
        }
    }

    /// Whether the account has a transaction with blobs in the pool while this has none, or the other way round: pools take
    /// one kind from an account at a time. In the words of go-ethereum and reth.
    pub fn is_other_kind(&self) -> bool {
        matches!(self, Self::Endpoint(error) if error.message().contains("already reserved"))
    }

    /// What the contract reverted with, if the transaction would revert.
    pub const fn revert_data(&self) -> Option<&Bytes> {
        match self {
            Self::WouldRevert { data, .. } => Some(data),
            _ => None,
        }
    }
}

/// What an endpoint's error means that it answers a transaction with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// None: it has the transaction already.
    Known,
    /// Its nonce is in a block.
    NonceTooLow,
    /// It must pay more, by the pool's rules or the base fee.
    FeeTooLow,
    /// Anything else: the transaction is not sent.
    Refused,
    /// There was no answer: the transaction may have arrived all the same.
    Unanswered,
}

impl Refusal {
    /// Endpoints say it in words alone; those of the common ones are known.
    pub(super) fn of(error: &L1Error) -> Self {
        match error {
            L1Error::ErrorResponse { .. } => {}
            // Refused before anybody looked at it, as too long or as not allowed; 408 is a time-out.
            L1Error::Status { status: 400..=407 | 409..=499, .. } => return Self::Refused,
            _ => return Self::Unanswered,
        }
        let message = error.message();
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        let known = ["already known", "already imported", "alreadyknown", "known transaction"];
        if says(&known) && !says(&["unknown"]) {
            Self::Known
        } else if says(&["nonce too low", "nonce is too low", "oldnonce"]) {
            Self::NonceTooLow
        } else if says(&["underpriced", "less than block base fee", "fee too low", "feetoolow"]) {
            Self::FeeTooLow
        } else {
            Self::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> L1Error {
        L1Error::ErrorResponse { code: -32_000, message: message.into(), data: None }
    }

    #[test]
    fn what_a_gateway_refuses_is_not_sent_and_what_it_loses_may_be() {
        let status = |status| Refusal::of(&L1Error::Status { status, message: "<html>".into() });
        for refused in [400, 401, 403, 404, 413, 429] {
            assert_eq!(status(refused), Refusal::Refused, "{refused}");
        }
        for unanswered in [408, 500, 502, 503, 504] {
            assert_eq!(status(unanswered), Refusal::Unanswered, "{unanswered}");
        }
        assert_eq!(Refusal::of(&refused("unknown transaction type")), Refusal::Refused);
    }

    #[test]
    fn each_refusal_of_a_pool_is_understood() {
        let table = [
            ("already known", Refusal::Known),
            ("ALREADY_EXISTS: already known", Refusal::Known),
            ("transaction already imported", Refusal::Known),
            ("AlreadyKnown", Refusal::Known),
            ("Known transaction", Refusal::Known),
            ("nonce too low: next nonce 5, tx nonce 4", Refusal::NonceTooLow),
            ("Nonce too low", Refusal::NonceTooLow),
            ("OldNonce", Refusal::NonceTooLow),
            ("replacement transaction underpriced", Refusal::FeeTooLow),
            ("transaction underpriced", Refusal::FeeTooLow),
            ("max fee per gas less than block base fee", Refusal::FeeTooLow),
            ("FeeTooLow", Refusal::FeeTooLow),
            ("insufficient funds for gas * price + value", Refusal::Refused),
            ("txpool is full", Refusal::Refused),
            ("nonce too high", Refusal::Refused),
            ("", Refusal::Refused),
        ];
        for (message, expected) in table {
            assert_eq!(Refusal::of(&refused(message)), expected, "{message}");
        }
        // A proxy's words are not the pool's.
        for message in ["HTTP status 502: nonce too low", "connection reset"] {
            assert_eq!(Refusal::of(&L1Error::Unreachable(message.into())), Refusal::Unanswered);
        }
        assert_eq!(Refusal::of(&L1Error::InvalidResponse("no JSON".into())), Refusal::Unanswered);
    }

    #[test]
    fn each_error_says_whether_to_try_again() {
        let (hash, reason) = (B256::ZERO, String::new());
        let table = [
            (SendError::Replaced { nonce: 1 }, Retry::Now),
            (SendError::Gap { nonce: 2, missing: 1 }, Retry::Now),
            (SendError::Stuck { hash, seconds: 1 }, Retry::Now),
            (SendError::NoReceipt { hash, seconds: 1 }, Retry::Now),
            (SendError::Endpoint(refused("txpool is full")), Retry::Later),
            (SendError::Funds { account: Address::ZERO, reason: reason.clone() }, Retry::Later),
            (SendError::FeeCap { needed: 2, cap: 1 }, Retry::Later),
            (SendError::WouldRevert { reason: reason.clone(), data: Bytes::new() }, Retry::Never),
            (SendError::Dropped { hash, reason: reason.clone() }, Retry::Never),
            (SendError::Signer(SignError::Away(reason)), Retry::Later),
        ];
        for (error, expected) in table {
            assert_eq!(error.retry(), expected, "{error}");
        }
    }

    #[test]
    fn a_pool_that_has_the_other_kind_is_understood() {
        assert!(SendError::Endpoint(refused("address already reserved")).is_other_kind());
        assert!(!SendError::Endpoint(refused("txpool is full")).is_other_kind());
        assert!(!SendError::Replaced { nonce: 1 }.is_other_kind());
    }

    #[test]
    fn the_revert_data_is_kept() {
        let data = Bytes::from_static(&[1, 2, 3, 4]);
        let error = SendError::WouldRevert { reason: String::new(), data: data.clone() };
        assert_eq!(error.revert_data(), Some(&data));
        assert_eq!(SendError::Replaced { nonce: 1 }.revert_data(), None);
    }
}
