import { describe, expect, it } from 'vitest'
import { amount, deposit, deposited, mayWithdraw, withdrawal } from '../src/bridge'

const OWN = `0x${'ab'.repeat(20)}`

describe('amount', () => {
  it('takes amounts of ETH', () => {
    expect(amount('1')).toBe(10n ** 18n)
    expect(amount(' 0.5 ')).toBe(5n * 10n ** 17n)
    expect(amount('0,25')).toBe(25n * 10n ** 16n)
    expect(amount('3.')).toBe(3n * 10n ** 18n)
    expect(amount('0.000000000000000001')).toBe(1n)
  })

  it('takes nothing else', () => {
    for (const text of ['', '0', '-1', '1e3', '1 000', '0x1', '.5', '1.2.3', 'one', '0.0000000000000000001', '9'.repeat(13)]) {
      expect(amount(text)).toBe(null)
    }
  })
})

describe('calls', () => {
  it('bring the amount, and go to the same account', () => {
    for (const call of [deposit(OWN, OWN, 7n), withdrawal(OWN, 7n)]) {
      expect(call.value).toBe(7n)
      expect(call.data).toContain(OWN.slice(2))
    }
  })

  it('know where withdrawals start', () => {
    expect(mayWithdraw('0x4200000000000000000000000000000000000016')).toBe(true)
    expect(mayWithdraw(OWN)).toBe(false)
    expect(mayWithdraw(null)).toBe(false)
  })
})

describe('deposited', () => {
  it('is nothing where L1 logged none, or garbage', () => {
    expect(deposited({ status: '0x1', logs: [] })).toBe(null)
    expect(deposited({ status: '0x1', logs: [{ address: OWN, topics: ['0x01'], data: '0x' }] })).toBe(null)
  })
})
