//! A child process, its log and its end.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Lines of a log shown when its process ends unexpectedly.
const TAIL_LINES: usize = 20;

/// A process that was started here. Dropping it kills it.
///
/// It runs in a process group of its own, so that Ctrl-C in a terminal reaches only the program that started it,
/// which then ends its processes in good order.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessExit {
    /// By itself, after being asked to.
    Stopped(ExitStatus),
    /// It did not within the time given, and was killed.
    Killed,
}

impl Process {
    /// Starts a process. What it writes is appended to the file `log`.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt;

        let output = open_log(log)?;
        let errors = output.try_clone()?;
        let program = command.get_program().to_owned();
        // Options come from the command line alone: what the caller's shell exports is meant for his own commands.
        for (name, _) in std::env::vars_os() {
            let ours = name.to_str().is_some_and(|name| name.starts_with("RECOURSE_"));
            if ours && command.get_envs().all(|(set, _)| set != name) {
                command.env_remove(name);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name: name.into(), child, log: log.into() })
    }

    /// Its name, as given to [`spawn`](Self::spawn).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that it logs to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its exit status if it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// An error with the tail of the log if it has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.exited()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}); the end of its log:\n{}", self.name, self.log_tail()),
        }
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        if tail.is_empty() { "(the log is empty)".into() } else { tail.join("\n") }
    }

    /// Asks it to end, and kills it if it has not after `grace`.
    pub async fn stop(&mut self, grace: Duration) -> Result<ProcessExit> {
        if let Some(status) = self.exited()? {
            return Ok(ProcessExit::Stopped(status));
        }
        self.signal(Signal::TERM)?;
        match self.wait(grace).await? {
            Some(status) => Ok(ProcessExit::Stopped(status)),
            None => {
                self.kill9()?;
                Ok(ProcessExit::Killed)
            }
        }
    }

    /// Waits for its end, at most `limit`.
    pub async fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.exited()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks a process to end that has processes of its own, which it ends then; waits for it, at most `limit`, in place. For
    /// `Drop`, where a test has failed.
    pub fn end_with_children(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        if !matches!(self.exited(), Ok(None)) || self.signal(Signal::INT).is_err() {
            return;
        }
        while matches!(self.exited(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `kill -9`. Returns when it is gone.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already, which is what is wanted.
        let _ = self.kill9();
    }
}

fn open_log(path: &Path) -> Result<File> {
    let parent = path.parent().context("a log needs a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}
