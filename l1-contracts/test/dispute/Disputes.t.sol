// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../../src/DisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {System} from "../System.t.sol";
import {Machine} from "./Machine.sol";

/// @title Disputes
/// @notice The moves of a dispute over blocks that the tiny program of `Machine` computes, and what an honest party knows
///         of them. Here `n / stride` and all that follows from it is written a second time.
abstract contract Disputes is System {
    /// @notice A claim as a challenger holds it.
    struct Node {
        bytes32 id;
        IDisputeGame.Claim claim;
        bytes32[] vector;
    }

    uint32 internal constant ROUNDS = 127;
    bytes32 internal constant CONFIG_HASH = keccak256("chain config");

    address internal bob = account("bob");
    address internal carol = account("carol");

    /// @notice The program fails on one block in this number plus one.
    uint32 internal failMask = 2047;
    DisputeGame internal game;
    bytes internal image;
    /// @notice The pin of the game.
    bytes32 internal acc;
    /// @notice The true output of each block.
    mapping(uint64 l2Block => bytes32) internal outputs;
    /// @notice Hashes of all states of a true run.
    mapping(bytes32 boot => bytes32[]) internal traces;

    function deployDisputes() internal {
        image = Machine.program(ROUNDS, failMask);
        deploy();
        vm.deal(bob, 1000 ether);
        vm.deal(carol, 1000 ether);
    }

    function gameParameters() internal virtual override returns (IDisputeGame.Parameters memory parameters_) {
        parameters_ = super.gameParameters();
        parameters_.programRoot = Machine.root(image);
        parameters_.programEntry = 0;
        parameters_.configHash = CONFIG_HASH;
    }

    // The truth.

    /// @notice Computes the outputs of the blocks up to `_last`, from genesis.
    function derive(bytes32 _acc, uint64 _last) internal {
        acc = _acc;
        outputs[0] = GENESIS_OUTPUT;
        for (uint64 i = 1; i <= _last; ++i) {
            outputs[i] = outputs[i - 1] == 0 ? bytes32(0) : Machine.result(bootOf(i), failMask);
        }
    }

    /// @notice What the machine is started with for a block whose parent did not fail.
    function bootOf(uint64 _block) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(outputs[_block - 1], _block, acc, CONFIG_HASH));
    }

    /// @notice Hashes of all states of a true run.
    function traceOf(bytes32 _boot) internal returns (bytes32[] storage trace_) {
        trace_ = traces[_boot];
        if (trace_.length == 0) traces[_boot] = Machine.trace(image, _boot, 300);
    }

    /// @notice Number of steps of a true run.
    function stepsOf(bytes32 _boot) internal returns (uint64) {
        return uint64(traceOf(_boot).length - 1);
    }

    /// @notice The true value after unit `_unit`.
    function valueAt(uint8 _level, bytes32 _boot, uint64 _unit) internal returns (bytes32) {
        if (_level == 0) return outputs[_unit];
        bytes32[] storage trace = traceOf(_boot);
        return trace[_unit < trace.length ? _unit : trace.length - 1];
    }

    /// @notice Start and length of a part.
    function partOf(uint64 _start, uint64 _length, uint256 _part)
        internal
        pure
        returns (uint64 start_, uint64 length_)
    {
        uint64 stride = 1;
        while (stride * 16 < _length) stride *= 16;
        start_ = _start + stride * uint64(_part);
        uint64 end = start_ + stride < _start + _length ? start_ + stride : _start + _length;
        length_ = end - start_;
    }

    /// @notice Number of parts.
    function partsOf(uint64 _length) internal pure returns (uint256 parts_) {
        uint64 covered = 0;
        while (covered < _length) {
            (, uint64 length) = partOf(0, _length, parts_++);
            covered += length;
        }
    }

    /// @notice The right vector over an interval.
    function truth(uint8 _level, bytes32 _boot, uint64 _start, uint64 _length)
        internal
        returns (bytes32[] memory vector_)
    {
        vector_ = new bytes32[](partsOf(_length));
        for (uint256 i = 0; i < vector_.length; ++i) {
            (uint64 start, uint64 length) = partOf(_start, _length, i);
            vector_[i] = valueAt(_level, _boot, start + length);
        }
    }

    /// @notice A vector with wrong values from part `_from` on.
    function lie(bytes32[] memory _vector, uint256 _from, uint256 _seed)
        internal
        pure
        returns (bytes32[] memory lie_)
    {
        lie_ = new bytes32[](_vector.length);
        for (uint256 i = 0; i < lie_.length; ++i) {
            lie_[i] = i < _from ? _vector[i] : keccak256(abi.encode("lie", _seed, i, _vector[i]));
        }
    }

    /// @notice The last state of a run that ends after `_steps` steps with output `_output`, in another memory.
    function endState(uint64 _steps, bytes32 _output) internal pure returns (bytes memory) {
        return
            abi.encodePacked(keccak256("memory"), uint64(44), _steps, uint8(1), uint64(0), _output, new bytes(248));
    }

    /// @notice The part's claim, without making it, with `_vector`.
    function childOf(Node memory _parent, uint8 _part, bytes32[] memory _vector)
        internal
        view
        returns (Node memory node_)
    {
        IDisputeGame.Claim memory claim = _parent.claim;
        (uint64 start, uint64 length) = partOf(claim.start, claim.length, _part);
        bytes32 agreed = _part == 0 ? claim.agreed : _parent.vector[_part - 1];
        node_.claim = IDisputeGame.Claim(_parent.id, _part, claim.level, claim.bootHash, start, length, agreed);
        node_.vector = _vector;
        node_.id = idOf(node_);
    }

    /// @notice The claim about the run over a part of one block, without making it.
    function runOf(Node memory _parent, uint8 _part, uint64 _steps, bytes32[] memory _vector)
        internal
        view
        returns (Node memory node_)
    {
        Node memory part = childOf(_parent, _part, _vector);
        bytes32 boot = keccak256(abi.encodePacked(part.claim.agreed, part.claim.start + 1, acc, CONFIG_HASH));
        bytes32 first = keccak256(Machine.pack(Machine.start(image, boot)));
        node_.claim = IDisputeGame.Claim(_parent.id, _part, 1, boot, 0, _steps, first);
        node_.vector = _vector;
        node_.id = idOf(node_);
    }

    function idOf(Node memory _node) internal view returns (bytes32) {
        IDisputeGame.Claim memory c = _node.claim;
        bytes memory place = abi.encode(address(game), c.parent, c.part, c.level, c.bootHash);
        return keccak256(bytes.concat(place, abi.encode(c.start, c.length, c.agreed, hashOf(_node.vector))));
    }

    function hashOf(bytes32[] memory _vector) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(_vector));
    }

    // Moves.

    /// @notice A new game about block `_block`, from genesis.
    function open(uint64 _block, bytes32[] memory _vector) internal returns (Node memory root_) {
        game = propose(_block, _vector);
        root_.claim = IDisputeGame.Claim(0, 0, 0, 0, 0, _block, GENESIS_OUTPUT);
        root_.vector = _vector;
        root_.id = idOf(root_);
    }

    /// @notice `_player` attacks a part of several units.
    function attack(address _player, Node memory _node, uint8 _part, bytes32[] memory _vector)
        internal
        returns (Node memory child_)
    {
        child_ = childOf(_node, _part, _vector);
        uint256 bond = game.bondAt(game.claimState(_node.id).depth + 1);
        vm.prank(_player);
        bytes32 id = game.attack{value: bond}(_node.claim, _node.vector, _part, _vector);
        vm.assertEq(id, child_.id, "id of an attack");
    }

    /// @notice `_player` attacks a part of one block.
    function attackBlock(
        address _player,
        Node memory _node,
        uint8 _part,
        uint64 _steps,
        bytes32[] memory _vector,
        bytes memory _lastState
    ) internal returns (Node memory child_) {
        child_ = runOf(_node, _part, _steps, _vector);
        bytes memory id = send(_player, _node, runCall(_node, child_, _lastState));
        vm.assertEq(abi.decode(id, (bytes32)), child_.id, "id of an attack on a block");
    }

    /// @notice The call that makes a claim about a run.
    function runCall(Node memory _node, Node memory _child, bytes memory _lastState)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(
            IDisputeGame.attackBlock,
            (_node.claim, _node.vector, _child.claim.part, _child.claim.length, _child.vector, _lastState)
        );
    }

    /// @notice Sends an attack on a claim with its bond; reverts as the game does.
    function send(address _player, Node memory _node, bytes memory _call) internal returns (bytes memory result_) {
        uint256 bond = game.bondAt(game.claimState(_node.id).depth + 1);
        bool success;
        vm.prank(_player);
        (success, result_) = address(game).call{value: bond}(_call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result_, 32), mload(result_))
            }
        }
    }

    /// @notice `_player` proves a step wrong, if its start is the true state.
    function step(address _player, Node memory _node, uint8 _part) internal {
        (uint64 start,) = partOf(_node.claim.start, _node.claim.length, _part);
        Machine.State memory state = Machine.at(image, _node.claim.bootHash, start);
        bytes memory packed = Machine.pack(state);
        bytes memory witness = Machine.witness(state);
        vm.prank(_player);
        game.step(_node.claim, _node.vector, _part, packed, witness);
    }

    /// @notice `_player` gives the honest answer to a wrong part, whatever its kind. A step gives no node.
    function answer(address _player, Node memory _node, uint8 _part) internal returns (Node memory child_) {
        (uint64 start, uint64 length) = partOf(_node.claim.start, _node.claim.length, _part);
        if (length > 1) {
            return attack(_player, _node, _part, truth(_node.claim.level, _node.claim.bootHash, start, length));
        }
        if (_node.claim.level == 1) {
            step(_player, _node, _part);
            return child_;
        }
        bytes32 boot = bootOf(start + 1);
        uint64 steps = stepsOf(boot);
        bytes memory last = Machine.pack(Machine.at(image, boot, steps));
        return attackBlock(_player, _node, _part, steps, truth(1, boot, 0, steps), last);
    }

    function decide(Node memory _node) internal {
        game.decide(_node.claim, hashOf(_node.vector));
    }

    function statusOf(Node memory _node) internal view returns (IDisputeGame.ClaimStatus) {
        return game.claimState(_node.id).status;
    }

    function assertStatus(Node memory _node, IDisputeGame.ClaimStatus _status) internal view {
        vm.assertEq(uint8(statusOf(_node)), uint8(_status), "status");
    }
}
