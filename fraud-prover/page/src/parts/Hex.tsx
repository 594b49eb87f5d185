import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { getAddress, isAddress } from 'viem'
import { knownName } from '../abi'
import { shorten } from '../format'
import { visible } from '../text'
import { Icon } from './Icon'

const SHOWN_MS = 1500

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

/** A button that copies. Where the browser forbids that, it says so. */
export function Copy({ value, what, label }: { value: string; what: string; label?: string }): JSX.Element {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle')
  const press = async (): Promise<void> => {
    setState((await copy(value)) ? 'done' : 'failed')
    setTimeout(() => setState('idle'), SHOWN_MS)
  }
  const said = state === 'done' ? 'Copied' : state === 'failed' ? 'Not allowed here' : ''
  return (
    <button type="button" class={label ? 'button' : 'copy'} onClick={press} title={`Copy ${what}`}>
      {label ? (said || label) : state === 'done' ? <Icon name="right" /> : <Icon name="copy" />}
      {!label && <span class="hidden">Copy {what}</span>}
      {!label && <span class="hidden" role="status">{said}</span>}
    </button>
  )
}

interface Props { value: string; full?: boolean; copy?: string; href?: string }

/** A hash or other bytes: short in lists, whole where they are the subject. */
export function Hex({ value, full, copy: what, href }: Props): JSX.Element {
  const safe = visible(value)
  const text = full ? safe : shorten(safe)
  const inner = <span class={full ? 'mono hex full' : 'mono hex'} title={full ? undefined : safe.slice(0, 200)}>{text}</span>
  return (
    <>
      {href ? <a href={href}>{inner}</a> : inner}
      {what && <Copy value={value} what={what} />}
    </>
  )
}

function checksummed(address: string): string {
  return isAddress(address, { strict: false }) ? getAddress(address) : address
}

/** An address on L2, with its name where every chain of this kind has one. */
export function Address({ value, full, copy: copied }: { value: string; full?: boolean; copy?: boolean }): JSX.Element {
  const name = knownName(value)
  const sum = checksummed(value)
  return (
    <>
      <a href={`/address/${value}`} title={visible(sum)}>
        {name && !full ? name : <span class={full ? 'mono hex full' : 'mono hex'}>{full ? visible(sum) : shorten(visible(sum))}</span>}
      </a>
      {name && full && <span class="soft"> {name}</span>}
      {copied && <Copy value={sum} what="the address" />}
    </>
  )
}

/** An address on L1: there is nothing to link to. */
export function L1Address({ value, full }: { value: string; full?: boolean }): JSX.Element {
  const sum = checksummed(value)
  return <Hex value={sum} {...(full ? { full, copy: 'the address' } : {})} />
}
