//! Power cuts without a plug: what a process wrote and did not flush is really thrown away.
//!
//! A library, `powercut/shim.c`, stands between a process and the system (LD_PRELOAD) and notes in a journal what every
//! change of a file in the data folder replaces, and every flush. The process is killed at any instant; then
//! [`ForgetfulDisk::cut`] undoes, from the journal, all changes that no finished flush has made last: contents, lengths,
//! new files, new names and removed ones (a name lasts once its folder is flushed).
//!
//! **Why that is honest.** It is the least that a disk may keep by POSIX: nothing at all that was not flushed, where a real
//! one keeps much. Or, by `survival`, it keeps a random part of it in sectors of 512 bytes, in no order, which is what a
//! real one does. The library sees every change, because libmdbx and the log write by calls of the C library and not through
//! shared memory: a writable shared map of a file in the folder ends the process. (libmdbx's lock file is the one exception;
//! it is gone after a cut.) After a cut the boot id is another one, as libmdbx and the log look at it.
//!
//! **What it does not cover.** A disk or a file system that says a flush is done when it is not; sectors that a power cut
//! damages though nobody was writing them; a kernel that ends in another way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use rand::{Rng, rngs::StdRng};

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// Of what a write has added to a file, so many bytes may survive a cut before it was flushed; the rest never does.
const GROWN: u64 = 64 << 10;

/// Longest that a flush takes, in microseconds.
const FLUSH_MICROSECONDS: u32 = 2_000;

const HEAD: usize = 32;
const WRITE: u32 = 1;
const TRUNCATE: u32 = 2;
const FLUSH: u32 = 3;
const CREATE: u32 = 4;
const RENAME: u32 = 5;
const UNLINK: u32 = 6;
const FLUSH_FOLDER: u32 = 7;

/// A folder on a disk that forgets.
#[derive(Debug)]
pub struct ForgetfulDisk {
    folder: PathBuf,
    library: PathBuf,
    journal: PathBuf,
    boot: PathBuf,
    cuts: u32,
}

/// What a cut took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Changes that were undone.
    pub changes: usize,
    /// Bytes that they had written.
    pub bytes: u64,
    /// Sectors that survived, though nobody had flushed them.
    pub survivors: usize,
}

/// A note of the library.
#[derive(Debug)]
struct Note {
    kind: u32,
    inode: u64,
    a: u64,
    b: u64,
    bytes: Vec<u8>,
}

impl ForgetfulDisk {
    /// A disk for the data folder `folder` of a process that does not run yet; what is in it lasts. `work` takes the
    /// journal and the library, which is compiled here.
    pub fn new(folder: &Path, work: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        fs::create_dir_all(work)?;
        let folder = folder.canonicalize()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("powercut/shim.c");
        let library = work.join("powercut.so");
        let built = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .output()
            .context("no C compiler")?;
        ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let disk =
            Self { folder, library, journal: work.join("journal"), boot: work.join("boot_id"), cuts: 0 };
        disk.boot()?;
        Ok(disk)
    }

    /// What the environment of the process must have.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", path(&self.library)),
            ("POWERCUT_DIR", path(&self.folder)),
            ("POWERCUT_JOURNAL", path(&self.journal)),
            ("POWERCUT_BOOT", path(&self.boot)),
            ("POWERCUT_FLUSH_US", FLUSH_MICROSECONDS.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn graves(&self) -> PathBuf {
        self.journal.with_extension("graves")
    }

    /// Another boot of the machine, with an empty journal.
    fn boot(&self) -> Result<()> {
        let n = self.cuts;
        fs::write(&self.boot, format!("{n:08x}-aaaa-4bbb-8ccc-{:012x}\n", u64::from(n) + 1))?;
        if self.graves().exists() {
            fs::remove_dir_all(self.graves())?;
        }
        fs::create_dir_all(self.graves())?;
        Ok(fs::write(&self.journal, [])?)
    }

    /// Cuts the power of a process that was just killed: undoes what it had not flushed. Each sector that is not flushed
    /// survives with probability `survival`.
    pub fn cut(&mut self, survival: f64, random: &mut StdRng) -> Result<Taken> {
        let notes = self.read()?;
        let (mut flushed, mut single) = (HashMap::new(), BTreeSet::new());
        for note in &notes {
            match note.kind {
                FLUSH | FLUSH_FOLDER if note.b == 0 => {
                    let upto = flushed.entry(note.inode).or_insert(0);
                    *upto = note.a.max(*upto);
                }
                FLUSH => drop(single.insert(note.a)),
                _ => {}
            }
        }
        let lost = |(index, note): &(usize, &Note)| {
            let index = *index as u64;
            let is_flush = matches!(note.kind, FLUSH | FLUSH_FOLDER);
            let lasts = flushed.get(&note.inode).is_some_and(|upto| index < *upto);
            !is_flush && !lasts && !single.contains(&(index + 1))
        };
        let mut paths = HashMap::new();
        walk(&self.folder, &mut paths)?;
        walk(&self.graves(), &mut paths)?;
        // What stands now in the sectors that are not flushed.
        let mut now: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
        let mut taken = Taken::default();
        for (_, note) in notes.iter().enumerate().filter(lost) {
            taken.changes += 1;
            let Some(path) = paths.get(&note.inode).filter(|_| note.kind == WRITE && survival > 0.0) else {
                continue;
            };
            let file = File::open(path)?;
            let mut end = note.a + note.bytes.len() as u64;
            if end >= note.b {
                // It made the file longer; how much, the note does not say.
                end = file.metadata()?.len().min(end + GROWN).max(end);
            }
            for sector in note.a / SECTOR..end.div_ceil(SECTOR) {
                let mut bytes = vec![0; SECTOR as usize];
                let read = file.read_at(&mut bytes, sector * SECTOR)?;
                bytes.truncate(read);
                now.insert((note.inode, sector), bytes);
            }
        }
        for (_, note) in notes.iter().enumerate().filter(lost).collect::<Vec<_>>().into_iter().rev() {
            taken.bytes += note.bytes.len() as u64;
            self.undo(note, &mut paths).with_context(|| format!("undoing {note:?}"))?;
        }
        for ((inode, sector), bytes) in now {
            // A file that is gone with its name takes its sectors along.
            let Some(path) = paths.get(&inode) else { continue };
            if random.random_bool(survival) && path.exists() {
                File::options().write(true).open(path)?.write_all_at(&bytes, sector * SECTOR)?;
                taken.survivors += 1;
            }
        }
        remove(&self.folder.join("mdbx.lck"))?;
        self.cuts += 1;
        self.boot()?;
        Ok(taken)
    }

    fn read(&self) -> Result<Vec<Note>> {
        let bytes = fs::read(&self.journal)?;
        let mut left = &bytes[..];
        let mut notes = Vec::new();
        // The last note may be cut short, and then its change was not made.
        while left.len() >= HEAD {
            let word = |at: usize| left[at..at + 8].try_into().map(u64::from_le_bytes);
            let first = word(0)?;
            let length = (first >> 32) as usize;
            let Some(bytes) = left.get(HEAD..HEAD + length) else { break };
            notes.push(Note {
                kind: first as u32,
                inode: word(8)?,
                a: word(16)?,
                b: word(24)?,
                bytes: bytes.to_vec(),
            });
            left = &left[HEAD + length..];
        }
        Ok(notes)
    }

    fn undo(&self, note: &Note, paths: &mut HashMap<u64, PathBuf>) -> Result<()> {
        let text = || Ok::<_, anyhow::Error>(PathBuf::from(String::from_utf8(note.bytes.clone())?));
        let grave = self.graves().join(note.a.to_string());
        match note.kind {
            WRITE | TRUNCATE => {
                // Without a name any more: it was new, and its name has been taken back already.
                let Some(path) = paths.get(&note.inode) else { return Ok(()) };
                let file = File::options().write(true).open(path)?;
                file.set_len(note.b)?;
                if note.kind == WRITE {
                    file.write_all_at(&note.bytes, note.a)?;
                }
            }
            CREATE => {
                let path = text()?;
                paths.retain(|_, known| !known.starts_with(&path));
                if path.is_dir() { fs::remove_dir_all(path)? } else { remove(&path)? }
            }
            UNLINK => {
                let path = text()?;
                if !path.exists() {
                    fs::hard_link(&grave, &path)?;
                }
                paths.insert(fs::metadata(&path)?.ino(), path);
            }
            RENAME => {
                let both = String::from_utf8(note.bytes.clone())?;
                let (from, to) = both.split_once('\0').context("two names")?;
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                // Noted, and not made before the kill: both are as they were.
                if from.exists() {
                    return Ok(());
                }
                fs::rename(&to, &from)?;
                paths.insert(fs::metadata(&from)?.ino(), from);
                if note.a > 0 {
                    fs::hard_link(&grave, &to)?;
                    paths.insert(fs::metadata(&to)?.ino(), to);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The files of a folder by their inodes.
fn walk(folder: &Path, found: &mut HashMap<u64, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else {
            found.entry(fs::metadata(&path)?.ino()).or_insert(path);
        }
    }
    Ok(())
}
