// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IWETH} from "../interfaces/IWETH.sol";

/// @title WETH
/// @notice ETH as an ERC-20.
contract WETH is IWETH {
    /// @inheritdoc IWETH
    mapping(address account => uint256) public balanceOf;
    /// @inheritdoc IWETH
    mapping(address src => mapping(address guy => uint256)) public allowance;

    /// @inheritdoc IWETH
    receive() external payable {
        deposit();
    }

    /// @inheritdoc IWETH
    function withdraw(uint256 _wad) external {
        uint256 balance = balanceOf[msg.sender];
        if (balance < _wad) revert InsufficientBalance(balance, _wad);
        // SAFETY: the tokens are gone before the call, so that the caller cannot spend them from inside it.
        balanceOf[msg.sender] = balance - _wad;
        emit Withdrawal(msg.sender, _wad);
        (bool success,) = msg.sender.call{value: _wad}("");
        if (!success) revert TransferFailed();
    }

    /// @inheritdoc IWETH
    function approve(address _guy, uint256 _wad) external returns (bool) {
        allowance[msg.sender][_guy] = _wad;
        emit Approval(msg.sender, _guy, _wad);
        return true;
    }

    /// @inheritdoc IWETH
    function transfer(address _dst, uint256 _wad) external returns (bool) {
        return transferFrom(msg.sender, _dst, _wad);
    }

    /// @inheritdoc IWETH
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    /// @inheritdoc IWETH
    function name() external pure returns (string memory) {
        return "Wrapped Ether";
    }

    /// @inheritdoc IWETH
    function symbol() external pure returns (string memory) {
        return "WETH";
    }

    /// @inheritdoc IWETH
    function decimals() external pure returns (uint8) {
        return 18;
    }

    /// @inheritdoc IWETH
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @inheritdoc IWETH
    function transferFrom(address _src, address _dst, uint256 _wad) public returns (bool) {
        uint256 balance = balanceOf[_src];
        if (balance < _wad) revert InsufficientBalance(balance, _wad);
        if (_src != msg.sender) {
            uint256 allowed = allowance[_src][msg.sender];
            if (allowed < _wad) revert InsufficientAllowance(allowed, _wad);
            if (allowed != type(uint256).max) allowance[_src][msg.sender] = allowed - _wad;
        }
        balanceOf[_src] = balance - _wad;
        balanceOf[_dst] += _wad;
        emit Transfer(_src, _dst, _wad);
        return true;
    }
}
