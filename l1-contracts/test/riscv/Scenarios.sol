// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assembler} from "./Assembler.sol";
import {Machine, MachineTest} from "./MachineTest.sol";

/// @notice A step with its witness.
struct Scenario {
    string name;
    bytes state;
    bytes witness;
    /// Hash of the state after it.
    bytes32 post;
}

/// @title Scenarios
/// @notice One step of each kind, for tests that do the same to all of them.
abstract contract Scenarios is MachineTest {
    uint64 internal constant POINTER = 0x2000;
    uint64 internal constant DESTINATION = 0x4020;
    uint64 internal constant PAGE = 0x8000;

    /// @notice Commitment, element and proof of the polynomial X at the point -1, which has index 1.
    bytes internal constant TAU =
        hex"ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81";
    bytes32 internal constant MINUS_ONE = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000;
    bytes internal constant GENERATOR =
        hex"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";

    function scenarios() internal view returns (Scenario[] memory all_) {
        all_ = new Scenario[](15);
        all_[0] = computation();
        all_[1] = load();
        all_[2] = store();
        all_[3] = halt();
        all_[4] = preimage(100);
        all_[5] = blob();
        all_[6] = accelerator("keccak256", 0, noise(100, 1));
        all_[7] = accelerator("ecrecover", 1, signature());
        all_[8] = accelerator("identity", 4, noise(1024, 1));
        all_[9] = accelerator("modexp", 5, abi.encode(32, 32, 32, 3, type(uint256).max, type(uint256).max - 188));
        all_[10] = accelerator("pairing", 8, new bytes(960));
        all_[11] = accelerator("failing addition", 6, abi.encode(1, 1, 1, 1));
        all_[12] = accelerator("failing pairing", 15, new bytes(767));
        all_[13] = exited();
        all_[14] = unfetchable();
    }

    function computation() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = machine(Assembler.r(0x33, 0, 0, 1, 2, 3));
        Machine memory post = next(pre);
        unchecked {
            post.x[1] = pre.x[2] + pre.x[3];
        }
        scenario_ = scenario("computation", pre, code(pre), post);
    }

    function load() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = machine(Assembler.load(3, 1, 2, 8));
        pre.x[2] = POINTER;
        addSiblings(pre);
        pre.ram.writeNumber(POINTER + 8, 8, 0x1122334455667788);
        Machine memory post = next(pre);
        post.x[1] = 0x1122334455667788;
        scenario_ = scenario("load", pre, code(pre, POINTER), post);
    }

    function store() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = machine(Assembler.store(3, 1, 2, 8));
        pre.x[2] = POINTER;
        addSiblings(pre);
        pre.ram.setLeaf(POINTER, keccak256("overwritten"));
        Machine memory post = next(pre);
        post.ram.writeNumber(POINTER + 8, 8, pre.x[1]);
        scenario_ = scenario("store", pre, code(pre, POINTER), post);
    }

    function halt() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = caller(0, 7, POINTER, 0);
        addSiblings(pre);
        pre.ram.setLeaf(POINTER, keccak256("output"));
        scenario_ = scenario("halt", pre, code(pre, POINTER), exit(pre, 7, keccak256("output")));
    }

    function preimage(uint256 _length) internal pure returns (Scenario memory scenario_) {
        Machine memory pre = caller(1, POINTER, DESTINATION, 40);
        addSiblings(pre);
        bytes memory data = noise(_length, 2);
        pre.ram.setLeaf(POINTER, keccak256(data));
        pre.ram.setLeaf(DESTINATION, keccak256("overwritten"));
        Machine memory post = next(pre);
        post.ram.setLeaf(DESTINATION, bytes32(slice(data, 40, 72)));
        post.x[A0] = uint64(_length);
        bytes memory witness = bytes.concat(code(pre, POINTER), pre.ram.proof(DESTINATION), data);
        scenario_ = scenario("preimage", pre, witness, post);
    }

    function blob() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = caller(2, POINTER, DESTINATION, 1);
        addSiblings(pre);
        pre.ram.setLeaf(POINTER, bytes32(uint256(sha256(TAU)) & (type(uint256).max >> 8) | 1 << 248));
        pre.ram.setLeaf(DESTINATION, keccak256("overwritten"));
        Machine memory post = next(pre);
        post.ram.setLeaf(DESTINATION, MINUS_ONE);
        bytes memory opening = bytes.concat(MINUS_ONE, TAU, GENERATOR);
        bytes memory witness = bytes.concat(code(pre, POINTER), pre.ram.proof(DESTINATION), opening);
        scenario_ = scenario("blob", pre, witness, post);
    }

    /// @notice An operation on `_input`; noise stands behind it. The answer is the precompile's, given gas enough.
    function accelerator(string memory _name, uint64 _op, bytes memory _input)
        internal
        view
        returns (Scenario memory scenario_)
    {
        Machine memory pre = caller(3, _op, PAGE, uint64(_input.length));
        bytes memory page = bytes.concat(_input, noise(1024 - _input.length, 5));
        setPage(pre, page);
        bytes memory witness = bytes.concat(code(pre), pre.ram.pageProof(PAGE));
        (bool success, bytes memory output) = (true, abi.encode(keccak256(_input)));
        if (_op != 0) (success, output) = address(uint160(_op)).staticcall{gas: 2_000_000}(_input);
        for (uint256 i = 0; i < output.length; ++i) {
            page[i] = output[i];
        }
        Machine memory post = next(pre);
        setPage(post, page);
        (post.x[A0], post.x[A1]) = (success ? 1 : 0, uint64(output.length));
        scenario_ = scenario(_name, pre, witness, post);
    }

    function exited() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = exit(machine(0), 3, keccak256("output"));
        scenario_ = scenario("exited", pre, "", pre);
    }

    function unfetchable() internal pure returns (Scenario memory scenario_) {
        Machine memory pre = machine(0);
        pre.pc = 2;
        scenario_ = scenario("unfetchable", pre, "", exit(pre, 2, 0));
    }

    /// @notice A valid input of ecrecover: that of go-ethereum's tests.
    function signature() internal pure returns (bytes memory input_) {
        input_ = abi.encode(
            bytes32(0x18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c),
            uint256(28),
            bytes32(0x73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f),
            bytes32(0xeeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549)
        );
    }

    /// @notice A machine about to make a call.
    function caller(uint64 _number, uint64 _a0, uint64 _a1, uint64 _a2)
        internal
        pure
        returns (Machine memory machine_)
    {
        machine_ = machine(Assembler.ECALL);
        machine_.x[A7] = _number;
        (machine_.x[A0], machine_.x[A1], machine_.x[A2]) = (_a0, _a1, _a2);
    }

    /// @notice Puts something beside the leaves that are used, as there is in real memory: zeroes are cheaper.
    function addSiblings(Machine memory _machine) internal pure {
        _machine.ram.setLeaf(POINTER ^ 32, keccak256("sibling of the pointer's leaf"));
        _machine.ram.setLeaf(DESTINATION ^ 32, keccak256("sibling of the destination"));
    }

    /// @notice Fills the page at `PAGE`.
    function setPage(Machine memory _machine, bytes memory _content) internal pure {
        require(_content.length == 1024, "a page has 1,024 bytes");
        for (uint64 i = 0; i < 1024; i += 32) {
            _machine.ram.setLeaf(PAGE + i, bytes32(slice(_content, i, i + 32)));
        }
    }

    function scenario(string memory _name, Machine memory _pre, bytes memory _witness, Machine memory _post)
        internal
        pure
        returns (Scenario memory scenario_)
    {
        scenario_ = Scenario(_name, pack(_pre), _witness, keccak256(pack(_post)));
    }
}
