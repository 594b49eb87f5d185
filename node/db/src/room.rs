//! Whether there is room on the disk.

use std::path::Path;

use rustix::io::Errno;

/// A device with less room is full: no transaction needs less.
const FULL: u64 = 1 << 20;

/// Whether a code of the system says that there is no room, on the device or in the user's share of it.
pub(crate) fn says_full(code: i32) -> bool {
    [Errno::NOSPC, Errno::DQUOT].iter().any(|full| full.raw_os_error() == code)
}

/// Whether the device of a path has no room.
pub(crate) fn is_full(path: &Path) -> bool {
    available(path).is_some_and(|available| available < FULL)
}

/// Bytes that the device of a path has left.
pub(crate) fn available(path: &Path) -> Option<u64> {
    let device = rustix::fs::statvfs(path).ok()?;
    Some(device.f_bavail.saturating_mul(device.f_frsize))
}
