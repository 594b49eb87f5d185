use alloy::{
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::{Provider, RootProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, Result, ensure};
use bindings::IPortal;
use op_alloy_consensus::TxDeposit;
use rollup::RollupConfig;
use testnet::Devnet;

/// A deposit to send.
#[derive(Clone, Debug)]
pub struct UserDeposit {
    /// Target on L2.
    pub to: Address,
    /// Wei to mint and to send.
    pub value: U256,
    /// L2 gas limit.
    pub gas_limit: u64,
    /// Call data.
    pub data: Bytes,
}

/// A deposit in an L1 block.
#[derive(Clone, Copy, Debug)]
pub struct Deposited {
    /// The hash of its L2 transaction that client libraries compute.
    pub client_hash: B256,
    /// The L1 block.
    pub l1_block: u64,
}

impl UserDeposit {
    /// Ether for an address.
    pub fn ether(to: Address, value: U256) -> Self {
        Self { to, value, gas_limit: 100_000, data: Bytes::new() }
    }

    /// The signed L1 transaction.
    pub async fn sign(&self, devnet: &Devnet, from: &PrivateKeySigner, nonce: u64) -> Result<Bytes> {
        self.sign_for(&devnet.rollup, from, nonce).await
    }

    async fn sign_for(&self, rollup: &RollupConfig, from: &PrivateKeySigner, nonce: u64) -> Result<Bytes> {
        let call = IPortal::depositTransactionCall {
            to: self.to,
            value: self.value,
            gasLimit: self.gas_limit,
            isCreation: false,
            data: self.data.clone(),
        };
        let request = TransactionRequest {
            to: Some(TxKind::Call(rollup.contracts.portal)),
            value: Some(self.value),
            nonce: Some(nonce),
            gas: Some(2_000_000),
            max_fee_per_gas: Some(100_000_000_000),
            max_priority_fee_per_gas: Some(1_000_000_000),
            chain_id: Some(rollup.l1_chain_id),
            input: Bytes::from(call.abi_encode()).into(),
            ..Default::default()
        };
        let envelope = request.build(&EthereumWallet::from(from.clone())).await?;
        Ok(envelope.encoded_2718().into())
    }

    /// Sends it to L1, where it waits for a block.
    pub async fn send(&self, devnet: &Devnet, from: &PrivateKeySigner) -> Result<B256> {
        self.send_by(devnet.anvil.provider(), &devnet.rollup, from).await
    }

    /// The same, by an endpoint of L1.
    pub async fn send_by(
        &self,
        l1: &RootProvider,
        rollup: &RollupConfig,
        from: &PrivateKeySigner,
    ) -> Result<B256> {
        let nonce = l1.get_transaction_count(from.address()).pending().await?;
        let raw = self.sign_for(rollup, from, nonce).await?;
        Ok(*l1.send_raw_transaction(&raw).await?.tx_hash())
    }
}

impl Deposited {
    /// Finds the deposit in the receipt of its L1 transaction.
    pub fn from_receipt(receipt: &TransactionReceipt) -> Result<Self> {
        ensure!(receipt.status(), "the deposit's L1 transaction failed");
        let log = receipt
            .logs()
            .iter()
            .find(|log| log.topic0() == Some(&IPortal::TransactionDeposited::SIGNATURE_HASH))
            .context("no TransactionDeposited")?;
        let event = IPortal::TransactionDeposited::decode_log(&log.inner)?;
        let opaque = &event.opaqueData;
        ensure!(opaque.len() >= 73, "opaqueData is too short");
        let block_hash = log.block_hash.context("the log has no block hash")?;
        let index = U256::from(log.log_index.context("the log has no index")?);
        let inner = keccak256([block_hash.0, index.to_be_bytes()].concat());
        let is_creation = opaque[72] != 0;
        let deposit = TxDeposit {
            source_hash: keccak256([B256::ZERO.0, inner.0].concat()),
            from: event.from,
            to: if is_creation { TxKind::Create } else { TxKind::Call(event.to) },
            mint: U256::from_be_slice(&opaque[..32]).try_into()?,
            value: U256::from_be_slice(&opaque[32..64]),
            gas_limit: u64::from_be_bytes(opaque[64..72].try_into()?),
            is_system_transaction: false,
            input: opaque[73..].to_vec().into(),
        };
        Ok(Self {
            client_hash: keccak256(deposit.encoded_2718()),
            l1_block: receipt.block_number.context("the receipt has no block")?,
        })
    }
}
