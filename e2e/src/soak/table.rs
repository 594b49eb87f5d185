use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{Liar, Parts, Storm, Traffic, count, parts::VICTIMS, sample::MEGABYTE};

/// What there was in a hostile hour, as a table in Markdown.
pub fn table(parts: &Parts, traffic: &Traffic, liar: &Liar, storm: &Storm) -> String {
    let counts = traffic.counts();
    let count = |what| counts.get(what).copied().unwrap_or_default();
    let kinds = traffic.kinds();
    let done = |name| kinds.get(name).map_or(0, |kind| kind.done);
    let (failed, excused) =
        kinds.values().fold((0, 0), |(failed, excused), kind| (failed + kind.failed, excused + kind.excused));
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |what: &str, value: String| rows.push((what.into(), value));
    row(
        "transactions and deposits announced, each on all nodes in the end",
        (traffic.accepted().len() + traffic.deposits().len()).to_string(),
    );
    row("… of them with all gas that one may ask for, used up", done("hostile transactions").to_string());
    row("sent again before they were in a block", count(count::RESENT).to_string());
    row(
        "requests of attacks: answered, refused by a limit, ended with their connection",
        format!("{}, {}, {}", count(count::ANSWERED), count(count::REFUSED), count(count::ENDED)),
    );
    row(
        "subscribers that read nothing: all, ended by the node",
        format!("{}, {}", count(count::UNREAD), count(count::UNREAD_ENDED)),
    );
    row(
        "other connections that read nothing or end nothing: all, ended by the node",
        format!("{}, {}", count(count::IDLE), count(count::IDLE_ENDED)),
    );
    row(
        "traces of blocks: right, refused by a limit, of a block that was replaced meanwhile",
        format!(
            "{}, {}, {}",
            count(count::TRACED),
            count(count::TRACES_REFUSED),
            count(count::TRACES_REPLACED)
        ),
    );
    row("heads that subscribers saw, and how often they went back", {
        format!("{}, {}", done("newHeads"), count(count::WENT_BACK))
    });
    row("all other requests: failed, failed while a node was down", format!("{failed}, {excused}"));
    row("L1 reorgs, by depth", depths(&storm.reorgs));
    row("… transactions in replaced L1 blocks", storm.replaced.to_string());
    row("ended as by a crash, and answering again after", {
        let killed: Vec<_> =
            storm.killed.iter().map(|(name, time)| format!("{name} {}", short(*time))).collect();
        killed.join(", ")
    });
    let faults = parts.faults();
    row(
        "faults of L1 endpoints that requests met, and of how many kinds",
        format!("{}, {}", faults.values().sum::<u64>(), faults.len()),
    );
    row(
        "wrong roots: told, beaten, gone with a reorg",
        format!("{}, {}, {}", liar.told, liar.beaten, liar.gone),
    );
    for name in VICTIMS {
        let own = storm.own.get(name).copied().unwrap_or_default().map(|own| (own / MEGABYTE).to_string());
        let peak = storm.peaks.get(name).copied().unwrap_or_default() / MEGABYTE;
        row(
            &format!(
                "memory of {name} in MB: the most of its own in each third of the time; peak of all resident"
            ),
            format!("{}; {peak}", own.join(", ")),
        );
        let worst = storm.waits_at(name).map(|waits| waits.p99).max().unwrap_or_default();
        let asked: usize = storm.waits_at(name).map(|waits| waits.count).sum();
        row(
            &format!(
                "`eth_blockNumber` of another client at {name}, p99 of a minute: in the middle, the worst; of"
            ),
            format!("{}, {}; {asked}", short(storm.usual_wait(name).unwrap_or_default()), short(worst)),
        );
    }
    row("own memory of the other nodes in MB, the most in each third", {
        let others =
            storm.own.iter().filter(|(name, _)| !VICTIMS.contains(&name.as_str()) && *name != "anvil");
        let shown = others.map(|(name, own)| {
            let own = own.map(|own| (own / MEGABYTE).to_string());
            format!("{name} {}", own.join("/"))
        });
        shown.collect::<Vec<_>>().join(", ")
    });
    let mut text = String::from("| a hostile hour | |\n|---|---|\n");
    for (what, value) in rows {
        // A string takes whatever is written.
        let _ = writeln!(text, "| {what} | {value} |");
    }
    text
}

/// A time as a table has it.
fn short(time: Duration) -> String {
    match time.as_millis() {
        millis if millis < 10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// How many there were of each depth.
fn depths(reorgs: &[u64]) -> String {
    let mut by_depth: BTreeMap<u64, u64> = BTreeMap::new();
    for depth in reorgs {
        *by_depth.entry(*depth).or_default() += 1;
    }
    let shown: Vec<_> = by_depth.into_iter().map(|(depth, count)| format!("{count} of {depth}")).collect();
    format!("{}: {}", reorgs.len(), shown.join(", "))
}
