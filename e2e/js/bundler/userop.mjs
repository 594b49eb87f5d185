// A smart account, made and used by user operations that a bundler takes: what a wallet of ERC-4337 does, with viem as it
// is, against EntryPoint 0.7 where L2 has it from the beginning.
//
//     node userop.mjs DEVNET_JSON ACCOUNT BUNDLER_URL
import { readFileSync } from 'node:fs'
import {
  BaseError,
  createPublicClient,
  createWalletClient,
  defineChain,
  encodeFunctionData,
  http,
  parseEther,
  parseEventLogs,
} from 'viem'
import {
  UserOperationReceiptNotFoundError,
  createBundlerClient,
  entryPoint07Abi,
  entryPoint07Address,
  getUserOperationHash,
  toSmartAccount,
} from 'viem/account-abstraction'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { devnet, equal, failure, funded, ok, step, until } from '../common.mjs'

const artifact = (name) => {
  const file = `./node_modules/@account-abstraction/contracts/artifacts/${name}.json`
  return JSON.parse(readFileSync(new URL(file, import.meta.url)))
}
const [factoryCode, accountCode] = [artifact('SimpleAccountFactory'), artifact('SimpleAccount')]

const chain = defineChain({
  id: devnet.l2_chain_id,
  name: 'Devnet L2',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [devnet.l2_rpc] } },
})
const options = { chain, transport: http(), pollingInterval: 250 }
const client = createPublicClient(options)
const wallet = createWalletClient({ ...options, account: privateKeyToAccount(funded.private_key) })
const bundler = createBundlerClient({ ...options, client, transport: http(process.argv[4]) })
const mined = (hash) => client.waitForTransactionReceipt({ hash })
const balance = (address) => client.getBalance({ address })

step('the bundler')
equal(await bundler.getChainId(), devnet.l2_chain_id)
equal((await bundler.getSupportedEntryPoints()).join(), entryPoint07Address)

step('the factory of accounts')
const deployed = await mined(await wallet.deployContract({ ...factoryCode, args: [entryPoint07Address] }))
const factory = { address: deployed.contractAddress, abi: factoryCode.abi }

const stranger = privateKeyToAccount(generatePrivateKey())
const nonceOf = (address) =>
  client.readContract({
    address: entryPoint07Address,
    abi: entryPoint07Abi,
    functionName: 'getNonce',
    args: [address, 0n],
  })

/** An account of an owner as the factory makes it, as viem is told of accounts. */
async function simpleAccount(owner) {
  const args = [owner.address, 0n]
  const address = await client.readContract({ ...factory, functionName: 'getAddress', args })
  return toSmartAccount({
    client,
    entryPoint: { abi: entryPoint07Abi, address: entryPoint07Address, version: '0.7' },
    getAddress: async () => address,
    getFactoryArgs: async () => ({
      factory: factory.address,
      factoryData: encodeFunctionData({ ...factory, functionName: 'createAccount', args }),
    }),
    encodeCalls: async (calls) =>
      encodeFunctionData({
        abi: accountCode.abi,
        functionName: 'executeBatch',
        args: [
          calls.map(({ to }) => to),
          calls.map(({ value }) => value ?? 0n),
          calls.map(({ data }) => data ?? '0x'),
        ],
      }),
    // Of the right form, as estimates need it.
    getStubSignature: () => stranger.signMessage({ message: 'an estimate' }),
    getNonce: () => nonceOf(address),
    signUserOperation: async (operation) => {
      const { chainId = devnet.l2_chain_id, ...userOperation } = { ...operation, sender: address }
      const hash = getUserOperationHash({
        chainId,
        entryPointAddress: entryPoint07Address,
        entryPointVersion: '0.7',
        userOperation,
      })
      return owner.signMessage({ message: { raw: hash } })
    },
    signMessage: ({ message }) => owner.signMessage({ message }),
    signTypedData: (data) => owner.signTypedData(data),
  })
}

const account = await simpleAccount(privateKeyToAccount(generatePrivateKey()))
equal(await client.getCode({ address: account.address }), undefined, 'an account that is not there yet')
await mined(await wallet.sendTransaction({ to: account.address, value: parseEther('1') }))

const to = '0x00000000000000000000000000000000000e4337'
async function perform(calls) {
  // What an operation may cost, the bundler says.
  const fees = (await bundler.request({ method: 'pimlico_getUserOperationGasPrice', params: [] })).fast
  const hash = await bundler.sendUserOperation({
    account,
    calls,
    maxFeePerGas: BigInt(fees.maxFeePerGas),
    maxPriorityFeePerGas: BigInt(fees.maxPriorityFeePerGas),
  })
  const receipt = await bundler.waitForUserOperationReceipt({ hash, pollingInterval: 500, timeout: 60_000 })
  ok(receipt.success && receipt.receipt.status === 'success', `operation ${hash} failed: ${receipt.reason}`)
  equal(receipt.userOpHash, hash)
  equal(receipt.sender, account.address)
  // The same as the node's.
  const transaction = await client.getTransactionReceipt({ hash: receipt.receipt.transactionHash })
  equal(transaction.blockHash, receipt.receipt.blockHash)
  const logs = parseEventLogs({
    abi: entryPoint07Abi,
    logs: transaction.logs,
    eventName: 'UserOperationEvent',
  })
  const event = logs.find((log) => log.args.userOpHash === hash).args
  equal(event.success, true)
  equal(event.actualGasCost, receipt.actualGasCost)
  const known = await bundler.getUserOperation({ hash })
  equal(known.userOperation.sender, account.address)
  equal(known.transactionHash, transaction.transactionHash)
  return transaction
}
step('an operation that makes the account, and sends')
const held = await balance(to)
const first = await perform([{ to, value: 11n }])
equal(await balance(to), held + 11n)
equal(await nonceOf(account.address), 1n)
ok((await client.getCode({ address: account.address })).length > 2)
const made = parseEventLogs({ abi: entryPoint07Abi, logs: first.logs, eventName: 'AccountDeployed' })
equal(made[0].args.sender, account.address)
equal(made[0].args.factory.toLowerCase(), factory.address.toLowerCase())

step('an operation with several calls, of the account that is there')
await perform([
  { to, value: 2n },
  { to, value: 3n },
])
equal(await balance(to), held + 16n)
equal(await nonceOf(account.address), 2n)

step('operations that are refused')
const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n }
const prepared = await bundler.prepareUserOperation({ account, calls: [{ to, value: 1n }], ...fees })
const foreign = await stranger.signMessage({ message: 'not the owner' })
const raw = { entryPointAddress: entryPoint07Address, ...prepared, account: undefined }
const forged = await failure('a forged signature', bundler.sendUserOperation({ ...raw, signature: foreign }))
ok(forged instanceof BaseError && /AA24/.test(forged.message), forged.message)
const signature = await account.signUserOperation(prepared)
const used = await failure('a nonce used before', bundler.sendUserOperation({ ...raw, signature, nonce: 0n }))
ok(/AA2[45]|nonce/i.test(used.message), used.message)
const unknown = await failure(
  'a receipt of nothing',
  bundler.getUserOperationReceipt({ hash: `0x${'11'.repeat(32)}` }),
)
ok(unknown instanceof UserOperationReceiptNotFoundError)
equal(await balance(to), held + 16n)

step('a deposit for the account, which the EntryPoint holds')
await mined(
  await wallet.writeContract({
    address: entryPoint07Address,
    abi: entryPoint07Abi,
    functionName: 'depositTo',
    args: [account.address],
    value: 7n,
  }),
)
await until('the deposit', async () => {
  const args = [account.address]
  const has = await client.readContract({
    address: entryPoint07Address,
    abi: entryPoint07Abi,
    functionName: 'balanceOf',
    args,
  })
  return has >= 7n
})
console.log('done')
