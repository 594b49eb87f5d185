// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Assembler} from "./Assembler.sol";
import {Machine} from "./MachineTest.sol";
import {Scenario, Scenarios} from "./Scenarios.sol";

/// @title RefusalsTest
/// @notice What reverts: impossible states, witnesses that do not verify or have another length, calls with too little
///         gas. Whatever a caller does to a valid step, no other result comes out.
contract RefusalsTest is Scenarios {
    Scenario[] internal all;

    function setUp() public override {
        super.setUp();
        Scenario[] memory list = scenarios();
        for (uint256 i = 0; i < list.length; ++i) {
            all.push(list[i]);
        }
    }

    function test_scenarios_areSteps() public view {
        for (uint256 i = 0; i < all.length; ++i) {
            vm.assertEq(riscv.step(all[i].state, all[i].witness), all[i].post, all[i].name);
        }
    }

    // States.

    function test_state_otherLength_reverts() public {
        for (uint256 i = 0; i < all.length; ++i) {
            bytes memory state = all[i].state;
            bytes memory witness = all[i].witness;
            uint256[4] memory lengths = [uint256(0), 89, 336, 338];
            for (uint256 j = 0; j < lengths.length; ++j) {
                checkRefused(
                    slice(bytes.concat(state, hex"00"), 0, lengths[j]),
                    witness,
                    abi.encodeWithSelector(IRiscV.WrongStateLength.selector, 337, lengths[j])
                );
            }
        }
    }

    function test_state_impossibleFlag_reverts() public {
        for (uint256 i = 0; i < all.length; ++i) {
            bytes memory state = all[i].state;
            uint8[3] memory flags = [2, 128, 255];
            for (uint256 j = 0; j < flags.length; ++j) {
                state[48] = bytes1(flags[j]);
                checkRefused(
                    state, all[i].witness, abi.encodeWithSelector(IRiscV.ImpossibleExitedFlag.selector, flags[j])
                );
            }
        }
    }

    function test_state_otherMemoryRoot_reverts() public view {
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].witness.length == 0) continue;
            for (uint256 j = 0; j < 32; ++j) {
                bytes memory state = all[i].state;
                state[j] ^= 0x01;
                checkAnyRefusal(state, all[i].witness, all[i].name);
            }
        }
    }

    /// @notice A state that differs anywhere leads to another state, or is refused. (Not those where an operation
    ///         fails: another one may fail as well.)
    function testFuzz_state_flippedByte(uint256 _scenario, uint256 _at, uint8 _flip) public view {
        Scenario memory s = all[_scenario % 11];
        _at %= 337;
        s.state[_at] ^= _flip == 0 ? bytes1(0x01) : bytes1(_flip);
        try riscv.step(s.state, s.witness) returns (bytes32 post) {
            // But what the step overwrites: a register, or an exit's code and output.
            bytes32 name = keccak256(bytes(s.name));
            bool overwritten = name == keccak256("halt") && isResult(_at);
            if (name == keccak256("computation") || name == keccak256("load")) overwritten = register(_at) == 1;
            vm.assertTrue((post == s.post) == overwritten, s.name);
        } catch {}
    }

    /// @notice The register at an offset of a state, 0 if there is none.
    function register(uint256 _at) internal pure returns (uint256 register_) {
        register_ = _at < 89 ? 0 : (_at - 89) / 8 + 1;
    }

    /// @notice Whether exit code or output stand at an offset of a state.
    function isResult(uint256 _at) internal pure returns (bool result_) {
        result_ = _at >= 49 && _at < 89;
    }

    // Witnesses.

    function test_witness_otherLength_reverts() public {
        for (uint256 i = 0; i < all.length; ++i) {
            bytes memory witness = all[i].witness;
            bool isPreimage = keccak256(bytes(all[i].name)) == keccak256("preimage");
            uint256[5] memory added = [uint256(1), 31, 32, 896, 4096];
            for (uint256 j = 0; j < added.length; ++j) {
                bytes memory longer = bytes.concat(witness, new bytes(added[j]));
                // Behind a preimage, more is a longer preimage, and another.
                if (isPreimage) checkAnyRefusal(all[i].state, longer, all[i].name);
                else checkRefused(all[i].state, longer, wrongLength(witness.length, longer.length));
            }
            if (witness.length != 0 && !isPreimage) {
                bytes memory shorter = slice(witness, 0, witness.length - 1);
                checkRefused(all[i].state, shorter, wrongLength(witness.length, witness.length - 1));
            }
            for (uint256 cut = 0; cut < witness.length; cut += 1 + witness.length / 23) {
                checkAnyRefusal(all[i].state, slice(witness, 0, cut), all[i].name);
            }
        }
    }

    function test_witness_empty_reverts() public {
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].witness.length == 0) continue;
            checkRefused(all[i].state, "", wrongLength(896, 0));
        }
    }

    /// @notice The missing bytes are there in calldata, but not in the witness.
    function test_witness_shortButFollowedByTheRest_reverts() public view {
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].witness.length == 0) continue;
            bytes memory call = abi.encodeCall(IRiscV.step, (all[i].state, all[i].witness));
            // The word of the witness's length: behind selector, two offsets, the state's length and eleven words.
            uint256 at = 4 + 32 * (2 + 1 + 11);
            for (uint256 j = 0; j < 32; ++j) {
                call[at + j] = bytes32(all[i].witness.length - 1)[j];
            }
            (bool success,) = address(riscv).staticcall(call);
            vm.assertFalse(success, all[i].name);
        }
    }

    function testFuzz_witness_flippedByte_reverts(uint256 _scenario, uint256 _at, uint8 _flip) public view {
        // All that have a witness.
        Scenario memory s = all[_scenario % (all.length - 2)];
        if (_flip == 0) _flip = 1;
        s.witness[_at % s.witness.length] ^= bytes1(_flip);
        checkAnyRefusal(s.state, s.witness, s.name);
    }

    function test_witness_everyByteOfEveryKind_reverts() public view {
        for (uint256 i = 0; i < all.length; ++i) {
            this.checkFlips(i);
        }
    }

    function test_witness_otherLeaf_reverts() public view {
        // The leaf next to the one that is loaded, with its own valid branch.
        Machine memory pre = machine(Assembler.load(3, 1, 2, 0));
        pre.x[2] = POINTER;
        pre.ram.setLeaf(POINTER, keccak256("this one"));
        pre.ram.setLeaf(POINTER + 32, keccak256("not this one"));
        bytes32 root = pre.ram.root();
        bytes memory witness = code(pre, POINTER + 32);
        try riscv.step(pack(pre), witness) {
            vm.assertTrue(false);
        } catch (bytes memory error) {
            vm.assertEq(bytes32(slice(error, 0, 4)), bytes32(IRiscV.WrongMemoryProof.selector));
            (uint256 pointer, bytes32 expected,) =
                abi.decode(slice(error, 4, error.length), (uint256, bytes32, bytes32));
            vm.assertEq(pointer, POINTER);
            vm.assertEq(expected, root);
        }
        // Parts in another order.
        checkAnyRefusal(pack(pre), bytes.concat(pre.ram.proof(POINTER), code(pre)), "order");
    }

    /// @notice A node of the tree is no leaf: branches have one length.
    function test_witness_innerNodeAsLeaf_reverts() public view {
        Machine memory pre = machine(Assembler.load(3, 1, 2, 0));
        pre.x[2] = POINTER;
        bytes32 node = pre.ram.node(1, POINTER / 64);
        bytes memory witness = bytes.concat(code(pre), node, pre.ram.branch(POINTER, 1));
        checkAnyRefusal(pack(pre), witness, "short branch");
        checkAnyRefusal(pack(pre), bytes.concat(witness, new bytes(32)), "short branch, filled");
    }

    function test_calldata_malformed_reverts() public view {
        bytes memory call = abi.encodeCall(IRiscV.step, (all[0].state, all[0].witness));
        for (uint256 length = 0; length < call.length; length += 61) {
            (bool success,) = address(riscv).staticcall(slice(call, 0, length));
            vm.assertFalse(success);
        }
    }

    /// @notice Checks that no byte of a witness may be any other.
    function checkFlips(uint256 _scenario) external view {
        Scenario memory s = all[_scenario];
        bytes memory call = abi.encodeCall(IRiscV.step, (s.state, s.witness));
        uint256 at = 4 + 32 * (2 + 1 + 11 + 1);
        for (uint256 i = 0; i < s.witness.length; ++i) {
            bytes1 right = call[at + i];
            call[at + i] = ~right;
            (bool success,) = address(riscv).staticcall(call);
            vm.assertFalse(success, s.name);
            call[at + i] = right;
        }
        (bool valid,) = address(riscv).staticcall(call);
        vm.assertTrue(valid, s.name);
    }

    function wrongLength(uint256 _expected, uint256 _actual) internal pure returns (bytes memory error_) {
        error_ = abi.encodeWithSelector(IRiscV.WrongWitnessLength.selector, _expected, _actual);
    }
}
