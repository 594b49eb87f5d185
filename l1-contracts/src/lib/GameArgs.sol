// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title GameArgs
/// @notice What never changes about a game, kept as immutable arguments behind its clone's code. Seven words:
///         | word | high to low bits                                       |
///         | 0    | 32 unused, 64 createdAt, 160 factory                   |
///         | 1    | 32 unused, 64 l2Block, 160 proposer                    |
///         | 2    | 128 unused, 64 anchorBlock, 64 batchCount              |
///         | 3    | rootClaim                                              |
///         | 4    | anchorOutput                                           |
///         | 5    | batchAcc                                               |
///         | 6    | vectorHash                                             |
struct GameArgs {
    address factory;
    uint64 createdAt;
    address proposer;
    uint64 l2Block;
    uint64 anchorBlock;
    uint64 batchCount;
    bytes32 rootClaim;
    bytes32 anchorOutput;
    bytes32 batchAcc;
    bytes32 vectorHash;
}

/// @title GameArgsLib
/// @notice Encoding and identity of a game's arguments.
library GameArgsLib {
    /// @notice Packs the arguments.
    function encode(GameArgs memory _args) internal pure returns (bytes memory packed_) {
        packed_ = abi.encode(
            (uint256(_args.createdAt) << 160) | uint160(_args.factory),
            (uint256(_args.l2Block) << 160) | uint160(_args.proposer),
            (uint256(_args.anchorBlock) << 64) | _args.batchCount,
            _args.rootClaim,
            _args.anchorOutput,
            _args.batchAcc,
            _args.vectorHash
        );
    }

    /// @notice Reverses `encode`.
    function decode(bytes memory _packed) internal pure returns (GameArgs memory args_) {
        bytes32[7] memory words = abi.decode(_packed, (bytes32[7]));
        args_.createdAt = uint64(uint256(words[0]) >> 160);
        args_.factory = address(uint160(uint256(words[0])));
        args_.l2Block = uint64(uint256(words[1]) >> 160);
        args_.proposer = address(uint160(uint256(words[1])));
        args_.anchorBlock = uint64(uint256(words[2]) >> 64);
        args_.batchCount = uint64(uint256(words[2]));
        (args_.rootClaim, args_.anchorOutput, args_.batchAcc, args_.vectorHash) =
        (words[3], words[4], words[5], words[6]);
    }

    /// @notice Id of what a game claims under a version of the game, whoever proposes it and whenever.
    function uuid(GameArgs memory _args, uint32 _gameType, address _implementation)
        internal
        pure
        returns (bytes32 uuid_)
    {
        uuid_ = keccak256(
            abi.encode(
                _gameType,
                _implementation,
                _args.l2Block,
                _args.rootClaim,
                _args.batchAcc,
                _args.anchorBlock,
                _args.anchorOutput,
                _args.vectorHash
            )
        );
    }
}
