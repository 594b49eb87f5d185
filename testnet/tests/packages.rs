//! What operators install: completions and manual of all commands, units whose options exist, an archive that is complete and
//! runs anywhere, and contracts that are the ones that are deployed.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use bindings::artifacts::{Contract, runtime_code};
use testnet::{
    CompiledContract,
    tools::{challenger, in_path, recourse_node, testnet as testnet_binary},
};

/// Commands of the node that run as a service: the instances of its unit.
const SERVICES: [&str; 4] = ["sequencer", "replica", "batcher", "proposer"];

/// The repository's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn packaging(name: &str) -> PathBuf {
    root().join("testnet/packaging").join(name)
}

fn binaries() -> Result<[(&'static str, PathBuf); 3]> {
    Ok([("recourse-node", recourse_node()?), ("challenger", challenger()?), ("testnet", testnet_binary()?)])
}

/// What a command prints; it must succeed.
fn printed(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&stdout).into_owned();
    ensure!(status.success(), "{command:?} ends with {status}: {text}{}", String::from_utf8_lossy(&stderr));
    Ok(text)
}

/// A command as its help shows it.
struct Shown {
    /// Its words, without the binary's name.
    words: Vec<String>,
    options: BTreeSet<String>,
}

/// Reads the help of a command and of all below it.
fn read_help(binary: &Path, words: &[String], found: &mut Vec<Shown>) -> Result<()> {
    let help = printed(Command::new(binary).args(words).arg("--help"))?;
    let mut options = BTreeSet::new();
    let mut below = Vec::new();
    let (mut in_commands, mut in_options) = (false, false);
    for line in help.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            (in_commands, in_options) = (line == "Commands:", line == "Options:");
        }
        let word = line.trim_start();
        // Names stand two spaces in, their descriptions further.
        if in_commands && line.starts_with("  ") && !line.starts_with("   ") {
            below.extend(word.split(' ').next().filter(|name| *name != "help").map(str::to_owned));
        } else if in_options && word.starts_with('-') {
            let names = word.split([' ', ',', '=', '[']).filter(|name| name.starts_with("--"));
            options.extend(names.take(1).map(str::to_owned));
        }
    }
    ensure!(options.contains("--help"), "{words:?}: no options in {help}");
    found.push(Shown { words: words.to_vec(), options });
    for name in below {
        let inner: Vec<String> = words.iter().cloned().chain([name]).collect();
        read_help(binary, &inner, found)?;
    }
    Ok(())
}

fn commands(binary: &Path) -> Result<Vec<Shown>> {
    let mut found = Vec::new();
    read_help(binary, &[], &mut found)?;
    Ok(found)
}

#[test]
fn completions_know_every_command_and_option() -> Result<()> {
    for (name, binary) in binaries()? {
        let commands = commands(&binary)?;
        for shell in ["bash", "zsh", "fish"] {
            let script = printed(Command::new(&binary).args(["completions", shell]))?;
            for Shown { words, options } in &commands {
                for word in words {
                    ensure!(script.contains(word), "{shell}: {name} {word} is not completed");
                }
                for option in options {
                    // fish names an option without its dashes.
                    let wanted = match shell {
                        "fish" => format!("-l {}", option.trim_start_matches('-')),
                        _ => option.clone(),
                    };
                    ensure!(script.contains(&wanted), "{shell}: {name} {words:?} {option} is not completed");
                }
            }
            // The shell itself must take it, where it is there.
            if let Some(shell) = in_path(shell) {
                let file = tempfile::NamedTempFile::new()?;
                fs::write(file.path(), &script)?;
                printed(Command::new(shell).arg("-n").arg(file.path()))?;
            }
        }
    }
    Ok(())
}

#[test]
fn every_command_has_a_page_that_tells_all_its_options() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut expected = BTreeSet::new();
    for (name, binary) in binaries()? {
        printed(Command::new(&binary).arg("man").arg(dir.path()))?;
        for Shown { words, options } in commands(&binary)? {
            let page = [vec![name.to_owned()], words].concat().join("-") + ".1";
            let text = fs::read_to_string(dir.path().join(&page)).with_context(|| page.clone())?;
            for option in options {
                let roff = option.replace('-', "\\-");
                ensure!(text.contains(&roff), "{page} does not tell {option}");
            }
            expected.insert(page);
        }
    }
    let written: BTreeSet<String> = fs::read_dir(dir.path())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    ensure!(written == expected, "pages: expected {expected:?}, found {written:?}");
    if let Some(mandoc) = in_path("mandoc") {
        let pages = written.iter().map(|page| dir.path().join(page));
        printed(Command::new(mandoc).args(["-T", "lint", "-W", "error"]).args(pages))?;
    }
    Ok(())
}

/// The words behind `ExecStart=`.
fn exec_start(unit: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(packaging(unit)).with_context(|| unit.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart="));
    Ok(line.with_context(|| format!("{unit} starts nothing"))?.split(' ').map(Into::into).collect())
}

#[test]
fn units_and_their_options_files_name_only_what_exists() -> Result<()> {
    let node = exec_start("recourse-node@.service")?;
    let of_instance =
        |instance: &str| node.iter().map(|word| word.replace("%i", instance)).collect::<Vec<_>>();
    let mut starts: Vec<_> = SERVICES.iter().map(|name| (of_instance(name), "node.toml")).collect();
    starts.push((exec_start("recourse-challenger.service")?, "challenger.toml"));
    let binaries = binaries()?;
    for (words, file) in starts {
        let [name, command, arguments @ ..] = words.as_slice() else { anyhow::bail!("{words:?}") };
        let binary = binaries.iter().find(|(known, _)| known == name).with_context(|| name.clone())?;
        let mut shown = Vec::new();
        read_help(&binary.1, std::slice::from_ref(command), &mut shown)?;
        for option in arguments.iter().filter(|word| word.starts_with("--")) {
            ensure!(shown[0].options.contains(option), "{name} {command} has no {option}");
        }
        ensure!(arguments.contains(&format!("/etc/recourse/{file}")), "{words:?} reads no {file}");
        // The file as it is, and with all that is only proposed in it.
        let text = fs::read_to_string(packaging(file))?;
        let is_option = |line: &&str| line.contains(" = ") && !line.starts_with("# Options");
        let proposed = text.lines().map(|line| match line.strip_prefix("# ").filter(is_option) {
            Some(option) => option,
            None => line,
        });
        let all = tempfile::NamedTempFile::new()?;
        fs::write(all.path(), proposed.collect::<Vec<_>>().join("\n"))?;
        let table = printed(
            Command::new(&binary.1).args(["config", command, "--data-dir", "x", "--config"]).arg(all.path()),
        )?;
        ensure!(
            table.contains(&all.path().display().to_string()),
            "{command} takes nothing of {file}: {table}"
        );
    }
    Ok(())
}

/// Runs a script with a target folder of its own that holds what was built.
fn dist(folder: &Path) -> Result<PathBuf> {
    let release = folder.join("release");
    fs::create_dir_all(&release)?;
    let built = recourse_node()?;
    let built = built.parent().context("a folder")?;
    for name in ["recourse-node", "challenger", "testnet", "release", "recourse-program.elf"] {
        ensure!(built.join(name).is_file(), "no {name} in {}: run make build", built.display());
        symlink(built.join(name), release.join(name))?;
    }
    let script = root().join("testnet/scripts/dist.sh");
    printed(Command::new(script).arg(folder).env("SOURCE_DATE_EPOCH", "1700000000"))?;
    let archives = fs::read_dir(folder.join("dist"))?.map(|entry| Ok(entry?.path()));
    let archives = archives.collect::<Result<Vec<_>>>()?;
    ensure!(archives.len() == 1, "one archive was expected: {archives:?}");
    Ok(archives[0].clone())
}

#[test]
fn the_archive_is_complete_repeatable_and_runs_anywhere() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (first, second) = (dist(&dir.path().join("first"))?, dist(&dir.path().join("second"))?);
    ensure!(fs::read(&first)? == fs::read(second)?, "two runs over the same files make different archives");

    let name = first.file_name().context("a name")?.to_string_lossy().into_owned();
    let name = name.strip_suffix(".tar.gz").context("a .tar.gz")?;
    ensure!(name.starts_with(&format!("recourse-{}-", env!("CARGO_PKG_VERSION"))), "{name}");
    let away = dir.path().join("away");
    fs::create_dir(&away)?;
    printed(Command::new("tar").arg("-xzf").arg(&first).arg("-C").arg(&away))?;
    let tree = away.join(name);
    printed(
        Command::new("sha256sum").args(["--check", "--quiet", "--strict", "SHA256SUMS"]).current_dir(&tree),
    )?;
    let sums = fs::read_to_string(tree.join("SHA256SUMS"))?;
    let listed: BTreeSet<&str> = sums.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    for expected in [
        "LICENSE",
        "README.md",
        "bin/challenger",
        "bin/recourse-node",
        "bin/testnet",
        "lib/recourse/recourse-program.elf",
        "lib/systemd/system/recourse-challenger.service",
        "lib/systemd/system/recourse-node@.service",
        "lib/sysusers.d/recourse.conf",
        "share/bash-completion/completions/challenger",
        "share/doc/recourse/node/docs/operations.md",
        "share/doc/recourse/testnet/monitoring/alerts.yml",
        "share/fish/vendor_completions.d/recourse-node.fish",
        "share/man/man1/challenger-vm-replay.1.gz",
        "share/man/man1/recourse-node-replica.1.gz",
        "share/recourse/challenger.toml",
        "share/recourse/contracts/Inbox.json",
        "share/recourse/node.toml",
        "share/zsh/site-functions/_testnet",
    ] {
        ensure!(listed.contains(expected), "{expected} is not in the archive");
    }
    let foreign = listed
        .iter()
        .find(|path| path.contains(".t.json") || path.contains("/I") && !path.contains("/Inbox"));
    ensure!(foreign.is_none(), "{foreign:?} is no contract of ours");
    let artifact: serde_json::Value =
        serde_json::from_slice(&fs::read(tree.join("share/recourse/contracts/Inbox.json"))?)?;
    ensure!(artifact["abi"].is_array() && artifact["bytecode"].is_string(), "{artifact}");

    let empty = tempfile::tempdir()?;
    let run = |binary: &str, arguments: &[&str]| {
        let mut command = Command::new(tree.join("bin").join(binary));
        command.args(arguments).current_dir(&empty).env_clear();
        command
    };
    for binary in ["recourse-node", "challenger", "testnet"] {
        let version = printed(&mut run(binary, &["--version"]))?;
        ensure!(version.trim() == format!("{binary} {}", env!("CARGO_PKG_VERSION")), "{version}");
    }
    // The program is read before the file.
    let replay = run("challenger", &["vm", "replay", "no-such-file"]).output()?;
    let error = String::from_utf8_lossy(&replay.stderr);
    ensure!(error.contains("no-such-file"), "expected an error about the file, found {error}");
    Ok(())
}

#[test]
fn a_package_has_the_contracts_that_are_deployed_and_compared() -> Result<()> {
    let contracts = CompiledContract::all(&root().join("l1-contracts/out"))?;
    let names: Vec<&str> = contracts.iter().map(|contract| contract.name.as_str()).collect();
    ensure!(
        names.contains(&"WETH") && !names.contains(&"IInbox") && !names.contains(&"Counter"),
        "{names:?}"
    );
    let mut found = 0;
    for &embedded in Contract::ALL {
        let name = embedded.name();
        let Some(contract) = contracts.iter().find(|contract| contract.name == name) else { continue };
        found += 1;
        let runtime = runtime_code(embedded);
        ensure!(contract.runtime == runtime.code, "{name}: other code is embedded");
        let mut immutables: Vec<_> = runtime.immutables.into_iter().flatten().collect();
        immutables.sort_by_key(|place| place.start);
        ensure!(contract.immutables == immutables, "{name}: immutables elsewhere");
        // Immutables do not matter for the hash, any other byte does.
        let mut code = runtime.code.to_vec();
        immutables.iter().for_each(|place| code[place.clone()].fill(7));
        ensure!(contract.hash_of(&code) == contract.hash_of(&contract.runtime), "{name}");
        code[0] ^= 1;
        ensure!(
            contract.hash_of(&code) != contract.hash_of(&contract.runtime),
            "{name}: a change is not seen"
        );
    }
    ensure!(found == contracts.len(), "{found} of {names:?} are embedded");
    Ok(())
}
