// A dispute as it is seen by somebody who watches: it grows on the page without being loaded again, claim by claim, down to one
// step; and what the page says of each claim is what is true there. Pictures of it are made on the way (PICTURES: where).
import { api, browse, equal, home, ok, picture, step, until } from './common.mjs'

/** Seconds in which a dispute is over, at the pace of the demonstration. */
const LIMIT = 240
/** The lie is one of a block, down to a step of its run: so many levels at least. */
const LEVELS = 7

const browser = await browse()
const page = await browser.open({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', deviceScaleFactor: 1 })
const main = page.locator('main')

step('the overview, until a proposal is there')
await page.goto(home)
await page.locator('.head.safe .head-number').waitFor()
const game = await until('a wrong proposal', async () => {
  const answer = await api('/games')
  return answer?.games.find(({ root, status }) => root === 'wrong' && status === 'open')
}, LIMIT)
await page.getByText(/Proposal \d+ is wrong/).first().waitFor()
await picture(page, 'overview')

step('the dispute, as it narrows')
await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Disputes' }).click()
await page.getByRole('link', { name: String(game.index), exact: true }).click()
await page.waitForURL(`**/dispute/${game.address}`, { waitUntil: 'commit' }).catch(() => {})
await page.locator('.tree').waitFor()
let loads = 0
page.on('load', () => { loads += 1 })
const sizes = new Set()
let pictured = false
let deepest = 0
const stepLink = page.getByRole('link', { name: /Look at the step that is wrong/ })
await until('a step is wrong', async () => {
  const shown = await page.locator('.tree > li').count()
  sizes.add(shown)
  deepest = Math.max(deepest, shown)
  if (!pictured && shown >= LEVELS - 1) {
    pictured = true
    const size = page.viewportSize()
    await page.setViewportSize({ ...size, height: 1150 })
    await page.locator('.key').evaluate((key) => key.scrollIntoView({ block: 'start' }))
    await picture(page, 'dispute')
    await page.setViewportSize(size)
  }
  return (await stepLink.count()) > 0
}, LIMIT)
ok(sizes.size >= 4, `it grew by ${[...sizes]}`)
ok(deepest >= LEVELS - 1, `only ${deepest} claims were seen`)
equal(loads, 0, 'the page was loaded again')

step('the step at the bottom')
await stepLink.first().click()
await page.waitForURL('**/step/**')
await page.getByText('They differ, and the state before it is right: this step is wrong').waitFor()
const facts = await main.innerText()
ok(/The program\s+(reads what|executes|computes)/.test(facts), `what the program does: ${facts}`)
ok(/Function\s+(?!not known)\S/.test(facts), `the function: ${facts}`)
await page.goBack()

step('the lie falls')
await page.getByText('L1 refuted it.').waitFor({ timeout: LIMIT * 1000 })
const answer = await api(`/game/${game.address}`)
equal(answer.status, 'refuted')
// Nothing that the liar said is called right: each claim of his has a wrong part, or agrees with one that has.
for (const { claimant, verdict } of answer.tree) {
  if (claimant === game.proposer) ok(verdict !== 'valid', `a claim of the liar is ${verdict}`)
  else ok(verdict === 'valid', `a claim of the challenger is ${verdict}`)
}

browser.clean()
await browser.close()
step('done')
