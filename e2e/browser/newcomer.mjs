// A newcomer's path, through the page alone: a transfer is found and becomes final; ETH is deposited from L1, and withdrawn
// again, with a wallet in the browser.
import { parseEther } from 'viem'
import { account, browse, equal, home, l1, l2, ok, onL2, same, shows, step, until } from './common.mjs'
import { giveWallet } from './wallet.mjs'

const browser = await browse()
let wallet
const page = await browser.open({}, async (opened) => {
  wallet = await giveWallet(opened)
})
const main = page.locator('main')
const stage = (name, state) => page.locator('.stage', { hasText: name }).and(page.locator(`.${state}`))

step('the overview says how things are')
await page.goto(home)
await page.getByRole('heading', { level: 1 }).filter({ hasNotText: /Connecting|Computing/ }).waitFor()
await page.locator('.head.safe .head-number').waitFor()
ok((await main.innerText()).includes('This challenger computed each block'))

step('a transfer')
const to = `0x${'77'.repeat(19)}01`
const transfer = await onL2({ to, value: parseEther('0.25') })
step('it is found, becomes certain stage by stage, and final at last')
const search = page.getByRole('searchbox')
await until('the search finds it', async () => {
  await search.fill(transfer.hash)
  await search.press('Enter')
  await page.waitForURL(`**/tx/${transfer.hash}`, { timeout: 2000 }).catch(() => {})
  return page.url().endsWith(transfer.hash)
})
await stage('On L1', 'reached').waitFor()
await shows(page, '0.25 ETH')
await stage('Provable', 'reached').or(stage('Anchored', 'reached')).first().waitFor({ timeout: 60_000 })
await stage('Anchored', 'reached').waitFor({ timeout: 120_000 })
await page.getByRole('link', { name: to.slice(0, 6) }).first().click()
await page.waitForURL(`**/address/${to}`)
await shows(page, '0.25 ETH')

step('a wallet that refuses')
await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Bridge' }).click()
wallet.refuses = true
await page.getByRole('button', { name: 'Connect a wallet' }).click()
await shows(page, 'You refused this in the wallet. Nothing was sent.')
wallet.refuses = false
await page.getByRole('button', { name: 'Connect a wallet' }).click()
await shows(page, 'You act as')

step('a deposit')
const amount = page.getByLabel('Amount, ETH')
for (const wrong of ['one', '-1', '1e3', '0']) {
  await amount.first().fill(wrong)
  await shows(page, 'This is no amount of ETH.')
  ok(await page.getByRole('button', { name: 'Deposit', exact: true }).isDisabled(), `${wrong} is no amount`)
}
await amount.first().fill('1.5')
const before = await l2.read.getBalance({ address: account.address })
await page.getByRole('button', { name: 'Deposit', exact: true }).click()
await page.getByRole('link', { name: 'Follow the deposit on L2' }).click()
equal(wallet.sent.length, 1)
equal(wallet.sent[0].value, parseEther('1.5'))
equal(wallet.sent[0].chain, l1.read.chain.id)
await until('the deposit is on L2', async () => (await l2.read.getBalance({ address: account.address })) === before + parseEther('1.5'))
await stage('On L1', 'reached').waitFor({ timeout: 60_000 })
await shows(page, 'a deposit from L1')

step('a withdrawal is started')
await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Bridge' }).click()
await amount.last().fill('0.75')
await page.getByRole('button', { name: 'Start the withdrawal' }).click()
await page.getByRole('link', { name: 'Follow the withdrawal' }).waitFor()
equal(wallet.sent.length, 2)
equal(wallet.sent[1].chain, l2.read.chain.id)
const started = wallet.sent[1].hash

step('it is in the list of the account, and proven by its button')
const card = page.locator('.card', { hasText: 'Withdrawal of 0.75 ETH' })
await card.waitFor({ timeout: 60_000 })
await card.getByRole('button', { name: 'Prove on L1' }).click({ timeout: 60_000 })
await card.locator('.here', { hasText: /Proven|Payable/ }).waitFor({ timeout: 60_000 })

step('it is finalized on the page of its transaction')
await page.getByLabel('Of a transaction or an account').fill(started)
await card.getByRole('link', { name: started.slice(0, 6) }).click()
await page.waitForURL(`**/tx/${started}`)
const finalize = card.getByRole('button', { name: 'Finalize on L1' })
await finalize.waitFor({ timeout: 120_000 })
const paid = await l1.read.getBalance({ address: account.address })
await finalize.click()
await card.locator('.here', { hasText: 'Paid' }).waitFor({ timeout: 60_000 })
const { gasUsed, effectiveGasPrice } = await l1.read.getTransactionReceipt({ hash: wallet.sent.at(-1).hash })
equal(await l1.read.getBalance({ address: account.address }), paid + parseEther('0.75') - gasUsed * effectiveGasPrice)
equal(await card.getByRole('button', { name: /on L1/ }).count(), 0, 'there is nothing more to do')

step('nobody but its server was asked, and nothing went wrong')
same([...browser.requests].filter((origin) => origin !== home && origin !== 'null'), [])
browser.clean()
await browser.close()
step('done')
