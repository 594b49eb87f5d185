// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IWETH
/// @notice ETH as an ERC-20. Predeploy `0x4200000000000000000000000000000000000006`.
interface IWETH {
    /// @notice An allowance was set.
    event Approval(address indexed src, address indexed guy, uint256 wad);
    /// @notice Tokens moved.
    event Transfer(address indexed src, address indexed dst, uint256 wad);
    /// @notice ETH became tokens.
    event Deposit(address indexed dst, uint256 wad);
    /// @notice Tokens became ETH.
    event Withdrawal(address indexed src, uint256 wad);

    /// @notice The account has fewer tokens.
    error InsufficientBalance(uint256 balance, uint256 wad);
    /// @notice The caller may move fewer tokens.
    error InsufficientAllowance(uint256 allowance, uint256 wad);
    /// @notice The caller did not take the ETH.
    error TransferFailed();

    /// @notice `deposit`.
    receive() external payable;
    /// @notice Turns ETH into tokens.
    function deposit() external payable;
    /// @notice Turns tokens into ETH.
    function withdraw(uint256 wad) external;
    /// @notice Lets `guy` move tokens of the caller; an allowance of 2^256 - 1 does not diminish.
    function approve(address guy, uint256 wad) external returns (bool);
    /// @notice Moves tokens.
    function transfer(address dst, uint256 wad) external returns (bool);
    /// @notice Moves another's tokens.
    function transferFrom(address src, address dst, uint256 wad) external returns (bool);
    /// @notice Tokens of an account.
    function balanceOf(address account) external view returns (uint256);
    /// @notice What `guy` may move of `src`'s tokens.
    function allowance(address src, address guy) external view returns (uint256);
    /// @notice All tokens: the ETH that this contract holds.
    function totalSupply() external view returns (uint256);
    /// @notice `Wrapped Ether`.
    function name() external pure returns (string memory);
    /// @notice `WETH`.
    function symbol() external pure returns (string memory);
    /// @notice 18.
    function decimals() external pure returns (uint8);
}
