import { describe, expect, it } from 'vitest'
import { beginning, visible } from '../src/text'

describe('visible', () => {
  it('leaves ordinary text alone, in any script', () => {
    for (const text of ['USD Coin', 'שלום', '日本語', 'Zoë', 'a\u0301', '👍', '<b>&amp;</b>']) expect(visible(text)).toBe(text)
  })

  it('shows what turns the direction of text', () => {
    expect(visible('U\u202egnp.exe\u202c')).toBe('U⟨U+202E⟩gnp.exe⟨U+202C⟩')
    for (const code of [0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202d, 0x2066, 0x2067, 0x2068, 0x2069]) {
      const hex = code.toString(16).toUpperCase().padStart(4, '0')
      expect(visible(`a${String.fromCodePoint(code)}b`)).toBe(`a⟨U+${hex}⟩b`)
    }
  })

  it('shows what has no width, and controls', () => {
    expect(visible('a\u200bb\ufeffc\u0000d\ne')).toBe('a⟨U+200B⟩b⟨U+FEFF⟩c⟨U+0000⟩d⟨U+000A⟩e')
    expect(visible('a\u{e0041}b')).toBe('a⟨U+E0041⟩b')
  })

  it('shows halves of pairs, and keeps whole pairs', () => {
    expect(visible('a\ud800b\udc00c😀')).toBe('a⟨U+D800⟩b⟨U+DC00⟩c😀')
  })

  it('keeps four marks on a letter, and shows more of them as numbers', () => {
    expect(visible(`z${'\u0301'.repeat(4)}`)).toBe(`z${'\u0301'.repeat(4)}`)
    expect(visible(`z${'\u0301'.repeat(6)}`)).toBe(`z${'\u0301'.repeat(4)}${'⟨U+0301⟩'.repeat(2)}`)
  })

  it('never leaves a control of direction in what it returns', () => {
    let text = ''
    for (let code = 0; code < 0x3000; code += 1) text += String.fromCodePoint(code)
    expect(visible(text)).not.toMatch(/[\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\u0000-\u001f]/)
  })
})

describe('beginning', () => {
  it('cuts between characters', () => {
    expect(beginning('abc', 5)).toBe('abc')
    expect(beginning('abcdef', 3)).toBe('abc')
    expect(beginning('ab😀cd', 3)).toBe('ab')
    expect(beginning('ab😀cd', 4)).toBe('ab😀')
  })
})
