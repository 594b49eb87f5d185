// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Accelerator} from "../../src/lib/riscv/Accelerator.sol";
import {Assembler} from "./Assembler.sol";
import {Machine, MachineTest} from "./MachineTest.sol";

/// @title AcceleratorsTest
/// @notice ACCEL: every operation with published inputs and answers, costs, and refused arguments.
contract AcceleratorsTest is MachineTest {
    uint64 internal constant ACCEL = 3;
    uint64 internal constant PAGE = 0x8000;
    uint256 internal constant MAX_GAS = 1_000_000;
    uint256 internal constant NO_COST = type(uint256).max;

    string internal vectors;

    function setUp() public override {
        super.setUp();
        vectors = vm.readFile("test/vectors/precompiles.json");
    }

    /// @notice A machine about to run an operation on `_input`; the rest of the page is full of noise.
    function accelerator(uint64 _op, uint64 _page, bytes memory _input)
        internal
        pure
        returns (Machine memory machine_)
    {
        machine_ = machine(Assembler.ECALL);
        machine_.x[A7] = ACCEL;
        (machine_.x[A0], machine_.x[A1], machine_.x[A2]) = (_op, _page, uint64(_input.length));
        setPage(machine_, _page, bytes.concat(_input, noise(1024 - _input.length, 5)));
        // The page may hold the code.
        if (_page == PC) machine_.ram.writeNumber(PC, 4, Assembler.ECALL);
    }

    // Published answers.

    function test_published_success() public view {
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".operations");
        string[] memory names = vm.parseJsonStringArray(vectors, ".names");
        uint256[] memory costs = vm.parseJsonUintArray(vectors, ".costs");
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".inputs");
        bytes[] memory outputs = vm.parseJsonBytesArray(vectors, ".outputs");
        uint256 tooDear = 0;
        uint256 seen = 0;
        for (uint256 i = 0; i < operations.length; ++i) {
            if (costs[i] > MAX_GAS) {
                ++tooDear;
                this.checkTooDear(operations[i], inputs[i], names[i]);
            } else {
                seen |= 1 << operations[i] % 255;
                this.checkSuccess(operations[i], inputs[i], outputs[i], names[i]);
            }
        }
        vm.assertEq(operations.length, 161);
        // One of blake2f.
        vm.assertEq(tooDear, 1);
        // All that have vectors there: not keccak256, sha256, ripemd160, identity. 256 % 255 = 1, as ecrecover.
        vm.assertEq(seen, 0x3ffff ^ 0x1d);
    }

    function test_published_failure() public view {
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".failingOperations");
        string[] memory names = vm.parseJsonStringArray(vectors, ".failingNames");
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".failingInputs");
        vm.assertEq(operations.length, 63);
        for (uint256 i = 0; i < operations.length; ++i) {
            this.checkFailure(operations[i], inputs[i], names[i]);
        }
    }

    function test_hashes_everyLength() public view {
        uint256[12] memory lengths = [uint256(0), 1, 3, 31, 32, 33, 55, 64, 136, 1000, 1023, 1024];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory input = noise(lengths[i], 6);
            this.checkSuccess(0, input, abi.encode(keccak256(input)), "keccak256");
            this.checkSuccess(2, input, abi.encode(sha256(input)), "sha256");
            this.checkSuccess(3, input, abi.encode(uint160(ripemd160(input))), "ripemd160");
            this.checkSuccess(4, input, input, "identity");
        }
    }

    /// @notice SHA-256 and RIPEMD-160 of "abc" as in their standards, keccak256 of nothing.
    function test_hashes_published() public view {
        this.checkSuccess(
            0, "", hex"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", "keccak256"
        );
        this.checkSuccess(
            2, "abc", hex"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "sha256"
        );
        this.checkSuccess(
            3, "abc", hex"0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc", "ripemd160"
        );
    }

    function test_failures_ofTheOthers() public view {
        this.checkFailure(6, abi.encode(1, 1, 0, 0), "bn254 add, off the curve");
        this.checkFailure(7, abi.encode(1, 1, 2), "bn254 mul, off the curve");
        this.checkFailure(8, new bytes(191), "bn254 pairing, length");
        this.checkFailure(8, abi.encode(1, 1, 0, 0, 0, 0), "bn254 pairing, off the curve");
        this.checkFailure(10, "", "point evaluation, empty");
        this.checkFailure(10, new bytes(192), "point evaluation, wrong opening");
        this.checkFailure(9, noise(212, 1), "blake2f, short");
        this.checkFailure(9, noise(1024, 1), "blake2f, long");
    }

    /// @notice Nothing of the page behind the input takes part.
    function test_inputs_areExtendedWithZeroes() public view {
        // 2^3 mod 5 whose modulus ends with the input; then cut, so that the modulus is 5 · 256^31.
        bytes memory input = bytes.concat(abi.encode(1, 1, 32), hex"0203", bytes32(uint256(5)));
        this.checkSuccess(5, input, abi.encode(3), "modexp, whole");
        input = bytes.concat(abi.encode(1, 1, 32), hex"0203", hex"05");
        this.checkSuccess(5, input, abi.encode(8), "modexp, cut in the modulus");
        input = bytes.concat(abi.encode(1, 1, 32), hex"02");
        this.checkSuccess(5, input, abi.encode(0), "modexp, cut in the exponent");
        this.checkSuccess(5, abi.encode(32, 32, 32), abi.encode(0), "modexp, header only");
        this.checkSuccess(5, "", "", "modexp, empty");
        // The length of the modulus loses its last byte, which was 3.
        this.checkSuccess(5, slice(abi.encode(0, 0, 3), 0, 95), "", "modexp, cut in the header");
        this.checkSuccess(6, "", new bytes(64), "bn254 add, empty");
        this.checkSuccess(8, "", abi.encode(1), "bn254 pairing, empty");
        this.checkSuccess(1, "", "", "ecrecover, empty");
        this.checkSuccess(256, "", "", "p256verify, empty");
    }

    /// @notice Success with an empty output leaves the page as it is.
    function test_ecrecover_noSigner_succeedsEmpty() public view {
        this.checkSuccess(1, abi.encode(keccak256("message"), 29, 1, 1), "", "v");
    }

    function test_modexp_longestOutput() public view {
        // 0^0 mod m = 1 for a modulus of 928 bytes, which fill the page.
        bytes memory input = bytes.concat(abi.encode(0, 0, 928), noise(928, 9));
        bytes memory output = new bytes(928);
        output[927] = 0x01;
        this.checkSuccess(5, input, output, "modexp");
        // 1,024 bytes of which 96 are zeroes behind the input.
        input = bytes.concat(abi.encode(0, 0, 1024), noise(928, 9));
        output = new bytes(1024);
        output[1023] = 0x01;
        this.checkSuccess(5, input, output, "modexp, whole page");
    }

    function test_page_places() public view {
        uint64[4] memory pages = [uint64(0), 0xffff_fc00, PC, PC + 1024];
        for (uint256 i = 0; i < pages.length; ++i) {
            checkAccelerator(4, pages[i], noise(64, 8), true, noise(64, 8), "place");
            checkAccelerator(
                0, pages[i], noise(64, 8), true, abi.encode(keccak256(inputAt(pages[i], 64))), "place"
            );
        }
    }

    /// @notice What the input of noise is once the code stands in the page.
    function inputAt(uint64 _page, uint256 _length) internal pure returns (bytes memory input_) {
        Machine memory pre = accelerator(0, _page, noise(_length, 8));
        input_ = slice(pre.ram.page(_page), 0, _length);
    }

    // Arguments that exit.

    function test_unknownOperations_exit() public view {
        uint64[9] memory operations = [uint64(18), 19, 100, 255, 257, 512, 1 << 32, (1 << 32) + 1, MAX];
        for (uint256 i = 0; i < operations.length; ++i) {
            Machine memory pre = accelerator(operations[i], PAGE, "abc");
            checkIllegal(pre, code(pre), "operation");
        }
    }

    function test_badPages_exit() public view {
        uint64[8] memory pages = [uint64(1), 32, 512, PAGE + 1, PAGE + 512, 1 << 32, (1 << 32) + PAGE, MAX - 1023];
        for (uint256 i = 0; i < pages.length; ++i) {
            Machine memory pre = accelerator(0, PAGE, "abc");
            pre.x[A1] = pages[i];
            checkIllegal(pre, code(pre), "page");
        }
    }

    function test_badLengths_exit() public view {
        uint64[4] memory lengths = [uint64(1025), 1 << 32, 1 << 63, MAX];
        for (uint256 i = 0; i < lengths.length; ++i) {
            Machine memory pre = accelerator(0, PAGE, "abc");
            pre.x[A2] = lengths[i];
            checkIllegal(pre, code(pre), "length");
        }
    }

    // Costs.

    function test_costs_published() public view {
        uint256[] memory operations = vm.parseJsonUintArray(vectors, ".operations");
        string[] memory names = vm.parseJsonStringArray(vectors, ".names");
        uint256[] memory costs = vm.parseJsonUintArray(vectors, ".costs");
        bytes[] memory inputs = vm.parseJsonBytesArray(vectors, ".inputs");
        for (uint256 i = 0; i < operations.length; ++i) {
            // Discounts of multi-scalar multiplications are not counted.
            if (operations[i] == 12) costs[i] = 12_000 * (inputs[i].length / 160);
            if (operations[i] == 14) costs[i] = 22_500 * (inputs[i].length / 288);
            vm.assertEq(costOf(operations[i], inputs[i]), costs[i], names[i]);
        }
    }

    function test_costs_table() public pure {
        for (uint256 length = 0; length <= 1024; length += 31) {
            bytes memory input = new bytes(length);
            uint256 words = length / 32 + (length % 32 == 0 ? 0 : 1);
            vm.assertEq(costOf(0, input), 0);
            vm.assertEq(costOf(1, input), 3000);
            vm.assertEq(costOf(2, input), 60 + 12 * words);
            vm.assertEq(costOf(3, input), 600 + 120 * words);
            vm.assertEq(costOf(4, input), 15 + 3 * words);
            vm.assertEq(costOf(6, input), 150);
            vm.assertEq(costOf(7, input), 6000);
            vm.assertEq(costOf(8, input), 45_000 + 34_000 * (length / 192));
            vm.assertEq(costOf(9, input), 0);
            vm.assertEq(costOf(10, input), 50_000);
            vm.assertEq(costOf(11, input), 375);
            vm.assertEq(costOf(12, input), 12_000 * (length / 160));
            vm.assertEq(costOf(13, input), 600);
            vm.assertEq(costOf(14, input), 22_500 * (length / 288));
            vm.assertEq(costOf(15, input), 37_700 + 32_600 * (length / 384));
            vm.assertEq(costOf(16, input), 5500);
            vm.assertEq(costOf(17, input), 23_800);
            vm.assertEq(costOf(256, input), 6900);
        }
    }

    function test_modexpCost_lengths() public pure {
        vm.assertEq(costOf(5, abi.encode(1025, 1, 1)), NO_COST);
        vm.assertEq(costOf(5, abi.encode(1, 1025, 1)), NO_COST);
        vm.assertEq(costOf(5, abi.encode(1, 1, 1025)), NO_COST);
        vm.assertEq(costOf(5, abi.encode(1, 1, NO_COST)), NO_COST);
        // The header is cut after the first byte of its last length, which is then 256^31.
        vm.assertEq(costOf(5, bytes.concat(abi.encode(1, 1), hex"01")), NO_COST);
        vm.assertEq(costOf(5, abi.encode(1024, 0, 1024)), 2 * 128 * 128);
        vm.assertEq(costOf(5, abi.encode(0, 1024, 0)), 16 * 16 * 992);
    }

    function testFuzz_modexpCost(uint256 _base, uint256 _exponent, uint256 _modulus, uint256 _cut, bytes32 _seed)
        public
        pure
    {
        (_base, _exponent, _modulus) = (bound(_base, 0, 100), bound(_exponent, 0, 70), bound(_modulus, 0, 100));
        bytes memory body = abi.encode(_seed, keccak256(abi.encode(_seed)), _seed, _seed, _seed, _seed);
        // Exponents with leading zeroes.
        for (uint256 i = 0; i < uint256(_seed) % 40; ++i) {
            if (_base + i < body.length) body[_base + i] = 0;
        }
        bytes memory input = bytes.concat(abi.encode(_base, _exponent, _modulus), body);
        input = slice(input, 0, bound(_cut, 96, input.length));

        // The exponent's head, byte by byte.
        uint256 head = 0;
        for (uint256 i = 0; i < _exponent && i < 32; ++i) {
            uint256 at = 96 + _base + i;
            head = head * 256 + (at < input.length ? uint8(input[at]) : 0);
        }
        uint256 bits = 0;
        while (bits < 256 && head >> bits != 0) ++bits;
        uint256 iterations = bits == 0 ? 0 : bits - 1;
        if (_exponent > 32) iterations += 16 * (_exponent - 32);
        if (iterations == 0) iterations = 1;
        uint256 longest = _base > _modulus ? _base : _modulus;
        uint256 words = longest / 8 + (longest % 8 == 0 ? 0 : 1);
        uint256 expected = (longest <= 32 ? 16 : 2 * words * words) * iterations;
        vm.assertEq(costOf(5, input), expected < 500 ? 500 : expected);
    }

    function test_tooDear_exits() public view {
        // blake2f: a million rounds and one more.
        bytes memory input = new bytes(213);
        input[212] = 0x01;
        (input[1], input[2], input[3]) = (0x0f, 0x42, 0x41);
        this.checkTooDear(9, input, "blake2f");
        // modexp, past a million by little: 2 · 64² · 123 = 1,007,616, where 122 would do.
        input = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 123));
        vm.assertEq(costOf(5, input), 1_007_616);
        this.checkTooDear(5, input, "modexp");
        input = bytes.concat(abi.encode(512, 32, 0), new bytes(512), bytes32(uint256(1) << 122));
        vm.assertEq(costOf(5, input), 999_424);
        this.checkSuccess(5, input, "", "modexp, just cheap enough");
        this.checkTooDear(5, abi.encode(1025, 0, 0), "modexp, too long");
        this.checkTooDear(5, abi.encode(0, MAX, 0), "modexp, too long");
        this.checkTooDear(5, abi.encode(0, 0, NO_COST), "modexp, too long");
    }

    function test_blake2f_millionRounds_runs() public view {
        bytes memory input = new bytes(213);
        (input[1], input[2], input[3]) = (0x0f, 0x42, 0x40);
        (bool success, bytes memory output) = address(9).staticcall(input);
        vm.assertTrue(success);
        this.checkSuccess(9, input, output, "blake2f");
        // A flag that is neither 0 nor 1 fails, and its cost does not matter.
        input[212] = 0x02;
        this.checkFailure(9, input, "blake2f");
    }

    /// @notice Checks an operation that succeeds.
    function checkSuccess(uint256 _op, bytes memory _input, bytes memory _output, string memory _name)
        external
        view
    {
        checkAccelerator(uint64(_op), PAGE, _input, true, _output, _name);
    }

    /// @notice Checks an operation that fails.
    function checkFailure(uint256 _op, bytes memory _input, string memory _name) external view {
        checkAccelerator(uint64(_op), PAGE, _input, false, "", _name);
    }

    /// @notice Checks an operation that costs too much.
    function checkTooDear(uint256 _op, bytes memory _input, string memory _name) external view {
        Machine memory pre = accelerator(uint64(_op), PAGE, _input);
        checkIllegal(pre, bytes.concat(code(pre), pre.ram.pageProof(PAGE)), _name);
        checkAnyRefusal(pack(pre), code(pre), _name);
    }

    /// @notice Checks an operation.
    function checkAccelerator(
        uint64 _op,
        uint64 _page,
        bytes memory _input,
        bool _success,
        bytes memory _output,
        string memory _name
    ) internal view {
        Machine memory pre = accelerator(_op, _page, _input);
        Machine memory post = next(pre);
        bytes memory page = pre.ram.page(_page);
        // Identity gives what is there, which is the code where it was put over the input.
        for (uint256 i = 0; _op != 4 && i < _output.length; ++i) {
            page[i] = _output[i];
        }
        if (_success) setPage(post, _page, page);
        (post.x[A0], post.x[A1]) = (_success ? 1 : 0, uint64(_output.length));
        check(pre, bytes.concat(code(pre), pre.ram.pageProof(_page)), post, _name);
    }

    /// @notice Cost of an operation, as the library has it; noise stands behind the input.
    function costOf(uint256 _op, bytes memory _input) internal pure returns (uint256 cost_) {
        bytes memory page = bytes.concat(_input, noise(1024 - _input.length, 10));
        uint256 position;
        assembly ("memory-safe") {
            position := add(page, 32)
        }
        cost_ = Accelerator.cost(_op, position, _input.length);
    }

    /// @notice Fills a page.
    function setPage(Machine memory _machine, uint64 _page, bytes memory _content) internal pure {
        require(_content.length == 1024, "a page has 1,024 bytes");
        for (uint64 i = 0; i < 1024; i += 32) {
            _machine.ram.setLeaf(_page + i, bytes32(slice(_content, i, i + 32)));
        }
    }
}
