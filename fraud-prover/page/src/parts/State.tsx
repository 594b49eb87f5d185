import type { ComponentChildren, JSX } from 'preact'
import type { Query } from '../query'
import { visible } from '../text'

/** A failure as a sentence, with what can be done about it. */
export function Problem({ text, retry, old }: { text: string; retry: () => void; old?: boolean }): JSX.Element {
  return (
    <div class="notice wrong" role="alert">
      <p>{visible(text)}{old ? ' Below is what was known before.' : ''}</p>
      <button type="button" class="button" onClick={retry}>Try again</button>
    </div>
  )
}

interface Props<T> {
  query: Query<T>
  children: (data: T) => ComponentChildren
  /** What is being loaded, as in "Loading the block …". */
  what: string
  /** Said instead of an error where the thing does not exist. */
  missing?: string
  /** Said where the answer is not known yet; asked again by itself. */
  wait?: string
}

/** What a request has brought so far: data, a failure, or neither yet. Old data stays in sight below a failure. */
export function Loaded<T>({ query, children, what, missing, wait }: Props<T>): JSX.Element {
  const { data, error, retry } = query
  if (error && data === null) {
    if (error.status === 404 && missing) return <p class="empty">{missing}</p>
    if (error.status === 503 && wait) return <p class="empty computing" role="status">{wait}</p>
    return <Problem text={error.message} retry={retry} />
  }
  if (data === null) return <p class="empty" role="status">Loading {what} …</p>
  return (
    <>
      {error && error.status !== 503 && <Problem text={error.message} retry={retry} old />}
      {children(data)}
    </>
  )
}
