import type { JSX } from 'preact'
import { useLocation } from 'preact-iso/router'
import { api } from '../api'
import { count, int } from '../format'
import { overview } from '../live'
import { Eth } from '../parts/Amount'
import { Copy, Hex, L1Address } from '../parts/Hex'
import { Icon } from '../parts/Icon'
import { Page, Section } from '../parts/Page'
import { PAGE, Pager, beforeOf, newer } from '../parts/Pager'
import { Loaded } from '../parts/State'
import { Fact, Facts, Table, type Column } from '../parts/Table'
import { Ago, When } from '../parts/Time'
import { useQuery } from '../query'
import type { Confirmations, Statement } from '../types'

/** What a state means: as a word, a sign, and only then a colour. */
const STATES: Record<Statement['state'], { word: string; look: 'right' | 'wrong' | 'unknown'; icon: 'right' | 'wrong' | 'clock' }> = {
  kept: { word: 'kept', look: 'right', icon: 'right' },
  broken: { word: 'broken', look: 'wrong', icon: 'wrong' },
  pending: { word: 'not on L1 yet', look: 'unknown', icon: 'clock' },
}

function State({ of }: { of: Statement }): JSX.Element {
  const { word, look, icon } = STATES[of.state] ?? STATES.pending
  return <span class={`mark ${look}`}><Icon name={icon} />{word}</span>
}

const COLUMNS: Column<Statement>[] = [
  { head: 'Block', cell: ({ number }) => <a href={`/block/${number}`}>{int(number)}</a> },
  { head: 'State', cell: (statement) => <State of={statement} /> },
  { head: 'Heard', cell: ({ heard }) => <Ago time={heard} /> },
  { head: 'Hash', cell: ({ hash }) => <Hex value={hash} /> },
  { head: 'Messages', cell: ({ messages }) => int(messages), number: true, wide: true },
  { head: 'Signer', cell: ({ signer }) => <L1Address value={signer} />, wide: true },
  {
    head: 'Signature', wide: true,
    cell: ({ number, signature }) => <Hex value={signature} copy={`the signature for block ${number}`} />,
  },
]

/** A broken statement: both hashes and the signature are all that anybody needs to check it. */
function Evidence({ statement }: { statement: Statement }): JSX.Element {
  return (
    <article class="card">
      <h3>The sequencer signed another block {int(statement.number)} than there is</h3>
      <p>It broke its word, unless L1 took back deposits that it had read (a reorganization of L1). Both hashes and the signature let anybody tell.</p>
      <Facts>
        <Fact name="It signed"><Hex value={statement.hash} full copy="the hash that was signed" /></Fact>
        <Fact name="The block is">{statement.instead ? <Hex value={statement.instead} full copy="the block's hash" href={`/block/${statement.number}`} /> : <span class="soft">not known</span>}</Fact>
        <Fact name="Signer"><L1Address value={statement.signer} full /></Fact>
        <Fact name="Signature"><Hex value={statement.signature} full copy="the signature" /></Fact>
        <Fact name="Heard"><When time={statement.heard} /></Fact>
      </Facts>
      <p><Copy value={JSON.stringify(statement, null, 2)} what="the evidence" label="Copy the evidence" /></p>
    </article>
  )
}

function Meaning({ known }: { known: Confirmations }): JSX.Element {
  return (
    <Facts>
      <Fact name="May sign">{known.signer ? <L1Address value={known.signer} full /> : 'nobody: no signer is named on L1'}</Fact>
      <Fact name="Behind it">
        {known.bond === null
          ? 'no bond, in this version: who signs wrongly loses its name, and no money'
          : <><Eth wei={known.bond} />, which it loses if the block does not become part of the chain</>}
      </Fact>
      <Fact name="Heard here">
        {known.listens
          ? <>{count(known.kept, 'statement')} kept, {int(known.pending)} not on L1 yet, <b>{int(known.broken)} broken</b></>
          : 'none: this challenger does not listen to the sequencer'}
      </Fact>
    </Facts>
  )
}

export function ConfirmationsPage(): JSX.Element {
  const before = beforeOf(useLocation().query)
  const newest = overview.value?.heads.unsafe?.number ?? overview.value?.heads.safe.number
  const query = useQuery(
    `confirmations ${before}`, (signal) => api.confirmations({ before, count: PAGE }, signal),
    { keep: true, version: before === null ? newest : 0 },
  )
  return (
    <Page title="Confirmations" lead="A confirmation is the sequencer's signed statement that the block of a number has a certain hash. It comes within a second, long before the block is on L1; there it is shown whether the sequencer kept its word.">
      <Loaded query={query} what="the confirmations" missing="This challenger keeps no confirmations.">
        {(known) => {
          const broken = known.statements.filter(({ state }) => state === 'broken')
          return (
            <>
              <Meaning known={known} />
              {broken.length > 0 && <Section title="Evidence">{broken.map((one) => <Evidence key={`${one.number} ${one.hash}`} statement={one} />)}</Section>}
              <Section title="Statements">
                <Table caption="Statements, the newest first" quiet columns={COLUMNS} rows={known.statements}
                  id={({ number, hash }) => `${number} ${hash}`} empty="No statement is known here." mark={({ state }) => (state === 'broken' ? 'row-wrong' : undefined)} />
                <Pager path="/confirmations" before={before} next={known.next} newer={newer(before, newest)} />
              </Section>
            </>
          )
        }}
      </Loaded>
    </Page>
  )
}
