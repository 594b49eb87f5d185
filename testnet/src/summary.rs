//! What a user needs to know of a devnet.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use anyhow::Result;
use rollup::{RollupConfig, config::Contracts};
use serde::{Deserialize, Serialize};
use stf::Rules;

use crate::{
    Devnet, SampleToken, accounts,
    devnet::{CHALLENGER_KEY, USER_KEY},
    tools,
};

/// Endpoints, accounts and addresses of a devnet: the content of `devnet.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The challenger's page, to look at.
    pub page: Option<String>,
    /// L1, HTTP.
    pub l1_rpc: String,
    /// The sequencer, HTTP.
    pub l2_rpc: String,
    /// The sequencer, WebSocket.
    pub l2_ws: String,
    /// The replica, HTTP.
    pub replica_rpc: Option<String>,
    /// Path of `rollup.json`.
    pub rollup: PathBuf,
    /// File with the private key of the first account.
    pub key: PathBuf,
    /// File with the private key of the last account, for a challenger.
    pub challenger_key: PathBuf,
    /// Accounts with 10,000 ETH on either layer.
    pub accounts: Vec<FundedAccount>,
    /// The L1 contracts.
    pub contracts: Contracts,
    /// The sample ERC-20 on both layers.
    pub sample_token: Option<SampleToken>,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Timestamp of L2 from which on the rules of Karst hold; `None`: from the genesis on.
    pub karst_at: Option<u64>,
}

/// A funded account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FundedAccount {
    /// Its address.
    pub address: Address,
    /// Its private key, which everybody knows.
    pub private_key: B256,
}

/// When Karst begins, if something else comes before it.
fn karst_at(rollup: &RollupConfig) -> Option<u64> {
    let mut later = rollup.chain.forks.activations().iter().skip(1);
    let karst = later.find(|activation| activation.rules == Rules::Karst.id());
    karst.map(|activation| activation.timestamp)
}

impl Devnet {
    /// What a user needs to know of it.
    pub fn summary(&self) -> Result<Summary> {
        Summary::new(self)
    }
}

impl Summary {
    fn new(devnet: &Devnet) -> Result<Self> {
        let sequencer = devnet.sequencer()?;
        let account = |user: alloy::signers::local::PrivateKeySigner| FundedAccount {
            address: user.address(),
            private_key: user.to_bytes(),
        };
        Ok(Self {
            page: devnet.page_url(),
            l1_rpc: devnet.anvil.url().into(),
            l2_rpc: sequencer.http_url(),
            l2_ws: sequencer.ws_url(),
            replica_rpc: devnet.replica().ok().map(|replica| replica.http_url()),
            rollup: devnet.rollup_path(),
            key: devnet.dir.join(USER_KEY),
            challenger_key: devnet.dir.join(CHALLENGER_KEY),
            accounts: accounts::users()?.into_iter().map(account).collect(),
            contracts: devnet.rollup.contracts,
            sample_token: devnet.sample_token,
            l1_chain_id: devnet.rollup.l1_chain_id,
            l2_chain_id: devnet.rollup.chain.chain_id,
            karst_at: karst_at(&devnet.rollup),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(page) = &self.page {
            writeln!(f, "\nLook at it: open this page in a browser\n  {page}")?;
        }
        writeln!(f, "\nEndpoints")?;
        writeln!(f, "  L1          {}", self.l1_rpc)?;
        writeln!(f, "  L2          {}  {}  (chain id {})", self.l2_rpc, self.l2_ws, self.l2_chain_id)?;
        if let Some(replica) = &self.replica_rpc {
            writeln!(f, "  L2 replica  {replica}")?;
        }
        if let Some(karst) = self.karst_at {
            writeln!(f, "\nRules\n  Isthmus, from timestamp {karst} on Karst")?;
        }
        writeln!(f, "\nAccounts, 10,000 ETH each on L1 and L2 (everybody knows these keys)")?;
        for account in &self.accounts {
            writeln!(f, "  {}  {}", account.address, account.private_key)?;
        }
        writeln!(f, "\nContracts on L1")?;
        for (name, address) in [
            ("Portal", self.contracts.portal),
            ("Inbox", self.contracts.inbox),
            ("SystemConfig", self.contracts.system_config),
            ("DisputeGameFactory", self.contracts.dispute_game_factory),
            ("AnchorStateRegistry", self.contracts.anchor_state_registry),
            ("Multicall3", self.contracts.multicall3),
            ("L1CrossDomainMessenger", self.contracts.l1_cross_domain_messenger),
            ("L1StandardBridge", self.contracts.l1_standard_bridge),
        ] {
            writeln!(f, "  {name:<24}{address}")?;
        }
        if let Some(token) = &self.sample_token {
            writeln!(
                f,
                "\nSample token (anyone can mint it on L1)\n  on L1  {}\n  on L2  {}",
                token.l1, token.l2
            )?;
        }
        writeln!(f, "\nRollup configuration\n  {}", self.rollup.display())?;
        self.write_commands(f)
    }
}

impl Summary {
    /// Commands to try, for a shell in the folder where the devnet was started. What they share is set once.
    fn write_commands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to, ..] = self.accounts.as_slice() else {
            return Ok(());
        };
        let here = std::env::current_dir().unwrap_or_default();
        // For a shell in any folder.
        let whole = |path: &Path| std::path::absolute(path).unwrap_or(path.to_owned()).display().to_string();
        let short = |path: &Path| path.strip_prefix(&here).unwrap_or(path).display().to_string();
        let folder = |tool: Result<PathBuf>| tool.ok().and_then(|path| path.parent().map(short));
        // Those that the search path lacks; relative ones count from this folder.
        let cast = tools::in_path("cast").is_none().then(|| folder(tools::cast())).flatten();
        let (node, challenger) = (folder(tools::recourse_node()), folder(tools::challenger()));
        let other = challenger.filter(|challenger| Some(challenger) != node.as_ref());
        let folders = [cast, node, other].into_iter().flatten().map(|folder| match Path::new(&folder) {
            path if path.is_absolute() => folder,
            _ => format!("$PWD/{folder}"),
        });
        let path = folders.chain(["$PATH".into()]).collect::<Vec<_>>().join(":");
        let (l1, l2) = (&self.l1_rpc, &self.l2_rpc);
        let (rollup, key) = (whole(&self.rollup), whole(&self.key));
        // Not the sequencer: it is what is judged.
        let judge = self.replica_rpc.as_deref().unwrap_or(l2);

        writeln!(f, "\nTry, in a second shell; this once, and the rest is short:\n")?;
        writeln!(f, "  export PATH=\"{path}\"")?;
        writeln!(f, "  export L1={l1} L2={l2} PORTAL={}", self.contracts.portal)?;
        writeln!(f, "  export KEY={} ME={} YOU={}", from.private_key, from.address, to.address)?;
        writeln!(
            f,
            "  export RECOURSE_ROLLUP={rollup} RECOURSE_KEY={key} RECOURSE_L1_RPC=$L1 RECOURSE_L2_RPC={judge}"
        )?;
        // Anvil keeps blobs as a beacon node does.
        writeln!(f, "  export RECOURSE_L1_BEACON=$L1")?;
        if let Some(token) = &self.sample_token {
            writeln!(f, "  export TOKEN={} L2_TOKEN={}", token.l1, token.l2)?;
        }
        writeln!(f, "\n  # a balance on L2; 1 ETH sent there; 1 ETH deposited from L1")?;
        writeln!(f, "  cast balance --ether $YOU --rpc-url $L2")?;
        writeln!(f, "  cast send $YOU --value 1ether --private-key $KEY --rpc-url $L2")?;
        writeln!(f, "  cast send $PORTAL --value 1ether --private-key $KEY --rpc-url $L1")?;
        writeln!(f, "\n  # the bridge; a withdrawal says what comes next: prove, finalize")?;
        writeln!(f, "  recourse-node bridge deposit --amount 1")?;
        writeln!(f, "  recourse-node bridge withdraw --amount 1")?;
        if self.sample_token.is_some() {
            writeln!(f, "\n  # the sample token: make 5 on L1, and deposit them")?;
            let mint = "cast send $TOKEN 'mint(address,uint256)' $ME 5ether";
            writeln!(f, "  {mint} --private-key $KEY --rpc-url $L1")?;
            writeln!(f, "  recourse-node bridge deposit --amount 5 --token $TOKEN --l2-token $L2_TOKEN")?;
        }
        if self.page.is_some() {
            writeln!(f, "\n  # every proposal, judged; the challenger that runs beats those that are wrong")?;
            return writeln!(f, "  challenger report");
        }
        let data = whole(&self.rollup.with_file_name("data").join("challenger"));
        let key = whole(&self.challenger_key);
        writeln!(f, "\n  # a challenger, which beats every wrong proposal; until Ctrl-C")?;
        writeln!(f, "  challenger watch --data-dir {data} --key {key}")
    }
}
