import type { ComponentChildren, JSX } from 'preact'
import type { Receipt, Target } from '../wallet'
import { Hex } from './Hex'

interface Props { hash: string; receipt: Receipt | null; on: Target['name']; children: ComponentChildren }

/** What became of a transaction that was sent through a wallet; `children` only where it succeeded. */
export function Sent({ hash, receipt, on, children }: Props): JSX.Element {
  const failed = receipt !== null && Number(receipt.status) !== 1
  const words = receipt === null
    ? `It is not in a block of ${on} yet. The wallet shows what became of it.`
    : failed ? `${on} ran it, and it failed.` : <>It is in a block of {on}. {children}</>
  return (
    <p class={`notice ${failed ? 'wrong' : 'note'}`}>
      {words} <span>Transaction <Hex value={hash} copy={`the ${on} transaction's hash`} {...(on === 'L2' ? { href: `/tx/${hash}` } : {})} /></span>
    </p>
  )
}
