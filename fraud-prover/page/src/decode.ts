// What inputs, logs and reverts say, where their ABI is known. All of it comes from strangers: whatever does not
// decode is no error, only unknown.

import { decodeErrorResult, decodeEventLog, decodeFunctionData, type AbiEvent, type AbiParameter, type Hex } from 'viem'
import { ERRORS, EVENTS, FUNCTIONS, NFT_EVENTS } from './abi'

export interface Argument { name: string; type: string; value: string }
export interface Decoded { name: string; args: Argument[] }

/** Longer inputs are not decoded: nobody reads them, and a decoder may take long. */
const LONGEST = 400_000
/** Parts of an array that are shown. */
const PARTS = 64

/** A value as text. */
export function plain(value: unknown, depth = 0): string {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (depth > 4) return '…'
  if (Array.isArray(value)) {
    const parts = value.slice(0, PARTS).map((part) => plain(part, depth + 1))
    if (value.length > PARTS) parts.push(`… ${value.length - PARTS} more`)
    return `[${parts.join(', ')}]`
  }
  if (value !== null && typeof value === 'object') {
    return `(${Object.entries(value).map(([name, part]) => `${name}: ${plain(part, depth + 1)}`).join(', ')})`
  }
  return ''
}

function list(inputs: readonly AbiParameter[], args: unknown): Argument[] {
  return inputs.map(({ name, type }, index) => {
    const value = Array.isArray(args)
      ? args[index]
      : (args as Record<string, unknown> | undefined)?.[name ?? '']
    return { name: name ?? `#${index}`, type, value: plain(value) }
  })
}

/** The function that an input calls, with its arguments. */
export function decodeInput(input: string): Decoded | null {
  if (input.length < 10 || input.length > LONGEST) return null
  for (const item of FUNCTIONS) {
    try {
      const { functionName, args } = decodeFunctionData({ abi: [item], data: input as Hex })
      return { name: functionName, args: list(item.inputs, args ?? []) }
    } catch {
      // Another function, or garbage behind its selector.
    }
  }
  return null
}

/** What a log tells. */
export function decodeLog(topics: readonly string[], data: string): Decoded | null {
  if (topics.length === 0 || data.length > LONGEST) return null
  for (const item of [...EVENTS, ...NFT_EVENTS] as AbiEvent[]) {
    const indexed = item.inputs.filter((input) => input.indexed).length
    if (indexed !== topics.length - 1) continue
    try {
      const decoded = decodeEventLog({
        abi: [item], topics: topics as [Hex, ...Hex[]], data: data as Hex, strict: true,
      })
      return { name: item.name, args: list(item.inputs, decoded.args) }
    } catch {
      // Another event.
    }
  }
  return null
}

/** What Solidity means by the number of a panic. */
const PANICS: Record<string, string> = {
  '1': 'an assertion does not hold', '17': 'a number is too large or too small', '18': 'a division by zero',
  '33': 'a value that its type does not have', '34': 'a broken encoding in storage',
  '49': 'pop of an empty array', '50': 'an index outside of its array', '65': 'too much memory',
  '81': 'a call of a function that is not there',
}

/** The reason that a call gave when it reverted. */
export function decodeRevert(output: string | undefined): string | null {
  if (!output || output === '0x' || output.length > LONGEST) return null
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS, data: output as Hex })
    if (errorName === 'Error') return String(args[0])
    const code = String(args[0])
    return `Panic ${code}: ${PANICS[code] ?? 'a reason that is not known'}`
  } catch {
    return null
  }
}

/** The four bytes that name a function. */
export function selector(input: string): string | null {
  return input.length >= 10 ? input.slice(0, 10) : null
}
