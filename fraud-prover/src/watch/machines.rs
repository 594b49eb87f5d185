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
use tracing::{error, info, warn};

use super::{
    TARGET,
    plans::{MoveKey, Next, SendKind},
    sender::Sender,
};
use crate::l1::LogReader;

/// How often a machine is looked at, in seconds of L1's time: a view of some million gas.
const INTERVAL: u64 = 60;
/// How often a transaction about a machine is sent again that has had no effect, in seconds of L1's time. An endpoint that lies
/// costs no more than that.
const AGAIN: u64 = 900;
/// Most time that a look takes: answers do not wait for it longer.
const LIMIT: Duration = Duration::from_secs(5);

/// What is known of the versions' machines.
#[derive(Debug)]
pub(super) struct Machines {
    factory: Address,
    record_checks: Option<Duration>,
    /// L1's time of the last look at each version.
    looked: BTreeMap<Address, u64>,
    /// L1's time at which each transaction was last sent.
    sent: BTreeMap<MoveKey, u64>,
    /// Versions whose machine is broken, where that is not on L1 yet.
    broken: BTreeSet<Address>,
    /// The version in force and its standby that were told of last.
    told: Option<(Address, Address)>,
}

impl Machines {
    pub(super) fn new(factory: Address, record_checks: Option<Duration>) -> Self {
        Self {
            factory,
            record_checks,
            looked: BTreeMap::new(),
            sent: BTreeMap::new(),
            broken: BTreeSet::new(),
            told: None,
        }
    }

    /// Looks at the machines of the versions that are played, and sends what is to be done. Trouble with one keeps nobody from
    /// the others.
    pub(super) async fn look(
        &mut self,
        client: &L1Client,
        reader: &LogReader,
        head: &L1Header,
        sender: &mut Option<Sender>,
    ) {
        let (now, at) = (head.timestamp(), BlockId::hash(head.hash));
        let mut suspended = 0;
        for version in reader.played() {
            if reader.games().suspension(version).is_some() {
                suspended += 1;
                self.broken.remove(&version);
                continue;
            }
            let is_new =
                self.looked.get(&version).is_none_or(|looked| now >= looked.saturating_add(INTERVAL));
            if !is_new {
                continue;
            }
            self.looked.insert(version, now);
            let asked = tokio::time::timeout(LIMIT, self.needed(client, version, now, at)).await;
            match asked {
                Ok(Ok(call)) => self.send(sender, head, call),
                Ok(Err(error)) => warn!(target: TARGET, %version, %error, "the machine cannot be checked"),
                Err(_) => warn!(target: TARGET, %version, "the machine cannot be checked: no answer"),
            }
        }
        let present = reader.present().filter(|present| reader.games().suspension(*present).is_some());
        if let Some(present) = present {
            match tokio::time::timeout(LIMIT, self.standby(client, present, at)).await {
                Ok(Ok(call)) => self.send(sender, head, call),
                Ok(Err(error)) => warn!(target: TARGET, %error, "the standby cannot be asked for"),
                Err(_) => warn!(target: TARGET, "the standby cannot be asked for: no answer"),
            }
        }
        metrics::gauge!("recourse_challenger_broken_machines").set((suspended + self.broken.len()) as f64);
    }

    /// The call that a version's machine needs: to be suspended, or checked.
    async fn needed(
        &mut self,
        client: &L1Client,
        version: Address,
        now: u64,
        at: BlockId,
    ) -> Result<Option<TxRequest>, L1Error> {
        let health = client.view(version, IDisputeGame::healthCall {}, at).await?;
        if health.suspendedAt != 0 {
            // The games are about to be read up to there.
            return Ok(None);
        }
        let call = |data: Vec<u8>| Some(TxRequest { to: version, data: data.into(), ..TxRequest::default() });
        if let Some(op) = failing(client, version, at).await? {
            if self.broken.insert(version) {
                error!(target: TARGET, %version, %op, "L1 does not run the MACHINE of this version rightly any more: it is to be suspended");
            }
            return Ok(call(IDisputeGame::suspendCall { op }.abi_encode()));
        }
        self.broken.remove(&version);
        let is_old = |age: Duration| now >= health.soundAt.saturating_add(age.as_secs().max(INTERVAL));
        let check = self.record_checks.is_some_and(is_old);
        Ok(check.then(|| call(IDisputeGame::recordCheckCall {}.abi_encode())).flatten())
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
        let is_new = self.told.replace((present, standby)) != Some((present, standby));
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

    /// Sends a call, unless it is on its way or was sent lately.
    fn send(&mut self, sender: &mut Option<Sender>, head: &L1Header, call: Option<TxRequest>) {
        let (Some(sender), Some(request)) = (sender, call) else { return };
        let (game, key, now) = (request.to, MoveKey::of_call(&request), head.timestamp());
        let is_recent =
            self.sent.get(&key).is_some_and(|sent| now < sent.saturating_add(self.pause(&request)));
        if !is_recent && sender.places() > 0 && !sender.skip(head.number()).has(&key) {
            self.sent.insert(key, now);
            sender.send(Next { request, kind: SendKind::Machine, game, key, moves: vec![key] });
        }
    }

    /// How long a call is not repeated, in seconds.
    fn pause(&self, request: &TxRequest) -> u64 {
        let is_check = request.data.starts_with(&IDisputeGame::recordCheckCall::SELECTOR);
        match self.record_checks {
            Some(age) if is_check => age.as_secs().clamp(INTERVAL, AGAIN),
            _ => AGAIN,
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
