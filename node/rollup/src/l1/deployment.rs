//! Reading from L1 what it says of a rollup, for [`RollupConfig::check`].
//!
//! All is read in one block, by its hash: what an endpoint of several nodes answers belongs together.

use std::fmt;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    sol_types::SolCall,
};
use bindings::{
    IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory, IInbox, IL1CrossDomainMessenger, IMulticall3,
    IPortal, IStandardBridge, ISystemConfig,
};

use super::{L1Client, L1Error, L1Header, client::ContractCall};
use crate::{
    RollupConfig,
    config::{
        ConfigMismatch, ConfigMismatches, ContractField, ContractLink, Deployment, InboxConstants,
        L2Parameters,
    },
};

/// Why `rollup.json` was not found to be that of the rollup on L1.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is not.
    #[error(transparent)]
    Mismatch(ConfigMismatches),
    /// L1 could not be asked, which says nothing of the file.
    #[error(transparent)]
    Endpoint(L1Error),
}

impl From<L1Error> for CheckError {
    fn from(error: L1Error) -> Self {
        Self::Endpoint(error)
    }
}

impl From<ConfigMismatch> for CheckError {
    fn from(mismatch: ConfigMismatch) -> Self {
        Self::Mismatch(mismatch.into())
    }
}

/// Compares all of `rollup.json` with L1. What differs is looked at again, in another block: an endpoint that gets a block
/// meanwhile may answer of two states. Errors of L1 are not asked about again.
pub(super) async fn check(client: &L1Client, config: &RollupConfig) -> Result<(), CheckError> {
    match check_once(client, config).await {
        Err(CheckError::Mismatch(_)) => check_once(client, config).await,
        checked => checked,
    }
}

async fn check_once(client: &L1Client, config: &RollupConfig) -> Result<(), CheckError> {
    let deployment = read_deployment(client, config, &client.head().await?).await?;
    config.check(&deployment).map_err(CheckError::Mismatch)
}

/// Reads what L1 says of a rollup, in this block.
///
/// # Errors
/// A contract is missing or does not answer; or L1 does not.
pub async fn read_deployment(
    client: &L1Client,
    config: &RollupConfig,
    head: &L1Header,
) -> Result<Deployment, CheckError> {
    let (number, start) = (head.number(), config.l1_start_block);
    if number < start {
        // An endpoint that is still syncing gets there.
        let text = format!("its newest block is {number}, and l1StartBlock in rollup.json is {start}");
        return Err(L1Error::Unreachable(text).into());
    }
    let reader = Reader { client, config, block: BlockId::hash(head.hash) };
    reader.check_codes().await?;
    let (links, constants, history) =
        tokio::try_join!(reader.links(), reader.constants(), reader.history(start))?;
    Ok(Deployment {
        links,
        initial_parameters: history.parameters,
        inbox_before_start: history.inbox_before,
        inbox_after_start: history.inbox_after,
        ..constants
    })
}

/// What L1 was like when the rollup was deployed, as far as the endpoint knows.
struct History {
    inbox_before: Option<bool>,
    inbox_after: Option<bool>,
    parameters: Option<L2Parameters>,
}

/// A question to a contract.
struct View {
    /// Which field of `rollup.json` is wrong if the contract does not know the question.
    field: ContractField,
    signature: &'static str,
    call: ContractCall,
}

impl View {
    fn new<C: SolCall>(field: ContractField, to: Address, call: C) -> Self {
        Self { field, signature: C::SIGNATURE, call: ContractCall { to, input: call.abi_encode().into() } }
    }

    /// That the contract does not know the question.
    fn no_answer(&self, config: &RollupConfig, why: impl fmt::Display) -> ConfigMismatch {
        let text = format!("the contract at {} does not answer {}: {why}", self.call.to, self.signature);
        ConfigMismatch::contract(self.field, &config.contracts, text)
    }
}

/// What was answered.
struct Answer<'a> {
    config: &'a RollupConfig,
    view: View,
    output: Bytes,
}

impl Answer<'_> {
    fn read<C: SolCall>(&self) -> Result<C::Return, ConfigMismatch> {
        C::abi_decode_returns(&self.output).map_err(|error| self.view.no_answer(self.config, error))
    }
}

struct Reader<'a> {
    client: &'a L1Client,
    config: &'a RollupConfig,
    block: BlockId,
}

impl Reader<'_> {
    fn view<C: SolCall>(&self, field: ContractField, call: C) -> View {
        View::new(field, field.address(&self.config.contracts), call)
    }

    async fn ask<const N: usize>(
        &self,
        views: [View; N],
        block: BlockId,
    ) -> Result<[Answer<'_>; N], CheckError> {
        let calls: Vec<_> = views.iter().map(|view| view.call.clone()).collect();
        let outputs = match self.client.views(&calls, block).await {
            Ok(outputs) => outputs,
            // Which one fails is seen only one by one.
            Err(error) if error.is_failed_call() => {
                for view in &views {
                    match self.client.views(std::slice::from_ref(&view.call), block).await {
                        Err(error) if error.is_failed_call() => {
                            return Err(view.no_answer(self.config, error).into());
                        }
                        asked => asked.map(drop)?,
                    }
                }
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let mut outputs = outputs.into_iter();
        Ok(views.map(|view| {
            let output = outputs.next().unwrap_or_default();
            Answer { config: self.config, view, output }
        }))
    }

    /// Whether there is a contract at each address.
    async fn check_codes(&self) -> Result<(), CheckError> {
        let contracts = &self.config.contracts;
        let addresses = ContractField::ALL.map(|field| field.address(contracts));
        let codes = self.client.codes(&addresses, self.block).await?;
        let missing = ContractField::ALL.iter().zip(codes).filter(|(_, code)| code.is_empty());
        let wrong: Vec<_> = missing
            .map(|(field, _)| ConfigMismatch::contract(*field, contracts, "L1 has no contract there"))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(CheckError::Mismatch(ConfigMismatches(wrong))) }
    }

    /// What the contracts say of each other.
    async fn links(&self) -> Result<Vec<ContractLink>, CheckError> {
        use ContractField::{
            AnchorStateRegistry, Bridge, DisputeGameFactory, Inbox, Messenger, Portal, SystemConfig,
        };
        let of = [
            Portal,
            SystemConfig,
            Inbox,
            AnchorStateRegistry,
            Inbox,
            Inbox,
            AnchorStateRegistry,
            DisputeGameFactory,
            Portal,
            Messenger,
        ];
        let views = [
            self.view(Inbox, IInbox::portalCall {}),
            self.view(Inbox, IInbox::systemConfigCall {}),
            self.view(Portal, IPortal::inboxCall {}),
            self.view(Portal, IPortal::anchorStateRegistryCall {}),
            self.view(SystemConfig, ISystemConfig::inboxCall {}),
            self.view(DisputeGameFactory, IDisputeGameFactory::inboxCall {}),
            self.view(DisputeGameFactory, IDisputeGameFactory::anchorStateRegistryCall {}),
            self.view(AnchorStateRegistry, IAnchorStateRegistry::disputeGameFactoryCall {}),
            self.view(Messenger, IL1CrossDomainMessenger::portalCall {}),
            self.view(Bridge, IStandardBridge::messengerCall {}),
        ];
        let mut links = Vec::new();
        for (of, answer) in of.into_iter().zip(self.ask(views, self.block).await?) {
            // All answer one address.
            let address = answer.read::<IInbox::portalCall>()?;
            links.push(ContractLink {
                by: Some(answer.view.field),
                view: answer.view.signature,
                of,
                address,
            });
        }
        Ok(links)
    }

    /// What never changes, but for what others read: the links, the parameters, and what is older than the block.
    async fn constants(&self) -> Result<Deployment, CheckError> {
        let factory = ContractField::DisputeGameFactory;
        let views = [
            self.view(ContractField::Inbox, IInbox::forceDelayCall {}),
            self.view(ContractField::Inbox, IInbox::sequencerTimeoutCall {}),
            self.view(ContractField::Multicall3, IMulticall3::getChainIdCall {}),
            self.view(factory, IDisputeGameFactory::gameImplementationCall {}),
            self.view(factory, IDisputeGameFactory::gameCountCall {}),
            self.view(ContractField::AnchorStateRegistry, IAnchorStateRegistry::anchorsCall {}),
        ];
        let [force_delay, timeout, chain_id, implementation, games, anchor] =
            self.ask(views, self.block).await?;
        let implementation = implementation.read::<IDisputeGameFactory::gameImplementationCall>()?;
        let parameters = View::new(factory, implementation, IDisputeGame::parametersCall {});
        let [parameters] = self.ask([parameters], self.block).await?;
        let anchor = anchor.read::<IAnchorStateRegistry::anchorsCall>()?;
        // The anchor moves only by games, so it is the first as long as there are none, and then the first game's.
        let (first_anchor_block, first_anchor_output) =
            match games.read::<IDisputeGameFactory::gameCountCall>()?.is_zero() {
                true => (anchor.l2SequenceNumber.saturating_to(), anchor.root),
                false => self.anchor_of_first_game().await?,
            };
        Ok(Deployment {
            links: Vec::new(),
            inbox_constants: self.inbox_constants().await?,
            force_delay: force_delay.read::<IInbox::forceDelayCall>()?,
            sequencer_timeout: timeout.read::<IInbox::sequencerTimeoutCall>()?,
            config_hash: parameters.read::<IDisputeGame::parametersCall>()?.configHash,
            first_anchor_block,
            first_anchor_output,
            multicall_chain_id: chain_id.read::<IMulticall3::getChainIdCall>()?,
            initial_parameters: None,
            inbox_before_start: None,
            inbox_after_start: None,
        })
    }

    async fn inbox_constants(&self) -> Result<InboxConstants, CheckError> {
        let inbox = ContractField::Inbox;
        let views = [
            self.view(inbox, IInbox::MIN_MESSAGE_GASCall {}),
            self.view(inbox, IInbox::GUARANTEECall {}),
            self.view(inbox, IInbox::MAX_BLOCKS_PER_BATCHCall {}),
            self.view(inbox, IInbox::MAX_FORCED_BLOCKSCall {}),
            self.view(inbox, IInbox::BLOCK_RATECall {}),
            self.view(inbox, IInbox::BLOCK_BURSTCall {}),
        ];
        let [min_gas, guarantee, max_blocks, max_forced, rate, burst] = self.ask(views, self.block).await?;
        Ok(InboxConstants {
            min_message_gas: min_gas.read::<IInbox::MIN_MESSAGE_GASCall>()?,
            guarantee: guarantee.read::<IInbox::GUARANTEECall>()?,
            max_blocks_per_batch: max_blocks.read::<IInbox::MAX_BLOCKS_PER_BATCHCall>()?,
            max_forced_blocks: max_forced.read::<IInbox::MAX_FORCED_BLOCKSCall>()?,
            block_rate: rate.read::<IInbox::BLOCK_RATECall>()?,
            block_burst: burst.read::<IInbox::BLOCK_BURSTCall>()?,
        })
    }

    async fn anchor_of_first_game(&self) -> Result<(u64, B256), CheckError> {
        let factory = ContractField::DisputeGameFactory;
        let first = self.view(factory, IDisputeGameFactory::gameAtIndexCall { index: U256::ZERO });
        let [first] = self.ask([first], self.block).await?;
        let game = first.read::<IDisputeGameFactory::gameAtIndexCall>()?.game;
        let views = [
            View::new(factory, game, IDisputeGame::anchorBlockCall {}),
            View::new(factory, game, IDisputeGame::anchorOutputCall {}),
        ];
        let [block, output] = self.ask(views, self.block).await?;
        Ok((block.read::<IDisputeGame::anchorBlockCall>()?, output.read::<IDisputeGame::anchorOutputCall>()?))
    }

    /// What L1 was like before and after the block `start`, and L2's parameters before any change. A change is a message,
    /// so they are as they are now while there are no messages, or else as they were after that block.
    async fn history(&self, start: u64) -> Result<History, CheckError> {
        let inbox_before = match start.checked_sub(1) {
            Some(before) => self.inbox_existed(before).await?,
            None => Some(false),
        };
        let inbox_after = self.inbox_existed(start).await?;
        let mut parameters = self.unchanged_parameters(self.block).await?;
        if parameters.is_none() && inbox_after == Some(true) {
            parameters = match self.unchanged_parameters(BlockId::number(start)).await {
                Ok(parameters) => parameters,
                // The SystemConfig may be younger.
                Err(CheckError::Mismatch(_)) => None,
                Err(CheckError::Endpoint(error)) => unknown(error)?,
            };
        }
        Ok(History { inbox_before, inbox_after, parameters })
    }

    /// L2's parameters at an L1 block; `None` if there were messages.
    async fn unchanged_parameters(&self, block: BlockId) -> Result<Option<L2Parameters>, CheckError> {
        let system_config = ContractField::SystemConfig;
        let views = [
            self.view(ContractField::Inbox, IInbox::messageCountCall {}),
            self.view(system_config, ISystemConfig::gasLimitCall {}),
            self.view(system_config, ISystemConfig::baseFeeScalarCall {}),
            self.view(system_config, ISystemConfig::blobBaseFeeScalarCall {}),
            self.view(system_config, ISystemConfig::operatorFeeScalarCall {}),
            self.view(system_config, ISystemConfig::operatorFeeConstantCall {}),
            self.view(system_config, ISystemConfig::gasTargetCall {}),
            self.view(system_config, ISystemConfig::minBaseFeeCall {}),
        ];
        let [messages, gas_limit, base_fee, blob_base_fee, operator_scalar, operator_constant, target, least] =
            self.ask(views, block).await?;
        let parameters = L2Parameters {
            gas_limit: gas_limit.read::<ISystemConfig::gasLimitCall>()?,
            base_fee_scalar: base_fee.read::<ISystemConfig::baseFeeScalarCall>()?,
            blob_base_fee_scalar: blob_base_fee.read::<ISystemConfig::blobBaseFeeScalarCall>()?,
            operator_fee_scalar: operator_scalar.read::<ISystemConfig::operatorFeeScalarCall>()?,
            operator_fee_constant: operator_constant.read::<ISystemConfig::operatorFeeConstantCall>()?,
            gas_target: target.read::<ISystemConfig::gasTargetCall>()?,
            min_base_fee: least.read::<ISystemConfig::minBaseFeeCall>()?,
        };
        let is_unchanged = messages.read::<IInbox::messageCountCall>()? == 0;
        Ok(is_unchanged.then_some(parameters))
    }

    /// Whether there was an inbox after an L1 block. `None`: the endpoint does not know.
    async fn inbox_existed(&self, block: u64) -> Result<Option<bool>, CheckError> {
        let inbox = self.config.contracts.inbox;
        match self.client.provider().get_code_at(inbox).number(block).await {
            Ok(code) => Ok(Some(!code.is_empty())),
            Err(error) => unknown(error.into()),
        }
    }
}

/// What an endpoint without old states answers of one is not known; what does not answer is to be asked again.
fn unknown<T>(error: L1Error) -> Result<Option<T>, CheckError> {
    if error.is_answer() { Ok(None) } else { Err(error.into()) }
}
