//! The suite's names for what is wrong with a transaction, and ours.

use revm::context_interface::result::InvalidTransaction as Evm;
use stf::InvalidTransaction;

/// What every name begins with.
const PREFIX: &str = "TransactionException.";

/// Whether a transaction was refused for what the test expects: one of several names, parted by `|`.
pub(super) fn fits(expected: &str, found: &InvalidTransaction) -> bool {
    expected.split('|').any(|name| fits_name(name.trim().trim_start_matches(PREFIX), found))
}

fn fits_name(name: &str, found: &InvalidTransaction) -> bool {
    use InvalidTransaction::{ForbiddenType, Malformed, Signature};
    if let InvalidTransaction::Evm(evm) = found {
        return fits_evm(name, evm);
    }
    match name {
        // A `v` that names no chain and no parity is not taken apart at all.
        "INVALID_SIGNATURE_VRS" | "EC_RECOVERY_FAIL" => matches!(found, Signature | Malformed),
        // The chain is part of what is signed, so a wrong one may be a signature of nobody.
        "INVALID_CHAINID" => matches!(found, Signature | Malformed),
        "TYPE_4_TX_CONTRACT_CREATION" | "TYPE_3_TX_CONTRACT_CREATION" => matches!(found, Malformed),
        "TYPE_NOT_SUPPORTED" => matches!(found, Malformed | ForbiddenType(_)),
        _ => is_decoding(name) && matches!(found, Malformed),
    }
}

/// Whether the bytes themselves are what is wrong.
fn is_decoding(name: &str) -> bool {
    name.starts_with("RLP_")
        || name.ends_with("_OVERFLOW")
        || name.starts_with("TYPE_4_INVALID_AUTHOR")
        || matches!(name, "ADDRESS_TOO_SHORT" | "ADDRESS_TOO_LONG")
}

fn fits_evm(name: &str, found: &Evm) -> bool {
    match name {
        "INTRINSIC_GAS_TOO_LOW" => {
            matches!(found, Evm::CallGasCostMoreThanGasLimit { .. } | Evm::GasFloorMoreThanGasLimit { .. })
        }
        "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST" => matches!(found, Evm::GasFloorMoreThanGasLimit { .. }),
        "GAS_LIMIT_EXCEEDS_MAXIMUM" => matches!(found, Evm::TxGasLimitGreaterThanCap { .. }),
        "GAS_ALLOWANCE_EXCEEDED" => matches!(found, Evm::CallerGasLimitMoreThanBlock),
        "INSUFFICIENT_ACCOUNT_FUNDS" => {
            matches!(found, Evm::LackOfFundForMaxFee { .. } | Evm::OverflowPaymentInTransaction)
        }
        "INSUFFICIENT_MAX_FEE_PER_GAS" => matches!(found, Evm::GasPriceLessThanBasefee),
        "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS" | "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS_2" => {
            matches!(found, Evm::PriorityFeeGreaterThanMaxFee)
        }
        "INITCODE_SIZE_EXCEEDED" => matches!(found, Evm::CreateInitCodeSizeLimit),
        "NONCE_IS_MAX" | "NONCE_TOO_BIG" => matches!(found, Evm::NonceOverflowInTransaction),
        "NONCE_MISMATCH_TOO_HIGH" => matches!(found, Evm::NonceTooHigh { .. }),
        "NONCE_MISMATCH_TOO_LOW" => matches!(found, Evm::NonceTooLow { .. }),
        "SENDER_NOT_EOA" => matches!(found, Evm::RejectCallerWithCode),
        "INVALID_CHAINID" => matches!(found, Evm::InvalidChainId | Evm::MissingChainId),
        "TYPE_NOT_SUPPORTED" | "TYPE_1_TX_PRE_FORK" | "TYPE_2_TX_PRE_FORK" | "TYPE_3_TX_PRE_FORK"
        | "TYPE_4_TX_PRE_FORK" => matches!(
            found,
            Evm::Eip2930NotSupported
                | Evm::Eip1559NotSupported
                | Evm::Eip4844NotSupported
                | Evm::Eip7702NotSupported
        ),
        "TYPE_3_TX_ZERO_BLOBS" => matches!(found, Evm::EmptyBlobs),
        "TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH" => matches!(found, Evm::BlobVersionNotSupported),
        // A state test is one transaction, so the block's limit is reached only beyond the transaction's.
        "TYPE_3_TX_BLOB_COUNT_EXCEEDED" | "TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED" => {
            matches!(found, Evm::TooManyBlobs { .. })
        }
        "INSUFFICIENT_MAX_FEE_PER_BLOB_GAS" => matches!(found, Evm::BlobGasPriceGreaterThanMax { .. }),
        "TYPE_3_TX_CONTRACT_CREATION" => matches!(found, Evm::BlobCreateTransaction),
        "TYPE_4_EMPTY_AUTHORIZATION_LIST" => matches!(found, Evm::EmptyAuthorizationList),
        _ => false,
    }
}
