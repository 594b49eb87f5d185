import type { JSX } from 'preact'
import { interval, runs } from '../claims'
import { count, shorten } from '../format'
import type { Claim } from '../types'
import { Icon } from './Icon'
import { truthOf } from './Truth'

const WORDS = { right: 'right', wrong: 'wrong', unknown: 'computing' }

/** A claim's segments in a row: a sign, a pattern and a colour for each. */
export function Strip({ claim, attacked }: { claim: Claim; attacked: Set<number> }): JSX.Element {
  const truths = claim.parts.map(({ truth }) => truthOf(truth))
  const where = [...attacked].sort((a, b) => a - b)
  const label = `${count(truths.length, 'segment')}: ${runs(truths)}.${where.length > 0 ? ` Attacked at ${where.join(', ')}.` : ''}`
  return (
    <div class="strip" role="img" aria-label={label} style={{ '--parts': String(Math.max(1, truths.length)) }}>
      {claim.parts.map(({ start, end, value }, index) => {
        const truth = truths[index] ?? 'unknown'
        const title = `Segment ${index}: ${interval(claim, start, end)}. ${shorten(value)} is ${WORDS[truth]}.`
        const first = index === claim.firstWrong ? ' first' : ''
        return (
          <span key={index} class={`cell ${truth}${first}${attacked.has(index) ? ' attacked' : ''}`} title={title}>
            <Icon name={truth} /><span class="cell-number">{index}</span>
          </span>
        )
      })}
    </div>
  )
}

/** From the attacked segment of the claim above to the whole of this one. */
export function Funnel({ segment, of }: { segment: number; of: number }): JSX.Element {
  const width = 100 / Math.max(1, of)
  const left = segment * width
  return (
    <svg class="funnel" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="funnel-bar" x="0" y="0" width="100" height="4" />
      <rect class="funnel-mark" x={left} y="0" width={width} height="4" />
      <polygon class="funnel-cone" points={`${left},4 ${left + width},4 100,20 0,20`} />
    </svg>
  )
}
