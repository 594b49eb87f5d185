// How fast the page is: until a view is there, and from a block to the screen; and whether its memory stays the same.
//
//     node speed.mjs DEVNET_JSON [ACCOUNT [MINUTES]]
import { request } from 'node:http'
import { createPublicClient, webSocket } from 'viem'
import { account, api, browse, devnet, follow, home, known, l2, ok, onL2, pause, step, until } from './common.mjs'

const MINUTES = Number(process.argv[4] ?? 0.5)
/** Milliseconds: until a view is there, and from a block to the screen. */
const LOAD = 1000
const UPDATE = 200
const UPDATES = 20
/** A machine may be busy with something else: what is too slow is measured again, so often at most. */
const TRIES = 3
/** Growth of the heap that is no leak: of what engines keep of their own. */
const SLACK = 600_000

const sorted = (values) => [...values].sort((a, b) => a - b)
const at = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))]
const median = (values) => at(values, 0.5)
const ms = (value) => `${Math.round(value)} ms`

const browser = await browse()
const transfer = await onL2({ to: account.address, value: 1n })
await known(transfer.hash)
const { games } = await until('a proposal', async () => {
  const answer = await api('/games')
  return answer.games.length > 0 && answer
})

/** Runs in the page: notes when a view is there, and when a head changes. */
function watch() {
  window.changes = []
  const number = (name) => document.querySelector(`.head.${name} .head-number`)?.textContent?.replaceAll(',', '')
  const last = {}
  new MutationObserver(() => {
    const main = document.querySelector('main')
    if (main && !window.shownAt && main.querySelector('h1') && !/Loading|Connecting|not answered/.test(main.textContent)) {
      requestAnimationFrame(() => { window.shownAt ??= performance.now() })
    }
    for (const name of ['unsafe', 'safe']) {
      const shown = number(name)
      if (shown && shown !== last[name]) {
        last[name] = shown
        window.changes.push({ name, number: Number(shown), time: Date.now() })
      }
    }
  }).observe(document, { subtree: true, childList: true, characterData: true })
}

step('load time of each view, in a browser that has nothing of it yet')
const VIEWS = ['/', '/blocks', `/block/${Number(transfer.blockNumber)}`, `/tx/${transfer.hash}`, `/address/${account.address}`,
  '/batches', '/batch/0', '/disputes', `/dispute/${games[0].address}`, '/confirmations', '/bridge']

/** Measures until it is fast enough; `measure` gives times in milliseconds. */
async function fast(what, limit, measure) {
  for (let left = TRIES; ; left -= 1) {
    const times = await measure()
    const middle = median(times)
    console.log(`          ${what.slice(0, 24).padEnd(24)} ${ms(middle)}, p90 ${ms(at(times, 0.9))}, at most ${ms(Math.max(...times))} (of ${times.length})`)
    if (middle <= limit) return
    ok(left > 1, `${what} takes ${ms(middle)}, ${TRIES} times`)
  }
}

async function loads(view) {
  const times = []
  for (let run = 0; run < (view === '/' ? 5 : 2); run += 1) {
    const page = await browser.open({}, (opened) => opened.addInitScript(watch))
    await page.goto(home + view)
    await page.waitForFunction(() => window.shownAt)
    times.push(await page.evaluate(() => window.shownAt))
    await page.context().close()
  }
  return times
}
for (const view of VIEWS) await fast(view, LOAD, () => loads(view))

step('from a block to the screen')
const page = await browser.open({}, (opened) => opened.addInitScript(watch))
await page.goto(home)
await page.locator('.head.safe .head-number').waitFor()

/** The challenger's newest block, asked from another address: what one address may ask is the page's here. */
function challengerHead() {
  const { hostname, port } = new URL(home)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const asked = request({ hostname, port, path: '/rpc', method: 'POST', localAddress: '127.0.0.2', headers }, (answer) => {
      let text = ''
      answer.on('data', (data) => { text += data })
      answer.on('end', () => {
        try {
          resolve(Number(JSON.parse(text).result))
        } catch (error) {
          reject(error)
        }
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
const seen = { unsafe: new Map(), safe: new Map() }
const note = (name, number) => { if (!seen[name].has(number)) seen[name].set(number, Date.now()) }
const heads = createPublicClient({ chain: l2.read.chain, transport: webSocket(devnet.l2_ws) })
const unwatch = heads.watchBlocks({ onBlock: ({ number }) => note('unsafe', Number(number)) })
let watching = true
const watched = (async () => {
  for (let last = await challengerHead(); watching; await pause(25)) {
    const head = await challengerHead()
    // Of several at once, only the last is shown.
    if (head > last) note('safe', head)
    last = head
  }
})()
/** Times from a block to the screen, of the next blocks. */
async function updates() {
  const from = await page.evaluate(() => window.changes.length)
  return until('enough blocks', async () => {
    const changes = await page.evaluate((start) => window.changes.slice(start), from)
    const of = (name) => changes.filter((one) => one.name === name && seen[name].has(one.number)).map((one) => one.time - seen[name].get(one.number))
    const [unsafe, safe] = [of('unsafe'), of('safe')]
    return safe.length >= UPDATES && unsafe.length >= UPDATES && { unsafe, safe }
  }, 120)
}
const first = await updates()
for (const name of ['unsafe', 'safe']) {
  let known = first[name]
  await fast(`the ${name} head`, UPDATE, async () => {
    const times = known ?? (await updates())[name]
    known = null
    return times
  })
}
unwatch()
watching = false
await watched

step(`memory over ${MINUTES} minutes, with views changing`)
const cdp = await page.context().newCDPSession(page)
await cdp.send('HeapProfiler.enable')
async function sample() {
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters')
  return { usedSize, nodes, jsEventListeners }
}
const ROUND = [...VIEWS.slice(1), '/']
async function round() {
  for (const view of ROUND) {
    await follow(page, view)
    await pause(250)
  }
  await pause(500)
}
// What is loaded once and kept is there after two rounds.
await round()
await round()
const samples = [await sample()]
const end = Date.now() + MINUTES * 60_000
const every = Math.max(0, (MINUTES * 60_000) / 40 - 4000)
while (Date.now() < end || samples.length < 6) {
  await round()
  await pause(every)
  samples.push(await sample())
}
const third = Math.max(2, Math.floor(samples.length / 3))
for (const [name, slack] of [['usedSize', SLACK], ['nodes', 300], ['jsEventListeners', 100]]) {
  const values = samples.map((one) => one[name])
  const [first, final] = [median(values.slice(0, third)), median(values.slice(-third))]
  console.log(`          ${name.padEnd(24)} ${first} at first, ${final} at last, of ${samples.length} samples`)
  ok(final <= first * 1.05 + slack, `${name} grows from ${first} to ${final}: ${values.join(' ')}`)
}

browser.clean()
await browser.close()
step('done')
process.exit(0)
