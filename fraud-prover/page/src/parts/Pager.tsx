import type { JSX } from 'preact'
import { useState } from 'preact/hooks'

/** Entries of a page. */
export const PAGE = 25

/** `before` of the page that is newer than the one that starts below `before`; null for the newest. */
export function newer(before: number | null, newest: number | undefined): number | null {
  if (before === null) return null
  const next = before + PAGE
  return newest !== undefined && next > newest ? null : next
}

interface Props {
  path: string
  before: number | null
  next: number | null
  /** The `before` of the page of newer entries; null where that is the newest page. */
  newer: number | null
}

/** Steps through a list that has no end. Links, so that each page has an address. */
export function Pager({ path, before, next, newer }: Props): JSX.Element {
  return (
    <nav class="pager" aria-label="Pages">
      {before !== null ? <a class="button" href={path}>Newest</a> : <span class="button off">Newest</span>}
      {before !== null
        ? <a class="button" href={newer === null ? path : `${path}?before=${newer}`}>Newer</a>
        : <span class="button off">Newer</span>}
      {next !== null ? <a class="button" href={`${path}?before=${next}`}>Older</a> : <span class="button off">Older</span>}
    </nav>
  )
}

/** `before` from an address, null where it is none. */
export function beforeOf(query: Record<string, string>): number | null {
  const value = query.before
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null
}

/** The first rows of a list that is already here, and more on request. */
export function useMore(total: number, step = 25): [number, JSX.Element | null] {
  const [shown, setShown] = useState(step)
  const rest = total - shown
  if (rest <= 0) return [total, null]
  const more = Math.min(rest, step)
  return [shown, (
    <p class="more">
      <button type="button" class="button" onClick={() => setShown(shown + more)}>Show {more} more</button>
      <span class="soft"> of {rest} that are not shown</span>
    </p>
  )]
}
