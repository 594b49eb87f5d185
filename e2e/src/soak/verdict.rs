use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Liar, Parts, Sample, Storm, Traffic, count, noise, parts::VICTIMS, sample::MEGABYTE};
use crate::net::{Deposited, batches, receipt, status, until};

/// How long nodes may take to be at one, when traffic has ended.
const LIMIT: Duration = Duration::from_secs(180);
/// Part of what traffic does that may fail: something is always late.
const FAILURES: f64 = 0.005;
/// How much a process's own memory may grow after the first third of the time: by this part, and so many MB.
const GROWTH: (f64, u64) = (0.5, 100);
/// Most bytes that a node may have resident that is attacked.
const PEAK: u64 = 1 << 30;
/// Longest that 99 of 100 of another client's requests may take, in the middle of all minutes: in one, this machine may do
/// something else.
const WAIT: Duration = Duration::from_millis(50);
/// Kinds of faults that endpoints must have had, of some twenty-five: otherwise it shows little.
const FAULTS: usize = 12;

/// Waits until all nodes are at one about all that was announced, or says what is missing where.
pub async fn agree(parts: &Parts, traffic: &Traffic) -> Result<String> {
    let devnet = &parts.arena.net.devnet;
    let sequencer = devnet.sequencer()?;
    let mut wanted = traffic.accepted();
    for hash in traffic.deposits() {
        let deposit =
            until("L1 has a deposit", LIMIT, async || Ok(devnet.anvil.receipt(hash).await.ok())).await?;
        wanted.push(Deposited::from_receipt(&deposit)?.client_hash);
    }
    if let Some(last) = wanted.last() {
        until("the last deposit is on L2", LIMIT, async || receipt(sequencer, *last).await).await?;
    }
    let head = status(sequencer).await?.latest;
    for node in parts.all()? {
        let name = &node.options.name;
        until(&format!("block {} is safe on {name}", head.number()), LIMIT, async || {
            let safe = status(node).await?.safe.number();
            ensure!(safe >= head.number(), "safe is {safe}");
            Ok(Some(()))
        })
        .await?;
        head.check_on(node).await?;
    }
    let from_l1 = parts.node("from-l1")?;
    for hash in &wanted {
        receipt(from_l1, *hash).await?.with_context(|| format!("{hash} was announced, and is not on L1"))?;
    }
    let posted = batches(devnet.anvil.provider(), devnet).await?.len();
    Ok(format!(
        "all nodes agree on block {}, with {} announced transactions and deposits, by {posted} batches",
        head.number(),
        wanted.len()
    ))
}

/// Which processes have grown since the first third of the time.
pub fn growth(samples: &[Sample]) -> Vec<String> {
    let mut wrong = Vec::new();
    if let (Some(early), Some(last)) = (samples.get(samples.len() / 3), samples.last()) {
        for ((name, _, before), (_, _, after)) in early.memory.iter().zip(&last.memory) {
            wrong.extend(has_grown(name, *before, *after));
        }
    }
    wrong
}

/// What is wrong if a process had so many MB of its own before, and has so many now.
fn has_grown(name: &str, before: u64, after: u64) -> Option<String> {
    let most = before + (before as f64 * GROWTH.0) as u64 + GROWTH.1;
    (name != "anvil" && after > most)
        .then(|| format!("{name} has grown from {before} to {after} MB, more than to {most}"))
}

/// What is wrong, line by line; nothing if all is well.
pub fn verdict(parts: &Parts, traffic: &Traffic, liar: &Liar) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (name, kind) in traffic.kinds() {
        let share = kind.failed as f64 / (kind.done + kind.failed).max(1) as f64;
        if kind.done == 0 || share > FAILURES {
            let error = kind.error.unwrap_or_default();
            wrong.push(format!("{name}: {} done, {} failed; the last: {error}", kind.done, kind.failed));
        }
    }
    if liar.told == 0 || liar.beaten == 0 || liar.beaten + liar.gone < liar.told {
        wrong.push(format!("{} of {} lies were beaten", liar.beaten, liar.told));
    }
    for (text, (count, last)) in noise(&parts.logs())? {
        // A challenger and a liar call a wrong root an error: theirs are shown, not judged.
        let is_node = !text.starts_with("challenger:");
        if last.starts_with("panicked") || (is_node && last.starts_with("ERROR")) {
            wrong.push(format!("{count} × {text}: {last}"));
        }
    }
    Ok(wrong)
}

/// What is wrong besides after a hostile hour.
pub fn hostile_verdict(parts: &Parts, traffic: &Traffic, storm: &Storm) -> Result<Vec<String>> {
    let mut wrong = storm.wrong.clone();
    if !storm.is_done() {
        wrong.push("the time was too short for reorgs and ends of processes".into());
    }
    for name in VICTIMS {
        let peak = storm.peaks.get(name).copied().unwrap_or_default();
        if peak > PEAK {
            wrong.push(format!("{name} had {peak} bytes resident, at most {PEAK} are allowed"));
        }
        match storm.usual_wait(name) {
            Some(wait) if wait <= WAIT => {}
            wait => wrong.push(format!("others wait {wait:?} for {name}, at most {WAIT:?} are allowed")),
        }
    }
    for (name, [_, before, after]) in &storm.own {
        wrong.extend(has_grown(name, before / MEGABYTE, after / MEGABYTE));
    }
    let faults = parts.faults();
    if faults.len() < FAULTS {
        wrong.push(format!("endpoints had only these faults: {faults:?}"));
    }
    let counts = traffic.counts();
    for what in [count::ANSWERED, count::REFUSED, count::UNREAD_ENDED, count::TRACED] {
        if !counts.contains_key(what) {
            wrong.push(format!("{what}: none"));
        }
    }
    for node in parts.all()? {
        let evidence = node.options.data_dir.join("evidence");
        if evidence.exists() {
            wrong.push(format!("two blocks of one number were signed: {}", evidence.display()));
        }
    }
    Ok(wrong)
}
