//! What must hold of a folder before the engine opens it.
//!
//! The engine takes a file that is shorter than its header for an empty one, and replaces it. And it writes its lock file
//! through a memory map, where a full disk is not an error but the end of the process (SIGBUS). So both are seen to
//! before: files that are not the engine's are refused untouched, and what the map needs is allocated.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use rustix::{fs::FallocateFlags, io::Errno};

use crate::{Error, Result, room};

/// The file that holds the database.
pub(crate) const DATA_FILE: &str = "mdbx.dat";

/// The file through which the engine's processes know of each other.
pub(crate) const LOCK_FILE: &str = "mdbx.lck";

/// Size of a page. Larger ones make blocks that write here and there slower, smaller ones make the trees deeper.
pub(crate) const PAGE_SIZE: usize = 4096;

/// Read transactions at a time.
pub(crate) const MAX_READERS: u64 = 1024;

/// Least maximum size: an empty database with all its tables, and some blocks.
const MIN_SIZE: usize = 4 << 20;

/// Pages at the start of the data file, each with a header.
pub(crate) const HEADERS: usize = 3;

/// Where a header begins within its page.
const HEADER_OFFSET: usize = 20;

/// What a header begins with, after a byte with its version: 56 bits, little-endian. The lock file begins so as well.
const MAGIC: [u8; 7] = [0x11, 0x4c, 0xef, 0xbd, 0x9d, 0x65, 0x59];

/// Room for the lock file: it takes a slot for each reader, and some state before.
const LOCK_SIZE: u64 = 64 << 10;

/// A slot of a reader in the lock file.
const READER_SLOT: u64 = 32;

const _: () = assert!(MAX_READERS * READER_SLOT + (16 << 10) <= LOCK_SIZE);

/// Room for the headers and the empty tables of a new database.
const FIRST_DATA: u64 = 256 << 10;

/// Folders that a node keeps beside its database, and that may be there when the database is lost.
const BESIDE: [&str; 2] = ["announced", "evidence"];

/// Names of files that are said when a folder is refused.
const SHOWN: usize = 3;

/// Sees that `path` is a folder with a database or without anything, that the maximum size can be met, and that there is
/// room to open it. Returns the data file.
pub(crate) fn prepare(path: &Path, max_size: usize) -> Result<File> {
    if max_size < MIN_SIZE {
        return Err(Error::MapTooSmall { max_size, needed: MIN_SIZE });
    }
    if path.exists() && !path.is_dir() {
        return Err(Error::NotADirectory(path.to_owned()));
    }
    fs::create_dir_all(path).map_err(|error| io_error(path, error))?;
    let (data, lock) = (path.join(DATA_FILE), path.join(LOCK_FILE));
    let length = length(&data)?.unwrap_or(0);
    if length > max_size as u64 {
        return Err(Error::MapTooSmall { max_size, needed: length as usize });
    }
    match length {
        0 => check_empty(path)?,
        length => check_data(&data, length)?,
    }
    check_lock(&lock)?;
    reserve(&lock, LOCK_SIZE)?;
    if length == 0 {
        reserve(&data, FIRST_DATA)?;
    }
    File::open(&data).map_err(|error| io_error(&data, error))
}

fn io_error(path: &Path, error: io::Error) -> Error {
    Error::Io { path: path.to_owned(), error }
}

/// A file's length, if it exists. Anything but a file is refused: to open a pipe would wait for its other end.
fn length(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io_error(path, Errno::ISDIR.into())),
        Ok(found) if !found.is_file() => Err(Error::NotADatabase(path.to_owned())),
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, error)),
    }
}

/// A new database needs a folder of its own. An empty data file and a lock file are what an attempt leaves that did not
/// get further.
fn check_empty(path: &Path) -> Result<()> {
    let names = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let names = names.map_err(|error| io_error(path, error))?.into_iter().map(|entry| entry.file_name());
    let mut others: Vec<_> = names
        .filter(|name| ![DATA_FILE, LOCK_FILE].iter().chain(&BESIDE).any(|known| name == known))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    others.sort_unstable();
    let shown: Vec<_> = others.iter().take(SHOWN).map(|name| name.to_string_lossy()).collect();
    let more = match others.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Error::OtherFiles { path: path.to_owned(), found: format!("{}{more}", shown.join(", ")) })
}

/// Sees that a data file has a header, and all pages that every database has. Headers are written in turn, so one of them
/// may be damaged.
fn check_data(path: &Path, length: u64) -> Result<()> {
    let mut file = File::open(path).map_err(|error| io_error(path, error))?;
    let mut known = false;
    for page in 0..HEADERS {
        let at = page * PAGE_SIZE + HEADER_OFFSET;
        known |= starts(&mut file, at as u64).map_err(|error| io_error(path, error))? == Some(MAGIC);
    }
    let needed = (HEADERS * PAGE_SIZE) as u64;
    match known {
        false => Err(Error::NotADatabase(path.to_owned())),
        true if length < needed => Err(Error::CutShort { path: path.to_owned(), length, needed }),
        true => Ok(()),
    }
}

/// Sees that a lock file is empty or the engine's: it is overwritten when nobody uses it.
fn check_lock(path: &Path) -> Result<()> {
    if length(path)?.is_none_or(|length| length == 0) {
        return Ok(());
    }
    let found = File::open(path).and_then(|mut file| starts(&mut file, 0));
    match found.map_err(|error| io_error(path, error))? {
        // Zero: an engine was killed before it wrote anything.
        Some(MAGIC | [0, 0, 0, 0, 0, 0, 0]) => Ok(()),
        _ => Err(Error::NotADatabase(path.to_owned())),
    }
}

/// What follows the version that stands at a place; `None` beyond the end.
fn starts(file: &mut File, at: u64) -> io::Result<Option<[u8; 7]>> {
    let mut found = [0; 7];
    file.seek(SeekFrom::Start(at + 1))?;
    match file.read_exact(&mut found) {
        Ok(()) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Allocates the first bytes of a file, which is created if there is none. Its length and what it holds stay as they are,
/// so this is safe while another process uses it.
fn reserve(path: &Path, bytes: u64) -> Result<()> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let result = file.and_then(|file| {
        rustix::io::retry_on_intr(|| rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes))
            .map_err(io::Error::from)
    });
    let no_space = || Error::NoSpace { path: path.to_owned(), needed: bytes };
    match result.map_err(|error| (error.raw_os_error(), error)) {
        Ok(()) => Ok(()),
        Err((Some(code), _)) if room::says_full(code) => Err(no_space()),
        // The file system cannot allocate ahead. Then the best is to ask it for what it has.
        Err((Some(code), _))
            if code == Errno::OPNOTSUPP.raw_os_error() || code == Errno::NOSYS.raw_os_error() =>
        {
            match room::available(path) {
                Some(available) if available < bytes => Err(no_space()),
                _ => Ok(()),
            }
        }
        Err((_, error)) => Err(io_error(path, error)),
    }
}
