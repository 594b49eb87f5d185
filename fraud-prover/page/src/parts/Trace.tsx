import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { decodeInput, decodeRevert, selector } from '../decode'
import { big, count, int } from '../format'
import { useQuery } from '../query'
import { node, type Call } from '../rpc'
import { visible } from '../text'
import { Eth } from './Amount'
import { Address } from './Hex'
import { useMore } from './Pager'
import { Loaded } from './State'
import { Line, Text } from './Text'
import { Input } from './Input'

/** Calls below this depth are closed at first. */
const OPEN_DEPTH = 2

function title({ type, input = '0x' }: Call): string {
  if (type.startsWith('CREATE')) return 'creates'
  if (input === '0x') return 'no input'
  return decodeInput(input)?.name ?? selector(input) ?? 'data'
}

function Children({ calls, depth }: { calls: Call[]; depth: number }): JSX.Element {
  const [shown, more] = useMore(calls.length, 50)
  return (
    <>
      <ul>{calls.slice(0, shown).map((call, index) => <Node key={index} call={call} depth={depth} />)}</ul>
      {more}
    </>
  )
}

function Node({ call, depth }: { call: Call; depth: number }): JSX.Element {
  const [open, setOpen] = useState(depth < OPEN_DEPTH)
  const [detail, setDetail] = useState(false)
  const calls = call.calls ?? []
  const reason = call.revertReason ?? decodeRevert(call.output)
  return (
    <li class={call.error ? 'node failed' : 'node'}>
      <div class="node-line">
        {calls.length > 0
          ? <button type="button" class="twist" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span class="hidden">{count(calls.length, 'call')} below {title(call)}</span>
          </button>
          : <span class="twist-none" aria-hidden="true" />}
        <span class="node-type">{visible(call.type)}</span>
        {call.to ? <Address value={call.to} /> : <span class="soft">no address</span>}
        <span class="call"><Line value={title(call)} /></span>
        {big(call.value) > 0n && <Eth wei={call.value} />}
        <span class="soft">{int(big(call.gasUsed))} gas</span>
        {call.error && <span class="mark wrong">failed: <Line value={reason ?? call.error} cut={80} /></span>}
        <button type="button" class="quiet" aria-expanded={detail} onClick={() => setDetail(!detail)}>
          {detail ? 'less' : 'more'}<span class="hidden"> about {title(call)}</span>
        </button>
      </div>
      {detail && (
        <dl class="arguments node-detail">
          <div><dt>from</dt><dd><Address value={call.from} /></dd></div>
          <div><dt>input</dt><dd><Input input={call.input ?? '0x'} /></dd></div>
          <div><dt>output</dt><dd><Text value={call.output ?? '0x'} mono cut={200} /></dd></div>
          {call.error && <div><dt>error</dt><dd><Text value={call.error} cut={200} /></dd></div>}
          {reason && <div><dt>reason</dt><dd><Text value={reason} cut={200} /></dd></div>}
        </dl>
      )}
      {open && calls.length > 0 && <Children calls={calls} depth={depth + 1} />}
    </li>
  )
}

/** The calls that a transaction made, as a tree. It is computed again for whoever asks. */
export function Trace({ hash }: { hash: string }): JSX.Element {
  const [asked, setAsked] = useState(false)
  const query = useQuery(asked ? `trace ${hash}` : null, (signal) => node.trace(hash, signal))
  if (!asked) {
    return <p><button type="button" class="button" onClick={() => setAsked(true)}>Run it again, and show its calls</button></p>
  }
  return (
    <Loaded query={query} what="the calls">
      {(call) => <ul class="trace"><Node call={call} depth={0} /></ul>}
    </Loaded>
  )
}
