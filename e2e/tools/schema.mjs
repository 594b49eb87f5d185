// Asks a node for everything that execution-apis describes, about transactions of every type, and compares each result with its
// schema.
//
//     EXECUTION_APIS=DIR L2_RPC=… PRIVATE_KEY=… node schema.mjs
import assert from 'node:assert'
import { JsonRpcProvider, Wallet, concat, parseEther, toBeHex } from 'ethers'
import { described, document, misasked, names, violations } from './openrpc.mjs'

const provider = new JsonRpcProvider(process.env.L2_RPC, undefined, { cacheTimeout: -1, batchMaxCount: 1 })
provider.pollingInterval = 100
const wallet = new Wallet(process.env.PRIVATE_KEY, provider)

// What receipts have besides on every chain of the OP Stack.
const OP_STACK = /^(l1\w+|operatorFee\w+|deposit\w+|daFootprint\w*|blobGasUsed)$/

console.log(`by ${document}`)
const { chainId } = await provider.getNetwork()
const code = '0x600160005560206000a0602a60005260206000f3'
// Code that puts that there: PUSH20 code, MSTORE at 0, and return its 20 bytes.
const creation = concat(["0x73", code, "0x6000526014600cf3"])
const to = '0x00000000000000000000000000000000005c4e3a'
const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }
let nonce = await wallet.getNonce()
const sent = {}
async function send(what, transaction) {
  const signed = await wallet.signTransaction({ chainId, nonce: nonce++, gasLimit: 300_000n, ...transaction })
  sent[what] = { raw: signed, hash: await provider.send('eth_sendRawTransaction', [signed]) }
}
const deployed = { to: null, data: creation }
await send('creation', { type: 2, ...fees, ...deployed })
sent.creation.receipt = await provider.waitForTransaction(sent.creation.hash)
const contract = sent.creation.receipt.contractAddress
const slot = toBeHex(0, 32)
const accessList = [{ address: contract, storageKeys: [slot] }]
await send('legacy', { type: 0, gasPrice: 10n ** 10n, to: contract })
await send('access list', { type: 1, gasPrice: 10n ** 10n, to: contract, accessList })
await send('dynamic fee', { type: 2, ...fees, to, value: 1n, accessList })
await send('reverted', { type: 2, ...fees, to: null, data: '0x60006000fd' })
const delegate = Wallet.createRandom()
const authorization = await delegate.authorize({ address: contract, chainId, nonce: 0 })
await send('set code', { type: 4, ...fees, to: delegate.address, authorizationList: [authorization] })
await send('last', { type: 2, ...fees, to: contract })
for (const transaction of Object.values(sent)) transaction.receipt = await provider.waitForTransaction(transaction.hash)
assert.strictEqual(sent.reverted.receipt.status, 0)
assert.strictEqual(sent['set code'].receipt.logs.length, 1)

const number = toBeHex(sent.last.receipt.blockNumber).replace('0x0', '0x')
const { blockHash } = sent.last.receipt
const [filter, blocks, pending] = await Promise.all([
  provider.send('eth_newFilter', [{ fromBlock: number, address: contract }]),
  provider.send('eth_newBlockFilter', []),
  provider.send('eth_newPendingTransactionFilter', []),
])
await send('seen', { type: 2, ...fees, to: contract })
sent.seen.receipt = await provider.waitForTransaction(sent.seen.hash)
const deposit = (await provider.send('eth_getBlockByNumber', [number, false])).transactions[0]
const poor = Wallet.createRandom().address
const call = { from: wallet.address, to: contract, input: '0x', gas: '0x186a0' }
const later = await wallet.signTransaction({ chainId, nonce, gasLimit: 21_000n, type: 2, ...fees, to })

// For each method, the parameters of requests that give a result.
const hashes = [...Object.values(sent).map(({ hash }) => hash), deposit, `0x${'11'.repeat(32)}`]
const tags = ['latest', 'safe', 'finalized', 'earliest', 'pending', number, '0xfffffff']
const each = (values, ...rest) => values.map((value) => [value, ...rest])
const traces = [{}, { enableMemory: true, enableReturnData: true }, { disableStack: true, disableStorage: true }]
const REQUESTS = {
  debug_getRawHeader: each(['latest', number]),
  debug_getRawBlock: each(['latest', number]),
  debug_getRawTransaction: each(hashes.slice(0, -1)),
  debug_getRawReceipts: each(['latest', number]),
  debug_getBadBlocks: [[]],
  debug_traceBlockByNumber: traces.map((options) => [number, options]),
  debug_traceBlockByHash: traces.map((options) => [blockHash, options]),
  debug_traceTransaction: hashes.slice(0, -1).flatMap((hash) => traces.map((options) => [hash, options])),
  eth_getBlockByHash: [false, true].flatMap((full) => each([blockHash, hashes.at(-1)], full)),
  eth_getBlockByNumber: [false, true].flatMap((full) => each(tags, full)),
  eth_getBlockTransactionCountByHash: each([blockHash, hashes.at(-1)]),
  eth_getBlockTransactionCountByNumber: each(tags),
  eth_getUncleCountByBlockHash: each([blockHash]),
  eth_getUncleCountByBlockNumber: each(['latest']),
  eth_getBlockReceipts: each([...tags.slice(0, -1), blockHash]),
  eth_capabilities: [[]],
  eth_chainId: [[]],
  eth_syncing: [[]],
  eth_coinbase: [[]],
  eth_accounts: [[]],
  eth_blockNumber: [[]],
  eth_config: [[]],
  net_version: [[]],
  web3_clientVersion: [[]],
  eth_call: [[call], [call, number], [call, 'pending'], [{ to: contract }, blockHash]],
  eth_estimateGas: [[call], [call, 'latest'], [{ from: wallet.address, to, value: '0x1' }, 'latest']],
  eth_createAccessList: [[call], [call, number], [{ from: wallet.address, input: '0x60006000fd' }, 'latest']],
  eth_simulateV1: [
    [{ blockStateCalls: [{ calls: [call, { from: wallet.address, to, value: '0x1' }] }, {}], traceTransfers: true }, 'latest'],
    [{ blockStateCalls: [{ blockOverrides: { number: toBeHex(sent.seen.receipt.blockNumber + 200).replace('0x0', '0x') }, calls: [call] }], returnFullTransactions: true }, 'latest'],
    [{ blockStateCalls: [{ calls: [{ from: wallet.address, input: '0x60006000fd' }, { from: wallet.address, input: '0xfe' }] }] }, 'latest'],
  ],
  eth_gasPrice: [[]],
  eth_baseFee: [[]],
  eth_blobBaseFee: [[]],
  eth_maxPriorityFeePerGas: [[]],
  eth_feeHistory: [['0x4', 'latest', [10, 90]], ['0x1', number, []]],
  eth_fillTransaction: [[{ from: wallet.address, to, value: '0x1' }]],
  eth_newFilter: [[{ fromBlock: 'latest', address: [contract], topics: [] }]],
  eth_newBlockFilter: [[]],
  eth_newPendingTransactionFilter: [[]],
  eth_getFilterChanges: each([filter, blocks, pending]),
  eth_getFilterLogs: each([filter]),
  eth_uninstallFilter: each([filter, filter]),
  eth_getLogs: [[{ fromBlock: number, toBlock: 'latest' }], [{ blockHash, address: contract }], [{ fromBlock: 'earliest', topics: [null, [slot]] }]],
  eth_getBalance: each([wallet.address, poor], 'latest'),
  eth_getStorageAt: each([contract, poor], '0x0', 'latest'),
  eth_getStorageValues: [[{ [contract]: [slot] }, 'latest']],
  eth_getTransactionCount: each([wallet.address, poor], 'pending'),
  eth_getCode: each([contract, delegate.address, poor], 'latest'),
  eth_getProof: each([contract, poor], [slot], number),
  eth_sendRawTransaction: [[later]],
  eth_getTransactionByHash: each([...hashes, await provider.send('web3_sha3', [later])]),
  eth_getTransactionByBlockHashAndIndex: [[blockHash, '0x0'], [blockHash, '0x1'], [blockHash, '0xff']],
  eth_getTransactionByBlockNumberAndIndex: [[number, '0x0'], [number, '0x1'], [number, '0xff']],
  eth_getTransactionReceipt: each(hashes),
  txpool_status: [[]],
  txpool_content: [[]],
  txpool_contentFrom: each([wallet.address]),
}
// Of a consensus client, of a wallet, or for others' test networks: a node of this rollup does not have them.
const ELSEWHERE = /^(engine|wallet|testing|personal)_|^eth_(sign|signTransaction|signTypedData_v4|sendTransaction|coinbase|accounts|requestAccounts|decrypt|getEncryptionPublicKey|subscribe|unsubscribe)$|BlockAccessList$/

const seen = { results: 0, left: 0, missing: [], wrong: new Map() }
for (const name of names) assert(REQUESTS[name] || ELSEWHERE.test(name), `${name} is described, and nothing asks for it`)
for (const [method, requests] of Object.entries(REQUESTS)) {
  if (!described(method)) continue
  for (const parameters of requests) {
    assert.deepStrictEqual(misasked(method, parameters), [], `${method} ${JSON.stringify(parameters)}`)
    await ask(method, parameters)
  }
}
console.log(`${seen.results} results, ${seen.left} of them null or of a type that it lacks; not there: ${seen.missing.join(' ') || 'none'}`)
for (const [what, example] of seen.wrong) console.log(`${what}\n    ${example}`)
provider.destroy()
assert.strictEqual(seen.wrong.size, 0, 'results that are not as described')
console.log('done')

async function ask(method, parameters) {
  const response = await fetch(process.env.L2_RPC, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: parameters }),
  })
  const { result, error } = await response.json()
  if (error?.code === -32601) {
    if (!seen.missing.includes(method)) seen.missing.push(method)
    return
  }
  const about = `${method} ${JSON.stringify(parameters).slice(0, 160)}`
  if (error) return void seen.wrong.set(`${method}: an error: ${JSON.stringify(error)}`, about)
  seen.results += 1
  // Nothing there: clients expect null, whether or not a schema has it.
  if (result === null || isUnknown(result)) return void (seen.left += 1)
  for (const violation of violations(method, plain(result))) {
    seen.wrong.set(`${method}: ${violation.replace(/\/\d+/g, '/N')}`, about)
  }
}

/** A result as a chain without the OP Stack would have it: no deposits, none of its fields in receipts. */
function plain(value) {
  if (Array.isArray(value)) return value.filter((item) => !isUnknown(item)).map(plain)
  if (value === null || typeof value !== 'object') return value
  const isReceipt = 'cumulativeGasUsed' in value
  const fields = Object.entries(value).filter(([name]) => !(isReceipt && OP_STACK.test(name)))
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]))
}

/** Of a type that the document does not know. */
function isUnknown(value) {
  return value?.type === '0x7e'
}
