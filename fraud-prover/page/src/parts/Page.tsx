import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Set once a view was shown: the first one leaves the focus where the browser has it. */
let moved = false

interface Props { title: string; heading?: ComponentChildren; lead?: ComponentChildren; children: ComponentChildren }

/** A view: names the document, and takes the focus after a move, so that screen readers start here. */
export function Page({ title, heading, lead, children }: Props): JSX.Element {
  const top = useRef<HTMLHeadingElement>(null)
  useEffect(() => { document.title = `${title} · Recourse` }, [title])
  useEffect(() => {
    if (moved) top.current?.focus({ preventScroll: true })
    moved = true
  }, [])
  return (
    <>
      <header class="page-head">
        <h1 ref={top} tabIndex={-1}>{heading ?? title}</h1>
        {lead && <div class="lead">{lead}</div>}
      </header>
      {children}
    </>
  )
}

export function Section({ title, aside, children }: {
  title: string; aside?: ComponentChildren; children: ComponentChildren
}): JSX.Element {
  return (
    <section class="section">
      <div class="section-head"><h2>{title}</h2>{aside}</div>
      {children}
    </section>
  )
}
