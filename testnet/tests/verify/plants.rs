//! What can be wrong with a deployment, and the rows that must say so.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use anyhow::Result;
use bindings::{
    artifacts::Contract,
    predeploys,
    preinstalls::{PERMIT2, SAFE_V130, preinstalls},
};
use rollup::{
    RollupConfig,
    config::{Genesis, GenesisAccount},
};
use testnet::Program;

use crate::setting::{ADMIN_SLOT, IMPLEMENTATION_SLOT, Setting};

alloy::sol! {
    /// OpenZeppelin's `AccessControl`.
    function grantRole(bytes32 role, address account);
    /// OpenZeppelin's `AccessControl`.
    function revokeRole(bytes32 role, address account);
}

/// Where OpenZeppelin's `Initializable` keeps its version.
const INITIALIZED_SLOT: U256 =
    alloy::primitives::uint!(0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00_U256);

/// A day, in seconds.
const DAY: u64 = 24 * 3600;

/// Something that is not as it should be: on L1, or in what the user was given.
pub(crate) enum Plant {
    Code(Address, Bytes),
    Storage(Address, U256, U256),
    Balance(Address, U256),
    /// A transaction: sender, contract, call.
    Sent(Address, Address, Bytes),
    Config(Box<RollupConfig>),
    Program(Program),
    Many(Vec<Self>),
}

/// Name, plant, and the rows that deviate.
type Case = (&'static str, Plant, &'static [&'static str]);

/// All of them.
pub(crate) async fn plants(setting: &Setting) -> Result<Vec<Case>> {
    let mut all = codes(setting).await?;
    all.extend(immutables(setting).await?);
    all.extend(game(setting).await?);
    all.extend(powers(setting).await?);
    all.extend(files(setting));
    Ok(all)
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// The contract's code with one more byte behind it, which is never run.
fn longer(code: &Bytes) -> Bytes {
    [code.as_ref(), &[0]].concat().into()
}

async fn codes(setting: &Setting) -> Result<Vec<Case>> {
    let contracts = setting.rollup.contracts;
    let other = async |address| anyhow::Ok(Plant::Code(address, longer(&setting.code(address).await?)));
    let behind = async |proxy| other(setting.implementation(proxy).await?).await;
    let portal = contracts.portal;
    let copy = setting.copy_of_portal(&[0]).await?;
    let game = setting.game().await?;
    let machine = Address::from_word(B256::from_slice(&setting.code(game).await?[immutable(11)]));
    let timelock = setting.timelock().await?;
    let eoa = word(Address::repeat_byte(0xee));
    let proxy_of_another =
        setting.with_immutable(Contract::TransparentUpgradeableProxy, portal, 0, eoa).await?;
    Ok(vec![
        ("an implementation has other code", behind(portal).await?, &["code: Portal"]),
        ("another one has", behind(contracts.inbox).await?, &["code: Inbox"]),
        (
            "a proxy has another implementation than its logs say",
            Plant::Storage(portal, IMPLEMENTATION_SLOT, word(copy)),
            &["code: Portal", "history: Portal"],
        ),
        ("a proxy has other code", other(portal).await?, &["code: Portal's proxy"]),
        (
            "a proxy obeys another admin than it shows",
            Plant::Code(portal, proxy_of_another),
            &["code: Portal's proxy"],
        ),
        ("a proxy shows another admin", Plant::Storage(portal, ADMIN_SLOT, eoa), &["code: Portal's proxy"]),
        ("an admin has other code", other(portal.create(1)).await?, &["code: Portal's ProxyAdmin"]),
        ("the timelock has other code", other(timelock).await?, &["code: Timelock"]),
        ("the game has other code", other(game).await?, &["code: DisputeGame"]),
        ("the machine has other code", other(machine).await?, &["code: RiscV"]),
        ("Multicall3 has other code", other(contracts.multicall3).await?, &["code: Multicall3"]),
    ])
}

/// Where the game's code has one of its immutables.
fn immutable(index: usize) -> std::ops::Range<usize> {
    bindings::artifacts::runtime_code(Contract::DisputeGame).immutables[index][0].clone()
}

async fn immutables(setting: &Setting) -> Result<Vec<Case>> {
    let contracts = setting.rollup.contracts;
    let stranger = word(Address::repeat_byte(0xee));
    let plant = async |contract, proxy, index, value: U256| {
        let address = setting.implementation(proxy).await?;
        anyhow::Ok(Plant::Code(address, setting.with_immutable(contract, address, index, value).await?))
    };
    let number = |value: u64| U256::from(value);
    let inbox = async |index, value| plant(Contract::Inbox, contracts.inbox, index, value).await;
    let factory = async |index, value| {
        plant(Contract::DisputeGameFactory, contracts.dispute_game_factory, index, value).await
    };
    let registry = async |index, value| {
        plant(Contract::AnchorStateRegistry, contracts.anchor_state_registry, index, value).await
    };
    let portal = async |index, value| plant(Contract::Portal, contracts.portal, index, value).await;
    let messenger = contracts.l1_cross_domain_messenger;
    let bridge = contracts.l1_standard_bridge;
    // One of two places that hold the same immutable.
    let half = {
        let address = setting.implementation(contracts.portal).await?;
        let mut code = setting.code(address).await?.to_vec();
        let place = bindings::artifacts::runtime_code(Contract::Portal).immutables[0][1].clone();
        code[place].copy_from_slice(&stranger.to_be_bytes::<32>());
        Plant::Code(address, code.into())
    };
    Ok(vec![
        ("an immutable has two values", half, &["code: Portal"]),
        ("the portal has another inbox", portal(0, stranger).await?, &["links: contracts.portal"]),
        (
            "the messenger has another portal",
            plant(Contract::L1CrossDomainMessenger, messenger, 0, stranger).await?,
            &["links: contracts.l1CrossDomainMessenger"],
        ),
        (
            "the bridge has another messenger",
            plant(Contract::L1StandardBridge, bridge, 0, stranger).await?,
            &["links: contracts.l1StandardBridge"],
        ),
        ("the force delay is another", inbox(2, number(59)).await?, &["links: chain.forceDelay"]),
        ("the force delay in blocks is another", inbox(3, number(1000)).await?, &["links: forced inclusion"]),
        ("the sequencer's timeout is another", inbox(4, number(61)).await?, &["links: sequencerTimeout"]),
        ("forced batches are seldom", inbox(6, number(DAY)).await?, &["links: forced inclusion"]),
        ("someone else sets versions", factory(2, stranger).await?, &["powers: versions of the game"]),
        ("rules change without notice", factory(3, number(1)).await?, &["links: notice of new rules"]),
        ("there is no air gap", registry(2, number(0)).await?, &["delays: air gap"]),
        (
            "the air gap outlasts the delay",
            registry(2, number(500)).await?,
            &["delays: proof maturity", "delays: upgrade delay"],
        ),
        (
            "a pause has almost no end",
            registry(3, number(40 * DAY)).await?,
            &["delays: guardian's powers", "delays: upgrade delay"],
        ),
        ("a proof need not mature", portal(2, number(1)).await?, &["delays: proof maturity"]),
    ])
}

async fn game(setting: &Setting) -> Result<Vec<Case>> {
    let factory = setting.rollup.contracts.dispute_game_factory;
    let address = setting.game().await?;
    let plant = async |index, value: U256| {
        let code = setting.with_immutable(Contract::DisputeGame, address, index, value).await?;
        anyhow::Ok(Plant::Code(address, code))
    };
    let number = |value: u64| U256::from(value);
    let junk = U256::from_be_bytes(keccak256("junk").0);
    let suspended = setting.storage(address, U256::ZERO).await? + number(1_800_000_000);
    // A standby is a copy that says of itself that it is an implementation.
    let copy = Address::repeat_byte(0x55);
    let sound = setting.with_immutable(Contract::DisputeGame, address, 12, word(copy)).await?;
    let standby = |code: Bytes| {
        // The slot behind that of the version in force.
        Plant::Many(vec![Plant::Code(copy, code), Plant::Storage(factory, number(1), word(copy))])
    };
    let other = Program { root: B256::from(junk), ..setting.program };
    Ok(vec![
        ("disputes are about another program", plant(0, junk).await?, &["game: program"]),
        ("the program starts elsewhere", plant(1, number(0x1000)).await?, &["game: program"]),
        ("the user has another program", Plant::Program(other), &["game: program"]),
        ("runs may be longer", plant(2, number(1 << 50)).await?, &["game: step limit"]),
        ("disputes are about another chain config", plant(3, junk).await?, &["game: chain config"]),
        ("the newest activation is another", plant(10, number(7)).await?, &["game: newest activation"]),
        ("an answer costs nothing", plant(8, number(0)).await?, &["game: bonds"]),
        ("bonds grow", plant(9, number(300)).await?, &["game: bonds"]),
        ("no time is left for an answer", plant(5, number(0)).await?, &["game: clocks"]),
        ("the judge is nobody", plant(11, word(Address::repeat_byte(0xee))).await?, &["code: RiscV"]),
        ("the game is suspended", Plant::Storage(address, U256::ZERO, suspended), &["game: machine"]),
        ("a standby is sound", standby(sound.clone()), &[]),
        ("a standby is unknown", standby(longer(&sound)), &["code: standby"]),
    ])
}

async fn powers(setting: &Setting) -> Result<Vec<Case>> {
    let contracts = setting.rollup.contracts;
    let timelock = setting.timelock().await?;
    let stranger = Address::repeat_byte(0xee);
    let role = |name: &str| keccak256(name);
    let grant = |role: B256| {
        let call = grantRoleCall { role, account: stranger };
        Plant::Sent(timelock, timelock, call.abi_encode().into())
    };
    let revoke = |role: B256, account: Address| {
        let call = revokeRoleCall { role, account };
        Plant::Sent(timelock, timelock, call.abi_encode().into())
    };
    let owner = setting.config.accounts.owner;
    let inbox = setting.implementation(contracts.inbox).await?;
    let registry = contracts.anchor_state_registry;
    let number = |value: u64| U256::from(value);
    Ok(vec![
        (
            "a plain key owns an admin",
            Plant::Storage(contracts.portal.create(1), U256::ZERO, word(stranger)),
            &["powers: upgrades of Portal"],
        ),
        ("another proposer", grant(role("PROPOSER_ROLE")), &["powers: role PROPOSER"]),
        ("another canceller", grant(role("CANCELLER_ROLE")), &["powers: role CANCELLER"]),
        ("another admin of roles", grant(B256::ZERO), &["powers: role DEFAULT_ADMIN"]),
        ("another executor, beside anyone", grant(role("EXECUTOR_ROLE")), &[]),
        ("no proposer", revoke(role("PROPOSER_ROLE"), owner), &["powers: role PROPOSER"]),
        ("execution is closed", revoke(role("EXECUTOR_ROLE"), Address::ZERO), &["powers: role EXECUTOR"]),
        (
            "the delay was shortened",
            Plant::Storage(timelock, number(2), number(300)),
            &["delays: upgrade delay", "history: Timelock"],
        ),
        (
            "a contract can be initialized again",
            Plant::Storage(contracts.inbox, INITIALIZED_SLOT, U256::ZERO),
            &["links: initializers"],
        ),
        (
            "an implementation can be initialized",
            Plant::Storage(inbox, INITIALIZED_SLOT, U256::ZERO),
            &["links: initializers"],
        ),
        (
            "the anchor is another output",
            Plant::Storage(registry, U256::ZERO, number(1)),
            &["genesis: genesisOutputRoot on L1"],
        ),
        (
            "the portal does not hold what L2 began with",
            Plant::Balance(contracts.portal, number(1)),
            &["genesis: funds"],
        ),
    ])
}

/// `rollup.json` as somebody has edited it.
fn files(setting: &Setting) -> Vec<Case> {
    let edited = |edit: &dyn Fn(&mut RollupConfig)| {
        let mut config = setting.rollup.clone();
        edit(&mut config);
        Plant::Config(Box::new(config))
    };
    // With a hash and an output root that fit.
    let other_genesis = |edit: &dyn Fn(&mut Genesis)| {
        edited(&|config: &mut RollupConfig| {
            edit(&mut config.genesis);
            let block = config.genesis.block(&mut ());
            (config.genesis_hash, config.genesis_output_root) = (block.hash, block.output_root);
        })
    };
    let account = |genesis: &mut Genesis, address: Address| -> GenesisAccount {
        genesis.alloc.get(&address).cloned().unwrap_or_default()
    };
    let stranger = Address::repeat_byte(0xee);
    let passer = predeploys::L2_TO_L1_MESSAGE_PASSER;
    vec![
        ("L1 is another chain", edited(&|config| config.l1_chain_id = 1), &["L1: chain id"]),
        (
            "the rollup begins in another block",
            edited(&|config| config.l1_start_block -= 1),
            &["links: l1StartBlock", "history: Inbox"],
        ),
        (
            "the genesis has another hash",
            edited(&|config| config.genesis_hash = B256::repeat_byte(1)),
            &["genesis: hash"],
        ),
        (
            "the genesis has another output root",
            edited(&|config| config.genesis_output_root = B256::repeat_byte(1)),
            &["genesis: output root", "genesis: genesisOutputRoot on L1"],
        ),
        (
            "the genesis has one more funded account",
            other_genesis(&|genesis| {
                let balance = U256::from(1);
                genesis.alloc.insert(stranger, GenesisAccount { balance, ..GenesisAccount::default() });
            }),
            &["genesis: funds", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "a predeploy has other code",
            other_genesis(&|genesis| {
                let old = account(genesis, passer);
                let code = longer(&old.code);
                genesis.alloc.insert(passer, GenesisAccount { code, ..old });
            }),
            &["genesis: contracts", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "a predeploy is missing",
            other_genesis(&|genesis| {
                genesis.alloc.remove(&predeploys::WETH);
            }),
            &["genesis: contracts", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "a preinstall is that of another chain",
            other_genesis(&|genesis| {
                let foreign = preinstalls(1).into_iter().find(|one| one.address == PERMIT2);
                let code = foreign.map(|one| one.code).unwrap_or_default();
                let old = account(genesis, PERMIT2);
                genesis.alloc.insert(PERMIT2, GenesisAccount { code, ..old });
            }),
            &["genesis: preinstalls", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "preinstalls are missing, which they may",
            other_genesis(&|genesis| {
                preinstalls(1).iter().for_each(|one| drop(genesis.alloc.remove(&one.address)));
            }),
            &["genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "anyone can set up the Safe that others are proxies of",
            other_genesis(&|genesis| {
                let old = account(genesis, SAFE_V130);
                genesis.alloc.insert(SAFE_V130, GenesisAccount { storage: BTreeMap::new(), ..old });
            }),
            &["genesis: storage", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "a withdrawal was sent that nobody has sent",
            other_genesis(&|genesis| {
                let mut old = account(genesis, passer);
                old.storage.insert(keccak256("a message"), U256::from(1));
                genesis.alloc.insert(passer, old);
            }),
            &["genesis: storage", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "the genesis has a contract of its own",
            other_genesis(&|genesis| {
                let code = Bytes::from_static(&[0x33, 0xff]);
                genesis
                    .alloc
                    .insert(stranger, GenesisAccount { code, nonce: 1, ..GenesisAccount::default() });
            }),
            &["genesis: other accounts", "genesis: genesisOutputRoot on L1", "history: AnchorStateRegistry"],
        ),
        (
            "the parameters that L2 begins with are others",
            other_genesis(&|genesis| genesis.gas_limit = 30_000_000),
            &[
                "genesis: genesis.gasLimit on L1",
                "genesis: genesisOutputRoot on L1",
                "history: AnchorStateRegistry",
            ],
        ),
    ]
}
