// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IMulticall3
/// @notice Many calls in one, with the ABI that client libraries know as Multicall3.
interface IMulticall3 {
    /// @notice A call that must succeed.
    struct Call {
        address target;
        bytes callData;
    }

    /// @notice A call that may fail if `allowFailure` is set.
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    /// @notice A call with value that may fail if `allowFailure` is set.
    struct Call3Value {
        address target;
        bool allowFailure;
        uint256 value;
        bytes callData;
    }

    /// @notice Outcome of a call.
    struct Result {
        bool success;
        bytes returnData;
    }

    /// @notice Makes calls that must all succeed.
    function aggregate(Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes[] memory returnData);
    /// @notice Makes calls that must all succeed if `requireSuccess` is set.
    function tryAggregate(bool requireSuccess, Call[] calldata calls)
        external
        payable
        returns (Result[] memory returnData);
    /// @notice `tryAggregate` with the block's number and (null) hash.
    function tryBlockAndAggregate(bool requireSuccess, Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes32 blockHash, Result[] memory returnData);
    /// @notice `tryBlockAndAggregate(true, calls)`.
    function blockAndAggregate(Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes32 blockHash, Result[] memory returnData);
    /// @notice Makes calls, each with its own permission to fail.
    function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory returnData);
    /// @notice Makes calls with value, whose sum must be `msg.value`.
    function aggregate3Value(Call3Value[] calldata calls) external payable returns (Result[] memory returnData);
    /// @notice Hash of one of the last 256 blocks.
    function getBlockHash(uint256 blockNumber) external view returns (bytes32 blockHash);
    /// @notice The block's number.
    function getBlockNumber() external view returns (uint256 blockNumber);
    /// @notice The block's beneficiary.
    function getCurrentBlockCoinbase() external view returns (address coinbase);
    /// @notice The block's prevrandao.
    function getCurrentBlockDifficulty() external view returns (uint256 difficulty);
    /// @notice The block's gas limit.
    function getCurrentBlockGasLimit() external view returns (uint256 gaslimit);
    /// @notice The block's timestamp.
    function getCurrentBlockTimestamp() external view returns (uint256 timestamp);
    /// @notice Balance of an account.
    function getEthBalance(address addr) external view returns (uint256 balance);
    /// @notice Hash of the previous block.
    function getLastBlockHash() external view returns (bytes32 blockHash);
    /// @notice The block's base fee.
    function getBasefee() external view returns (uint256 basefee);
    /// @notice The chain id.
    function getChainId() external view returns (uint256 chainid);
}
