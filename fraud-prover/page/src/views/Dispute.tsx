import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { api } from '../api'
import { extent, inOrder, story } from '../claims'
import { count, duration, int } from '../format'
import { games, observe } from '../live'
import { Eth } from '../parts/Amount'
import { ClaimRow } from '../parts/ClaimRow'
import { Expand } from '../parts/Expand'
import { Hex, L1Address } from '../parts/Hex'
import { Page, Section } from '../parts/Page'
import { useMore } from '../parts/Pager'
import { Loaded } from '../parts/State'
import { Fact, Facts, Table } from '../parts/Table'
import { Text } from '../parts/Text'
import { Countdown, When } from '../parts/Time'
import { GameStatus, TruthMark } from '../parts/Truth'
import { useQuery } from '../query'
import { visible } from '../text'
import type { Claim, NextMove, Game } from '../types'

const WHO: Record<NextMove['who'], string> = {
  challengers: 'the challengers', proposers: 'the side of the proposal', anyone: 'anyone',
}

function Moves({ moves }: { moves: NextMove[] }): JSX.Element {
  return (
    <Table
      caption="Moves that are possible now" quiet stack empty="There is no move to make now." rows={moves.map((one, index) => ({ ...one, index }))}
      id={({ index }) => index}
      columns={[
        { head: 'Move', cell: ({ what }) => <Text value={what} cut={120} /> },
        { head: 'By', cell: ({ who }) => WHO[who] ?? who },
        { head: 'Claim', cell: ({ claim, segment }) => <a href={`#claim-${claim}`}>{claim}{segment !== null && <>, segment {segment}</>}</a> },
        { head: 'Time left', cell: ({ deadline }) => (deadline === null ? <span class="soft">no clock</span> : <Countdown until={deadline} />) },
      ]}
    />
  )
}

/** The claims as they stand below each other, narrowing down to one step. */
function Tree({ tree, game }: { tree: Claim[]; game: string }): JSX.Element {
  const rows = useMemo(() => inOrder(tree), [tree])
  const byIndex = useMemo(() => new Map(tree.map((claim) => [claim.index, claim])), [tree])
  const attacked = useMemo(() => {
    const at = new Map<number, Set<number>>()
    for (const { parent, segment } of tree) {
      if (parent === null) continue
      const segments = at.get(parent)
      if (segments) segments.add(segment)
      else at.set(parent, new Set([segment]))
    }
    // A step counters a segment without a claim.
    for (const { index, counter } of tree) {
      if (counter?.child === null) at.set(index, new Set([...(at.get(index) ?? []), counter.segment]))
    }
    return at
  }, [tree])
  const [shown, more] = useMore(rows.length, 60)
  const first = rows[0]?.depth ?? 0
  return (
    <>
      <p class="key">
        <span><TruthMark truth="right" /> the challenger computed the same</span>
        <span><TruthMark truth="wrong" /> it computed something else</span>
        <span><TruthMark truth="unknown" /> not known yet</span>
      </p>
      <ol class="tree">
        {rows.slice(0, shown).map((claim) => (
          <ClaimRow key={claim.index} claim={claim} game={game} first={first}
            parent={claim.parent === null ? undefined : byIndex.get(claim.parent)} attacked={attacked.get(claim.index) ?? NONE} />
        ))}
      </ol>
      {more}
    </>
  )
}

const NONE = new Set<number>()

function Parameters({ game: { parameters, batches } }: { game: Game }): JSX.Element {
  return (
    <Facts>
      <Fact name="Clock of each side">{duration(parameters.clock)}</Fact>
      <Fact name="Extension">{duration(parameters.extension)}, or {duration(parameters.boundaryExtension)} where the next move may need a run of the machine</Fact>
      <Fact name="Bond of the proposal"><Eth wei={parameters.rootBond} /></Fact>
      <Fact name="Least bond"><Eth wei={parameters.leafBond} /></Fact>
      <Fact name="Most steps">{int(parameters.maxSteps)}</Fact>
      <Fact name="Pinned batches">{int(batches)}</Fact>
    </Facts>
  )
}

function Money({ game: { credits, paid, burned, bonds } }: { game: Game }): JSX.Element {
  return (
    <Facts>
      <Fact name="In bonds"><Eth wei={bonds} /></Fact>
      <Fact name="Burned"><Eth wei={burned} /></Fact>
      {credits.map(({ account, amount }) => (
        <Fact key={account} name="Credit"><Eth wei={amount} /> of <L1Address value={account} /></Fact>
      ))}
      {paid.map(({ account, amount }) => (
        <Fact key={`paid ${account}`} name="Paid"><Eth wei={amount} /> to <L1Address value={account} /></Fact>
      ))}
    </Facts>
  )
}

function Content({ game }: { game: Game }): JSX.Element {
  return (
    <>
      <p class="sentence strong">{story(game)}</p>
      {game.error && <p class="notice wrong">{visible(game.error)}</p>}
      {game.suspended && <p class="notice warn">The machine of this dispute is suspended on L1: nobody can move.</p>}
      <Facts>
        <Fact name="Proposal">{game.status !== 'unreadable' && <><TruthMark truth={game.root} />{' '}</>}<GameStatus game={game} /></Fact>
        <Fact name="It says">what the state is after block <a href={`/block/${game.block}`}>{int(game.block)}</a>, starting from block <a href={`/block/${game.anchorBlock}`}>{int(game.anchorBlock)}</a> ({count(game.block - game.anchorBlock, 'block')})</Fact>
        <Fact name="Proposer"><L1Address value={game.proposer} full /></Fact>
        <Fact name="Since"><When time={game.created} /></Fact>
        <Fact name="Next clock">{game.deadline === null ? 'no clock runs' : <b><Countdown until={game.deadline} over="has run out" /></b>}</Fact>
      </Facts>
      {game.status === 'open' && <Section title="The next moves"><Moves moves={game.moves} /></Section>}
      <Section title="Claims" aside={<span class="soft">{extent(game.tree)}</span>}><Tree tree={game.tree} game={game.address} /></Section>
      <Section title="Money"><Money game={game} /></Section>
      <Expand summary="The parameters of this dispute">{() => <Parameters game={game} />}</Expand>
    </>
  )
}

const REFRESH_MS = 12_000

export function DisputePage({ address }: { address: string }): JSX.Element {
  const live = games.value?.find((game) => game.address.toLowerCase() === address.toLowerCase() || String(game.index) === address)
  const query = useQuery(`game ${address}`, async (signal) => {
    const game = await api.game(address, signal)
    observe(game.now)
    return game
  }, { version: JSON.stringify(live ?? null), every: REFRESH_MS })
  const title = query.data ? `Dispute ${int(query.data.index)}` : 'Dispute'
  return (
    <Page title={title} lead={<Hex value={query.data?.address ?? address} full copy="the dispute's address" />}>
      <Loaded query={query} what="the dispute" missing="There is no such dispute." wait="The challenger has not read this dispute yet.">
        {(game) => <Content game={game} />}
      </Loaded>
    </Page>
  )
}
