// A dispute's claims as rows, and what they say in words.

import { count, int } from './format'
import type { Claim, Game, Truth } from './types'
import { truthOf } from './parts/Truth'

/** The claims in the order in which they are read: each before those that attack it, the lowest segment first. */
export function inOrder(tree: Claim[]): Claim[] {
  const below = new Map<number | null, Claim[]>()
  for (const claim of tree) {
    const beside = below.get(claim.parent)
    if (beside) beside.push(claim)
    else below.set(claim.parent, [claim])
  }
  const order: Claim[] = []
  const stack = [...(below.get(null) ?? [])].reverse()
  while (stack.length > 0 && order.length <= tree.length) {
    const claim = stack.pop()
    if (!claim) break
    order.push(claim)
    const children = [...(below.get(claim.index) ?? [])]
    children.sort((a, b) => b.segment - a.segment || b.index - a.index)
    stack.push(...children)
  }
  return order
}

/** What an interval covers: "blocks 100 to 116", "steps 0 to 16 of block 7". */
export function interval({ level, block }: Claim, start: number, end: number): string {
  const unit = level === 'blocks' ? 'block' : 'step'
  const of = level === 'steps' && block !== null ? ` of block ${int(block)}` : ''
  // A value stands at the end of what comes after `start`.
  if (end - start === 1) return `${unit} ${int(end)}${of}`
  return `${unit}s ${int(start + 1)} to ${int(end)}${of}`
}

/** Who wants this claim to stand: those of even depth are on the proposal's side. */
export function side({ depth }: Claim): 'proposal' | 'challengers' {
  return depth % 2 === 0 ? 'proposal' : 'challengers'
}

/** "0 to 4 right, 5 to 15 wrong". */
export function runs(truths: Truth[]): string {
  const words: Record<Truth, string> = { right: 'right', wrong: 'wrong', unknown: 'still computing' }
  const parts: string[] = []
  for (let from = 0; from < truths.length;) {
    const truth = truthOf(truths[from])
    let to = from
    while (to + 1 < truths.length && truthOf(truths[to + 1]) === truth) to += 1
    parts.push(`${from === to ? from : `${from} to ${to}`} ${words[truth]}`)
    from = to + 1
  }
  return parts.join(', ')
}

export interface Verdict { truth: Truth; words: string }

/** The challenger's judgement of a claim. Only a verdict that was computed is shown as one. */
export function verdict({ verdict: found, firstWrong }: Claim): Verdict {
  switch (found) {
    case 'valid': return { truth: 'right', words: 'valid: all its values are right' }
    case 'invalid':
      return {
        truth: 'wrong',
        words: firstWrong === null ? 'invalid' : `invalid: segment ${firstWrong} is the first that is wrong`,
      }
    case 'poisoned': return { truth: 'wrong', words: 'invalid prestate: it starts from a wrong value, so nobody has to answer it' }
    default: return { truth: 'unknown', words: 'computing' }
  }
}

/** The segments of a claim that are one step of the machine, so that L1 can run them. */
export function steps({ level, parts }: Claim): number[] {
  if (level !== 'steps') return []
  return parts.flatMap(({ start, end }, index) => (end - start === 1 ? [index] : []))
}

/** The dispute in a sentence or two. */
export function story(game: Game | Omit<Game, 'tree'>): string {
  const { root, status, ahead, computing } = game
  const truth = truthOf(root)
  const judged = truth === 'right'
    ? 'The challenger computed the same: the proposal is right.'
    : truth === 'wrong'
      ? 'The challenger computed something else: the proposal is wrong.'
      : 'The challenger is computing whether the proposal is right.'
  return `${judged} ${standing(status, ahead, truth)}${computing && truth !== 'unknown' ? ' Some claims are still being computed.' : ''}`
}

function standing(status: Game['status'], ahead: Game['ahead'], truth: Truth): string {
  switch (status) {
    case 'upheld': return truth === 'wrong' ? 'L1 upheld it all the same. Withdraw, and tell the guardian.' : 'L1 upheld it.'
    case 'refuted': return truth === 'right' ? 'L1 refuted it all the same.' : 'L1 refuted it.'
    case 'reclaimed': return 'The machine on L1 was suspended, and the bonds are taken back.'
    case 'unreadable': return 'The challenger cannot read this dispute.'
    default:
      if (ahead === 'proposal') return 'If nobody moves any more, the proposal stands.'
      if (ahead === 'challengers') return 'If nobody moves any more, the proposal falls.'
      return ''
  }
}

/** How deep the tree is and how many claims it has. */
export function extent(tree: Claim[]): string {
  const depth = tree.reduce((deepest, claim) => Math.max(deepest, claim.depth), 0)
  return `${count(tree.length, 'claim')}, ${depth === 0 ? 'none of them an attack' : `${depth + 1} deep`}`
}
