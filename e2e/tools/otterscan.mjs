// What Otterscan 2.10's pages ask a node: its probe, then a block, a transaction and an address, with the parameters that they
// send (plain numbers among them) and through the same provider of ethers, which batches. No registry has its built page, so
// that this is the sequence of requests and what the page reads of their answers, not the page.
//
//     L2_RPC=… PRIVATE_KEY=… node otterscan.mjs
import assert from 'node:assert'
import { Interface, JsonRpcProvider, Wallet } from 'ethers'

const PAGE = 25
const provider = new JsonRpcProvider(process.env.L2_RPC, undefined, { staticNetwork: true, cacheTimeout: -1 })
provider.pollingInterval = 100
const ask = (method, ...parameters) => provider.send(method, parameters)
const step = (what) => console.log(what)
const { equal, ok } = assert.strict

step('what the pages will show')
const wallet = new Wallet(process.env.PRIVATE_KEY, provider)
const WETH = '0x4200000000000000000000000000000000000006'
const weth = new Interface(['function deposit() payable', 'function withdraw(uint256)'])
const made = await (await wallet.sendTransaction({ data: '0x6001600081538060016000f3' })).wait()
await (await wallet.sendTransaction({ to: WETH, data: weth.encodeFunctionData('deposit'), value: 5n })).wait()
const paid = await (await wallet.sendTransaction({ to: WETH, data: weth.encodeFunctionData('withdraw', [2n]) })).wait()
const failed = await (await wallet.sendTransaction({ to: WETH, data: weth.encodeFunctionData('withdraw', [9n]), gasLimit: 100_000n }))
  .wait()
  .catch((error) => error.receipt)
const nonce = (await wallet.getNonce()) - 2

step('the probe')
ok((await ask('ots_getApiLevel')) >= 8)
const [height, header, network] = await Promise.all([provider.getBlockNumber(), ask('erigon_getHeaderByNumber', 'latest'), provider.getNetwork()])
ok(BigInt(header.number) >= BigInt(paid.blockNumber) && height >= paid.blockNumber && network.chainId > 0n)

step('the home page')
ok((await provider.getBlock('latest')) && (await provider.getBlock('finalized')) && (await provider.getFeeData()))

step('a block')
const details = await ask('ots_getBlockDetails', paid.blockNumber)
equal(details.block.hash, paid.blockHash)
equal(Number(details.block.transactionCount), (await provider.getBlock(paid.blockNumber)).transactions.length)
ok(BigInt(details.totalFees) > 0n && details.issuance && BigInt(details.block.size) > 0n)
equal((await ask('ots_getBlockDetailsByHash', paid.blockHash)).block.number, details.block.number)
const page = await ask('ots_getBlockTransactions', paid.blockNumber, 0, PAGE)
equal(page.fullblock.transactions.length, page.receipts.length)
equal(page.fullblock.transactions[paid.index].hash, paid.hash)
equal(Number(page.receipts[paid.index].status), 1)
equal(Number(page.fullblock.transactionCount), Number(details.block.transactionCount))
equal(await ask('ots_getBlockDetails', 0xfffffff), null)

step('a transaction')
const [transaction, receipt] = await Promise.all([provider.getTransaction(paid.hash), provider.getTransactionReceipt(paid.hash)])
equal(transaction.nonce, nonce)
equal(await receipt.confirmations() > 0, true)
const operations = await ask('ots_getInternalOperations', paid.hash)
equal(operations.length, 1)
equal(BigInt(operations[0].value), 2n)
equal(operations[0].to.toLowerCase(), wallet.address.toLowerCase())
const trace = await ask('ots_traceTransaction', paid.hash)
assert.deepEqual(trace.map(({ type, depth }) => [type, depth]), [['CALL', 0], ['CALL', 1]])
equal(BigInt(trace[1].value), 2n)
equal(trace[0].input.slice(0, 10), weth.getFunction('withdraw').selector)
ok(['0x', null].includes(await ask('ots_getTransactionError', paid.hash)))
equal((await ask('ots_getTransactionError', failed.hash)).slice(0, 10), await revertOf(failed))
equal(await ask('ots_getTransactionBySenderAndNonce', wallet.address, nonce), paid.hash)
equal(await ask('ots_getTransactionBySenderAndNonce', wallet.address, 1_000_000), null)

step('an address')
equal(await ask('ots_hasCode', WETH, 'latest'), true)
equal(await ask('ots_hasCode', wallet.address, 'latest'), false)
const creator = await ask('ots_getContractCreator', made.contractAddress)
equal(creator.hash, made.hash)
equal(creator.creator.toLowerCase(), wallet.address.toLowerCase())
equal(await ask('ots_getContractCreator', wallet.address), null)
const newest = await ask('ots_searchTransactionsBefore', wallet.address, 0, PAGE)
ok(newest.firstPage && newest.txs.length === newest.receipts.length)
equal(newest.txs[0].hash, failed.hash)
equal(newest.txs[1].hash, paid.hash)
ok(BigInt(newest.receipts[0].timestamp) > 0n)
const oldest = await ask('ots_searchTransactionsAfter', wallet.address, 0, PAGE)
ok(oldest.lastPage && oldest.txs.some(({ hash }) => hash === made.hash))
const before = await ask('ots_searchTransactionsBefore', wallet.address, paid.blockNumber, PAGE)
ok(before.txs.every(({ blockNumber }) => BigInt(blockNumber) < BigInt(paid.blockNumber)))

provider.destroy()
step('done')

/** The first four bytes of what a failed transaction reverted with, by the call that it was. */
async function revertOf({ hash, blockNumber }) {
  const { to, from, data } = await provider.getTransaction(hash)
  const error = await ask('eth_call', { to, from, data }, `0x${blockNumber.toString(16)}`).then(
    () => assert.fail('it does not revert'),
    (error) => error,
  )
  return (error.data ?? error.error?.data ?? error.info?.error?.data).slice(0, 10)
}
