//! Pre-decoded instructions: what the fast interpreter runs.
//!
//! One slot of eight bytes for each instruction address of the code range, in order, so that a program counter and a
//! slot index are the same thing but for an offset. Decoding also sorts out what needs the reference interpreter
//! (ECALLs, unknown words, targets outside the range), and marks sequences of operations that often follow each
//! other: a marked slot is executed together with the next ones, which keep their own decoding for whoever jumps to
//! them.

use crate::{
    flat::{Flat, Slots},
    isa::{Form, Instruction, Op},
    operation::{LONGEST, Operation},
    reference::Memory,
    slot::{SINK, Slot},
};
use std::sync::Arc;

/// Longest code range, in bytes.
pub(crate) const MAX_CODE: u32 = 1 << 24;

/// The code range of a program, decoded.
#[derive(Clone)]
pub(crate) struct Code {
    start: u32,
    /// Slots of the range; beyond them is padding.
    length: u32,
    slots: Slots,
    /// For each slot, the most steps until a jump is taken, the jump included; the largest number stands for any
    /// that is not known.
    runs: Vec<u16>,
    /// The most of all slots.
    longest_run: u32,
}

impl Code {
    /// Decodes `length` words from `start` on, a multiple of 4; at most [`MAX_CODE`] bytes within memory.
    pub(crate) fn decode(start: u32, length: u32, word: impl Fn(u32) -> u32) -> Self {
        let slots = (0..length).map(|index| plain(index, length, word(start + 4 * index))).collect();
        let slots = Slots::new(slots, Slot::SLOW);
        let mut code = Self { start, length, slots, runs: vec![0; length as usize], longest_run: 0 };
        (0..length).for_each(|index| code.mark(index));
        let mut run = 0u32;
        for index in (0..length).rev() {
            run = match code.slots.window(index)[0].operation.first() {
                Operation::Slow => 0,
                Operation::Jal | Operation::Jalr => 1,
                _ => run + 1,
            };
            code.runs[index as usize] = run.try_into().unwrap_or(u16::MAX);
            code.longest_run = code.longest_run.max(run);
        }
        code
    }

    /// Decodes again what stores have changed.
    pub(crate) fn refresh(code: &mut Arc<Self>, memory: &Flat, stores: &[(u32, u32)]) {
        for (address, length) in stores {
            for address in (address & !3..=address + (length - 1)).step_by(4) {
                let Some(index) = code.index(address.into()) else { continue };
                let new = plain(index, code.length, u32::from_le_bytes(memory.load(address)));
                let [old, ..] = code.slots.window(index);
                if new == (Slot { operation: old.operation.first(), ..*old }) {
                    continue;
                }
                let code = Arc::make_mut(code);
                code.slots.set(index, new);
                // Slots before may have begun a sequence with this one in it, or may now.
                for index in index.saturating_sub(LONGEST as u32 - 1)..=index {
                    code.mark(index);
                }
                // Any program can be written now: nothing is known of its runs but that they end with the range.
                code.runs.fill(u16::MAX);
                code.longest_run = code.length;
            }
        }
    }

    /// Marks a slot with the sequence that begins there, if there is one.
    fn mark(&mut self, index: u32) {
        let window = self.slots.window(index);
        let operation = Operation::sequence(&window.map(|slot| slot.operation.first()));
        self.slots.set(index, Slot { operation, ..window[0] });
    }

    /// The slot of an instruction address, if it is in the range.
    pub(crate) fn index(&self, pc: u64) -> Option<u32> {
        let index = pc.checked_sub(self.start.into()).filter(|offset| offset % 4 == 0)? / 4;
        (index < self.length.into()).then_some(index as u32)
    }

    /// The addresses of the range.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.start.into()..u64::from(self.start) + 4 * u64::from(self.length)
    }

    /// The range's first address.
    #[inline(always)]
    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    /// The range's slots.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    #[inline(always)]
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// When to leave, so that not more than `steps` are made from a slot on: at the first jump that is taken with
    /// this many steps made, or more. 0: not even a single straight run is sure to end in time.
    pub(crate) fn limit(&self, index: u32, steps: u64) -> u64 {
        let any = steps.saturating_sub(self.longest_run.into());
        let run = self.runs[index as usize];
        // Up to the next jump, if it is near enough.
        any.max((run != u16::MAX && u64::from(run) <= steps).into())
    }
}

/// Decodes a word on its own.
fn plain(index: u32, length: u32, word: u32) -> Slot {
    let Some(Instruction { op, rd, rs1, rs2, imm }) = Instruction::decode(word) else { return Slot::SLOW };
    let operation = Operation::of(op);
    let rd = if rd == 0 { SINK } else { rd };
    match op.form() {
        Form::Upper | Form::Load | Form::Immediate | Form::Shift | Form::ShiftWord | Form::Unary => {
            Slot { operation, a: rd, b: rs1, c: imm }
        }
        Form::Register => Slot { operation, a: rd, b: rs1, c: rs2.into() },
        Form::Store => Slot { operation, a: rs2, b: rs1, c: imm },
        Form::Jump | Form::Branch => {
            let target = i64::from(index) + i64::from(imm / 4);
            if imm % 4 != 0 || !(0..i64::from(length)).contains(&target) {
                return Slot::SLOW;
            }
            let a = if op == Op::Jal { rd } else { rs2 };
            Slot { operation, a, b: rs1, c: imm / 4 }
        }
        Form::Bare if op == Op::Fence => Slot { operation, a: SINK, b: 0, c: 0 },
        Form::Bare => Slot::SLOW,
    }
}
