// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// Something that every kind of tool can be tried with: state, events, errors, memory of who called.
contract Counter {
    uint256 public count;
    mapping(address => uint256) public last;

    event Counted(address indexed who, uint256 count);

    error TooMuch(uint256 asked, uint256 most);

    function add(uint256 amount) external returns (uint256) {
        if (amount > 100) revert TooMuch(amount, 100);
        require(amount != 0, "nothing to add");
        count += amount;
        last[msg.sender] = amount;
        emit Counted(msg.sender, count);
        return count;
    }
}
