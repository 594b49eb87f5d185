//! One step, plainly: fetch, decode, execute.
//!
//! This is the machine's meaning in Rust. The fast interpreter leaves to it whatever is not plain arithmetic, tests
//! compare the two, and witnesses are made of what it touches.

use crate::{
    accel,
    host::{Host, HostError},
    isa::{ECALL, Instruction, Op},
    machine_state::{A0, A7, Cpu},
};
use alloy_primitives::{B256, Bytes, keccak256};

/// Bytes of a leaf of the memory's tree.
pub(crate) const LEAF: u64 = 32;
/// Bytes of the page that the accelerator works on.
pub(crate) const PAGE: u64 = 1024;
/// Bytes of memory.
pub(crate) const MEMORY: u64 = 1 << 32;
/// Field elements of a blob.
pub(crate) const BLOB_ELEMENTS: u64 = 4096;

/// The numbers that select ECALLs.
pub(crate) mod call {
    pub(crate) const HALT: u64 = 0;
    pub(crate) const PREIMAGE: u64 = 1;
    pub(crate) const BLOB: u64 = 2;
    pub(crate) const ACCEL: u64 = 3;
}

/// The machine's memory. Callers keep to addresses that are multiples of `N`, and to `N` that are powers of two up
/// to [`PAGE`].
pub(crate) trait Memory {
    /// The bytes at an address.
    fn load<const N: usize>(&self, address: u32) -> [u8; N];
    /// Writes bytes to an address.
    fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]);
}

/// What a step has looked at, apart from the state: what its witness consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: the machine had exited, or could not fetch.
    None,
    /// The instruction only.
    Fetch,
    /// The instruction, and the leaf at this address: a load or a store.
    Leaf(u32),
    /// The instruction, and the leaf of the output, if HALT had one.
    Output(Option<u32>),
    /// The instruction, and a preimage.
    Preimage {
        /// Address of the key's leaf.
        key: u32,
        /// Address of the leaf that is written.
        destination: u32,
        /// The whole preimage.
        preimage: Bytes,
    },
    /// The instruction, and a blob's element.
    Blob {
        /// Address of the versioned hash's leaf.
        hash: u32,
        /// Address of the leaf that is written.
        destination: u32,
        /// The blob.
        versioned_hash: B256,
        /// Which element.
        index: u16,
        /// The element.
        element: B256,
    },
    /// The instruction, and the page at this address: an accelerator call.
    Page {
        /// Address of the page.
        page: u32,
        /// The operation; `accepted` tells whether it ran, or was too dear.
        op: u64,
        /// Whether the operation ran. Otherwise the machine exited.
        accepted: bool,
    },
}

/// Executes one step. On an error, nothing has changed.
pub(crate) fn step<M: Memory, H: Host>(
    cpu: &mut Cpu,
    memory: &mut M,
    host: &mut H,
    cache: &mut PreimageCache,
) -> Result<Access, HostError> {
    if cpu.exited {
        return Ok(Access::None);
    }
    let Some(pc) = aligned(cpu.pc, 4) else {
        trap(cpu);
        return Ok(Access::None);
    };
    let word = u32::from_le_bytes(memory.load(pc));
    if word == ECALL {
        return ecall(cpu, memory, host, cache);
    }
    let Some(Instruction { op, rd, rs1, rs2, imm }) = Instruction::decode(word) else {
        trap(cpu);
        return Ok(Access::Fetch);
    };
    let imm = i64::from(imm) as u64;
    let (a, b) = (cpu.x[usize::from(rs1)], cpu.x[usize::from(rs2)]);
    let mut next = cpu.pc.wrapping_add(4);
    let mut access = Access::Fetch;
    match op {
        Op::Lui => cpu.set(rd, imm),
        Op::Auipc => cpu.set(rd, cpu.pc.wrapping_add(imm)),
        Op::Jal => {
            cpu.set(rd, next);
            next = cpu.pc.wrapping_add(imm);
        }
        Op::Jalr => {
            cpu.set(rd, next);
            next = a.wrapping_add(imm) & !1;
        }
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
            if op.taken(a, b) {
                next = cpu.pc.wrapping_add(imm);
            }
        }
        Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu => {
            let Some(address) = aligned(a.wrapping_add(imm), op.width()) else {
                trap(cpu);
                return Ok(Access::Fetch);
            };
            let value = match op.width() {
                1 => u64::from(memory.load::<1>(address)[0]),
                2 => u16::from_le_bytes(memory.load(address)).into(),
                4 => u32::from_le_bytes(memory.load(address)).into(),
                _ => u64::from_le_bytes(memory.load(address)),
            };
            cpu.set(rd, op.extend(value));
            access = Access::Leaf(address & !(LEAF as u32 - 1));
        }
        Op::Sb | Op::Sh | Op::Sw | Op::Sd => {
            let Some(address) = aligned(a.wrapping_add(imm), op.width()) else {
                trap(cpu);
                return Ok(Access::Fetch);
            };
            match op {
                Op::Sb => memory.store(address, [b as u8]),
                Op::Sh => memory.store(address, (b as u16).to_le_bytes()),
                Op::Sw => memory.store(address, (b as u32).to_le_bytes()),
                _ => memory.store(address, b.to_le_bytes()),
            }
            access = Access::Leaf(address & !(LEAF as u32 - 1));
        }
        Op::Fence | Op::Ecall => {}
        _ => {
            let b = if matches!(op.form(), crate::isa::Form::Register) { b } else { imm };
            cpu.set(rd, op.compute(a, b));
        }
    }
    cpu.pc = next;
    cpu.step = cpu.step.wrapping_add(1);
    Ok(access)
}

/// An address if it is below 2^32 and a multiple of `width`.
fn aligned(address: u64, width: u64) -> Option<u32> {
    u32::try_from(address).ok().filter(|_| address.is_multiple_of(width))
}

/// Exits with code 2: what is not defined otherwise. It counts as a step.
fn trap(cpu: &mut Cpu) {
    cpu.exit(2, B256::ZERO);
    cpu.step = cpu.step.wrapping_add(1);
}

fn ecall<M: Memory, H: Host>(
    cpu: &mut Cpu,
    memory: &mut M,
    host: &mut H,
    cache: &mut PreimageCache,
) -> Result<Access, HostError> {
    let [a0, a1, a2] = [cpu.x[A0], cpu.x[A0 + 1], cpu.x[A0 + 2]];
    let (leaf0, leaf1) = (aligned(a0, LEAF), aligned(a1, LEAF));
    let access = match (cpu.x[A7], leaf0, leaf1) {
        (call::HALT, _, Some(pointer)) => {
            let output = if pointer == 0 { B256::ZERO } else { memory.load(pointer).into() };
            cpu.exit(a0, output);
            cpu.step = cpu.step.wrapping_add(1);
            return Ok(Access::Output(Some(pointer).filter(|pointer| *pointer != 0)));
        }
        (call::PREIMAGE, Some(key), Some(destination)) => {
            let preimage = cache.get(memory.load(key).into(), host, cpu.step)?;
            memory.store(destination, slice_at(&preimage, a2));
            cpu.x[A0] = preimage.len() as u64;
            Access::Preimage { key, destination, preimage }
        }
        (call::BLOB, Some(hash), Some(destination)) if a2 < BLOB_ELEMENTS => {
            let (versioned_hash, index) = (memory.load(hash).into(), a2 as u16);
            let element = host.blob_element(&versioned_hash, index);
            let missing = HostError::NoBlob { step: cpu.step, versioned_hash, index };
            let element = element.ok_or(missing)?;
            memory.store(destination, element.0);
            Access::Blob { hash, destination, versioned_hash, index, element }
        }
        (call::ACCEL, ..) => return Ok(accelerate(cpu, memory, a0, a1, a2)),
        _ => {
            trap(cpu);
            return Ok(Access::Fetch);
        }
    };
    cpu.pc = cpu.pc.wrapping_add(4);
    cpu.step = cpu.step.wrapping_add(1);
    Ok(access)
}

fn accelerate<M: Memory>(cpu: &mut Cpu, memory: &mut M, op: u64, page: u64, length: u64) -> Access {
    let arguments = (accel::exists(op), aligned(page, PAGE), length <= accel::ACCEL_MAX_LENGTH);
    let (true, Some(page), true) = arguments else {
        trap(cpu);
        return Access::Fetch;
    };
    let mut bytes: [u8; PAGE as usize] = memory.load(page);
    let input = &bytes[..length as usize];
    let accepted = accel::cost(op, input).is_some();
    let access = Access::Page { page, op, accepted };
    if !accepted {
        trap(cpu);
        return access;
    }
    match accel::run(op, input) {
        Some(output) => {
            bytes[..output.len()].copy_from_slice(&output);
            memory.store(page, bytes);
            (cpu.x[A0], cpu.x[A0 + 1]) = (1, output.len() as u64);
        }
        None => (cpu.x[A0], cpu.x[A0 + 1]) = (0, 0),
    }
    cpu.pc = cpu.pc.wrapping_add(4);
    cpu.step = cpu.step.wrapping_add(1);
    access
}

/// The 32 bytes from `offset` on, zero beyond the end.
fn slice_at(bytes: &[u8], offset: u64) -> [u8; LEAF as usize] {
    let tail = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let mut slice = [0; LEAF as usize];
    let length = tail.len().min(slice.len());
    slice[..length].copy_from_slice(&tail[..length]);
    slice
}

/// The preimage that was read last. Programs read a preimage 32 bytes at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreimageCache(Option<(B256, Bytes)>);

impl PreimageCache {
    /// A preimage, checked by its hash.
    fn get<H: Host>(&mut self, hash: B256, host: &mut H, step: u64) -> Result<Bytes, HostError> {
        if let Some((_, bytes)) = self.0.as_ref().filter(|(cached, _)| *cached == hash) {
            return Ok(bytes.clone());
        }
        let bytes = host.preimage(&hash).ok_or(HostError::NoPreimage { step, hash })?;
        let found = keccak256(&bytes);
        if found != hash {
            return Err(HostError::WrongPreimage { step, expected: hash, found });
        }
        self.0 = Some((hash, bytes.clone()));
        Ok(bytes)
    }
}
