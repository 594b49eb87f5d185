// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RiscV} from "../../src/RiscV.sol";
import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Scenario, Scenarios} from "./Scenarios.sol";

/// @title RiscVGasTest
/// @notice Measures steps as whole L1 transactions, calldata included, and holds them against `gas/transactions.json`.
///         All registers, and all that memory and branches hold, are noise, which costs more than zeroes. Whatever the
///         table says, no step may exceed the bounds here, which what an answer in a dispute may cost rests on.
/// forge-config: default.isolate = true
contract RiscVGasTest is Scenarios {
    /// @notice Longest preimage that the state transition asks for.
    uint256 internal constant LONGEST_PREIMAGE = 24_576;

    /// @notice Most gas of a step that only computes.
    uint256 internal constant COMPUTATION_BOUND = 150_000;

    /// @notice Most gas of a step that touches one leaf of memory.
    uint256 internal constant LEAF_BOUND = 170_000;

    /// @notice Most gas of every other usual step: an accelerator, an element of a blob, a preimage of up to 4 KiB.
    uint256 internal constant CALL_BOUND = 350_000;

    /// @notice Most gas of any step that calls no precompile in vain: the longest preimage, and accelerators whose input
    ///         names their price (modexp, blake2f).
    uint256 internal constant BOUND = 1_600_000;

    /// @notice Most gas of any step: a call that fails burns all that it was given.
    uint256 internal constant FAILURE_BOUND = 4_500_000;

    /// @notice Most gas of a transaction on L1 (EIP-7825).
    uint256 internal constant TRANSACTION_CAP = 16_777_216;

    function test_gas_computation() public {
        measure(computation(), "step, ALU", COMPUTATION_BOUND);
    }

    function test_gas_load() public {
        measure(load(), "step, load", LEAF_BOUND);
    }

    function test_gas_store() public {
        measure(store(), "step, store", LEAF_BOUND);
    }

    function test_gas_halt() public {
        measure(halt(), "step, HALT", LEAF_BOUND);
    }

    function test_gas_preimage() public {
        measure(preimage(532), "step, PREIMAGE, trie node of 532 bytes", CALL_BOUND);
    }

    function test_gas_preimage4KiB() public {
        measure(preimage(4096), "step, PREIMAGE, 4 KiB", CALL_BOUND);
    }

    function test_gas_preimageLongest() public {
        measure(preimage(LONGEST_PREIMAGE), "step, PREIMAGE, 24,576 bytes", BOUND);
    }

    function test_gas_blob() public {
        measure(blob(), "step, BLOB", CALL_BOUND);
    }

    function test_gas_keccak256() public {
        measure(accelerator("keccak256", 0, noise(1024, 1)), "step, ACCEL, keccak256", CALL_BOUND);
    }

    function test_gas_ecrecover() public {
        measure(accelerator("ecrecover", 1, signature()), "step, ACCEL, ecrecover", CALL_BOUND);
    }

    function test_gas_pairing() public {
        // Five pairs of points at infinity.
        measure(accelerator("pairing", 8, new bytes(960)), "step, ACCEL, bn254 pairing, 5 pairs", CALL_BOUND);
    }

    function test_gas_blake2f() public {
        // As many rounds as the bound allows; 2^20 would be over it.
        bytes memory input = bytes.concat(bytes4(uint32(1_000_000)), noise(208, 1), hex"01");
        measure(accelerator("blake2f", 9, input), "step, ACCEL, blake2f at the bound", BOUND);
    }

    function test_gas_mostExpensive() public {
        // 999,424 of 1,000,000 gas.
        bytes memory input = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 122));
        measure(accelerator("modexp", 5, input), "step, ACCEL, modexp at the bound", BOUND);
    }

    function test_gas_failure() public {
        // The most expensive call that fails: its last byte is neither 0 nor 1.
        bytes memory input = bytes.concat(bytes4(uint32(1_000_000)), noise(208, 1), hex"02");
        measure(accelerator("blake2f", 9, input), "step, ACCEL, failing blake2f at the bound", FAILURE_BOUND);
    }

    /// @notice The gas that the most expensive steps must come with, above what they use, fits an L1 transaction with a game's
    ///         around it.
    function test_gasLimit_fitsTransaction() public {
        bytes memory input = bytes.concat(bytes4(uint32(1_000_000)), noise(208, 1), hex"01");
        Scenario memory s = accelerator("blake2f", 9, input);
        bytes memory call = abi.encodeCall(IRiscV.step, (s.state, s.witness));
        (bool success,) = address(riscv).call{gas: 4_200_000}(call);
        vm.assertFalse(success);
        // Less 64ths on the way from transaction to game, and from game to machine; a game's own, and the floor.
        uint256 left = TRANSACTION_CAP / 2;
        (success,) = address(riscv).call{gas: left}(call);
        vm.assertTrue(success);
    }

    /// @notice Measures a step, which may not cost more than `_bound`.
    function measure(Scenario memory _scenario, string memory _name, uint256 _bound) internal {
        bytes memory call = abi.encodeCall(IRiscV.step, (_scenario.state, _scenario.witness));
        // A transaction, and not the static call that Solidity makes of a view.
        (bool success, bytes memory answer) = address(riscv).call(call);
        uint256 gas = vm.snapshotGasLastCall("transactions", _name);
        vm.assertLe(gas, _bound, _name);
        vm.assertTrue(success);
        vm.assertEq(abi.decode(answer, (bytes32)), _scenario.post, _scenario.name);
    }
}
