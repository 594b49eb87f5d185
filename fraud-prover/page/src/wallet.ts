// Wallets in the browser, by EIP-6963. The page sends nothing by itself: each request follows a press of a button.

import { signal } from '@preact/signals'
import { isAddress, isHash, numberToHex } from 'viem'

export interface Provider {
  request(request: { method: string; params?: unknown[] }): Promise<unknown>
}

export interface Wallet { id: string; name: string; icon: string | null; provider: Provider }

export const wallets = signal<Wallet[]>([])

interface Announcement { info?: { uuid?: unknown; name?: unknown; icon?: unknown }; provider?: Provider }

const MOST_WALLETS = 12

/** Whom somebody chose to act as. Kept as long as the page: nothing is stored. */
export const connected = signal<{ wallet: Wallet; address: string } | null>(null)

export function discover(): void {
  addEventListener('eip6963:announceProvider', (event) => {
    const { info, provider } = ((event as CustomEvent<Announcement>).detail ?? {}) as Announcement
    if (!info || typeof info.uuid !== 'string' || typeof provider?.request !== 'function') return
    if (wallets.value.length >= MOST_WALLETS || wallets.value.some(({ id }) => id === info.uuid)) return
    const icon = typeof info.icon === 'string' && info.icon.startsWith('data:image/') ? info.icon : null
    const name = typeof info.name === 'string' ? info.name.slice(0, 40) : 'A wallet'
    wallets.value = [...wallets.value, { id: info.uuid, name, icon, provider }]
  })
  dispatchEvent(new Event('eip6963:requestProvider'))
}

const REJECTED = 4001
const UNKNOWN_CHAIN = 4902

interface WalletError { code?: number; message?: string; data?: { originalError?: { code?: number } } }

/** A chain, as it is named in sentences. */
export interface Target { name: 'L1' | 'L2'; id: number }

/** What went wrong, as a sentence. */
export function explain(error: unknown, { name, id }: Target): string {
  const { code, message, data } = (error ?? {}) as WalletError
  if (code === REJECTED) return 'You refused this in the wallet. Nothing was sent.'
  if (code === UNKNOWN_CHAIN || data?.originalError?.code === UNKNOWN_CHAIN) {
    return `The wallet does not know ${name}, the chain ${id}. Add it to the wallet, with an RPC URL of your own.`
  }
  return `The wallet answered: ${typeof message === 'string' ? message.slice(0, 500) : 'an error without words'}`
}

/** Makes sure that the wallet is on this chain. */
export async function switchTo({ provider }: Wallet, { name, id }: Target): Promise<void> {
  const at = async (): Promise<number> => Number(await provider.request({ method: 'eth_chainId' }))
  if ((await at()) === id) return
  await provider.request({ method: 'wallet_switchEthereumChain', params: [{ chainId: numberToHex(id) }] })
  if ((await at()) !== id) throw new Error(`it is on another chain than ${name}, which is ${id}`)
}

/** The account that acts. Asked of the wallet once. */
export async function account(wallet: Wallet): Promise<string> {
  if (connected.peek()?.wallet.id === wallet.id) return connected.peek()?.address ?? ''
  const accounts = await wallet.provider.request({ method: 'eth_requestAccounts' })
  const address: unknown = Array.isArray(accounts) ? accounts[0] : null
  if (typeof address !== 'string' || !isAddress(address, { strict: false })) throw new Error('it named no account')
  connected.value = { wallet, address: address.toLowerCase() }
  return address
}

/** A call, with wei where it brings some. */
export interface Call { to: string; data: string; value?: bigint }

/** Asks a contract, through the wallet's own endpoint. */
export async function call(wallet: Wallet, target: Target, { to, data }: Call): Promise<string> {
  await switchTo(wallet, target)
  const answer = await wallet.provider.request({ method: 'eth_call', params: [{ to, data }, 'latest'] })
  if (typeof answer !== 'string') throw new Error('the answer is not bytes')
  return answer
}

/** Sends a call from the wallet's account, and returns the transaction's hash. */
export async function send(wallet: Wallet, target: Target, { to, data, value }: Call): Promise<string> {
  const from = await account(wallet)
  await switchTo(wallet, target)
  const worth = value === undefined ? {} : { value: numberToHex(value) }
  const hash = await wallet.provider.request({ method: 'eth_sendTransaction', params: [{ from, to, data, ...worth }] })
  if (typeof hash !== 'string' || !isHash(hash)) throw new Error('it gave no hash')
  return hash
}

export interface Receipt { status: string; logs: { address: string; topics: string[]; data: string }[] }

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const MINED_TRIES = 300

/** Waits until the transaction is in a block: its receipt, null if there is none after minutes. */
export async function mined({ provider }: Wallet, hash: string): Promise<Receipt | null> {
  for (let tried = 0; tried < MINED_TRIES; tried += 1) {
    const receipt = (await provider.request({ method: 'eth_getTransactionReceipt', params: [hash] })) as Receipt | null
    if (typeof receipt?.status === 'string') return receipt
    await pause(1000)
  }
  return null
}

/** The same call for a terminal. */
export function castCall({ to, data }: Call): string {
  return `cast call --rpc-url $L1 ${to} ${data}`
}

export function castSend({ to, data, value }: Call, on: Target['name'] = 'L1'): string {
  const worth = value === undefined ? '' : ` --value ${value}`
  return `cast send --rpc-url $${on} --private-key $KEY${worth} ${to} ${data}`
}
