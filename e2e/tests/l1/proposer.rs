//! The proposer, from a proposal to its bond's return.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use bindings::{IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory};
use rollup::{
    RollupConfig,
    interval::Interval,
    l1::{TxManager, TxOptions, connect, reach_for_command},
};
use sequencing::proposer::{Proposer, ProposerOptions};
use stf::output_root;

use crate::common::{L1, Node, Task, until};

async fn start(l1: &L1, node: &Node, options: ProposerOptions) -> Task {
    let client = connect(l1.anvil.url(), &l1.config).await.unwrap();
    let poll_interval = Some(Duration::from_millis(50));
    let txs = TxManager::new(
        client,
        l1.roles.proposer.clone(),
        TxOptions { poll_interval, ..TxOptions::default() },
    );
    let proposer = Proposer::new(node.chain.clone(), txs, ProposerOptions { poll_interval, ..options });
    Task::spawn(|shutdown| proposer.run(shutdown))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_becomes_the_anchor_and_its_bond_comes_back() {
    let l1 = L1::start().await;
    let contracts = l1.config.contracts;
    let proposer = l1.roles.proposer.address();
    let factory = IDisputeGameFactory::new(contracts.dispute_game_factory, l1.anvil.provider());
    let registry = IAnchorStateRegistry::new(contracts.anchor_state_registry, l1.anvil.provider());
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    let options = ProposerOptions {
        interval: Duration::from_secs(3600),
        blocks: Some(20),
        depth: 1,
        poll_interval: None,
    };
    let task = start(&l1, &node, options).await;
    // For lengths of one part, several, and with a short last part.
    let mut block = 0;
    for (round, blocks) in [1u64, 300, 40].into_iter().enumerate() {
        l1.batch(b"", blocks).await;
        l1.anvil.mine(2).await.unwrap();
        let anchor: u64 = registry.anchors().call().await.unwrap().l2SequenceNumber.to();
        block += blocks;
        let games = U256::from(round + 1);
        until("it proposes", async || {
            l1.anvil.mine(1).await.unwrap();
            factory.gameCount().call().await.unwrap() == games
        })
        .await;
        let address = factory.gameAtIndex(U256::from(round)).call().await.unwrap().game;
        let game = IDisputeGame::new(address, l1.anvil.provider());
        assert_eq!(game.l2SequenceNumber().call().await.unwrap(), U256::from(block));
        assert_eq!(game.proposer().call().await.unwrap(), proposer);
        assert_eq!(game.anchorBlock().call().await.unwrap(), anchor);
        let output = |number| {
            let header = node.chain.db().read().unwrap().header(number).unwrap().unwrap();
            output_root(&header, header.hash())
        };
        assert_eq!(game.rootClaim().call().await.unwrap(), output(block));
        let ends = Interval::between(anchor, block).unwrap().ends();
        let vector: Vec<u8> = ends.flat_map(|end| output(end).0).collect();
        assert_eq!(game.vectorHash().call().await.unwrap(), alloy::primitives::keccak256(vector));
        if round == 1 {
            // The next proposal starts before this one is done with.
            continue;
        }
        let before = l1.anvil.provider().get_balance(proposer).await.unwrap();
        l1.anvil.increase_time(61).await.unwrap();
        until("it is resolved and its bond is back", async || {
            l1.anvil.mine(1).await.unwrap();
            let resolved = game.resolvedAt().call().await.unwrap() != 0;
            resolved && game.credit(proposer).call().await.unwrap().is_zero()
        })
        .await;
        let after = l1.anvil.provider().get_balance(proposer).await.unwrap();
        assert!(after > before + U256::from(l1.deployed.bond / 2));
        l1.anvil.increase_time(11).await.unwrap();
        until("it is the anchor", async || {
            l1.anvil.mine(1).await.unwrap();
            registry.anchorGame().call().await.unwrap() == address
        })
        .await;
    }
    // All is settled, and nothing new is proposed without new blocks.
    let held = l1.anvil.provider().get_balance(factory.gameAtIndex(U256::from(1)).call().await.unwrap().game);
    assert_eq!(held.await.unwrap(), U256::ZERO);
    l1.anvil.increase_time(7200).await.unwrap();
    l1.anvil.mine(3).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(factory.gameCount().call().await.unwrap(), U256::from(3));
    assert_ne!(registry.anchorGame().call().await.unwrap(), Address::ZERO);
    // The genesis is still compared with L1, where another anchor stands now.
    reach_for_command(&[l1.anvil.url().into()], &l1.config, None).await.unwrap();
    let other = RollupConfig { genesis_output_root: B256::ZERO, ..RollupConfig::clone(&l1.config) };
    let error = reach_for_command(&[l1.anvil.url().into()], &other, None).await.unwrap_err().to_string();
    assert!(error.contains("genesisOutputRoot"), "{error}");
    task.end().await;
    node.stop().await;
}

/// Two proposers of the same chain make one proposal.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_proposed_already_is_left_alone() {
    let l1 = L1::start().await;
    let factory = IDisputeGameFactory::new(l1.config.contracts.dispute_game_factory, l1.anvil.provider());
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.batch(b"", 7).await;
    l1.anvil.mine(5).await.unwrap();
    node.sync(&l1).await;
    let first = start(&l1, &node, ProposerOptions::default()).await;
    until("the first proposes", async || {
        l1.anvil.mine(1).await.unwrap();
        factory.gameCount().call().await.unwrap() == U256::from(1)
    })
    .await;
    first.end().await;
    let client = connect(l1.anvil.url(), &l1.config).await.unwrap();
    let poll_interval = Some(Duration::from_millis(50));
    let other = testnet::accounts::account(2).unwrap();
    let txs = TxManager::new(client, other, TxOptions { poll_interval, ..TxOptions::default() });
    let options = ProposerOptions { poll_interval, ..ProposerOptions::default() };
    let second = Proposer::new(node.chain.clone(), txs, options);
    let second = Task::spawn(|shutdown| second.run(shutdown));
    for _ in 0..10 {
        l1.anvil.mine(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(factory.gameCount().call().await.unwrap(), U256::from(1));
    second.end().await;
    node.stop().await;
}
