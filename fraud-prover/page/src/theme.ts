import { signal } from '@preact/signals'

export type Theme = 'light' | 'dark'

const KEY = 'theme'

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : null
  } catch {
    return null
  }
}

const system = matchMedia('(prefers-color-scheme: dark)')

const systems = (): Theme => (system.matches ? 'dark' : 'light')

export const theme = signal<Theme>(systems())

function show(chosen: Theme | null): void {
  if (chosen) document.documentElement.dataset.theme = chosen
  else delete document.documentElement.dataset.theme
  theme.value = chosen ?? systems()
}

export function startTheme(): void {
  show(stored())
  system.addEventListener('change', () => show(stored()))
}

/** The other one. What the system has is stored as no choice, so that it goes on to follow the system. */
export function toggleTheme(): void {
  const next: Theme = theme.value === 'dark' ? 'light' : 'dark'
  const chosen = next === systems() ? null : next
  try {
    if (chosen) localStorage.setItem(KEY, chosen)
    else localStorage.removeItem(KEY)
  } catch {
    // No storage: the choice lasts as long as the page.
  }
  show(chosen)
}
