import type { JSX } from 'preact'
import { api } from '../api'
import { bytes, count, int } from '../format'
import { Eth } from '../parts/Amount'
import { Hex } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { Loaded } from '../parts/State'
import { Fact, Facts } from '../parts/Table'
import { When } from '../parts/Time'
import { useQuery } from '../query'
import type { Batch } from '../types'

function Content({ batch }: { batch: Batch }): JSX.Element {
  const blobs = batch.blobs ?? []
  const last = batch.firstBlock + batch.blocks - 1
  return (
    <>
      <Facts>
        <Fact name="Blocks">
          {batch.blocks === 0 ? 'none' : <>
            <a href={`/block/${batch.firstBlock}`}>{int(batch.firstBlock)}</a> to <a href={`/block/${last}`}>{int(last)}</a>
            , <a href={`/blocks?before=${last + 1}`}>{count(batch.blocks, 'block')}</a>
          </>}
        </Fact>
        <Fact name="Transactions">{int(batch.transactions)}</Fact>
        <Fact name="On L1 since"><When time={batch.time} /></Fact>
        <Fact name="L1 block">{int(batch.l1Block)}</Fact>
        <Fact name="L1 transaction"><Hex value={batch.l1Transaction} full copy="the L1 transaction's hash" /></Fact>
        <Fact name="Payload">
          {bytes(batch.bytes)} in {batch.kind}, for {bytes(batch.raw)} of transactions
          {batch.raw > 0 && batch.bytes > 0 && <span class="soft"> ({batch.bytes <= batch.raw ? `${(batch.raw / batch.bytes).toFixed(2)} times smaller` : `${(batch.bytes / batch.raw).toFixed(2)} times as much`})</span>}
        </Fact>
      </Facts>
      <Section title="Cost">
        {batch.cost ? (
          <Facts>
            <Fact name="Gas on L1"><Eth wei={batch.cost.gas} /></Fact>
            <Fact name="Blobs"><Eth wei={batch.cost.blobs} /></Fact>
            <Fact name="Together"><b><Eth wei={batch.cost.total} /></b></Fact>
            <Fact name="For each transaction">{batch.cost.perTransaction ? <Eth wei={batch.cost.perTransaction} /> : 'it has none'}</Fact>
          </Facts>
        ) : <p class="empty">L1 has not said yet what this batch cost.</p>}
      </Section>
      <Section title="Blobs">
        {blobs.length === 0
          ? <p class="empty">{batch.kind === 'calldata' ? 'None: its payload is in the calldata of the L1 transaction.' : 'None are known.'}</p>
          : <ol class="hashes">{blobs.map((blob) => <li key={blob}><Hex value={blob} full copy="the blob's versioned hash" /></li>)}</ol>}
      </Section>
    </>
  )
}

export function BatchPage({ index }: { index: number }): JSX.Element {
  const query = useQuery(`batch ${index}`, (signal) => api.batch(index, signal))
  return (
    <Page title={`Batch ${int(index)}`} lead={
      <nav class="around" aria-label="Batches beside this one">
        {index > 0 && <a href={`/batch/${index - 1}`}>Batch {int(index - 1)}</a>}
        <a href={`/batch/${index + 1}`}>Batch {int(index + 1)}</a>
      </nav>
    }>
      <Loaded query={query} what="the batch" missing={`There is no batch ${int(index)} on L1.`}>
        {(batch) => <Content batch={batch} />}
      </Loaded>
    </Page>
  )
}
