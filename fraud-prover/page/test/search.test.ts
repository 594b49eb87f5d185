import { describe, expect, it } from 'vitest'
import { pathOf, shape } from '../src/search'

const HASH = `0x${'ab'.repeat(32)}`
const ADDRESS = `0x${'Cd'.repeat(20)}`

describe('shape', () => {
  it('knows numbers of blocks', () => {
    for (const text of ['12345', ' 12,345 ', '12_345', '#12345', 'block 12345', 'Block #12345']) {
      expect(shape(text)).toEqual({ kind: 'block', number: 12345 })
    }
  })

  it('knows batches and disputes', () => {
    expect(shape('batch 12')).toEqual({ kind: 'batch', index: 12 })
    expect(shape('BATCH#0')).toEqual({ kind: 'batch', index: 0 })
    expect(shape('dispute 3')).toEqual({ kind: 'game', index: 3 })
    expect(shape('game no. 3')).toEqual({ kind: 'game', index: 3 })
  })

  it('knows hashes and addresses, with and without 0x', () => {
    expect(shape(HASH)).toEqual({ kind: 'hash', hash: HASH })
    expect(shape(HASH.slice(2).toUpperCase())).toEqual({ kind: 'hash', hash: HASH })
    expect(shape(ADDRESS)).toEqual({ kind: 'address', address: ADDRESS.toLowerCase() })
    expect(shape(ADDRESS.slice(2))).toEqual({ kind: 'address', address: ADDRESS.toLowerCase() })
  })

  it('knows heads', () => {
    expect(shape('latest')).toEqual({ kind: 'head', name: 'unsafe' })
    expect(shape('Finalized')).toEqual({ kind: 'head', name: 'finalized' })
  })

  it('says what is wrong with the rest', () => {
    expect(shape('0x1234')).toMatchObject({ kind: 'none', why: expect.stringContaining('4 hexadecimal digits') })
    for (const text of ['', '   ', 'hello', '12 blocks', '-5', '0x', `${HASH}<script>`, '1e9', 'constructor']) {
      expect(shape(text).kind).toBe('none')
    }
    expect(shape('9'.repeat(30)).kind).toBe('none')
  })
})

describe('pathOf', () => {
  it('leads to the view of what was found', () => {
    expect(pathOf({ kind: 'block', id: '12', transaction: null })).toBe('/block/12')
    expect(pathOf({ kind: 'batch', id: '3', transaction: null })).toBe('/batch/3')
    expect(pathOf({ kind: 'dispute', id: ADDRESS, transaction: null })).toBe(`/dispute/${ADDRESS}`)
  })

  it('leads to the transaction on L2 of a withdrawal or a deposit', () => {
    expect(pathOf({ kind: 'withdrawal', id: '0x01', transaction: HASH })).toBe(`/tx/${HASH}`)
    expect(pathOf({ kind: 'deposit', id: '0x01', transaction: HASH })).toBe(`/tx/${HASH}`)
  })
})
