import type { ComponentChildren, JSX } from 'preact'
import { int } from '../format'
import { overview } from '../live'
import type { Certainty } from '../types'
import { Eth } from './Amount'
import { Hex } from './Hex'
import { Icon } from './Icon'
import { Ago, Countdown, When } from './Time'
import { TruthMark, truthOf } from './Truth'

interface StageProps {
  name: string
  time: number | null
  /** It is reached, even if nobody knows when. */
  reached?: boolean
  wrong?: boolean
  /** A later stage is reached, so this one does not matter any more. */
  passed: boolean
  children: ComponentChildren
}

const SAID = { reached: ', reached', wrong: ', wrong', ahead: ', not yet', passed: ', not needed any more' }
const SIGNS = { reached: 'right', wrong: 'wrong', ahead: 'clock', passed: 'corner' } as const

function Stage({ name, time, reached = time !== null, wrong, passed, children }: StageProps): JSX.Element {
  const state = wrong ? 'wrong' : reached ? 'reached' : passed ? 'passed' : 'ahead'
  return (
    <li class={`stage ${state}`}>
      <p class="stage-name">
        <span class="stage-sign"><Icon name={SIGNS[state]} /></span>
        {name}
        <span class="hidden">{SAID[state]}</span>
      </p>
      <p class="stage-time">{time !== null ? <Ago time={time} /> : reached ? '' : passed ? 'not needed any more' : 'not yet'}</p>
      <div class="stage-text">{children}</div>
    </li>
  )
}

function Confirmed({ stage, block, onL1 }: {
  stage: Certainty['stages']['confirmed']; block: number; onL1: boolean
}): JSX.Element {
  if (!stage) return <p>No confirmation of the sequencer is known{onL1 ? ': what is on L1 needs none' : ''}.</p>
  return (
    <p>
      The sequencer put it into block {int(block)}.{' '}
      {stage.bond !== null && <>It loses <Eth wei={stage.bond} /> if that block does not become part of the chain{stage.by !== null && <> by <When time={stage.by} /></>}.</>}
    </p>
  )
}

function OnL1({ stage, block }: { stage: Certainty['stages']['onL1']; block: number }): JSX.Element {
  const finalized = overview.value?.heads.finalized
  const final = finalized !== null && finalized !== undefined && block <= finalized.number
  if (!stage) return <p>No batch on L1 holds it yet. Until then you rely on the sequencer.</p>
  return (
    <p>
      <a href={`/batch/${stage.batch}`}>Batch {int(stage.batch)}</a> holds it, in L1 block {int(stage.l1Block)}
      {' '}(<Hex value={stage.l1Transaction} copy="the L1 transaction's hash" />). {final ? 'That block of L1 is final: nothing undoes it.' : 'Only a reorganization of L1 can undo it.'}
    </p>
  )
}

function Proposed({ stage }: { stage: Certainty['stages']['proposed'] }): JSX.Element {
  if (!stage) return <p>No proposal on L1 covers its block yet. Withdrawals cannot be proven before.</p>
  const truth = truthOf(stage.truth)
  return (
    <p>
      <a href={`/dispute/${stage.game}`}>Proposal {int(stage.index)}</a> covers it, and is <TruthMark truth={truth} />.{' '}
      {truth === 'wrong'
        ? 'A wrong proposal falls when somebody disputes it. Another one will cover the block.'
        : truth === 'unknown'
          ? 'The challenger has not judged it yet.'
          : stage.deadline === null
            ? 'No clock runs against it.'
            : <>It stands unless somebody counters it within <Countdown until={stage.deadline} over="no more time" />.</>}
    </p>
  )
}

function Anchored({ stage }: { stage: Certainty['stages']['anchored'] }): JSX.Element {
  if (!stage) return <p>L1 has not accepted an output that covers it. Its withdrawals cannot be paid before.</p>
  return <p>L1 accepted an output that covers it{stage.game && <>, first by <a href={`/dispute/${stage.game}`}>this proposal</a></>}, and the challenger computed the same. L1's contracts take it as final.</p>
}

/** The four stages of certainty, the weakest first. */
export function Stages({ certainty: { stages, block } }: { certainty: Certainty }): JSX.Element {
  const { confirmed, onL1, proposed, anchored } = stages
  return (
    <ol class="stages">
      <Stage name="Confirmed" time={confirmed?.time ?? null} passed={onL1 !== null}><Confirmed stage={confirmed} block={block} onL1={onL1 !== null} /></Stage>
      <Stage name="On L1" time={onL1?.time ?? null} passed={false}><OnL1 stage={onL1} block={block} /></Stage>
      <Stage name="Provable" time={proposed?.time ?? null} passed={anchored !== null} wrong={proposed !== null && truthOf(proposed.truth) === 'wrong'}><Proposed stage={proposed} /></Stage>
      <Stage name="Anchored" time={anchored?.time ?? null} reached={anchored !== null} passed={false}><Anchored stage={anchored} /></Stage>
    </ol>
  )
}
