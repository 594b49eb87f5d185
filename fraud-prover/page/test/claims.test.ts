import { describe, expect, it } from 'vitest'
import { inOrder, interval, runs, side, steps, story, verdict } from '../src/claims'
import type { Claim, Game, Truth } from '../src/types'

function claim(index: number, parent: number | null, segment: number, more: Partial<Claim> = {}): Claim {
  return {
    index, parent, segment, id: '0x', depth: parent === null ? 0 : 1, level: 'blocks', block: null, start: 0, length: 16,
    agreed: { value: '0x', truth: 'right' }, parts: [], verdict: 'unknown', firstWrong: null, claimant: '0x', bond: '0',
    created: 0, elapsed: 0, clock: { left: 0, ends: 0, runs: false }, status: 'open', counter: null, children: [], ...more,
  }
}

describe('inOrder', () => {
  it('puts each claim below what it attacks, the lowest segment first', () => {
    const tree = [claim(0, null, 0), claim(1, 0, 8), claim(2, 0, 3), claim(3, 2, 1), claim(4, 1, 0), claim(5, 0, 3)]
    expect(inOrder(tree).map(({ index }) => index)).toEqual([0, 2, 3, 5, 1, 4])
  })

  it('ends on a tree that is none', () => {
    expect(inOrder([claim(0, 0, 0)])).toEqual([])
    expect(inOrder([])).toEqual([])
  })
})

describe('words', () => {
  it('names intervals by what they cover', () => {
    expect(interval(claim(0, null, 0), 100, 116)).toBe('blocks 101 to 116')
    expect(interval(claim(0, null, 0), 100, 101)).toBe('block 101')
    expect(interval(claim(0, null, 0, { level: 'steps', block: 7 }), 0, 16)).toBe('steps 1 to 16 of block 7')
  })

  it('joins segments of one truth', () => {
    expect(runs(['right', 'right', 'wrong', 'unknown', 'unknown'])).toBe('0 to 1 right, 2 wrong, 3 to 4 still computing')
  })

  it('knows sides by depth', () => {
    expect(side(claim(0, null, 0))).toBe('proposal')
    expect(side(claim(1, 0, 0))).toBe('challengers')
  })

  it('never takes for right what was not computed', () => {
    for (const found of ['unknown', undefined, null, 'new'] as Claim['verdict'][]) {
      expect(verdict(claim(0, null, 0, { verdict: found })).truth).toBe('unknown')
    }
    expect(runs([undefined as unknown as Truth, 'maybe' as Truth])).toBe('0 to 1 still computing')
    const game = { root: 'unknown', status: 'open', ahead: 'proposal', computing: true } as Game
    expect(story(game)).toBe('The challenger is computing whether the proposal is right. If nobody moves any more, the proposal stands.')
  })

  it('finds single steps on the step level only', () => {
    const parts = [{ start: 5, end: 6, value: '0x', truth: 'right' as const }, { start: 6, end: 8, value: '0x', truth: 'right' as const }]
    expect(steps(claim(0, null, 0, { parts }))).toEqual([])
    expect(steps(claim(0, null, 0, { parts, level: 'steps', block: 1 }))).toEqual([0])
  })
})
