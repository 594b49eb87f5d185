//! The contracts as Forge compiled them: what a package holds of them, and the hashes that a stranger compares.

use std::{fs, ops::Range, path::Path};

use alloy::primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Entries of an ABI that can be called. What has none of them is a library, which is compiled into its users.
const CALLABLE: [&str; 4] = ["function", "constructor", "fallback", "receive"];

/// OpenZeppelin's contracts that are deployed as they are.
const PROXIES: [&str; 3] = ["TransparentUpgradeableProxy", "ProxyAdmin", "ERC1967Proxy"];

/// A contract of `l1-contracts/src` that can be deployed, or a proxy.
#[derive(Clone, Debug)]
pub struct CompiledContract {
    /// Its name.
    pub name: String,
    /// Its file, from `l1-contracts` on.
    pub source: String,
    /// The version of solc.
    pub compiler: String,
    /// Its ABI.
    pub abi: Value,
    /// The code to deploy; constructor arguments go behind it.
    pub creation: Bytes,
    /// The code that is deployed, with zeros where the constructor puts immutables.
    pub runtime: Bytes,
    /// Where the constructor puts immutables, in order.
    pub immutables: Vec<Range<usize>>,
}

impl CompiledContract {
    /// All of them in Forge's output folder, in order of their names.
    ///
    /// # Errors
    /// If there are none, or an artifact is not what Forge writes.
    pub fn all(out: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let entries = |folder: &Path| -> Result<Vec<_>> {
            let entries =
                fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
            Ok(entries.collect::<std::io::Result<_>>()?)
        };
        for folder in entries(out)?.iter().filter(|entry| entry.path().is_dir()) {
            for file in entries(&folder.path())? {
                let path = file.path();
                let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let artifact = serde_json::from_slice(&text).context("no JSON");
                let contract = artifact.and_then(|artifact| Self::read(&artifact));
                found.extend(contract.with_context(|| format!("{}: not an artifact", path.display()))?);
            }
        }
        ensure!(!found.is_empty(), "no contracts in {}: run make contracts", out.display());
        found.sort_by(|one: &Self, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// `None` for what is not deployed, or not ours: interfaces, libraries, tests.
    fn read(artifact: &Value) -> Result<Option<Self>> {
        let metadata = &artifact["metadata"];
        let target = metadata["settings"]["compilationTarget"].as_object().and_then(|all| all.iter().next());
        let is_deployed = |source: &str, name: &Value| {
            source.starts_with("src/") || name.as_str().is_some_and(|name| PROXIES.contains(&name))
        };
        let Some((source, name)) = target.filter(|(source, name)| is_deployed(source, name)) else {
            return Ok(None);
        };
        let code = |key: &str| -> Result<Bytes> {
            let text = artifact[key]["object"].as_str().with_context(|| format!("no {key}"))?;
            text.parse().with_context(|| format!("{key} is not hexadecimal"))
        };
        let abi = &artifact["abi"];
        let callable = |entry: &Value| entry["type"].as_str().is_some_and(|kind| CALLABLE.contains(&kind));
        let creation = code("bytecode")?;
        if creation.is_empty() || !abi.as_array().context("no abi")?.iter().any(callable) {
            return Ok(None);
        }
        let runtime = code("deployedBytecode")?;
        let references = artifact["deployedBytecode"]["immutableReferences"].as_object();
        let places =
            references.into_iter().flat_map(|all| all.values()).filter_map(Value::as_array).flatten();
        let range = |place: &Value| -> Result<Range<usize>> {
            let number = |key: &str| place[key].as_u64().with_context(|| format!("no {key} of an immutable"));
            let (start, length) = (number("start")? as usize, number("length")? as usize);
            let end = start.saturating_add(length);
            ensure!(end <= runtime.len(), "an immutable ends at {end}, the code at {}", runtime.len());
            Ok(start..end)
        };
        let mut immutables = places.map(range).collect::<Result<Vec<_>>>()?;
        immutables.sort_by_key(|range| range.start);
        Ok(Some(Self {
            name: name.as_str().context("no name")?.to_owned(),
            source: source.clone(),
            compiler: metadata["compiler"]["version"].as_str().context("no compiler")?.to_owned(),
            abi: abi.clone(),
            creation,
            runtime,
            immutables,
        }))
    }

    /// Hash of deployed code with its immutables set to zero; of other code than this contract's another hash.
    pub fn hash_of(&self, deployed: &[u8]) -> B256 {
        let mut code = deployed.to_vec();
        if code.len() == self.runtime.len() {
            self.immutables.iter().for_each(|range| code[range.clone()].fill(0));
        }
        keccak256(code)
    }

    /// What a client needs to deploy, call and compare the contract.
    pub fn artifact(&self) -> Value {
        let immutables: Vec<_> = self.immutables.iter().map(|range| [range.start, range.len()]).collect();
        json!({
            "contractName": self.name,
            "sourceName": self.source,
            "compiler": self.compiler,
            "abi": self.abi,
            "bytecode": self.creation,
            "deployedBytecode": self.runtime,
            "immutables": immutables,
        })
    }
}
