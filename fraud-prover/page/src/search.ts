// What somebody typed into the search box: first its shape, then what the challenger knows of it.

import { Failure, api } from './api'
import { node } from './rpc'
import type { Match } from './types'

export type Shape =
  | { kind: 'block'; number: number }
  | { kind: 'batch'; index: number }
  | { kind: 'game'; index: number }
  | { kind: 'head'; name: HeadName }
  | { kind: 'hash'; hash: string }
  | { kind: 'address'; address: string }
  | { kind: 'none'; why: string }

type HeadName = 'unsafe' | 'safe' | 'finalized' | 'anchored'

const HEADS = new Map<string, HeadName>([
  ['latest', 'unsafe'], ['unsafe', 'unsafe'], ['safe', 'safe'], ['finalized', 'finalized'], ['anchored', 'anchored'],
])

const HELP = 'Type a block number, a hash, an address, "batch 12" or "dispute 3".'

function whole(digits: string): number | null {
  const value = Number(digits.replace(/[,_'\s]/g, ''))
  return Number.isSafeInteger(value) ? value : null
}

/** What a text can be, by its form alone. */
export function shape(typed: string): Shape {
  const text = typed.trim().slice(0, 300)
  if (text === '') return { kind: 'none', why: HELP }
  const head = HEADS.get(text.toLowerCase())
  if (head) return { kind: 'head', name: head }

  const named = /^(block|batch|dispute|proposal|game)?\s*(?:no\.?\s*|#)?(\d[\d,_'\s]*)$/i.exec(text)
  if (named) {
    const number = whole(named[2] ?? '')
    if (number === null) return { kind: 'none', why: 'This number is too large to be one of a block.' }
    const word = (named[1] ?? 'block').toLowerCase()
    if (word === 'batch') return { kind: 'batch', index: number }
    if (word !== 'block') return { kind: 'game', index: number }
    return { kind: 'block', number }
  }

  const hex = /^(0x)?([0-9a-f]+)$/i.exec(text)
  if (hex) {
    const value = (hex[2] ?? '').toLowerCase()
    if (value.length === 64) return { kind: 'hash', hash: `0x${value}` }
    if (value.length === 40) return { kind: 'address', address: `0x${value}` }
    if (hex[1]) {
      return {
        kind: 'none',
        why: `This has ${value.length} hexadecimal digits. An address has 40, a hash has 64.`,
      }
    }
  }
  return { kind: 'none', why: HELP }
}

/** Where to go, or a sentence. */
export type Found = { path: string } | { why: string }

/** Nothing where there is no such thing; other failures stay failures. */
async function maybe<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Failure && (error.status === 404 || error.status === 400)) return null
    throw error
  }
}

/** The view of what the challenger found. */
export function pathOf({ kind, id, transaction }: Match): string {
  switch (kind) {
    case 'block': return `/block/${id}`
    case 'transaction': return `/tx/${id}`
    case 'address': return `/address/${id}`
    case 'batch': return `/batch/${id}`
    case 'dispute': return `/dispute/${id}`
    case 'withdrawal':
    case 'deposit': return `/tx/${transaction ?? id}`
  }
}

const UNKNOWN = 'The challenger knows nothing with this hash: no block, transaction, batch, withdrawal or deposit. It knows what is on L1.'

export async function find(what: Shape): Promise<Found> {
  switch (what.kind) {
    case 'none': return { why: what.why }
    case 'hash': {
      const match = await maybe(api.search(what.hash))
      return match ? { path: pathOf(match) } : { why: UNKNOWN }
    }
    case 'address': {
      const match = await maybe(api.search(what.address))
      return { path: match ? pathOf(match) : `/address/${what.address}` }
    }
    case 'batch': {
      const batch = await maybe(api.batch(what.index))
      return batch ? { path: `/batch/${what.index}` } : { why: `There is no batch ${what.index} on L1.` }
    }
    case 'game': {
      const game = await maybe(api.game(what.index))
      return game ? { path: `/dispute/${game.address}` } : { why: `There is no dispute ${what.index}.` }
    }
    case 'block': {
      const block = await node.block(what.number)
      return block
        ? { path: `/block/${what.number}` }
        : { why: `The challenger has no block ${what.number}: none on L1 has this number.` }
    }
    case 'head': {
      const { heads } = await api.overview()
      const head = heads[what.name] ?? heads.safe
      return { path: `/block/${head.number}` }
    }
  }
}
