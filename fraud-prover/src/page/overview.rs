//! Where everything stands.

use alloy::primitives::{Address, B256, U256};
use db::Reader;
use serde::Serialize;

use super::{
    batches,
    error::PageError,
    outside::HeadLine,
    source::{Seen, Source},
};
use crate::{
    game::Status,
    l1::ether,
    report::{GameStatus, GameSummary, Leader, Verity},
};

/// How old L1's newest block may be, by this machine's clock, until it is told, in seconds.
const OLD: u64 = 120;

/// For how many L1 blocks L1 may not tell its anchor, until it is told.
const LATE: u64 = 3;

/// Where everything stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    chain_id: u64,
    l1_chain_id: u64,
    ready: bool,
    heads: HeadLines,
    l1: L1Line,
    batches: u64,
    last_batch: Option<BatchLine>,
    sequencer: Sequencer,
    games: GameCounts,
    challenger: Account,
    health: Vec<Health>,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct HeadLines {
    r#unsafe: Option<HeadLine>,
    safe: HeadLine,
    finalized: Option<HeadLine>,
    /// None while L1 has not told it yet.
    anchored: Option<HeadLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct L1Line {
    number: u64,
    hash: B256,
    time: u64,
    base_fee: String,
    blob_base_fee: Option<String>,
}

#[derive(Debug, Serialize)]
struct BatchLine {
    index: u64,
    time: u64,
    blocks: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sequencer {
    batcher: Option<Address>,
    p2p: Option<Address>,
}

#[derive(Debug, Default, Serialize)]
struct GameCounts {
    total: usize,
    open: usize,
    /// Of the open ones.
    wrong: usize,
    upheld: usize,
    refuted: usize,
}

#[derive(Debug, Serialize)]
struct Account {
    account: Option<Address>,
    balance: Option<String>,
    acts: bool,
}

/// What a person must know.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    level: Level,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Bad,
    Warning,
    Note,
}

/// Where everything stands, by what was seen and what others say beside. `games` are those that matter ([`notable`]).
pub(super) fn overview(
    source: &Source,
    reader: &Reader,
    seen: &Seen,
    games: &[GameSummary],
) -> Result<Overview, PageError> {
    let known = &source.known;
    let heads = known.chain.heads();
    let count = reader.batch_count()?;
    let last_batch = match count.checked_sub(1) {
        None => None,
        Some(index) => reader.batch_place(index)?.map(|place| (index, place)),
    };
    let last_batch = last_batch
        .map(|(index, place)| {
            let header = batches::header(&place)?;
            Ok::<_, PageError>(BatchLine { index, time: header.l1_timestamp, blocks: header.block_count })
        })
        .transpose()?;
    let says = source.outside.l1();
    let own = says.map(|says| source.output(reader, says.anchor.0)).transpose()?.flatten();
    // What is not what was computed here is no anchor that this process would show.
    let vouched = says.filter(|says| own.is_none_or(|own| own == says.anchor.1));
    let anchored = match vouched.map(|says| says.anchor.0) {
        None => None,
        Some(number) => Some(match reader.header(number)? {
            Some(header) => HeadLine { number, hash: header.hash(), time: header.timestamp },
            // Of blocks that this replica has not derived yet, only the number is known.
            None => HeadLine { number, ..HeadLine::default() },
        }),
    };
    let status = *known.l1.borrow();
    let is_behind = status.cursor + 2 < status.head;
    let mut health = health(seen, games, status.healthy, is_behind);
    match says {
        Some(says) => {
            if vouched.is_none() {
                let text = format!(
                    "L1 has accepted an output of block {} that is not what was computed here.",
                    says.anchor.0
                );
                health.push(Health { level: Level::Bad, text });
            }
            let late = seen.head.number().saturating_sub(says.block);
            if late > LATE {
                let text = format!(
                    "L1 has not told its anchor for {late} blocks: what is shown of it is as of block {}.",
                    says.block
                );
                health.push(Health { level: Level::Bad, text });
            }
        }
        None => {
            let text = "L1 has not told its anchor yet.".into();
            health.push(Health { level: Level::Note, text });
        }
    }
    health.sort_by_key(|entry| entry.level);
    let open = games.iter().filter(|game| game.status == GameStatus::Open);
    let wrong = open.clone().filter(|game| game.root == Verity::Wrong).count();
    Ok(Overview {
        chain_id: known.config.chain.chain_id,
        l1_chain_id: known.config.l1_chain_id,
        ready: !is_behind && !open.clone().any(|game| game.root == Verity::Unknown),
        heads: HeadLines {
            r#unsafe: source.outside.newest(),
            safe: heads.safe.into(),
            finalized: Some(heads.finalized.into()),
            anchored,
        },
        l1: L1Line {
            number: seen.head.number(),
            hash: seen.head.hash,
            time: seen.head.timestamp(),
            base_fee: seen.head.base_fee().to_string(),
            blob_base_fee: says.and_then(|says| says.blob_base_fee).map(|fee| fee.to_string()),
        },
        batches: count,
        last_batch,
        sequencer: Sequencer {
            batcher: says.and_then(|says| says.batcher),
            p2p: known.signers.borrow().current(),
        },
        games: counts(seen, wrong),
        challenger: Account {
            account: seen.account,
            balance: seen.balance.map(|balance: U256| balance.to_string()),
            acts: seen.account.is_some(),
        },
        health,
        version: env!("CARGO_PKG_VERSION"),
    })
}

fn counts(seen: &Seen, wrong: usize) -> GameCounts {
    let mut counts = GameCounts { wrong, ..GameCounts::default() };
    for entry in seen.games.iter() {
        counts.total += 1;
        match entry.game().map(|game| game.root().status) {
            Ok(Status::Open | Status::Countered) => counts.open += 1,
            Ok(Status::Upheld) => counts.upheld += 1,
            Ok(Status::Refuted | Status::BondDistributed) => counts.refuted += 1,
            Ok(Status::BondReclaimed) | Err(_) => {}
        }
    }
    counts
}

/// The disputes that a person must know of: those that are not decided, and those that were decided against what is true.
pub(super) fn notable(source: &Source, reader: &Reader, seen: &Seen) -> Vec<GameSummary> {
    let now = seen.head.timestamp();
    let summary = |entry: &crate::l1::GameEntry| match entry.game() {
        Ok(game) if game.root().status.is_resolved() => {
            let root = Verity::from(source.root_verity(game).verdict());
            let stood = game.root().status == Status::Upheld;
            let is_wrong = matches!((stood, root), (true, Verity::Wrong) | (false, Verity::Right));
            is_wrong.then(|| GameSummary::of(entry, game, &source.verities(game), now))
        }
        Ok(game) => {
            let verities = source.verities(game);
            source.remember_steps(reader, game, &verities);
            Some(GameSummary::of(entry, game, &verities, now))
        }
        Err(error) => Some(GameSummary::unreadable(entry, Some(error.to_string()))),
    };
    seen.games.iter().filter_map(summary).collect()
}

fn health(seen: &Seen, games: &[GameSummary], is_healthy: bool, is_behind: bool) -> Vec<Health> {
    let mut health = Vec::new();
    let mut say = |level, text: String| health.push(Health { level, text });
    if !is_healthy {
        say(Level::Bad, "L1's endpoint does not answer, or makes no sense: nothing new is seen.".into());
    }
    let age = seen.head.age().as_secs();
    if is_healthy && age > OLD {
        say(Level::Warning, format!("L1's newest block is {age} s old."));
    }
    if is_behind {
        say(
            Level::Note,
            "The replica is catching up with L1: until then, new proposals are not judged.".into(),
        );
    }
    if seen.disagreements > 0 {
        say(
            Level::Bad,
            "The fault proof machine and the node disagree: a person must look at the challenger's log."
                .into(),
        );
    }
    for game in games {
        let index = game.index;
        match (game.status, game.root, game.ahead) {
            (GameStatus::Unreadable, ..) => {
                say(Level::Bad, format!("The events of dispute {index} do not fit together."));
            }
            (GameStatus::Upheld, ..) => say(
                Level::Bad,
                format!("L1 UPHELD A WRONG OUTPUT in dispute {index}. Withdraw, and tell the guardian."),
            ),
            (GameStatus::Refuted, ..) => {
                say(Level::Warning, format!("L1 refuted a right output in dispute {index}."));
            }
            _ if game.suspended => {
                say(Level::Bad, format!("The machine of dispute {index} is broken: bonds are taken back."));
            }
            (_, Verity::Wrong, Some(Leader::Proposal)) if game.claims == 1 => {
                say(Level::Bad, format!("Proposal {index} is wrong, and nobody has attacked it yet."));
            }
            (_, Verity::Wrong, Some(Leader::Proposal)) => {
                say(
                    Level::Bad,
                    format!(
                        "Proposal {index} is wrong and attacked. Its side made the last move: an answer is needed."
                    ),
                );
            }
            (_, Verity::Wrong, _) => {
                say(
                    Level::Warning,
                    format!("Proposal {index} is wrong. It is attacked, and falls if nobody moves any more."),
                );
            }
            (_, Verity::Right, Some(Leader::Challengers)) => {
                say(Level::Warning, format!("Proposal {index} is right, attacked, and not defended yet."));
            }
            _ => {}
        }
    }
    if seen.account.is_none() {
        say(Level::Note, "This challenger has no key: it tells what is wrong, and counters nothing.".into());
    }
    if let Some(balance) = seen.balance.filter(|balance| balance.is_zero()) {
        say(
            Level::Bad,
            format!("The challenger's account has {} ETH: it cannot counter anything.", ether(balance)),
        );
    }
    health
}
