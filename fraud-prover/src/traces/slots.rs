//! What is asked of the VM, what is known, and what comes next. No I/O, and no time but what is given.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{id::TraceId, record::TraceRecord, trace::Tracer};
use crate::truth::{Unknown, Urgency};

/// Memory of VMs that wait, with what they have read and snapshots of what they have written, in bytes. Beside it there is
/// the one that runs. A VM that is dropped costs a run up to where it is asked for next; what it has found stays.
pub(super) const IDLE_MEMORY: usize = 1 << 30;
/// Runs whose findings are in memory, some 10 KiB each; others are read from disk again.
const MOST_SLOTS: usize = 1_024;
/// A failure is reported for so long, then tried again.
const RETRY: Duration = Duration::from_secs(15);

/// What can be asked of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Run,
    States(Vec<u64>),
    Proof(u64),
}

impl Wanted {
    pub(super) fn is_in(&self, record: &TraceRecord) -> bool {
        match self {
            Self::Run => true,
            Self::States(steps) => record.known(steps).is_some(),
            Self::Proof(step) => record.proof(*step).is_some(),
        }
    }
}

/// Something to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) trace: TraceId,
    pub(super) wanted: Wanted,
}

/// A run.
pub(super) struct TraceSlot {
    used: Instant,
    urgency: Urgency,
    /// What is still to be computed, with numbers in the order of asking.
    asked: Vec<(u64, Wanted)>,
    record: Option<TraceRecord>,
    tracer: Option<(Tracer, usize)>,
    failed: Option<(Instant, String)>,
}

/// All runs that were asked for.
#[derive(Default)]
pub(super) struct TraceSlots {
    slots: BTreeMap<TraceId, TraceSlot>,
    asked: u64,
    pub(super) is_stopped: bool,
}

impl TraceSlots {
    /// What `answer` takes from what is known of a run. What is not known is computed later. `stands`: a failure of this run
    /// is not tried again.
    pub(super) fn ask<T>(
        &mut self,
        trace: TraceId,
        wanted: &Wanted,
        now: Instant,
        stands: bool,
        answer: impl FnOnce(&TraceRecord) -> Option<T>,
    ) -> Result<T, Unknown> {
        self.bound_count(&trace);
        let slot = self.slots.entry(trace).or_insert_with(|| TraceSlot {
            used: now,
            urgency: Urgency::NONE,
            asked: Vec::new(),
            record: None,
            tracer: None,
            failed: None,
        });
        slot.used = now;
        if let Some(answer) = slot.record.as_ref().and_then(answer) {
            return Ok(answer);
        }
        if let Some((at, reason)) = &slot.failed {
            if stands || now.saturating_duration_since(*at) < RETRY {
                return Err(Unknown::Failed(reason.clone()));
            }
            slot.failed = None;
        }
        if !slot.asked.iter().any(|(_, asked)| asked == wanted) {
            self.asked += 1;
            slot.asked.push((self.asked, wanted.clone()));
        }
        Err(Unknown::Pending)
    }

    /// What `answer` takes from what is known of a run. Nothing is computed for it.
    pub(super) fn known<T>(
        &self,
        trace: &TraceId,
        answer: impl FnOnce(&TraceRecord) -> Option<T>,
    ) -> Result<T, Unknown> {
        let slot = self.slots.get(trace).ok_or(Unknown::Pending)?;
        match (slot.record.as_ref().and_then(answer), &slot.failed) {
            (Some(answer), _) => Ok(answer),
            (None, Some((_, reason))) => Err(Unknown::Failed(reason.clone())),
            (None, None) => Err(Unknown::Pending),
        }
    }

    /// Whether nothing is asked that is not answered.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.values().all(|slot| slot.asked.is_empty())
    }

    /// Says how urgent an answer is that waits for a run.
    pub(super) fn hurry(&mut self, trace: &TraceId, urgency: Urgency) {
        if let Some(slot) = self.slots.get_mut(trace) {
            slot.urgency = slot.urgency.min(urgency);
        }
    }

    /// What to compute next: the most urgent, and of these what was asked for first.
    pub(super) fn next(&self) -> Option<Job> {
        let waiting = self.slots.iter().filter_map(|(trace, slot)| {
            let (number, wanted) = slot.asked.first()?;
            Some((slot.urgency, *number, trace, wanted))
        });
        let (.., trace, wanted) = waiting.min_by_key(|(urgency, number, ..)| (*urgency, *number))?;
        Some(Job { trace: *trace, wanted: wanted.clone() })
    }

    /// Takes what a job goes on from. What is known stays, so that others can ask meanwhile.
    pub(super) fn take(&mut self, trace: &TraceId) -> (Option<Tracer>, Option<TraceRecord>) {
        let slot = self.slots.get_mut(trace);
        slot.map_or((None, None), |slot| (slot.tracer.take().map(|(tracer, _)| tracer), slot.record.clone()))
    }

    /// Takes note of what a job came to: what is known now, and the VM with the memory that it takes.
    pub(super) fn done(
        &mut self,
        job: &Job,
        result: Result<(TraceRecord, Option<(Tracer, usize)>), String>,
        now: Instant,
    ) {
        let Some(slot) = self.slots.get_mut(&job.trace) else {
            return;
        };
        slot.asked.retain(|(_, wanted)| *wanted != job.wanted);
        match result {
            Ok((record, tracer)) => {
                // Other questions may be answered by it as well.
                slot.asked.retain(|(_, wanted)| !wanted.is_in(&record));
                (slot.record, slot.tracer) = (Some(record), tracer);
            }
            Err(error) => slot.failed = Some((now, error)),
        }
        if slot.asked.is_empty() {
            // The next question has an urgency of its own.
            slot.urgency = Urgency::NONE;
        }
        self.bound_memory(IDLE_MEMORY);
    }

    /// Drops VMs until the others take at most so many bytes: first those that nothing waits for, then the least urgent, of
    /// these what was not asked for longest.
    fn bound_memory(&mut self, most: usize) {
        let mut held: Vec<_> = self
            .slots
            .iter()
            .filter_map(|(trace, slot)| {
                let (_, bytes) = slot.tracer.as_ref()?;
                let order = (!slot.asked.is_empty(), std::cmp::Reverse(slot.urgency), slot.used);
                Some((order, *bytes, *trace))
            })
            .collect();
        held.sort();
        let mut bytes: usize = held.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, freed, trace) in held {
            if bytes <= most {
                break;
            }
            if let Some(slot) = self.slots.get_mut(&trace) {
                slot.tracer = None;
                bytes -= freed;
            }
        }
    }

    /// Makes room for one more run.
    fn bound_count(&mut self, new: &TraceId) {
        if self.slots.len() < MOST_SLOTS || self.slots.contains_key(new) {
            return;
        }
        let idle = self.slots.iter().filter(|(_, slot)| slot.asked.is_empty());
        if let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(trace, _)| *trace) {
            self.slots.remove(&oldest);
        }
    }

    /// Forgets the runs for which `keep` is false and nothing is asked.
    pub(super) fn retain(&mut self, keep: impl Fn(&TraceId) -> bool) {
        self.slots.retain(|trace, slot| keep(trace) || !slot.asked.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::tests::{Toy, toy};

    fn ask(slots: &mut TraceSlots, trace: TraceId, wanted: &Wanted) -> Result<(), Unknown> {
        slots.ask(trace, wanted, Instant::now(), false, |record| wanted.is_in(record).then_some(()))
    }

    fn finish(slots: &mut TraceSlots, toy: &Toy, block: u64, bytes: usize) {
        let (trace, tracer) = toy.run(block);
        let job = Job { trace, wanted: Wanted::Run };
        slots.done(&job, Ok((tracer.record().clone(), Some((tracer, bytes)))), Instant::now());
    }

    fn held(slots: &TraceSlots) -> Vec<u64> {
        let held = slots.slots.iter().filter(|(_, slot)| slot.tracer.is_some());
        let mut blocks: Vec<u64> = held.map(|(trace, _)| trace.block).collect();
        blocks.sort_unstable();
        blocks
    }

    const fn urgency(is_minor: bool, deadline: u64) -> Urgency {
        Urgency { is_minor, deadline }
    }

    #[test]
    fn the_most_urgent_run_is_next_and_then_what_was_asked_for_first() {
        let toy = toy();
        let traces: Vec<_> = (0..5).map(|block| toy.trace(block)).collect();
        let mut slots = TraceSlots::default();
        assert_eq!(slots.next(), None);
        for trace in &traces {
            assert_eq!(ask(&mut slots, *trace, &Wanted::Run), Err(Unknown::Pending));
        }
        // What decides a root goes first, whatever the clocks say.
        slots.hurry(&traces[1], urgency(true, 10));
        slots.hurry(&traces[3], urgency(false, 2_000));
        slots.hurry(&traces[4], urgency(false, 1_000));
        // A less urgent answer that waits for the same run does not delay it.
        slots.hurry(&traces[4], urgency(true, 1));
        let mut order = Vec::new();
        while let Some(job) = slots.next() {
            order.push(job.trace.block);
            slots.done(&job, Err("no matter".into()), Instant::now());
        }
        assert_eq!(order, [4, 3, 1, 0, 2]);
    }

    #[test]
    fn an_urgency_ends_with_what_it_was_for() {
        let toy = toy();
        let mut slots = TraceSlots::default();
        let (first, second) = (toy.trace(1), toy.trace(2));
        let _ = ask(&mut slots, first, &Wanted::Run);
        slots.hurry(&first, urgency(false, 1));
        finish(&mut slots, &toy, 1, 1);
        let _ = ask(&mut slots, first, &Wanted::States(vec![3]));
        let _ = ask(&mut slots, second, &Wanted::Run);
        slots.hurry(&second, urgency(true, 1_000));
        assert_eq!(slots.next().map(|job| job.trace), Some(second));
    }

    #[test]
    fn what_is_known_is_answered_while_the_vm_is_busy() {
        let toy = toy();
        let mut slots = TraceSlots::default();
        let _ = ask(&mut slots, toy.trace(1), &Wanted::Run);
        finish(&mut slots, &toy, 1, 1);
        let (tracer, record) = slots.take(&toy.trace(1));
        assert!(tracer.is_some() && record.is_some());
        assert_eq!(ask(&mut slots, toy.trace(1), &Wanted::Run), Ok(()));
    }

    #[test]
    fn who_only_looks_lets_nothing_be_computed() {
        let toy = toy();
        let mut slots = TraceSlots::default();
        let look =
            |slots: &TraceSlots, block| slots.known(&toy.trace(block), |record| Some(record.run().steps));
        assert_eq!(look(&slots, 1), Err(Unknown::Pending));
        assert!(slots.is_idle() && slots.next().is_none());
        let _ = ask(&mut slots, toy.trace(1), &Wanted::Run);
        assert!(!slots.is_idle() && look(&slots, 1).is_err());
        finish(&mut slots, &toy, 1, 1);
        assert!(slots.is_idle() && look(&slots, 1).is_ok());
    }

    #[test]
    fn vms_take_no_more_memory_than_their_limit_and_what_they_found_stays() {
        let toy = toy();
        let mut slots = TraceSlots::default();
        for block in 1..=4 {
            let _ = ask(&mut slots, toy.trace(block), &Wanted::Run);
            finish(&mut slots, &toy, block, 100);
        }
        assert_eq!(held(&slots), [1, 2, 3, 4]);
        // Something waits for the first two; the second is the more urgent.
        for block in [1, 2] {
            let _ = ask(&mut slots, toy.trace(block), &Wanted::States(vec![7]));
            slots.hurry(&toy.trace(block), urgency(true, 1_000 - block));
        }
        for (most, expected) in
            [(400, vec![1, 2, 3, 4]), (399, vec![1, 2, 4]), (250, vec![1, 2]), (100, vec![2]), (99, vec![])]
        {
            slots.bound_memory(most);
            assert_eq!(held(&slots), expected, "{most}");
        }
        for block in 1..=4 {
            assert_eq!(ask(&mut slots, toy.trace(block), &Wanted::Run), Ok(()));
        }
        // Each job's end sees to it.
        finish(&mut slots, &toy, 3, IDLE_MEMORY + 1);
        assert_eq!(held(&slots), [0; 0]);
    }

    #[test]
    fn a_failure_is_tried_again_after_a_while_unless_it_stands() {
        let toy = toy();
        let (trace, wanted) = (toy.trace(1), Wanted::Run);
        let mut slots = TraceSlots::default();
        let start = Instant::now();
        let ask = |slots: &mut TraceSlots, seconds, stands| {
            slots.ask(trace, &wanted, start + Duration::from_secs(seconds), stands, |_| Some(()))
        };
        assert_eq!(ask(&mut slots, 0, false), Err(Unknown::Pending));
        slots.done(&Job { trace, wanted: Wanted::Run }, Err("broken".into()), start);
        let failed = Err(Unknown::Failed("broken".into()));
        assert_eq!(ask(&mut slots, 14, false), failed);
        assert_eq!(ask(&mut slots, 1_000, true), failed);
        assert_eq!(slots.next(), None);
        assert_eq!(ask(&mut slots, 15, false), Err(Unknown::Pending));
        assert!(slots.next().is_some());
    }

    #[test]
    fn the_number_of_runs_in_memory_is_bounded() {
        let toy = toy();
        let mut slots = TraceSlots::default();
        let start = Instant::now();
        let wanted = Wanted::Run;
        let mut trace = toy.trace(1);
        for count in 0..=MOST_SLOTS as u64 {
            trace.batch_count = count;
            let _ = slots.ask(trace, &wanted, start + Duration::from_secs(count), false, |_| Some(()));
            slots.done(&Job { trace, wanted: Wanted::Run }, Err("no matter".into()), start);
        }
        assert_eq!(slots.slots.len(), MOST_SLOTS);
        trace.batch_count = 0;
        assert!(!slots.slots.contains_key(&trace), "the oldest");
        slots.retain(|trace| trace.batch_count == 7);
        assert_eq!(slots.slots.len(), 1);
    }
}
