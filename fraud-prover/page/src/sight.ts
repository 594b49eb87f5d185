// What has the keyboard's focus stays in sight when rows come in above it.

function inSight(): boolean {
  const element = document.activeElement
  if (!element?.matches(':focus-visible')) return false
  const { top, bottom } = element.getBoundingClientRect()
  return bottom > 0 && top < innerHeight
}

/**
 * Follows what has the focus, unless its reader has scrolled away from it. Browsers hold a page's place by themselves only where it
 * is scrolled already, and a list's newest rows come where it is not.
 */
export function keepFocusInSight(): void {
  let seen = false
  // The browser brings it into sight.
  addEventListener('focusin', () => { seen = true })
  addEventListener('scroll', () => { seen = inSight() }, { passive: true })
  new MutationObserver(() => {
    if (seen && !inSight()) document.activeElement?.scrollIntoView({ block: 'nearest' })
  }).observe(document.body, { childList: true, subtree: true })
}
