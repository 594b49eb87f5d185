//! Ways to use up gas that cost the fault proof VM much: loops that go on until there is no gas left.

use alloy::primitives::{Address, B256, Bytes, U256, address, hex};
use anyhow::Result;

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
pub(super) fn contracts(largest: Address) -> [(Address, Vec<u8>); 7] {
    [
        (REPEATING, REPEATING_CODE.to_vec()),
        (HASHING, HASHING_CODE.to_vec()),
        (MULTIPLYING, multiplying()),
        (DIVIDING, dividing()),
        (JUMPING, jumping()),
        (CALLING, calling(largest)),
        (CREATING, CREATING_CODE.to_vec()),
    ]
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
