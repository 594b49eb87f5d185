import type { JSX } from 'preact'
import { api } from '../api'
import { bytes, int } from '../format'
import { Hex } from '../parts/Hex'
import { Icon } from '../parts/Icon'
import { Page, Section } from '../parts/Page'
import { RegisterTable } from '../parts/Registers'
import { Loaded } from '../parts/State'
import { Fact, Facts, Table } from '../parts/Table'
import { Text } from '../parts/Text'
import { WalletAction } from '../parts/WalletAction'
import { useQuery } from '../query'
import { visible } from '../text'
import type { Step } from '../types'
import { call, castCall } from '../wallet'

function equal(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function Compare({ step }: { step: Step }): JSX.Element {
  const same = equal(step.claimed, step.computed)
  const begins = equal(step.claimedBefore, step.computedBefore)
  const words = same ? 'They are the same: this step is right.'
    : begins ? 'They differ, and the state before it is right: this step is wrong.' : 'They differ, and the state before it is wrong already.'
  return (
    <div class={`compare ${same ? 'right' : 'wrong'}`}>
      <dl>
        <div><dt>The claim says</dt><dd><Hex value={step.claimed} full copy="what the claim says" /></dd></div>
        <div><dt>The challenger computed</dt><dd><Hex value={step.computed} full copy="what was computed" /></dd></div>
      </dl>
      <p><span class={`mark ${same ? 'right' : 'wrong'}`}><Icon name={same ? 'right' : 'wrong'} />{words}</span></p>
    </div>
  )
}

function Answer({ step, answer }: { step: Step; answer: string }): JSX.Element {
  const agrees = equal(answer, step.computed)
  const words = agrees
    ? equal(answer, step.claimed)
      ? 'L1 computed the same state as the claim and the challenger.'
      : 'L1 computed the same state as the challenger. The claim is wrong.'
    : equal(answer, step.claimed)
      ? 'L1 computed what the claim says, and not what the challenger computed. The challenger is wrong here: report this.'
      : 'L1 computed neither what the challenger nor what the claim says: report this.'
  return (
    <div class={`notice ${agrees ? 'right' : 'wrong'}`}>
      <p><b>{agrees ? <Icon name="right" /> : <Icon name="wrong" />} {words}</b></p>
      <p>Its answer: <Hex value={visible(answer.slice(0, 200))} full copy="L1's answer" /></p>
    </div>
  )
}

const PHASES: Record<NonNullable<Step['phase']>['kind'], string> = {
  inputs: 'reads what the block is made of: batch, messages, the block before',
  deposits: 'executes what the block begins with: what L1 says, and deposits',
  transaction: 'executes a transaction',
  seal: 'computes the roots of the block',
}

function Phase({ phase }: { phase: Step['phase'] }): JSX.Element {
  if (phase === null) return <span class="soft">not known</span>
  if (phase.transaction === null || phase.place === null) return <>{PHASES[phase.kind]}</>
  return <>executes transaction {int(phase.place)} of the block: <Hex value={phase.transaction} href={`/tx/${phase.transaction}`} /></>
}

function Where({ step }: { step: Step }): JSX.Element {
  const { source, phase } = step
  return (
    <Facts>
      <Fact name="Block"><a href={`/block/${step.block}`}>{int(step.block)}</a></Fact>
      <Fact name="Step">{int(step.step)}</Fact>
      <Fact name="The program"><Phase phase={phase} /></Fact>
      <Fact name="Function">
        {source === null || (source.function === null && source.file === null) ? <span class="soft">not known</span> : <>
          {source.function && <span class="mono"><Text value={source.function} cut={160} /></span>}
          {source.function && source.file && <br />}
          {source.file && <span class="soft">{visible(source.file)}{source.line !== null && `:${source.line}`}</span>}
        </>}
      </Fact>
      <Fact name="Witness">{bytes(step.witness.size)}: what L1 must be shown to run it</Fact>
    </Facts>
  )
}

function Content({ step }: { step: Step }): JSX.Element {
  return (
    <>
      <section class="section" aria-label="What it is about">
        <p class="instruction"><span class="soft">{visible(step.pc)}</span><span class="soft">{visible(step.word)}</span><b>{visible(step.instruction)}</b></p>
        <Where step={step} />
      </section>
      <Section title="The state after it"><Compare step={step} /></Section>
      <Section title="Let L1 decide">
        <p class="sentence">The contract on L1 can run this one step. It is asked through your wallet, costs nothing, and changes nothing.</p>
        <WalletAction label="Ask L1" command={castCall(step.verifier)}
          run={async (wallet, target, say) => {
            say('L1 runs the step …')
            return <Answer step={step} answer={await call(wallet, target, step.verifier)} />
          }} />
      </Section>
      <Section title="What it reads">
        <Table caption="Reads" quiet stack empty="It reads no register and no memory but its own instruction." rows={step.reads.map((read, index) => ({ ...read, index }))}
          id={({ index }) => index}
          columns={[
            { head: 'From', cell: ({ register }) => (register === null ? 'memory' : <>register <b>{visible(register)}</b></>) },
            { head: 'At', cell: ({ address }) => <Text value={address} mono cut={40} /> },
            { head: 'Value', cell: ({ value }) => <Text value={value} mono cut={140} /> },
          ]} />
      </Section>
      <Section title="Registers"><RegisterTable before={step.before} after={step.after} /></Section>
    </>
  )
}

const RETRY_MS = 3000

export function StepPage({ address, claim, segment }: { address: string; claim: number; segment: number }): JSX.Element {
  const key = `step ${address} ${claim} ${segment}`
  const query = useQuery(key, (signal) => api.step(address, claim, segment, signal))
  const computing = query.error?.status === 503
  // A step is computed once, and never changes: it is asked again only until it is there.
  useQuery(computing && query.data === null ? `${key} again` : null, async () => { query.retry() }, { every: RETRY_MS })
  return (
    <Page title={query.data ? `Step ${int(query.data.step)}` : 'Step'} lead={
      <nav class="around" aria-label="Where this step comes from">
        <a href={`/dispute/${address}`}>Back to the dispute</a>
        <span>Claim {claim}, segment {segment}</span>
      </nav>
    }>
      <Loaded query={query} what="the step" missing={query.error?.message ?? ''}
        wait="The challenger runs the machine up to this step. The page looks again by itself.">
        {(step) => <Content step={step} />}
      </Loaded>
    </Page>
  )
}
