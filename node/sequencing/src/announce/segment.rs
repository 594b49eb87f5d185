//! A file of the log: a header, and records behind one another.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::Bytes;

use super::{
    AnnounceError,
    announced::Announced,
    record::{self, FileHeader, RECORD_FRAME, RECORD_HEAD},
};

/// Bytes from which on a file gets no more records. The newest file is written anew at each start, which takes some
/// milliseconds for so many.
pub(super) const SEGMENT_BYTES: u64 = 16 << 20;

/// Largest file that is read: a full one, and the largest message of a feed.
const MAX_FILE: u64 = SEGMENT_BYTES + (32 << 20);

const SUFFIX: &str = "log";

/// A file of the log, open for reading.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) header: FileHeader,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Why the file can't be relied on any more.
    broken: Option<String>,
}

/// A record as it stands in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) block: Announced,
    /// Where the message begins.
    pub(super) at: u64,
    pub(super) length: u32,
}

/// What stands in a file.
pub(super) struct FileContent {
    pub(super) segment: LogFile,
    pub(super) records: Vec<Placed>,
    /// What is behind the last whole record is no record.
    pub(super) is_torn: bool,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> AnnounceError + '_ {
    move |error| AnnounceError::io(path, error)
}

/// Makes the names in a folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<(), AnnounceError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// The files of a log, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, AnnounceError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            files.push(path);
        }
    }
    // Names are numbers of one width.
    files.sort_unstable();
    Ok(files)
}

impl LogFile {
    /// Begins a file, with these bytes of records. When this returns, the file is on disk if `is_durable`, and has its
    /// name; before, it has another.
    pub(super) fn create(folder: &Path, header: FileHeader, records: &[u8]) -> Result<Self, AnnounceError> {
        let path = folder.join(format!("{:020}.{SUFFIX}", header.first));
        let unfinished = path.with_extension("new");
        let bytes = [&header.encode()[..], records].concat();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)
            .map_err(failed(&unfinished))?;
        file.write_all_at(&bytes, 0).and_then(|()| file.sync_all()).map_err(failed(&unfinished))?;
        fs::rename(&unfinished, &path).map_err(failed(&path))?;
        sync_folder(folder)?;
        Ok(Self { path, file: Arc::new(file), header, end: bytes.len() as u64, broken: None })
    }

    /// Reads a file from its beginning to where no whole record stands.
    pub(super) fn read(path: PathBuf) -> Result<FileContent, AnnounceError> {
        let damaged = |what: String| AnnounceError::Damaged { path: path.clone(), what };
        let file = File::options().read(true).write(true).open(&path).map_err(failed(&path))?;
        let mut bytes = Vec::new();
        (&file).take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed(&path))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(damaged(format!("it has more than {MAX_FILE} bytes")));
        }
        let (header, mut at) =
            FileHeader::decode(&bytes).ok_or_else(|| damaged("its header is not one".to_owned()))?;
        let mut records = Vec::new();
        while let Some((sequence, block, message)) = record::decode(&bytes[at..]) {
            let expected = header.first + records.len() as u64;
            if sequence != expected {
                return Err(damaged(format!(
                    "record {expected} should stand at byte {at}, found {sequence}"
                )));
            }
            // The length was read from four bytes.
            records.push(Placed { block, at: (at + RECORD_HEAD) as u64, length: message.len() as u32 });
            at += RECORD_FRAME + message.len();
        }
        if record::any(&bytes[at..]) {
            return Err(damaged(format!("there is no record at byte {at}, but there are some behind")));
        }
        let is_torn = at < bytes.len();
        let segment = Self { path, file: Arc::new(file), header, end: at as u64, broken: None };
        Ok(FileContent { segment, records, is_torn })
    }

    /// Writes a record behind the last. If that fails, the file is as it was.
    pub(super) fn write(&mut self, record: &[u8]) -> Result<(), AnnounceError> {
        self.check()?;
        if let Err(error) = self.file.write_all_at(record, self.end) {
            // What is there of it would be found as the end of a record cut short, which is cut off as well.
            let _ = self.file.set_len(self.end);
            return Err(failed(&self.path)(error));
        }
        self.end += record.len() as u64;
        Ok(())
    }

    /// Returns when all records are on disk. After an error nobody knows what is.
    pub(super) fn sync(&mut self) -> Result<(), AnnounceError> {
        self.check()?;
        self.broken = self.file.sync_data().err().map(|error| error.to_string());
        self.check()
    }

    fn check(&self) -> Result<(), AnnounceError> {
        match &self.broken {
            Some(reason) => Err(AnnounceError::Flush { path: self.path.clone(), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// All records as bytes.
    pub(super) fn records(&self) -> Result<Vec<u8>, AnnounceError> {
        let begin = self.header.encode().len() as u64;
        let mut bytes = vec![0; self.end.saturating_sub(begin) as usize];
        self.file.read_exact_at(&mut bytes, begin).map_err(failed(&self.path))?;
        Ok(bytes)
    }
}

/// A message of a file.
pub(super) fn message(file: &File, path: &Path, at: u64, length: u32) -> Result<Bytes, AnnounceError> {
    let mut message = vec![0; length as usize];
    file.read_exact_at(&mut message, at).map_err(failed(path))?;
    Ok(message.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use alloy::primitives::B256;

    use super::{super::signing::Signing, *};

    #[test]
    fn a_full_disk_is_fatal_and_named() -> Result<(), AnnounceError> {
        let folder = tempfile::tempdir().map_err(failed(Path::new("a folder")))?;
        let header = FileHeader {
            chain_id: 1,
            genesis: B256::ZERO,
            first: 0,
            is_durable: true,
            boot: [0; 16],
            signing: Signing::default(),
        };
        let mut file = LogFile::create(folder.path(), header, &[])?;
        file.write(&[1; 100])?;
        // Whatever is written there, there is no room for it.
        let full = Path::new("/dev/full");
        file.file = Arc::new(File::options().write(true).open(full).map_err(failed(full))?);
        let error = file.write(&[1; 100]).expect_err("it was written");
        assert!(error.is_fatal() && matches!(error, AnnounceError::NoSpace(_)), "{error:?}");
        assert!(error.to_string().starts_with("no space left on the device: "), "{error}");
        Ok(())
    }
}
