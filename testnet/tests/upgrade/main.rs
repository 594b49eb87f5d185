//! `testnet upgrade` on a real Anvil: by a key, and by a Safe.

mod safe;
mod setting;

use std::{fs, path::Path, process::Stdio};

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex},
    providers::Provider,
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IDisputeGame::IDisputeGameInstance, IDisputeGameFactory, IProxyAdmin, ISystemConfig,
    ISystemConfig::ISystemConfigInstance, ITimelock,
};
use testnet::{Anvil, AnvilOptions, DeployConfig, Mining, Program, Roles, deploy};

use safe::Safe;
use setting::{DELAY, Setting, contains, other_program, refuses, says};

/// Where ERC-1967 proxies keep their implementation.
const IMPLEMENTATION_SLOT: U256 =
    U256::from_be_bytes(hex!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"));

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_planned_scheduled_and_executed_and_every_command_says_by_when_users_can_leave()
-> Result<()> {
    let setting = Setting::new(None, Some(DELAY)).await?;
    let program = other_program()?;
    let game = ["--game", "--program", program.as_str()];
    contains(
        &says(setting.upgrade("plan", &game))?,
        &[
            "DisputeGame",
            "new games are of version",
            "too late to leave before",
            "Next: the same with `schedule`",
        ],
    )?;
    contains(&says(setting.upgrade("status", &[]))?, &["3 d of waiting", "Nothing waits in the timelock"])?;

    // Killed as soon as it has sent the first transaction: the same command goes on, and deploys nothing twice.
    let owner = setting.roles.owner.address();
    let mut killed = setting.with_key("schedule", "owner.key", &game).stdout(Stdio::piped()).spawn()?;
    let mut lines = std::io::BufReader::new(killed.stdout.take().context("no output")?);
    let mut line = String::new();
    while !line.contains("sent 0x") {
        line.clear();
        ensure!(std::io::BufRead::read_line(&mut lines, &mut line)? > 0, "it has ended");
    }
    killed.kill()?;
    killed.wait()?;
    let scheduled = says(setting.with_key("schedule", "owner.key", &game))?;
    contains(&scheduled, &["Scheduled as operation 0x", "cast send"])?;
    let used = setting.anvil.provider().get_transaction_count(owner).await?;
    contains(&says(setting.with_key("schedule", "owner.key", &game))?, &["is in the timelock already"])?;
    ensure!(setting.anvil.provider().get_transaction_count(owner).await? == used, "something was sent again");
    ensure!(used == 2, "{used} transactions");

    let before = setting.version().await?;
    let status = says(setting.upgrade("status", &[]))?;
    contains(
        &status,
        &["waits", "new games are of version", "anybody can execute it from", "even if owner, guardian"],
    )?;
    ensure!(!status.contains("WARNING"), "{status}");
    let early = refuses(setting.with_key("execute", "anybody.key", &[]))?;
    contains(&early, &["nothing can be executed before"])?;
    setting.anvil.increase_time(DELAY).await?;
    setting.anvil.mine(1).await?;
    contains(&says(setting.upgrade("status", &[]))?, &["can be executed now, by anyone"])?;
    contains(&says(setting.with_key("execute", "anybody.key", &[]))?, &["Executed, in transaction 0x"])?;
    let after = setting.version().await?;
    ensure!(after != before, "the same version is in force");
    let version = IDisputeGameInstance::new(after, setting.anvil.provider()).parameters().call().await?;
    ensure!(version.programRoot == Program::read(Path::new(&program))?.root, "another program");
    contains(&says(setting.upgrade("status", &["--all"]))?, &["was executed"])?;
    contains(&refuses(setting.with_key("execute", "anybody.key", &[]))?, &["nothing waits"])
}

/// All contracts behind proxies get new code at once, and go on with what they know.
#[tokio::test(flavor = "multi_thread")]
async fn all_contracts_are_upgraded_in_one_operation() -> Result<()> {
    let setting = Setting::new(None, Some(DELAY)).await?;
    let all = [
        "inbox",
        "portal",
        "system-config",
        "dispute-game-factory",
        "anchor-state-registry",
        "l1-cross-domain-messenger",
        "l1-standard-bridge",
    ];
    let wish: Vec<&str> = all.iter().flat_map(|name| ["--contract", *name]).collect();
    let contracts = setting.rollup.contracts;
    let proxies = [
        contracts.inbox,
        contracts.portal,
        contracts.system_config,
        contracts.dispute_game_factory,
        contracts.anchor_state_registry,
        contracts.l1_cross_domain_messenger,
        contracts.l1_standard_bridge,
    ];
    let implementations = async || -> Result<Vec<U256>> {
        let mut all = Vec::new();
        for proxy in proxies {
            all.push(setting.anvil.provider().get_storage_at(proxy, IMPLEMENTATION_SLOT).await?);
        }
        Ok(all)
    };
    let before = implementations().await?;
    let system = ISystemConfigInstance::new(contracts.system_config, setting.anvil.provider());
    let limit = system.gasLimit().call().await?;
    says(setting.with_key("schedule", "owner.key", &wish))?;
    setting.anvil.increase_time(DELAY).await?;
    setting.anvil.mine(1).await?;
    says(setting.with_key("execute", "anybody.key", &[]))?;
    let after = implementations().await?;
    ensure!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
    // The same code with the same constants: only its own address differs, which is no constant of theirs.
    for (before, after) in before.iter().zip(&after) {
        let code = async |slot: &U256| {
            setting.anvil.provider().get_code_at(Address::from_word((*slot).into())).await
        };
        let (before, after) = (code(before).await?, code(after).await?);
        let different = before.iter().zip(after.iter()).filter(|(one, other)| one != other).count();
        ensure!(before.len() == after.len() && different <= 20, "{different} bytes differ");
    }
    ensure!(system.gasLimit().call().await? == limit, "what it knew is gone");
    // Nodes would start: the contracts say what rollup.json says.
    contains(&says(setting.upgrade("status", &[]))?, &["Nothing waits"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_odd_in_the_timelock_is_warned_of() -> Result<()> {
    let setting = Setting::new(None, Some(DELAY)).await?;
    let contracts = setting.rollup.contracts;
    let nobody = Address::repeat_byte(0x77);
    let version = IDisputeGameFactory::setImplementationCall { implementation: nobody };
    setting.schedule_by_hand(contracts.dispute_game_factory, version.abi_encode()).await?;
    let admin = contracts.portal.create(1);
    let transfer = IProxyAdmin::transferOwnershipCall { newOwner: nobody };
    setting.schedule_by_hand(admin, transfer.abi_encode()).await?;
    let upgrade = IProxyAdmin::upgradeAndCallCall {
        proxy: contracts.portal,
        implementation: nobody,
        data: vec![1].into(),
    };
    setting.schedule_by_hand(admin, upgrade.abi_encode()).await?;
    let timelock = setting.timelock().await?;
    setting.schedule_by_hand(timelock, vec![1, 2, 3, 4]).await?;
    setting.schedule_by_hand(contracts.inbox, vec![5, 6, 7, 8]).await?;
    let status = says(setting.upgrade("status", &[]))?;
    let no_code = format!("there is no lasting code at {nobody}");
    contains(
        &status,
        &[
            no_code.as_str(),
            "Portal can be changed by",
            "whoever owns a proxy's admin changes its code at once",
            "Portal gets the code of",
            "it also calls the new code once",
            "it changes who may schedule",
            "0x05060708",
            "none of the calls that an upgrade consists of",
        ],
    )?;
    ensure!(status.matches(&no_code).count() == 2, "{status}");
    ensure!(status.matches("Operation 0x").count() == 5, "{status}");
    // Where several can be executed, one is named.
    setting.anvil.increase_time(DELAY).await?;
    setting.anvil.mine(1).await?;
    contains(
        &refuses(setting.with_key("execute", "anybody.key", &[]))?,
        &["several operations", "--operation"],
    )?;
    setting.anvil.increase_time(15 * 24 * 3600).await?;
    setting.anvil.mine(1).await?;
    contains(&says(setting.upgrade("status", &["--all"]))?, &["expired"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollup_can_have_a_standby_from_its_first_day() -> Result<()> {
    // A version that is there already: of another rollup.
    let first = Setting::new(None, Some(DELAY)).await?;
    let standby = first.version().await?;
    let mut config = DeployConfig::mainnet(4712, first.roles.accounts());
    (config.program, config.standby) = (Program::load()?, standby);
    first.anvil.set_mining(Mining::Manual).await?;
    let rollup = deploy(&first.anvil, &config, &first.roles).await?;
    fs::write(first.path("rollup.json"), serde_json::to_vec(&rollup)?)?;
    contains(&says(first.upgrade("status", &[]))?, &[&format!("standby         {standby}")])
}

/// The timelock's other kind of operation, which somebody may make by hand.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_a_single_call_is_shown_and_executed_as_well() -> Result<()> {
    let setting = Setting::new(None, Some(DELAY)).await?;
    let factory = setting.rollup.contracts.dispute_game_factory;
    let call = ITimelock::scheduleCall {
        target: factory,
        value: U256::ZERO,
        data: IDisputeGameFactory::setStandbyCall { standby: Address::ZERO }.abi_encode().into(),
        predecessor: B256::ZERO,
        salt: B256::repeat_byte(1),
        delay: U256::from(DELAY),
    };
    setting.as_owner(setting.timelock().await?, call.abi_encode()).await?;
    contains(&says(setting.upgrade("status", &[]))?, &["there is no standby any more", "waits"])?;
    setting.anvil.increase_time(DELAY).await?;
    setting.anvil.mine(1).await?;
    contains(&says(setting.with_key("execute", "anybody.key", &[]))?, &["Executed"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_later_is_refused_now() -> Result<()> {
    let setting = Setting::new(None, Some(DELAY)).await?;
    contains(&refuses(setting.upgrade("plan", &[]))?, &["nothing to upgrade"])?;
    contains(
        &refuses(setting.upgrade("plan", &["--game"]))?,
        &["have this program and these rules already"],
    )?;
    contains(&refuses(setting.upgrade("plan", &["--standby"]))?, &["would break at the same time"])?;
    let wrong = ["--operation", "0x0000000000000000000000000000000000000000000000000000000000000001"];
    contains(&refuses(setting.with_key("execute", "anybody.key", &wrong))?, &["has no operation"])?;
    let never = Setting::new(None, None).await?;
    contains(&refuses(never.upgrade("status", &[]))?, &["nobody can ever change it"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_owns_a_rollup_and_upgrades_it() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
    anvil.set_mining(Mining::OnDemand).await?;
    let safe = Safe::deploy(&anvil).await?;
    anvil.set_mining(Mining::Manual).await?;
    let address = safe.address;
    let setting = Setting::deployed(dir, anvil, Roles::development()?, Some(address), Some(DELAY)).await?;
    let system = ISystemConfigInstance::new(setting.rollup.contracts.system_config, setting.anvil.provider());
    // What the owner may do at once, two of three do; one alone cannot.
    let limit = ISystemConfig::setGasLimitCall { gasLimit: 40_000_000 }.abi_encode();
    ensure!(safe.send(*system.address(), limit.clone().into(), 1).await.is_err(), "one signature was enough");
    safe.send(*system.address(), limit.into(), 2).await?;
    ensure!(system.gasLimit().call().await? == 40_000_000);

    // Anybody deploys, and is told what the Safe has to send.
    let program = other_program()?;
    let wish = ["--game", "--program", program.as_str()];
    let said = says(setting.with_key("schedule", "anybody.key", &wish))?;
    contains(&said, &["is not the owner", &format!("This is what {address} has to send")])?;
    let word = |name: &str| -> Result<String> {
        let line =
            said.lines().find_map(|line| line.trim().strip_prefix(name)).with_context(|| said.clone())?;
        Ok(line.trim().to_owned())
    };
    let (to, data): (Address, Bytes) = (word("to ")?.parse()?, word("data ")?.parse()?);
    ensure!(to == setting.timelock().await?, "{said}");
    safe.send(to, data, 2).await?;
    contains(&says(setting.upgrade("status", &[]))?, &["waits", "new games are of version"])?;
    let before = setting.version().await?;
    setting.anvil.increase_time(DELAY).await?;
    setting.anvil.mine(1).await?;
    says(setting.with_key("execute", "anybody.key", &[]))?;
    ensure!(setting.version().await? != before, "the same version is in force");
    Ok(())
}
