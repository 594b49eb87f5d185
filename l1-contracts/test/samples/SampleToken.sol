// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title SampleToken
/// @notice OpenZeppelin's ERC-20 with an open mint. For tests and benchmarks.
contract SampleToken is ERC20 {
    constructor(string memory name_, string memory symbol_, address holder, uint256 supply) ERC20(name_, symbol_) {
        _mint(holder, supply);
    }

    /// @notice Mints to anyone, for anyone.
    function mint(address to, uint256 value) external {
        _mint(to, value);
    }
}
