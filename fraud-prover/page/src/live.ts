// What changes by itself: the server's events, the time, the connection.

import { computed, effect, signal, type ReadonlySignal } from '@preact/signals'
import { EVENTS, api } from './api'
import type { GameSummary, Overview } from './types'

export const overview = signal<Overview | null>(null)
export const games = signal<GameSummary[] | null>(null)
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting')
/** When the connection was lost, by this machine's clock. */
export const lostAt = signal(0)
/** Whether the page stands still, clocks and all, because somebody wants to read it. */
export const paused = signal(false)

const local = (): number => Date.now() / 1000
const wholeSeconds = (): number => Math.floor(local())

/** What has come. It is shown at once, unless the page stands still. */
const arrived = {
  overview: signal<Overview | null>(null), games: signal<GameSummary[] | null>(null), seconds: signal(wholeSeconds()),
}

const seconds = signal(wholeSeconds())
/** L1's clock less this machine's, where they differ by more than L1 may lag. */
const offset = signal(0)

/** L1's newest block may be that old; beyond it L1 has another clock, as a devnet may have. */
const LAG = 180

/** The time by L1's clock, whole seconds. */
export const now = computed(() => seconds.value + offset.value)

/**
 * Takes a time of L1 into account: its clock is never behind its newest block. It is never taken to be behind ours either: then L1
 * stands still, or is not seen any more, and what is old must look old.
 */
export function observe(l1Time: number): void {
  const gap = Math.floor(l1Time - local())
  if (gap > offset.peek() || gap < offset.peek() - LAG) offset.value = Math.max(0, gap)
}

function take(next: Overview | null): void {
  if (next) observe(next.l1.time)
  overview.value = next
}

/** Lets the page stand still; or shows what has come since, and goes on. */
export function togglePause(): void {
  paused.value = !paused.peek()
}

/** Hands on what comes, and after a pause the last of it. */
function unlessPaused<T>(source: ReadonlySignal<T>, show: (value: T) => void): void {
  effect(() => { if (!paused.value) show(source.value) })
}

function parse<T>(event: Event, use: (value: T) => void): void {
  try {
    use(JSON.parse((event as MessageEvent<string>).data) as T)
  } catch {
    // An event that is cut off: the next one is whole.
  }
}

const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 20_000
let wait = FIRST_PAUSE

function lost(): void {
  if (connection.peek() === 'lost') return
  connection.value = 'lost'
  lostAt.value = wholeSeconds()
}

function listen(): void {
  const source = new EventSource(EVENTS)
  const live = (): void => {
    wait = FIRST_PAUSE
    connection.value = 'live'
  }
  source.addEventListener('open', live)
  source.addEventListener('overview', (event) => {
    live()
    parse<Overview>(event, (next) => { arrived.overview.value = next })
  })
  source.addEventListener('games', (event) => parse<GameSummary[]>(event, (next) => { arrived.games.value = next }))
  source.addEventListener('error', () => {
    lost()
    // The browser tries again by itself only where the connection broke, not where it was refused.
    source.close()
    setTimeout(listen, wait)
    wait = Math.min(wait * 2, LONGEST_PAUSE)
  })
}

export function start(): void {
  unlessPaused(arrived.overview, take)
  unlessPaused(arrived.games, (next) => { games.value = next })
  unlessPaused(arrived.seconds, (next) => { seconds.value = next })
  setInterval(() => { arrived.seconds.value = wholeSeconds() }, 1000)
  api.overview().then((first) => { arrived.overview.value ??= first }, lost)
  listen()
}

/** Changes when one of the heads moves that decide how far a transaction is. */
export const stagesVersion = computed(() => {
  const known = overview.value
  return `${known?.heads.anchored?.number} ${known?.games.total} ${known?.batches}`
})

const stands = computed(() => paused.value || connection.value === 'lost')

/** Calls back each time that the page goes on: when the connection comes back, or after a pause. */
export function onReturn(callback: () => void): () => void {
  let stood = stands.peek()
  return effect(() => {
    const current = stands.value
    if (stood && !current) queueMicrotask(callback)
    stood = current
  })
}
