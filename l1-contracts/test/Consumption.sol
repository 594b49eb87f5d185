// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {System} from "./System.t.sol";

/// @title Consumption
/// @notice What L2 does with the messages of a batch, the obvious way: the rule of the state transition function by
///         which the blocks of a batch execute all that it covers.
abstract contract Consumption is System {
    uint64 internal constant G = 10_000_000;
    /// @notice Gas up to which a block takes messages.
    uint64 internal constant CAP = 20_000_000;

    /// @notice Queue index up to which L2 has executed messages.
    uint64 internal l2Cursor;

    /// @notice Executes a batch whose blocks take as few messages as they may, or what a seed says. Fails unless they
    ///         execute exactly what the batch covers.
    function execute(uint64 _blocks, uint64 _end, uint256 _seed) internal {
        uint64[] memory ends = new uint64[](_end - l2Cursor + 1);
        for (uint64 i = 0; i < ends.length; ++i) {
            ends[i] = gasBefore(l2Cursor + i);
        }
        uint256[] memory asked = new uint256[](_blocks);
        for (uint256 i = 0; _seed % 2 == 1 && i < _blocks; ++i) {
            asked[i] = uint256(keccak256(abi.encode(_seed, i))) % 4;
        }
        uint256[] memory cursors = consume(ends, asked, 1);
        vm.assertEq(cursors[_blocks - 1], ends.length - 1, "L2's cursor is the batch's message end");
        l2Cursor = _end;
    }

    /// @notice Which messages the blocks of a batch take.
    /// @param _ends Gas before each message, and after the last one.
    /// @param _asked How many messages each block's spec asks for.
    /// @param _slack What is added to the number of blocks behind a block, 1 in the rule.
    /// @return cursors_ The message at which each block ends.
    function consume(uint64[] memory _ends, uint256[] memory _asked, uint256 _slack)
        internal
        pure
        returns (uint256[] memory cursors_)
    {
        cursors_ = new uint256[](_asked.length);
        uint256 last = _ends.length - 1;
        uint256 at = 0;
        for (uint256 i = 0; i < _asked.length; ++i) {
            uint256 behind = _asked.length - 1 - i;
            bool greedy = behind == 0 || _ends[last] - _ends[at] > G * (behind + _slack);
            uint256 start = at;
            while (at < last && (greedy || at - start < _asked[i]) && _ends[at + 1] - _ends[start] <= CAP) ++at;
            cursors_[i] = at;
        }
    }

    /// @notice The batcher's batch, if the Inbox takes it; then L2 executes it.
    function tryAppend(uint64 _blocks, uint64 _end, bytes memory _header, uint256 _seed)
        internal
        returns (bool success_)
    {
        uint64 first = inbox.lastBlock() + 1;
        vm.prank(batcher, batcher);
        (success_,) = address(inbox)
            .call(abi.encodeCall(inbox.appendBatch, ("", first, _blocks, _end, bytes32(0), _header)));
        if (!success_) return false;
        messages.push(infoHeader());
        batches.push(batchHeader("", false, first, _blocks, _end));
        execute(_blocks, _end, _seed);
    }

    /// @notice A forced batch, which L2 executes.
    function forceAndExecute(bytes memory _old) internal {
        (uint64 blocks, uint64 end) = forcedRange();
        force(_old);
        execute(blocks, end, 0);
    }
}
