import { Failure, request } from './api'

/** Requests to the node at a time: more would only wait there. */
const AT_ONCE = 4
const TRIES = 4

let running = 0
const waiting: (() => void)[] = []

async function turn(): Promise<void> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  running += 1
}

function done(): void {
  running -= 1
  waiting.shift()?.()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

interface Answer<T> { result?: T; error?: { code: number; message: string } }

/** An error that the node itself answered with. */
export class RpcError extends Failure {
  constructor(readonly code: number, message: string) {
    super(200, message)
  }
}

/** Asks the challenger's own node. */
export async function rpc<T>(method: string, params: unknown[], signal?: AbortSignal): Promise<T> {
  await turn()
  try {
    for (let tried = 1; ; tried += 1) {
      try {
        const answer = await request<Answer<T>>('/rpc', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
          ...(signal ? { signal } : {}),
        })
        if (answer.error) throw new RpcError(answer.error.code, answer.error.message)
        return answer.result as T
      } catch (error) {
        const busy = error instanceof Failure && error.status === 429
        if (!busy || tried >= TRIES) throw error
        await pause(300 * 2 ** tried)
      }
    }
  } finally {
    done()
  }
}

export interface RpcBlock {
  number: string; hash: string; parentHash: string; stateRoot: string; timestamp: string; miner: string
  gasUsed: string; gasLimit: string; baseFeePerGas?: string; size?: string; extraData: string
  withdrawalsRoot?: string
  transactions: string[]
}

export interface RpcTransaction {
  hash: string; blockNumber: string | null; blockHash: string | null; transactionIndex: string | null
  from: string; to: string | null; value: string; nonce: string; gas: string; input: string; type: string
  gasPrice?: string; maxFeePerGas?: string; maxPriorityFeePerGas?: string; mint?: string; sourceHash?: string
}

export interface RpcLog { address: string; topics: string[]; data: string; logIndex: string }

export interface RpcReceipt {
  status: string; gasUsed: string; effectiveGasPrice?: string; contractAddress: string | null; logs: RpcLog[]
  l1Fee?: string; operatorFee?: string; from: string; to: string | null; transactionHash: string
}

/** A call as `callTracer` tells it. */
export interface Call {
  type: string; from: string; to?: string; value?: string; gas?: string; gasUsed?: string
  input?: string; output?: string; error?: string; revertReason?: string; calls?: Call[]
}

export interface TransactionsPage {
  txs: RpcTransaction[]; receipts: (RpcReceipt & { timestamp?: number | string })[]
  firstPage: boolean; lastPage: boolean
}

export const node = {
  block: (number: number, signal?: AbortSignal) =>
    rpc<RpcBlock | null>('eth_getBlockByNumber', [`0x${number.toString(16)}`, false], signal),
  blockByHash: (hash: string, signal?: AbortSignal) =>
    rpc<RpcBlock | null>('eth_getBlockByHash', [hash, false], signal),
  transaction: (hash: string, signal?: AbortSignal) =>
    rpc<RpcTransaction | null>('eth_getTransactionByHash', [hash], signal),
  receipt: (hash: string, signal?: AbortSignal) =>
    rpc<RpcReceipt | null>('eth_getTransactionReceipt', [hash], signal),
  trace: (hash: string, signal?: AbortSignal) =>
    rpc<Call>('debug_traceTransaction', [hash, { tracer: 'callTracer' }], signal),
  balance: (address: string, signal?: AbortSignal) => rpc<string>('eth_getBalance', [address, 'latest'], signal),
  code: (address: string, signal?: AbortSignal) => rpc<string>('eth_getCode', [address, 'latest'], signal),
  nonce: (address: string, signal?: AbortSignal) =>
    rpc<string>('eth_getTransactionCount', [address, 'latest'], signal),
  call: (to: string, data: string, signal?: AbortSignal) => rpc<string>('eth_call', [{ to, data }, 'latest'], signal),
  /** Transactions of an account before a block, the newest first. 0 starts at the newest block. */
  transactionsBefore: (address: string, block: number, count: number, signal?: AbortSignal) =>
    rpc<TransactionsPage>('ots_searchTransactionsBefore', [address, block, count], signal),
  creator: (address: string, signal?: AbortSignal) =>
    rpc<{ hash: string; creator: string } | null>('ots_getContractCreator', [address], signal),
}
