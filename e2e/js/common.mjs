// What every script here needs: the devnet that it is to use, and plain assertions.
//
//     node SCRIPT.mjs DEVNET_JSON [ACCOUNT]
//
// DEVNET_JSON is the file that `testnet devnet` writes; ACCOUNT the index of the funded account to use, so that scripts
// can run beside one another.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'

export const devnet = JSON.parse(readFileSync(process.argv[2], 'utf8'))
export const funded = devnet.accounts[Number(process.argv[3] ?? 0)]

const begun = Date.now()

/** Says what is about to happen: where a script that fails or hangs was. */
export function step(what) {
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`)
}

export { deepStrictEqual as same, ok, strictEqual as equal }

/** Asks every half second until the answer is true. */
export async function until(what, check, seconds = 120) {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    if (await check()) return
    if (Date.now() > deadline) throw new Error(`${what}: not after ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** The error that a promise ends with; an error if it does not. */
export async function failure(what, promise) {
  let value
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`${what} should fail, but gave ${value}`)
}
