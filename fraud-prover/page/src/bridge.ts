// ETH between the chains: the calls that start a deposit on L1 and a withdrawal on L2.

import { decodeFunctionResult, encodeFunctionData, parseAbi, parseEther, type Hex } from 'viem'
import { getL2TransactionHashes } from 'viem/op-stack'
import { node } from './rpc'
import type { Call, Receipt } from './wallet'

const BRIDGE = parseAbi([
  'function otherBridge() view returns (address)',
  'function bridgeETHTo(address to, uint32 minGasLimit, bytes extraData) payable',
])
const PASSER = parseAbi(['function initiateWithdrawal(address target, uint256 gasLimit, bytes data) payable'])

const L2_BRIDGE = '0x4200000000000000000000000000000000000010'
const L2_MESSENGER = '0x4200000000000000000000000000000000000007'
const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'

/** What the receiver may use on the other chain, if it is a contract. */
const GAS = 200_000

/** An amount of ETH in wei; null where the text is none. */
export function amount(text: string): bigint | null {
  const digits = text.trim().replace(',', '.')
  if (!/^\d{1,12}(\.\d{0,18})?$/.test(digits)) return null
  const wei = parseEther(digits.replace(/\.$/, ''))
  return wei > 0n ? wei : null
}

/** L1's bridge, as L2's own state names it: nobody else is asked. */
export async function l1Bridge(signal: AbortSignal): Promise<Hex> {
  const data = await node.call(L2_BRIDGE, encodeFunctionData({ abi: BRIDGE, functionName: 'otherBridge' }), signal)
  return decodeFunctionResult({ abi: BRIDGE, functionName: 'otherBridge', data: data as Hex })
}

/** To be sent on L1. */
export function deposit(bridge: string, to: string, wei: bigint): Call {
  const data = encodeFunctionData({ abi: BRIDGE, functionName: 'bridgeETHTo', args: [to as Hex, GAS, '0x'] })
  return { to: bridge, data, value: wei }
}

/** To be sent on L2. */
export function withdrawal(to: string, wei: bigint): Call {
  const data = encodeFunctionData({ abi: PASSER, functionName: 'initiateWithdrawal', args: [to as Hex, BigInt(GAS), '0x'] })
  return { to: MESSAGE_PASSER, data, value: wei }
}

/** The L2 transaction that a deposit becomes, by what L1 logged. */
export function deposited({ logs }: Receipt): string | null {
  try {
    return getL2TransactionHashes({ logs } as unknown as Parameters<typeof getL2TransactionHashes>[0])[0] ?? null
  } catch {
    return null
  }
}

/** Whether a transaction to this address may have started a withdrawal. */
export function mayWithdraw(to: string | null): boolean {
  return to !== null && [L2_BRIDGE, L2_MESSENGER, MESSAGE_PASSER].includes(to.toLowerCase())
}
