// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IGasPriceOracle} from "../interfaces/IGasPriceOracle.sol";
import {IL1Block} from "../interfaces/IL1Block.sol";
import {FastLz} from "../lib/FastLz.sol";
import {TxEnvelope} from "../lib/TxEnvelope.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title GasPriceOracle
/// @notice The L1 data fee (OP Stack, Fjord) and the operator fee (Isthmus; Jovian since Karst), as the execution engine
///         charges them.
/// @dev L1 data fee = size × (16 × l1BaseFee × baseFeeScalar + blobBaseFee × blobBaseFeeScalar) / 1e12, where
///      size, in millionths of a byte, is max(100, −42.5856 + 0.8365 × FastLZ length).
contract GasPriceOracle is IGasPriceOracle {
    /// @inheritdoc IGasPriceOracle
    uint256 public constant decimals = 6;

    /// @notice Unit of the scalars.
    uint256 private constant MILLION = 1e6;
    /// @notice Regression of the compressed size, in millionths of a byte.
    uint256 private constant SIZE_INTERCEPT = 42_585_600;
    uint256 private constant SIZE_COEFFICIENT = 836_500;
    uint256 private constant MIN_SIZE = 100_000_000;
    /// @notice L1 gas per byte.
    uint256 private constant GAS_PER_BYTE = 16;
    /// @notice Bytes that a signature adds to an unsigned transaction.
    uint256 private constant SIGNATURE_LENGTH = 68;
    /// @notice Unit of the operator fee's scalar, in wei, under the rules of Jovian.
    uint256 private constant JOVIAN_OPERATOR_UNIT = 100;
    /// @notice First byte of a deposit transaction.
    bytes1 private constant DEPOSIT_TYPE = 0x7e;

    /// @inheritdoc IGasPriceOracle
    function getL1Fee(bytes calldata _rawTx) external view returns (uint256) {
        // Deposits paid for their data on L1.
        if (_rawTx.length != 0 && _rawTx[0] == DEPOSIT_TYPE) return 0;
        return _fee(_compressedLength(_rawTx));
    }

    /// @inheritdoc IGasPriceOracle
    function getL1FeeUpperBound(uint256 _unsignedTxSize) external view returns (uint256) {
        // Data that does not compress grows by one byte in 32.
        uint256 length = _unsignedTxSize + SIGNATURE_LENGTH;
        return _fee(length + (length + 31) / 32);
    }

    /// @inheritdoc IGasPriceOracle
    function getL1GasUsed(bytes calldata _rawTx) external pure returns (uint256) {
        return _estimatedSize(_compressedLength(_rawTx)) * GAS_PER_BYTE / MILLION;
    }

    /// @inheritdoc IGasPriceOracle
    function getOperatorFee(uint256 _gasUsed) external view returns (uint256) {
        uint256 constant_ = _l1Block().operatorFeeConstant();
        // The execution engine's arithmetic saturates.
        uint256 product = Math.saturatingMul(_gasUsed, _l1Block().operatorFeeScalar());
        if (!_l1Block().isJovian()) return product / MILLION + constant_;
        return Math.saturatingAdd(Math.saturatingMul(product, JOVIAN_OPERATOR_UNIT), constant_);
    }

    /// @inheritdoc IGasPriceOracle
    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function l1BaseFee() external view returns (uint256) {
        return _l1Block().basefee();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFee() external view returns (uint256) {
        return _l1Block().blobBaseFee();
    }

    /// @inheritdoc IGasPriceOracle
    function baseFeeScalar() external view returns (uint32) {
        return _l1Block().baseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFeeScalar() external view returns (uint32) {
        return _l1Block().blobBaseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function isEcotone() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isFjord() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isIsthmus() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IGasPriceOracle
    function isJovian() external view returns (bool) {
        return _l1Block().isJovian();
    }

    /// @inheritdoc IGasPriceOracle
    function version() external pure returns (string memory) {
        return "1.5.0";
    }

    /// @notice Compressed length of the transaction as it will be posted, with its signature.
    function _compressedLength(bytes calldata _rawTx) private pure returns (uint256 length_) {
        length_ = FastLz.compressedLength(_rawTx);
        if (!TxEnvelope.isSigned(_rawTx)) length_ += SIGNATURE_LENGTH;
    }

    /// @notice Estimated size on L1 of data of this compressed length, in millionths of a byte.
    function _estimatedSize(uint256 _length) private pure returns (uint256 size_) {
        size_ = _length * SIZE_COEFFICIENT;
        size_ = size_ > SIZE_INTERCEPT + MIN_SIZE ? size_ - SIZE_INTERCEPT : MIN_SIZE;
    }

    /// @notice L1 data fee of data of this compressed length, in wei.
    function _fee(uint256 _length) private view returns (uint256 fee_) {
        IL1Block l1Block = _l1Block();
        uint256 calldataPrice = GAS_PER_BYTE * l1Block.basefee() * l1Block.baseFeeScalar();
        uint256 blobPrice = l1Block.blobBaseFee() * l1Block.blobBaseFeeScalar();
        fee_ = _estimatedSize(_length) * (calldataPrice + blobPrice) / (MILLION * MILLION);
    }

    /// @notice The contract that knows L1's fees.
    function _l1Block() private pure returns (IL1Block l1Block_) {
        l1Block_ = IL1Block(Predeploys.L1_BLOCK);
    }
}
