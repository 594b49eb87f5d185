// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Reference
/// @notice What the computations of RV64I, M, Zba and Zbb give, by the words of their specifications: numbers are
///         taken as mathematical integers, which fit 256 bits, and bits one by one.
library Reference {
    int256 private constant TWO_64 = 1 << 64;

    /// @notice The result of an instruction, by its name. Those without a second operand ignore it.
    function result(string memory _name, uint64 _a, uint64 _b) internal pure returns (uint64 result_) {
        bytes memory name = bytes(_name);
        // The names of word instructions end in w: they compute with the low halves and extend the sign.
        if (is_(name, "addw")) return word(wrap(int256(uint256(_a)) + int256(uint256(_b))));
        if (is_(name, "subw")) return word(wrap(int256(uint256(_a)) - int256(uint256(_b))));
        if (is_(name, "sllw")) return word(shiftLeft(low(_a), _b % 32));
        if (is_(name, "srlw")) return word(shiftRight(low(_a), _b % 32));
        if (is_(name, "sraw")) return wrap(floorDivide(signed(word(_a)), int256(2 ** (_b % 32))));
        if (is_(name, "mulw")) return word(wrap(signed(word(_a)) * signed(word(_b))));
        if (is_(name, "divw")) return word(divide(signed(word(_a)), signed(word(_b))));
        if (is_(name, "remw")) return word(remainder(signed(word(_a)), signed(word(_b))));
        if (is_(name, "divuw")) return word(divide(int256(uint256(low(_a))), int256(uint256(low(_b)))));
        if (is_(name, "remuw")) return word(remainder(int256(uint256(low(_a))), int256(uint256(low(_b)))));
        if (is_(name, "rolw")) return word(rotateLeft(low(_a), _b % 32, 32));
        if (is_(name, "rorw")) return word(rotateLeft(low(_a), (32 - _b % 32) % 32, 32));
        if (is_(name, "clzw")) return leadingZeroes(low(_a), 32);
        if (is_(name, "ctzw")) return trailingZeroes(low(_a), 32);
        if (is_(name, "cpopw")) return ones(low(_a));
        if (name.length > 3 && is_(tail(name, 3), ".uw")) return unsignedWord(name, _a, _b);
        return full(name, _a, _b);
    }

    /// @notice Instructions on whole registers.
    function full(bytes memory _name, uint64 _a, uint64 _b) private pure returns (uint64 result_) {
        (int256 a, int256 b) = (int256(uint256(_a)), int256(uint256(_b)));
        if (is_(_name, "add")) return wrap(a + b);
        if (is_(_name, "sub")) return wrap(a - b);
        if (is_(_name, "sll")) return shiftLeft(_a, _b % 64);
        if (is_(_name, "srl")) return shiftRight(_a, _b % 64);
        if (is_(_name, "sra")) return wrap(floorDivide(signed(_a), int256(2 ** (_b % 64))));
        if (is_(_name, "slt")) return signed(_a) < signed(_b) ? 1 : 0;
        if (is_(_name, "sltu")) return a < b ? 1 : 0;
        if (is_(_name, "xor")) return bitwise(_a, _b, 6);
        if (is_(_name, "or")) return bitwise(_a, _b, 14);
        if (is_(_name, "and")) return bitwise(_a, _b, 8);
        if (is_(_name, "andn")) return bitwise(_a, _b, 4);
        if (is_(_name, "orn")) return bitwise(_a, _b, 13);
        if (is_(_name, "xnor")) return bitwise(_a, _b, 9);
        if (is_(_name, "mul")) return wrap(a * b);
        if (is_(_name, "mulh")) return wrap(floorDivide(signed(_a) * signed(_b), TWO_64));
        if (is_(_name, "mulhsu")) return wrap(floorDivide(signed(_a) * b, TWO_64));
        if (is_(_name, "mulhu")) return wrap(floorDivide(a * b, TWO_64));
        if (is_(_name, "div")) return divide(signed(_a), signed(_b));
        if (is_(_name, "divu")) return divide(a, b);
        if (is_(_name, "rem")) return remainder(signed(_a), signed(_b));
        if (is_(_name, "remu")) return remainder(a, b);
        if (is_(_name, "sh1add")) return wrap(2 * a + b);
        if (is_(_name, "sh2add")) return wrap(4 * a + b);
        if (is_(_name, "sh3add")) return wrap(8 * a + b);
        if (is_(_name, "min")) return signed(_a) <= signed(_b) ? _a : _b;
        if (is_(_name, "minu")) return a <= b ? _a : _b;
        if (is_(_name, "max")) return signed(_a) >= signed(_b) ? _a : _b;
        if (is_(_name, "maxu")) return a >= b ? _a : _b;
        if (is_(_name, "rol")) return rotateLeft(_a, _b % 64, 64);
        if (is_(_name, "ror")) return rotateLeft(_a, (64 - _b % 64) % 64, 64);
        if (is_(_name, "clz")) return leadingZeroes(_a, 64);
        if (is_(_name, "ctz")) return trailingZeroes(_a, 64);
        if (is_(_name, "cpop")) return ones(_a);
        if (is_(_name, "sext.b")) return wrap(a % 256 < 128 ? a % 256 : a % 256 - 256);
        if (is_(_name, "sext.h")) return wrap(a % 65_536 < 32_768 ? a % 65_536 : a % 65_536 - 65_536);
        if (is_(_name, "zext.h")) return wrap(a % 65_536);
        if (is_(_name, "orc.b") || is_(_name, "rev8")) return bytewise(_a, is_(_name, "rev8"));
        revert(string.concat("no reference for ", string(_name)));
    }

    /// @notice Instructions on the unsigned low half of the first register.
    function unsignedWord(bytes memory _name, uint64 _a, uint64 _b) private pure returns (uint64 result_) {
        (int256 a, int256 b) = (int256(uint256(low(_a))), int256(uint256(_b)));
        if (is_(_name, "add.uw")) return wrap(a + b);
        if (is_(_name, "sh1add.uw")) return wrap(2 * a + b);
        if (is_(_name, "sh2add.uw")) return wrap(4 * a + b);
        if (is_(_name, "sh3add.uw")) return wrap(8 * a + b);
        if (is_(_name, "slli.uw")) return shiftLeft(low(_a), _b % 64);
        revert(string.concat("no reference for ", string(_name)));
    }

    /// @notice The value of a register as a signed number.
    function signed(uint64 _a) internal pure returns (int256 value_) {
        value_ = _a < 2 ** 63 ? int256(uint256(_a)) : int256(uint256(_a)) - TWO_64;
    }

    /// @notice A number modulo 2^64.
    function wrap(int256 _value) internal pure returns (uint64 wrapped_) {
        wrapped_ = uint64(uint256((_value % TWO_64 + TWO_64) % TWO_64));
    }

    /// @notice The low half.
    function low(uint64 _a) internal pure returns (uint64 low_) {
        low_ = _a % 2 ** 32;
    }

    /// @notice The low half as a signed number of 32 bits.
    function word(uint64 _a) internal pure returns (uint64 word_) {
        int256 a = int256(uint256(low(_a)));
        word_ = wrap(a < 2 ** 31 ? a : a - 2 ** 32);
    }

    /// @notice Division towards minus infinity.
    function floorDivide(int256 _a, int256 _b) private pure returns (int256 quotient_) {
        quotient_ = _a / _b;
        if (_a < 0 && quotient_ * _b != _a) --quotient_;
    }

    /// @notice Division towards zero, and -1 for a divisor of zero.
    function divide(int256 _a, int256 _b) private pure returns (uint64 quotient_) {
        quotient_ = _b == 0 ? type(uint64).max : wrap(_a / _b);
    }

    /// @notice What such a division leaves: the dividend, if the divisor is zero.
    function remainder(int256 _a, int256 _b) private pure returns (uint64 remainder_) {
        remainder_ = _b == 0 ? wrap(_a) : wrap(_a - _a / _b * _b);
    }

    /// @notice Bit `_i`.
    function bit(uint64 _a, uint256 _i) private pure returns (uint256 bit_) {
        bit_ = uint256(_a) / 2 ** _i % 2;
    }

    /// @notice Doubles `_amount` times.
    function shiftLeft(uint64 _a, uint256 _amount) private pure returns (uint64 value_) {
        value_ = wrap(int256(uint256(_a) * 2 ** _amount));
    }

    /// @notice Halves `_amount` times.
    function shiftRight(uint64 _a, uint256 _amount) private pure returns (uint64 value_) {
        value_ = uint64(_a / 2 ** _amount);
    }

    /// @notice A function of two bits on all bits: bit `2 a + b` of `_table` is its value.
    function bitwise(uint64 _a, uint64 _b, uint256 _table) private pure returns (uint64 value_) {
        for (uint256 i = 0; i < 64; ++i) {
            value_ += uint64((_table >> (2 * bit(_a, i) + bit(_b, i))) % 2) * uint64(2 ** i);
        }
    }

    /// @notice Moves bit `i` to bit `i + _amount` of `_width`.
    function rotateLeft(uint64 _a, uint256 _amount, uint256 _width) private pure returns (uint64 value_) {
        for (uint256 i = 0; i < _width; ++i) {
            value_ += uint64(bit(_a, i) * 2 ** ((i + _amount) % _width));
        }
    }

    /// @notice Zeroes above the highest one.
    function leadingZeroes(uint64 _a, uint256 _width) private pure returns (uint64 count_) {
        while (count_ < _width && bit(_a, _width - 1 - count_) == 0) ++count_;
    }

    /// @notice Zeroes below the lowest one.
    function trailingZeroes(uint64 _a, uint256 _width) private pure returns (uint64 count_) {
        while (count_ < _width && bit(_a, count_) == 0) ++count_;
    }

    /// @notice Number of ones.
    function ones(uint64 _a) private pure returns (uint64 count_) {
        for (uint256 i = 0; i < 64; ++i) {
            count_ += uint64(bit(_a, i));
        }
    }

    /// @notice Bytes in reverse order, or each one 255 that is not 0.
    function bytewise(uint64 _a, bool _reverse) private pure returns (uint64 value_) {
        for (uint256 i = 0; i < 8; ++i) {
            uint256 value = uint256(_a) / 256 ** i % 256;
            if (_reverse) value_ += uint64(value * 256 ** (7 - i));
            else if (value != 0) value_ += uint64(255 * 256 ** i);
        }
    }

    /// @notice Whether two strings are equal.
    function is_(bytes memory _a, string memory _b) private pure returns (bool equal_) {
        equal_ = keccak256(_a) == keccak256(bytes(_b));
    }

    /// @notice The last characters of a string.
    function tail(bytes memory _a, uint256 _length) private pure returns (bytes memory tail_) {
        tail_ = new bytes(_length);
        for (uint256 i = 0; i < _length; ++i) {
            tail_[i] = _a[_a.length - _length + i];
        }
    }
}
