//! What the state tries map to: accounts, and storage values.

use crate::{EMPTY_ROOT, rlp};
use alloc::vec::Vec;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};

/// An account as the account trie holds it, under the keccak256 of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Root of the storage trie.
    pub storage_root: B256,
    /// keccak256 of the code.
    pub code_hash: B256,
}

impl Account {
    /// An account with nothing in it, which by EIP-161 the trie does not hold.
    pub const EMPTY: Self =
        Self { nonce: 0, balance: U256::ZERO, storage_root: EMPTY_ROOT, code_hash: KECCAK256_EMPTY };

    /// Whether nonce, balance and code are all empty (EIP-161).
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    /// The account's RLP: a list of nonce, balance, storage root and code hash.
    pub fn encode(&self) -> Vec<u8> {
        let nonce = self.nonce.to_be_bytes();
        let balance: [u8; 32] = self.balance.to_be_bytes();
        let (nonce, balance) = (trim(&nonce), trim(&balance));
        let payload = rlp::string_len(nonce) + rlp::string_len(balance) + 2 * 33;
        let mut out = Vec::with_capacity(rlp::header_len(payload) + payload);
        rlp::put_list_header(&mut out, payload);
        rlp::put_string(&mut out, nonce);
        rlp::put_string(&mut out, balance);
        rlp::put_string(&mut out, &self.storage_root[..]);
        rlp::put_string(&mut out, &self.code_hash[..]);
        out
    }

    /// Decodes an account; refuses everything that `encode` does not produce.
    pub fn decode(bytes: &[u8]) -> Result<Self, ValueError> {
        let list = rlp::item(bytes, 0).map_err(ValueError)?;
        if !list.list || list.end != bytes.len() {
            return Err(ValueError("account is not exactly one list"));
        }
        let mut at = list.start;
        let mut next = || {
            let item = rlp::item(bytes, at).map_err(ValueError)?;
            at = item.end;
            if item.list {
                Err(ValueError("list where a string belongs"))
            } else {
                Ok(&bytes[item.start..item.end])
            }
        };
        let account = Self {
            nonce: u64::from_be_bytes(integer(next()?)?),
            balance: U256::from_be_bytes(integer::<32>(next()?)?),
            storage_root: hash(next()?)?,
            code_hash: hash(next()?)?,
        };
        if at != bytes.len() {
            return Err(ValueError("account has more than four fields"));
        }
        Ok(account)
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The bytes of a trie value are not what the value's type encodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed value: {0}")]
pub struct ValueError(&'static str);

/// The RLP of a storage slot's value, on the stack: a block has thousands.
#[derive(Clone, Copy)]
pub struct StorageValue {
    rlp: [u8; 33],
    len: u8,
}

impl AsRef<[u8]> for StorageValue {
    fn as_ref(&self) -> &[u8] {
        &self.rlp[..usize::from(self.len)]
    }
}

/// The RLP of a storage slot's value; `None` for zero, which storage tries don't hold.
pub fn encode_storage(value: U256) -> Option<StorageValue> {
    let bytes: [u8; 32] = value.to_be_bytes();
    let bytes = trim(&bytes);
    let mut rlp = [0; 33];
    let len = match bytes {
        [] => return None,
        [small @ 0..=0x7f] => {
            rlp[0] = *small;
            1
        }
        _ => {
            // At most 32 bytes, so it is a short string.
            rlp[0] = rlp::EMPTY_STRING + bytes.len() as u8;
            rlp[1..=bytes.len()].copy_from_slice(bytes);
            1 + bytes.len() as u8
        }
    };
    Some(StorageValue { rlp, len })
}

/// Decodes a storage slot's value; refuses everything that `encode_storage` does not produce.
pub fn decode_storage(bytes: &[u8]) -> Result<U256, ValueError> {
    let item = rlp::item(bytes, 0).map_err(ValueError)?;
    if item.list || item.end != bytes.len() {
        return Err(ValueError("storage value is not exactly one string"));
    }
    if item.start == item.end {
        return Err(ValueError("zero stored"));
    }
    Ok(U256::from_be_bytes(integer::<32>(&bytes[item.start..])?))
}

/// Cuts leading zeros.
fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// Extends a big-endian integer without leading zeros to its full width.
fn integer<const N: usize>(content: &[u8]) -> Result<[u8; N], ValueError> {
    if content.first() == Some(&0) {
        return Err(ValueError("integer with leading zeros"));
    }
    let mut out = [0; N];
    let start = N.checked_sub(content.len()).ok_or(ValueError("integer too large"))?;
    out[start..].copy_from_slice(content);
    Ok(out)
}

fn hash(content: &[u8]) -> Result<B256, ValueError> {
    B256::try_from(content).map_err(|_| ValueError("hash is not 32 bytes"))
}
