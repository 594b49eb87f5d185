use std::{borrow::Cow, ops::Deref};

use signet_libmdbx::{ReadResult, TableObject, TransactionKind, ffi};

/// Bytes of the database: as they lie there for a reader, a copy for a writer.
#[derive(Debug)]
pub(crate) struct Raw<'a>(Cow<'a, [u8]>);

impl From<Vec<u8>> for Raw<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl From<Raw<'_>> for Vec<u8> {
    fn from(raw: Raw<'_>) -> Self {
        raw.0.into_owned()
    }
}

impl Deref for Raw<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> TableObject<'a> for Raw<'a> {
    fn decode_borrow(data: Cow<'a, [u8]>) -> ReadResult<Self> {
        Ok(Self(data))
    }

    /// What a writer reads may be in a page that it has changed, which is memory that the engine reuses. The engine can be asked
    /// whether it is; but it tells by the distance from its file in memory, of which it keeps 44 bits. In a process
    /// with several databases, each a terabyte of addresses, it takes such memory for a page of the file: that is
    /// an error at best. So all is copied.
    #[allow(unsafe_code)]
    unsafe fn decode_val<K: TransactionKind>(
        tx: *const ffi::MDBX_txn,
        value: ffi::MDBX_val,
    ) -> ReadResult<Self> {
        // SAFETY: what the caller promises is promised on, unchanged.
        unsafe {
            match K::IS_READ_ONLY {
                true => Cow::decode_val::<K>(tx, value).map(Self),
                false => Vec::decode_val::<K>(tx, value).map(Self::from),
            }
        }
    }
}
