// Contracts that L2 has from the beginning, used as dapps use them, with viem: a token moved by a signature for Permit2, a
// Safe made and used, contracts deployed by the factories.
//
//     node preinstalls.mjs DEVNET_JSON [ACCOUNT]
import {
  concat,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  getContractAddress,
  http,
  pad,
  parseAbi,
  size,
  zeroAddress,
  zeroHash,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { devnet, equal, failure, funded, ok, step } from './common.mjs'

const WETH = '0x4200000000000000000000000000000000000006'
const PERMIT2 = '0x000000000022D473030F116dDEE9F6B43aC78BA3'
const SAFE = '0xfb1bffC9d739B8D520DaF37dF666da4C687191EA'
const MULTI_SEND = '0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B'
const FACTORIES = ['0x4e59b44847b379578588920cA78FbF26c0B4956C', '0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7']
const CREATE_X = '0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed'
const CREATE2_DEPLOYER = '0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2'

const chain = {
  id: devnet.l2_chain_id,
  name: 'Devnet L2',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [devnet.l2_rpc] } },
}
const options = { chain, transport: http(), pollingInterval: 250 }
const client = createPublicClient(options)
const wallet = createWalletClient({ ...options, account: privateKeyToAccount(funded.private_key) })
const mined = async (hash) => {
  const receipt = await client.waitForTransactionReceipt({ hash })
  equal(receipt.status, 'success')
  return receipt
}
const write = async (request) => mined(await wallet.writeContract(request))
const me = wallet.account.address
const stranger = privateKeyToAccount(generatePrivateKey())

step('a permit for Permit2')
const weth = {
  address: WETH,
  abi: parseAbi([
    'function deposit() payable',
    'function approve(address, uint256) returns (bool)',
    'function balanceOf(address) view returns (uint256)',
  ]),
}
const permit2 = {
  address: PERMIT2,
  abi: parseAbi([
    'struct Details { address token; uint160 amount; uint48 expiration; uint48 nonce; }',
    'struct Permit { Details details; address spender; uint256 sigDeadline; }',
    'function DOMAIN_SEPARATOR() view returns (bytes32)',
    'function permit(address owner, Permit permitSingle, bytes signature)',
    'function transferFrom(address from, address to, uint160 amount, address token)',
    'function allowance(address, address, address) view returns (uint160 amount, uint48 expiration, uint48 nonce)',
    'error InvalidSigner()',
  ]),
}
await write({ ...weth, functionName: 'deposit', value: 100n })
await write({ ...weth, functionName: 'approve', args: [PERMIT2, 100n] })
const late = 2 ** 40
// Of the owner for himself as spender: one account is enough.
const message = {
  details: { token: WETH, amount: 60n, expiration: late, nonce: 0 },
  spender: me,
  sigDeadline: BigInt(late),
}
const signed = (chainId) =>
  wallet.signTypedData({
    domain: { name: 'Permit2', chainId, verifyingContract: PERMIT2 },
    types: {
      PermitSingle: [
        { name: 'details', type: 'PermitDetails' },
        { name: 'spender', type: 'address' },
        { name: 'sigDeadline', type: 'uint256' },
      ],
      PermitDetails: [
        { name: 'token', type: 'address' },
        { name: 'amount', type: 'uint160' },
        { name: 'expiration', type: 'uint48' },
        { name: 'nonce', type: 'uint48' },
      ],
    },
    primaryType: 'PermitSingle',
    message,
  })
const permit = async (chainId) => ({
  ...permit2,
  functionName: 'permit',
  args: [me, message, await signed(chainId)],
})
const foreign = await failure(
  'a permit for mainnet',
  client.simulateContract({ ...(await permit(1)), account: me }),
)
ok(/InvalidSigner/.test(foreign.message), foreign.message)
await write(await permit(devnet.l2_chain_id))
equal((await client.readContract({ ...permit2, functionName: 'allowance', args: [me, WETH, me] }))[0], 60n)
await write({ ...permit2, functionName: 'transferFrom', args: [me, stranger.address, 25n, WETH] })
equal(await client.readContract({ ...weth, functionName: 'balanceOf', args: [stranger.address] }), 25n)
equal((await client.readContract({ ...permit2, functionName: 'allowance', args: [me, WETH, me] }))[0], 35n)

step('contracts deployed by the factories')
// Returns one byte of code: STOP.
const creation = '0x60015f5360015ff3'
for (const factory of FACTORIES) {
  await mined(await wallet.sendTransaction({ to: factory, data: concat([zeroHash, creation]) }))
  const address = getContractAddress({ opcode: 'CREATE2', from: factory, salt: zeroHash, bytecode: creation })
  equal(await client.getCode({ address }), '0x01')
}
const salt = pad('0x77')
await write({
  address: CREATE2_DEPLOYER,
  abi: parseAbi(['function deploy(uint256 value, bytes32 salt, bytes code)']),
  functionName: 'deploy',
  args: [0n, salt, creation],
})
const made = getContractAddress({ opcode: 'CREATE2', from: CREATE2_DEPLOYER, salt, bytecode: creation })
equal(await client.getCode({ address: made }), '0x01')
const createX = {
  address: CREATE_X,
  abi: parseAbi(['function deployCreate3(bytes32 salt, bytes initCode) payable returns (address)']),
}
const { request, result } = await client.simulateContract({
  ...createX,
  functionName: 'deployCreate3',
  args: [salt, creation],
  account: wallet.account,
})
await write(request)
equal(await client.getCode({ address: result }), '0x01')

step('a Safe')
const safeAbi = parseAbi([
  'function setup(address[] owners, uint256 threshold, address to, bytes data, address handler, address token, uint256 payment, address receiver)',
  'function getThreshold() view returns (uint256)',
  'function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) payable returns (bool)',
  'function nonce() view returns (uint256)',
])
const setup = [[me], 1n, zeroAddress, '0x', zeroAddress, zeroAddress, 0n, zeroAddress]
// Nobody can take the singleton for himself, because its constructor has been run.
equal(await client.readContract({ address: SAFE, abi: safeAbi, functionName: 'getThreshold' }), 1n)
ok(
  await failure(
    'a second setup',
    client.simulateContract({ address: SAFE, abi: safeAbi, functionName: 'setup', args: setup, account: me }),
  ),
)
// A minimal proxy (EIP-1167).
const proxy = await mined(
  await wallet.sendTransaction({
    data: concat(['0x3d602d80600a3d3981f3363d3d373d3d3d363d73', SAFE, '0x5af43d82803e903d91602b57fd5bf3']),
  }),
)
const safe = { address: proxy.contractAddress, abi: safeAbi }
await write({ ...safe, functionName: 'setup', args: setup })
await mined(await wallet.sendTransaction({ to: safe.address, value: 10n }))
const to = '0x0000000000000000000000000000000000005afe'
// Two transfers in one delegate call.
const transfer = (value) => concat(['0x00', to, pad(value, { size: 32 }), zeroHash])
const batch = concat([transfer('0x03'), transfer('0x04')])
const data = encodeFunctionData({ abi: parseAbi(['function multiSend(bytes)']), args: [batch] })
ok(size(batch) === 2 * 85)
// The owner as sender has approved what he sends.
const approved = concat([pad(me), zeroHash, '0x01'])
await write({
  ...safe,
  functionName: 'execTransaction',
  args: [MULTI_SEND, 0n, data, 1, 0n, 0n, 0n, zeroAddress, zeroAddress, approved],
})
equal(await client.readContract({ ...safe, functionName: 'nonce' }), 1n)
equal(await client.getBalance({ address: to }), 7n)
console.log('done')
