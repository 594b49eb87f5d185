import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'

/** Details that are only made when somebody opens them. */
export function Expand({ summary, open: first = false, children }: {
  summary: ComponentChildren; open?: boolean; children: () => ComponentChildren
}): JSX.Element {
  const [open, setOpen] = useState(first)
  return (
    <details class="expand" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && <div class="expand-body">{children()}</div>}
    </details>
  )
}
