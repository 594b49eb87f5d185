// Names, inputs, reasons and errors with markup, and text that turns the text around it: all of it is shown as text.
import { concat, encodeAbiParameters, encodeErrorResult, encodeFunctionData, keccak256, numberToHex, parseAbi, size, stringToHex } from 'viem'
import { browse, equal, home, known, l2, ok, onL2, pause, same, shows, step } from './common.mjs'
import { giveWallet } from './wallet.mjs'

const TURN = '\u202e'
const SYMBOL = `<img src=x onerror="window.pwned=1">${TURN}`
const NAME = `"><script>window.pwned=2</script>\u0000${'a\u0301\u0302\u0303\u0304\u0305\u0306\u0307'}`
const REASON = `</bdi><svg onload=window.pwned=3><a href="javascript:window.pwned=4">click</a>${TURN}`
const FACTORY = '0x4200000000000000000000000000000000000012'

const word = (value) => numberToHex(value, { size: 2 })

/**
 * A contract that calls itself by markup: without a call it reverts with a reason; by four bytes it tells a name; by more it
 * logs a transfer and a text.
 */
function contract() {
  const text = encodeAbiParameters([{ type: 'string' }], [SYMBOL])
  const reason = encodeErrorResult({ abi: parseAbi(['error Error(string)']), errorName: 'Error', args: [REASON] })
  const copy = (data, from) => concat(['0x61', word(size(data)), '0x61', word(from), '0x5f39', '0x61', word(size(data))])
  const transfer = keccak256(stringToHex('Transfer(address,address,uint256)'))
  const uri = keccak256(stringToHex('URI(string,uint256)'))
  const assemble = (places) => {
    const [logs, revert, first, second] = places
    const parts = [
      // Nothing in the call: to the revert. More than four bytes: to the logs.
      concat(['0x361561', word(revert), '0x57', '0x60043611', '0x61', word(logs), '0x57', copy(text, first), '0x5ff3']),
      concat(['0x5b60015f523033', '0x7f', transfer, '0x60205fa3', copy(text, first), '0x50', '0x6001', '0x7f', uri, '0x61', word(size(text)), '0x5fa200']),
      concat(['0x5b', copy(reason, second), '0x5ffd']),
      text,
    ]
    const starts = parts.map((_, index) => parts.slice(0, index + 1).reduce((total, part) => total + size(part), 0))
    return { code: concat([...parts, reason]), places: [starts[0], starts[1], starts[2], starts[3]] }
  }
  const { places } = assemble([0, 0, 0, 0])
  const { code } = assemble(places)
  // Returns what follows it.
  return concat(['0x61', word(size(code)), '0x80600a5f395ff3', code])
}

step('a contract that lies about itself')
const created = await onL2({ data: contract() })
equal(created.status, 'success')
const token = created.contractAddress
const reverted = await onL2({ to: token })
equal(reverted.status, 'reverted')
const logged = await onL2({ to: token, data: stringToHex(`<script>window.pwned=5</script>${TURN}`.repeat(40)) })
equal(logged.logs.length, 2)
const named = await onL2({
  to: FACTORY,
  data: encodeFunctionData({
    abi: parseAbi(['function createOptimismMintableERC20(address remoteToken, string name, string symbol)']),
    args: [token, NAME, SYMBOL],
  }),
})
equal(named.status, 'success')
await known(named.hash)

const browser = await browse()
let wallet
const page = await browser.open({}, async (opened) => {
  const icon = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=6"><script>window.pwned=7</script></svg>'
  wallet = await giveWallet(opened, { names: [SYMBOL, NAME], chains: [l2], icon })
})

/** Nothing of it became an element, and nothing hidden is left in the text. */
async function harmless(where) {
  const found = await page.evaluate((own) => {
    const all = [...document.querySelectorAll('*')]
    const strange = (element) => {
      const of = element.getAttribute('src') ?? element.getAttribute('href')
      if (['SCRIPT', 'LINK'].includes(element.tagName)) return !of || new URL(of, location.href).origin !== own
      if (element.tagName === 'IMG') return !of?.startsWith('data:image/') || !element.closest('.choices')
      return ['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'STYLE', 'TEMPLATE', 'VIDEO', 'MATH'].includes(element.tagName)
    }
    const scripted = (element) => [...element.attributes].some(({ name, value }) => name.startsWith('on') || /^\s*(javascript|data:text)/i.test(value))
    return {
      elements: all.filter((element) => strange(element) || scripted(element)).map((element) => element.outerHTML.slice(0, 200)),
      // All that turns text, or is not seen; and marks that pile up.
      hidden: [...document.body.textContent.matchAll(/[\u0000-\u0008\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{M}{5,}/gu)].map(({ 0: text }) => escape(text)),
      pwned: window.pwned ?? null,
      titled: document.title.endsWith('Recourse'),
      broken: document.body.textContent.includes('This view is broken'),
    }
  }, home)
  same(found, { elements: [], hidden: [], pwned: null, titled: true, broken: false }, where)
}

/** Opens all that can be opened. */
async function unfold() {
  for (const name of [/Run it again/, /^Show all/]) {
    const button = page.getByRole('button', { name }).first()
    if (await button.count()) await button.click()
  }
  for (const summary of await page.locator('summary').all()) await summary.click()
  for (const twist of await page.locator('.twist').all()) await twist.click()
  await pause(300)
}

step('its page, its transactions')
await page.goto(`${home}/address/${token}`)
await shows(page, SYMBOL.replace(TURN, '⟨U+202E⟩'))
await unfold()
await harmless('the token')
await page.goto(`${home}/tx/${reverted.hash}`)
await shows(page, /<svg onload=window.pwned=3>/)
await unfold()
await harmless('the reason')
await page.goto(`${home}/tx/${logged.hash}`)
await shows(page, '<img src=x onerror="window.pwned=1">')
await unfold()
await harmless('logs and input')
await page.goto(`${home}/tx/${named.hash}`)
await shows(page, '"><script>window.pwned=2</script>⟨U+0000⟩')
await unfold()
await harmless('a decoded call')
await page.goto(`${home}/block/${Number(named.blockNumber)}`)
await shows(page, 'createOptimismMintableERC20')
await harmless('its block')

step('addresses that are none')
for (const path of ['/tx/<script>window.pwned=8</script>', '/block/1e9', '/address/0x%3Cimg%20src=x%20onerror=alert(1)%3E', '/%ff%fe', '//evil.example/x',
  `/dispute/${encodeURIComponent(REASON)}`, '/blocks?before=<script>alert(1)</script>', '/batch/99999999999999999999', '/#<img src=x onerror=alert(1)>', `/tx/0x${'ab'.repeat(32)}`]) {
  await page.goto(home + path)
  await page.locator('h1').waitFor()
  await harmless(path)
}

step('searches for anything')
for (const text of [REASON, SYMBOL, '../../etc/passwd', "' or 1=1 --", '0x', '9'.repeat(300), '\u0000', '<script>']) {
  await page.getByRole('searchbox').fill(text)
  await page.getByRole('searchbox').press('Enter')
  await page.locator('.search-answer.none').waitFor()
  await harmless(`the search for ${text}`)
}

step('a wallet with a name of markup, which does not know L1')
await page.goto(`${home}/bridge`)
await page.getByLabel('Amount, ETH').first().fill('1')
await page.getByRole('button', { name: 'Deposit', exact: true }).click()
await harmless('the choice of wallets')
await page.locator('.choices img').nth(1).waitFor()
equal(await page.locator('.choices img').count(), 2)
await page.locator('.choices button').first().click()
await shows(page, /The wallet does not know L1/)
equal(wallet.sent.length, 0)
await harmless('the wallet')

step('a server that answers with markup')
await page.route('**/api/v1/overview', async (route) => {
  const answer = await (await route.fetch()).json()
  answer.version = SYMBOL
  answer.health = [{ level: 'bad', text: REASON }, { level: NAME, text: NAME }]
  await route.fulfill({ json: answer })
})
await page.route('**/api/v1/events', (route) => route.abort())
await page.goto(home)
await shows(page, /<svg onload=window.pwned=3>/)
await harmless('the overview')

step('a challenger without truth yet')
await page.unroute('**/api/v1/overview')
await page.route('**/api/v1/overview', async (route) => {
  const answer = await (await route.fetch()).json()
  await route.fulfill({ json: { ...answer, ready: false, health: [] } })
})
await page.route('**/api/v1/game*', async (route) => {
  const answer = await (await route.fetch()).json()
  const unknown = (game) => ({ ...game, root: 'unknown', computing: true })
  await route.fulfill({ json: { ...answer, games: answer.games.map(unknown) } })
})
await page.goto(home)
await page.getByRole('heading', { level: 1, name: 'Computing' }).waitFor()
await page.goto(`${home}/disputes`)
await page.locator('tbody .mark.unknown').first().waitFor()
equal(await page.locator('main .mark.right').count(), 0, 'something is called right')

ok([...browser.requests].every((origin) => origin === home || origin === 'null'), `${[...browser.requests]}`)
// The stream that was refused just now, as asked for.
browser.clean(/ERR_FAILED/)
await browser.close()
step('done')
