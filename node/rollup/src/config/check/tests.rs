//! Each field of a `rollup.json` changed, against an L1 on which the rollup is as it was.
#![allow(clippy::unwrap_used)]

use alloy::primitives::{Bytes, address, keccak256};
use bindings::predeploys::{L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE};
use serde_json::{Value, json};
use stf::{ForkSchedule, Rules, config::Activation};

use super::*;
use crate::{
    config::{ConfigError, GenesisAccount},
    testing,
};

/// An address that is nobody's.
const OTHER: Address = address!("0x00000000000000000000000000000000000000ff");

/// Which contract knows where which other one is.
const LINKS: [(ContractField, ContractField); 10] = [
    (ContractField::Inbox, ContractField::Portal),
    (ContractField::Inbox, ContractField::SystemConfig),
    (ContractField::Portal, ContractField::Inbox),
    (ContractField::Portal, ContractField::AnchorStateRegistry),
    (ContractField::SystemConfig, ContractField::Inbox),
    (ContractField::DisputeGameFactory, ContractField::Inbox),
    (ContractField::DisputeGameFactory, ContractField::AnchorStateRegistry),
    (ContractField::AnchorStateRegistry, ContractField::DisputeGameFactory),
    (ContractField::Messenger, ContractField::Portal),
    (ContractField::Bridge, ContractField::Messenger),
];

/// A rollup as its deployment describes it.
fn rollup() -> RollupConfig {
    let mut genesis = testing::genesis(1, 1_700_000_000);
    for (predeploy, peer) in [(L2_CROSS_DOMAIN_MESSENGER, 7), (L2_STANDARD_BRIDGE, 8)] {
        let peer = U256::from_be_bytes(Address::repeat_byte(peer).into_word().0);
        let code = Bytes::from_static(&[0x5b]);
        let storage = [(B256::ZERO, peer)].into();
        genesis
            .alloc
            .insert(predeploy, GenesisAccount { nonce: 1, code, storage, ..GenesisAccount::default() });
    }
    let mut config = (*testing::rollup(genesis)).clone();
    config.l1_start_block = 100;
    config.contracts.l1_cross_domain_messenger = Address::repeat_byte(7);
    config.contracts.l1_standard_bridge = Address::repeat_byte(8);
    config
}

/// What one is told who asks the contracts that `config` names on the L1 of `rollup`. Where it names others, they are
/// of the same kind; where they are, `others` says.
fn ask(
    config: &RollupConfig,
    rollup: &RollupConfig,
    others: impl Fn(ContractField, ContractField) -> Address,
) -> Deployment {
    let links = LINKS.map(|(by, of)| {
        let is_ours = by.address(&config.contracts) == by.address(&rollup.contracts);
        let address = if is_ours { of.address(&rollup.contracts) } else { others(by, of) };
        ContractLink { by: Some(by), view: "view()", of, address }
    });
    Deployment {
        links: links.into(),
        inbox_constants: InboxConstants::OURS,
        force_delay: rollup.chain.force_delay,
        sequencer_timeout: rollup.sequencer_timeout,
        config_hash: rollup.chain.hash(),
        first_anchor_block: 0,
        first_anchor_output: rollup.genesis_output_root,
        multicall_chain_id: U256::from(rollup.l1_chain_id),
        initial_parameters: Some(rollup.genesis.parameters()),
        inbox_before_start: Some(config.l1_start_block > rollup.l1_start_block),
        inbox_after_start: Some(config.l1_start_block >= rollup.l1_start_block),
    }
}

fn fields(checked: Result<(), ConfigMismatches>) -> Vec<&'static str> {
    checked.err().into_iter().flat_map(|wrong| wrong.0).map(|wrong| wrong.field).collect()
}

/// What a process says that is started with this file.
fn start(file: &Value, rollup: &RollupConfig) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollup.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let config = RollupConfig::load(&path).map_err(|error| error.to_string())?;
    config.check(&ask(&config, rollup, |_, _| OTHER)).map_err(|error| error.to_string())
}

/// The paths of all numbers and texts.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found))
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &format!("{path}/{index}"), found)),
        _ => found.push(path.into()),
    }
}

#[test]
fn each_field_that_is_changed_is_named_in_one_line() {
    let rollup = rollup();
    let file = serde_json::to_value(&rollup).unwrap();
    assert_eq!(start(&file, &rollup), Ok(()));
    let mut paths = Vec::new();
    leaves(&file, "", &mut paths);
    // Another chain is noticed when connecting. Rules that begin later than at zero are no schedule.
    paths.retain(|path| !["/l1ChainId", "/chain/forks/0/timestamp"].contains(&path.as_str()));
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        let mut changed = file.clone();
        let leaf = changed.pointer_mut(&path).unwrap();
        *leaf = match (&*leaf, path.as_str()) {
            (Value::Number(number), _) => json!(number.as_u64().unwrap() + 1),
            (Value::String(_), "/chain/forks/0/rules") => json!("isthmus"),
            (Value::String(text), _) => {
                let (rest, last) = text.split_at(text.len() - 1);
                json!(format!("{rest}{}", if last == "1" { '2' } else { '1' }))
            }
            (leaf, _) => panic!("{path}: {leaf}"),
        };
        // Nothing on L1 says anything of another Multicall3.
        let expected = match path.as_str() {
            "/contracts/multicall3" => None,
            "/chain/forks/0/rules" => Some("chain.forks".into()),
            path if path.starts_with("/genesis/") => Some("genesis".into()),
            path => Some(path[1..].replace('/', ".")),
        };
        match (start(&changed, &rollup), expected) {
            (Ok(()), None) => {}
            (Err(line), Some(field)) => {
                assert!(line.contains(&field) && !line.contains('\n'), "{path}: {line}")
            }
            (done, _) => panic!("{path}: {done:?}"),
        }
    }
}

#[test]
fn only_the_wrong_address_is_named_whatever_is_there() {
    use ContractField::{Bridge, Inbox, Messenger, Multicall3, Portal, SystemConfig};
    let rollup = rollup();
    let ours = |_: ContractField, of: ContractField| of.address(&rollup.contracts);
    for field in ContractField::ALL.into_iter().filter(|field| *field != Multicall3) {
        let mut config = rollup.clone();
        let contracts = &mut config.contracts;
        match field {
            Inbox => contracts.inbox = OTHER,
            Portal => contracts.portal = OTHER,
            SystemConfig => contracts.system_config = OTHER,
            ContractField::DisputeGameFactory => contracts.dispute_game_factory = OTHER,
            ContractField::AnchorStateRegistry => contracts.anchor_state_registry = OTHER,
            Messenger => contracts.l1_cross_domain_messenger = OTHER,
            Bridge => contracts.l1_standard_bridge = OTHER,
            Multicall3 => {}
        }
        // Of another rollup, of one that shares all else with this, and of one that does not know where anything is.
        let others: [&dyn Fn(ContractField, ContractField) -> Address; 3] =
            [&|_, of| Address::repeat_byte(0xa0 + of as u8), &ours, &|_, _| Address::ZERO];
        for other in others {
            let checked = config.check(&ask(&config, &rollup, other));
            let line = checked.clone().unwrap_err().to_string();
            assert_eq!(fields(checked), [field.name()], "{line}");
            assert!(line.contains(&OTHER.to_string()), "{line}");
        }
    }
}

#[test]
fn all_that_is_wrong_is_told_but_first_the_addresses() {
    let rollup = rollup();
    let mut config = rollup.clone();
    config.sequencer_timeout += 1;
    config.chain.chain_id += 1;
    config.chain.force_delay += 1;
    config.l1_start_block += 1;
    config.genesis_output_root = B256::ZERO;
    assert_eq!(
        fields(config.check(&ask(&config, &rollup, |_, _| OTHER))),
        [
            "l1StartBlock",
            "sequencerTimeout",
            "chain.forceDelay",
            "one of chain.chainId, chain.maxDrift and chain.forks",
            "genesisOutputRoot",
        ]
    );
    config.contracts.inbox = OTHER;
    config.contracts.l1_standard_bridge = OTHER;
    assert_eq!(
        fields(config.check(&ask(&config, &rollup, |_, _| OTHER))),
        ["contracts.inbox", "contracts.l1StandardBridge"]
    );
}

#[test]
fn what_the_deployment_itself_made_wrong_is_found() {
    let rollup = rollup();
    let right = ask(&rollup, &rollup, |_, _| OTHER);
    assert_eq!(rollup.check(&right), Ok(()));
    let parameters = rollup.genesis.parameters();
    let with = |parameters| Deployment { initial_parameters: Some(parameters), ..right.clone() };
    let ours = InboxConstants::OURS;
    for inbox_constants in [
        InboxConstants { min_message_gas: 1, ..ours },
        InboxConstants { guarantee: 1, ..ours },
        InboxConstants { max_blocks_per_batch: 1, ..ours },
        InboxConstants { max_forced_blocks: 1, ..ours },
        InboxConstants { block_rate: 1, ..ours },
        InboxConstants { block_burst: 1, ..ours },
    ] {
        let deployment = Deployment { inbox_constants, ..right.clone() };
        assert_eq!(fields(rollup.check(&deployment)), ["contracts.inbox"]);
    }
    let cases = [
        (Deployment { multicall_chain_id: U256::MAX, ..right.clone() }, "contracts.multicall3"),
        (Deployment { first_anchor_block: 1, ..right.clone() }, "genesisOutputRoot"),
        (Deployment { first_anchor_output: B256::ZERO, ..right.clone() }, "genesisOutputRoot"),
        (with(L2Parameters { gas_limit: 1, ..parameters }), "genesis.gasLimit"),
        (with(L2Parameters { base_fee_scalar: 1, ..parameters }), "genesis.alloc (baseFeeScalar)"),
        (with(L2Parameters { blob_base_fee_scalar: 1, ..parameters }), "genesis.alloc (blobBaseFeeScalar)"),
        (with(L2Parameters { operator_fee_scalar: 1, ..parameters }), "genesis.alloc (operatorFeeScalar)"),
        (
            with(L2Parameters { operator_fee_constant: 1, ..parameters }),
            "genesis.alloc (operatorFeeConstant)",
        ),
        (with(L2Parameters { gas_target: 1, ..parameters }), "genesis.alloc (gasTarget)"),
        (with(L2Parameters { min_base_fee: 1, ..parameters }), "genesis.alloc (minBaseFee)"),
    ];
    for (deployment, field) in cases {
        assert_eq!(fields(rollup.check(&deployment)), [field]);
    }
}

#[test]
fn what_an_endpoint_does_not_know_is_no_mismatch() {
    let rollup = rollup();
    let deployment = Deployment {
        initial_parameters: None,
        inbox_before_start: None,
        inbox_after_start: None,
        ..ask(&rollup, &rollup, |_, _| OTHER)
    };
    assert_eq!(rollup.check(&deployment), Ok(()));
}

#[test]
fn a_genesis_is_compared_with_its_hash_and_its_output_root() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollup.json");
    let load = |config: &RollupConfig| {
        std::fs::write(&path, serde_json::to_vec(config).unwrap()).unwrap();
        RollupConfig::load(&path)
    };
    let right = rollup();
    assert_eq!(load(&right).unwrap(), right);
    let wrong = RollupConfig { genesis_hash: B256::ZERO, ..right.clone() };
    assert!(matches!(load(&wrong), Err(ConfigError::GenesisHash { .. })));
    let wrong = RollupConfig { genesis_output_root: B256::ZERO, ..right.clone() };
    assert!(matches!(load(&wrong), Err(ConfigError::GenesisOutputRoot { .. })));
    let mut wrong = right;
    wrong.genesis.gas_limit = 1;
    assert!(matches!(load(&wrong), Err(ConfigError::Genesis { .. })));
}

/// Names are of those rules that a version knows, so they are not in it.
#[test]
fn the_identity_of_a_database_has_the_schedule_by_its_numbers() {
    let config = rollup();
    let mut other = config.clone();
    let rules = |rules, timestamp| Activation { rules, timestamp };
    other.chain.forks = ForkSchedule::new(&[rules(2, 0), rules(9, 5)]).unwrap();
    assert_ne!(config.hash(), other.hash());
    let mut plain = other.clone();
    plain.chain.forks = ForkSchedule::always(Rules::Isthmus);
    let plain = serde_json::to_vec(&plain).unwrap();
    assert_eq!(other.hash(), keccak256([plain, other.chain.encode()].concat()));
}
