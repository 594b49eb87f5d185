// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IGasPriceOracle
/// @notice Fees of L2 transactions beyond their gas. Predeploy `0x420000000000000000000000000000000000000F`.
interface IGasPriceOracle {
    /// @notice L1 data fee of a transaction, in wei: exactly what is charged if `rawTx` is a signed transaction; an
    ///         upper estimate (68 bytes of signature added) if it is an unsigned one.
    function getL1Fee(bytes calldata rawTx) external view returns (uint256);
    /// @notice L1 data fee of a transaction with `unsignedTxSize` bytes that do not compress at all, in wei.
    function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256);
    /// @notice L1 gas that the compressed transaction takes, at 16 gas per byte.
    function getL1GasUsed(bytes calldata rawTx) external view returns (uint256);
    /// @notice Operator fee of a transaction with `gasUsed` gas, in wei, by the rules of the newest block: gas × scalar
    ///         × 100 + constant if `isJovian`, else gas × scalar / 1,000,000 + constant.
    function getOperatorFee(uint256 gasUsed) external view returns (uint256);
    /// @notice The L2 base fee.
    function gasPrice() external view returns (uint256);
    /// @notice The L2 base fee.
    function baseFee() external view returns (uint256);
    /// @notice The newest known L1 base fee.
    function l1BaseFee() external view returns (uint256);
    /// @notice The newest known L1 blob base fee.
    function blobBaseFee() external view returns (uint256);
    /// @notice Scalar of the L1 base fee, in millionths.
    function baseFeeScalar() external view returns (uint32);
    /// @notice Scalar of the L1 blob base fee, in millionths.
    function blobBaseFeeScalar() external view returns (uint32);
    /// @notice Decimals of the scalars, 6.
    function decimals() external pure returns (uint256);
    /// @notice True.
    function isEcotone() external pure returns (bool);
    /// @notice True.
    function isFjord() external pure returns (bool);
    /// @notice True.
    function isIsthmus() external pure returns (bool);
    /// @notice Whether the newest block has Jovian's operator fee, which is a part of Karst.
    function isJovian() external view returns (bool);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
