// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title BondSchedule
/// @notice What a claim costs: geometrically less with each level below the root, but never less than a leaf.
library BondSchedule {
    /// @notice One, as a share.
    uint256 internal constant ONE = 256;

    /// @notice Bond of a claim with `_depth` claims above it, in wei.
    /// @param _root Bond of the root claim, of at most 128 bits.
    /// @param _leaf Least bond.
    /// @param _decay Each level's bond as a share of the one above, in 256ths; below 256.
    function bondAt(uint256 _depth, uint256 _root, uint256 _leaf, uint256 _decay)
        internal
        pure
        returns (uint256 bond_)
    {
        bond_ = _root;
        // SAFETY: bonds have 128 bits and the share 9, which their product does not exceed.
        unchecked {
            // Ends at the leaf's bond however deep the claim is: each round takes at least 1/256 off.
            for (uint256 i = 0; i < _depth && bond_ > _leaf; ++i) {
                bond_ = bond_ * _decay / ONE;
            }
        }
        if (bond_ < _leaf) bond_ = _leaf;
    }

    /// @notice How the bond of a refuted claim is split. Half of it is burned: otherwise an account could make an invalid
    ///         claim, counter it itself before the honest answer, and lose nothing.
    function split(uint256 _bond) internal pure returns (uint256 reward_, uint256 burned_) {
        reward_ = _bond / 2;
        burned_ = _bond - reward_;
    }
}
