//! `challenger report`: the state of all disputes, for scripts.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _, process::ExitCode};

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::Provider,
};
use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    Open, ReportArgs,
    outputs::Outputs,
    show::{next, time},
};
use crate::{
    game::{Game, Status},
    l1::{GameEntry, ether},
    report::{ClaimVerdict, GameReport, GameStatus, GameSummary, Leader, Verity, decimal},
};

/// Version of the JSON: fields are added within one, none goes away or changes its meaning.
const VERSION: u32 = 1;

/// How long what can be closed may stay open before a person should look, in seconds.
const SLACK: u64 = 3_600;

/// Exit code: there is something that a person must look at.
const LOOK: u8 = 3;

/// All disputes of a rollup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    version: u32,
    chain_id: u64,
    l1_block: u64,
    l1_time: u64,
    totals: Totals,
    /// What a person must look at.
    problems: Vec<Problem>,
    games: Vec<Entry>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    games: usize,
    open: usize,
    upheld: usize,
    refuted: usize,
    reclaimed: usize,
    unreadable: usize,
    /// Of the open ones: whose proposals are wrong, right, not judged.
    wrong: usize,
    right: usize,
    unknown: usize,
    /// Claims that can be resolved and are not.
    resolvable: usize,
    /// In bonds that are not distributed, in wei.
    #[serde(with = "decimal")]
    bonds: U256,
    /// Owed, in wei.
    #[serde(with = "decimal")]
    credits: U256,
    /// Of what is owed, to the accounts that were named.
    #[serde(with = "decimal")]
    own_credits: U256,
}

#[derive(Debug, Serialize)]
struct Problem {
    /// Index of the dispute.
    game: u64,
    address: Address,
    text: String,
}

/// A dispute, as far as it can be read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    Read(Box<Judged>),
    Unreadable(Box<GameSummary>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Judged {
    #[serde(flatten)]
    report: GameReport,
    /// What its contract has, in wei; none if it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<String>,
    /// When something can happen next without a move, in words.
    #[serde(skip)]
    next: String,
}

pub(super) async fn run(args: ReportArgs) -> Result<ExitCode> {
    let open = args.rollup.open().await?;
    let total = open.reader.games().addresses().count();
    let entries: Vec<&GameEntry> =
        open.reader.games().iter().filter(|entry| !args.open || matters(entry)).collect();
    let games: Vec<&Game> = entries.iter().filter_map(|entry| entry.game().ok()).collect();
    let outputs = Outputs::ask(args.l2_rpc.as_deref(), &games).await?;
    let balances = balances(&open, &entries).await?;
    let mut report = Report {
        version: VERSION,
        chain_id: open.config.chain.chain_id,
        l1_block: open.head.number(),
        l1_time: open.now,
        totals: Totals::default(),
        problems: Vec::new(),
        games: Vec::new(),
    };
    for entry in entries {
        let reported = match entry.game() {
            Ok(game) => {
                let balance = balances.get(&entry.address()).copied();
                report.look(entry, game, &outputs, balance, &args.account)
            }
            Err(error) => {
                report.problem(entry, format!("its events do not fit together: {error}"));
                Entry::Unreadable(Box::new(GameSummary::unreadable(entry, Some(error.to_string()))))
            }
        };
        report.totals.count(reported.summary());
        report.games.push(reported);
    }
    let text = match args.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => report.text(args.l2_rpc.as_deref(), total)?,
    };
    // Whoever reads only the beginning, as `head` does, has what he wants.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(LOOK) })
}

/// Whether something can still happen in a dispute, or it owes something.
fn matters(entry: &GameEntry) -> bool {
    entry.game().map_or(true, |game| {
        let is_closed = |status: Status| {
            matches!(status, Status::Upheld | Status::BondDistributed | Status::BondReclaimed)
        };
        game.claims.iter().any(|claim| !is_closed(claim.status))
            || game.credits.values().any(|credit| !credit.is_zero())
    })
}

/// What the contracts of disputes have in which money is.
async fn balances(open: &Open, entries: &[&GameEntry]) -> Result<BTreeMap<Address, U256>> {
    let mut balances = BTreeMap::new();
    for entry in entries.iter().filter(|entry| matters(entry)) {
        let address = entry.address();
        let asked = open.client.provider().get_balance(address).block_id(BlockId::from(open.head.hash));
        let balance = asked.await.with_context(|| format!("cannot ask L1 what {address} has"))?;
        balances.insert(address, balance);
    }
    Ok(balances)
}

impl Entry {
    fn summary(&self) -> &GameSummary {
        match self {
            Self::Read(judged) => &judged.report.summary,
            Self::Unreadable(summary) => summary,
        }
    }
}

impl Totals {
    fn count(&mut self, game: &GameSummary) {
        self.games += 1;
        self.bonds += game.bonds;
        match game.status {
            GameStatus::Upheld => self.upheld += 1,
            GameStatus::Refuted => self.refuted += 1,
            GameStatus::Reclaimed => self.reclaimed += 1,
            GameStatus::Unreadable => self.unreadable += 1,
            GameStatus::Open => {
                self.open += 1;
                match game.root {
                    Verity::Right => self.right += 1,
                    Verity::Wrong => self.wrong += 1,
                    Verity::Unknown => self.unknown += 1,
                }
            }
        }
    }
}

impl Report {
    fn problem(&mut self, entry: &GameEntry, text: String) {
        self.problems.push(Problem { game: entry.index, address: entry.address(), text });
    }

    /// Reports on a dispute, and what is wrong with it.
    fn look(
        &mut self,
        entry: &GameEntry,
        game: &Game,
        outputs: &Outputs,
        balance: Option<U256>,
        own: &[Address],
    ) -> Entry {
        let now = self.l1_time;
        let report = GameReport::new(entry, game, outputs, now);
        let summary = &report.summary;
        match (summary.root, summary.status, summary.ahead) {
            (Verity::Wrong, GameStatus::Upheld, _) => self.problem(entry, "a WRONG root was upheld".into()),
            (Verity::Right, GameStatus::Refuted, _) => self.problem(entry, "a right root was refuted".into()),
            (Verity::Wrong, GameStatus::Open, Some(Leader::Proposal)) => {
                let left = game.time_left(game.root(), now);
                let left = if left == 0 {
                    "no time is left to attack it".into()
                } else {
                    format!("{} are left", time(left))
                };
                self.problem(entry, format!("a WRONG root is ahead; {left}"));
            }
            (Verity::Right, GameStatus::Open, Some(Leader::Challengers)) => {
                self.problem(entry, "a right root is behind: its attackers are not answered".into());
            }
            _ => {}
        }
        if summary.suspended && summary.status == GameStatus::Open {
            self.problem(entry, "its machine is broken: bonds can only be taken back".into());
        }
        let is_late = |claim: &crate::game::Claim| {
            let since =
                if claim.status == Status::Countered { claim.won_at } else { Some(game.deadline(claim)) };
            game.resolvable(claim, now).is_some()
                && since.is_some_and(|since| now >= since.saturating_add(SLACK))
        };
        self.totals.resolvable +=
            game.claims.iter().filter(|claim| game.resolvable(claim, now).is_some()).count();
        match game.claims.iter().filter(|claim| is_late(claim)).count() {
            0 => {}
            late => {
                self.problem(entry, format!("{late} claims could have been resolved for an hour or longer"))
            }
        }
        for claim in report.tree.iter().filter(|claim| own.contains(&claim.claimant)) {
            if matches!(claim.verdict, ClaimVerdict::Invalid | ClaimVerdict::Poisoned) {
                self.problem(entry, format!("{} has made a wrong claim, {}", claim.claimant, claim.id));
            }
        }
        let owed: U256 = report.credits.iter().map(|credit| credit.amount).sum();
        self.totals.credits += owed;
        let to_own = report.credits.iter().filter(|credit| own.contains(&credit.account));
        self.totals.own_credits += to_own.map(|credit| credit.amount).sum::<U256>();
        let needed = owed + summary.bonds;
        if let Some(balance) = balance.filter(|balance| *balance < needed) {
            let text = format!("it has {} ETH, and owes {}", ether(balance), ether(needed));
            self.problem(entry, text);
        }
        let next = next(game, now);
        Entry::Read(Box::new(Judged { report, balance: balance.map(|balance| balance.to_string()), next }))
    }

    /// For people. `judge` is the node by which it was judged; `total`, how many proposals there are.
    fn text(&self, judge: Option<&str>, total: usize) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        writeln!(out, "rollup chain {}, as of L1 block {}", self.chain_id, self.l1_block)?;
        let Totals { games, open, upheld, refuted, reclaimed, unreadable, .. } = self.totals;
        let shown = if games == total { String::new() } else { format!(" of {total}") };
        writeln!(
            out,
            "{games}{shown} proposals: {open} open, {upheld} upheld, {refuted} refuted, {reclaimed} given back, {unreadable} unreadable"
        )?;
        let Totals { wrong, right, unknown, resolvable, .. } = self.totals;
        writeln!(
            out,
            "  of the open: {wrong} wrong, {right} right, {unknown} not judged; {resolvable} claims can be resolved"
        )?;
        let Totals { bonds, credits, own_credits, .. } = self.totals;
        writeln!(
            out,
            "  {} ETH in bonds, {} ETH owed, {} ETH of it to you",
            ether(bonds),
            ether(credits),
            ether(own_credits)
        )?;
        for entry in &self.games {
            writeln!(out, "{}", line(entry))?;
        }
        match judge {
            Some(url) => writeln!(out, "judged by what {url} says of blocks")?,
            None => writeln!(out, "NOTHING IS JUDGED: name a node that you trust by --l2-rpc URL")?,
        }
        match self.problems.len() {
            0 => writeln!(out, "nothing is known that a person must look at")?,
            1 => writeln!(out, "one thing that a person must look at:")?,
            count => writeln!(out, "{count} things that a person must look at:")?,
        }
        for Problem { game, address, text } in &self.problems {
            writeln!(out, "  proposal {game}  {address}  {text}")?;
        }
        Ok(out)
    }
}

fn line(entry: &Entry) -> String {
    let summary = entry.summary();
    let GameSummary { index, address, block, claims, .. } = summary;
    let status = match (summary.status, summary.ahead) {
        (GameStatus::Open, Some(Leader::Proposal)) => "open, proposal ahead",
        (GameStatus::Open, Some(Leader::Challengers)) => "open, challengers ahead",
        (GameStatus::Open, None) => "open, machine broken",
        (GameStatus::Upheld, _) => "upheld",
        (GameStatus::Refuted, _) => "refuted",
        (GameStatus::Reclaimed, _) => "bond given back",
        (GameStatus::Unreadable, _) => "unreadable",
    };
    let root = match summary.root {
        Verity::Right => "right",
        Verity::Wrong => "WRONG",
        Verity::Unknown => "?",
    };
    let next = match entry {
        Entry::Read(judged) => judged.next.as_str(),
        Entry::Unreadable(_) => "",
    };
    let of = if *claims == 1 { "claim " } else { "claims" };
    format!("{index:>5}  {address}  block {block:>9}  {claims:>4} {of}  {status:<24}  {root:<5}  {next}")
}
