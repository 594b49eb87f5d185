import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { interval, side, steps, verdict } from '../claims'
import { duration, int } from '../format'
import type { Claim } from '../types'
import { Eth } from './Amount'
import { Hex, L1Address } from './Hex'
import { Funnel, Strip } from './Strip'
import { Fact, Facts, Table, type Column } from './Table'
import { Countdown, When } from './Time'
import { TruthMark } from './Truth'

function Clock({ claim: { clock, status } }: { claim: Claim }): JSX.Element | null {
  if (status !== 'open') return null
  if (!clock.runs) return <span>clock stands at {duration(clock.left)}</span>
  return <span>to attack it: <b><Countdown until={clock.ends} over="no time is left" /></b></span>
}

const STATUS: Record<Claim['status'], string> = {
  open: 'open', countered: 'countered', upheld: 'upheld', refuted: 'refuted',
  distributed: 'refuted, bond distributed', reclaimed: 'bond taken back',
}

function Status({ claim: { status, counter, children } }: { claim: Claim }): JSX.Element {
  return (
    <>
      <span class={status === 'open' ? 'tag live' : 'tag'}>{STATUS[status] ?? status}</span>
      {status === 'open' && children.length > 0 && (
        <span>attacked by {children.map((child, index) => <>{index > 0 && ', '}<a key={child} href={`#claim-${child}`}>claim {child}</a></>)}</span>
      )}
      {counter && (
        <span>
          {status === 'countered' ? '' : 'countered '}at segment {counter.segment} by{' '}
          {counter.child === null ? 'a step on L1' : <a href={`#claim-${counter.child}`}>claim {counter.child}</a>}
        </span>
      )}
    </>
  )
}

function StepLinks({ claim, game }: { claim: Claim; game: string }): JSX.Element | null {
  const single = steps(claim)
  if (single.length === 0) return null
  const path = (segment: number): string => `/dispute/${game}/step/${claim.index}/${segment}`
  const first = claim.firstWrong
  return (
    <p class="step-links">
      {first !== null && single.includes(first) && (
        <a class="button strong" href={path(first)}>Look at the step that is wrong, in segment {first}</a>
      )}
      {/* The machine's run is not kept when the dispute is over. */}
      {claim.status === 'open' && <>
        <span>Single steps:</span>
        <span class="numbers">
          {single.map((segment) => (
            <a key={segment} href={path(segment)} aria-label={`Step in segment ${segment} of claim ${claim.index}`}>{segment}</a>
          ))}
        </span>
      </>}
    </p>
  )
}

type Part = Claim['parts'][number] & { index: number }

function Details({ claim }: { claim: Claim }): JSX.Element {
  const columns: Column<Part>[] = [
    { head: 'Segment', cell: ({ index }) => index },
    { head: 'Covers', cell: ({ start, end }) => interval(claim, start, end) },
    { head: 'Value at its end', cell: ({ value }) => <Hex value={value} copy="the value" /> },
    { head: 'It is', cell: ({ truth }) => <TruthMark truth={truth} /> },
  ]
  return (
    <>
      <Facts>
        <Fact name="Claimant"><L1Address value={claim.claimant} full /></Fact>
        <Fact name="Bond"><Eth wei={claim.bond} /></Fact>
        <Fact name="Made"><When time={claim.created} /></Fact>
        <Fact name="Time used before">{duration(claim.elapsed)}</Fact>
        <Fact name="Agreed value"><Hex value={claim.agreed.value} copy="the agreed value" /> <TruthMark truth={claim.agreed.truth} /></Fact>
        <Fact name="Id"><Hex value={claim.id} copy="the claim's id" /></Fact>
        {claim.counter && <Fact name="Countered"><L1Address value={claim.counter.by} />, <When time={claim.counter.at} /></Fact>}
      </Facts>
      <Table caption={`Segments of claim ${claim.index}`} quiet stack columns={columns} empty="It has no segments."
        rows={claim.parts.map((part, index) => ({ ...part, index }))} id={({ index }) => index} />
    </>
  )
}

interface Props { claim: Claim; parent: Claim | undefined; attacked: Set<number>; game: string; first: number }

/** One claim: what it covers, what is true of it, and its segments, from the segment that it attacks. */
export function ClaimRow({ claim, parent, attacked, game, first }: Props): JSX.Element {
  const [open, setOpen] = useState(false)
  const found = verdict(claim)
  const who = side(claim)
  return (
    <li class={`claim ${who}`} id={`claim-${claim.index}`} style={{ '--depth': String(Math.max(0, claim.depth - first)) }}>
      {parent && <Funnel segment={claim.segment} of={parent.parts.length} />}
      <div class="claim-body">
        <p class="claim-head">
          <b class="claim-name">Claim {int(claim.index)}</b>
          {parent ? <span>attacks segment {claim.segment} of <a href={`#claim-${parent.index}`}>claim {parent.index}</a></span> : <span>the proposal</span>}
          <span class="claim-range">{interval(claim, claim.start, claim.start + claim.length)}</span>
        </p>
        <Strip claim={claim} attacked={attacked} />
        <p class="claim-foot">
          <TruthMark truth={found.truth} word={found.words} />
          <Status claim={claim} />
          <Clock claim={claim} />
          <span class="soft">by <L1Address value={claim.claimant} />, for the {who}</span>
          <span class="soft">bond <Eth wei={claim.bond} /></span>
          <button type="button" class="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'Hide the values' : 'Show the values'}<span class="hidden"> of claim {claim.index}</span>
          </button>
        </p>
        <StepLinks claim={claim} game={game} />
        {open && <div class="claim-details"><Details claim={claim} /></div>}
      </div>
    </li>
  )
}
