import type { JSX } from 'preact'
import { useLocation } from 'preact-iso/router'
import { api } from '../api'
import { overview } from '../live'
import { Page } from '../parts/Page'
import { PAGE, Pager, beforeOf, newer } from '../parts/Pager'
import { Loaded } from '../parts/State'
import { BatchTable, BlockTable, GameTable } from '../parts/Tables'
import { useQuery } from '../query'

/** Where the newest page is asked again although no event says so. */
const REFRESH_MS = 30_000

export function BlocksPage(): JSX.Element {
  const before = beforeOf(useLocation().query)
  const safe = overview.value?.heads.safe
  const query = useQuery(
    `blocks ${before}`, (signal) => api.blocks({ before, count: PAGE }, signal),
    { keep: true, version: before === null ? Math.floor((safe?.time ?? 0) / 5) : 0 },
  )
  return (
    <Page title="Blocks" lead="Blocks of L2 that are on L1, as this challenger computed them.">
      <Loaded query={query} what="the blocks">
        {({ blocks, next }) => (
          <>
            <BlockTable blocks={blocks} />
            <Pager path="/blocks" before={before} next={next} newer={newer(before, safe?.number)} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

export function BatchesPage(): JSX.Element {
  const before = beforeOf(useLocation().query)
  const total = overview.value?.batches
  const query = useQuery(
    `batches ${before}`, (signal) => api.batches({ before, count: PAGE }, signal),
    { keep: true, version: before === null ? total : 0 },
  )
  return (
    <Page title="Batches" lead="Each batch is one transaction on L1 that holds a run of blocks.">
      <Loaded query={query} what="the batches">
        {({ batches, next }) => (
          <>
            <BatchTable batches={batches} />
            <Pager path="/batches" before={before} next={next} newer={newer(before, total)} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

export function DisputesPage(): JSX.Element {
  const before = beforeOf(useLocation().query)
  const total = overview.value?.games.total
  const query = useQuery(
    `games ${before}`, (signal) => api.games({ before, count: PAGE }, signal),
    { keep: true, version: before === null ? total : 0, every: REFRESH_MS },
  )
  return (
    <Page title="Disputes" heading="Proposals and disputes" lead="Each proposal is a claim with a bond about the state after a block. Who finds it wrong attacks it: then it is disputed. A wrong one always loses against an honest challenger.">
      <Loaded query={query} what="the disputes">
        {({ games, next }) => (
          <>
            <GameTable games={games} />
            <Pager path="/disputes" before={before} next={next} newer={newer(before, total)} />
          </>
        )}
      </Loaded>
    </Page>
  )
}
