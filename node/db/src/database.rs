use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy_primitives::B256;

use crate::{
    Error, Reader, Result, Table, Writer,
    codec::Fields,
    engine::{Engine, SyncMode, WriteFlags},
    folder,
    handles::Handles,
    meta::{IDENTITY, SCHEMA},
    room,
};

/// Version of the layouts. A database of another version is refused: the node can rebuild it from L1.
const SCHEMA_VERSION: u32 = 2;

/// A block of the file system, as files' sizes on disk are counted.
const DISK_BLOCK: u64 = 512;

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

/// An open database. Clones share it; it closes with the last clone and the last transaction.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    handles: Handles,
    /// The engine's file, held open: flushing and measuring it must not fail for want of a file descriptor.
    data: Arc<File>,
    /// Whether the disk was nearly full when it was measured last.
    low: Arc<AtomicBool>,
}

impl Database {
    /// Opens the database in the folder `path`, which is created with an empty database if it does not exist or is
    /// empty.
    pub fn open(path: impl AsRef<Path>, identity: &Identity, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        let sync_mode = match options.durability {
            Durability::Process => SyncMode::SafeNoSync,
            Durability::Disk => SyncMode::Durable,
        };
        let data = folder::prepare(path, options.max_size)?;
        let engine = Engine::open(path, options.max_size, sync_mode)?;
        let handles = open_tables(&engine, identity)?;
        tracing::info!(target: "db", path = %path.display(), max_size = options.max_size, "database opened");
        Ok(Self { engine, handles, data: Arc::new(data), low: Arc::default() })
    }

    /// Begins a read-only transaction.
    pub fn read(&self) -> Result<Reader> {
        Ok(Reader { inner: self.engine.begin_ro()?, handles: self.handles })
    }

    /// Begins the read-write transaction; waits while another thread has it. A thread that has it already gets
    /// an error.
    pub fn write(&self) -> Result<Writer> {
        Ok(Writer { inner: self.engine.begin_rw()?, handles: self.handles })
    }

    /// Flushes all commits to disk. Call it every second or so: with [`Durability::Process`], a power cut loses
    /// what was committed since, and space freed since is not reused before. Readers go on meanwhile; a writer waits
    /// only for what was written since the flush began. As with [`write`](Self::write), the calling thread must not
    /// have a writer open.
    pub fn sync(&self) -> Result<()> {
        // Most of it, while writers go on.
        self.data
            .sync_data()
            .map_err(|error| Error::Flush { path: self.path().to_owned(), reason: error.to_string() })?;
        self.engine.begin_rw()?.flush()
    }

    /// An error if anybody, a reader too, has found the files damaged or out of reach: then no attempt will succeed, and a
    /// process should not go on as if one might.
    pub fn check(&self) -> Result<()> {
        match self.engine.damage() {
            Some(reason) => Err(Error::Damaged(reason.to_owned())),
            None => Ok(()),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.engine.path()
    }

    /// Measures the bytes that the disk has left for the database, and remembers whether they are at least so many:
    /// [`has_room`](Self::has_room). `None`: the system does not tell.
    pub fn measure_room(&self, least: u64) -> Option<u64> {
        let room = room::available(self.path());
        self.low.store(room.is_some_and(|room| room < least), Ordering::Relaxed);
        room
    }

    /// Whether there was room when it was [measured](Self::measure_room) last. If there was not, whoever can refuse work
    /// that would be written should: a write for which there is no room at all is [fatal](Error::is_fatal).
    pub fn has_room(&self) -> bool {
        !self.low.load(Ordering::Relaxed)
    }

    /// Bytes of the file on disk: all that holds data, or did so before.
    pub fn used_bytes(&self) -> Result<u64> {
        // Asked of the file, not of the engine, which knows it only beside what writers are at.
        let data = self.data.metadata();
        let data = data.map_err(|error| Error::Io { path: self.path().join(folder::DATA_FILE), error })?;
        Ok(data.blocks() * DISK_BLOCK)
    }
}

/// Opens the tables of a database of ours, or creates them in an empty one, in one step with their identity.
fn open_tables(engine: &Engine, identity: &Identity) -> Result<Handles> {
    let tx = engine.begin_rw()?;
    let fresh = tx.is_empty()?;
    if !fresh {
        let foreign = || Error::NotADatabase(engine.path().join(folder::DATA_FILE));
        let meta = tx.table(Table::Meta.name())?.ok_or_else(foreign)?;
        let corrupt = |key| Error::corrupt(Table::Meta, key);
        let schema: Option<[u8; 4]> = tx.get(meta, SCHEMA).map_err(|_| corrupt(SCHEMA))?;
        let found = u32::from_be_bytes(schema.ok_or_else(foreign)?);
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found, supported: SCHEMA_VERSION });
        }
        let found: Option<Vec<u8>> = tx.get(meta, IDENTITY)?;
        let found = found.and_then(|found| Identity::decode(&found)).ok_or_else(|| corrupt(IDENTITY))?;
        identity.check(&found)?;
    }
    let mut handles = Vec::with_capacity(Table::ALL.len());
    for table in Table::ALL {
        handles.push(tx.create_table(table.name())?);
    }
    // Table::ALL is in the order of their numbers.
    let handles = Handles(std::array::from_fn(|table| handles[table]));
    if fresh {
        tx.put(handles[Table::Meta], SCHEMA, &SCHEMA_VERSION.to_be_bytes(), WriteFlags::UPSERT)?;
        tx.put(handles[Table::Meta], IDENTITY, &identity.encode(), WriteFlags::UPSERT)?;
    }
    tx.commit()?;
    engine.begin_rw()?.flush()?;
    Ok(handles)
}
