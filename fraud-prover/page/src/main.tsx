import { Component, render, type ComponentChildren, type JSX } from 'preact'
import { LocationProvider, Route, Router, useLocation } from 'preact-iso/router'
import 'uplot/dist/uPlot.min.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'
import './styles/dispute.css'
import { start } from './live'
import { Layout } from './parts/Layout'
import { keepFocusInSight } from './sight'
import { startTheme } from './theme'
import { AddressPage } from './views/Address'
import { BatchPage } from './views/Batch'
import { BlockPage } from './views/Block'
import { BridgePage } from './views/Bridge'
import { ConfirmationsPage } from './views/Confirmations'
import { DisputePage } from './views/Dispute'
import { BatchesPage, BlocksPage, DisputesPage } from './views/Lists'
import { NotFoundPage } from './views/NotFound'
import { OverviewPage } from './views/Overview'
import { StepPage } from './views/Step'
import { TransactionPage } from './views/Transaction'
import { discover } from './wallet'

/** What stands in the path of a view, as it was typed. */
interface Params { n?: string; hash?: string; address?: string; claim?: string; segment?: string }

/** A number from a path, null where it is none. */
function number(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

function hex(text: string | undefined, digits: number): string | null {
  return text !== undefined && new RegExp(`^0x[0-9a-fA-F]{${digits}}$`).test(text) ? text.toLowerCase() : null
}

/** Views that need a number or bytes from the path: without a sensible one there is no such page. */
function ByNumber({ value, view }: { value: string | undefined; view: (n: number) => JSX.Element }): JSX.Element {
  const parsed = number(value)
  return parsed === null ? <NotFoundPage /> : view(parsed)
}

function ByHex({ value, digits, view }: { value: string | undefined; digits: number; view: (x: string) => JSX.Element }): JSX.Element {
  const parsed = hex(value, digits)
  return parsed === null ? <NotFoundPage /> : view(parsed)
}

const Block = ({ n }: Params): JSX.Element => <ByNumber value={n} view={(x) => <BlockPage key={x} number={x} />} />
const Batch = ({ n }: Params): JSX.Element => <ByNumber value={n} view={(x) => <BatchPage key={x} index={x} />} />
const Transaction = ({ hash }: Params): JSX.Element => <ByHex value={hash} digits={64} view={(x) => <TransactionPage key={x} hash={x} />} />
const Address = ({ address }: Params): JSX.Element => <ByHex value={address} digits={40} view={(x) => <AddressPage key={x} address={x} />} />
// By its address, or its index.
const Dispute = ({ address }: Params): JSX.Element => (number(address) !== null
  ? <DisputePage key={address} address={address ?? ''} />
  : <ByHex value={address} digits={40} view={(x) => <DisputePage key={x} address={x} />} />)

function Step({ address, claim, segment }: Params): JSX.Element {
  const [a, c, s] = [hex(address, 40), number(claim), number(segment)]
  if (a === null || c === null || s === null) return <NotFoundPage />
  return <StepPage key={`${a} ${c} ${s}`} address={a} claim={c} segment={s} />
}

/** What breaks in a view leaves the rest of the page usable. */
class Guard extends Component<{ path: string; children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false }
  override componentDidUpdate(before: { path: string }): void {
    if (before.path !== this.props.path && this.state.failed) this.setState({ failed: false })
  }
  override componentDidCatch(error: unknown): void {
    console.error(error)
    this.setState({ failed: true })
  }
  override render(): ComponentChildren {
    if (!this.state.failed) return this.props.children
    return (
      <div class="notice wrong" role="alert">
        <p>This view is broken. What the challenger answered may be of another version than the page.</p>
        <button type="button" class="button" onClick={() => location.reload()}>Load the page again</button>
      </div>
    )
  }
}

function Views(): JSX.Element {
  return (
    <Layout>
      <Guard path={useLocation().path}>
        <Router>
          <Route path="/" component={OverviewPage} />
          <Route path="/blocks" component={BlocksPage} />
          <Route path="/block/:n" component={Block} />
          <Route path="/tx/:hash" component={Transaction} />
          <Route path="/address/:address" component={Address} />
          <Route path="/batches" component={BatchesPage} />
          <Route path="/batch/:n" component={Batch} />
          <Route path="/disputes" component={DisputesPage} />
          <Route path="/dispute/:address" component={Dispute} />
          <Route path="/dispute/:address/step/:claim/:segment" component={Step} />
          <Route path="/confirmations" component={ConfirmationsPage} />
          <Route path="/bridge" component={BridgePage} />
          <Route default component={NotFoundPage} />
        </Router>
      </Guard>
    </Layout>
  )
}

/** An address that does not decode has no view. */
function sane(): void {
  try {
    decodeURIComponent(location.pathname)
  } catch {
    history.replaceState(null, '', '/not-found')
  }
}

sane()
startTheme()
discover()
start()
keepFocusInSight()
const root = document.getElementById('app')
if (root) render(<LocationProvider><Views /></LocationProvider>, root)
