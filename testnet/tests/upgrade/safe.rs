//! A Safe: the contracts of its authors, version 1.4.1.

use std::{fs, path::Path};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256, hex},
    providers::{DynProvider, Provider},
    rpc::types::TransactionRequest,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use testnet::{Anvil, accounts};

use interfaces::{ISafe, ISafeProxyFactory};

/// The interfaces.
#[allow(clippy::too_many_arguments)]
mod interfaces {
    alloy::sol! {
        /// What is used of a Safe (version 1.4.1).
        #[sol(rpc)]
        interface ISafe {
            function setup(
                address[] calldata owners,
                uint256 threshold,
                address to,
                bytes calldata data,
                address fallbackHandler,
                address paymentToken,
                uint256 payment,
                address paymentReceiver
            ) external;
            function execTransaction(
                address to,
                uint256 value,
                bytes calldata data,
                uint8 operation,
                uint256 safeTxGas,
                uint256 baseGas,
                uint256 gasPrice,
                address gasToken,
                address refundReceiver,
                bytes calldata signatures
            ) external payable returns (bool success);
            function getTransactionHash(
                address to,
                uint256 value,
                bytes calldata data,
                uint8 operation,
                uint256 safeTxGas,
                uint256 baseGas,
                uint256 gasPrice,
                address gasToken,
                address refundReceiver,
                uint256 nonce
            ) external view returns (bytes32);
            function nonce() external view returns (uint256);
        }

        /// The factory of Safes.
        #[sol(rpc)]
        interface ISafeProxyFactory {
            event ProxyCreation(address indexed proxy, address singleton);
            function createProxyWithNonce(address singleton, bytes calldata initializer, uint256 saltNonce)
                external
                returns (address proxy);
        }
    }
}

/// A Safe of which two of three have to sign.
pub(crate) struct Safe {
    wallet: DynProvider,
    pub(crate) address: Address,
    owners: Vec<PrivateKeySigner>,
}

impl Safe {
    pub(crate) async fn deploy(anvil: &Anvil) -> Result<Self> {
        let mut owners = vec![accounts::account(4)?, accounts::account(5)?, accounts::account(6)?];
        // As its signatures must be ordered.
        owners.sort_by_key(PrivateKeySigner::address);
        let wallet = anvil.wallet(&accounts::account(7)?)?;
        let put = async |name: &str| -> Result<Address> {
            let request = TransactionRequest::default().with_deploy_code(code(name)?);
            let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
            receipt.contract_address.with_context(|| format!("no {name}"))
        };
        let (singleton, factory) =
            (put("Safe.sol/Safe").await?, put("proxies/SafeProxyFactory.sol/SafeProxyFactory").await?);
        let setup = ISafe::setupCall {
            owners: owners.iter().map(PrivateKeySigner::address).collect(),
            threshold: U256::from(2),
            to: Address::ZERO,
            data: Bytes::new(),
            fallbackHandler: Address::ZERO,
            paymentToken: Address::ZERO,
            payment: U256::ZERO,
            paymentReceiver: Address::ZERO,
        };
        let factory = ISafeProxyFactory::new(factory, &wallet);
        let create = factory.createProxyWithNonce(singleton, setup.abi_encode().into(), U256::ZERO);
        let receipt = create.send().await?.get_receipt().await?;
        let event = receipt.decoded_log::<ISafeProxyFactory::ProxyCreation>().context("no Safe was made")?;
        Ok(Self { wallet, address: event.proxy, owners })
    }

    /// Sends a transaction that so many have signed.
    pub(crate) async fn send(&self, to: Address, data: Bytes, signers: usize) -> Result<()> {
        let safe = ISafe::new(self.address, &self.wallet);
        let (zero, nobody) = (U256::ZERO, Address::ZERO);
        let nonce = safe.nonce().call().await?;
        let hash = safe
            .getTransactionHash(to, zero, data.clone(), 0, zero, zero, zero, nobody, nobody, nonce)
            .call()
            .await?;
        let mut signatures = Vec::new();
        for owner in &self.owners[..signers] {
            signatures.extend(owner.sign_hash_sync(&hash)?.as_bytes());
        }
        let call =
            safe.execTransaction(to, zero, data, 0, zero, zero, zero, nobody, nobody, signatures.into());
        // Asked first: what is refused takes no nonce.
        call.call().await?;
        let receipt = call.send().await?.get_receipt().await?;
        ensure!(receipt.status(), "the Safe's transaction failed");
        Ok(())
    }
}

/// Creation code of a contract of the Safe's authors, as they compiled it.
pub(crate) fn code(name: &str) -> Result<Vec<u8>> {
    let folder = "../l1-contracts/node_modules/@safe-global/safe-contracts/build/artifacts/contracts";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{name}.json"));
    let artifact: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    Ok(hex::decode(artifact["bytecode"].as_str().context("no bytecode")?)?)
}
