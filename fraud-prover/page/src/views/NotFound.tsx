import type { JSX } from 'preact'
import { Page } from '../parts/Page'

export function NotFoundPage(): JSX.Element {
  return (
    <Page title="Not found" heading="There is no such page">
      <p class="empty">The address of this page is wrong. The search above finds blocks, transactions, accounts, batches and disputes. <a href="/">Go to the overview</a></p>
    </Page>
  )
}
