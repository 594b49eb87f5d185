import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { overview } from '../live'
import { visible } from '../text'
import { connected, explain, wallets, type Target, type Wallet } from '../wallet'
import { Copy } from './Hex'
import { Expand } from './Expand'
import { Text } from './Text'

interface Props {
  /** What the button does, as in "Ask L1". */
  label: string
  /** The chain that it is done on. */
  on?: Target['name']
  /** The same for a terminal. */
  command?: string | undefined
  disabled?: boolean
  /** A second button of its kind is on the page: quieter. */
  plain?: boolean
  run: (wallet: Wallet, target: Target, say: (text: string) => void) => Promise<ComponentChildren>
}

type State =
  | { kind: 'idle' } | { kind: 'choosing' } | { kind: 'busy'; text: string }
  | { kind: 'done'; answer: ComponentChildren } | { kind: 'failed'; text: string }

/** A button that goes through the reader's wallet, and the raw call for those who have none. */
export function WalletAction({ label, on = 'L1', command, disabled, plain, run }: Props): JSX.Element {
  const [state, setState] = useState<State>({ kind: 'idle' })
  const found = wallets.value
  const id = on === 'L1' ? overview.value?.l1ChainId : overview.value?.chainId
  const off = disabled || state.kind === 'busy' || id === undefined
  const look = plain ? 'button' : 'button strong'

  const go = async (wallet: Wallet): Promise<void> => {
    if (id === undefined) return
    const target = { name: on, id }
    const say = (text: string): void => setState({ kind: 'busy', text })
    say(`Waiting for ${wallet.name} …`)
    try {
      setState({ kind: 'done', answer: await run(wallet, target, say) })
    } catch (error) {
      setState({ kind: 'failed', text: explain(error, target) })
    }
  }
  const press = (): void => {
    const chosen = connected.value?.wallet ?? (found.length === 1 ? found[0] : undefined)
    if (chosen) void go(chosen)
    else setState({ kind: 'choosing' })
  }

  return (
    <div class="wallet">
      {found.length > 0 ? (
        <button type="button" class={look} disabled={off} onClick={press}>{label}</button>
      ) : (
        <p>
          <button type="button" class={look} disabled>{label}</button>{' '}
          <span class="soft">This needs a wallet in the browser that announces itself (EIP-6963) and knows {on}. None is here.{command && ' The command below does the same.'}</span>
        </p>
      )}
      {state.kind === 'choosing' && (
        <ul class="choices" aria-label="Wallets">
          {found.map((wallet) => (
            <li key={wallet.id}>
              <button type="button" class="button" onClick={() => { void go(wallet) }}>
                {wallet.icon && <img src={wallet.icon} alt="" width="18" height="18" />}{visible(wallet.name)}
              </button>
            </li>
          ))}
        </ul>
      )}
      <div role="status">
        {state.kind === 'busy' && <p class="computing">{visible(state.text)}</p>}
        {state.kind === 'done' && state.answer}
        {state.kind === 'failed' && <p class="notice wrong">{visible(state.text)}</p>}
      </div>
      {command && (
        <Expand summary={<>The call, for a terminal<span class="hidden">: {label}</span></>} open={found.length === 0}>
          {() => (
            <>
              <div class="bytes"><Text value={command} mono cut={200} /></div>
              <p><Copy value={command} what="the command" label="Copy the command" /></p>
            </>
          )}
        </Expand>
      )}
    </div>
  )
}
