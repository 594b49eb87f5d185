// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A moment, in seconds since the epoch.
type Timestamp is uint64;

/// @notice A length of time, in seconds.
type Duration is uint64;

/// @title Clock
/// @notice The chess clock of a dispute. Each side has the max clock duration. A claim records the time that its
///         claimant's side had used when it was made, its elapsed time. From then on the time of the other side runs: the
///         side that made the claim's parent, in which its elapsed time is recorded (zero for the root's).
library Clock {
    /// @notice When the time to attack a claim is over: from that second on it can be resolved un-countered.
    /// @param _created When the claim was made.
    /// @param _parentElapsed Elapsed time recorded in its parent; zero for the root.
    /// @param _maxDuration Max clock duration.
    function deadline(Timestamp _created, Duration _parentElapsed, Duration _maxDuration)
        internal
        pure
        returns (Timestamp deadline_)
    {
        deadline_ = Timestamp.wrap(
            Timestamp.unwrap(_created) + Duration.unwrap(_maxDuration) - Duration.unwrap(_parentElapsed)
        );
    }

    /// @notice Whether the time to attack is over.
    function isOver(Timestamp _deadline) internal view returns (bool over_) {
        over_ = block.timestamp >= Timestamp.unwrap(_deadline);
    }

    /// @notice Elapsed time of an attack made now: what its side has used, but at most what leaves an extension for its
    ///         next move. So nobody runs out of time by a move that is made against him at the last second.
    /// @param _deadline Deadline of the attacked claim, which lies ahead.
    /// @param _maxDuration Max clock duration.
    /// @param _extension Least time that the attack's side has left.
    function ofAttack(Timestamp _deadline, Duration _maxDuration, Duration _extension)
        internal
        view
        returns (Duration elapsed_)
    {
        uint64 left = Timestamp.unwrap(_deadline) - uint64(block.timestamp);
        if (left < Duration.unwrap(_extension)) left = Duration.unwrap(_extension);
        elapsed_ = Duration.wrap(Duration.unwrap(_maxDuration) - left);
    }
}
