// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title AddressAlias
/// @notice Moves the addresses of L1 contracts on L2, where somebody else may control the same address.
library AddressAlias {
    /// @notice What is added to the address of an L1 contract.
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice The L2 address of an L1 contract.
    function toL2(address _l1Contract) internal pure returns (address alias_) {
        unchecked {
            alias_ = address(uint160(_l1Contract) + OFFSET);
        }
    }
}
