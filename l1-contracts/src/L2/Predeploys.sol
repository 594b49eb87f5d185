// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Predeploys
/// @notice Fixed addresses on L2, the OP Stack's.
library Predeploys {
    /// @notice WETH.
    address internal constant WETH = 0x4200000000000000000000000000000000000006;
    /// @notice L2CrossDomainMessenger.
    address internal constant L2_CROSS_DOMAIN_MESSENGER = 0x4200000000000000000000000000000000000007;
    /// @notice GasPriceOracle.
    address internal constant GAS_PRICE_ORACLE = 0x420000000000000000000000000000000000000F;
    /// @notice L2StandardBridge.
    address internal constant L2_STANDARD_BRIDGE = 0x4200000000000000000000000000000000000010;
    /// @notice FeeVault of priority fees.
    address internal constant SEQUENCER_FEE_VAULT = 0x4200000000000000000000000000000000000011;
    /// @notice OptimismMintableERC20Factory.
    address internal constant OPTIMISM_MINTABLE_ERC20_FACTORY = 0x4200000000000000000000000000000000000012;
    /// @notice L1Block.
    address internal constant L1_BLOCK = 0x4200000000000000000000000000000000000015;
    /// @notice L2ToL1MessagePasser.
    address internal constant L2_TO_L1_MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;
    /// @notice FeeVault of base fees.
    address internal constant BASE_FEE_VAULT = 0x4200000000000000000000000000000000000019;
    /// @notice FeeVault of L1 data fees.
    address internal constant L1_FEE_VAULT = 0x420000000000000000000000000000000000001A;
    /// @notice FeeVault of operator fees.
    address internal constant OPERATOR_FEE_VAULT = 0x420000000000000000000000000000000000001b;
}
