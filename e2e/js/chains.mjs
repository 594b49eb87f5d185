// The devnet as viem's OP Stack client is told of it: a chain definition like those that viem ships, nothing else.
import { createPublicClient, createWalletClient, defineChain, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  chainConfig,
  publicActionsL1,
  publicActionsL2,
  walletActionsL1,
  walletActionsL2,
} from 'viem/op-stack'
import { devnet, funded } from './common.mjs'

const { contracts } = devnet
const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }

export const l1Chain = defineChain({
  id: devnet.l1_chain_id,
  name: 'Devnet L1',
  nativeCurrency,
  rpcUrls: { default: { http: [devnet.l1_rpc] } },
  contracts: { multicall3: { address: contracts.multicall3 } },
})

export const l2Chain = defineChain({
  ...chainConfig,
  id: devnet.l2_chain_id,
  name: 'Devnet L2',
  nativeCurrency,
  sourceId: l1Chain.id,
  rpcUrls: { default: { http: [devnet.l2_rpc] } },
  contracts: {
    ...chainConfig.contracts,
    multicall3: { address: '0xca11bde05977b3631167028862be2a173976ca11' },
    portal: { [l1Chain.id]: { address: contracts.portal } },
    disputeGameFactory: { [l1Chain.id]: { address: contracts.disputeGameFactory } },
    l1StandardBridge: { [l1Chain.id]: { address: contracts.l1StandardBridge } },
  },
})

export const account = privateKeyToAccount(funded.private_key)

const options = (chain) => ({ chain, transport: http(), pollingInterval: 250 })
export const l1 = createPublicClient(options(l1Chain)).extend(publicActionsL1())
export const l2 = createPublicClient(options(l2Chain)).extend(publicActionsL2())
export const l1Wallet = createWalletClient({ ...options(l1Chain), account }).extend(walletActionsL1())
export const l2Wallet = createWalletClient({ ...options(l2Chain), account }).extend(walletActionsL2())
