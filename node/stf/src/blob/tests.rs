use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

use super::*;

/// All of a payload, as the decoder gets it.
fn read<P: PayloadSource<Error = Infallible>>(mut payload: P) -> Vec<u8> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < payload.length() {
        let Ok(piece) = payload.piece();
        assert!(!piece.is_empty());
        bytes.extend_from_slice(piece);
    }
    bytes
}

fn unpacked(blobs: &[Box<[u8]>], length: u64) -> Vec<u8> {
    let data = BlobData::encode(&vec![B256::ZERO; blobs.len()], blobs);
    read(BlobData::decode(&data).unwrap().payload(length))
}

fn noise(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[test]
fn what_is_packed_is_read_whatever_its_length() {
    let rng = &mut StdRng::seed_from_u64(1);
    let lengths = [1, 30, 31, 32, 124, 125, 126, 127, 128, 4063, 4064, 4065, 130_047, 130_048, 130_049];
    for length in lengths.into_iter().chain([6 * BLOB_ROOM - 1, 6 * BLOB_ROOM]) {
        let payload = noise(rng, length);
        let blobs = pack(&payload);
        assert_eq!(blobs.len(), length.div_ceil(BLOB_ROOM));
        assert!(unpacked(&blobs, length as u64) == payload, "{length}");
    }
    assert!(pack(&[]).is_empty());
}

#[test]
fn every_element_is_below_the_fields_order() {
    // 0x73ed… is the order; the packing sets no bit above 0x3f….
    for blob in pack(&vec![0xff; 2 * BLOB_ROOM]) {
        assert!(blob.chunks_exact(ELEMENT).all(|element| element[0] == 0x3f));
    }
}

#[test]
fn bits_outside_the_packing_and_what_is_behind_the_payload_mean_nothing() {
    let rng = &mut StdRng::seed_from_u64(2);
    let payload = noise(rng, 100_000);
    let mut blobs = pack(&payload);
    let used = 4 * payload.len().div_ceil(GROUP_ROOM);
    for (index, element) in blobs[0].chunks_exact_mut(ELEMENT).enumerate() {
        if index < used {
            element[0] |= rng.random::<u8>() & !TOP_BITS;
        } else {
            rng.fill_bytes(element);
        }
    }
    assert!(unpacked(&blobs, payload.len() as u64) == payload);
    // All of any blob is a payload, too.
    let whole = unpacked(&blobs, BLOB_ROOM as u64);
    assert!(whole[..payload.len()] == payload && whole.len() == BLOB_ROOM);
}

#[test]
fn no_element_is_read_that_the_decoder_does_not_get_to() {
    let mut asked = Vec::new();
    let mut payload = BlobPayload::new(5000, |blob, index| {
        asked.push((blob, index));
        Ok::<_, Infallible>(B256::ZERO)
    });
    assert_eq!(payload.piece().unwrap().len(), 32 * GROUP_ROOM);
    drop(payload);
    assert_eq!(asked, (0..128).map(|index| (0, index)).collect::<Vec<_>>());
    // At the end only the groups that hold something; and the second blob begins with its own first element.
    let mut asked = Vec::new();
    let length = BLOB_ROOM as u64 + 128;
    let payload = BlobPayload::new(length, |blob, index| {
        asked.push((blob, index));
        Ok::<_, Infallible>(B256::ZERO)
    });
    assert_eq!(read(payload).len() as u64, length);
    assert_eq!(asked.len(), ELEMENTS + 8);
    assert_eq!(asked[ELEMENTS - 1..ELEMENTS + 1], [(0, 4095), (1, 0)]);
}

#[test]
fn what_a_node_keeps_is_taken_apart_or_refused() {
    let blobs = pack(&vec![1; 3 * BLOB_ROOM]);
    let hashes: Vec<B256> = (0..3).map(B256::repeat_byte).collect();
    let data = BlobData::encode(&hashes, &blobs);
    let decoded = BlobData::decode(&data).unwrap();
    assert_eq!(decoded.versioned_hashes.as_flattened(), hashes.concat());
    assert!(decoded.blobs.iter().zip(&blobs).all(|(found, blob)| found[..] == blob[..]));
    assert_eq!(decoded.element(3, 0), B256::ZERO);
    for length in [0, 1, 31, 32, BLOB_SIZE, 32 + BLOB_SIZE - 1, 32 + BLOB_SIZE + 1, data.len() - 1] {
        assert_eq!(BlobData::decode(&data[..length]), None, "{length}");
    }
    assert_eq!(BlobData::decode(&vec![0; 7 * (32 + BLOB_SIZE)]), None);
}

/// A decoder that is given a payload in pieces says what it says of the whole.
#[test]
fn pieces_decode_as_the_whole_does() {
    let rng = &mut StdRng::seed_from_u64(3);
    let spec = |transactions| crate::BlockSpec { timestamp: 1, messages: 0, transactions };
    for _ in 0..60 {
        let transactions = (0..rng.random_range(1..6)).map(|_| noise(rng, 3000).into()).collect();
        let mut payload = crate::codec::encode(&[spec(transactions)], 1, 3).unwrap();
        match rng.random_range(0..4) {
            0 => payload.truncate(rng.random_range(1..payload.len())),
            1 => payload.extend(noise(rng, 20)),
            2 => {
                let at = rng.random_range(0..payload.len());
                payload[at] ^= 1 << rng.random_range(0..8);
            }
            _ => {}
        }
        let whole = crate::codec::decode(&payload, 1, 0..usize::MAX);
        let blobs = pack(&payload);
        let data = BlobData::encode(&vec![B256::ZERO; blobs.len()], &blobs);
        let mut source = BlobData::decode(&data).unwrap().payload(payload.len() as u64);
        let Ok(pieces) = crate::codec::decode_from(&mut source, 1, 0..usize::MAX);
        assert_eq!(pieces, whole);
    }
}
