// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Counter} from "../contracts/Counter.sol";

/// What the script needs of Forge's cheat codes.
interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys a counter and calls it.
contract Deploy {
    bool public constant IS_SCRIPT = true;
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (Counter counter) {
        VM.startBroadcast();
        counter = new Counter();
        counter.add(3);
        counter.add(4);
        VM.stopBroadcast();
    }
}
