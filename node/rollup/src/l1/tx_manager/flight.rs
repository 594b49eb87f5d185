//! One transaction under one nonce, as a call has it.

use std::time::Instant;

use alloy::{
    consensus::{EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip4844, TxEip4844WithSidecar},
    eips::eip2718::Encodable2718,
    primitives::{B256, Bytes, TxKind, U256},
};
use parking_lot::Mutex;

use super::{error::SendError, fees::Fees, nonces::Nonces, send_state::SendState, types::TxRequest};
use crate::{
    blobs::BlobSidecar,
    signer::{Signer, UnsignedTx},
};

/// Gas of a transfer.
pub(super) const TRANSFER_GAS: u64 = 21_000;

/// Whose transaction it is.
#[derive(Clone, Copy)]
pub(super) struct SendingAccount<'a> {
    pub(super) chain_id: u64,
    pub(super) signer: &'a Signer,
    pub(super) nonces: &'a Mutex<Nonces>,
}

/// A transaction on its way. It has its nonce until it is dropped.
pub(super) struct Flight<'a> {
    pub(super) account: SendingAccount<'a>,
    pub(super) state: SendState,
    pub(super) request: TxRequest,
    pub(super) gas_limit: u64,
    pub(super) fees: Fees,
    /// The newest version.
    pub(super) raw: Bytes,
    pub(super) sent_at: Instant,
    /// How often it was sent with higher fees.
    pub(super) raises: u32,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.account.nonces.lock().release(self.state.clone());
    }
}

impl<'a> Flight<'a> {
    pub(super) fn new(account: SendingAccount<'a>, state: SendState, request: TxRequest) -> Self {
        let (fees, raw) = (Fees::default(), Bytes::new());
        Self {
            account,
            state,
            request,
            gas_limit: TRANSFER_GAS,
            fees,
            raw,
            sent_at: Instant::now(),
            raises: 0,
        }
    }

    /// The version with these fees: its hash, and its bytes.
    pub(super) async fn sign(&self) -> Result<(B256, Bytes), SendError> {
        if let Some(blobs) = &self.request.blobs {
            return self.sign_with(blobs).await;
        }
        let tx = TxEip1559 {
            chain_id: self.account.chain_id,
            nonce: self.state.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fees.max_fee,
            max_priority_fee_per_gas: self.fees.tip,
            to: TxKind::Call(self.request.to),
            value: self.request.value,
            input: self.request.data.clone(),
            ..TxEip1559::default()
        };
        let signature = self.account.signer.sign_transaction(&UnsignedTx::from(tx.clone())).await?;
        let signed = EthereumTxEnvelope::<TxEip4844>::from(tx.into_signed(signature));
        Ok((*signed.tx_hash(), signed.encoded_2718().into()))
    }

    /// The same, with blobs: as nodes pass them on, with their proofs (EIP-7594).
    async fn sign_with(&self, blobs: &BlobSidecar) -> Result<(B256, Bytes), SendError> {
        let tx = TxEip4844 {
            chain_id: self.account.chain_id,
            nonce: self.state.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fees.max_fee,
            max_priority_fee_per_gas: self.fees.tip,
            to: self.request.to,
            value: self.request.value,
            input: self.request.data.clone(),
            max_fee_per_blob_gas: self.fees.blob,
            blob_versioned_hashes: blobs.versioned_hashes().to_vec(),
            ..TxEip4844::default()
        };
        let signature = self.account.signer.sign_transaction(&UnsignedTx::from(tx.clone())).await?;
        let signed =
            TxEip4844WithSidecar::from_tx_and_sidecar(tx, blobs.sidecar().clone()).into_signed(signature);
        Ok((*signed.hash(), signed.encoded_2718().into()))
    }

    /// What to begin with: enough to replace what was sent under the nonce before.
    pub(super) fn entry_fees(&self, market: Fees) -> Fees {
        let fees = if self.state.is_used() { self.state.fees.bumped(market) } else { market };
        Fees { blob: if self.request.blobs.is_some() { fees.blob } else { 0 }, ..fees }
    }

    /// What it may cost at most.
    pub(super) fn cost(&self) -> U256 {
        self.fees.cost(self.gas_limit, self.request.blob_gas()).saturating_add(self.request.value)
    }

    /// Why it is given up after so long.
    pub(super) fn late(&self, seconds: u64) -> SendError {
        match self.state.included() {
            Some(hash) => SendError::NoReceipt { hash, seconds },
            None if self.state.is_taken() => SendError::Replaced { nonce: self.state.nonce },
            None => SendError::Stuck { hash: self.state.newest(), seconds },
        }
    }
}
