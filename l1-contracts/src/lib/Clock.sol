// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A moment, in seconds since the epoch.
type Timestamp is uint64;

/// @notice A length of time, in seconds.
type Duration is uint64;

/// @title Clock
/// @notice The chess clock of a dispute. A claim holds the time that its claimant's side had used up when it was made
///         (its clock). From then on the time of the other side runs: that which had made the claim's parent, and whose
///         clock the parent holds (zero for the root's).
library Clock {
    /// @notice When the time to attack a claim is over: from that second on it can be decided un-countered.
    /// @param _created When the claim was made.
    /// @param _parentClock Clock of its parent; zero for the root.
    /// @param _budget Budget of each side.
    function deadline(Timestamp _created, Duration _parentClock, Duration _budget)
        internal
        pure
        returns (Timestamp deadline_)
    {
        deadline_ = Timestamp.wrap(
            Timestamp.unwrap(_created) + Duration.unwrap(_budget) - Duration.unwrap(_parentClock)
        );
    }

    /// @notice Whether the time to attack is over.
    function isOver(Timestamp _deadline) internal view returns (bool over_) {
        over_ = block.timestamp >= Timestamp.unwrap(_deadline);
    }

    /// @notice Clock of an attack made now: what its side has used up, but at most what leaves it an extension for its
    ///         next move, so that nobody can run out of time by a move that is made against him at the last second.
    /// @param _deadline Deadline of the attacked claim, which lies ahead.
    /// @param _budget Budget of each side.
    /// @param _extension Time that the attack's side has left at least.
    function ofAttack(Timestamp _deadline, Duration _budget, Duration _extension)
        internal
        view
        returns (Duration clock_)
    {
        uint64 left = Timestamp.unwrap(_deadline) - uint64(block.timestamp);
        if (left < Duration.unwrap(_extension)) left = Duration.unwrap(_extension);
        clock_ = Duration.wrap(Duration.unwrap(_budget) - left);
    }
}
