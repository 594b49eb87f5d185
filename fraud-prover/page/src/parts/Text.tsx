import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { bytes } from '../format'
import { CUT, beginning, visible } from '../text'

interface Props { value: string; cut?: number; mono?: boolean }

/** The most that is ever laid out: a browser does not survive many megabytes in one line. */
const MOST = 200_000

/** Text of strangers: never markup, never able to turn the text around it, and cut where it is long. */
export function Text({ value, cut = CUT, mono }: Props): JSX.Element {
  const [all, setAll] = useState(false)
  const shown = beginning(value, all ? MOST : cut)
  const rest = value.length - shown.length
  return (
    <>
      <bdi class={mono ? 'foreign mono' : 'foreign'} dir="auto">{visible(shown)}{rest > 0 ? '…' : ''}</bdi>
      {(rest > 0 || all) && value.length > cut && (
        <>
          {' '}
          <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? 'Show less' : `Show all, ${bytes(value.length)}`}
          </button>
          {all && rest > 0 && <span class="soft"> {bytes(rest)} more are too long to show.</span>}
        </>
      )}
    </>
  )
}

/** One line of it, without a button: for tables. */
export function Line({ value, cut = 48 }: { value: string; cut?: number }): JSX.Element {
  const shown = beginning(value, cut)
  const whole = visible(beginning(value, 300))
  return <bdi class="foreign" dir="auto" title={shown.length < value.length ? whole : undefined}>
    {visible(shown)}{shown.length < value.length ? '…' : ''}
  </bdi>
}
