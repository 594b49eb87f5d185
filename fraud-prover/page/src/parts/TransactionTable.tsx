import type { JSX } from 'preact'
import { decodeInput, selector } from '../decode'
import { int } from '../format'
import { useQuery } from '../query'
import { node, type RpcTransaction } from '../rpc'
import { visible } from '../text'
import { Eth } from './Amount'
import { Address, Hex } from './Hex'
import { Table, type Column } from './Table'
import { Ago } from './Time'

/** What a transaction does, in a word. */
export function Action({ transaction: { to, input } }: { transaction: RpcTransaction }): JSX.Element {
  if (to === null) return <>creates a contract</>
  if (input === '0x' || input === '') return <>transfer</>
  const decoded = decodeInput(input)
  if (decoded) return <span class="call">{visible(decoded.name)}</span>
  return <span class="mono" title="The function's selector; its ABI is not known here.">{visible(selector(input) ?? 'data')}</span>
}

/** A row of a block: the transaction is asked for when its row is shown. */
interface Row { hash: string; transaction: RpcTransaction | null; time?: number; failed?: boolean }

const hash: Column<Row> = { head: 'Transaction', cell: (row) => <Hex value={row.hash} href={`/tx/${row.hash}`} /> }

function of(show: (transaction: RpcTransaction) => JSX.Element): (row: Row) => JSX.Element {
  return ({ transaction }) => (transaction ? show(transaction) : <span class="soft">…</span>)
}

const rest: Column<Row>[] = [
  { head: 'Does', cell: of((transaction) => <Action transaction={transaction} />) },
  { head: 'From', cell: of(({ from }) => <Address value={from} />), wide: true },
  { head: 'To', cell: of(({ to }) => (to ? <Address value={to} /> : <span class="soft">–</span>)), wide: true },
  { head: 'Value', cell: of(({ value }) => <Eth wei={value} />), number: true },
]

export function HashTable({ hashes }: { hashes: string[] }): JSX.Element {
  const query = useQuery(
    hashes.join(),
    async (signal) => Promise.all(hashes.map((one) => node.transaction(one, signal).catch(() => null))),
    { keep: true },
  )
  const rows = hashes.map((one, index) => {
    const transaction = query.data?.[index] ?? null
    return { hash: one, transaction: transaction?.hash === one ? transaction : null }
  })
  return (
    <Table caption="Transactions of the block" quiet columns={[hash, ...rest]} rows={rows}
      id={(row) => row.hash} empty="It has no transactions." />
  )
}

const listed: Column<Row>[] = [
  hash,
  { head: 'Time', cell: (row) => (row.time ? <Ago time={row.time} /> : <span class="soft">–</span>) },
  {
    head: 'Block', number: true, wide: true,
    cell: of(({ blockNumber }) => (blockNumber ? <a href={`/block/${Number(blockNumber)}`}>{int(Number(blockNumber))}</a> : <span>–</span>)),
  },
  ...rest,
  { head: 'Result', cell: (row) => (row.failed ? <span class="tag warn">failed</span> : <span class="soft">done</span>), wide: true },
]

export function TransactionTable({ rows }: { rows: Row[] }): JSX.Element {
  return (
    <Table caption="Transactions of the account, the newest first" quiet columns={listed} rows={rows}
      id={(row) => row.hash} empty="It has no transactions here." />
  )
}
