//! Withdrawals: what a transaction withdraws, and how far that is.

use alloy::{
    eips::BlockNumberOrTag,
    network::AnyTransactionReceipt,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    sol_types::{SolEvent, SolValue},
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IDisputeGame, IL2ToL1MessagePasser::MessagePassed, IPortal, IPortal::IPortalErrors, predeploys,
};

use super::{Session, logs_of, progress::lasting};

/// Games among which one is looked for that a withdrawal can be proven against.
const NEWEST_GAMES: u64 = 64;
/// Proofs of one withdrawal that are looked at, newest first: anyone may add more.
const NEWEST_PROOFS: u64 = 16;
/// How long its proposer gets to resolve a game before a user pays for that, in seconds.
const DECISION_GRACE: u64 = 30;

/// A withdrawal on L2.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// What the portal asks for.
    pub transaction: IPortal::WithdrawalTransaction,
    /// Its hash: what L2 recorded.
    pub hash: B256,
    /// The L2 block that holds it.
    pub block: u64,
}

/// How far a withdrawal is.
#[derive(Clone, Debug)]
pub enum WithdrawalStage {
    /// No output with it has been proposed.
    WaitingToProve,
    /// It can be proven against this game.
    ReadyToProve(ProvingGame),
    /// It is proven.
    WaitingToFinalize(Pending),
    /// It can be finalized by this submitter's proof.
    ReadyToFinalize(Address),
    /// It is done.
    Finalized,
}

/// A game that a withdrawal can be proven against.
#[derive(Clone, Debug)]
pub struct ProvingGame {
    /// Its contract.
    pub address: Address,
    /// Its index in the factory.
    pub index: U256,
    /// The L2 block whose output it is about.
    pub block: u64,
    /// What the output root is the hash of.
    pub output: IPortal::OutputRootProof,
    /// That the withdrawal stands in it: nodes of the storage trie.
    pub proof: Vec<Bytes>,
}

/// A proven withdrawal that cannot be finalized yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The game that it is proven against.
    pub game: Address,
    /// The L2 block whose output the game is about.
    pub block: u64,
    /// What it waits for.
    pub cause: Cause,
    /// Seconds until it can be finalized, if nobody attacks the game anew.
    pub seconds: u64,
}

/// What a proven withdrawal waits for.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// The time in which the output can be disputed; nobody does.
    Window,
    /// A dispute.
    Dispute,
    /// Somebody who resolves the game. Its time has been over for so many seconds.
    Resolution(u64),
    /// The delays after the resolution and after the proof.
    Delays,
}

impl Pending {
    /// What it waits for, for people.
    pub(super) fn what(&self) -> String {
        let block = self.block;
        match self.cause {
            Cause::Window => format!("The output of L2 block {block} can be disputed still"),
            Cause::Dispute => format!("The output of L2 block {block} is disputed"),
            Cause::Resolution(_) => {
                format!(
                    "The time to dispute the output of L2 block {block} is over, its game can be resolved"
                )
            }
            Cause::Delays => format!("The output of L2 block {block} stands"),
        }
    }

    /// The same, with how long still.
    pub(super) fn describe(&self) -> String {
        let condition = if matches!(self.cause, Cause::Dispute) { ", if it stands" } else { "" };
        format!("{}; finalization is possible in about {}{condition}", self.what(), lasting(self.seconds))
    }

    /// Whether the game waits for anyone to resolve it, and its proposer has had time enough to do so.
    pub(super) fn is_overdue(&self) -> bool {
        matches!(self.cause, Cause::Resolution(seconds) if seconds >= DECISION_GRACE)
    }
}

impl WithdrawalStage {
    /// viem's word for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::WaitingToProve => "waiting-to-prove",
            Self::ReadyToProve(_) => "ready-to-prove",
            Self::WaitingToFinalize(_) => "waiting-to-finalize",
            Self::ReadyToFinalize(_) => "ready-to-finalize",
            Self::Finalized => "finalized",
        }
    }
}

impl Withdrawal {
    /// Withdrawal number `index` of an L2 transaction.
    ///
    /// # Errors
    /// It has none of this number.
    pub fn from_receipt(receipt: &AnyTransactionReceipt, index: usize) -> Result<Self> {
        let passed = logs_of(receipt, predeploys::L2_TO_L1_MESSAGE_PASSER)
            .filter(|(log, _)| log.topics().first() == Some(&MessagePassed::SIGNATURE_HASH))
            .map(|(log, _)| MessagePassed::decode_log(log))
            .collect::<Result<Vec<_>, _>>()?;
        ensure!(!passed.is_empty(), "the transaction {} withdraws nothing", receipt.transaction_hash());
        let count = passed.len();
        let event = passed
            .into_iter()
            .nth(index)
            .with_context(|| format!("the transaction has {count} withdrawals, counted from 0"))?;
        Ok(Self {
            hash: event.withdrawalHash,
            block: receipt.block_number().context("the L2 transaction is in no block")?,
            transaction: IPortal::WithdrawalTransaction {
                nonce: event.nonce,
                sender: event.sender,
                target: event.target,
                value: event.value,
                gasLimit: event.gasLimit,
                data: event.data.data,
            },
        })
    }

    /// The slot in which L2 recorded it.
    fn slot(&self) -> B256 {
        keccak256((self.hash, U256::ZERO).abi_encode())
    }

    /// How far it is.
    ///
    /// # Errors
    /// An endpoint does not answer.
    pub async fn stage(&self, session: &Session) -> Result<WithdrawalStage> {
        let portal = session.portal();
        if portal.finalizedWithdrawals(self.hash).call().await? {
            return Ok(WithdrawalStage::Finalized);
        }
        let count: u64 = portal.numProofSubmitters(self.hash).call().await?.saturating_to();
        let mut soonest: Option<Pending> = None;
        for index in (count.saturating_sub(NEWEST_PROOFS)..count).rev() {
            let submitter = portal.proofSubmitters(self.hash, U256::from(index)).call().await?;
            let Err(error) = portal.checkWithdrawal(self.hash, submitter).call().await else {
                return Ok(WithdrawalStage::ReadyToFinalize(submitter));
            };
            match error.as_decoded_interface_error::<IPortalErrors>() {
                Some(
                    IPortalErrors::OptimismPortal_ProofNotOldEnough(_)
                    | IPortalErrors::OptimismPortal_InvalidRootClaim(_),
                ) => {}
                // A proof that is worth nothing.
                Some(_) => continue,
                None => return Err(error.into()),
            }
            if let Some(pending) = self.pending(session, submitter).await?
                && soonest.as_ref().is_none_or(|found| pending.seconds < found.seconds)
            {
                soonest = Some(pending);
            }
        }
        if let Some(pending) = soonest {
            return Ok(WithdrawalStage::WaitingToFinalize(pending));
        }
        Ok(self
            .find_game(session)
            .await?
            .map_or(WithdrawalStage::WaitingToProve, WithdrawalStage::ReadyToProve))
    }

    /// What a proof waits for; nothing if it will never count, because its game is lost or excluded.
    async fn pending(&self, session: &Session, submitter: Address) -> Result<Option<Pending>> {
        let portal = session.portal();
        let proof = portal.provenWithdrawals(self.hash, submitter).call().await?;
        if !may_count(session, proof.disputeGameProxy).await? {
            return Ok(None);
        }
        let game = IDisputeGame::new(proof.disputeGameProxy, &session.l1);
        let now = session.l1_time().await?;
        let maturity: u64 = portal.proofMaturityDelaySeconds().call().await?.saturating_to();
        let air_gap: u64 = portal.disputeGameFinalityDelaySeconds().call().await?.saturating_to();
        let resolved = game.resolvedAt().call().await?;
        let expected = game.expectedResolution().call().await?;
        let cause = if resolved != 0 {
            Cause::Delays
        } else if game.resolvable().call().await? {
            Cause::Resolution(now.saturating_sub(expected))
        } else {
            let root = game.claimState(game.rootClaimId().call().await?).call().await?;
            if root.openChildren == 0 { Cause::Window } else { Cause::Dispute }
        };
        let resolution = if resolved == 0 { expected.max(now) } else { resolved };
        let ready = proof.timestamp.saturating_add(maturity).max(resolution.saturating_add(air_gap));
        Ok(Some(Pending {
            game: proof.disputeGameProxy,
            block: game.l2SequenceNumber().call().await?.saturating_to(),
            cause,
            // Both must be over, by a second at least.
            seconds: ready.saturating_add(1).saturating_sub(now),
        }))
    }

    /// The oldest game that it can be proven against: the first that will be final. Only games whose output the L2
    /// endpoint has itself: another would lose, and the proof with it. And only where it has the state still: nodes need
    /// not keep that of blocks before the anchor.
    async fn find_game(&self, session: &Session) -> Result<Option<ProvingGame>> {
        let factory = session.factory();
        let count: u64 = factory.gameCount().call().await?.saturating_to();
        let Some(newest) = count.checked_sub(1) else { return Ok(None) };
        let game_type = factory.GAME_TYPE().call().await?;
        let wanted = U256::from(count.min(NEWEST_GAMES));
        let games = factory.findLatestGames(game_type, U256::from(newest), wanted).call().await?;
        for game in games.iter().rev() {
            let block: u64 = U256::try_from_be_slice(&game.extraData).unwrap_or_default().saturating_to();
            if block < self.block || !may_count(session, Address::from_word(game.metadata)).await? {
                continue;
            }
            let Some(header) = session.l2.get_block_by_number(BlockNumberOrTag::Number(block)).await? else {
                continue;
            };
            let output = IPortal::OutputRootProof {
                version: B256::ZERO,
                stateRoot: header.header.state_root,
                messagePasserStorageRoot: header.header.withdrawals_root.unwrap_or_default(),
                latestBlockhash: header.header.hash,
            };
            if keccak256(output.abi_encode()) != game.rootClaim {
                continue;
            }
            if let Some(proof) = self.proof(session, block, &output).await? {
                let address = Address::from_word(game.metadata);
                return Ok(Some(ProvingGame { address, index: game.index, block, output, proof }));
            }
        }
        Ok(None)
    }

    /// The proof that it stands in the output of a block; nothing if the L2 endpoint has no state of that block.
    async fn proof(
        &self,
        session: &Session,
        block: u64,
        output: &IPortal::OutputRootProof,
    ) -> Result<Option<Vec<Bytes>>> {
        let request = session.l2.get_proof(predeploys::L2_TO_L1_MESSAGE_PASSER, vec![self.slot()]);
        let proof = match request.number(block).await {
            Ok(proof) => proof,
            Err(error) if error.as_error_resp().is_some() => return Ok(None),
            Err(error) => return Err(error).context("the L2 endpoint does not answer"),
        };
        ensure!(
            proof.storage_hash == output.messagePasserStorageRoot,
            "the L2 endpoint's proof at block {block} does not fit its header"
        );
        let storage = proof.storage_proof.into_iter().next().context("the L2 endpoint's proof is empty")?;
        Ok(Some(storage.proof))
    }
}

/// Whether a game may come to count: not excluded, of the right type, not lost.
async fn may_count(session: &Session, game: Address) -> Result<bool> {
    let registry = session.registry();
    Ok(registry.isGameProper(game).call().await?
        && registry.isGameRespected(game).call().await?
        && IDisputeGame::new(game, &session.l1).status().call().await?
            != IDisputeGame::GameStatus::CHALLENGER_WINS)
}
