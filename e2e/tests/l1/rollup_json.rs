//! `rollup.json` against the contracts of a real L1, as every process compares it at its start.

use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use e2e::faults::{BatchRefusal, Fault, Proxy};
use rollup::{
    RollupConfig,
    config::{ContractField, Contracts},
    l1::{ConnectError, reach_for_command},
};
use stf::{ForkSchedule, Rules};
use testnet::deploy;

use crate::common::L1;

async fn refused(l1: &L1, change: impl FnOnce(&mut RollupConfig)) -> String {
    let mut config = (*l1.config).clone();
    change(&mut config);
    let error = reach_for_command(&[l1.anvil.url().into()], &config, None).await.unwrap_err();
    let line = error.to_string();
    assert!(matches!(error, ConnectError::Config(_)) && !line.contains('\n'), "{line}");
    line
}

fn set(contracts: &mut Contracts, field: ContractField, address: Address) {
    *match field {
        ContractField::Inbox => &mut contracts.inbox,
        ContractField::Portal => &mut contracts.portal,
        ContractField::SystemConfig => &mut contracts.system_config,
        ContractField::DisputeGameFactory => &mut contracts.dispute_game_factory,
        ContractField::AnchorStateRegistry => &mut contracts.anchor_state_registry,
        ContractField::Multicall3 => &mut contracts.multicall3,
        ContractField::Messenger => &mut contracts.l1_cross_domain_messenger,
        ContractField::Bridge => &mut contracts.l1_standard_bridge,
    } = address;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_field_is_named_and_nothing_else() {
    let l1 = L1::start().await;
    l1.anvil.mine(2).await.unwrap();
    reach_for_command(&[l1.anvil.url().into()], &l1.config, None).await.unwrap();
    // What another rollup on the same L1 has.
    let other = deploy(&l1.anvil, &l1.deployed, &l1.roles).await.unwrap();
    for field in ContractField::ALL {
        let ours = field.address(&l1.config.contracts);
        let there = [
            Some(Address::repeat_byte(9)),
            // A contract of another kind.
            Some(if field == ContractField::Inbox {
                l1.config.contracts.portal
            } else {
                l1.config.contracts.inbox
            }),
            // A Multicall3 is as good as another.
            (field != ContractField::Multicall3).then(|| field.address(&other.contracts)),
        ];
        for there in there.into_iter().flatten() {
            let line = refused(&l1, |config| set(&mut config.contracts, field, there)).await;
            let named = format!("on L1: {} is {there}, but ", field.name());
            assert!(line.contains(&named) && !line.contains(';'), "{field:?} {ours} -> {there}: {line}");
        }
    }
    let line = refused(&l1, |config| config.chain.chain_id += 1).await;
    assert!(
        line.contains("one of chain.chainId, ") && line.contains("42070") && !line.contains(';'),
        "{line}"
    );
    let line = refused(&l1, |config| config.chain.max_drift += 1).await;
    assert!(line.contains("chain.maxDrift") && line.contains("601"), "{line}");
    let line = refused(&l1, |config| config.chain.forks = ForkSchedule::always(Rules::Isthmus)).await;
    assert!(line.contains("chain.forks"), "{line}");
    let line = refused(&l1, |config| config.chain.force_delay += 1).await;
    assert!(line.contains("on L1: chain.forceDelay is ") && !line.contains(';'), "{line}");
    let line = refused(&l1, |config| config.sequencer_timeout += 1).await;
    assert!(line.contains("on L1: sequencerTimeout is "), "{line}");
    for start in [0, 2] {
        let line = refused(&l1, |config| config.l1_start_block = start).await;
        assert!(line.contains(&format!("on L1: l1StartBlock is {start}, but the inbox is ")), "{line}");
    }
    let line = refused(&l1, |config| config.genesis_output_root = B256::ZERO).await;
    assert!(line.contains("on L1: genesisOutputRoot is "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_the_owner_changed_are_compared_as_they_were() {
    let l1 = L1::start().await;
    let limit = |config: &mut RollupConfig| config.genesis.gas_limit -= 1;
    assert!(refused(&l1, limit).await.contains("on L1: genesis.gasLimit is "));
    l1.set_gas_limit(l1.config.genesis.gas_limit - 1).await;
    l1.deposit(0, 1, b"").await;
    l1.anvil.mine(1).await.unwrap();
    l1.batch(b"", 1).await;
    l1.anvil.mine(1).await.unwrap();
    reach_for_command(&[l1.anvil.url().into()], &l1.config, None).await.unwrap();
    assert!(refused(&l1, limit).await.contains("on L1: genesis.gasLimit is "));
    let line = refused(&l1, |config| {
        let storage = &mut config.genesis.alloc.get_mut(&stf::predeploys::L1_BLOCK).unwrap().storage;
        *storage.entry(B256::with_last_byte(3)).or_default() += U256::from(1) << 96;
    });
    assert!(line.await.contains("baseFeeScalar"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_or_forgets_is_no_mismatch() {
    let l1 = L1::start().await;
    l1.deposit(0, 1, b"").await;
    l1.anvil.mine(3).await.unwrap();
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    for fault in [
        Fault::Pruned,
        Fault::MaxBatch(3, BatchRefusal::Error),
        Fault::MaxBatch(1, BatchRefusal::Status),
        Fault::Delay(Duration::from_millis(200)),
        Fault::HeadBehind(1),
    ] {
        proxy.set(fault);
        reach_for_command(&[proxy.url().into()], &l1.config, None).await.unwrap();
    }
    // What it does know is still compared.
    proxy.set(Fault::Pruned);
    let mut config = (*l1.config).clone();
    config.chain.chain_id += 1;
    let error = reach_for_command(&[proxy.url().into()], &config, None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Config(_)), "{error}");
    // One that has not come to the deployment yet is waited for, and so is one that says nothing of use.
    let limit = Some(Duration::from_secs(1));
    for (fault, reason) in [(Fault::HeadBehind(9), "l1StartBlock in rollup.json is 1"), (Fault::Null, "")] {
        proxy.set(fault);
        let error = reach_for_command(&[proxy.url().into()], &l1.config, limit).await.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
