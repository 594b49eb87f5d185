// Tokens, as they describe themselves: their names are anybody's words.

import { decodeFunctionResult, encodeFunctionData, type Hex } from 'viem'
import { TOKEN } from './abi'
import { node } from './rpc'

export interface Token { name: string | null; symbol: string | null; decimals: number | null; supply: bigint | null }

type Field = (typeof TOKEN)[number]['name']

async function read<T>(address: string, functionName: Field): Promise<T | null> {
  try {
    const data = await node.call(address, encodeFunctionData({ abi: TOKEN, functionName }))
    return decodeFunctionResult({ abi: TOKEN, functionName, data: data as Hex }) as T
  } catch {
    return null
  }
}

const known = new Map<string, Promise<Token | null>>()
const MOST_KNOWN = 500

/** What a contract says of itself as a token; null if it is none. */
export function token(address: string): Promise<Token | null> {
  const key = address.toLowerCase()
  let asked = known.get(key)
  if (!asked) {
    if (known.size >= MOST_KNOWN) known.clear()
    asked = ask(key)
    known.set(key, asked)
  }
  return asked
}

async function ask(address: string): Promise<Token | null> {
  const symbol = await read<string>(address, 'symbol')
  if (symbol === null) return null
  const [name, decimals, supply] = await Promise.all([
    read<string>(address, 'name'), read<number>(address, 'decimals'), read<bigint>(address, 'totalSupply'),
  ])
  return { name, symbol, decimals, supply }
}
