//! The contracts of others that L2 begins with: the same as where somebody deploys them.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use alloy::{
    consensus::{TxEnvelope, transaction::SignerRecoverable},
    eips::Decodable2718,
    primitives::{Address, B256, Bytes, U256, b256},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, ensure};
use bindings::{
    genesis::genesis_contracts,
    preinstalls::{
        CREATE_X, DETERMINISTIC_DEPLOYMENT_PROXY, GenesisContract, SAFE_SINGLETON_FACTORY, preinstalls,
    },
};
use e2e::net::{Net, user};
use serde_json::Value;
use testnet::{Anvil, AnvilOptions, Mining, Process, tools};

/// L2's chain id on a devnet.
const CHAIN_ID: u64 = 42_069;

/// What a deployment of the largest takes, and less than a transaction may have.
const GAS_LIMIT: u64 = 10_000_000;

/// The first slots, where the constructors write.
const SLOTS: u64 = 16;

/// How long a script may take.
const SESSION_LIMIT: Duration = Duration::from_secs(60);

/// Contract, what deploys it, and with which salt, as published with each.
const DEPLOYMENTS: &[(&str, Address, B256)] = &[
    ("Safe_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
    ("SafeL2_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
    ("MultiSend_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
    ("MultiSendCallOnly_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
    (
        "Permit2",
        DETERMINISTIC_DEPLOYMENT_PROXY,
        b256!("0x0000000000000000000000000000000000000000d3af2663da51c10215000000"),
    ),
    ("EntryPoint_v060", DETERMINISTIC_DEPLOYMENT_PROXY, B256::ZERO),
    (
        "EntryPoint_v070",
        DETERMINISTIC_DEPLOYMENT_PROXY,
        b256!("0x90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3"),
    ),
];

/// What was taken out of the published packages.
fn packages() -> Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../l1-contracts/out/preinstalls.json");
    let mut all: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    Ok(all["contracts"].take())
}

fn hex(value: &Value) -> Result<Bytes> {
    Ok(value.as_str().context("no code")?.parse()?)
}

/// Deploys them all as anyone does, on a chain that has none.
async fn deploy(anvil: &Anvil, key: &PrivateKeySigner) -> Result<()> {
    let packages = packages()?;
    // The transaction that deploys it is signed for each chain by a key that is not ours.
    let singletons = preinstalls(CHAIN_ID).into_iter().find(|one| one.address == SAFE_SINGLETON_FACTORY);
    let code = singletons.context("no factory")?.code;
    anvil.call::<Value>("anvil_setCode", (SAFE_SINGLETON_FACTORY, code)).await?;
    let wallet = anvil.wallet(key)?;
    for (name, factory, salt) in DEPLOYMENTS {
        let input = [salt.as_slice(), &hex(&packages[*name]["creation"])?].concat();
        let request = TransactionRequest::default().to(*factory).input(input.into()).gas_limit(GAS_LIMIT);
        let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status(), "the deployment of {name} failed");
    }
    let raw = hex(&packages["CreateX"]["transaction"])?;
    let deployer = TxEnvelope::decode_2718_exact(&raw)?.recover_signer()?;
    anvil.set_balance(deployer, U256::from(10).pow(U256::from(18))).await?;
    let receipt = anvil.provider().send_raw_transaction(&raw).await?.get_receipt().await?;
    ensure!(receipt.contract_address == Some(CREATE_X), "{:?}", receipt.contract_address);
    Ok(())
}

/// Compares code and storage of a contract with what a node says.
async fn compare(provider: &impl Provider, contract: &GenesisContract) -> Result<()> {
    let GenesisContract { name, address, code, storage } = contract;
    let found = provider.get_code_at(*address).await?;
    ensure!(found == *code, "{name}: code of {} bytes, not {}", found.len(), code.len());
    let storage: BTreeMap<U256, U256> = storage.iter().copied().collect();
    for slot in (0..SLOTS).map(U256::from) {
        let expected = storage.get(&slot).copied().unwrap_or_default();
        let found = provider.get_storage_at(*address, slot).await?;
        ensure!(found == expected, "{name}: {found} in slot {slot}, not {expected}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn preinstalls_are_what_a_deployment_leaves() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut options = AnvilOptions::new(&folder.path().join("anvil.log"));
    options.chain_id = CHAIN_ID;
    let mut anvil = Anvil::start(&options).await?;
    anvil.set_mining(Mining::OnDemand).await?;
    deploy(&anvil, &user(0)?).await?;
    let mut compared = 0;
    for contract in preinstalls(CHAIN_ID) {
        // No package has what deploys it; its code's hash is checked beside the list.
        if contract.name != "Create2Deployer" {
            compare(anvil.provider(), &contract).await?;
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
    anvil.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_has_the_preinstalls_and_permit2_its_domain() -> Result<()> {
    let mut options = Net::options("preinstalls")?;
    options.replica = false;
    let net = Net::start(options).await?;
    let summary = net.devnet.summary()?;
    assert_eq!(summary.l2_chain_id, CHAIN_ID);
    let l2 = net.devnet.sequencer()?.provider();
    for contract in preinstalls(CHAIN_ID) {
        compare(l2, &contract).await?;
    }
    for contract in genesis_contracts(CHAIN_ID) {
        ensure!(l2.get_code_at(contract.address).await? == contract.code, "{}", contract.name);
    }

    let devnet_json = net.dir().join("devnet.json");
    std::fs::write(&devnet_json, serde_json::to_vec_pretty(&summary)?)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/preinstalls.mjs");
    let mut command = Command::new(tools::in_path("node").context("no Node.js in the search path")?);
    command.arg(script).arg(&devnet_json).arg("1");
    let mut session = Process::spawn("preinstalls", &mut command, &net.dir().join("logs/preinstalls.log"))?;
    let status = session.wait(SESSION_LIMIT).await?;
    let output = std::fs::read_to_string(session.log())?;
    ensure!(
        status.is_some_and(|status| status.success()) && output.trim_end().ends_with("done"),
        "the session ended with {status:?}:\n{output}"
    );
    net.finish().await
}
