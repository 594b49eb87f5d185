// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Machine
/// @notice The fault proof VM once more, the obvious way, as far as a tiny program needs it: six instructions and
///         128 bytes of memory that are not zero. It gives what a challenger has: states and witnesses of a real run.
/// @dev The program counts a number of rounds that depends on its boot, writes the boot to memory, and halts with that as
///      its output; or with exit code 1, if the boot's first word has no bit in common with a mask.
library Machine {
    struct State {
        bytes memory_;
        bytes32 root;
        uint64 pc;
        uint64 step;
        bool exited;
        uint64 code;
        bytes32 output;
        uint64[32] x;
    }

    /// @notice Where the program writes its output.
    uint64 private constant OUTPUT = 64;

    /// @notice The image of the program.
    /// @param _roundMask It counts down from the boot's first word, masked with this, plus one.
    /// @param _failMask It fails if the boot's first word has none of these bits.
    function program(uint32 _roundMask, uint32 _failMask) internal pure returns (bytes memory image_) {
        uint32[32] memory words;
        words[0] = _i(7, 5, 10, _roundMask); // andi t0, a0, roundMask
        words[1] = _i(0, 5, 5, 1); //           addi t0, t0, 1
        words[2] = _i(7, 6, 10, _failMask); //  andi t1, a0, failMask
        words[3] = _i(0, 5, 5, 0xfff); //       addi t0, t0, -1
        words[4] = 0xfe029ee3; //               bne  t0, zero, -4
        for (uint32 i = 0; i < 4; ++i) {
            words[5 + i] = _s(10 + i, uint32(OUTPUT) + 8 * i); // sd a0, 64(zero) and so on
        }
        words[9] = _i(3, 10, 6, 1); //          sltiu a0, t1, 1
        words[10] = _i(0, 11, 0, uint32(OUTPUT)); // addi a1, zero, 64
        words[11] = 0x73; //                    ecall
        image_ = _assemble(words);
    }

    /// @notice The image of a program that never halts.
    function endless() internal pure returns (bytes memory image_) {
        uint32[32] memory words;
        words[0] = _i(0, 5, 5, 1); // addi t0, t0, 1
        words[1] = 0xfe029ee3; //     bne  t0, zero, -4
        image_ = _assemble(words);
    }

    /// @notice What `program` computes, in closed form; zero if it fails.
    function result(bytes32 _boot, uint32 _failMask) internal pure returns (bytes32 output_) {
        if (uint64(bytes8(_boot)) & _failMask == 0) return 0;
        bytes memory out = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            out[i] = _boot[i - i % 8 + 7 - i % 8]; // registers hold big-endian words, memory is little-endian
        }
        output_ = bytes32(out);
    }

    /// @notice The state before the first step; pc is 0.
    function start(bytes memory _image, bytes32 _boot) internal pure returns (State memory state_) {
        state_.memory_ = bytes.concat(_image);
        state_.root = root(_image);
        for (uint256 i = 0; i < 4; ++i) {
            state_.x[10 + i] = uint64(uint256(_boot) >> (192 - 64 * i));
        }
    }

    /// @notice Executes one step in place.
    function step(State memory _state) internal pure {
        if (_state.exited) return;
        uint32 word = _fetch(_state);
        uint64 next = _state.pc + 4;
        uint64 left = _state.x[(word >> 15) & 31];
        uint64 right = _state.x[(word >> 20) & 31];
        uint64 imm = uint64(int64(int32(word) >> 20));
        uint32 funct = (word >> 12) & 7;
        uint256 rd = (word >> 7) & 31;
        if (word & 127 == 0x13) {
            if (funct == 0) {
                unchecked {
                    left += imm;
                }
            } else if (funct == 7) {
                left &= imm;
            } else {
                left = left < imm ? 1 : 0; // sltiu
            }
            if (rd != 0) _state.x[rd] = left;
        } else if (word & 127 == 0x63) {
            if (left != right) next = _state.pc - 4; // the only branch
        } else if (word & 127 == 0x23) {
            uint256 place = ((word >> 20) & 0xfe0) | rd;
            for (uint256 i = 0; i < 8; ++i) {
                _state.memory_[place + i] = bytes1(uint8(right >> (8 * i)));
            }
            _state.root = root(_state.memory_);
        } else {
            _state.exited = true;
            _state.code = _state.x[10];
            _state.output = _leaf(_state.memory_, _state.x[11] / 32);
            next = _state.pc;
        }
        _state.pc = next;
        _state.step += 1;
    }

    /// @notice What a verifier needs for the next step.
    function witness(State memory _state) internal pure returns (bytes memory witness_) {
        if (_state.exited) return "";
        uint32 word = _fetch(_state);
        witness_ = _branch(_state.memory_, _state.pc / 32);
        if (word & 127 == 0x23) {
            witness_ = bytes.concat(
                witness_, _branch(_state.memory_, (((word >> 20) & 0xfe0) | ((word >> 7) & 31)) / 32)
            );
        } else if (word == 0x73) {
            witness_ = bytes.concat(witness_, _branch(_state.memory_, _state.x[11] / 32));
        }
    }

    /// @notice The packed state.
    function pack(State memory _state) internal pure returns (bytes memory packed_) {
        packed_ = abi.encodePacked(_state.root, _state.pc, _state.step, _state.exited, _state.code, _state.output);
        for (uint256 i = 1; i < 32; i += 1) {
            packed_ = bytes.concat(packed_, bytes8(_state.x[i]));
        }
    }

    /// @notice Hashes of all states of a run, the first and the last included, but at most `_max` steps.
    function trace(bytes memory _image, bytes32 _boot, uint256 _max)
        internal
        pure
        returns (bytes32[] memory hashes_)
    {
        State memory state = start(_image, _boot);
        bytes32[] memory all = new bytes32[](_max + 1);
        all[0] = keccak256(pack(state));
        uint256 count = 0;
        while (count < _max && !state.exited) {
            step(state);
            all[++count] = keccak256(pack(state));
        }
        hashes_ = new bytes32[](count + 1);
        for (uint256 i = 0; i <= count; ++i) {
            hashes_[i] = all[i];
        }
    }

    /// @notice The state after `_steps` steps.
    function at(bytes memory _image, bytes32 _boot, uint256 _steps) internal pure returns (State memory state_) {
        state_ = start(_image, _boot);
        for (uint256 i = 0; i < _steps; ++i) {
            step(state_);
        }
    }

    /// @notice Memory root over an image of 128 bytes, all else zero.
    function root(bytes memory _image) internal pure returns (bytes32 root_) {
        root_ = _fold(_image);
        bytes32 zero = _zero2();
        for (uint256 i = 2; i < 27; ++i) {
            root_ = keccak256(abi.encodePacked(root_, zero));
            zero = keccak256(abi.encodePacked(zero, zero));
        }
    }

    /// @notice A leaf of the first four, with its branch.
    function _branch(bytes memory _memory, uint64 _index) private pure returns (bytes memory branch_) {
        bytes32 pair = keccak256(
            abi.encodePacked(_leaf(_memory, (_index ^ 2) & ~uint64(1)), _leaf(_memory, (_index ^ 2) | 1))
        );
        branch_ = abi.encodePacked(_leaf(_memory, _index), _leaf(_memory, _index ^ 1), pair);
        bytes32 zero = _zero2();
        for (uint256 i = 2; i < 27; ++i) {
            branch_ = bytes.concat(branch_, zero);
            zero = keccak256(abi.encodePacked(zero, zero));
        }
    }

    function _fold(bytes memory _memory) private pure returns (bytes32 node_) {
        bytes32 left = keccak256(abi.encodePacked(_leaf(_memory, 0), _leaf(_memory, 1)));
        node_ =
            keccak256(abi.encodePacked(left, keccak256(abi.encodePacked(_leaf(_memory, 2), _leaf(_memory, 3)))));
    }

    /// @notice The node over four zero leaves.
    function _zero2() private pure returns (bytes32 zero_) {
        bytes32 pair = keccak256(new bytes(64));
        zero_ = keccak256(abi.encodePacked(pair, pair));
    }

    function _leaf(bytes memory _memory, uint64 _index) private pure returns (bytes32 leaf_) {
        assembly ("memory-safe") {
            leaf_ := mload(add(add(_memory, 32), mul(_index, 32)))
        }
    }

    function _fetch(State memory _state) private pure returns (uint32 word_) {
        for (uint256 i = 0; i < 4; ++i) {
            word_ |= uint32(uint8(_state.memory_[_state.pc + i])) << uint32(8 * i);
        }
    }

    /// @notice Instructions as memory holds them, little-endian.
    function _assemble(uint32[32] memory _words) private pure returns (bytes memory image_) {
        image_ = new bytes(128);
        for (uint256 i = 0; i < 128; ++i) {
            image_[i] = bytes1(uint8(_words[i / 4] >> (8 * (i % 4))));
        }
    }

    /// @notice An arithmetic instruction with an immediate.
    function _i(uint32 _funct, uint32 _rd, uint32 _rs, uint32 _imm) private pure returns (uint32) {
        return (_imm << 20) | (_rs << 15) | (_funct << 12) | (_rd << 7) | 0x13;
    }

    /// @notice `sd x[_rs], _at(zero)`.
    function _s(uint32 _rs, uint32 _at) private pure returns (uint32) {
        return ((_at >> 5) << 25) | (_rs << 20) | (3 << 12) | ((_at & 31) << 7) | 0x23;
    }
}
