import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Column<Row> {
  head: string
  cell: (row: Row) => ComponentChildren
  /** Numbers stand at the right. */
  number?: boolean
  /** Left out where the screen is narrow: what it says stands on the row's own page too. */
  wide?: boolean
  /** One of those that a brief table has. */
  brief?: boolean
}

interface Props<Row> {
  caption: string
  /** Whether the caption is only for screen readers, as a heading above says the same. */
  quiet?: boolean
  columns: Column<Row>[]
  rows: Row[]
  id: (row: Row) => string | number
  empty: string
  mark?: (row: Row) => string | undefined
  /** On narrow screens each row becomes a block of names and values, as nothing can be left out. */
  stack?: boolean
  /** Only the columns that are marked so. */
  brief?: boolean | undefined
}

function look<Row>(column: Column<Row>): string {
  return [column.number ? 'at-right' : '', column.wide ? 'wide' : ''].filter(Boolean).join(' ')
}

/** Around a table: where the table is wider, it can be scrolled, by keyboard too. */
export function TableBox({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const [wider, setWider] = useState(false)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const watch = new ResizeObserver(() => setWider(element.scrollWidth > element.clientWidth))
    watch.observe(element)
    if (element.firstElementChild) watch.observe(element.firstElementChild)
    return () => watch.disconnect()
  }, [])
  return (
    <div class="table-box" ref={box} {...(wider ? { tabIndex: 0, role: 'region', 'aria-label': name } : {})}>{children}</div>
  )
}

export function Table<Row>({ caption, quiet, columns: all, rows, id, empty, mark, stack, brief }: Props<Row>): JSX.Element {
  if (rows.length === 0) return <p class="empty">{empty}</p>
  const columns = brief ? all.filter((column) => column.brief) : all
  return (
    <TableBox name={caption}>
      <table class={stack ? 'stack' : undefined} role="table">
        <caption class={quiet ? 'hidden' : undefined}>{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">{columns.map((column) => <th scope="col" role="columnheader" class={look(column)} key={column.head}>{column.head}</th>)}</tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row" key={id(row)} class={mark?.(row)}>
              {columns.map((column, index) => index === 0
                ? <th scope="row" role="rowheader" class={look(column)} data-head={column.head} key={column.head}>{column.cell(row)}</th>
                : <td role="cell" class={look(column)} data-head={column.head} key={column.head}>{column.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  )
}

/** Names and values, in two columns where there is room for `two`. */
export function Facts({ children, two }: { children: ComponentChildren; two?: boolean }): JSX.Element {
  return <dl class={two ? 'facts two' : 'facts'}>{children}</dl>
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return <div><dt>{name}</dt><dd>{children}</dd></div>
}
