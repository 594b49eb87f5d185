//! `challenger games` and `challenger show`: disputes for people.

use std::fmt::Write;

use alloy::primitives::B256;
use anyhow::Result;

use super::{GamesArgs, Show, outputs::Outputs};
use crate::{
    game::{Claim, Game, Level, Status},
    l1::ether,
    strategy::{Move, Plan, View, plan},
    truth::Judgement,
};

pub(super) async fn games(args: GamesArgs) -> Result<()> {
    let open = args.rollup.open().await?;
    let entries: Vec<_> = open.reader.games().iter().collect();
    if entries.is_empty() {
        println!("no games yet");
        return Ok(());
    }
    let games: Vec<&Game> = entries.iter().filter_map(|entry| entry.game().ok()).collect();
    let outputs = Outputs::ask(args.l2_rpc.as_deref(), &games).await?;
    println!(
        "{:>5}  {:<42}  {:>10}  {:>6}  {:<22}  {:<8}  next",
        "index", "game", "block", "claims", "stands", "root is"
    );
    for entry in entries {
        let (index, address) = (entry.index, entry.address());
        match entry.game() {
            Ok(game) => {
                let plan = plan(View { game, now: open.now, me: None }, &outputs);
                println!(
                    "{index:>5}  {address}  {:>10}  {:>6}  {:<22}  {:<8}  {}",
                    game.subject.blocks.end(),
                    game.claims.len(),
                    outcome(game),
                    judged(&plan, 0),
                    next(game, open.now)
                );
            }
            Err(error) => println!("{index:>5}  {address}  {error}"),
        }
    }
    Ok(())
}

pub(super) async fn show(args: Show) -> Result<()> {
    let open = args.rollup.open().await?;
    let entry = open.game(args.game)?;
    let game = entry.game()?;
    let outputs = Outputs::ask(args.l2_rpc.as_deref(), &[game]).await?;
    let plan = plan(View { game, now: open.now, me: None }, &outputs);
    let blocks = game.subject.blocks;
    println!("game {}  {}", entry.index, entry.address());
    println!("  proposed by {} for block {}", game.root().claimant, blocks.end());
    println!(
        "  about blocks {} to {}, from batches up to {}",
        blocks.start + 1,
        blocks.end(),
        game.subject.batch_count
    );
    println!(
        "  each side has {} s; bonds from {} ETH down to {} ETH",
        game.parameters.max_clock_duration,
        ether(game.parameters.bonds.root),
        ether(game.parameters.bonds.leaf)
    );
    println!("  rollup chain {}, L1 time {}", open.config.chain.chain_id, open.now);
    println!("\n{}", outcome(game));
    println!("\n{}", tree(game, &plan, open.now));
    println!("moves to make:");
    let moves = moves(game, &plan, open.now);
    if moves.is_empty() {
        println!("  none; {}", next(game, open.now));
    }
    for line in moves {
        println!("  {line}");
    }
    if args.l2_rpc.is_none() {
        println!("\n(--l2-rpc URL of a node that you trust shows which claims are valid)");
    }
    Ok(())
}

/// Who has won, or wins if nobody moves any more.
fn outcome(game: &Game) -> String {
    match game.root().status {
        Status::Upheld => "the proposal stood".into(),
        Status::Refuted | Status::BondDistributed => "the proposal fell".into(),
        Status::BondReclaimed => "the machine broke; the bond was given back".into(),
        _ if game.stands(0) => "the proposal is ahead".into(),
        _ => "the challengers are ahead".into(),
    }
}

fn judged(plan: &Plan, claim: usize) -> &'static str {
    match plan.judgements.get(claim).copied().flatten() {
        Some(Judgement::Valid) => "valid",
        Some(Judgement::FirstInvalid(_)) => "INVALID",
        Some(Judgement::InvalidPrestate) => "invalid prestate",
        None => "?",
    }
}

/// When something can happen next without a move.
pub(super) fn next(game: &Game, now: u64) -> String {
    let open = game.claims.iter().filter(|claim| !claim.status.is_resolved());
    match open.map(|claim| game.deadline(claim)).min() {
        None => "all claims are resolved".into(),
        Some(deadline) if deadline <= now => "a claim can be resolved".into(),
        Some(deadline) => format!("a clock runs out in {}", time(deadline - now)),
    }
}

fn moves(game: &Game, plan: &Plan, now: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for planned in &plan.moves {
        let left = planned.deadline.map(|deadline| time(deadline.saturating_sub(now))).unwrap_or_default();
        lines.push(match &planned.action {
            Move::Attack { claim, segment, .. } => {
                format!("attack segment {segment} of {}, within {left}", short(claim.0))
            }
            Move::AttackBlock { claim, segment, block, .. } => {
                format!("run block {block} against segment {segment} of {}, within {left}", short(claim.0))
            }
            Move::Step { claim, segment, .. } => {
                format!("prove the step in segment {segment} of {}, within {left}", short(claim.0))
            }
            _ => continue,
        });
    }
    for claim in &game.claims {
        let id = short(claim.id.0);
        match game.resolvable(claim, now) {
            Some(true) => lines.push(format!("resolve {id}: it is upheld, its bond goes back")),
            Some(false) => lines.push(format!("resolve {id}: it is countered")),
            None if claim.status == Status::Refuted && game.open_children(claim) == 0 => {
                lines.push(format!("distribute the bond of {id}"));
            }
            None => {}
        }
    }
    for (account, credit) in game.credits.iter().filter(|(_, credit)| !credit.is_zero()) {
        lines.push(format!("claim credit of {} ETH for {account}", ether(*credit)));
    }
    lines
}

/// The tree of claims.
fn tree(game: &Game, plan: &Plan, now: u64) -> String {
    let mut text = String::new();
    let mut open = vec![(0, String::new(), true)];
    while let Some((index, indent, last)) = open.pop() {
        let claim = &game.claims[index];
        let branch = match (index, last) {
            (0, _) => "",
            (_, true) => "└─ ",
            (_, false) => "├─ ",
        };
        let verdict = match judged(plan, index) {
            "?" => String::new(),
            verdict => format!(", {verdict}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{indent}{branch}{}{verdict}", line(game, claim, now));
        let below = match (index, last) {
            (0, _) => String::new(),
            (_, true) => format!("{indent}   "),
            (_, false) => format!("{indent}│  "),
        };
        let children = claim.children.len();
        for (place, child) in claim.children.iter().enumerate().rev() {
            open.push((*child, below.clone(), place + 1 == children));
        }
    }
    text
}

fn line(game: &Game, claim: &Claim, now: u64) -> String {
    let counted = match claim.level {
        Level::Blocks => "blocks".to_owned(),
        Level::Steps { block, .. } => format!("block {block}, steps"),
    };
    let Claim { interval, .. } = claim;
    let attacks = claim.parent.map_or("root".to_owned(), |_| format!("against segment {}", claim.segment));
    let stands = match claim.status {
        Status::Open => match game.time_left(claim, now) {
            0 => "unanswered in time".to_owned(),
            left => format!("{} left to attack", time(left)),
        },
        Status::Countered => "countered".into(),
        Status::Upheld => "upheld".into(),
        Status::Refuted => "refuted".into(),
        Status::BondDistributed => "refuted, bond distributed".into(),
        Status::BondReclaimed => "bond given back, the machine is broken".into(),
    };
    format!(
        "{} {attacks}: {counted} {} to {} in {} segments, by {}, {} ETH: {stands}",
        short(claim.id.0),
        interval.start + 1,
        interval.end(),
        interval.segments(),
        short(claim.claimant.into_word()),
        ether(claim.bond),
    )
}

/// The beginning of an id; of an address, its own.
fn short(id: B256) -> String {
    let bytes = if id[..12].iter().all(|byte| *byte == 0) { &id[12..16] } else { &id[..4] };
    format!("0x{}", alloy::primitives::hex::encode(bytes))
}

pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
