// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// What stands at the address of a contract whose implementation is another. This file only brings them into the build.

// An upgradeable one: its admin is a ProxyAdmin of its own, which the Timelock owns.
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    TransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

// One that nobody can change, for deployments without an admin.
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
