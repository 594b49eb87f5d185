//! RLP tests, over the decoders that read what others send.

use alloy_primitives::{Bytes, U256, U512, hex, keccak256};
use alloy_rlp::{Decodable, Header};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use stf::Transaction;
use trie::{TrieError, verify_proof};

use super::{
    Folder, Report,
    exclude::{Exclusions, Place},
    format::{RlpFile, RlpTest},
};

/// In place of a value: these bytes encode none.
const INVALID: &str = "INVALID";
/// In place of a value: these bytes encode one, which does not matter.
const VALID: &str = "VALID";
/// Deepest nesting of lists that is decoded here: far more than any test has.
const MAX_DEPTH: usize = 1_000;

/// Whatever RLP encodes.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Bytes(Bytes),
    List(Vec<Item>),
}

/// Runs a file's tests.
pub(super) fn run_file(file: &str, json: &[u8], exclusions: &Exclusions, report: &mut Report) -> Result<()> {
    let tests: RlpFile = serde_json::from_slice(json)?;
    for (test_name, test) in &tests {
        let place = Place { file, test: test_name, fork: None, index: None };
        exclusions.note(Folder::Rlp, &place, run_case(test), report);
    }
    Ok(())
}

fn run_case(test: &RlpTest) -> Result<()> {
    let encoding: Bytes = hex::decode(&test.encoding).context("encoding")?.into();
    match &test.value {
        Value::String(text) if text == INVALID => invalid(&encoding),
        Value::String(text) if text == VALID => valid(&encoding, None),
        value => valid(&encoding, Some(&item(value)?)),
    }
}

/// The bytes are refused by every decoder that they may come to.
fn invalid(encoding: &Bytes) -> Result<()> {
    if let Ok(item) = decode(encoding) {
        bail!("{item:?}, expected to be invalid");
    }
    ensure!(exact::<Bytes>(encoding).is_none(), "bytes by a typed decoder");
    ensure!(exact::<Vec<Bytes>>(encoding).is_none(), "a list by a typed decoder");
    ensure!(exact::<alloy_consensus::Header>(encoding).is_none(), "a header by a typed decoder");
    ensure!(Transaction::recover(encoding.clone()).is_err(), "a transaction");
    // A node that its hash vouches for. An error is what is wanted, and only this one.
    let found = verify_proof(keccak256(encoding), &[0; 32], std::slice::from_ref(encoding));
    ensure!(matches!(found, Err(TrieError::Malformed { .. })), "as a trie node: {found:?}");
    Ok(())
}

/// The bytes decode, to the value if there is one, and encode back.
fn valid(encoding: &Bytes, expected: Option<&Item>) -> Result<()> {
    let item = decode(encoding)?;
    ensure!(expected.is_none_or(|expected| item == *expected), "{item:?}, expected {expected:?}");
    ensure!(encode(&item) == *encoding, "{item:?} encodes to {}", hex::encode(encode(&item)));
    // Typed decoders come to the same, where the value is of their type.
    match &item {
        Item::Bytes(bytes) => {
            ensure!(exact(encoding).as_ref() == Some(bytes), "other bytes by a typed decoder");
            // A number has no leading zeros.
            let number = (bytes.len() <= 32 && bytes.first() != Some(&0)).then(|| U256::from_be_slice(bytes));
            ensure!(exact::<U256>(encoding) == number, "another number than {number:?} by a typed decoder");
        }
        Item::List(items) => {
            let strings = items.iter().map(|item| match item {
                Item::Bytes(bytes) => Some(bytes.clone()),
                Item::List(_) => None,
            });
            let strings = strings.collect::<Option<Vec<_>>>();
            ensure!(exact::<Vec<Bytes>>(encoding) == strings, "another list by a typed decoder");
        }
    }
    Ok(())
}

/// What the bytes encode, if nothing is behind it.
fn exact<T: Decodable>(mut bytes: &[u8]) -> Option<T> {
    T::decode(&mut bytes).ok().filter(|_| bytes.is_empty())
}

fn decode(mut bytes: &[u8]) -> Result<Item> {
    let item = decode_next(&mut bytes, 0)?;
    ensure!(bytes.is_empty(), "{} bytes behind the value", bytes.len());
    Ok(item)
}

fn decode_next(bytes: &mut &[u8], depth: usize) -> Result<Item> {
    ensure!(depth < MAX_DEPTH, "lists nested too deeply");
    let header = Header::decode(bytes)?;
    let (mut payload, rest) = bytes.split_at_checked(header.payload_length).context("too short")?;
    *bytes = rest;
    if !header.list {
        return Ok(Item::Bytes(Bytes::copy_from_slice(payload)));
    }
    let mut items = Vec::new();
    while !payload.is_empty() {
        items.push(decode_next(&mut payload, depth + 1)?);
    }
    Ok(Item::List(items))
}

fn encode(item: &Item) -> Vec<u8> {
    match item {
        Item::Bytes(bytes) => alloy_rlp::encode(bytes),
        Item::List(items) => {
            let payload = items.iter().flat_map(encode).collect::<Vec<u8>>();
            let mut out = Vec::new();
            Header { list: true, payload_length: payload.len() }.encode(&mut out);
            out.extend(payload);
            out
        }
    }
}

/// The suite's way to write a value: text, whose characters are bytes; numbers, large ones as text behind a `#`; lists.
fn item(value: &Value) -> Result<Item> {
    let number = |number: U512| Item::Bytes(number.to_be_bytes_trimmed_vec().into());
    Ok(match value {
        Value::String(text) => match text.strip_prefix('#') {
            Some(digits) => number(digits.parse()?),
            None => {
                let bytes = text.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>();
                Item::Bytes(bytes.context("character")?.into())
            }
        },
        Value::Number(small) => number(U512::from(small.as_u64().context("number")?)),
        Value::Array(values) => Item::List(values.iter().map(item).collect::<Result<_>>()?),
        other => bail!("no value: {other}"),
    })
}
