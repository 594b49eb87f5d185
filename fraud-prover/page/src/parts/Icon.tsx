import type { JSX } from 'preact'

const PATHS = {
  right: 'M3 8.5l3.200 3.200L13 4.800',
  wrong: 'M4 4l8 8M12 4l-8 8',
  unknown: 'M5.500 6a2.500 2.500 0 1 1 3.700 2.200C8.300 8.700 8 9.100 8 10M8 12.600v.3',
  copy: 'M5.500 5.500h7v8h-7zM3.500 10.500v-8h7',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1.100 1.100M11.900 11.900L13 13M13 3l-1.100 1.100M4.100 11.900L3 13',
  moon: 'M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500z',
  pause: 'M5.500 3v10M10.500 3v10',
  play: 'M5 3l7.500 5L5 13z',
  search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.500 10.500L14 14',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.500V8l2.500 1.500',
  corner: 'M4 2v6h8M9.500 5.500L12 8l-2.500 2.500',
} as const

export type IconName = keyof typeof PATHS

/** A small drawing. It says nothing by itself: words stand beside it, or behind it for screen readers. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
      <path class="logo-bars" d="M2 5h28v5H2zM8 13.500h14v5H8zM12 22h5v5h-5z" />
      <path class="logo-mark" d="M14 22h3v5h-3z" />
    </svg>
  )
}
