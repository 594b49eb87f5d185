//! Bytecode of the contracts, embedded from Forge's output (`forge build` in `l1-contracts` comes first).

use std::ops::Range;

use alloy::primitives::{Bytes, hex};
use serde_json::Value;

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

            /// The name that its source gives it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

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

/// What a contract's constructor leaves as its code, and where in it immutables stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeCode {
    /// The code, with zeros where the constructor puts immutables.
    pub code: Bytes,
    /// Of each immutable, all places where its value stands. None ends behind the code.
    pub immutables: Vec<Vec<Range<usize>>>,
}

impl RuntimeCode {
    /// Whether this is the code, whatever its immutables are.
    #[must_use]
    pub fn is_code(&self, code: &[u8]) -> bool {
        let mut plain = code.to_vec();
        for place in self.immutables.iter().flatten() {
            if let Some(value) = plain.get_mut(place.clone()) {
                value.fill(0);
            }
        }
        plain == self.code
    }
}

/// The deployed code of a contract whatever its immutables are.
#[must_use]
pub fn runtime_code(contract: Contract) -> RuntimeCode {
    let code = deployed_code(contract);
    let place = |place: &Value| -> Option<Range<usize>> {
        let start = usize::try_from(place["start"].as_u64()?).ok()?;
        let end = start.checked_add(usize::try_from(place["length"].as_u64()?).ok()?)?;
        (end <= code.len()).then_some(start..end)
    };
    let references = read(contract)["deployedBytecode"]["immutableReferences"].take();
    let immutables = references.as_object().into_iter().flat_map(|all| all.values());
    let immutables = immutables
        .map(|places| places.as_array().into_iter().flatten().filter_map(place).collect())
        .collect();
    RuntimeCode { code, immutables }
}

/// Forge's artifact, read.
///
/// # Panics
/// If Forge's output, embedded at build time, is not what Forge writes. The tests read every artifact.
fn read(contract: Contract) -> Value {
    serde_json::from_str(contract.artifact())
        .unwrap_or_else(|error| panic!("the artifact of {contract:?} is not JSON: {error}"))
}

/// Reads one of the two codes of an artifact.
///
/// # Panics
/// As [`read`].
fn code(contract: Contract, key: &str) -> Bytes {
    let artifact = read(contract);
    let object = artifact[key]["object"].as_str().and_then(|object| hex::decode(object).ok());
    object.unwrap_or_else(|| panic!("the artifact of {contract:?} has no valid {key}")).into()
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
            assert_eq!(contract.name(), format!("{contract:?}"));
        }
    }

    #[test]
    fn immutables_stand_where_the_code_has_zeros() {
        for (contract, expected) in [
            (Contract::Inbox, 7),
            (Contract::Portal, 3),
            (Contract::DisputeGame, 13),
            (Contract::TransparentUpgradeableProxy, 1),
            (Contract::Timelock, 0),
            (Contract::RiscV, 0),
        ] {
            let RuntimeCode { code, immutables } = runtime_code(contract);
            assert_eq!(immutables.len(), expected, "{contract:?}");
            for place in immutables.iter().flatten() {
                assert!(code[place.clone()] == [0; 32], "{contract:?}: {place:?}");
            }
        }
    }
}
