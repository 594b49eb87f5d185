//! What a user needs to know of a devnet.

use std::{fmt, path::PathBuf};

use alloy::primitives::{Address, B256};
use anyhow::Result;
use rollup::config::Contracts;
use serde::{Deserialize, Serialize};

use crate::{
    Devnet, SampleToken, accounts,
    devnet::{CHALLENGER_KEY, USER_KEY},
    tools,
};

/// Endpoints, accounts and addresses of a devnet: the content of `devnet.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
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
}

/// A funded account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FundedAccount {
    /// Its address.
    pub address: Address,
    /// Its private key, which everybody knows.
    pub private_key: B256,
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
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nEndpoints")?;
        writeln!(f, "  L1          {}", self.l1_rpc)?;
        writeln!(f, "  L2          {}  {}  (chain id {})", self.l2_rpc, self.l2_ws, self.l2_chain_id)?;
        if let Some(replica) = &self.replica_rpc {
            writeln!(f, "  L2 replica  {replica}")?;
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
    fn write_commands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to, ..] = self.accounts.as_slice() else {
            return Ok(());
        };
        // As short as it works: the name alone where the search path has it.
        let cast = match (tools::in_path("cast"), tools::cast()) {
            (None, Ok(path)) => {
                let here = std::env::current_dir().unwrap_or_default();
                path.strip_prefix(here).unwrap_or(&path).display().to_string()
            }
            _ => "cast".into(),
        };
        let (secret, l1, l2, portal) = (from.private_key, &self.l1_rpc, &self.l2_rpc, self.contracts.portal);
        let to = to.address;
        writeln!(f, "\nTry\n  # a balance on L2")?;
        writeln!(f, "  {cast} balance --ether {to} --rpc-url {l2}")?;
        writeln!(f, "  # send 1 ETH on L2")?;
        writeln!(f, "  {cast} send {to} --value 1ether --private-key {secret} --rpc-url {l2}")?;
        writeln!(f, "  # deposit 1 ETH from L1 to L2")?;
        let call = "'depositTransaction(address,uint256,uint64,bool,bytes)'";
        writeln!(
            f,
            "  {cast} send {portal} {call} {to} 1ether 100000 false 0x --value 1ether --private-key {secret} --rpc-url {l1}"
        )?;
        let here = std::env::current_dir().unwrap_or_default();
        let file = |path: &std::path::Path| path.strip_prefix(&here).unwrap_or(path).display().to_string();
        let node = file(&tools::recourse_node().unwrap_or_else(|_| "recourse-node".into()));
        let challenger = file(&tools::challenger().unwrap_or_else(|_| "challenger".into()));
        let (rollup, key) = (file(&self.rollup), file(&self.key));
        writeln!(f, "  # move ETH by the bridge; a withdrawal says what comes next: prove, finalize")?;
        writeln!(
            f,
            "  export RECOURSE_ROLLUP={rollup} RECOURSE_KEY={key} RECOURSE_L1_RPC={l1} RECOURSE_L2_RPC={l2}"
        )?;
        writeln!(f, "  {node} bridge deposit --amount 1")?;
        writeln!(f, "  {node} bridge withdraw --amount 1")?;
        writeln!(f, "  # watch over all proposals, and beat the wrong ones")?;
        let data = file(&self.rollup.with_file_name("data").join("challenger"));
        let key = file(&self.challenger_key);
        writeln!(f, "  {challenger} watch --data-dir {data} --key {key}")?;
        if let Some(token) = &self.sample_token {
            let (l1_token, l2_token, mint) = (token.l1, token.l2, "'mint(address,uint256)'");
            writeln!(f, "  # the sample token: make 5, and deposit them")?;
            writeln!(
                f,
                "  {cast} send {l1_token} {mint} {} 5ether --private-key {secret} --rpc-url {l1}",
                from.address
            )?;
            writeln!(f, "  {node} bridge deposit --amount 5 --token {l1_token} --l2-token {l2_token}")?;
        }
        Ok(())
    }
}
