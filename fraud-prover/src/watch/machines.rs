//! Whether L1 still runs the step verifiers of the versions rightly.
//!
//! An L1 fork that changes a precompile beyond what a verifier allows for breaks it: it proves wrong steps then, and right
//! ones no more. Anyone can suspend such a version. Bonds wait just so long that there is time for it, so it is looked for,
//! and done, by every challenger.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    sol_types::{SolCall, SolError},
};
use bindings::{IDisputeGame, IDisputeGameFactory, IRiscV::PrecompileFailed};
use rollup::l1::{L1Client, L1Error, L1Header, TxRequest};
use tracing::{error, info};

use super::{
    TARGET,
    plans::{MoveKey, Next, SendKind},
    sender::Sender,
};
use crate::l1::LogReader;

/// How often a machine is looked at, in seconds of L1's time: a view of some million gas.
const INTERVAL: u64 = 60;

/// What is known of the versions' machines.
#[derive(Debug)]
pub(super) struct Machines {
    factory: Address,
    record_checks: Option<Duration>,
    /// L1's time of the last look at each version.
    looked: BTreeMap<Address, u64>,
    /// Operation by which a version is shown to be broken, where that is not on L1 yet.
    broken: BTreeMap<Address, U256>,
    told: BTreeSet<Address>,
}

impl Machines {
    pub(super) fn new(factory: Address, record_checks: Option<Duration>) -> Self {
        let (looked, broken, told) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { factory, record_checks, looked, broken, told }
    }

    /// Looks at the machines of the versions that are played, and sends what is to be done.
    pub(super) async fn look(
        &mut self,
        client: &L1Client,
        reader: &LogReader,
        head: &L1Header,
        sender: &mut Option<Sender>,
    ) -> Result<(), L1Error> {
        let (games, now, at) = (reader.games(), head.timestamp(), BlockId::hash(head.hash));
        let mut calls = Vec::new();
        let mut broken = 0;
        for (version, _) in games.versions() {
            if games.suspension(version).is_some() {
                self.broken.remove(&version);
                broken += 1;
                continue;
            }
            if self.looked.get(&version).is_none_or(|looked| now >= looked.saturating_add(INTERVAL)) {
                match failing(client, version, at).await? {
                    Some(op) => {
                        self.broken.insert(version, op);
                    }
                    None => {
                        self.broken.remove(&version);
                        calls.extend(self.check(client, version, reader.present(), now, at).await?);
                    }
                }
                self.looked.insert(version, now);
            }
            let Some(op) = self.broken.get(&version) else { continue };
            broken += 1;
            if self.told.insert(version) {
                error!(target: TARGET, %version, %op, "L1 does not run the MACHINE of this version rightly any more: it is to be suspended");
            }
            calls.push(TxRequest {
                to: version,
                data: IDisputeGame::suspendCall { op: *op }.abi_encode().into(),
                ..TxRequest::default()
            });
        }
        if let Some(present) = reader.present().filter(|present| games.suspension(*present).is_some()) {
            calls.extend(self.standby(client, present, at).await?);
        }
        metrics::gauge!("recourse_challenger_broken_machines").set(f64::from(broken));
        if let Some(sender) = sender {
            send(sender, head.number(), calls);
        }
        Ok(())
    }

    /// The call that records a check, if the last one is too old.
    async fn check(
        &self,
        client: &L1Client,
        version: Address,
        present: Option<Address>,
        now: u64,
        at: BlockId,
    ) -> Result<Option<TxRequest>, L1Error> {
        let Some(age) = self.record_checks.filter(|_| present == Some(version)) else {
            return Ok(None);
        };
        let health = client.view(version, IDisputeGame::healthCall {}, at).await?;
        let is_old = now >= health.soundAt.saturating_add(age.as_secs());
        let data = IDisputeGame::recordCheckCall {}.abi_encode().into();
        Ok(is_old.then(|| TxRequest { to: version, data, ..TxRequest::default() }))
    }

    /// The call that puts the standby in force.
    async fn standby(
        &mut self,
        client: &L1Client,
        present: Address,
        at: BlockId,
    ) -> Result<Option<TxRequest>, L1Error> {
        let call = IDisputeGameFactory::standbyImplementationCall {};
        let standby = client.view(self.factory, call, at).await?;
        let is_new = self.told.insert(standby);
        if standby.is_zero() {
            if is_new {
                error!(target: TARGET, %present, "new games are impossible: the version in force is suspended, and there is no standby");
            }
            return Ok(None);
        }
        if is_new {
            info!(target: TARGET, %present, %standby, "the version in force is suspended; its standby takes over if L1 runs its machine rightly");
        }
        let data = IDisputeGameFactory::activateStandbyCall {}.abi_encode().into();
        Ok(Some(TxRequest { to: self.factory, data, ..TxRequest::default() }))
    }
}

/// Sends calls that are not on their way, and were not refused lately.
fn send(sender: &mut Sender, head: u64, calls: Vec<TxRequest>) {
    let skip = sender.skip(head);
    for request in calls {
        let (game, key) = (request.to, MoveKey::of_call(&request));
        if !skip.has(&key) && sender.places() > 0 {
            sender.send(Next { request, kind: SendKind::Machine, game, key, moves: vec![key] });
        }
    }
}

/// The operation whose known answer L1 does not give; none: it gives all.
async fn failing(client: &L1Client, version: Address, at: BlockId) -> Result<Option<U256>, L1Error> {
    match client.view(version, IDisputeGame::recordCheckCall {}, at).await {
        Ok(_) => Ok(None),
        Err(error) => {
            let failed = error.revert_data().and_then(|data| PrecompileFailed::abi_decode(&data).ok());
            // Operations have their precompiles' numbers. What else goes wrong says nothing of the machine.
            let failed = failed.ok_or(error)?;
            Ok(Some(U256::from_be_slice(failed.precompile.as_slice())))
        }
    }
}
