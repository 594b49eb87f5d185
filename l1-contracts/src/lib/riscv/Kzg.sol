// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";
import {Precompile} from "./Precompile.sol";

/// @title Kzg
/// @notice Field elements of blobs (EIP-4844): a blob is the polynomial whose values at the 4,096th roots of unity, in
///         bit-reversed order, are its field elements.
library Kzg {
    /// @notice Field elements of a blob.
    uint256 internal constant ELEMENTS = 4096;
    /// @notice Bytes of an opening: field element (32), commitment (48), proof (48).
    uint256 internal constant OPENING_LENGTH = 128;

    /// @notice Order of the scalar field of BLS12-381.
    uint256 private constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    /// @notice ω = 5^((R - 1) / 4096) mod R, which generates the roots of unity.
    uint256 private constant OMEGA = 0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306;
    /// @notice Bits of an index.
    uint256 private constant INDEX_BITS = 12;

    uint256 private constant POINT_EVALUATION = 10;
    /// @notice What it costs by the VM's table (EIP-4844).
    uint256 private constant POINT_EVALUATION_GAS = 50_000;
    /// @notice Bytes of the precompile's input: versioned hash, point, opening.
    uint256 private constant INPUT_LENGTH = 192;
    /// @notice Bytes of its output.
    uint256 private constant OUTPUT_LENGTH = 64;

    /// @notice Reverts unless an opening proves a blob's field element.
    /// @param _versionedHash The blob's versioned hash.
    /// @param _index Index of the element, below 4,096.
    /// @param _opening Where the opening stands in calldata.
    /// @return element_ The element, the opening's first 32 bytes.
    function check(bytes32 _versionedHash, uint256 _index, uint256 _opening)
        internal
        view
        returns (bytes32 element_)
    {
        uint256 point = root(_index);
        uint256 input;
        assembly ("memory-safe") {
            input := mload(0x40)
            mstore(0x40, add(input, INPUT_LENGTH))
            mstore(input, _versionedHash)
            mstore(add(input, 32), point)
            calldatacopy(add(input, 64), _opening, OPENING_LENGTH)
            element_ := calldataload(_opening)
        }
        (bool success, uint256 length) =
            Precompile.call(POINT_EVALUATION, POINT_EVALUATION_GAS, input, INPUT_LENGTH, input, OUTPUT_LENGTH);
        if (!success || length != OUTPUT_LENGTH) revert IRiscV.WrongBlobOpening(_versionedHash, _index);
    }

    /// @notice The root of unity at which a blob has its `_index`-th element: ω^(`_index` with its 12 bits reversed).
    function root(uint256 _index) internal pure returns (uint256 root_) {
        root_ = 1;
        // The highest bit of the exponent is the lowest of the index: square and multiply, index bits from below.
        for (uint256 i = 0; i < INDEX_BITS; ++i) {
            root_ = mulmod(root_, root_, R);
            if ((_index >> i) & 1 != 0) root_ = mulmod(root_, OMEGA, R);
        }
    }
}
