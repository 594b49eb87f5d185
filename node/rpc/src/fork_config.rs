//! `eth_config` (EIP-7910): which rules are in force, and which come next.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    eips::{
        eip2124::ForkHash,
        eip2935::HISTORY_STORAGE_ADDRESS,
        eip7840::BlobParams,
        eip7910::{EthConfig, EthForkConfig, SystemContract},
    },
    primitives::{Address, B256, Bytes},
};
use rollup::RollupConfig;
use stf::{Rules, config::Activation};

use super::{RpcError, context::Rpc};

/// The precompiles of all rules so far, by their names in the EIPs that brought them (EIP-7910 lists them; P256VERIFY is
/// of RIP-7212 and EIP-7951).
const PRECOMPILES: [(&str, u16); 18] = [
    ("ECREC", 0x01),
    ("SHA256", 0x02),
    ("RIPEMD160", 0x03),
    ("ID", 0x04),
    ("MODEXP", 0x05),
    ("BN254_ADD", 0x06),
    ("BN254_MUL", 0x07),
    ("BN254_PAIRING", 0x08),
    ("BLAKE2F", 0x09),
    ("KZG_POINT_EVALUATION", 0x0a),
    ("BLS12_G1ADD", 0x0b),
    ("BLS12_G1MSM", 0x0c),
    ("BLS12_G2ADD", 0x0d),
    ("BLS12_G2MSM", 0x0e),
    ("BLS12_PAIRING_CHECK", 0x0f),
    ("BLS12_MAP_FP_TO_G1", 0x10),
    ("BLS12_MAP_FP2_TO_G2", 0x11),
    ("P256VERIFY", 0x100),
];

impl Rpc {
    pub(crate) async fn fork_config(self: Arc<Self>) -> Result<EthConfig, RpcError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // A chain's time may be ahead of the clock here.
        let now = now.max(self.chain.heads().unsafe_head.timestamp);
        Ok(config_at(self.chain.config(), now))
    }
}

/// What holds at a time, what comes next, and what comes last of all that is planned.
fn config_at(config: &RollupConfig, now: u64) -> EthConfig {
    let activations = config.chain.forks.activations();
    let is_past = |activation: &&Activation| activation.timestamp <= now;
    // The first activation is at 0.
    let current = activations.iter().take_while(is_past).count().max(1) - 1;
    let fork = |index: usize| fork_config(config, &activations[..=index]);
    let is_planned = current + 1 < activations.len();
    EthConfig {
        current: fork(current),
        next: is_planned.then(|| fork(current + 1)),
        last: is_planned.then(|| fork(activations.len() - 1)),
    }
}

/// The configuration of the last of these activations.
fn fork_config(config: &RollupConfig, activations: &[Activation]) -> EthForkConfig {
    let activation = activations.last().copied().unwrap_or_default();
    let is_known = Rules::from_id(activation.rules).is_some();
    let address = |number: u16| Address::from_word(B256::left_padding_from(&number.to_be_bytes()));
    // What rules have that this version does not know, it can't tell.
    let precompiles = PRECOMPILES.iter().filter(|_| is_known);
    let system_contracts = [(SystemContract::HistoryStorage, HISTORY_STORAGE_ADDRESS)];
    EthForkConfig {
        activation_time: activation.timestamp,
        // There are no blobs on L2.
        blob_schedule: BlobParams { target_blob_count: 0, max_blob_count: 0, ..BlobParams::prague() },
        chain_id: config.chain.chain_id,
        fork_id: fork_id(config, activations),
        precompiles: precompiles.map(|(name, number)| ((*name).to_owned(), address(*number))).collect(),
        system_contracts: system_contracts.into_iter().filter(|_| is_known).collect::<BTreeMap<_, _>>(),
    }
}

/// The checksum over the genesis and all activations after it (EIP-6122).
fn fork_id(config: &RollupConfig, activations: &[Activation]) -> Bytes {
    let mut hash = ForkHash::from(config.genesis_hash);
    for activation in activations.iter().filter(|one| one.timestamp > config.genesis.timestamp) {
        hash += activation.timestamp;
    }
    Bytes::copy_from_slice(&hash.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rollup::testing;
    use stf::ForkSchedule;

    use super::*;

    #[test]
    fn the_rules_in_force_the_next_and_the_last_are_told() {
        let activation = |rules, timestamp| Activation { rules, timestamp };
        let mut config = RollupConfig::clone(&testing::rollup(testing::genesis(1, 1_000)));
        let schedule = [activation(1, 0), activation(2, 2_000), activation(9, 3_000)];
        config.chain.forks = ForkSchedule::new(&schedule).unwrap();
        let before = config_at(&config, 1_999);
        assert_eq!(before.current.activation_time, 0);
        assert_eq!(before.next.as_ref().unwrap().activation_time, 2_000);
        assert_eq!(before.last.as_ref().unwrap().activation_time, 3_000);
        let karst = config_at(&config, 2_000);
        assert_eq!(karst.current, before.next.unwrap());
        assert_eq!(karst.next, before.last);
        // Rules that this version does not know have no precompiles that it could name.
        assert!(karst.next.unwrap().precompiles.is_empty());
        assert_eq!(karst.current.precompiles.len(), 18);
        let end = config_at(&config, u64::MAX);
        assert_eq!((end.current.activation_time, end.next, end.last), (3_000, None, None));
        // EIP-6122: CRC-32 of the genesis hash, then of the activations after it.
        let mut hash = ForkHash::from(config.genesis_hash);
        assert_eq!(before.current.fork_id, Bytes::copy_from_slice(&hash.0));
        hash += 2_000u64;
        assert_eq!(karst.current.fork_id, Bytes::copy_from_slice(&hash.0));
    }

    #[test]
    fn the_answer_has_the_forms_of_the_eip() {
        let config = testing::rollup(testing::genesis(1, 1_000));
        let json = serde_json::to_value(config_at(&config, 5_000)).unwrap();
        let current = &json["current"];
        assert_eq!(current["activationTime"], 0);
        assert_eq!(current["chainId"], "0xa455");
        assert_eq!(current["forkId"].as_str().unwrap().len(), 10);
        assert_eq!(current["precompiles"]["P256VERIFY"], "0x0000000000000000000000000000000000000100");
        assert_eq!(
            current["systemContracts"]["HISTORY_STORAGE_ADDRESS"],
            "0x0000f90827f1c53a10cb7a02335b175320002935"
        );
        assert_eq!(current["blobSchedule"]["max"], 0);
        assert!(json["next"].is_null() && json["last"].is_null());
    }
}
