// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IL1Block} from "../interfaces/IL1Block.sol";

/// @title L1Block
/// @notice What L2 knows of L1, and the fee parameters.
/// @dev The execution engine reads these slots itself, so the layout must not change. It is the OP Stack's, but for the
///      flag, which stands where the engine reads nothing:
///      | slot | bits from low to high                                               |
///      | 0    | 64 number, 64 timestamp                                             |
///      | 1    | 256 basefee                                                         |
///      | 2    | 256 hash                                                            |
///      | 3    | 64 sequenceNumber, 32 blobBaseFeeScalar, 32 baseFeeScalar           |
///      | 4    | 256 batcherHash                                                     |
///      | 5    | 256 l1FeeOverhead, always 0                                         |
///      | 6    | 256 l1FeeScalar, always 0                                           |
///      | 7    | 256 blobBaseFee                                                     |
///      | 8    | 64 operatorFeeConstant, 32 operatorFeeScalar,                       |
///      |      | 16 daFootprintGasScalar, 8 isJovian                                 |
///      | 9    | 64 minBaseFee, 64 gasTarget, which only this rollup has             |
contract L1Block is IL1Block {
    /// @inheritdoc IL1Block
    address public constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;

    /// @inheritdoc IL1Block
    uint64 public number;
    /// @inheritdoc IL1Block
    uint64 public timestamp;
    /// @inheritdoc IL1Block
    uint256 public basefee;
    /// @inheritdoc IL1Block
    bytes32 public hash;
    /// @inheritdoc IL1Block
    uint64 public sequenceNumber;
    /// @inheritdoc IL1Block
    uint32 public blobBaseFeeScalar;
    /// @inheritdoc IL1Block
    uint32 public baseFeeScalar;
    /// @inheritdoc IL1Block
    bytes32 public batcherHash;
    /// @inheritdoc IL1Block
    uint256 public l1FeeOverhead;
    /// @inheritdoc IL1Block
    uint256 public l1FeeScalar;
    /// @inheritdoc IL1Block
    uint256 public blobBaseFee;
    /// @inheritdoc IL1Block
    uint64 public operatorFeeConstant;
    /// @inheritdoc IL1Block
    uint32 public operatorFeeScalar;
    /// @inheritdoc IL1Block
    uint16 public daFootprintGasScalar;
    /// @inheritdoc IL1Block
    bool public isJovian;
    /// @dev The rest of slot 8, so that what only this rollup has does not share a slot that the engine reads.
    uint136 private gap;
    /// @inheritdoc IL1Block
    uint64 public minBaseFee;
    /// @inheritdoc IL1Block
    uint64 public gasTarget;

    /// @inheritdoc IL1Block
    /// @dev Calldata, 192 bytes:
    ///      | offset | bytes | field               |
    ///      | 0      | 4     | selector            |
    ///      | 4      | 4     | baseFeeScalar       |
    ///      | 8      | 4     | blobBaseFeeScalar   |
    ///      | 12     | 8     | sequenceNumber      |
    ///      | 20     | 8     | timestamp           |
    ///      | 28     | 8     | number              |
    ///      | 36     | 32    | basefee             |
    ///      | 68     | 32    | blobBaseFee         |
    ///      | 100    | 32    | hash                |
    ///      | 132    | 32    | batcherHash         |
    ///      | 164    | 4     | operatorFeeScalar   |
    ///      | 168    | 8     | operatorFeeConstant |
    ///      | 176    | 8     | gasTarget           |
    ///      | 184    | 8     | minBaseFee          |
    function setL1BlockValuesIsthmus() external {
        _set(false, 0, 176);
    }

    /// @inheritdoc IL1Block
    /// @dev Calldata, 194 bytes: as for `setL1BlockValuesIsthmus` up to offset 176, and then
    ///      | offset | bytes | field                |
    ///      | 176    | 2     | daFootprintGasScalar |
    ///      | 178    | 8     | gasTarget            |
    ///      | 186    | 8     | minBaseFee           |
    function setL1BlockValuesJovian() external {
        _set(true, uint16(bytes2(msg.data[176:178])), 178);
    }

    /// @inheritdoc IL1Block
    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IL1Block
    function version() external pure returns (string memory) {
        return "1.7.0";
    }

    /// @notice Sets all values: those in the calldata, and which rules of fees hold in this block.
    /// @param _offset Where the parameters of the base fee stand in the calldata.
    function _set(bool _isJovian, uint16 _daFootprintGasScalar, uint256 _offset) private {
        // INVARIANT: only the protocol speaks for L1. The depositor account has no key and is no L1 contract's alias.
        if (msg.sender != DEPOSITOR_ACCOUNT) revert NotDepositor();

        // Fields that share a slot are read first and written together, in one store.
        uint64 newTimestamp = uint64(bytes8(msg.data[20:28]));
        uint64 newNumber = uint64(bytes8(msg.data[28:36]));
        (number, timestamp) = (newNumber, newTimestamp);

        basefee = uint256(bytes32(msg.data[36:68]));
        blobBaseFee = uint256(bytes32(msg.data[68:100]));
        hash = bytes32(msg.data[100:132]);
        batcherHash = bytes32(msg.data[132:164]);

        uint32 newBaseFeeScalar = uint32(bytes4(msg.data[4:8]));
        uint32 newBlobBaseFeeScalar = uint32(bytes4(msg.data[8:12]));
        uint64 newSequenceNumber = uint64(bytes8(msg.data[12:20]));
        (sequenceNumber, blobBaseFeeScalar, baseFeeScalar) =
        (newSequenceNumber, newBlobBaseFeeScalar, newBaseFeeScalar);

        uint32 newOperatorFeeScalar = uint32(bytes4(msg.data[164:168]));
        uint64 newOperatorFeeConstant = uint64(bytes8(msg.data[168:176]));
        (operatorFeeConstant, operatorFeeScalar, daFootprintGasScalar, isJovian) =
        (newOperatorFeeConstant, newOperatorFeeScalar, _daFootprintGasScalar, _isJovian);

        uint64 newGasTarget = uint64(bytes8(msg.data[_offset:_offset + 8]));
        uint64 newMinBaseFee = uint64(bytes8(msg.data[_offset + 8:_offset + 16]));
        (minBaseFee, gasTarget) = (newMinBaseFee, newGasTarget);
    }
}
