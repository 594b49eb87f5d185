// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RiscV} from "../../src/RiscV.sol";
import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Scenario, Scenarios} from "./Scenarios.sol";

/// @title RiscVGasTest
/// @notice Measures steps as whole L1 transactions, calldata included, and holds them against `gas/transactions.json`.
///         All registers, and all that memory and branches hold, are noise, which costs more than zeroes.
/// forge-config: default.isolate = true
contract RiscVGasTest is Scenarios {
    /// @notice Longest preimage that the state transition asks for.
    uint256 internal constant LONGEST_PREIMAGE = 24_576;

    function test_gas_computation() public {
        measure(computation(), "step, ALU");
    }

    function test_gas_load() public {
        measure(load(), "step, load");
    }

    function test_gas_store() public {
        measure(store(), "step, store");
    }

    function test_gas_halt() public {
        measure(halt(), "step, HALT");
    }

    function test_gas_preimage() public {
        measure(preimage(532), "step, PREIMAGE, trie node of 532 bytes");
    }

    function test_gas_preimage4KiB() public {
        measure(preimage(4096), "step, PREIMAGE, 4 KiB");
    }

    function test_gas_preimageLongest() public {
        measure(preimage(LONGEST_PREIMAGE), "step, PREIMAGE, 24,576 bytes");
    }

    function test_gas_blob() public {
        measure(blob(), "step, BLOB");
    }

    function test_gas_keccak256() public {
        measure(accelerator("keccak256", 0, noise(1024, 1)), "step, ACCEL, keccak256");
    }

    function test_gas_ecrecover() public {
        measure(accelerator("ecrecover", 1, signature()), "step, ACCEL, ecrecover");
    }

    function test_gas_pairing() public {
        // Five pairs of points at infinity.
        measure(accelerator("pairing", 8, new bytes(960)), "step, ACCEL, bn254 pairing, 5 pairs");
    }

    function test_gas_dearest() public {
        // 999,424 of 1,000,000 gas.
        bytes memory input = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 122));
        measure(accelerator("modexp", 5, input), "step, ACCEL, modexp at the bound");
    }

    /// @notice Measures a step.
    function measure(Scenario memory _scenario, string memory _name) internal {
        bytes memory call = abi.encodeCall(IRiscV.step, (_scenario.state, _scenario.witness));
        // A transaction, and not the static call that Solidity makes of a view.
        (bool success, bytes memory answer) = address(riscv).call(call);
        vm.snapshotGasLastCall("transactions", _name);
        vm.assertTrue(success);
        vm.assertEq(abi.decode(answer, (bytes32)), _scenario.post, _scenario.name);
    }
}
