// What every script here needs: the devnet, clients of both chains, and Chromium with a page that is watched.
//
//     node SCRIPT.mjs DEVNET_JSON [ACCOUNT]
//
// DEVNET_JSON is the file that `testnet devnet` writes, with the URL of the challenger's page; ACCOUNT the index of the
// funded account to use. CHROMIUM is the browser's binary, if it is not `chromium` in the search path.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'
import { createPublicClient, createWalletClient, defineChain, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export const devnet = JSON.parse(readFileSync(process.argv[2], 'utf8'))
// A demonstration has a page, and nothing to act with.
export const account = devnet.accounts && privateKeyToAccount(devnet.accounts[Number(process.argv[3] ?? 0)].private_key)
if (!devnet.page) throw new Error('this devnet has no page')
export const home = new URL(devnet.page).origin

function chain(id, name, url) {
  const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
  return defineChain({ id, name, nativeCurrency, rpcUrls: { default: { http: [url] } } })
}

function clients(chain) {
  const options = { chain, transport: http(), pollingInterval: 200 }
  return { read: createPublicClient(options), wallet: createWalletClient({ ...options, account }) }
}

export const l1 = account && clients(chain(devnet.l1_chain_id, 'L1', devnet.l1_rpc))
export const l2 = account && clients(chain(devnet.l2_chain_id, 'L2', devnet.l2_rpc))

export { deepStrictEqual as same, ok, strictEqual as equal }

const begun = Date.now()

/** Says what is about to happen: where a script that fails or hangs was. */
export function step(what) {
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`)
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks again and again until there is an answer. */
export async function until(what, check, seconds = 60) {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await check()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`${what}: not after ${seconds} s`)
    await pause(200)
  }
}

/** Sends a transaction on L2, and waits until the challenger has it from L1. */
export async function onL2(request) {
  const hash = await l2.wallet.sendTransaction({ gas: 3_000_000n, ...request })
  const receipt = await l2.read.waitForTransactionReceipt({ hash })
  return { ...receipt, hash }
}

/** What the page's server answers; nothing where it has none. */
export async function api(path) {
  const answer = await fetch(`${home}/api/v1${path}`)
  return answer.ok ? answer.json() : null
}

/** Waits until the challenger has a transaction from L1. */
export function known(hash) {
  return until(`${hash} is on L1`, async () => (await api(`/transaction/${hash}`))?.stages.onL1)
}

/** What runs in the page before its own scripts: violations of its policy are errors. */
function watchPolicy() {
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`)
  })
}

/** Answers that are an answer here: nothing there, and not known yet. Chromium logs each of them as an error. */
const ANSWERS = /status of (404|503)/

function chromiumPath() {
  const found = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'chromium')).find(existsSync)
  return process.env.CHROMIUM ?? found
}

/**
 * Chromium with contexts that are watched: `open()` makes a page; `clean()` fails if any page asked anybody but its own
 * server, or logged an error, `but` those that a script asked for.
 */
export async function browse() {
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--disable-background-networking', '--disable-component-update', '--js-flags=--expose-gc'],
    chromiumSandbox: process.getuid?.() !== 0,
  })
  const problems = []
  const requests = new Set()
  async function open(options = {}, prepare = async () => {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    await page.addInitScript(watchPolicy)
    page.on('request', (request) => {
      const url = new URL(request.url())
      requests.add(url.origin)
      if (url.origin !== home && url.protocol !== 'data:') problems.push(`it asks ${request.url()}`)
    })
    page.on('console', (message) => {
      if (message.type() === 'error' && !ANSWERS.test(message.text())) problems.push(`on ${page.url()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => problems.push(`on ${page.url()}: ${error.stack}`))
    page.on('dialog', (dialog) => {
      problems.push(`a dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    await prepare(page)
    return page
  }
  const clean = (but) => deepStrictEqual(problems.filter((problem) => !but?.test(problem)), [])
  return { open, clean, requests, close: () => browser.close() }
}

/** Moves to a view as a reader does, without loading the page again. */
export async function follow(page, path) {
  await page.evaluate((to) => {
    const link = document.createElement('a')
    link.href = to
    document.body.append(link)
    link.click()
    link.remove()
  }, path)
}

/** Takes a picture of what is on the screen. */
export function picture(page, name) {
  return page.screenshot({ path: join(process.env.PICTURES ?? tmpdir(), `${name}.png`) })
}

/** Waits until the page shows a text. */
export function shows(page, text, options = {}) {
  return page.getByText(text).first().waitFor({ state: 'visible', ...options })
}
