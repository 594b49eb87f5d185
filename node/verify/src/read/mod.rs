//! Asking L1. All state is of one block, by its hash; logs are those up to it.
//!
//! What stands on L1 may be anything: a contract that does not answer, or with something else, is a missing answer and no
//! error. Errors are the endpoint's.

mod logs;
mod questions;

use std::collections::HashMap;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256, uint},
    providers::Provider,
    rpc::types::Log,
    sol_types::SolCall,
};
use bindings::{IDisputeGame, IProxyAdmin, ITimelock, artifacts::Contract};
use rollup::{
    RollupConfig,
    config::ConfigMismatch,
    l1::{CheckError, L1Client, L1Error, L1Header, read_deployment},
};

use crate::evidence::{
    Creation, CreationTransaction, GameVersion, IMMUTABLES, L1Evidence, PROXIED, PendingOperation,
    ProxiedContract, STATE, TimelockEvidence, WordAnswers, address, proxy_of,
};
use crate::{roles, vaults};
use logs::{HistoryReader, implementations, role_changes, scheduled};
use questions::{Questions, word_call};

/// Where a proxy keeps its implementation and its admin (ERC-1967).
const IMPLEMENTATION_SLOT: U256 =
    uint!(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc_U256);
const ADMIN_SLOT: U256 = uint!(0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103_U256);

/// Where OpenZeppelin's `Initializable` keeps the version (ERC-7201), in its lowest 64 bits.
const INITIALIZED_SLOT: U256 = uint!(0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00_U256);

/// L1 blocks before `l1StartBlock` in which the timelock is looked for: two weeks. It is one of the first contracts of a
/// deployment, and the inbox, which stands in that block, one of the last.
const LOOKBACK: u64 = 100_800;

/// Most operations of the timelock that are looked at, the newest: what is older has expired, unless somebody hides
/// something behind hundreds.
const MAX_OPERATIONS: usize = 1024;

/// Reads all of it, in L1's newest block.
pub(crate) async fn read(
    client: &L1Client,
    config: &RollupConfig,
    head: L1Header,
) -> Result<(L1Header, L1Evidence), L1Error> {
    // Whose logs matter is known from what governs now; that is asked again in the block that counts.
    let (_, answers, _, timelock) = contracts(client, config, &head).await?;
    let governor = timelock.or(answers.address(Contract::DisputeGameFactory, "governor()"));
    let mut accounts: Vec<Address> =
        PROXIED.iter().filter_map(|contract| proxy_of(*contract, &config.contracts)).collect();
    accounts.extend(governor);
    let mut logs = HistoryReader::new(client, accounts, config.l1_start_block.saturating_sub(LOOKBACK));
    // Reading them may take longer than an endpoint keeps a block's state.
    logs.read_to(head.number()).await?;
    let head = client.head().await?;
    logs.read_to(head.number()).await?;
    let logs = logs.finish();

    let (questions, answers, mut proxied, timelock) = contracts(client, config, &head).await?;
    for one in &mut proxied {
        one.implementations = implementations(&logs, one.proxy);
        one.creation = creation(client, logs.iter().find(|log| log.address() == one.proxy)).await?;
    }
    let timelock = match timelock {
        Some(address) => Some(read_timelock(client, &questions, address, &answers, &logs).await?),
        None => None,
    };
    let factory = Contract::DisputeGameFactory;
    let game = version(&questions, answers.address(factory, "gameImplementation()")).await?;
    let standby = version(&questions, answers.address(factory, "standbyImplementation()")).await?;
    let deployment = match read_deployment(client, config, &head).await {
        Ok(deployment) => Ok(deployment),
        Err(CheckError::Mismatch(wrong)) => Err(wrong),
        Err(CheckError::Endpoint(error)) if questions.is_contracts(&error).await => Err(ConfigMismatch {
            field: "contracts",
            expected: "such that each answers what every process asks".into(),
            found: format!("one fails: {error}"),
        }
        .into()),
        Err(CheckError::Endpoint(error)) => return Err(error),
    };
    let roles = role_accounts(config, &answers);
    let codes = questions.codes(&roles).await?;
    let multicall_code = questions.codes(&[config.contracts.multicall3]).await?.pop().unwrap_or_default();
    let portal_balance =
        client.provider().get_balance(config.contracts.portal).block_id(questions.block()).await?;
    let still = client.header(BlockNumberOrTag::Number(head.number())).await?;
    if still.is_none_or(|still| still.hash != head.hash) {
        return Err(L1Error::InvalidResponse("L1 was reorganised meanwhile: ask again".into()));
    }
    let evidence = L1Evidence {
        timestamp: head.timestamp(),
        base_fee: head.base_fee(),
        deployment,
        answers,
        proxied,
        multicall_code,
        timelock,
        game,
        standby,
        portal_balance,
        account_codes: roles.into_iter().zip(codes).collect(),
    };
    Ok((head, evidence))
}

/// The contracts as they are, without their history; and what governs them.
async fn contracts<'a>(
    client: &'a L1Client,
    config: &RollupConfig,
    head: &L1Header,
) -> Result<(Questions<'a>, WordAnswers, Vec<ProxiedContract>, Option<Address>), L1Error> {
    let questions = Questions::new(client, BlockId::hash(head.hash));
    let proxies: Vec<_> = PROXIED
        .iter()
        .filter_map(|contract| Some((*contract, proxy_of(*contract, &config.contracts)?)))
        .collect();
    let slots: Vec<_> = proxies
        .iter()
        .flat_map(|(_, proxy)| [IMPLEMENTATION_SLOT, ADMIN_SLOT, INITIALIZED_SLOT].map(|slot| (*proxy, slot)))
        .collect();
    let words = questions.storage(&slots).await?;
    let mut proxied: Vec<ProxiedContract> = Vec::new();
    for ((contract, proxy), words) in proxies.iter().zip(words.as_chunks::<3>().0) {
        let [implementation, admin, initialized] = *words;
        proxied.push(ProxiedContract {
            contract: *contract,
            proxy: *proxy,
            proxy_code: Bytes::new(),
            implementation: address(implementation),
            implementation_code: Bytes::new(),
            admin_slot: address(admin),
            admin_code: Bytes::new(),
            admin_owner: None,
            initialized: version_in(initialized),
            implementation_initialized: 0,
            implementations: Vec::new(),
            creation: None,
        });
    }
    let accounts: Vec<_> =
        proxied.iter().flat_map(|one| [one.proxy, one.implementation, one.own_admin()]).collect();
    let codes = questions.codes(&accounts).await?;
    let slots: Vec<_> = proxied.iter().map(|one| (one.implementation, INITIALIZED_SLOT)).collect();
    let initialized = questions.storage(&slots).await?;
    let calls: Vec<_> =
        proxied.iter().map(|one| Questions::call(one.own_admin(), IProxyAdmin::ownerCall {})).collect();
    let owners = questions.ask(&calls).await?;
    for (one, codes) in proxied.iter_mut().zip(codes.as_chunks::<3>().0) {
        let [proxy, implementation, admin] = codes.clone();
        (one.proxy_code, one.implementation_code, one.admin_code) = (proxy, implementation, admin);
    }
    for ((one, word), owner) in proxied.iter_mut().zip(initialized).zip(owners) {
        one.implementation_initialized = version_in(word);
        one.admin_owner = owner.and_then(|output| IProxyAdmin::ownerCall::abi_decode_returns(&output).ok());
    }
    let answers = word_answers(&questions, config).await?;
    let governor = answers.address(Contract::DisputeGameFactory, "governor()");
    let timelock = governs(&proxied, governor);
    Ok((questions, answers, proxied, timelock))
}

/// What governs: what owns most admins, or the factory's governor where none has an owner.
fn governs(proxied: &[ProxiedContract], governor: Option<Address>) -> Option<Address> {
    let owners: Vec<Address> =
        proxied.iter().filter_map(|one| one.admin_owner).filter(|owner| !owner.is_zero()).collect();
    let count = |owner: &Address| owners.iter().filter(|other| *other == owner).count();
    owners.iter().copied().max_by_key(count).or(governor.filter(|governor| !governor.is_zero()))
}

/// The version in the word of an `Initializable`.
fn version_in(word: U256) -> u64 {
    word.as_limbs()[0]
}

async fn word_answers(questions: &Questions<'_>, config: &RollupConfig) -> Result<WordAnswers, L1Error> {
    let views: Vec<_> = IMMUTABLES
        .iter()
        .chain(&STATE)
        .flat_map(|(contract, views)| views.iter().map(|view| (*contract, *view)))
        .filter_map(|(contract, view)| Some((contract, view, proxy_of(contract, &config.contracts)?)))
        .collect();
    let calls: Vec<_> = views.iter().map(|(_, view, proxy)| word_call(*proxy, view)).collect();
    let outputs = questions.ask(&calls).await?;
    let mut answers = WordAnswers::default();
    for ((contract, view, _), output) in views.into_iter().zip(outputs) {
        if let Some(word) = output.and_then(|output| <[u8; 32]>::try_from(output.as_ref()).ok()) {
            answers.0.insert((contract, view), U256::from_be_bytes(word));
        }
    }
    Ok(answers)
}

/// A version of the game; `None` if there is none at the address.
async fn version(
    questions: &Questions<'_>,
    implementation: Option<Address>,
) -> Result<Option<GameVersion>, L1Error> {
    let Some(address) = implementation.filter(|address| !address.is_zero()) else { return Ok(None) };
    let calls = [
        Questions::call(address, IDisputeGame::implementationCall {}),
        Questions::call(address, IDisputeGame::parametersCall {}),
        Questions::call(address, IDisputeGame::healthCall {}),
    ];
    let outputs = questions.ask(&calls).await?;
    let output = |index: usize| outputs.get(index).cloned().flatten();
    let parameters =
        output(1).and_then(|output| IDisputeGame::parametersCall::abi_decode_returns(&output).ok());
    let machine = parameters.as_ref().map(|parameters| parameters.riscV).unwrap_or_default();
    let mut codes = questions.codes(&[address, machine]).await?.into_iter();
    Ok(Some(GameVersion {
        address,
        code: codes.next().unwrap_or_default(),
        implementation: output(0)
            .and_then(|output| IDisputeGame::implementationCall::abi_decode_returns(&output).ok()),
        parameters,
        suspended_at: output(2)
            .and_then(|output| IDisputeGame::healthCall::abi_decode_returns(&output).ok())
            .map(|health| health.suspendedAt),
        machine_code: codes.next().unwrap_or_default(),
    }))
}

async fn read_timelock(
    client: &L1Client,
    questions: &Questions<'_>,
    timelock: Address,
    answers: &WordAnswers,
    logs: &[Log],
) -> Result<TimelockEvidence, L1Error> {
    let changes = role_changes(logs, timelock);
    let owner = answers.address(Contract::SystemConfig, "owner()").unwrap_or_default();
    // Who should have a role, and who has one by the logs.
    let mut holders: Vec<(B256, Address)> =
        roles::expected(timelock, owner).map(|(_, role, account)| (role, account)).to_vec();
    holders.extend(changes.iter().map(|change| (change.role, change.account)));
    holders.sort_unstable();
    holders.dedup();
    let mut calls = vec![
        Questions::call(timelock, ITimelock::getMinDelayCall {}),
        Questions::call(timelock, ITimelock::GRACE_PERIODCall {}),
    ];
    calls.extend(holders.iter().map(|(role, account)| {
        Questions::call(timelock, ITimelock::hasRoleCall { role: *role, account: *account })
    }));
    let mut outputs = questions.ask(&calls).await?.into_iter();
    let mut number = || {
        let output = outputs.next().flatten()?;
        Some(U256::from_be_bytes(<[u8; 32]>::try_from(output.as_ref()).ok()?))
    };
    let (delay, grace) = (number(), number());
    let has_role: HashMap<_, _> =
        holders.into_iter().map(|holder| (holder, number().is_some_and(|word| !word.is_zero()))).collect();

    let mut operations = scheduled(logs, timelock);
    let has_more_operations = operations.len() > MAX_OPERATIONS;
    operations.drain(..operations.len().saturating_sub(MAX_OPERATIONS));
    let calls: Vec<_> = operations
        .iter()
        .map(|(id, _)| Questions::call(timelock, ITimelock::getTimestampCall { id: *id }))
        .collect();
    let due = questions.ask(&calls).await?;
    let operations = operations.into_iter().zip(due).filter_map(|((id, calls), due)| {
        let due = ITimelock::getTimestampCall::abi_decode_returns(&due?).ok()?;
        // Zero is none, and one is done.
        (due > U256::ONE).then(|| PendingOperation { id, calls, due: due.saturating_to() })
    });
    Ok(TimelockEvidence {
        address: timelock,
        code: questions.codes(&[timelock]).await?.pop().unwrap_or_default(),
        delay,
        grace,
        has_role,
        operations: operations.collect(),
        has_more_operations,
        creation: creation(client, logs.iter().find(|log| log.address() == timelock)).await?,
        roles: changes,
    })
}

/// What began with the transaction of a contract's first log.
async fn creation(client: &L1Client, first: Option<&Log>) -> Result<Option<Creation>, L1Error> {
    let Some((block, hash)) = first.and_then(|log| Some((log.block_number?, log.transaction_hash?))) else {
        return Ok(None);
    };
    /// As much of a transaction as is needed. Unknown fields do not matter.
    #[derive(Clone, Debug, serde::Deserialize)]
    struct Sent {
        from: Address,
        nonce: alloy::primitives::U64,
        #[serde(default)]
        to: Option<Address>,
        #[serde(default)]
        input: Bytes,
    }
    let sent: Option<Sent> =
        client.provider().raw_request("eth_getTransactionByHash".into(), (hash,)).await?;
    let transaction = sent.map(|Sent { from, nonce, to, input }| CreationTransaction {
        creates: to.is_none().then(|| from.create(nonce.to())),
        input,
    });
    Ok(Some(Creation { block, transaction }))
}

/// The accounts that have a role, or get the fees.
fn role_accounts(config: &RollupConfig, answers: &WordAnswers) -> Vec<Address> {
    use Contract::{AnchorStateRegistry, SystemConfig};
    let mut accounts: Vec<Address> = [
        (SystemConfig, "owner()"),
        (SystemConfig, "pendingOwner()"),
        (SystemConfig, "batcher()"),
        (SystemConfig, "unsafeBlockSigner()"),
        (AnchorStateRegistry, "guardian()"),
    ]
    .into_iter()
    .filter_map(|(contract, view)| answers.address(contract, view))
    .collect();
    accounts.extend(vaults::recipients(&config.genesis).into_iter().map(|(_, recipient)| recipient));
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}
