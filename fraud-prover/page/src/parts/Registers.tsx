import type { JSX } from 'preact'
import { visible } from '../text'
import type { Registers } from '../types'
import { TableBox } from './Table'

/** The names by which compilers call the registers. */
const NAMES = [
  'zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5',
  'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6',
]

interface Row { name: string; number: string; before: string; after: string; changed: boolean }

export function registerRows(before: Registers, after: Registers): Row[] {
  const row = (name: string, number: string, old: string, next: string): Row =>
    ({ name, number, before: old, after: next, changed: old !== next })
  return [
    row('pc', '', before.pc, after.pc),
    ...before.x.map((value, index) => row(NAMES[index] ?? '', `x${index}`, value, after.x[index] ?? '')),
  ]
}

function Half({ caption, rows }: { caption: string; rows: Row[] }): JSX.Element {
  return (
    <TableBox name={caption}>
      <table class="registers">
        <caption class="hidden">{caption}</caption>
        <thead><tr><th scope="col">Register</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
        <tbody>
          {rows.map(({ name, number, before, after, changed }) => (
            <tr key={name} class={changed ? 'changed' : undefined}>
              <th scope="row">{name} <span class="soft">{number}</span></th>
              <td class="mono">{visible(before)}</td>
              <td class="mono">{changed ? <b>{visible(after)}<span class="hidden"> changed</span></b> : <span class="soft">same</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  )
}

/** All registers before and after a step, with those that it changed in sight. */
export function RegisterTable({ before, after }: { before: Registers; after: Registers }): JSX.Element {
  const rows = registerRows(before, after)
  const half = Math.ceil(rows.length / 2)
  const changed = rows.filter((row) => row.changed).map(({ name }) => name)
  return (
    <>
      <p class="sentence">{changed.length === 0 ? 'It changes no register.' : `It changes ${changed.join(', ')}.`}</p>
      <div class="pair">
        <Half caption="The first registers" rows={rows.slice(0, half)} />
        <Half caption="The other registers" rows={rows.slice(half)} />
      </div>
    </>
  )
}
