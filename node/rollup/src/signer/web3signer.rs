//! Web3Signer, with its keys for Ethereum's execution layer (`web3signer eth1`).
//!
//! | what | by |
//! |---|---|
//! | a transaction without blobs | JSON-RPC, `eth_signTransaction`: it sees what it signs |
//! | a transaction with blobs | `/api/v1/eth1/sign`, the bytes whose hash is signed: its JSON-RPC has no blobs |
//! | a block of the feed | the same |

use alloy::{
    consensus::SignableTransaction,
    primitives::{Address, B512, Bytes, Signature, hex, keccak256},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    SignError, UnsignedTx, answer, clef,
    rpc::{RpcSigner, signature},
};

pub(super) async fn sign_transaction(
    signer: &RpcSigner,
    account: Address,
    tx: &UnsignedTx,
) -> Result<Signature, SignError> {
    if matches!(tx, UnsignedTx::Eip4844(_)) {
        return sign_bytes(signer, account, &tx.encoded_for_signing()).await;
    }
    let result = signer.call("eth_signTransaction", json!([clef::request(account, tx)])).await?;
    let signed = Bytes::deserialize(result)
        .map_err(|error| SignError::Invalid(format!("eth_signTransaction: {error}")))?;
    answer::of_transaction(account, tx, &signed)
}

/// Signs the hash of these bytes. It hashes them itself, and puts nothing before them.
pub(super) async fn sign_bytes(
    signer: &RpcSigner,
    account: Address,
    bytes: &[u8],
) -> Result<Signature, SignError> {
    let key = signer.public_key.get_or_try_init(|| public_key(signer, account)).await?;
    let body = json!({ "data": hex::encode_prefixed(bytes) });
    let found = signer.rest(&format!("/api/v1/eth1/sign/{key}"), Some(body)).await?;
    answer::by(account, keccak256(bytes), signature(&String::from_utf8_lossy(&found))?)
}

pub(super) async fn check(signer: &RpcSigner, account: Address) -> Result<(), SignError> {
    if accounts(signer).await?.contains(&account) {
        return Ok(());
    }
    Err(SignError::Refused(format!("it does not have the key of {account}")))
}

/// The accounts that it has keys of.
pub(super) async fn accounts(signer: &RpcSigner) -> Result<Vec<Address>, SignError> {
    let result = signer.call("eth_accounts", json!([])).await?;
    Vec::deserialize(result).map_err(|error| SignError::Invalid(format!("eth_accounts: {error}")))
}

/// The account's public key, by which the signer names it.
async fn public_key(signer: &RpcSigner, account: Address) -> Result<String, SignError> {
    let listed = signer.rest("/api/v1/eth1/publicKeys", None).await?;
    let keys: Vec<B512> = serde_json::from_slice(&listed)
        .map_err(|error| SignError::Invalid(format!("expected a list of public keys: {error}")))?;
    let own = keys.iter().find(|key| Address::from_raw_public_key(key.as_slice()) == account);
    own.map(hex::encode_prefixed)
        .ok_or_else(|| SignError::Refused(format!("it does not have the key of {account}")))
}
