// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Run
/// @notice The first and the last state of a run of the fault proof VM, as far as a dispute looks into them.
///         Integers are big-endian.
///         | offset | bytes | field                                             |
///         | 0      | 32    | memory root                                       |
///         | 32     | 8     | pc                                                |
///         | 40     | 8     | step                                              |
///         | 48     | 1     | exited                                            |
///         | 49     | 8     | exit code                                         |
///         | 57     | 32    | output                                            |
///         | 89     | 248   | x1 to x31; at the start x10 to x13 hold the boot  |
library Run {
    /// @notice Length of a packed state.
    uint256 internal constant STATE_SIZE = 337;

    /// @notice Hash of the state before the first step.
    /// @param _root Memory root of the fault proof program.
    /// @param _entry First pc.
    /// @param _boot Hash of the BootInfo.
    function start(bytes32 _root, uint64 _entry, bytes32 _boot) internal pure returns (bytes32 hash_) {
        // Step, exited, exit code, output and x1 to x9 are zero (121 bytes), x14 to x31 as well (144 bytes).
        hash_ = keccak256(abi.encodePacked(_root, _entry, new bytes(121), _boot, new bytes(144)));
    }

    /// @notice Reads the last state of a run; it must have the right length.
    /// @return step_ Steps executed.
    /// @return exited_ Whether the VM has exited.
    /// @return value_ Value of the run: the output if it exited with code 0, else zero.
    function end(bytes calldata _state) internal pure returns (uint64 step_, bool exited_, bytes32 value_) {
        step_ = uint64(bytes8(_state[40:48]));
        exited_ = _state[48] == 0x01;
        if (exited_ && bytes8(_state[49:57]) == 0) value_ = bytes32(_state[57:89]);
    }
}
