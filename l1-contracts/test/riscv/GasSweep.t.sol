// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Scenario, Scenarios} from "./Scenarios.sol";

/// @title GasSweepTest
/// @notice Whoever calls `step` chooses the gas. Whatever he chooses, the step reverts or is right.
contract GasSweepTest is Scenarios {
    /// @notice Gas that every step can do with but those that call dear precompiles.
    uint256 internal constant PLENTY = 6_000_000;

    function test_everyKind_atEveryGas() public view {
        Scenario[] memory all = scenarios();
        for (uint256 i = 0; i < all.length; ++i) {
            this.sweep(all[i]);
        }
    }

    function test_dearOperations_atEveryGas() public view {
        // blake2f over 20,000 rounds; modexp just below the bound.
        bytes memory input = new bytes(213);
        (input[2], input[3], input[212]) = (0x4e, 0x20, 0x01);
        this.sweep(accelerator("blake2f", 9, input));
        input = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 122));
        this.sweep(accelerator("modexp, a million", 5, input));
    }

    /// @notice Where too little is left for the precompile, the error says so.
    function test_tooLittleForThePrecompile_saysSo() public view {
        Scenario memory s = accelerator("pairing", 8, new bytes(960));
        uint256 cost = 4 * (45_000 + 34_000 * 5) + 200_000;
        bool seen = false;
        for (uint256 gas = cost; gas < cost + 60_000; gas += 500) {
            (bool success, bytes memory answer) = attempt(s, gas);
            if (success || bytes4(answer) != IRiscV.NotEnoughGas.selector) continue;
            (uint256 required, uint256 available) = abi.decode(slice(answer, 4, 68), (uint256, uint256));
            vm.assertGe(required, cost);
            vm.assertLt(available, required);
            seen = true;
        }
        vm.assertTrue(seen);
    }

    /// @notice A precompile that fails burns what it was given, and no more: four times its cost, and 200,000.
    function test_failure_burnsWhatItWasGiven() public view {
        Scenario memory s = accelerator("failing pairing", 15, new bytes(767));
        uint256 before = gasleft();
        (bool success, bytes memory answer) = attempt(s, 15_000_000);
        uint256 burnt = before - gasleft();
        vm.assertTrue(success);
        vm.assertEq(abi.decode(answer, (bytes32)), s.post);
        vm.assertGe(burnt, 4 * (37_700 + 32_600) + 200_000);
        vm.assertLt(burnt, 4 * (37_700 + 32_600) + 200_000 + 40_000);
    }

    /// @notice Checks that a step reverts or gives its result, with gas from nothing to plenty.
    function sweep(Scenario memory _scenario) external view {
        bytes memory call = abi.encodeCall(IRiscV.step, (_scenario.state, _scenario.witness));
        // The least gas with which it succeeds, if more gas never hurts.
        (uint256 low, uint256 high) = (0, PLENTY);
        vm.assertTrue(checkAt(call, high, _scenario.post), _scenario.name);
        vm.assertFalse(checkAt(call, low, _scenario.post), _scenario.name);
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (checkAt(call, middle, _scenario.post)) high = middle;
            else low = middle;
        }
        // Coarsely over all, and one by one where it begins to succeed.
        uint256 successes = 0;
        uint256 refusals = 0;
        for (uint256 gas = 0; gas < high + 100_000; gas += 1 + high / 400) {
            if (checkAt(call, gas, _scenario.post)) ++successes;
            else ++refusals;
        }
        for (uint256 gas = high > 1200 ? high - 1200 : 0; gas < high + 200; ++gas) {
            if (checkAt(call, gas, _scenario.post)) ++successes;
            else ++refusals;
        }
        vm.assertGt(successes, 200);
        vm.assertGt(refusals, 200);
    }

    /// @notice Calls `step` with this gas. A success must have the right result.
    function checkAt(bytes memory _call, uint256 _gas, bytes32 _post) internal view returns (bool success_) {
        address machine = address(riscv);
        bytes32 post;
        assembly ("memory-safe") {
            success_ := staticcall(_gas, machine, add(_call, 32), mload(_call), 0, 32)
            post := mload(0)
        }
        if (success_) vm.assertEq(post, _post);
    }

    /// @notice Calls `step` with this gas.
    function attempt(Scenario memory _scenario, uint256 _gas)
        internal
        view
        returns (bool success_, bytes memory answer_)
    {
        bytes memory call = abi.encodeCall(IRiscV.step, (_scenario.state, _scenario.witness));
        (success_, answer_) = address(riscv).staticcall{gas: _gas}(call);
    }
}
