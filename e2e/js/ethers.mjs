// A plain wallet session with ethers, unmodified: what a dapp does all day, on L2 as on any chain, a deposit, and a
// withdrawal's first step.
import { AbiCoder, Contract, JsonRpcProvider, Wallet, WebSocketProvider, formatEther, id, keccak256, parseEther } from 'ethers'
import { devnet, equal, failure, funded, ok, step, until } from './common.mjs'

const WETH = '0x4200000000000000000000000000000000000006'
const PASSER = '0x4200000000000000000000000000000000000016'

// Without a cache: it would answer from before a transaction.
const provider = new JsonRpcProvider(devnet.l2_rpc, undefined, { cacheTimeout: -1 })
provider.pollingInterval = 250
const wallet = new Wallet(funded.private_key, provider)
const to = '0x00000000000000000000000000000000000e7e75'

step('the network')
equal((await provider.getNetwork()).chainId, BigInt(devnet.l2_chain_id))
const block = await provider.getBlock('latest', true)
ok(block.number >= 0 && block.gasLimit > 0n && block.baseFeePerGas > 0n)
for (const tag of ['safe', 'finalized', 'earliest', 'pending']) ok(await provider.getBlock(tag))
const fees = await provider.getFeeData()
ok(fees.maxFeePerGas > 0n && fees.gasPrice > 0n)
// Blocks with deposits in them read like others: the first transaction of each block is one.
const second = await provider.getBlock(1, true)
const attributes = second.getPrefetchedTransaction(0)
equal(attributes.type, 0x7e)
equal((await provider.getTransactionReceipt(attributes.hash)).type, 0x7e)

step('a transfer')
const nonce = await wallet.getNonce()
const before = await provider.getBalance(to)
const sent = await wallet.sendTransaction({ to, value: parseEther('1.5') })
const receipt = await sent.wait()
equal(receipt.status, 1)
equal(receipt.gasUsed, 21_000n)
equal(await provider.getBalance(to), before + parseEther('1.5'))
equal(formatEther((await provider.getTransaction(sent.hash)).value), '1.5')
equal(await wallet.getNonce('pending'), nonce + 1)
equal(await provider.getTransactionReceipt(id('nothing')), null)
equal(await provider.getTransaction(id('nothing')), null)

step('a contract')
const weth = new Contract(
  WETH,
  [
    'function deposit() payable',
    'function transfer(address, uint256) returns (bool)',
    'function withdraw(uint256)',
    'function balanceOf(address) view returns (uint256)',
    'event Transfer(address indexed src, address indexed dst, uint256 wad)',
    'error InsufficientBalance(uint256 balance, uint256 wad)',
  ],
  wallet,
)
const held = await weth.balanceOf(to)
await (await weth.deposit({ value: 10n })).wait()
const transfer = await (await weth.transfer(to, 4n)).wait()
equal(await weth.balanceOf(to), held + 4n)
equal(transfer.logs.length, 1)
equal(weth.interface.parseLog(transfer.logs[0]).args.wad, 4n)
const events = await weth.queryFilter(weth.filters.Transfer(null, to), transfer.blockNumber, 'latest')
ok(events.some((event) => event.transactionHash === transfer.hash))
// The past stays readable.
equal(await weth.balanceOf(to, { blockTag: transfer.blockNumber - 1 }), held)

step('errors')
const reverted = await failure('withdrawing too much', weth.withdraw.staticCall(parseEther('1000000')))
equal(reverted.code, 'CALL_EXCEPTION')
equal(reverted.revert.name, 'InsufficientBalance')
const poor = Wallet.createRandom().connect(provider)
equal((await failure('a transfer without funds', poor.sendTransaction({ to, value: 1n }))).code, 'INSUFFICIENT_FUNDS')
const stale = wallet.sendTransaction({ to, nonce, gasLimit: 21_000n })
equal((await failure('a used nonce', stale)).code, 'NONCE_EXPIRED')

step('a subscription')
const socket = new WebSocketProvider(devnet.l2_ws)
const seen = new Promise((resolve) => socket.once('block', resolve))
ok((await seen) > 0)
await socket.destroy()

step('a deposit')
const l1 = new JsonRpcProvider(devnet.l1_rpc)
l1.pollingInterval = 250
const portal = new Contract(
  devnet.contracts.portal,
  [
    'function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data) payable',
    'function provenWithdrawals(bytes32, address) view returns (address, uint64)',
    'function numProofSubmitters(bytes32) view returns (uint256)',
    'function checkWithdrawal(bytes32, address) view',
    'error OptimismPortal_Unproven()',
  ],
  new Wallet(funded.private_key, l1),
)
const balance = await provider.getBalance(to)
const value = parseEther('0.25')
const deposit = await (await portal.depositTransaction(to, value, 100_000n, false, '0x', { value })).wait()
equal(deposit.status, 1)
await until('the deposit', async () => (await provider.getBalance(to)) === balance + value)

step('a withdrawal')
const passer = new Contract(
  PASSER,
  [
    'function initiateWithdrawal(address target, uint256 gasLimit, bytes data) payable',
    'function sentMessages(bytes32) view returns (bool)',
    'event MessagePassed(uint256 indexed nonce, address indexed sender, address indexed target, uint256 value, uint256 gasLimit, bytes data, bytes32 withdrawalHash)',
  ],
  wallet,
)
const initiated = await (await passer.initiateWithdrawal(wallet.address, 21_000n, '0x', { value: 1n })).wait()
const passed = passer.interface.parseLog(initiated.logs[0]).args
equal(await passer.sentMessages(passed.withdrawalHash), true)
equal(await portal.numProofSubmitters(passed.withdrawalHash), 0n)
const unproven = await failure('checking it', portal.checkWithdrawal(passed.withdrawalHash, wallet.address))
equal(unproven.revert.name, 'OptimismPortal_Unproven')
const slot = keccak256(AbiCoder.defaultAbiCoder().encode(['bytes32', 'uint256'], [passed.withdrawalHash, 0]))
const proof = await provider.send('eth_getProof', [PASSER, [slot], 'latest'])
equal(BigInt(proof.storageProof[0].value), 1n)
ok(proof.accountProof.length > 0 && proof.storageProof[0].proof.length > 0)

provider.destroy()
l1.destroy()
step('done')
