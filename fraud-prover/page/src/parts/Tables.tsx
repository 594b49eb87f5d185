import type { JSX } from 'preact'
import { bytes, int, percent } from '../format'
import type { Batch, Block, GameSummary } from '../types'
import { Eth, GasPrice } from './Amount'
import { Hex, L1Address } from './Hex'
import { Table, type Column } from './Table'
import { Ago, Countdown } from './Time'
import { Ahead, GameStatus, TruthMark } from './Truth'

const none = <span class="soft">–</span>

const BLOCKS: Column<Block>[] = [
  { head: 'Block', cell: (block) => <a href={`/block/${block.number}`}>{int(block.number)}</a>, brief: true },
  { head: 'Time', cell: (block) => <Ago time={block.time} />, brief: true },
  { head: 'Transactions', cell: (block) => int(block.transactions), number: true, brief: true },
  {
    head: 'Gas', number: true, brief: true,
    cell: (block) => <span title={`${int(block.gasUsed)} of ${int(block.gasLimit)}`}>{int(block.gasUsed)} <span class="soft wide-inline">({percent(block.gasUsed, block.gasLimit)})</span></span>,
  },
  { head: 'Base fee', cell: (block) => <GasPrice wei={block.baseFee} />, number: true, wide: true },
  { head: 'Fees', cell: (block) => <Eth wei={block.fees} />, number: true, wide: true },
  {
    head: 'Batch', number: true, wide: true, brief: true,
    cell: (block) => (block.batch === null ? none : <a href={`/batch/${block.batch}`}>{int(block.batch)}</a>),
  },
  { head: 'Hash', cell: (block) => <Hex value={block.hash} />, wide: true },
]

const BATCHES: Column<Batch>[] = [
  { head: 'Batch', cell: (batch) => <a href={`/batch/${batch.index}`}>{int(batch.index)}</a> },
  { head: 'On L1', cell: (batch) => <Ago time={batch.time} /> },
  {
    head: 'Blocks', number: true,
    cell: (batch) => <span title={`${int(batch.firstBlock)} to ${int(batch.firstBlock + batch.blocks - 1)}`}>{int(batch.blocks)}</span>,
  },
  { head: 'Transactions', cell: (batch) => int(batch.transactions), number: true, wide: true },
  { head: 'Kind', cell: (batch) => batch.kind, wide: true },
  { head: 'Bytes', cell: (batch) => <span title={`${int(batch.bytes)} bytes`}>{bytes(batch.bytes)}</span>, number: true, wide: true },
  {
    head: 'Unpacked', number: true, wide: true,
    cell: (batch) => <span title={`${int(batch.raw)} bytes of transactions`}>{bytes(batch.raw)}</span>,
  },
  { head: 'L1 block', cell: (batch) => int(batch.l1Block), number: true, wide: true },
  { head: 'Cost', cell: (batch) => (batch.cost ? <Eth wei={batch.cost.total} /> : <span class="soft">not known</span>), number: true },
  {
    head: 'Per transaction', number: true, wide: true,
    cell: (batch) => (batch.cost?.perTransaction ? <Eth wei={batch.cost.perTransaction} /> : none),
  },
]

const GAMES: Column<GameSummary>[] = [
  { head: 'Proposal', cell: (game) => <a href={`/dispute/${game.address}`} title={game.address}>{int(game.index)}</a>, brief: true },
  { head: 'Block', cell: (game) => int(game.block), number: true, brief: true },
  { head: 'It is', cell: (game) => (game.status === 'unreadable' ? <span class="soft">not known</span> : <TruthMark truth={game.root} />), brief: true },
  { head: 'Status', cell: (game) => <GameStatus game={game} />, brief: true },
  { head: 'Ahead', cell: (game) => <Ahead game={game} />, wide: true },
  {
    head: 'Next clock', wide: true, brief: true,
    cell: (game) => (game.deadline === null ? <span class="soft">none</span> : <Countdown until={game.deadline} />),
  },
  { head: 'Claims', cell: (game) => int(game.claims), number: true, wide: true },
  { head: 'Bonds', cell: (game) => <Eth wei={game.bonds} />, number: true, wide: true },
  { head: 'Proposer', cell: (game) => <L1Address value={game.proposer} />, wide: true },
]

/** Blocks; `brief` beside other lists. */
export function BlockTable({ blocks, brief }: { blocks: Block[]; brief?: boolean }): JSX.Element {
  return (
    <Table caption="Blocks, the newest first" quiet columns={BLOCKS} rows={blocks} brief={brief}
      id={(block) => block.number} empty="There is no block here." />
  )
}

export function BatchTable({ batches }: { batches: Batch[] }): JSX.Element {
  return (
    <Table caption="Batches, the newest first" quiet columns={BATCHES} rows={batches}
      id={(batch) => batch.index} empty="There is no batch on L1 yet." />
  )
}

export function GameTable({ games, brief }: { games: GameSummary[]; brief?: boolean }): JSX.Element {
  return (
    <Table caption="Proposals, the newest first" quiet columns={GAMES} rows={games} brief={brief}
      id={(game) => game.address} empty="Nobody has proposed an output yet."
      mark={(game) => (game.root === 'wrong' && game.status === 'open' ? 'row-wrong' : undefined)} />
  )
}
