//! Contracts of others that L2 begins with, at the addresses where tools look for them: the OP Stack's preinstalls.
//!
//! Their code comes from published packages (`l1-contracts/preinstalls.mjs`) and is what a deployment of them leaves on any
//! chain, storage too. Left out of the OP Stack's list: `BeaconBlockRoots` (EIP-4788), because L2 has no beacon chain whose
//! roots it could hold. `Multicall3` is of our own making ([`genesis`](crate::genesis)). EntryPoint 0.8 and later are not in
//! that list; anyone can deploy them at their addresses by [`DETERMINISTIC_DEPLOYMENT_PROXY`].

use std::iter;

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, bytes, hex, keccak256},
    sol_types::SolValue,
};
use serde_json::Value;

/// Safe 1.3.0: what multisignature wallets are proxies of.
pub const SAFE_V130: Address = address!("0x69f4D1788e39c87893C980c06EdF4b7f686e2938");
/// The same with more events.
pub const SAFE_L2_V130: Address = address!("0xfb1bffC9d739B8D520DaF37dF666da4C687191EA");
/// Several calls and delegate calls of a Safe.
pub const MULTI_SEND_V130: Address = address!("0x998739BFdAAdde7C933B942a68053933098f9EDa");
/// Several calls of a Safe.
pub const MULTI_SEND_CALL_ONLY_V130: Address = address!("0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B");
/// What deploys the Safe's contracts, by CREATE2.
pub const SAFE_SINGLETON_FACTORY: Address = address!("0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7");
/// What deploys contracts at addresses independent of the chain, by CREATE2. Many tools rely on it.
pub const DETERMINISTIC_DEPLOYMENT_PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Deploys by CREATE2, and computes the addresses.
pub const CREATE2_DEPLOYER: Address = address!("0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2");
/// Deploys by CREATE, CREATE2 and CREATE3, guarded if wanted.
pub const CREATE_X: Address = address!("0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed");
/// Allowances of tokens by signatures.
pub const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
/// ERC-4337's EntryPoint 0.6.
pub const ENTRY_POINT_V060: Address = address!("0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789");
/// Calls the factories of accounts for it.
pub const SENDER_CREATOR_V060: Address = address!("0x7fc98430eAEdbb6070B35B39D798725049088348");
/// ERC-4337's EntryPoint 0.7.
pub const ENTRY_POINT_V070: Address = address!("0x0000000071727De22E5E9d8BAf0edAc6f37da032");
/// Calls the factories of accounts for it.
pub const SENDER_CREATOR_V070: Address = address!("0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C");

/// The code of both CREATE2 factories. Its author publishes it as these bytes (Arachnid/deterministic-deployment-proxy),
/// and the Safe's is the same, deployed by another key (safe-global/safe-singleton-factory).
const FACTORY_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);
/// What solc writes for an immutable: PUSH32, and zeros until the constructor puts the value there.
const PLACE_OF_IMMUTABLE: [u8; 33] = {
    let mut place = [0; 33];
    place[0] = 0x7f;
    place
};
/// The slot of a Safe's threshold. One signature of nobody: the constructor takes the singleton away from everybody.
const THRESHOLD_SLOT: U256 = U256::from_limbs([4, 0, 0, 0]);
/// The slot of an EntryPoint's guard against reentrancy.
const GUARD_SLOT: U256 = U256::from_limbs([2, 0, 0, 0]);

/// A contract that L2 begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisContract {
    /// The name that it is known by.
    pub name: &'static str,
    /// Where it is.
    pub address: Address,
    /// Its code.
    pub code: Bytes,
    /// What its constructor leaves in its storage.
    pub storage: Vec<(U256, U256)>,
}

impl GenesisContract {
    /// A contract without storage.
    #[must_use]
    pub const fn new(name: &'static str, address: Address, code: Bytes) -> Self {
        Self { name, address, code, storage: Vec::new() }
    }

    fn with_storage(mut self, slot: U256, value: U256) -> Self {
        self.storage.push((slot, value));
        self
    }
}

/// The preinstalls of a chain. Permit2's code depends on the chain's id.
#[must_use]
pub fn preinstalls(chain_id: u64) -> Vec<GenesisContract> {
    let packages = packages();
    let with = |name: &'static str, address: Address, immutables: &[B256]| {
        GenesisContract::new(name, address, filled(&read(&packages, name), immutables))
    };
    let plain = |name: &'static str, address: Address| with(name, address, &[]);
    let one = U256::from(1);
    let permits = permit2_domain(chain_id);
    vec![
        plain("Safe_v130", SAFE_V130).with_storage(THRESHOLD_SLOT, one),
        plain("SafeL2_v130", SAFE_L2_V130).with_storage(THRESHOLD_SLOT, one),
        with("MultiSend_v130", MULTI_SEND_V130, &[MULTI_SEND_V130.into_word()]),
        plain("MultiSendCallOnly_v130", MULTI_SEND_CALL_ONLY_V130),
        GenesisContract::new("SafeSingletonFactory", SAFE_SINGLETON_FACTORY, FACTORY_CODE),
        GenesisContract::new("DeterministicDeploymentProxy", DETERMINISTIC_DEPLOYMENT_PROXY, FACTORY_CODE),
        plain("Create2Deployer", CREATE2_DEPLOYER),
        with("CreateX", CREATE_X, &[CREATE_X.into_word()]),
        with("Permit2", PERMIT2, &[U256::from(chain_id).into(), permits]),
        with("EntryPoint_v060", ENTRY_POINT_V060, &[SENDER_CREATOR_V060.into_word()])
            .with_storage(GUARD_SLOT, one),
        plain("SenderCreator_v060", SENDER_CREATOR_V060),
        with("EntryPoint_v070", ENTRY_POINT_V070, &[SENDER_CREATOR_V070.into_word()])
            .with_storage(GUARD_SLOT, one),
        plain("SenderCreator_v070", SENDER_CREATOR_V070),
    ]
}

/// The EIP-712 domain of Permit2 on a chain.
#[must_use]
pub fn permit2_domain(chain_id: u64) -> B256 {
    let kind = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    keccak256((kind, keccak256("Permit2"), U256::from(chain_id), PERMIT2).abi_encode())
}

/// The code with the values of immutables at their places, in the order of the places; the last goes to all that are left.
fn filled(code: &[u8], immutables: &[B256]) -> Bytes {
    let Some(last) = immutables.last() else { return code.to_vec().into() };
    let mut values = immutables.iter().chain(iter::repeat(last));
    let mut code = code.to_vec();
    let mut at = 0;
    while let Some(place) = code.get_mut(at..at + PLACE_OF_IMMUTABLE.len()) {
        if *place == PLACE_OF_IMMUTABLE
            && let Some(value) = values.next()
        {
            place[1..].copy_from_slice(value.as_slice());
            at += PLACE_OF_IMMUTABLE.len();
        } else {
            at += 1;
        }
    }
    code.into()
}

/// What was taken out of the packages.
///
/// # Panics
/// If it, embedded at build time, is not what the script writes. The tests read every contract.
fn packages() -> Value {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../out/preinstalls.json"));
    let mut all: Value = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("the code of preinstalls is not JSON: {error}"));
    all["contracts"].take()
}

/// The deployed code of a contract, with zeros for immutables.
///
/// # Panics
/// As [`packages`].
fn read(packages: &Value, name: &str) -> Vec<u8> {
    let code = packages[name]["deployed"].as_str().and_then(|code| hex::decode(code).ok());
    code.unwrap_or_else(|| panic!("no valid code of {name}"))
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable},
        eips::Decodable2718,
        primitives::b256,
    };

    use super::*;

    /// Hashes of the deployed codes on Ethereum as others publish them.
    const PUBLISHED: &[(&str, B256)] = &[
        // ethereum-optimism/optimism, packages/contracts-bedrock/src/libraries/Preinstalls.sol: keccak256 of its constants.
        ("Safe_v130", b256!("0xbba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e")),
        ("SafeL2_v130", b256!("0x21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f")),
        ("MultiSend_v130", b256!("0x81db0e4afdf5178583537b58c5ad403bd47a4ac7f9bde2442ef3e341d433126a")),
        (
            "MultiSendCallOnly_v130",
            b256!("0xa9865ac2d9c7a1591619b188c4d88167b50df6cc0c5327fcbd1c8c75f7c066ad"),
        ),
        ("EntryPoint_v060", b256!("0xc93c806e738300b5357ecdc2e971d6438d34d8e4e17b99b758b1f9cac91c8e70")),
        ("SenderCreator_v060", b256!("0xae818091eaaf1b6175ee41472359a689f3823d0908a41e2e5c4ad508f2fc04a3")),
        // As projects pin them that check Ethereum's contracts before they use them.
        ("EntryPoint_v070", b256!("0x8db5ff695839d655407cc8490bb7a5d82337a86a6b39c3f0258aa6c3b582fc58")),
        ("SenderCreator_v070", b256!("0x283c9d14378f5f4c4e24045b87d621d48443fa5b4af7dd7180a599b3756a7689")),
        ("Permit2", b256!("0xc67d1657868aa5146eaf24fb879fb1fdec3d2d493b3683a61c9c2f4fb2851131")),
        // The README of Arachnid/deterministic-deployment-proxy and safe-global/safe-singleton-factory.
        ("SafeSingletonFactory", b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989")),
        (
            "DeterministicDeploymentProxy",
            b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"),
        ),
        // specs.optimism.io, Canyon, "Create2Deployer".
        ("Create2Deployer", b256!("0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2")),
        // The README of pcaversaccio/createx.
        ("CreateX", b256!("0xbd8a7ea8cfca7b4e5f5041d7d4b17bc317c5ce42cfbc42066a00cf26b43eb53f")),
    ];

    fn contract(name: &str) -> GenesisContract {
        preinstalls(1).into_iter().find(|one| one.name == name).expect("a preinstall")
    }

    fn creation(name: &str) -> Vec<u8> {
        hex::decode(packages()[name]["creation"].as_str().expect("creation code")).expect("hexadecimal")
    }

    #[test]
    fn codes_have_the_published_hashes() {
        assert_eq!(PUBLISHED.len(), preinstalls(1).len());
        for (name, hash) in PUBLISHED {
            assert_eq!(keccak256(contract(name).code), *hash, "{name}");
        }
    }

    /// An address made by CREATE2 is a hash of the creation code, published with the contract.
    #[test]
    fn addresses_follow_from_creation_codes() {
        let permits = b256!("0x0000000000000000000000000000000000000000d3af2663da51c10215000000");
        let salted = b256!("0x90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3");
        for (name, factory, salt) in [
            ("Safe_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
            ("SafeL2_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
            ("MultiSend_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
            ("MultiSendCallOnly_v130", SAFE_SINGLETON_FACTORY, B256::ZERO),
            ("Permit2", DETERMINISTIC_DEPLOYMENT_PROXY, permits),
            ("EntryPoint_v060", DETERMINISTIC_DEPLOYMENT_PROXY, B256::ZERO),
            ("EntryPoint_v070", DETERMINISTIC_DEPLOYMENT_PROXY, salted),
        ] {
            let creation = creation(name);
            assert_eq!(factory.create2_from_code(salt, &creation), contract(name).address, "{name}");
            let deployed = read(&packages(), name);
            assert!(creation.windows(deployed.len()).any(|window| window == deployed), "{name}");
        }
        // Which their EntryPoints create first.
        assert_eq!(ENTRY_POINT_V060.create(1), SENDER_CREATOR_V060);
        assert_eq!(ENTRY_POINT_V070.create(1), SENDER_CREATOR_V070);
    }

    #[test]
    fn permit2_has_the_domain_of_its_chain() {
        let mainnet = b256!("0x866a5aba21966af95d6c7ab78eb2b2fc913915c28be3b9aa07cc04ff903e3f28");
        assert_eq!(permit2_domain(1), mainnet, "DOMAIN_SEPARATOR() on Ethereum");
        for chain_id in [1, 42069, u64::MAX] {
            let code = preinstalls(chain_id).into_iter().find(|one| one.name == "Permit2").expect("it").code;
            // Where the constructor puts them.
            assert_eq!(code[0x1b21..0x1b41], U256::from(chain_id).to_be_bytes::<32>());
            assert_eq!(code[0x1b47..0x1b67], permit2_domain(chain_id).0);
        }
    }

    /// CreateX's address follows from the key that signed its creation; the signature covers the code.
    #[test]
    fn the_creation_of_createx_is_signed_by_its_deployer() {
        let raw = packages()["CreateX"]["transaction"].as_str().map(hex::decode);
        let raw = raw.expect("a transaction").expect("hexadecimal");
        let transaction = TxEnvelope::decode_2718_exact(&raw).expect("a transaction");
        assert_eq!((transaction.nonce(), transaction.kind().is_create()), (0, true));
        assert_eq!(transaction.input().to_vec(), creation("CreateX"));
        let signer = transaction.recover_signer().expect("a signature");
        assert_eq!(signer, address!("0xeD456e05CaAb11d66C4c797dD6c1D6f9A7F352b5"));
        assert_eq!(signer.create(0), CREATE_X);
        assert!(creation("CreateX").ends_with(&read(&packages(), "CreateX")));
    }

    #[test]
    fn no_immutable_is_left_without_value() {
        for one in preinstalls(42069) {
            assert!(!one.code.is_empty() && one.code.len() <= 24_576, "{}", one.name);
            assert!(!one.code.windows(33).any(|place| place == PLACE_OF_IMMUTABLE), "{}", one.name);
        }
    }
}
