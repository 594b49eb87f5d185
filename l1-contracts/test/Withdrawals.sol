// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {System} from "./System.t.sol";
import {TrieBuilder} from "./TrieBuilder.sol";

/// @title Withdrawals
/// @notice Keeps withdrawals as L2 would, and proves them: the message passer's storage trie is built for real.
abstract contract Withdrawals is System {
    address internal bob = account("bob");

    /// @notice All withdrawals so far, in order.
    IPortal.WithdrawalTransaction[] internal withdrawals;
    /// @notice Output roots of games, and how many withdrawals they know of.
    mapping(address game => uint256) internal known;
    /// @notice What was proposed.
    mapping(address game => bytes32[]) private _vectors;
    uint64 internal lastProposed;

    /// @notice L2 records a withdrawal.
    function initiate(address _target, uint256 _value, uint256 _gasLimit, bytes memory _data)
        internal
        returns (uint256 index_)
    {
        return initiate(bob, _target, _value, _gasLimit, _data);
    }

    function initiate(address _sender, address _target, uint256 _value, uint256 _gasLimit, bytes memory _data)
        internal
        returns (uint256 index_)
    {
        index_ = withdrawals.length;
        uint256 nonce = (uint256(1) << 240) | index_;
        withdrawals.push(IPortal.WithdrawalTransaction(nonce, _sender, _target, _value, _gasLimit, _data));
    }

    function hashOf(IPortal.WithdrawalTransaction memory _w) internal pure returns (bytes32) {
        return keccak256(abi.encode(_w.nonce, _w.sender, _w.target, _w.value, _w.gasLimit, _w.data));
    }

    function hashOf(uint256 _index) internal view returns (bytes32) {
        return hashOf(withdrawals[_index]);
    }

    /// @notice Where the trie has a withdrawal.
    function keyOf(bytes32 _hash) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(_hash, uint256(0)))));
    }

    /// @notice The message passer's storage after the first `_count` withdrawals: their marks, and the nonce in slot 1.
    function storageOf(uint256 _count) internal view returns (TrieBuilder.Entry[] memory entries_) {
        entries_ = new TrieBuilder.Entry[](_count == 0 ? 0 : _count + 1);
        for (uint256 i = 0; i < _count; ++i) {
            entries_[i] = TrieBuilder.Entry(keyOf(hashOf(i)), hex"01");
        }
        // Numbers of up to two bytes in RLP.
        bytes memory nonce = _count < 256 ? abi.encodePacked(uint8(_count)) : abi.encodePacked(uint16(_count));
        if (_count != 0) {
            entries_[_count] = TrieBuilder.Entry(keccak256(abi.encode(uint256(1))), TrieBuilder.rlpString(nonce));
        }
    }

    function outputOf(uint256 _count) internal view returns (IPortal.OutputRootProof memory) {
        bytes32 root = TrieBuilder.root(storageOf(_count));
        return IPortal.OutputRootProof(0, keccak256("state root"), root, keccak256(abi.encode("block", _count)));
    }

    function outputRootOf(uint256 _count) internal view returns (bytes32) {
        IPortal.OutputRootProof memory o = outputOf(_count);
        return keccak256(bytes.concat(bytes32(0), o.stateRoot, o.messagePasserStorageRoot, o.latestBlockhash));
    }

    /// @notice The proposer claims the output after all withdrawals so far.
    function proposeOutput() internal returns (DisputeGame game_) {
        ++lastProposed;
        (, uint256 anchor) = registry.anchors();
        bytes32[] memory vector = vectorOver(lastProposed - uint64(anchor));
        vector[vector.length - 1] = outputRootOf(withdrawals.length);
        game_ = propose(lastProposed, vector);
        known[address(game_)] = withdrawals.length;
        _vectors[address(game_)] = vector;
    }

    /// @notice Index of the newest game.
    function newest() internal view returns (uint256) {
        return factory.gameCount() - 1;
    }

    /// @notice Everything that proves withdrawal `_index` against game `_game`.
    function proveCall(IPortal.WithdrawalTransaction memory _w, uint256 _game)
        internal
        view
        returns (bytes memory call_)
    {
        (,, address game) = factory.gameAtIndex(_game);
        uint256 count = known[game];
        bytes[] memory proof = TrieBuilder.proof(storageOf(count), keyOf(hashOf(_w)), false);
        call_ = abi.encodeCall(IPortal.proveWithdrawalTransaction, (_w, _game, outputOf(count), proof));
    }

    function prove(uint256 _index, uint256 _game) internal {
        tryPortal(alice, proveCall(withdrawals[_index], _game), "");
    }

    function finalize(uint256 _index) internal {
        tryPortal(alice, abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[_index])), "");
    }

    function expectProve(uint256 _index, uint256 _game, bytes4 _error) internal {
        tryPortal(alice, proveCall(withdrawals[_index], _game), abi.encodePacked(_error));
    }

    function expectFinalize(uint256 _index, bytes4 _error) internal {
        bytes memory call_ = abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[_index]));
        tryPortal(alice, call_, abi.encodePacked(_error));
    }

    /// @notice Calls the portal and expects this error, or none.
    function tryPortal(address _sender, bytes memory _call, bytes memory _error) internal {
        vm.prank(_sender, _sender);
        (bool success, bytes memory answer) = address(portal).call(_call);
        vm.assertEq(success, _error.length == 0);
        if (!success) vm.assertEq(answer, _error);
    }

    /// @notice The game is decided for its proposer, and the air gap and the proofs' delay pass.
    function mature(DisputeGame _game) internal {
        if (block.timestamp < _game.expectedResolution()) vm.warp(_game.expectedResolution());
        _game.resolve();
        pass(FINALITY_DELAY + PROOF_MATURITY + 1);
    }

    /// @notice The game is decided against its claim.
    function lose(DisputeGame _game) internal {
        defeat(_game, _vectors[address(_game)]);
    }
}
