import type { JSX } from 'preact'
import { decodeInput, decodeLog, selector, type Argument, type Decoded } from '../decode'
import { bytes, count, int } from '../format'
import type { RpcLog } from '../rpc'
import { visible } from '../text'
import { Address, Hex } from './Hex'
import { Expand } from './Expand'
import { useMore } from './Pager'
import { Text } from './Text'

/** What stands for "no limit" in approvals. */
const MOST = String(2n ** 256n - 1n)

function Value({ type, value }: Argument): JSX.Element {
  if (value === MOST) return <span title={MOST}>the largest number, 2²⁵⁶ − 1</span>
  if (type === 'address') return <Address value={value} />
  if (/^u?int\d*$/.test(type)) return <span class="number" title={value}>{/^-?\d+$/.test(value) ? int(BigInt(value)) : visible(value)}</span>
  return <Text value={value} mono={type.startsWith('bytes')} cut={200} />
}

export function Arguments({ decoded }: { decoded: Decoded }): JSX.Element | null {
  if (decoded.args.length === 0) return null
  return (
    <dl class="arguments">
      {decoded.args.map((argument) => (
        <div key={argument.name}>
          <dt>{argument.name} <span class="type">{argument.type}</span></dt>
          <dd><Value {...argument} /></dd>
        </div>
      ))}
    </dl>
  )
}

/** What a transaction or a call is given. */
export function Input({ input, creates }: { input: string; creates?: boolean }): JSX.Element {
  if (input === '0x' || input === '') return <span class="soft">none</span>
  const decoded = creates ? null : decodeInput(input)
  const size = Math.max(0, (input.length - 2) / 2)
  return (
    <>
      {decoded
        ? <p class="call">{visible(decoded.name)}</p>
        : <p>{creates ? 'The code that creates the contract' : size >= 4 ? <>Function <span class="mono">{visible(selector(input) ?? '')}</span>, whose ABI is not known here</> : 'Bytes that call no function'}</p>}
      {decoded && <Arguments decoded={decoded} />}
      <Expand summary={`The bytes, ${bytes(size)}`}>{() => <div class="bytes"><Text value={input} mono /></div>}</Expand>
    </>
  )
}

function Log({ log }: { log: RpcLog }): JSX.Element {
  const decoded = decodeLog(log.topics, log.data)
  return (
    <li class="log">
      <p class="log-head">
        <span class="soft">{int(Number(log.logIndex))}</span>{' '}
        {decoded ? <span class="call">{visible(decoded.name)}</span> : <span>Event whose ABI is not known here</span>}
        {' from '}<Address value={log.address} />
      </p>
      {decoded ? <Arguments decoded={decoded} /> : (
        <dl class="arguments">
          {log.topics.map((topic, index) => <div key={index}><dt>topic {index}</dt><dd><Hex value={topic} full /></dd></div>)}
          <div><dt>data</dt><dd><Text value={log.data} mono cut={200} /></dd></div>
        </dl>
      )}
    </li>
  )
}

export function Logs({ logs }: { logs: RpcLog[] }): JSX.Element {
  const [shown, more] = useMore(logs.length, 20)
  if (logs.length === 0) return <p class="empty">It emitted no events.</p>
  return (
    <>
      <ol class="logs" aria-label={count(logs.length, 'event')}>{logs.slice(0, shown).map((log) => <Log key={log.logIndex} log={log} />)}</ol>
      {more}
    </>
  )
}
