//! Memory of processes, as the system counts it.

use anyhow::{Context, Result};

/// A line of `/proc/PID/status` that tells of memory, `VmRSS` for one, in bytes.
///
/// # Errors
/// There is no such process, or no such line.
pub fn memory(process: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = value.and_then(|value| value.split_whitespace().next());
    let kilobytes: u64 = kilobytes.with_context(|| format!("{path}: no {field}"))?.parse()?;
    Ok(kilobytes << 10)
}

/// The most memory that a process has had, in bytes: its peak resident set (`VmHWM`). It is no sample, so that nothing escapes
/// it, and has the pages of the database that are mapped, so it is more than what the process has for itself.
///
/// # Errors
/// As [`memory`].
pub fn peak_memory(process: u32) -> Result<u64> {
    memory(process, "VmHWM")
}
