//! Proposing outputs, and seeing the proposals through: resolving, moving the anchor, taking the bonds back.
//!
//! The proposer keeps nothing that it could not read again from L1. It proposes the newest safe block whose batch is
//! deep enough in L1, from what the local chain derived. A proposal on a reorganised L1 reverts by the accumulator that
//! it pins, and one that the anchor moved under by the anchor that it names.

mod games;

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::{SolCall, SolInterface, SolValue},
};
use bindings::{IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory, IInbox};
use db::Reader;
use stf::output_root;
use tracing::{debug, info};

use games::OwnGames;
use rollup::{
    chain::Chain,
    interval::Interval,
    l1::{L1Client, L1Error, L1Header, SendError, TxManager, TxRequest},
    shutdown::Shutdown,
};

use crate::task::{self, Stepped, Task};

const TARGET: &str = "node::proposer";
/// Games of others among which an equal proposal is looked for.
const NEWEST_GAMES: u64 = 32;

/// When to propose.
#[derive(Clone, Copy, Debug)]
pub struct ProposerOptions {
    /// Time between two proposals, as L1 counts it.
    pub interval: Duration,
    /// Propose earlier once this many blocks are new.
    pub blocks: Option<u64>,
    /// L1 blocks that must follow the batch that a proposal pins.
    pub depth: u64,
    /// How often to look; by default what suits the chain.
    pub poll_interval: Option<Duration>,
}

impl Default for ProposerOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(3600), blocks: None, depth: 2, poll_interval: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposeError {
    #[error(transparent)]
    L1(#[from] L1Error),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error("{}", explain(.0))]
    Send(SendError),
    #[error(
        "new games are about a chain config with the hash {hash} (version {version}), \
         which rollup.json has neither now nor had before: this node needs the one of the upgrade"
    )]
    UnknownRules { version: Address, hash: B256 },
    #[error("the anchor at block {block} is {found}, but the local chain's output is {expected}")]
    Anchor { block: u64, expected: B256, found: B256 },
    #[error("{what} {number} is missing in the database")]
    Missing { what: &'static str, number: u64 },
}

impl From<SendError> for ProposeError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

/// The contract's own error says more than the endpoint's words.
fn explain(error: &SendError) -> String {
    let Some(data) = error.revert_data() else {
        return error.to_string();
    };
    if let Ok(reason) = IDisputeGameFactory::IDisputeGameFactoryErrors::abi_decode(data) {
        return format!("the factory would refuse: {reason:?}");
    }
    if let Ok(reason) = IDisputeGame::IDisputeGameErrors::abi_decode(data) {
        return format!("the game would refuse: {reason:?}");
    }
    match IAnchorStateRegistry::IAnchorStateRegistryErrors::abi_decode(data) {
        Ok(reason) => format!("the registry would refuse: {reason:?}"),
        Err(_) => error.to_string(),
    }
}

/// A claim as `propose` takes it.
#[derive(Clone, Debug)]
struct Proposal {
    l2_block: u64,
    vector: Vec<B256>,
    batch_count: u64,
    batch_acc: B256,
    batch_header: Bytes,
    anchor: Anchor,
}

/// The version that new games have.
#[derive(Clone, Copy, Debug)]
struct Version {
    address: Address,
    bond: U256,
    game_type: u32,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    block: u64,
    output: B256,
}

impl Proposal {
    fn root_claim(&self) -> B256 {
        self.vector.last().copied().unwrap_or_default()
    }

    /// The content id that the factory lists games by.
    fn uuid(&self, game_type: u32, version: Address) -> B256 {
        let vector_hash = keccak256(self.vector.concat_bytes());
        let root = self.root_claim();
        let Anchor { block, output } = self.anchor;
        let fields = (game_type, version, self.l2_block, root, self.batch_acc, block, output, vector_hash);
        keccak256(fields.abi_encode())
    }
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for [B256] {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|value| value.0).collect()
    }
}

/// The task that proposes.
#[derive(Debug)]
pub struct Proposer {
    chain: Chain,
    txs: Arc<TxManager>,
    options: ProposerOptions,
    poll_interval: Duration,
    games: OwnGames,
    /// The version of new games, as it was last read.
    version: Option<Version>,
}

impl Task for Proposer {
    type Error = ProposeError;

    const WHAT: &'static str = "proposing";
    const FAILURES: &'static str = "recourse_proposer_failures_total";

    async fn step(&mut self) -> Result<Stepped, ProposeError> {
        let head = self.client().head().await?;
        let anchor = self.anchor(&head).await?;
        self.games.discover(&head).await?;
        let games = self.games.advance(&head, anchor.block).await;
        // The anchor may have moved: a claim starts from the newest.
        let head = self.client().head().await?;
        let anchor = self.anchor(&head).await?;
        let proposed = self.propose(&head, anchor).await;
        proposed.and(games).map(|()| Stepped::Well)
    }

    fn poll_interval(&self) -> Duration {
        self.poll_interval
    }

    /// An anchor that this chain does not have is one at once: either a wrong output was confirmed, or this node is wrong.
    fn is_alarming(error: &ProposeError) -> bool {
        matches!(error, ProposeError::Anchor { .. })
    }
}

impl Proposer {
    /// A proposer of the local chain's outputs, that sends by `txs`.
    pub fn new(chain: Chain, txs: Arc<TxManager>, options: ProposerOptions) -> Self {
        let poll_interval = options.poll_interval.unwrap_or(txs.client().default_poll_interval() * 4);
        let games = OwnGames::new(txs.clone(), chain.config().contracts);
        Self { chain, txs, options, poll_interval, games, version: None }
    }

    /// Proposes until told to end.
    pub async fn run(self, shutdown: Shutdown) {
        task::run(self, shutdown).await;
    }

    fn client(&self) -> &L1Client {
        self.txs.client()
    }

    async fn anchor(&self, head: &L1Header) -> Result<Anchor, L1Error> {
        let registry = self.chain.config().contracts.anchor_state_registry;
        let call = IAnchorStateRegistry::anchorsCall {};
        let anchor = self.client().view(registry, call, BlockId::hash(head.hash)).await?;
        Ok(Anchor { block: anchor.l2SequenceNumber.saturating_to(), output: anchor.root })
    }

    /// The version of new games. Refuses one that cannot prove what this node computes.
    async fn version(&mut self, head: &L1Header) -> Result<Version, ProposeError> {
        let (factory, at) = (self.chain.config().contracts.dispute_game_factory, BlockId::hash(head.hash));
        let call = IDisputeGameFactory::gameImplementationCall {};
        let address = self.client().view(factory, call, at).await?;
        if let Some(version) = self.version.filter(|version| version.address == address) {
            return Ok(version);
        }
        let (bond, game_type, parameters) = tokio::try_join!(
            self.client().view(factory, IDisputeGameFactory::bondCall {}, at),
            self.client().view(factory, IDisputeGameFactory::GAME_TYPECall {}, at),
            self.client().view(address, IDisputeGame::parametersCall {}, at),
        )?;
        let hash = parameters.configHash;
        if self.chain.config().chain.version(hash).is_none() {
            return Err(ProposeError::UnknownRules { version: address, hash });
        }
        Ok(*self.version.insert(Version { address, bond, game_type }))
    }

    /// Proposes if it is time to.
    async fn propose(&mut self, head: &L1Header, anchor: Anchor) -> Result<(), ProposeError> {
        let Some(proposal) = self.build(head, anchor)? else {
            return Ok(());
        };
        let newest = self.games.newest();
        let l2_block = proposal.l2_block;
        let is_due = match newest {
            None => true,
            Some(newest) if l2_block <= newest.l2_block => false,
            Some(newest) => {
                let age = head.timestamp().saturating_sub(newest.created_at);
                age >= self.options.interval.as_secs()
                    || self.options.blocks.is_some_and(|blocks| l2_block - newest.l2_block >= blocks)
            }
        };
        if !is_due {
            return Ok(());
        }
        let version = self.version(head).await?;
        let bond = version.bond;
        let contracts = self.chain.config().contracts;
        let at = BlockId::hash(head.hash);
        let count = U256::from(proposal.batch_count);
        let acc = self.client().view(contracts.inbox, IInbox::batchAccCall { count }, at).await?;
        if acc != proposal.batch_acc {
            debug!(target: TARGET, "the local chain has not followed an L1 reorg yet");
            return Ok(());
        }
        if self.exists(&proposal, &version, at).await? {
            debug!(target: TARGET, l2_block, "an equal proposal exists");
            return Ok(());
        }
        let root_claim = proposal.root_claim();
        let call = IDisputeGameFactory::proposeCall {
            // Another may come into force until then, which may have other rules: refused as well.
            implementation: version.address,
            // The anchor may move until the transaction is included. The vector fits this one only, so that the
            // factory then refuses the claim, and the next step makes it anew.
            anchorBlock: proposal.anchor.block,
            l2Block: l2_block,
            vector: proposal.vector,
            batchCount: proposal.batch_count,
            batchAcc: proposal.batch_acc,
            lastBatchHeader: proposal.batch_header,
        };
        let request = TxRequest {
            to: contracts.dispute_game_factory,
            data: call.abi_encode().into(),
            value: bond,
            ..TxRequest::default()
        };
        let receipt = self.txs.send(request).await?;
        metrics::counter!("recourse_proposer_proposals_total").increment(1);
        metrics::gauge!("recourse_proposer_block").set(l2_block as f64);
        let (tx, gas) = (receipt.transaction_hash, receipt.gas_used);
        info!(target: TARGET, l2_block, %root_claim, %tx, gas, "proposed an output");
        Ok(())
    }

    /// The claim about the newest block that can be claimed.
    fn build(&self, head: &L1Header, anchor: Anchor) -> Result<Option<Proposal>, ProposeError> {
        let reader = self.chain.db().read()?;
        let deepest = head.number().saturating_sub(self.options.depth);
        let safe = reader.safe()?.unwrap_or(0);
        let mut count = reader.batch_count()?;
        let batch = loop {
            let Some(index) = count.checked_sub(1) else {
                return Ok(None);
            };
            let batch = reader.batch(index)?.ok_or(missing("batch", index))?;
            if batch.l1_block <= deepest {
                break batch;
            }
            count = index;
        };
        let l2_block = batch.last_block.min(safe);
        let Some(interval) = Interval::between(anchor.block, l2_block) else {
            return Ok(None);
        };
        let expected = output(&reader, anchor.block)?;
        if expected != anchor.output {
            return Err(ProposeError::Anchor { block: anchor.block, expected, found: anchor.output });
        }
        let vector = interval.ends().map(|end| output(&reader, end)).collect::<Result<_, _>>()?;
        Ok(Some(Proposal {
            l2_block,
            vector,
            batch_count: count,
            batch_acc: batch.acc,
            batch_header: Bytes::copy_from_slice(&batch.header),
            anchor,
        }))
    }

    /// Whether somebody already made the same claim: exactly, or about the same block.
    async fn exists(
        &self,
        proposal: &Proposal,
        version: &Version,
        at: BlockId,
    ) -> Result<bool, ProposeError> {
        let factory = self.chain.config().contracts.dispute_game_factory;
        let game_type = version.game_type;
        let uuid = proposal.uuid(game_type, version.address);
        let same = self.client().view(factory, IDisputeGameFactory::gameByUuidCall { uuid }, at).await?;
        if same != Address::ZERO {
            return Ok(true);
        }
        let count = self.client().view(factory, IDisputeGameFactory::gameCountCall {}, at).await?;
        let Some(start) = count.checked_sub(U256::from(1)) else {
            return Ok(false);
        };
        let call = IDisputeGameFactory::findLatestGamesCall {
            gameType: game_type,
            start,
            n: U256::from(NEWEST_GAMES),
        };
        for game in self.client().view(factory, call, at).await? {
            let block = U256::abi_decode(&game.extraData).unwrap_or_default();
            if game.rootClaim != proposal.root_claim() || block != U256::from(proposal.l2_block) {
                continue;
            }
            if self.games.counts(Address::from_slice(&game.metadata[12..]), at).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const fn missing(what: &'static str, number: u64) -> ProposeError {
    ProposeError::Missing { what, number }
}

fn output(reader: &Reader, number: u64) -> Result<B256, ProposeError> {
    let header = reader.header(number)?.ok_or(missing("header", number))?;
    Ok(output_root(&header, header.hash()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::hex;

    /// `abi.encode` of eight words.
    #[test]
    fn uuid_is_the_hash_of_the_packed_words() {
        let proposal = Proposal {
            l2_block: 0x0102,
            vector: vec![B256::repeat_byte(1), B256::repeat_byte(2)],
            batch_count: 9,
            batch_acc: B256::repeat_byte(3),
            batch_header: Bytes::new(),
            anchor: Anchor { block: 5, output: B256::repeat_byte(4) },
        };
        let vector_hash = keccak256([[1u8; 32], [2u8; 32]].concat());
        let words = [
            B256::left_padding_from(&[16]),
            B256::left_padding_from(&[7; 20]),
            B256::left_padding_from(&hex!("0102")),
            B256::repeat_byte(2),
            B256::repeat_byte(3),
            B256::left_padding_from(&[5]),
            B256::repeat_byte(4),
            vector_hash,
        ];
        assert_eq!(proposal.uuid(16, Address::repeat_byte(7)), keccak256(words.concat_bytes()));
    }
}
