import type { JSX } from 'preact'
import { count, duration, int } from '../format'
import type { Head, Overview } from '../types'
import { Ago } from './Time'

interface Stage { name: string; meaning: string; head: Head | null; missing: string }

function stages({ unsafe, safe, finalized, anchored }: Overview['heads']): Stage[] {
  return [
    { name: 'Unsafe', meaning: 'the sequencer confirmed it', head: unsafe, missing: 'The sequencer is not asked, or does not answer.' },
    { name: 'Safe', meaning: 'on L1, derived here', head: safe, missing: '' },
    { name: 'Finalized', meaning: 'on a final L1 block', head: finalized, missing: 'No batch is final on L1 yet.' },
    { name: 'Anchored', meaning: 'L1 accepted its output', head: anchored, missing: 'not known yet' },
  ]
}

/** How wide a gap is drawn: each doubling counts the same, or the anchor would push all else to one side. */
function weight(blocks: number): number {
  return 1 + Math.log2(1 + Math.max(0, blocks))
}

function Gap({ from, to }: { from: Head; to: Head }): JSX.Element {
  const blocks = from.number - to.number
  const seconds = from.time - to.time
  return (
    <li class="gap" style={{ flexGrow: weight(blocks) }}>
      <span class="gap-line" aria-hidden="true" />
      <span class="gap-text">
        {blocks <= 0 ? 'level' : <><b>{count(blocks, 'block')}</b>{' '}<span>{seconds > 0 ? `${duration(seconds)} ` : ''}behind</span></>}
      </span>
    </li>
  )
}

/** The four heads in a row, the newest first, and between them how far each is behind the one before. */
export function Heads({ heads }: { heads: Overview['heads'] }): JSX.Element {
  const row: JSX.Element[] = []
  let previous: Head | null = null
  for (const { name, meaning, head, missing } of stages(heads)) {
    if (head && previous) row.push(<Gap key={`${name}-gap`} from={previous} to={head} />)
    else if (row.length > 0) row.push(<li class="gap" key={`${name}-gap`}><span class="gap-line open" aria-hidden="true" /></li>)
    row.push(
      <li class={`head ${name.toLowerCase()}`} key={name}>
        <span class="head-name">{name}</span>
        {head
          ? <a class="head-number" href={`/block/${head.number}`} title={head.hash}>{int(head.number)}</a>
          : <span class="head-number soft" title={missing}>–</span>}
        <span class="head-meaning">{head ? <>{meaning}; made <Ago time={head.time} /></> : missing}</span>
      </li>,
    )
    if (head) previous = head
  }
  return <ol class="heads">{row}</ol>
}
