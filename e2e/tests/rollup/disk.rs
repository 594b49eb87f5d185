//! A full disk: a node ends with one clear line, at the start and later, and never by a signal.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use alloy::{
    network::Ethereum,
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, ensure};
use e2e::net::{Load, Net, PATIENCE, soon, user};
use testnet::{NodeOptions, Role};

/// Runs a node whose data folder is in a file system of its own, of the size that is named first: until it ends, or, with
/// a file named second, until that appears; then there is no room any more.
const SCRIPT: &str = r#"
size=$1 full=$2; shift 2
mount -t tmpfs -o size="$size" none "$0" || exit 77
[ -z "$full" ] && exec "$@"
"$@" & node=$!
until [ -e "$full" ]; do kill -0 $node || break; sleep 0.1; done
dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null
wait $node
"#;

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(if rustix::process::geteuid().is_root() { &["-m"][..] } else { &["-rm"] });
    command
}

/// Whether a file system can be mounted here: a container or a kernel may not allow it.
fn can_mount() -> bool {
    let probe = unshare().args(["--fork", "--pid", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    probe.is_ok_and(|output| output.status.success())
}

/// The command; its processes end with it.
fn command(options: &NodeOptions, size: &str, full: &str) -> Result<Command> {
    fs::create_dir_all(&options.data_dir)?;
    let mut inside = options.clone();
    inside.data_dir = options.data_dir.join("database");
    let node = inside.command()?;
    let mut command = unshare();
    command.args(["--fork", "--pid", "--kill-child", "sh", "-c", SCRIPT]).arg(&options.data_dir);
    command.args([size, full]).arg(node.get_program()).args(node.get_args());
    command.env("RUST_LOG", "off").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Ok(command)
}

/// The only line that a node ended with.
fn line(output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let signal = |status: ExitStatus| status.signal().or(status.code().filter(|code| *code > 128));
    ensure!(signal(output.status).is_none(), "ended by a signal: {}, {said}", output.status);
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(said.lines().count() == 1 && said.starts_with("error: "), "not one line: {said}");
    Ok(said)
}

/// Kills what a failed test leaves.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_a_node_with_one_clear_line() -> Result<()> {
    if !can_mount() {
        // The database's own tests do without that.
        eprintln!("nothing can be mounted here");
        return Ok(());
    }
    let mut options = Net::options("disk")?;
    options.proposer = false;
    options.replica = false;
    let net = Net::start(options).await?;
    let miner = net.miner();
    let sequencer = net.devnet.sequencer()?;
    let role = || Role::Replica { feed: Some(sequencer.ws_url()), sequencer_rpc: None };

    for (size, text) in [
        ("16k", "mdbx.lck needs"),
        ("100k", "mdbx.dat needs"),
        ("512k", "could not grow; what was committed is safe"),
    ] {
        let options = net.devnet.node_options(&format!("small-{size}"), role())?;
        let mut command = command(&options, size, "")?;
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let line = line(&output).with_context(|| size.to_owned())?;
        ensure!(line.contains("no space left on the device") && line.contains(text), "{size}: {line}");
    }

    let full = net.dir().join("full");
    let options = net.devnet.node_options("filled", role())?;
    let node = RootProvider::<Ethereum>::new_http(format!("http://127.0.0.1:{}", options.port).parse()?);
    let mut child = Running(command(&options, "64m", &full.to_string_lossy())?.spawn()?);
    soon("the node answers", async || Ok(node.get_chain_id().await.ok())).await?;
    fs::write(&full, "")?;
    // It goes on until it has to write where nothing was before.
    let load = Load::start(sequencer.provider(), sequencer.provider().get_chain_id().await?, vec![user(0)?]);
    let ended = tokio::time::timeout(2 * PATIENCE, async {
        while child.0.try_wait()?.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    });
    ended.await.context("it goes on")??;
    load.stop().await?;
    let mut stderr = child.0.stderr.take().context("no output")?;
    let mut said = Vec::new();
    std::io::Read::read_to_end(&mut stderr, &mut said)?;
    let line = line(&Output { status: child.0.wait()?, stdout: Vec::new(), stderr: said })?;
    ensure!(line.contains("no space left on the device: the database in"), "{line}");
    ensure!(line.contains("what was committed is safe"), "{line}");
    drop(miner);
    net.finish().await
}
