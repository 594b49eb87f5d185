import type { JSX } from 'preact'
import { ether, exactEther, price } from '../format'

/** An amount of ETH in a unit for people, with the exact one as its title. */
export function Eth({ wei }: { wei: string | bigint | null | undefined }): JSX.Element {
  return <span class="number" title={exactEther(wei)}>{ether(wei)}</span>
}

export function GasPrice({ wei }: { wei: string | bigint | null | undefined }): JSX.Element {
  return <span class="number" title={exactEther(wei)}>{price(wei)}</span>
}
