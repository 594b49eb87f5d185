//! A full disk: a node ends with one clear line, at the start and later, and never by a signal. A sequencer takes no
//! transactions before it is full, and when there is room again it has lost nothing.

use std::{
    ffi::OsStr,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use alloy::{
    network::Ethereum,
    primitives::{Address, B256, U256},
    providers::{Provider, RootProvider},
    transports::http::reqwest,
};
use anyhow::{Context, Result, ensure};
use e2e::net::{Load, Net, PATIENCE, receipt, soon, status, transfer, until, user};
use testnet::{Node, NodeOptions, Role};

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

/// Runs a sequencer in a file system of its own of 192 MB, a tmpfs or an ext4 in a file, with a copy of a data folder. Files in
/// a folder of marks say what is to happen, and are removed when it is done: `run`, with the MB that must be free, starts
/// it; `low` leaves 12 MB, `full` nothing, `room` gives them back; `stop` ends it. When it has ended, `ended` has its exit
/// code.
const STAGES: &str = r#"
kind=$1 seed=$2 marks=$3; shift 3
if [ "$kind" = ext4 ]; then
    dd if=/dev/zero of="$marks/image" bs=1M count=192 2>/dev/null
    mkfs.ext4 -q -F -m 0 "$marks/image" && mount -o loop "$marks/image" "$0" || exit 77
else
    mount -t tmpfs -o size=192m none "$0" || exit 77
fi
cp -a "$seed" "$0/database" || exit 78
while sleep 0.1; do
    if [ -e "$marks/low" ]; then
        free=$(df --output=avail -k "$0" | tail -1)
        dd if=/dev/zero of="$0/filler" bs=1k count=$((free - 12288)) 2>/dev/null
        rm "$marks/low"
    elif [ -e "$marks/full" ]; then
        dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null
        rm "$marks/full"
    elif [ -e "$marks/room" ]; then
        rm "$0/filler" "$marks/room"
    elif [ -e "$marks/stop" ]; then
        kill "$(cat "$marks/node")"
        rm "$marks/stop"
    fi
done &
while sleep 0.1; do
    if [ -e "$marks/run" ]; then
        room=$(cat "$marks/run")
        RECOURSE_MIN_DISK_ROOM=$room "$@" 2>"$marks/said" & node=$!
        echo $node >"$marks/node"
        rm "$marks/run"
        wait $node
        echo $? >"$marks/code"
        mv "$marks/code" "$marks/ended"
    fi
done
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

/// A script with these arguments and a node's command line, whose data folder is in what it mounts; its processes end with it.
fn command(options: &NodeOptions, script: &str, mount: &Path, arguments: &[&OsStr]) -> Result<Command> {
    fs::create_dir_all(mount)?;
    let mut inside = options.clone();
    inside.data_dir = mount.join("database");
    let node = inside.command()?;
    let mut command = unshare();
    command.args(["--fork", "--pid", "--kill-child", "sh", "-c", script]).arg(mount).args(arguments);
    command.arg(node.get_program()).args(node.get_args());
    command.env("RUST_LOG", "off").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Ok(command)
}

/// The command of [`SCRIPT`].
fn sized(options: &NodeOptions, size: &str, full: &str) -> Result<Command> {
    command(options, SCRIPT, &options.data_dir, &[size.as_ref(), full.as_ref()])
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
    let _alone = crate::ALONE.lock().await;
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
        let mut command = sized(&options, size, "")?;
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let line = line(&output).with_context(|| size.to_owned())?;
        ensure!(line.contains("no space left on the device") && line.contains(text), "{size}: {line}");
    }

    let full = net.dir().join("full");
    let options = net.devnet.node_options("filled", role())?;
    let node = RootProvider::<Ethereum>::new_http(format!("http://127.0.0.1:{}", options.port).parse()?);
    let mut child = Running(sized(&options, "64m", &full.to_string_lossy())?.spawn()?);
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

/// The folder of marks of [`STAGES`], and the node.
struct Stages<'a> {
    marks: PathBuf,
    node: &'a Node,
}

impl Stages<'_> {
    /// Has something done.
    async fn have(&self, name: &str, text: &str) -> Result<()> {
        let (new, mark) = (self.marks.join("new"), self.marks.join(name));
        // Whoever sees it sees all of it.
        fs::write(&new, text)?;
        fs::rename(&new, &mark)?;
        soon(name, async || Ok((!mark.exists()).then_some(()))).await
    }

    /// Starts the node, which takes transactions while so many MB are free.
    async fn run(&self, least_room: u64) -> Result<()> {
        self.have("run", &least_room.to_string()).await?;
        soon("the node answers", async || Ok(self.node.provider().get_chain_id().await.ok())).await?;
        Ok(())
    }

    /// Waits until the node has ended, for this reason: its exit code, and what it said.
    async fn ended(&self, why: &str) -> Result<(String, String)> {
        let mark = self.marks.join("ended");
        until(why, 2 * PATIENCE, async || Ok(mark.exists().then_some(()))).await?;
        let code = fs::read_to_string(&mark)?.trim().to_owned();
        fs::remove_file(&mark)?;
        Ok((code, fs::read_to_string(self.marks.join("said"))?.trim().to_owned()))
    }

    /// Waits until `/ready` says this.
    async fn readiness(&self, text: &str) -> Result<()> {
        let url = format!("{}/ready", self.node.http_url());
        soon(text, async || {
            let said = reqwest::get(&url).await?.text().await?;
            Ok(said.contains(text).then_some(()))
        })
        .await
    }

    /// A transfer of user 1.
    async fn transfer(&self, chain_id: u64, nonce: u64) -> Result<Result<B256, String>> {
        let raw = transfer(chain_id, &user(1)?, nonce, Address::ZERO, U256::from(1)).await?;
        let sent = self.node.provider().send_raw_transaction(&raw).await;
        Ok(sent.map(|sent| *sent.tx_hash()).map_err(|error| error.to_string()))
    }
}

/// The whole story, in a file system of this kind. Whether there is one here.
async fn on_a_disk_that_gets_full(kind: &str) -> Result<bool> {
    let mut options = Net::options(&format!("disk-{kind}"))?;
    options.proposer = false;
    options.replica = false;
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    net.devnet.sequencer_mut()?.stop().await?;
    let node = net.devnet.sequencer()?;
    let stages = Stages { marks: net.dir().join(kind), node };
    let mount = net.dir().join(format!("{kind}-mount"));
    fs::create_dir_all(&stages.marks)?;
    let seed = &node.options.data_dir;
    let arguments = [kind.as_ref(), seed.as_os_str(), stages.marks.as_os_str()];
    let mut command = command(&node.options, STAGES, &mount, &arguments)?;
    let mut script = Running(command.stderr(Stdio::null()).spawn()?);
    tokio::time::sleep(Duration::from_secs(2)).await;
    if script.0.try_wait()?.is_some_and(|status| status.code() == Some(77)) {
        drop(miner);
        net.finish().await?;
        return Ok(false);
    }
    let chain_id = net.devnet.rollup.chain.chain_id;

    // Nearly full: what was taken is in blocks, nothing more is taken, and that is said.
    stages.run(16).await?;
    stages.readiness(r#""ready":true"#).await?;
    let first = stages.transfer(chain_id, 0).await?.map_err(anyhow::Error::msg)?;
    soon("the receipt", async || receipt(node, first).await).await?;
    stages.have("low", "").await?;
    stages.readiness("the disk is nearly full").await?;
    let refusal = stages.transfer(chain_id, 1).await?.err().context("a transfer was taken")?;
    ensure!(refusal.contains("disk is nearly full"), "{refusal}");
    let head = status(node).await?.latest.number();
    soon("blocks go on", async || Ok((status(node).await?.latest.number() > head).then_some(()))).await?;
    stages.have("room", "").await?;
    stages.readiness(r#""ready":true"#).await?;
    let second = stages.transfer(chain_id, 1).await?.map_err(anyhow::Error::msg)?;
    soon("the receipt", async || receipt(node, second).await).await?;
    stages.have("stop", "").await?;
    let (code, said) = stages.ended("the node ends as it was told to").await?;
    ensure!(code == "0" && said.is_empty(), "{code}: {said}");

    // Full: it ends with a line, and has all that it announced when there is room.
    stages.run(0).await?;
    let load = Load::start(node.provider(), chain_id, (2..6).map(user).collect::<Result<_>>()?);
    soon("receipts", async || Ok((load.count() > 20).then_some(()))).await?;
    stages.have("full", "").await?;
    let (code, said) = stages.ended("the node ends on a full disk").await?;
    ensure!(code == "1" && said.lines().count() == 1 && said.starts_with("error: "), "{code}: {said}");
    ensure!(said.contains("no space left on the device"), "{said}");
    let included = load.stop().await?;
    stages.have("room", "").await?;
    stages.run(0).await?;
    for tx in &included {
        let found = soon("a receipt from before", async || receipt(node, tx.hash).await).await?;
        ensure!(found["blockHash"] == tx.block_hash.to_string(), "{found} is not {tx:?}");
    }
    let third = stages.transfer(chain_id, 2).await?.map_err(anyhow::Error::msg)?;
    soon("the receipt", async || receipt(node, third).await).await?;
    eprintln!("{kind}: {} receipts, and then: {said}", included.len());
    drop(script);
    drop(miner);
    net.finish().await?;
    Ok(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_loses_nothing_on_a_disk_that_gets_full() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    for kind in ["tmpfs", "ext4"] {
        if !can_mount() || !on_a_disk_that_gets_full(kind).await? {
            eprintln!("no {kind} can be mounted here");
        }
    }
    Ok(())
}
