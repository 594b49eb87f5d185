// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RiscV} from "../../src/RiscV.sol";
import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Base} from "../Base.t.sol";

/// @title KnownAnswersTest
/// @notice The constructor on chains that have all precompiles, and on older forks.
contract KnownAnswersTest is Base {
    function test_osaka_deploys() public {
        vm.assertGt(address(new RiscV()).code.length, 0);
    }

    /// @notice No P256VERIFY.
    /// forge-config: default.evm_version = "prague"
    function test_prague_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRiscV.PrecompileFailed.selector, address(0x100)));
        new RiscV();
    }

    /// @notice No BLS12-381.
    /// forge-config: default.evm_version = "cancun"
    function test_cancun_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRiscV.PrecompileFailed.selector, address(0x0b)));
        new RiscV();
    }
}
