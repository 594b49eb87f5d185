//! Files that a user names, read with a limit: a wrong name may lead to anything. And files that a process keeps, which are
//! there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// Reads a file of at most `limit` bytes. What turns out longer is not read further, be it a file, a pipe or a device.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let too_long = |found: &str| {
        let text = format!("it has {found} bytes, and at most {limit} are expected");
        Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
    };
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return too_long(&length.to_string());
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return too_long("more");
    }
    Ok(bytes)
}

/// As [`read`], a text.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, limit)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not a text"))
}

/// Writes a file whole or not at all, as far as the process goes: a power cut may still damage it. Until it is whole, it
/// has the suffix `new` in place of its own. Its folder is made if there is none.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, bytes)?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_whole_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("of").join("mine").join("file.txt");
        for text in ["longer", "1"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(read_text(&path, 100).unwrap(), text);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn no_more_is_read_than_is_expected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "1234");
        let text = read(&path, 3).unwrap_err().to_string();
        assert_eq!(text, "it has 4 bytes, and at most 3 are expected");
        // Sparse: to read all of it would take for ever.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 100).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // Without an end, and without a length.
        let text = read(Path::new("/dev/zero"), 100).unwrap_err().to_string();
        assert_eq!(text, "it has more bytes, and at most 100 are expected");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path, 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
