//! Rust types of the contracts, generated from the Solidity interfaces in `l1-contracts/src/interfaces`.
//!
//! - [`l1`], [`l2`] and [`bridge`] (both layers): one module per interface, with calls, events, errors and an RPC instance each, such as
//!   `IInbox::IInboxInstance`, `IInbox::appendBatchCall` or `IInbox::BatchAppended`. All are re-exported here.
//! - [`constructors`]: the constructors' arguments, which interfaces cannot hold.
//! - [`samples`]: contracts for tests and benchmarks.
//! - [`predeploys`]: the fixed addresses of the L2 contracts.
//! - `artifacts` (feature of the same name): creation and deployed bytecode, read from Forge's output.
//! - `preinstalls`, `genesis` (same feature): the code of contracts of others, and all that L2's genesis has.
//!
//! A contract's deployment code is its creation code followed by its ABI-encoded constructor arguments:
//!
//! ```
//! use alloy::{primitives::address, sol_types::SolConstructor};
//! use bindings::constructors::Inbox;
//!
//! let portal = address!("0x00000000000000000000000000000000000000aa");
//! let systemConfig = address!("0x00000000000000000000000000000000000000bb");
//! let arguments = Inbox::constructorCall { portal, systemConfig, forceDelay: 60, sequencerTimeout: 60 }.abi_encode();
//! assert_eq!(arguments.len(), 4 * 32);
//! ```

#[cfg(feature = "artifacts")]
pub mod artifacts;
#[cfg(feature = "artifacts")]
pub mod genesis;
pub mod predeploys;
#[cfg(feature = "artifacts")]
pub mod preinstalls;

pub use bridge::*;
pub use l1::*;
pub use l2::*;

/// Contracts on L1 (the Multicall is deployed on both layers).
#[allow(missing_docs, clippy::too_many_arguments)]
pub mod l1 {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IInbox.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IPortal.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/ISystemConfig.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IDisputeGameFactory.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IDisputeGame.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IAnchorStateRegistry.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/ITimelock.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IProxyAdmin.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IRiscV.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IMulticall3.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IL1CrossDomainMessenger.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IL1StandardBridge.sol"
    );
}

/// Predeployed contracts on L2, and the tokens that their factory creates.
#[allow(missing_docs, clippy::too_many_arguments)]
pub mod l2 {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IL1Block.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IL2ToL1MessagePasser.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IGasPriceOracle.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IFeeVault.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IL2StandardBridge.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IOptimismMintableERC20.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IOptimismMintableERC20Factory.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IWETH.sol"
    );
}

/// Contracts that stand on both layers.
#[allow(missing_docs, clippy::too_many_arguments)]
pub mod bridge {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/ICrossDomainMessenger.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../src/interfaces/IStandardBridge.sol"
    );
}

/// Contracts for tests and benchmarks.
#[allow(missing_docs)]
pub mod samples {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../test/samples/Counter.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../test/samples/StorageHeavy.sol"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        "../test/samples/ISampleToken.sol"
    );
}

/// Constructor arguments: `X::constructorCall { .. }.abi_encode()`.
#[allow(missing_docs, clippy::too_many_arguments)]
pub mod constructors {
    alloy::sol! {
        contract Inbox {
            constructor(address portal, address systemConfig, uint64 forceDelay, uint64 sequencerTimeout);
        }

        contract Portal {
            constructor(address inbox, address anchorStateRegistry, uint256 proofMaturityDelay);
        }

        contract SystemConfig {
            constructor(address inbox);
        }

        contract DisputeGame {
            struct Parameters {
                address riscV;
                bytes32 programRoot;
                uint64 programEntry;
                uint64 maxSteps;
                bytes32 configHash;
                uint64 maxClockDuration;
                uint64 clockExtension;
                uint64 boundaryExtension;
                uint128 rootBond;
                uint128 leafBond;
                uint16 bondDecay;
                uint64 newestActivation;
            }

            constructor(Parameters parameters);
        }

        contract DisputeGameFactory {
            constructor(address anchorStateRegistry, address inbox, address governor, uint64 maxDrift);
        }

        contract AnchorStateRegistry {
            constructor(address factory, address guardian, uint64 finalityDelay, uint64 pauseDuration);
        }

        contract L1CrossDomainMessenger {
            constructor(address portal);
        }

        contract L1StandardBridge {
            constructor(address messenger);
        }

        contract Timelock {
            constructor(uint256 delay, address owner);
        }

        contract TransparentUpgradeableProxy {
            constructor(address implementation, address adminOwner, bytes data);
        }

        contract ERC1967Proxy {
            constructor(address implementation, bytes data);
        }

        contract OptimismMintableERC20 {
            constructor(address bridge, address remoteToken, string name, string symbol, uint8 decimals);
        }

        contract SampleToken {
            constructor(string name, string symbol, address holder, uint256 supply);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::{primitives::keccak256, sol_types::SolCall, sol_types::SolEvent};

    use super::*;

    /// Selectors and topics that client libraries and the execution engine rely on.
    #[test]
    fn well_known_selectors() {
        assert_eq!(IL1Block::setL1BlockValuesIsthmusCall::SELECTOR, [0x09, 0x89, 0x99, 0xbe]);
        assert_eq!(IPortal::depositTransactionCall::SELECTOR, [0xe9, 0xe0, 0x5c, 0x42]);
        assert_eq!(
            IPortal::TransactionDeposited::SIGNATURE_HASH,
            keccak256("TransactionDeposited(address,address,uint256,bytes)")
        );
        assert_eq!(
            IL2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH,
            keccak256("MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)")
        );
    }
}
