//! Ways to use up gas that cost the fault proof VM much, time or memory: loops that go on until there is no gas left.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256, address, hex};
use anyhow::Result;
use rollup::config::GenesisAccount;

use super::precompiles;

/// Calls the address in the first word with the rest of its input.
///
/// ```text
/// loop { staticcall(gas, word0, input[32..]) }
/// ```
const REPEATING_CODE: &[u8] = &hex!("60203603 80 60205f37 5b 5f5f825f5f355afa50 6009 56");
const REPEATING: Address = address!("0x00000000000000000000000000000000000e2e19");
/// Hashes as much memory as its input says.
const HASHING_CODE: &[u8] = &hex!("5b 5f35 5f 20 50 5f 56");
const HASHING: Address = address!("0x00000000000000000000000000000000000e2e1a");
const MULTIPLYING: Address = address!("0x00000000000000000000000000000000000e2e1b");
const DIVIDING: Address = address!("0x00000000000000000000000000000000000e2e1d");
const JUMPING: Address = address!("0x00000000000000000000000000000000000e2e1e");
const CALLING: Address = address!("0x00000000000000000000000000000000000e2e1f");
/// Creates from 49,152 bytes of zeros, the most that a creation takes (EIP-3860).
const CREATING_CODE: &[u8] = &hex!("5b 61c000 5f 5f f0 50 5f 56");
const CREATING: Address = address!("0x00000000000000000000000000000000000e2e20");

/// How many contracts of the largest size there are, each with a code of its own.
const HELD_CODES: u64 = 200;
/// The first of them; the others follow on it.
const FIRST_HELD: u64 = 0xe3_0000_0000;
/// How many slots the contract has that reads its own.
const HELD_SLOTS: u64 = 400;
const CODES: Address = address!("0x00000000000000000000000000000000000e2e25");
const ACCOUNTS: Address = address!("0x00000000000000000000000000000000000e2e22");
const SLOTS: Address = address!("0x00000000000000000000000000000000000e2e23");
/// Widens its memory, and calls itself.
const NESTING_CODE: &[u8] = &hex!("5b 62020000 51 50 5f5f5f5f5f 30 5a f1 50 5f 56");
const NESTING: Address = address!("0x00000000000000000000000000000000000e2e24");

/// Does an operation on one number after the other, from the first word of its input on.
fn counting(operation: u8) -> Vec<u8> {
    [&hex!("5f35 5b 80")[..], &[operation], &hex!("50 600101 6002 56")].concat()
}

/// The address that a number stands for.
fn numbered(number: u64) -> Address {
    Address::from_word(B256::from(U256::from(number)))
}

/// Multiplies numbers of 256 bits modulo another.
fn multiplying() -> Vec<u8> {
    // Three numbers; then the loop, at 0x12; each round duplicates them and takes MULMOD.
    let numbers = hex!("6101235f1903 6105435f1903 6103215f1903");
    let round = hex!("82828209 50");
    [&numbers[..], &hex!("5b"), &round.repeat(100), &hex!("6012 56")].concat()
}

/// Divides a number of 256 bits by one of 129, and takes the remainder.
fn dividing() -> Vec<u8> {
    let numbers = hex!("7001fffffffffffffffffffffffffffffff1 6101235f1903");
    let round = hex!("818106 50");
    [&numbers[..], &hex!("5b"), &round.repeat(100), &hex!("6018 56")].concat()
}

/// The cheapest instruction, JUMPDEST, from end to end.
fn jumping() -> Vec<u8> {
    [&[0x5b; 24_000][..], &hex!("5f 56")].concat()
}

/// Calls a contract of the largest size, with little gas.
fn calling(largest: Address) -> Vec<u8> {
    [&hex!("5b 5f5f5f5f5f 73")[..], largest.as_slice(), &hex!("6020 f1 50 5f 56")].concat()
}

/// The contracts that do it; `largest` is one of the largest size.
pub(super) fn contracts(largest: Address) -> [(Address, Vec<u8>); 11] {
    [
        (REPEATING, REPEATING_CODE.to_vec()),
        (HASHING, HASHING_CODE.to_vec()),
        (MULTIPLYING, multiplying()),
        (DIVIDING, dividing()),
        (JUMPING, jumping()),
        (CALLING, calling(largest)),
        (CREATING, CREATING_CODE.to_vec()),
        // EXTCODESIZE, BALANCE, SLOAD.
        (CODES, counting(0x3b)),
        (ACCOUNTS, counting(0x31)),
        (SLOTS, counting(0x54)),
        (NESTING, NESTING_CODE.to_vec()),
    ]
}

/// What they look at: contracts of the largest size (EIP-170), and the storage of one.
pub(super) fn held(accounts: &mut BTreeMap<Address, GenesisAccount>) {
    for index in 0..HELD_CODES {
        let mut code = vec![0x5b; 24_576];
        code[..8].copy_from_slice(&index.to_be_bytes());
        let account = GenesisAccount { nonce: 1, code: code.into(), ..GenesisAccount::default() };
        accounts.insert(numbered(FIRST_HELD + index), account);
    }
    let slots = (0..HELD_SLOTS).map(|slot| (U256::from(slot).into(), U256::from(slot + 1)));
    accounts.entry(SLOTS).or_default().storage.extend(slots);
}

/// A call that uses up all gas that it gets.
#[derive(Clone, Debug)]
pub struct Burn {
    /// What it does.
    pub name: &'static str,
    pub(super) to: Address,
    pub(super) input: Bytes,
}

impl Burn {
    /// The ways known that leave most in the guest's memory, each with as much gas as finds something new all the time.
    pub fn hoards() -> Vec<(Self, u64)> {
        let counting = |name, to, first: u64, gas| {
            (Self { name, to, input: B256::from(U256::from(first)).to_vec().into() }, gas)
        };
        vec![
            counting("codes of 24,576 bytes", CODES, FIRST_HELD, 2_600 * HELD_CODES),
            counting("accounts", ACCOUNTS, FIRST_HELD, 2_600 * HELD_CODES),
            counting("slots", SLOTS, 0, 2_100 * HELD_SLOTS),
            counting("memory in nested calls", NESTING, 0, 16_000_000),
        ]
    }

    /// The most expensive ways known. What accelerators take does not count, so inputs of precompiles are just over that.
    pub fn all() -> Result<Vec<Self>> {
        let plain = |name, to| Self { name, to, input: Bytes::new() };
        let word = |number: u64| B256::from(U256::from(number));
        let mut all = vec![
            Self { name: "keccak256 of 32 KiB", to: HASHING, input: word(1 << 15).to_vec().into() },
            plain("MULMOD", MULTIPLYING),
            plain("MOD", DIVIDING),
            plain("JUMPDEST", JUMPING),
            plain("calls of a large contract", CALLING),
            plain("creations from large code", CREATING),
        ];
        all.extend(precompiles::dear()?.into_iter().map(|(name, address, input)| Self {
            name,
            to: REPEATING,
            input: [&word(address)[..], &input].concat().into(),
        }));
        Ok(all)
    }
}
