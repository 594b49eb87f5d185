// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Vm
/// @notice The cheat codes of Forge that the tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function blobhashes(bytes32[] calldata hashes) external;
    function fee(uint256 basefee) external;
    function blobBaseFee(uint256 fee) external;
    function prevrandao(bytes32 value) external;
    function chainId(uint256 id) external;
    function coinbase(address account) external;
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function mockCall(address callee, bytes calldata data, bytes calldata returned) external;
    function mockFunction(address callee, address target, bytes calldata data) external;
    function clearMockedCalls() external;
    function label(address account, string calldata name) external;
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit(address emitter) external;
    function snapshotState() external returns (uint256);
    function revertToState(uint256 snapshot) external returns (bool);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonStringArray(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function skip(bool skipTest, string calldata reason) external;

    function assertTrue(bool condition) external pure;
    function assertTrue(bool condition, string calldata message) external pure;
    function assertFalse(bool condition) external pure;
    function assertFalse(bool condition, string calldata message) external pure;
    function assertEq(bool left, bool right) external pure;
    function assertEq(bool left, bool right, string calldata message) external pure;
    function assertEq(uint256 left, uint256 right) external pure;
    function assertEq(uint256 left, uint256 right, string calldata message) external pure;
    function assertEq(address left, address right) external pure;
    function assertEq(address left, address right, string calldata message) external pure;
    function assertEq(bytes32 left, bytes32 right) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata message) external pure;
    function assertEq(string calldata left, string calldata right) external pure;
    function assertEq(bytes calldata left, bytes calldata right) external pure;
    function assertLe(uint256 left, uint256 right) external pure;
    function assertLe(uint256 left, uint256 right, string calldata message) external pure;
    function assertLt(uint256 left, uint256 right) external pure;
    function assertGe(uint256 left, uint256 right) external pure;
    function assertGe(uint256 left, uint256 right, string calldata message) external pure;
    function assertGt(uint256 left, uint256 right) external pure;
    function assertGt(uint256 left, uint256 right, string calldata message) external pure;
}

/// @title Base
/// @notice What every test has at hand.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Marks the contract as a test for Forge.
    function IS_TEST() external pure returns (bool) {
        return true;
    }

    /// @notice Maps any number into `[_low, _high]`.
    function bound(uint256 _value, uint256 _low, uint256 _high) internal pure returns (uint256) {
        if (_value >= _low && _value <= _high) return _value;
        uint256 size = _high - _low + 1;
        return size == 0 ? _value : _low + _value % size;
    }

    /// @notice A named account.
    function account(string memory _name) internal returns (address account_) {
        account_ = address(uint160(uint256(keccak256(bytes(_name)))));
        vm.label(account_, _name);
    }

    /// @notice Bytes that look random and do not compress.
    function noise(uint256 _length, uint256 _seed) internal pure returns (bytes memory data_) {
        data_ = new bytes(_length);
        bytes32 word;
        for (uint256 i = 0; i < _length; ++i) {
            if (i % 32 == 0) word = keccak256(abi.encode(_seed, i));
            data_[i] = word[i % 32] == 0 ? bytes1(0x01) : word[i % 32];
        }
    }

    /// @notice `_data[_start:_end]`.
    function slice(bytes memory _data, uint256 _start, uint256 _end) internal pure returns (bytes memory part_) {
        part_ = new bytes(_end - _start);
        for (uint256 i = _start; i < _end; ++i) {
            part_[i - _start] = _data[i];
        }
    }
}
