// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {L1CrossDomainMessenger} from "../src/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../src/L1StandardBridge.sol";
import {L2CrossDomainMessenger} from "../src/L2/L2CrossDomainMessenger.sol";
import {L2StandardBridge} from "../src/L2/L2StandardBridge.sol";
import {L2ToL1MessagePasser} from "../src/L2/L2ToL1MessagePasser.sol";
import {OptimismMintableERC20Factory} from "../src/L2/OptimismMintableERC20Factory.sol";
import {Predeploys} from "../src/L2/Predeploys.sol";
import {WETH} from "../src/L2/WETH.sol";
import {TransparentUpgradeableProxy} from "../src/Proxies.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {Vm} from "./Base.t.sol";
import {Withdrawals} from "./Withdrawals.sol";

/// @title TwoLayers
/// @notice The contracts of both layers in one EVM. What passes between them is taken from the logs, as nodes and
///         clients do, and carried over.
abstract contract TwoLayers is Withdrawals {
    L1CrossDomainMessenger internal l1Messenger;
    L1StandardBridge internal l1Bridge;
    L2CrossDomainMessenger internal constant l2Messenger =
        L2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    L2StandardBridge internal constant l2Bridge = L2StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE));
    L2ToL1MessagePasser internal constant passer =
        L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));
    OptimismMintableERC20Factory internal constant tokens =
        OptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);
    WETH internal constant weth = WETH(payable(Predeploys.WETH));

    function deployBoth() internal {
        deploy();
        append(1000);
        pass(12);
        address messengerCode = address(new L1CrossDomainMessenger(address(portal)));
        l1Messenger =
            L1CrossDomainMessenger(address(new TransparentUpgradeableProxy(messengerCode, address(timelock), "")));
        address bridgeCode = address(new L1StandardBridge(address(l1Messenger)));
        l1Bridge =
            L1StandardBridge(payable(address(new TransparentUpgradeableProxy(bridgeCode, address(timelock), ""))));
        // As in the genesis state: code at fixed addresses, the counterpart on L1 in slot 0.
        predeploy(address(l2Messenger), address(new L2CrossDomainMessenger()), address(l1Messenger));
        predeploy(address(l2Bridge), address(new L2StandardBridge()), address(l1Bridge));
        predeploy(address(passer), address(new L2ToL1MessagePasser()), address(0));
        predeploy(address(tokens), address(new OptimismMintableERC20Factory()), address(0));
        predeploy(address(weth), address(new WETH()), address(0));
    }

    function predeploy(address _at, address _code, address _peer) private {
        vm.etch(_at, _code.code);
        vm.store(_at, 0, bytes32(uint256(uint160(_peer))));
    }

    /// @notice Carries the deposits in the recorded logs to L2, as blocks do: mints, then calls; a call that fails
    ///         leaves the mint.
    /// @param _gas Gas for each call, 0 for what it asked for.
    /// @return success_ Whether all calls succeeded.
    function carryToL2(uint256 _gas) internal returns (bool success_) {
        success_ = true;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IPortal.TransactionDeposited.selector) continue;
            address from = address(uint160(uint256(logs[i].topics[1])));
            address to = address(uint160(uint256(logs[i].topics[2])));
            bytes memory opaque = abi.decode(logs[i].data, (bytes));
            uint256 value = uint256(bytes32(slice(opaque, 32, 64)));
            uint64 gasLimit = uint64(bytes8(slice(opaque, 64, 72)));
            bytes memory data = slice(opaque, 73, opaque.length);
            vm.deal(from, from.balance + uint256(bytes32(slice(opaque, 0, 32))));
            // What the transaction costs before its call starts.
            uint256 gas = _gas == 0 ? gasLimit - 21_000 - calldataGas(data) : _gas;
            vm.prank(from, from);
            (bool success,) = to.call{value: value, gas: gas}(data);
            success_ = success_ && success;
        }
    }

    /// @notice Carries the withdrawals in the recorded logs to L1: proves them against a new output and finalizes.
    function carryToL1() internal {
        uint256 first = collect();
        DisputeGame game = proposeOutput();
        for (uint256 i = first; i < withdrawals.length; ++i) {
            prove(i, newest());
        }
        mature(game);
        for (uint256 i = first; i < withdrawals.length; ++i) {
            finalize(i);
        }
    }

    /// @notice Takes the withdrawals from the recorded logs.
    function collect() internal returns (uint256 first_) {
        first_ = withdrawals.length;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(passer)) continue;
            (uint256 value, uint256 gasLimit, bytes memory data, bytes32 hash) =
                abi.decode(logs[i].data, (uint256, uint256, bytes, bytes32));
            address sender = address(uint160(uint256(logs[i].topics[2])));
            address target = address(uint160(uint256(logs[i].topics[3])));
            uint256 index = initiate(sender, target, value, gasLimit, data);
            vm.assertEq(hashOf(index), hash);
            vm.assertTrue(passer.sentMessages(hash));
        }
    }

    function calldataGas(bytes memory _data) internal pure returns (uint256 gas_) {
        for (uint256 i = 0; i < _data.length; ++i) {
            gas_ += _data[i] == 0 ? 4 : 16;
        }
    }
}
