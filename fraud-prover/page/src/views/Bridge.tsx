import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { isAddress } from 'viem'
import { amount, deposit, deposited, l1Bridge, withdrawal } from '../bridge'
import { ether } from '../format'
import { Address } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { Sent } from '../parts/Sent'
import { WalletAction } from '../parts/WalletAction'
import { WithdrawalsBy, WithdrawalsOf } from '../parts/Withdrawals'
import { Eth } from '../parts/Amount'
import { useQuery } from '../query'
import { node } from '../rpc'
import { account, castSend, connected, mined, send } from '../wallet'

interface FieldProps {
  id: string; label: string; value: string; hint: ComponentChildren; wrong: string | null
  set: (text: string) => void
  /** Takes numbers on a phone's keyboard. */
  decimal?: boolean
}

/** A text field with its label, and a sentence where it is wrong. */
function Field({ id, label, value, hint, wrong, set, decimal }: FieldProps): JSX.Element {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} type="text" value={value} autocomplete="off" spellcheck={false} maxLength={80}
        {...(decimal ? { inputMode: 'decimal' as const } : {})} aria-invalid={wrong !== null} aria-describedby={`${id}-hint`}
        onInput={(event) => set(event.currentTarget.value)} />
      <p id={`${id}-hint`} class={wrong ? 'field-wrong' : 'soft'} role={wrong ? 'status' : undefined}>{wrong ?? hint}</p>
    </div>
  )
}

const NO_AMOUNT = 'This is no amount of ETH.'

function Amount({ id, text, set, hint }: { id: string; text: string; set: (text: string) => void; hint: ComponentChildren }): JSX.Element {
  return <Field id={id} label="Amount, ETH" value={text} set={set} decimal hint={hint} wrong={text !== '' && amount(text) === null ? NO_AMOUNT : null} />
}

function Account(): JSX.Element {
  const known = connected.value
  const state = useQuery(known ? `balance ${known.address}` : null, (signal) => node.balance(known?.address ?? '', signal), { every: 5000 })
  if (known) {
    return (
      <p class="sentence">
        You act as <Address value={known.address} />{state.data && <>, which has <Eth wei={state.data} /> on L2</>}.{' '}
        <button type="button" class="quiet" onClick={() => { connected.value = null }}>Forget it</button>
      </p>
    )
  }
  return (
    <WalletAction label="Connect a wallet" run={async (wallet) => {
      await account(wallet)
      return null
    }} />
  )
}

/** Stands in a command where the reader's own address belongs. */
const NOBODY = '0x0000000000000000000000000000000000000000'

function Deposit(): JSX.Element {
  const [text, setText] = useState('')
  const bridge = useQuery('l1 bridge', l1Bridge)
  const wei = amount(text)
  const to = connected.value?.address
  const command = bridge.data && wei !== null && to ? castSend(deposit(bridge.data, to, wei)) : undefined
  return (
    <Section title="Deposit">
      <p class="sentence">ETH goes from L1 to the same account on L2. It is there as soon as L2 has read L1's block.</p>
      <Amount id="deposit-amount" text={text} set={setText} hint={wei === null ? 'How much to move from L1 to L2.' : `${ether(wei)} from L1 to L2.`} />
      <WalletAction label="Deposit" command={command} disabled={wei === null || !bridge.data} run={async (wallet, target, say) => {
        const own = await account(wallet)
        const hash = await send(wallet, target, deposit(bridge.data ?? NOBODY, own, wei ?? 0n))
        say('Sent. Waiting until it is in a block of L1 …')
        const receipt = await mined(wallet, hash)
        const on2 = receipt && deposited(receipt)
        return <Sent hash={hash} receipt={receipt} on="L1">{on2 && <a href={`/tx/${on2}`}>Follow the deposit on L2</a>}</Sent>
      }} />
    </Section>
  )
}

function Withdraw(): JSX.Element {
  const [text, setText] = useState('')
  const wei = amount(text)
  const to = connected.value?.address
  const command = wei !== null && to ? castSend(withdrawal(to, wei), 'L2') : undefined
  return (
    <Section title="Withdraw">
      <p class="sentence">
        ETH goes from L2 to the same account on L1, in three steps: started here, proven on L1 once a proposal covers it, and
        finalized on L1 when that proposal has stood.
      </p>
      <Amount id="withdraw-amount" text={text} set={setText} hint={wei === null ? 'How much to move from L2 to L1.' : `${ether(wei)} from L2 to L1.`} />
      <WalletAction label="Start the withdrawal" on="L2" command={command} disabled={wei === null} run={async (wallet, target, say) => {
        const own = await account(wallet)
        const hash = await send(wallet, target, withdrawal(own, wei ?? 0n))
        say('Sent. Waiting until it is in a block of L2 …')
        return <Sent hash={hash} receipt={await mined(wallet, hash)} on="L2"><a href={`/tx/${hash}`}>Follow the withdrawal</a></Sent>
      }} />
    </Section>
  )
}

function Withdrawals(): JSX.Element {
  const [text, setText] = useState('')
  const own = connected.value?.address
  const typed = text.trim().toLowerCase()
  const isTransaction = /^0x[0-9a-f]{64}$/.test(typed)
  const isAccount = isAddress(typed, { strict: false })
  const by = isAccount ? typed : typed === '' ? own : undefined
  const wrong = typed === '' || isTransaction || isAccount ? null : 'This is neither the hash of a transaction nor an address.'
  return (
    <Section title="Withdrawals">
      <Field id="withdrawals-of" label="Of a transaction or an account" value={text} set={setText} wrong={wrong}
        hint={own ? 'Without it, those of your account. What another contract started for you is found by its transaction on L2.'
          : 'The hash of the transaction on L2 that started it, or an address. Or connect a wallet.'} />
      {isTransaction ? <WithdrawalsOf key={typed} hash={typed} /> : by ? <WithdrawalsBy key={by} address={by} /> : null}
    </Section>
  )
}

export function BridgePage(): JSX.Element {
  return (
    <Page title="Bridge" lead="ETH between L1 and L2. Each step is a transaction that you sign in your own wallet; this page only prepares it.">
      <Account />
      <div class="pair">
        <Deposit />
        <Withdraw />
      </div>
      <Withdrawals />
    </Page>
  )
}
