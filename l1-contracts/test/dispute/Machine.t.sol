// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Disputes} from "./Disputes.t.sol";
import {Machine} from "./Machine.sol";

/// @notice The tests' machine against the contract's, and the closed form against both.
contract MachineTest is Disputes {
    function setUp() public {
        deployDisputes();
    }

    function testFuzz_machine_runsAsOnL1(bytes32 _boot) public {
        follow(Machine.program(7, 63), _boot, 63);
    }

    /// @notice A boot whose run fails.
    function test_machine_failsAsOnL1() public {
        follow(Machine.program(7, 63), bytes32(uint256(1)), 63);
    }

    function follow(bytes memory _image, bytes32 _boot, uint32 _failMask) internal view {
        Machine.State memory state = Machine.start(_image, _boot);
        while (!state.exited) {
            bytes memory packed = Machine.pack(state);
            bytes memory witness = Machine.witness(state);
            Machine.step(state);
            vm.assertEq(riscV.step(packed, witness), keccak256(Machine.pack(state)), "state");
        }
        vm.assertEq(riscV.step(Machine.pack(state), ""), keccak256(Machine.pack(state)), "exited");
        bytes32 value = state.code == 0 ? state.output : bytes32(0);
        vm.assertEq(value, Machine.result(_boot, _failMask), "value");
        vm.assertEq(Machine.trace(_image, _boot, 1000).length, state.step + 1, "steps");
    }

    /// @notice The start state as the game computes it.
    function testFuzz_startState_isThatOfTheMachine(bytes32 _boot) public view {
        vm.assertEq(implementation.startState(_boot), keccak256(Machine.pack(Machine.start(image, _boot))));
    }
}
