//! What a request can be answered with instead of a result.

use alloy::{
    primitives::{B256, Bytes, U256, hex},
    sol_types::{Panic, Revert, SolError},
};
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};

use sequencing::pool::PoolError;

/// JSON-RPC 2.0: parameters of the wrong number or form.
const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC 2.0: our fault.
const INTERNAL: i32 = -32603;
/// EIP-1474: well-formed, but cannot be done. Geth uses it for nearly everything, and clients match on the text.
const SERVER: i32 = -32000;
/// EIP-1474: more than one request may ask for.
const LIMIT_EXCEEDED: i32 = -32005;
/// Geth's code of an answer that is too large.
const RESPONSE_TOO_LARGE: i32 = -32003;
/// Geth's code of a revert, which clients decode the data of.
const REVERTED: i32 = 3;
/// EIP-4444: it was there, and is pruned. Geth's code.
const PRUNED: i32 = 4444;
/// EIP-7966: the transaction is accepted, but did not get into a block in time.
const SYNC_TIMEOUT: i32 = 4;

/// Why a request has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RpcError {
    /// The parameters are of the wrong number or form.
    #[error("{0}")]
    InvalidParams(String),
    /// State was asked for after a block that does not exist.
    #[error("header not found")]
    HeaderNotFound,
    /// The state after that block is pruned.
    #[error("state of block {height} is pruned: state is kept from block {oldest} on")]
    NoState {
        /// The block.
        height: u64,
        /// The oldest block whose state is kept.
        oldest: u64,
    },
    /// The transactions and receipts of that block are pruned.
    #[error("pruned history unavailable: transactions and receipts are kept from block {oldest} on")]
    Pruned {
        /// The oldest block that is kept.
        oldest: u64,
    },
    /// The call reverted.
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
    /// Well-formed, but refused: by the EVM, by the pool, or because something does not exist.
    #[error("{0}")]
    Refused(String),
    /// The EVM refuses a call before it runs.
    #[error("{message}")]
    Unfit {
        /// What `eth_simulateV1` calls it; of others it is one refusal among many.
        code: i32,
        /// Why.
        message: String,
    },
    /// With a code that the method has for it.
    #[error("{message}")]
    Coded {
        /// The code.
        code: i32,
        /// Why.
        message: String,
    },
    /// More than one request may ask for.
    #[error("{0}")]
    Limit(String),
    /// The answer is larger than a response may be.
    #[error("{0}")]
    TooLarge(String),
    /// The transaction is in the pool, but not in a block yet.
    #[error("transaction was accepted, but was not in a block after {milliseconds} ms")]
    SyncTimeout {
        /// The transaction.
        hash: B256,
        /// How long was waited.
        milliseconds: u64,
    },
    /// The sequencer's own error, passed on.
    #[error("{}", .0.message())]
    Remote(ErrorObjectOwned),
    /// Our fault. What it is stands in the log, not in the answer.
    #[error("internal error")]
    Internal,
}

impl RpcError {
    /// Parameters that do not fit.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParams(message.into())
    }

    /// A refusal, with geth's text where it has one.
    pub(crate) fn refused(message: impl ToString) -> Self {
        Self::Refused(message.to_string())
    }

    /// Logs what went wrong and keeps it from the client.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(target: "node::rpc", %error, "request failed");
        Self::Internal
    }
}

impl From<db::Error> for RpcError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::NoState { height, newest, .. } if height > newest => Self::HeaderNotFound,
            db::Error::NoState { height, oldest, .. } => Self::NoState { height, oldest },
            db::Error::Pruned { oldest, .. } => Self::Pruned { oldest },
            error => Self::internal(error),
        }
    }
}

impl From<trie::TrieError> for RpcError {
    fn from(error: trie::TrieError) -> Self {
        Self::internal(error)
    }
}

impl From<PoolError> for RpcError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::State(error) => Self::internal(error),
            error => Self::refused(error),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let message = error.to_string();
        match error {
            RpcError::Remote(error) => error,
            RpcError::InvalidParams(_) => ErrorObject::owned(INVALID_PARAMS, message, None::<()>),
            RpcError::Reverted(data) => {
                ErrorObject::owned(REVERTED, message, Some(hex::encode_prefixed(data)))
            }
            RpcError::SyncTimeout { hash, .. } => ErrorObject::owned(SYNC_TIMEOUT, message, Some(hash)),
            RpcError::Pruned { .. } => ErrorObject::owned(PRUNED, message, None::<()>),
            RpcError::Limit(_) => ErrorObject::owned(LIMIT_EXCEEDED, message, None::<()>),
            RpcError::TooLarge(_) => ErrorObject::owned(RESPONSE_TOO_LARGE, message, None::<()>),
            RpcError::Internal => ErrorObject::owned(INTERNAL, message, None::<()>),
            RpcError::Coded { code, .. } => ErrorObject::owned(code, message, None::<()>),
            RpcError::HeaderNotFound
            | RpcError::NoState { .. }
            | RpcError::Unfit { .. }
            | RpcError::Refused(_) => ErrorObject::owned(SERVER, message, None::<()>),
        }
    }
}

/// Geth's text of a revert: with the reason, if the data has one that every client knows.
pub(crate) fn revert_message(data: &[u8]) -> String {
    match revert_reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    }
}

/// The reason that a revert gives: Solidity's `Error(string)`, or the name of a `Panic(uint256)`.
pub(crate) fn revert_reason(data: &[u8]) -> Option<String> {
    if let Ok(Revert { reason }) = Revert::abi_decode(data) {
        return Some(reason);
    }
    Panic::abi_decode(data).ok().map(|panic| panic_text(panic.code))
}

/// Geth's words for what Solidity panics with.
fn panic_text(code: U256) -> String {
    let text = match code.saturating_to::<u64>() {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(error: RpcError) -> (i32, String, Option<String>) {
        let object = ErrorObjectOwned::from(error);
        (object.code(), object.message().into(), object.data().map(|data| data.get().into()))
    }

    #[test]
    fn reverts_carry_reason_and_data() {
        let data = Bytes::from(Revert::from("too late").abi_encode());
        let (code, message, found) = object(RpcError::Reverted(data.clone()));
        assert_eq!((code, message.as_str()), (3, "execution reverted: too late"));
        assert_eq!(found, Some(format!("\"{data}\"")));

        let (code, message, found) = object(RpcError::Reverted(Bytes::new()));
        assert_eq!((code, message.as_str()), (3, "execution reverted"));
        assert_eq!(found.as_deref(), Some("\"0x\""));

        let panic = Panic::from(alloy::sol_types::PanicKind::UnderOverflow).abi_encode();
        assert_eq!(revert_message(&panic), "execution reverted: arithmetic underflow or overflow");
        // As geth 1.17 has it.
        let unknown = Panic { code: U256::from(0x99) }.abi_encode();
        assert_eq!(revert_message(&unknown), "execution reverted: unknown panic code: 0x99");
    }

    #[test]
    fn internal_errors_say_nothing_of_the_machine() {
        let secret = db::Error::NotADirectory("/home/someone/data".into());
        assert_eq!(object(secret.into()), (-32603, "internal error".into(), None));
    }

    #[test]
    fn pruned_and_future_states_differ() {
        let pruned = db::Error::NoState { height: 3, oldest: 10, newest: 20 };
        assert_eq!(
            object(pruned.into()),
            (-32000, "state of block 3 is pruned: state is kept from block 10 on".into(), None)
        );
        let future = db::Error::NoState { height: 30, oldest: 10, newest: 20 };
        assert_eq!(object(future.into()).1, "header not found");
    }

    #[test]
    fn a_sync_timeout_names_the_transaction() {
        let hash = B256::repeat_byte(7);
        let (code, _, data) = object(RpcError::SyncTimeout { hash, milliseconds: 5 });
        assert_eq!((code, data), (4, Some(format!("\"{hash}\""))));
    }
}
