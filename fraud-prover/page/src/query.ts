import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Failure } from './api'
import { onReturn, paused } from './live'

export interface Query<T> {
  /** The last answer, kept when a later request fails. */
  data: T | null
  error: Failure | null
  loading: boolean
  retry: () => void
}

interface Options {
  /** Milliseconds after which it is asked again, while somebody looks at the page and it does not stand still. */
  every?: number | null
  /** Asked again when this changes; the data stays meanwhile. */
  version?: unknown
  /** Keep the data of the previous key until the new one's is there. */
  keep?: boolean
}

function failure(error: unknown): Failure {
  if (error instanceof Failure) return error
  return new Failure(0, error instanceof Error ? error.message : 'Something went wrong.')
}

interface State<T> { key: string | null; data: T | null; error: Failure | null; loading: boolean }

/** Asks for what `key` names; nothing where it is null. */
export function useQuery<T>(
  key: string | null, load: (signal: AbortSignal) => Promise<T>, { every, version, keep }: Options = {},
): Query<T> {
  const [state, setState] = useState<State<T>>({ key: null, data: null, error: null, loading: key !== null })
  const [turn, setTurn] = useState(0)
  const loader = useRef(load)
  loader.current = load
  const retry = useCallback(() => setTurn((value) => value + 1), [])

  useEffect(() => {
    if (key === null) return
    const abort = new AbortController()
    setState((old) => ({
      key, data: old.key === key || keep ? old.data : null, error: old.key === key ? old.error : null, loading: true,
    }))
    loader.current(abort.signal).then(
      (data) => { if (!abort.signal.aborted) setState({ key, data, error: null, loading: false }) },
      (error: unknown) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: failure(error), loading: false }))
      },
    )
    return () => abort.abort()
  }, [key, turn, version])

  useEffect(() => {
    if (!every || key === null) return
    const timer = setInterval(() => { if (!document.hidden && !paused.peek()) retry() }, every)
    return () => clearInterval(timer)
  }, [every, key])

  useEffect(() => onReturn(retry), [])

  const current = state.key === key
  return {
    data: current || keep ? state.data : null,
    error: current ? state.error : null,
    loading: current ? state.loading : key !== null,
    retry,
  }
}
