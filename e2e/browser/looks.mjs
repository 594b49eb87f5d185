// Every view, in light and dark, on a desk and on a phone: what axe-core finds (WCAG 2.2 AA), nothing to scroll sideways, all
// of it by keyboard, with the focus in sight; and that what moves can be stopped.
import axe from 'axe-core'
import { parseEther } from 'viem'
import { account, api, browse, home, known, ok, onL2, pause, picture, same, shows, step, until } from './common.mjs'
import { giveWallet } from './wallet.mjs'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const DESK = { viewport: { width: 1280, height: 900 } }
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
const PASSER = '0x4200000000000000000000000000000000000016'

step('something to look at')
const transfer = await onL2({ to: `0x${'77'.repeat(20)}`, value: parseEther('0.1') })
const withdrawal = await onL2({ to: PASSER, value: parseEther('0.2') })
const failed = await onL2({ to: '0x4200000000000000000000000000000000000015', data: '0x098999be', gas: 100_000n })
await known(failed.hash)
const { games } = await until('a proposal', async () => {
  const answer = await api('/games')
  return answer.games.length > 0 && answer
})

/** A dispute that came down to one step: the step whose value is wrong. */
async function disputed() {
  for (const { address, claims } of games) {
    if (claims === 1) continue
    const { tree } = await api(`/game/${address}`)
    const claim = tree.find(({ level, length, parts, firstWrong }) => level === 'steps' && length <= parts.length && firstWrong !== null)
    if (claim) return { game: address, step: `/dispute/${address}/step/${claim.index}/${claim.firstWrong}` }
  }
}
const { game, step: disputedStep } = await until('a wrong step', disputed)
await until('the step is computed', async () => api(disputedStep.replace('/dispute', '/game')))

const VIEWS = {
  overview: '/',
  blocks: '/blocks',
  block: `/block/${Number(transfer.blockNumber)}`,
  transfer: `/tx/${transfer.hash}`,
  withdrawal: `/tx/${withdrawal.hash}`,
  failure: `/tx/${failed.hash}`,
  account: `/address/${account.address}`,
  contract: `/address/${PASSER}`,
  batches: '/batches',
  batch: '/batch/0',
  disputes: '/disputes',
  dispute: `/dispute/${game}`,
  step: disputedStep,
  confirmations: '/confirmations',
  bridge: '/bridge',
  nothing: '/no/such/view',
  'no transaction': `/tx/0x${'ab'.repeat(32)}`,
}

const browser = await browse()
const problems = []

/** Waits until a view is there as a whole. */
async function settled(page) {
  await page.locator('main h1').waitFor()
  await page.waitForFunction(() => !/Loading|Connecting/.test(document.querySelector('main').textContent))
  await page.evaluate(() => document.fonts.ready)
}

async function open(page, path) {
  await page.goto(home + path)
  await settled(page)
}

/** Opens what can be opened, so that it is looked at, too. */
async function unfold(page) {
  const run = page.getByRole('button', { name: /Run it again/ })
  if (await run.count()) {
    await run.click()
    await page.locator('.trace').first().waitFor()
  }
  const values = page.getByRole('button', { name: /Show the values/ })
  if (await values.count()) await values.first().click()
  const closed = page.locator('details:not([open]) > summary')
  while (await closed.count()) await closed.first().click()
}

/** What axe-core finds, as lines. */
async function audit(page, where) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS)
  for (const { id, help, nodes } of violations) {
    for (const { target, failureSummary } of nodes.slice(0, 3)) {
      problems.push(`${where}: ${id} (${help}) at ${target}: ${failureSummary.replaceAll(/\s+/g, ' ').slice(0, 300)}`)
    }
  }
}

/** What is wider than the screen. */
async function width(page, where) {
  const found = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth <= clientWidth) return null
    const wide = [...document.querySelectorAll('main *')].filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
    return `${scrollWidth} of ${clientWidth}: ${wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).join(' … ')}`
  })
  if (found) problems.push(`${where}: it scrolls sideways, ${found}`)
}

/** Signs and words: whatever has a colour that means something has both. */
async function words(page, where) {
  const silent = await page.evaluate(() => [...document.querySelectorAll('.mark, .tag, .notice, .stage-name, .headline')]
    .filter((element) => element.textContent.trim() === '').map((element) => element.outerHTML.slice(0, 120)))
  if (silent.length > 0) problems.push(`${where}: only a colour says it: ${silent}`)
  const cells = await page.evaluate(() => [...document.querySelectorAll('.strip')].filter((strip) => !strip.getAttribute('aria-label')
    || [...strip.querySelectorAll('.cell')].some((cell) => !cell.querySelector('svg'))).length)
  if (cells > 0) problems.push(`${where}: ${cells} strips have no words or no signs`)
}

for (const [device, options] of [['desk', DESK], ['phone', PHONE]]) {
  const page = await browser.open(options, giveWallet)
  for (const [name, path] of Object.entries(VIEWS)) {
    step(`${name} on a ${device}`)
    await open(page, path)
    await width(page, `${name}, ${device}`)
    await unfold(page)
    await pause(100)
    await width(page, `${name}, ${device}, unfolded`)
    await words(page, `${name}, ${device}`)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await audit(page, `${name}, ${device}, ${colorScheme}`)
    }
  }
  await page.context().close()
}

step('forced colours, little movement, and twice the letters')
{
  const page = await browser.open({ forcedColors: 'active', reducedMotion: 'reduce', viewport: { width: 640, height: 450 } }, giveWallet)
  for (const [name, path] of Object.entries(VIEWS)) {
    await open(page, path)
    await width(page, `${name}, forced colours`)
    const moving = await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length)
    if (moving > 0) problems.push(`${name}: ${moving} parts move`)
  }
  await page.context().close()
}

/** What can be used by a pointer, in order; each gets a number. */
function usable() {
  const can = 'a[href], button:not(:disabled), input:not(:disabled), summary, [tabindex="0"]'
  return [...document.querySelectorAll(can)].filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .map((element, index) => {
      element.dataset.number ??= String(index)
      return `${element.dataset.number} ${element.tagName} ${element.textContent.trim().slice(0, 40)}`
    })
}

/** What has the focus, and whether that is seen. */
function focused() {
  const element = document.activeElement
  if (!element || element === document.body) return null
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const { width, height, top, bottom } = element.getBoundingClientRect()
  return {
    number: element.dataset.number ?? null,
    what: `${element.tagName} ${element.textContent.trim().slice(0, 40)}`,
    seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 && width > 0 && height > 0,
    near: bottom > 0 && top < innerHeight,
  }
}

step('every view by keyboard')
{
  const page = await browser.open(DESK, giveWallet)
  for (const [name, path] of Object.entries(VIEWS)) {
    await open(page, path)
    await unfold(page)
    await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0) })
    const all = await page.evaluate(usable)
    const reached = new Set()
    // Tab goes on from where somebody clicked last, so that it comes to the end of the document twice.
    let ends = 0
    for (let press = 0; press < 2 * all.length + 20 && ends < 2; press += 1) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(focused)
      if (at === null) {
        ends += 1
        continue
      }
      if (at.number !== null) reached.add(at.number)
      if (!at.seen) problems.push(`${name}: no focus is seen on ${at.what}`)
      if (!at.near) problems.push(`${name}: the focus is out of sight on ${at.what}`)
    }
    // What live data replaced meanwhile has no number any more.
    const left = await page.evaluate(() => [...document.querySelectorAll('[data-number]')].map((element) => element.dataset.number))
    const missed = all.filter((one) => left.includes(one.split(' ')[0]) && !reached.has(one.split(' ')[0]))
    if (missed.length > 0) problems.push(`${name}: Tab does not reach ${missed.join(' | ')}`)
  }

  step('actions by keyboard')
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
  // What a key does is there with the next frame; a view takes the focus then, too.
  const becomes = (what, check) => page.waitForFunction(check).catch((error) => { throw new Error(what, { cause: error }) })
  const headed = () => becomes('a view takes the focus to its heading', () => document.activeElement.tagName === 'H1')
  await open(page, '/')
  await press('Tab', 'Enter')
  await becomes('the first link leads to the content', () => document.activeElement.id === 'main')
  await page.getByRole('link', { name: 'Blocks', exact: true }).focus()
  await press('Enter')
  await page.waitForURL('**/blocks')
  await headed()
  await page.getByRole('searchbox').focus()
  await page.keyboard.type('batch 0')
  await press('Enter')
  await page.waitForURL('**/batch/0')
  await headed()
  await page.evaluate(() => { window.before = getComputedStyle(document.documentElement).colorScheme })
  await page.getByRole('button', { name: /Use (dark|light) colours/ }).focus()
  await press('Enter')
  await becomes('the colours change', () => getComputedStyle(document.documentElement).colorScheme !== window.before)
  await page.goBack()
  await page.waitForURL('**/blocks')
  await open(page, VIEWS.bridge)
  await page.getByRole('button', { name: 'Connect a wallet' }).focus()
  await press('Enter')
  await page.getByText('You act as').waitFor()
  await page.getByLabel('Amount, ETH').first().focus()
  await page.keyboard.type('0.1')
  await page.locator('button:enabled', { hasText: /^Deposit$/ }).waitFor()
  await press('Tab')
  await becomes('the button is next', () => document.activeElement.textContent === 'Deposit')
  await press('Enter')
  await page.getByRole('link', { name: 'Follow the deposit on L2' }).waitFor()
  await open(page, VIEWS.dispute)
  await page.getByRole('link', { name: /Look at the step that is wrong/ }).first().focus()
  await press('Enter')
  await page.waitForURL('**/step/**')
  await headed()
  await settled(page)
  await page.getByRole('button', { name: 'Ask L1' }).focus()
  await press('Enter')
  await page.getByText('L1 computed the same state as the challenger. The claim is wrong.').waitFor()
  await page.setViewportSize({ width: 1280, height: 960 })
  await page.evaluate(() => scrollTo(0, 0))
  await picture(page, 'step')
  await page.context().close()
}

step('a list that grows does not take the focus out of sight')
{
  const page = await browser.open({ viewport: { width: 1280, height: 500 } })
  await open(page, VIEWS.confirmations)
  // As by keyboard: then it is shown what has the focus.
  await page.keyboard.press('Tab')
  const first = await page.evaluate(() => {
    scrollTo(0, 0)
    const links = [...document.querySelectorAll('tbody th a')].filter((link) => link.getBoundingClientRect().top < innerHeight)
    links.at(-1).focus({ preventScroll: true })
    return Number(document.querySelector('tbody th').textContent.replaceAll(',', ''))
  })
  await page.waitForFunction((before) => Number(document.querySelector('tbody th').textContent.replaceAll(',', '')) > before + 3, first)
  const at = await page.evaluate(focused)
  ok(at?.what.startsWith('A '), 'a link of the list has the focus still')
  ok(at.seen && at.near, 'it is in sight')
  await page.context().close()
}

step('what moves stands still while somebody wants it to')
{
  const page = await browser.open(DESK)
  for (const path of ['/', '/confirmations']) {
    await open(page, path)
    await page.getByRole('button', { name: 'Pause updates' }).click()
    await shows(page, /^Paused: this is how it was at/)
    const shown = () => page.locator('main').innerText()
    const before = await shown()
    const { unsafe } = (await api('/overview')).heads
    const later = await until('more blocks', async () => {
      const { heads } = await api('/overview')
      return heads.unsafe.number > unsafe.number + 3 && heads.unsafe.number
    })
    ok((await shown()) === before, `${path} stands still`)
    await page.getByRole('button', { name: 'Resume updates' }).click()
    await page.waitForFunction((least) => {
      const newest = document.querySelector('.head.unsafe .head-number, tbody th').textContent
      return Number(newest.replaceAll(',', '')) >= least
    }, later)
    ok((await page.getByText(/^Paused/).count()) === 0, 'nothing says that it is paused')
  }
  await page.context().close()
}

same([...new Set(problems)], [])
browser.clean()
await browser.close()
step('done')
