//! Which endpoints have a say in a step: what is derived must be what two of them say, where two are well.
//!
//! They are asked for their heads first. What is read goes up to where two have come, so none is asked for what it does not
//! know yet. Where two differ, one that contradicts itself is left out, and of three or more the odd one, if that lasts.
//! Where neither can be shown to be wrong, nothing is derived, and that is said.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

use alloy::{eips::BlockNumberOrTag, primitives::B256, rpc::types::Log};
use futures::future::join_all;

use super::{FollowError, Follower, recover::InboxVerdict};
use crate::l1::{
    L1Client, L1Error, L1Header,
    records::{InboxPosition, entries, follow},
    standing::LeftOut,
};

/// How many must say the same.
const VOICES: usize = 2;
/// Failures of an endpoint since the last step that went well, after which it is left out.
const FAILURES: u32 = 3;
/// How long most endpoints must name another block than one of them does before that is left out: they see a reorg one
/// after the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// How two endpoints differ. Each is named with what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Difference {
    /// They are on different forks, or one is wrong.
    #[error("of block {number}, {first} says hash {expected}, {second} says {found}")]
    Hash { number: u64, first: String, expected: B256, second: String, found: B256 },
    /// They have the same hash with different contents.
    #[error("of block {number} with hash {hash}, {first} and {second} say different headers")]
    Header { number: u64, hash: B256, first: String, second: String },
    /// They do not have the same logs of the inbox.
    #[error("of blocks {from} to {to}, {first} has {expected} logs of the inbox and {second} {found}, {}", if expected == found { "not the same ones" } else { "as many differ" })]
    Logs { from: u64, to: u64, first: String, expected: usize, second: String, found: usize },
}

/// Since when most endpoints contradict one, about a block.
#[derive(Clone, Copy, Debug)]
struct Outvoted {
    endpoint: usize,
    since: Instant,
}

/// Who has a say, and what speaks against whom. Endpoints are counted in the order of preference.
#[derive(Debug)]
pub(super) struct Voices {
    /// How many endpoints there must be.
    least: usize,
    /// How old a head may be before its endpoint lags.
    lag: Duration,
    /// Those of this step.
    heard: Vec<usize>,
    outvoted: Option<Outvoted>,
    /// Failures since the last step that went well.
    failures: Vec<u32>,
}

impl Voices {
    pub(super) fn new(endpoints: usize, least: usize, lag: Duration) -> Self {
        Self { least, lag, heard: vec![0], outvoted: None, failures: vec![0; endpoints] }
    }

    /// What was read was read by all.
    pub(super) fn well(&mut self) {
        self.failures.fill(0);
    }
}

impl Follower {
    /// Asks the endpoints that are used for their heads, and chooses who has a say. Returns the head as far as all of those
    /// know L1.
    pub(super) async fn gather(&mut self) -> Result<L1Header, FollowError> {
        let all = self.client.endpoints();
        let used: Vec<usize> = (0..all.len()).filter(|place| all[*place].is_used()).collect();
        // Where all are left out, any that answers is better than none.
        let is_last_resort = used.is_empty();
        let asked: Vec<usize> = if is_last_resort { (0..all.len()).collect() } else { used };
        let answers = join_all(asked.iter().map(|place| all[*place].head())).await;
        let (mut heads, mut failure) = (Vec::new(), None);
        for (place, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(head) => heads.push((place, head)),
                Err(error) => {
                    self.blame(place, &error);
                    // A single failure must not do away with the other's word.
                    if is_last_resort || self.endpoint(place).is_used() {
                        failure = failure.or(Some(error));
                    }
                }
            }
        }
        let newest = heads.iter().map(|(_, head)| head).max_by_key(|head| head.number()).cloned();
        let newest = match (newest, failure) {
            (Some(newest), None) => newest,
            (Some(newest), Some(_)) if is_last_resort => newest,
            (_, failure) => {
                let silence = || L1Error::Unreachable("every L1 endpoint is left out".into());
                return Err(failure.unwrap_or_else(silence).into());
            }
        };
        heads.retain(|(place, head)| !self.lags(*place, head, &newest));
        if heads.len() < self.voices.least {
            let (expected, found) = (self.voices.least, heads.len());
            return Err(FollowError::TooFew { expected, found });
        }
        let mut heights: Vec<u64> = heads.iter().map(|(_, head)| head.number()).collect();
        heights.sort_unstable_by(|one, other| other.cmp(one));
        let height = heights[(heights.len() - 1).min(VOICES - 1)];
        heads.retain(|(_, head)| head.number() >= height);
        // Whom most contradict is heard last.
        if let Some(outvoted) = self.voices.outvoted {
            heads.sort_by_key(|(place, _)| *place == outvoted.endpoint);
        }
        metrics::gauge!("recourse_l1_endpoints_heard").set(heads.len() as f64);
        self.voices.heard = heads.iter().map(|(place, _)| *place).collect();
        match <[_; 1]>::try_from(heads) {
            Ok([(_, head)]) => Ok(head),
            Err(_) => self.header(height).await,
        }
    }

    /// After a failure: are the endpoints still those of the rollup's chain?
    pub(super) async fn check_chain(&self) -> Result<(), FollowError> {
        let expected = self.client.chain_id();
        let all = self.client.endpoints();
        let used: Vec<&L1Client> = all.iter().filter(|endpoint| endpoint.is_used()).collect();
        let answers = join_all(used.iter().map(|endpoint| endpoint.current_chain_id())).await;
        for (endpoint, answer) in used.iter().zip(answers) {
            match answer {
                Ok(found) if found != expected && all.len() == 1 => {
                    return Err(FollowError::WrongChain { expected, found });
                }
                Ok(found) if found != expected => {
                    let text = format!("it serves chain {found}, expected {expected}");
                    endpoint.leave_out(LeftOut::OtherChain, &text);
                }
                Err(error) if all.len() == 1 => return Err(error.into()),
                // What it fails in shows when it is asked.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether an endpoint has fallen behind: others have a newer head, and its own is old. A new head that nobody else has
    /// yet is no reason to go without the others.
    fn lags(&self, place: usize, head: &L1Header, newest: &L1Header) -> bool {
        let (behind, age, most) =
            (newest.number().saturating_sub(head.number()), head.age(), self.voices.lag);
        let lags = behind > 0 && age > most && newest.age() <= most;
        if lags {
            let (number, age) = (head.number(), age.as_secs());
            let newest = newest.number();
            let text = format!("its head is block {number}, {age} s old, and another has block {newest}");
            self.endpoint(place).leave_out(LeftOut::Lagging, &text);
        }
        lags
    }

    fn endpoint(&self, place: usize) -> &L1Client {
        let all = self.client.endpoints();
        all.get(place).unwrap_or(&self.client)
    }

    /// The endpoints whose word counts in this step: one, or two.
    pub(super) fn pair(&self) -> Vec<L1Client> {
        let heard = self.voices.heard.iter().take(VOICES);
        heard.map(|place| self.endpoint(*place).clone()).collect()
    }

    /// An endpoint has failed in what following needs. It may be well in all else, so that nobody else notices.
    fn blame(&mut self, place: usize, error: &L1Error) {
        let Some(failures) = self.voices.failures.get_mut(place) else { return };
        *failures += 1;
        if *failures >= FAILURES {
            *failures = 0;
            if self.endpoint(place).is_used() {
                self.endpoint(place).leave_out(LeftOut::Failing, error);
            }
        }
    }

    /// One of the pair has shown to be wrong.
    pub(super) fn accuse(&self, one: usize, what: &dyn std::fmt::Display) {
        if let Some(place) = self.voices.heard.get(one) {
            self.endpoint(*place).leave_out(LeftOut::Wrong, what);
        }
    }

    /// What each of the pair answers.
    pub(super) async fn ask<T, F>(&mut self, ask: impl Fn(L1Client) -> F) -> Result<Vec<T>, FollowError>
    where
        F: Future<Output = Result<T, L1Error>>,
    {
        let answers = join_all(self.pair().into_iter().map(ask)).await;
        let mut found = Vec::with_capacity(answers.len());
        for (one, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(answer) => found.push(answer),
                Err(error) => {
                    let place = self.voices.heard.get(one).copied().unwrap_or_default();
                    self.blame(place, &error);
                    return Err(error.into());
                }
            }
        }
        Ok(found)
    }

    /// Blocks by number, as all that have a say know them.
    pub(super) async fn headers(&mut self, numbers: &[u64]) -> Result<Vec<L1Header>, FollowError> {
        let answers = self.ask(|endpoint| async move { headers_of(&endpoint, numbers).await }).await?;
        let mut answers = answers.into_iter();
        let headers = answers.next().unwrap_or_default();
        for other in answers {
            let differs = headers.iter().zip(&other).find(|(one, other)| one != other);
            if let Some((one, other)) = differs {
                return Err(self.settle_headers(one, other).await);
            }
        }
        Ok(headers)
    }

    pub(super) async fn header(&mut self, number: u64) -> Result<L1Header, FollowError> {
        let mut headers = self.headers(&[number]).await?;
        let missing = || L1Error::InvalidResponse(format!("no answer about block {number}"));
        Ok(headers.pop().ok_or_else(missing)?)
    }

    /// The pair differs about a block: asks whoever else there is.
    async fn settle_headers(&mut self, one: &L1Header, other: &L1Header) -> FollowError {
        let [first, second] = self.names();
        let number = one.number();
        let difference = match one.hash == other.hash {
            true => Difference::Header { number, hash: one.hash, first, second },
            false => Difference::Hash { number, first, expected: one.hash, second, found: other.hash },
        };
        let numbers = [number];
        let others = self.voices.heard.iter().skip(VOICES);
        let others = others.map(|place| headers_of(self.endpoint(*place), &numbers));
        let others = join_all(others).await.into_iter().flatten().flatten();
        let (mut for_one, mut for_other) = (0, 0);
        for header in others {
            for_one += usize::from(header == *one);
            for_other += usize::from(header == *other);
        }
        let odd = match for_one.cmp(&for_other) {
            Ordering::Less => 0,
            Ordering::Equal => return difference.into(),
            Ordering::Greater => 1,
        };
        let endpoint = self.voices.heard.get(odd).copied().unwrap_or_default();
        let before = self.voices.outvoted.filter(|outvoted| outvoted.endpoint == endpoint);
        let outvoted = before.unwrap_or(Outvoted { endpoint, since: Instant::now() });
        self.voices.outvoted = Some(outvoted);
        difference.into()
    }

    /// Looks again at an endpoint that most contradict: by now it may have seen the same reorg; if it has not, it is wrong.
    pub(super) async fn look_at_outvoted(&mut self, header: &L1Header) {
        let Some(Outvoted { endpoint, since }) = self.voices.outvoted else { return };
        let found = match self.endpoint(endpoint).header(header.number().into()).await {
            Ok(found) => found,
            Err(_) => return,
        };
        let (number, expected) = (header.number(), header.hash);
        match found.map(|found| found.hash) {
            Some(found) if found != expected && since.elapsed() >= PATIENCE => {
                let text = format!("of block {number}, most others say hash {expected}, it says {found}");
                self.endpoint(endpoint).leave_out(LeftOut::Wrong, &text);
                self.voices.outvoted = None;
            }
            Some(found) if found == expected => self.voices.outvoted = None,
            _ => {}
        }
    }

    fn names(&self) -> [String; 2] {
        let pair = self.pair();
        [0, 1].map(|one| pair.get(one).map_or(String::new(), |endpoint| endpoint.name().to_owned()))
    }

    /// The logs of these blocks, if all that have a say have answered the same.
    pub(super) async fn agreed(
        &mut self,
        position: &InboxPosition,
        headers: &[L1Header],
        mut answers: Vec<Vec<Log>>,
    ) -> Result<Vec<Log>, FollowError> {
        let [one, other] = &answers[..] else {
            return Ok(answers.pop().unwrap_or_default());
        };
        if are_same(one, other) {
            return Ok(answers.pop().unwrap_or_default());
        }
        let [first, second] = self.names();
        let [from, to] = [headers.first(), headers.last()].map(|header| header.map_or(0, L1Header::number));
        let (expected, found) = (one.len(), other.len());
        let difference = Difference::Logs { from, to, first, expected, second, found };
        let last = headers.last().map(|header| header.hash).unwrap_or_default();
        let mut fit = Vec::new();
        for (endpoint, logs) in self.pair().iter().zip(&answers) {
            fit.push(self.fits(endpoint, *position, logs, last).await?);
        }
        match fit[..] {
            // Only where one fits what its own inbox holds is the other shown to be wrong.
            [Some(true), Some(false)] => self.accuse(1, &format!("its own inbox denies it: {difference}")),
            [Some(false), Some(true)] => self.accuse(0, &format!("its own inbox denies it: {difference}")),
            _ => {}
        }
        Err(difference.into())
    }

    /// Whether logs lead to what the same endpoint says that the inbox holds. `None`: it does not say.
    async fn fits(
        &self,
        endpoint: &L1Client,
        mut position: InboxPosition,
        logs: &[Log],
        block: B256,
    ) -> Result<Option<bool>, FollowError> {
        let contracts = self.chain.config().contracts;
        let news = match entries(logs, contracts.inbox, contracts.portal) {
            Ok(mut entries) => self.leave_out_known(&mut entries).map(|()| entries),
            Err(error) => Err(error.into()),
        };
        let led = news.and_then(|entries| Ok(follow(&mut position, &entries)?));
        match led {
            Ok(()) => {
                let verdict = self.inbox_at(endpoint, &position, block).await.ok();
                Ok(verdict.map(|verdict| verdict == InboxVerdict::Complete))
            }
            Err(FollowError::Mismatch(_)) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// The newest L1 block that all who have a say, and know of finality, call final.
    pub(super) async fn final_header(&self) -> Option<L1Header> {
        let pair = self.pair();
        let answers =
            join_all(pair.iter().map(|endpoint| endpoint.header(BlockNumberOrTag::Finalized))).await;
        // An endpoint that does not know the tag says so with an error: then it has no say.
        answers.into_iter().filter_map(Result::ok).flatten().min_by_key(L1Header::number)
    }
}

/// Blocks by number, as one endpoint knows them.
async fn headers_of(endpoint: &L1Client, numbers: &[u64]) -> Result<Vec<L1Header>, L1Error> {
    let headers = endpoint.headers(numbers).await?;
    let missing =
        |number| L1Error::InvalidResponse(format!("block {number} is below the head but not there"));
    let mut found = Vec::with_capacity(numbers.len());
    for (number, header) in numbers.iter().zip(headers) {
        let header = header.filter(|header| header.number() == *number);
        found.push(header.ok_or_else(|| missing(*number))?);
    }
    Ok(found)
}

/// Whether two answers have the same logs. What some endpoints say besides does not matter.
fn are_same(one: &[Log], other: &[Log]) -> bool {
    let same = |one: &Log, other: &Log| {
        (one.block_number, one.block_hash, one.log_index)
            == (other.block_number, other.block_hash, other.log_index)
            && (one.transaction_hash, one.removed, &one.inner)
                == (other.transaction_hash, other.removed, &other.inner)
    };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}
