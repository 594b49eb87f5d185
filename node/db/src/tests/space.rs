//! A full disk: an error that says so, never a signal, and nothing committed is lost.
//!
//! Each case runs in a process of its own, in a small file system that goes away with it.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Output},
};

use alloy_primitives::B256;

use super::open::open;
use crate::{Database, Error, L1BlockRecord, L1Cursor, folder};

/// Set in the child: its case.
const CASE: &str = "DB_SPACE_TEST_CASE";
/// Set in the child: a folder to work in.
const FOLDER: &str = "DB_SPACE_TEST_FOLDER";
const TMPFS: &str = "mount -t tmpfs -o size=4m none \"$0\"";
const EXT4: &str =
    "truncate -s 8m \"$0.image\" && mkfs.ext4 -q -m 0 \"$0.image\" && mount -o loop \"$0.image\" \"$0\"";

/// Runs a case of a test in a process of its own, after `before`, a shell command for which `$0` is the case's folder.
fn run(test: &str, case: &str, before: &str, isolated: bool) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let script = format!("{{ {before}; }} && exec \"$@\"");
    let shell = ["sh", "-c", &script];
    // With mounts of its own, and where that needs it, as root of a user namespace of its own.
    let unshare = if rustix::process::geteuid().is_root() { ["unshare", "-m"] } else { ["unshare", "-rm"] };
    let words: Vec<&str> = if isolated { [&unshare[..], &shell].concat() } else { shell.to_vec() };
    Command::new(words[0])
        .args(&words[1..])
        .arg(&folder)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CASE, case)
        .env(FOLDER, &folder)
        .output()
        .unwrap()
}

/// Whether a file system can be mounted here: a container or a kernel may not allow it, or may lack it.
fn can_mount(mount: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let probe = Command::new("unshare").args([flags, "sh", "-c", mount]).arg(&folder).output();
    probe.is_ok_and(|output| output.status.success())
}

fn check(status: ExitStatus, output: &Output, what: &str) {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(status.success(), "{what}: signal {:?}, {said}", status.signal());
}

/// Takes all the room that is left.
fn fill(folder: &Path) {
    let mut file = File::create(folder.join("filler")).unwrap();
    for size in [64 << 10, 4 << 10] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    file.sync_all().unwrap();
}

fn make_room(folder: &Path) {
    fs::remove_file(folder.join("filler")).unwrap();
}

fn write(database: &Database, number: u64) -> Result<(), Error> {
    let mut writer = database.write()?;
    for part in 0..200 {
        let block = L1BlockRecord { hash: B256::random(), parent: B256::ZERO, timestamp: number };
        writer.put_l1_block(2 * (number * 1000 + part), &block)?;
    }
    writer.set_l1_cursor(L1Cursor { number, hash: B256::ZERO })?;
    writer.commit()
}

/// The cursor, after reading all that belongs to it.
fn written(database: &Database) -> u64 {
    let reader = database.read().unwrap();
    let cursor = reader.l1_cursor().unwrap().map_or(0, |cursor| cursor.number);
    let blocks = reader.l1_blocks(0..=u64::MAX).unwrap().map(|block| block.unwrap().1.timestamp);
    let blocks: Vec<u64> = blocks.collect();
    assert_eq!(blocks.len() as u64, cursor * 200);
    assert_eq!(blocks.last().copied().unwrap_or(0), cursor);
    cursor
}

fn no_space(error: &Error, file: &str) {
    assert!(matches!(error, Error::NoSpace { path, .. } if path.ends_with(file)), "{error:?}");
    assert!(error.to_string().starts_with("no space left on the device: /"), "{error}");
}

/// A new database where there is no room.
fn new(folder: &Path) {
    let path = folder.join("database");
    fs::create_dir(&path).unwrap();
    fill(folder);
    no_space(&open(&path).unwrap_err(), folder::LOCK_FILE);
    make_room(folder);
    write(&open(&path).unwrap(), 1).unwrap();
}

/// A database that was closed, where there is no room any more.
fn existing(folder: &Path) {
    let path = folder.join("database");
    let database = open(&path).unwrap();
    (1..4).for_each(|number| write(&database, number).unwrap());
    drop(database);
    fill(folder);
    no_space(&open(&path).unwrap_err(), folder::LOCK_FILE);
    make_room(folder);
    assert_eq!(written(&open(&path).unwrap()), 3);
}

/// A disk that becomes full while the database is used.
fn running(folder: &Path) {
    let path = folder.join("database");
    let database = open(&path).unwrap();
    write(&database, 1).unwrap();
    database.sync().unwrap();
    let mut number = 1;
    let error = loop {
        match write(&database, number + 1) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(number > 5, "only {number}");
    assert!(matches!(&error, Error::DiskFull(found) if *found == path), "{error:?}");
    assert!(error.to_string().contains("what was committed is safe") && error.is_fatal(), "{error}");
    assert_eq!(written(&database), number);
    fill(folder);
    assert!(matches!(write(&database, number + 1), Err(Error::DiskFull(_))));
    database.sync().unwrap();
    drop(database);
    make_room(folder);
    let database = open(&path).unwrap();
    assert_eq!(written(&database), number, "nothing committed is lost");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    const NAME: &str = "tests::space::a_full_disk_is_an_error_and_loses_nothing";
    type Case = (&'static str, fn(&Path));
    let cases: [Case; 3] = [("new", new), ("existing", existing), ("running", running)];
    if let Some(case) = std::env::var_os(CASE) {
        let (_, run) = cases.into_iter().find(|(name, _)| case == *name).unwrap();
        return run(std::env::var_os(FOLDER).unwrap().as_ref());
    }
    for (name, mount) in [("tmpfs", TMPFS), ("ext4", EXT4)] {
        if !can_mount(mount) {
            // The test below does without mounting.
            eprintln!("{name} cannot be mounted here");
            continue;
        }
        for (case, _) in cases {
            let output = run(NAME, case, mount, true);
            check(output.status, &output, &format!("{case} on {name}"));
        }
    }
}

/// A limit on the size of files, as a user has it who may not mount anything.
#[test]
fn files_that_may_not_grow_are_an_error_in_the_systems_words() {
    const NAME: &str = "tests::space::files_that_may_not_grow_are_an_error_in_the_systems_words";
    if std::env::var_os(CASE).is_some() {
        let folder = std::env::var_os(FOLDER).unwrap();
        let path = Path::new(&folder).join("database");
        let error = open(&path).unwrap_err().to_string();
        assert_eq!(error, format!("database engine in {}: File too large (os error 27)", path.display()));
        return;
    }
    let output = run(NAME, "limit", "ulimit -f 16 && trap '' XFSZ", false);
    check(output.status, &output, "with a limit");
}
