//! `recourse-node verify-rollup` on real deployments: a sound one has no deviation, and each planted one is found in the row
//! that is about it.

mod plants;
mod setting;

use std::{collections::BTreeSet, fs, process::Command};

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::{IProxyAdmin, ISystemConfig, ITimelock};
use rollup::RollupConfig;
use serde_json::Value;
use testnet::{DeployConfig, Program, public::Settings, tools};
use verify::RowVerdict;

use plants::{Plant, plants};
use setting::Setting;

/// The values of a preset, for other roles than a devnet's.
fn preset(name: &str, more: &str) -> Result<DeployConfig> {
    let role = |byte: u8| Address::repeat_byte(byte);
    let text = format!(
        "preset = \"{name}\"\nl1-chain-id = 31337\nl2-chain-id = 4711\nowner = \"{}\"\nguardian = \"{}\"\n\
         batcher = \"{}\"\nsigner = \"{}\"\n{more}",
        role(1),
        role(2),
        role(3),
        role(4)
    );
    Settings::read(&text)?.config(Program::load()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_deployment_of_each_preset_has_no_deviation() -> Result<()> {
    for (name, config, notes) in [
        ("mainnet", preset("mainnet", "")?, 6),
        ("testnet", preset("testnet", "")?, 6),
        ("devnet", preset("devnet", "")?, 6),
        ("without an admin", preset("mainnet", "upgrade-delay = \"never\"")?, 6),
        ("make devnet", DeployConfig::devnet()?, 7),
        ("before Karst", DeployConfig { karst_after: Some(60), ..DeployConfig::devnet()? }, 7),
    ] {
        let setting = Setting::deploy(config).await?;
        let report = setting.verify(&setting.rollup, &setting.program).await?;
        let deviations: Vec<_> = report.deviations().map(|row| (row.id(), &row.found)).collect();
        ensure!(deviations.is_empty(), "{name}: {deviations:#?}");
        let ids: BTreeSet<_> = report.rows.iter().map(verify::CheckRow::id).collect();
        ensure!(ids.len() == report.rows.len(), "{name}: two rows of one name\n{report}");
        let found = report.rows.iter().filter(|row| row.verdict == RowVerdict::Note).count();
        ensure!(found >= notes, "{name}: {found} notes\n{report}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_deviation_is_found_in_its_row() -> Result<()> {
    let setting = Setting::deploy(DeployConfig::devnet()?).await?;
    let all = plants(&setting).await?;
    ensure!(all.len() >= 60, "{} plants", all.len());
    let mut wrong = Vec::new();
    for (name, plant, expected) in all {
        let snapshot = setting.snapshot().await?;
        let (rollup, program) = setting.plant(&plant).await.with_context(|| name.to_owned())?;
        let report = setting.verify(&rollup, &program).await.with_context(|| name.to_owned())?;
        let found: BTreeSet<String> = report.deviations().map(verify::CheckRow::id).collect();
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
        let silent: Vec<_> = report.deviations().filter(|row| row.meaning.is_empty()).collect();
        ensure!(silent.is_empty(), "{name}: no meaning in {silent:?}");
        setting.revert(&snapshot).await?;
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let report = setting.verify(&setting.rollup, &setting.program).await?;
    ensure!(report.deviations().next().is_none(), "the plants were not taken back:\n{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_that_keeps_users_in_is_found() -> Result<()> {
    let setting = Setting::deploy(preset("testnet", "upgrade-delay = \"48h\"")?).await?;
    let report = setting.verify(&setting.rollup, &setting.program).await?;
    let found: Vec<_> = report.deviations().map(verify::CheckRow::id).collect();
    ensure!(found == ["delays: upgrade delay"], "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_where_nobody_should_be_one_is_found() -> Result<()> {
    let setting = Setting::deploy(DeployConfig { upgrade_delay: None, ..DeployConfig::devnet()? }).await?;
    let portal = setting.rollup.contracts.portal;
    let admin = U256::from_be_bytes(Address::repeat_byte(9).into_word().0);
    let plant = Plant::Storage(portal, setting::ADMIN_SLOT, admin);
    let (rollup, program) = setting.plant(&plant).await?;
    let report = setting.verify(&rollup, &program).await?;
    let found: Vec<_> = report.deviations().map(verify::CheckRow::id).collect();
    ensure!(found == ["powers: upgrades of Portal"], "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_announced_and_then_seen() -> Result<()> {
    let setting = Setting::deploy(DeployConfig::devnet()?).await?;
    let timelock = setting.timelock().await?;
    let owner = setting.config.accounts.owner;
    let target = setting.rollup.contracts.portal.create(1);
    let next = setting.copy_of_portal(&[]).await?;
    let upgrade = IProxyAdmin::upgradeAndCallCall {
        proxy: setting.rollup.contracts.portal,
        implementation: next,
        data: Default::default(),
    };
    let delay = setting.config.upgrade_delay.unwrap_or_default();
    let schedule = ITimelock::scheduleBatchCall {
        targets: vec![target],
        values: vec![U256::ZERO],
        payloads: vec![upgrade.abi_encode().into()],
        predecessor: B256::ZERO,
        salt: B256::ZERO,
        delay: U256::from(delay),
    };
    setting.send(owner, timelock, schedule.abi_encode()).await?;
    let notes = async || -> Result<Vec<String>> {
        let report = setting.verify(&setting.rollup, &setting.program).await?;
        ensure!(report.deviations().next().is_none(), "{report}");
        let rows = report.rows.iter().filter(|row| row.verdict == RowVerdict::Note);
        Ok(rows.map(|row| format!("{} {}", row.id(), row.found)).collect())
    };
    let pending = notes().await?;
    let named = |text: &String| {
        text.starts_with("powers: operation")
            && text.contains("can be executed in ")
            && text.contains("the ProxyAdmin of Portal")
            && text.contains(&next.to_string())
    };
    ensure!(pending.iter().any(named), "{pending:#?}");
    // What nobody has executed for two weeks is dead.
    let snapshot = setting.snapshot().await?;
    setting.anvil.increase_time(delay + 15 * 24 * 3600).await?;
    setting.anvil.mine(1).await?;
    let dead = notes().await?;
    ensure!(!dead.iter().any(|text| text.starts_with("powers: operation")), "{dead:#?}");
    setting.revert(&snapshot).await?;

    setting.anvil.increase_time(delay + 1).await?;
    let execute = ITimelock::executeBatchCall {
        targets: schedule.targets,
        values: schedule.values,
        payloads: schedule.payloads,
        predecessor: schedule.predecessor,
        salt: schedule.salt,
    };
    setting.send(owner, timelock, execute.abi_encode()).await?;
    let done = notes().await?;
    ensure!(done.iter().any(|text| text.starts_with("history: Portal replaced 1 times")), "{done:#?}");
    ensure!(!done.iter().any(|text| text.starts_with("powers: operation")), "{done:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_hands_over_leaves_his_power_over_upgrades_behind() -> Result<()> {
    let setting = Setting::deploy(DeployConfig::devnet()?).await?;
    let next = Address::repeat_byte(0x77);
    let system_config = setting.rollup.contracts.system_config;
    let transfer = ISystemConfig::transferOwnershipCall { newOwner: next };
    setting.send(setting.config.accounts.owner, system_config, transfer.abi_encode()).await?;
    setting.send(next, system_config, ISystemConfig::acceptOwnershipCall {}.abi_encode()).await?;
    let report = setting.verify(&setting.rollup, &setting.program).await?;
    let found: Vec<_> = report.deviations().map(verify::CheckRow::id).collect();
    ensure!(found == ["powers: role PROPOSER", "powers: role CANCELLER"], "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_answer_nothing_or_nonsense_are_deviations_and_no_errors() -> Result<()> {
    let setting = Setting::deploy(DeployConfig::devnet()?).await?;
    let contracts = setting.rollup.contracts;
    // Nothing; an invalid instruction; a revert; 4 KiB of zeros; no end.
    for code in ["0x", "0xfe", "0x60006000fd", "0x6110006000f3", "0x5b600056"] {
        for address in [contracts.portal, contracts.dispute_game_factory, contracts.anchor_state_registry] {
            let snapshot = setting.snapshot().await?;
            setting.plant(&Plant::Code(address, code.parse()?)).await?;
            let report = setting.verify(&setting.rollup, &setting.program).await?;
            ensure!(report.deviations().any(|row| row.id().ends_with("'s proxy")), "{code}: {report}");
            setting.revert(&snapshot).await?;
        }
    }
    Ok(())
}

/// Runs the command.
fn command(
    rollup: &RollupConfig,
    setting: &Setting,
    url: &str,
    more: &[&str],
) -> Result<(Option<i32>, String, String)> {
    let path = setting.dir.path().join("rollup.json");
    fs::write(&path, serde_json::to_vec(rollup)?)?;
    let mut command = Command::new(tools::recourse_node()?);
    command.arg("verify-rollup").arg(&path).args(["--l1-rpc", url]).args(more);
    let output = command.output()?;
    let text = |bytes| String::from_utf8(bytes).context("not UTF-8");
    Ok((output.status.code(), text(output.stdout)?, text(output.stderr)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_by_its_code_how_it_ended() -> Result<()> {
    let setting = Setting::deploy(DeployConfig::devnet()?).await?;
    let url = setting.anvil.url();
    let (code, table, error) = command(&setting.rollup, &setting, url, &[])?;
    ensure!(code == Some(0) && table.contains("0 deviate"), "{code:?} {table} {error}");
    let (code, json, _) = command(&setting.rollup, &setting, url, &["--json"])?;
    let json: Value = serde_json::from_str(&json)?;
    ensure!(
        code == Some(0)
            && json["deviations"] == 0
            && json["rows"].as_array().is_some_and(|rows| rows.len() > 60)
    );

    let other = RollupConfig { genesis_hash: B256::repeat_byte(1), ..setting.rollup.clone() };
    let (code, table, error) = command(&other, &setting, url, &[])?;
    ensure!(code == Some(1) && table.contains("DEVIATES  hash"), "{code:?} {table} {error}");

    let (code, table, error) = command(&setting.rollup, &setting, "http://127.0.0.1:9", &[])?;
    ensure!(code == Some(3) && table.is_empty(), "{code:?} {table}");
    ensure!(error.contains("could not be asked, which says nothing of the rollup"), "{error}");
    let (code, _, error) = command(&setting.rollup, &setting, url, &["--program", "no-such-file"])?;
    ensure!(code == Some(3) && error.contains("no-such-file"), "{code:?} {error}");
    Ok(())
}
