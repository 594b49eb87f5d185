//! Options of a process: from its command line, from the environment, from a file, or their defaults, in this order.
//!
//! Every option `--some-name` of a command that runs as a service can also be given as `RECOURSE_SOME_NAME` in the
//! environment and as `some-name = …` in the TOML file that `--config` names. One file may serve several services: a key
//! counts for each that has an option of that name. A table named like a command, `[replica]`, counts for that one only, and
//! before what stands outside. `config COMMAND …` prints what would be in force, and where each value is from.
//!
//! Options that name a private key must not act where nobody meant them to: they stand on the command line or in the
//! table of the command that is to use the key. Commands that do one thing and end take their options from the command line.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, parser::ValueSource};
use toml::{Table, Value};

use crate::{files, manual};

/// Largest file of options, in bytes. One of all options has some thousands.
const MAX_FILE: u64 = 1 << 20;

/// What all variables in the environment begin with.
const PREFIX: &str = "RECOURSE_";

/// The option that names the file.
const FILE_OPTION: &str = "config";

/// The command that prints options instead of running.
const SHOW: &str = "config";

/// How alike a key must be to one that exists to be suggested, from 0 to 1.
const LIKENESS: f64 = 0.7;

/// Why there are no options to run with.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The file can't be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The file is not TOML.
    #[error("{0} is not TOML: {1}")]
    Toml(PathBuf, String),
    /// No command has such an option.
    #[error("{file}: unknown key {key:?}{}", suggestion.as_ref().map_or(String::new(), |key| format!("; the nearest is {key:?}")))]
    Key {
        /// The file.
        file: PathBuf,
        /// The key that it has.
        key: String,
        /// The one that is most like it.
        suggestion: Option<String>,
    },
    /// A key file outside of a command's table.
    #[error(
        "{file}: {key:?} names a private key: it must stand in the table of the command that uses it, [COMMAND]"
    )]
    SharedKey {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A value is no text, number or truth value.
    #[error("{file}: key {key:?} has {found}, expected a text, a number, true or false")]
    Kind {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// The kind of value that it has.
        found: &'static str,
    },
    /// The manual's pages can't be written.
    #[error(transparent)]
    Manual(#[from] manual::NoManual),
    /// What the command line's parser says, help among it.
    #[error(transparent)]
    Clap(#[from] clap::Error),
}

/// What a process was asked for.
#[derive(Debug)]
pub enum Asked<C> {
    /// To run.
    Run(C),
    /// To print a text: the options of a command, or completions for a shell.
    Show(String),
}

/// Reads the options of this process; `services` are the commands that take them from environment and file, too.
///
/// # Errors
/// In one line, or as the command line's parser says it: help, too, is one of its errors.
pub fn read<C: CommandFactory + FromArgMatches>(services: &[&'static str]) -> Result<Asked<C>, OptionsError> {
    read_from(std::env::args_os(), services)
}

/// Reads the options of this process to run with. What else there is to say is printed: help, the options in force, or an
/// error, with the exit code that goes with it.
///
/// # Errors
/// The exit code of a process that is done.
pub fn run_or_print<C: CommandFactory + FromArgMatches>(services: &[&'static str]) -> Result<C, ExitCode> {
    match read(services) {
        Ok(Asked::Run(options)) => Ok(options),
        Ok(Asked::Show(table)) => {
            print!("{table}");
            Err(ExitCode::SUCCESS)
        }
        Err(OptionsError::Clap(error)) => {
            // Help goes to standard output and is a success, errors go to standard error.
            let _ = error.print();
            Err(if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            eprintln!("error: {error}");
            Err(ExitCode::from(2))
        }
    }
}

/// Reads options from a command line.
///
/// # Errors
/// As [`read`].
pub fn read_from<C: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = OsString>,
    services: &[&'static str],
) -> Result<Asked<C>, OptionsError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let takes_file = !services.is_empty();
    // Not its own help, which the parser prints.
    let of_command = arguments.get(2).is_some_and(|next| next != "--help" && next != "-h");
    let show = takes_file && arguments.get(1).is_some_and(|first| first == SHOW) && of_command;
    if show {
        arguments.remove(1);
    }
    let file = match file_option(&arguments).filter(|_| takes_file) {
        Some(path) => File::read(path, &C::command(), services)?,
        None => File::default(),
    };
    let with_sources = |command: Command| {
        if services.contains(&command.get_name()) { with_sources(command, &file) } else { command }
    };
    // As it is on every machine, whatever its environment and file say.
    let documented = if takes_file { C::command().subcommand(show_command(services)) } else { C::command() };
    let command = documented.clone().mut_subcommands(with_sources).subcommands(manual::commands());
    let mut matches = command.clone().try_get_matches_from(arguments)?;
    if let Some(text) = manual::answer(documented, &matches)? {
        return Ok(Asked::Show(text));
    }
    if show {
        return Ok(Asked::Show(table(&command, &matches, &file)));
    }
    Ok(Asked::Run(C::from_arg_matches_mut(&mut matches)?))
}

fn show_command(services: &[&'static str]) -> Command {
    let command = Arg::new("COMMAND").help("The command").value_parser(services.to_vec());
    Command::new(SHOW)
        .about("Print the options of a command: which are in force, and where each is from")
        .override_usage(format!("{SHOW} COMMAND [OPTIONS]"))
        .arg(command)
        .arg_required_else_help(true)
}

/// The file that the command line or the environment names. It must be known before anything else is parsed.
fn file_option(arguments: &[OsString]) -> Option<PathBuf> {
    let flag = format!("--{FILE_OPTION}");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if *argument == *flag {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix(&format!("{flag}="))) {
            return Some(path.into());
        }
    }
    std::env::var_os(format!("{PREFIX}{}", FILE_OPTION.to_uppercase())).map(PathBuf::from)
}

/// The values of a file.
#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    /// For all commands.
    common: BTreeMap<String, String>,
    /// For one.
    own: BTreeMap<String, BTreeMap<String, String>>,
}

impl File {
    fn read(path: PathBuf, command: &Command, services: &[&str]) -> Result<Self, OptionsError> {
        let bytes = files::read(&path, MAX_FILE).map_err(|error| OptionsError::Read(path.clone(), error))?;
        let text = String::from_utf8_lossy(&bytes);
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // One line: where, and what.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            OptionsError::Toml(path.clone(), format!("line {line}: {}", error.message()))
        })?;
        let mut file = Self { path, ..Self::default() };
        let services: Vec<&Command> =
            command.get_subcommands().filter(|command| services.contains(&command.get_name())).collect();
        let known: BTreeMap<String, bool> = services.iter().copied().flat_map(long_names).collect();
        for (key, value) in table {
            match value {
                Value::Table(own) if services.iter().any(|service| service.get_name() == key) => {
                    let service = services.iter().copied().find(|service| service.get_name() == key);
                    let sub = service.map(long_names).unwrap_or_default();
                    for (name, value) in own {
                        let value = file.value(&name, value, &sub)?;
                        file.own.entry(key.clone()).or_default().insert(name, value);
                    }
                }
                value => {
                    let value = file.value(&key, value, &known)?;
                    if is_secret(&key) {
                        return Err(OptionsError::SharedKey { file: file.path, key });
                    }
                    file.common.insert(key, value);
                }
            }
        }
        Ok(file)
    }

    fn value(&self, key: &str, value: Value, known: &BTreeMap<String, bool>) -> Result<String, OptionsError> {
        let file = self.path.clone();
        let Some(takes_list) = known.get(key) else {
            let alike = known.keys().map(|name| (strsim::jaro_winkler(name, key), name));
            let nearest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
            let suggestion =
                nearest.filter(|(likeness, _)| *likeness > LIKENESS).map(|(_, name)| name.clone());
            return Err(OptionsError::Key { file, key: key.into(), suggestion });
        };
        match value {
            Value::String(text) => Ok(text),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Boolean(truth) => Ok(truth.to_string()),
            Value::Array(list) if *takes_list && list.iter().all(Value::is_str) => {
                Ok(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
            }
            other => Err(OptionsError::Kind { file, key: key.into(), found: other.type_str() }),
        }
    }

    fn get(&self, command: &str, key: &str) -> Option<&String> {
        self.own.get(command).and_then(|own| own.get(key)).or_else(|| self.common.get(key))
    }
}

/// The options of a command that a file can hold, and whether each takes several values, by commas.
fn long_names(command: &Command) -> BTreeMap<String, bool> {
    let own = command.get_arguments().filter(|argument| argument.get_long() != Some(FILE_OPTION));
    own.filter_map(|one| Some((one.get_long()?.to_owned(), one.get_value_delimiter().is_some()))).collect()
}

/// Whether an option names a private key.
fn is_secret(name: &str) -> bool {
    name == "key" || name.ends_with("-key")
}

/// Gives every option its variable in the environment and, where the file has one, another default.
fn with_sources(command: Command, file: &File) -> Command {
    let name = command.get_name().to_owned();
    command.mut_args(|argument| {
        let Some(long) = argument.get_long().map(str::to_owned) else { return argument };
        let named = argument.get_env().is_some() || is_secret(&long);
        let argument = if named {
            // An endpoint's address may hold a secret: help must not show it.
            argument.hide_env_values(true)
        } else {
            let variable = format!("{PREFIX}{}", long.replace('-', "_").to_uppercase());
            argument.env(leak(variable)).hide_env(true)
        };
        match file.get(&name, &long) {
            Some(value) => {
                argument.default_value(leak(value.clone())).hide_default_value(true).required(false)
            }
            None => argument,
        }
    })
}

/// The parser keeps its texts for ever; they are read once a process.
fn leak(text: String) -> &'static OsStr {
    OsStr::new(Box::leak(text.into_boxed_str()))
}

/// The options in force as lines of text.
fn table(command: &Command, matches: &ArgMatches, file: &File) -> String {
    let (mut command, mut matches) = (command, matches);
    let mut lines = Vec::new();
    loop {
        for argument in command.get_arguments() {
            let Some(long) = argument.get_long().filter(|name| *name != FILE_OPTION && *name != "help")
            else {
                continue;
            };
            let id = argument.get_id().as_str();
            let raw = matches.try_get_raw(id).ok().flatten();
            let texts = raw.into_iter().flatten().map(|value| shown(&value.to_string_lossy()));
            let value: Vec<String> = texts.collect();
            let source = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => "command line".to_owned(),
                Some(ValueSource::EnvVariable) => {
                    argument.get_env().unwrap_or_default().to_string_lossy().into_owned()
                }
                Some(_) if file.get(command.get_name(), long).is_some() => file.path.display().to_string(),
                Some(_) => "default".into(),
                None => "not set".into(),
            };
            lines.push([long.to_owned(), value.join(" "), source]);
        }
        let Some((name, inner)) = matches.subcommand() else { break };
        let Some(sub) = command.find_subcommand(name) else { break };
        (command, matches) = (sub, inner);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1)];
    let row = |[name, value, source]: &[String; 3]| {
        format!("{name:0$}  {value:1$}  {source}\n", widths[0], widths[1])
    };
    lines.iter().map(row).collect()
}

/// A value as it may be shown: of a URL, what stands behind the host may be a secret.
pub fn shown(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let hidden = rest.len() > host.len() && rest.trim_end_matches('/') != host;
    format!("{scheme}://{host}{}", if hidden { "/…" } else { "" })
}

#[cfg(test)]
mod tests {
    use clap::{Args, Parser, Subcommand};

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "some-node")]
    struct Cli {
        #[arg(long, global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: Commands,
    }

    #[derive(Debug, Subcommand)]
    enum Commands {
        Follow(Follow),
        Lead(Lead),
    }

    #[derive(Debug, Args)]
    struct Follow {
        #[arg(long)]
        test_endpoint: String,
        #[arg(long, default_value_t = 7)]
        test_blocks: u64,
        #[arg(long, value_delimiter = ',')]
        test_peers: Vec<String>,
    }

    #[derive(Debug, Args)]
    struct Lead {
        #[arg(long)]
        test_key: Option<PathBuf>,
        #[arg(long)]
        test_endpoint: String,
        #[arg(long)]
        test_once: bool,
    }

    fn asked(arguments: &[&str], file: &str) -> Result<Asked<Cli>, OptionsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("options.toml");
        std::fs::write(&path, file).unwrap();
        let [command, rest @ ..] = arguments else { panic!("a command") };
        let mut line: Vec<OsString> = ["some-node", command].map(Into::into).into();
        line.extend(rest.iter().map(Into::into));
        line.extend(["--config".into(), path.into()]);
        read_from::<Cli>(line, &["follow", "lead"])
    }

    fn follow(arguments: &[&str], file: &str) -> Follow {
        match asked(arguments, file) {
            Ok(Asked::Run(Cli { command: Commands::Follow(options), .. })) => options,
            other => panic!("{other:?}"),
        }
    }

    fn refused(file: &str) -> String {
        asked(&["follow"], file).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_file_goes_before_defaults_and_the_command_line_before_a_file() {
        let file = "test-endpoint = \"http://one\"\ntest-blocks = 9\n[lead]\ntest-once = true\n";
        let options = follow(&["follow"], file);
        assert_eq!((options.test_endpoint.as_str(), options.test_blocks), ("http://one", 9));
        let options = follow(&["follow", "--test-blocks", "11"], file);
        assert_eq!(options.test_blocks, 11);
        let options = follow(&["follow"], "test-endpoint = \"http://one\"");
        assert_eq!(options.test_blocks, 7);
        // A table of a command counts for it alone, and before the rest.
        let file = "test-endpoint = \"a\"\n[lead]\ntest-endpoint = \"b\"\ntest-once = true";
        assert_eq!(follow(&["follow"], file).test_endpoint, "a");
        let Ok(Asked::Run(Cli { command: Commands::Lead(lead), .. })) = asked(&["lead"], file) else {
            panic!()
        };
        assert_eq!((lead.test_endpoint.as_str(), lead.test_once), ("b", true));
    }

    #[test]
    fn a_wrong_key_is_one_line_with_the_file_the_key_and_the_nearest() {
        let text = refused("test-endpiont = \"http://one\"");
        assert!(
            text.ends_with("options.toml: unknown key \"test-endpiont\"; the nearest is \"test-endpoint\""),
            "{text}"
        );
        let text = refused("[follow]\ntest-once = true");
        assert!(text.contains("unknown key \"test-once\""), "of another command: {text}");
        let text = refused("zzz = 1");
        assert!(text.ends_with("unknown key \"zzz\""), "nothing is near: {text}");
        assert!(refused("config = \"other.toml\"").contains("unknown key"), "no files in files");
        assert!(refused("test-blocks = [1]").contains("has array, expected a text"));
        let text = refused("a = 1\nb = = 2");
        assert!(text.contains("is not TOML: line 2") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn an_option_with_several_values_is_a_list_or_a_text_with_commas() {
        let peers = |file: &str| follow(&["follow", "--test-endpoint", "a"], file).test_peers;
        assert_eq!(peers("test-peers = [\"http://one\", \"http://two\"]"), ["http://one", "http://two"]);
        assert_eq!(peers("test-peers = \"http://one,http://two\""), ["http://one", "http://two"]);
        let line = ["follow", "--test-endpoint", "a", "--test-peers", "x", "--test-peers", "y"];
        assert_eq!(follow(&line, "test-peers = [\"z\"]").test_peers, ["x", "y"]);
        assert!(refused("test-peers = [1]").contains("has array, expected a text"));
    }

    #[test]
    fn a_private_key_is_taken_only_where_it_is_meant() {
        let text = refused("test-endpoint = \"a\"\ntest-key = \"leader.key\"");
        assert!(text.contains("\"test-key\" names a private key: it must stand in the table"), "{text}");
        let file = "test-endpoint = \"a\"\n[lead]\ntest-key = \"leader.key\"";
        let Ok(Asked::Run(Cli { command: Commands::Lead(lead), .. })) = asked(&["lead"], file) else {
            panic!()
        };
        assert_eq!(lead.test_key.as_deref(), Some("leader.key".as_ref()));
    }

    #[test]
    fn what_is_in_force_is_printed_with_its_source_and_without_secrets() {
        let file = "test-endpoint = \"https://user:secret@host.example/v2/key\"";
        let Ok(Asked::Show(table)) = asked(&["config", "follow", "--test-blocks", "3"], file) else {
            panic!()
        };
        let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("test-endpoint").contains("https://host.example/… "), "{table}");
        assert!(line("test-endpoint").ends_with("options.toml"), "{table}");
        assert!(line("test-blocks").ends_with("command line") && !table.contains("secret"), "{table}");
        let Ok(Asked::Show(table)) = asked(&["config", "follow"], file) else { panic!() };
        assert!(table.contains("default"), "{table}");
    }

    #[test]
    fn only_the_host_of_an_address_is_shown() {
        let cases = [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://host/", "https://host"),
            ("https://host/v3/0123", "https://host/…"),
            ("wss://me:pass@host:1", "wss://host:1/…"),
            ("data/folder", "data/folder"),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(value), expected);
        }
    }
}
