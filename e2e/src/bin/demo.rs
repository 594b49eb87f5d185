//! `make demo`: a proposer lies about the rollup's state, and a challenger beats the lie, live.
//!
//! Everything is real: an L1, the contracts, a sequencer, a challenger as a process of its own that knows nothing but
//! L1, and a liar that plays by the challenger's own code with a patched truth. The exit code is 0 only if the lie was
//! beaten and the honest bonds came back.
//!
//! The challenger's page shows it; `--pace` makes it slow enough to follow.

use std::{
    collections::BTreeMap,
    fs,
    io::IsTerminal,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use e2e::{
    dispute::{Arena, Rival, Setting, ends_in_a_step, is_over, machine_seconds},
    net::{L1_BLOCK_TIME, Load, user},
};
use fraud_prover::{
    game::{Claim, ClaimId, Game, Level, Status},
    l1::{GameEvent, Logged},
};
use rollup::process::stop_signal;
use serde_json::json;
use testnet::{Process, ports};

/// Each side's clock, in seconds of L1's time, which runs five times as fast as ours here.
const CLOCK: u64 = 240;
/// Blocks that there are.
const BLOCKS: u64 = 300;
/// Blocks that the proposal may be about. There is more to see if the honest side is asked for a single step at last.
const TARGETS: [u64; 2] = [300, 250];
/// The first block that the liar may lie about.
const WRONG_BLOCK: u64 = 173;
/// The demonstration fails if it takes longer.
const LIMIT: Duration = Duration::from_secs(170);
/// Most L1 blocks from the proposal to the end: at a pace, the limit is as much longer.
const MOST_BLOCKS: u32 = 40;

/// A proposer lies about a rollup's state, and a challenger beats the lie, live: in the terminal, and on the challenger's page.
#[derive(Clone, Copy, Debug, Parser)]
#[command(name = "demo", version)]
struct Options {
    /// At a pace for people: so many seconds for each move. The page stays at the end, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=15))]
    pace: Option<u64>,
    /// Port of the challenger's page; a free one if it is taken.
    #[arg(long, default_value_t = 9700)]
    page_port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match demo(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Terminal colours.
struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }

    fn lie(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn truth(&self, text: &str) -> String {
        self.with("32", text)
    }

    fn strong(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn faint(&self, text: &str) -> String {
        self.with("2", text)
    }
}

/// What is told of a dispute.
struct Story {
    paint: Paint,
    started: Instant,
    honest: Address,
    told: usize,
    gas: BTreeMap<Address, (u64, u64)>,
    first_counter: Option<Duration>,
    moves: u64,
    honest_moves: u64,
}

/// A dispute that is over, with all that still runs.
struct Played {
    arena: Arena,
    challenger: Process,
    rival: Rival,
    page: String,
    beaten: bool,
    returned: bool,
}

async fn demo(options: Options) -> Result<()> {
    let mut stopped = Box::pin(stop_signal());
    // What runs ends with the future that is dropped then.
    let played = tokio::select! {
        played = play(options) => played?,
        () = &mut stopped => bail!("interrupted"),
    };
    if options.pace.is_some() {
        let line = format!("the page stays at http://{} until Ctrl-C", played.page);
        println!("{}", Paint(std::io::stdout().is_terminal()).strong(&line));
        stopped.await;
    }
    let Played { arena, challenger, rival, beaten, returned, .. } = played;
    drop(challenger);
    rival.end().await?;
    arena.end().await?;
    ensure!(beaten, "the lie was not beaten");
    ensure!(returned, "an honest bond did not come back");
    Ok(())
}

async fn play(options: Options) -> Result<Played> {
    let began = Instant::now();
    let pace = options.pace.map(Duration::from_secs);
    let limit = LIMIT + pace.unwrap_or_default() * MOST_BLOCKS;
    let paint = Paint(std::io::stdout().is_terminal());
    println!("{}", paint.strong("A lie about a rollup's state, and how it is beaten"));
    println!();
    println!("A rollup runs its transactions off L1 and tells L1 only the resulting state: 32 bytes.");
    println!("Anyone may propose such a state, with a bond. If it is wrong, anyone may prove it, and wins.");
    println!();
    println!(
        "{}",
        paint.faint("starting L1, contracts, a sequencer, and an honest challenger that knows only L1 …")
    );
    let setting = Setting { clock: CLOCK, blocks: 1 };
    let mut arena = Arena::with(Arena::options("demo", setting)?).await?;
    let (honest, liar) = (user(1)?, user(6)?);
    let port = ports::free()?;
    let metrics = format!("127.0.0.1:{port}");
    let page_port = if ports::is_free(options.page_port) { options.page_port } else { ports::free()? };
    let page = SocketAddr::from((Ipv4Addr::LOCALHOST, page_port)).to_string();
    let l2 = arena.net.devnet.sequencer()?.http_url();
    let arguments = ["--metrics", &metrics, "--page", &page, "--l2-rpc", &l2];
    let mut challenger = arena.challenger("challenger", &honest, &arguments)?;
    println!("{} http://{page}", paint.strong("look at it, on the challenger's page:"));
    println!(
        "{}",
        paint.faint(&format!("L1 for commands of the page: export L1={}", arena.net.devnet.anvil.url()))
    );
    let load = Load::start(
        arena.net.devnet.sequencer()?.provider(),
        arena.net.devnet.rollup.chain.chain_id,
        vec![user(2)?, user(3)?],
    );
    println!("{}", paint.faint(&format!("users send transactions, until L2 has {BLOCKS} blocks …")));
    arena.wait_for_blocks(BLOCKS).await?;
    let sent = load.stop().await?.len();
    println!(
        "{}",
        paint.faint(&format!("{sent} transfers in {} blocks, all of their data on L1", arena.newest()))
    );

    let (target, plot) = ends_in_a_step(&arena, WRONG_BLOCK..TARGETS[1], &TARGETS).await?;
    let rival = arena.rival("liar", liar.clone(), plot)?;
    let balance = arena.balance(honest.address()).await?;
    let before = arena.net.devnet.anvil.provider().get_block_number().await?;
    println!();
    if let Some(pace) = pace {
        // Each move is in an L1 block, and answers one in the block before.
        arena.miner.set_interval(pace);
    }
    let lying = arena.liar(plot)?;
    let game = arena.propose(&liar, &lying, target).await?;
    let started = Instant::now();
    let mut story = Story {
        paint,
        started,
        honest: honest.address(),
        told: 0,
        gas: BTreeMap::new(),
        first_counter: None,
        moves: 0,
        honest_moves: 0,
    };
    story.proposal(&arena.game(game).await?);

    // The dispute, until a step is proven.
    loop {
        ensure!(began.elapsed() < limit, "the dispute takes too long");
        challenger.check_alive()?;
        let done = story.tell(&mut arena, game).await?;
        if done {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let narrowed = started.elapsed();
    if let Some(pace) = pace {
        tokio::time::sleep(pace).await;
        arena.miner.set_interval(L1_BLOCK_TIME);
    }
    println!();
    println!(
        "Nothing is left to argue about. Now clocks run out: a claim that nobody countered in time is upheld."
    );
    println!("{}", story.paint.faint("(L1's clock is turned forward, so that nobody has to wait)"));
    println!();
    let end = loop {
        ensure!(began.elapsed() < limit, "closing the dispute takes too long");
        arena.expire().await?;
        let closed = tokio::time::timeout(
            Duration::from_secs(12),
            arena.wait(game, "the game ends", Duration::from_secs(12), |state| {
                is_over(state, &[honest.address()])
            }),
        );
        if let Ok(Ok(end)) = closed.await {
            break end;
        }
    };
    story.tell(&mut arena, game).await?;

    let compute = machine_seconds(&metrics).await.unwrap_or_default();
    let costs = arena.costs(before + 1).await?;
    let after = arena.balance(honest.address()).await?;
    let beaten = end.root().status == Status::BondDistributed || end.root().status == Status::Refuted;
    let returned = end
        .claims
        .iter()
        .filter(|claim| claim.claimant == honest.address())
        .all(|claim| claim.status == Status::Upheld)
        && end.credits.get(&honest.address()).is_none_or(|credit| credit.is_zero());
    let (honest_costs, liar_costs) = (
        costs.get(&honest.address()).copied().unwrap_or_default(),
        costs.get(&liar.address()).copied().unwrap_or_default(),
    );
    let levels = end.claims.iter().map(|claim| claim.depth + 1).max().unwrap_or(0);
    let bonds = |account: Address| -> U256 {
        end.claims.iter().filter(|claim| claim.claimant == account).map(|claim| claim.bond).sum()
    };
    let gained = after.saturating_sub(balance);
    let first = story.first_counter.context("the lie was never countered")?;

    println!();
    let verdict = if beaten { story.paint.truth("THE LIE FELL") } else { story.paint.lie("THE LIE STOOD") };
    println!("{}  {verdict}", story.paint.strong("Verdict:"));
    println!();
    println!("                              honest      liar");
    println!("  transactions           {:>11} {:>9}", honest_costs.transactions, liar_costs.transactions);
    println!("  gas                    {:>11} {:>9}", honest_costs.gas, liar_costs.gas);
    println!(
        "  bonds paid, ETH        {:>11} {:>9}",
        ether(bonds(honest.address())),
        ether(bonds(liar.address()))
    );
    println!("  bonds back             {:>11} {:>9}", if returned { "all" } else { "NOT ALL" }, "none");
    println!("  gained, ETH            {:>11}", ether(gained));
    println!();
    println!("  levels of claims       {levels:>11}");
    println!("  moves until a step     {:>11}", story.moves);
    println!("  first counter-move     {:>9.1} s", first.as_secs_f64());
    println!("  whole dispute          {:>9.1} s, clocks apart", narrowed.as_secs_f64());
    println!("  VM's computing         {compute:>9.1} s");
    let summary = json!({
        "beaten": beaten,
        "bonds_returned": returned,
        "levels": levels,
        "moves": story.moves,
        "honest_moves": story.honest_moves,
        "transactions": honest_costs.transactions + liar_costs.transactions,
        "honest_transactions": honest_costs.transactions,
        "liar_transactions": liar_costs.transactions,
        "honest_gas": honest_costs.gas,
        "liar_gas": liar_costs.gas,
        "blocks": target,
        "steps": end.claims.iter().find(|claim| claim.is_step_level()).map(|claim| claim.interval.length),
        "seconds_to_first_counter_move": first.as_secs_f64(),
        "seconds": narrowed.as_secs_f64(),
        "compute_seconds": compute,
    });
    let file = Path::new("target/demo.json");
    fs::create_dir_all("target")?;
    fs::write(file, format!("{}\n", serde_json::to_string_pretty(&summary)?))?;
    println!("\n{}", story.paint.faint(&format!("written to {}", file.display())));
    Ok(Played { arena, challenger, rival, page, beaten, returned })
}

fn ether(wei: U256) -> String {
    let text = alloy::primitives::utils::format_ether(wei);
    let end = text.find('.').map_or(text.len(), |dot| (dot + 5).min(text.len()));
    text[..end].to_owned()
}

fn short(hash: B256) -> String {
    format!("{}…", &hash.to_string()[..10])
}

fn range(claim: &Claim) -> String {
    let (first, last) = (claim.interval.start + 1, claim.interval.end());
    match claim.level {
        Level::Blocks => format!("blocks {first} to {last}"),
        Level::Steps { block, .. } => format!("steps {first} to {last} of block {block}"),
    }
}

impl Story {
    fn seconds(&self) -> String {
        format!("{:5.1} s", self.started.elapsed().as_secs_f64())
    }

    fn proposal(&self, game: &Game) {
        let root = game.root();
        let claimed = short(root.assertion());
        println!(
            "{}  {} “After block {} the state is {claimed}.”  bond {} ETH",
            self.seconds(),
            self.paint.lie("liar:      "),
            root.interval.end(),
            ether(root.bond)
        );
        println!(
            "                     The claim also names the states at {} points on the way there.",
            root.commitments.len()
        );
        println!(
            "                     Everybody agrees on the state before block 1, and on all transactions: they are on L1."
        );
        println!();
    }

    /// Tells what is new; whether a step was proven.
    async fn tell(&mut self, arena: &mut Arena, address: Address) -> Result<bool> {
        let entry = arena.entry(address).await?;
        let game = entry.game()?.clone();
        let l1 = arena.net.devnet.anvil.provider().clone();
        let mut proven = false;
        for event in entry.events.iter().skip(self.told) {
            let receipt = l1.get_transaction_receipt(event.transaction).await?;
            let gas = receipt.map(|receipt| receipt.gas_used).unwrap_or_default();
            proven |= matches!(event.event, GameEvent::Stepped(_));
            self.event(&game, event, gas);
        }
        self.told = entry.events.len();
        Ok(proven)
    }

    fn event(&mut self, game: &Game, event: &Logged<GameEvent>, gas: u64) {
        match &event.event {
            GameEvent::Attacked(attack) => {
                let Some(claim) = game.claim(ClaimId(attack.id)) else {
                    return;
                };
                self.moved(attack.claimant, gas);
                let left = game.parameters.max_clock_duration.saturating_sub(claim.elapsed);
                let crosses =
                    claim.is_step_level() && game.parent(claim).is_some_and(|parent| !parent.is_step_level());
                let says = if crosses {
                    format!(
                        "“Then run {}: the VM takes {} steps, and ends otherwise.”",
                        block(claim),
                        claim.interval.length
                    )
                } else {
                    format!("“Segment {} is wrong: look at {}.”", claim.segment, range(claim))
                };
                println!(
                    "{}  {} {}{says}  {}",
                    self.seconds(),
                    self.who(attack.claimant),
                    "· ".repeat(claim.depth),
                    self.paint.faint(&format!("{gas} gas, bond {} ETH, clock {left} s", ether(claim.bond)))
                );
            }
            GameEvent::Stepped(step) => {
                let Some(claim) = game.claim(ClaimId(step.id)) else {
                    return;
                };
                self.moved(step.stepper, gas);
                let number =
                    claim.segment_interval(step.part).map(|segment| segment.end()).unwrap_or_default();
                println!(
                    "{}  {} {}“Step {number} of {} is wrong. L1, run it.”  {}",
                    self.seconds(),
                    self.who(step.stepper),
                    "· ".repeat(claim.depth + 1),
                    block(claim),
                    self.paint.faint(&format!("{gas} gas"))
                );
                println!(
                    "{}  {} {}“I ran that one instruction. The claim about it is {}.”",
                    self.seconds(),
                    self.paint.strong("L1:        "),
                    "· ".repeat(claim.depth + 1),
                    self.paint.lie("FALSE")
                );
            }
            GameEvent::Decided(decided) => {
                let Some(claim) = game.claim(ClaimId(decided.id)) else {
                    return;
                };
                let outcome = if decided.upheld {
                    self.paint.truth("is upheld; its bond goes back")
                } else {
                    self.paint.lie("is refuted; half of its bond goes to whoever countered it")
                };
                println!(
                    "{}  {} {}the claim about {} {outcome}",
                    self.seconds(),
                    self.paint.strong("L1:        "),
                    "· ".repeat(claim.depth),
                    range(claim)
                );
            }
            GameEvent::Settled(_) => {}
            // No machine breaks here.
            GameEvent::Reclaimed(_) => {}
            GameEvent::CreditClaimed(paid) => println!(
                "{}  {} pays {} ETH to the {}",
                self.seconds(),
                self.paint.strong("L1:        "),
                ether(paid.amount),
                if paid.recipient == self.honest { "honest challenger" } else { "liar" }
            ),
        }
    }

    fn moved(&mut self, by: Address, gas: u64) {
        self.moves += 1;
        let entry = self.gas.entry(by).or_default();
        *entry = (entry.0 + 1, entry.1 + gas);
        if by == self.honest {
            self.honest_moves += 1;
            self.first_counter.get_or_insert_with(|| self.started.elapsed());
        }
    }

    fn who(&self, account: Address) -> String {
        if account == self.honest { self.paint.truth("challenger:") } else { self.paint.lie("liar:      ") }
    }
}

fn block(claim: &Claim) -> String {
    match claim.level {
        Level::Steps { block, .. } => format!("block {block}"),
        Level::Blocks => String::new(),
    }
}
