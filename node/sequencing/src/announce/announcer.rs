//! Keeping the blocks of a sequencer as they are built.

use std::{
    io,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use rollup::{
    chain::{BuiltBlock, Chain, FeedBlock, KeepError, Keeper},
    signer::Signer,
};

use super::{AnnounceError, AnnounceLog, Announced};
use crate::feed::{self, Meaning};

/// Time between the first two requests to a signer that does not sign; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest time between two of them.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// Signs the blocks of a sequencer, and keeps them in the log, on a thread of its own, beside the database's work.
#[derive(Debug)]
pub struct Announcer {
    log: AnnounceLog,
    key: Option<Signer>,
    jobs: Sender<Job>,
    kept: Receiver<Result<(), AnnounceError>>,
    /// A block is on its way.
    is_busy: bool,
    is_fresh: bool,
    /// The signer does not sign: until when it is left alone, and for how long.
    rest: Option<(Instant, Duration)>,
}

#[derive(Debug)]
struct Job {
    block: FeedBlock,
    about: Announced,
    start: Instant,
}

impl Announcer {
    /// Begins to keep blocks in `log`; with a signer, to sign them, too. `is_fresh` says that its key has never signed a block,
    /// but for those in the log.
    pub fn start(log: AnnounceLog, key: Option<Signer>, is_fresh: bool) -> io::Result<Self> {
        if let Some(key) = &key {
            key.health().show();
        }
        let (jobs, todo) = mpsc::channel::<Job>();
        let (done, kept) = mpsc::channel();
        let (writing, signing) = (log.clone(), key.clone());
        thread::Builder::new().name("announce".into()).spawn(move || {
            for job in todo {
                if done.send(keep(&writing, signing.as_ref(), &job)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { log, key, jobs, kept, is_busy: false, is_fresh, rest: None })
    }

    /// The log.
    pub const fn log(&self) -> &AnnounceLog {
        &self.log
    }

    /// Until when no block is to be built, as the signer does not sign: one that is not signed is not announced, and a block
    /// that is not announced is none. `None`: it may sign. What is waited for here holds up nobody but the sequencer.
    pub fn rests_until(&mut self, now: Instant) -> Option<Instant> {
        let (until, _) = self.rest?;
        if until > now {
            return Some(until);
        }
        match self.key.as_ref().map_or(Ok(()), Signer::check_now) {
            // The next block shows whether it signs.
            Ok(()) => None,
            Err(_) => Some(self.rest_on()),
        }
    }

    /// The end of the pause, after a failure of the signer.
    pub fn rest(&self) -> Option<Instant> {
        self.rest.map(|(until, _)| until)
    }

    /// Leaves the signer alone for longer than before.
    fn rest_on(&mut self) -> Instant {
        let pause = self.rest.map_or(FIRST_PAUSE, |(_, pause)| pause.saturating_mul(2).min(MAX_PAUSE));
        let until = Instant::now() + pause;
        self.rest = Some((until, pause));
        until
    }

    /// Takes note of whether the signer signs.
    fn note(&mut self, result: &Result<(), AnnounceError>) {
        match result {
            Ok(()) => self.rest = None,
            Err(AnnounceError::Signer(_)) => {
                self.rest_on();
            }
            Err(_) => {}
        }
    }

    /// Finds out what may be signed, once the chain has all of L1 and all that was announced. Where the log can't say what was
    /// signed before, nothing is up to `burst` blocks above the safe one: there can't have been more. Blocks that are not on
    /// L1 yet, and that another key signed or none, are signed anew if this one may.
    pub fn begin(&mut self, chain: &Chain, burst: u64) -> Result<(), AnnounceError> {
        let begun = self.find_out(chain, burst);
        self.note(&begun);
        begun
    }

    fn find_out(&self, chain: &Chain, burst: u64) -> Result<(), AnnounceError> {
        let heads = chain.heads();
        let (safe, newest) = (heads.safe, heads.unsafe_head);
        let is_new_rollup = newest.number == 0 && self.log.newest().is_none();
        let lacks_head =
            newest.number > safe.number && self.log.message(newest.number, newest.hash)?.is_none();
        let reason = match () {
            () if is_new_rollup => None,
            () if self.log.was_new() => Some("there was no log of announced blocks"),
            () if self.log.was_cut() => Some("the log may lack what was announced before the machine ended"),
            () if lacks_head => Some("the log lacks blocks that the database has"),
            () => None,
        };
        if let Some(reason) = reason {
            let up_to = safe.number.saturating_add(burst);
            self.log.lose(up_to)?;
            tracing::warn!(
                target: "node::announce", reason, up_to,
                "no block is signed up to this one: nodes get them from L1 only"
            );
        }
        self.log.confirm()?;
        let Some(key) = &self.key else { return Ok(()) };
        if self.is_fresh {
            self.log.declare_fresh(key.address())?;
        }
        for block in self.log.above(safe.number) {
            let signed = self.log.signed_up_to(key.address());
            if block.signer == Some(key.address()) || block.number <= signed.number {
                continue;
            }
            let payload = self.log.feed_block(&block)?;
            let chain_id = self.log.identity().chain_id;
            let message = feed::sign(Meaning::Confirmed, chain_id, key, &payload)?
                .ok_or(AnnounceError::TooLarge(block.number))?;
            self.log.append(&Announced { signer: Some(key.address()), ..block }, &message)?;
        }
        Ok(())
    }

    /// Waits until nothing is on its way. What was may be in the log without being in the chain.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.is_busy) {
            // Whoever asked for it has another error already.
            let _ = self.kept.recv();
        }
    }
}

fn keep(log: &AnnounceLog, key: Option<&Signer>, job: &Job) -> Result<(), AnnounceError> {
    let too_large = || AnnounceError::TooLarge(job.about.number);
    let chain_id = log.identity().chain_id;
    let message = match (key, job.about.signer) {
        (Some(key), signer) => {
            let meaning = signer.map_or(Meaning::Unconfirmed, |_| Meaning::Confirmed);
            feed::sign(meaning, chain_id, key, &job.block)?.ok_or_else(too_large)?
        }
        (None, _) => feed::unsigned(&job.block).ok_or_else(too_large)?,
    };
    log.append(&job.about, &message)?;
    metrics::histogram!("recourse_announce_seconds").record(job.start.elapsed().as_secs_f64());
    if job.about.signer.is_none() && key.is_some() {
        metrics::counter!("recourse_announce_unsigned_total").increment(1);
    }
    Ok(())
}

impl Keeper for Announcer {
    fn begin(&mut self, built: &BuiltBlock<'_>) -> Result<(), KeepError> {
        self.settle();
        let start = Instant::now();
        let signer = match &self.key {
            Some(key) => {
                let signer = key.address();
                self.log.may_sign(signer, built)?.then_some(signer)
            }
            None => None,
        };
        let about = Announced {
            number: built.block.number,
            hash: built.block.hash,
            parent: built.parent,
            messages: built.messages,
            message_acc: built.message_acc,
            signer,
        };
        self.jobs.send(Job { block: built.block.clone(), about, start }).map_err(|_| AnnounceError::Ended)?;
        self.is_busy = true;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), KeepError> {
        self.is_busy = false;
        let kept = self.kept.recv().map_err(|_| AnnounceError::Ended)?;
        self.note(&kept);
        Ok(kept?)
    }
}
