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
    /// @notice In the blobs of the transaction that appended the batch.
    uint8 internal constant BLOBS = 2;
}

/// @title MessageHeader
/// @notice Header of a message, 182 bytes:
///         | offset | bytes | field                                          |
///         | 0      | 1     | version of the format, 1                       |
///         | 1      | 1     | kind                                           |
///         | 2      | 20    | sender                                         |
///         | 22     | 8     | L1 block number                                |
///         | 30     | 8     | L1 timestamp                                   |
///         | 38     | 8     | gas                                            |
///         | 46     | 8     | gas of all messages up to and with this one    |
///         | 54     | 32    | L1 base fee                                    |
///         | 86     | 32    | L1 blob base fee                               |
///         | 118    | 32    | L1 prevrandao                                  |
///         | 150    | 32    | data hash                                      |
/// @dev SAFETY: read only headers whose hash was checked; any other may be short, which reverts, or say anything.
library MessageHeader {
    /// @notice Version of the format.
    uint8 internal constant VERSION = 1;

    /// @notice The header of a message in the current L1 block.
    function encode(uint8 _kind, address _sender, uint64 _gas, uint64 _gasEnd, bytes32 _dataHash)
        internal
        view
        returns (bytes memory header_)
    {
        header_ = abi.encodePacked(
            VERSION,
            _kind,
            _sender,
            uint64(block.number),
            uint64(block.timestamp),
            _gas,
            _gasEnd,
            block.basefee,
            block.blobbasefee,
            block.prevrandao,
            _dataHash
        );
    }

    /// @notice The L1 block number in a header.
    function l1BlockNumber(bytes calldata _header) internal pure returns (uint64 l1BlockNumber_) {
        l1BlockNumber_ = uint64(bytes8(_header[22:30]));
    }

    /// @notice The L1 timestamp in a header.
    function l1Timestamp(bytes calldata _header) internal pure returns (uint64 l1Timestamp_) {
        l1Timestamp_ = uint64(bytes8(_header[30:38]));
    }

    /// @notice Gas of all messages before that of a header.
    function gasStart(bytes calldata _header) internal pure returns (uint64 gasStart_) {
        gasStart_ = gasEnd(_header) - uint64(bytes8(_header[38:46]));
    }

    /// @notice Gas of all messages up to and with that of a header.
    function gasEnd(bytes calldata _header) internal pure returns (uint64 gasEnd_) {
        gasEnd_ = uint64(bytes8(_header[46:54]));
    }
}

/// @title BatchHeader
/// @notice Header of a batch, 122 bytes:
///         | offset | bytes | field                                          |
///         | 0      | 1     | version of the format, 1                       |
///         | 1      | 1     | DA kind                                        |
///         | 2      | 32    | data hash                                      |
///         | 34     | 8     | payload length                                 |
///         | 42     | 8     | first L2 block                                 |
///         | 50     | 8     | block count                                    |
///         | 58     | 8     | message end                                    |
///         | 66     | 32    | messageAcc[message end]                        |
///         | 98     | 8     | gas of all messages before message end         |
///         | 106    | 8     | L1 block number                                |
///         | 114    | 8     | L1 timestamp                                   |
library BatchHeader {
    /// @notice Version of the format.
    uint8 internal constant VERSION = 1;

    /// @notice What a batch says, apart from the L1 block that it stands in.
    struct Fields {
        uint8 daKind;
        bytes32 dataHash;
        uint64 payloadLength;
        uint64 firstBlock;
        uint64 blockCount;
        uint64 messageEnd;
        bytes32 messageAcc;
        uint64 messageGasEnd;
    }

    /// @notice The header of a batch in the current L1 block.
    function encode(Fields memory _fields) internal view returns (bytes memory header_) {
        header_ = abi.encodePacked(
            VERSION,
            _fields.daKind,
            _fields.dataHash,
            _fields.payloadLength,
            _fields.firstBlock,
            _fields.blockCount,
            _fields.messageEnd,
            _fields.messageAcc,
            _fields.messageGasEnd,
            uint64(block.number),
            uint64(block.timestamp)
        );
    }

    /// @notice The last L2 block of the batch with this header.
    /// @dev SAFETY: only for headers whose hash was checked. Then the Inbox wrote them, in this version: the block
    ///      count is at least 1 and the sum does not overflow.
    function lastBlock(bytes calldata _header) internal pure returns (uint64 lastBlock_) {
        lastBlock_ = uint64(bytes8(_header[42:50])) + uint64(bytes8(_header[50:58])) - 1;
    }
}
