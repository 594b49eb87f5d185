import type { JSX } from 'preact'
import { paused, togglePause } from '../live'
import { Icon } from './Icon'

/** Who reads by keyboard, or slowly, must be able to stop what moves (WCAG 2.2.2). */
export function PauseButton(): JSX.Element {
  const words = paused.value ? 'Resume updates' : 'Pause updates'
  return (
    <button type="button" class="icon-button" onClick={togglePause} title={words}>
      <Icon name={paused.value ? 'play' : 'pause'} />
      <span class="hidden">{words}</span>
    </button>
  )
}
