// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title MessageKinds
/// @notice Kinds of messages in the queue.
library MessageKinds {
    /// @notice L1's number, time, fees and randomness; appended with every batch, without data.
    uint8 internal constant L1_INFO = 0;
    /// @notice A user's deposit.
    uint8 internal constant DEPOSIT = 1;
    /// @notice A change of an L2 parameter.
    uint8 internal constant CONFIG_UPDATE = 2;
}

/// @title DaKinds
/// @notice Where a batch's payload is.
library DaKinds {
    /// @notice There is no payload: a forced batch.
    uint8 internal constant NONE = 0;
    /// @notice In the calldata of the transaction that appended the batch.
    uint8 internal constant CALLDATA = 1;
    /// @notice In blobs. Reserved.
    uint8 internal constant BLOBS = 2;
}

/// @title MessageHeader
/// @notice Header of a message, 165 bytes:
///         | offset | bytes | field                |
///         | 0      | 1     | kind                 |
///         | 1      | 20    | sender               |
///         | 21     | 8     | L1 block number      |
///         | 29     | 8     | L1 timestamp         |
///         | 37     | 32    | L1 base fee          |
///         | 69     | 32    | L1 blob base fee     |
///         | 101    | 32    | L1 prevrandao        |
///         | 133    | 32    | data hash            |
library MessageHeader {
    /// @notice The header of a message in the current L1 block.
    function encode(uint8 _kind, address _sender, bytes32 _dataHash) internal view returns (bytes memory header_) {
        header_ = abi.encodePacked(
            _kind,
            _sender,
            uint64(block.number),
            uint64(block.timestamp),
            block.basefee,
            block.blobbasefee,
            block.prevrandao,
            _dataHash
        );
    }

    /// @notice The L1 timestamp in a header.
    /// @dev SAFETY: only for headers whose hash was checked; any other may be short, which reverts.
    function l1Timestamp(bytes calldata _header) internal pure returns (uint64 l1Timestamp_) {
        l1Timestamp_ = uint64(bytes8(_header[29:37]));
    }
}

/// @title BatchHeader
/// @notice Header of a batch, 113 bytes:
///         | offset | bytes | field                |
///         | 0      | 1     | DA kind              |
///         | 1      | 32    | data hash            |
///         | 33     | 8     | payload length       |
///         | 41     | 8     | first L2 block       |
///         | 49     | 8     | block count          |
///         | 57     | 8     | message end          |
///         | 65     | 32    | messageAcc[message end] |
///         | 97     | 8     | L1 block number      |
///         | 105    | 8     | L1 timestamp         |
library BatchHeader {
    /// @notice What a batch says, apart from the L1 block that it stands in.
    struct Fields {
        uint8 daKind;
        bytes32 dataHash;
        uint64 payloadLength;
        uint64 firstBlock;
        uint64 blockCount;
        uint64 messageEnd;
        bytes32 messageAcc;
    }

    /// @notice The header of a batch in the current L1 block.
    function encode(Fields memory _fields) internal view returns (bytes memory header_) {
        header_ = abi.encodePacked(
            _fields.daKind,
            _fields.dataHash,
            _fields.payloadLength,
            _fields.firstBlock,
            _fields.blockCount,
            _fields.messageEnd,
            _fields.messageAcc,
            uint64(block.number),
            uint64(block.timestamp)
        );
    }

    /// @notice The last L2 block of the batch with this header.
    /// @dev SAFETY: only for headers whose hash was checked. Then the Inbox wrote them: the block count is at least
    ///      1 and the sum does not overflow.
    function lastBlock(bytes calldata _header) internal pure returns (uint64 lastBlock_) {
        lastBlock_ = uint64(bytes8(_header[41:49])) + uint64(bytes8(_header[49:57])) - 1;
    }
}
