//! clef, go-ethereum's signer: it shows each request to a person, or decides by a file of rules.

use alloy::{
    consensus::{Transaction, Typed2718},
    primitives::{Address, Bytes, Signature, U64, U256},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{SignError, UnsignedTx, answer, rpc::RpcSigner};

/// It signs transactions, texts with a prefix and typed data, but no hash of ours: such a signature could be of a transaction.
pub(super) const NO_HASHES: SignError =
    SignError::Unable("clef signs transactions, but no blocks of a feed; Web3Signer and keys of a KMS do");

/// What it answers; the same transaction, in JSON, too.
#[derive(Debug, Deserialize)]
struct ClefTransaction {
    raw: Bytes,
}

pub(super) async fn sign_transaction(
    signer: &RpcSigner,
    account: Address,
    tx: &UnsignedTx,
) -> Result<Signature, SignError> {
    let result = signer.call("account_signTransaction", json!([request(account, tx)])).await?;
    let signed = ClefTransaction::deserialize(result)
        .map_err(|error| SignError::Invalid(format!("account_signTransaction: {error}")))?;
    answer::of_transaction(account, tx, &signed.raw)
}

pub(super) async fn check(signer: &RpcSigner) -> Result<(), SignError> {
    match signer.call("account_version", json!([])).await? {
        Value::String(_) => Ok(()),
        _ => Err(SignError::Invalid("account_version: expected a text".into())),
    }
}

/// A transaction as `eth_signTransaction` and clef take it. Of blobs it has the hashes alone, which is all that is signed.
pub(super) fn request(account: Address, tx: &UnsignedTx) -> Value {
    let mut request = Map::new();
    let mut set = |name: &str, value: Value| request.insert(name.into(), value);
    // Addresses in mixed case: clef refuses others as suspicious.
    set("from", account.to_string().into());
    set("to", tx.to().map(|to| to.to_string()).into());
    set("gas", json!(U64::from(tx.gas_limit())));
    set("maxFeePerGas", json!(U256::from(tx.max_fee_per_gas())));
    set("maxPriorityFeePerGas", json!(U256::from(tx.max_priority_fee_per_gas().unwrap_or_default())));
    set("nonce", json!(U64::from(tx.nonce())));
    set("value", json!(tx.value()));
    set("data", json!(tx.input()));
    set("chainId", json!(tx.chain_id().map(U64::from)));
    if let (Some(fee), Some(hashes)) = (tx.max_fee_per_blob_gas(), tx.blob_versioned_hashes()) {
        set("maxFeePerBlobGas", json!(U256::from(fee)));
        set("blobVersionedHashes", json!(hashes));
    }
    // Read by some that have types beside those of fees.
    set("type", json!(U64::from(tx.ty())));
    request.into()
}
