//! A rollup with everything in it, watched by Prometheus, in which one thing after the other breaks.

use std::{collections::BTreeSet, fs, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, keccak256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, bail, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting},
    faults::{FakeSigner, Fault, Proxy},
    net::{Load, NodeStatus, soon, transfer, user},
};
use fraud_prover::{game::RunRules, traces::DisagreementFile};
use rollup::witness::witness_of;
use testnet::{Key, Node, Process, Role, ports};

use crate::{
    dashboard::queries,
    prometheus::{Prometheus, WINDOW, is_installed},
    rules::rules,
};

/// The first wrong block of all lies.
const WRONG: u64 = 7;
/// Wei.
const ETHER: u128 = 1_000_000_000_000_000_000;

/// What is watched, and what breaks it.
struct Watched {
    arena: Arena,
    replica: Node,
    challenger: Process,
    /// A port for the challenger's metrics.
    metrics: u16,
    /// The feed's signer.
    signer: FakeSigner,
    /// The replica's second L1 endpoint.
    proxy: Proxy,
    load: Load,
}

impl Watched {
    /// Starts it. Each process has its port for metrics.
    async fn start(sequencer: u16, replica: u16, metrics: u16) -> Result<Self> {
        let mut options = Arena::options("monitoring", Setting { blocks: 12, ..Setting::default() })?;
        options.proposer = true;
        options.sequencer_arguments.extend(["--metrics".into(), format!("127.0.0.1:{sequencer}")]);
        let mut arena = Arena::with(options).await?;
        let devnet = &mut arena.net.devnet;
        let key = devnet.options.roles.signer.clone();
        let signer = FakeSigner::start(key.clone(), devnet.rollup.l1_chain_id).await?;
        let node = devnet.sequencer_mut()?;
        node.stop().await?;
        let Role::Sequencer { signer: place, .. } = &mut node.options.role else { bail!("no sequencer") };
        *place = Key::at(&signer.url());
        node.options.extra.extend(["--signer-address".into(), key.address().to_string()]);
        node.start()?;
        node.wait_ready().await?;

        let proxy = Proxy::start(devnet.anvil.url()).await?;
        let (feed, rpc) = (devnet.sequencer()?.ws_url(), devnet.sequencer()?.http_url());
        let role = Role::Replica { feed: Some(feed), sequencer_rpc: Some(rpc) };
        let mut options = devnet.node_options("replica", role)?;
        options.l1_rpc = format!("{},{}", devnet.anvil.url(), proxy.url());
        options.metrics = Some(replica);
        options.extra.clone_from(&devnet.options.replica_arguments);
        let mut replica = Node::spawn(options)?;
        replica.wait_ready().await?;
        let challenger = challenger(&arena, metrics)?;
        let l2 = arena.net.devnet.sequencer()?.provider();
        let chain_id = arena.net.devnet.rollup.chain.chain_id;
        let load = Load::paced(l2, chain_id, vec![user(2)?], Duration::from_millis(100));
        Ok(Self { arena, replica, challenger, metrics, signer, proxy, load })
    }

    /// Gives an account of L1 so many wei, and no more.
    async fn fund(&self, account: Address, wei: u128) -> Result<()> {
        self.arena.net.devnet.anvil.set_balance(account, U256::from(wei)).await
    }

    /// Sends with the batcher's key, as a thief would.
    async fn steal(&self) -> Result<()> {
        let key = &self.arena.net.devnet.options.roles.batcher;
        let request = TransactionRequest::default().with_to(Address::ZERO).with_value(U256::from(1));
        let _pending = self.arena.net.devnet.anvil.wallet(key)?.send_transaction(request).await?;
        Ok(())
    }

    /// Proposes a lie about a block.
    async fn lie(&mut self, block: u64) -> Result<()> {
        let liar = self.arena.liar((Lie::FlippedBit { block: WRONG }, Divergence::Share(500)))?;
        self.arena.propose(&user(5)?, &liar, block).await?;
        Ok(())
    }

    /// Schedules a version of the game with a program that nobody has.
    async fn schedule(&self) -> Result<()> {
        let rules = RunRules { program_root: keccak256("another program"), ..self.arena.observer.rules };
        self.arena.schedule_version(rules, 0).await?;
        Ok(())
    }

    /// Leaves the challenger what one with a broken memory would: the file of a block about which its VM has said something
    /// else than the node. No program and no node can be made to disagree from outside.
    fn disagree(&self) -> Result<()> {
        let (subject, _) = self.arena.subject(WRONG)?;
        let chain = &self.arena.observer.chain;
        let witness = witness_of(&chain.db().read()?, &chain.config().chain, WRONG, subject.batch_count)?;
        let name = format!("disagreements/{WRONG}-{:x}.json", witness.boot.hash());
        let machine = keccak256("a flipped bit").to_string();
        let RunRules { program_root, max_steps, .. } = subject.rules;
        let file = DisagreementFile { witness, program_root, max_steps, machine };
        Ok(file.write(&self.arena.data_dir("challenger").join(name))?)
    }

    /// Requests that are refused, so that there is something to count.
    async fn be_refused(&self) -> Result<()> {
        let node = self.arena.net.devnet.sequencer()?;
        let refused = node.call::<String>("eth_getBalance", ["nobody"]).await;
        ensure!(refused.is_err(), "{refused:?}");
        let chain_id = self.arena.net.devnet.rollup.chain.chain_id;
        let old = transfer(chain_id, &user(2)?, 0, Address::ZERO, U256::from(1)).await?;
        ensure!(node.provider().send_raw_transaction(&old).await.is_err(), "a nonce was used twice");
        Ok(())
    }

    /// Starts the replica again with other options.
    async fn restart_replica(&mut self) -> Result<()> {
        self.replica.stop().await?;
        self.replica.start()?;
        self.replica.wait_ready().await
    }

    async fn end(mut self) -> Result<()> {
        self.load.stop().await?;
        self.replica.stop().await?;
        self.challenger.stop(Duration::from_secs(10)).await?;
        self.arena.end().await
    }
}

fn challenger(arena: &Arena, metrics: u16) -> Result<Process> {
    arena.challenger("challenger", &user(1)?, &["--metrics", &format!("127.0.0.1:{metrics}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alert_fires_by_its_fault_and_each_panel_shows_something() -> Result<()> {
    if !is_installed() {
        return Ok(());
    }
    let ports = [ports::free()?, ports::free()?, ports::free()?];
    let [sequencer, replica, metrics] = ports;
    let mut watched = Watched::start(sequencer, replica, metrics).await?;
    let processes = [("sequencer", sequencer), ("replica", replica), ("challenger", metrics)];
    let mut prometheus = Prometheus::start(watched.arena.net.dir(), &processes).await?;
    watched.arena.wait_for_blocks(20).await?;
    NodeStatus::wait_safe(&watched.replica, 20).await?;
    // Each has been seen at least once, so that what is quiet is not merely unknown.
    soon("all are watched", async || Ok((prometheus.points("count(up == 1) == 3").await? > 0).then_some(())))
        .await?;
    prometheus.wait_quiet().await?;
    watched.be_refused().await?;
    let roles = watched.arena.net.devnet.options.roles.clone();
    let (batcher, proposer) = (roles.batcher.address(), roles.proposer.address());

    accounts_and_endpoints(&mut watched, &mut prometheus, [batcher, proposer]).await?;
    keys_and_processes(&mut watched, &mut prometheus).await?;
    disputes(&mut watched, &mut prometheus).await?;

    let all: BTreeSet<_> = rules()?.into_iter().map(|rule| rule.name).collect();
    ensure!(*prometheus.fired() == all, "{:?} have not fired", all.difference(prometheus.fired()));
    panels(&prometheus).await?;
    prometheus.end().await?;
    watched.end().await
}

/// Accounts run empty, while an endpoint of the replica's is away.
async fn accounts_and_endpoints(
    watched: &mut Watched,
    prometheus: &mut Prometheus,
    accounts: [Address; 2],
) -> Result<()> {
    let alarms = [
        ("RecourseL1EndpointLeftOut", "replica"),
        ("RecourseBatchesLate", "sequencer"),
        ("RecourseProposalsLate", "sequencer"),
        ("RecourseChallengerBalanceLow", "challenger"),
        ("RecourseAccountNearlyEmpty", "sequencer"),
    ];
    let challenger = user(1)?.address();
    let fault = async {
        watched.proxy.set(Fault::Down);
        for account in accounts {
            watched.fund(account, ETHER / 1_000_000).await?;
        }
        watched.fund(challenger, ETHER / 1_000).await
    };
    prometheus.fires(&alarms, fault).await?;
    watched.proxy.set(Fault::None);
    watched.fund(accounts[0], 100 * ETHER).await?;
    for alarm in [("RecourseBatchesLate", "sequencer"), ("RecourseL1EndpointLeftOut", "replica")] {
        prometheus.ends(alarm).await?;
    }
    Ok(())
}

/// Keys, signers and processes: one is stolen, one is silent, one is killed; L1 stands still.
async fn keys_and_processes(watched: &mut Watched, prometheus: &mut Prometheus) -> Result<()> {
    let alarms = [("RecourseProcessDown", "replica"), ("RecourseVersionNotPlayable", "challenger")];
    let fault = async {
        watched.replica.kill9()?;
        watched.schedule().await
    };
    prometheus.fires(&alarms, fault).await?;

    // A transaction of the batcher's own may come before the thief's, which is then none of a block: he tries again.
    let again = async {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let _ = watched.steal().await;
        }
    };
    tokio::select! {
        fired = prometheus.fires(&[("RecourseKeyUsedElsewhere", "sequencer")], watched.steal()) => fired?,
        () = again => {}
    }

    // It cannot read the batches in blobs that came while it was away.
    let l1 = watched.arena.net.devnet.anvil.url().to_owned();
    watched.replica.options.l1_rpc.clone_from(&l1);
    watched.replica.options.l1_beacon = Some(format!("http://127.0.0.1:{}", ports::free()?));
    let alarms = [
        ("RecourseSignerAway", "sequencer"),
        ("RecourseHeadStandsStill", "sequencer"),
        ("RecourseBehindL1", "replica"),
    ];
    let fault = async {
        watched.restart_replica().await?;
        watched.signer.stop().await;
        Ok(())
    };
    prometheus.fires(&alarms, fault).await?;
    watched.signer.start_again().await?;

    watched.replica.options.l1_beacon = Some(l1);
    // More than any disk has.
    watched.replica.options.extra.extend(["--min-disk-room".into(), "1000000000".into()]);
    let away = ["sequencer", "replica", "challenger"].map(|process| ("RecourseL1Away", process));
    let alarms = [&away[..], &[("RecourseDiskNearlyFull", "replica")]].concat();
    let mut gate = None;
    let fault = async {
        watched.restart_replica().await?;
        gate = Some(watched.arena.miner.pause().await);
        Ok(())
    };
    prometheus.fires(&alarms, fault).await?;
    drop(gate);
    for alarm in away {
        prometheus.ends(alarm).await?;
    }
    Ok(())
}

/// A lie that a challenger cannot pay to answer, until it is too late; then one that it can.
async fn disputes(watched: &mut Watched, prometheus: &mut Prometheus) -> Result<()> {
    let on = |name| (name, "challenger");
    let alarms = [
        on("RecourseWrongRoot"),
        on("RecourseClaimUnanswered"),
        on("RecourseClockShort"),
        on("RecourseHousekeepingFails"),
    ];
    let traces = watched.arena.data_dir("challenger").join("traces");
    let fault = async {
        // It cannot keep what its VM finds.
        fs::write(&traces, "a file in the folder's place")?;
        watched.lie(10).await
    };
    prometheus.fires(&alarms, fault).await?;
    prometheus.fires(&[on("RecourseWrongRootStands")], watched.arena.expire()).await?;

    let fault = async {
        watched.challenger.stop(Duration::from_secs(10)).await?;
        watched.disagree()?;
        watched.challenger = challenger(&watched.arena, watched.metrics)?;
        Ok(())
    };
    prometheus.fires(&[on("RecourseDisagreement")], fault).await?;

    fs::remove_file(&traces)?;
    watched.fund(user(1)?.address(), 100 * ETHER).await?;
    watched.lie(11).await?;
    soon("the challenger moves", async || {
        let moves =
            prometheus.points(&format!("increase(recourse_challenger_moves_total[{WINDOW}])")).await?;
        Ok((moves > 0).then_some(()))
    })
    .await?;
    prometheus.ends(on("RecourseClaimUnanswered")).await
}

/// All queries of the dashboard, as Grafana asks them.
async fn panels(prometheus: &Prometheus) -> Result<()> {
    let queries = queries()?;
    let mut empty = Vec::new();
    for query in &queries {
        let asked = query.filled(WINDOW);
        if prometheus.points(&asked).await.with_context(|| query.panel.clone())? == 0 {
            empty.push(format!("{}: {asked}", query.panel));
        }
    }
    ensure!(empty.is_empty(), "queries without a result:\n{}", empty.join("\n"));
    eprintln!("monitoring: {} queries, each with a result", queries.len());
    Ok(())
}
