// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMulticall3} from "../interfaces/IMulticall3.sol";

/// @title Multicall3
/// @notice Many calls in one, with the ABI that client libraries know as Multicall3.
/// @dev Calls are made by this contract: never give it an allowance or leave funds with it.
contract Multicall3 is IMulticall3 {
    /// @notice The values of the calls do not add up to `msg.value`.
    error ValueMismatch(uint256 expected, uint256 actual);

    /// @inheritdoc IMulticall3
    function aggregate(Call[] calldata _calls)
        external
        payable
        returns (uint256 blockNumber_, bytes[] memory returnData_)
    {
        blockNumber_ = block.number;
        returnData_ = new bytes[](_calls.length);
        for (uint256 i = 0; i < _calls.length; ++i) {
            returnData_[i] = _call(_calls[i].target, 0, _calls[i].callData, false).returnData;
        }
    }

    /// @inheritdoc IMulticall3
    function tryBlockAndAggregate(bool _requireSuccess, Call[] calldata _calls)
        external
        payable
        returns (uint256 blockNumber_, bytes32 blockHash_, Result[] memory returnData_)
    {
        (blockNumber_, blockHash_) = (block.number, blockhash(block.number));
        returnData_ = tryAggregate(_requireSuccess, _calls);
    }

    /// @inheritdoc IMulticall3
    function blockAndAggregate(Call[] calldata _calls)
        external
        payable
        returns (uint256 blockNumber_, bytes32 blockHash_, Result[] memory returnData_)
    {
        (blockNumber_, blockHash_) = (block.number, blockhash(block.number));
        returnData_ = tryAggregate(true, _calls);
    }

    /// @inheritdoc IMulticall3
    function aggregate3(Call3[] calldata _calls) external payable returns (Result[] memory returnData_) {
        returnData_ = new Result[](_calls.length);
        for (uint256 i = 0; i < _calls.length; ++i) {
            returnData_[i] = _call(_calls[i].target, 0, _calls[i].callData, _calls[i].allowFailure);
        }
    }

    /// @inheritdoc IMulticall3
    function aggregate3Value(Call3Value[] calldata _calls) external payable returns (Result[] memory returnData_) {
        returnData_ = new Result[](_calls.length);
        uint256 total;
        for (uint256 i = 0; i < _calls.length; ++i) {
            total += _calls[i].value;
            returnData_[i] = _call(_calls[i].target, _calls[i].value, _calls[i].callData, _calls[i].allowFailure);
        }
        // INVARIANT: nothing of the caller's is left behind, and nothing that was left here is spent.
        if (total != msg.value) revert ValueMismatch(total, msg.value);
    }

    /// @inheritdoc IMulticall3
    function getBlockHash(uint256 _blockNumber) external view returns (bytes32 blockHash_) {
        blockHash_ = blockhash(_blockNumber);
    }

    /// @inheritdoc IMulticall3
    function getBlockNumber() external view returns (uint256 blockNumber_) {
        blockNumber_ = block.number;
    }

    /// @inheritdoc IMulticall3
    function getCurrentBlockCoinbase() external view returns (address coinbase_) {
        coinbase_ = block.coinbase;
    }

    /// @inheritdoc IMulticall3
    function getCurrentBlockDifficulty() external view returns (uint256 difficulty_) {
        difficulty_ = block.prevrandao;
    }

    /// @inheritdoc IMulticall3
    function getCurrentBlockGasLimit() external view returns (uint256 gasLimit_) {
        gasLimit_ = block.gaslimit;
    }

    /// @inheritdoc IMulticall3
    function getCurrentBlockTimestamp() external view returns (uint256 timestamp_) {
        timestamp_ = block.timestamp;
    }

    /// @inheritdoc IMulticall3
    function getEthBalance(address _account) external view returns (uint256 balance_) {
        balance_ = _account.balance;
    }

    /// @inheritdoc IMulticall3
    function getLastBlockHash() external view returns (bytes32 blockHash_) {
        blockHash_ = blockhash(block.number - 1);
    }

    /// @inheritdoc IMulticall3
    function getBasefee() external view returns (uint256 basefee_) {
        basefee_ = block.basefee;
    }

    /// @inheritdoc IMulticall3
    function getChainId() external view returns (uint256 chainId_) {
        chainId_ = block.chainid;
    }

    /// @inheritdoc IMulticall3
    function tryAggregate(bool _requireSuccess, Call[] calldata _calls)
        public
        payable
        returns (Result[] memory returnData_)
    {
        returnData_ = new Result[](_calls.length);
        for (uint256 i = 0; i < _calls.length; ++i) {
            returnData_[i] = _call(_calls[i].target, 0, _calls[i].callData, !_requireSuccess);
        }
    }

    /// @notice Makes one call.
    function _call(address _target, uint256 _value, bytes calldata _data, bool _allowFailure)
        private
        returns (Result memory result_)
    {
        (result_.success, result_.returnData) = _target.call{value: _value}(_data);
        require(result_.success || _allowFailure, "Multicall3: call failed");
    }
}
