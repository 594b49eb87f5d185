//! `testnet upgrade`.

use std::{path::PathBuf, sync::Arc};

use alloy::{
    eips::BlockId,
    network::Ethereum,
    primitives::{Address, B256, Bytes},
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, bail};
use bindings::ITimelock;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use rollup::{
    RollupConfig,
    l1::{FeeCaps, L1Client, L1Error, TxManager, TxOptions, TxRequest, reach_for_command},
    signer::Signer,
};
use testnet::{
    Deployer, Program,
    public::{ContractSender, SendingOptions},
    upgrade::{Governed, Operation, OperationState, Proxied, UpgradePlan, UpgradeWish, operations},
};

use super::sending::{SendingArguments, tell};

/// `testnet upgrade`
#[derive(Debug, Subcommand)]
pub(super) enum UpgradeCommand {
    /// Shows what an upgrade would do, and by when users would have to begin to leave. Sends nothing, needs no key.
    Plan(PlanArguments),
    /// Deploys the new contracts, and puts the upgrade into the timelock.
    ///
    /// Anybody can deploy; only the owner schedules. If --key is not the owner's, the transaction that the owner has to send is
    /// printed: for a multisig. Interrupted at any point, the same command goes on where it was.
    Schedule(Box<ScheduleArguments>),
    /// Executes an upgrade that has waited. Anybody can.
    Execute(ExecuteArguments),
    /// Shows what stands in the timelock: what it does, when, and what is odd about it.
    Status(StatusArguments),
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    rollup: RollupArguments,
    #[command(flatten)]
    wish: WishArguments,
}

#[derive(Debug, Args)]
pub(super) struct ScheduleArguments {
    #[command(flatten)]
    rollup: RollupArguments,
    #[command(flatten)]
    wish: WishArguments,
    #[command(flatten)]
    sending: SendingArguments,
    /// Folder for `upgrade.json`, the record by which an interrupted upgrade goes on.
    #[arg(long, value_name = "DIR", default_value = "upgrade")]
    dir: PathBuf,
    /// Begin anew, although the folder has the record of an upgrade.
    #[arg(long)]
    restart: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExecuteArguments {
    #[command(flatten)]
    rollup: RollupArguments,
    #[command(flatten)]
    sending: SendingArguments,
    /// Which one, if several can be executed.
    #[arg(long, value_name = "ID")]
    operation: Option<B256>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    rollup: RollupArguments,
    /// Also what is over: executed, cancelled, expired.
    #[arg(long)]
    all: bool,
}

/// Which rollup.
#[derive(Debug, Args)]
struct RollupArguments {
    /// The rollup's configuration; for new rules of L2, with the schedule of rules that is to come.
    #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
    rollup: PathBuf,
    /// HTTP endpoint of an L1 node.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC")]
    l1_rpc: String,
}

/// What is to be changed.
#[derive(Debug, Args)]
struct WishArguments {
    /// New games are of a new version: with --program, and the rules of --rollup. Games that there are keep theirs.
    #[arg(long)]
    game: bool,
    /// A version with this release's machine takes over if an L1 fork breaks the one in use.
    #[arg(long, conflicts_with = "game")]
    standby: bool,
    /// Put this release's code behind a proxy, with the constants that the contract has. May be repeated.
    #[arg(long, value_name = "NAME", value_enum)]
    contract: Vec<Proxied>,
    /// The fault proof program, an ELF file. Default: this release's.
    #[arg(long, value_name = "FILE", env = "RECOURSE_PROGRAM")]
    program: Option<PathBuf>,
    /// An operation that must be executed before this one. Of two that can be executed anybody chooses the first.
    #[arg(long, value_name = "ID")]
    after: Option<B256>,
}

impl WishArguments {
    fn read(&self) -> Result<UpgradeWish> {
        let program = match &self.program {
            Some(path) => Program::read(path)?,
            None if self.game || self.standby => Program::load()?,
            None => Program::default(),
        };
        let mut contracts = self.contract.clone();
        contracts.sort();
        contracts.dedup();
        Ok(UpgradeWish {
            game: self.game,
            standby: self.standby,
            contracts,
            program,
            predecessor: self.after.unwrap_or_default(),
        })
    }
}

/// A rollup, and what L1 says of it.
struct Opened {
    client: L1Client,
    config: RollupConfig,
    governed: Governed,
}

impl Opened {
    async fn open(arguments: &RollupArguments) -> Result<Self> {
        let config = RollupConfig::load(&arguments.rollup)?;
        let client = reach_for_command(std::slice::from_ref(&arguments.l1_rpc), &config, None).await?;
        let governed = Governed::read(&client, &config).await?;
        Ok(Self { client, config, governed })
    }

    /// The code of the step verifier that games use now.
    async fn machine(&self) -> Result<Bytes> {
        let machine = self.client.provider().get_code_at(self.governed.parameters.riscV);
        Ok(machine.number(self.governed.head).await.map_err(L1Error::from)?)
    }

    /// Prints what an operation does.
    async fn show(&self, operation: &Operation) -> Result<()> {
        for call in &operation.calls {
            println!("  - {}", call.what(&self.config, &self.governed));
            for odd in call.oddities(&self.client, &self.config, &self.governed).await? {
                println!("    WARNING: {odd}");
            }
        }
        if !operation.is_complete() {
            println!(
                "    WARNING: L1's logs of it are incomplete: it does something else, or more. Ask another endpoint"
            );
        }
        if operation.values.iter().any(|value| !value.is_zero()) {
            println!("    WARNING: it sends ETH, which the contracts do not need");
        }
        if !operation.predecessor.is_zero() {
            println!("  only after operation {}", operation.predecessor);
        }
        Ok(())
    }

    /// Prints by when users have to begin to leave what can be executed from then on.
    fn show_exit(&self, due: u64) {
        let times = self.governed.exit_times();
        for (time, how) in [
            (times.usual(), "as long as the rollup is run as it should be"),
            (times.worst(), "even if owner, guardian, batcher and proposer try to keep them in"),
        ] {
            let latest = due.saturating_sub(time);
            let left = latest.saturating_sub(self.governed.now);
            match left {
                0 => println!("  too late to leave before, {how} (it takes {})", lasting(time)),
                left => println!(
                    "  users who begin to leave by {} ({} left) are out, {how}",
                    at(latest),
                    lasting(left)
                ),
            }
        }
    }
}

pub(super) async fn run(command: UpgradeCommand) -> Result<()> {
    match command {
        UpgradeCommand::Plan(arguments) => plan(&arguments).await,
        UpgradeCommand::Schedule(arguments) => schedule(&arguments).await,
        UpgradeCommand::Execute(arguments) => execute(&arguments).await,
        UpgradeCommand::Status(arguments) => status(&arguments).await,
    }
}

async fn plan(arguments: &PlanArguments) -> Result<()> {
    let opened = Opened::open(&arguments.rollup).await?;
    // Who deploys decides the addresses, which are not known yet.
    let nobody = Deployer { l1_chain_id: opened.config.l1_chain_id, account: Address::ZERO, first_nonce: 0 };
    let (wish, machine) = (arguments.wish.read()?, opened.machine().await?);
    let plan = UpgradePlan::new(&wish, &opened.config, &opened.governed, &machine, nobody)?;
    let Governed { delay, grace, now, owner, .. } = opened.governed;
    println!("To deploy, by anybody (addresses follow from who does):");
    for step in &plan.steps {
        println!("  - {:24} at most {:>9} gas", step.what, step.gas);
    }
    println!("Then the owner {owner} schedules, in one operation:");
    for call in &plan.calls {
        let mut what = call.what(&opened.config, &opened.governed);
        for step in &plan.steps {
            what = what.replace(&step.address.to_string(), &format!("the new {}", step.what));
        }
        println!("  - {what}");
    }
    println!(
        "Scheduled now, anybody can execute it from {} on, for {}.",
        at(now.saturating_add(delay)),
        lasting(grace)
    );
    opened.show_exit(now.saturating_add(delay));
    println!("Next: the same with `schedule` and --key.");
    Ok(())
}

async fn schedule(arguments: &ScheduleArguments) -> Result<()> {
    let opened = Opened::open(&arguments.rollup).await?;
    let wish = arguments.wish.read()?;
    let (signer, options) = (arguments.sending.signer("owner")?, arguments.sending.options()?);
    let account = signer.address();
    let timelock = opened.governed.timelock;
    let url = arguments.rollup.l1_rpc.parse().context("--l1-rpc is not a URL")?;
    let l1 = RootProvider::<Ethereum>::new_http(url);
    let machine = opened.machine().await?;
    let record = arguments.dir.join("upgrade.json");
    let (mut sending, plan) = ContractSender::begin(
        l1,
        opened.config.l1_chain_id,
        signer.clone(),
        (&record, arguments.restart),
        None,
        |deployer, _| {
            let plan = UpgradePlan::new(&wish, &opened.config, &opened.governed, &machine, deployer)?;
            let steps = plan.steps.clone();
            Ok((plan, steps))
        },
    )
    .await?;
    let found = sending.found().await?;
    println!("To deploy:");
    for (index, step) in plan.steps.iter().enumerate() {
        println!("  - {:24} {}  {}", step.what, step.address, if index < found { "there" } else { "" });
    }
    println!("To schedule, in one operation:");
    for call in &plan.calls {
        println!("  - {}", call.what(&opened.config, &opened.governed));
    }
    let due = opened.governed.now.saturating_add(opened.governed.delay);
    println!("Scheduled now, anybody can execute it from {} on.", at(due));
    opened.show_exit(due);
    let (gas, wei) = sending.cost(found, &options).await?;
    println!(
        "{} contracts to deploy, at most {gas} gas, {} ETH at L1's present price.",
        plan.steps.len() - found,
        alloy::primitives::utils::format_ether(wei)
    );
    sending.check_balance(wei).await?;
    if !arguments.sending.confirmed("Go on?")? {
        return Ok(());
    }
    sending.run(&options, |progress| tell(progress, &plan.steps)).await?;

    // That may have taken a while.
    let opened = Opened::open(&arguments.rollup).await?;
    let id = plan.operation_id();
    let all = operations(&opened.client, &opened.config, &opened.governed).await?;
    if let Some(there) = all.iter().find(|operation| operation.id == id) {
        let again = match there.state {
            OperationState::Expired | OperationState::Done => ": begin anew with --restart",
            _ => "",
        };
        if there.state != OperationState::Cancelled {
            println!("Operation {id} is in the timelock already; it {}{again}.", there.state.name());
            return Ok(());
        }
    }
    let role = ITimelock::PROPOSER_ROLECall {};
    let role = opened.client.view(timelock, role, BlockId::latest()).await?;
    let call = ITimelock::hasRoleCall { role, account };
    if !opened.client.view(timelock, call, BlockId::latest()).await? {
        println!("\n{account} is not the owner. This is what {} has to send:", opened.governed.owner);
        println!("  to     {timelock}");
        println!("  value  0");
        println!("  data   {}", plan.schedule_call());
        println!("Its operation is {id}; the delay of {} begins with it.", lasting(opened.governed.delay));
        println!("Then look: testnet upgrade status --rollup {}", arguments.rollup.rollup.display());
        return Ok(());
    }
    let manager = manager(&opened.client, "owner", signer, &options);
    let request = TxRequest { to: timelock, data: plan.schedule_call(), ..TxRequest::default() };
    let receipt = manager.send(request).await.context("scheduling")?;
    println!("\nScheduled as operation {id}, in transaction {}.", receipt.transaction_hash);
    let due = opened.client.view(timelock, ITimelock::getTimestampCall { id }, BlockId::latest()).await?;
    println!(
        "Next: `status` shows it; `execute` from {} on. The owner can take it back:",
        at(due.saturating_to())
    );
    println!("  cast send {timelock} 'cancel(bytes32)' {id}");
    Ok(())
}

async fn execute(arguments: &ExecuteArguments) -> Result<()> {
    let opened = Opened::open(&arguments.rollup).await?;
    let all = operations(&opened.client, &opened.config, &opened.governed).await?;
    let operation = choose(&all, arguments.operation)?;
    println!("Operation {}:", operation.id);
    opened.show(operation).await?;
    let (signer, options) = (arguments.sending.signer("executor")?, arguments.sending.options()?);
    if !arguments.sending.confirmed("Execute this?")? {
        return Ok(());
    }
    let manager = manager(&opened.client, "executor", signer, &options);
    let to = opened.governed.timelock;
    let request = TxRequest { to, data: operation.execute_call(), ..TxRequest::default() };
    let receipt = manager.send(request).await.context("executing")?;
    println!("Executed, in transaction {}.", receipt.transaction_hash);
    Ok(())
}

/// The operation to execute.
fn choose(all: &[Operation], id: Option<B256>) -> Result<&Operation> {
    if let Some(id) = id {
        let found = all.iter().find(|operation| operation.id == id);
        let operation = found.with_context(|| format!("the timelock has no operation {id}"))?;
        match operation.state {
            OperationState::Ready => return Ok(operation),
            OperationState::Waiting => bail!("operation {id} waits until {}", at(operation.due)),
            over => bail!("operation {id} {}", over.name()),
        }
    }
    let mut ready = all.iter().filter(|operation| operation.state == OperationState::Ready);
    match (ready.next(), ready.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            bail!("several operations can be executed: name one by --operation; `status` lists them")
        }
        (None, _) => {
            let soonest = all
                .iter()
                .filter(|operation| operation.state == OperationState::Waiting)
                .map(|one| one.due)
                .min();
            match soonest {
                Some(due) => bail!("nothing can be executed before {}", at(due)),
                None => bail!("nothing waits in the timelock"),
            }
        }
    }
}

async fn status(arguments: &StatusArguments) -> Result<()> {
    let opened = Opened::open(&arguments.rollup).await?;
    let Governed { timelock, delay, grace, owner, version, standby, now, .. } = opened.governed;
    println!("L1's time       {}", at(now));
    println!("timelock        {timelock}: {} of waiting, then {} to execute", lasting(delay), lasting(grace));
    println!("owner           {owner}");
    println!("new games       are of version {version}");
    match standby.is_zero() {
        true => println!("standby         none"),
        false => println!("standby         {standby}"),
    }
    for odd in opened.governed.odd_powers(&opened.client, &opened.config).await? {
        println!("WARNING: {odd}");
    }
    println!("(For all of it: recourse-node verify-rollup)");
    let mut shown = 0;
    for operation in operations(&opened.client, &opened.config, &opened.governed).await? {
        let is_over = !matches!(operation.state, OperationState::Waiting | OperationState::Ready);
        if is_over && !arguments.all {
            continue;
        }
        shown += 1;
        println!("\nOperation {} {}", operation.id, operation.state.name());
        opened.show(&operation).await?;
        match operation.state {
            OperationState::Waiting => {
                let left = operation.due.saturating_sub(now);
                println!("  anybody can execute it from {} on, in {}", at(operation.due), lasting(left));
                opened.show_exit(operation.due);
            }
            OperationState::Ready => {
                println!(
                    "  until {}; it may happen in the next block",
                    at(operation.due.saturating_add(grace))
                );
            }
            _ => {}
        }
    }
    if shown == 0 {
        println!("\nNothing waits in the timelock.");
    }
    Ok(())
}

fn manager(
    client: &L1Client,
    role: &'static str,
    signer: Signer,
    options: &SendingOptions,
) -> Arc<TxManager> {
    let caps = FeeCaps { max_fee: options.max_fee, ..FeeCaps::default() };
    TxManager::new(client.clone(), signer, TxOptions { caps, role, ..TxOptions::default() })
}

/// A time of L1, in UTC.
fn at(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("{seconds} s"), |time| time.to_string())
}

/// A length of time, in its two greatest units.
fn lasting(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, unit) in units {
        if rest >= unit && parts.len() < 2 {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}
