use alloy::primitives::{Bytes, LogData, address, b256, hex};
use stf::inbox::CHUNK_SIZE;

use super::*;

const INBOX: Address = Address::repeat_byte(1);
const PORTAL: Address = Address::repeat_byte(2);
const HASH: B256 = B256::repeat_byte(9);

fn log(address: Address, data: LogData, index: u64, tx: u8) -> Log {
    Log {
        inner: alloy::primitives::Log { address, data },
        block_hash: Some(HASH),
        block_number: Some(5),
        transaction_hash: Some(B256::repeat_byte(tx)),
        log_index: Some(index),
        ..Log::default()
    }
}

fn header(kind: MessageKind, data: &[u8]) -> MessageHeader {
    MessageHeader {
        kind,
        sender: Address::repeat_byte(3),
        l1_block_number: 5,
        l1_timestamp: 50,
        gas: 100_000,
        gas_end: 100_000,
        base_fee: U256::ZERO,
        blob_base_fee: U256::ZERO,
        prev_randao: B256::ZERO,
        data_hash: chunk_hash(data),
    }
}

/// An inbox that writes logs as the contract does.
#[derive(Default)]
struct Chain {
    position: InboxPosition,
    logs: Vec<Log>,
    transactions: std::collections::HashMap<B256, L1Transaction>,
    /// Those of the newest batch in blobs.
    blobs: Vec<Box<[u8]>>,
}

impl Chain {
    fn message(&mut self, kind: MessageKind, data: &[u8]) {
        let header = header(kind, data).encode();
        let index = self.position.messages;
        let message = self.position.message(index, None, &header, data.to_vec()).unwrap();
        let event = MessageEnqueued {
            index,
            acc: message.acc,
            header: header.to_vec().into(),
            data: data.to_vec().into(),
        };
        let at = self.logs.len() as u64;
        self.logs.push(log(INBOX, event.encode_log_data(), at, 7));
        if kind == MessageKind::Deposit {
            let event = TransactionDeposited {
                from: Address::ZERO,
                to: Address::ZERO,
                version: U256::ZERO,
                opaqueData: Bytes::new(),
            };
            self.logs.push(log(PORTAL, event.encode_log_data(), at + 1, 7));
        }
    }

    fn batch(&mut self, payload: &[u8]) {
        self.append(DaKind::Calldata, payload);
    }

    /// The same in blobs; the hashes are not made from commitments, which is for who fetches them to check.
    fn blob_batch(&mut self, payload: &[u8]) {
        self.blobs = stf::blob::pack(payload);
        self.append(DaKind::Blobs, payload);
    }

    fn append(&mut self, da_kind: DaKind, payload: &[u8]) {
        let hashes: Vec<B256> = self.blobs.iter().map(keccak256).collect();
        let data_hash = match da_kind {
            DaKind::Blobs => blobs_hash(&hashes),
            DaKind::Calldata | DaKind::None => chunk_hash(payload),
        };
        let info = header(MessageKind::L1Info, &[]).encode();
        let info_index = self.position.messages;
        let end = (self.position.messages, self.position.message_acc);
        self.position.message(info_index, None, &info, Vec::new()).unwrap();
        let header = BatchHeader {
            da_kind,
            data_hash,
            payload_length: payload.len() as u64,
            first_block: self.position.last_block + 1,
            block_count: 3,
            message_end: end.0,
            message_acc: end.1,
            message_gas_end: 100_000,
            l1_block_number: 5,
            l1_timestamp: 50,
        };
        let index = self.position.batches;
        let acc = accumulate(self.position.batch_acc, &header.encode());
        self.position.batch(index, acc, &header.encode()).unwrap();
        let event = BatchAppended {
            index,
            acc,
            header: header.encode().to_vec().into(),
            infoIndex: info_index,
            infoHeader: info.to_vec().into(),
        };
        let tx = 100 + index as u8;
        self.logs.push(log(INBOX, event.encode_log_data(), self.logs.len() as u64, tx));
        let call = appendBatchCall {
            payload: payload.to_vec().into(),
            firstBlock: header.first_block,
            blockCount: header.block_count,
            messageEnd: header.message_end,
            expectedMessageAcc: B256::ZERO,
            endMessageHeader: Bytes::new(),
        };
        let input = call.abi_encode().into();
        let blob_versioned_hashes = if da_kind == DaKind::Blobs { hashes } else { Vec::new() };
        let transaction = L1Transaction { to: Some(INBOX), input, blob_versioned_hashes };
        self.transactions.insert(B256::repeat_byte(tx), transaction);
    }

    fn read(&self, position: &mut InboxPosition) -> Result<Vec<InboxEvent>, Mismatch> {
        let entries = entries(&self.logs, INBOX, PORTAL)?;
        let mut data = std::collections::HashMap::new();
        for entry in &entries {
            let tx = entry.data_tx();
            let found = tx.and_then(|tx| self.transactions.get(&tx));
            match entry.posted(found, INBOX)? {
                Posted::Payload(payload) => data.insert(tx.unwrap(), payload),
                Posted::Blobs(hashes) => data.insert(tx.unwrap(), BlobData::encode(&hashes, &self.blobs)),
                Posted::Nothing => None,
            };
        }
        events(position, HASH, &entries, |tx| data.get(&tx).cloned())
    }
}

fn deposit_data() -> Vec<u8> {
    let mut data = vec![0xaa; 20];
    data.extend_from_slice(&U256::from(5).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(6).to_be_bytes::<32>());
    data.extend_from_slice(&100_000u64.to_be_bytes());
    data.push(0);
    data.extend_from_slice(b"call");
    data
}

fn sample() -> Chain {
    let mut chain = Chain::default();
    chain.message(MessageKind::Config, &[1; 33]);
    chain.batch(&vec![4; CHUNK_SIZE + 100]);
    chain.message(MessageKind::Deposit, &deposit_data());
    chain.batch(b"short");
    chain
}

#[test]
fn what_the_inbox_wrote_is_read() {
    let chain = sample();
    let mut position = InboxPosition::default();
    let events = chain.read(&mut position).unwrap();
    assert_eq!(position, chain.position);
    assert_eq!((position.messages, position.batches, position.last_block), (4, 2, 6));
    let [_, _, InboxEvent::Message { client_hash: Some(_), .. }, InboxEvent::Batch { data, .. }] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(data, b"short");
}

#[test]
fn a_batch_in_blobs_is_known_by_the_hashes_of_its_transaction() {
    let mut chain = Chain::default();
    let payload: Vec<u8> = (0..200_000u32).map(|at| (at >> 8) as u8).collect();
    chain.blob_batch(&payload);
    let events = chain.read(&mut InboxPosition::default()).unwrap();
    let [InboxEvent::Batch { header, data, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((header.da_kind, header.payload_length), (DaKind::Blobs, 200_000));
    assert_eq!(BlobData::decode(data).unwrap().blobs.len(), 2);
    // One hash more, one less, another order: the transaction is not the one.
    let changes: [fn(&mut Vec<B256>); 3] =
        [|hashes| hashes.push(B256::ZERO), |hashes| hashes.truncate(1), |hashes| hashes.swap(0, 1)];
    for change in changes {
        let mut chain = Chain::default();
        chain.blob_batch(&payload);
        chain.transactions.values_mut().for_each(|tx| change(&mut tx.blob_versioned_hashes));
        let error = chain.read(&mut InboxPosition::default());
        assert!(error.is_err_and(|error| error == Mismatch::Data { what: BATCH, index: 0 }));
    }
}

/// Whatever is changed, dropped or repeated is noticed.
#[test]
fn tampering_is_refused() {
    let chain = sample();
    for at in 0..chain.logs.len() {
        let mut missing = sample();
        missing.logs.remove(at);
        // Without its last log a prefix of the records remains, which is for the count to notice.
        if at + 1 < chain.logs.len() {
            missing.read(&mut InboxPosition::default()).unwrap_err();
        }
        let mut twice = sample();
        twice.logs.insert(at, chain.logs[at].clone());
        twice.read(&mut InboxPosition::default()).unwrap_err();
        let mut elsewhere = sample();
        elsewhere.logs[at].block_hash = Some(B256::ZERO);
        elsewhere.read(&mut InboxPosition::default()).unwrap_err();
        let mut stranger = sample();
        stranger.logs[at].inner.address = Address::ZERO;
        stranger.read(&mut InboxPosition::default()).unwrap_err();
        let mut removed = sample();
        removed.logs[at].removed = true;
        removed.read(&mut InboxPosition::default()).unwrap_err();
        if chain.logs[at].address() == PORTAL {
            continue;
        }
        let data = chain.logs[at].data().data.clone();
        for byte in 0..data.len() {
            let mut changed = sample();
            let mut data = data.to_vec();
            data[byte] ^= 1;
            changed.logs[at].inner.data.data = data.into();
            let mut position = InboxPosition::default();
            // A byte of padding changes nothing, and neither the L1-info of the last batch: no later record
            // builds on it.
            if changed.read(&mut position).is_ok() && position != chain.position {
                assert_eq!(at + 1, chain.logs.len(), "byte {byte} of log {at}");
            }
        }
    }
}

#[test]
fn a_payload_must_be_the_committed_one_and_sent_to_the_inbox() {
    let change: [fn(&mut L1Transaction); 4] = [
        |tx| tx.to = Some(PORTAL),
        |tx| tx.to = None,
        |tx| tx.input = Bytes::from_static(b"\x01\x02"),
        |tx| {
            let mut call = appendBatchCall::abi_decode(&tx.input).unwrap();
            call.payload = Bytes::from_static(b"other");
            tx.input = call.abi_encode().into();
        },
    ];
    for change in change {
        let mut chain = sample();
        chain.transactions.values_mut().for_each(change);
        let error = chain.read(&mut InboxPosition::default()).unwrap_err();
        assert_eq!(error, Mismatch::Data { what: "batch", index: 0 });
    }
    let mut chain = sample();
    chain.transactions.clear();
    chain.read(&mut InboxPosition::default()).unwrap_err();
}

/// The example of a deposit whose hashes were computed with viem's OP Stack functions.
#[test]
fn client_hash_is_what_viem_computes() {
    let mut data = address!("0x70997970c51812dc3a010c7d01b50e0d17dc79c8").to_vec();
    data.extend_from_slice(&U256::from(1_000_000_000_000_000_000u64).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(1_000_000_000_000_000_000u64).to_be_bytes::<32>());
    data.extend_from_slice(&100_000u64.to_be_bytes());
    data.push(0);
    data.extend_from_slice(&hex!("1234"));
    let mut header = header(MessageKind::Deposit, &data);
    header.sender = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    let message = Message { header, data, acc: B256::ZERO };
    let block = b256!("0x1111111111111111111111111111111111111111111111111111111111111111");
    let hash = client_hash(&message, block, 3).unwrap();
    assert_eq!(hash, b256!("0x4ac2c731e1efa7087081ee6a4e80ea8edcf85cc4435119f23f91532d6813e9eb"));
}
