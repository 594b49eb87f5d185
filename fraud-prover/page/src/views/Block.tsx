import type { JSX } from 'preact'
import { api } from '../api'
import { count, int, percent, big } from '../format'
import { overview } from '../live'
import { Eth, GasPrice } from '../parts/Amount'
import { Address, Hex } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { useMore } from '../parts/Pager'
import { Loaded } from '../parts/State'
import { Fact, Facts } from '../parts/Table'
import { When } from '../parts/Time'
import { HashTable } from '../parts/TransactionTable'
import { useQuery } from '../query'
import { node, type RpcBlock } from '../rpc'
import type { Block, Overview } from '../types'

/** How certain a block is, from the heads. */
function certainty(number: number, heads: Overview['heads']): string {
  if (heads.anchored && number <= heads.anchored.number) return 'Anchored: L1 accepted an output that covers it.'
  if (heads.finalized && number <= heads.finalized.number) return 'Finalized: its batch is on a final L1 block.'
  if (number <= heads.safe.number) return 'Safe: its batch is on L1, and this challenger computed the block from it.'
  return 'Unsafe: only the sequencer says so.'
}

function Transactions({ hashes }: { hashes: string[] }): JSX.Element {
  const [shown, more] = useMore(hashes.length)
  return (
    <Section title={count(hashes.length, 'transaction')}>
      <HashTable hashes={hashes.slice(0, shown)} />
      {more}
    </Section>
  )
}

function Content({ block, summary }: { block: RpcBlock; summary: Block | null }): JSX.Element {
  const number = Number(block.number)
  const heads = overview.value?.heads
  const used = Number(block.gasUsed)
  const limit = Number(block.gasLimit)
  return (
    <>
      <Facts>
        <Fact name="Time"><When time={Number(block.timestamp)} /></Fact>
        {heads && <Fact name="Certainty">{certainty(number, heads)}</Fact>}
        <Fact name="Batch">
          {summary?.batch !== null && summary?.batch !== undefined ? <a href={`/batch/${summary.batch}`}>Batch {int(summary.batch)}</a> : number === 0 ? 'none: it is the genesis' : <span class="soft">not known</span>}
        </Fact>
        <Fact name="Gas"><span title={`${used} of ${limit}`}>{int(used)} of {int(limit)} ({percent(used, limit)})</span></Fact>
        <Fact name="Base fee"><GasPrice wei={block.baseFeePerGas} /></Fact>
        {summary && <Fact name="Fees for execution"><Eth wei={summary.fees} /></Fact>}
        <Fact name="Hash"><Hex value={block.hash} full copy="the block's hash" /></Fact>
        <Fact name="Parent"><Hex value={block.parentHash} full href={`/block/${Math.max(0, number - 1)}`} /></Fact>
        <Fact name="State root"><Hex value={block.stateRoot} full /></Fact>
        {block.withdrawalsRoot && <Fact name="Withdrawals root"><Hex value={block.withdrawalsRoot} full /></Fact>}
        <Fact name="Fees go to"><Address value={block.miner} /></Fact>
        <Fact name="Extra data"><Hex value={block.extraData} full /></Fact>
        {block.size && <Fact name="Size">{int(big(block.size))} bytes</Fact>}
      </Facts>
      <Transactions hashes={block.transactions} />
    </>
  )
}

export function BlockPage({ number }: { number: number }): JSX.Element {
  const block = useQuery(`block ${number}`, (signal) => node.block(number, signal))
  const summary = useQuery(`summary ${number}`, (signal) => api.block(number, signal))
  const known = block.data
  return (
    <Page title={`Block ${int(number)}`} lead={
      <nav class="around" aria-label="Blocks beside this one">
        {number > 0 && <a href={`/block/${number - 1}`}>Block {int(number - 1)}</a>}
        <a href={`/block/${number + 1}`}>Block {int(number + 1)}</a>
      </nav>
    }>
      {known === null && !block.loading && block.error === null
        ? <p class="empty">There is no block {int(number)} on L1. The challenger knows blocks once their batch is there. <button type="button" class="button" onClick={block.retry}>Look again</button></p>
        : <Loaded query={block} what="the block">{(data) => data && <Content block={data} summary={summary.data} />}</Loaded>}
    </Page>
  )
}
