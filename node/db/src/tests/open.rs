use alloy_primitives::B256;

use crate::{Database, Error, Identity, L1BlockRecord, L1Cursor, Options};

pub(super) const IDENTITY: Identity = Identity {
    l1_chain_id: 1,
    l2_chain_id: 2,
    genesis_hash: B256::repeat_byte(3),
    config_hash: B256::repeat_byte(4),
};

pub(crate) fn open(path: &std::path::Path) -> Result<Database, Error> {
    Database::open(path, &IDENTITY, &Options::default())
}

fn cursor(number: u64) -> L1Cursor {
    L1Cursor { number, hash: B256::with_last_byte(number as u8) }
}

#[test]
fn commits_stay_and_dropped_writers_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made").join("on demand");
    {
        let database = open(&path).unwrap();
        let mut writer = database.write().unwrap();
        writer.set_l1_cursor(cursor(1)).unwrap();
        assert!(database.write().is_err(), "one writer at a time");
        let before = database.read().unwrap();
        writer.commit().unwrap();
        assert_eq!(before.l1_cursor().unwrap(), None, "a reader keeps its snapshot");
        assert_eq!(database.read().unwrap().l1_cursor().unwrap(), Some(cursor(1)));
        let mut writer = database.write().unwrap();
        writer.set_l1_cursor(cursor(2)).unwrap();
        assert_eq!(writer.l1_cursor().unwrap(), Some(cursor(2)), "a writer sees its own writes");
        drop(writer);
        let reader = database.read().unwrap();
        std::thread::spawn(move || assert_eq!(reader.l1_cursor().unwrap(), Some(cursor(1)))).join().unwrap();
    }
    assert_eq!(open(&path).unwrap().read().unwrap().l1_cursor().unwrap(), Some(cursor(1)));
}

#[test]
fn another_chain_is_refused_by_the_field_that_differs() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    for (identity, expected) in [
        (Identity { l1_chain_id: 9, ..IDENTITY }, "the L1 chain id"),
        (Identity { l2_chain_id: 9, ..IDENTITY }, "the L2 chain id"),
        (Identity { genesis_hash: B256::ZERO, ..IDENTITY }, "the L2 genesis"),
        (Identity { config_hash: B256::ZERO, ..IDENTITY }, "the rollup configuration"),
    ] {
        let error = Database::open(dir.path(), &identity, &Options::default()).unwrap_err();
        assert!(matches!(error, Error::OtherChain { field, .. } if field == expected), "{error}");
    }
    open(dir.path()).unwrap();
}

#[test]
fn what_is_no_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "notes").unwrap();
    assert!(matches!(open(&file), Err(Error::NotADirectory(_))));
    assert!(matches!(open(&file.join("below")), Err(Error::Io { .. })));
    for name in ["b", "c", "d"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::OtherFiles { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("(b, c, d and 1 more)") && error.contains("name an empty folder"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);

    let foreign = tempfile::tempdir().unwrap();
    {
        let mut builder = signet_libmdbx::Environment::builder();
        let env = builder.set_max_dbs(4).open(foreign.path()).unwrap();
        let tx = env.begin_rw_unsync().unwrap();
        tx.create_db(Some("Theirs"), signet_libmdbx::DatabaseFlags::empty()).unwrap();
        tx.commit().unwrap();
    }
    let error = open(foreign.path()).unwrap_err();
    assert!(matches!(error, Error::NotADatabase(_)), "{error:?}");
}

/// All files of a folder with what they hold.
pub(super) fn contents(path: &std::path::Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    files.sort_unstable();
    files
}

/// The engine itself takes what is shorter than its headers for an empty file.
#[test]
fn a_file_that_is_no_database_stays_as_it_is() {
    let text = |length: usize| b"dear diary, ".iter().copied().cycle().take(length).collect::<Vec<u8>>();
    for (name, length) in [("mdbx.dat", 5), ("mdbx.dat", 5_000), ("mdbx.dat", 100_000), ("mdbx.lck", 5)] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text(length)).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(&error, Error::NotADatabase(path) if path.ends_with(name)), "{error:?}");
        assert_eq!(contents(dir.path()), [(name.into(), text(length))]);
    }

    // A part of a database is none.
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let data = dir.path().join("mdbx.dat");
    std::fs::File::options().write(true).open(&data).unwrap().set_len(8192).unwrap();
    let before = contents(dir.path());
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::CutShort { length: 8192, needed: 12288, .. }), "{error:?}");
    assert_eq!(contents(dir.path()), before);

    // What is no file is not read: a pipe would never answer.
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("mdbx.dat")).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("mdbx.dat: Is a directory (os error 21)"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(dir.path().join("mdbx.dat")).status().unwrap();
    assert!(pipe.success() && matches!(open(dir.path()), Err(Error::NotADatabase(_))));
}

/// What an attempt leaves that ended before anything was in it.
#[test]
fn a_folder_with_an_empty_data_file_becomes_a_database() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mdbx.dat"), "").unwrap();
    std::fs::write(dir.path().join("mdbx.lck"), [0; 4096]).unwrap();
    drop(open(dir.path()).unwrap());
    open(dir.path()).unwrap();
}

#[test]
fn the_lock_file_fits_what_is_allocated_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path()).unwrap();
    let length = std::fs::metadata(dir.path().join("mdbx.lck")).unwrap().len();
    assert!((1..=64 << 10).contains(&length), "{length}");
    drop(database);
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    writer.put(crate::Table::Meta, b"schema", &99u32.to_be_bytes()).unwrap();
    writer.commit().unwrap();
    drop(database);
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Schema { found: 99, .. }), "{error}");
}

#[test]
fn one_database_of_a_folder_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error:?}");
    drop(database);
    open(dir.path()).unwrap();
}

#[test]
fn a_full_database_says_so_and_can_be_opened_larger() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options { max_size: 4 << 20, ..Options::default() };
    let tiny = Options { max_size: 4096, ..Options::default() };
    assert!(matches!(Database::open(dir.path(), &IDENTITY, &tiny), Err(Error::MapTooSmall { .. })));
    {
        let database = Database::open(dir.path(), &IDENTITY, &small).unwrap();
        let mut number = 0;
        let error = loop {
            let mut writer = database.write().unwrap();
            let filled = (0..1000).try_for_each(|_| {
                number += 1;
                let block = L1BlockRecord { hash: B256::random(), parent: B256::ZERO, timestamp: 0 };
                writer.put_l1_block(2 * number, &block)
            });
            if let Err(error) = filled.and_then(|()| writer.commit()) {
                break error;
            }
        };
        assert!(matches!(error, Error::Full), "{error:?}");
        assert!(database.read().unwrap().l1_block(2).unwrap().is_some());
    }
    let database = open(dir.path()).unwrap();
    let mut writer = database.write().unwrap();
    for number in 1_000_000..1_100_000 {
        writer
            .put_l1_block(2 * number, &L1BlockRecord { hash: B256::ZERO, parent: B256::ZERO, timestamp: 0 })
            .unwrap();
    }
    writer.commit().unwrap();
}
