import type { JSX, TargetedSubmitEvent } from 'preact'
import { useLocation } from 'preact-iso/router'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Failure } from '../api'
import { find, shape } from '../search'
import { visible } from '../text'
import { Icon } from './Icon'

type State = { kind: 'idle' } | { kind: 'busy' } | { kind: 'none'; why: string }

export function Search(): JSX.Element {
  const { url, route } = useLocation()
  const [text, setText] = useState('')
  const [state, setState] = useState<State>({ kind: 'idle' })
  const turn = useRef(0)

  useEffect(() => setState({ kind: 'idle' }), [url])

  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const mine = (turn.current += 1)
    setState({ kind: 'busy' })
    try {
      const found = await find(shape(text))
      if (mine !== turn.current) return
      if ('path' in found) {
        setState({ kind: 'idle' })
        setText('')
        route(found.path)
      } else {
        setState({ kind: 'none', why: found.why })
      }
    } catch (error) {
      if (mine !== turn.current) return
      const why = error instanceof Failure ? error.message : 'The search failed.'
      setState({ kind: 'none', why })
    }
  }

  return (
    <form class="search" role="search" onSubmit={submit}>
      <label class="hidden" for="search">Search: the number or hash of a block, the hash of a transaction, a withdrawal or a deposit, an address, a batch or a dispute</label>
      <input
        id="search" type="search" value={text} autocomplete="off" spellcheck={false} maxLength={300}
        placeholder="Block, hash, address, batch 12" aria-describedby="search-answer"
        onInput={(event) => { setText(event.currentTarget.value); setState({ kind: 'idle' }) }}
      />
      <button type="submit" class="icon-button" title="Search"><Icon name="search" /><span class="hidden">Search</span></button>
      <p id="search-answer" class={`search-answer ${state.kind}`} role="status">
        {state.kind === 'busy' ? 'Looking …' : state.kind === 'none' ? visible(state.why) : ''}
      </p>
    </form>
  )
}
