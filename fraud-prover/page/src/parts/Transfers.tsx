import type { JSX } from 'preact'
import { decodeLog } from '../decode'
import { count, units } from '../format'
import { useQuery } from '../query'
import type { RpcLog } from '../rpc'
import { token } from '../token'
import { Address } from './Hex'
import { Section } from './Page'
import { useMore } from './Pager'
import { Line } from './Text'

interface Transfer { key: string; contract: string; from: string; to: string; amount: bigint; nft: boolean }

/** The transfers of tokens among the logs. */
export function transfers(logs: RpcLog[]): Transfer[] {
  return logs.flatMap((log) => {
    const decoded = decodeLog(log.topics, log.data)
    if (decoded?.name !== 'Transfer') return []
    const [from, to, amount] = decoded.args
    if (!from || !to || !amount) return []
    const nft = log.topics.length === 4
    return [{ key: log.logIndex, contract: log.address, from: from.value, to: to.value, amount: BigInt(amount.value), nft }]
  })
}

function Row({ transfer }: { transfer: Transfer }): JSX.Element {
  const { data } = useQuery(`token ${transfer.contract}`, () => token(transfer.contract))
  const amount = transfer.nft
    ? `no. ${transfer.amount}`
    : data?.decimals !== null && data?.decimals !== undefined ? units(transfer.amount, data.decimals) : String(transfer.amount)
  return (
    <li>
      <span class="number" title={String(transfer.amount)}><Line value={amount} /></span>{' '}
      <a href={`/address/${transfer.contract}`}><Line value={data?.symbol || 'of a token'} cut={24} /></a>
      {' from '}<Address value={transfer.from} />{' to '}<Address value={transfer.to} />
    </li>
  )
}

/** What changed hands, in the words of the tokens. */
export function Transfers({ logs }: { logs: RpcLog[] }): JSX.Element | null {
  const found = transfers(logs)
  const [shown, more] = useMore(found.length, 20)
  if (found.length === 0) return null
  return (
    <Section title={count(found.length, 'token transfer')}>
      <ul class="transfers">{found.slice(0, shown).map((transfer) => <Row key={transfer.key} transfer={transfer} />)}</ul>
      {more}
    </Section>
  )
}
