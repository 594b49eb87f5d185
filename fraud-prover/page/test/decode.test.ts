import { encodeAbiParameters, encodeErrorResult, encodeEventTopics, encodeFunctionData, parseAbi } from 'viem'
import { describe, expect, it } from 'vitest'
import { EVENTS, FUNCTIONS, NFT_EVENTS } from '../src/abi'
import { decodeInput, decodeLog, decodeRevert, plain } from '../src/decode'

const A = '0x1111111111111111111111111111111111111111'
const B = '0x2222222222222222222222222222222222222222'

describe('decodeInput', () => {
  it('reads a transfer', () => {
    const input = encodeFunctionData({ abi: FUNCTIONS, functionName: 'transfer', args: [A, 5n] })
    expect(decodeInput(input)).toEqual({
      name: 'transfer', args: [{ name: 'to', type: 'address', value: A }, { name: 'amount', type: 'uint256', value: '5' }],
    })
  })

  it('reads a withdrawal by its known selector', () => {
    const input = encodeFunctionData({ abi: FUNCTIONS, functionName: 'initiateWithdrawal', args: [B, 100000n, '0xab'] })
    expect(input.slice(0, 10)).toBe('0xc2b3e5ac')
    expect(decodeInput(input)?.args.map(({ value }) => value)).toEqual([B, '100000', '0xab'])
  })

  it('takes garbage for unknown', () => {
    for (const input of ['', '0x', '0x12', '0xa9059cbb', '0xa9059cbbff', '0x12345678', 'not hex at all', `0xa9059cbb${'zz'.repeat(64)}`]) {
      expect(decodeInput(input)).toBeNull()
    }
    expect(decodeInput(`0x12345678${'00'.repeat(1_000_000)}`)).toBeNull()
  })
})

describe('decodeLog', () => {
  const data = encodeAbiParameters([{ type: 'uint256' }], [7n])

  it('tells a transfer of coins from one of a single token', () => {
    const coins = encodeEventTopics({ abi: EVENTS, eventName: 'Transfer', args: { from: A, to: B } }) as string[]
    expect(decodeLog(coins, data)?.args[2]).toEqual({ name: 'value', type: 'uint256', value: '7' })
    const single = encodeEventTopics({ abi: NFT_EVENTS, eventName: 'Transfer', args: { from: A, to: B, tokenId: 9n } }) as string[]
    expect(decodeLog(single, '0x')?.args[2]).toEqual({ name: 'tokenId', type: 'uint256', value: '9' })
  })

  it('takes garbage for unknown', () => {
    expect(decodeLog([], '0x')).toBeNull()
    expect(decodeLog(['0x1234'], '0x')).toBeNull()
    const topics = encodeEventTopics({ abi: EVENTS, eventName: 'Transfer', args: { from: A, to: B } }) as string[]
    expect(decodeLog(topics, '0x')).toBeNull()
    expect(decodeLog(topics, '0xzz')).toBeNull()
  })
})

describe('decodeRevert', () => {
  const abi = parseAbi(['error Error(string)', 'error Panic(uint256)'])

  it('reads reasons and panics', () => {
    expect(decodeRevert(encodeErrorResult({ abi, errorName: 'Error', args: ['no'] }))).toBe('no')
    expect(decodeRevert(encodeErrorResult({ abi, errorName: 'Panic', args: [17n] }))).toBe('Panic 17: a number is too large or too small')
    expect(decodeRevert('0x')).toBeNull()
    expect(decodeRevert('0x08c379a0')).toBeNull()
    expect(decodeRevert(undefined)).toBeNull()
  })
})

describe('plain', () => {
  it('writes nested values, and cuts long ones', () => {
    expect(plain([1n, { a: '0x', b: [true] }])).toBe('[1, (a: 0x, b: [true])]')
    expect(plain(Array.from({ length: 70 }, () => 1))).toMatch(/… 6 more\]$/)
  })
})
