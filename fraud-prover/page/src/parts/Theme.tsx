import type { JSX } from 'preact'
import { theme, toggleTheme } from '../theme'
import { Icon } from './Icon'

export function ThemeButton(): JSX.Element {
  const dark = theme.value === 'dark'
  return (
    <button type="button" class="icon-button" onClick={toggleTheme} title={dark ? 'Light colours' : 'Dark colours'}>
      <Icon name={dark ? 'sun' : 'moon'} />
      <span class="hidden">{dark ? 'Use light colours' : 'Use dark colours'}</span>
    </button>
  )
}
