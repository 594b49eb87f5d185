//! The challenger's commands, as a person uses them.

use std::{
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting},
    net::{soon, user},
};
use fraud_prover::{
    game::Status,
    truth::{Provers, commitments},
};
use rollup::program::program_path;
use serde_json::Value;
use testnet::{Key, Process, ProcessExit, tools};

use crate::common::propose;

/// The devnet as a person knows it: a file and a URL.
struct Session {
    rollup: PathBuf,
    l1: String,
    key: Key,
    dir: PathBuf,
}

impl Session {
    /// A command about the rollup, without its own arguments.
    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(tools::challenger()?);
        command.args(words).arg("--rollup").arg(&self.rollup).args(["--l1-rpc", &self.l1]);
        Ok(command)
    }

    fn watch(&self, name: &str, key: bool, extra: &[&str]) -> Result<Command> {
        let mut command = self.command(&["watch"])?;
        command.args(["--l1-beacon", &self.l1, "--l1-poll", "50ms"]);
        command.arg("--data-dir").arg(self.dir.join(name)).args(extra);
        if key {
            command.arg("--key").arg(self.key.path());
        }
        if !extra.contains(&"--program") {
            command.arg("--program").arg(program_path()?);
        }
        Ok(command)
    }

    fn by_hand(&self, words: &[&str]) -> Result<Command> {
        let mut command = self.command(&["move"])?;
        command.arg("--key").arg(self.key.path()).args(["--game", "0"]).args(words);
        Ok(command)
    }
}

async fn output(mut command: Command) -> Result<Output> {
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

async fn says(command: Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = output(command).await?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown} failed:\n{text}{errors}");
    Ok(text)
}

/// What a command that must fail says about it: one line.
async fn refuses(command: Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = output(command).await?;
    let errors = String::from_utf8(output.stderr)?;
    let logged = |line: &&str| !line.contains(" INFO ") && !line.contains(" WARN ");
    let lines: Vec<&str> = errors.lines().filter(logged).collect();
    ensure!(!output.status.success(), "{shown} succeeded");
    ensure!(lines.len() == 1, "{shown} should say one line, not:\n{errors}");
    Ok(lines[0].to_owned())
}

/// What a script reads of all disputes, and the exit code that it goes by.
async fn reports(session: &Session, extra: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut command = session.command(&["report", "--json"])?;
    command.args(extra);
    let output = output(command).await?;
    let report = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((output.status.code(), report))
}

fn contains(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_watches_and_plays_by_hand() -> Result<()> {
    let mut arena = Arena::start("commands", Setting::default()).await?;
    let dir = arena.net.devnet.dir.clone();
    let session = Session {
        rollup: arena.net.devnet.rollup_path(),
        l1: arena.net.devnet.anvil.url().to_owned(),
        key: Key::write(&dir.join("keys/person.key"), &user(1)?)?,
        dir: dir.join("data"),
    };
    let l2 = arena.net.devnet.sequencer()?.http_url();
    let trusted = ["--l2-rpc", l2.as_str()];
    contains(&says(session.command(&["games"])?).await?, &["no games yet"])?;

    let target = arena.newest();
    let plot = (Lie::WrongBalance { block: 7 }, Divergence::First);
    let game = propose(&mut arena, plot, 5, target).await?;
    let (index, address) = ("0", game.to_string());

    // Without a key: it tells, and does nothing.
    let log = dir.join("logs/watcher.log");
    let mut watcher = Process::spawn("watcher", &mut session.watch("watcher", false, &[])?, &log)?;
    soon("the watcher tells of the lie", async || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        Ok(text.contains("a WRONG ROOT is proposed").then_some(()))
    })
    .await?;
    let exit = watcher.stop(Duration::from_secs(20)).await?;
    ensure!(matches!(exit, ProcessExit::Stopped(status) if status.success()), "{exit:?}");
    contains(&std::fs::read_to_string(&log)?, &["without a key, nothing is done", &address])?;
    ensure!(arena.game(game).await?.claims.len() == 1, "a watcher without a key has moved");

    let mut games = session.command(&["games"])?;
    games.args(trusted);
    contains(&says(games).await?, &[&address, "the proposal is ahead", "INVALID", "a clock runs out in"])?;
    let mut show = session.command(&["show", index])?;
    show.args(trusted);
    contains(&says(show).await?, &["root: blocks 1 to", "INVALID", "moves to make:", "attack segment 0"])?;
    // A node is not asked unless it is named.
    let show = says(session.command(&["show", &address])?).await?;
    ensure!(!show.contains("INVALID"), "who said that it is wrong?\n{show}");

    // For scripts: what is wrong, and that a person must look; without a node, nothing is judged.
    let (code, report) = reports(&session, &trusted).await?;
    let told = &report["games"][0];
    ensure!(code == Some(3) && report["totals"]["wrong"] == 1, "{code:?}: {report:#}");
    ensure!(told["root"] == "wrong" && told["ahead"] == "proposal", "{told:#}");
    ensure!(told["tree"][0]["firstWrong"] == 0 && told["moves"][0]["segment"] == 0, "{told:#}");
    contains(&report["problems"][0]["text"].to_string(), &["a WRONG root is ahead"])?;
    let (code, report) = reports(&session, &[]).await?;
    ensure!(report["games"][0]["root"] == "unknown", "who said that? {report:#}");
    ensure!(code == Some(0) && report["totals"]["unknown"] == 1, "{code:?}: {report:#}");

    // The first answer by hand.
    let state = arena.game(game).await?;
    let root = state.root();
    let segment = root.segment_interval(0).context("no first segment")?;
    let truth = arena.observer.honest.prover(&state.subject);
    let values = commitments(&*truth, root.level, segment)?
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let id = root.id.to_string()[..10].to_owned();
    let attack = ["attack", &id, "0", "--values", &values];
    contains(&says(session.by_hand(&attack)?).await?, &["done: transaction", "gas, bond"])?;
    ensure!(arena.game(game).await?.claims.len() == 2, "no attack was made");
    contains(&refuses(session.by_hand(&attack)?).await?, &["DuplicateClaim"])?;
    let child = arena.game(game).await?.claims[1].id.to_string();
    contains(&refuses(session.by_hand(&["resolve", &child])?).await?, &["the game would refuse"])?;
    contains(&refuses(session.by_hand(&["distribute", "0x1234567890"])?).await?, &["no claim 0x1234567890"])?;

    // Nobody answers. One claim is resolved by hand; a watch that is run once does the rest.
    says(session.watch("once", true, &["--once"])?).await?;
    ensure!(arena.game(game).await?.claims.len() == 2, "there was nothing to answer");
    arena.expire().await?;
    contains(&says(session.by_hand(&["resolve", &child])?).await?, &["done: transaction"])?;
    says(session.watch("once", true, &["--once"])?).await?;
    ensure!(arena.game(game).await?.root().status == Status::Refuted, "{:#?}", arena.sketch(game).await?);
    let root = root.id.to_string();
    contains(
        &refuses(session.by_hand(&["distribute", &root])?).await?,
        &["the game would refuse: BondWaits"],
    )?;
    arena.expire().await?;
    says(session.watch("once", true, &["--once"])?).await?;
    let end = arena.game(game).await?;
    ensure!(end.root().status == Status::BondDistributed, "{:#?}", arena.sketch(game).await?);
    ensure!(end.credits.values().all(|credit| credit.is_zero()), "not all is paid out: {:?}", end.credits);
    contains(
        &says(session.command(&["show", index])?).await?,
        &["the proposal fell", "none; all claims are resolved"],
    )?;
    let (code, report) = reports(&session, &trusted).await?;
    let told = &report["games"][0];
    ensure!(
        code == Some(0) && told["status"] == "refuted" && told["root"] == "wrong",
        "{code:?}: {report:#}"
    );
    ensure!(report["totals"]["bonds"] == "0" && report["totals"]["credits"] == "0", "{report:#}");
    arena.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_gets_one_clear_line() -> Result<()> {
    let arena = Arena::start("commands-wrong", Setting { clock: 600, blocks: 1 }).await?;
    let dir = arena.net.devnet.dir.clone();
    let session = |rollup: PathBuf, l1: &str| -> Result<Session> {
        let key = Key::write(&dir.join("keys/person.key"), &user(1)?)?;
        Ok(Session { rollup, l1: l1.to_owned(), key, dir: dir.join("data") })
    };
    let l1 = arena.net.devnet.anvil.url();
    let good = session(arena.net.devnet.rollup_path(), l1)?;
    contains(&refuses(good.command(&["show", "9"])?).await?, &["there is no game 9", "challenger games"])?;
    let nobody = session(arena.net.devnet.rollup_path(), "http://127.0.0.1:9")?;
    contains(
        &refuses(nobody.command(&["games", "--l1-timeout", "1s"])?).await?,
        &["http://127.0.0.1:9", "does not answer within 1s"],
    )?;
    let missing = session(dir.join("nothing.json"), l1)?;
    contains(&refuses(missing.command(&["games"])?).await?, &["nothing.json"])?;
    // A program that is not the one that the games are about.
    let other = program_path()?.with_file_name("recourse-selftest.elf");
    let other = other.to_str().context("a path that is not text")?;
    let watch = good.watch("other-program", false, &["--program", other])?;
    contains(&refuses(watch).await?, &["the fault proof program with the root", "is not here"])?;
    let watch = good.watch("no-program", false, &["--program", "nothing.elf"])?;
    contains(&refuses(watch).await?, &["cannot read the fault proof program nothing.elf"])?;
    let mut watch = good.watch("no-key", false, &[])?;
    watch.args(["--key", "nothing.key"]);
    contains(&refuses(watch).await?, &["nothing.key"])?;
    arena.end().await
}
