import { useComputed } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useLocation } from 'preact-iso/router'
import { date, int } from '../format'
import { connection, lostAt, now, overview, paused } from '../live'
import { visible } from '../text'
import { Logo } from './Icon'
import { PauseButton } from './Pause'
import { Search } from './Search'
import { ThemeButton } from './Theme'

const VIEWS: [string, string, RegExp][] = [
  ['/', 'Overview', /^\/$/],
  ['/blocks', 'Blocks', /^\/(blocks?|tx|address)(\/|$)/],
  ['/batches', 'Batches', /^\/batch(es)?(\/|$)/],
  ['/disputes', 'Disputes', /^\/disputes?(\/|$)/],
  ['/confirmations', 'Confirmations', /^\/confirmations(\/|$)/],
  ['/bridge', 'Bridge', /^\/bridge(\/|$)/],
]

/** Said aloud, and rarely: that the connection went or came, and what is wrong. */
function Announcer(): JSX.Element {
  const text = useComputed(() => {
    if (connection.value === 'lost') return 'The connection to the challenger is lost. The page shows what was last known.'
    const worst = overview.value?.health.find(({ level }) => level === 'bad')
    return worst ? visible(worst.text) : ''
  })
  return <p class="hidden" role="status">{text}</p>
}

function Paused(): JSX.Element | null {
  if (!paused.value) return null
  return <p class="lost busy">Paused: this is how it was at {date(now.value).slice(11)}. Nothing moves, and no clock runs here, until you resume.</p>
}

function Lost(): JSX.Element | null {
  // A page that stands still is older than that.
  if (paused.value || connection.value !== 'lost') return null
  return (
    <p class="lost">
      The connection to the challenger is lost. This is what was known at {date(lostAt.value).slice(11)}; it connects again by itself.
    </p>
  )
}

function Computing(): JSX.Element | null {
  const known = overview.value
  if (!known || known.ready) return null
  return <p class="lost busy">The challenger is computing. What it has not computed yet is shown as computing, and never as right.</p>
}

function Foot(): JSX.Element {
  const known = overview.value
  return (
    <footer class="foot">
      <p>
        {known
          ? <>L2 is chain {known.chainId}, L1 is chain {known.l1ChainId}. Challenger {visible(known.version)}, at block {int(known.heads.safe.number)}.</>
          : 'The challenger has not answered yet.'}
      </p>
      <p>What is on L1 this challenger computed from there. What is not there yet, the unsafe head and confirmations, a node told it. The page asks nobody else.</p>
    </footer>
  )
}

export function Layout({ children }: { children: ComponentChildren }): JSX.Element {
  const { path } = useLocation()
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault()
        document.getElementById('main')?.focus()
      }}>Skip to the content</a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href="/"><Logo />Recourse</a>
          <nav class="views" aria-label="Views">
            {VIEWS.map(([href, name, here]) => (
              <a key={href} href={href} aria-current={here.test(path) ? 'page' : undefined}>{name}</a>
            ))}
          </nav>
          <Search />
          <div class="tools">
            <PauseButton />
            <ThemeButton />
          </div>
        </div>
      </header>
      <Paused />
      <Lost />
      <Computing />
      <Announcer />
      <main id="main" tabIndex={-1}>{children}</main>
      <Foot />
    </>
  )
}
