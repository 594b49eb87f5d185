// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// What stands behind a proxy at first.
contract Box is Initializable {
    uint256 public held;

    function initialize(uint256 value) external initializer {
        held = value;
    }
}

/// What it is upgraded to: the same storage, and more that it can do.
contract BoxAfter is Initializable {
    uint256 public held;

    function initialize(uint256 value) external initializer {
        held = value;
    }

    function double() external {
        held *= 2;
    }
}

/// What no proxy may be upgraded to: its storage lies elsewhere.
contract BoxShifted is Initializable {
    address public first;
    uint256 public held;

    function initialize(uint256 value) external initializer {
        held = value;
    }
}
