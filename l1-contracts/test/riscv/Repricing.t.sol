// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Accelerator} from "../../src/lib/riscv/Accelerator.sol";
import {Precompile} from "../../src/lib/riscv/Precompile.sol";
import {Base} from "../Base.t.sol";
import {Scenario, Scenarios} from "./Scenarios.sol";

/// @notice A precompile on an L1 that charges more for it: burns so much, and answers as the precompile does.
contract Repriced {
    address private immutable precompile;
    uint256 private immutable more;

    constructor(address _precompile, uint256 _more) {
        (precompile, more) = (_precompile, _more);
    }

    fallback(bytes calldata _input) external returns (bytes memory) {
        uint256 start = gasleft();
        while (start - gasleft() < more) {}
        (bool success, bytes memory output) = precompile.staticcall(_input);
        if (!success) {
            assembly {
                revert(0, 0)
            }
        }
        return output;
    }
}

/// @notice Stands in for a precompile on such an L1: uses its gas, with what it needs itself on top, and gives one answer.
/// @dev Its code runs in the precompile's place, so it has no storage.
contract Answering {
    bytes32 private immutable first;
    bytes32 private immutable second;
    uint256 private immutable length;
    uint256 private immutable cost;

    constructor(bytes memory _answer, uint256 _cost) {
        (first, length, cost) = (bytes32(_answer), _answer.length, _cost);
        bytes32 next;
        assembly {
            next := mload(add(_answer, 64))
        }
        second = next;
    }

    fallback() external {
        uint256 start = gasleft();
        while (start - gasleft() < cost) {}
        (bytes32 a, bytes32 b, uint256 n) = (first, second, length);
        assembly {
            mstore(0, a)
            mstore(32, b)
            return(0, n)
        }
    }
}

/// @title RepricedMachineTest
/// @notice The same attack on the machine itself: its steps on an L1 that charges three times the table.
contract RepricedMachineTest is Scenarios {
    /// @notice All published inputs whose answers are not longer than what stands in for the precompile can give.
    function test_repriced_sameSuccessor() public {
        string memory vectors = vm.readFile("test/vectors/precompiles.json");
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".inputs");
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".operations");
        uint256[] memory costs = vm.parseJsonUintArray(vectors, ".costs");
        uint256 seen = 0;
        for (uint256 i = 0; i < operations.length; ++i) {
            if (costs[i] <= Accelerator.MAX_GAS && this.check(uint160(operations[i]), inputs[i], 3 * costs[i])) {
                ++seen;
            }
        }
        vm.assertGt(seen, 60);
        this.check(8, new bytes(960), 3 * 215_000);
        this.check(6, abi.encode(1, 2, 1, 2), 314);
    }

    /// @notice A step has the same successor before and after the repricing.
    function check(uint160 _op, bytes memory _input, uint256 _cost) external returns (bool checked_) {
        (, bytes memory answer) = address(_op).staticcall(_input);
        if (answer.length > 64) return false;
        Scenario memory s = accelerator("repriced", uint64(_op), _input);
        vm.assertEq(riscv.step(s.state, s.witness), s.post, "before");
        vm.mockFunction(address(_op), address(new Answering(answer, _cost)), _input);
        uint256 used = gasleft();
        (bool success,) = address(_op).staticcall(_input);
        used -= gasleft();
        vm.assertTrue(success && used >= _cost, "repriced");
        vm.assertEq(riscv.step(s.state, s.witness), s.post, "after");
        vm.clearMockedCalls();
        return true;
    }
}

/// @title RepricingTest
/// @notice Attack: an L1 fork makes a precompile cost more than the machine's table says. Called with just that, it would
///         fail, and the same state and witness would have another successor: right claims would be countered, and wrong
///         ones could not be. (EIP-7904 would raise BN254_ADD from 150 to 314 gas.)
contract RepricingTest is Base {
    string private vectors;

    function setUp() public {
        vectors = vm.readFile("test/vectors/precompiles.json");
    }

    /// @notice All published inputs give the same answers at three times, and at four times the table's cost.
    function test_repriced_sameAnswers() public {
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".inputs");
        bytes[] memory outputs = vm.parseJsonBytesArray(vectors, ".outputs");
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".operations");
        uint256 seen = 0;
        for (uint256 i = 0; i < operations.length; ++i) {
            if (costOf(operations[i], inputs[i]) > Accelerator.MAX_GAS) continue;
            for (uint256 times = 1; times <= 4; ++times) {
                (bool success, bytes memory output) = this.run(operations[i], inputs[i], times);
                vm.assertTrue(success);
                vm.assertEq(output, outputs[i]);
            }
            ++seen;
        }
        vm.assertEq(seen, 160);
    }

    function test_repriced_sameFailures() public {
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".failingInputs");
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".failingOperations");
        for (uint256 i = 0; i < operations.length; ++i) {
            for (uint256 times = 1; times <= 4; ++times) {
                (bool success, bytes memory output) = this.run(operations[i], inputs[i], times);
                vm.assertFalse(success);
                vm.assertEq(output, "");
            }
        }
    }

    /// @notice The most expensive operations that the VM runs.
    function test_repriced_mostExpensive() public {
        bytes memory rounds = bytes.concat(bytes4(uint32(1_000_000)), noise(208, 1), hex"01");
        bytes memory modexp = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 122));
        for (uint256 times = 1; times <= 4; ++times) {
            (bool success, bytes memory output) = this.run(9, rounds, times);
            vm.assertTrue(success && output.length == 64);
            (success, output) = this.run(5, modexp, times);
            vm.assertTrue(success && output.length == 0);
        }
    }

    /// @notice Beyond the margin the answer would change: this test can see it.
    function test_repriced_beyondMargin_fails() public {
        bytes memory pairing = new bytes(960);
        (bool success,) = this.run(8, pairing, 4);
        vm.assertTrue(success);
        (success,) = this.run(8, pairing, 6);
        vm.assertFalse(success);
    }

    /// @notice Calls an operation as the machine does, on an L1 where it costs so many times what the table says.
    function run(uint256 _op, bytes memory _input, uint256 _times)
        external
        returns (bool success_, bytes memory output_)
    {
        uint256 cost = costOf(_op, _input);
        uint160 target = uint160(_op);
        if (_times > 1) target = uint160(address(new Repriced(address(target), (_times - 1) * cost)));
        bytes memory page = bytes.concat(_input, new bytes(1024 - _input.length));
        uint256 position;
        assembly ("memory-safe") {
            position := add(page, 32)
        }
        uint256 length;
        (success_, length) = Precompile.call(target, cost, position, _input.length, position, 1024);
        output_ = slice(page, 0, length);
    }

    function costOf(uint256 _op, bytes memory _input) private pure returns (uint256 cost_) {
        uint256 position;
        assembly ("memory-safe") {
            position := add(_input, 32)
        }
        cost_ = Accelerator.cost(_op, position, _input.length);
    }
}
