use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Liar, Parts, Traffic};
use crate::{memory::memory, net::status};

pub(super) const MEGABYTE: u64 = 1 << 20;

/// One look at all parts.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Since the start.
    pub after: Duration,
    /// Newest L1 block.
    pub l1: u64,
    /// Newest and safe block of each node.
    pub heads: Vec<(String, u64, u64)>,
    /// Memory of each process in MB: all that is resident, and of that its own, without files.
    pub memory: Vec<(String, u64, u64)>,
    /// Databases in MB.
    pub databases: Vec<(String, u64)>,
    /// What traffic has done, and where it has failed.
    pub traffic: (u64, u64),
    /// Warnings and errors in the logs.
    pub noise: (u64, u64),
    /// Lies told, and beaten.
    pub lies: (u64, u64),
}

impl Sample {
    /// Takes one.
    pub async fn take(parts: &mut Parts, traffic: &Traffic, liar: &Liar, begun: Instant) -> Result<Self> {
        let mut memory = Vec::new();
        for (name, id) in parts.ids()? {
            memory.push((
                name,
                self::memory(id, "VmRSS")? / MEGABYTE,
                self::memory(id, "RssAnon")? / MEGABYTE,
            ));
        }
        let (mut heads, mut databases) = (Vec::new(), Vec::new());
        for node in parts.all()? {
            let name = &node.options.name;
            let status = status(node).await?;
            heads.push((name.clone(), status.latest.number(), status.safe.number()));
            databases.push((name.clone(), size(&node.options.data_dir)? / MEGABYTE));
        }
        databases.push(("challenger".into(), size(&parts.arena.data_dir("challenger"))? / MEGABYTE));
        let kinds = traffic.kinds();
        let noise = noise(&parts.logs())?;
        Ok(Self {
            after: begun.elapsed(),
            l1: parts.arena.net.devnet.anvil.latest().await?.header.number,
            heads,
            memory,
            databases,
            traffic: kinds
                .values()
                .fold((0, 0), |(done, failed), kind| (done + kind.done, failed + kind.failed)),
            noise: (count(&noise, "WARN"), count(&noise, "ERROR")),
            lies: (liar.told, liar.beaten),
        })
    }
}

/// One line.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.after.as_secs();
        write!(f, "{:3}:{:02}  L1 {}", seconds / 60, seconds % 60, self.l1)?;
        if let Some((_, latest, safe)) = self.heads.first() {
            write!(f, "  safe lag {}", latest.saturating_sub(*safe))?;
        }
        write!(f, "  heads")?;
        for (name, latest, safe) in &self.heads {
            write!(f, " {name} {latest}/{safe}")?;
        }
        write!(f, "  MB")?;
        for (name, all, own) in &self.memory {
            write!(f, " {name} {all}/{own}")?;
        }
        write!(f, "  database MB")?;
        for (name, size) in &self.databases {
            write!(f, " {name} {size}")?;
        }
        let ((done, failed), (warnings, errors), (told, beaten)) = (self.traffic, self.noise, self.lies);
        write!(
            f,
            "  done {done} failed {failed}  warnings {warnings} errors {errors}  lies {told} beaten {beaten}"
        )
    }
}

/// What a folder takes on the disk, in bytes.
fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // In units of 512 bytes, whatever the disk's own: the database's file has holes.
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { size(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(sum)
}

/// Warnings, errors and panics in a folder of logs, by process and text without numbers, each with how often it came and
/// what it said last.
pub fn noise(logs: &Path) -> Result<BTreeMap<String, (u64, String)>> {
    let mut noise: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for entry in fs::read_dir(logs)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // L1 is Anvil, whose log is not ours.
        if name == "l1" {
            continue;
        }
        let text = fs::read(&path)?;
        for line in String::from_utf8_lossy(&text).lines() {
            let Some(at) = [" WARN ", " ERROR ", "panicked at"].iter().find_map(|word| line.find(word))
            else {
                continue;
            };
            let said = line[at..].trim();
            let kind = said.split_inclusive(|c: char| c.is_ascii_digit()).next().unwrap_or(said);
            let kind = kind.trim_end_matches(|c: char| c.is_ascii_digit());
            let (count, last) = noise.entry(format!("{name}: {kind}")).or_default();
            *count += 1;
            *last = said.to_owned();
        }
    }
    Ok(noise)
}

fn count(noise: &BTreeMap<String, (u64, String)>, level: &str) -> u64 {
    noise.values().filter(|(_, last)| last.starts_with(level)).map(|(count, _)| count).sum()
}
