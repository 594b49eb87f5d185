// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {Duration, Timestamp} from "./Clock.sol";

/// @notice What is stored of a claim. See `IDisputeGame.ClaimState` for the meaning of the fields; there, `segment` is
///         called `part`, and `elapsed` `clock`.
struct ClaimRecord {
    IDisputeGame.ClaimStatus status;
    uint8 depth;
    uint8 segment;
    uint24 openChildren;
    Duration elapsed;
    Timestamp created;
    address holder;
}

/// @title ClaimRecordLib
/// @notice One storage slot for each claim:
///         | bits    | field        |                                                             |
///         | 0–159   | holder       |                                                             |
///         | 160–195 | created      | until the year 4147                                         |
///         | 196–219 | elapsed      | below `MAX_CLOCK`                                           |
///         | 220–243 | openChildren | 2^24 of them cost more than 100 full L1 days of gas         |
///         | 244–248 | depth        | at most 25: 16 levels of blocks, 10 of 2^40 steps           |
///         | 249–252 | segment      | below 16                                                    |
///         | 253–255 | status       | zero: no claim                                              |
library ClaimRecordLib {
    /// @notice Clocks are shorter than this, in seconds.
    uint64 internal constant MAX_CLOCK = 1 << 24;
    /// @notice Most claims above a claim.
    uint256 internal constant MAX_DEPTH = 31;

    function pack(ClaimRecord memory _record) internal pure returns (uint256 word_) {
        word_ = uint160(_record.holder) | (uint256(Timestamp.unwrap(_record.created)) << 160)
            | (uint256(Duration.unwrap(_record.elapsed)) << 196) | (uint256(_record.openChildren) << 220)
            | (uint256(_record.depth) << 244) | (uint256(_record.segment) << 249)
            | (uint256(_record.status) << 253);
    }

    function unpack(uint256 _word) internal pure returns (ClaimRecord memory record_) {
        record_.holder = address(uint160(_word));
        record_.created = Timestamp.wrap(uint64((_word >> 160) & (2 ** 36 - 1)));
        record_.elapsed = elapsed(_word);
        record_.openChildren = uint24(_word >> 220);
        record_.depth = uint8((_word >> 244) & 31);
        record_.segment = uint8((_word >> 249) & 15);
        record_.status = IDisputeGame.ClaimStatus(_word >> 253);
    }

    /// @notice The elapsed time in a stored record.
    function elapsed(uint256 _word) internal pure returns (Duration elapsed_) {
        elapsed_ = Duration.wrap(uint24(_word >> 196));
    }

    /// @notice Records that a move counters the claim: an upheld child or a step. Of several the left-most counts: that at
    ///         the lowest segment, then the earliest, then the first that is recorded.
    /// @param _segment The segment that it disputes.
    /// @param _created When it was made.
    /// @param _holder Who made it.
    /// @return leads_ Whether it is the left-most now.
    function counter(ClaimRecord memory _record, uint8 _segment, Timestamp _created, address _holder)
        internal
        pure
        returns (bool leads_)
    {
        if (_record.status == IDisputeGame.ClaimStatus.OPEN) {
            _record.status = IDisputeGame.ClaimStatus.COUNTERED;
        } else if (
            _segment > _record.segment
                || (_segment == _record.segment && Timestamp.unwrap(_created) >= Timestamp.unwrap(_record.created))
        ) {
            return false;
        }
        leads_ = true;
        (_record.segment, _record.created, _record.holder) = (_segment, _created, _holder);
    }
}
