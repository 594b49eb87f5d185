//! Batches in blobs, as whoever posts them may fill them.

use alloy::primitives::B256;
use rollup::testing;
use stf::{
    BatchHeader, BlockSpec,
    blob::{BLOB_ROOM, BLOB_SIZE, BlobData, BlobPayload, MAX_BLOBS, blobs_hash, pack},
    codec::{decode, encode},
    derive::{block_specs, read_block_specs},
    inbox::DaKind,
};

use super::chain::specs;

/// Bytes of a group of four elements, and of the payload in it.
const GROUP: usize = 128;
const GROUP_ROOM: usize = 127;

/// Groups of all blobs that a batch may have.
const MOST_BEFORE: u16 = (MAX_BLOBS * BLOB_SIZE / GROUP) as u16;

/// An input: this many bytes of fields, then bytes of the blobs.
const FIELDS: usize = 11;

/// What the fields say, big-endian one after the other.
#[derive(Clone, Copy, Debug)]
struct BlobFields {
    /// Groups of the payload that come before the input's bytes: a Brotli stream that says nothing yet. With them, few
    /// bytes reach from one blob into the next.
    before: u16,
    blobs: u8,
    /// Blocks of the batch, and the first of them that is wanted.
    blocks: u16,
    wanted: u16,
    length: u32,
}

impl BlobFields {
    fn read(bytes: &[u8; FIELDS]) -> Self {
        let [a, b, blobs, c, d, e, f, length @ ..] = *bytes;
        let [before, blocks, wanted] = [[a, b], [c, d], [e, f]].map(u16::from_be_bytes);
        let before = before % MOST_BEFORE;
        Self { before, blobs, blocks, wanted, length: u32::from_be_bytes(length) }
    }

    fn write(self) -> [u8; FIELDS] {
        let [a, b] = self.before.to_be_bytes();
        let [c, d] = self.blocks.to_be_bytes();
        let [e, f] = self.wanted.to_be_bytes();
        let [g, h, i, j] = self.length.to_be_bytes();
        [a, b, self.blobs, c, d, e, f, g, h, i, j]
    }

    /// The blobs, all of them one after the other.
    fn fill(self, bytes: &[u8]) -> Vec<u8> {
        let mut blobs = pack(&silence(self.before.into())).concat();
        blobs.truncate(usize::from(self.before) * GROUP);
        blobs.extend_from_slice(bytes);
        // A batch in blobs has one at least, and at most as many as L1 allows.
        blobs.resize((1 + usize::from(self.blobs) % MAX_BLOBS) * BLOB_SIZE, 0);
        blobs
    }
}

/// The start of a Brotli stream that fills so many groups and says nothing: a window, and a block of metadata (RFC
/// 7932, sections 9.1 and 9.2), whose length is written in as few bytes as it takes.
fn silence(groups: usize) -> Vec<u8> {
    // From the lowest bit: four for a window of 22, one for a block that is not the last, two for metadata, one
    // reserved.
    const START: u64 = 0b0110_1011;
    let mut stream = vec![0; groups * GROUP_ROOM];
    for count in 1..=3usize {
        let head = (10 + 8 * count).div_ceil(8);
        let Some(least) = stream.len().checked_sub(head + 1) else { break };
        if count == 3 || least < 1 << (8 * count) {
            let bits = START | (count as u64) << 8 | (least as u64) << 10;
            stream[..head].copy_from_slice(&bits.to_le_bytes()[..head]);
            break;
        }
    }
    stream
}

/// A byte of the payload, by the table of the format.
fn payload_byte(blobs: &[u8], at: usize) -> u8 {
    let (group, place) = (&blobs[at / GROUP_ROOM * GROUP..][..GROUP], at % GROUP_ROOM);
    match place.checked_sub(124) {
        None => group[32 * (place / 31) + 1 + place % 31],
        Some(place) => {
            let bits: Vec<u8> = [0, 32, 64, 96]
                .iter()
                .flat_map(|top| (0..6).rev().map(|bit| group[*top] >> bit & 1))
                .collect();
            bits[8 * place..8 * place + 8].iter().fold(0, |byte, bit| byte << 1 | bit)
        }
    }
}

/// Whatever is in the blobs, a batch has as many specs as blocks, and the same ones by each way of reading it: all
/// blobs at hand, as a node has them; element by element, as the fault proof program reads them, and none that the
/// payload does not reach; and the payload as calldata.
pub(super) fn batch(bytes: &[u8]) -> bool {
    let Some((fields, bytes)) = bytes.split_first_chunk::<FIELDS>() else { return false };
    let fields = BlobFields::read(fields);
    let all = fields.fill(bytes);
    let blobs: Vec<Box<[u8]>> = all.chunks(BLOB_SIZE).map(Box::from).collect();
    let hashes: Vec<B256> = (1..=blobs.len() as u8).map(B256::repeat_byte).collect();
    let data = BlobData::encode(&hashes, &blobs);
    let config = testing::chain_config();
    let wanted = usize::from(fields.wanted)..usize::MAX;
    let header = BatchHeader {
        da_kind: DaKind::Blobs,
        data_hash: blobs_hash(&hashes),
        payload_length: fields.length.into(),
        first_block: 1,
        block_count: fields.blocks.into(),
        message_end: 0,
        message_acc: B256::ZERO,
        message_gas_end: 0,
        l1_block_number: 1,
        l1_timestamp: 1,
    };
    let node = block_specs(&config, &header, &data, wanted.clone());
    assert_eq!(node.len() as u64, header.block_count);
    // Data that is not what it should be is nothing, and so are blobs without a payload.
    let nothing: Vec<Option<BlockSpec>> = vec![None; node.len()];
    assert_eq!(block_specs(&config, &header, &data[1..], wanted.clone()), nothing);
    let length = fields.length as usize;
    if length > blobs.len() * BLOB_ROOM {
        // The inbox refuses it.
        return false;
    }
    let element = |blob: usize, index: u16| {
        let at = blob * BLOB_SIZE + 32 * usize::from(index);
        assert!(
            at < length.div_ceil(GROUP_ROOM) * GROUP,
            "element {index} of blob {blob} is beyond {length}"
        );
        Ok::<_, std::convert::Infallible>(B256::from_slice(&all[at..at + 32]))
    };
    let mut payload = BlobPayload::new(header.payload_length, element);
    let Ok(program) = read_block_specs(&config, &header, &mut payload, wanted.clone());
    assert_eq!(program, node, "the fault proof program reads something else");
    let payload: Vec<u8> = (0..length).map(|at| payload_byte(&all, at)).collect();
    let calldata = BatchHeader { da_kind: DaKind::Calldata, ..header };
    let other = block_specs(&config, &calldata, &payload, wanted.clone());
    assert_eq!(other, node, "calldata says something else");
    match decode(&payload, config.chain_id, wanted) {
        Ok(specs) => {
            assert_eq!(node.iter().any(Option::is_none), specs.len() < node.len());
            true
        }
        Err(_) => {
            assert_eq!(node, nothing);
            false
        }
    }
}

pub(super) fn batch_seeds() -> Vec<Vec<u8>> {
    let compressed = encode(&specs(), testing::CHAIN_ID, 9).expect("it fits");
    let mut plain = Vec::new();
    brotli::BrotliDecompress(&mut &compressed[..], &mut plain).expect("it was compressed");
    // Behind a start that says nothing: a block that is not compressed, and an empty last one.
    let head = (plain.len() as u32 - 1) << 3 | 1 << 19;
    let tail = [&head.to_le_bytes()[..3], &plain, &[0b11]].concat();
    let seed = |before: u16, blobs: u8, stream: &[u8]| {
        let length = (usize::from(before) * GROUP_ROOM + stream.len()) as u32;
        let fields = BlobFields { before, blobs: blobs - 1, blocks: 3, wanted: 1, length };
        let packed = pack(stream).concat();
        let used = stream.len().div_ceil(GROUP_ROOM) * GROUP;
        [&fields.write()[..], &packed[..used]].concat()
    };
    let behind = [(1, 1), (3, 1), (600, 1), (1000, 1), (1022, 2), (1023, 2), (1024, 2), (5 * 1024 - 1, 6)];
    let behind = behind.map(|(before, blobs)| seed(before, blobs, &tail));
    [seed(0, 1, &compressed)].into_iter().chain(behind).collect()
}
