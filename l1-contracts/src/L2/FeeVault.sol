// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IFeeVault} from "../interfaces/IFeeVault.sol";
import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title FeeVault
/// @notice Collects one kind of L2 fee and withdraws it to a fixed L1 account. The same code stands at four
///         addresses.
/// @dev The genesis state sets slot 0; there is no constructor.
contract FeeVault is IFeeVault {
    /// @inheritdoc IFeeVault
    uint256 public constant MIN_WITHDRAWAL_AMOUNT = 0.01 ether;

    /// @notice L1 gas limit of the payment to the recipient.
    uint256 private constant WITHDRAWAL_GAS_LIMIT = 400_000;

    /// @inheritdoc IFeeVault
    address public recipient;
    /// @inheritdoc IFeeVault
    uint256 public totalProcessed;

    /// @inheritdoc IFeeVault
    receive() external payable {}

    /// @inheritdoc IFeeVault
    function withdraw() external {
        // SAFETY: a vault that was not set up keeps its funds instead of losing them.
        if (recipient == address(0)) revert NoRecipient();
        uint256 value = address(this).balance;
        // INVARIANT: a withdrawal is worth its cost on L1; anyone may trigger it.
        if (value < MIN_WITHDRAWAL_AMOUNT) revert BalanceTooLow(MIN_WITHDRAWAL_AMOUNT, value);

        totalProcessed += value;
        emit Withdrawal(value, recipient, msg.sender);
        IL2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER)).initiateWithdrawal{value: value}(
            recipient, WITHDRAWAL_GAS_LIMIT, ""
        );
    }

    /// @inheritdoc IFeeVault
    function minWithdrawalAmount() external pure returns (uint256) {
        return MIN_WITHDRAWAL_AMOUNT;
    }

    /// @inheritdoc IFeeVault
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
