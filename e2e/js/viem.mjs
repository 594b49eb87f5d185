// viem's OP Stack client, unmodified: ETH and tokens in and out, statuses at every stage, fee estimates, a message that
// fails and is relayed again, a withdrawal whose call fails.
import {
  decodeEventLog,
  encodeFunctionData,
  erc20Abi,
  keccak256,
  parseAbi,
  parseEther,
  parseEventLogs,
  TransactionReceiptNotFoundError,
} from 'viem'
import { getL2TransactionHashes, getWithdrawals } from 'viem/op-stack'
import { account, l1, l1Chain, l1Wallet, l2, l2Chain, l2Wallet } from './chains.mjs'
import { devnet, equal, failure, ok, step, until } from './common.mjs'

const WETH = '0x4200000000000000000000000000000000000006'
const L2_MESSENGER = '0x4200000000000000000000000000000000000007'
const L2_BRIDGE = '0x4200000000000000000000000000000000000010'
const bridgeAbi = parseAbi([
  'function depositERC20(address l1Token, address l2Token, uint256 amount, uint32 minGasLimit, bytes extraData)',
  'function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes extraData) payable',
])
const messengerAbi = parseAbi([
  'function sendMessage(address target, bytes message, uint32 minGasLimit) payable',
  'function relayMessage(uint256 nonce, address sender, address target, uint256 value, uint256 minGasLimit, bytes message) payable',
  'function failedMessages(bytes32) view returns (bool)',
  'function successfulMessages(bytes32) view returns (bool)',
  'event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit)',
])
const portalAbi = parseAbi(['event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success)'])
const wethAbi = parseAbi([
  'function deposit() payable',
  'function approve(address, uint256) returns (bool)',
  'function transferFrom(address, address, uint256) returns (bool)',
  'function balanceOf(address) view returns (uint256)',
])

/** Waits for an L1 transaction, and for the L2 transactions that viem says it deposits. */
async function deposited(hash) {
  const receipt = await l1.waitForTransactionReceipt({ hash })
  equal(receipt.status, 'success')
  const hashes = getL2TransactionHashes(receipt)
  equal(hashes.length, 1)
  return l2.waitForTransactionReceipt({ hash: hashes[0], timeout: 60_000 })
}

async function sent(client, hash) {
  const receipt = await client.waitForTransactionReceipt({ hash })
  equal(receipt.status, 'success')
  return receipt
}

const status = (receipt) => l1.getWithdrawalStatus({ receipt, targetChain: l2Chain })
const l2Balance = () => l2.getBalance({ address: account.address })
const l1Balance = () => l1.getBalance({ address: account.address })

async function depositEth() {
  step('deposit ETH')
  const before = await l2Balance()
  const mint = parseEther('1.25')
  const request = await l2.buildDepositTransaction({ account, mint, to: account.address })
  const gas = await l1.estimateDepositTransactionGas(request)
  const hash = await l1Wallet.depositTransaction(request)
  const l1Receipt = await l1.waitForTransactionReceipt({ hash })
  ok(l1Receipt.gasUsed <= gas && l1Receipt.gasUsed > (gas * 8n) / 10n, 'the gas estimate fits')
  const receipt = await deposited(hash)
  equal(receipt.status, 'success')
  equal(receipt.type, '0x7e')
  equal(await l2Balance(), before + mint)
  const [l2Hash] = getL2TransactionHashes(l1Receipt)
  const transaction = await l2.getTransaction({ hash: l2Hash })
  equal(transaction.type, 'deposit')
  equal(transaction.mint, mint)
  const unknown = failure('an unknown hash', l2.getTransactionReceipt({ hash: keccak256('0x01') }))
  ok((await unknown) instanceof TransactionReceiptNotFoundError)
}

async function depositThatFails() {
  step('deposit whose call fails on L2: the ETH is there nevertheless')
  const before = await l2Balance()
  const mint = parseEther('0.5')
  // Nobody but the protocol may call this.
  const request = { to: '0x4200000000000000000000000000000000000015', data: '0x098999be', mint, gas: 100_000n }
  const receipt = await deposited(await l1Wallet.depositTransaction({ request, targetChain: l2Chain }))
  equal(receipt.status, 'reverted')
  equal(await l2Balance(), before + mint)
}

async function oddDeposits() {
  step('deposits of odd shapes')
  const deposit = (request) => l1Wallet.depositTransaction({ request, targetChain: l2Chain })
  const to = '0x00000000000000000000000000000000000b0b02'
  // Creates a contract without code, which keeps the ETH.
  const creation = { isCreation: true, data: '0x00', mint: 7n, value: 7n, gas: 100_000n }
  const created = await deposited(await deposit(creation))
  equal(created.status, 'success')
  equal(await l2.getBalance({ address: created.contractAddress }), 7n)
  // A creation with less gas than creations cost: it fails, and the ETH is there nevertheless.
  const before = await l2Balance()
  const starved = await deposited(await deposit({ ...creation, mint: 9n, value: 9n, gas: 21_040n }))
  equal(starved.status, 'reverted')
  equal(await l2Balance(), before + 9n)
  // More value than there is.
  const poor = await deposited(await deposit({ to, mint: 1n, value: parseEther('1000000'), gas: 100_000n }))
  equal(poor.status, 'reverted')
  equal(await l2.getBalance({ address: to }), 0n)
  // As much data as may be, with just the gas that it needs; and one byte, or one gas, beyond.
  const largest = { to, data: `0x${'11'.repeat(120_000)}`, mint: 0n, gas: 21_000n + 40n * 120_000n }
  equal((await deposited(await deposit(largest))).status, 'success')
  await failure('a deposit with too much data', deposit({ ...largest, data: `${largest.data}11`, gas: 5_000_000n }))
  await failure('a deposit with too little gas', deposit({ ...largest, gas: largest.gas - 1n }))
  await failure('a deposit without gas', deposit({ to, mint: 1n, gas: 0n }))
}

async function messageThatFails() {
  step('message whose call fails on L2: relayed again later')
  const to = '0x00000000000000000000000000000000000b0b00'
  const message = encodeFunctionData({
    abi: wethAbi,
    functionName: 'transferFrom',
    args: [account.address, to, 5n],
  })
  const hash = await l1Wallet.writeContract({
    address: devnet.contracts.l1CrossDomainMessenger,
    abi: messengerAbi,
    functionName: 'sendMessage',
    args: [WETH, message, 200_000],
  })
  const l1Receipt = await sent(l1, hash)
  equal((await deposited(hash)).status, 'success')
  const event = l1Receipt.logs
    .filter((log) => log.address.toLowerCase() === devnet.contracts.l1CrossDomainMessenger.toLowerCase())
    .map((log) => {
      try {
        return decodeEventLog({ abi: messengerAbi, ...log })
      } catch {
        return undefined
      }
    })
    .find((found) => found?.eventName === 'SentMessage')
  const relay = {
    abi: messengerAbi,
    functionName: 'relayMessage',
    args: [event.args.messageNonce, account.address, WETH, 0n, 200_000n, message],
  }
  const messageHash = keccak256(encodeFunctionData(relay))
  const messenger = { address: L2_MESSENGER, abi: messengerAbi }
  const read = (functionName) => l2.readContract({ ...messenger, functionName, args: [messageHash] })
  equal(await read('failedMessages'), true)

  const weth = { address: WETH, abi: wethAbi }
  const write = async (parameters) => sent(l2, await l2Wallet.writeContract(parameters))
  await write({ ...weth, functionName: 'deposit', value: 5n })
  await write({ ...weth, functionName: 'approve', args: [L2_MESSENGER, 5n] })
  // With the gas that viem estimates: what is too little reverts instead of failing once more.
  await write({ address: L2_MESSENGER, ...relay })
  equal(await read('successfulMessages'), true)
  equal(await l2.readContract({ ...weth, functionName: 'balanceOf', args: [to] }), 5n)
  await failure('relaying it once more', l2Wallet.writeContract({ address: L2_MESSENGER, ...relay }))
}

async function fees() {
  step('fee estimates')
  const transfer = { account, to: '0x00000000000000000000000000000000000b0b01', value: 1n }
  const l1Fee = await l2.estimateL1Fee(transfer)
  const l1Gas = await l2.estimateL1Gas(transfer)
  const total = await l2.estimateTotalFee(transfer)
  const operator = await l2.estimateOperatorFee(transfer)
  ok(l1Fee > 0n && l1Gas > 0n && (await l2.getL1BaseFee()) > 0n)
  ok(total > l1Fee + operator, 'the whole is more than these parts')
  ok((await l2.estimateTotalGas(transfer)) >= 21_000n + l1Gas)
  const contract = { account, address: WETH, abi: wethAbi, functionName: 'deposit', value: 1n }
  ok((await l2.estimateContractL1Fee(contract)) > 0n)
  ok((await l2.estimateContractTotalFee(contract)) > (await l2.estimateContractL1Fee(contract)))

  const before = await l2Balance()
  const receipt = await sent(l2, await l2Wallet.sendTransaction(transfer))
  const spent = before - (await l2Balance()) - 1n
  equal(spent, receipt.gasUsed * receipt.effectiveGasPrice + receipt.l1Fee, 'the receipt tells the whole price')
  // L1's base fee may have moved in between.
  ok(receipt.l1Fee > l1Fee / 2n && receipt.l1Fee < l1Fee * 2n, 'the estimate of the L1 fee fits')
}

async function initiateEth() {
  step('withdraw ETH')
  const request = await l1.buildInitiateWithdrawal({ account, to: account.address, value: parseEther('0.75') })
  const gas = await l2.estimateInitiateWithdrawalGas(request)
  let receipt
  // Unless the proposer is faster than the question.
  for (let tries = 0; ; ++tries) {
    receipt = await sent(l2, await l2Wallet.initiateWithdrawal(request))
    ok(receipt.gasUsed <= gas)
    if ((await status(receipt)) === 'waiting-to-prove') break
    ok(tries < 5, 'it is not waiting to be proven')
  }
  ok((await l1.getTimeToProve({ receipt, targetChain: l2Chain })).seconds >= 0)
  return receipt
}

async function depositTokens() {
  step('deposit tokens')
  const { l1: token, l2: l2Token } = devnet.sample_token
  const amount = parseEther('100')
  const mint = parseAbi(['function mint(address to, uint256 value)'])
  const write = async (parameters) => {
    const hash = await l1Wallet.writeContract(parameters)
    await sent(l1, hash)
    return hash
  }
  await write({ address: token, abi: mint, functionName: 'mint', args: [account.address, amount] })
  const bridge = devnet.contracts.l1StandardBridge
  await write({ address: token, abi: erc20Abi, functionName: 'approve', args: [bridge, amount] })
  await until('the token on L2', async () => (await l2.getCode({ address: l2Token })) !== undefined)
  const args = [token, l2Token, amount, 200_000, '0x']
  const hash = await write({ address: bridge, abi: bridgeAbi, functionName: 'depositERC20', args })
  equal((await deposited(hash)).status, 'success')
  const balanceOf = { abi: erc20Abi, functionName: 'balanceOf', args: [account.address] }
  equal(await l2.readContract({ address: l2Token, ...balanceOf }), amount)
  equal(await l2.readContract({ address: l2Token, abi: erc20Abi, functionName: 'symbol' }), 'SMPL')
}

async function initiateTokens() {
  step('withdraw tokens')
  const args = [devnet.sample_token.l2, parseEther('40'), 200_000, '0x']
  const hash = await l2Wallet.writeContract({ address: L2_BRIDGE, abi: bridgeAbi, functionName: 'withdraw', args })
  return sent(l2, hash)
}

async function initiateFailing() {
  step('withdraw with a call that fails on L1')
  // The bridge has no such function.
  const call = { to: devnet.contracts.l1StandardBridge, data: '0x12345678', gas: 100_000n, value: 3n }
  const request = await l1.buildInitiateWithdrawal({ account, ...call })
  return sent(l2, await l2Wallet.initiateWithdrawal(request))
}

async function prove(receipt, what) {
  step(`wait to prove ${what}`)
  const { output, withdrawal } = await l1.waitToProve({ receipt, targetChain: l2Chain })
  equal(await status(receipt), 'ready-to-prove')
  const request = await l2.buildProveWithdrawal({ account, output, withdrawal })
  ok((await l1.estimateProveWithdrawalGas(request)) > 0n)
  step(`prove ${what}`)
  await sent(l1, await l1Wallet.proveWithdrawal(request))
  equal(await status(receipt), 'waiting-to-finalize')
  return withdrawal
}

async function finalize(receipt, withdrawal, what) {
  step(`wait to finalize ${what}`)
  const { withdrawalHash } = withdrawal
  ok((await l1.getTimeToFinalize({ withdrawalHash, targetChain: l2Chain })).seconds >= 0)
  await l1.waitToFinalize({ withdrawalHash, targetChain: l2Chain })
  // viem's estimate ends when the game can be decided; the proposer decides it soon after.
  await until('ready to finalize', async () => (await status(receipt)) === 'ready-to-finalize')
  step(`finalize ${what}`)
  const request = { account, withdrawal, targetChain: l2Chain }
  const gas = await l1.estimateFinalizeWithdrawalGas(request)
  const done = await sent(l1, await l1Wallet.finalizeWithdrawal({ withdrawal, targetChain: l2Chain }))
  ok(done.gasUsed <= gas)
  equal(await status(receipt), 'finalized')
  await failure('finalizing it again', l1Wallet.finalizeWithdrawal({ withdrawal, targetChain: l2Chain }))
  return done
}

equal(await l2.getChainId(), devnet.l2_chain_id)
await depositEth()
await depositTokens()
const eth = await initiateEth()
const tokens = await initiateTokens()
const failing = await initiateFailing()
equal(getWithdrawals(tokens).length, 1)
await depositThatFails()
await oddDeposits()
await messageThatFails()
await fees()

const failingWithdrawal = await prove(failing, 'the call')
const ethWithdrawal = await prove(eth, 'ETH')
const tokenWithdrawal = await prove(tokens, 'tokens')

// It is over, and stands in nobody's way.
const { logs } = await finalize(failing, failingWithdrawal, 'the call')
const [finalized] = parseEventLogs({ abi: portalAbi, logs })
equal(finalized.args.withdrawalHash, failingWithdrawal.withdrawalHash)
equal(finalized.args.success, false)

const before = await l1Balance()
const done = await finalize(eth, ethWithdrawal, 'ETH')
equal(await l1Balance(), before + parseEther('0.75') - done.gasUsed * done.effectiveGasPrice)

const tokenBalance = () =>
  l1.readContract({
    address: devnet.sample_token.l1,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [account.address],
  })
const tokensBefore = await tokenBalance()
await finalize(tokens, tokenWithdrawal, 'tokens')
equal(await tokenBalance(), tokensBefore + parseEther('40'))
step('done')
