//! The fast interpreter: plain instructions of the code range, at the highest speed.
//!
//! Whatever is not plain (an ECALL, an unknown instruction, a bad address, a store to code, a jump out of the range)
//! makes it leave *before* the instruction, for the reference interpreter to execute it. So nothing of those rules
//! is here.
//!
//! **Step count.** Between two jumps, a step is a slot: the count is the slot index plus a base, and only jumps and
//! taken branches change the base. They are also the only place where the count is compared with the limit. That is
//! exact, since the limit is set so early that the straight run behind the last comparison still ends within the steps
//! allowed ([`Code::limit`]); the few steps that are then left are made by the reference interpreter.

use crate::{
    code::Code,
    flat::Window,
    isa::Op,
    operation::{Operation, with_operations},
};

/// The register file: indexed by a byte without a check. Those from 33 on are unused.
pub(crate) type Registers = [u64; 256];

/// Why the loop was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// At the limit.
    Limit,
    /// Before an instruction that is not plain.
    Slow,
}

/// Runs from slot `index` until a jump is taken with `limit` steps made, or an instruction is not plain. Returns the
/// slot of the next instruction, and how many steps were made.
pub(crate) fn run(
    code: &Code,
    registers: &mut Registers,
    mut memory: Window<'_>,
    index: u32,
    limit: u64,
) -> (u32, u64, Left) {
    let r = registers;
    let slots = code.slots();
    let (start, length) = (code.start(), code.length());
    let mut index = index;
    // Steps made are `base + index`.
    let mut base = 0u64.wrapping_sub(index.into());

    /// Leaves before the slot `$at`.
    macro_rules! leave {
        ($at:expr) => {
            leave!($at, Left::Slow)
        };
        ($at:expr, $why:expr) => {{
            let at: u32 = $at;
            return (at, base.wrapping_add(at.into()), $why);
        }};
    }
    /// Goes from slot `$at` to slot `$to`.
    macro_rules! jump {
        ($at:expr, $to:expr) => {{
            let (at, to): (u32, u32) = ($at, $to);
            base = base.wrapping_add(u64::from(at).wrapping_sub(to.into())).wrapping_add(1);
            index = to;
            if base.wrapping_add(to.into()) >= limit {
                leave!(to, Left::Limit);
            }
            continue;
        }};
    }
    macro_rules! address {
        ($op:ident, $slot:ident, $at:expr) => {{
            let address = r[$slot.b as usize].wrapping_add($slot.c as i64 as u64);
            // A rotation brings the bits that must be zero to the top: those below the width, and above 32.
            if address.rotate_right(Op::$op.width().trailing_zeros())
                >> (32 - Op::$op.width().trailing_zeros())
                != 0
            {
                leave!($at);
            }
            address as u32
        }};
    }
    /// Executes one operation, in slot `$slot` at index `$at`; falls through to the next one.
    macro_rules! execute {
        (register $op:ident, $slot:ident, $at:expr) => {{
            r[$slot.a as usize] = Op::$op.compute(r[$slot.b as usize], r[$slot.c as u8 as usize]);
        }};
        (immediate $op:ident, $slot:ident, $at:expr) => {{
            r[$slot.a as usize] = Op::$op.compute(r[$slot.b as usize], $slot.c as i64 as u64);
        }};
        (load $op:ident, $slot:ident, $at:expr) => {{
            const WIDTH: usize = Op::$op.width() as usize;
            let mut bytes = [0; 8];
            let address = address!($op, $slot, $at);
            bytes[..WIDTH].copy_from_slice(&memory.load::<WIDTH>(address));
            r[$slot.a as usize] = Op::$op.extend(u64::from_le_bytes(bytes));
        }};
        (store $op:ident, $slot:ident, $at:expr) => {{
            const WIDTH: usize = Op::$op.width() as usize;
            let address = address!($op, $slot, $at);
            let mut bytes = [0; WIDTH];
            bytes.copy_from_slice(&r[$slot.a as usize].to_le_bytes()[..WIDTH]);
            if !memory.store::<WIDTH>(address, bytes) {
                leave!($at);
            }
        }};
        (branch $op:ident, $slot:ident, $at:expr) => {{
            if Op::$op.taken(r[$slot.b as usize], r[$slot.a as usize]) {
                jump!($at, ($at).wrapping_add_signed($slot.c));
            }
        }};
        (special Lui, $slot:ident, $at:expr) => {{
            r[$slot.a as usize] = $slot.c as i64 as u64;
        }};
        (special Auipc, $slot:ident, $at:expr) => {{
            r[$slot.a as usize] = u64::from(start + 4 * ($at)).wrapping_add($slot.c as i64 as u64);
        }};
        (special Jal, $slot:ident, $at:expr) => {{
            r[$slot.a as usize] = u64::from(start + 4 * ($at)) + 4;
            jump!($at, ($at).wrapping_add_signed($slot.c));
        }};
        (special Jalr, $slot:ident, $at:expr) => {{
            let target = r[$slot.b as usize].wrapping_add($slot.c as i64 as u64) & !1;
            let offset = target.wrapping_sub(start.into());
            // In slots; a target between two instructions has its bit 1 at the top.
            let to = offset.rotate_right(2);
            if to >= length.into() {
                leave!($at);
            }
            r[$slot.a as usize] = u64::from(start + 4 * ($at)) + 4;
            jump!($at, to as u32);
        }};
        (special Fence, $slot:ident, $at:expr) => {{}};
    }
    macro_rules! interpret {
        (
            register: [$($register:ident)*]
            immediate: [$($immediate:ident)*]
            load: [$($load:ident)*]
            store: [$($store:ident)*]
            branch: [$($branch:ident)*]
            special: [$($special:ident)*]
            sequences: [$($sequence:ident: $($kind:ident $op:ident),+;)*]
        ) => {
            loop {
                let window = slots.window(index);
                let slot = &window[0];
                match slot.operation {
                    Operation::Slow => leave!(index),
                    $(Operation::$register => {
                        execute!(register $register, slot, index);
                        index += 1;
                    })*
                    $(Operation::$immediate => {
                        execute!(immediate $immediate, slot, index);
                        index += 1;
                    })*
                    $(Operation::$load => {
                        execute!(load $load, slot, index);
                        index += 1;
                    })*
                    $(Operation::$store => {
                        execute!(store $store, slot, index);
                        index += 1;
                    })*
                    $(Operation::$branch => {
                        execute!(branch $branch, slot, index);
                        index += 1;
                    })*
                    $(Operation::$special => {
                        execute!(special $special, slot, index);
                        #[allow(unreachable_code)]
                        {
                            index += 1;
                        }
                    })*
                    $(Operation::$sequence => {
                        let mut at = 0;
                        $(
                            let slot = &window[at];
                            execute!($kind $op, slot, index + at as u32);
                            #[allow(unreachable_code)]
                            {
                                at += 1;
                            }
                        )+
                        #[allow(unreachable_code)]
                        {
                            index += at as u32;
                        }
                    })*
                }
            }
        };
    }
    with_operations!(interpret)
}
