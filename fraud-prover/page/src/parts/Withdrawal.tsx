import type { JSX } from 'preact'
import { int, big, bytes } from '../format'
import type { Withdrawal } from '../types'
import { castSend, mined, send, type Call } from '../wallet'
import { Eth } from './Amount'
import { Expand } from './Expand'
import { Address, Hex, L1Address } from './Hex'
import { Sent } from './Sent'
import { Fact, Facts } from './Table'
import { Text } from './Text'
import { Countdown } from './Time'
import { WalletAction } from './WalletAction'

const STATES: Withdrawal['state'][] = ['waits', 'provable', 'proven', 'finalizable', 'finalized']

const NAMES: Record<Withdrawal['state'], string> = {
  waits: 'Started', provable: 'Provable', proven: 'Proven', finalizable: 'Payable', finalized: 'Paid',
}

const MEANING: Record<Withdrawal['state'], string> = {
  waits: 'It waits for a proposal that covers its block.',
  provable: 'It can be proven on L1 now.',
  proven: 'It is proven. L1 waits until the proposal has stood and the delays are over.',
  finalizable: 'It can be finalized now: L1 then pays it.',
  finalized: 'L1 has made its call. There is nothing more to do.',
}

function Steps({ state }: { state: Withdrawal['state'] }): JSX.Element {
  const at = STATES.indexOf(state)
  return (
    <ol class="steps" aria-label="How far the withdrawal is">
      {STATES.map((name, index) => (
        <li key={name} class={index < at ? 'past' : index === at ? 'here' : ''} aria-current={index === at ? 'step' : undefined}>{NAMES[name]}</li>
      ))}
    </ol>
  )
}

function Send({ label, call, changed }: { label: string; call: Call; changed: () => void }): JSX.Element {
  return (
    <WalletAction label={label} command={castSend(call)} run={async (wallet, target, say) => {
      const hash = await send(wallet, target, call)
      say('Sent. Waiting until it is in a block of L1 …')
      const receipt = await mined(wallet, hash)
      changed()
      return <Sent hash={hash} receipt={receipt} on="L1">The state here follows in some seconds.</Sent>
    }} />
  )
}

interface Props {
  withdrawal: Withdrawal
  changed: () => void
  /** Named where the card stands apart from it. */
  transaction?: string
}

export function WithdrawalCard({ withdrawal, changed, transaction }: Props): JSX.Element {
  const { state, until, game, prove, finalize } = withdrawal
  const size = Math.max(0, (withdrawal.data.length - 2) / 2)
  return (
    <article class="card">
      <h3>Withdrawal of <Eth wei={withdrawal.value} /></h3>
      <Steps state={state} />
      <p>
        {MEANING[state] ?? 'Its state is not known.'}{' '}
        {until !== null && state !== 'finalized' && <>The next state comes in <Countdown until={until} over="a moment" />.</>}{' '}
        {game && <a href={`/dispute/${game}`}>{state === 'provable' || state === 'waits' ? 'The proposal to prove it with' : 'The proposal that it was proven with'}</a>}
      </p>
      <p>From <Address value={withdrawal.sender} /> on L2 to <L1Address value={withdrawal.target} /> on L1{transaction && <>, started by transaction <Hex value={transaction} href={`/tx/${transaction}`} /></>}.</p>
      {prove && <Send label="Prove on L1" call={prove} changed={changed} />}
      {finalize && <Send label="Finalize on L1" call={finalize} changed={changed} />}
      <Expand summary={<>Details<span class="hidden"> of this withdrawal</span></>}>{() => (
        <Facts>
          <Fact name="Hash"><Hex value={withdrawal.hash} full copy="the withdrawal's hash" /></Fact>
          <Fact name="Gas limit">{int(big(withdrawal.gasLimit))}</Fact>
          <Fact name="Data">{size === 0 ? 'none' : <>{bytes(size)}: <Text value={withdrawal.data} mono cut={120} /></>}</Fact>
          <Fact name="Nonce"><Text value={withdrawal.nonce} cut={80} /></Fact>
        </Facts>
      )}</Expand>
    </article>
  )
}
