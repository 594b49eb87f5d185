import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { api } from '../api'
import { compact, count, ether, int } from '../format'
import { connection, games, overview } from '../live'
import { Eth, GasPrice } from '../parts/Amount'
import { Chart } from '../parts/Chart'
import { Heads } from '../parts/Heads'
import { L1Address } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { Loaded } from '../parts/State'
import { Fact, Facts } from '../parts/Table'
import { BlockTable, GameTable } from '../parts/Tables'
import { Ago } from '../parts/Time'
import { useQuery } from '../query'
import { visible } from '../text'
import type { Activity, Batch, Health, Overview as Known } from '../types'

const LEVELS: Record<Health['level'], string> = { bad: 'wrong', warning: 'warn', note: 'note' }

/** The state of things in one sentence. */
function headline({ ready, health }: Known, wrong: number): string {
  if (!ready) return 'Computing'
  if (wrong > 0) return `${count(wrong, 'wrong proposal is', 'wrong proposals are')} open`
  if (health.some(({ level }) => level === 'bad')) return 'Something is wrong'
  if (health.some(({ level }) => level === 'warning')) return 'Something needs attention'
  return 'All is well'
}

function lead({ ready, games: { open, total, refuted }, heads }: Known, wrong: number): string {
  if (!ready) return 'The challenger reads the chain from L1 and computes it again. Until that is done it judges nothing.'
  const disputes = open === 0
    ? `No proposal is open, of ${int(total)} so far${refuted > 0 ? `; ${int(refuted)} fell` : ''}.`
    : `${count(open, 'proposal is', 'proposals are')} open, ${wrong === 0 ? 'none of them wrong' : `${int(wrong)} wrong`}.`
  return `This challenger computed each block up to ${int(heads.safe.number)} itself. ${disputes}`
}

function HealthList({ health }: { health: Health[] }): JSX.Element | null {
  if (health.length === 0) return null
  return (
    <ul class="health">
      {health.map(({ level, text }, index) => (
        <li key={index} class={`notice ${LEVELS[level] ?? 'note'}`}>
          <b>{level === 'bad' ? 'Wrong' : level === 'warning' ? 'Attention' : 'Note'}</b> {visible(text)}
        </li>
      ))}
    </ul>
  )
}

function State({ known }: { known: Known }): JSX.Element {
  const { l1, batches, lastBatch, sequencer, challenger, games: all } = known
  return (
    <Facts two>
      <Fact name="L1">Block {int(l1.number)}, <Ago time={l1.time} />. Gas costs <GasPrice wei={l1.baseFee} />{l1.blobBaseFee !== null && <>, blob gas <GasPrice wei={l1.blobBaseFee} /></>}.</Fact>
      <Fact name="Batches">
        <a href="/batches">{count(batches, 'batch', 'batches')}</a>
        {lastBatch && <>; the last, <a href={`/batch/${lastBatch.index}`}>{int(lastBatch.index)}</a>, brought {count(lastBatch.blocks, 'block')} <Ago time={lastBatch.time} /></>}
      </Fact>
      <Fact name="Batcher">{sequencer.batcher ? <L1Address value={sequencer.batcher} /> : 'nobody is named'}</Fact>
      <Fact name="Confirmations"><a href="/confirmations">signed by</a> {sequencer.p2p ? <L1Address value={sequencer.p2p} /> : 'nobody'}</Fact>
      <Fact name="Challenger">
        {challenger.account
          ? <><L1Address value={challenger.account} />, <Eth wei={challenger.balance} />, {challenger.acts ? 'disputes what is wrong' : 'reads only'}</>
          : 'reads only: it has no account, and reports what is wrong'}
      </Fact>
      <Fact name="Proposals">{int(all.total)} so far: {int(all.open)} open{all.wrong > 0 && <> (<b>{int(all.wrong)} wrong</b>)</>}, {int(all.upheld)} upheld, {int(all.refuted)} refuted</Fact>
    </Facts>
  )
}

function room(bytes: number, raw: number): string {
  return bytes <= raw
    ? `They take ${(raw / bytes).toFixed(1)} times less room than their transactions.`
    : `They take ${(bytes / raw).toFixed(1)} times the room of their transactions, which are few.`
}

function cost(batches: Batch[]): string {
  const known = batches.filter(({ cost: paid }) => paid !== null)
  if (batches.length === 0) return 'There is no batch on L1 yet.'
  if (known.length === 0) return 'What batches cost on L1 is not known yet.'
  let wei = 0n
  let transactions = 0
  let bytes = 0
  let raw = 0
  for (const batch of known) {
    wei += BigInt(batch.cost?.total ?? 0)
    transactions += batch.transactions
    bytes += batch.bytes
    raw += batch.raw
  }
  const each = transactions > 0 ? `, ${ether(wei / BigInt(transactions))} for each of ${count(transactions, 'transaction')}` : ''
  const small = raw > 0 && bytes > 0 ? ` ${room(bytes, raw)}` : ''
  return `The last ${count(known.length, 'batch', 'batches')} cost ${ether(wei)} on L1${each}.${small}`
}

function Charts({ activity: { points, seconds } }: { activity: Activity }): JSX.Element {
  const series = useMemo(() => {
    const times = points.map(({ time }) => time)
    return {
      times,
      blocks: points.map(({ blocks }) => blocks),
      gas: points.map(({ gas }) => gas / seconds),
      fees: points.map(({ fees }) => Number(fees) / 1e9),
    }
  }, [points, seconds])
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  const transactions = sum(points.map((point) => point.transactions))
  const most = series.gas.reduce((high, value) => Math.max(high, value), 0)
  if (points.length === 0) return <p class="empty">Nothing happened in the last hour.</p>
  return (
    <div class="charts">
      <Chart title="Blocks" summary={`${count(sum(series.blocks), 'block')} with ${count(transactions, 'transaction')} in the last hour`}
        seconds={seconds} times={series.times} values={series.blocks} show={compact} />
      <Chart title="Gas per second" summary={`at most ${compact(Math.round(most))} in the last hour`}
        seconds={seconds} times={series.times} values={series.gas} show={compact} />
      <Chart title="Fees, gwei" summary={`${compact(Math.round(sum(series.fees)))} gwei for execution in the last hour`}
        seconds={seconds} times={series.times} values={series.fees} show={compact} />
    </div>
  )
}

const ACTIVITY_MS = 30_000
const YOUNG = 30
const NEWEST = 8

export function OverviewPage(): JSX.Element {
  const known = overview.value
  const newest = games.value
  // A young chain has little in an hour: each batch is seen.
  const young = Math.min(known?.batches ?? 0, YOUNG)
  const activity = useQuery(known ? 'activity' : null, api.activity, { every: ACTIVITY_MS, version: young })
  // At most one request in five seconds, however fast blocks come.
  const version = Math.floor((known?.heads.safe.time ?? 0) / 5)
  const blocks = useQuery(known ? 'blocks' : null, (signal) => api.blocks({ count: NEWEST }, signal), { version })
  const batches = useQuery(known ? 'batches' : null, (signal) => api.batches({ count: 10 }, signal), { version: known?.batches })
  if (!known) {
    return <Page title="Overview" heading="Connecting"><p class="empty">The challenger has not answered yet.</p></Page>
  }
  const { wrong } = known.games
  return (
    <Page title="Overview" lead={lead(known, wrong)} heading={
      <span class={`headline ${connection.value === 'lost' ? 'busy' : known.ready ? (wrong > 0 || known.health.some(({ level }) => level === 'bad') ? 'bad' : 'good') : 'busy'}`}>{connection.value === 'lost' ? `Was: ${headline(known, wrong)}` : headline(known, wrong)}</span>
    }>
      <HealthList health={known.health} />
      <section class="section" aria-label="Heads">
        <Heads heads={known.heads} />
      </section>
      <section class="section" aria-label="State">
        <State known={known} />
        {batches.data && <p class="sentence">{cost(batches.data.batches)}</p>}
      </section>
      <Section title="The last hour">
        <Loaded query={activity} what="the last hour">{(data) => <Charts activity={data} />}</Loaded>
      </Section>
      <div class="pair">
        <Section title="Newest proposals" aside={<a href="/disputes">All proposals</a>}>
          {newest ? <GameTable games={newest.slice(0, NEWEST)} brief /> : <p class="empty">Loading the disputes …</p>}
        </Section>
        <Section title="Newest blocks on L1" aside={<a href="/blocks">All blocks</a>}>
          <Loaded query={blocks} what="the blocks">{(data) => <BlockTable blocks={data.blocks} brief />}</Loaded>
        </Section>
      </div>
    </Page>
  )
}
