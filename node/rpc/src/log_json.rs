//! Logs as JSON, written without the detours of a general serializer: indexers ask for thousands at a time.

use std::io::{self, Write};

use alloy::{
    primitives::{B256, hex},
    rpc::types::Log,
};

/// Bytes that are made hexadecimal at a time.
const STRETCH: usize = 256;

/// Writes logs as the array that clients read. The fields and their order are those of [`Log`]'s own form.
pub(crate) fn write_logs(logs: &[Log], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    // What the logs of a transaction have in common is written once.
    let mut common = Common::default();
    for (place, log) in logs.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        write_log(log, &mut common, out)?;
    }
    out.write_all(b"]")
}

/// The fields that say where a log is, without its own index.
#[derive(Debug, Default)]
struct Common {
    block: Option<B256>,
    transaction: Option<B256>,
    text: Vec<u8>,
}

fn write_log(log: &Log, common: &mut Common, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"address\":\"")?;
    write_hex(log.inner.address.as_slice(), out)?;
    out.write_all(b"\",\"topics\":[")?;
    for (place, topic) in log.topics().iter().enumerate() {
        out.write_all(if place > 0 { b",\"" } else { b"\"" })?;
        write_hex(topic.as_slice(), out)?;
        out.write_all(b"\"")?;
    }
    out.write_all(b"],\"data\":\"")?;
    write_hex(&log.inner.data.data, out)?;
    let is_known = !common.text.is_empty()
        && log.transaction_hash.is_some()
        && (common.block, common.transaction) == (log.block_hash, log.transaction_hash);
    if !is_known {
        (common.block, common.transaction) = (log.block_hash, log.transaction_hash);
        common.text.clear();
        write_place(log, &mut common.text)?;
    }
    out.write_all(&common.text)?;
    write_number(log.log_index, out)?;
    let removed: &[u8] = if log.removed { b",\"removed\":true}" } else { b",\"removed\":false}" };
    out.write_all(removed)
}

fn write_place(log: &Log, out: &mut Vec<u8>) -> io::Result<()> {
    out.write_all(b"\",\"blockHash\":")?;
    write_hash(log.block_hash, out)?;
    out.write_all(b",\"blockNumber\":")?;
    write_number(log.block_number, out)?;
    if log.block_timestamp.is_some() {
        out.write_all(b",\"blockTimestamp\":")?;
        write_number(log.block_timestamp, out)?;
    }
    out.write_all(b",\"transactionHash\":")?;
    write_hash(log.transaction_hash, out)?;
    out.write_all(b",\"transactionIndex\":")?;
    write_number(log.transaction_index, out)?;
    out.write_all(b",\"logIndex\":")
}

fn write_hex(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"0x")?;
    let mut text = [0; 2 * STRETCH];
    for stretch in bytes.chunks(STRETCH) {
        let text = &mut text[..2 * stretch.len()];
        hex::encode_to_slice(stretch, text).map_err(io::Error::other)?;
        out.write_all(text)?;
    }
    Ok(())
}

fn write_hash(hash: Option<B256>, out: &mut impl Write) -> io::Result<()> {
    let Some(hash) = hash else { return out.write_all(b"null") };
    out.write_all(b"\"")?;
    write_hex(hash.as_slice(), out)?;
    out.write_all(b"\"")
}

fn write_number(number: Option<u64>, out: &mut impl Write) -> io::Result<()> {
    match number {
        Some(number) => write!(out, "\"{number:#x}\""),
        None => out.write_all(b"null"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy::primitives::{Address, LogData};

    use super::*;

    #[test]
    fn logs_are_written_as_their_own_form_is() {
        let log = |place: u64, topics: usize, data: usize| Log {
            inner: alloy::primitives::Log {
                address: Address::repeat_byte(place as u8),
                data: LogData::new_unchecked(
                    (0..topics as u8).map(B256::repeat_byte).collect(),
                    (0..data).map(|byte| byte as u8).collect::<Vec<_>>().into(),
                ),
            },
            block_hash: (place != 3).then(|| B256::with_last_byte(place as u8 / 4)),
            block_number: (place != 3).then_some(place / 4),
            block_timestamp: (place != 2).then_some(u64::MAX),
            transaction_hash: (place != 3).then(|| B256::repeat_byte(place as u8 / 2)),
            transaction_index: Some(place / 2),
            log_index: Some(place),
            removed: place == 5,
        };
        let sizes =
            [(0, 0), (1, 1), (4, STRETCH), (2, STRETCH + 1), (3, 5 * STRETCH), (4, 31), (0, 32), (1, 0)];
        let logs: Vec<_> = (0..).zip(sizes).map(|(place, (topics, data))| log(place, topics, data)).collect();
        for logs in [&logs[..], &[]] {
            let mut text = Vec::new();
            write_logs(logs, &mut text).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(logs).unwrap());
        }
    }
}
