//! The fault proof program on QEMU, as a peer of the machine: the same instructions, translated by the fastest emulator that
//! people have.
//!
//! QEMU knows nothing of the machine's calls. A supervisor of 80 instructions, in QEMU's system emulator, answers each of
//! them with what it was answered on the machine, from a recording of that run; so QEMU does less than the machine, which
//! also hashes and recovers signatures.
//!
//! ```text
//! 0x8000_0000  the guest's memory, from its address 0 on; in its first pages, which it does not use, the supervisor
//! 0xc000_0000  the recording: entry, a0 to a3; then for each call: address, length, a0, a1, and the bytes to write there
//! ```

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rollup::{program::program_path, witness::BlockWitness};
use testnet::MAX_STEPS;
use vm::{Call, Elf, Image};

use crate::proving;

/// Name of the emulator.
pub(super) const QEMU: &str = "qemu-system-riscv64";

/// Where the guest's address 0 is.
const MEMORY: u64 = 0x8000_0000;
/// Where the recording is.
const RECORDING: u64 = 0xc000_0000;
/// Behind the last call.
const END: u64 = u64::MAX;
/// Bytes of the recording before the first call.
const HEADER: usize = 40;

/// The supervisor, in M mode; the guest runs in U mode.
#[rustfmt::skip]
const SUPERVISOR: [u32; 80] = [
    // Starts: the whole of memory is the supervisor's to give (PMP); the guest sees one page of 1 GiB (Sv39).
    0xfff0_0293, // li t0, -1
    0x3b02_9073, // csrw pmpaddr0, t0
    0x01f0_0293, // li t0, 31
    0x3a02_9073, // csrw pmpcfg0, t0
    0x0000_0297, // auipc t0, 0
    0x0842_8293, // addi t0, t0, 132
    0x3052_9073, // csrw mtvec, t0
    0x8000_22b7, // lui t0, 524290
    0x0202_9293, // slli t0, t0, 32
    0x0202_d293, // srli t0, t0, 32
    0x2000_0337, // lui t1, 131072
    0x0df3_0313, // addi t1, t1, 223
    0x0062_b023, // sd t1, 0(t0)
    0x00c2_d313, // srli t1, t0, 12
    0x0080_0393, // li t2, 8
    0x03c3_9393, // slli t2, t2, 60
    0x0073_6333, // or t1, t1, t2
    0x1803_1073, // csrw satp, t1
    0x1200_0073, // sfence.vma
    0x3000_1073, // csrw mstatus, zero
    0xffff_f3b7, // lui t2, 1048575
    0x0072_82b3, // add t0, t0, t2
    0x3402_9073, // csrw mscratch, t0
    0x0030_0313, // li t1, 3
    0x01e3_1313, // slli t1, t1, 30
    0x0283_0393, // addi t2, t1, 40
    0x0072_b023, // sd t2, 0(t0)
    0x0003_3283, // ld t0, 0(t1)
    0x3412_9073, // csrw mepc, t0
    0x0083_3503, // ld a0, 8(t1)
    0x0103_3583, // ld a1, 16(t1)
    0x0183_3603, // ld a2, 24(t1)
    0x0203_3683, // ld a3, 32(t1)
    0x0000_0293, // li t0, 0
    0x0000_0313, // li t1, 0
    0x0000_0393, // li t2, 0
    0x3020_0073, // mret
    // A trap: a call of the guest, or a fault.
    0x340f_9ff3, // csrrw t6, mscratch, t6
    0x005f_b423, // sd t0, 8(t6)
    0x006f_b823, // sd t1, 16(t6)
    0x007f_bc23, // sd t2, 24(t6)
    0x03cf_b023, // sd t3, 32(t6)
    0x3420_22f3, // csrr t0, mcause
    0xff82_8293, // addi t0, t0, -8
    0x0602_9e63, // bnez t0, <fail>
    0x000f_b283, // ld t0, 0(t6)
    0x0002_b303, // ld t1, 0(t0)
    0x0408_8c63, // beqz a7, <halt>
    0x0082_b383, // ld t2, 8(t0)
    0x0102_b503, // ld a0, 16(t0)
    0x0182_b583, // ld a1, 24(t0)
    0x0202_8293, // addi t0, t0, 32
    0x0003_8e63, // beqz t2, (copied)
    0x0002_be03, // ld t3, 0(t0)
    0x01c3_3023, // sd t3, 0(t1)
    0x0082_8293, // addi t0, t0, 8
    0x0083_0313, // addi t1, t1, 8
    0xff83_8393, // addi t2, t2, -8
    0xfe9f_f06f, // j (copy)
    0x005f_b023, // sd t0, 0(t6)
    0x3410_22f3, // csrr t0, mepc
    0x0042_8293, // addi t0, t0, 4
    0x3412_9073, // csrw mepc, t0
    0x008f_b283, // ld t0, 8(t6)
    0x010f_b303, // ld t1, 16(t6)
    0x018f_b383, // ld t2, 24(t6)
    0x020f_be03, // ld t3, 32(t6)
    0x340f_9ff3, // csrrw t6, mscratch, t6
    0x3020_0073, // mret
    // HALT: QEMU ends with 0 if its code is 0, and the recording is at its end, too.
    0x0005_1c63, // bnez a0, <fail>
    0x0013_0313, // addi t1, t1, 1
    0x0003_1863, // bnez t1, <fail>
    0x0000_5337, // lui t1, 5
    0x5553_0313, // addi t1, t1, 1365
    0x00c0_006f, // j (end)
    // Anything else is wrong.
    0x0001_3337, // lui t1, 19
    0x3333_0313, // addi t1, t1, 819
    0x0010_02b7, // lui t0, 256
    0x0062_a023, // sw t1, 0(t0)
    0x0000_006f, // j (for ever)
];

/// How long QEMU takes for the program's run over a block: the whole process, less one that ends at once.
pub(super) fn time(qemu: &Path, image: &Image, witness: &BlockWitness) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let supervisor: Vec<u8> = SUPERVISOR.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(file("supervisor.bin"), supervisor)?;
    let program = fs::read(program_path()?)?;
    let start = flatten(&program, &file("image.bin"))?;
    let (recording, halt) = record(image, witness)?;
    let run = |recording: &[u8]| -> Result<Duration> {
        fs::write(file("recording.bin"), recording)?;
        let device = |name: &str, address: u64| {
            format!("loader,file={},addr={address:#x},force-raw=on", file(name).display())
        };
        let started = Instant::now();
        let status = Command::new(qemu)
            .args(["-machine", "virt", "-cpu", "rv64", "-m", "3G", "-display", "none"])
            .args(["-serial", "none", "-monitor", "none", "-bios"])
            .arg(file("supervisor.bin"))
            .args(["-device", &device("image.bin", MEMORY + start), "-device"])
            .arg(device("recording.bin", RECORDING))
            .stdin(Stdio::null())
            .status()?;
        ensure!(status.success(), "QEMU's run differs from the machine's: {status}");
        Ok(started.elapsed())
    };
    let whole = run(&recording)?;
    // The same files, but the first instruction is HALT's call, with code 0 in a0, and no call is expected.
    let mut nothing = recording;
    nothing[..HEADER].fill(0);
    nothing[..8].copy_from_slice(&halt.to_le_bytes());
    nothing[HEADER..HEADER + 8].copy_from_slice(&END.to_le_bytes());
    Ok(whole.saturating_sub(run(&nothing)?))
}

/// Writes what the program's memory holds at the start to a file; gives the address of its first byte.
fn flatten(program: &[u8], path: &Path) -> Result<u64> {
    let elf = Elf::parse(program)?;
    let start = elf.segments.iter().map(|segment| segment.address).min().context("an empty program")?;
    let mut memory = Vec::new();
    for segment in &elf.segments {
        let at = (segment.address - start) as usize;
        memory.resize(memory.len().max(at + segment.bytes.len()), 0);
        memory[at..at + segment.bytes.len()].copy_from_slice(segment.bytes);
    }
    fs::write(path, memory)?;
    Ok(start.into())
}

/// The answers to all calls of a run; and the address of the call that ends it.
fn record(image: &Image, witness: &BlockWitness) -> Result<(Vec<u8>, u64)> {
    const A0: usize = 10;
    const A1: usize = 11;
    let start = || proving::start(image, witness);
    let mut machine = start()?;
    machine.log_calls();
    machine.run(MAX_STEPS)?;
    let calls = machine.logged_calls().to_vec();

    let mut machine = start()?;
    let mut recording = Vec::new();
    let mut put = |words: &[u64]| recording.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    put(&[image.entry().into()]);
    put(&machine.cpu().x[A0..A0 + 4]);
    for (step, call) in calls {
        machine.run_to(step)?;
        if call == Call::Halt {
            put(&[END]);
            return Ok((recording, machine.cpu().pc));
        }
        // Both calls write where a1 points to.
        let address = machine.cpu().x[A1];
        machine.run_to(step + 1)?;
        let (a0, a1) = (machine.cpu().x[A0], machine.cpu().x[A1]);
        let length = match call {
            Call::Preimage => 32,
            Call::Accel(_) => a1.next_multiple_of(8),
            Call::Blob | Call::Halt => bail!("{call:?} is not recorded"),
        };
        put(&[MEMORY + address, length, a0, a1]);
        for at in (address..address + length).step_by(8) {
            put(&[u64::from_le_bytes(machine.load(at as u32))]);
        }
    }
    bail!("a run without an end")
}
