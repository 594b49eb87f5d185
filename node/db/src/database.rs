use std::{
    fs,
    ops::Index,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::B256;
use signet_libmdbx::{
    DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode, SyncMode, WriteFlags,
    sys::PageSize,
};

use crate::{
    Error, Reader, Result, Table, Writer,
    codec::Fields,
    meta::{IDENTITY, SCHEMA},
};

/// Version of the layouts. A database of another version is refused: the node can rebuild it from L1.
const SCHEMA_VERSION: u32 = 2;

/// The file that the engine keeps in the folder.
const DATA_FILE: &str = "mdbx.dat";

/// Least maximum size: an empty database with all its tables, and some blocks.
const MIN_SIZE: usize = 4 << 20;

/// Steps in which the file grows.
const GROWTH: usize = 64 << 20;

/// Size of a page. Larger ones make blocks that write here and there slower, smaller ones make the trees deeper.
const PAGE_SIZE: usize = 4096;

/// Written pages kept as memory for the next transaction: 32 MiB, a large block's.
const RESERVED_PAGES: u64 = 8192;

/// Unsynced bytes from which a commit syncs by itself. Without such a limit the engine would sync whenever it could
/// use the space of what is not synced yet, which is at almost every commit.
const SYNC_BYTES: usize = 1 << 30;

/// Read transactions at a time.
const MAX_READERS: u64 = 1024;

/// Which chain a database belongs to. It is fixed when the database is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// Hash of the L2 genesis block.
    pub genesis_hash: B256,
    /// Hash of the rollup's configuration.
    pub config_hash: B256,
}

impl Identity {
    fn encode(&self) -> Vec<u8> {
        [
            &self.l1_chain_id.to_be_bytes()[..],
            &self.l2_chain_id.to_be_bytes(),
            self.genesis_hash.as_slice(),
            self.config_hash.as_slice(),
        ]
        .concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let identity = Self {
            l1_chain_id: fields.u64()?,
            l2_chain_id: fields.u64()?,
            genesis_hash: fields.b256()?,
            config_hash: fields.b256()?,
        };
        fields.end()?;
        Some(identity)
    }

    fn check(&self, found: &Self) -> Result<()> {
        let fields = [
            ("the L1 chain id", self.l1_chain_id.to_string(), found.l1_chain_id.to_string()),
            ("the L2 chain id", self.l2_chain_id.to_string(), found.l2_chain_id.to_string()),
            ("the L2 genesis", self.genesis_hash.to_string(), found.genesis_hash.to_string()),
            ("the rollup configuration", self.config_hash.to_string(), found.config_hash.to_string()),
        ];
        match fields.into_iter().find(|(_, expected, found)| expected != found) {
            Some((field, expected, found)) => Err(Error::OtherChain { field, expected, found }),
            None => Ok(()),
        }
    }
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: commits reach the disk with [`Database::sync`]. A commit survives the death of the process at any
    /// instant. A power cut takes the database back to the last sync, whole.
    #[default]
    Process,
    /// The disk. A commit survives a power cut.
    Disk,
}

/// How to open a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most bytes that the database may take, which is address space, not memory. It can be raised later.
    pub max_size: usize,
    /// What a commit waits for.
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_size: 1 << 40, durability: Durability::default() }
    }
}

/// The engine's handles of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handles([signet_libmdbx::Database; Table::ALL.len()]);

impl Index<Table> for Handles {
    type Output = signet_libmdbx::Database;

    fn index(&self, table: Table) -> &Self::Output {
        &self.0[table as usize]
    }
}

/// An open database. Clones share it; it closes with the last clone and the last transaction.
#[derive(Clone, Debug)]
pub struct Database {
    env: Environment,
    handles: Handles,
    path: Arc<Path>,
}

impl Database {
    /// Opens the database in the folder `path`, which is created with an empty database if it does not exist or is
    /// empty.
    pub fn open(path: impl AsRef<Path>, identity: &Identity, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        prepare_folder(path, options)?;
        let env = open_environment(path, options)?;
        let handles = open_tables(&env, path, identity)?;
        tracing::info!(target: "db", path = %path.display(), max_size = options.max_size, "database opened");
        Ok(Self { env, handles, path: path.into() })
    }

    /// Begins a read-only transaction.
    pub fn read(&self) -> Result<Reader> {
        let inner = self.env.begin_ro_unsync()?;
        Ok(Reader { inner, handles: self.handles })
    }

    /// Begins the read-write transaction; waits while another thread has it. A thread that has it already gets
    /// an error.
    pub fn write(&self) -> Result<Writer> {
        let inner = self.env.begin_rw_unsync()?;
        Ok(Writer { inner, handles: self.handles })
    }

    /// Flushes all commits to disk. Call it every second or so: with [`Durability::Process`], a power cut loses
    /// what was committed since, and space freed since is not reused before. Readers go on meanwhile; a writer waits
    /// only for what was written since the flush began. As with [`write`](Self::write), the calling thread must not
    /// have a writer open.
    pub fn sync(&self) -> Result<()> {
        let data = self.path.join(DATA_FILE);
        let io = |source| Error::Io { path: data.clone(), source };
        fs::File::open(&data).and_then(|file| file.sync_data()).map_err(io)?;
        // The engine cannot tell threads apart here (MDBX_NOSTICKYTHREADS): it would take a writer of another thread
        // for the caller's own, not wait for its end, and abort on what that changes meanwhile. So be the writer.
        let writer = self.env.begin_rw_unsync()?;
        self.env.sync(true)?;
        drop(writer);
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file that hold data or did so before.
    pub fn used_bytes(&self) -> Result<u64> {
        let page_size = u64::from(self.env.stat()?.page_size());
        Ok((self.env.info()?.last_pgno() as u64 + 1) * page_size)
    }
}

/// Sees that `path` is a folder with a database or without anything, and that the maximum size can be met.
fn prepare_folder(path: &Path, options: &Options) -> Result<()> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    if options.max_size < MIN_SIZE {
        return Err(Error::MapTooSmall { max_size: options.max_size, needed: MIN_SIZE });
    }
    if path.exists() && !path.is_dir() {
        return Err(Error::NotADirectory(path.to_owned()));
    }
    fs::create_dir_all(path).map_err(io)?;
    match fs::metadata(path.join(DATA_FILE)) {
        Ok(data) if data.len() > options.max_size as u64 => {
            Err(Error::MapTooSmall { max_size: options.max_size, needed: data.len() as usize })
        }
        Ok(_) => Ok(()),
        Err(_) if fs::read_dir(path).map_err(io)?.next().is_none() => Ok(()),
        Err(_) => Err(Error::NotADatabase(path.to_owned())),
    }
}

fn open_environment(path: &Path, options: &Options) -> Result<Environment> {
    let sync_mode = match options.durability {
        Durability::Process => SyncMode::SafeNoSync,
        Durability::Disk => SyncMode::Durable,
    };
    Environment::builder()
        .set_max_dbs(Table::ALL.len())
        .set_max_readers(MAX_READERS)
        .set_sync_bytes(SYNC_BYTES)
        .set_dp_reserve_limit(RESERVED_PAGES)
        .set_geometry(Geometry {
            size: Some(0..options.max_size),
            growth_step: Some(GROWTH as isize),
            shrink_threshold: Some(0),
            page_size: Some(PageSize::Set(PAGE_SIZE)),
        })
        .set_flags(EnvironmentFlags {
            mode: Mode::ReadWrite { sync_mode },
            // One process at a time.
            exclusive: true,
            // State is read at random.
            no_rdahead: true,
            // Pages go to disk with what was in memory before in their unused parts; it is our own memory.
            no_meminit: true,
            ..Default::default()
        })
        .open(path)
        .map_err(|error| open_error(error, path))
}

fn open_error(error: MdbxError, path: &Path) -> Error {
    const EAGAIN: i32 = 11;
    let path = PathBuf::from(path);
    match error {
        MdbxError::Busy | MdbxError::Other(EAGAIN) => Error::Locked(path),
        MdbxError::Invalid | MdbxError::VersionMismatch | MdbxError::Corrupted => Error::NotADatabase(path),
        error => error.into(),
    }
}

/// Opens the tables of a database of ours, or creates them in an empty one, in one step with their identity.
fn open_tables(env: &Environment, path: &Path, identity: &Identity) -> Result<Handles> {
    let tx = env.begin_rw_unsync()?;
    let main = tx.open_db(None)?;
    let fresh = tx.db_stat(&main)?.entries() == 0;
    if !fresh {
        let meta = match tx.open_db(Some(Table::Meta.name())) {
            Ok(meta) => meta,
            Err(MdbxError::NotFound | MdbxError::Incompatible) => {
                return Err(Error::NotADatabase(path.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        let corrupt = |key| Error::corrupt(Table::Meta, key);
        let schema: Option<[u8; 4]> = tx.get(meta.dbi(), SCHEMA).map_err(|_| corrupt(SCHEMA))?;
        let found = u32::from_be_bytes(schema.ok_or_else(|| Error::NotADatabase(path.to_owned()))?);
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found, supported: SCHEMA_VERSION });
        }
        let found: Option<Vec<u8>> = tx.get(meta.dbi(), IDENTITY)?;
        let found = found.and_then(|found| Identity::decode(&found)).ok_or_else(|| corrupt(IDENTITY))?;
        identity.check(&found)?;
    }
    let mut handles = [main; Table::ALL.len()];
    for table in Table::ALL {
        handles[table as usize] = tx.create_db(Some(table.name()), DatabaseFlags::empty())?;
    }
    let handles = Handles(handles);
    if fresh {
        tx.put(handles[Table::Meta], SCHEMA, SCHEMA_VERSION.to_be_bytes(), WriteFlags::UPSERT)?;
        tx.put(handles[Table::Meta], IDENTITY, identity.encode(), WriteFlags::UPSERT)?;
    }
    tx.commit()?;
    env.sync(true)?;
    Ok(handles)
}
