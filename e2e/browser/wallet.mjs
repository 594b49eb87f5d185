// A wallet for the page, which announces itself as extensions do (EIP-6963). Its key is in this process: the page reaches
// it by a binding, as it reaches an extension.
import { account, l1, l2 } from './common.mjs'

const BINDING = 'testWallet'
const ICON = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'

/** What runs in the page. */
function announce({ binding, infos }) {
  const provider = {
    async request(request) {
      const { result, error } = await window[binding](request)
      if (error) throw Object.assign(new Error(error.message), { code: error.code })
      return result
    },
  }
  const say = () => infos.forEach((info) => {
    dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
  })
  addEventListener('eip6963:requestProvider', say)
  say()
}

class WalletError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** Gives a page a wallet, under one name or several. It begins on L2, so that the page has to ask for L1. */
export async function giveWallet(page, { names = ['Test wallet'], chains = [l1, l2], icon = ICON } = {}) {
  const id = ({ read }) => read.chain.id
  const wallet = { at: l2, refuses: false, asked: [], sent: [] }
  async function answer({ method, params = [] }) {
    wallet.asked.push(method)
    switch (method) {
      case 'eth_chainId': return `0x${id(wallet.at).toString(16)}`
      case 'eth_accounts':
      case 'eth_requestAccounts':
        if (wallet.refuses) throw new WalletError(4001, 'User rejected the request.')
        return [account.address]
      case 'wallet_switchEthereumChain': {
        const wanted = chains.find((chain) => id(chain) === Number(params[0].chainId))
        if (!wanted) throw new WalletError(4902, 'Unrecognized chain ID.')
        wallet.at = wanted
        return null
      }
      case 'eth_sendTransaction': {
        if (wallet.refuses) throw new WalletError(4001, 'User rejected the request.')
        const { from, to, data, value } = params[0]
        if (from.toLowerCase() !== account.address.toLowerCase()) throw new WalletError(4100, 'Not an account of this wallet.')
        const hash = await wallet.at.wallet.sendTransaction({ to, data, value: BigInt(value ?? 0) })
        wallet.sent.push({ hash, chain: id(wallet.at), to, data, value: BigInt(value ?? 0) })
        return hash
      }
      case 'eth_call':
      case 'eth_getTransactionReceipt': return wallet.at.read.request({ method, params })
      default: throw new WalletError(-32601, `This wallet does not know ${method}.`)
    }
  }
  await page.exposeBinding(BINDING, async (_, request) => {
    try {
      return { result: await answer(request) }
    } catch (error) {
      return { error: { code: error.code ?? -32603, message: error.shortMessage ?? error.message } }
    }
  })
  const infos = names.map((name) => ({ uuid: crypto.randomUUID(), name, icon, rdns: 'test.wallet' }))
  await page.addInitScript(announce, { binding: BINDING, infos })
  return wallet
}
