//! What a signer elsewhere answers, compared with what it was asked for.

use alloy::{
    consensus::{EthereumTxEnvelope, SignableTransaction, Transaction, TxEip4844, Typed2718},
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, Bytes, Signature},
};

use super::{SignError, UnsignedTx};

/// The signature in a signed transaction, if that is the one that was asked for, in all its fields, and the account signed it.
pub(super) fn of_transaction(
    account: Address,
    asked: &UnsignedTx,
    signed: &Bytes,
) -> Result<Signature, SignError> {
    let decoded = EthereumTxEnvelope::<TxEip4844>::decode_2718_exact(signed);
    let found =
        decoded.map_err(|error| SignError::Invalid(format!("it is no signed transaction: {error}")))?;
    let signature = *found.signature();
    let found = UnsignedTx::from(found);
    if found != *asked {
        return Err(SignError::Invalid(difference(asked, &found)));
    }
    by(account, asked.signature_hash(), signature)
}

/// The signature, if it is the account's.
pub(super) fn by(account: Address, hash: B256, signature: Signature) -> Result<Signature, SignError> {
    // Of the two forms of a signature, L1 takes one alone (EIP-2).
    let signature = signature.normalized_s();
    match signature.recover_address_from_prehash(&hash) {
        Ok(found) if found == account => Ok(signature),
        Ok(found) => {
            Err(SignError::Invalid(format!("expected a signature of {account}, found one of {found}")))
        }
        Err(error) => Err(SignError::Invalid(format!("it is no signature: {error}"))),
    }
}

/// Prints a field.
type ShowField = fn(&UnsignedTx) -> String;

/// The first field in which two transactions differ.
fn difference(asked: &UnsignedTx, found: &UnsignedTx) -> String {
    let fields: [(&str, ShowField); 12] = [
        ("type", |tx| tx.ty().to_string()),
        ("chain id", |tx| format!("{:?}", tx.chain_id())),
        ("nonce", |tx| tx.nonce().to_string()),
        ("recipient", |tx| format!("{:?}", tx.to())),
        ("value", |tx| tx.value().to_string()),
        ("gas limit", |tx| tx.gas_limit().to_string()),
        ("maximum fee", |tx| tx.max_fee_per_gas().to_string()),
        ("tip", |tx| format!("{:?}", tx.max_priority_fee_per_gas())),
        ("maximum blob fee", |tx| format!("{:?}", tx.max_fee_per_blob_gas())),
        ("blob hashes", |tx| format!("{:?}", tx.blob_versioned_hashes())),
        ("access list", |tx| format!("{:?}", tx.access_list().map(|list| list.len()))),
        // Long, and hardly to be read: only that it is another.
        ("input", |tx| {
            format!("{} bytes with hash {}", tx.input().len(), alloy::primitives::keccak256(tx.input()))
        }),
    ];
    let differing = fields.iter().find(|(_, show)| show(asked) != show(found));
    match differing {
        Some((name, show)) => format!("{name}: expected {}, found {}", show(asked), show(found)),
        None => "it is another transaction".into(),
    }
}
