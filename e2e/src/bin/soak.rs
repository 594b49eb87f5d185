//! `make soak`: a whole rollup under load for an hour, or for as long as one likes.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use e2e::soak::{
    Endpoints, Liar, Parts, Sample, Storm, Traffic, agree, growth, hostile_verdict, noise, table, verdict,
};
use tokio::signal::unix::{SignalKind, signal};

/// Time between two looks at the processes.
const LOOK: Duration = Duration::from_secs(2);
/// Time between two lines.
const LINE: Duration = Duration::from_secs(60);
/// How long lies may take to fall at the end.
const LAST_LIES: Duration = Duration::from_secs(600);

/// Runs a rollup under mixed load: L1, a sequencer, a batcher and a proposer of their own, three replicas and a challenger
/// as processes of their own, while a liar proposes wrong roots.
///
/// Each minute a line: heads as newest/safe, memory in MB as resident/own, databases, traffic, warnings. At the end a
/// verdict; ends with 0 only if nothing is wrong. All processes are ended, whatever happens.
///
/// With --hostile, an hour's worth of trouble in minutes: beside the users, strangers attack the sequencer and a replica with
/// requests that want memory and time, with subscriptions that nobody reads and connections that end nothing; there are
/// transactions that use up all gas, readers of traces, reorgs of L1, L1 endpoints that fail, and ends of sequencer and
/// replica as by a crash. At the end a table in Markdown. SEED=… repeats its dice.
#[derive(Parser)]
#[command(name = "soak", version)]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Time between wrong roots.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    lies: u64,
    /// Beside users, everything that could knock it over: a tenth of the time shows it (--hostile --minutes 10 --lies 5).
    #[arg(long)]
    hostile: bool,
    /// Keep the folder with logs and databases also when all is well.
    #[arg(long)]
    keep: bool,
}

impl Arguments {
    const fn length(&self) -> Duration {
        Duration::from_secs(60 * self.minutes)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let ended = tokio::select! {
        ended = soak(Arguments::parse()) => ended,
        // What runs ends with the future that is dropped here.
        interrupted = interrupted() => interrupted,
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() -> Result<bool> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    bail!("interrupted")
}

/// Whether all is well.
async fn soak(arguments: Arguments) -> Result<bool> {
    let replicas = if arguments.hostile { "four" } else { "three" };
    println!("starting L1, a sequencer, a batcher, a proposer, {replicas} replicas and a challenger …");
    let mut parts = Parts::start(arguments.hostile).await?;
    println!("logs are in {}", parts.logs().display());
    let endpoints = Endpoints::of(&parts)?;
    let traffic = Traffic::default();
    let mut liar = Liar::start(&parts, arguments.hostile)?;
    let mut samples = Vec::new();
    let mut storm = match arguments.hostile {
        true => Some(Storm::start(&parts, arguments.length()).await?),
        false => None,
    };
    let (watched, run) = tokio::join!(
        async {
            let watched =
                watch(&arguments, &mut parts, &traffic, &mut liar, storm.as_mut(), &mut samples).await;
            traffic.stop();
            watched
        },
        async {
            let run = match arguments.hostile {
                true => traffic.run_hostile(&endpoints).await,
                false => traffic.run(&endpoints).await,
            };
            traffic.stop();
            run
        }
    );
    // What went wrong while it ran is told with the rest.
    let mut wrong = Vec::new();
    for failed in [watched, run.context("traffic failed")] {
        if let Err(error) = failed {
            wrong.push(format!("{error:#}"));
        }
    }
    println!("\ntraffic has ended; waiting until all nodes agree and the last lie has fallen …");
    if wrong.is_empty() {
        match agree(&parts, &traffic).await {
            Ok(line) => println!("{line}"),
            Err(error) => wrong.push(format!("{error:#}")),
        }
        if let Err(error) = last_lies(&mut parts, &mut liar).await {
            wrong.push(format!("{error:#}"));
        }
    }
    wrong.extend(verdict(&parts, &traffic, &liar)?);
    summary(&parts, &traffic, &samples)?;
    match &storm {
        Some(storm) => {
            wrong.extend(hostile_verdict(&parts, &traffic, storm)?);
            println!("\n{}", table(&parts, &traffic, &liar, storm));
        }
        None => wrong.extend(growth(&samples)),
    }
    for line in &wrong {
        println!("WRONG  {line}");
    }
    println!("{}", if wrong.is_empty() { "all is well" } else { "something is wrong" });
    liar.end().await?;
    parts.end(wrong.is_empty() && !arguments.keep).await?;
    Ok(wrong.is_empty())
}

/// Looks after everything while traffic runs.
async fn watch(
    arguments: &Arguments,
    parts: &mut Parts,
    traffic: &Traffic,
    liar: &mut Liar,
    mut storm: Option<&mut Storm>,
    samples: &mut Vec<Sample>,
) -> Result<()> {
    let begun = Instant::now();
    let length = arguments.length();
    let between = Duration::from_secs(60 * arguments.lies.max(1));
    let (mut next_line, mut next_lie) = (LINE, LINE.min(length / 2));
    while begun.elapsed() < length && !traffic.is_stopped() {
        tokio::time::sleep(LOOK).await;
        parts.check_alive()?;
        liar.check(parts).await?;
        if begun.elapsed() >= next_lie {
            match liar.lie(parts).await {
                Ok(()) => next_lie += between,
                // A reorg may have come between; the next look tells it again.
                Err(_) if storm.is_some() && begun.elapsed() < next_lie + LINE => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(storm) = &mut storm {
            storm.step(parts, traffic).await?;
        }
        if begun.elapsed() >= next_line {
            next_line += LINE;
            let sample = Sample::take(parts, traffic, liar, begun).await?;
            println!("{sample}");
            samples.push(sample);
            if let Some(storm) = &mut storm {
                storm.minute(parts).await?;
                println!("{storm}");
            }
        }
    }
    match storm {
        Some(storm) => storm.end(parts).await,
        None => Ok(()),
    }
}

async fn last_lies(parts: &mut Parts, liar: &mut Liar) -> Result<()> {
    let deadline = Instant::now() + LAST_LIES;
    while liar.is_busy() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
        parts.check_alive()?;
        liar.check(parts).await?;
    }
    Ok(())
}

/// What there was.
fn summary(parts: &Parts, traffic: &Traffic, samples: &[Sample]) -> Result<()> {
    println!("\ntraffic");
    for (name, kind) in traffic.kinds() {
        println!(
            "  {name:24} {:>8} done {:>6} failed  {}{}",
            kind.done,
            kind.failed,
            if kind.excused > 0 {
                format!("{} more while a node was down  ", kind.excused)
            } else {
                String::new()
            },
            kind.error.unwrap_or_default()
        );
    }
    if let (Some(first), Some(last)) = (samples.first(), samples.last()) {
        println!("memory in MB, resident/own, after a minute and at the end");
        for ((name, all, own), (_, all_last, own_last)) in first.memory.iter().zip(&last.memory) {
            println!("  {name:24} {all:>6}/{own:<6} {all_last:>6}/{own_last:<6}");
        }
    }
    println!("warnings and errors in the logs");
    for (text, (count, last)) in noise(&parts.logs())? {
        let process = text.split(':').next().unwrap_or_default();
        println!("  {count:>6} × {process}: {last}");
    }
    Ok(())
}
