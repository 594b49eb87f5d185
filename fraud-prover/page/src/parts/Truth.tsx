import type { JSX } from 'preact'
import type { GameSummary, Truth } from '../types'
import { Icon } from './Icon'

/** Only what the challenger computed is right; whatever else the answer says is not known yet. */
export function truthOf(value: unknown): Truth {
  return value === 'right' || value === 'wrong' ? value : 'unknown'
}

const WORDS: Record<Truth, string> = { right: 'right', wrong: 'wrong', unknown: 'computing' }

/** Right, wrong or computing: as a word, a sign, and only then a colour. */
export function TruthMark({ truth, word }: { truth: Truth; word?: string }): JSX.Element {
  const known = truthOf(truth)
  return <span class={`mark ${known}`}><Icon name={known} />{word ?? WORDS[known]}</span>
}

type Status = GameSummary['status']

const STATUS: Record<Status, string> = {
  open: 'open', upheld: 'upheld', refuted: 'refuted', reclaimed: 'bonds taken back', unreadable: 'unreadable',
}

export function GameStatus({ game }: { game: GameSummary }): JSX.Element {
  const words = game.status === 'open' && game.claims > 1 ? 'disputed' : STATUS[game.status] ?? game.status
  return (
    <span class={`tag ${game.status === 'unreadable' || game.suspended ? 'warn' : game.status === 'open' ? 'live' : ''}`}>
      {words}{game.suspended ? ', suspended' : ''}
    </span>
  )
}

export function Ahead({ game }: { game: GameSummary }): JSX.Element {
  if (game.ahead === 'proposal') return <>the proposal</>
  if (game.ahead === 'challengers') return <>the challengers</>
  return <span class="soft">decided</span>
}
