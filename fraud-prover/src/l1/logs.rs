//! Reading events, through reorgs.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use bindings::{
    IDisputeGame::{Attacked, CreditClaimed, Decided, Reclaimed, Settled, Stepped, Suspended},
    IDisputeGameFactory::{self, Proposed},
};
use rollup::{
    config::Contracts,
    l1::{L1Client, L1Error, L1Header, RequestSize},
};
use tracing::{info, warn};

use super::{
    Games,
    audit::{AuditError, audit},
    events::{Logged, decode, invalid_response},
    governance::{self, ScheduledVersion, signatures},
    parameters::read_parameters,
};
use crate::game::RunRules;

const TARGET: &str = "challenger::l1";
/// Most blocks in one request for logs; fewer where the endpoint fails on so many.
const RANGE: u64 = 2_000;
/// Most addresses in one request.
const ADDRESSES: usize = 200;
/// Heads that are remembered, to find where a reorg begins. One that is older costs reading from the start again.
const TIPS: usize = 512;
/// An endpoint whose logs and contracts disagree is read again from the start so often, and then once in as many looks as
/// the second number says: what disagrees for good must not keep anybody from playing all other games.
const REREADS: (u32, u32) = (3, 64);

/// Follows the events of one rollup's games.
#[derive(Debug)]
pub struct LogReader {
    client: L1Client,
    contracts: Contracts,
    start: u64,
    /// Blocks in one request for logs.
    range: RequestSize,
    /// Blocks up to which all is read, ascending; the last is where reading stands.
    tips: VecDeque<(u64, B256)>,
    games: Arc<Games>,
    /// The version of new games, once read.
    present: Option<Address>,
    /// Who changes it; zero: nobody.
    governor: Address,
    /// Head at which logs and contracts were compared.
    checked: Option<B256>,
    /// How often they have disagreed since they last agreed.
    disagreed: u32,
}

impl LogReader {
    /// A reader of the games of these contracts, from L1 block `start` on.
    pub fn new(client: L1Client, contracts: Contracts, start: u64) -> Self {
        let (range, tips, games) = (RequestSize::new(RANGE), VecDeque::new(), Arc::default());
        Self {
            client,
            contracts,
            start,
            range,
            tips,
            games,
            present: None,
            governor: Address::ZERO,
            checked: None,
            disagreed: 0,
        }
    }

    /// What was read. Cheap to clone.
    pub const fn games(&self) -> &Arc<Games> {
        &self.games
    }

    /// The version that new games have, as of the last [`sync`](Self::sync).
    pub const fn present(&self) -> Option<Address> {
        self.present
    }

    /// Who looks at them keeps what was: of the games themselves, only those are copied that something happens to.
    fn games_mut(&mut self) -> &mut Games {
        Arc::make_mut(&mut self.games)
    }

    /// Reads up to L1's head, which it returns. An error leaves what was read before; call again.
    pub async fn sync(&mut self) -> Result<L1Header, L1Error> {
        let head = self.client.head().await?;
        if self.present.is_none() || self.tips.back() != Some(&(head.number(), head.hash)) {
            self.read_present_version().await?;
        }
        let mut from = self.common(&head).await?;
        while from <= head.number() {
            let to = head.number().min(from.saturating_add(self.range.get() - 1));
            let last = if to == head.number() {
                head.clone()
            } else {
                let header = self.client.header(BlockNumberOrTag::Number(to)).await?;
                header.ok_or_else(|| L1Error::InvalidResponse(format!("no block {to} below its head")))?
            };
            let asked = to - from + 1;
            if let Err(error) = self.read(from, to).await {
                self.games_mut().truncate(from);
                self.client.may_ask_less(asked, error).await?;
                self.range.failed(asked);
                continue;
            }
            self.range.succeeded(asked);
            // The range must still end in the same block: otherwise its logs may be of several L1s.
            let again = self.client.header(BlockNumberOrTag::Number(to)).await;
            if !matches!(&again, Ok(Some(again)) if again.hash == last.hash) {
                self.games_mut().truncate(from);
                return Err(again
                    .err()
                    .unwrap_or_else(|| L1Error::InvalidResponse("L1 was reorganised".into())));
            }
            self.tips.push_back((to, last.hash));
            if self.tips.len() > TIPS {
                self.tips.pop_front();
            }
            from = to + 1;
        }
        self.check(&head).await?;
        Ok(head)
    }

    /// Compares what was read with the contracts. If they disagree, the endpoint left out logs, and all is read again.
    async fn check(&mut self, head: &L1Header) -> Result<(), L1Error> {
        if self.checked == Some(head.hash) {
            return Ok(());
        }
        let compared = match self.check_count(head).await {
            Ok(()) => {
                let played = self.played();
                audit(&self.client, self.contracts.multicall3, (&self.games, &played), head.hash).await
            }
            failed => failed,
        };
        match compared {
            Ok(()) => self.disagreed = 0,
            Err(error @ AuditError::Disagree(_)) => {
                self.disagreed = self.disagreed.saturating_add(1);
                if self.disagreed <= REREADS.0 || self.disagreed.is_multiple_of(REREADS.1) {
                    self.tips.clear();
                    self.forget();
                    return Err(L1Error::InvalidResponse(error.to_string()));
                }
                warn!(target: TARGET, %error, "playing on with what was read");
            }
            // It says nothing of what was read.
            Err(AuditError::Endpoint(error)) => return Err(error),
        }
        self.checked = Some(head.hash);
        Ok(())
    }

    /// The factory counts its games.
    async fn check_count(&self, head: &L1Header) -> Result<(), AuditError> {
        let call = IDisputeGameFactory::gameCountCall {};
        let at = BlockId::hash(head.hash);
        let count: u64 =
            self.client.view(self.contracts.dispute_game_factory, call, at).await?.saturating_to();
        let read = self.games.addresses().count() as u64;
        if read != count {
            return Err(AuditError::Disagree(format!("it has {count} games, but logs of {read}")));
        }
        Ok(())
    }

    /// Goes back to the newest block read that is still L1's; returns the first to read.
    async fn common(&mut self, head: &L1Header) -> Result<u64, L1Error> {
        let mut gone = false;
        while let Some((number, hash)) = self.tips.back().copied() {
            if number <= head.number() {
                let stands = number == head.number() && hash == head.hash;
                let header = match stands {
                    true => None,
                    false => self.client.header(BlockNumberOrTag::Number(number)).await?,
                };
                if stands || header.is_some_and(|header| header.hash == hash) {
                    if gone {
                        self.games_mut().truncate(number + 1);
                    }
                    return Ok(number + 1);
                }
            }
            if !gone {
                info!(target: TARGET, block = number, "an L1 reorg; reading events again");
                metrics::counter!("recourse_challenger_l1_reorgs_total").increment(1);
            }
            gone = true;
            self.tips.pop_back();
        }
        self.forget();
        Ok(self.start)
    }

    /// Reads a range of blocks.
    async fn read(&mut self, from: u64, to: u64) -> Result<(), L1Error> {
        let filter = Filter::new().from_block(from).to_block(to);
        let proposals = filter
            .clone()
            .address(self.contracts.dispute_game_factory)
            .event_signature(Proposed::SIGNATURE_HASH);
        let mut times = BTreeMap::new();
        for log in self.logs(proposals).await? {
            let event = Proposed::decode_log(&log.inner).map_err(invalid_response)?.data;
            let place = self.place(&log, &mut times).await?;
            self.know(event.implementation).await?;
            self.games_mut().propose(place.with(event));
        }
        let signatures = vec![
            Attacked::SIGNATURE_HASH,
            Stepped::SIGNATURE_HASH,
            Decided::SIGNATURE_HASH,
            Settled::SIGNATURE_HASH,
            Reclaimed::SIGNATURE_HASH,
            CreditClaimed::SIGNATURE_HASH,
        ];
        let addresses: Vec<Address> = self.games.addresses().collect();
        for addresses in addresses.chunks(ADDRESSES) {
            let moves = filter.clone().address(addresses.to_vec()).event_signature(signatures.clone());
            for log in self.logs(moves).await? {
                let place = self.place(&log, &mut times).await?;
                let event = decode(&log.inner)?;
                self.games_mut().add(log.address(), place.with(event));
            }
        }
        self.read_suspensions(&filter, &mut times).await?;
        self.read_governance(filter, &mut times).await
    }

    /// Reads which versions are suspended, of those that are played: one that is only scheduled may be anything, and must not
    /// be listened to.
    async fn read_suspensions(
        &mut self,
        filter: &Filter,
        times: &mut BTreeMap<u64, u64>,
    ) -> Result<(), L1Error> {
        let versions: Vec<Address> = self.played().into_iter().collect();
        let filter = filter.clone().address(versions).event_signature(Suspended::SIGNATURE_HASH);
        for log in self.logs(filter).await? {
            let place = self.place(&log, times).await?;
            // What is no such event is nothing.
            if let Ok(event) = Suspended::decode_log(&log.inner) {
                self.games_mut().suspend(log.address(), place.with(event.data));
            }
        }
        Ok(())
    }

    /// The versions that games have or get: all have waited in the timelock.
    pub fn played(&self) -> BTreeSet<Address> {
        self.games.iter().map(|entry| entry.version()).chain(self.present).collect()
    }

    /// Reads what is scheduled.
    async fn read_governance(
        &mut self,
        filter: Filter,
        times: &mut BTreeMap<u64, u64>,
    ) -> Result<(), L1Error> {
        if self.governor.is_zero() {
            return Ok(());
        }
        let factory = self.contracts.dispute_game_factory;
        for log in self.logs(filter.address(self.governor).event_signature(signatures())).await? {
            let place = self.place(&log, times).await?;
            if let Some(event) = governance::decode(&log.inner, factory, place.timestamp)? {
                self.games_mut().govern(place.with(event));
            }
        }
        Ok(())
    }

    /// Reads which version new games have, and its constants.
    async fn read_present_version(&mut self) -> Result<(), L1Error> {
        let (factory, latest) = (self.contracts.dispute_game_factory, BlockId::latest());
        let (version, governor) = tokio::try_join!(
            self.client.view(factory, IDisputeGameFactory::gameImplementationCall {}, latest),
            self.client.view(factory, IDisputeGameFactory::governorCall {}, latest),
        )?;
        self.know(version).await?;
        self.governor = governor;
        self.present = Some(version);
        Ok(())
    }

    /// The versions that are scheduled, with how they prove blocks.
    pub async fn scheduled(&mut self) -> Result<Vec<(ScheduledVersion, RunRules)>, L1Error> {
        let mut scheduled = Vec::new();
        for change in self.games.scheduled() {
            // What is no version of the game is refused by the factory in the end.
            match self.know(change.version).await {
                Ok(()) => {}
                Err(error) if error.is_failed_call() => continue,
                Err(error) => return Err(error),
            }
            let rules = self.games.version(change.version).map(|parameters| parameters.rules);
            scheduled.extend(rules.map(|rules| (change, rules)));
        }
        Ok(scheduled)
    }

    /// Reads the constants of a version, once.
    async fn know(&mut self, version: Address) -> Result<(), L1Error> {
        if self.games.version(version).is_none() {
            let parameters = read_parameters(&self.client, version).await?;
            self.games_mut().add_version(version, parameters);
        }
        Ok(())
    }

    /// Forgets everything.
    fn forget(&mut self) {
        let start = self.start;
        self.games_mut().truncate(start);
    }

    async fn logs(&self, filter: Filter) -> Result<Vec<Log>, L1Error> {
        let mut logs = self.client.logs(&[filter]).await?.pop().unwrap_or_default();
        logs.retain(|log| !log.removed);
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    async fn place(&self, log: &Log, times: &mut BTreeMap<u64, u64>) -> Result<Logged<()>, L1Error> {
        let (Some(block), Some(transaction)) = (log.block_number, log.transaction_hash) else {
            return Err(L1Error::InvalidResponse("a log that is in no block".into()));
        };
        let timestamp = match (log.block_timestamp, times.get(&block)) {
            (Some(timestamp), _) | (None, Some(&timestamp)) => timestamp,
            (None, None) => {
                let header = self.client.header(BlockNumberOrTag::Number(block)).await?;
                let header =
                    header.ok_or_else(|| L1Error::InvalidResponse(format!("no block {block} of a log")))?;
                header.timestamp()
            }
        };
        times.insert(block, timestamp);
        Ok(Logged { block, timestamp, transaction, event: () })
    }
}
