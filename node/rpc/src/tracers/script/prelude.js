// What a tracer's script finds: the functions and objects that go-ethereum gives one, on top of a few functions of the node
// (`node`), which are gone from the global object when this has run.
(function (node) {
    'use strict';

    // Without these no tracer misses anything. A proxy could lie about lengths that are checked below, and others would wait.
    for (const name of ['Proxy', 'Atomics', 'SharedArrayBuffer', 'WebAssembly', 'performance', 'node']) {
        delete globalThis[name];
    }

    // Functions that loop over lengths without a step of script in between cannot be interrupted. So lengths are checked.
    const MOST_ITEMS = 1e7;
    const MOST_COMPARISONS = 1e9;
    const checkLength = (value) => {
        if (value !== null && typeof value === 'object' && !(value.length <= MOST_ITEMS) && value.length !== undefined) {
            throw new RangeError('array has more than ' + MOST_ITEMS + ' items');
        }
    };
    const LOOPS = 'concat copyWithin every fill filter find findIndex findLast findLastIndex flat flatMap forEach includes indexOf ' +
        'join lastIndexOf map reduce reduceRight reverse shift slice some sort splice toLocaleString toReversed toSorted ' +
        'toSpliced toString unshift with';
    for (const name of LOOPS.split(' ')) {
        const original = Array.prototype[name];
        if (typeof original !== 'function') {
            continue;
        }
        Object.defineProperty(Array.prototype, name, {
            configurable: true,
            writable: true,
            value: {[name](...values) {
                if (!Array.isArray(this) && this !== null && typeof this === 'object') {
                    const own = Object.getOwnPropertyDescriptor(this, 'length');
                    if (own !== undefined && own.get !== undefined) {
                        throw new TypeError('length must be a value');
                    }
                }
                checkLength(this);
                for (const value of values) {
                    checkLength(value);
                }
                if (name === 'flat' || name === 'flatMap') {
                    for (const item of this) {
                        checkLength(item);
                    }
                }
                return Reflect.apply(original, this, values);
            }}[name],
        });
    }
    for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll']) {
        const original = String.prototype[name];
        Object.defineProperty(String.prototype, name, {
            configurable: true,
            writable: true,
            value: {[name](...values) {
                const searched = values[0];
                if (typeof searched === 'string' && searched.length * String(this).length > MOST_COMPARISONS) {
                    throw new RangeError('text is too long to be searched');
                }
                return Reflect.apply(original, this, values);
            }}[name],
        });
    }

    // -- bigInt: what tracers use of big-integer.js, on the language's own integers

    const parse = (value, base) => {
        if (value instanceof Big) {
            return value.value;
        }
        if (typeof value === 'bigint') {
            return value;
        }
        if (typeof value === 'number') {
            if (!Number.isInteger(value)) {
                throw new Error('Invalid integer: ' + value);
            }
            return BigInt(value);
        }
        const text = String(value === undefined ? 0 : value).trim();
        const radix = base === undefined ? 10 : Number(base);
        const digits = text.replace(/^[+-]/, '').toLowerCase();
        if (radix === 10) {
            if (!/^[0-9]+$/.test(digits)) {
                throw new Error('Invalid integer: ' + text);
            }
            return BigInt(text.startsWith('+') ? text.slice(1) : text.startsWith('-') ? '-' + digits : digits)
        }
        let number = 0n;
        for (const digit of digits) {
            const found = parseInt(digit, radix);
            if (Number.isNaN(found)) {
                throw new Error(digit + ' is not a valid digit in base ' + radix + '.');
            }
            number = number * BigInt(radix) + BigInt(found);
        }
        return text.startsWith('-') ? -number : number;
    };
    const abs = (number) => (number < 0n ? -number : number);
    const gcd = (a, b) => {
        [a, b] = [abs(a), abs(b)];
        while (b !== 0n) {
            [a, b] = [b, a % b];
        }
        return a;
    };
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    function Big(value) {
        this.value = value;
    }
    const big = (value) => new Big(value);
    const bigInt = function bigInt(value, base) {
        return value instanceof Big ? value : big(parse(value, base));
    };
    const define = (names, make) => {
        for (const name of names.split(' ')) {
            Object.defineProperty(Big.prototype, name, {configurable: true, writable: true, value: make});
        }
    };
    const binary = (names, calculate) => define(names, function (other) {
        return big(calculate(this.value, parse(other)));
    });
    const compared = (names, judge) => define(names, function (other) {
        return judge(order(this.value, parse(other)));
    });
    const asked = (names, judge) => define(names, function () {
        return judge(this.value);
    });
    binary('add plus', (a, b) => a + b);
    binary('subtract minus', (a, b) => a - b);
    binary('multiply times', (a, b) => a * b);
    binary('divide over', (a, b) => {
        if (b === 0n) {
            throw new Error('Cannot divide by zero');
        }
        return a / b;
    });
    binary('mod remainder', (a, b) => {
        if (b === 0n) {
            throw new Error('Cannot divide by zero');
        }
        return a % b;
    });
    binary('and', (a, b) => a & b);
    binary('or', (a, b) => a | b);
    binary('xor', (a, b) => a ^ b);
    binary('pow', (a, b) => {
        if (b < 0n) {
            return 0n;
        }
        return a ** b;
    });
    binary('shiftLeft', (a, b) => a << b);
    binary('shiftRight', (a, b) => a >> b);
    define('divmod', function (other) {
        return {quotient: this.divide(other), remainder: this.mod(other)};
    });
    define('modPow', function (exponent, modulus) {
        let [power, left, by] = [this.value, parse(exponent), parse(modulus)];
        let result = 1n % by;
        for (power %= by; left > 0n; left >>= 1n) {
            if (left & 1n) {
                result = (result * power) % by;
            }
            power = (power * power) % by;
        }
        return big(result);
    });
    define('compare compareTo', function (other) {
        return order(this.value, parse(other));
    });
    define('compareAbs', function (other) {
        return order(abs(this.value), abs(parse(other)));
    });
    compared('equals eq', (found) => found === 0);
    compared('notEquals neq', (found) => found !== 0);
    compared('greater gt', (found) => found > 0);
    compared('greaterOrEquals geq', (found) => found >= 0);
    compared('lesser lt', (found) => found < 0);
    compared('lesserOrEquals leq', (found) => found <= 0);
    asked('not', (a) => big(~a));
    asked('abs', (a) => big(abs(a)));
    asked('negate', (a) => big(-a));
    asked('next', (a) => big(a + 1n));
    asked('prev', (a) => big(a - 1n));
    asked('square', (a) => big(a * a));
    asked('isZero', (a) => a === 0n);
    asked('isUnit', (a) => abs(a) === 1n);
    asked('isEven', (a) => (a & 1n) === 0n);
    asked('isOdd', (a) => (a & 1n) === 1n);
    asked('isPositive', (a) => a > 0n);
    asked('isNegative', (a) => a < 0n);
    asked('bitLength', (a) => big(a === 0n ? 0 : BigInt(abs(a).toString(2).length)));
    asked('valueOf toJSNumber', Number);
    asked('toJSON', String);
    define('isDivisibleBy', function (other) {
        return parse(other) !== 0n && this.value % parse(other) === 0n;
    });
    define('toString', function (base) {
        return this.value.toString(base === undefined ? 10 : base);
    });
    define('toArray', function (base) {
        const value = [...abs(this.value).toString(base)].map((digit) => parseInt(digit, base));
        return {value, isNegative: this.value < 0n};
    });
    bigInt.zero = big(0n);
    bigInt.one = big(1n);
    bigInt.minusOne = big(-1n);
    bigInt.isInstance = (value) => value instanceof Big;
    bigInt.max = (a, b) => (bigInt(a).greater(b) ? bigInt(a) : bigInt(b));
    bigInt.min = (a, b) => (bigInt(a).lesser(b) ? bigInt(a) : bigInt(b));
    bigInt.gcd = (a, b) => big(gcd(parse(a), parse(b)));
    bigInt.lcm = (a, b) => big((abs(parse(a)) / gcd(parse(a), parse(b))) * abs(parse(b)));
    bigInt.fromArray = (digits, base, isNegative) => {
        let number = 0n;
        for (const digit of digits) {
            number = number * parse(base === undefined ? 10 : base) + parse(digit);
        }
        return big(isNegative ? -number : number);
    };
    globalThis.bigInt = bigInt;
    const fromHex = (text) => big(BigInt('0x' + text));

    // -- bytes

    const PAIRS = [];
    for (let byte = 0; byte < 256; byte++) {
        PAIRS[byte] = ((byte < 16 ? '0' : '') + byte.toString(16));
    }
    // Hexadecimal digits of what a script may give as bytes.
    const digits = (value, withText) => {
        if (typeof value === 'string' || value instanceof String) {
            if (withText) {
                let text = String(value).replace(/^0[xX]/, '');
                text = text.length % 2 ? '0' + text : text;
                const bad = text.search(/[^0-9a-fA-F]/);
                return bad < 0 ? text : text.slice(0, bad - (bad % 2));
            }
        } else if (value instanceof Uint8Array || Array.isArray(value)) {
            const parts = [];
            for (let index = 0; index < value.length; index++) {
                parts[index] = PAIRS[value[index] & 0xff];
            }
            return parts.join('');
        }
        throw new Error('invalid buffer type');
    };
    const define_global = (name, value) => Object.defineProperty(globalThis, name, {
        configurable: true, enumerable: true, writable: true, value,
    });
    define_global('toHex', (value) => '0x' + digits(value, false));
    define_global('toWord', (value) => node.right(digits(value, true), 32));
    define_global('toAddress', (value) => node.right(digits(value, true), 20));
    define_global('toContract', (from, nonce) => node.created(digits(from, true), Number(nonce)));
    define_global('toContract2', (from, salt, code) =>
        node.created2(digits(from, true), digits(String(salt), true), digits(code, true)));
    define_global('isPrecompiled', (value) => node.isPrecompile(digits(value, true)));
    define_global('slice', (value, start, end) => {
        const length = digits(value, false).length / 2;
        if (start < 0 || start > end || end > length) {
            throw new Error('Tracer accessed out of bound memory: available ' + length + ', offset ' + start +
                ', size ' + (end - start));
        }
        return Uint8Array.from(value).slice(start, end);
    });

    // -- what the script is called with

    const log = {
        getPC: () => node.number(0),
        getGas: () => node.number(1),
        getCost: () => node.number(2),
        getDepth: () => node.number(3),
        getRefund: () => node.number(4),
        getError: () => node.error(),
        op: {
            toNumber: () => node.number(5),
            toString: () => node.opName(),
            isPush: () => node.number(5) >= 0x5f && node.number(5) <= 0x7f,
        },
        stack: {
            length: () => node.number(6),
            peek: (index) => fromHex(node.peek(Number(index))),
        },
        memory: {
            length: () => node.number(7),
            slice: (start, end) => node.memory(Number(start), Number(end)),
            getUint: (offset) => fromHex(node.memoryWord(Number(offset))),
        },
        contract: {
            getCaller: () => node.contract(0),
            getAddress: () => node.contract(1),
            getInput: () => node.contract(2),
            getValue: () => fromHex(node.value()),
        },
    };
    const db = {
        getBalance: (address) => fromHex(node.balance(digits(address, false))),
        getNonce: (address) => node.nonce(digits(address, false)),
        getCode: (address) => node.code(digits(address, false)),
        getState: (address, slot) => node.state(digits(address, false), digits(slot, false)),
        exists: (address) => node.exists(digits(address, false)),
    };
    const frame = {
        getType: () => node.frameText(0),
        getFrom: () => node.frameBytes(0),
        getTo: () => node.frameBytes(1),
        getInput: () => node.frameBytes(2),
        getGas: () => node.number(8),
        getValue: () => {
            const value = node.frameText(1);
            return value === undefined ? undefined : fromHex(value);
        },
    };
    const frameResult = {
        getGasUsed: () => node.number(9),
        getOutput: () => node.frameBytes(3),
        getError: () => node.frameText(2),
    };

    let tracer;
    const isFunction = (name) => typeof tracer[name] === 'function';
    return {
        // The script is an expression; what it may do is in the answer.
        begin(made, config) {
            if (made === null || made === undefined) {
                throw new TypeError('Cannot convert undefined or null to object');
            }
            tracer = Object(made);
            for (const name of ['result', 'fault']) {
                if (!isFunction(name)) {
                    return 'trace object must expose a function ' + name + '()';
                }
            }
            if (isFunction('enter') !== isFunction('exit')) {
                return 'trace object must expose either both or none of enter() and exit()';
            }
            const found = (isFunction('step') ? 'step ' : '') + (isFunction('enter') ? 'frames' : '');
            if (isFunction('setup')) {
                tracer.setup(config);
            }
            return '+' + found;
        },
        step() {
            tracer.step(log, db);
        },
        fault() {
            tracer.fault(log, db);
        },
        enter() {
            tracer.enter(frame);
        },
        exit() {
            tracer.exit(frameResult);
        },
        result(text) {
            const given = JSON.parse(text);
            const context = {};
            for (const [name, [kind, value]] of Object.entries(given)) {
                context[name] = kind === 'bytes' ? node.bytes(value) : kind === 'big' ? fromHex(value) : value;
            }
            const found = tracer.result(context, db);
            const written = JSON.stringify(found);
            // What is nothing is an empty object to go-ethereum.
            return found === null || written === undefined ? '{}' : written;
        },
    };
})(globalThis.node)
