import { describe, expect, it } from 'vitest'
import { ago, big, bytes, compact, count, duration, ether, exactEther, int, percent, price, shorten, units } from '../src/format'

describe('amounts', () => {
  it('chooses the unit that people read', () => {
    expect(ether('0')).toBe('0 ETH')
    expect(ether('1')).toBe('1 wei')
    expect(ether('99999')).toBe('99,999 wei')
    expect(ether('1427000000000')).toBe('1,427 gwei')
    expect(ether('10000000000000')).toBe('0.00001 ETH')
    expect(ether(10n ** 18n)).toBe('1 ETH')
    expect(ether(1234567890123456789n)).toBe('1.235 ETH')
    expect(ether(1234567n * 10n ** 18n)).toBe('1,234,567 ETH')
  })

  it('keeps the exact value for the title', () => {
    expect(exactEther('1234567890123456789')).toBe('1.234567890123456789 ETH (1,234,567,890,123,456,789 wei)')
  })

  it('survives what is no number', () => {
    expect(big('garbage')).toBe(0n)
    expect(big(null)).toBe(0n)
    expect(big('0x10')).toBe(16n)
    expect(ether('garbage')).toBe('0 ETH')
  })

  it('writes prices of gas', () => {
    expect(price('1234567890')).toBe('1.235 gwei')
    expect(price('7')).toBe('7 wei')
    expect(price('0')).toBe('0 gwei')
  })

  it('writes tokens with any decimals', () => {
    expect(units(1500000n, 6)).toBe('1.5')
    expect(units(15n, 0)).toBe('15')
    expect(() => units(1n, 255)).not.toThrow()
  })
})

describe('numbers', () => {
  it('groups digits', () => {
    expect(int(1234567)).toBe('1,234,567')
    expect(count(1, 'block')).toBe('1 block')
    expect(count(2, 'batch', 'batches')).toBe('2 batches')
  })

  it('shortens what is large', () => {
    expect(compact(999)).toBe('999')
    expect(compact(1_234_567)).toBe('1.235 M')
    expect(compact(12_345)).toBe('12.35 k')
    expect(bytes(999)).toBe('999 B')
    expect(bytes(7300)).toBe('7.3 kB')
    expect(percent(1, 3)).toBe('33 %')
    expect(percent(1, 0)).toBe('–')
    expect(percent(1, 1000)).toBe('< 1 %')
    expect(shorten('0x1234567890abcdef1234')).toBe('0x1234…1234')
    expect(shorten('0x1234')).toBe('0x1234')
  })
})

describe('times', () => {
  it('says how long', () => {
    expect(duration(0)).toBe('0 s')
    expect(duration(59)).toBe('59 s')
    expect(duration(60)).toBe('1 min')
    expect(duration(3725)).toBe('1 h 2 min')
    expect(duration(302400)).toBe('3 d 12 h')
    expect(duration(-5)).toBe('0 s')
  })

  it('says how long ago', () => {
    expect(ago(100, 101)).toBe('just now')
    expect(ago(100, 112)).toBe('12 s ago')
    expect(ago(0, 185)).toBe('3 min ago')
    expect(ago(1000, 100)).toBe('in 15 min')
  })
})
