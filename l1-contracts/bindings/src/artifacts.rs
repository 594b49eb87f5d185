//! Bytecode of the contracts, embedded from Forge's output (`forge build` in `l1-contracts` comes first).

use alloy::primitives::{Bytes, hex};

/// Defines [`Contract`] and where each contract's artifact lies.
macro_rules! contracts {
    ($($name:ident => $file:literal, $doc:literal;)*) => {
        /// A contract whose bytecode is embedded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Contract {
            $(#[doc = $doc] $name,)*
        }

        impl Contract {
            /// Every contract.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Forge's artifact, a JSON object.
            const fn artifact(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/../out/", $file, "/", stringify!($name), ".json"
                    )),)*
                }
            }
        }
    };
}

contracts! {
    Inbox => "Inbox.sol", "L1: orders messages and batches.";
    Portal => "Portal.sol", "L1: deposits and withdrawals.";
    L1CrossDomainMessenger => "L1CrossDomainMessenger.sol", "L1: messages.";
    L1StandardBridge => "L1StandardBridge.sol", "L1: tokens.";
    SystemConfig => "SystemConfig.sol", "L1: roles and L2 parameters.";
    DisputeGame => "DisputeGame.sol", "L1: a version of the game, which games are clones of.";
    DisputeGameFactory => "DisputeGameFactory.sol", "L1: takes proposals.";
    AnchorStateRegistry => "AnchorStateRegistry.sol", "L1: the final output root.";
    RiscV => "RiscV.sol", "L1: one step of the fault proof VM.";
    Timelock => "Timelock.sol", "L1: governs the others.";
    TransparentUpgradeableProxy => "TransparentUpgradeableProxy.sol", "L1: stands before a contract that can be upgraded.";
    ProxyAdmin => "ProxyAdmin.sol", "L1: the admin of such a proxy, which the proxy deploys itself.";
    ERC1967Proxy => "ERC1967Proxy.sol", "L1: stands before a contract that nobody can change.";
    L1Block => "L1Block.sol", "L2: what L2 knows of L1.";
    L2ToL1MessagePasser => "L2ToL1MessagePasser.sol", "L2: withdrawals.";
    GasPriceOracle => "GasPriceOracle.sol", "L2: fee estimates.";
    FeeVault => "FeeVault.sol", "L2: code of the four fee vaults.";
    L2CrossDomainMessenger => "L2CrossDomainMessenger.sol", "L2: messages.";
    L2StandardBridge => "L2StandardBridge.sol", "L2: tokens.";
    OptimismMintableERC20 => "OptimismMintableERC20.sol", "L2: a token that stands for one on L1.";
    OptimismMintableERC20Factory => "OptimismMintableERC20Factory.sol", "L2: creates such tokens.";
    WETH => "WETH.sol", "L2: ETH as an ERC-20.";
    Multicall3 => "Multicall3.sol", "Both layers: many calls in one.";
    Counter => "Counter.sol", "Sample: one number, one event.";
    SampleToken => "SampleToken.sol", "Sample: an ERC-20.";
    StorageHeavy => "StorageHeavy.sol", "Sample: many storage slots.";
}

/// The code to deploy; constructor arguments go behind it.
#[must_use]
pub fn creation_code(contract: Contract) -> Bytes {
    code(contract, "bytecode")
}

/// The code of the deployed contract, for a genesis state. Only meaningful for contracts without immutables: the
/// predeploys, [`Contract::RiscV`], [`Contract::Multicall3`] and the samples.
#[must_use]
pub fn deployed_code(contract: Contract) -> Bytes {
    code(contract, "deployedBytecode")
}

/// Reads one of the two codes of an artifact.
///
/// # Panics
/// If Forge's output, embedded at build time, is not what Forge writes. The tests read every artifact.
fn code(contract: Contract, key: &str) -> Bytes {
    serde_json::from_str::<serde_json::Value>(contract.artifact())
        .ok()
        .and_then(|artifact| hex::decode(artifact[key]["object"].as_str()?).ok())
        .unwrap_or_else(|| panic!("the artifact of {contract:?} has no valid {key}"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artifact_has_code() {
        for &contract in Contract::ALL {
            let (creation, deployed) = (creation_code(contract), deployed_code(contract));
            assert!(!deployed.is_empty() && creation.len() > deployed.len(), "{contract:?}");
            assert!(deployed.len() <= 24_576, "{contract:?} exceeds the code size limit");
        }
    }
}
