// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IL1Block
/// @notice What L2 knows of L1, and the fee parameters. Predeploy `0x4200000000000000000000000000000000000015`,
///         with the OP Stack's storage layout (Isthmus), which the execution engine reads directly.
interface IL1Block {
    /// @notice Only the depositor account may set the values.
    error NotDepositor();

    /// @notice Sets all values from packed calldata, without ABI encoding; selector `0x098999be`. Only the depositor
    ///         account, by the first transaction of every L2 block. Says that the rules before Karst hold in this
    ///         block. Behind the OP Stack's fields stand this rollup's parameters of the base fee.
    function setL1BlockValuesIsthmus() external;
    /// @notice The same with two bytes more, selector `0x3db6be2b`, as the OP Stack has it since Jovian. Says that the
    ///         rules of Karst hold in this block, which has Jovian's operator fee. The first block of Karst calls it
    ///         already.
    function setL1BlockValuesJovian() external;

    /// @notice The account that sends the L1-attributes transaction.
    function DEPOSITOR_ACCOUNT() external pure returns (address);
    /// @notice Number of the newest L1 block that L2 has seen.
    function number() external view returns (uint64);
    /// @notice Its timestamp.
    function timestamp() external view returns (uint64);
    /// @notice Its base fee.
    function basefee() external view returns (uint256);
    /// @notice Its hash, as far as the rollup carries it.
    function hash() external view returns (bytes32);
    /// @notice Number of L2 blocks since that L1 block was first seen.
    function sequenceNumber() external view returns (uint64);
    /// @notice Scalar of the blob base fee in the L1 data fee, in millionths.
    function blobBaseFeeScalar() external view returns (uint32);
    /// @notice Scalar of the base fee in the L1 data fee, in millionths.
    function baseFeeScalar() external view returns (uint32);
    /// @notice The batcher, as far as the rollup carries it.
    function batcherHash() external view returns (bytes32);
    /// @notice Unused since Ecotone, 0.
    function l1FeeOverhead() external view returns (uint256);
    /// @notice Unused since Ecotone, 0.
    function l1FeeScalar() external view returns (uint256);
    /// @notice Blob base fee of that L1 block.
    function blobBaseFee() external view returns (uint256);
    /// @notice Operator fee per transaction, in wei.
    function operatorFeeConstant() external view returns (uint64);
    /// @notice Operator fee per gas: in hundreds of wei if `isJovian`, else in millionths of a wei.
    function operatorFeeScalar() external view returns (uint32);
    /// @notice Of Jovian's limit to data, which this rollup does not have: 0.
    function daFootprintGasScalar() external view returns (uint16);
    /// @notice Gas per second at which L2's base fee stays.
    function gasTarget() external view returns (uint64);
    /// @notice The least base fee of L2, in wei.
    function minBaseFee() external view returns (uint64);
    /// @notice False: ETH pays for gas.
    function isCustomGasToken() external pure returns (bool);
    /// @notice Whether the newest block has Jovian's operator fee, which is a part of Karst.
    function isJovian() external view returns (bool);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
