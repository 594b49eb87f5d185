//! Transactions on their way into a block.

use alloy_consensus::{Transaction as _, crypto::secp256k1::recover_signer, transaction::SignerRecoverable};
use alloy_eips::{
    Typed2718,
    eip2718::Decodable2718,
    eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};
use op_revm::{OpTransaction, transaction::deposit::DepositTransactionParts};
use revm::{
    context::{TxEnv, result},
    context_interface::either::Either,
};

/// Why a transaction cannot be in a block: it is left out, and the block stays valid. The sequencer's pool turns the same
/// reasons into RPC errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// Not the canonical EIP-2718 encoding of a known transaction type.
    #[error("transaction does not decode")]
    Malformed,
    /// Deposits come from the queue only; blob transactions do not exist on L2.
    #[error("transaction type {0:#x} not supported")]
    ForbiddenType(u8),
    /// The signature recovers to nobody, or is malleable (EIP-2).
    #[error("invalid signature")]
    Signature,
    /// Its gas limit exceeds what the block has left.
    #[error("gas limit {limit} exceeds the {left} gas left in the block")]
    BlockGas {
        /// The transaction's gas limit.
        limit: u64,
        /// What the block has left.
        left: u64,
    },
    /// Refused by the EVM's rules: nonce, balance, fee, chain id, intrinsic gas and the like.
    #[error(transparent)]
    Evm(#[from] result::InvalidTransaction),
    /// It ran for too long, and was stopped by who builds the block. It may be executed later.
    #[error("stopped: it takes long, and others wait")]
    Stopped,
    /// Refused by the rollup's rules of fees.
    #[error("{0}")]
    Rollup(alloc::string::String),
}

/// A decoded transaction with its sender and its encoding.
#[derive(Clone, Debug)]
pub struct Transaction {
    envelope: OpTxEnvelope,
    sender: Address,
    encoded: Bytes,
}

impl Transaction {
    /// Decodes a user's transaction and recovers its sender.
    pub fn recover(encoded: Bytes) -> Result<Self, InvalidTransaction> {
        let envelope = Self::decode(&encoded)?;
        let sender = envelope.recover_signer().map_err(|_| InvalidTransaction::Signature)?;
        Ok(Self { envelope, sender, encoded })
    }

    /// Decodes a user's transaction whose sender is known from an earlier [`recover`](Self::recover).
    pub fn with_sender(encoded: Bytes, sender: Address) -> Result<Self, InvalidTransaction> {
        Ok(Self { envelope: Self::decode(&encoded)?, sender, encoded })
    }

    /// Decodes any transaction of a block, deposits too, with the sender that was stored with it.
    pub fn stored(encoded: Bytes, sender: Address) -> Result<Self, InvalidTransaction> {
        let envelope =
            OpTxEnvelope::decode_2718_exact(&encoded).map_err(|_| InvalidTransaction::Malformed)?;
        Ok(Self { envelope, sender, encoded })
    }

    /// A deposit transaction.
    pub fn deposit(deposit: TxDeposit) -> Self {
        use alloy_consensus::Sealable;
        use alloy_eips::eip2718::Encodable2718;
        let sender = deposit.from;
        let envelope = OpTxEnvelope::Deposit(deposit.seal_slow());
        let encoded = envelope.encoded_2718().into();
        Self { envelope, sender, encoded }
    }

    fn decode(encoded: &Bytes) -> Result<OpTxEnvelope, InvalidTransaction> {
        const BLOB_TYPE: u8 = 3;
        match encoded.first() {
            Some(&BLOB_TYPE) => return Err(InvalidTransaction::ForbiddenType(BLOB_TYPE)),
            Some(_) => {}
            None => return Err(InvalidTransaction::Malformed),
        }
        let envelope = OpTxEnvelope::decode_2718_exact(encoded).map_err(|_| InvalidTransaction::Malformed)?;
        match &envelope {
            OpTxEnvelope::Deposit(_) | OpTxEnvelope::PostExec(_) => {
                Err(InvalidTransaction::ForbiddenType(envelope.ty()))
            }
            _ => Ok(envelope),
        }
    }

    /// The decoded transaction.
    pub const fn envelope(&self) -> &OpTxEnvelope {
        &self.envelope
    }

    /// Who pays.
    pub const fn sender(&self) -> Address {
        self.sender
    }

    /// The EIP-2718 encoding.
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The transaction hash.
    pub fn hash(&self) -> B256 {
        self.envelope.tx_hash()
    }

    /// What op-revm executes.
    pub fn to_evm(&self) -> OpTransaction<TxEnv> {
        let tx = &self.envelope;
        let mut base = TxEnv {
            tx_type: tx.ty(),
            caller: self.sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            ..TxEnv::default()
        };
        if let Some(deposit) = tx.as_deposit() {
            base.gas_price = 0;
            base.gas_priority_fee = None;
            base.chain_id = None;
            let parts = DepositTransactionParts::new(
                deposit.source_hash,
                Some(deposit.mint),
                deposit.is_system_transaction,
            );
            return OpTransaction { base, enveloped_tx: Some(self.encoded.clone()), deposit: parts };
        }
        if let Some(authorizations) = tx.authorization_list() {
            base.authorization_list =
                authorizations.iter().map(|signed| Either::Right(recover_authority(signed))).collect();
        }
        OpTransaction { base, enveloped_tx: Some(self.encoded.clone()), deposit: Default::default() }
    }

    /// The most that the transaction can cost its sender on L2, L1 data fee and operator fee aside. Saturates.
    pub fn max_cost(&self) -> U256 {
        let tx = &self.envelope;
        U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas())).saturating_add(tx.value())
    }
}

/// Recovers the account that an authorization speaks for, by the code that recovers senders: left to itself, the EVM would
/// take another, which the guest cannot speed up.
fn recover_authority(signed: &SignedAuthorization) -> RecoveredAuthorization {
    let signature = signed.signature().ok();
    let authority = signature.and_then(|signature| recover_signer(&signature, signed.signature_hash()).ok());
    let authority = authority.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(signed.clone().strip_signature(), authority)
}
