import type {
  Activity, Batch, Batches, Block, Blocks, Certainty, Confirmations, Game, Games, Match, Overview, Step,
} from './types'

/** Why there is no answer, as a sentence for people. `status` is 0 where nothing answered at all. */
export class Failure extends Error {
  constructor(readonly status: number, message: string) {
    super(message)
  }
}

export const NO_ANSWER = 'The challenger does not answer.'

/** The longest sentence that is taken from an error. */
const LONGEST = 600

/** What an HTTP status means where the answer itself says nothing. */
function meaning(status: number): string {
  if (status === 404) return 'There is no such thing.'
  if (status === 429) return 'Too many requests at once. Wait a moment.'
  if (status === 503) return 'This is not known yet.'
  return `The challenger answered with the error ${status}.`
}

async function sentence(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json()
    const text = (body as { error?: unknown } | null)?.error
    if (typeof text === 'string' && text !== '') return text.slice(0, LONGEST)
  } catch {
    // Not JSON: the status says enough.
  }
  return meaning(response.status)
}

export async function request<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, { ...init, headers: { accept: 'application/json', ...init?.headers } })
  } catch (error) {
    if (init?.signal?.aborted) throw error
    throw new Failure(0, NO_ANSWER)
  }
  if (!response.ok) throw new Failure(response.status, await sentence(response))
  try {
    return (await response.json()) as T
  } catch (error) {
    if (init?.signal?.aborted) throw error
    throw new Failure(0, 'The answer is cut off, or not JSON.')
  }
}

const BASE = '/api/v1'

function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(BASE + path, signal ? { signal } : {})
}

/** Where a list starts: below `before`, or at the newest. */
export interface Page { before?: number | null; count?: number }

function list(name: string, { before, count }: Page): string {
  const query = new URLSearchParams()
  if (before !== null && before !== undefined) query.set('before', String(before))
  if (count !== undefined) query.set('count', String(count))
  return `/${name}${query.size > 0 ? `?${query}` : ''}`
}

export const EVENTS = `${BASE}/events`

export const api = {
  overview: (signal?: AbortSignal) => get<Overview>('/overview', signal),
  activity: (signal?: AbortSignal) => get<Activity>('/activity', signal),
  blocks: (page: Page, signal?: AbortSignal) => get<Blocks>(list('blocks', page), signal),
  block: (number: number, signal?: AbortSignal) => get<Block>(`/block/${number}`, signal),
  batches: (page: Page, signal?: AbortSignal) => get<Batches>(list('batches', page), signal),
  batch: (index: number, signal?: AbortSignal) => get<Batch>(`/batch/${index}`, signal),
  transaction: (hash: string, signal?: AbortSignal) => get<Certainty>(`/transaction/${hash}`, signal),
  games: (page: Page, signal?: AbortSignal) => get<Games>(list('games', page), signal),
  /** By its address, or its index. */
  game: (address: string | number, signal?: AbortSignal) => get<Game>(`/game/${address}`, signal),
  step: (address: string, claim: number, segment: number, signal?: AbortSignal) =>
    get<Step>(`/game/${address}/step/${claim}/${segment}`, signal),
  confirmations: (page: Page, signal?: AbortSignal) => get<Confirmations>(list('confirmations', page), signal),
  search: (text: string, signal?: AbortSignal) => get<Match>(`/search?${new URLSearchParams({ q: text })}`, signal),
}
